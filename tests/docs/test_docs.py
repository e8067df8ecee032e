"""The documents say what the code does: commands, keys, the tree, the rules of the house."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from fairtrial.core import errors
from fairtrial.runs import trial as trial_file

ROOT = Path(__file__).parents[2]


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_every_command_is_documented() -> None:
    from fairtrial.cli.app import app

    names = [command.name or command.callback.__name__ for command in app.registered_commands]  # type: ignore[union-attr]
    names += [group.name for group in app.registered_groups if group.name]
    assert len(names) >= 9
    for name in names:
        assert f"`fairtrial {name}" in text("docs/commands.md"), name


def test_every_exit_code_is_documented() -> None:
    codes = {e.exit_code for e in vars(errors).values() if isinstance(e, type) and issubclass(e, errors.FairtrialError)}
    for code in codes:
        assert f"| {code} |" in text("docs/commands.md")


@pytest.mark.parametrize(
    "table", [trial_file.Trial, trial_file.ContestantEntry, trial_file.JudgeEntry, trial_file.ScorerEntry, trial_file.BattlesEntry,
              trial_file.BudgetEntry, trial_file.SelectEntry, trial_file.VerdictsEntry, trial_file.AnswerLimits]
)  # fmt: skip
def test_every_key_of_a_trial_file_is_documented(table: type[trial_file.Trial]) -> None:
    page = text("docs/trial-files.md")
    for name, field in table.model_fields.items():
        assert re.search(rf"\b{field.alias or name}\b", page), name


def test_the_readmes_tree_is_the_tree() -> None:
    rooms = {p.name for p in (ROOT / "src" / "fairtrial").iterdir() if p.is_dir() and not p.name.startswith("_")}
    shown = set(re.findall(r"^  (\w+)/ ", text("README.md"), re.MULTILINE))
    assert shown == rooms
    for room in rooms:
        assert f"`{room}`" in text("ARCHITECTURE.md"), room


def test_links_lead_somewhere() -> None:
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_starter_trial_is_a_good_trial() -> None:
    from fairtrial.lab.starter import starter_trial

    trial = trial_file.parse_trial(starter_trial())
    assert trial.limit == 40
    assert len(trial.contestants) >= 5
    assert sum(j.battles or 0 for j in trial.judges) <= 30


def test_coverage_names_all_twenty_stories() -> None:
    rows = re.findall(r"^\| (\d+) \|.*\|$", text("docs/coverage.md"), re.MULTILINE)
    assert [int(n) for n in rows] == list(range(1, 21))


def test_modules_stay_small_and_say_what_they_are() -> None:
    for module in (ROOT / "src").rglob("*.py"):
        lines = module.read_text(encoding="utf-8").splitlines()
        assert len(lines) <= 400, module
        assert lines[0].startswith(('"""', 'r"""')), module


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = "import sys, fairtrial; print([m for m in ('numpy', 'sqlalchemy', 'aiohttp', 'rich', 'msgspec') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "[]"


def test_help_loads_no_heavy_room() -> None:
    code = (
        "import sys; sys.argv = ['fairtrial', '--help']\n"
        "from fairtrial.cli import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print([m for m in ('numpy', 'sqlalchemy', 'aiohttp', 'altair', 'scipy') if m in sys.modules], file=sys.stderr)"
    )
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stderr.strip().endswith("[]")


def test_every_setting_of_the_arena_is_documented() -> None:
    from fairtrial.arena.settings import ArenaSettings, Limits

    page = text("docs/serving.md")
    for name in (*ArenaSettings.model_fields, *Limits.model_fields):
        assert name == "limits" or f"| `{name}` |" in page, name


def test_the_documented_arena_is_accepted() -> None:
    from fairtrial.arena.settings import check_settings

    page = text("docs/serving.md")
    example = next(block for block in re.findall(r"```toml\n(.*?)```", page, re.DOTALL) if "[[contestant]]" in block)
    settings, entries = check_settings(tomllib.loads(example), where="serving.md")
    assert len(entries) == 2
    assert settings.looks
