"""Hostile characters made visible: a name or a text can neither steer a terminal nor reorder a line.

Read `visible` first. The page's script does the same for text it inserts (see ``static/report.js``).
"""

import re
import unicodedata

# Control characters except tab and newline, soft hyphen, bidi controls, zero-width and blank letters, tag characters:
# they change what a reader sees without being seen. Lone surrogates are among them because they break encoders.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)
_SHORT = {
    "\u200b": "ZWSP",
    "\u200c": "ZWNJ",
    "\u200d": "ZWJ",
    "\u200e": "LRM",
    "\u200f": "RLM",
    "\u202a": "LRE",
    "\u202b": "RLE",
    "\u202c": "PDF",
    "\u202d": "LRO",
    "\u202e": "RLO",
    "\u2066": "LRI",
    "\u2067": "RLI",
    "\u2068": "FSI",
    "\u2069": "PDI",
    "\ufeff": "BOM",
    "\x1b": "ESC",
}

# Revised Romanisation of Korean, letter by letter (no sound changes): enough to tell labels apart.
_INITIAL = "g,kk,n,d,tt,r,m,b,pp,s,ss,,j,jj,ch,k,t,p,h".split(",")  # noqa: SIM905 - a table to read, as below
_MEDIAL = "a,ae,ya,yae,eo,e,yeo,ye,o,wa,wae,oe,yo,u,wo,we,wi,yu,eu,ui,i".split(",")  # noqa: SIM905
_FINAL = ",k,k,k,n,n,n,t,l,k,m,l,l,l,p,l,m,p,p,t,t,ng,t,t,k,t,p,t".split(",")  # noqa: SIM905


def visible(text: str, limit: int | None = None) -> str:
    """`text` on one line with every hidden character spelt out as ``⟨RLO⟩`` or ``⟨U+0000⟩``.

    Args:
        text: Anything that came from outside: a contestant's name, a category, an error.
        limit: Longest result in characters; a longer one ends with an ellipsis.
    """
    line = _HIDDEN.sub(_mark, re.sub(r"[\t\n\r]+", " ", text))
    return line if limit is None or len(line) <= limit else line[: max(limit - 1, 0)] + "…"


def _mark(match: re.Match[str]) -> str:
    character = match.group()
    return f"⟨{_SHORT.get(character, f'U+{ord(character):04X}')}⟩"


def has_hangul(text: str) -> bool:
    """Whether `text` has Korean letters."""
    return bool(re.search("[\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3]", text))


def romanised(text: str) -> str:
    """`text` with Hangul syllables in Latin letters, for charts drawn where no Korean font is found."""
    return "".join(_syllable(character) for character in unicodedata.normalize("NFC", text))


def _syllable(character: str) -> str:
    index = ord(character) - 0xAC00
    if not 0 <= index < len(_INITIAL) * len(_MEDIAL) * len(_FINAL):
        return character
    initial, rest = divmod(index, len(_MEDIAL) * len(_FINAL))
    medial, final = divmod(rest, len(_FINAL))
    return _INITIAL[initial] + _MEDIAL[medial] + _FINAL[final]
