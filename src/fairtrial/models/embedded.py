"""GGUF models that run on this machine, in a child process that may crash without harm. Read `EmbeddedProvider.send`.

The child (`_embedded_child.py`) is the runtime's own OpenAI-compatible server on loopback; this is a thin layer that
starts and shares it (`_engine.py`) and speaks to it through `OpenAIProvider`.
"""

import asyncio
import importlib.metadata
import importlib.util
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, Self

from fairtrial.core import BadInput, Capabilities, Completion, ModelError, ModelIdentity, Request, nearest
from fairtrial.models._engine import Engine, EngineNeeds, Running, give_back, how_it_ended, share
from fairtrial.models._retry import Retries
from fairtrial.models._threads import default_threads
from fairtrial.models.adapters import Adapter
from fairtrial.models.catalog import PulledModel, find
from fairtrial.models.openai import OpenAIProvider

Mode = Literal["fast", "reproducible"]

DEFAULT_SLOTS = 8
DEFAULT_CONTEXT = 2048
MAX_TOP = 100
"""Alternatives of the next token that the runtime was seen to list."""
DEFAULT_TIMEOUT_S = 600.0
QUICK_RETRIES = Retries(most=2, first_s=0.05)
"""The child closes a connection after 100 answers or 5 idle seconds, which may cross with the next call."""
DEATH_WAIT_S = 2.0
"""A killed process may take a moment to be gone after its connections broke."""
SETTINGS = ("mode", "threads", "slots", "context_per_slot", "timeout", "adapter")


class EmbeddedProvider:
    """A pulled model, run by the embedded runtime.

    ``fast`` serves several calls at once and reuses common prompt prefixes; log-probabilities then move by up to about
    0.1 from run to run. ``reproducible`` serves one call at a time from an empty cache: on one machine with one version
    of the runtime, equal requests give equal bytes. Providers for the same weights and settings share one child, with
    and without adapters: one loaded base serves a judge before and after its training.

    Args:
        model: A pulled model, or its name in the store.
        mode: ``fast`` or ``reproducible``; part of the model's identity.
        threads: Threads of the runtime; by default FAIRTRIAL_THREADS, else one for each physical core, at most 8.
        slots: Calls served at once in ``fast`` mode.
        context_per_slot: Tokens of prompt and answer that one call may have. A value other than 2048 is part of the
            identity, because it decides which prompts are refused as too long.
        timeout_s: Seconds for one answer.
        adapter: A LoRA file that every call of this provider puts on the weights; part of the identity.

    Raises:
        BadInput: An unknown mode, a number that makes no sense, or a file that is no adapter.
    """

    def __init__(
        self,
        model: PulledModel | str,
        *,
        mode: Mode = "fast",
        threads: int | None = None,
        slots: int = DEFAULT_SLOTS,
        context_per_slot: int = DEFAULT_CONTEXT,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        adapter: Path | str | None = None,
    ) -> None:
        self._name = model if isinstance(model, str) else model.name
        where = f"embedded/{self._name}"
        if mode not in ("fast", "reproducible"):
            raise BadInput(f"mode '{mode}' is unknown.", where=where, next_step="Use fast or reproducible.")
        numbers = (("threads", threads, 1024), ("slots", slots, 256), ("context_per_slot", context_per_slot, 2**24))
        for label, number, most in numbers:
            if number is not None and (type(number) is not int or not 1 <= number <= most):
                raise BadInput(f"{label} must be a whole number from 1 to {most}, not {number!r}.", where=where)
        self._model = None if isinstance(model, str) else model
        self._mode = mode
        self._threads = threads
        self._slots = 1 if mode == "reproducible" else slots
        self._context = context_per_slot
        self._timeout_s = timeout_s
        self._adapter = None if adapter is None else Adapter.read(adapter)
        self._engine: Engine | None = None
        self._running: Running | None = None
        self._client: OpenAIProvider | None = None
        self._retired: list[OpenAIProvider] = []
        self._changing = asyncio.Lock()
        self._runtime = ""

    @classmethod
    def from_settings(cls, model: str, settings: Mapping[str, object]) -> Self:
        """The provider that a trial file describes.

        Args:
            model: Its name in the store.
            settings: Any of ``mode``, ``threads``, ``slots``, ``context_per_slot``, ``timeout`` in seconds,
                ``adapter``.

        Raises:
            BadInput: An unknown setting or a value of the wrong kind.
        """
        where = f"embedded/{model}"
        given: dict[str, Any] = {name: value for name, value in settings.items() if value is not None}
        for name in given:
            if name not in SETTINGS:
                raise BadInput(
                    f"an embedded model has no setting '{name}'.", where=where, next_step=nearest(name, SETTINGS)
                )
        timeout_s = given.pop("timeout", DEFAULT_TIMEOUT_S)
        if isinstance(timeout_s, bool) or not isinstance(timeout_s, int | float) or not timeout_s > 0:
            raise BadInput("timeout must be a number of seconds above 0.", where=where)
        if "adapter" in given and not isinstance(given["adapter"], str | Path):
            raise BadInput("adapter must be the path of a file.", where=where)
        return cls(model, timeout_s=timeout_s, **given)

    def __repr__(self) -> str:
        return f"EmbeddedProvider({self._name!r}, mode={self._mode!r})"

    @property
    def identity(self) -> ModelIdentity:
        """Name, SHA-256 of the weights and of the adapter, and mode."""
        model = self._found()
        name, digest = model.name, f"sha256:{model.sha256}"
        if self._adapter is not None:
            name, digest = f"{name}+{self._adapter.sha256[:8]}", f"{digest}+sha256:{self._adapter.sha256}"
        mode = self._mode if self._context == DEFAULT_CONTEXT else f"{self._mode}, context {self._context}"
        return ModelIdentity(provider="embedded", model=name, digest=digest, mode=mode)

    @property
    def capabilities(self) -> Capabilities:
        """A base model completes text and does not chat; ``reproducible`` takes one call at a time."""
        # Some more calls than slots, so that a freed slot never waits for the next call to come over.
        connections = 1 if self._mode == "reproducible" else self._slots + (self._slots + 1) // 2
        return Capabilities(
            chat=self._found().chat,
            complete=True,
            logprobs=True,
            max_top=MAX_TOP,
            seed=True,
            schema=True,
            connections=connections,
        )

    async def open(self) -> None:
        """Check the weights and start the child, or join the one that runs already.

        Raises:
            BadInput: The runtime is not installed, the model is not pulled, or its file cannot be loaded.
            IntegrityError: The weights are not what was pulled.
            ModelError: The child ended while loading.
        """
        if self._engine is not None:
            return
        self._runtime = _runtime_version()
        self._model = await asyncio.to_thread(find, self._name) if self._model is None else self._model
        if self._adapter is not None:
            self._adapter.check_base(self._found().architecture, name=self._name)
        self._engine = share(self._needs())
        try:
            await self._connected()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Leave the child; the last one to leave ends it. May be called twice."""
        clients = [*self._retired, *([self._client] if self._client else [])]
        engine, self._engine, self._client, self._running = self._engine, None, None, None
        self._retired.clear()
        for client in clients:
            await client.close()
        if engine is not None:
            await asyncio.to_thread(give_back, engine)

    async def send(self, request: Request, *, on_text: Callable[[str], None] | None = None) -> Completion:
        """Answer one request; see `core.Provider.send`.

        When the child dies meanwhile, it is started again and the request is sent once more. Pieces of text that were
        handed over before are not handed over twice; the returned completion is whole either way.

        Raises:
            BadInput: A chat with a base model.
            ModelError: ``passing=True``; kind ``crashed`` when the child died twice.
        """
        if request.messages and not self.capabilities.chat:
            raise BadInput(
                f"'{self._name}' is a base model and does not chat.", next_step="Send it plain text to complete."
            )
        handed: list[str] = []

        def hand_over(piece: str) -> None:
            handed.append(piece)
            if on_text is not None:
                on_text(piece)

        for attempt in (1, 2):
            running: Running | None = None
            try:
                running, client = await self._connected()
                listener = hand_over if on_text is not None and not handed else None
                return self._stamped(await client.send(request, on_text=listener))
            except ModelError as error:
                if running is not None and not await asyncio.to_thread(_has_died, running):
                    raise
                if attempt == 2:
                    raise self._crashed(error, running) from error
        raise AssertionError("unreachable")

    async def _connected(self) -> tuple[Running, OpenAIProvider]:
        """The living child and a client for it."""
        if self._running is not None and self._client is not None and self._running.alive:
            return self._running, self._client
        async with self._changing:
            if self._engine is None:
                raise RuntimeError("the provider is not open")
            worn = self._adapter
            number = None if worn is None else await asyncio.to_thread(self._engine.carry, worn.sha256, worn.path)
            running = await asyncio.to_thread(self._engine.ready)
            if self._client is None or running is not self._running:
                client = self._client_for(running, number)
                await client.open()
                if self._client is not None:  # calls in flight still hold it
                    self._retired.append(self._client)
                self._running, self._client = running, client
            return running, self._client

    def _client_for(self, running: Running, adapter: int | None) -> OpenAIProvider:
        worn = [] if adapter is None else [{"id": adapter, "scale": 1.0}]  # every other one is off
        return OpenAIProvider(
            self._name,
            base_url=f"{running.address}/v1",
            api_key=running.api_key,
            timeout_s=self._timeout_s,
            retries=QUICK_RETRIES,
            check_model=False,
            identity=self.identity,
            capabilities=self.capabilities,
            extra={"cache_prompt": self._mode == "fast", "lora": worn},
        )

    def _needs(self) -> EngineNeeds:
        model = self._found()
        context = min(self._context, model.context_length) if model.context_length else self._context
        return EngineNeeds(
            path=model.path,
            name=model.name,
            sha256=model.sha256,
            slots=self._slots,
            context_per_slot=context,
            threads=self._threads or default_threads(),
            connections=self.capabilities.connections,
            cache=self._mode == "fast",
        )

    def _found(self) -> PulledModel:
        if self._model is None:
            self._model = find(self._name)
        return self._model

    def _stamped(self, completion: Completion) -> Completion:
        return replace(completion, fingerprint=self._runtime, served_as="")

    def _crashed(self, error: ModelError, running: Running | None) -> ModelError:
        if running is None:  # it did not even load again, and said why
            return error
        said = self._engine.last_words if self._engine is not None else ""
        return ModelError(
            f"the embedded model ended twice during one call ({how_it_ended(running.process)}). {said}".rstrip(),
            kind="crashed",
            passing=True,
            where=f"embedded/{self._name}",
            next_step="Is there enough memory? Try fewer slots.",
        )


def _has_died(running: Running) -> bool:
    """Whether the child is gone, after a moment's grace."""
    try:
        running.process.wait(DEATH_WAIT_S)
    except subprocess.TimeoutExpired:
        return False
    return True


def _runtime_version() -> str:
    if importlib.util.find_spec("xllamacpp") is None:
        raise BadInput(
            "embedded models need a runtime that is not installed.", next_step="Try: pip install 'fairtrial[local]'"
        )
    return f"xllamacpp {importlib.metadata.version('xllamacpp')}"
