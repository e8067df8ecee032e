"""The populations behind coverage.py's votes: how they are drawn, and what they mean. Read `VoteRegime`, then `target`.

A vote between models a and b by rater r on prompt p goes by the latent difference

    d = theta_a - theta_b + u_ra - u_rb + v_pa - v_pb + beta'x + gamma (1 if a was shown first, else -1)

with u ~ N(0, rater_taste^2) and v ~ N(0, prompt_taste^2), independent between raters, prompts and models, x the features
of a's answer less those of b's, and a law that turns d into an outcome. Pairs are uniform but for a newcomer's.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from fairtrial.stats import POSITION, Battles, Comparisons, chances, fit

LOG_NU = float(np.log(1.1))
"""Davidson's law: a quarter to a third of the votes are ties."""
CUTS = (0.5, 2.0)
"""Ends of ties and of "better" on the latent scale; Rao and Kupper's law has the first alone."""
LENGTH, LISTS, BOLD = "length", "lists", "bold"
STYLE = {LENGTH: 0.4, LISTS: 0.3, BOLD: -0.2}
"""Planted effects, natural log units per unit of the feature; length correlates with strength, bold with length."""
FIRST = 0.25
LISTED = 0.4
"""Share of answers with a list."""
ALONG = 0.6
"""Correlation of bold with length between answers of one model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VoteRegime:
    """A population of raters and prompts, a design, and how its votes are ranked."""

    name: str
    models: int = 10
    raters: int = 0
    """0: nobody knows the raters, and they have no tastes."""
    prompts: int | None = 0
    """0: every vote has a prompt of its own; None: so it has, but nobody knows the prompts."""
    votes: int
    rater_taste: float = 0.0
    prompt_taste: float = 0.0
    rater_skew: float = 0.0
    """A rater's share of the votes goes as rank^-skew."""
    prompt_skew: float = 0.0
    equal: bool = False
    """All models equally strong; else blocks of three that are."""
    newcomer: float = 1.0
    """How often the last model is paired, in shares of the others'."""
    law: str = "davidson"
    """What draws the votes: davidson, rao-kupper, graded."""
    ties: str = "davidson"
    """What fits them."""
    style: bool = False
    position: bool = False

    @property
    def graded(self) -> bool:
        """Whether votes carry grades."""
        return self.law == "graded"

    @property
    def control(self) -> tuple[str, ...]:
        """Names of the m covariates."""
        return (*(STYLE if self.style else ()), *((POSITION,) if self.position else ()))

    @property
    def planted(self) -> np.ndarray:
        """(m,) effects of the covariates."""
        return np.array([*(STYLE.values() if self.style else ()), *((FIRST,) if self.position else ())])

    @property
    def cluster(self) -> tuple[str, ...]:
        """What is known to be sampled."""
        known = (("rater", self.raters > 0), ("prompt", self.prompts is not None))
        return tuple(name for name, is_known in known if is_known)

    @property
    def names(self) -> tuple[str, ...]:
        """K models."""
        return tuple(f"m{k:02}" for k in range(self.models))

    @property
    def pairing(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Models a < b of each pair, and how often it is drawn."""
        first, second = np.triu_indices(self.models, 1)
        share = np.where(second == self.models - 1, self.newcomer, 1.0)
        return first, second, share / share.sum()

    @property
    def theta(self) -> np.ndarray:
        """(K,) strengths: blocks of exactly tied models, so that any separation inside a block is false."""
        if self.equal:
            return np.zeros(self.models)
        blocks, size = max(self.models // 3, 2), 3 if self.models > 4 else 2
        values = np.repeat(np.linspace(0.5, -0.5, blocks), size)[: self.models]
        values = np.concatenate([values, np.full(self.models - len(values), values[-1])])
        return values - values.mean()


def outcome_chances(regime: VoteRegime, d: np.ndarray) -> np.ndarray:
    """(C, ...) chances at latent differences: B, tie, A; or grades -2 ... 2."""
    if regime.law == "davidson":
        return np.stack(chances(d, LOG_NU))
    inner, outer = CUTS
    cuts = (-outer, -inner, inner, outer) if regime.graded else (-inner, inner)
    below = [1 / (1 + np.exp(d - cut)) for cut in cuts]
    edges = np.stack([np.zeros_like(d), *below, np.ones_like(d)])
    return np.diff(edges, axis=0)


def draw(regime: VoteRegime, rng: np.random.Generator) -> Battles:
    """Votes of raters and prompts drawn afresh."""
    size, count = regime.models, regime.votes
    first, second, often = regime.pairing
    pair, turned = rng.choice(len(first), count, p=often), rng.integers(0, 2, count)
    a, b = np.where(turned, second[pair], first[pair]), np.where(turned, first[pair], second[pair])
    rater = _shared_out(regime.raters or 1, regime.rater_skew, count, rng)
    prompt = _shared_out(regime.prompts, regime.prompt_skew, count, rng) if regime.prompts else np.arange(count)
    prompts = regime.prompts or count
    d = regime.theta[a] - regime.theta[b]
    tastes = ((regime.rater_taste, rater, regime.raters or 1), (regime.prompt_taste, prompt, prompts))
    for sd, code, clusters in tastes:
        if sd:
            taste = rng.normal(0, sd, (clusters, size))
            d = d + taste[code, a] - taste[code, b]
    features = {}
    if regime.style:
        answers = _answers(regime, prompts, rng)
        features = {name: values[prompt, a] - values[prompt, b] for name, values in answers.items()}
        d = d + sum(STYLE[name] * values for name, values in features.items())
    order = None
    if regime.position:
        order = rng.integers(0, 2, count)
        d = d + FIRST * (1 - 2 * order)
    steps = np.cumsum(outcome_chances(regime, d), axis=0)[:-1]
    code = (rng.random(count) > steps).sum(axis=0)
    return Battles(
        names=regime.names,
        a=a,
        b=b,
        outcome=np.sign(code - 2) + 1 if regime.graded else code,
        grade=code - 2 if regime.graded else None,
        prompt=None if regime.prompts is None else prompt,
        rater=rater if regime.raters else None,
        order=order,
        features=features,
    )


def _shared_out(clusters: int, skew: float, count: int, rng: np.random.Generator) -> np.ndarray:
    share = 1 / np.arange(1, clusters + 1) ** skew
    return rng.choice(clusters, count, p=share / share.sum())


def _length_means(regime: VoteRegime) -> np.ndarray:
    """(K,) mean length of each model's answers: stronger ones write more."""
    return 0.8 * regime.theta


def _answers(regime: VoteRegime, prompts: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """(prompts, K) features of each model's answer to each prompt, the same for everyone who sees it."""
    shape = (prompts, regime.models)
    own, other = rng.standard_normal(shape), rng.standard_normal(shape)
    return {
        LENGTH: _length_means(regime) + own,
        LISTS: (rng.random(shape) < LISTED).astype(float),
        BOLD: ALONG * own + np.sqrt(1 - ALONG**2) * other,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is estimated: the best fit to infinitely many votes of infinitely many raters and prompts."""

    theta: np.ndarray
    beta: np.ndarray

    @property
    def gap(self) -> np.ndarray:
        """(K, K) differences, row minus column."""
        return self.theta[:, None] - self.theta[None, :]


def target(regime: VoteRegime, *, nodes: int = 13, taste_nodes: int = 41) -> Target:
    """The projection of the population under its pairs (rule 7 of the design), by Gauss-Hermite quadrature.

    Expected votes, as fractions, go through the same fit as real ones: tastes are integrated out of the chances, and
    each point of the covariates' distribution is a vote weighted by its mass. Where the law is not the model fitted, or
    tastes flatten it, this is not the planted truth; it is what the intervals are about.
    """
    first, second, often = regime.pairing
    theta, means = regime.theta, _length_means(regime)
    spread = np.sqrt(2 * (regime.rater_taste**2 + regime.prompt_taste**2))
    taste, mass = hermite(taste_nodes if spread else 1)
    columns: list[list[np.ndarray]] = [[] for _ in range(4 + len(regime.control))]
    for weight, x in _points(regime, nodes):
        shift = np.array([means[first] - means[second] if name == LENGTH else 0 * theta[first] for name in STYLE])
        values = [x[k] + shift[k] for k in range(len(STYLE))] if regime.style else []
        values += [np.full(len(first), x[-1])] if regime.position else []
        d = theta[first] - theta[second] + sum(e * v for e, v in zip(regime.planted, values, strict=True))
        chance = (outcome_chances(regime, d[:, None] + spread * taste) * mass).sum(axis=2)
        for code, share in enumerate(chance):
            for column, part in zip(
                columns, (first, second, np.full(len(first), code), weight * often * share), strict=False
            ):
                column.append(part)
            for column, part in zip(columns[4:], values, strict=True):
                column.append(part)
    a, b, outcome, weight, *x = (np.concatenate(column) for column in columns)
    covariates = dict(zip(regime.control, x, strict=True))
    if regime.position:
        covariates[POSITION] = covariates[POSITION].astype(np.int8)
    votes = Comparisons(
        names=regime.names,
        a=a,
        b=b,
        outcome=outcome.astype(np.int8),
        weight=weight,
        covariates=covariates,
        graded=regime.graded,
    )
    found = fit(votes, ties=regime.ties)
    if not found.converged:
        raise RuntimeError(f"no target for '{regime.name}'")
    return Target(theta=found.theta, beta=found.beta)


def _points(regime: VoteRegime, nodes: int) -> Iterator[tuple[float, np.ndarray]]:
    """Masses and values of the covariates (length without the models' means, lists, bold, first)."""
    sides = ((0.5, 1.0), (0.5, -1.0)) if regime.position else ((1.0, 0.0),)
    if not regime.style:
        for share, side in sides:
            yield share, np.array([side])
        return
    node, mass = hermite(nodes)
    lists = ((LISTED * (1 - LISTED), -1), (LISTED**2 + (1 - LISTED) ** 2, 0), (LISTED * (1 - LISTED), 1))
    for share, side in sides:
        for chance, listed in lists:
            for k, own in enumerate(node):
                for m, other in enumerate(node):
                    bold = ALONG * own + np.sqrt(1 - ALONG**2) * other
                    yield (
                        share * chance * mass[k] * mass[m],
                        np.array([np.sqrt(2) * own, listed, np.sqrt(2) * bold, side]),
                    )


def hermite(nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Points and masses of a standard normal variable."""
    points, mass = np.polynomial.hermite_e.hermegauss(nodes)
    return points, mass / mass.sum()
