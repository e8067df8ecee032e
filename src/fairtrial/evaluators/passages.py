"""What an answer is made of: its lines, words, sentences, characters, scripts and phrases. Read `fold` first.

Answers are hostile: everything here takes time that grows with the length of the text, no faster.
"""

import re
import unicodedata
from typing import Literal

from fairtrial.contestants.reading import calm

MAX_ANSWER = 1_000_000
"""Characters; scorers that read the whole answer read none that is longer."""

_INNER = re.compile(r"[^\W_]")
"""A letter or a digit."""
_BULLET = re.compile(r"(?:[-*•·]|[0-9]{1,4}[.)])\s+(?=\S)")
_CLOSING = "\"'”’»)\\]*_"
_END = re.compile(rf"(?<![.!?…])[.!?…]++[{_CLOSING}]*+(?=\s|$)|[。！？]++[{_CLOSING}」』]*+")
_SHORTENED = re.compile(r"(?:^|[\s(\"'])(?:mr|mrs|ms|dr|prof|st|vs|cf|e\.g|i\.e)$", re.IGNORECASE)
_HANGUL = re.compile(r"[\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3]")
_FOREIGN = re.compile(r"[^\W\d_a-zA-Zªº\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff]")
"""A letter that is not Latin."""
_UNSPACED = re.compile(r"[\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
"""Han and kana are written without spaces: such a phrase has no edges."""


def fold(text: str) -> str:
    """What counts when phrases are compared: NFKC, without case, white space folded to one space."""
    return " ".join(unicodedata.normalize("NFKC", calm(text)).casefold().split())


def lines(text: str) -> list[str]:
    """The lines that hold anything, without the white space around them."""
    return [line for line in map(str.strip, text.splitlines()) if line]


def without_bullet(line: str) -> str:
    """A line without the ``-``, ``*``, ``•``, ``1.`` or ``1)`` before it."""
    mark = _BULLET.match(line)
    return line[mark.end() :] if mark else line


def count_lines(text: str) -> int:
    """How many lines hold anything."""
    return len(lines(text))


def count_words(text: str) -> int:
    """How many words: stretches between white space with a letter or digit in them."""
    return sum(1 for word in text.split() if _INNER.search(word))


def count_characters(text: str) -> int:
    """How many characters after NFC, spaces and line breaks included, without the white space around the text."""
    return len(unicodedata.normalize("NFC", calm(text)).strip())


def count_sentences(text: str) -> int:
    """How many sentences.

    A sentence ends at ``. ! ? …`` (and closing quotes) before white space, at ``。！？``, and at the end of a line.
    Pieces without a letter or digit, list numbers, and the stop after Mr, Mrs, Ms, Dr, Prof, St, vs, cf, e.g and i.e
    count for nothing.
    """
    count = 0
    for line in map(without_bullet, lines(text)):
        start = 0
        for end in _END.finditer(line):
            if end.group() == "." and _SHORTENED.search(line[max(start, end.start() - 8) : end.start()]):
                continue
            count += _INNER.search(line, start, end.start()) is not None
            start = end.end()
        count += _INNER.search(line, start) is not None
    return count


def first_letter(text: str) -> str:
    """The first letter of a text, folded, or ``""``."""
    return next((c for c in fold(text) if c.isalpha()), "")


def language(text: str) -> Literal["ko", "en", ""]:
    """What two thirds of the words with letters are written in: ``ko`` Hangul, ``en`` Latin letters only.

    A word with any Hangul is Korean (``Python은``). Scripts are not languages: French is ``en`` too.
    """
    written = [word for word in text.split() if any(map(str.isalpha, word))]
    korean = sum(1 for word in written if _HANGUL.search(word))
    latin = sum(1 for word in written if not _FOREIGN.search(word))
    if not written or 3 * max(korean, latin) < 2 * len(written):
        return ""
    return "ko" if korean > latin else "en"


def phrase(text: str, *, at: Literal["anywhere", "start", "end"] = "anywhere") -> re.Pattern[str]:
    """A pattern that finds `text` in a folded text as whole words; particles may follow Hangul.

    Args:
        text: What is looked for; with a letter or digit at its edge, none may stand beyond that edge.
        at: Where it must stand.
    """
    wanted = fold(text)
    before = "" if _UNSPACED.match(wanted) or not _INNER.match(wanted) else r"(?<![^\W_])"
    last = wanted[-1:]
    after = "" if _UNSPACED.match(last) or _HANGUL.match(last) or not _INNER.match(last) else r"(?![^\W_])"
    anchors = {"anywhere": ("", ""), "start": (r"\A", ""), "end": ("", r"\Z")}[at]
    return re.compile(f"{anchors[0]}{before}{re.escape(wanted)}{after}{anchors[1]}")
