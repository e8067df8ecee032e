"""What commands print: names from outside are shown as they are, neither parsed as markup nor obeyed by a terminal."""

from pathlib import Path

import pytest
from command_line import Command
from rich.text import Text

from fairtrial.cli.demo import _add_endpoint
from fairtrial.cli.output import console, fail, shown, table
from fairtrial.core import BadInput
from fairtrial.lab.starter import starter_trial
from fairtrial.runs import parse_trial


def test_cells_are_text_and_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    table(["who", "state"], [["a[/]b [red]c", Text("ok", "green")], ["x\x1b[2Jy :smile:", "–"]])
    said = capsys.readouterr().out
    assert "a[/]b [red]c" in said
    assert "x⟨ESC⟩[2Jy :smile:" in said


def test_errors_do_not_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert fail(BadInput("item '\x1b]0;owned\x07' is odd.", where="p.jsonl", next_step="Look at \u202eit.")) == 2
    said = capsys.readouterr().err
    assert said == "fairtrial: p.jsonl: item '⟨ESC⟩]0;owned⟨U+0007⟩' is odd.\n  → Look at ⟨RLO⟩it.\n"
    assert shown("plain 한국어 – [x]") == "plain 한국어 – [x]"


def test_a_lab_may_lie_in_a_directory_with_brackets(fairtrial: Command, tmp_path: Path) -> None:
    assert "la[/b]" in fairtrial("init", "la[/b]").out.replace("\n", "")


def test_ctrl_c_outside_a_run_is_an_interruption(fairtrial: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("fairtrial.lab.examine", interrupted)
    said = fairtrial("doctor")
    assert said.code == 5
    assert "The same command goes on" in said.err


def test_the_demo_takes_models_with_slashes_in_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    async def served(*_: object, **__: object) -> list[str]:
        return ["meta-llama/Llama-3[/]"]

    monkeypatch.setattr("fairtrial.models.openai.served_models", served)
    raw = starter_trial()
    _add_endpoint(raw, "http://127.0.0.1:9/v1", [], console(stderr=True))
    first, second, *_ = parse_trial(raw).contestants
    assert (first.name, second.name) == ("meta-llama · Llama-3[ · ]", "meta-llama · Llama-3[ · ], chain of thought")
    assert first.model == "openai/meta-llama/Llama-3[/]"
