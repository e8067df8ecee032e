"""Which votes count, how much, and why: rigging, inattention, repetition and too much influence. Read `examine` first.

Nothing is dropped in silence: every vote keeps its row, a weight from 0 to 1 and the reason for it, and boards are made
with and without the weights. The tests control the false-discovery rate: of the raters found alone, at most the stated
share are honest on average, if honest tastes are as spread as allowed for; of bursts likewise, but within a true burst
votes are weighed by their chance to be part of it. They look at one moment; a later look is a new one, same promise.
"""

from dataclasses import dataclass, replace

import numpy as np

from fairtrial.arena._suspects import Burst, Suspicion, suspect
from fairtrial.core import BadInput
from fairtrial.stats import A_WINS, Battles, tally
from fairtrial.stats._arrays import BoolArray, FloatArray, IntArray
from fairtrial.stats.evalues import e_bh, probe_ratio

REASONS = (
    "",
    "attention probe",
    "failed probes",
    "favours one contestant",
    "opposes one contestant",
    "always the same answer",
    "too fast to have read",
    "burst for one contestant",
    "burst against one contestant",
    "duplicate prompt",
    "influence cap",
)
"""Why a vote counts less than in full, the weightiest first; a vote has the first that holds."""
_PROBE, _INATTENTIVE, _FOR, _AGAINST, _SAME, _FAST, _BURST, _BURST_AGAINST, _DUPLICATE, _CAP = range(1, len(REASONS))
_SINGLE = {"for": _FOR, "against": _AGAINST, "same": _SAME}
_ANSWERS = ("the first answer", "the second answer", "a tie")
_TOLD = 0.05
"""Chance of being part of a burst from which a vote is weighted."""
_LOOKS = 6
"""Most looks at one set of votes."""
_USUAL = 5
"""A prompt may have this many times the median prompt's votes before its share of all votes is looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What is declared before votes are examined."""

    level: float = 0.05
    """False-discovery rate: of raters alone, of probes, and of bursts, each."""
    taste: float = 0.6
    """Least spread of honest raters' tastes: standard deviation in natural log units of the odds. The votes may show
    more, and then more is allowed for."""
    attentive: float = 0.8
    """Chance with which an attentive rater passes a probe, at least."""
    fastest: float = 1.0
    """Seconds in which nobody reads two answers."""
    rater_share: float = 0.01
    """Largest share of all weight that one rater may hold, or two equal shares where raters are few."""
    prompt_share: float = 0.01
    """Likewise for prompts, or five times the median prompt's votes where prompts are given by design."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A rater, or a burst of ids, whose votes were found not to be honest opinions."""

    what: str
    """One of `REASONS`."""
    rater: str
    """Empty for a burst."""
    target: str
    """The contestant, or the answer always given; empty for failed probes."""
    log10_e: float
    """Evidence against honesty: chance at most 10^-x to reach x by luck, before allowing for the number of tests."""
    ids: int
    """Number of ids: 1, or those of a burst."""
    share: float
    """Likeliest share of the ids that vote for a purpose; 1 for a rater."""
    rows: tuple[int, int]
    """First and last row concerned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Integrity:
    """Weights of N votes and the reasons for them."""

    weight: FloatArray
    """(N,) 0 … 1."""
    reason: IntArray
    """(N,) index into `REASONS`; 0 for votes that count in full."""
    findings: tuple[Finding, ...]
    tested: int
    """Raters with votes enough to be tested alone."""
    taste: float
    """Spread of tastes allowed for, natural log units."""
    cap: float
    """Most weight that one rater holds, in votes."""
    rules: Rules

    def reasons(self) -> dict[str, int]:
        """Number of votes by the reason why they count less."""
        counts = np.bincount(self.reason, minlength=len(REASONS))
        return {name: int(count) for name, count in zip(REASONS, counts, strict=True) if name and count}

    def weighted(self, votes: Battles) -> Battles:
        """The votes examined, for the board with the weights: those of weight 0 are left out."""
        keep = self.weight > 0
        return replace(votes, weight=votes.vote_weights() * self.weight).take(keep)


def examine(
    votes: Battles, *, probe: IntArray | None = None, seconds: FloatArray | None = None, rules: Rules | None = None
) -> Integrity:
    """Weigh people's votes.

    Args:
        votes: Votes by people, in order of time, with raters; prompts as clusters (`duplicates.clusters`) where known;
            the order shown where it was not A first. Undecided votes stay, and go only with their rater.
        probe: (N,) 1 for a probe that was passed, 0 for one that was failed, -1 for a vote. Probes are no votes.
        seconds: (N,) from the answers to the vote; NaN where unknown.
        rules: None: the defaults.

    Raises:
        BadInput: The votes name no raters, a column of another length, rules out of range.
    """
    rules = rules or Rules()
    rater = votes.clusters("rater")
    for name, column in (("probe", probe), ("seconds", seconds)):
        if column is not None and np.shape(column) != (len(votes),):
            raise BadInput(f"column '{name}' does not have one value for each of the {len(votes)} votes.", where=name)
    book = _Book(len(votes))
    probed = np.zeros(len(votes), dtype=bool) if probe is None else np.asarray(probe) >= 0
    book.weigh(_PROBE, probed, 0.0)
    findings = [] if probe is None else _probes(votes, np.asarray(probe), rules, book)
    if seconds is not None:
        book.weigh(_FAST, np.asarray(seconds) < rules.fastest, 0.0)
    decided = (votes.outcome <= A_WINS) & ~probed
    alone, crowded = _duplicates(votes, decided, rules)
    book.weigh(_DUPLICATE, decided, alone * crowded)
    taste, tested = rules.taste, 0
    if len(votes.names) > 1 and (decided & (book.weight > 0)).any():
        seen = _test(votes, decided, book, alone, rules)
        taste, tested = seen.taste, len(seen.tested)
        findings += _tell(votes, np.flatnonzero(decided), seen, book)
    counted = book.weight * decided
    cap = _share_cap(tally(rater, counted, int(rater.max(initial=-1)) + 1), rules.rater_share)
    book.weigh(_CAP, decided, _to_cap(rater, counted, cap))
    return Integrity(
        weight=book.weight,
        reason=book.reason,
        findings=tuple(findings),
        tested=tested,
        taste=taste,
        cap=cap,
        rules=rules,
    )


class _Book:
    """Weights so far, and the weightiest reason for each."""

    def __init__(self, count: int) -> None:
        self.weight = np.ones(count)
        self.reason = np.zeros(count, dtype=np.int8)

    def copy(self) -> "_Book":
        found = _Book(0)
        found.weight, found.reason = self.weight.copy(), self.reason.copy()
        return found

    def weigh(self, reason: int, rows: BoolArray, by: FloatArray | float) -> None:
        """Multiply the weights of some rows."""
        factor = np.where(rows, by, 1.0)
        self.weight = self.weight * factor
        better = (factor < 1) & ((self.reason == 0) | (self.reason > reason))
        self.reason[better] = reason


def _test(votes: Battles, decided: BoolArray, book: _Book, alone: FloatArray, rules: Rules) -> Suspicion:
    """Look again while anything new is found: what was found no longer speaks for the crowd, nor against others.

    Raters come first, so that a burst is not made of those who were found alone; of bursts each look adds the clearest,
    since those who always vote for one contestant seem to oppose the others.
    """
    some, base = votes.take(decided), book.weight[decided]
    rater = some.clusters("rater")
    size = int(rater.max()) + 1
    found, out, bursts, doubt = None, set[int](), list[Burst](), np.zeros((len(some), 2))
    for _ in range(_LOOKS):
        left = 1 - doubt.max(axis=1)
        weight = base * left * ~np.isin(rater, list(out))
        if found is not None and not weight.any():
            break
        cap = _share_cap(tally(rater, weight, size), rules.rater_share)
        capped = weight * _to_cap(rater, weight, cap)
        found = suspect(some, capped, alone[decided] * left, taste=rules.taste, level=rules.level)
        now = {one.rater for one in found.singles}
        if now == out:
            if not found.bursts:
                break
            bursts += found.bursts
            doubt = np.maximum(doubt, found.doubt)
        out = now
    assert found is not None
    return replace(found, bursts=bursts, doubt=doubt)


def _tell(votes: Battles, rows: IntArray, seen: Suspicion, book: _Book) -> list[Finding]:
    """Weigh the votes of raters and bursts found, and say so."""
    findings = []
    for one in seen.singles:
        target = _ANSWERS[one.target] if one.what == "same" else votes.names[one.target]
        findings.append(_strike(votes, one.rater, _SINGLE[one.what], target, one.log_e, book))
    for against in (False, True):
        doubt = np.zeros(len(votes))
        doubt[rows] = seen.doubt[:, int(against)]
        book.weigh(_BURST_AGAINST if against else _BURST, doubt >= _TOLD, 1 - doubt)
    return findings + [
        Finding(
            what=REASONS[_BURST_AGAINST if burst.against else _BURST],
            rater="",
            target=votes.names[burst.target],
            log10_e=float(burst.log_e / np.log(10)),
            ids=burst.ids,
            share=burst.share,
            rows=(int(rows[burst.first]), int(rows[burst.last])),
        )
        for burst in seen.bursts
    ]


def _probes(votes: Battles, probe: IntArray, rules: Rules, book: _Book) -> list[Finding]:
    """Raters who fail probes more often than attentive ones do: none of their votes counts."""
    rater = votes.clusters("rater")
    size = int(rater.max(initial=-1)) + 1
    passed, failed = np.bincount(rater[probe > 0], minlength=size), np.bincount(rater[probe == 0], minlength=size)
    probed = np.flatnonzero(passed + failed)
    if not len(probed):
        return []
    log_e = probe_ratio(passed[probed], failed[probed], attentive=rules.attentive)
    found = e_bh(log_e, rules.level)
    told = zip(probed[found].tolist(), log_e[found].tolist(), strict=True)
    return [_strike(votes, code, _INATTENTIVE, "", evidence, book) for code, evidence in told]


def _strike(votes: Battles, rater: int, reason: int, target: str, log_e: float, book: _Book) -> Finding:
    """None of the rater's votes counts."""
    mine = votes.clusters("rater") == rater
    book.weigh(reason, mine, 0.0)
    rows = np.flatnonzero(mine)
    return Finding(
        what=REASONS[reason],
        rater=votes.rater_names[rater] if votes.rater_names else str(rater),
        target=target,
        log10_e=float(log_e / np.log(10)),
        ids=1,
        share=1.0,
        rows=(int(rows[0]), int(rows[-1])),
    )


def _duplicates(votes: Battles, decided: BoolArray, rules: Rules) -> tuple[FloatArray, FloatArray]:
    """(N,) weights of what a rater said again of the same pair on one prompt; and of prompts with too many votes."""
    alone, crowded = np.ones(len(votes)), np.ones(len(votes))
    if votes.prompt is None or not decided.any():
        return alone, crowded
    prompt = votes.prompt[decided].astype(np.int64)
    low, high = np.minimum(votes.a, votes.b)[decided], np.maximum(votes.a, votes.b)[decided]
    pair = low.astype(np.int64) * len(votes.names) + high
    said = np.stack([votes.clusters("rater")[decided], prompt, pair], axis=1)
    order = np.lexsort(said.T)
    new = np.concatenate([[True], (np.diff(said[order], axis=0) != 0).any(axis=1)])
    again = np.empty(len(prompt), dtype=np.int64)
    again[order] = np.cumsum(new) - 1
    alone[decided] = 1 / np.bincount(again)[again]
    sizes = np.bincount(prompt, alone[decided])
    most = max(rules.prompt_share * sizes.sum(), _USUAL * float(np.median(sizes[sizes > 0])))
    crowded[decided] = np.minimum(1, most / sizes[prompt])
    return alone, crowded


def _share_cap(sizes: FloatArray, share: float) -> float:
    """The most weight of one rater, so that nobody holds more than the share of all weight that is left."""
    largest = np.sort(sizes[sizes > 0])[::-1]
    if not len(largest):
        return 0.0
    share = max(share, 2 / len(largest))
    rest = float(largest.sum())
    for capped, size in enumerate(largest.tolist()):
        cap = share * rest / (1 - share * capped) if share * capped < 1 else np.inf
        if size <= cap:
            return cap
        rest -= size
    return float(largest[0])


def _to_cap(rater: IntArray, weight: FloatArray, cap: float) -> FloatArray:
    """(N,) factors that bring each rater's weight down to the cap."""
    held = tally(rater, weight, int(rater.max(initial=-1)) + 1)
    return np.asarray(np.minimum(1, cap / np.maximum(held, 1e-300))[rater])
