"""axe-core on every kind of page: nothing serious in two languages, two colours and two widths."""

import json
from importlib.resources import files

import pytest

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


async def test_nothing_serious_on_the_pages_of_the_owner(site, browse, axe):
    from fairtrial.arena import access

    secret, _ = await site.arena.access.change(lambda c: access.grant(c, "an owner", {"owner"}, by="test"))
    tab = await browse(site, bypass_csp=True)
    found = {}
    await tab.go("/admin")
    found["log in"] = await violations(tab.page, axe, runOnly=TAGS)
    await tab.page.fill("input[name=token]", secret)
    await tab.page.click("main button")
    await tab.page.wait_for_selector("main nav a, main a[href^='/admin/']")
    links = await tab.page.evaluate("[...document.querySelectorAll('main a[href^=\"/admin\"]')].map(e => e.pathname)")
    for path in ["/admin", *dict.fromkeys(links), "/admin/tasks/new"]:
        await tab.go(path)
        await tab.page.evaluate("document.querySelectorAll('details').forEach(e => e.open = true)")
        found[path] = await violations(tab.page, axe, runOnly=TAGS)
        await tab.page.set_viewport_size(PHONE)
        if await tab.wide() > 360:
            found[path].append(f"{await tab.wide()} pixels wide on a phone")
        await tab.page.set_viewport_size(WIDE)
    assert {path: bad for path, bad in found.items() if bad} == {}
    assert len(found) >= 6
    assert tab.problems == []


async def test_the_detector_finds_what_is_wrong(site, browse, axe):
    tab = await browse(site, bypass_csp=True)
    await tab.go("/")
    await tab.page.evaluate("document.querySelector('main').innerHTML += '<img src=\"/static/icon.svg\"><input>'")
    found = await violations(tab.page, axe, runOnly=TAGS)
    assert {one.partition(":")[0] for one in found} >= {"image-alt", "label"}
