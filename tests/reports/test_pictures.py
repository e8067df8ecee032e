import dataclasses
import re
import struct
from xml.etree import ElementTree as ET

import pytest

from fairtrial.core import NoConclusion
from fairtrial.reports import board_png, board_svg
from fairtrial.reports.drawing import ACCENT, FAINT, INK

SVG = "{http://www.w3.org/2000/svg}"


def written(svg):
    return [element.text or "" for element in ET.fromstring(svg).iter(f"{SVG}text")]


def test_a_picture_says_its_finding_and_its_n(plain_ranking):
    svg = board_svg(plain_ranking)
    texts = " ".join(element for element in re.findall(r">([^<]+)<", svg))
    assert "atlas is in first place" in texts
    assert "25 raters, 60 prompts in all" in texts
    assert "95% interval" in texts
    assert not re.search(r"<script|<image|<foreignObject|href|style=", svg)


def test_interval_level_is_the_boards_own(plain_ranking):
    board = plain_ranking.whole
    other = dataclasses.replace(board, fit=board.fit | {"alpha": 0.1})
    assert "Line: 90% interval" in board_svg(dataclasses.replace(plain_ranking, boards=(other,)))


def test_tiers_are_ruled_off_and_controls_show_the_raw_rating(plain_ranking, controlled_ranking):
    assert f'stroke="{FAINT}" stroke-dasharray="2,3"' in board_svg(plain_ranking)
    assert "A line marks the end of a tier." in board_svg(plain_ranking)
    hollow = re.compile(f'fill="transparent" stroke="{INK}"|stroke="{INK}"[^>]*fill="transparent"')
    assert not hollow.search(board_svg(plain_ranking))
    controlled = board_svg(dataclasses.replace(controlled_ranking, matrix=False))
    assert "Hollow dot: without the controls." in controlled


def test_rows_of_many_models_stay_legible(large_ranking):
    svg = board_svg(dataclasses.replace(large_ranking, matrix=False))
    root = ET.fromstring(svg)
    assert 60 * 16 < float(root.get("height")) < 60 * 22
    sizes = {int(size) for size in re.findall(r'font-size="(\d+)px"', svg)}
    assert min(sizes) >= 11
    assert sum(text.startswith("model-") for text in written(svg)) == 60


def test_boards_side_by_side_have_a_panel_each(full_ranking):
    svg = board_svg(dataclasses.replace(full_ranking, matrix=False))
    for value in ("all votes · ", "de · ", "en · ", "ko · "):
        assert any(text.startswith(value) for text in written(svg)), value
    assert "Each board's error rate is its own." in svg


def test_the_matrix_stands_below_and_large_ones_are_shades(controlled_ranking, large_ranking):
    both = ET.fromstring(board_svg(controlled_ranking))
    parts = both.findall(f"{SVG}svg")
    assert len(parts) == 2
    assert float(parts[1].get("y")) > 0
    assert float(both.get("height")) == pytest.approx(sum(float(part.get("height")) for part in parts))
    ids = [element.get("id") for element in both.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    shades = board_svg(large_ranking)
    assert shades.count(f'fill="{ACCENT}"') > 59 * 59


def test_a_png_is_on_paper_with_two_pixels_to_a_unit(plain_ranking):
    png = board_png(plain_ranking)
    assert png.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", png[16:24])
    root = ET.fromstring(board_svg(plain_ranking))
    assert (width, height) == (
        pytest.approx(2 * float(root.get("width")), abs=2),
        pytest.approx(2 * float(root.get("height")), abs=2),
    )
    assert board_png(plain_ranking) == png


def test_nothing_to_draw_is_said(plain_ranking):
    empty = dataclasses.replace(plain_ranking.whole, models=(), differences=(), matrix=())
    with pytest.raises(NoConclusion, match="nothing to draw"):
        board_svg(dataclasses.replace(plain_ranking, boards=(empty,)))
