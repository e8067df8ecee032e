"""Peak memory of a trial with 100,000 samples, answers, scores, evidence and board included.

python benchmarks/memory.py [--samples 100000]
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent

CHILD = """
import json, resource, sys, time
from pathlib import Path
n, tmp = int(sys.argv[1]), Path(sys.argv[2])
with (tmp / "p.jsonl").open("w") as out:
    for i in range(n // 4):
        out.write(json.dumps({"id": str(i), "prompt": f"Question {i}: what is {i} + {i % 97}? " + "Please think. " * 10,
                              "reference": str(i + i % 97), "tags": [f"c{i % 7}"]}) + "\\n")
from fairtrial.lab import Lab
from fairtrial.runs import parse_trial
lab = Lab.create(tmp / "lab")
trial = parse_trial({"name": "memory", "prompts": str(tmp / "p.jsonl"),
  "contestant": [{"name": f"s{k}", "model": f"sim/skill-0.{k}"} for k in (5, 6, 7, 8)],
  "evaluator": [{"kind": "scorer", "scorer": "number"}]})
started = time.perf_counter()
result = lab.run(Lab.plan(trial))
peak = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({"samples": n, "peak_mb": peak.ru_maxrss / 1024, "seconds": time.perf_counter() - started,
                  "cpu_s": peak.ru_utime + peak.ru_stime,
                  "report_mb": (result.directory / "report.html").stat().st_size / 1e6}))
"""


def main() -> None:
    """Run the trial in a child process and write its peak."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--samples", type=int, default=100_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as tmp:
        command = [sys.executable, "-c", CHILD, str(options.samples), tmp]
        told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    result = json.loads(told.splitlines()[-1])
    result["children_peak_mb"] = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"{result['samples']:,} samples: peak {result['peak_mb']:.0f} MB, {result['seconds']:.0f} s")
    (HERE / "results" / "memory.json").write_text(json.dumps(result, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
