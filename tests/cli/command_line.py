"""What the tests of the command line share: what a command said, and a small trial file."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Said:
    """What a command left behind."""

    code: int
    out: str
    err: str


Command = Callable[..., Said]


def write_trial(
    directory: Path,
    *,
    name: str = "t",
    model: str = "sim/skill-0.8",
    more: str = "",
    contestant: str = "",
    prompts: str = "p.jsonl",
) -> Path:
    """A small trial file with three prompts beside it."""
    if prompts == "p.jsonl" and not (directory / prompts).exists():
        rows = [
            f'{{"id": "{i}", "prompt": "What is {i} + 2?", "reference": "{i + 2}", "scorer": "number"}}'
            for i in range(3)
        ]
        (directory / prompts).write_text("\n".join(rows))
    path = directory / f"{name}.toml"
    path.write_text(
        f'name = "{name}"\nprompts = "{prompts}"\n{more}\n[[contestant]]\nname = "a"\nmodel = "{model}"\n{contestant}\n'
        '[[evaluator]]\nkind = "scorer"\n'
    )
    return path
