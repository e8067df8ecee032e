"""Who judges: reference scorers and judge models. Kinds of evidence are never pooled.

Read `scorers.py` (one response against a reference) and `judge.py` (two responses, both orders).
"""

from fairtrial.evaluators.judge import Judge, JudgeReading
from fairtrial.evaluators.scorers import SCORERS, Scorer, check_reference

__all__ = ["SCORERS", "Judge", "JudgeReading", "Scorer", "check_reference"]
