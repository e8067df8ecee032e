"""What the evidence lets one say: sentences read off verdicts and rank sets that are already computed.

Read `headline` first. Nothing here compares estimates to decide who is better; only `Difference.verdict` does that.
"""

import math
import re
from collections.abc import Callable, Sequence
from itertools import pairwise

from fairtrial.core import Board, BoardModel, Difference, Report
from fairtrial.core.flow import Params
from fairtrial.reports.marks import visible
from fairtrial.reports.refusals import in_words
from fairtrial.reports.typeset import count, interval, number
from fairtrial.reports.words import Sentence, catalogue, known, sentence

_ORDER = ("human", "scorer", "judge", "combined")
_FAR = 4.0
"""Usual half widths beyond which a picture cuts an interval."""
_SHOWN = 6
_NAMED = 4
_WIDEST = "population"
_STRATA = ("category", "language")
_RATINGS = re.compile(r"\b(rating|vote)s?\b", re.IGNORECASE)
_FIT = (
    "model", "method", "interval", "score_interval", "ties", "cluster", "clusters", "items", "votes", "alpha", "draws",
    "seed", "guessing",
)  # fmt: skip


def is_whole(board: Board) -> bool:
    """Whether the board covers all prompts, and not one category or language."""
    return all(board.view.get(by, "all") == "all" for by in _STRATA)


def boards_in_order(report: Report) -> list[Board]:
    """Whole boards, the headline's kind of evidence first: human, scorer, judge, combined. Kinds are never pooled."""
    whole = [board for board in report.boards if is_whole(board)]
    return sorted(whole, key=lambda board: _ORDER.index(board.evidence))


def keyed_boards(report: Report) -> dict[str, Board]:
    """Whole boards by a name that is unique on a page: ``scorer``, ``judge``, ``judge-2``."""
    keyed: dict[str, Board] = {}
    for board in boards_in_order(report):
        same = sum(other.evidence == board.evidence for other in keyed.values())
        keyed[f"{board.evidence}-{same + 1}" if same else board.evidence] = board
    return keyed


def board_name(board: Board) -> Sentence:
    """The kind of evidence and what was selected of it, for example one judge's votes."""
    kind = sentence(f"board.{board.evidence}")
    view = names([value for value in board.view.values() if value != "all"])
    return sentence("board.named", kind=kind, view=view) if view else kind


def reason(words: str) -> Sentence | str:
    """Why an answer failed: ``truncated``, or ``failed: crashed`` with a detail after the colon."""
    kind, colon, detail = words.partition(": ")
    known_kind = known("reason", kind)
    return sentence("reason.detail", reason=known_kind, detail=visible(detail)) if colon else known_kind


def judge_name(card: Params) -> str:
    """A judge's short name where the trial gave one, else its evaluator id."""
    return visible(card.get("name") or card["evaluator"])


def measures(card: Params) -> list[tuple[str, Params | None]]:
    """What is measured of a judge, by catalogue key; None where there is no evidence."""
    always = ("first_rate", "consistency", "agreement")
    extra = ("single_order_agreement",) if "single_order_agreement" in card else ()
    found = [(name, card.get(name)) for name in (*always, *extra)]
    return [(name, rate if rate and rate.get("estimate") is not None else None) for name, rate in found]


def headline_board(report: Report) -> Board | None:
    """The board that the headline speaks of; None without any."""
    boards = boards_in_order(report)
    return next((board for board in boards if board.models), boards[0] if boards else None)


def real_rows(board: Board) -> list[BoardModel]:
    """The rows that sentences speak of: not the simulated yardsticks, unless a comparison needs them."""
    real = [row for row in board.models if not row.simulated]
    return real if len(real) > 1 else list(board.models)


def comparisons(board: Board) -> list[Difference]:
    """The comparisons among `real_rows`."""
    real = {row.name for row in real_rows(board)}
    return [item for item in board.differences if item.a in real and item.b in real]


def leaders(board: Board) -> list[str]:
    """Contestants whose rank set includes first place, or would without the simulated ones ahead."""
    rows = real_rows(board)
    if len(rows) == len(board.models):
        return [row.name for row in rows if row.rank_set is not None and row.rank_set[0] == 1]
    beaten = {item.b for item in decided(board)}
    return [row.name for row in rows if row.rank_set is not None and row.name not in beaten]


def headline(board: Board | None) -> Sentence:
    """Who is first, or that nobody is."""
    if board is None or not board.models:
        return sentence("verdict.none")
    if board.fit.get("above_guessing") == []:
        return sentence("verdict.floor")
    if len(real_rows(board)) == 1:
        return sentence("verdict.single")
    return _places(board, leaders(board))


def _places(board: Board, first: list[str]) -> Sentence:
    if not first:
        return sentence("verdict.unranked")
    if len(first) == 1:
        return sentence("verdict.first", name=visible(first[0]))
    if len(first) == len(real_rows(board)):
        unrated = all(row.rating is None and row.score is None for row in board.models)
        return sentence("verdict.unranked" if unrated else "verdict.open")
    if len(first) > _NAMED + 1:
        return sentence("verdict.shared.many", names=names(first[:_NAMED]), n=len(first) - _NAMED)
    return sentence("verdict.shared", names=names(first))


def names(several: list[str]) -> str:
    """Names in a row, hidden characters spelt out."""
    return ", ".join(visible(name) for name in several)


def ordered(difference: Difference) -> Difference:
    """The comparison with the better contestant first, so that it reads forwards."""
    if difference.verdict != "worse":
        return difference
    low, high = difference.ci
    return Difference(
        a=difference.b,
        b=difference.a,
        estimate=-difference.estimate,
        ci=(None if high is None else -high, None if low is None else -low),
        unit=difference.unit,
        verdict="better",
        margin=difference.margin,
        n=difference.n,
        more_items=difference.more_items,
    )


def decided(board: Board) -> list[Difference]:
    """Comparisons with a winner, the winner first."""
    return [ordered(item) for item in comparisons(board) if item.verdict in {"better", "worse"}]


def shown_pairs(board: Board, most: int = 600) -> tuple[Difference, ...]:
    """The comparisons a page lists: all, or of very many the neighbouring ones and then the decided ones."""
    if len(board.differences) <= most:
        return board.differences
    names_of = [row.name for row in board.models]
    near = set(pairwise(names_of))
    first = [item for item in board.differences if (item.a, item.b) in near]
    then = [item for item in board.differences if (item.a, item.b) not in near and item.verdict != "inconclusive"]
    return (*first, *then)[:most]


def comparison(item: Difference) -> Sentence:
    """A decided comparison in words: better, or equivalent within its margin."""
    item = ordered(item)
    return sentence(
        f"verdict.{item.verdict}",
        a=visible(item.a),
        b=visible(item.b),
        estimate=number(item.estimate, item.unit, signed=True),
        ci=interval(item.ci, item.unit, signed=True),
        unit=sentence(f"unit.{item.unit}"),
        margin=number(item.margin, item.unit),
        n=item.n,
    )


def can_be_said(board: Board | None) -> list[Sentence]:
    """Comparisons that are decided; the first few, and how many more."""
    if board is None or not board.differences:
        return []
    settled = decided(board) + [item for item in comparisons(board) if item.verdict == "equivalent"]
    said = [comparison(item) for item in settled[:_SHOWN]]
    if len(settled) > _SHOWN:
        said.append(sentence("verdict.more", n=len(settled) - _SHOWN))
    said = said or [sentence("verdict.nothing")]
    return [*said, scope(board)] if board.scope == _WIDEST else said


def cannot_be_said(board: Board | None) -> list[Sentence | str]:
    """What stays open: inconclusive comparisons, the board's scope, its refusals, simulated contestants."""
    if board is None:
        return []
    unsaid: list[Sentence | str] = [*undecided(board)]
    if board.scope != _WIDEST and not (board.evidence == "judge" and board.refusals):  # its refusals say it
        unsaid.append(scope(board))
    unsaid.extend(map(in_words, refusals(board)))
    simulated = [row.name for row in board.models if row.simulated]
    if simulated:
        unsaid.append(sentence("verdict.sim", names=names(simulated)))
    return unsaid


def undecided(board: Board) -> list[Sentence]:
    """How many comparisons are inconclusive, and which of them needs the fewest further items."""
    among = comparisons(board)
    unsure = [item for item in among if item.verdict == "inconclusive"]
    if not unsure:
        return []
    key = "verdict.inconclusive" if len(real_rows(board)) == len(board.models) else "verdict.inconclusive.sim"
    said = [sentence(key, k=count(len(unsure)), n=count(len(among)))]
    needs = [(item.more_items, place) for place, item in enumerate(unsure) if item.more_items is not None]
    if needs:
        more, place = min(needs)
        pair = {"a": visible(unsure[place].a), "b": visible(unsure[place].b)}
        one = more == 1
        said.append(sentence("verdict.closest.one" if one else "verdict.closest", **pair, n=count(more)))
    return said


def _about_ratings(board: Board, refusal: str) -> bool:
    """Whether a refusal of a scorer's board speaks of the ratings behind it, which no column of it shows."""
    if board.evidence != "scorer" or all(row.score is None for row in board.models):
        return False
    for row in board.models:  # a contestant may be called "majority vote"
        refusal = refusal.replace(row.name, "")
    return _RATINGS.search(refusal) is not None


def refusals(board: Board) -> list[str]:
    """The claims that a board does not make, about what it shows."""
    return [refusal for refusal in board.refusals if not _about_ratings(board, refusal)]


def asides(board: Board) -> list[str]:
    """Refusals about ratings on a board that shows scores: small print, not headlines."""
    return [refusal for refusal in board.refusals if _about_ratings(board, refusal)]


def failures_counted(report: Report) -> Sentence:
    """What an answer that failed counts: what the scorer gave it, or nothing where the trial has no scorer."""
    scored = any(row.score is not None for board in report.boards for row in board.models)
    return sentence("failures.scored" if scored else "failures.unscored")


def judges_heading(cards: Sequence[Params]) -> Sentence:
    """The heading over judges: on trial where all of these are, while one that only votes is not."""
    on_trial = all(card.get("on_trial", True) for card in cards)
    return sentence("section.judges.trial" if on_trial else "section.judges")


def fit_main(board: Board) -> dict[str, str]:
    """The entries of a board's method that a reader asks for first, as short texts by their name."""
    found = {name: board.fit[name] for name in _FIT if name in board.fit}
    return {name: _short(value) for name, value in found.items() if not isinstance(value, dict)}


def _short(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(_short, value))
    return f"{value:.3g}" if isinstance(value, float) else visible(str(value))


def expected(report: Report) -> list[Sentence | str]:
    """The hypotheses that the trial file held before the run."""
    return [visible(str(line)) for line in report.trial.get("hypotheses", ())]


def scope(board: Board) -> Sentence:
    """How far the board speaks."""
    key = f"scope.{board.scope}"
    return sentence(key) if key in catalogue("en") else sentence("scope.other", scope=visible(board.scope))


def span(counts: list[int]) -> Sentence | str:
    """``n = 40`` or ``n = 6 to 12`` over several rows; ``no evidence`` over none."""
    if not counts:
        return sentence("no_evidence")
    low, high = min(counts), max(counts)
    return sentence("chart.n", n=low) if low == high else sentence("chart.n.range", low=low, high=high)


def rating_span(boards: Sequence[Board]) -> tuple[float, float] | None:
    """Lowest and highest value that a picture of ratings has to show; None without any rating or bound.

    All ratings are in it, and intervals as far as `_FAR` times the usual half width: one model whose votes rest on a
    few prompts or raters would press all the others into a dot. What lies beyond is drawn as an arrow.
    """
    rows = [row for board in boards for row in board.models]
    halves = sorted((row.ci[1] - row.ci[0]) / 2 for row in rows if row.ci[0] is not None and row.ci[1] is not None)
    reach = _FAR * halves[len(halves) // 2] if halves else math.inf
    shown = [row.rating for row in rows if row.rating is not None]
    shown += [row.rating for b in boards if b.raw is not None for row in b.raw.models if row.rating is not None]
    for row in rows:
        near = [end for end in row.ci if end is not None]
        if row.rating is not None:
            near = [min(max(end, row.rating - reach), row.rating + reach) for end in near]
        shown += near
    return (min(shown), max(shown)) if shown else None


def board_n(board: Board) -> list[int]:
    """Responses (scorers) or votes behind each row."""
    return [row.score_n if row.score is not None else row.votes for row in board.models]


def namer(report: Report) -> Callable[[str], str]:
    """From a contestant's id, or its name, to the name to show, hidden characters spelt out."""
    known_names = {card["id"]: card["name"] for card in report.contestants}
    return lambda who: visible(known_names.get(who, who))
