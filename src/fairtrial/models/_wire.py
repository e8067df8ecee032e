"""The OpenAI-compatible wire format: a `Request` becomes a JSON body, a JSON answer a `Completion`.

Read `body_of` and `read_answer` first; `_streamed` puts a stream's pieces together into the same answer. Nothing here
does IO. Foreign JSON is read by hand: endpoints differ in what they leave out and in what they make null.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from fairtrial.core import Completion, Request, TokenChance, Usage
from fairtrial.core.calls import Finish
from fairtrial.models._complaints import Complaint, read_complaint
from fairtrial.models._foreign import count, decode, logprob, string, text
from fairtrial.models._retry import Passing

CHAT, COMPLETIONS = "/chat/completions", "/completions"

FINISHES: dict[str, Finish] = {
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "content_filter": "refused",
    "refusal": "refused",
    "safety": "refused",
}
"""Everything else (stop, eos, tool_calls …) ended by the model's own choice."""

_encoder = msgspec.json.Encoder()


@dataclass(slots=True, kw_only=True)
class Dialect:
    """What an endpoint was found to want for one model; learned from its refusals, kept for the provider's life."""

    max_tokens: str = "max_tokens"
    """The limit's name: reasoning models call it ``max_completion_tokens``."""
    seed: bool = True
    usage_in_stream: bool = True
    extra: Mapping[str, object]
    """Further fields of every body."""

    def learn(self, complaint: Complaint, sent: Collection[str]) -> bool:
        """Whether the complaint is one that the next body can meet without leaving out what was asked for."""
        refused = complaint.not_taken(sent)
        if self.renames(complaint, sent):
            self.max_tokens = "max_completion_tokens"
        elif refused == "seed":
            self.seed = False
        elif refused == "stream_options":
            self.usage_in_stream = False
        else:
            return False
        return True

    @staticmethod
    def renames(complaint: Complaint, sent: Collection[str]) -> bool:
        """Whether the endpoint wants ``max_completion_tokens`` where ``max_tokens`` was sent."""
        asked = "max_completion_tokens" in complaint.said and complaint.names("max_tokens")
        return "max_tokens" in sent and (asked or complaint.not_taken(sent) == "max_tokens")


def path_of(request: Request) -> str:
    """Where a request goes, below the base URL."""
    return CHAT if request.messages else COMPLETIONS


def body_of(request: Request, model: str, dialect: Dialect, *, stream: bool = False) -> dict[str, object]:
    """The body of a request. What the request leaves open is left out; what it asks for is never dropped.

    Args:
        request: What is asked.
        model: The name that the endpoint knows the model by.
        dialect: How this endpoint wants it; only the seed, which nobody asked for by name, may be left out by it.
        stream: Ask for the answer piece by piece.
    """
    body: dict[str, object] = {"model": model}
    if request.messages:
        body["messages"] = request.messages
    else:
        body["prompt"] = request.prompt or ""
    sampling = request.sampling
    if sampling.temperature is not None:
        body["temperature"] = sampling.temperature
    if sampling.top_p is not None:
        body["top_p"] = sampling.top_p
    if sampling.stop:
        body["stop"] = sampling.stop
    if sampling.reasoning_effort is not None:
        body["reasoning_effort"] = sampling.reasoning_effort
    if request.kind == "logprobs":
        body[dialect.max_tokens] = 1
        body |= {"logprobs": True, "top_logprobs": request.top} if request.messages else {"logprobs": request.top}
    elif sampling.max_tokens is not None:
        body[dialect.max_tokens] = sampling.max_tokens
    if dialect.seed:
        body["seed"] = request.seed
    if stream:
        body["stream"] = True
        if dialect.usage_in_stream:
            body["stream_options"] = {"include_usage": True}
    return {**body, **dialect.extra} if dialect.extra else body


def encode(body: Mapping[str, object]) -> bytes:
    """The JSON of a body."""
    return _encoder.encode(body)


def decode_answer(data: bytes | str) -> Any:
    """JSON of an answer or of a chunk of it.

    Raises:
        Passing: It is none: a web page, or cut short.
    """
    try:
        return decode(data)
    except ValueError:
        page = data[:400].lstrip()[:1] in {b"<", "<"}
    said = "the answer is a web page, not JSON" if page else "the answer is not whole JSON"
    step = "Check base_url (most end in /v1)." if page else ""
    raise Passing(said, kind="bad_answer", next_step=step)


class Reading(NamedTuple):
    """What an answer says, before it is priced."""

    completion: Completion
    model: str
    """The model's name in the answer; empty without one."""
    has_logprobs: bool
    """The answer speaks of log-probabilities at all."""


def read_answer(data: bytes) -> Reading:
    """The completion in a non-streamed answer.

    Raises:
        Passing: It is no answer: not JSON, an error under a good status, or without choices.
    """
    answer = decode_answer(data)
    choice = _first_choice(answer)
    message = choice.get("message")
    said, reasoning, refusal = texts_of(message) if isinstance(message, dict) else (string(choice.get("text")), "", "")
    return completed(
        answer,
        said=said,
        reasoning=reasoning,
        refusal=refusal,
        finish=choice.get("finish_reason"),
        logprobs=choice.get("logprobs"),
    )


def completed(
    answer: Mapping[str, Any], *, said: str, reasoning: str, refusal: str, finish: object, logprobs: object
) -> Reading:
    """A completion from its parts.

    Raises:
        Passing: The endpoint says that it broke off.
    """
    if finish == "error":
        raise Passing("the endpoint broke off the answer with an error", kind="server_error")
    ended = FINISHES.get(finish, "stop") if isinstance(finish, str) else "stop"
    completion = Completion(
        text=text(said or refusal),
        reasoning=text(reasoning),
        finish="refused" if refusal else ended,
        usage=_usage(answer.get("usage")),
        chances=_chances(logprobs),
        fingerprint=text(answer.get("system_fingerprint")),
    )
    return Reading(completion, text(answer.get("model")), isinstance(logprobs, dict))


def _first_choice(answer: Any) -> dict[str, Any]:
    if isinstance(answer, dict):
        raise_error_inside(answer)
        choices = answer.get("choices")
        if isinstance(choices, list) and choices and isinstance(choices[0], dict):
            return choices[0]
    raise Passing("the answer is JSON without any choices", kind="bad_answer")


def raise_error_inside(answer: dict[str, Any]) -> None:
    """Many gateways report a failure further back under status 200.

    Raises:
        Passing: This is such an answer.
    """
    if answer.get("error"):
        complaint = read_complaint(answer)
        limited = complaint.code == "429"
        raise Passing(
            f"the endpoint answers with an error, saying: {complaint.said or 'nothing more'}",
            kind="rate_limited" if limited else "server_error",
            congested=limited,
        )


def texts_of(message: dict[str, Any]) -> tuple[str, str, str]:
    """Text, reasoning and refusal of a message or of a delta, halves of characters left as they are."""
    content = message.get("content")
    reasoning = message.get("reasoning_content") or message.get("reasoning")
    if isinstance(content, list):
        parts = [part for part in content if isinstance(part, dict)]
        thoughts = [t for part in parts if isinstance(part.get("thinking"), list) for t in part["thinking"]]
        reasoning = reasoning or _joined(thoughts)
        content = _joined(parts)
    refusal = message.get("refusal")
    return string(content), string(reasoning), string(refusal)


def _joined(parts: list[Any]) -> str:
    return "".join(string(part.get("text")) for part in parts if isinstance(part, dict))


def _usage(usage: object) -> Usage:
    if not isinstance(usage, dict):
        return Usage()
    details = usage.get("completion_tokens_details")
    return Usage(
        prompt_tokens=count(usage.get("prompt_tokens")),
        completion_tokens=count(usage.get("completion_tokens")),
        reasoning_tokens=count(details.get("reasoning_tokens")) if isinstance(details, dict) else 0,
    )


def _chances(logprobs: object) -> tuple[TokenChance, ...]:
    """The likeliest first tokens, best first: ``content[].top_logprobs`` or the classic ``top_logprobs: [{…}]``."""
    if not isinstance(logprobs, dict):
        return ()
    content, classic = logprobs.get("content"), logprobs.get("top_logprobs")
    pairs: list[tuple[object, object]] = []
    if isinstance(content, list) and content and isinstance(content[0], dict):
        rows = content[0].get("top_logprobs")
        rows = rows if isinstance(rows, list) and rows else content
        pairs = [(row.get("token"), row.get("logprob")) for row in rows if isinstance(row, dict)]
    elif isinstance(classic, list) and classic and isinstance(classic[0], dict):
        pairs = list(classic[0].items())
    found = [
        TokenChance(token=text(token), logprob=chance)
        for token, value in pairs
        if isinstance(token, str) and (chance := logprob(value)) is not None
    ]
    return tuple(sorted(found, key=lambda chance: (-chance.logprob, chance.token)))
