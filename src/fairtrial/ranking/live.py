"""A board that follows the votes: `LiveBoard.add` for each vote, `LiveBoard.board` as often as one likes.

Whoever looks after every vote needs intervals that hold at all looks together; the board therefore orders models by
confidence sequences (`stats.sequences`) and calls itself provisional: signed boards are made at declared looks.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from fairtrial.core import BadInput, Board, nearest
from fairtrial.core.flow import EvidenceKind
from fairtrial.ranking.boards import RATING_MARGIN, columns_of, rank_votes
from fairtrial.ranking.method import Method, default_clusters
from fairtrial.ranking.ratings import CENTRE, SCALE, Ratings
from fairtrial.ranking.rows import difference_rows, model_rows, snapshot, win_counts
from fairtrial.ranking.scope import scope
from fairtrial.ranking.sources import as_battles, of_kind
from fairtrial.stats import (
    A_WINS,
    OUTCOMES,
    Battles,
    Comparisons,
    Running,
    Uncertainty,
    all_pairs_sequence,
    fit,
    known_ties,
    sequence_reach,
    tiers,
    uncertainty,
)

PROVISIONAL = "Provisional: votes are still coming in; a verdict is made at a declared look."


class LiveBoard:
    """Ratings and standard errors after every vote, rank sets at most once in `refresh` seconds.

    Args:
        votes: The votes so far, as for `rank`; there must be some.
        evidence: Kind of the votes; others are left out.
        ties: ``davidson``, ``half`` or ``rao-kupper``.
        alpha: Error probability, over all looks together.
        refit_every: Votes after which the board is fitted anew, which bounds the drift of the updates; sooner, when
            the votes since the last fit are a twentieth of those in it.
        refresh: Least seconds between two computations of rank sets.
        seed: Seed of the refits' draws.
        clock: Seconds now.

    Raises:
        BadInput: As `rank`.
    """

    def __init__(
        self,
        votes: Any,
        *,
        evidence: EvidenceKind = "human",
        ties: str = "davidson",
        alpha: float = 0.05,
        refit_every: int = 1000,
        refresh: float = 1.0,
        seed: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.evidence, self.alpha, self.refit_every, self.refresh = evidence, alpha, refit_every, refresh
        self._clock, self._seed, self._ties = clock, seed, known_ties(ties)
        start, self.excluded = of_kind(as_battles(votes), evidence)
        self._votes = _Columns(start)
        self._running: Running | None = None
        self._found: Uncertainty | None = None
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
            BadInput: An unknown label, an empty name, a model against itself. The board is as before.
        """
        outcome = OUTCOMES.get(winner)
        if outcome is None:
            raise BadInput(f"'{winner}' is not a known label.", where="winner", next_step=nearest(winner, OUTCOMES))
        if not (model_a and model_b) or model_a == model_b:
            raise BadInput("a vote needs two different models.", where="model_b")
        known = model_a in self._votes.index and model_b in self._votes.index
        a, b, clusters = self._votes.append(model_a, model_b, outcome, rater, question_id)
        if outcome > A_WINS:
            return
        if not known or self._running is None or self._running.added + 1 >= self._refit_after:
            self._refit()
            return
        self._running.add(a, b, outcome, {name: clusters[name] for name in self._running.ways})

    @property
    def ratings(self) -> Mapping[str, tuple[float, float]]:
        """Name to (rating, standard error) in points; empty while the votes support no joint rating."""
        if self._running is None:
            return {}
        points = CENTRE + SCALE * self._running.theta
        errors = SCALE * self._running.standard_errors
        return {name: (float(r), float(e)) for name, r, e in zip(self._votes.names, points, errors, strict=True)}

    def board(self) -> Board:
        """The board as of the last refresh; its `fit` says after how many votes (``votes``) and that it is provisional.

        Raises:
            NoConclusion: No decided vote yet.
        """
        now = self._clock()
        if self._seen is None or now - self._seen[0] >= self.refresh:
            self._seen = (now, self._draw())
        return self._seen[1]

    def _refit(self) -> None:
        votes = self._votes.battles()
        decided = votes.decided()
        self._running = self._found = None
        self._refit_after = min(self.refit_every, max(len(decided) // 20, 10))
        if not len(decided):
            return
        self._method = Method(
            ties=self._ties, cluster=default_clusters(decided, self.evidence), alpha=self.alpha, seed=self._seed
        )
        comparisons = Comparisons.of(decided)
        try:
            estimate = fit(comparisons, ties=self._ties)
        except BadInput:
            return  # not (yet) on one scale: `board` says why
        clusters = self._method.clusters(decided)
        found = uncertainty(estimate, comparisons, clusters)
        if estimate.converged and not found.hanging.any():
            self._running, self._found = Running(estimate, comparisons, clusters, found), found

    def _draw(self) -> Board:
        votes = self._votes.battles()
        if self._running is None or self._found is None:
            return self._bare(votes)
        decided = votes.decided()
        ratings = self._ratings(decided, self._running, self._found)
        where, words = scope(decided, self.evidence)
        rows = model_rows(decided, ratings, ratings.pairs, ratings.tier)
        wins = win_counts(decided)[np.ix_(ratings.order, ratings.order)]
        return Board(
            evidence=self.evidence,
            scope=where,
            view={"category": "all"},
            models=tuple(rows[k] for k in ratings.order),
            differences=difference_rows(
                decided.names, ratings.order, ratings.pairs, ratings.items, unit="rating", margin=RATING_MARGIN
            ),
            fit=ratings.fit,
            refusals=(PROVISIONAL, *words),
            excluded=self.excluded | votes.excluded(),
            matrix=tuple(tuple(row) for row in wins.tolist()),
            snapshot=snapshot(votes.names, columns_of(votes)),
        )

    def _ratings(self, decided: Battles, running: Running, found: Uncertainty) -> Ratings:
        now = running.standard_errors / np.sqrt(np.diag(found.covariance))
        here = replace(found, covariance=found.covariance * now[:, None] * now[None, :])
        theta = running.theta
        pairs = all_pairs_sequence(theta, here, alpha=self.alpha)
        pairs = replace(pairs, estimate=SCALE * pairs.estimate, lower=SCALE * pairs.lower, upper=SCALE * pairs.upper)
        own_df = np.diag(found.df)
        reach = sequence_reach(self.alpha, own_df + 1) * np.sqrt(np.diag(here.covariance))
        order = np.lexsort((np.arange(len(theta)), -theta))
        held = found.clusters_by_model
        facts = self._method.facts(decided) | {
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

    def _bare(self, votes: Battles) -> Board:
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
        models = tuple(replace(row, rank_set=everyone, tier=None) for row in board.models)
        return replace(
            board,
            models=models,
            differences=(),
            fit=board.fit | {"provisional": True},
            refusals=(PROVISIONAL, *board.refusals),
            excluded=self.excluded | board.excluded,
        )


class _Columns:
    """Vote columns that grow."""

    def __init__(self, votes: Battles) -> None:
        self.names = list(votes.names)
        self.index = {name: k for k, name in enumerate(self.names)}
        self.count = len(votes)
        names = {"rater": votes.rater_names, "prompt": votes.prompt_names}
        self.codes = {way: {name: k for k, name in enumerate(labels) if name} for way, labels in names.items()}
        if votes.rater is not None and "" in votes.rater_names:
            self.codes["rater"][""] = votes.rater_names.index("")
        given = {"rater": votes.rater, "prompt": votes.prompt}
        self.has = {name: codes is not None for name, codes in given.items()}
        self.next = {name: 0 if codes is None else int(codes.max(initial=-1)) + 1 for name, codes in given.items()}
        columns = {"a": votes.a, "b": votes.b, "outcome": votes.outcome, **given}
        self.columns = {
            name: np.zeros(self.count, dtype=np.int32) if column is None else column.astype(np.int32)
            for name, column in columns.items()
        }
        self.weight = votes.weight

    def __len__(self) -> int:
        return self.count

    def append(
        self, model_a: str, model_b: str, outcome: int, rater: str | None, prompt: str | None
    ) -> tuple[int, int, dict[str, int]]:
        for model in (model_a, model_b):
            if model not in self.index:
                self.index[model] = len(self.names)
                self.names.append(model)
        if self.count == len(self.columns["a"]):
            more = max(1024, self.count)
            self.columns = {k: np.concatenate([v, np.zeros(more, dtype=np.int32)]) for k, v in self.columns.items()}
            if self.weight is not None:
                self.weight = np.concatenate([self.weight, np.ones(more)])
        clusters = {"rater": self._code("rater", rater), "prompt": self._code("prompt", prompt)}
        a, b = self.index[model_a], self.index[model_b]
        for name, value in {"a": a, "b": b, "outcome": outcome, **clusters}.items():
            self.columns[name][self.count] = value
        self.count += 1
        return a, b, clusters

    def _code(self, way: str, label: str | None) -> int:
        """A cluster's code: unnamed raters are one, an unnamed prompt is its own, new names open new clusters."""
        key = label or ("" if way == "rater" else f"\x00{self.count}")
        table = self.codes[way]
        if key not in table:
            table[key] = self.next[way]
            self.next[way] += 1
        return table[key]

    def battles(self) -> Battles:
        used = {name: column[: self.count] for name, column in self.columns.items()}
        return Battles(
            names=tuple(self.names),
            a=used["a"],
            b=used["b"],
            outcome=used["outcome"].astype(np.int8),
            rater=used["rater"] if self.has["rater"] else None,
            prompt=used["prompt"] if self.has["prompt"] else None,
            weight=None if self.weight is None else self.weight[: self.count],
        )
