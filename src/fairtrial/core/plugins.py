"""Name tables filled from entry points: ``fairtrial.models`` and ``fairtrial.evaluators``.

Built-ins are registered the same way as anyone's. Read `load` first.
"""

from importlib.metadata import EntryPoint, entry_points
from typing import Any

from fairtrial.core.errors import BadInput, nearest

GROUPS = ("fairtrial.models", "fairtrial.evaluators")


def available(group: str) -> dict[str, EntryPoint]:
    """Every entry point of `group` by name."""
    return {point.name: point for point in entry_points(group=group)}


def load(group: str, name: str) -> Any:
    """The object registered as `name` in `group`.

    Raises:
        BadInput: Unknown name (the nearest one is suggested), or a plugin that fails to import.
    """
    table = available(group)
    if name not in table:
        raise BadInput(f"no {group} plugin named '{name}'.", next_step=nearest(name, table))
    try:
        return table[name].load()
    except Exception as error:
        raise BadInput(
            f"plugin '{name}' ({table[name].value}) cannot be loaded: {error}", next_step="Try: fairtrial plugins"
        ) from error
