"""A person votes in a real Chromium: by keyboard alone, in Korean, at 360 pixels, in the dark, without scripts."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, async_playwright

from fairtrial.arena import moderation

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser"), pytest.mark.timeout(180)]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PAGES = ("/", "/board", "/board?control=style", "/integrity", "/languages", "/data", "/about", "/history", "/admin")


@pytest.fixture
async def chromium() -> AsyncIterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("needs chromium (Debian's package)")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        await browser.close()


class Watched:
    """A page, and what it should not do."""

    def __init__(self, page: Page, origin: str) -> None:
        self.page, self.complaints, self.sizes = page, [], {}
        page.on(
            "console", lambda said: self.complaints.append(said.text) if said.type in ("error", "warning") else None
        )
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda one: None if one.url.startswith(origin) else self.complaints.append(one.url))
        page.on("dialog", lambda dialog: self.complaints.append(f"dialog {dialog.message}"))


async def opened(chromium: Browser, site, **context) -> Watched:
    made = await chromium.new_context(**context)
    return Watched(await made.new_page(), site.address)


async def agree(page: Page, site) -> None:
    await page.goto(site.address)
    await page.check("input[name=agree]")
    await page.click("button.main")
    await page.wait_for_selector("#prompt")


async def tab_to(page: Page, selector: str) -> None:
    for _ in range(60):
        if await page.evaluate("s => document.activeElement.matches(s)", selector):
            return
        await page.keyboard.press("Tab")
    raise AssertionError(f"{selector} is not reached by Tab")


async def test_by_keyboard_alone_in_korean_at_360_pixels_in_the_dark(chromium, site):
    watched = await opened(
        chromium, site, viewport={"width": 360, "height": 740}, locale="ko-KR", color_scheme="dark", has_touch=True
    )
    page = watched.page
    await page.goto(site.address)
    assert await page.evaluate("document.documentElement.lang") == "ko"
    red, green, blue = map(
        int, re.findall(r"\d+", await page.evaluate("getComputedStyle(document.body).backgroundColor"))[:3]
    )
    assert max(red, green, blue) < 60
    await tab_to(page, "input[name=agree]")
    await page.keyboard.press("Space")
    await tab_to(page, "button.main")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("#prompt")
    await page.keyboard.type("달은 왜 둥근가요? 12345xs")  # digits and letters in a text field vote for nothing
    await page.keyboard.press("Control+Enter")
    await page.wait_for_selector("[data-finished]", state="attached")
    assert await page.evaluate("document.documentElement.scrollWidth") == 360
    await page.keyboard.press("4")
    await page.wait_for_selector(".who")
    assert "B가 낫다" in await page.inner_text("p[role=status]")
    assert len(site.arena.votes) == 1 or await settled(site) == 1
    await page.keyboard.press("n")
    await page.wait_for_selector("#prompt")
    for path in PAGES:
        await page.goto(site.address + path)
        wide = await page.evaluate(
            "[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > 361"
            " && !e.closest('.scroll, .panes')).map(e => e.outerHTML.slice(0, 80))"
        )
        assert await page.evaluate("document.documentElement.scrollWidth") <= 360, (path, wide)
    assert watched.complaints == []


async def settled(site) -> int:
    await site.settle()
    return len(site.arena.votes)


async def test_answers_come_while_they_are_written_and_an_early_vote_is_one(chromium, serve, sim):
    site = await serve([sim(name, length=120, words_per_s=40) for name in ("one", "two")])
    watched = await opened(chromium, site)
    page = watched.page
    await agree(page, site)
    await page.fill("#prompt", "A long story, please.")
    await page.keyboard.press("Control+Enter")
    await page.wait_for_selector("fieldset[data-ballot]:not([disabled])")
    spoken = await page.evaluate("document.querySelector('[role=status]').textContent")
    before = [await page.inner_text(f"[data-live={pane}]") for pane in "AB"]
    await asyncio.sleep(0.6)
    after = [await page.inner_text(f"[data-live={pane}]") for pane in "AB"]
    assert all(len(late) > len(early) > 0 for early, late in zip(before, after, strict=True))
    assert spoken == await page.evaluate("document.querySelector('[role=status]').textContent") == ""
    await page.dblclick("button[data-key='1']")
    await page.wait_for_selector(".who")
    assert await settled(site) == 1
    assert site.arena.votes.columns()["early"] == [True]
    await page.go_back()
    await page.wait_for_selector(".who, #prompt")
    assert await settled(site) == 1
    assert watched.complaints == []


async def test_a_lost_stream_is_taken_up_again_without_doubled_text(chromium, serve, sim):
    site = await serve([sim(name, length=100, words_per_s=40) for name in ("one", "two")])
    watched = await opened(chromium, site)
    page = watched.page
    await agree(page, site)
    await page.fill("#prompt", "Go on.")
    await page.keyboard.press("Control+Enter")
    await page.wait_for_selector("fieldset[data-ballot]:not([disabled])")
    await page.reload()
    await page.wait_for_selector("[data-finished]", state="attached", timeout=30_000)
    battle = next(iter(site.arena._live.values()))
    for pane in "AB":
        shown = " ".join((await page.locator(".pane").nth("AB".index(pane)).inner_text()).split())
        assert shown.endswith(" ".join(battle.shown()[pane][0].split()))
    said = await page.evaluate("document.querySelector('[role=status]').textContent")
    assert said == "Both answers are finished. You can vote now."  # heard once, when both are finished


async def test_keys_can_be_switched_off_and_are_explained(chromium, site):
    page = (await opened(chromium, site)).page
    await agree(page, site)
    await page.click("button[name=shortcuts][value=off]")
    await page.fill("#prompt", "Anything?")
    await page.keyboard.press("Control+Enter")
    await page.wait_for_selector("[data-finished]", state="attached")
    await page.keyboard.press("1")
    await page.keyboard.press("?")
    await asyncio.sleep(0.3)
    assert await settled(site) == 0
    assert not await page.is_visible("#keys")
    await page.click("button[name=shortcuts][value=on]")
    await page.wait_for_selector("html[data-shortcuts=on] fieldset[data-ballot]")
    await page.keyboard.press("?")
    await page.wait_for_selector("#keys", state="visible")


async def test_without_scripts_one_can_ask_read_and_vote(chromium, site):
    page = (await opened(chromium, site, java_script_enabled=False)).page
    await agree(page, site)
    await page.fill("#prompt", "No scripts?")
    await page.click("button.main")
    await page.wait_for_selector("[data-finished]", state="attached", timeout=15_000)
    await page.click("button[value='both_bad']")
    await page.wait_for_selector(".who")
    assert await settled(site) == 1


# Further ways to vote, and what a page says while answers come


WATCH_STATUS = """
window.heard = [];
new MutationObserver(() => {
  const said = document.querySelector('main > [role=status]')?.textContent;
  if (said !== undefined && said !== (window.heard.at(-1) ?? '')) window.heard.push(said);
}).observe(document, { subtree: true, childList: true, characterData: true });
"""


async def test_with_tab_space_and_enter_and_a_prompt_of_the_pool(site, browse):
    tab = await browse(site)
    await tab.go("/")
    await tab_to(tab.page, ".skip")
    await tab_to(tab.page, "input[name=agree]")
    await tab.page.keyboard.press("Space")
    await tab_to(tab.page, "button.main")
    await tab.page.keyboard.press("Enter")
    await tab.page.wait_for_selector("#prompt:focus")
    await tab_to(tab.page, "button[name=pool]")
    await tab.page.keyboard.press("Enter")
    await tab.finished()
    await tab_to(tab.page, "[data-key='3']")
    await tab.page.keyboard.press("Enter")
    await tab.page.wait_for_selector(".who")
    assert "About equal" in await tab.page.inner_text("main > [role=status]")
    assert await tab.page.evaluate("document.activeElement.dataset.key") == "n"
    await tab.page.keyboard.press("Enter")
    await tab.page.wait_for_selector("#prompt:focus")
    assert await settled(site) == 1
    assert tab.problems == []


async def test_every_page_fits_a_phone_and_is_dark_and_korean(site, browse, visit, crawl):
    visitor = await visit(site)
    phone = {"width": 360, "height": 740}
    tab = await browse(site, rater=visitor.rater, locale="ko-KR", viewport=phone, color_scheme="dark")
    seen = {}
    for path in await crawl(visitor):
        await tab.go(path)
        colours = "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
        seen[path] = (
            await tab.page.get_attribute("html", "lang"),
            *await tab.page.evaluate(colours),
            await tab.wide() <= 360,
        )
        await tab.page.evaluate("document.querySelectorAll('details').forEach(e => e.open = true)")
        assert await tab.wide() <= 360, f"{path} with everything unfolded"
    assert set(seen.values()) == {("ko", "rgb(22, 24, 27)", "rgb(231, 229, 223)", True)}, seen
    assert len(seen) >= 12
    assert [one for one in tab.problems if "404" not in one] == []


async def test_wide_answers_stay_within_a_phone(serve, sim, browse):
    wide = (
        "| a | b | c |\n|-|-|-|\n| " + " | ".join(["x" * 60] * 3) + " |\n\n```\n" + "y" * 300 + "\n```\n\n" + "z" * 400
    )
    wide += "\n\n$$" + "+".join(["\\frac{a}{b}"] * 40) + "$$"
    site = await serve([sim(name, answers=[wide], skill=None) for name in ("one", "two")])
    tab = await browse(site, viewport={"width": 360, "height": 740}, has_touch=True)
    await tab.agree()
    await tab.ask()
    await tab.finished()
    assert await tab.wide() <= 360
    boxes = await tab.page.evaluate("[...document.querySelectorAll('.pane')].map(e => e.getBoundingClientRect().width)")
    assert len(boxes) == 2
    assert max(boxes) <= 360
    await tab.page.keyboard.press("4")
    await tab.page.wait_for_selector(".who")
    await tab.page.evaluate("document.querySelectorAll('details').forEach(e => e.open = true)")
    assert await tab.wide() <= 360
    assert tab.problems == []


async def test_colours_and_language_are_kept_by_the_buttons_at_the_foot(site, browse):
    tab = await browse(site, color_scheme="light")
    await tab.go("/")
    paper = "getComputedStyle(document.body).backgroundColor"
    assert await tab.page.evaluate(paper) == "rgb(253, 252, 249)"
    await tab.page.click("button[name=theme][value=dark]")
    await tab.page.wait_for_selector("html[data-theme=dark]")
    assert await tab.page.evaluate(paper) == "rgb(22, 24, 27)"
    await tab.page.click("button[name=lang][value=ko]")
    await tab.page.wait_for_selector("html[lang=ko]")
    assert await tab.page.evaluate(paper) == "rgb(22, 24, 27)"
    assert tab.problems == []


async def test_keys_do_nothing_in_text_fields_in_a_dialog_or_with_others(site, browse):
    tab = await browse(site)
    await tab.agree()
    await tab.ask()
    await tab.finished()
    await tab.page.keyboard.press("?")
    await tab.page.wait_for_selector("#keys[open]")
    await tab.page.keyboard.press("1")
    await tab.page.keyboard.press("Escape")
    await tab.page.wait_for_selector("#keys:not([open])", state="attached")
    await tab.page.click("summary >> nth=0")
    await tab.page.focus("#more")
    await tab.page.keyboard.type("12345xs?")
    assert await tab.page.input_value("#more") == "12345xs?"
    await tab.page.focus("legend")
    for chord in ("Control+1", "Alt+1", "Meta+1"):
        await tab.page.keyboard.press(chord)
    await tab.page.reload()
    assert await tab.page.query_selector(".who, #keys[open]") is None
    assert await settled(site) == 0
    await tab.page.keyboard.press("x")
    await tab.page.wait_for_selector(".who")
    assert await settled(site) == 1
    assert tab.problems == []


async def test_a_double_click_begins_one_battle_and_back_shows_the_reveal(site, browse):
    tab = await browse(site)
    await tab.agree()
    await tab.page.dblclick("button[name=pool]")
    await tab.finished()
    assert len(site.arena._live) == 1
    await tab.page.dblclick("[data-key='5']")
    await tab.page.wait_for_selector(".who")
    who = await tab.page.inner_text(".who")
    await tab.page.go_back()
    if await tab.page.query_selector("#prompt"):  # the browser kept one entry for the battle and its reveal
        await tab.page.go_forward()
    await tab.page.wait_for_selector(".who")
    assert await tab.page.inner_text(".who") == who
    assert await settled(site) == 1
    assert tab.problems == []


async def test_two_tabs_of_one_battle_give_one_vote(site, browse):
    tab = await browse(site)
    await tab.agree()
    await tab.ask()
    await tab.finished()
    other = await tab.page.context.new_page()
    await other.goto(tab.page.url)
    await other.click("[data-key='1']")
    await other.wait_for_selector(".who")
    await tab.page.bring_to_front()
    await tab.page.click("[data-key='5']")
    await tab.page.wait_for_selector(".who")
    assert "A much better" in await tab.page.inner_text("main > [role=status]")
    assert await settled(site) == 1
    assert tab.problems == []


async def test_a_screen_reader_is_told_once_that_both_are_finished(serve, sim, browse):
    site = await serve([sim(name, length=40, words_per_s=30) for name in ("one", "two")])
    tab = await browse(site)
    await tab.page.add_init_script(WATCH_STATUS)
    await tab.agree()
    await tab.ask()
    live = await tab.page.evaluate("document.querySelectorAll('[aria-live], [role=log], [role=alert]').length")
    await tab.finished()
    await tab.until("window.heard.length > 0")
    assert live == 0
    assert await tab.page.evaluate("window.heard") == ["Both answers are finished. You can vote now."]
    assert await tab.page.evaluate("document.activeElement.tagName") == "LEGEND"
    assert tab.problems == []


async def test_an_early_vote_says_that_the_answers_were_cut(serve, sim, browse):
    site = await serve([sim(name, length=60, words_per_s=15) for name in ("one", "two")])
    tab = await browse(site)
    await tab.agree()
    await tab.ask()
    await tab.page.wait_for_selector("[data-early]:not([hidden])")
    assert await tab.page.query_selector("[data-finished]") is None
    await tab.page.click("[data-key='2']")
    await tab.page.wait_for_selector(".who")
    assert "cut by your early vote" in await tab.page.inner_text(".who")
    assert tab.problems == []


async def test_a_broken_connection_is_made_again_without_doubled_text(serve, sim, browse):
    script = " ".join(f"word{n}" for n in range(60))
    site = await serve([sim(name, answers=[script], skill=None, words_per_s=25) for name in ("one", "two")])
    tab = await browse(site)
    lost = []

    async def lose(route):
        if lost:
            await route.continue_()
            return
        lost.append(route.request.url)
        # The connection breaks after the first events: the browser has what came, and has to ask again.
        body = 'retry: 100\nevent: text\ndata: {"A": "word0 word1", "B": "word0", "votable": false, "first": true}\n\n'
        await route.fulfill(status=200, content_type="text/event-stream", body=body)

    await tab.page.route(re.compile(r"/events$"), lose)
    await tab.agree()
    await tab.ask()
    seen = set()
    while await tab.page.query_selector("[data-finished]") is None:
        seen.add(await tab.page.evaluate("document.querySelector('[data-live=A]')?.textContent ?? ''"))
        await asyncio.sleep(0.05)
    assert len(lost) == 1
    assert len([url for url in tab.requests if url.endswith("/events")]) > 1
    assert len(seen) > 3
    for text in seen - {"", "Both are thinking"}:
        assert script.startswith(text.strip()), text
    shown = await tab.page.evaluate("[...document.querySelectorAll('.pane .text')].map(e => e.textContent.trim())")
    assert shown == [script, script]


async def test_a_second_message_and_a_report_by_the_forms(site, browse):
    tab = await browse(site)
    await tab.agree()
    await tab.ask()
    await tab.finished()
    await tab.page.click("summary >> nth=0")
    await tab.page.fill("#more", "And 3 + 3?")
    await tab.page.keyboard.press("Control+Enter")
    await tab.page.wait_for_selector(".asked >> nth=1")
    await tab.finished()
    assert await tab.page.locator(".pane").count() == 4
    await tab.page.click("summary >> nth=1")
    await tab.page.fill("#note", "odd")
    await tab.page.click("form[action$=report] button")
    await tab.page.wait_for_selector(".said")
    assert "moderator" in await tab.page.inner_text(".said")
    assert tab.problems == []


WEIGHT = """['navigation', 'resource'].flatMap(kind => performance.getEntriesByType(kind))
  .filter(one => !one.name.includes('/vendor/')).reduce((sum, one) => sum + one.decodedBodySize, 0)"""


async def test_no_page_complains_or_is_heavy(site, browse, visit, crawl):
    visitor = await visit(site)
    tab = await browse(site, rater=visitor.rater)
    weights = {}
    for path in await crawl(visitor):
        await tab.go(path)
        weights[path] = await tab.page.evaluate(WEIGHT)
    assert {path: size for path, size in weights.items() if size > 150_000} == {}
    assert min(weights.values()) > 5_000
    assert [one for one in tab.problems if "404" not in one] == []


async def test_a_battle_that_was_taken_down_is_called_so(site, browse, visit):
    visitor = await visit(site)
    battle = await visitor.battle()
    await visitor.vote(battle)
    tab = await browse(site, rater=visitor.rater)
    await tab.go("/history")
    assert await tab.page.locator("td .tag").count() == 0
    await site.arena.transact(
        lambda c: moderation.take_down(c, battle.rsplit("/", 1)[1], "battle", reason="harm", why="It harms.", by="test")
    )
    await tab.page.reload()
    assert await tab.page.inner_text("td .tag") == "taken down"
    assert tab.problems == []


async def test_a_formula_neither_paints_over_the_rival_nor_takes_the_tab(chromium, serve, sim):
    cover = "$\\kern-60em\\raisebox{10em}{\\color{red}\\rule{20em}{20em}}\\kern40em\\rule{20em}{20em}$"
    deep = "$" + "\\sqrt{" * 120 + "x" + "}" * 120 + "$"
    long = "$" + "\\sqrt{" * 3000 + "x" + "}" * 3000 + "$"
    attack = "\n\n".join([cover, *[deep] * 30, long])
    site = await serve([sim("evil", answers=[attack], skill=None), sim("good", answers=["plain"], skill=None)])
    page = (await opened(chromium, site, viewport={"width": 1200, "height": 800})).page
    await agree(page, site)
    await page.fill("#prompt", "Formulas?")
    await page.keyboard.press("Control+Enter")
    await page.wait_for_selector("[data-finished]", state="attached", timeout=30_000)
    assert 1 <= await page.locator(".text .katex").count() <= 12
    outside = await page.evaluate(
        """() => {
          const evil = [...document.querySelectorAll('.pane .text')].find(e => e.querySelector('.katex'));
          const seen = [];
          for (let x = 5; x < innerWidth; x += 30)
            for (let y = 5; y < innerHeight; y += 30) {
              const top = document.elementFromPoint(x, y);
              const box = evil.getBoundingClientRect();
              const within = x >= box.left && x <= box.right && y >= box.top && y <= box.bottom;
              if (top && evil.contains(top) && !within) seen.push([x, y]);
            }
          return seen;
        }"""
    )
    assert outside == []
