"""A lab at work: stopped once and twice, and what it signs again."""

import os
import signal
from pathlib import Path

import pytest

from fairtrial.core import IntegrityError, Interrupted
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


def test_a_report_is_signed_again_only_if_its_evidence_is_what_was_signed(tmp_path: Path) -> None:
    lab = Lab.create(tmp_path / "lab")
    directory = lab.run(lab.plan(parse_trial(TRIAL))).directory
    (directory / "report.html").write_text("cut off while it was written")
    assert lab.verify(lab.rewrite()).word == "TRUSTED"
    scores = directory / "scores.jsonl"
    scores.write_text(scores.read_text().replace('"value":0.0', '"value":1.0'))
    with pytest.raises(IntegrityError, match="scores.jsonl"):
        lab.rewrite()
    assert lab.verify(directory).word == "TAMPERED"
    (directory / "statement.dsse.json").unlink()
    with pytest.raises(IntegrityError, match="not what this lab signed"):
        lab.rewrite()


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_once_or_twice_is_an_interruption_and_the_same_call_goes_on(tmp_path: Path, times: int) -> None:
    lab = Lab.create(tmp_path / "lab")
    plan = lab.plan(parse_trial(TRIAL))
    with pytest.raises(Interrupted, match="stopped"):
        lab.run(plan, progress=CtrlC(times))
    assert lab.verify(lab.run(plan).directory).word == "TRUSTED"
