"""Judge cards as they were written and signed: read back with their types. Read `read_told` first."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from fairtrial.core import BadInput, IntegrityError, from_json
from fairtrial.evaluators import HEURISTICS, Heuristic, Judge
from fairtrial.evaluators.calibration import Calibration
from fairtrial.evaluators.card import JudgeCard
from fairtrial.evaluators.contamination import Contamination
from fairtrial.evaluators.injection import Injection
from fairtrial.evaluators.panels import Weights
from fairtrial.evaluators.self_preference import SelfPreference
from fairtrial.stats import JudgeComparison

_FURTHER: dict[str, type] = {
    "injection": Injection,
    "self_preference": SelfPreference,
    "contamination": Contamination,
    "calibration": Calibration,
    "weights": Weights,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """A judge's votes beside a rule's on the same pairs: the share of pairs that it gets right, minus the rule's."""

    judge: str
    """Its evaluator id."""
    rule: str
    """A name of `HEURISTICS`."""
    alpha: float
    """Error probability of the interval: that of all rules together, shared among them."""
    found: JudgeComparison


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a directory of judge cards tells."""

    pairs: Mapping[str, Any]
    """Name, digest and number of the pairs."""
    created: str
    judges: tuple[JudgeCard, ...]
    software: Mapping[str, str]
    seed: int
    injections: int
    beside: tuple[Beside, ...] = ()

    def against_rules(self, card: JudgeCard) -> tuple[Beside, ...]:
        """The comparisons of a judge."""
        return tuple(one for one in self.beside if one.judge == card.evaluator)


def read_told(directory: Path) -> Told:
    """``cards.json`` of a directory.

    Raises:
        BadInput: There is none.
        IntegrityError: It is damaged.
    """
    path = directory / "cards.json"
    try:
        told = from_json(path.read_bytes(), Told)
    except OSError as error:
        raise BadInput(f"cannot be read: {error.strerror}.", where=str(path)) from None
    return replace(told, judges=tuple(_typed(card) for card in told.judges))


def _typed(card: JudgeCard) -> JudgeCard:
    """The card, what was measured apart with its types too."""
    try:
        further = {
            key: msgspec.convert(value, _FURTHER[key]) if key in _FURTHER and value is not None else value
            for key, value in card.further.items()
        }
    except msgspec.ValidationError as error:
        raise IntegrityError(f"stored JudgeCard is damaged: {error}") from error
    return replace(card, further=further)


def rule_of(evaluator: str) -> str | None:
    """Which of `HEURISTICS` this evaluator is, by its id and not by its name; None for a model or a panel."""
    return next((name for name in HEURISTICS if Judge(Heuristic(name)).id == evaluator), None)
