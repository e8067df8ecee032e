"""The seams between rooms: what a model provider is, and where recorded calls live.

Read `Provider` first. The lab wires implementations together; rooms see only these.
"""

from collections.abc import Callable
from typing import Protocol

from fairtrial.core.calls import Capabilities, Completion, ModelIdentity, Request


class Provider(Protocol):
    """Something that answers requests: an endpoint, an embedded model, a simulated one."""

    @property
    def identity(self) -> ModelIdentity:
        """What can change the answers; known after `open`."""

    @property
    def capabilities(self) -> Capabilities:
        """What it can do; known after `open`."""

    async def open(self) -> None:
        """Get ready: start a child process, look whether an endpoint answers and knows the model.

        Raises:
            BadInput: A wrong address, a missing key or file, an unknown model, with the next step.
            ModelError: The model cannot be reached now.
        """

    async def send(self, request: Request, *, on_text: Callable[[str], None] | None = None) -> Completion:
        """Answer one request; with `on_text` the text is also handed over piece by piece as it comes.

        A final failure of the model itself (a rejected request, a filtered answer) comes back as a `Completion` with
        ``finish="error"`` or ``"refused"``: it is evidence.

        Raises:
            ModelError: ``passing=True``: the failure says nothing about the model, so nothing may be recorded.
        """

    async def close(self) -> None:
        """Free what `open` took. May be called twice."""


class CallMemory(Protocol):
    """The response cache: a recorded call is never bought again."""

    def recall(self, key: str) -> Completion | None:
        """The completion recorded under this `call_key`, or None."""

    def record(self, key: str, request: Request, completion: Completion) -> None:
        """Record a completion. Durable at the next commit, in order with whatever is written after it."""
