"""Pure numerics of ranking and scoring: no IO, no clock, no global randomness. Read `battles.py` first.

Votes become columns (`Battles`), columns become K x K x outcome counts, counts become strengths, clusters become
intervals, intervals become rank sets and verdicts. Scores on the same items take the paired road instead.
"""

from fairtrial.stats._tails import t_reach
from fairtrial.stats.battles import (
    A_WINS,
    ABSTAIN,
    B_WINS,
    BOTH_BAD,
    INVALID,
    KINDS,
    OUTCOMES,
    REQUIRED,
    TIE,
    Battles,
)
from fairtrial.stats.bradley_terry import BradleyTerry, Ties, chances, fit_bradley_terry, known_ties
from fairtrial.stats.graph import Connectivity, connectivity, tie_weight_bounded
from fairtrial.stats.paired import PairedScores, paired_bootstrap, paired_scores
from fairtrial.stats.passk import majority_at_k, pass_at_k
from fairtrial.stats.proportions import Proportion, proportion
from fairtrial.stats.sandwich import Clustered, clustered_covariance, effective_number
from fairtrial.stats.simultaneous import PairIntervals, all_pairs, pair_level, rank_sets, tiers
from fairtrial.stats.verdicts import Verdict, verdict

__all__ = [
    "ABSTAIN",
    "A_WINS",
    "BOTH_BAD",
    "B_WINS",
    "INVALID",
    "KINDS",
    "OUTCOMES",
    "REQUIRED",
    "TIE",
    "Battles",
    "BradleyTerry",
    "Clustered",
    "Connectivity",
    "PairIntervals",
    "PairedScores",
    "Proportion",
    "Ties",
    "Verdict",
    "all_pairs",
    "chances",
    "clustered_covariance",
    "connectivity",
    "effective_number",
    "fit_bradley_terry",
    "known_ties",
    "majority_at_k",
    "pair_level",
    "paired_bootstrap",
    "paired_scores",
    "pass_at_k",
    "proportion",
    "rank_sets",
    "t_reach",
    "tie_weight_bounded",
    "tiers",
    "verdict",
]
