// The page of a ranking, or of judge cards: language and theme. Without it the page opens in its declared language and the system's theme.
"use strict";
(() => {
  const root = document.documentElement;
  const $ = (id) => document.getElementById(id);

  function recall(name) {
    try {
      return new URLSearchParams(location.search).get(name) ?? localStorage.getItem(`fairtrial.${name}`);
    } catch {
      return null; // a page opened from a file may have no storage
    }
  }
  function keep(name, value) {
    try {
      localStorage.setItem(`fairtrial.${name}`, value);
    } catch {
      // then the choice lasts as long as the page
    }
  }

  function setLanguage(language) {
    root.lang = language === "ko" ? "ko" : "en";
    $("language").value = root.lang;
    for (const option of $("theme").options) option.textContent = option.dataset[root.lang];
  }
  function setTheme(theme) {
    if (theme === "auto") delete root.dataset.theme;
    else root.dataset.theme = theme;
    $("theme").value = theme;
  }

  const declared = root.dataset.language;
  setLanguage(recall("language") ?? (declared === "auto" ? navigator.language.slice(0, 2) : declared));
  setTheme(["light", "dark"].includes(recall("theme")) ? recall("theme") : "auto");
  $("language").addEventListener("change", (event) => (setLanguage(event.target.value), keep("language", root.lang)));
  $("theme").addEventListener("change", (event) => (setTheme(event.target.value), keep("theme", event.target.value)));
  document.querySelector(".controls").hidden = false;
  root.dataset.ready = "yes";
})();
