"""The page in a real Chromium: nothing it holds may run, and 10,000 samples stay workable."""

import pytest

from fairtrial.reports import write_html

pytestmark = pytest.mark.browser

READY = "document.documentElement.dataset.ready === 'yes'"
ROWS = "document.querySelectorAll('.item').length"
FOUND = "document.getElementById('found').textContent"


def choose(name, value):
    return f"(e => {{ e.value = {value!r}; e.dispatchEvent(new Event('input', {{bubbles: true}})); }})(document.getElementById('filter-{name}'))"


async def opened(browser, directory, query=""):
    await browser.open(f"file://{directory}/report.html{query}")
    await browser.until(READY)


async def test_nothing_hostile_runs_and_nothing_leaves_the_page(browser, written):
    directory, report, _ = written
    await opened(browser, directory, "?language=en")
    await browser.evaluate("document.querySelectorAll('.item, details').forEach(e => e.open = true)")
    await browser.until(f"document.querySelectorAll('.item > .body').length === {ROWS}")
    await browser.evaluate("document.querySelectorAll('details').forEach(e => e.open = true)")
    text = await browser.evaluate("document.getElementById('items').textContent")
    assert "</script><script>window.pwned = 1</script>" in text
    assert '<img src=x onerror="window.pwned = 2">' in text
    assert "{{ 7 * 7 }}" in text
    assert await browser.evaluate("window.pwned") is None
    assert (
        await browser.evaluate("document.querySelectorAll('#items :is(script, img, style, b, iframe, a)').length") == 0
    )
    assert await browser.evaluate("document.querySelector('h1').textContent") == report.name
    assert browser.problems == []
    assert [url for url in browser.requests if not url.startswith(("file:", "data:"))] == []


async def test_the_policy_stops_what_escaping_would_miss(browser, written):
    directory, _, page = written
    hostile = directory.parent / "hostile" / "report.html"
    hostile.parent.mkdir(exist_ok=True)
    hostile.write_text(
        page.replace("<main>", '<main><script>window.pwned = 9</script><img src="x" onerror="window.pwned = 8">')
    )
    await opened(browser, hostile.parent)
    assert await browser.evaluate("window.pwned") is None
    assert browser.problems  # and the browser reports the violations: the test above would see one


async def test_hidden_characters_are_shown_as_marks(browser, written):
    await opened(browser, written[0])
    await browser.evaluate("document.querySelectorAll('.item').forEach(e => e.open = true)")
    await browser.until(f"document.querySelectorAll('.item > .body').length === {ROWS}")
    marks = await browser.evaluate(
        "[...new Set([...document.querySelectorAll('.mark')].map(e => e.textContent))].sort()"
    )
    assert marks == ["U+0007", "U+001B", "U+200B", "U+202C", "U+202E"]


async def test_language_and_theme_can_be_switched(browser, written):
    await opened(browser, written[0], "?language=ko&theme=dark")
    heading = "[...document.querySelectorAll('#samples h2 span')].find(e => e.checkVisibility()).textContent"
    paper = "getComputedStyle(document.body).backgroundColor"
    assert await browser.evaluate(heading) == "표본"
    assert "문항" in await browser.evaluate(FOUND)
    dark = await browser.evaluate(paper)
    await browser.evaluate(
        "(e => { e.value = 'en'; e.dispatchEvent(new Event('change')); })(document.getElementById('language'))"
    )
    await browser.evaluate(
        "(e => { e.value = 'light'; e.dispatchEvent(new Event('change')); })(document.getElementById('theme'))"
    )
    assert await browser.evaluate(heading) == "Samples"
    assert await browser.evaluate(FOUND) == "40 of 40 items"
    assert await browser.evaluate(paper) != dark
    options = await browser.evaluate("[...document.querySelectorAll('#filter-outcome option')].map(e => e.textContent)")
    assert "cut by the token limit" in options


async def test_a_phone_needs_no_sideways_scrolling(browser, written):
    await browser.call("Emulation.setDeviceMetricsOverride", width=390, height=844, deviceScaleFactor=2, mobile=True)
    await opened(browser, written[0])
    await browser.evaluate("document.querySelectorAll('.item').forEach(e => e.open = true)")
    await browser.until(f"document.querySelectorAll('.item > .body').length === {ROWS}")
    assert await browser.evaluate("document.documentElement.scrollWidth") <= 390
    seen = "[...document.querySelectorAll('.drawing svg')].filter(e => e.checkVisibility())"
    assert await browser.evaluate(f"{seen}.length") == 9
    assert await browser.evaluate(f"Math.max(...{seen}.map(e => e.getBoundingClientRect().right))") <= 390
    # Text of charts is at most a third smaller than drawn.
    assert (
        await browser.evaluate(
            f"Math.min(...{seen}.map(e => e.getBoundingClientRect().width / e.viewBox.baseVal.width))"
        )
        > 0.7
    )


async def test_the_keyboard_reaches_and_opens_a_sample(browser, written):
    await opened(browser, written[0])

    async def press(key):
        for kind in ("rawKeyDown", "char", "keyUp"):
            more = {"text": "\r"} if key == "Enter" and kind == "char" else {}
            code = {"Tab": 9, "Enter": 13}[key]
            await browser.call(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **more
            )

    await press("Tab")
    assert await browser.evaluate("document.activeElement.className") == "skip"
    await browser.evaluate("document.querySelector('.item summary').focus()")
    await press("Enter")
    await browser.until("document.querySelector('.item > .body') !== null")


async def test_ten_thousand_samples_are_paged_filtered_and_searched(browser, make_up):
    directory, report = make_up(prompts=2000)
    write_html(directory)
    await opened(browser, directory, "?language=en")
    assert await browser.evaluate(ROWS) == 50
    assert await browser.evaluate("document.getElementById('page').textContent") == "Page 1 of 40"
    await browser.evaluate("document.getElementById('next').click()")
    assert await browser.evaluate("document.querySelector('.key').textContent") == "item-00050"
    await browser.evaluate(choose("category", "sentiment"))
    await browser.until(f"{FOUND} === '500 of 2,000 items'")
    await browser.evaluate(choose("search", "ITEM-01998"))
    await browser.until(f"{FOUND} === '1 of 2,000 items'")
    assert await browser.evaluate("document.querySelector('.key').textContent") == "item-01998"
    await browser.evaluate(choose("search", ""))
    await browser.evaluate(choose("category", ""))
    truncated = next(row["count"] for row in report.failures if row["reason"] == "truncated")
    await browser.evaluate(choose("contestant", "2"))
    await browser.evaluate(choose("outcome", "truncated"))
    await browser.until(f"{FOUND} === '{truncated} of 2,000 items'")
    await browser.evaluate("document.getElementById('filters').reset()")
    await browser.until(f"{FOUND} === '2,000 of 2,000 items'")
    await browser.evaluate(choose("votes", "invalid"))
    await browser.until(f"{FOUND}.endsWith(' of 2,000 items') && {ROWS} < 30 && {ROWS} > 0")
    assert browser.problems == []
