"""Votes to a board: read, select, count what is left out, rate, state the scope. Read `rank` first."""

import math
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from fairtrial.core import BadInput, Board, NoConclusion, nearest
from fairtrial.core.flow import EvidenceKind
from fairtrial.ranking.auto import AUTO, choose_ties
from fairtrial.ranking.method import LEAST_DRAWS, MOST_DRAWS, Method, default_clusters, listed
from fairtrial.ranking.ratings import CENTRE, SCALE, rate
from fairtrial.ranking.rows import difference_rows, model_rows, snapshot, win_counts
from fairtrial.ranking.scope import scope
from fairtrial.ranking.sources import as_battles, of_kind
from fairtrial.stats import (
    BOTH_BAD,
    KINDS,
    TIE,
    TIE_MODELS,
    Battles,
    Ties,
    connectivity,
    fit_bradley_terry,
    known_ties,
    tie_weight_bounded,
)

RATING_MARGIN = 35.0
"""Default smallest rating difference that matters: a win rate of 55 %."""


def rank(
    battles: Any,
    *,
    evidence: EvidenceKind | None = None,
    ties: str = "davidson",
    graded: bool = False,
    control: Sequence[str] = (),
    cluster: Sequence[str] | None = None,
    where: Mapping[str, str] | None = None,
    alpha: float = 0.05,
    margin: float = RATING_MARGIN,
    draws: int = 4000,
    seed: int = 0,
    view: dict[str, str] | None = None,
    weighted: bool = True,
) -> Board:
    """Rank models by votes, with honest uncertainty.

    Ratings are Bradley-Terry strengths (`stats.bradley_terry`), intervals cluster-robust (`stats.sandwich`), rank sets,
    tiers and differences simultaneous over all pairs (`stats.simultaneous`). "Both bad" is no tie: it is left out and
    counted, and `fit` also gives the ratings with it counted as a tie. Of a controlled board `raw` gives them; a graded
    board has none, for "both bad" has no place among the grades.

    Args:
        battles: A path (CSV, TSV, JSONL, JSON, Parquet), a dict of columns, a data frame, an Arrow table, or `Battles`.
        evidence: Kind of the votes; votes of other kinds are left out and counted. None: people's where there are any,
            else scorers', else judges'.
        ties: ``davidson``, ``half`` (half wins), ``rao-kupper``, or ``auto``: whichever predicts best, exploratory.
        graded: Use grades (−2 … 2) by a cumulative-link model; then `ties` is beside the point, and ``auto`` an error.
        control: Features whose effect is taken out (NAME needs ``feature_NAME_a`` and ``feature_NAME_b``;
            ``relative:NAME`` divides the difference by the sum), and ``position`` for the first-position effect. The
            board without them is `Board.raw`.
        cluster: What was sampled, ``rater`` and/or ``prompt``. None: both where people voted and both are known.
        where: Column to value: only these votes count.
        alpha: Error probability: of each rating's interval, and of all rank sets and differences together.
        margin: Smallest difference that matters, in rating points.
        draws: Draws behind the simultaneous critical value.
        seed: Seed of the draws.
        view: What was selected, for the board's label.
        weighted: Use the votes' weights; without them every vote counts once.

    Raises:
        BadInput: A bad file, label or option.
        NoConclusion: No vote to rank by; a control that predicts every vote.
    """
    check_options(evidence, alpha, ties=ties, margin=margin, draws=draws, seed=seed)
    if graded and ties == AUTO:
        raise BadInput(
            "grades have their own model of ties, so there is none to choose.",
            where="ties",
            next_step="Leave out 'auto', or rank without grades.",
        )
    control = tuple(dict.fromkeys(listed(control, "control")))
    votes = as_battles(battles, control=control, only=where or {}, weighted=weighted)
    return rank_votes(
        votes,
        evidence=evidence or headline_kind(votes),
        ties=ties,
        method=Method(graded=graded, control=control, alpha=alpha, draws=draws, seed=seed),
        cluster=None if cluster is None else listed(cluster, "cluster"),
        margin=margin,
        view=view or ({"category": "all"} | dict(where or {})),
    )


def rank_by(battles: Any, by: str, *, where: Mapping[str, str] | None = None, **options: Any) -> tuple[Board, ...]:
    """The board of all votes, then one for each value of a column (a category, a language, a group of raters).

    Each board stands on its own: the error probability `alpha` holds for each, not for all of them together. Which kind
    of evidence leads is decided once, by all the votes.

    Args:
        battles: As for `rank`.
        by: The column.
        where: As for `rank`.
        options: The other options of `rank`, except `view`.

    Raises:
        BadInput: As `rank`; more than 50 different values.
        NoConclusion: No vote to rank by at all. A value without decided votes, or whose votes cannot be controlled or
            graded as asked, gives an empty board that says so.
    """
    if "view" in options:
        raise BadInput("each of the boards has a view of its own.", where="view", next_step="Leave out 'view'.")
    control = tuple(dict.fromkeys(listed(options.get("control", ()), "control")))
    votes = as_battles(battles, control=control, by=(by,), only=where or {}, weighted=options.pop("weighted", True))
    labels = votes.labels[by]
    if len(labels.names) > MOST_BOARDS:
        raise BadInput(
            f"'{by}' has {len(labels.names):,} different values; at most {MOST_BOARDS} boards are made.",
            where="by",
            next_step="Split by a column with fewer values, such as category or language.",
        )
    check_options(options.get("evidence"), options.get("alpha", 0.05))
    options["evidence"] = options.get("evidence") or headline_kind(votes)
    boards = [rank(votes, **options, view={"category": "all"} | dict(where or {}))]
    for code, name in enumerate(labels.names):
        view = {by: name} | dict(where or {})
        try:
            boards.append(rank(votes.take(labels.codes == code).active(), **options, view=view))
        except (BadInput, NoConclusion) as refused:
            if isinstance(refused, BadInput) and refused.where not in ("control", "graded"):
                raise
            boards.append(_empty(boards[0], view, refused))
    return tuple(boards)


MOST_BOARDS = 50
"""Most boards that one column may be split into."""


def rank_votes(
    votes: Battles,
    *,
    evidence: EvidenceKind,
    ties: str,
    method: Method,
    cluster: Sequence[str] | None,
    margin: float,
    view: dict[str, str],
) -> Board:
    """A board from votes already read; see `rank` for the arguments."""
    chosen, excluded = selected(votes, evidence)
    decided = chosen.decided()
    if not len(decided):
        raise _nothing_to_rank(votes.ballots(), excluded)
    sampled = default_clusters(decided, evidence) if cluster is None else tuple(cluster)
    choice: dict[str, Any] = {}
    known: Ties
    if ties == AUTO:
        known, choice = choose_ties(decided, seed=method.seed)
    else:
        known = known_ties(ties)
    method = replace(method, ties=known, cluster=sampled)
    ratings = rate(decided, method)
    where, words = scope(decided, evidence)
    rows = model_rows(decided, ratings, ratings.pairs, ratings.tier)
    wins = win_counts(decided)[np.ix_(ratings.order, ratings.order)]
    board = Board(
        evidence=evidence,
        scope=where,
        view=view,
        models=tuple(rows[k] for k in ratings.order),
        differences=difference_rows(
            decided.names, ratings.order, ratings.pairs, ratings.items, unit="rating", margin=margin
        ),
        fit=ratings.fit | choice | ({} if method.graded or method.control else _with_both_bad(chosen, known)),
        controls=ratings.controls,
        refusals=(*ratings.refusals, *words, *_alike(decided.names)),
        excluded=excluded,
        matrix=tuple(tuple(row) for row in wins.tolist()),
        snapshot=snapshot(votes.names, columns_of(votes)),
    )
    if not method.control:
        return board
    bare = replace(method, control=())
    raw = rank_votes(votes, evidence=evidence, ties=known, method=bare, cluster=sampled, margin=margin, view=view)
    return replace(board, raw=raw)


def selected(votes: Battles, evidence: EvidenceKind) -> tuple[Battles, dict[str, int]]:
    """The votes of one kind of evidence, and by reason how many there are that say nothing or are of other kinds."""
    chosen, others = of_kind(votes, evidence)
    return chosen, others | dict(votes.passed_over) | chosen.excluded()


def check_options(
    evidence: str | None,
    alpha: float,
    *,
    ties: str = "davidson",
    margin: float = 0.0,
    draws: int = 4000,
    seed: int = 0,
) -> None:
    """Refuse options that no board can be made with.

    Raises:
        BadInput: An unknown kind of evidence or tie model, an error probability outside 0 … 1, a margin that is no
            finite number from 0, draws outside 100 … 1,000,000, a negative seed; names the option.
    """
    if evidence is not None and evidence not in KINDS:
        raise BadInput(f"unknown kind of evidence '{evidence}'.", where="evidence", next_step=nearest(evidence, KINDS))
    if not _is_number(alpha) or not 0 < alpha < 1:
        raise BadInput(f"alpha must lie between 0 and 1, not {alpha!r}.", where="alpha")
    if not isinstance(ties, str):
        raise BadInput(f"a tie model is named by text, not {ties!r}.", where="ties")
    if ties not in (known := (*TIE_MODELS, AUTO)):
        raise BadInput(f"unknown tie model '{ties}'.", where="ties", next_step=nearest(ties, known))
    if not _is_number(margin) or margin < 0:
        raise BadInput(f"the margin must be 0 or more, not {margin!r}.", where="margin")
    if not _is_whole(draws) or not LEAST_DRAWS <= draws <= MOST_DRAWS:
        raise BadInput(f"draws must be a whole number, {LEAST_DRAWS} to {MOST_DRAWS:,}, not {draws!r}.", where="draws")
    if not _is_whole(seed) or seed < 0:
        raise BadInput(f"the seed must be a whole number, 0 or more, not {seed!r}.", where="seed")


def _is_whole(value: object) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return _is_whole(value) or (isinstance(value, float | np.floating) and math.isfinite(value))


def headline_kind(votes: Battles) -> EvidenceKind:
    """The kind of evidence that leads a board: people's votes, else scorers', else judges'; people's where unknown."""
    if votes.kind is None or (votes.kind < 0).any():
        return "human"
    order: tuple[EvidenceKind, ...] = ("human", "scorer", "judge", "combined")
    return next((kind for kind in order if (votes.kind == KINDS.index(kind)).any()), "human")


def columns_of(votes: Battles) -> list[np.ndarray | None]:
    """Everything about votes that can change a board, for its snapshot."""
    own = (votes.a, votes.b, votes.outcome, votes.prompt, votes.rater, votes.weight, votes.order, votes.kind)
    halves = [] if votes.ballot is None else [votes.ballot]
    return [*own, votes.grade, *(votes.features[name] for name in sorted(votes.features)), *halves]


def _nothing_to_rank(votes: int, excluded: dict[str, int]) -> NoConclusion:
    reasons = ", ".join(f"{count} {reason}" for reason, count in excluded.items())
    return NoConclusion(
        f"no votes to rank by: {votes} in all" + (f", left out: {reasons}." if reasons else "."),
        next_step="Gather votes, or name the kind of evidence the file holds." if votes else "Gather votes first.",
    )


def _empty(whole: Board, view: dict[str, str], refused: BadInput | NoConclusion) -> Board:
    return Board(evidence=whole.evidence, scope=whole.scope, view=view, models=(), refusals=(refused.message,))


def _alike(names: Sequence[str]) -> list[str]:
    """A word about names that differ only in case, spaces or how a letter is encoded: two models, or one misspelt?"""
    seen: dict[str, list[str]] = {}
    for name in names:
        seen.setdefault(_plain(name), []).append(name)
    groups = [group for group in seen.values() if len(group) > 1]
    return [
        f"{_told_apart(group)} are ranked as {len(group)} different models; correct the names if they are one."
        for group in groups
    ]


def _told_apart(names: Sequence[str]) -> str:
    """Names in quotes; where some look the same, with everything but plain letters written as codes."""
    look_alike = len({_seen(name) for name in names}) < len(names)
    return ", ".join(map(ascii if look_alike else repr, names))


def _plain(name: str) -> str:
    """A name without case, spaces, invisible characters and ways of encoding."""
    return " ".join(_seen(unicodedata.normalize("NFKC", name).casefold()).split())


def _seen(name: str) -> str:
    """What of a name can be seen: composed, without format characters (zero-width joiners and the like)."""
    return unicodedata.normalize("NFC", "".join(char for char in name if unicodedata.category(char) != "Cf"))


def _with_both_bad(chosen: Battles, ties: Ties) -> dict[str, Any]:
    """The board's ratings with "both bad" counted as ties, where there are such votes and joint ratings exist."""
    if not (chosen.outcome == BOTH_BAD).any():
        return {}
    cells = chosen.cells()
    bad = chosen.outcome == BOTH_BAD
    np.add.at(cells, (chosen.a[bad], chosen.b[bad], TIE), chosen.vote_weights()[bad])
    tied = cells[:, :, TIE].sum()
    bounded = ties == "half" or tie_weight_bounded(cells)
    if not connectivity(cells).connected or cells.sum() == tied or not bounded:
        return {"ratings_with_both_bad_as_tie": None}
    theta = fit_bradley_terry(cells, ties=ties).theta
    points = {name: float(CENTRE + SCALE * value) for name, value in zip(chosen.names, theta, strict=True)}
    return {"ratings_with_both_bad_as_tie": points}
