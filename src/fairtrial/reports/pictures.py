"""What `rank` found as one picture: SVG that can be read on light and dark, or PNG on paper. Read `board_svg` first."""

from xml.etree import ElementTree as ET

from fairtrial.core import NoConclusion
from fairtrial.reports import drawing
from fairtrial.reports.figures import Figure, ranking_figures, render
from fairtrial.reports.marks import has_hangul
from fairtrial.reports.rankings import Ranking
from fairtrial.reports.svg import SVG
from fairtrial.reports.words import Language

_PAPER = {drawing.INK: "#1f2124", drawing.FAINT: "#b9b5ab", drawing.ACCENT: "#11617f", drawing.ALARM: "#a03f1c"}
"""The drawing's mid tones to the page's colours on light paper."""
_KOREAN = "Noto Sans CJK KR, Noto Sans KR, Apple SD Gothic Neo, Malgun Gothic, NanumGothic, sans-serif"
_WHITE = "#fdfcf9"
_SCALE, _LARGEST = 2.0, 60_000_000
"""Pixels of a drawing's unit, and most pixels of a picture."""


def board_svg(ranking: Ranking, *, lang: Language = "en") -> str:
    """The board as self-contained SVG, its finding as the title and its n in the caption; the win matrix below it.

    Args:
        ranking: What was found.
        lang: Language of title, caption and axes (see `figures.charts`).

    Raises:
        NoConclusion: There is nothing to draw.
    """
    return _stacked([render(figure, lang=lang, titled=True) for figure in _figures(ranking)])


def board_png(ranking: Ranking, *, lang: Language = "en") -> bytes:
    """The same as PNG on light paper, two pixels to a unit unless the picture is very large."""
    import vl_convert

    svg = board_svg(ranking, lang=lang)
    for tone, colour in _PAPER.items():
        svg = svg.replace(tone, colour)
    root = ET.fromstring(svg)  # noqa: S314 - our own drawing
    width, height = _size(root)
    for text in root.iter(f"{{{SVG}}}text"):
        if has_hangul(
            "".join(text.itertext())
        ):  # the renderer takes the first family's glyphs, and for others any font's
            text.set("font-family", _KOREAN)
    root.insert(0, ET.Element(f"{{{SVG}}}rect", {"width": f"{width:g}", "height": f"{height:g}", "fill": _WHITE}))
    scale = min(_SCALE, (_LARGEST / (width * height)) ** 0.5)
    return bytes(vl_convert.svg_to_png(ET.tostring(root, encoding="unicode"), scale=scale))


def _figures(ranking: Ranking) -> list[Figure]:
    found = ranking_figures(ranking)
    if not found:
        raise NoConclusion("there is nothing to draw: no model has votes.", next_step="Gather votes first.")
    return found


def _size(root: ET.Element) -> tuple[float, float]:
    return float(root.get("width", "0")), float(root.get("height", "0"))


def _stacked(drawings: list[str]) -> str:
    """Drawings below each other as one."""
    if len(drawings) == 1:
        return drawings[0]
    ET.register_namespace("", SVG)
    parts = [ET.fromstring(svg) for svg in drawings]  # noqa: S314 - our own drawings
    width = max(_size(part)[0] for part in parts)
    whole, top = ET.Element(f"{{{SVG}}}svg"), 0.0
    for part in parts:
        part.set("y", f"{top:g}")
        whole.append(part)
        top += _size(part)[1]
    for name, value in (("width", f"{width:g}"), ("height", f"{top:g}"), ("viewBox", f"0 0 {width:g} {top:g}")):
        whole.set(name, value)
    return ET.tostring(whole, encoding="unicode")
