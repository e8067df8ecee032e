// What the pages do beyond plain HTML: show answers as they come, vote by key. All words are in the page.
"use strict";

const root = document.documentElement;

// Answers as they come: {A, B} is appended to the panes; at the end the page itself says how it stands.
function follow(battle) {
  const source = new EventSource(battle.dataset.events);
  const panes = { A: battle.querySelector("[data-live=A]"), B: battle.querySelector("[data-live=B]") };
  source.addEventListener("text", (event) => {
    const { first, votable, ...added } = JSON.parse(event.data);
    for (const [name, pane] of Object.entries(panes)) {
      if (first) pane.textContent = "";
      if (added[name]) {
        pane.classList.remove("waiting");
        pane.append(added[name]);
      }
    }
    const ballot = battle.querySelector("[data-ballot]");
    if (votable && ballot.disabled) {
      ballot.disabled = false;
      battle.querySelector("[data-early]").hidden = false;
    }
  });
  source.addEventListener("over", () => {
    source.close();
    refresh(battle);
  });
  // A browser tries again by itself after a lost connection; the first event then holds everything so far.
}

async function refresh(battle) {
  const answer = await fetch(location.pathname, { headers: { "X-Part": "battle" } });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.querySelector("[data-battle]");
  if (!fresh) return location.reload();
  battle.replaceWith(document.importNode(fresh, true));
  const now = document.querySelector("[data-battle]");
  formulas(now);
  const heard = now.querySelector("[data-finished]");
  if (heard) document.querySelector("[role=status]").textContent = heard.textContent;
  const typing = document.activeElement?.matches?.("textarea, input");
  if (!typing) now.querySelector("legend")?.focus({ preventScroll: true });
}

// Single keys work only outside of text fields, without modifiers, and can be switched off (WCAG 2.1.4).
document.addEventListener("keydown", (event) => {
  if (root.dataset.shortcuts === "off" || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.target.closest("textarea, input, select, dialog[open]")) return;
  if (event.key === "?") {
    document.querySelector("#keys")?.showModal();
    return;
  }
  const button = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (button && !button.matches(":disabled") && !button.closest("[disabled]")) {
    event.preventDefault();
    button.click();
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.matches("textarea[data-send]")) {
    event.preventDefault();
    event.target.form.requestSubmit();
  }
});

// A form is sent once; the server counts a ballot once in any case.
document.addEventListener("submit", (event) => {
  if (event.target.dataset.sent) return event.preventDefault();
  if (event.target.method === "post" && !event.target.closest("footer")) {
    event.target.dataset.sent = "1";
    setTimeout(() => delete event.target.dataset.sent, 4000);
  }
});

// Formulas are text in the page until KaTeX sets them; one that it cannot read stays as it was written, and so does what
// is more than a page of formulas: deep ones take the time of a tab.
const FORMULA = 1000;
const FORMULAS = 8000;
const MILLISECONDS = 500;

function formulas(within) {
  if (typeof katex === "undefined") return;
  const until = performance.now() + MILLISECONDS;
  let left = FORMULAS;
  for (const node of within.querySelectorAll("[data-math-style]")) {
    const written = node.textContent;
    left -= written.length;
    if (written.length > FORMULA || left < 0 || performance.now() > until) continue;
    try {
      katex.render(written, node, {
        displayMode: node.dataset.mathStyle === "display",
        errorColor: "var(--alarm)",
        strict: false,
        trust: false,
        maxExpand: 500,
        maxSize: 20,
      });
    } catch {
      node.textContent = written;
    }
  }
}

const battle = document.querySelector("[data-battle][data-events]");
if (battle) follow(battle);
formulas(document);
for (const field of document.querySelectorAll("[data-focus]")) field.focus();
