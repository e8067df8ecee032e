"""Making a drawn chart safe to place in a page: only shapes and text survive, and it can be read aloud.

Read `tidy` first. `korean_font` tells whether Korean labels can be drawn here at all.
"""

import re
from functools import cache
from xml.etree import ElementTree as ET

SVG = "http://www.w3.org/2000/svg"
_ELEMENTS = {"svg", "g", "path", "rect", "line", "circle", "text", "tspan", "defs", "clipPath", "title", "desc"}
_ATTRIBUTES = {
    "width", "height", "viewBox", "transform", "d", "x", "y", "x1", "y1", "x2", "y2", "cx", "cy", "r", "dx", "dy",
    "fill", "fill-opacity", "stroke", "stroke-width", "stroke-opacity", "stroke-dasharray", "stroke-miterlimit",
    "stroke-linecap", "opacity", "text-anchor", "font-family", "font-size", "font-weight", "font-style", "clip-path",
    "id", "display",
}  # fmt: skip
_REFERENCE = re.compile(r"^url\(#([\w-]+)\)$")


def tidy(drawing: str, *, key: str, title: str, description: str) -> str:
    """The SVG with nothing but allowed shapes, text and attributes, and with a title and a description for readers.

    Args:
        drawing: SVG text as the renderer made it.
        key: Prefix that keeps ids unique when several charts share a page.
        title: The chart's finding.
        description: Its caption.
    """
    ET.register_namespace("", SVG)
    root = ET.fromstring(drawing)  # noqa: S314 - our own renderer's output, and it declares no entities
    _prune(root, key, {})
    root.set("role", "img")
    root.set("aria-labelledby", f"{key}-title {key}-desc")
    for index, (tag, text) in enumerate((("title", title), ("desc", description))):
        child = ET.Element(f"{{{SVG}}}{tag}", {"id": f"{key}-{tag}"})
        child.text = text
        root.insert(index, child)
    return ET.tostring(root, encoding="unicode")


def _prune(element: ET.Element, key: str, ids: dict[str, str]) -> None:
    def own(name: str) -> str:
        # Numbered anew: the renderer goes on counting from chart to chart, and the same chart shall be the same text.
        return ids.setdefault(name, f"{key}-{len(ids)}")

    for name, value in list(element.attrib.items()):
        if name not in _ATTRIBUTES:
            del element.attrib[name]
        elif name == "id":
            element.set(name, own(value))
        elif "url(" in value:
            match = _REFERENCE.match(value)
            element.set(name, f"url(#{own(match.group(1))})" if match else "none")
    for child in list(element):
        if not isinstance(child.tag, str) or child.tag.removeprefix(f"{{{SVG}}}") not in _ELEMENTS:
            element.remove(child)
        else:
            _prune(child, key, ids)


@cache
def korean_font() -> bool:
    """Whether a Korean letter leaves ink when drawn here: no font name needs to be guessed."""
    import vl_convert

    def drawn(text: str) -> bytes:
        label = f'<text x="4" y="28" font-size="24" font-family="sans-serif">{text}</text>'
        return bytes(vl_convert.svg_to_png(f'<svg xmlns="{SVG}" width="40" height="40">{label}</svg>'))

    # Without a font a missing glyph is left out or drawn as the same box for every letter.
    return drawn("가") not in {drawn(""), drawn("힣")}
