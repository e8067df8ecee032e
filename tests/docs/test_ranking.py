"""docs/ranking.md: its snippets give what they say, and its tables name what there is."""

import doctest
import re
from pathlib import Path

import pytest

from fairtrial.formats.shapes import SHAPES
from fairtrial.stats import OPTIONAL, REQUIRED

PAGE = (Path(__file__).parents[2] / "docs" / "ranking.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_every_snippet_gives_what_the_page_shows() -> None:
    known: dict[str, object] = {}
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS, verbose=False)
    reports: list[str] = []
    for place, snippet in enumerate(SNIPPETS):
        test = doctest.DocTestParser().get_doctest(snippet, known, f"snippet {place}", "docs/ranking.md", 0)
        test.globs = known  # later snippets use what earlier ones define
        runner.run(test, out=reports.append, clear_globs=False)
    assert len(SNIPPETS) >= 10
    assert runner.summarize(verbose=False).failed == 0, "".join(reports)


@pytest.mark.parametrize("name", [*REQUIRED, *OPTIONAL])
def test_every_column_of_a_battle_file_is_named(name: str) -> None:
    assert f"`{name}`" in PAGE


@pytest.mark.parametrize("shape", [shape.name for shape in SHAPES[:-1]])
def test_every_shape_is_named(shape: str) -> None:
    first, *rest = shape.split()
    assert first in PAGE
    assert rest[-1].strip(")") in PAGE


def test_every_option_of_rank_is_documented() -> None:
    from fairtrial.cli.app import app

    command = next(c for c in app.registered_commands if c.callback is not None and c.callback.__name__ == "rank")
    assert command.callback is not None
    commands = (Path(__file__).parents[2] / "docs" / "commands.md").read_text(encoding="utf-8")
    options = [name for name in command.callback.__annotations__ if name not in {"file", "return", "json"}]
    assert len(options) > 12
    for name in options:
        assert f"--{name}" in commands, name
