"""Who judges: reference scorers and judge models. Kinds of evidence are never pooled.

Read `scorers.py` (one response against a reference) and `judge.py` (two responses, both orders). What a judge is shown
stands in `templates.py`, what it said is read in `readings.py`; `judge_models.py` and `heuristics.py` are readers,
`panels.py` makes one vote of several. How good a
judge is, `examining.py` asks and `card.py` tells.
"""

from fairtrial.evaluators.checkers import CHECKERS, check, check_spec, describe, near, read_checks
from fairtrial.evaluators.heuristics import HEURISTICS, Heuristic
from fairtrial.evaluators.judge import Judge
from fairtrial.evaluators.judge_models import PairwiseModel, PointwiseModel, reader_of
from fairtrial.evaluators.panels import Panel, weights_from
from fairtrial.evaluators.readings import Case, Reader, Reading
from fairtrial.evaluators.scorers import SCORERS, Scorer, check_reference

__all__ = [
    "CHECKERS",
    "HEURISTICS",
    "SCORERS",
    "Case",
    "Heuristic",
    "Judge",
    "PairwiseModel",
    "Panel",
    "PointwiseModel",
    "Reader",
    "Reading",
    "Scorer",
    "check",
    "check_reference",
    "check_spec",
    "describe",
    "near",
    "read_checks",
    "reader_of",
    "weights_from",
]
