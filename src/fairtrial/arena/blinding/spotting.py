"""Where a name stands in a text, however it is written. Read `Index.fits` first."""

import re
from collections import defaultdict

from fairtrial.arena.blinding.names import Name
from fairtrial.arena.blinding.reading import Gap, Word

_LONG = 6
"""Letters from which a distinctive name is found inside other letters too; Korean syllables count double."""
_SPELT = 2
"""Letters at most in each piece of a name that is spelt out: ``G P T - 4``."""
_PARTICLE = re.compile(
    r"(?:은|는|이|가|을|를|의|에|와|과|도|만|로|으로|랑|입니다|이에|예요|에요|이라|라고|라는|이며|이고|야|보다|처럼|사|팀|측|모델"
    r"|한테|께서|부터|까지|하고|였|이었|죠|이죠|임|인데|챗봇).{0,8}"
)
_VERSION = re.compile(r"v?\d+(?:\.\d+)*[a-z]{0,2}|[a-z]\d{1,3}|k\d")
_TITLES = frozenset(
    """pro flash ultra mini turbo sonnet opus haiku instruct chat nano plus max lite instant preview thinking coder vl
    r1 exp experimental it base omni vision small medium large xl next""".split()  # noqa: SIM905 - a table to read
)
_TITLES_JOINED = _TITLES | frozenset(
    """k m s l gguf gptq awq fp16 bf16 int4 int8 hf distill moe latest think""".split()  # noqa: SIM905 - a table to read
)


_IN_OTHER_WORDS = frozenset(("anthroplc",))
"""Names that are found inside words of the language: philanthropic."""


class Index:
    """Names, ready to be looked for."""

    def __init__(self, names: tuple[Name, ...]) -> None:
        self._whole: dict[str, list[Name]] = defaultdict(list)
        self._begun: dict[str, list[Name]] = defaultdict(list)
        long: dict[str, Name] = {}
        for name in names:
            self._whole[name.skeleton].append(name)
            for end in range(1, len(name.skeleton)):
                self._begun[name.skeleton[:end]].append(name)
            if name.skeleton in _IN_OTHER_WORDS:
                continue
            if name.distinctive and len(name.skeleton) * (1 if name.skeleton.isascii() else 2) >= _LONG:
                long[name.skeleton] = name
        self._long = long
        self._inside = re.compile("|".join(map(re.escape, sorted(long, key=len, reverse=True))) or r"(?!)")
        self._longest = max(map(len, self._whole), default=0)

    def fits(self, words: list[Word], after: Gap, *, final: bool) -> tuple[list[tuple[int, Name]], bool]:
        """Names that start with the first of `words`, with how many words they take, and whether more words may matter.

        An answer that says no more words matter is the same whatever follows.
        """
        first = words[0].skeleton
        found: list[tuple[int, Name]] = []
        unsure = False
        for end in range(1, min(len(first), self._longest) + 1):
            names_here = self._whole.get(first[:end], ())
            found += [(1, n) for n in names_here if end == len(first) or _may_follow(n, words[0], end)]
        begun = self._begun.get(first, ())
        if begun and len(words) > 1:  # of many, the few that go on as the text does
            key = first + words[1].skeleton[:1]
            begun = (*self._begun.get(key, ()), *self._whole.get(key, ())) if key != first else ()
        for name in begun:
            size = _spread(name, words, after, final=final)
            if size is None:
                unsure = True
            elif size:
                found.append((size, name))
        if len(first) > _LONG // 2 and (inside := self._inside.search(first)):
            found.append((1, self._long[inside.group()]))
        if words[0].cut:
            if len(words) > 1:
                both = first + words[1].skeleton if not words[1].gap.raw else first
                found += [
                    (2, self._long[m.group()]) for m in self._inside.finditer(both) if m.start() < len(first) < m.end()
                ]
            else:
                unsure = unsure or not final
        return found, unsure


def _may_follow(name: Name, word: Word, end: int) -> bool:
    """Whether a word may go on after a name that ends at `end`."""
    rest = word.text[end:]
    if word.script == "hangul":
        return _PARTICLE.fullmatch(rest) is not None
    if rest[0].isdigit() or word.text[end - 1].isdigit():
        return True
    return name.distinctive and (rest == "s" or end >= _LONG)


def _spread(name: Name, words: list[Word], after: Gap, *, final: bool) -> int | None:
    """How many words `name` takes where it is spread over several; 0 for not there, None for not known yet."""
    at = 0
    spelt = len(name.skeleton) > _SPELT  # may it be spelt out, going by the pieces so far?
    must_be_spelt = False
    for k in range(len(name.skeleton) + 1):
        if k == len(words):
            hopeless = final or (not spelt and after.spaced and at not in name.breaks)
            return 0 if hopeless else None
        word = words[k]
        if k and (word.gap.spaced or not word.gap.joins):
            must_be_spelt = must_be_spelt or at not in name.breaks or not word.gap.joins
        piece, rest = word.skeleton, name.skeleton[at:]
        spelt = spelt and min(len(piece), len(rest)) <= _SPELT
        if must_be_spelt and not spelt:
            return 0
        if piece.startswith(rest):
            return k + 1 if len(piece) == len(rest) or _may_follow(name, word, len(rest)) else 0
        if not piece or not rest.startswith(piece):
            return 0
        at += len(piece)
    return 0


def tail(words: list[Word], size: int, *, final: bool) -> int | None:
    """How many words a name of `size` words takes with its version, size and edition; None for not known yet."""
    while size < len(words) and size < len(words[0].skeleton) + 40:
        word = words[size]
        gap = word.gap
        if (
            not gap.joins
            or gap.ends_sentence
            or len(gap.raw) > 3
            or word.script != "latin"
            or set("\n'’") & set(gap.raw)
        ):
            return size
        titles = _TITLES if gap.spaced else _TITLES_JOINED
        if word.text not in titles and not _VERSION.fullmatch(word.text):
            return size
        size += 1
        if size > 12:
            return size
    return size if final else None
