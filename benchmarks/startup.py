"""Start-up and size: `import fairtrial`, `fairtrial --help`, and what a core install puts on disk.

python benchmarks/startup.py
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
ROUNDS = 7


def child(command: list[str]) -> tuple[float, float]:
    """(wall, CPU) seconds of one child process."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - start, cpu


def median(values: list[float]) -> float:
    """The middle one."""
    return sorted(values)[len(values) // 2]


def core_install() -> tuple[float, bool]:
    """Megabytes of site-packages after a core install without extras, less pip itself; and whether torch came along."""
    with tempfile.TemporaryDirectory() as tmp:
        subprocess.run([sys.executable, "-m", "venv", tmp], check=True)
        pip = [f"{tmp}/bin/python", "-m", "pip", "--disable-pip-version-check", "-q"]
        constraints = ["--constraint", str(ROOT / "constraints.txt"), "--only-binary=:all:", "--no-compile"]
        build = ["--no-binary=fairtrial"]
        subprocess.run([*pip, "install", *constraints, *build, str(ROOT)], check=True)
        packages = next(Path(tmp).glob("lib/python*/site-packages"))
        own = {"pip", "setuptools", "pkg_resources", "_distutils_hack"}
        size = sum(
            f.stat().st_size
            for f in packages.rglob("*")
            if f.is_file() and f.relative_to(packages).parts[0].split("-")[0] not in own
        )
        return size / 1e6, (packages / "torch").exists()


def main() -> None:
    """Measure and write."""
    python, command = sys.executable, str(Path(sys.executable).with_name("fairtrial"))
    nothing = median([child([python, "-c", "pass"])[1] for _ in range(ROUNDS)])
    imported = median([child([python, "-c", "import fairtrial"])[1] for _ in range(ROUNDS)])
    helped = [child([command, "--help"]) for _ in range(ROUNDS)]
    size, torch = core_install()
    result = {
        "python_cpu_s": nothing,
        "import_cpu_s": imported,
        "help_wall_s": median([wall for wall, _ in helped]),
        "help_cpu_s": median([cpu for _, cpu in helped]),
        "core_mb": size,
        "torch": torch,
    }
    print(json.dumps(result, indent=1))
    (HERE / "results" / "startup.json").write_text(json.dumps(result, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
