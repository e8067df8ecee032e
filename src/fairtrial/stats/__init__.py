"""Pure numerics of ranking and scoring: no IO, no clock, no global randomness. Read `battles.py` first.

Votes become columns (`Battles`), columns become K x K x outcome counts, counts become strengths, clusters become
intervals, intervals become rank sets and verdicts. Scores on the same items take the paired road instead.
"""

from fairtrial.stats._arrays import BoolArray, FloatArray, IntArray, tally
from fairtrial.stats._columns import Coded, Column, Labels, Place, check_flat, label_codes, numbers
from fairtrial.stats._features import RELATIVE, features_of
from fairtrial.stats._tails import t_reach
from fairtrial.stats.agreement import (
    Agreement,
    Alpha,
    Kappa,
    RaterAgreement,
    battle_units,
    cohen_kappa,
    each_against_rest,
    krippendorff_alpha,
    rater_agreement,
)
from fairtrial.stats.alternatives import (
    CROWD,
    EXPERTS,
    SKILLED,
    AlternativeAnnotators,
    LeftOut,
    alternative_annotators,
)
from fairtrial.stats.battles import (
    A_WINS,
    ABSTAIN,
    B_WINS,
    BOTH_BAD,
    INVALID,
    KINDS,
    MAX_MODELS,
    OPTIONAL,
    OUTCOMES,
    POSITION,
    REQUIRED,
    TIE,
    UNGRADED,
    Battles,
)
from fairtrial.stats.bradley_terry import BradleyTerry, fit, fit_bradley_terry, root_mean_square, separated
from fairtrial.stats.comparisons import Comparisons
from fairtrial.stats.debiasing import DebiasedMean, Factor, Worth, ppi_mean, worth
from fairtrial.stats.equivalence import JudgeComparison, compare_judges
from fairtrial.stats.graph import Connectivity, connectivity, tie_weight_bounded
from fairtrial.stats.outcomes import TIE_MODELS, Ties, chances, known_ties
from fairtrial.stats.paired import PairedScores, paired_bootstrap, paired_scores
from fairtrial.stats.passk import majority_at_k, pass_at_k
from fairtrial.stats.proportions import Proportion, proportion
from fairtrial.stats.running import Running
from fairtrial.stats.sandwich import Clustered, Uncertainty, clustered_covariance, effective_number, uncertainty
from fairtrial.stats.sequences import all_pairs_sequence, few_reach, sequence_reach
from fairtrial.stats.simultaneous import PairIntervals, all_pairs, pair_level, rank_sets, tiers
from fairtrial.stats.verdicts import Verdict, verdict

__all__ = [
    "ABSTAIN",
    "A_WINS",
    "BOTH_BAD",
    "B_WINS",
    "CROWD",
    "EXPERTS",
    "INVALID",
    "KINDS",
    "MAX_MODELS",
    "OPTIONAL",
    "OUTCOMES",
    "POSITION",
    "RELATIVE",
    "REQUIRED",
    "SKILLED",
    "TIE",
    "TIE_MODELS",
    "UNGRADED",
    "Agreement",
    "Alpha",
    "AlternativeAnnotators",
    "Battles",
    "BoolArray",
    "BradleyTerry",
    "Clustered",
    "Coded",
    "Column",
    "Comparisons",
    "Connectivity",
    "DebiasedMean",
    "Factor",
    "FloatArray",
    "IntArray",
    "JudgeComparison",
    "Kappa",
    "Labels",
    "LeftOut",
    "PairIntervals",
    "PairedScores",
    "Place",
    "Proportion",
    "RaterAgreement",
    "Running",
    "Ties",
    "Uncertainty",
    "Verdict",
    "Worth",
    "all_pairs",
    "all_pairs_sequence",
    "alternative_annotators",
    "battle_units",
    "chances",
    "check_flat",
    "clustered_covariance",
    "cohen_kappa",
    "compare_judges",
    "connectivity",
    "each_against_rest",
    "effective_number",
    "features_of",
    "few_reach",
    "fit",
    "fit_bradley_terry",
    "known_ties",
    "krippendorff_alpha",
    "label_codes",
    "majority_at_k",
    "numbers",
    "pair_level",
    "paired_bootstrap",
    "paired_scores",
    "pass_at_k",
    "ppi_mean",
    "proportion",
    "rank_sets",
    "rater_agreement",
    "root_mean_square",
    "separated",
    "sequence_reach",
    "t_reach",
    "tally",
    "tie_weight_bounded",
    "tiers",
    "uncertainty",
    "verdict",
    "worth",
]
