"""The one async face of every model: `chat`, `complete`, `logprobs`. Read `Model` first.

Every call passes one `Gate`: a recorded call is answered from memory, equal calls in flight are bought once, and the
run's budget of money, tokens and calls is asked before anything is sent.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fairtrial.core import (
    BadInput,
    BudgetReached,
    CallMemory,
    Completion,
    Message,
    ModelIdentity,
    Provider,
    Request,
    Sampling,
    call_key,
)

DEFAULT_ANSWER_TOKENS = 512
"""Assumed length of an answer when a request sets no limit and a budget needs an estimate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call that was answered: where it is recorded, what came back, and whether it was bought now."""

    key: str
    completion: Completion
    bought: bool


@dataclass(slots=True, kw_only=True)
class Budget:
    """Limits on what a run may buy, and what it has bought. None is no limit; local models cost tokens, not money.

    Calls in flight are held at their estimate, so that many connections together cannot overshoot by much.
    """

    usd: float | None = None
    tokens: int | None = None
    calls: int | None = None
    spent_usd: float = 0.0
    spent_tokens: int = 0
    spent_calls: int = 0
    held_usd: float = 0.0
    held_tokens: int = 0
    held_calls: int = 0

    def hold(self, tokens: int, usd: float) -> None:
        """Set aside one call of about `tokens` and `usd`.

        Raises:
            BudgetReached: The call could exceed a limit.
        """
        wants = (
            ("usd", self.usd, self.spent_usd + self.held_usd + usd, f"{self.spent_usd:.4f} US dollars"),
            ("tokens", self.tokens, self.spent_tokens + self.held_tokens + tokens, f"{self.spent_tokens} tokens"),
            ("calls", self.calls, self.spent_calls + self.held_calls + 1, f"{self.spent_calls} calls"),
        )
        for name, limit, would_be, spent in wants:
            if limit is not None and would_be > limit:
                raise BudgetReached(
                    f"the run's budget of {limit:g} {name} does not allow another call ({spent} spent).",
                    next_step=f"Raise [budget] {name} and run it again: what is recorded is not bought twice.",
                )
        self.held_tokens += tokens
        self.held_usd += usd
        self.held_calls += 1

    def release(self, tokens: int, usd: float, bought: Completion | None) -> None:
        """Give back what `hold` set aside and book what the call really cost."""
        self.held_tokens -= tokens
        self.held_usd -= usd
        self.held_calls -= 1
        if bought is not None:
            self.spent_tokens += bought.usage.total
            self.spent_usd += bought.usd
            self.spent_calls += 1


class Gate:
    """What all models of one run share: the memory of recorded calls, the budget, and the calls in flight."""

    def __init__(self, memory: CallMemory, budget: Budget | None = None) -> None:
        self.memory = memory
        self.budget = budget or Budget()
        self._flying: dict[str, asyncio.Future[Completion]] = {}
        self._released = asyncio.Event()
        self.bought = 0
        """Calls bought through this gate."""

    async def pass_through(
        self, provider: Provider, request: Request, price: tuple[float, float], on_text: Callable[[str], None] | None
    ) -> Call:
        """Answer a request from memory, from an equal call in flight, or by buying and recording it."""
        key = call_key(request)
        recorded = self.memory.recall(key)
        if recorded is not None:
            if on_text is not None:
                on_text(recorded.text)
            return Call(key=key, completion=recorded, bought=False)
        if key in self._flying:
            return Call(key=key, completion=await asyncio.shield(self._flying[key]), bought=False)
        landing: asyncio.Future[Completion] = asyncio.get_running_loop().create_future()
        self._flying[key] = landing
        try:
            completion = await self._buy(provider, request, price, on_text)
            self.memory.record(key, request, completion)
        except BaseException as error:
            landing.set_exception(error if isinstance(error, Exception) else asyncio.CancelledError())
            landing.exception()  # whoever waits is told; if nobody does, that is no fault
            raise
        else:
            landing.set_result(completion)
        finally:
            del self._flying[key]
        self.bought += 1
        return Call(key=key, completion=completion, bought=True)

    async def _buy(
        self, provider: Provider, request: Request, price: tuple[float, float], on_text: Callable[[str], None] | None
    ) -> Completion:
        prompt_tokens = estimate_tokens(request)
        answer_tokens = request.sampling.max_tokens or DEFAULT_ANSWER_TOKENS
        usd = (prompt_tokens * price[0] + answer_tokens * price[1]) / 1e6
        await self._hold(prompt_tokens + answer_tokens, usd)
        completion: Completion | None = None
        try:
            completion = await provider.send(request, on_text=on_text)
        finally:
            self.budget.release(prompt_tokens + answer_tokens, usd, completion)
            self._released.set()
        return completion

    async def _hold(self, tokens: int, usd: float) -> None:
        """Hold a call's estimate; while others are in flight, wait for what they give back rather than give up."""
        while True:
            try:
                self.budget.hold(tokens, usd)
            except BudgetReached:
                if not self.budget.held_calls:
                    raise
                self._released.clear()
                await self._released.wait()
            else:
                return


def estimate_tokens(request: Request) -> int:
    """A rough count of prompt tokens: one for four characters, one for each wide (Korean …) character."""
    return tokens_in(request.prompt or "".join(m.content for m in request.messages)) + 8


def tokens_in(text: str) -> int:
    """A rough count of a text's tokens, without its tokenizer."""
    wide = 0 if text.isascii() else sum(ord(c) > 0x2E7F for c in text)
    return (len(text) - wide) // 4 + wide


class Model:
    """A provider behind the run's gate.

    Args:
        provider: An opened provider.
        gate: The run's gate.
        price: US dollars per million prompt tokens and per million completion tokens, for budget estimates.
    """

    def __init__(self, provider: Provider, gate: Gate, *, price: tuple[float, float] = (0.0, 0.0)) -> None:
        self.provider = provider
        self.gate = gate
        self.price = price
        self.identity: ModelIdentity = provider.identity
        self.capabilities = provider.capabilities

    async def chat(
        self,
        messages: Sequence[Message],
        *,
        sampling: Sampling,
        seed: int = 0,
        on_text: Callable[[str], None] | None = None,
    ) -> Call:
        """The next assistant turn of a conversation."""
        self.require("chat")
        request = Request(model=self.identity, kind="chat", messages=tuple(messages), sampling=sampling, seed=seed)
        return await self.gate.pass_through(self.provider, request, self.price, on_text)

    async def complete(
        self, prompt: str, *, sampling: Sampling, seed: int = 0, on_text: Callable[[str], None] | None = None
    ) -> Call:
        """A continuation of raw text."""
        self.require("complete")
        request = Request(model=self.identity, kind="complete", prompt=prompt, sampling=sampling, seed=seed)
        return await self.gate.pass_through(self.provider, request, self.price, on_text)

    async def logprobs(self, messages: Sequence[Message] | str, *, top: int = 20) -> Call:
        """Log-probabilities of the likeliest next tokens (`Completion.chances`) after a conversation or raw text."""
        self.require("logprobs")
        text = messages if isinstance(messages, str) else None
        request = Request(
            model=self.identity,
            kind="logprobs",
            messages=() if isinstance(messages, str) else tuple(messages),
            prompt=text,
            sampling=Sampling(temperature=0.0, max_tokens=1),
            top=min(top, self.capabilities.max_top),
        )
        return await self.gate.pass_through(self.provider, request, self.price, None)

    def require(self, capability: str) -> None:
        """Make sure of a capability before anything is sent.

        Raises:
            BadInput: The model lacks it.
        """
        if not getattr(self.capabilities, capability):
            raise BadInput(
                f"model '{self.identity.provider}/{self.identity.model}' cannot do '{capability}'.",
                next_step=NEXT_STEP.get(capability, "Choose another model or another use of this one."),
            )


NEXT_STEP = {
    "chat": "It is a base model: use it with strategy 'few-shot' or 'direct', which fall back to plain text.",
    "complete": "Use a chat strategy with this model.",
    "logprobs": "As a judge it can still give written verdicts: set read = 'verdict' on the evaluator.",
}
