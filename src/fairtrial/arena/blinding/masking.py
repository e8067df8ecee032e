"""Masking names in an answer: whole by `Blinding.mask`, read it first, or piece by piece by `BlindStream`.

What the mask cannot catch: a model that describes itself without a name (its style, a riddle, an encoded name), or one
that leaves out the context in which a name that is also a word counts as a name ("Apple" alone).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from fairtrial.arena.blinding.display import Normaliser
from fairtrial.arena.blinding.names import Name, known, own_names
from fairtrial.arena.blinding.questions import asks_who
from fairtrial.arena.blinding.reading import Reader, Word
from fairtrial.arena.blinding.speaking import Speaker
from fairtrial.arena.blinding.spotting import Index, tail
from fairtrial.core import Contestant

MASK = "▒▒▒▒"
"""Stands for any name, whatever its length."""
ASKED_WHO = frozenset({"?"})
"""Instead of what may be named: nothing may, and a name that is also a word counts as a name."""
_RIGHT = 7
"""Words after a name that may tell whether the speaker means itself."""


@dataclass(frozen=True, slots=True)
class Flag:
    """One masked name, for the record of the battle; not for the voter."""

    kind: Literal["self-identification", "term"]
    """Whether the speaker was naming itself as far as the words before tell."""
    family: str
    """The maker, or the id of the contestant, whose name it was."""


@dataclass(frozen=True, slots=True)
class Masked:
    """A text that may be shown, and what was masked in it."""

    text: str
    flags: tuple[Flag, ...]


class Blinding:
    """What may not be read in an answer before the vote.

    Args:
        contestants: The lab's own; their names, model ids, base models and makers are added to the well-known names.
    """

    def __init__(self, contestants: Iterable[Contestant] = ()) -> None:
        self.index = Index(known() + own_names(tuple(contestants)))

    def normalise(self, text: str) -> str:
        """`text` in the one form in which answers are shown (see `Normaliser`)."""
        normaliser = Normaliser()
        return normaliser.feed(text) + normaliser.finish()

    def mask(self, text: str, asked: str = "") -> Masked:
        """`text`, normalised, with names that give its model away replaced by `MASK`.

        Args:
            text: An answer.
            asked: All that the voter wrote. Names in it may be answered about, and so may other names of the same
                maker; where the speaker names itself they are masked all the same, and where the voter asks who
                answers every name is.
        """
        stream = BlindStream(self, asked)
        shown = stream.feed(text) + stream.finish()
        return Masked(shown, tuple(stream.flags))

    def asked_about(self, text: str) -> frozenset[str]:
        """Families and single names that occur in `text`, written by a voter."""
        normaliser, reader = Normaliser(), Reader(lambda _: True)
        reader.feed(normaliser.feed(text) + normaliser.finish(), final=True)
        about = set()
        for at in range(len(reader.words)):
            found, _ = self.index.fits(reader.words[at : at + 64], reader.gap, final=True)
            for _, name in found:
                about.add(name.skeleton)
                if name.distinctive:
                    about.add(name.family)
        return frozenset(about)

    def exempt(self, asked: str) -> frozenset[str]:
        """What may be named outside of a self-identification, because the voter wrote it.

        `ASKED_WHO` where the question is who answers: then nothing may.
        """
        about = self.asked_about(asked) if asked else frozenset()
        return ASKED_WHO if about and asks_who(asked) else about


class BlindStream:
    """An answer on its way to the voter: `feed` its pieces, then `finish`; joined they are `mask`'s text.

    What is out never has to be taken back. Held back are the word being written, and while a name may still be
    completed or recognised, at most the words of one name and the seven after it. `flags` grows as names are masked.
    """

    def __init__(self, blinding: Blinding, asked: str | frozenset[str] = "") -> None:
        self.flags: list[Flag] = []
        self._index = blinding.index
        self._asked = blinding.exempt(asked) if isinstance(asked, str) else asked
        self._normaliser = Normaliser()
        self._reader = Reader(lambda text: bool(blinding.asked_about(text)))
        self._speaker = Speaker()
        self._end: int | None = None  # where the name just masked ends in its last word

    def feed(self, piece: str) -> str:
        """Text that is safe to show now."""
        return self._advance(self._normaliser.feed(piece), final=False)

    def finish(self) -> str:
        """The rest, at the end of the answer."""
        return self._advance(self._normaliser.finish(), final=True)

    def _advance(self, text: str, *, final: bool) -> str:
        self._reader.feed(text, final=final)
        out: list[str] = []
        words, done = self._reader.words, 0
        while done < len(words):
            ahead = words[done : done + 64]
            size = self._to_mask(ahead, final=final and len(words) - done <= len(ahead))
            if size is None:
                break
            out.append(ahead[0].gap.raw[ahead[0].gap.shown :])
            if size:
                out.append(MASK + _particle(ahead[size - 1], self._end))
                self._speaker.pass_by(ahead[0], named=True)
            else:
                out.append(ahead[0].raw)
                self._speaker.pass_by(ahead[0])
            done += size or 1
        del words[:done]
        gap = self._reader.gap
        if final or (not words and not self._reader.in_word):
            out.append(gap.raw[gap.shown :])
            gap.shown = len(gap.raw)
        return "".join(out)

    def _to_mask(self, words: list[Word], *, final: bool) -> int | None:
        """How many of `words` to mask from the first on; None when that takes more words to tell."""
        found, unsure = self._index.fits(words, self._reader.gap, final=final)
        if unsure and not final:
            return None
        if not found:
            return 0
        bare = self._asked == ASKED_WHO
        sure = [(size, name) for size, name in found if bare or (name.distinctive and not self._was_asked(name))]
        size, name = max(sure or found, key=lambda pair: (pair[0], len(pair[1].skeleton)))
        right = " …" if sure else self._right(words, size, name, final=final)
        if right is None:
            return None
        itself = self._speaker.names_itself(words[0], right, title_follows=not sure and _is_title(words, size))
        if not sure and not itself:
            return 0
        whole = tail(words, size, final=final)
        if whole is None:
            return None
        self._end = _end(words, size, name) if whole == size else None
        self.flags.append(Flag("self-identification" if itself else "term", name.family))
        return whole

    def _was_asked(self, name: Name) -> bool:
        return name.skeleton in self._asked or name.family in self._asked

    def _right(self, words: list[Word], size: int, name: Name, *, final: bool) -> str | None:
        end = _end(words, size, name)
        last = words[size - 1]
        right = last.text[end:] if last.script == "hangul" and end is not None else ""
        for word in words[size : size + _RIGHT]:
            gap = word.gap
            if word.script == "break" or gap.ends_sentence:
                return right + "."
            named, _ = self._index.fits([word], gap, final=True)
            text = "model" if named else word.text
            right += ("," if set(",;:()—–\n") & set(gap.raw) else "") + (" " if gap.raw else "") + text
            if not self._speaker.may_name_itself(right):
                return right
        return right if final or len(words) >= size + _RIGHT else None


def _end(words: list[Word], size: int, name: Name) -> int | None:
    """Where in the last word the name ends; None where it does not end in it."""
    end = len(name.skeleton) - sum(len(word.text) for word in words[: size - 1])
    last = words[size - 1]
    return end if 0 < end <= len(last.text) and last.skeleton[:end] == name.skeleton[-end:] else None


def _particle(word: Word, end: int | None) -> str:
    """What a Korean word goes on with after the name in it."""
    return word.raw[end:] if word.script == "hangul" and end is not None and len(word.raw) == len(word.text) else ""


def _is_title(words: list[Word], size: int) -> bool:
    """Whether a word in capitals follows directly, as in Claude Monet."""
    if size >= len(words) or words[size].gap.raw != " " or words[size].script != "latin":
        return False
    return words[size].raw[:1].isupper() and words[size].raw[1:].islower()
