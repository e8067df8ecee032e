"""A person votes in a real Chromium: by keyboard alone, in Korean, at 360 pixels, in the dark, without scripts."""

import asyncio
import json
import re
import shutil
from collections.abc import AsyncIterator
from importlib.resources import files

import pytest
from playwright.async_api import Browser, Page, async_playwright

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


async def test_hostile_answers_run_nothing(chromium, serve, sim):
    attacks = [
        "<script>window.pwned=1</script>",
        "<img src=x onerror=window.pwned=1>",
        "[a](javascript:window.pwned=1)",
        "![a](http://203.0.113.1/x.png)",
        "<svg/onload=window.pwned=1>",
        '"><iframe srcdoc="<script>parent.pwned=1</script>">',
        "<math><mtext><table><mglyph><style><img src=x onerror=window.pwned=1>",
        "$\\href{javascript:window.pwned=1}{x}$ $\\htmlClass{x}{y}$ $\\includegraphics{http://203.0.113.1/a.png}$",
        "<form action=/battles method=post><button>go",
        "> " * 20_000,
    ]
    site = await serve([sim("evil", answers=["\n\n".join(attacks)], skill=None), sim("good")])
    watched = await opened(chromium, site)
    page = watched.page
    await agree(page, site)
    await page.fill("#prompt", "<script>window.pwned=1</script>")
    await page.keyboard.press("Control+Enter")
    await page.wait_for_selector("[data-finished]", state="attached", timeout=30_000)
    assert await page.evaluate("window.pwned") is None
    assert (
        await page.locator(".text script, .text img, .text iframe, .text form, .text svg:not(.katex svg)").count() == 0
    )
    await page.keyboard.press("3")
    await page.wait_for_selector(".who")
    assert await page.evaluate("window.pwned") is None
    assert watched.complaints == []


@pytest.mark.parametrize("look", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1200])
async def test_axe_finds_nothing_serious(chromium, site, look, width):
    axe = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    made = await chromium.new_context(
        viewport={"width": width, "height": 800},
        color_scheme=look,
        locale="ko-KR" if look == "dark" else "en-GB",
        bypass_csp=True,
    )
    page = await made.new_page()
    found = {}

    async def look_at(name: str) -> None:
        await page.evaluate(axe)
        said = await page.evaluate(
            "axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})"
        )
        bad = [v for v in said["violations"] if v["impact"] in ("serious", "critical")]
        if bad:
            found[name] = [(v["id"], [node["html"][:120] for node in v["nodes"][:3]]) for v in bad]

    await page.goto(site.address)
    await look_at("notice")
    await agree(page, site)
    await page.fill("#prompt", "What is **this**? $x^2$\n\n```python\nprint(1)\n```")
    await page.keyboard.press("Control+Enter")
    await page.wait_for_selector("[data-finished]", state="attached")
    await look_at("battle")
    await page.keyboard.press("2")
    await page.wait_for_selector(".who")
    await look_at("reveal")
    await site.settle()
    for path in PAGES:
        await page.goto(site.address + path)
        await look_at(path)
    await page.goto(site.address + "/board")
    await page.click("tbody a")
    await look_at("contestant")
    assert found == {}, json.dumps(found, indent=1, ensure_ascii=False)


async def test_pages_are_light(chromium, site):
    watched = await opened(chromium, site)
    page = watched.page
    await agree(page, site)
    for path in PAGES:
        sizes: dict[str, int] = {}

        async def weigh(response, sizes=sizes) -> None:
            if "/vendor/" not in response.url:
                sizes[response.url] = len(await response.body())

        handler = lambda response: asyncio.ensure_future(weigh(response))  # noqa: E731
        page.on("response", handler)
        await page.goto(site.address + path, wait_until="networkidle")
        page.remove_listener("response", handler)
        assert 5_000 < sum(sizes.values()) <= 150_000, (path, sizes)
