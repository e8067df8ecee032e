"""What judge cards let one say of judges: sentences read off intervals that are already computed.

Read `headline` first, then `verdict`. A judge that was taught on some of the pairs gets no headline.
"""

from collections.abc import Sequence
from typing import Literal

from fairtrial.evaluators.card import JudgeCard
from fairtrial.evaluators.contamination import Contamination
from fairtrial.evaluators.injection import Injection
from fairtrial.evaluators.tables import Rate
from fairtrial.reports.findings import names
from fairtrial.reports.judges_told import Beside, Told, rule_of
from fairtrial.reports.marks import visible
from fairtrial.reports.typeset import count, fixed, interval, number, percent
from fairtrial.reports.words import Sentence, sentence

COIN = 0.5
SMALL = 0.05
"""A habit within five points of none is not worth a headline."""
_SIMULATED = "sim/"
_GLUE = "\u00a0"
_TAUGHT, _UNKNOWN, _BEYOND, _ABOVE_COIN = "taught", "unknown", "beyond", "alone"
Habit = Literal["first", "second"]


def headline(told: Told) -> Sentence:
    """The finding on all judges: which of them do more than the rules, if any does."""
    cards = models(told)
    if not cards:
        return sentence("judges.top.rules")
    if len(cards) == 1:
        return verdict(cards[0], told, name=visible(cards[0].judge))
    standing = {card.judge: _standing(card, told)[0] for card in cards}
    if all(one == _TAUGHT for one in standing.values()):
        return sentence("judges.top.taught")
    if all(one in (_TAUGHT, _UNKNOWN) for one in standing.values()):
        return sentence("judges.top.unknown")
    ruled = any(told.against_rules(card) for card in cards)
    good = [name for name, one in standing.items() if one == (_BEYOND if ruled else _ABOVE_COIN)]
    kind = "rules" if ruled else "coin"
    return sentence(f"judges.top.{kind}.good", names=names(good)) if good else sentence(f"judges.top.{kind}.none")


def models(told: Told) -> list[JudgeCard]:
    """The cards that are no rule's."""
    return [card for card in told.judges if rule_of(card.evaluator) is None]


def rules(told: Told) -> list[JudgeCard]:
    """The rules' cards: what a judge must beat."""
    return [card for card in told.judges if rule_of(card.evaluator) is not None]


def simulated(card: JudgeCard) -> bool:
    """Whether it is no model that anyone can use."""
    return card.judge.startswith(_SIMULATED)


def taught(card: JudgeCard) -> Contamination | None:
    """What stands in its training manifest of these pairs; None where nothing does, and of a rule, which learns not."""
    found = card.further.get("contamination")
    known = isinstance(found, Contamination) and (found.prompts or found.answers or found.keys)
    return found if known and rule_of(card.evaluator) is None else None


def verdict(card: JudgeCard, told: Told, *, name: str | Sentence) -> Sentence:
    """The headline of one judge that is no rule.

    Args:
        card: Its card.
        told: All that is told, for the rules beside it.
        name: How to call it.
    """
    word, against = _standing(card, told)
    if word == _TAUGHT:
        return sentence("judges.head.taught", name=name)
    params: dict[str, str | Sentence] = {} if against is None else {"rule": sentence(f"judges.does.{against.rule}")}
    if against is not None and word == "rule.same":
        params["margin"] = _margin(against)
    main = sentence(f"judges.head.{word}", name=name, **params)
    side = habit(card)
    return main if side is None else sentence(f"judges.head.and.{side}", main=main)


def _standing(card: JudgeCard, told: Told) -> tuple[str, Beside | None]:
    """What can be claimed of a judge, as the end of a catalogue key, and the rule it is claimed against."""
    low, high = card.accuracy.ci if card.accuracy else (None, None)
    if taught(card):
        word = _TAUGHT
    elif low is None or high is None:
        word = _UNKNOWN
    elif 2 * card.invalid > card.pairs:
        word = "unread"
    elif high < COIN:
        word = "below"
    else:
        return _beside_rules(low, high, told.against_rules(card))
    return word, None


def _beside_rules(low: float, high: float, against: Sequence[Beside]) -> tuple[str, Beside | None]:
    """The same of a judge that is not below a coin, its accuracy lying between `low` and `high`."""
    worse = [one for one in against if one.found.verdict.word == "worse"]
    if worse:
        return "rule.worse", min(worse, key=lambda one: one.found.estimate)
    if low <= COIN:
        return "coin.same" if low > COIN - SMALL and high < COIN + SMALL else "coin.open", None
    unbeaten = [one for one in against if one.found.verdict.word != "better"]
    if unbeaten:
        closest = min(unbeaten, key=lambda one: one.found.estimate)
        return "rule.same" if closest.found.verdict.word == "equivalent" else "rule.open", closest
    return _BEYOND if against else _ABOVE_COIN, None


def habit(card: JudgeCard) -> Habit | None:
    """The side that a judge prefers by more than `SMALL`, whatever stands there, by the interval of its first rate."""
    low, high = card.first_rate.ci if card.first_rate else (None, None)
    if low is not None and low > COIN + SMALL:
        return "first"
    return "second" if high is not None and high < COIN - SMALL else None


def rule(card: JudgeCard) -> Sentence:
    """How good a rule is."""
    name = rule_of(card.evaluator)
    if card.accuracy is None:
        return sentence("judges.head.unknown", name=sentence(f"judges.does.{name}"))
    return sentence(f"judges.rule.{name}", rated=_rated(card.accuracy))


def points(card: JudgeCard) -> list[Sentence]:
    """What stands on a judge's card below its headline."""
    if taught(card):  # of pairs that it was taught on, a rate says what it remembers
        found = [_taught(card), _position(card)]
    else:
        found = [_accuracy(card), _position(card), _length(card), _people(card)]
    return [one for one in (*found, _injection(card), _unread(card)) if one is not None]


def beside(card: JudgeCard, told: Told) -> list[tuple[Beside, Sentence]]:
    """The judge beside each rule, with what the comparison says; of one that was taught on the pairs, nothing."""
    return [] if taught(card) else [(one, _compared(one)) for one in told.against_rules(card)]


def level(one: Beside) -> str:
    """The level of its interval, ``98.3%``."""
    return percent(1 - one.alpha)


def _compared(one: Beside) -> Sentence:
    word, more = one.found.verdict.word, one.found.verdict.more_items
    if word == "equivalent":
        return sentence("judges.beside.same", margin=_margin(one))
    if word == "inconclusive" and more is not None:
        return sentence("judges.beside.more", more=count(more))
    return sentence(f"word.{word}")


def _margin(one: Beside) -> str:
    return number(one.found.margin, "score").removesuffix(".0")


def keys(card: JudgeCard) -> str:
    """Ids of pairs from its training manifest, hidden characters spelt out; empty without."""
    known = taught(card)
    return ", ".join(visible(key, 60) for key in known.keys) if known else ""


def about(told: Told) -> list[Sentence]:
    """What the headline rests on: pairs, labels, prompts; and who it leaves out, or is no model."""
    card = told.judges[0]
    found = [sentence("judges.sizes", pairs=count(card.pairs), n=count(card.n), prompts=count(card.prompts))]
    if card.label_ties:
        found.append(sentence("judges.sizes.ties", n=count(card.label_ties)))
    if card.unlabelled:
        found.append(sentence("judges.sizes.unlabelled", n=count(card.unlabelled)))
    found.append(sentence("judges.intervals"))
    for key, several in (
        ("judges.also.taught", [one.judge for one in told.judges if taught(one)]),
        ("verdict.sim", [one.judge for one in told.judges if simulated(one)]),
    ):
        if several:
            found.append(sentence(key, names=names(several)))
    return found


def _rated(rate: Rate) -> Sentence:
    ci = interval(rate.ci, "score").replace(" ", _GLUE)
    return sentence(
        "judges.rated", rate=f"{number(rate.estimate, 'score')}%{_GLUE}{ci}", n=f"n{_GLUE}={_GLUE}{count(rate.n)}"
    )


def _accuracy(card: JudgeCard) -> Sentence | None:
    return sentence("judges.point.accuracy", rated=_rated(card.accuracy)) if card.accuracy else None


def _position(card: JudgeCard) -> Sentence | None:
    rate = card.first_rate
    low, high = rate.ci if rate else (None, None)
    if rate is None or low is None or high is None:
        return None
    side = habit(card)
    if side is None:
        none = low > COIN - SMALL and high < COIN + SMALL
        side_or = "none" if none else "lean" if not low <= COIN <= high else "open"
        return sentence(f"judges.position.{side_or}", rated=_rated(rate))
    return sentence(f"judges.position.{side}", rated=_rated(rate))


def _length(card: JudgeCard) -> Sentence | None:
    rate = card.length_matched_accuracy
    if rate is None or rate.ci[0] is None or taught(card):
        return None
    return sentence(f"judges.length.{'more' if rate.ci[0] > COIN else 'open'}", rated=_rated(rate))


def _people(card: JudgeCard) -> Sentence | None:
    people = card.people
    if people is None or people.judge_accuracy is None or people.ceiling is None:
        return None
    both = sentence("judges.people", judge=_rated(people.judge_accuracy), people=_rated(people.ceiling))
    test = people.alternative
    if test.omega_guarded is None or test.rho is None:
        return both
    stands = sentence(
        f"judges.standin.{'yes' if test.omega_guarded >= COIN else 'no'}",
        k=round(test.omega_guarded * test.tested),
        n=test.tested,
        rho=fixed(test.rho),
    )
    return sentence("join.two", first=both, second=stands)


def _injection(card: JudgeCard) -> Sentence | None:
    found = card.further.get("injection")
    if not isinstance(found, Injection) or found.success is None or found.farewell is None:
        return None
    return sentence("judges.injection", success=_rated(found.success), farewell=_rated(found.farewell))


def _unread(card: JudgeCard) -> Sentence | None:
    return sentence("judges.unread", k=count(card.invalid), n=count(card.pairs)) if card.invalid else None


def _taught(card: JudgeCard) -> Sentence | None:
    known = taught(card)
    if known is None:
        return None
    said = sentence("judges.taught", prompts=count(known.prompts), answers=count(known.answers), n=count(card.pairs))
    if known.clean_accuracy is None:
        return said
    clean = sentence("judges.taught.clean", rated=_rated(known.clean_accuracy))
    return sentence("join.two", first=said, second=clean)


def ordered(told: Told) -> list[JudgeCard]:
    """Judges in the order of their accuracy, those without a verdict last, then the rules."""

    def place(card: JudgeCard) -> float:
        return 1.0 if taught(card) or card.accuracy is None else -card.accuracy.estimate

    return [*sorted(models(told), key=place), *rules(told)]
