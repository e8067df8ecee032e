"""One form for what the eye cannot tell apart, so that an answer cannot carry a mark that only a script sees.

Read `Normaliser` first. It works piece by piece and holds back no more than one word or one run of spaces.
"""

import html
import re
import unicodedata
from functools import cache
from itertools import chain, groupby

from fairtrial.arena.blinding.folding import look_alike
from fairtrial.reports.marks import visible

_MAX_MARKS = 8
"""Combining marks kept on one letter; living scripts need fewer, and a tower of them hides text."""
_MAX_BLANKS = 256
"""Spaces kept in one run."""
_WITH_MARKS = (range(0x300, 0x20000), range(0xE0100, 0xE01F0))
"""Where Unicode has marks; to look through all of it takes eight times as long."""

# Nothing is left of these: soft hyphen, joiners and marks without width (the joiner within emoji is seen to below),
# blank letters, selectors of variants, tags, object replacement.
_DROPPED = (
    (0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F),
    (0x200B, 0x200C), (0x200E, 0x200F), (0x2060, 0x2065), (0x206A, 0x206F), (0x3164, 0x3164), (0xFE00, 0xFE0E),
    (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0), (0xFFF9, 0xFFFC), (0xE0000, 0xE0FFF),
)  # fmt: skip
_TABLE: dict[int, str | None] = {
    **{code: None for first, last in _DROPPED for code in range(first, last + 1)},
    **dict.fromkeys((0xB, 0xC, 0xA0, 0x1680, 0x202F, 0x205F, 0x2800, 0x3000, *range(0x2000, 0x200B)), " "),
    **dict.fromkeys((0x85, 0x2028, 0x2029), "\n"),
}
# Controls and directions stay, spelt out, because they are an attack that a reader should see.
_SHOWN = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_JOINER, _PICTURE = "\u200d", "\ufe0f"
# Letters of scripts that lend each other look-alikes: Latin, Greek, Cyrillic, Armenian, Cherokee, Lisu.
_ALPHABET = "A-Za-z\xaa\xb5\xba\xc0-\xd6\xd8-\xf6\xf8-\u02af\u0370-\u037d\u0386-\u052f\u0531-\u0588"
_ALPHABET += "\u13a0-\u13ff\u1d00-\u1dbf\u1e00-\u1fff\ua4d0-\ua4f7\ua720-\ua7ff"
_LATIN = re.compile("[A-Za-z\xc0-\u024f\u1e00-\u1eff]")
# Pictures that joiners may tie together, with skin tones.
_EMOJI = "\xa9\xae\u203c\u2049\u2122\u2139\u2190-\u21ff\u231a-\u23ff\u24c2\u25a0-\u27bf\u2934\u2935\u2b00-\u2bff"
_EMOJI += "\u3030\u303d\u3297\u3299\U0001f000-\U0001f0ff\U0001f170-\U0001faff"
_LOOSE_JOINER = re.compile(f"(?<![{_EMOJI}\ufe0f])\u200d|\u200d(?![{_EMOJI}])|(?<![{_EMOJI}])\ufe0f")
_BY_MARKDOWN = f"{_JOINER}{_PICTURE}"
_KEYCAP = "0123456789#*"
_ENTITY = re.compile(r"&(?:#[0-9]{1,8}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z]{2,24});")
_ENTITY_BEGUN = re.compile(r"&(?:#[0-9]{0,8}|#[xX][0-9A-Fa-f]{0,6}|[A-Za-z]{0,24})\Z")


@cache
def marks() -> str:
    """All characters that attach to the one before, as the inside of a regular expression's class."""
    codes = (n for n in chain(*_WITH_MARKS) if unicodedata.category(chr(n)).startswith("M"))
    runs = (list(run) for _, run in groupby(enumerate(codes), key=lambda pair: pair[1] - pair[0]))
    return "".join(f"{chr(run[0][1])}-{chr(run[-1][1])}" for run in runs)


@cache
def _atoms() -> re.Pattern[str]:
    # What one character can change in another: each atom ends where the next character is not of its class, so that
    # the split is the same wherever the text was cut.
    attached = f"{marks()}\u1161-\u1175\u11a8-\u11c2"
    return re.compile(
        f"(?P<word>[{_ALPHABET}][{_ALPHABET}{marks()}]{{0,63}})|(?P<blanks>[ \t]{{1,64}})|(?P<line>\r\n?|\n)"
        f"|(?P<emoji>[{_EMOJI}][{_EMOJI}{_PICTURE}{_JOINER}]{{0,63}})|(?P<loose>[{attached}{_JOINER}])"
        f"|(?P<other>.[{attached}]{{0,63}})",
        re.DOTALL,
    )


@cache
def _many_marks() -> re.Pattern[str]:
    return re.compile(f"([{marks()}]{{{_MAX_MARKS}}})[{marks()}]+")


class Normaliser:
    """A text on its way to a reader: `feed` it piece by piece, then `finish`; cuts change nothing.

    NFC; characters without width dropped (a joiner and a picture selector stay within emoji, nowhere else: Persian and
    Indic joiners are lost); controls and changes of direction spelt out as ``⟨RLO⟩``; every space a plain one; letters
    of another script within a Latin word made Latin; a line ends in nothing, or in two spaces where Markdown breaks it.
    An entity (``&#8203;``) that Markdown would turn into a hidden character is spelt out too.
    """

    def __init__(self) -> None:
        self._held = ""
        self._blanks = ""
        self._line_empty = True
        self._entity = ""

    def feed(self, piece: str) -> str:
        """What is certain after `piece`."""
        return self._go(piece, final=False)

    def finish(self) -> str:
        """The rest."""
        return self._go("", final=True)

    def _go(self, piece: str, *, final: bool) -> str:
        text = self._held + piece.translate(_TABLE)
        out = [self._entity]
        end = 0
        for atom in _atoms().finditer(text):
            if atom.end() == len(text) and not final:
                break
            self._put(out, atom)
            end = atom.end()
        self._held = text[end:]
        done = "".join(out)
        begun = None if final else _ENTITY_BEGUN.search(done)
        self._entity = done[begun.start() :] if begun else ""
        return _ENTITY.sub(_spelt_if_hidden, done.removesuffix(self._entity))

    def _put(self, out: list[str], atom: re.Match[str]) -> None:
        kind, text = atom.lastgroup, atom.group()
        if kind == "loose":
            return
        if kind == "blanks":
            self._blanks = (self._blanks + text)[:_MAX_BLANKS]
            return
        if kind == "line":
            out.append("  \n" if self._blanks.startswith("  ") and not self._line_empty else "\n")
            self._blanks, self._line_empty = "", True
            return
        out.append(self._blanks + _shown(kind, text))
        self._blanks, self._line_empty = "", False


def _spelt_if_hidden(entity: re.Match[str]) -> str:
    character = html.unescape(entity.group())
    hidden = len(character) == 1 and (_TABLE.get(ord(character), "") is None or character in _BY_MARKDOWN)
    return visible(character) if hidden or _SHOWN.match(character) else entity.group()


def _shown(kind: str | None, text: str) -> str:
    if text.isascii() and not _SHOWN.search(text):
        return text
    if kind == "emoji":
        return _LOOSE_JOINER.sub("", text)
    if kind == "word":
        text = _one_script(text)
    elif not (len(text) > 1 and text[0] in _KEYCAP):
        text = text.replace(_PICTURE, "")
    text = unicodedata.normalize("NFC", _many_marks().sub(r"\1", text))
    return _SHOWN.sub(lambda m: visible(m.group()), text)


def _one_script(word: str) -> str:
    """A word that mixes Latin letters with their look-alikes, all Latin; short words may be formulas and stay."""
    word = word.replace(_PICTURE, "")
    letters = [c for c in word if c.isalpha()]
    foreign = [c for c in letters if not _LATIN.match(c)]
    if not foreign or len(letters) < 4 or len(foreign) == len(letters) or not all(map(look_alike, foreign)):
        return word
    return "".join(look_alike(c) or c for c in word)
