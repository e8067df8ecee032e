"""Hostile Markdown to harmless HTML: whatever a model or a person wrote may be shown on a page. Read `render` first.

comrak turns Markdown to HTML and markup within it to text; nh3 then keeps an allow-list of tags and attributes. The
two are kept behind `_html`, so that another pair can take their place.
"""

import re
from functools import lru_cache

import comrak
import nh3
from markupsafe import Markup

from fairtrial.reports.marks import visible

LIMIT = 64 * 1024
"""Characters that are read as Markdown; the rest of a longer text is shown as it is, folded."""

_MOST_DEPTH = 100
"""nh3 takes time by the square of the nesting: 64 kB of ``>`` nest 65,536 deep and cost it more than six seconds."""
_MOST_CELLS = 20_000
"""Short rows are filled up to the width of a table's head: 64 kB of text can make 200 MB of empty cells."""
_MOST_BACKSLASHES = 500
r"""comrak looks for the end of each ``\(`` anew: 32,768 of them take it 0.7 s."""

_TAGS = frozenset(
    [
        "a",
        "blockquote",
        "br",
        "code",
        "del",
        "em",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "li",
        "ol",
        "p",
        "pre",
        "span",
        "strong",
        "table",
        "tbody",
        "td",
        "th",
        "thead",
        "tr",
        "ul",
    ]
)
_ALIGNED = {"align": frozenset({"left", "right", "center"})}
_CLEANER = nh3.Cleaner(
    tags=_TAGS,
    clean_content_tags=frozenset({"script", "style"}),
    attributes={"*": frozenset(), "a": frozenset({"href"}), "ol": frozenset({"start"})},
    tag_attribute_values={
        "td": _ALIGNED,
        "th": _ALIGNED,
        "span": {"data-math-style": frozenset({"inline", "display"}), "class": frozenset({"image"})},
    },
    link_rel="noopener noreferrer nofollow",
    url_schemes=frozenset({"http", "https", "mailto"}),
    url_relative="deny",
)

_TAG = re.compile(r"<(/?)(?!br|hr|img)[a-z]")
_HEADING = re.compile(r"<(/?)h([1-6])>")
_IMAGE = re.compile(r'<img src="[^"]*" alt="([^"]*)"[^>]*>')
# What the line below a table's head is made of, with the marks of quotes and lists before it.
_DELIMITERS = frozenset("|:- \t>*+.)0123456789")
_BACKSLASH = re.compile(r"\\[(\[]")
# Joiners that shape emoji, Arabic and Indic letters hide nothing.
_JOINER = re.compile(
    "(?<=[\u2190-\u2bff\ufe0f\U0001f000-\U0001faff])\u200d(?=[\u2190-\u2bff\U0001f000-\U0001faff])"
    "|(?<=[\u0600-\u08ff\u0900-\u0dff])[\u200c\u200d](?=[\u0600-\u08ff\u0900-\u0dff])"
)


def render(text: str, *, rest: str = "…") -> Markup:
    """`text`, read as Markdown, as HTML that can neither run, load, address, nor reorder anything on the page.

    Formulas stay as text within ``[data-math-style]`` for the page's script. Headings begin at the third level. An
    image becomes its alternative text: fetching it would tell its server who votes.

    Args:
        text: Anything.
        rest: What is written on the fold before the rest of a text longer than `LIMIT`.
    """
    text = shown(text)
    if len(text) <= LIMIT:
        return _rendered(text)
    fold = Markup('<details class="rest"><summary>{}</summary><pre class="plain" tabindex="0">{}</pre></details>')
    return _rendered(text[:LIMIT]) + fold.format(rest, text[LIMIT:])


def shown(text: str) -> str:
    """`text` with its lines kept and every other hidden character spelt out, bidi controls among them."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(_line(line) for line in lines)


def _line(line: str) -> str:
    if line.isascii() and line.isprintable():
        return line
    line, pieces, joiners = line.expandtabs(4), [], []
    start = 0
    for match in _JOINER.finditer(line):
        pieces.append(visible(line[start : match.start()]))
        joiners.append(match.group())
        start = match.end()
    last = visible(line[start:])
    return "".join(piece + joiner for piece, joiner in zip(pieces, joiners, strict=True)) + last


@lru_cache(maxsize=64)
def _rendered(text: str) -> Markup:
    html = _html(text)
    if html is None:
        return Markup('<pre class="plain" tabindex="0">{}</pre>').format(text)
    return Markup(html)  # noqa: S704 - cleaned


def _html(text: str) -> str | None:
    """Clean HTML, or None for a text that is nested so deep that it is an attack and not a text."""
    html = comrak.render_markdown(text, extension_options=_extensions(text), render_options=_OPTIONS)
    if _depth(html) > _MOST_DEPTH:
        return None
    html = _IMAGE.sub(r'<span class="image">\1</span>', html)
    html = _HEADING.sub(lambda match: f"<{match[1]}h{min(int(match[2]) + 2, 6)}>", html)
    html = _CLEANER.clean(html)
    # What may be wider than its pane scrolls, also by keyboard. Text cannot look like these tags: its "<" is "&lt;".
    html = html.replace("<table>", '<div class="scroll" tabindex="0"><table>').replace("</table>", "</table></div>")
    return html.replace("<pre>", '<pre tabindex="0">')


def _extensions(text: str) -> comrak.ExtensionOptions:
    options = comrak.ExtensionOptions()
    options.strikethrough = True
    options.math_dollars = True
    options.cjk_friendly_emphasis = True
    options.math_latex = len(_BACKSLASH.findall(text)) <= _MOST_BACKSLASHES
    lines = text.split("\n")
    widest = max((line.count("|") + 1 for line in lines if "-" in line and _DELIMITERS.issuperset(line)), default=0)
    options.table = widest * len(lines) <= _MOST_CELLS
    return options


def _options() -> comrak.RenderOptions:
    options = comrak.RenderOptions()
    options.escape = True
    return options


_OPTIONS = _options()


def _depth(html: str) -> int:
    deepest = depth = 0
    for match in _TAG.finditer(html):
        depth += -1 if match[1] else 1
        deepest = max(deepest, depth)
    return deepest
