"""Text as a pattern should see it: full-width digits, look-alike hyphens and invisible characters undone. Read `fold`.

The folded copy is only searched, never shown; every place in it leads back to the place in the text it came from.
"""

import re
import unicodedata

# What no folding changes; most texts are one such run, or few. Hangul syllables are as they should be.
_PLAIN = re.compile(r"[\t\n\r -~가-힣]+")
# Decomposed Korean (as some file systems write it) is composed first.
_TOKEN = re.compile(r"[\u1100-\u1112][\u1161-\u1175][\u11a8-\u11c2]?|.", re.DOTALL)
_INVISIBLE = frozenset("\u115f\u1160\u3164\uffa0")  # fillers that count as letters
_DASHES = frozenset("−˗⁃─━ー⎯➖\u3161\u1173\uff70")  # beyond the category of dashes; \u3161 is the Korean vowel
_MOST = 4  # a few characters stand for whole phrases: no text may grow eighteenfold
_MIDDLE_DOTS = frozenset("·・∙⋅•ㆍ‧\u2800")


def fold(text: str) -> tuple[str, list[int]]:
    """The text to search, and for each of its characters where in `text` it came from.

    The second list has one more entry, the length of `text`. Folding is Unicode's NFKC character by character, and
    beyond it: digits of every script become ASCII, dashes ``-``, spaces and middle dots a space; characters that show
    nothing (zero-width, direction marks, variation selectors, combining marks, control characters) are left out.
    """
    pieces: list[str] = []
    origins: list[int] = []
    place = 0
    known: dict[str, str] = {}
    while place < len(text):
        if run := _PLAIN.match(text, place):
            pieces.append(run[0])
            origins.extend(range(place, run.end()))
            place = run.end()
            continue
        token = _TOKEN.match(text, place)
        source = token[0] if token else text[place]
        if source not in known:
            known[source] = _fold_one(source) if len(source) == 1 else unicodedata.normalize("NFC", source)
        pieces.append(known[source])
        origins.extend([place] * len(known[source]))
        place += len(source)
    origins.append(len(text))
    return "".join(pieces), origins


_PLAIN_FORMS = {"Pd": "-", "Zs": " ", "Zl": "\n", "Zp": "\n"}


def _fold_one(source: str) -> str:
    category = unicodedata.category(source)
    digit = unicodedata.digit(source, None)
    if source in _INVISIBLE or category in {"Cc", "Cf", "Mn", "Me"}:
        return ""
    if source in _DASHES:
        return "-"
    if source in _MIDDLE_DOTS:
        return " "
    if category in _PLAIN_FORMS:
        return _PLAIN_FORMS[category]
    if digit is not None:
        return str(digit)
    plain = unicodedata.normalize("NFKC", source).replace("。", ".")
    return plain if len(plain) <= _MOST else source
