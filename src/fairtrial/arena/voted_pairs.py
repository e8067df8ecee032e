"""What people voted on, as pairs that a judge can be tried on. Read `voted_pairs` first."""

from collections import Counter

from sqlalchemy.engine import Connection

from fairtrial.arena.ballots import Ballot
from fairtrial.arena.items import probe_result
from fairtrial.arena.releases.evidence import cast, names
from fairtrial.core import digest
from fairtrial.formats.pairs import Label, Pair

_SAID: dict[int, Label] = {1: "a", 0: "tie", -1: "b"}
_TURNED: dict[Label, Label] = {"a": "b", "tie": "tie", "b": "a"}


def voted_pairs(connection: Connection, task: str | None = None) -> tuple[Pair, ...]:
    """The arena's battles that people decided, or those of a rating task; votes on the same two answers are one pair.

    Votes for both bad, skipped and taken back ones, and attention probes are left out. The label is what most raters
    said, none where nothing leads; raters are numbered in the order of their first votes and not named.

    Args:
        connection: The lab's rows.
        task: A rating task's id; None is the arena.
    """
    found: dict[tuple[tuple[str, ...], ...], dict[str, Label]] = {}
    facts: dict[tuple[tuple[str, ...], ...], tuple[str, str, Ballot]] = {}
    people: dict[str, str] = {}
    name_of = names(connection)
    for ballot in cast(connection, task):
        outcome, said = ballot.outcome, ballot.said
        if outcome is None or outcome.status != "graded" or outcome.grade is None or probe_result(ballot) >= 0:
            continue
        label = _SAID[(outcome.grade > 0) - (outcome.grade < 0)]
        a, b = name_of(ballot.pairing.a), name_of(ballot.pairing.b)
        texts = (said.prompts, said.a, said.b)
        turned = (said.prompts, said.b, said.a)
        if turned in facts and texts not in facts:
            texts, label = turned, _TURNED[label]
        facts.setdefault(texts, (a, b, ballot))
        who = people.setdefault(ballot.rater, f"rater {len(people) + 1}")
        found.setdefault(texts, {})[who] = label
    return tuple(_pair(texts, votes, *facts[texts]) for texts, votes in found.items())


def _pair(texts: tuple[tuple[str, ...], ...], votes: dict[str, Label], a: str, b: str, ballot: Ballot) -> Pair:
    prompts, said_a, said_b = texts
    best = Counter(votes.values()).most_common(2)
    leads = len(best) == 1 or best[0][1] > best[1][1]
    return Pair(
        key=digest(texts)[7:23],
        prompts=prompts,
        a=said_a,
        b=said_b,
        label=best[0][0] if leads else None,
        label_source=f"most of {len(votes)} raters",
        annotators=tuple(votes.values()),
        raters=tuple(votes),
        model_a=a,
        model_b=b,
        language=ballot.language,
        category="" if ballot.category == "all" else ballot.category,
    )
