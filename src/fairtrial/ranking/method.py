"""How ratings are made, as asked for and as printed with every board. Read `Method` first."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from fairtrial.core import BadInput
from fairtrial.stats import Battles, BradleyTerry, Clustered, Ties, Uncertainty
from fairtrial.stats._arrays import IntArray

BOOTSTRAP_DRAWS = 200
"""Multiplier-bootstrap draws behind every board's cross-check."""
LEAST_DRAWS, MOST_DRAWS = 100, 1_000_000
"""Draws behind the simultaneous critical value: fewer say little, more fill the memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """How ratings are made; printed with every board."""

    ties: Ties = "davidson"
    graded: bool = False
    """Whether grades are modelled (cumulative link); the tie model is then beside the point."""
    control: tuple[str, ...] = ()
    """Features whose effect is taken out, and ``position``."""
    cluster: tuple[str, ...] = ("prompt",)
    """What is sampled: ``prompt``, ``rater`` or both."""
    alpha: float = 0.05
    draws: int = 4000
    seed: int = 0

    def clusters(self, battles: Battles) -> dict[str, IntArray]:
        """Name to (N,) codes of what is sampled.

        Raises:
            BadInput: No cluster, an unknown one, one named twice, or raters that are unknown.
        """
        if not self.cluster:
            raise BadInput("no cluster named.", where="cluster", next_step="Known: prompt, rater.")
        if len(set(self.cluster)) < len(self.cluster):
            raise BadInput("a cluster is named twice.", where="cluster", next_step="Known: prompt, rater.")
        return {name: battles.clusters(name) for name in self.cluster}

    def facts(self, battles: Battles) -> dict[str, Any]:
        """The method as a board prints it."""
        return {
            "model": "Bradley-Terry",
            "ties": "cumulative link" if self.graded else self.ties,
            "graded": self.graded,
            "control": list(self.control),
            "cluster": list(self.cluster),
            "alpha": self.alpha,
            "draws": self.draws,
            "seed": self.seed,
            "votes": battles.ballots(),
            "target": "the best fit to the votes as they were paired, among raters and prompts like these",
            "groups": [],
        }


def listed(names: Iterable[str], option: str) -> tuple[str, ...]:
    """Names as given; one text may name several, with commas, as on the command line.

    Raises:
        BadInput: What is given holds no text; `option` says where.
    """
    split = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
    if not all(isinstance(name, str) for name in split):
        raise BadInput(f"names are text, not {split!r}.", where=option)
    return tuple(split)


def default_clusters(battles: Battles, evidence: str) -> tuple[str, ...]:
    """Raters and prompts where both are known and people voted; machines are fixed, so their prompts alone."""
    if evidence != "human" or battles.rater is None:
        return ("prompt",)
    return ("rater",) if battles.prompt is None else ("rater", "prompt")


def fit_facts(names: tuple[str, ...], fit: BradleyTerry, found: Uncertainty, level: float) -> dict[str, Any]:
    """One rated group: the estimate's health and how its uncertainty was made."""
    ways = found.ways
    return {
        "models": list(names),
        "covariance": {name: one.method for name, one in ways.items()},
        "combined": found.combined,
        "clusters": {name: one.clusters for name, one in ways.items()},
        "effective_clusters": {name: round(one.effective, 3) for name, one in ways.items()},
        "largest_share": {name: round(one.largest_share, 6) for name, one in ways.items()},
        "pair_level": level,
        "outcomes": fit.model.name,
        **fit.model.facts(fit.phi),
        "nu": None if fit.log_nu is None else float(np.exp(fit.log_nu)),
        "log_likelihood": fit.log_likelihood,
        "iterations": fit.iterations,
        "converged": fit.converged,
        "gradient": fit.gradient,
        "cross_check": cross_check(ways),
    }


def cross_check(ways: Mapping[str, Clustered]) -> dict[str, Any] | None:
    """Standard errors of the multiplier bootstrap over those of the covariance, median over models, by cluster."""
    ratios = {}
    for name, one in ways.items():
        if one.draws is None or one.hanging.all():
            continue
        keep = ~one.hanging
        own = np.sqrt(np.diag(one.covariance)[keep])
        ratios[name] = float(np.median(one.draws[:, keep].std(axis=0) / own))
    if not ratios:
        return None
    return {"method": "multiplier bootstrap over clusters", "draws": BOOTSTRAP_DRAWS, "se_ratio": ratios}
