"""axe-core on every kind of page: nothing serious in two languages, two colours and two widths."""

import json
import re
from importlib.resources import files

import pytest
from reader import released, votes

from fairtrial.arena import access, tasks
from fairtrial.arena.items import Item

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser"), pytest.mark.timeout(180)]

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
WIDE, PHONE = {"width": 1200, "height": 900}, {"width": 360, "height": 740}
SERIOUS = "r => r.violations.filter(v => ['serious', 'critical'].includes(v.impact))"
BRIEF = ".map(v => v.id + ': ' + v.nodes.slice(0, 3).map(n => n.html.slice(0, 120)).join(' | '))"


@pytest.fixture(scope="session")
def axe() -> str:
    return files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")


async def violations(page, axe, **options):
    """What axe finds on the page as it stands; its script is put past the policy, which `bypass_csp` allows."""
    if not await page.evaluate("typeof axe === 'object'"):
        await page.evaluate(axe)
    run = f"axe.run({json.dumps(options)}).then(r => ({SERIOUS})(r){BRIEF})"
    return await page.evaluate(run)


@pytest.mark.parametrize("locale", ["en-GB", "ko-KR"])
async def test_nothing_serious_on_any_page(site, browse, visit, crawl, axe, locale):
    await votes(site, 8)
    await released(site)
    visitor = await visit(site)
    everything = {"runOnly": TAGS}
    colours = {"runOnly": ["color-contrast"]}
    found = {}

    async def look(tab, name):
        page = tab.page
        for colour, size, rules in (
            ("light", WIDE, everything),
            ("dark", WIDE, colours),
            ("dark", PHONE, everything),
            ("light", PHONE, colours),
        ):
            await page.emulate_media(color_scheme=colour)
            await page.set_viewport_size(size)
            bad = await violations(page, axe, **rules)
            if bad:
                found[f"{name}, {colour}, {size['width']}"] = bad

    stranger = await browse(site, locale=locale, bypass_csp=True)
    await stranger.go("/")
    await look(stranger, "notice")
    tab = await browse(site, rater=visitor.rater, locale=locale, bypass_csp=True)
    pages = await crawl(visitor)
    for path in pages:
        await tab.go(path)
        await tab.page.evaluate("document.querySelectorAll('details').forEach(e => e.open = true)")
        await look(tab, path)
    assert found == {}, json.dumps(found, indent=1, ensure_ascii=False)
    assert len(pages) >= 12
    assert any(path.startswith("/data/") for path in pages)
    assert tab.problems == [one for one in tab.problems if "404" in one]


async def test_nothing_serious_while_answers_come_or_keys_are_explained(serve, sim, browse, axe):
    site = await serve([sim(name, length=200, words_per_s=40) for name in ("one", "two")])
    tab = await browse(site, bypass_csp=True)
    await tab.agree()
    await tab.ask("What is **this**? $x^2$")
    await tab.page.wait_for_selector("fieldset[data-ballot]:not([disabled])")
    assert await violations(tab.page, axe, runOnly=TAGS) == []
    await tab.page.keyboard.press("?")
    await tab.page.wait_for_selector("#keys[open]")
    assert await violations(tab.page, axe, runOnly=TAGS) == []
    await tab.page.keyboard.press("Escape")
    await tab.page.keyboard.press("1")
    await tab.page.wait_for_selector(".who")


STYLES = [("en-GB", "light", WIDE), ("ko-KR", "dark", PHONE)]


@pytest.mark.parametrize(("locale", "colour", "size"), STYLES)
async def test_nothing_serious_on_the_pages_of_a_rating_task(site, browse, make, axe, locale, colour, size):
    long = "https://example.org/" + "a_very_long_address" * 9
    text = f"# Heading\n\n{long}\n\n```\n{long}\n```\n\n| a | b |\n|---|---|\n| {long} | 1 |\n\n$x^{{{long[:90]}}}$"
    fixed = {"prompts": (long,), "a": (text,), "b": ("<b>x</b> " * 40,), "contestant_a": "import:x"}
    items = tuple(Item(key=f"k{n}", contestant_b="import:y", **fixed) for n in range(2))
    task, secret, token = await make(
        site, items=items, probes=(), profile_asked=True, question=f"Which? {long}", guidelines=text, language="en"
    )
    tab = await browse(site, locale=locale, bypass_csp=True, color_scheme=colour, viewport=size)
    page, found = tab.page, {}

    async def look(name):
        assert await page.evaluate("document.documentElement.lang") == locale[:2]
        found[name] = await violations(page, axe, runOnly=TAGS)
        if await tab.wide() > size["width"]:
            found[name].append(f"{await tab.wide()} pixels wide")

    async def open_all():
        await page.evaluate("document.querySelectorAll('details').forEach(e => e.open = true)")

    await tab.go(f"/invite/{secret}")
    await look("invitation")
    await page.check("input[name=agree]")
    await page.click("button.main")
    await page.wait_for_selector("details.guidelines[open]")
    await look("guidelines and the first item")
    await open_all()
    await look("everything open")
    await page.keyboard.press("?")
    await page.wait_for_selector("#keys[open]")
    await look("keys")
    await page.keyboard.press("Escape")
    await page.keyboard.press("1")
    await page.wait_for_selector("progress[value='1']")
    await look("the second item")
    await page.click("a[href$=pause]")
    await page.wait_for_selector("a.main")
    await look("paused")
    await tab.go(f"/invite/{secret}")
    await look("invitation, begun")
    await page.click("main button.main")
    await page.wait_for_selector("fieldset[data-ballot]")
    await page.click("button[value=skip]")
    await page.wait_for_selector("[role=status]")
    await look("finished")
    await tab.go("/history")
    await look("own votes")
    await page.click("main a[href^='/battles/']")
    await page.wait_for_selector("main h1")
    await look("a vote whose names stay hidden")
    await site.arena.transact(lambda c: tasks.close(c, task.id, by="test"))
    await tab.go(f"/tasks/{task.id}")
    await look("closed")
    await tab.go(f"/invite/{secret}")
    await look("invitation, closed")
    await site.arena.access.change(lambda c: access.revoke(c, token, by="test"))
    await tab.go(f"/invite/{secret}")
    await look("revoked")
    assert {name: bad for name, bad in found.items() if bad} == {}
    assert len(found) == 13
    assert tab.problems == [one for one in tab.problems if "410" in one or "404" in one]


SAID = "main :is(h1, h2, h3, legend, label, button, summary, th, dt, td, option, li, .note, .tag, mark, .said p, > p)"
"""What the pages themselves say; data among it are told apart by the test."""


@pytest.mark.parametrize(("locale", "colour", "size"), STYLES)
async def test_nothing_serious_on_the_pages_of_the_owner(site, browse, visit, make, axe, locale, colour, size):
    task, secret, _ = await make(site, name="!", question="!")
    await site.arena.enrol("invite", secret=secret, task=task.id)
    visitor = await visit(site)
    battle = await visitor.battle("Write to kim@example.org.")
    await visitor.vote(battle)
    await visitor.send("POST", f"{battle}/report", data={"pane": "A", "reason": "other", "note": "!"})
    secret, _ = await site.arena.access.change(lambda c: access.grant(c, "!", {"owner"}, by="test"))
    tab = await browse(site, locale=locale, bypass_csp=True, color_scheme=colour, viewport=size)
    page, found = tab.page, {}

    async def look(name):
        await page.evaluate("document.querySelectorAll('details').forEach(e => e.open = true)")
        found[name] = await violations(page, axe, runOnly=TAGS)
        if await tab.wide() > size["width"]:
            found[name].append(f"{await tab.wide()} pixels wide")
        said = await page.evaluate(f"[...document.querySelectorAll('{SAID}')].map(e => e.title || e.innerText.trim())")
        if locale == "ko-KR" and name != "/admin/pool":  # which shows the pool's own texts
            found[name] += [text for text in said if is_english(text)]
        assert await page.evaluate("document.documentElement.lang") == locale[:2]

    await tab.go("/admin")
    await look("log in")
    await page.fill("input[name=token]", "wrong")
    await page.click("main button")
    await page.wait_for_selector("[role=alert]")
    await look("a wrong token")
    await page.fill("input[name=token]", secret)
    await page.click("main button")
    await page.wait_for_selector("main nav a, main a[href^='/admin/']")
    links = await page.evaluate("[...document.querySelectorAll('main a[href^=\"/admin\"]')].map(e => e.pathname)")
    await tab.go("/admin/releases")
    await page.click("main form[action$=publish] button")
    await page.wait_for_selector("tbody th")
    release = await page.inner_text("tbody th")
    await look("published")
    await visitor.send("POST", "/objections", data={"about": release, "kind": "objection", "text": "!"})
    for path in ["/admin", *dict.fromkeys(links), "/admin/tasks/new", f"/admin/tasks/{task.id}"]:
        await tab.go(path)
        await look(path)
    await page.fill("input[name=name]", "!")
    await page.click("form[action$=invite] button")
    await page.wait_for_selector("pre.once")
    await look("links shown once")
    bad = {path: bad for path, bad in found.items() if bad}
    assert bad == {}, json.dumps(bad, indent=1, ensure_ascii=False)
    assert len(found) >= 12
    assert tab.problems == [one for one in tab.problems if "401" in one]


DATA = re.compile(
    r"Kim|first owner|English|north|south|east|sim/\w+|direct|few-shot|persona|chain-of-thought|self-consistency|"
    r"starter|import:\w+|Quillby|Weststern|secret-key-\d|probe-key|release-\S+|"
    r"(?:report|objection|text)-\S+|\b[0-9a-f]{8,}\b|lab\.toml|Markdown|JSONL"
)
"""Names, ids, and words that are the same in both languages."""


def is_english(text):
    """Whether a text has a word in Latin letters, and no Korean, beside what is data."""
    return bool(re.search("[A-Za-z]{3}", DATA.sub("", text))) and not re.search("[가-힣]", text)


async def test_the_detector_finds_what_is_wrong(site, browse, axe):
    tab = await browse(site, bypass_csp=True)
    await tab.go("/")
    await tab.page.evaluate("document.querySelector('main').innerHTML += '<img src=\"/static/icon.svg\"><input>'")
    found = await violations(tab.page, axe, runOnly=TAGS)
    assert {one.partition(":")[0] for one in found} >= {"image-alt", "label"}
