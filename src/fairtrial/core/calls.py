"""What one call of a model is: the request, what came back, and what a model can do.

Read `Request` first. Its `call_key` is the cache key: a recorded completion is never bought again.
"""

from dataclasses import dataclass
from typing import Literal

from fairtrial.core.canonical import digest

Role = Literal["system", "user", "assistant"]
CallKind = Literal["chat", "complete", "logprobs"]
Finish = Literal["stop", "length", "refused", "error", "cut"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One turn of a conversation."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelIdentity:
    """Everything about a model that can change its answer, apart from the request."""

    provider: str
    """``openai`` (any compatible endpoint), ``embedded`` or ``sim``."""
    model: str
    """The id the provider knows it by, for example ``smollm2-135m``."""
    digest: str = ""
    """SHA-256 of the weights, or of a simulated model's definition; empty for a remote endpoint, which shows none."""
    endpoint: str = ""
    """Base URL of a remote endpoint; empty for the others (an embedded model's port changes, its answers do not)."""
    mode: str = ""
    """``reproducible`` or ``fast`` for an embedded model; empty otherwise."""
    simulated: bool = False
    """True for models whose strength is set by hand; every face labels them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How the next tokens are drawn. ``None`` leaves the provider's default and is recorded as such."""

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    reasoning_effort: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One call. Two equal requests are the same purchase."""

    model: ModelIdentity
    kind: CallKind
    messages: tuple[Message, ...] = ()
    """The conversation, for ``chat`` (and ``logprobs`` of a chat model)."""
    prompt: str | None = None
    """Raw text, for ``complete`` (and ``logprobs`` of a base model)."""
    sampling: Sampling = Sampling()
    seed: int = 0
    """Sent where the model takes seeds; in any case it tells repeated samples apart."""
    top: int = 0
    """For ``logprobs``: how many alternatives of the next token are wanted."""


def call_key(request: Request) -> str:
    """The content address of a request: the response cache's key."""
    return digest(request)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenChance:
    """A candidate for the next token and its natural log-probability."""

    token: str
    logprob: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one or several calls; zero where the provider says nothing."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    """Part of `completion_tokens` spent before the visible answer."""

    @property
    def total(self) -> int:
        """Prompt and completion tokens together."""
        return self.prompt_tokens + self.completion_tokens

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
            reasoning_tokens=self.reasoning_tokens + other.reasoning_tokens,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What came back from one call, as recorded."""

    text: str
    finish: Finish = "stop"
    """``length``: cut by the token limit; ``refused``: the provider's own filter; ``error``: see `error`; ``cut``: the
    reader decided before the end."""
    reasoning: str = ""
    """The model's separate reasoning text, where the endpoint shows it."""
    error: str = ""
    """For ``error``: the `ModelError.kind`, for example ``refused_request``."""
    usage: Usage = Usage()
    usd: float = 0.0
    """Price of this call in US dollars by the declared price; 0 for local models."""
    chances: tuple[TokenChance, ...] = ()
    """For ``logprobs``: the likeliest next tokens, best first."""
    fingerprint: str = ""
    """What the endpoint says about its own build (``system_fingerprint``)."""
    served_as: str = ""
    """The model name in the answer, when it differs from the one asked for."""
    seconds: float = 0.0
    """Wall time of the call. Never part of evidence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a model can do; a missing one is a plain error before the run."""

    chat: bool = True
    complete: bool = False
    logprobs: bool = False
    """Log-probabilities of the next token (`Request.top` alternatives)."""
    max_top: int = 20
    """Most alternatives that one ``logprobs`` call returns."""
    prompt_logprobs: bool = False
    seed: bool = False
    schema: bool = False
    """Answers constrained by a JSON schema."""
    temperature: bool = True
    """False for reasoning models that refuse the parameter."""
    connections: int = 16
    """Most calls worth having in flight at once."""
