"""A lab at work: stopped once and twice, and what it signs again."""

import os
import signal
from pathlib import Path

import pytest

from fairtrial.core import Interrupted
from fairtrial.lab import Lab
from fairtrial.runs import Silent, parse_trial
from fairtrial.runs.progress import Tick

TRIAL = {
    "name": "lab",
    "prompts": "builtin:starter",
    "limit": 12,
    "select": {"referenced": True},
    "workers": 2,
    "contestant": [{"name": "a", "model": "sim/skill-0.8", "settings": {"latency_s": 0.02}}],
    "evaluator": [{"kind": "scorer"}],
}


class CtrlC(Silent):
    """Presses Ctrl-C after the first job, and once more when told that the run is stopping."""

    def __init__(self, times: int) -> None:
        self.left = times

    def press(self) -> None:
        if self.left:
            self.left -= 1
            os.kill(os.getpid(), signal.SIGINT)

    def tick(self, tick: Tick) -> None:
        self.press()

    def say(self, message: str) -> None:
        if message.startswith("Stopping"):
            self.press()


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_once_or_twice_is_an_interruption_and_the_same_call_goes_on(tmp_path: Path, times: int) -> None:
    lab = Lab.create(tmp_path / "lab")
    plan = lab.plan(parse_trial(TRIAL))
    with pytest.raises(Interrupted, match="stopped"):
        lab.run(plan, progress=CtrlC(times))
    assert lab.verify(lab.run(plan).directory).word == "TRUSTED"
