"""The desk: `Lab` wires the rooms together. Read `lab.py` first; `Lab.open(path).run(trial)` is the main job."""

from fairtrial.lab.doctor import Finding, examine
from fairtrial.lab.lab import Lab, RunResult

__all__ = ["Finding", "Lab", "RunResult", "examine"]
