"""What a judge is taught on, and what it is looked at by: made or read once, then kept. Read `Material` first."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from fairtrial.core import BadInput
from fairtrial.formats.pair_rows import write_pairs
from fairtrial.formats.pairs import Pair, read_pairs
from fairtrial.training.config import Config
from fairtrial.training.synthesis import program_pairs


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """The pairs of a run."""

    config: Config
    home: Path
    """Where the files that the config names are looked for."""
    directory: Path

    def pairs(self) -> tuple[Pair, ...]:
        """The pairs that are trained on; made once."""
        told = self.config.instructions
        if told.pairs:
            return self._once("pairs.jsonl", lambda: _labelled(self.home / told.pairs, told.limit))
        return self._once("pairs.jsonl", lambda: self._made(told.limit or 0, self.config.seed))

    def validation(self) -> tuple[Pair, ...]:
        """The pairs by which rounds are compared, without any that are trained on.

        Raises:
            BadInput: A file without a decided label, or with pairs that are trained on.
        """
        told = self.config.validation
        if told.synthetic:
            return self._once("validation.jsonl", self._held_out)
        pairs = _labelled(self.home / told.pairs, told.limit)
        where = f"{told.pairs}: [validation]"
        known = {_texts(pair) for pair in self.pairs()}
        twice = next((pair.key for pair in pairs if _texts(pair) in known), None)
        if twice is not None:
            raise BadInput(f"the pair '{twice:.60}' is also trained on.", where=where, next_step="Leave it out of one.")
        return tuple(pairs)

    def _once(self, name: str, make: Callable[[], Iterable[Pair]]) -> tuple[Pair, ...]:
        path = self.directory / name
        if not path.exists():
            write_pairs(path, make())
        return read_pairs(path)

    def _made(self, count: int, seed: int) -> tuple[Pair, ...]:
        told = self.config.instructions
        return program_pairs(told.families, count, seed=seed, languages=told.languages)

    def _held_out(self) -> list[Pair]:
        known = {_texts(pair) for pair in self.pairs()}
        wanted = self.config.validation.synthetic or 0
        fresh = self._made(2 * wanted + 20, self.config.seed + 1_000_003)
        return [pair for pair in fresh if _texts(pair) not in known][:wanted]


def _labelled(path: Path, limit: int | None) -> list[Pair]:
    """The pairs of a file that have a better answer.

    Raises:
        BadInput: There is none.
    """
    pairs = [pair for pair in read_pairs(path) if pair.label in ("a", "b")][:limit]
    if not pairs:
        raise BadInput("no pair has a better answer.", where=str(path), next_step="Give labels a or b.")
    return pairs


def _texts(pair: Pair) -> tuple[str, ...]:
    return (*pair.prompts, *sorted((*pair.a, *pair.b)))
