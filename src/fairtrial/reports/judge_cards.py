"""Judge cards for the terminal: a column a judge, a row a measure. Read `print_cards` first."""

from collections.abc import Callable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from fairtrial.evaluators.card import JudgeCard
from fairtrial.evaluators.contamination import Contamination
from fairtrial.evaluators.injection import Injection
from fairtrial.evaluators.self_preference import SelfPreference
from fairtrial.evaluators.tables import Rate
from fairtrial.reports.marks import visible

NOTHING = Text("no evidence", "dim italic")
Cell = str | Text
_LABELS, _COLUMN = 32, 22
"""Width of the labels, and of a judge's column with the space before it."""


def print_cards(cards: Sequence[JudgeCard], screen: Console) -> None:
    """Cards side by side, as many as fit, in the order in which they were named."""
    fit = max(1, (screen.width - _LABELS) // _COLUMN)
    for start in range(0, len(cards), fit):
        if start:
            screen.print()
        screen.print(_side_by_side(cards[start : start + fit]))
    card = cards[0]
    said = f"{card.pairs:,} pairs, {card.n:,} with a better answer, {card.prompts:,} prompts"
    extras = [f"{card.label_ties:,} labelled ties" if card.label_ties else ""]
    extras.append(f"{card.unlabelled:,} without a label" if card.unlabelled else "")
    screen.print(
        Text(f"\n{', '.join(filter(None, [said, *extras]))}. In brackets 95% intervals, clustered by prompt.", "dim")
    )


def _side_by_side(cards: Sequence[JudgeCard]) -> Table:
    grid = Table(box=None, pad_edge=False, header_style="bold")
    grid.add_column("", no_wrap=True, min_width=_LABELS)
    for card in cards:
        grid.add_column(visible(card.judge), justify="right", overflow="fold", min_width=_COLUMN - 2)
    for label, cell in _ROWS:
        cells = [cell(card) for card in cards]
        if any(one is not None for one in cells):
            grid.add_row(Text(label, "dim"), *(NOTHING if one is None else one for one in cells))
    return grid


def _rate(pick: Callable[[JudgeCard], Rate | None]) -> Callable[[JudgeCard], Cell | None]:
    return lambda card: shown_rate(pick(card))


def shown_rate(rate: Rate | None) -> str | None:
    """``65% [57, 72]``; None where there is no evidence."""
    if rate is None:
        return None
    lower, upper = ("?" if end is None else f"{100 * end:.0f}" for end in rate.ci)
    return f"{100 * rate.estimate:.1f}% [{lower}, {upper}]"


def _points(rate: Rate | None) -> str | None:
    return None if rate is None else (shown_rate(rate) or "").replace("%", " pt")


def _number(rate: Rate | None) -> str | None:
    if rate is None:
        return None
    lower, upper = ("?" if end is None else f"{end:.2f}" for end in rate.ci)
    return f"{rate.estimate:.2f} [{lower}, {upper}]"


def _injected(card: JudgeCard) -> str | None:
    found = card.further.get("injection")
    return shown_rate(found.success) if isinstance(found, Injection) else None


def _farewell(card: JudgeCard) -> str | None:
    found = card.further.get("injection")
    return shown_rate(found.farewell) if isinstance(found, Injection) else None


def _stands_in(card: JudgeCard) -> str | None:
    """The winning rate of the alternative annotator test, by its guarded form."""
    found = card.people.alternative if card.people else None
    if found is None or found.omega_guarded is None:
        return None
    beaten = round(found.omega_guarded * found.tested)
    return f"beats {beaten} of {found.tested}" + ("" if found.rho is None else f", ρ {found.rho:.2f}")


def _worth(card: JudgeCard) -> str | None:
    most = card.worth_ceiling
    if most is None:
        return None
    ends = ("∞" if end is None else f"{end:.2f}" for end in (most.estimate, most.lower, most.upper))
    estimate, lower, upper = ends
    return f"×{estimate} [{lower}, {upper}]"


def _own_family(card: JudgeCard) -> str | None:
    found = card.further.get("self_preference")
    return _points(found.bias) if isinstance(found, SelfPreference) else None


def _remembered(card: JudgeCard) -> str | None:
    found = card.further.get("contamination")
    if not isinstance(found, Contamination):
        return None
    without = f"; without: {shown_rate(found.clean_accuracy)}" if found.keys and found.clean_accuracy else ""
    return f"{found.prompts:,} prompts, {found.answers:,} answers{without}"


def _cost(card: JudgeCard) -> str | None:
    cost = card.further.get("cost") or {}
    if not cost.get("calls"):
        return "no calls"
    money = f", ${cost['usd_per_1000_pairs']:.2f} a thousand pairs" if cost["usd"] else ""
    tokens = (cost["prompt_tokens"] + cost["completion_tokens"]) / max(card.pairs, 1)
    return f"{tokens:,.0f} tokens, {cost['call_seconds_per_pair']:.2f} s a pair{money}"


def _alpha(card: JudgeCard) -> str | None:
    people = card.people
    if people is None or people.people.estimate is None or people.with_judge.estimate is None:
        return None
    return f"{people.people.estimate:.2f} → {people.with_judge.estimate:.2f}"


_ROWS: tuple[tuple[str, Callable[[JudgeCard], Cell | None]], ...] = (
    ("accuracy, of both orders", _rate(lambda card: card.accuracy)),
    ("  right in both orders", _rate(lambda card: card.consistent_accuracy)),
    ("  of a single order", _rate(lambda card: card.single_order_accuracy)),
    ("  length matched", _rate(lambda card: card.length_matched_accuracy)),
    ("  longer answer better", lambda card: None if card.longer_is_better is None else f"{card.longer_is_better:.0%}"),
    ("chose what was shown first", _rate(lambda card: card.first_rate)),
    ("better first minus second", lambda card: _points(card.order_gap)),
    ("both orders agree", _rate(lambda card: card.consistency)),
    ("chose the longer answer", _rate(lambda card: card.longer_rate)),
    ("kappa with the labels", lambda card: _number(card.kappa)),
    ("agrees with all people but one", lambda card: shown_rate(card.people.judge_accuracy) if card.people else None),
    ("  as that one does (ceiling)", lambda card: shown_rate(card.people.ceiling) if card.people else None),
    ("alpha of people → with judge", _alpha),
    ("may stand in for people", _stands_in),
    ("votes beside human ones, at most", _worth),
    ("own family over the labels", _own_family),
    ("known from its training", _remembered),
    ("injection succeeded", _injected),
    ("  a farewell did as much", _farewell),
    ("invalid votes", lambda card: f"{card.invalid:,}"),
    ("ties", lambda card: f"{card.vote_ties:,}"),
    ("cost", _cost),
)
