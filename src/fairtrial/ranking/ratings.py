"""Votes to ratings, as far as the votes allow: the honesty rules of ranking in one place. Read `rate` first.

Models linked both ways by wins or ties share one scale; models that only win or only lose get one-sided bounds;
separate groups get no joint rating. Everything is in rating points: 400 / ln 10 per natural-log unit, centred at 1000.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fairtrial.core import BadInput, NoConclusion
from fairtrial.ranking.bounds import strength_bounds, win_bound
from fairtrial.ranking.method import BOOTSTRAP_DRAWS, Method, fit_facts
from fairtrial.ranking.scope import FEW_PROMPTS
from fairtrial.stats import (
    A_WINS,
    TIE,
    Battles,
    BradleyTerry,
    Comparisons,
    Connectivity,
    PairIntervals,
    Uncertainty,
    all_pairs,
    connectivity,
    fit,
    root_mean_square,
    separated,
    t_reach,
    tie_weight_bounded,
    tiers,
    uncertainty,
)

SCALE = 400 / math.log(10)
CENTRE = 1000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratings:
    """Ratings of K models in points, with what is left open."""

    order: np.ndarray
    """(K,) model indices, best first as far as the votes tell."""
    rating: np.ndarray
    """(K,) points; NaN where only a bound exists, or nothing."""
    lower: np.ndarray
    """(K,) lower ends; minus infinity where open."""
    upper: np.ndarray
    pairs: PairIntervals
    """Simultaneous intervals of differences in points."""
    items: np.ndarray
    """(K, K) clusters behind each difference."""
    tier: np.ndarray
    """(K,) tier from 1; 0 for none."""
    controls: dict[str, Any]
    """Effect of each covariate, natural log units per unit of it, with its interval."""
    fit: dict[str, Any]
    refusals: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class _Canvas:
    """Results in natural log units while they are filled in, group by group."""

    names: tuple[str, ...]
    theta: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    gap: np.ndarray
    gap_lower: np.ndarray
    gap_upper: np.ndarray
    items: np.ndarray
    fit: dict[str, Any]
    refusals: list[str] = field(default_factory=list)
    controls: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def blank(cls, names: tuple[str, ...], fit: dict[str, Any]) -> "_Canvas":
        size = len(names)
        none, open_below, open_above = np.full(size, np.nan), np.full(size, -np.inf), np.full(size, np.inf)
        gap, low, high = (np.full((size, size), value) for value in (np.nan, -np.inf, np.inf))
        for table in (gap, low, high):
            np.fill_diagonal(table, 0.0)
        return cls(
            names=names,
            theta=none,
            lower=open_below,
            upper=open_above,
            gap=gap,
            gap_lower=low,
            gap_upper=high,
            items=np.zeros((size, size), dtype=np.int64),
            fit=fit,
        )

    def quote(self, models: Sequence[int]) -> str:
        return ", ".join(f"'{self.names[model]}'" for model in models)


def rate(battles: Battles, method: Method) -> Ratings:
    """Ratings, intervals, tiers and refusals from decided votes.

    The family-wise error `method.alpha` covers all statements about pairs together: where the board falls apart it is
    shared between the groups and the one-sided statements across them.

    Args:
        battles: Decided votes (no ``both_bad``, abstentions or invalid votes).
        method: Tie model, clusters, error, draws and seed.

    Raises:
        BadInput: Unknown tie model or cluster.
    """
    clusters = list(method.clusters(battles).values())
    graph = connectivity(battles.cells())
    canvas = _Canvas.blank(battles.names, method.facts(battles))
    cores = [part for part in graph.components if len(part) > 1]
    shares = len(cores) + (not graph.connected)
    fits = [_rate_or_refuse(canvas, battles, part, method, shares, shown=len(cores) == 1) for part in cores]
    if not graph.connected:
        _bound_pairs(canvas, battles, clusters, graph, method.alpha / shares)
        _bound_ratings(canvas, battles, clusters, graph, fits[0] if len(cores) == 1 else None, method.alpha)
        _refuse_joint(canvas, graph, cores)
    return _finish(canvas, graph, tiered=len(cores) <= 1)


def _rate_or_refuse(
    canvas: _Canvas, votes: Battles, part: tuple[int, ...], method: Method, shares: int, *, shown: bool
) -> BradleyTerry | None:
    """One of several groups need not have what a control needs: that is its refusal, not the board's."""
    try:
        return _rate_group(canvas, votes.among(part), part, method, shares, shown=shown)
    except (BadInput, NoConclusion) as refused:
        if shown or refused.where != "control":
            raise
        canvas.refusals.append(f"No rating of {canvas.quote(part)}: {refused.message}")
        return None


def _rate_group(
    canvas: _Canvas, votes: Battles, part: tuple[int, ...], method: Method, shares: int, *, shown: bool
) -> BradleyTerry | None:
    """Fit one strongly connected group; `shown` puts its ratings on the board's scale."""
    if (votes.outcome == TIE).all():
        canvas.refusals.append(f"No evidence of any difference between {canvas.quote(part)}: every vote is a tie.")
        return None
    if method.ties != "half" or method.graded:
        cells = votes.cells()
        if cells[:, :, TIE].any() and not tie_weight_bounded(cells):
            canvas.refusals.append(
                f"No rating of {canvas.quote(part)}: apart from ties every win goes one way, which this model of ties "
                "fits with unlimited strengths; counting ties as half wins would rate them."
            )
            return None
    comparisons = Comparisons.of(votes, graded=method.graded, control=method.control)
    estimate = fit(comparisons, ties=method.ties)
    if not estimate.converged:
        if named := separated(estimate, comparisons):
            raise NoConclusion(
                f"{' and '.join(map(repr, named))} with the models' strengths predicts every vote: the effect has no "
                "finite estimate (separation), so nothing can be controlled for it.",
                where="control",
                next_step="Rank without this control, or gather votes that go against it.",
            )
        canvas.refusals.append(f"No rating of {canvas.quote(part)}: the fit did not converge.")
        return None
    found = uncertainty(estimate, comparisons, method.clusters(votes), draws=BOOTSTRAP_DRAWS, seed=method.seed)
    _require_effects(estimate, found)
    covariance, df, hanging = found.covariance, found.df, found.hanging
    pairs = all_pairs(estimate.theta, covariance, df, alpha=method.alpha / shares, draws=method.draws, seed=method.seed)
    loose = hanging[:, None] | hanging[None, :]
    np.fill_diagonal(loose, val=False)
    index = np.ix_(part, part)
    canvas.gap[index] = np.where(loose, np.nan, pairs.estimate)
    canvas.gap_lower[index] = np.where(loose, -np.inf, pairs.lower)
    canvas.gap_upper[index] = np.where(loose, np.inf, pairs.upper)
    held = found.clusters_by_model
    canvas.items[index] = np.minimum(held[:, None], held[None, :])
    facts = fit_facts(tuple(canvas.names[k] for k in part), estimate, found, pairs.level)
    canvas.fit["groups"].append(facts | _given_prompts(estimate, found, method, shares))
    left_alone = hanging & ~np.any([way.hanging for way in found.ways.values()], axis=0)
    for name, way in found.ways.items():
        if way.hanging.any():
            loose_models = [part[k] for k in np.flatnonzero(way.hanging | left_alone)]
            canvas.refusals.append(
                f"No interval for {canvas.quote(loose_models)}: only one {name} links them with the others."
            )
    if shown and not hanging.all():
        centred = estimate.theta - estimate.theta[~hanging].mean()
        _show(canvas, part, centred, covariance, df, hanging, method.alpha)
        canvas.controls = _effects(estimate, comparisons, found.beta, found.beta_df, method.alpha)
    return estimate


def _require_effects(estimate: BradleyTerry, found: Uncertainty) -> None:
    """Refuse covariates whose effect rests on a single cluster: like a model's place there, it has no interval."""
    if not found.loose.any():
        return
    named = [name for name, is_loose in zip(estimate.controls, found.loose, strict=True) if is_loose]
    links = " or one ".join(name for name, way in found.ways.items() if way.loose.any())
    raise BadInput(
        f"the effect of {' and '.join(map(repr, named))} rests on only one {links}: it has no interval.",
        where="control",
        next_step="Rank without it.",
    )


def _given_prompts(estimate: BradleyTerry, found: Uncertainty, method: Method, shares: int) -> dict[str, Any]:
    """What raters alone would separate, where the prompts are too few to stand for others.

    The board's own intervals take prompts as a sample. On a handful of prompts that leaves little; of these very
    prompts, taken as given, more can be said.
    """
    raters, prompts = found.ways.get("rater"), found.ways.get("prompt")
    if raters is None or prompts is None or prompts.effective >= FEW_PROMPTS or raters.hanging.any():
        return {}
    pairs = all_pairs(
        estimate.theta,
        raters.covariance,
        raters.df,
        alpha=method.alpha / shares,
        draws=method.draws,
        seed=method.seed,
    )
    order = np.argsort(-estimate.theta, kind="stable")
    near = pairs.separated[order[:-1], order[1:]]
    return {
        "prompts_given": {
            "neighbours": len(near),
            "neighbours_separated": int(near.sum()),
            "pairs": len(order) * (len(order) - 1) // 2,
            "pairs_separated": int(pairs.separated.sum()),
        }
    }


def _effects(
    estimate: BradleyTerry, votes: Comparisons, covariance: np.ndarray, df: float, alpha: float
) -> dict[str, Any]:
    """Each covariate's effect with its interval, and what one standard deviation of it is worth in points.

    The standard deviation is about 0: which model of a vote is called A is a matter of notation.
    """
    reach = t_reach(alpha, df) * np.sqrt(np.diag(covariance)) if len(estimate.beta) else ()
    return {
        name: {
            "coef": float(value),
            "ci": [float(value - half), float(value + half)],
            "sd": (sd := root_mean_square(votes.covariates[name])),
            "points_per_sd": float(SCALE * value * sd),
            "points_per_sd_ci": [float(SCALE * (value - half) * sd), float(SCALE * (value + half) * sd)],
        }
        for name, value, half in zip(estimate.controls, estimate.beta, reach, strict=True)
    }


def _show(
    canvas: _Canvas,
    part: tuple[int, ...],
    theta: np.ndarray,
    covariance: np.ndarray,
    df: np.ndarray,
    hanging: np.ndarray,
    alpha: float,
) -> None:
    reach = t_reach(alpha, np.diag(df)) * np.sqrt(np.diag(covariance))
    index = list(part)
    canvas.theta[index] = np.where(hanging, np.nan, theta)
    canvas.lower[index] = np.where(hanging, -np.inf, theta - reach)
    canvas.upper[index] = np.where(hanging, np.inf, theta + reach)


def _bound_pairs(
    canvas: _Canvas, battles: Battles, clusters: list[np.ndarray], graph: Connectivity, alpha: float
) -> None:
    """One-sided bounds of differences across groups, from direct votes (all of which one side won)."""
    crossing = ~(graph.reach & graph.reach.T)[battles.a, battles.b]
    better = np.where(battles.outcome == A_WINS, battles.a, battles.b)[crossing].astype(np.int64)
    worse = np.where(battles.outcome == A_WINS, battles.b, battles.a)[crossing].astype(np.int64)
    if not len(better):
        return
    size = len(battles.names)
    counts = []
    for cluster in clusters:
        pairs = np.unique(np.stack([better * size + worse, cluster[crossing]]), axis=1)[0]
        counts.append(np.bincount(pairs, minlength=size * size).reshape(size, size))
    held = np.min(counts, axis=0)
    error = alpha / np.count_nonzero(held) / 2
    for i, j in zip(*np.nonzero(held), strict=True):
        bound = win_bound(int(held[i, j]), error)
        canvas.gap_lower[i, j], canvas.gap_upper[j, i] = bound, -bound
        canvas.items[i, j] = canvas.items[j, i] = held[i, j]


def _bound_ratings(
    canvas: _Canvas,
    battles: Battles,
    clusters: list[np.ndarray],
    graph: Connectivity,
    estimate: BradleyTerry | None,
    alpha: float,
) -> None:
    """One-sided intervals of models that stand above or below the only rated group, or of the two of a pair."""
    core = np.isfinite(canvas.theta)
    if estimate is not None and len(estimate.beta):
        return  # a bound with the covariates' effect taken out is not worked out
    if estimate is not None and core.any():
        phi, chance = estimate.phi, estimate.model.win_chance
        floor, ceiling = np.where(core, canvas.lower, np.nan), np.where(core, canvas.upper, np.nan)
        above, below = graph.reach[:, core].any(axis=1), graph.reach[core].any(axis=0)
        sides = ((above & ~below, floor, canvas.lower, 1), (below & ~above, -ceiling, canvas.upper, -1))
        for side, ends, bounds, sign in sides:
            models = np.flatnonzero(side & ~core)
            found = [
                strength_bounds(
                    models.tolist(), battles, cluster, ends, win_chance=lambda d: chance(d, phi), error=alpha / 2
                )
                for cluster in clusters
            ]
            bounds[models] = sign * np.min(found, axis=0)  # as for pairs, the kind of cluster that says least
    elif len(canvas.names) == 2 and graph.undefeated:
        winner = graph.undefeated[0]
        half = win_bound(min(len(np.unique(cluster)) for cluster in clusters), alpha / 2) / 2
        canvas.lower[winner], canvas.upper[1 - winner] = half, -half


def _refuse_joint(canvas: _Canvas, graph: Connectivity, cores: list[tuple[int, ...]]) -> None:
    """Say what is not claimed, by name."""
    linked = graph.reach.sum(axis=0) + graph.reach.sum(axis=1) > 2  # each model reaches itself
    for model in np.flatnonzero(~linked).tolist():
        canvas.refusals.append(f"{canvas.quote([model])} has no decided votes: no evidence.")
    for models, never, bound in ((graph.undefeated, "lost", "lower"), (graph.winless, "won", "upper")):
        for model in models:
            canvas.refusals.append(
                f"{canvas.quote([model])} never {never} nor tied: no rating, at most {_article(bound)} bound."
            )
    if len(cores) != 1:
        what = "No joint rating"
    else:
        what = f"Ratings compare only {canvas.quote(cores[0])}"
    groups = "; ".join(canvas.quote(part) for part in graph.components)
    canvas.refusals.append(
        f"{what}: no chain of wins or ties leads both ways between these {len(graph.components)} groups: {groups}."
    )


def _article(bound: str) -> str:
    return f"an {bound}" if bound == "upper" else f"a {bound}"


def _finish(canvas: _Canvas, graph: Connectivity, *, tiered: bool) -> Ratings:
    pairs = PairIntervals(
        estimate=canvas.gap * SCALE,
        lower=canvas.gap_lower * SCALE,
        upper=canvas.gap_upper * SCALE,
        level=float(canvas.fit["groups"][0]["pair_level"]) if canvas.fit["groups"] else math.nan,
    )
    standing = graph.reach.sum(axis=0) - graph.reach.sum(axis=1)
    strength = np.where(np.isfinite(canvas.theta), canvas.theta, 0.0)
    order = np.lexsort((np.arange(len(canvas.names)), -strength, standing))
    tier = tiers(order, pairs.separated) if tiered else np.zeros(len(order), dtype=np.int64)
    alone = graph.reach.sum(axis=0) + graph.reach.sum(axis=1) == 2
    return Ratings(
        order=order,
        rating=CENTRE + SCALE * canvas.theta,
        lower=CENTRE + SCALE * canvas.lower,
        upper=CENTRE + SCALE * canvas.upper,
        pairs=pairs,
        items=canvas.items,
        tier=np.where(alone, 0, tier),
        controls=canvas.controls,
        fit=canvas.fit,
        refusals=tuple(canvas.refusals),
    )
