"""The weight that the integrity tests leave each vote, for boards and releases. Read `weigh` first."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fairtrial.arena.duplicates import clusters
from fairtrial.arena.integrity import REASONS, Integrity, examine
from fairtrial.ranking import as_battles

_NEEDED = ("model_a", "model_b", "winner", "rater", "order", "battle_id")


def weigh(columns: Mapping[str, Sequence[Any]]) -> tuple[list[float], list[str]]:
    """Weight and reason of each row of `votes.COLUMNS`; an empty reason for a vote that counts in full."""
    found = examined(columns)
    if found is None:
        return [], []
    return found.weight.tolist(), [REASONS[k] for k in found.reason.tolist()]


def examined(columns: Mapping[str, Sequence[Any]]) -> Integrity | None:
    """What the integrity tests say of the rows of `votes.COLUMNS`; None without votes.

    Prompts that were typed alike, or nearly, are one; those of a pool or a task are told apart by their ids.
    """
    if not columns["model_a"]:
        return None
    battles = as_battles(
        {name: columns[name] for name in _NEEDED} | {"question_id": list(map(str, clusters(columns["asked"]).tolist()))}
    )
    return examine(battles, probe=np.array(columns["probe"]), seconds=np.array(columns["seconds"], dtype=float))
