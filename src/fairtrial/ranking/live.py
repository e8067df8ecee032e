"""A board that follows the votes: `LiveBoard.add` for each vote, `LiveBoard.board` as often as one likes.

Whoever looks after every vote needs intervals that hold at all looks together; the board therefore orders models by
confidence sequences (`stats.sequences`) and calls itself provisional: signed boards are made at declared looks.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairtrial.core import BadInput, Board, nearest
from fairtrial.core.flow import EvidenceKind
from fairtrial.ranking.boards import RATING_MARGIN, check_options, columns_of, headline_kind, rank_votes
from fairtrial.ranking.method import Method, default_clusters, fit_facts
from fairtrial.ranking.ratings import CENTRE, SCALE, Ratings
from fairtrial.ranking.rows import difference_rows, model_rows, snapshot, win_counts
from fairtrial.ranking.scope import scope
from fairtrial.ranking.sources import as_battles, of_kind
from fairtrial.stats import (
    A_WINS,
    MAX_MODELS,
    OUTCOMES,
    Battles,
    BradleyTerry,
    Comparisons,
    Running,
    Uncertainty,
    all_pairs_sequence,
    few_reach,
    fit,
    known_ties,
    tiers,
    uncertainty,
)

PROVISIONAL = "Provisional: votes are still coming in; a verdict is made at a declared look."


class LiveBoard:
    """Ratings and standard errors after every vote, rank sets at most once in `refresh` seconds. For one thread.

    Args:
        votes: The votes so far, as for `rank`; there may be none.
        evidence: Kind of the votes; others are left out and counted. None: as `rank` chooses.
        ties: ``davidson``, ``half`` or ``rao-kupper``.
        alpha: Error probability, over all looks together.
        refit_every: Votes after which the board is fitted anew, which bounds the drift of the updates; sooner, when
            the votes since the last fit are a twentieth of those in it.
        refresh: Least seconds between two computations of rank sets.
        seed: Seed of the board's draws while there is no joint rating.
        clock: Seconds now.

    Raises:
        BadInput: As `rank`.
    """

    def __init__(
        self,
        votes: Any,
        *,
        evidence: EvidenceKind | None = None,
        ties: str = "davidson",
        alpha: float = 0.05,
        refit_every: int = 1000,
        refresh: float = 1.0,
        seed: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        check_options(evidence, alpha)
        self.alpha, self.refit_every, self.refresh = alpha, refit_every, refresh
        self._clock, self._seed, self._ties = clock, seed, known_ties(ties)
        given = as_battles(votes)
        self.evidence: EvidenceKind = evidence or headline_kind(given)
        start, others = of_kind(given, self.evidence)
        self._left_out = dict(given.passed_over) | others
        self._votes = _Columns(start)
        self._seen: tuple[float, Board] | None = None
        self._refit()

    def __len__(self) -> int:
        """Number of votes taken in, whatever they say."""
        return len(self._votes)

    def add(
        self,
        model_a: str,
        model_b: str,
        winner: str,
        *,
        rater: str | None = None,
        question_id: str | None = None,
    ) -> None:
        """Take in one vote; at once in `ratings`, in rank sets at the next refresh.

        Raises:
            BadInput: An unknown label, a name that is no text, a model against itself, more models than a board can
                hold. The board is as before.
        """
        outcome = OUTCOMES.get(winner) if isinstance(winner, str) else None
        if outcome is None:
            near = nearest(winner, OUTCOMES) if isinstance(winner, str) else f"Known labels: {', '.join(OUTCOMES)}."
            raise BadInput(f"{winner!r} is not a known label.", where="winner", next_step=near)
        for field, name in (("model_a", model_a), ("model_b", model_b)):
            if not isinstance(name, str) or not name or not name.isprintable():
                raise BadInput("a model name is printable text, and not empty.", where=field)
        if model_a == model_b:
            raise BadInput(f"'{model_a}' battles against itself.", where="model_b")
        for field, label in (("rater", rater), ("question_id", question_id)):
            if not (label is None or isinstance(label, str | int)):
                raise BadInput(f"this is text, not {type(label).__name__}.", where=field)
        self._votes.append(model_a, model_b, outcome, rater, question_id)
        if outcome > A_WINS:
            return
        place = self._place
        if self._running is None or model_a not in place or model_b not in place or self._is_due():
            self._refit()
            return
        self._running.add(place[model_a], place[model_b], outcome, self._votes.last_clusters(self._running.ways))

    @property
    def ratings(self) -> Mapping[str, tuple[float, float]]:
        """Name to (rating, standard error) in points; empty while the votes support no joint rating."""
        if self._running is None:
            return {}
        points = CENTRE + SCALE * self._running.theta
        errors = SCALE * self._running.standard_errors
        return {name: (float(points[k]), float(errors[k])) for name, k in self._place.items()}

    def board(self) -> Board:
        """The board as of the last refresh; its `fit` says after how many votes (``votes``) and that it is provisional.

        Raises:
            NoConclusion: No decided vote yet.
        """
        now = self._clock()
        if self._seen is None or now - self._seen[0] >= self.refresh:
            self._seen = (now, self._draw())
        return self._seen[1]

    def _is_due(self) -> bool:
        added = 0 if self._running is None else self._running.added + 1
        return added >= min(self.refit_every, max(self._fitted // 20, 1)) or self._votes.kinds_changed

    def _refit(self) -> None:
        decided = self._votes.battles().decided().active()
        self._votes.kinds_changed = False
        self._running: Running | None = None
        self._place: dict[str, int] = {}
        self._fitted = len(decided)
        if not len(decided):
            return
        clusters = default_clusters(decided, self.evidence)
        self._method = Method(ties=self._ties, cluster=clusters, alpha=self.alpha, seed=self._seed)
        comparisons = Comparisons.of(decided)
        try:
            estimate = fit(comparisons, ties=self._ties)
        except BadInput:
            return  # not (yet) on one scale: `board` says why
        codes = self._method.clusters(decided)
        found = uncertainty(estimate, comparisons, codes)
        if estimate.converged and not found.hanging.any():
            self._running = Running(estimate, comparisons, codes, found)
            self._place = {name: k for k, name in enumerate(decided.names)}
            self._estimate, self._found = estimate, found

    def _draw(self) -> Board:
        votes = self._votes.battles()
        decided = votes.decided().active()
        excluded = self._left_out | votes.excluded()
        if self._running is None:
            return self._bare(votes, excluded)
        ratings = self._ratings(decided, self._running, self._estimate, self._found)
        where, words = scope(decided, self.evidence)
        rows = model_rows(decided, ratings, ratings.pairs, ratings.tier)
        wins = win_counts(decided)[np.ix_(ratings.order, ratings.order)]
        missing = sorted(set(votes.names) - set(decided.names))
        return Board(
            evidence=self.evidence,
            scope=where,
            view={"category": "all"},
            models=tuple(rows[k] for k in ratings.order),
            differences=difference_rows(
                decided.names, ratings.order, ratings.pairs, ratings.items, unit="rating", margin=RATING_MARGIN
            ),
            fit=ratings.fit,
            refusals=(PROVISIONAL, *(f"'{name}' has no decided votes: no evidence." for name in missing), *words),
            excluded=excluded,
            matrix=tuple(tuple(row) for row in wins.tolist()),
            snapshot=snapshot(votes.names, columns_of(votes)),
        )

    def _ratings(self, decided: Battles, running: Running, estimate: BradleyTerry, found: Uncertainty) -> Ratings:
        change = running.standard_errors / np.sqrt(np.diag(found.covariance))
        here = replace(found, covariance=found.covariance * change[:, None] * change[None, :])
        theta = running.theta
        pairs = all_pairs_sequence(theta, here, alpha=self.alpha)
        pairs = replace(pairs, estimate=SCALE * pairs.estimate, lower=SCALE * pairs.lower, upper=SCALE * pairs.upper)
        reach = few_reach(self.alpha, np.diag(found.df)) * np.sqrt(np.diag(here.covariance))
        order = np.lexsort((np.arange(len(theta)), -theta))
        held = found.clusters_by_model
        facts = {key: value for key, value in self._method.facts(decided).items() if key not in ("draws", "seed")}
        facts |= {
            "groups": [fit_facts(decided.names, estimate, found, pairs.level)],
            "provisional": True,
            "interval": "asymptotic confidence sequence, pairs by Bonferroni",
            "updates_since_fit": running.added,
        }
        return Ratings(
            order=order,
            rating=CENTRE + SCALE * theta,
            lower=CENTRE + SCALE * (theta - reach),
            upper=CENTRE + SCALE * (theta + reach),
            pairs=pairs,
            items=np.minimum(held[:, None], held[None, :]),
            tier=tiers(order, pairs.separated),
            controls={},
            fit=facts,
            refusals=(),
        )

    def _bare(self, votes: Battles, excluded: dict[str, int]) -> Board:
        """A board while there is no joint rating: what `rank` says of the votes, without any ordering."""
        board = rank_votes(
            votes,
            evidence=self.evidence,
            ties=self._ties,
            method=Method(alpha=self.alpha, seed=self._seed),
            cluster=None,
            margin=RATING_MARGIN,
            view={"category": "all"},
        )
        everyone = (1, len(board.models))
        models = tuple(replace(row, ci=(None, None), rank_set=everyone, tier=None) for row in board.models)
        return replace(
            board,
            models=tuple(replace(row, rating=None) for row in models),
            differences=(),
            fit=board.fit | {"provisional": True},
            refusals=(PROVISIONAL, *board.refusals),
            excluded=excluded,
        )


class _Columns:
    """Vote columns that grow; models are numbered as they come, and sorted when battles are made of them."""

    def __init__(self, votes: Battles) -> None:
        self.names = list(votes.names)
        self.index = {name: k for k, name in enumerate(self.names)}
        self.count = len(votes)
        self.kinds_changed = False
        """Whether raters or prompts were named for the first time since it was last set to False."""
        known = {"rater": votes.rater_names, "prompt": votes.prompt_names}
        self.codes = {way: {name: k for k, name in enumerate(labels) if name} for way, labels in known.items()}
        prompts = votes.ballot if votes.prompt is None else votes.prompt  # halves of one ballot stay together
        given = {"rater": votes.rater, "prompt": prompts}
        self.has = {way: codes is not None for way, codes in given.items()}
        self.unnamed = votes.rater_names.index("") if "" in votes.rater_names else None
        # Nobody named: all votes may be one person's, each on a prompt of its own.
        fallback = {"rater": np.zeros(self.count), "prompt": np.arange(self.count)}
        columns: dict[str, Any] = {"a": votes.a, "b": votes.b, "outcome": votes.outcome}
        columns |= {way: fallback[way] if codes is None else codes for way, codes in given.items()}
        self.columns: dict[str, NDArray[np.int32]] = {name: column.astype(np.int32) for name, column in columns.items()}
        self.next = {way: int(self.columns[way].max(initial=-1)) + 1 for way in given}
        if not self.has["rater"] and self.count:
            self.unnamed = 0
        self.weight = votes.weight

    def __len__(self) -> int:
        return self.count

    def append(
        self, model_a: str, model_b: str, outcome: int, rater: str | int | None, prompt: str | int | None
    ) -> None:
        """Add a vote that has been checked.

        Raises:
            BadInput: More models than a board can hold.
        """
        new = [model for model in (model_a, model_b) if model not in self.index]
        if len(self.names) + len(new) > MAX_MODELS:
            raise BadInput(f"a board can hold {MAX_MODELS:,} models.", where="model_a")
        for model in new:
            self.index[model] = len(self.names)
            self.names.append(model)
        if self.count == len(self.columns["a"]):
            more = max(1024, self.count)
            self.columns = {k: np.concatenate([v, np.zeros(more, dtype=np.int32)]) for k, v in self.columns.items()}
            if self.weight is not None:
                self.weight = np.concatenate([self.weight, np.ones(more)])
        row = {
            "a": self.index[model_a],
            "b": self.index[model_b],
            "outcome": outcome,
            "rater": self._rater(rater),
            "prompt": self._code("prompt", prompt) if prompt not in (None, "") else self._new("prompt"),
        }
        for name, value in row.items():
            self.columns[name][self.count] = value
        self.count += 1

    def last_clusters(self, ways: Mapping[str, Any]) -> dict[str, int]:
        """Cluster codes of the vote that was added last."""
        return {way: int(self.columns[way][self.count - 1]) for way in ways}

    def _rater(self, name: str | int | None) -> int:
        """Unnamed raters may all be one person."""
        if name not in (None, ""):
            return self._code("rater", name)
        if self.unnamed is None:
            self.unnamed = self._new("rater")
        return self.unnamed

    def _code(self, way: str, name: str | int | None) -> int:
        key = str(name)
        if key not in self.codes[way]:
            self.codes[way][key] = self._new(way)
        if not self.has[way]:
            self.has[way] = self.kinds_changed = True
        return self.codes[way][key]

    def _new(self, way: str) -> int:
        self.next[way] += 1
        return self.next[way] - 1

    def battles(self) -> Battles:
        """All votes, models sorted by name."""
        order = sorted(range(len(self.names)), key=self.names.__getitem__)
        turn = np.empty(len(order), dtype=np.int32)
        turn[order] = np.arange(len(order))
        used = {name: column[: self.count] for name, column in self.columns.items()}
        return Battles(
            names=tuple(self.names[k] for k in order),
            a=turn[used["a"]],
            b=turn[used["b"]],
            outcome=used["outcome"].astype(np.int8),
            rater=used["rater"] if self.has["rater"] else None,
            prompt=used["prompt"] if self.has["prompt"] else None,
            weight=None if self.weight is None else self.weight[: self.count],
        )
