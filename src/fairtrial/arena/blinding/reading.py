"""A text as the words a reader sees, with what stands between them. Read `Reader` first, then `Word` and `Gap`.

Marks of emphasis, HTML tags, entities, hyphens and dots inside a word do not hide it: they are gaps that join.
"""

import html
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property

from fairtrial.arena.blinding.display import marks
from fairtrial.arena.blinding.folding import fold, plain
from fairtrial.arena.blinding.names import skeleton

_LONGEST = 64
"""Letters in a word; a longer one is cut."""
_LONGEST_GAP = 264
"""Characters between two words of a name, a link's address among them."""

_TAG = "b|i|u|s|em|strong|span|sub|sup|small|big|mark|code|kbd|tt|q|ins|del|font|div|p|br|wbr|a|strike|samp|var|cite"
_TEX = "text|textbf|textit|textrm|textsf|texttt|textsc|emph|mathrm|mathbf|mathit|mathsf|mathtt|mathcal|mathbb|mbox|rm"
# Things of several characters, each with what begins it when the rest has not come yet.
_WHOLE = re.compile(
    r"(?P<entity>&#?[0-9A-Za-z]{1,24};)"
    rf"|(?P<markup></?(?:{_TAG})\s{{0,2}}/?>|<!-{{2,8}}>|\\(?:{_TEX})\s?\{{|⟨(?:[A-Z]{{3,4}}|U\+[0-9A-F]{{4,6}})⟩)"
    rf"|(?P<shown></?(?:{_TAG})\s[^<>\n]{{0,64}}>|<!--[^<>\n]{{0,64}}-->|\]\([^()\n]{{0,200}}\))",
    re.IGNORECASE,
)
_BEGUN = re.compile(
    r"&#?[0-9A-Za-z]{0,24}|</?[a-z]{0,6}(?:\s[^<>\n]{0,64})?/?|<!?-{0,8}|<!--[^<>\n]{0,64}(?:--)?"
    r"|\\[a-z]{0,7}\s?|⟨[A-Z0-9+]{0,8}|\](?:\([^()\n]{0,200})?",
    re.IGNORECASE,
)
_JOINING = frozenset("*_~`\\-‐‑‒–—.·•∙|'\"’‘“”/[]{}$^#:")
_SENTENCE_END = re.compile(r"[.!?…]['\"”’)*_]*\s|[。！？]")


class Gap:
    """What stands before a word. What is asked of a gap is asked once it is complete, except `spaced`."""

    def __init__(self) -> None:
        self.raw = ""
        self.shown = 0
        """Characters of it that are already out."""

    @property
    def spaced(self) -> bool:
        """Whether it has a space or a new line."""
        return any(map(str.isspace, self.raw))

    @cached_property
    def joins(self) -> bool:
        """Whether it may stand inside a name."""
        left = set(_WHOLE.sub("", self.raw))
        joining = _JOINING if self.spaced else _JOINING | {"(", ")"}
        return all(c.isspace() or plain(c) in joining for c in left)

    @cached_property
    def ends_sentence(self) -> bool:
        """Whether a sentence ends in it."""
        return _SENTENCE_END.search(self.raw) is not None


@dataclass(slots=True)
class Word:
    """A run of letters and digits of one script."""

    gap: Gap
    raw: str
    text: str
    """Folded."""
    script: str
    """``latin``, ``hangul``, ``cjk``, ``other``; ``break`` for no word at all, where a gap was too long to span."""
    skeleton: str = ""
    """`text` as names are compared, once the word is complete."""
    cut: bool = False
    """Whether it goes on in the next one, because it was too long."""


@cache
def _unit() -> re.Pattern[str]:
    return re.compile(
        f"(?P<latin>[A-Za-z0-9]{{1,{_LONGEST}}})|(?P<hangul>[가-힣]{{1,{_LONGEST}}})"
        f"|(?P<mark>[{marks()}])|(?P<space>\\s{{1,64}})|(?P<any>.)",
        re.DOTALL,
    )


def _script(letter: str) -> str:
    """Letters that are written one by one are words of their own: ``cjk``."""
    if letter.isascii():
        return "latin"
    code = ord(letter[0])
    if 0xAC00 <= code <= 0xD7A3 or 0x3131 <= code <= 0x318E or 0x1100 <= code <= 0x11FF:
        return "hangul"
    return "cjk" if 0x2E80 <= code <= 0x9FFF or code >= 0x20000 or 0xF900 <= code <= 0xFAFF else "other"


class Reader:
    """Cuts a text that comes in pieces into words; `words` holds those that are complete and not taken yet.

    The words do not depend on where the text was cut. Between calls it holds one word, one gap and at most 200
    characters of a link or a tag that is not complete.

    Args:
        telling: Whether a link's address or a tag's attributes have a name in them. If so their words are read like
            any others, otherwise they are part of a gap.
    """

    def __init__(self, telling: Callable[[str], bool]) -> None:
        self._telling = telling
        self.words: list[Word] = []
        self.gap = Gap()
        """The gap after the last word."""
        self._rest = ""
        self._word: Word | None = None

    @property
    def in_word(self) -> bool:
        """Whether a word is being written."""
        return self._word is not None

    def feed(self, piece: str, *, final: bool = False) -> None:
        """Read on; with `final` nothing is held back."""
        text, self._rest = self._rest + piece, ""
        at = 0
        while at < len(text):
            if text[at] in "&<\\⟨]":
                whole = _WHOLE.match(text, at)
                if whole is None and not final and _BEGUN.fullmatch(text, at):
                    self._rest = text[at:]
                    break
                if whole:
                    self._whole(whole)
                    at = whole.end()
                    continue
            match = _unit().match(text, at)
            assert match is not None
            self._one(match.lastgroup, match.group())
            at = match.end()
        if final:
            self._end_word()

    def _whole(self, match: re.Match[str]) -> None:
        raw = match.group()
        if match.lastgroup == "entity":
            character = html.unescape(raw)
            if len(character) == 1 and character.isalnum():
                self._letters(raw, plain(character), _script(plain(character) or character))
            else:
                self._between(raw)
        elif match.lastgroup == "markup" or not self._telling(raw[1:]):
            self._between(raw)
        else:  # words inside that a reader of the source, or of a link's address, can see
            self._between(raw[0])
            for unit in _unit().finditer(raw, 1):
                self._one(unit.lastgroup, unit.group())

    def _one(self, kind: str | None, raw: str) -> None:
        if kind == "latin":
            self._letters(raw, raw.lower(), "latin")
        elif kind == "hangul":
            self._letters(raw, raw, "hangul")
        elif kind == "mark":
            if self._word:
                self._word.raw += raw
            else:
                self._between(raw)
        elif kind == "space":
            self._between(raw)
        else:
            folded = fold(raw)
            letter = raw.isalnum() or len(folded) == 1  # a trade mark folds to two letters and is none
            if letter and folded.isalnum() and not raw.isascii():
                self._letters(raw, folded, _script(folded))
            else:
                self._between(raw)

    def _letters(self, raw: str, text: str, script: str) -> None:
        word = self._word
        if word and (word.script != script or script == "cjk"):
            self._end_word()
            word = None
        if word is None:
            word = self._word = Word(self.gap, "", "", script)
            self.gap = Gap()
        room = max(_LONGEST - len(word.text), 1) if len(raw) == len(text) else len(raw)
        word.raw += raw[:room]
        word.text += text if len(text) != len(raw) else text[:room]
        if len(word.text) >= _LONGEST:
            word.cut = True
            self._end_word()
        if len(raw) > room:
            self._letters(raw[room:], text[room:], script)

    def _between(self, raw: str) -> None:
        self._end_word()
        self.gap.raw += raw
        if len(self.gap.raw) > _LONGEST_GAP:
            self.words.append(Word(self.gap, "", "", "break"))
            self.gap = Gap()

    def _end_word(self) -> None:
        if self._word:
            self._word.skeleton = skeleton(self._word.text)
            self.words.append(self._word)
            self._word = None
