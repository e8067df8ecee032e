"""The same trial with 1, 2 and 8 workers: is the evidence the same, byte for byte?

    python benchmarks/workers.py

Simulated models with real latency and faults under real concurrency, and the embedded model in `reproducible` mode.
"""

import hashlib
import json
import sys
import tempfile
from pathlib import Path

from fairtrial.lab import Lab
from fairtrial.runs import parse_trial

HERE = Path(__file__).parent
TRIALS = {
    "simulated": {
        "limit": 100,
        "contestant": [
            {"name": "a", "model": "sim/skill-0.8", "settings": {"latency_s": 0.01}},
            {"name": "b", "model": "sim/skill-0.5", "settings": {"latency_s": 0.02, "refusal_rate": 0.05}},
            {"name": "c", "model": "sim/skill-0.5", "strategy": "self-consistency", "k": 3},
        ],
        "evaluator": [{"kind": "scorer"}, {"kind": "judge", "model": "sim/skill-0.8", "name": "j"}],
        "battles": {"design": "uniform", "budget": 100},
    },
    "embedded, reproducible": {
        "limit": 6,
        "select": {"referenced": True},
        "contestant": [
            {"name": "direct", "model": "embedded/smollm2-135m", "mode": "reproducible", "threads": 1, "max_tokens": 12},
            {"name": "warm", "model": "embedded/smollm2-135m", "mode": "reproducible", "threads": 1, "max_tokens": 12,
             "temperature": 0.8},
        ],
        "evaluator": [{"kind": "scorer"}, {"kind": "judge", "model": "embedded/smollm2-135m", "mode": "reproducible",
                                           "threads": 1, "name": "j"}],
        "battles": {"design": "uniform", "budget": 4},
    },
}  # fmt: skip


def main() -> None:
    """Run each trial three times in fresh labs and compare every evidence file."""
    seen = {}
    for name, body in TRIALS.items():
        digests = set()
        for workers in (1, 2, 8):
            with tempfile.TemporaryDirectory() as tmp:
                lab = Lab.create(Path(tmp) / "lab")
                trial = parse_trial({"name": name, "seed": 5, "prompts": "builtin:starter", "workers": workers} | body)
                result = lab.run(lab.plan(trial))
                files = sorted([*result.directory.glob("*.jsonl"), result.directory / "boards.json"])
                digests.add(hashlib.sha256(b"".join(f.read_bytes() for f in files)).hexdigest())
        seen[name] = sorted(digests)
        print(f"{name}: {'identical' if len(digests) == 1 else 'DIFFERENT'}", flush=True)
    result = {"identical": all(len(d) == 1 for d in seen.values()), "digests": seen}
    (HERE / "results" / "workers.json").write_text(json.dumps(result, indent=1, sort_keys=True) + "\n")
    sys.exit(0 if result["identical"] else 1)


if __name__ == "__main__":
    main()
