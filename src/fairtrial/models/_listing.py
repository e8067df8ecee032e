"""What an endpoint says it serves. Read `names_in` first."""

import difflib
from collections.abc import Collection
from typing import Any

from fairtrial.models._foreign import text

SHOWN = 8
"""Names that a message offers at most."""


def names_in(listing: Any) -> tuple[str, ...]:
    """Model names in an answer to ``GET /models``: ``{"data": [{"id": …}]}``, a bare list, or ``{"models": […]}``."""
    rows = listing
    if isinstance(listing, dict):
        rows = listing.get("data") or listing.get("models")
    if not isinstance(rows, list):
        return ()
    names = [text(row.get("id")) or text(row.get("name")) for row in rows if isinstance(row, dict)]
    return tuple(name for name in names if name)


def is_listed(model: str, listed: Collection[str]) -> bool:
    """Whether an endpoint that lists these names will take `model`; some list it with a tag or a folder."""
    return any(name in listed for name in (model, f"{model}:latest", f"models/{model}", model.partition(":")[0]))


def offer(model: str, listed: Collection[str]) -> str:
    """A sentence naming the served models, the nearest ones first where any are near."""
    known = sorted(listed)
    close = difflib.get_close_matches(model, known, n=3, cutoff=0.5)
    if close:
        return f"Did you mean {' or '.join(repr(name) for name in close)}?"
    rest = f" and {len(known) - SHOWN} more" if len(known) > SHOWN else ""
    return f"It serves: {', '.join(known[:SHOWN])}{rest}."
