"""A trial becomes jobs, jobs become evidence, evidence a report; interrupted anywhere, the same command goes on.

Read `runner.py` first (`run_trial`), then `trial.py` (what a trial file may say).
"""

from fairtrial.runs.plan import Plan, estimate_plan, plan_trial
from fairtrial.runs.progress import Progress, Silent
from fairtrial.runs.runner import run_trial
from fairtrial.runs.summary import summarise
from fairtrial.runs.trial import Trial, parse_trial, read_trial

__all__ = [
    "Plan",
    "Progress",
    "Silent",
    "Trial",
    "estimate_plan",
    "parse_trial",
    "plan_trial",
    "read_trial",
    "run_trial",
    "summarise",
]
