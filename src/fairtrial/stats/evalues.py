"""Tests that may be read after every vote, and discoveries among many of them. Read `likelihood_ratio`, then `e_bh`.

An e-value is a bet against honesty at fair odds: if the rater is honest its mean is at most 1, whenever one stops, so
that it exceeds 1/a with chance at most a (Ville 1939; Shafer 2021, JRSS A 184). Here the bets are on outcomes of
battles. Honest raters have tastes: a rater's preference for a contestant shifts the log-odds of every battle it is in.
The null hypothesis is not "votes like the crowd" but "votes like the crowd shifted by a taste", the taste drawn from
the `tastes` of honest people; the alternative is a shift that no taste explains. All shifts share one grid, `SHIFTS`.
"""

import numpy as np

from fairtrial.core import BadInput
from fairtrial.stats._arrays import BoolArray, FloatArray, IntArray

_TASTES = np.linspace(-4.0, 4.0, 33)
DEVOTED = (5.0, 6.5, 8.0)
"""Shifts of one who always votes for a contestant: even against an equal one that loses every 11th to 50th battle."""
SHIFTS = np.concatenate([-np.array(DEVOTED[::-1]), _TASTES, DEVOTED])
"""(G,) shifts of log-odds in natural log units, symmetric about 0."""
ALWAYS = np.where(DEVOTED[0] <= SHIFTS, 1 / len(DEVOTED), 0.0)
"""(G,) the alternative "always for"; reversed it is "always against"."""
SWAYED = np.linspace(-0.6, 0.6, 7)
"""Shifts that a whole group of honest raters may have in common."""
DEVOTED_SHARES = np.array([0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9])
"""Shares of devoted raters that are tried against a group."""
_STRONG = 0.1
"""Share of honest raters whose tastes spread twice as far: real ones have longer tails than the normal."""


def tastes(sd: float, centre: float = 0.0) -> FloatArray:
    """(G,) chances of the shifts under honest tastes: nine tenths N(centre, sd^2), one tenth N(centre, (2 sd)^2).

    Raises:
        BadInput: A spread that is not positive.
    """
    if not sd > 0:
        raise BadInput(f"tastes cannot have the standard deviation {sd}.", where="taste")
    z = (_TASTES - centre) / sd
    density = (1 - _STRONG) * np.exp(-(z**2) / 2) + _STRONG / 2 * np.exp(-(z**2) / 8)
    found = np.zeros(len(SHIFTS))
    found[len(DEVOTED) : -len(DEVOTED)] = density / density.sum()
    return found


def shift_ratios(chance: FloatArray, outcome: IntArray, score: FloatArray) -> FloatArray:
    """Log of how much likelier each outcome is under each shift than without one.

    A shift t multiplies the odds of outcomes by exp(t score): with scores -1/2, 0, 1/2 that adds t to the difference of
    strengths in Davidson's model, and it keeps to the crowd's own chances at t = 0.

    Args:
        chance: (N, C) the crowd's chances of the C outcomes of each battle; rows sum to 1.
        outcome: (N,) what was voted.
        score: (C,) how far each outcome goes in the direction tested.

    Returns:
        (N, G) log-ratios; for the direction reversed, reverse the last axis.
    """
    tilt = np.outer(SHIFTS, score)
    return np.asarray(tilt[:, outcome].T - np.log(chance @ np.exp(tilt).T))


def log_mean(log_values: FloatArray, weight: FloatArray) -> FloatArray:
    """Log of the weighted sum over the last axis of exp(log_values).

    Args:
        log_values: (M, G).
        weight: (G,) weights that sum to 1, or (G, S) for S weightings at once.

    Returns:
        (M,), or (M, S).
    """
    top = log_values.max(axis=-1, initial=-np.inf, keepdims=True)
    means = np.log(np.maximum(np.exp(log_values - top) @ weight, 1e-300))
    return np.asarray(means + (top if weight.ndim == 2 else top[..., 0]))


def likelihood_ratio(log_ratios: FloatArray, null: FloatArray, alternative: FloatArray = ALWAYS) -> FloatArray:
    """(M,) log e-values: mixture of likelihoods over the alternative's shifts, by that over the null's.

    It is a test martingale when the shift is drawn from the null's mixture; for a rater of fixed taste t its mean is at
    most 1 over the null's chance of t.

    Args:
        log_ratios: (M, G) sums of `shift_ratios` over the votes of each of M raters.
        null: (G,) `tastes`.
        alternative: (G,).
    """
    both = log_mean(log_ratios, np.stack([alternative, null], axis=1))
    return np.asarray(both[:, 0] - both[:, 1])


def taste_spread(log_ratios: FloatArray, least: float) -> float:
    """The likeliest standard deviation of tastes, of `least` times 1, 1.1, 1.2 … up to 2.

    The search ends where the grid can no longer hold the tastes.

    Args:
        log_ratios: (M, G) as in `likelihood_ratio`.
        least: Never go below: a few raters would say too little.
    """
    tried = [sd for sd in least * np.arange(1.0, 2.05, 0.1) if sd <= 1.6] or [least]
    fits = log_mean(log_ratios, np.stack([tastes(sd) for sd in tried], axis=1)).sum(axis=0)
    return float(tried[int(np.argmax(fits))])


def group_terms(log_ratios: FloatArray, sd: float, alternative: FloatArray = ALWAYS) -> tuple[FloatArray, FloatArray]:
    """What each member adds to the evidence about a group; sums over any of the members go into `group_ratio`.

    Returns:
        (M, F) log-likelihoods if a share f of `DEVOTED_SHARES` is devoted and the others honest; (M, S) if all are
        honest and share one of the `SWAYED` shifts beside their own tastes.
    """
    ways = np.stack([*(tastes(sd, shift) for shift in SWAYED), alternative], axis=1)
    found = log_mean(log_ratios, ways)
    swayed, devoted = found[:, :-1], found[:, -1:]
    honest = swayed[:, [len(SWAYED) // 2]]
    return np.logaddexp(np.log1p(-DEVOTED_SHARES) + honest, np.log(DEVOTED_SHARES) + devoted), swayed


def group_ratio(with_some: FloatArray, swayed: FloatArray, sd: float) -> tuple[FloatArray, FloatArray]:
    """Log e-values of groups against "all honest with a common shift from N(0, sd^2)", and their likeliest share.

    Args:
        with_some: (M, F) sums of `group_terms` over each group's members.
        swayed: (M, S) likewise.
        sd: Spread of the common shift.

    Returns:
        (M,) log e-values; (M,) the likeliest of `DEVOTED_SHARES`.
    """
    weight = np.exp(-((SWAYED / sd) ** 2) / 2)
    even = np.full(len(DEVOTED_SHARES), 1 / len(DEVOTED_SHARES))
    found = log_mean(with_some, even) - log_mean(swayed, weight / weight.sum())
    return found, DEVOTED_SHARES[np.argmax(with_some, axis=-1)]


def probe_ratio(passed: IntArray, failed: IntArray, *, attentive: float) -> FloatArray:
    """(M,) log e-values against "passes each probe with a chance of at least `attentive`".

    The alternatives are chances of 1/2, 1/4 and 1/20 of it, equally weighted.

    Raises:
        BadInput: A chance that is not between 0 and 1.
    """
    if not 0 < attentive < 1:
        raise BadInput(f"{attentive} is no chance between 0 and 1.", where="attentive")
    tried = attentive * np.array([0.5, 0.25, 0.05])
    win, lose = np.log(tried / attentive), np.log((1 - tried) / (1 - attentive))
    return log_mean(np.outer(passed, win) + np.outer(failed, lose), np.full(3, 1 / 3))


def e_bh(log_e: FloatArray, level: float) -> BoolArray:
    """(M,) hypotheses rejected so that the false-discovery rate is at most `level`, however the e-values depend.

    Rejects the k largest for the largest k whose k-th is at least M / (level k) (Wang & Ramdas 2022, JRSS B 84).
    E-values must be those of one look: their highest points over time are no e-values.

    Raises:
        BadInput: A level that is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise BadInput(f"a level is a probability between 0 and 1, not {level}.", where="level")
    order = np.argsort(-log_e, kind="stable")
    rank = np.arange(1, len(log_e) + 1)
    enough = np.flatnonzero(log_e[order] >= np.log(len(log_e) / (level * rank)))
    found = np.zeros(len(log_e), dtype=bool)
    if len(enough):
        found[order[: enough[-1] + 1]] = True
    return found
