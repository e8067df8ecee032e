"""The votes of coverage.py: raters and prompts that are samples, ranked as the product ranks them. Read `run_votes` first."""

from dataclasses import replace

import numpy as np

from coverage_common import SCALE, Boards, covered
from coverage_truth import Target, VoteRegime, draw, target
from fairtrial.ranking.method import Method
from fairtrial.ranking.ratings import CENTRE, rate
from fairtrial.stats import (
    Battles,
    Comparisons,
    Uncertainty,
    clustered_covariance,
    connectivity,
    fit,
    t_reach,
    uncertainty,
)
from fairtrial.stats.simultaneous import difference_variance

MARGIN = 35.0
NORMAL = 1.959964
"""Standard errors that a 95 % interval reaches when the scatter is known."""

_CROSSED = VoteRegime(name="", raters=200, prompts=200, votes=3000, rater_taste=0.6, prompt_taste=0.3)
_PROMPTS = VoteRegime(name="", prompts=40, votes=1800, prompt_taste=0.6)

TWO_WAY = tuple(
    replace(_CROSSED, name=name, **changes)
    for name, changes in {
        "6 raters, 40 prompts": {"raters": 6, "prompts": 40, "votes": 1200},
        "15 heavy-tailed raters (rank^-1), 200 prompts": {"raters": 15, "rater_skew": 1.0, "votes": 1500},
        "15 raters, 40 prompts": {"raters": 15, "prompts": 40, "votes": 1200},
        "15 raters, 200 prompts": {"raters": 15, "votes": 1500},
        "40 raters, 40 prompts": {"raters": 40, "prompts": 40, "votes": 2000},
        "40 raters, 200 prompts": {"raters": 40, "votes": 2000},
        "40 heavy-tailed raters (rank^-0.7), 200 prompts": {"raters": 40, "rater_skew": 0.7, "votes": 2000},
        "200 heavy-tailed raters (rank^-0.7), 200 prompts": {"rater_skew": 0.7, "votes": 4000},
        "200 heavy-tailed raters (rank^-1), 200 prompts": {"rater_skew": 1.0, "votes": 4000},
        "80 heavy-tailed raters (rank^-0.7), 200 prompts": {"raters": 80, "rater_skew": 0.7, "votes": 3000},
        "2,000 heavy-tailed raters (rank^-1), 200 prompts": {"raters": 2000, "rater_skew": 1.0, "votes": 6000},
        "2,000 heavy-tailed raters (rank^-0.8), 200 prompts": {"raters": 2000, "rater_skew": 0.8, "votes": 6000},
        "600 prompts of unequal weight (rank^-0.8)": {"prompts": 600, "prompt_skew": 0.8, "prompt_taste": 0.6},
        "40 raters, 40 prompts, 8,000 votes": {"raters": 40, "prompts": 40, "votes": 8000},
        "a newcomer with a tenth of the votes": {"newcomer": 0.1},
        "40 raters, a newcomer with a tenth of the votes": {"raters": 40, "newcomer": 0.1, "votes": 2000},
        "40 raters, a prompt of its own each vote": {"raters": 40, "prompts": 0, "votes": 2000},
        "124 raters, 13 prompts, 20 models": {"models": 20, "raters": 124, "prompts": 13, "votes": 9000},
        "200 raters, 200 prompts, no tastes": {"rater_taste": 0.0, "prompt_taste": 0.0},
        "200 raters, 200 prompts, tastes 0.3": {"rater_taste": 0.3},
        "200 raters, 200 prompts, tastes 0.6": {"prompt_taste": 0.6, "votes": 4000},
        "200 raters, 13 prompts, tastes of prompts alone": {"prompts": 13, "rater_taste": 0.0, "prompt_taste": 0.6},
        "800 raters, 800 prompts (CR0)": {"raters": 800, "prompts": 800, "votes": 6000},
        "10 equal models, 40 raters, 40 prompts": {"raters": 40, "prompts": 40, "equal": True, "votes": 2000},
        "10 equal models, 200 raters, 200 prompts": {"equal": True},
        "half wins, 200 raters, 200 prompts": {"ties": "half"},
        "Rao-Kupper on Davidson votes, 200 raters": {"ties": "rao-kupper"},
        "Davidson on Rao-Kupper votes, 200 raters": {"law": "rao-kupper"},
        "Rao-Kupper, 40 raters, 200 prompts": {"law": "rao-kupper", "ties": "rao-kupper", "raters": 40, "votes": 2000},
        "graded, 200 raters, 200 prompts": {"law": "graded"},
        "graded, 40 raters, 40 prompts": {"law": "graded", "raters": 40, "prompts": 40, "votes": 2000},
        "style, no tastes": {"style": True, "rater_taste": 0.0, "prompt_taste": 0.0},
        "style, 200 raters, 200 prompts": {"style": True},
        "style, 40 raters, 100 prompts": {"style": True, "raters": 40, "prompts": 100, "votes": 2000},
        "first position, 200 raters, 200 prompts": {"position": True},
        "first position, 40 raters, 40 prompts": {"position": True, "raters": 40, "prompts": 40, "votes": 2000},
        "style and first position, 200 raters": {"style": True, "position": True},
        "style and first position, 800 raters, 800 prompts": {
            "style": True,
            "position": True,
            "raters": 800,
            "prompts": 800,
            "votes": 6000,
        },
        "graded and style, 200 raters, 200 prompts": {"law": "graded", "style": True},
    }.items()
)
RATERS = tuple(
    replace(_CROSSED, prompts=None, prompt_taste=0.0, name=name, **changes)
    for name, changes in {
        "15 raters": {"raters": 15, "votes": 1500},
        "40 raters": {"raters": 40, "votes": 2000},
        "200 raters": {},
        "10 equal models, 40 raters, 20,000 votes": {"raters": 40, "equal": True, "votes": 20000},
        "40 heavy-tailed raters (rank^-1)": {"raters": 40, "rater_skew": 1.0, "votes": 2000},
        "10 equal models, 200 raters (rank^-0.7), 20,000 votes": {"rater_skew": 0.7, "equal": True, "votes": 20000},
        "10 equal models, 2,000 raters (rank^-1.2)": {
            "raters": 2000,
            "rater_skew": 1.2,
            "equal": True,
            "votes": 6000,
        },
    }.items()
)
PROMPTS = tuple(
    replace(_PROMPTS, name=name, **changes)
    for name, changes in {
        "10 models, 20 prompts": {"prompts": 20, "votes": 900},
        "10 models, 40 prompts": {},
        "10 models, 40 prompts of unequal weight": {"prompt_skew": 0.5},
        "10 models, 200 prompts": {"prompts": 200, "votes": 3000},
        "10 models, 200 prompts, half wins": {"prompts": 200, "votes": 3000, "ties": "half"},
        "4 models, 40 prompts, few votes": {"models": 4, "votes": 120},
        "10 equal models, 40 prompts": {"equal": True},
        "10 equal models, 200 prompts": {"equal": True, "prompts": 200, "votes": 3000},
        "10 models, 800 prompts (CR0)": {"prompts": 800, "votes": 4000},
        "style, 40 prompts": {"style": True},
    }.items()
)


def run_votes(regime: VoteRegime, reps: int, boards: int, seed: int) -> dict[str, object]:
    """Draw, fit, compare with the target.

    Single intervals are compared in all `reps` replicates, statements about all pairs (which cost more) in the first
    `boards`, where `rate` makes them and must agree with the single ones.
    """
    singles, together, ratios = Singles(regime, target(regime)), Boards(), []
    method = Method(ties=regime.ties, graded=regime.graded, control=regime.control, cluster=regime.cluster)
    for rep in range(reps):
        votes = draw(regime, np.random.default_rng(np.random.SeedSequence([seed, rep])))
        if not connectivity(votes.cells()).connected:
            continue
        theta, reach = singles.add(votes, method)
        if len(together.all_held) < boards:
            ratings = rate(votes, replace(method, seed=rep))
            assert np.allclose(ratings.rating, CENTRE + SCALE * theta, atol=1e-6)
            assert np.allclose(ratings.upper - ratings.rating, SCALE * reach, atol=1e-6)
            together.add(ratings.pairs, SCALE * singles.aim.gap, margin=MARGIN)
            ratios.append(list(ratings.fit["groups"][0]["cross_check"]["se_ratio"].values()))
    result: dict[str, object] = {"replicates": reps, "rated": len(singles.gaps)} | singles.shares()
    if ratios:
        result["bootstrap"] = singles.named(np.median(ratios, axis=0))
    return result | together.shares()


class Singles:
    """Intervals of single differences, ratings and effects of one regime, replicate by replicate.

    Beside the product's intervals stand those of the same fit clustered by rater alone, by prompt alone, and with
    independent votes (HC0, what other tools print).
    """

    def __init__(self, regime: VoteRegime, aim: Target) -> None:
        self.regime, self.aim = regime, aim
        self.pairs = np.triu_indices(regime.models, 1)
        self.held: dict[str, list[np.ndarray]] = {}
        self.gaps: list[np.ndarray] = []
        self.reach: list[np.ndarray] = []
        self.betas: list[np.ndarray] = []
        self.beta_reach: list[np.ndarray] = []
        self.ways: list[Uncertainty] = []

    def add(self, votes: Battles, method: Method) -> tuple[np.ndarray, np.ndarray]:
        """Fit and compare; returns the strengths and how far their intervals reach."""
        comparisons = Comparisons.of(votes, graded=method.graded, control=method.control)
        found = fit(comparisons, ties=method.ties)
        both = uncertainty(found, comparisons, method.clusters(votes))
        hc = clustered_covariance(found, comparisons, np.arange(len(votes)), guarded=False)
        ways = {"difference": (both.covariance, both.df), "unclustered_difference": (hc.covariance, np.inf)}
        if len(both.ways) > 1:
            ways |= {f"{name}_only_difference": (one.covariance, one.df) for name, one in both.ways.items()}
        miss = np.abs(found.gap - self.aim.gap)
        for name, (covariance, df) in ways.items():
            reach = t_reach(0.05, df) * np.sqrt(difference_variance(covariance))
            self._compare(name, miss[self.pairs], reach[self.pairs])
            if name == "difference":
                self.reach.append(reach[self.pairs])
        self.gaps.append(found.gap[self.pairs])
        own = t_reach(0.05, np.diag(both.df)) * np.sqrt(np.diag(both.covariance))
        self._compare("rating", np.abs(found.theta - self.aim.theta), own)
        if len(found.beta):
            self.betas.append(found.beta)
            self.beta_reach.append(t_reach(0.05, both.beta_df) * np.sqrt(np.diag(both.beta)))
            self._compare("effect", np.abs(found.beta - self.aim.beta), self.beta_reach[-1])
        self.ways.append(both)
        return found.theta, own

    def _compare(self, name: str, miss: np.ndarray, reach: np.ndarray) -> None:
        self.held.setdefault(name, []).append(miss <= reach)

    def named(self, values: np.ndarray) -> dict[str, float]:
        """A value for each kind of cluster."""
        return {name: float(value) for name, value in zip(self.regime.cluster, values, strict=True)}

    def shares(self) -> dict[str, object]:
        """Coverage by kind of interval; how wide they are beside the true scatter; what made them."""
        last = self.regime.models - 2  # the contrast of the first with the last model
        oracle = np.std(self.gaps, axis=0, ddof=1)
        combined = [one.combined for one in self.ways]
        bias = (np.mean(self.gaps, axis=0) - self.aim.gap[self.pairs]) / oracle
        result: dict[str, object] = {
            "combined": max(set(combined), key=combined.count),
            "covariance": {name: one.method for name, one in self.ways[-1].ways.items()},
            "effective": self.named(np.mean([[w.effective for w in one.ways.values()] for one in self.ways], axis=0)),
            "contrast": float(np.mean([one[last] for one in self.held["difference"]])),
            "contrast_unclustered": float(np.mean([one[last] for one in self.held["unclustered_difference"]])),
            "contrast_bias": float(bias[last]),
            "width": float(np.mean(np.mean(self.reach, axis=0) / (NORMAL * oracle))),
        }
        for name, values in self.held.items():
            result |= covered(name, values)
        if self.betas:
            result["effects"] = self._effects()
            result["bias"] = max(abs(one["bias"]) for one in result["effects"].values())
        return result

    def _effects(self) -> dict[str, dict[str, float]]:
        """Each covariate: what was planted, the limit of what is estimated, bias in standard errors, coverage, width."""
        betas, reach, held = (
            np.array(self.betas),
            np.mean(self.beta_reach, axis=0),
            np.mean(self.held["effect"], axis=0),
        )
        sd = betas.std(axis=0, ddof=1)
        return {
            name: {
                "planted": float(self.regime.planted[k]),
                "target": float(self.aim.beta[k]),
                "bias": float((betas[:, k].mean() - self.aim.beta[k]) / sd[k]),
                "covered": float(held[k]),
                "width": float(reach[k] / (NORMAL * sd[k])),
            }
            for k, name in enumerate(self.regime.control)
        }
