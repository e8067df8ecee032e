// The report page: language, theme and the sample viewer. Read `start` at the end first.
// Text comes from the catalogue block; whatever a model wrote is inserted as text nodes only, never as markup.
"use strict";
(() => {
  const PAGE = 50;
  const SEARCH_DELAY = 200;
  const root = document.documentElement;
  const $ = (id) => document.getElementById(id);
  const meta = JSON.parse($("meta").textContent);

  // ---- words and small elements ----
  const has = (key) => key in meta.catalogue.en;
  const say = (key, values = {}) =>
    (meta.catalogue[root.lang][key] ?? key).replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const known = (prefix, word) => (has(`${prefix}.${word}`) ? say(`${prefix}.${word}`) : word);
  const count = (number) => number.toLocaleString(root.lang);

  function make(tag, className, ...children) {
    const element = document.createElement(tag);
    if (className) element.className = className;
    element.append(...children.flat());
    return element;
  }

  // Characters that change what is seen without being seen are spelt out (the same set as in marks.py).
  const HIDDEN =
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\ud800-\udfff\u{e0000}-\u{e0fff}]/gu;
  function shown(text) {
    const parts = [];
    let from = 0;
    for (const match of text.matchAll(HIDDEN)) {
      if (match.index > from) parts.push(text.slice(from, match.index));
      const code = match[0].codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
      parts.push(make("span", "mark", `U+${code}`));
      from = match.index + match[0].length;
    }
    if (from < text.length) parts.push(text.slice(from));
    return parts;
  }

  // A text of the evidence; a very long one comes as [its start, how many characters more].
  function block(text, language) {
    const [start, more] = Array.isArray(text) ? text : [text, 0];
    const element = make("div", "text", shown(start || say("item.empty")));
    element.dir = "auto";
    if (language) element.lang = language;
    if (more) element.append(make("p", "note", say("item.cut", { n: count(more) })));
    return element;
  }
  const plain = (text) => (Array.isArray(text) ? text[0] : text) ?? "";
  const nameOf = (place) => meta.contestants[place]?.name ?? "?";

  // ---- unpacking ----
  async function unpack(id) {
    const bytes = Uint8Array.from(atob($(id).textContent), (character) => character.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).json();
  }
  const blocks = new Map();
  function load(number) {
    if (!blocks.has(number)) blocks.set(number, unpack(`block-${number}`));
    return blocks.get(number);
  }

  let index; // columns by which items are filtered and listed
  let firstOf = []; // number of the first item of each block
  const item = async (i) => (await load(index.block[i]))[i - firstOf[index.block[i]]];

  // ---- filtering and searching ----
  const state = { matches: [], page: 0, run: 0, open: new Set() };
  const haystacks = [];

  function haystack(entry) {
    const texts = [entry.key, entry.system, entry.reference, ...(entry.turns ?? []), ...(entry.choices ?? [])];
    for (const answer of entry.answers) {
      texts.push(...(answer.turns ?? []), ...answer.scores.map((score) => score.extracted));
      for (const step of answer.steps ?? []) texts.push(step.text, step.reasoning);
    }
    return texts.map(plain).join("\n").normalize("NFC").toLowerCase();
  }

  function passes(i, wanted) {
    if (wanted.category && index.category[i] !== wanted.category) return false;
    if (wanted.language && index.language[i] !== wanted.language) return false;
    if (wanted.votes && !index.votes[i].includes(wanted.votes)) return false;
    const outcomes = wanted.contestant ? [index.outcomes[i][Number(wanted.contestant)]] : index.outcomes[i];
    return outcomes.some((reasons) => (wanted.outcome ? reasons.includes(wanted.outcome) : true) && reasons.length > 0);
  }

  async function update() {
    const run = ++state.run; // a newer search makes this one stop
    const wanted = {};
    for (const name of ["category", "language", "contestant", "outcome", "votes"]) wanted[name] = $(`filter-${name}`).value;
    const query = $("filter-search").value.trim().normalize("NFC").toLowerCase();
    let found = index.key.map((_, i) => i).filter((i) => passes(i, wanted));
    if (query) found = await search(found, query, run);
    if (run !== state.run) return;
    state.matches = found;
    state.page = 0;
    render();
  }

  async function search(candidates, query, run) {
    const found = [];
    let last = -1;
    for (const i of candidates) {
      if (haystacks[i] === undefined) {
        const entry = await item(i);
        if (run !== state.run) return found;
        haystacks[i] = haystack(entry);
      }
      if (index.block[i] !== last) {
        last = index.block[i];
        $("found").textContent = say("viewer.searching", { done: count(last + 1), all: count(firstOf.length) });
      }
      if (haystacks[i].includes(query)) found.push(i);
    }
    return found;
  }

  // ---- the list ----
  const glyph = (reasons) =>
    ["right", "wrong", "partial", "unscored"].includes(reasons[0]) ? reasons[0] : reasons.length ? "other" : "unscored";

  function row(i) {
    const details = make("details", "item");
    const glyphs = make("span", "glyphs", index.outcomes[i].map((reasons) => make("span", `glyph-${glyph(reasons)}`, say(`glyph.${glyph(reasons)}`))));
    glyphs.setAttribute("role", "img");
    const told = index.outcomes[i].map((reasons, place) => `${nameOf(place)}: ${reasons.map((reason) => known("reason", reason)).join(", ")}`);
    glyphs.setAttribute("aria-label", told.join("; "));
    glyphs.title = told.join("\n");
    const key = make("span", "key", shown(index.key[i]));
    if (index.repeat[i]) key.append(" · ", say("item.repeat", { n: index.repeat[i] + 1 }));
    const snippet = make("span", "snippet");
    details.append(make("summary", "", key, make("span", "", shown(index.category[i])), make("span", "", shown(index.language[i])), glyphs, snippet));
    details.addEventListener("toggle", async () => {
      if (details.open) state.open.add(i);
      else state.open.delete(i);
      if (details.open && details.children.length === 1) details.append(body(await item(i)));
    });
    details.open = state.open.has(i);
    item(i).then((entry) => snippet.append(...shown(plain((entry.turns ?? [])[0]).slice(0, 160))));
    return details;
  }

  function render() {
    const pages = Math.max(1, Math.ceil(state.matches.length / PAGE));
    const start = state.page * PAGE;
    $("items").replaceChildren(...state.matches.slice(start, start + PAGE).map(row));
    $("found").textContent = say("viewer.found", { n: count(state.matches.length), total: count(index.key.length) });
    $("page").textContent = say("viewer.page", { page: count(state.page + 1), pages: count(pages) });
    $("previous").disabled = state.page === 0;
    $("next").disabled = state.page >= pages - 1;
    $("pages").hidden = pages === 1;
  }

  function turnTo(page) {
    state.page = page;
    render();
    $("found").scrollIntoView();
  }

  // ---- one item ----
  function facts(pairs) {
    const list = make("dl");
    for (const [key, value] of pairs) if (value) list.append(make("dt", "", say(key)), make("dd", "", shown(value)));
    return list;
  }

  function body(entry) {
    const element = make("div", "body");
    const language = entry.language;
    element.append(make("h4", "", say("item.prompt")));
    if (entry.system) element.append(make("p", "note", say("item.system")), block(entry.system, language));
    (entry.turns ?? []).forEach((turn, i, all) => {
      if (all.length > 1) element.append(make("p", "note", say("item.turn", { n: i + 1 })));
      element.append(block(turn, language));
    });
    element.append(
      facts([
        ["item.choices", (entry.choices ?? []).map(plain).join(" | ")],
        ["item.reference", entry.reference],
        ["viewer.category", entry.tags.join(", ")],
        ["item.source", entry.source],
        ["item.licence", entry.licence],
      ]),
      make("h4", "", say("item.answers")),
      make("div", "answers", entry.answers.map((one) => answer(one, language))),
    );
    if (entry.battles.length) element.append(make("h4", "", say("item.battles")), ...entry.battles.map(battle));
    return element;
  }

  function answer(one, language) {
    const element = make("article", "answer");
    const who = make("p", "who", shown(nameOf(one.contestant)));
    if (meta.contestants[one.contestant]?.simulated) who.append(" ", make("span", "tag", say("simulated")));
    element.append(who);
    for (const score of one.scores) {
      const state_ = glyph([score.reason]);
      const line = make("p", "", make("span", `glyph-${state_}`, say(`glyph.${state_}`)), " ", known("reason", score.reason), " · ");
      line.append(...shown(say("item.score", { scorer: score.scorer, value: score.value })));
      if (score.extracted) line.append(" · ", say("item.read_as"), " ", make("code", "", shown(plain(score.extracted))));
      element.append(line);
    }
    for (const turn of one.turns ?? []) element.append(block(turn, language));
    const cost = [say("item.tokens", { n: count(one.tokens) })];
    if (one.usd) cost.push(say("item.usd", { n: one.usd }));
    if (one.error) cost.push(say("item.error", { error: one.error }));
    element.append(make("p", "note", shown(cost.join(" · "))));
    if (one.steps) element.append(trace(one.steps, language));
    return element;
  }

  function trace(steps, language) {
    const details = make("details", "", make("summary", "", say("item.trace", { n: steps.length })));
    for (const step of steps) {
      details.append(make("p", "note", shown([step.label, step.answer].map(plain).filter(Boolean).join(" → "))));
      if (step.reasoning) details.append(make("p", "note", say("item.reasoning")), block(step.reasoning, language));
      if (step.error) details.append(make("p", "note", shown(say("item.error", { error: plain(step.error) }))));
      details.append(block(step.text, language));
    }
    return details;
  }

  function battle(one) {
    const names = { a: nameOf(one.a), b: nameOf(one.b) };
    const element = make("div", "", make("p", "", shown(say("item.battle", names)), make("span", "note", ` · ${one.policy} · p = ${Number(one.p_pair.toPrecision(3))}`)));
    if (!one.votes.length) element.append(make("p", "note", say("item.no_votes")));
    for (const vote of one.votes) {
      const said = vote.status === "graded" ? say(`vote.${vote.grade}`, names) : known("vote", vote.status);
      element.append(make("p", "", make("strong", "", shown(said)), " · ", shown(vote.evaluator), " · ", known("order", vote.order)));
      if (vote.detail) {
        const details = make("details", "", make("summary", "", say("item.detail")));
        details.append(make("pre", "", shown(JSON.stringify(vote.detail, null, 2))));
        element.append(details);
      }
    }
    return element;
  }

  // ---- language, theme, start ----
  function remember(name, value) {
    try {
      localStorage.setItem(`fairtrial-${name}`, value);
    } catch {
      // A page opened from disk may not be allowed to remember; it then just forgets.
    }
  }
  function recall(name) {
    const asked = new URLSearchParams(location.search).get(name);
    if (asked) return asked;
    try {
      return localStorage.getItem(`fairtrial-${name}`);
    } catch {
      return null;
    }
  }

  function setLanguage(language) {
    root.lang = language === "ko" ? "ko" : "en";
    $("language").value = root.lang;
    for (const element of document.querySelectorAll("[data-t]")) element.textContent = say(element.dataset.t);
    for (const option of document.querySelectorAll("[data-word]")) option.textContent = known(...option.dataset.word.split("/"));
    if (index) render();
  }
  function setTheme(theme) {
    root.dataset.theme = theme;
    $("theme").value = theme;
  }

  function fill(name, values, prefix) {
    for (const value of [...new Set(values)].filter((one) => one !== "").sort()) {
      const option = make("option", "", prefix ? known(prefix, value) : shown(String(value)).map((part) => part.textContent ?? part).join(""));
      option.value = value;
      if (prefix) option.dataset.word = `${prefix}/${value}`;
      $(`filter-${name}`).append(option);
    }
  }

  async function start() {
    const declared = root.dataset.language;
    setLanguage(recall("language") ?? (declared === "auto" ? navigator.language.slice(0, 2) : declared));
    setTheme(["light", "dark"].includes(recall("theme")) ? recall("theme") : "auto");
    $("language").addEventListener("change", (event) => (setLanguage(event.target.value), remember("language", root.lang)));
    $("theme").addEventListener("change", (event) => (setTheme(event.target.value), remember("theme", event.target.value)));
    if (!("DecompressionStream" in window)) {
      $("found").textContent = say("viewer.unreadable");
      return;
    }
    index = await unpack("index");
    index.block.forEach((number, i) => (firstOf[number] ??= i));
    fill("category", index.category);
    fill("language", index.language, "language");
    meta.contestants.forEach((_, place) => {
      const option = make("option", "", nameOf(place));
      option.value = place;
      $("filter-contestant").append(option);
    });
    fill("outcome", index.outcomes.flat(2), "reason");
    fill("votes", index.votes.flat(), "viewer.votes");
    $("filters").hidden = false;
    let waiting;
    $("filters").addEventListener("submit", (event) => event.preventDefault());
    $("filters").addEventListener("reset", () => setTimeout(update));
    $("filters").addEventListener("input", (event) => {
      clearTimeout(waiting);
      waiting = setTimeout(update, event.target.type === "search" ? SEARCH_DELAY : 0);
    });
    $("previous").addEventListener("click", () => turnTo(state.page - 1));
    $("next").addEventListener("click", () => turnTo(state.page + 1));
    await update();
    root.dataset.ready = "yes";
  }
  start();
})();
