"""Boards with a known truth, for tests."""

import numpy as np

from fairtrial.stats import Battles, chances

LABELS = ("model_b", "tie", "model_a")


def columns(seed: int = 1, *, theta=(0.6, 0.2, 0.0, -0.8), votes: int = 400, prompts: int = 60, log_nu: float = 0.1):
    """Columns of a battle file drawn from Davidson's model."""
    rng = np.random.default_rng(seed)
    theta = np.asarray(theta)
    a = rng.integers(0, len(theta), votes)
    b = (a + 1 + rng.integers(0, len(theta) - 1, votes)) % len(theta)
    lose, tie, _ = chances(theta[a] - theta[b], log_nu)
    u = rng.random(votes)
    outcome = np.where(u < lose, 0, np.where(u < lose + tie, 1, 2))
    return {
        "model_a": [f"m{k}" for k in a],
        "model_b": [f"m{k}" for k in b],
        "winner": [LABELS[o] for o in outcome],
        "question_id": [f"q{q}" for q in rng.integers(0, prompts, votes)],
    }


def battles(seed: int = 1, **how) -> Battles:
    return Battles.from_columns(columns(seed, **how))


def duel(*winners: str, a: str = "a", b: str = "b") -> dict[str, list[str]]:
    """Votes on one pair, each on its own prompt."""
    return {
        "model_a": [a] * len(winners),
        "model_b": [b] * len(winners),
        "winner": list(winners),
        "question_id": [f"q{k}" for k in range(len(winners))],
    }


def joined(*parts: dict[str, list[str]]) -> dict[str, list[str]]:
    return {name: [value for part in parts for value in part[name]] for name in parts[0]}
