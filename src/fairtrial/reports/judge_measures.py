"""The measures on a judge card, once for the terminal and the page. Read `MEASURES` first.

The catalogue holds each measure's name (``judges.row.…``) and meaning (``judges.means.…``).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from fairtrial.evaluators.calibration import Calibration
from fairtrial.evaluators.card import JudgeCard
from fairtrial.evaluators.contamination import Contamination
from fairtrial.evaluators.injection import Injection
from fairtrial.evaluators.panels import Weights
from fairtrial.evaluators.self_preference import SelfPreference
from fairtrial.evaluators.tables import Rate
from fairtrial.reports.marks import visible
from fairtrial.reports.typeset import count, fixed, interval, money, number, percent
from fairtrial.reports.words import Sentence, known, sentence

Unit = Literal["share", "points", "plain", "loss"]
DECIMALS: dict[Unit, int] = {"plain": 2, "loss": 3}
"""Of what is neither a share nor a difference of shares."""
Told = Rate | Sentence | str | None
"""A rate with its interval and n, or words; None is no evidence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One row."""

    key: str
    pick: Callable[[JudgeCard], Told]
    unit: Unit = "share"
    group: str = ""
    """Under which heading of the page; empty: as the one before."""
    nested: bool = False
    """Whether it is part of the one before."""
    headline: bool = False
    """Whether it is emphasised."""


def _count(value: int, of: int) -> str:
    return f"{count(value)} / {count(of)}"


def _injected(card: JudgeCard) -> Told:
    found = card.further.get("injection")
    return found.success if isinstance(found, Injection) else None


def _farewell(card: JudgeCard) -> Told:
    found = card.further.get("injection")
    return found.farewell if isinstance(found, Injection) else None


def _stands_in(card: JudgeCard) -> Told:
    """The winning rate of the alternative annotator test, by its guarded form."""
    found = card.people.alternative if card.people else None
    if found is None or found.omega_guarded is None:
        return None
    beaten = round(found.omega_guarded * found.tested)
    rho = "–" if found.rho is None else fixed(found.rho)
    return sentence("judges.cell.standin", omega=fixed(found.omega_guarded), k=beaten, n=found.tested, rho=rho)


def _worth(card: JudgeCard) -> Told:
    most = card.worth_ceiling
    if most is None:
        return None
    estimate, lower, upper = ("∞" if end is None else fixed(end) for end in (most.estimate, most.lower, most.upper))
    return f"×{estimate} [{lower}, {upper}]"


def _own_family(card: JudgeCard) -> Told:
    found = card.further.get("self_preference")
    return found.bias if isinstance(found, SelfPreference) else None


def _remembered(card: JudgeCard) -> Told:
    found = card.further.get("contamination")
    if not isinstance(found, Contamination):
        return None
    return sentence("judges.cell.remembered", prompts=count(found.prompts), answers=count(found.answers))


def _clean(card: JudgeCard) -> Told:
    found = card.further.get("contamination")
    return found.clean_accuracy if isinstance(found, Contamination) and found.keys else None


def _alpha(card: JudgeCard) -> Told:
    people = card.people
    if people is None or people.people.estimate is None or people.with_judge.estimate is None:
        return None
    return f"{fixed(people.people.estimate)} → {fixed(people.with_judge.estimate)}"


def _cost(card: JudgeCard) -> Told:
    cost = card.further.get("cost") or {}
    if not cost.get("calls"):
        return sentence("judges.cell.free")
    tokens = count((cost["prompt_tokens"] + cost["completion_tokens"]) / max(card.pairs, 1))
    if not cost["usd"]:
        return sentence("judges.cell.tokens", tokens=tokens)
    return sentence("judges.cell.usd", tokens=tokens, usd=money(cost["usd_per_1000_pairs"]))


def _speed(card: JudgeCard) -> Told:
    cost = card.further.get("cost") or {}
    return sentence("judges.cell.seconds", n=fixed(cost["call_seconds_per_pair"])) if cost.get("calls") else None


def _calibrated(card: JudgeCard) -> Told:
    found = card.further.get("calibration")
    if not isinstance(found, Calibration):
        return None
    slope = fixed(found.slope)
    return sentence(
        "judges.cell.calibrated", slope=slope, signal=known("judges.signal", found.signal), pairs=count(found.pairs)
    )


def _gain(card: JudgeCard) -> Told:
    found = card.further.get("calibration")
    return found.log_loss_change if isinstance(found, Calibration) else None


def _weights(card: JudgeCard) -> Told:
    found = card.further.get("weights")
    if not isinstance(found, Weights):
        return None
    return ", ".join(f"{visible(juror.name, 40)} {fixed(juror.weight)}" for juror in found.jurors)


MEASURES: tuple[Measure, ...] = (
    Measure(key="accuracy", group="right", headline=True, pick=lambda card: card.accuracy),
    Measure(key="consistent", nested=True, pick=lambda card: card.consistent_accuracy),
    Measure(key="single", nested=True, pick=lambda card: card.single_order_accuracy),
    Measure(key="matched", nested=True, pick=lambda card: card.length_matched_accuracy),
    Measure(
        key="longer_better",
        nested=True,
        pick=lambda card: None if card.longer_is_better is None else percent(card.longer_is_better),
    ),
    Measure(key="kappa", unit="plain", pick=lambda card: card.kappa),
    Measure(key="invalid", pick=lambda card: _count(card.invalid, card.pairs)),
    Measure(key="ties", pick=lambda card: _count(card.vote_ties, card.pairs)),
    Measure(key="first", group="habits", pick=lambda card: card.first_rate),
    Measure(key="gap", unit="points", pick=lambda card: card.order_gap),
    Measure(key="consistency", pick=lambda card: card.consistency),
    Measure(key="longer", pick=lambda card: card.longer_rate),
    Measure(key="own", unit="points", pick=_own_family),
    Measure(
        key="log_loss", group="said", unit="loss", pick=lambda card: card.forecast.log_loss if card.forecast else None
    ),
    Measure(key="brier", unit="loss", pick=lambda card: card.forecast.brier if card.forecast else None),
    Measure(
        key="calibration_error",
        unit="loss",
        pick=lambda card: card.forecast.calibration_error if card.forecast else None,
    ),
    Measure(key="calibrated", pick=_calibrated),
    Measure(key="gain", unit="loss", nested=True, pick=_gain),
    Measure(key="weights", pick=_weights),
    Measure(key="people", group="people", pick=lambda card: card.people.judge_accuracy if card.people else None),
    Measure(key="ceiling", nested=True, pick=lambda card: card.people.ceiling if card.people else None),
    Measure(key="alpha", pick=_alpha),
    Measure(key="standin", pick=_stands_in),
    Measure(key="worth", pick=_worth),
    Measure(key="injection", group="trust", pick=_injected),
    Measure(key="farewell", nested=True, pick=_farewell),
    Measure(key="remembered", pick=_remembered),
    Measure(key="clean", nested=True, pick=_clean),
    Measure(key="cost", group="cost", pick=_cost),
    Measure(key="speed", pick=_speed),
)


def estimate(rate: Rate, unit: Unit) -> str:
    """``65.0%``, ``−12.3``, ``0.42``."""
    if unit in DECIMALS:
        return fixed(rate.estimate, DECIMALS[unit])
    return number(rate.estimate, "score", signed=unit == "points") + ("%" if unit == "share" else "")


def bounds(rate: Rate, unit: Unit) -> str:
    """Its interval; empty where nothing bounds it."""
    if unit in DECIMALS:
        low, high = rate.ci
        return "" if low is None or high is None else f"[{fixed(low, DECIMALS[unit])}, {fixed(high, DECIMALS[unit])}]"
    return interval(rate.ci, "score", signed=unit == "points")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A measure of all judges."""

    measure: Measure
    group: str
    place: int
    """Of its group."""
    cells: tuple[Told, ...]


def rows(cards: tuple[JudgeCard, ...]) -> list[Row]:
    """The measures that any of the judges has, each with a cell a judge."""
    found, group, place = [], "", 0
    for measure in MEASURES:
        if measure.group:
            group, place = measure.group, place + 1
        cells = tuple(measure.pick(card) for card in cards)
        if any(cell is not None for cell in cells):
            found.append(Row(measure=measure, group=group, place=place, cells=cells))
    return found


def categories(cards: tuple[JudgeCard, ...]) -> dict[str, tuple[Rate | None, ...]]:
    """Accuracy by category, a rate a judge."""
    names = dict.fromkeys(name for card in cards for name in card.by_category)
    return {name: tuple(card.by_category.get(name) for card in cards) for name in names}
