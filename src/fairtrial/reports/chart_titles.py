"""Titles of charts: each says its finding, read off verdicts, rank sets and counts that are already computed.

Read `strata` first. A chart without a finding says what it shows, and claims nothing.
"""

from fairtrial.core import Board, Report
from fairtrial.core.flow import Params
from fairtrial.reports.findings import comparisons, decided, headline, is_whole, judge_name, leaders, namer, real_rows
from fairtrial.reports.findings import reason as reason_of
from fairtrial.reports.marks import visible
from fairtrial.reports.rankings import Ranking
from fairtrial.reports.words import Sentence, sentence

_UNBIASED = 0.5


def board(of: Board) -> Sentence:
    """Who is first, or that nobody is."""
    return headline(of)


def matrix(of: Board) -> Sentence:
    """How many pairs are decided."""
    pairs = len(comparisons(of))
    if not pairs:
        return sentence("chart.matrix.plain")
    k = len(decided(of))
    key = "chart.matrix.some" if len(real_rows(of)) == len(of.models) else "chart.matrix.some.sim"
    return sentence(key, k=k, n=pairs) if k or key.endswith("sim") else sentence("chart.matrix.none")


def strata(report: Report, by: str) -> Sentence:
    """A decided comparison inside one stratum; else how many cells hold no evidence; else what is shown."""
    for part in report.boards:
        if not is_whole(part) and part.view.get(by, "all") != "all":
            for item in decided(part):
                value = visible(part.view[by])
                return sentence("chart.strata.beats", a=visible(item.a), b=visible(item.b), value=value)
    rows = [row for row in report.strata if row["by"] == by]
    empty = sum(bool(row.get("note")) for row in rows)
    if empty:
        return sentence("chart.strata.floor", k=empty, n=len(rows))
    return sentence("chart.strata.plain", by=sentence(f"by.{by}"))


def cost(of: Board, unit: str) -> Sentence:
    """Whether a decided difference goes to the cheaper or to the dearer contestant; `unit` is ``usd`` or ``tokens``."""
    paid = {row.name: getattr(row, unit) for row in of.models}
    found = [item for item in decided(of) if None not in (paid.get(item.a), paid.get(item.b))]
    # A strategy that wins and costs less is the rarer and more useful finding, so it goes first.
    cheaper = [item for item in found if paid[item.a] < paid[item.b]]
    dearer = [item for item in found if paid[item.a] > paid[item.b]]
    for key, items in (("cheaper", cheaper), ("dearer", dearer)):
        if items:
            return sentence(f"chart.cost.{key}", a=visible(items[0].a), b=visible(items[0].b))
    return sentence("chart.cost.none")


def judges(cards: tuple[Params, ...]) -> Sentence:
    """Whose position rate is away from one half, by its interval."""
    for card in cards:
        low, high = ((card.get("first_rate") or {}).get("ci")) or (None, None)
        if low is not None and low > _UNBIASED:
            return sentence("chart.judges.first", name=judge_name(card))
        if high is not None and high < _UNBIASED:
            return sentence("chart.judges.second", name=judge_name(card))
    return sentence("chart.judges.none")


def failures(report: Report) -> Sentence:
    """Who failed most often, and how."""
    if not report.failures:
        return sentence("chart.failures.none")
    worst = max(report.failures, key=lambda row: row["count"])
    return sentence(
        "chart.failures.most",
        name=namer(report)(worst["contestant"]),
        reason=reason_of(worst["reason"]),
        count=worst["count"],
        n=worst["n"],
    )


def side_by_side(ranking: Ranking) -> Sentence:
    """Whether first place is settled in the boards of single values, and for whom."""
    first = {ranking.value(part): found[0] for part in ranking.parts if len(found := leaders(part)) == 1}
    total = len(ranking.parts)
    if not first:
        return sentence("byside.none", n=total)
    names = list(dict.fromkeys(first.values()))
    if len(names) == 1:
        return sentence("byside.same", name=visible(names[0]), k=len(first), n=total)
    at = {name: next(value for value, who in first.items() if who == name) for name in names[:2]}
    (a, x), (b, y) = at.items()
    return sentence("byside.differ", a=visible(a), x=x, b=visible(b), y=y)
