"""Fairtrial: every model gets a fair trial.

The package's face, and lazy: importing it loads nothing heavy. Read `core/flow.py` first; its dataclasses are the flow.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fairtrial.lab import Lab
    from fairtrial.ranking import rank, rank_by

__version__ = "0.1.0"
__all__ = ["Lab", "__version__", "rank", "rank_by"]


def __getattr__(name: str) -> Any:
    if name == "Lab":
        from fairtrial.lab import Lab

        return Lab
    if name in {"rank", "rank_by"}:
        from fairtrial import ranking

        return getattr(ranking, name)
    raise AttributeError(f"module 'fairtrial' has no attribute {name!r}")
