"""The votes of coverage.py: raters and prompts that are samples, ranked as the product ranks them. Read `run_votes` first."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from coverage_common import SCALE, Boards, covered
from coverage_truth import VoteRegime, draw, target
from fairtrial.ranking.method import Method
from fairtrial.ranking.ratings import CENTRE, rate
from fairtrial.stats import Comparisons, clustered_covariance, connectivity, fit, t_reach, uncertainty
from fairtrial.stats.simultaneous import difference_variance

MARGIN = 35.0

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
    }.items()
)


def run_votes(regime: VoteRegime, reps: int, boards: int, seed: int) -> dict[str, object]:
    """Draw, fit, compare with the target.

    Single intervals are compared in all `reps` replicates, statements about all pairs (which cost more) in the first
    `boards`, where `rate` makes them and must agree with the single ones. Beside the product's intervals: those of the
    same fit clustered by rater alone, by prompt alone, and with independent votes (HC0, what other tools print).
    """
    aim = target(regime)
    pairs = np.triu_indices(regime.models, 1)
    last = regime.models - 2  # the contrast of the first with the last model
    gaps, halves, betas, reaches, level, beta_held = [], [], [], [], [], []
    held: dict[str, list[np.ndarray]] = {}
    together, ratios, facts, branches = Boards(), [], [], []
    method = Method(ties=regime.ties, graded=regime.graded, control=regime.control, cluster=regime.cluster)
    for rep in range(reps):
        votes = draw(regime, np.random.default_rng(np.random.SeedSequence([seed, rep])))
        if not connectivity(votes.cells()).connected:
            continue
        comparisons = Comparisons.of(votes, graded=regime.graded, control=regime.control)
        found = fit(comparisons, ties=regime.ties)
        clusters = method.clusters(votes)
        both = uncertainty(found, comparisons, clusters)
        miss = np.abs(found.gap - aim.gap)[pairs]
        own = t_reach(0.05, both.df) * np.sqrt(difference_variance(both.covariance))
        gaps.append(found.gap[pairs])
        halves.append(own[pairs])
        held.setdefault("difference", []).append(miss <= own[pairs])
        for name, one in both.ways.items() if len(both.ways) > 1 else ():
            reach = t_reach(0.05, one.df) * np.sqrt(difference_variance(one.covariance))
            held.setdefault(f"{name}_only_difference", []).append(miss <= reach[pairs])
        single = clustered_covariance(found, comparisons, np.arange(len(votes)), guarded=False)
        reach = t_reach(0.05, np.inf) * np.sqrt(difference_variance(single.covariance))
        held.setdefault("unclustered_difference", []).append(miss <= reach[pairs])
        reach = t_reach(0.05, np.diag(both.df)) * np.sqrt(np.diag(both.covariance))
        level.append(np.abs(found.theta - aim.theta) <= reach)
        if len(aim.beta):
            effect = t_reach(0.05, both.beta_df) * np.sqrt(np.diag(both.beta))
            betas.append(found.beta)
            reaches.append(effect)
            beta_held.append(np.abs(found.beta - aim.beta) <= effect)
        facts.append([one.effective for one in both.ways.values()])
        branches.append(both.combined)
        if len(together.all_held) < boards:
            ratings = rate(votes, replace(method, seed=rep))
            assert np.allclose(ratings.rating, CENTRE + SCALE * found.theta, atol=1e-6)
            assert np.allclose(ratings.upper - ratings.rating, SCALE * reach, atol=1e-6)
            together.add(ratings.pairs, SCALE * aim.gap, margin=MARGIN)
            ratios.append(list(ratings.fit["groups"][0]["cross_check"]["se_ratio"].values()))
    oracle = np.std(gaps, axis=0, ddof=1)
    result: dict[str, object] = {"replicates": reps, "rated": len(gaps)}
    result |= {
        "combined": max(set(branches), key=branches.count),
        "effective": _named(regime, np.mean(facts, axis=0)),
        "contrast": float(np.mean([one[last] for one in held["difference"]])),
        "contrast_unclustered": float(np.mean([one[last] for one in held["unclustered_difference"]])),
        "contrast_bias": float((np.mean(gaps, axis=0) - aim.gap[pairs])[last] / oracle[last]),
        "width": float(np.mean(np.mean(halves, axis=0) / (1.959964 * oracle))),
        "bootstrap": _named(regime, np.median(ratios, axis=0)) if ratios else {},
    }
    for name, values in held.items():
        result |= covered(name, values)
    result |= covered("rating", level)
    if len(aim.beta):
        result |= covered("effect", beta_held)
        result["effects"] = _effects(regime, aim.beta, np.array(betas), np.array(reaches), np.array(beta_held))
        result["bias"] = max(abs(one["bias"]) for one in result["effects"].values())
    return result | together.shares()


def _named(regime: VoteRegime, values: np.ndarray) -> dict[str, float]:
    return {name: float(value) for name, value in zip(regime.cluster, values, strict=True)}


def _effects(
    regime: VoteRegime, aim: np.ndarray, betas: np.ndarray, reaches: np.ndarray, held: np.ndarray
) -> Mapping[str, dict[str, float]]:
    """Each covariate: what was planted, what is estimated in the limit, bias in standard errors, coverage, width."""
    sd = betas.std(axis=0, ddof=1)
    return {
        name: {
            "planted": float(regime.planted[k]),
            "target": float(aim[k]),
            "bias": float((betas[:, k].mean() - aim[k]) / sd[k]),
            "covered": float(held[:, k].mean()),
            "width": float(reaches[:, k].mean() / (1.959964 * sd[k])),
        }
        for k, name in enumerate(regime.control)
    }
