"""Fairtrial: every model gets a fair trial.

The package's face, and lazy: importing it loads nothing heavy. Read `core/flow.py` first; its dataclasses are the flow.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fairtrial.lab import Lab
    from fairtrial.ranking import rank

__version__ = "0.1.0"
__all__ = ["Lab", "__version__", "rank"]


def __getattr__(name: str) -> Any:
    if name == "Lab":
        from fairtrial.lab import Lab

        return Lab
    if name == "rank":
        from fairtrial.ranking import rank

        return rank
    raise AttributeError(f"module 'fairtrial' has no attribute {name!r}")
