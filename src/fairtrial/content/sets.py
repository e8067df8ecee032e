"""From the words of a trial file (``builtin:starter``, ``env:NAME/file``, a path) to a prompt set.

Read `resolve` first.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from fairtrial.content.starter import starter
from fairtrial.core import BadInput, PromptSet, nearest
from fairtrial.formats import read_prompts

_BUILTIN: dict[str, tuple[Callable[[], PromptSet], str]] = {
    "starter": (starter, "120 short items, English and Korean, in seven categories, with worked examples"),
}


def builtin_sets() -> dict[str, str]:
    """The sets that come with Fairtrial: name to one line about it."""
    return {name: line for name, (_, line) in _BUILTIN.items()}


def load(name: str, *, fields: Mapping[str, str] | None = None) -> PromptSet:
    """The set called ``builtin:NAME``, or a file below the directory that an environment variable names.

    Args:
        name: ``builtin:starter``, or ``env:NAME/path/to/file``.
        fields: Our field = their column, for files; built-in sets take none.

    Raises:
        BadInput: An unknown set, an unset variable, or a file that cannot be read.
    """
    kind, _, rest = name.partition(":")
    if kind == "builtin":
        return _builtin(rest, fields or {})
    if kind == "env":
        return read_prompts(_below_variable(rest), fields=fields)
    raise BadInput(
        f"'{name}' names no prompt set.",
        next_step="Write builtin:starter, env:NAME/file, or the path of a file.",
    )


def resolve(reference: str, base: Path, fields: Mapping[str, str] | None = None) -> PromptSet:
    """The prompt set that a trial file means.

    Args:
        reference: What stands after ``prompts =``: ``builtin:NAME``, ``env:NAME/file`` or a path.
        base: The trial file's directory; relative paths start there.
        fields: The trial file's ``[fields]``.

    Raises:
        BadInput: As `load`; also for an address on the web.
    """
    if not reference.strip():
        raise BadInput("no prompts are named.", next_step='Write: prompts = "builtin:starter", or the path of a file.')
    if reference.startswith(("builtin:", "env:")):
        return load(reference, fields=fields)
    if "://" in reference:
        raise BadInput(
            f"prompts are read from files, not from '{reference}'.", next_step="Fetch the file and name its path."
        )
    return read_prompts(base / Path(reference).expanduser(), fields=fields)


def _builtin(name: str, fields: Mapping[str, str]) -> PromptSet:
    if name not in _BUILTIN:
        raise BadInput(f"there is no built-in set '{name}'.", next_step=nearest(name, _BUILTIN))
    if fields:
        raise BadInput("[fields] is for files; a built-in set has its own.", next_step="Take [fields] out.")
    return _BUILTIN[name][0]()


def _below_variable(rest: str) -> Path:
    variable, _, file = rest.replace("\\", "/").partition("/")
    if not variable or not file:
        raise BadInput(f"'env:{rest}' names no variable and file.", next_step="Write: env:NAME/path/to/file")
    directory = os.environ.get(variable, "")
    if not directory:
        raise BadInput(
            f"the environment variable {variable} is not set.",
            where=f"env:{rest}",
            next_step=f"Set it to the directory that holds {file}: export {variable}=/path/to/directory",
        )
    return Path(directory).expanduser() / file
