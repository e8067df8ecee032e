import dataclasses
import re

import pytest

from fairtrial.reports import board_page


@pytest.fixture(scope="module")
def page(full_ranking):
    return board_page(full_ranking, version="9.9")


def test_the_page_holds_boards_matrix_controls_method_refusals_and_agreement(page, full_ranking):
    for anchor in ("verdict", "boards", "board-all", "board-1", "board-3", "agreement", "method", "figure-matrix-all"):
        assert f'id="{anchor}"' in page, anchor
    assert "points per standard deviation" in page
    assert "표준편차당" in page
    assert "Krippendorff" in page
    assert "크리펜도르프" in page
    assert "neighbouring pairs are separated" in page
    assert full_ranking.whole.snapshot in page
    assert "Made with Fairtrial 9.9" in page
    assert 'class="num">Raw' not in page  # in both languages, so in two spans
    assert '<span class="ko" lang="ko">통제 전</span>' in page


def test_every_link_on_the_page_leads_somewhere(page):
    ids = re.findall(r'id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    for target in re.findall(r'href="#([^"]+)"', page):
        assert target in ids, target


def test_the_page_is_self_contained_under_a_strict_policy(page):
    assert "default-src &#39;none&#39;" in page
    assert not re.search(r'(?:src|href)="(?:https?:|//|[^#"d])', page)
    assert page.count("<script") == 1
    assert not re.search(r"\son\w+=|style=\"", page)
    assert "dune <b>" not in page
    assert "dune &lt;b&gt;모델" in page


def test_without_a_split_there_is_one_board_and_its_whiskers(plain_ranking):
    page = board_page(plain_ranking, version="1", lang="ko")
    assert '<html lang="ko" data-language="ko">' in page
    assert 'id="figure-board-all"' in page
    assert 'id="boards"' not in page
    assert 'id="agreement"' not in page
    assert 'id="figure-matrix-all"' not in page


def test_many_comparisons_are_cut_to_neighbours_and_decided_ones(large_ranking):
    page = board_page(large_ranking, version="1")
    board = large_ranking.whole
    assert len(board.differences) == 60 * 59 // 2
    assert f"600 of {len(board.differences)} comparisons are shown" in page
    assert page.count('<td class="verdict">') == 600


def test_a_matrix_that_is_too_large_is_not_passed_over_in_silence(large_ranking, monkeypatch):
    monkeypatch.setattr("fairtrial.reports.figures.LARGEST_SHADES", 40)
    assert "too large to be read" in board_page(large_ranking, version="1")


def test_the_same_ranking_gives_the_same_page(full_ranking, page):
    assert board_page(dataclasses.replace(full_ranking), version="9.9") == page


@pytest.mark.browser
async def test_in_a_browser_language_and_theme_switch_and_nothing_hostile_runs(browser, page, tmp_path):
    path = tmp_path / "board.html"
    path.write_text(page)
    await browser.open(f"file://{path}?language=ko&theme=dark")
    await browser.until("document.documentElement.dataset.ready === 'yes'")
    heading = "[...document.querySelectorAll('#method h2 span')].find(e => e.checkVisibility()).textContent"
    paper = "getComputedStyle(document.body).backgroundColor"
    assert await browser.evaluate(heading) == "방법"
    dark = await browser.evaluate(paper)
    await browser.evaluate(
        "(e => { e.value = 'en'; e.dispatchEvent(new Event('change')); })(document.getElementById('language'))"
    )
    await browser.evaluate(
        "(e => { e.value = 'light'; e.dispatchEvent(new Event('change')); })(document.getElementById('theme'))"
    )
    assert await browser.evaluate(heading) == "Method"
    assert await browser.evaluate("document.getElementById('theme').options[1].textContent") == "Light"
    assert await browser.evaluate(paper) != dark
    assert browser.problems == []
    assert [url for url in browser.requests if not url.startswith(("file:", "data:"))] == []


@pytest.mark.browser
async def test_on_a_phone_nothing_scrolls_sideways(browser, page, tmp_path):
    path = tmp_path / "board.html"
    path.write_text(page)
    await browser.call("Emulation.setDeviceMetricsOverride", width=360, height=800, deviceScaleFactor=2, mobile=True)
    await browser.open(f"file://{path}")
    await browser.until("document.documentElement.dataset.ready === 'yes'")
    await browser.evaluate("document.querySelectorAll('details').forEach(e => e.open = true)")
    assert await browser.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.mark.browser
async def test_without_javascript_the_page_can_be_read(browser, page, tmp_path):
    path = tmp_path / "board.html"
    path.write_text(page)
    await browser.call("Emulation.setScriptExecutionDisabled", value=True)
    await browser.open(f"file://{path}")
    await browser.call("Emulation.setScriptExecutionDisabled", value=False)
    assert await browser.evaluate("document.querySelector('.headline').checkVisibility()")
    assert not await browser.evaluate("document.querySelector('.controls').checkVisibility()")
    assert await browser.evaluate("[...document.querySelectorAll('.drawing svg')].some(e => e.checkVisibility())")
