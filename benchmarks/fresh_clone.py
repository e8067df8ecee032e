"""The README's two commands as a newcomer meets them: in a fresh clone, with a new virtual environment.

    python benchmarks/fresh_clone.py

Models already pulled are not used: the weights are pulled anew, and their time is printed apart by the demo itself.
"""

import json
import os
import re
import subprocess
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent


def timed(command: list[str], where: Path, env: dict[str, str]) -> tuple[float, str]:
    """Wall seconds of a command that must succeed, and what it printed."""
    start = time.perf_counter()
    done = subprocess.run(command, check=False, cwd=where, env=env, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit((done.stdout + done.stderr)[-3000:])
    return time.perf_counter() - start, done.stdout + done.stderr


def main() -> None:
    """Clone, `make demo`, `make test`; print and write."""
    with tempfile.TemporaryDirectory() as tmp:
        clone = Path(tmp) / "fairtrial"
        subprocess.run(["git", "clone", "-q", str(HERE.parent), str(clone)], check=True)
        env = os.environ | {"FAIRTRIAL_MODELS": str(Path(tmp) / "models")}
        demo, said = timed(["make", "demo"], clone, env)
        test, tested = timed(["make", "test"], clone, env)
    result = {
        "demo_s": demo,
        "install": re.findall(r"Installed (\d+) MB in (\d+) s", said)[0],
        "weights": re.findall(r"Pulled \S+: (\d+) MB in ([\d.]+) s", said)[0],
        "test_s": test,
        "tests": re.findall(r"(\d+) passed", tested)[-1],
    }
    print(json.dumps(result, indent=1))
    (HERE / "results" / "fresh_clone.json").write_text(json.dumps(result, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
