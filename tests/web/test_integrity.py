"""The integrity page's audit of blindness, from its first "not yet" to figures, in both languages and by a screen."""

import asyncio
import re

import pytest


async def page(site, lang="en"):
    async with site.client.get(f"{site.address}/integrity", headers={"Cookie": f"lang={lang}"}) as answer:
        assert answer.status == 200
        text = re.sub(r"<[^>]+>", " ", await answer.text())
        return " ".join(text.split())


async def votes(site, count):
    headers = await site.token("vote")
    for n in range(count):
        ask = {"prompt": f"What is {n} + {n}, and why?"}
        async with site.client.post(f"{site.address}/api/v1/battles", json=ask, headers=headers) as answer:
            battle = (await answer.json())["battle"]
        url = f"{site.address}/api/v1/battles/{battle}/vote"
        async with site.client.post(url, json={"grade": 1}, headers=headers) as answer:
            assert answer.status == 200
    await site.settle()


@pytest.fixture
async def audited(serve, sim):
    """North writes at length and always ends in the same words; nothing tells south and east apart."""
    long = [f"The answer is {n}, for reasons that are well known. I hope this helps!" for n in range(40)]
    short = [f"It is {n}." for n in range(40)]
    site = await serve([
        sim("north", answers=long, skill=None),
        sim("south", answers=short, skill=None),
        sim("east", answers=short, skill=None),
    ])  # fmt: skip
    assert "The audit is being made." in await page(site)
    await asyncio.to_thread(site.arena.auditor.wait)
    assert "Too few votes for it yet: 0 contestants" in await page(site)
    await votes(site, 90)
    site.arena.auditor._began -= 6
    assert "Too few votes" in await page(site)  # while the next one is made
    await asyncio.to_thread(site.arena.auditor.wait)
    return site


async def test_the_audit_is_on_the_page_in_both_languages(audited):
    english, korean = await page(audited), await page(audited, "ko")
    found = audited.arena.auditor.look(90)
    rate = f"{found.words.which.estimate:.0%}"
    assert f"the program knows in {rate} of battles which answer is whose" in english
    assert "So whoever wants to vote for a model rather than for an answer can often do so" in english
    assert "north: 100%" in english
    assert found.words.which.lower > 0.5
    assert f"대결의 {rate}에서 어느 답이 누구의 것인지" in korean
    assert re.search(r"단어와 이웃한 두 단어 \d+% \[", korean)
    assert "integrity.deblinding" not in english + korean


@pytest.mark.browser
@pytest.mark.xdist_group("browser")
async def test_the_audit_fits_a_phone(audited, browse):
    for locale, colour in (("en-GB", "light"), ("ko-KR", "dark")):
        tab = await browse(audited, locale=locale, viewport={"width": 360, "height": 740}, color_scheme=colour)
        await tab.go("/integrity")
        await tab.page.evaluate("document.querySelectorAll('details').forEach(e => e.open = true)")
        assert await tab.wide() <= 360
        assert tab.problems == []
