"""Any OpenAI-compatible endpoint as a model provider. Read `OpenAIProvider.send` first.

The parts: `_addresses` (where it may connect), `_transport` (HTTP), `_wire` and `_streamed` (bodies and answers),
`_complaints` (what a refusal means), `_retry` and `_throttle` (when to try again, how many calls at once).
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Self

from fairtrial.core import BadInput, Capabilities, Completion, Message, ModelIdentity, Request, Sampling
from fairtrial.models._addresses import AddressPolicy, check_url
from fairtrial.models._complaints import CONGESTED, LOGPROBS_STEP, Caller, read_complaint, verdict_on
from fairtrial.models._foreign import decode
from fairtrial.models._listing import is_listed, names_in, offer
from fairtrial.models._retry import Passing, Retries, persist
from fairtrial.models._secret import Secret
from fairtrial.models._settings import options_from
from fairtrial.models._streamed import StreamedAnswer
from fairtrial.models._throttle import Throttle, shared_throttle
from fairtrial.models._transport import Answer, Transport
from fairtrial.models._wire import Dialect, body_of, encode, path_of, read_answer

DEFAULT_TIMEOUT_S = 600.0
"""Reasoning models may think for minutes before the first byte."""
LEARNABLE = frozenset({400, 422})
NO_LISTING = frozenset({400, 404, 405, 410, 501})
"""Statuses by which a server says that it lists no models."""


class OpenAIProvider:
    """A model behind an OpenAI-compatible endpoint.

    Args:
        model: The name that the endpoint knows the model by.
        base_url: Up to and including ``/v1``.
        api_key: The key, or None for servers without one. It is kept where it does not show.
        api_key_env: The variable that the key came from, for messages.
        allow_private: The endpoint may be a private host.
        untrusted: The address was entered by someone else than the owner; only public hosts then.
        connections: Most calls in flight; fewer when the endpoint is overrun. Providers with one base URL share them.
        price: US dollars per million prompt tokens and per million completion tokens.
        timeout_s: Seconds for one answer.
        retries: How passing failures are retried.
        chat: Whether it is a chat model.
        complete: Whether raw text can be continued; by default only for models that do not chat.
        logprobs: Whether log-probabilities are given. `probe` finds out.
        check_model: Whether `open` compares the model's name with what the endpoint lists.
        identity: For providers built on this one, which vouch for the model themselves: the model's name in an answer
            is then not looked at.
        capabilities: In place of what `connections`, `chat`, `complete` and `logprobs` say.
        extra: Further fields of every request body, such as ``{"cache_prompt": False}``.

    Raises:
        BadInput: A base URL that breaks the address rules.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str,
        api_key: str | None = None,
        api_key_env: str = "",
        allow_private: bool = False,
        untrusted: bool = False,
        connections: int = 16,
        price: tuple[float, float] | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        retries: Retries | None = None,
        chat: bool = True,
        complete: bool | None = None,
        logprobs: bool = True,
        check_model: bool = True,
        identity: ModelIdentity | None = None,
        capabilities: Capabilities | None = None,
        extra: Mapping[str, object] | None = None,
    ) -> None:
        endpoint = check_url(base_url, allow_private=allow_private, untrusted=untrusted)
        policy = AddressPolicy(allow_private=allow_private, untrusted=untrusted)
        self.model = model
        self.endpoint = endpoint
        self.price = price or (0.0, 0.0)
        self._vouched = identity is not None
        self._identity = identity or ModelIdentity(provider="openai", model=model, endpoint=endpoint)
        self._capabilities = capabilities or Capabilities(
            chat=chat,
            complete=not chat if complete is None else complete,
            logprobs=logprobs,
            seed=True,
            connections=connections,
        )
        self._retries = retries or Retries()
        self._check_model = check_model
        self._dialect = Dialect(extra=extra or {})
        self._secret = Secret(api_key) if api_key else None
        self._caller = Caller(model=model, endpoint=endpoint, secret=self._secret, key_name=api_key_env)
        self._transport = Transport(endpoint, policy=policy, secret=self._secret, timeout_s=timeout_s)
        self._throttle: Throttle | None = None
        self._listed: tuple[str, ...] = ()

    @classmethod
    def from_settings(cls, model: str, settings: Mapping[str, object]) -> Self:
        """The provider that a trial file describes.

        Args:
            model: The name that the endpoint knows the model by.
            settings: ``base_url`` and any of ``api_key_env`` (the *name* of an environment variable),
                ``allow_private``, ``connections``, ``price``, ``timeout`` in seconds, ``retries``, ``chat``,
                ``complete``, ``logprobs``, ``check_model``, ``untrusted``.

        Raises:
            BadInput: An unknown setting, a value of the wrong kind, a key in the file, a variable that is not set, or
                an address that breaks the rules.
        """
        return cls(model, **options_from(model, settings))

    def __repr__(self) -> str:
        return f"OpenAIProvider({self.model!r}, base_url={self.endpoint!r})"

    @property
    def identity(self) -> ModelIdentity:
        """The model's name and the endpoint's address."""
        return self._identity

    @property
    def capabilities(self) -> Capabilities:
        """What was declared, less what the endpoint has refused since."""
        return self._capabilities

    @property
    def listed(self) -> tuple[str, ...]:
        """The models that the endpoint lists, known after `open`; empty when it lists none."""
        return self._listed

    async def open(self) -> None:
        """Look whether the endpoint answers, takes the key and knows the model. Nothing is bought.

        Raises:
            BadInput: Refused address or key, something else than an endpoint, or a model that it does not list.
            ModelError: It cannot be reached now.
        """
        self._transport.open()
        self._throttle = shared_throttle(self.endpoint, self._capabilities.connections)
        try:
            self._listed = await persist(self._list, self._retries, where=self.endpoint, clean=self._caller.quote)
            self._check_listed()
        except BaseException:
            await self.close()
            raise

    def _check_listed(self) -> None:
        if self._check_model and self._listed and not is_listed(self.model, self._listed):
            raise BadInput(
                f"the endpoint serves no model '{self.model}'.",
                where=self.endpoint,
                next_step=f"{offer(self.model, self._listed)} If the list is not complete: check_model = false",
            )

    async def close(self) -> None:
        """Close all connections. May be called twice."""
        await self._transport.close()

    async def send(self, request: Request, *, on_text: Callable[[str], None] | None = None) -> Completion:
        """Answer one request; see `core.Provider.send`.

        Args:
            request: What is asked.
            on_text: Is handed the text piece by piece, except for ``logprobs``. A stream that is cut after the first
                piece is not tried again: the piece would come twice.

        Raises:
            BadInput: The endpoint refuses key, address or a parameter that was asked for; asked again, it would again.
            ModelError: ``passing=True``: it could not be reached, was overrun, or answered with something else.
        """
        if request.top > self._capabilities.max_top:
            most = self._capabilities.max_top
            raise BadInput(f"{request.top} alternatives are asked for, but '{self.model}' gives at most {most}.")
        listener = on_text if request.kind != "logprobs" else None
        return await persist(
            lambda: self._try(request, listener), self._retries, where=self.endpoint, clean=self._caller.quote
        )

    async def probe(self) -> Capabilities:
        """Find out by buying one token whether log-probabilities are given, and remember it.

        Returns:
            The capabilities as known now.

        Raises:
            BadInput: Key, address or model are refused.
            ModelError: The endpoint cannot be reached now.
        """
        chat = self._capabilities.chat
        request = Request(
            model=self._identity,
            kind="logprobs",
            messages=(Message(role="user", content="Hello"),) if chat else (),
            prompt=None if chat else "Hello",
            sampling=Sampling(temperature=0.0, max_tokens=1),
            top=1,
        )
        try:
            gives = bool((await self.send(request)).chances)
        except BadInput as refusal:
            if refusal.next_step != LOGPROBS_STEP:
                raise
            gives = False
        self._capabilities = replace(self._capabilities, logprobs=gives)
        return self._capabilities

    async def _try(self, request: Request, on_text: Callable[[str], None] | None) -> Completion:
        """One try; a complaint that another wording of the body meets is met at once."""
        while True:
            body = body_of(request, self.model, self._dialect, stream=on_text is not None)
            streamed = None if on_text is None else StreamedAnswer(on_text)
            answer, seconds = await self._exchange(path_of(request), encode(body), streamed)
            if answer.status < 400:
                return self._finished(request, answer, streamed, seconds)
            if answer.status not in LEARNABLE or not self._learn(answer, body):
                return verdict_on(answer.status, answer.headers, answer.body, sent=body, caller=self._caller)

    async def _exchange(self, path: str, body: bytes, streamed: StreamedAnswer | None) -> tuple[Answer, float]:
        """One HTTP exchange in one of the endpoint's places: the answer, and the seconds it took."""
        throttle = self._throttle
        if throttle is None:
            raise RuntimeError("the provider is not open")
        ticket = await throttle.enter()
        began = time.perf_counter()
        congested = succeeded = False
        try:
            answer = await self._transport.post(path, body, None if streamed is None else streamed.feed)
            congested = answer.status in CONGESTED
            succeeded = not congested
        except Passing as passing:
            congested = passing.congested
            if streamed is None or not streamed.whole:
                passing.final |= streamed is not None and streamed.handed_over
                raise
            answer = NOTHING_MORE  # all of the text had come before the connection failed
        finally:
            throttle.leave(ticket, congested=congested, succeeded=succeeded)
        return answer, time.perf_counter() - began

    def _learn(self, answer: Answer, body: Mapping[str, object]) -> bool:
        """Whether the next body can be worded as the endpoint wants it."""
        learnt = self._dialect.learn(read_complaint(answer.body), body.keys())
        if not self._dialect.seed and self._capabilities.seed:
            self._capabilities = replace(self._capabilities, seed=False)
        return learnt

    def _finished(
        self, request: Request, answer: Answer, streamed: StreamedAnswer | None, seconds: float
    ) -> Completion:
        """The completion with its price, its time, and the name it was served under."""
        if streamed is None:
            reading = read_answer(answer.body)
        elif answer.body:  # the endpoint does not stream
            reading = read_answer(answer.body)
            streamed.hand_over(reading.completion.text)
        else:
            reading = streamed.read()
        completion, served_as, has_logprobs = reading
        if request.kind == "logprobs" and not has_logprobs and completion.finish != "refused":
            raise BadInput(
                f"the endpoint gives no log-probabilities for '{self.model}'.",
                where=self.endpoint,
                next_step=LOGPROBS_STEP,
            )
        prompt_usd, completion_usd = self.price
        usage = completion.usage
        completion = replace(
            completion,
            usd=(usage.prompt_tokens * prompt_usd + usage.completion_tokens * completion_usd) / 1e6,
            served_as="" if self._vouched or served_as == self.model else served_as,
            seconds=seconds,
        )
        return completion if self._secret is None else _without_key(completion, self._secret)

    async def _list(self) -> tuple[str, ...]:
        """The models that the endpoint lists; none when it keeps no list."""
        try:
            answer = await self._transport.get("/models")
        except Passing as passing:
            passing.final |= passing.kind == "unreachable"  # someone is waiting: say at once that nothing answers
            raise
        if answer.status == 404 and not self.endpoint.endswith("/v1"):
            await self._look_below()
        narrow_key = answer.status == 403 and "scope" in read_complaint(answer.body).said
        if answer.status in NO_LISTING or narrow_key:
            return ()
        if answer.status >= 400:
            verdict_on(answer.status, answer.headers, answer.body, sent={}, caller=self._caller)
            return ()
        try:
            return names_in(decode(answer.body))
        except ValueError:
            page = "a web page" if answer.body.lstrip()[:1] == b"<" else "something that is not JSON"
        raise BadInput(
            f"what answers is no model endpoint: it sends {page}.",
            where=self.endpoint,
            next_step="Check base_url (most end in /v1).",
        )

    async def _look_below(self) -> None:
        """Tell someone who left off ``/v1`` that this is all that is missing."""
        below = await self._transport.get("/v1/models")
        if below.status == 200 and below.body.lstrip()[:1] == b"{":
            raise BadInput(
                "base_url lacks its last part.",
                where=self.endpoint,
                next_step=f'Write: base_url = "{self.endpoint}/v1"',
            )


NOTHING_MORE = Answer(200, {}, b"")


def _without_key(completion: Completion, secret: Secret) -> Completion:
    """The completion, with the key masked should the endpoint have sent it back: completions are published."""
    if not any(
        map(secret.is_in, (completion.text, completion.reasoning, completion.fingerprint, completion.served_as))
    ):
        return completion
    return replace(
        completion,
        text=secret.mask(completion.text),
        reasoning=secret.mask(completion.reasoning),
        fingerprint=secret.mask(completion.fingerprint),
        served_as=secret.mask(completion.served_as),
    )


async def served_models(
    base_url: str, *, api_key_env: str = "", allow_private: bool = False, timeout_s: float = 30.0
) -> list[str]:
    """The names of the models that an endpoint lists.

    Args:
        base_url: Up to and including ``/v1``.
        api_key_env: Name of the environment variable that holds the key; empty for servers without one.
        allow_private: The endpoint may be a private host.
        timeout_s: Seconds to wait for the list.

    Returns:
        Names in the order listed; empty when the endpoint keeps no list.

    Raises:
        BadInput: Refused address or key, or something else than an endpoint.
        ModelError: It cannot be reached now.
    """
    settings = {
        "base_url": base_url,
        "api_key_env": api_key_env or None,
        "allow_private": allow_private,
        "timeout": timeout_s,
        "check_model": False,
    }
    provider = OpenAIProvider.from_settings("", settings)
    await provider.open()
    await provider.close()
    return list(provider.listed)
