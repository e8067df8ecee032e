import dataclasses
import re
from xml.etree import ElementTree as ET

import pytest

from fairtrial.core import Board, BoardModel
from fairtrial.reports import charts
from fairtrial.reports.drawing import ACCENT, ALARM, INK, Pen
from fairtrial.reports.svg import korean_font, tidy


@pytest.fixture(scope="module")
def drawn(written):
    _, report, _ = written
    return report, charts(report)


def one_board(report):
    return dataclasses.replace(report, boards=report.boards[1:], strata=(), judges=(), failures=())


def test_every_chart_the_evidence_supports_is_drawn_and_says_its_finding_and_n(drawn):
    _, svgs = drawn
    expected = [
        "board-scorer",
        "matrix-scorer",
        "board-judge",
        "matrix-judge",
        "strata-category",
        "strata-language",
        "cost",
        "judges",
        "failures",
    ]
    assert list(svgs) == expected
    for key, text in svgs.items():
        root = ET.fromstring(text)
        title, description = (root.find(f"{{http://www.w3.org/2000/svg}}{tag}").text for tag in ("title", "desc"))
        assert title
        assert "n = " in description, key
        written = " ".join(element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}text"))
        assert title.split()[0] in written


def test_svgs_are_self_contained_and_hostile_names_are_only_text(drawn):
    _, svgs = drawn
    for text in svgs.values():
        assert "<script" not in text
        assert "<b>" not in text
        assert not re.search(r"\son\w+=|href|style=|javascript:|<image|<foreignObject", text)
        assert not re.search(r"url\((?!#)", text)
    assert "persona &lt;b&gt;" in svgs["board-scorer"]


def test_simulated_contestants_and_missing_evidence_are_labelled(drawn):
    _, svgs = drawn
    assert "anchor · simulated" in svgs["board-scorer"]
    assert "no evidence" in svgs["board-judge"]
    assert "no evidence" in svgs["strata-category"]


def test_control_characters_in_names_do_not_break_the_drawing(empty_report):
    names = ("a\x00\x1b[2J\u202e", "]]>&<svg onload=x>", "x" * 500, "x" * 499)
    rows = [
        BoardModel(name=name, rating=None, ci=(None, None), rank_set=None, tier=None, votes=0, win_rate=None)
        for name in names
    ]
    board = Board(evidence="human", scope="panel", view={}, models=tuple(rows), matrix=((0,) * 4,) * 4)
    report = dataclasses.replace(empty_report, boards=(board,))
    text = charts(report)["board-human"]
    ET.fromstring(text)
    assert "⟨RLO⟩" in text
    assert "(2)" in text  # two names that look alike once cut stay two rows


def test_an_empty_report_has_no_charts(empty_report):
    assert charts(empty_report) == {}


def test_korean_charts_need_a_korean_font(make_up, monkeypatch):
    _, report = make_up()
    monkeypatch.setattr("fairtrial.reports.drawing.korean_font", lambda: False)
    monkeypatch.setattr("fairtrial.reports.figures.korean_font", lambda: False)
    without = charts(one_board(report), lang="ko")["board-scorer"]
    assert not re.search("[가-힣]", without)
    assert "gyosu" in without
    assert "romanised" in without


@pytest.mark.skipif(not korean_font(), reason="no Korean font is installed here")
def test_korean_charts_speak_korean_where_a_font_is(make_up):
    _, report = make_up()
    text = charts(one_board(report), lang="ko")["board-scorer"]
    assert "교수" in text
    assert "점수" in text


def test_tidy_removes_everything_that_is_not_a_shape():
    hostile = (
        '<svg xmlns="http://www.w3.org/2000/svg" onload="x()"><script>x()</script><g style="a" id="c"><foreignObject/>'
        '<a href="javascript:x()"><text>t</text></a><rect fill="url(http://evil/x)" clip-path="url(#c)"/><image href="http://evil/"/></g></svg>'
    )
    text = tidy(hostile, key="k", title="T <1>", description="D & n")
    root = ET.fromstring(text)
    assert [element.tag.split("}")[1] for element in root.iter()] == ["svg", "title", "desc", "g", "rect"]
    rect = root.find(".//{http://www.w3.org/2000/svg}rect")
    assert rect.attrib == {"fill": "none", "clip-path": "url(#k-0)"}
    assert "onload" not in text
    assert "evil" not in text


def test_colours_can_be_read_on_white_and_on_black(contrast):
    for paper in ("#ffffff", "#000000"):
        assert contrast(INK, paper) >= 4.5
        assert contrast(ACCENT, paper) >= 3
        assert contrast(ALARM, paper) >= 3


def test_labels_that_look_alike_are_told_apart():
    assert Pen().labels(["same", "same"]) == ["same", "same (2)"]
