"""The endpoint client against a real server on loopback: what it asks, how it reads answers, and every way to fail."""

import asyncio
import gzip
import traceback
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, ClassVar

import endpoint_server as es
import pytest
from endpoint_server import (
    EndpointServer,
    answer,
    as_bytes,
    as_json,
    chunk,
    complaint,
    events,
    said,
    serving,
    streaming,
)

from fairtrial.core import (
    BadInput,
    Capabilities,
    Completion,
    FairtrialError,
    Message,
    ModelError,
    ModelIdentity,
    Request,
    Sampling,
    TokenChance,
    Usage,
)
from fairtrial.models._retry import Retries
from fairtrial.models.openai import OpenAIProvider, served_models

KEY = "sk-canary-0123456789abcdefghij"
QUICK = Retries(most=3, first_s=0.001, longest_s=0.002)
Listener = Callable[[str], None]


@pytest.fixture
async def server() -> AsyncIterator[EndpointServer]:
    async with serving() as running:
        yield running


def provider(server: EndpointServer, model: str = "small", **options: Any) -> OpenAIProvider:
    return OpenAIProvider(model, **{"base_url": server.url, "retries": QUICK, "timeout_s": 20.0, **options})


async def ask(
    server: EndpointServer, request: Request | None = None, *, on_text: Listener | None = None, **options: Any
) -> Completion:
    client = provider(server, **options)
    await client.open()
    try:
        return await client.send(request or chat(), on_text=on_text)
    finally:
        await client.close()


def chat(*turns: str, system: str = "", seed: int = 7, **sampling: Any) -> Request:
    roles = ("user", "assistant")
    messages = [Message(role=roles[i % 2], content=turn) for i, turn in enumerate(turns or ("What is it?",))]
    if system:
        messages.insert(0, Message(role="system", content=system))
    identity = ModelIdentity(provider="openai", model="small")
    return Request(model=identity, kind="chat", messages=tuple(messages), sampling=Sampling(**sampling), seed=seed)


def next_token(*, top: int = 3, prompt: str | None = None) -> Request:
    identity = ModelIdentity(provider="openai", model="small")
    messages = () if prompt else (Message(role="user", content="A or B?"),)
    return Request(model=identity, kind="logprobs", messages=messages, prompt=prompt, top=top)


def shown(error: BaseException) -> str:
    """All that anyone could print of an error, with everything that hangs on it."""
    seen, todo, parts = set(), [error], []
    while todo:
        one = todo.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        parts += [str(one), repr(one), repr(vars(one)), "".join(traceback.format_exception(one))]
        todo += [one.__cause__, one.__context__]
    return "\n".join(parts)


# What is asked


async def test_a_chat_is_sent_as_asked_and_read_with_usage_and_price(server: EndpointServer) -> None:
    usage = {"prompt_tokens": 1000, "completion_tokens": 500, "completion_tokens_details": {"reasoning_tokens": 400}}
    server.script = [said("판결", usage=usage, system_fingerprint="fp_1")]
    request = chat("Hi", "Hello", "Why?", system="Be brief.", temperature=0.5, top_p=0.9, max_tokens=64, stop=("END",))
    completion = await ask(server, request, price=(2.0, 8.0))
    assert server.bodies == [
        {
            "model": "small",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "Hi"},
                {"role": "assistant", "content": "Hello"},
                {"role": "user", "content": "Why?"},
            ],
            "temperature": 0.5,
            "top_p": 0.9,
            "stop": ["END"],
            "max_tokens": 64,
            "seed": 7,
        }
    ]
    assert server.seen[-1].path == "/v1/chat/completions"
    assert completion == Completion(
        text="판결",
        usage=Usage(prompt_tokens=1000, completion_tokens=500, reasoning_tokens=400),
        usd=0.006,
        fingerprint="fp_1",
        seconds=completion.seconds,
    )
    assert completion.seconds > 0


async def test_what_the_sampling_leaves_open_is_not_sent(server: EndpointServer) -> None:
    await ask(server, chat("Hi", reasoning_effort="low"))
    assert server.bodies[0].keys() == {"model", "messages", "seed", "reasoning_effort"}
    assert server.bodies[0]["reasoning_effort"] == "low"


async def test_raw_text_is_completed(server: EndpointServer) -> None:
    server.script = [as_json({"choices": [{"text": " Paris", "finish_reason": "length"}], "model": "small"})]
    identity = ModelIdentity(provider="openai", model="small")
    request = Request(model=identity, kind="complete", prompt="The capital is", sampling=Sampling(max_tokens=2))
    completion = await ask(server, request, chat=False)
    assert server.seen[-1].path == "/v1/completions"
    assert server.bodies == [{"model": "small", "prompt": "The capital is", "max_tokens": 2, "seed": 0}]
    assert (completion.text, completion.finish, completion.usage) == (" Paris", "length", Usage())


async def test_the_key_goes_only_into_its_header_and_nothing_else_is_given_away(server: EndpointServer) -> None:
    await ask(server, api_key=KEY)
    assert [seen.headers["Authorization"] for seen in server.seen] == [f"Bearer {KEY}"] * 2
    assert "Cookie" not in server.seen[-1].headers
    client = provider(server, api_key=KEY)
    assert KEY not in repr(client)
    async with serving() as open_server:
        await ask(open_server)
        assert "Authorization" not in open_server.seen[-1].headers


async def test_cookies_are_not_kept(server: EndpointServer) -> None:
    cookie = as_json(answer(), headers={"Set-Cookie": "track=1; Path=/"})
    server.script = [cookie]
    client = provider(server)
    await client.open()
    for _ in range(2):
        await client.send(chat())
    await client.close()
    assert all("Cookie" not in seen.headers for seen in server.seen)


async def test_a_provider_built_on_this_one_brings_identity_capabilities_and_fields(server: EndpointServer) -> None:
    identity = ModelIdentity(provider="embedded", model="smollm2-135m", digest="sha256:00", mode="reproducible")
    can = Capabilities(logprobs=True, max_top=100, connections=1)
    client = provider(
        server, "file.gguf", identity=identity, capabilities=can, extra={"cache_prompt": False}, check_model=False
    )
    await client.open()
    completion = await client.send(chat())
    await client.close()
    assert (client.identity, client.capabilities) == (identity, can)
    assert server.bodies[0]["cache_prompt"] is False
    assert completion.served_as == ""


async def test_a_prompt_of_several_megabytes_is_sent_whole(server: EndpointServer) -> None:
    await ask(server, chat("x" * 3_000_000))
    assert len(server.bodies[0]["messages"][0]["content"]) == 3_000_000


# How answers are read


@pytest.mark.parametrize(
    ("facts", "text", "finish"),
    [
        ({"choice": {"finish_reason": "stop"}}, "x", "stop"),
        ({"choice": {"finish_reason": None}}, "x", "stop"),
        ({"choice": {"finish_reason": "tool_calls"}}, "x", "stop"),
        ({"choice": {"finish_reason": "length"}}, "x", "length"),
        ({"choice": {"finish_reason": "content_filter"}}, "x", "refused"),
        ({"message": {"content": None, "refusal": "I can't help."}}, "I can't help.", "refused"),
        ({"message": {"content": None}}, "", "stop"),
        ({"message": {"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}}, "ab", "stop"),
        ({"usage": None, "model": None, "system_fingerprint": None}, "x", "stop"),
        ({"usage": {"prompt_tokens": None, "completion_tokens": -1, "completion_tokens_details": None}}, "x", "stop"),
        ({"error": None}, "x", "stop"),
    ],
)
async def test_finishes_refusals_and_missing_fields(
    server: EndpointServer, facts: dict[str, Any], text: str, finish: str
) -> None:
    server.script = [said("x", **facts)]
    completion = await ask(server)
    assert (completion.text, completion.finish, completion.error) == (text, finish, "")


@pytest.mark.parametrize(
    "message",
    [
        {"reasoning_content": "hmm"},
        {"reasoning": "hmm"},
        {
            "content": [
                {"type": "thinking", "thinking": [{"type": "text", "text": "hmm"}]},
                {"type": "text", "text": "The answer is 42."},
            ]
        },
    ],
)
async def test_reasoning_is_kept_apart_from_the_answer(server: EndpointServer, message: dict[str, Any]) -> None:
    server.script = [said(message=message)]
    completion = await ask(server)
    assert (completion.text, completion.reasoning) == ("The answer is 42.", "hmm")


async def test_a_model_served_under_another_name_is_noted(server: EndpointServer) -> None:
    server.script = [said(model="cheaper-one")]
    assert (await ask(server)).served_as == "cheaper-one"
    server.script = [said(model="small")]
    assert (await ask(server)).served_as == ""


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (rb'{"choices":[{"message":{"content":"half \ud83d"}}]}', "half \ufffd"),
        (rb'{"choices":[{"message":{"content":"\ud83d\ude42"}}]}', "🙂"),
        (rb'{"choices":[{"message":{"content":"x"},"logprobs":{"content":[{"token":"x","logprob":-Infinity}]}}]}', "x"),
    ],
)
async def test_half_characters_and_infinities_do_not_break_an_answer(
    server: EndpointServer, body: bytes, text: str
) -> None:
    server.script = [as_bytes(body, kind="application/json")]
    completion = await ask(server)
    assert completion.text == text
    completion.text.encode()


async def test_a_compressed_answer_is_read_though_none_was_asked_for(server: EndpointServer) -> None:
    packed = gzip.compress(b'{"choices":[{"message":{"content":"ok"}}]}')
    server.script = [as_bytes(packed, headers={"Content-Encoding": "gzip"}, kind="application/json")]
    assert (await ask(server)).text == "ok"
    assert server.seen[-1].headers["Accept-Encoding"] == "identity"


# Log-probabilities

ROWS = [{"token": "B", "logprob": -1.5}, {"token": "A", "logprob": -0.25}, {"token": "?", "logprob": None}]
CHANCES = (TokenChance(token="A", logprob=-0.25), TokenChance(token="B", logprob=-1.5))


async def test_next_token_chances_of_a_chat_model(server: EndpointServer) -> None:
    server.script = [
        said("A", choice={"logprobs": {"content": [{"token": "A", "logprob": -0.25, "top_logprobs": ROWS}]}})
    ]
    assert (await ask(server, next_token())).chances == CHANCES
    body = server.bodies[0]
    assert (body["logprobs"], body["top_logprobs"], body["max_tokens"]) == (True, 3, 1)


@pytest.mark.parametrize(
    "logprobs",
    [
        {"tokens": ["A"], "token_logprobs": [-0.25], "top_logprobs": [{"B": -1.5, "A": -0.25}]},
        {"content": [{"token": "A", "logprob": -0.25, "top_logprobs": ROWS}]},
    ],
)
async def test_next_token_chances_of_raw_text_in_both_shapes(server: EndpointServer, logprobs: dict[str, Any]) -> None:
    server.script = [as_json({"choices": [{"text": "A", "logprobs": logprobs}]})]
    assert (await ask(server, next_token(prompt="Answer:"), chat=False)).chances == CHANCES
    assert (server.seen[-1].path, server.bodies[0]["logprobs"]) == ("/v1/completions", 3)


@pytest.mark.parametrize(
    "reply",
    [
        said("A"),
        said("A", choice={"logprobs": None}),
        complaint(400, "'logprobs' is not supported with this model", param="logprobs"),
        complaint(400, "Unsupported parameter: 'top_logprobs'"),
        complaint(400, "Unsupported value: 'temperature'", param="temperature", code="unsupported_value"),
    ],
)
async def test_an_endpoint_without_logprobs_is_told_what_to_do_and_found_out_by_probe(
    server: EndpointServer, reply: es.Reply
) -> None:
    server.script = [reply]
    client = provider(server)
    await client.open()
    request = next_token()
    with pytest.raises(BadInput) as raised:
        await client.send(
            Request(
                model=request.model, kind="logprobs", messages=request.messages, top=3, sampling=Sampling(temperature=0)
            )
        )
    assert "read = 'verdict'" in raised.value.next_step
    assert client.capabilities.logprobs
    assert not (await client.probe()).logprobs
    assert not client.capabilities.logprobs
    await client.close()


async def test_probe_confirms_an_endpoint_that_gives_logprobs_and_passes_other_refusals_on(
    server: EndpointServer,
) -> None:
    server.script = [
        said("A", choice={"logprobs": {"content": [{"token": "A", "logprob": -0.1, "top_logprobs": ROWS}]}}),
        complaint(401, "no"),
    ]
    client = provider(server)
    await client.open()
    assert (await client.probe()).logprobs
    with pytest.raises(BadInput, match="asks for a key"):
        await client.probe()
    await client.close()


async def test_more_alternatives_than_there_are_is_an_error_before_the_call(server: EndpointServer) -> None:
    with pytest.raises(BadInput, match="at most 20"):
        await ask(server, next_token(top=40))
    assert server.bodies == []


# Streaming

PIECES = [
    {"id": "c", "choices": [{"delta": {"role": "assistant", "content": ""}, "finish_reason": None}]},
    chunk(delta={"reasoning_content": "hm"}),
    chunk(delta={"reasoning": "m"}),
    chunk("판결: "),
    chunk("🙂 A"),
    chunk(finish="stop", system_fingerprint="fp_2"),
    {"choices": [], "model": "small", "usage": {"prompt_tokens": 9, "completion_tokens": 5}},
]


async def test_a_stream_gives_the_text_piece_by_piece_and_then_the_same_completion(server: EndpointServer) -> None:
    heard: list[str] = []
    server.script = [streaming([events(*PIECES)])]
    completion = await ask(server, on_text=heard.append, price=(1.0, 1.0))
    assert heard == ["판결: ", "🙂 A"]
    assert completion == Completion(
        text="판결: 🙂 A",
        reasoning="hmm",
        usage=Usage(prompt_tokens=9, completion_tokens=5),
        usd=14e-6,
        fingerprint="fp_2",
        seconds=completion.seconds,
    )
    assert (server.bodies[0]["stream"], server.bodies[0]["stream_options"]) == (True, {"include_usage": True})


@pytest.mark.parametrize("size", [1, 3, 17])
async def test_a_stream_may_be_cut_anywhere_on_its_way(server: EndpointServer, size: int) -> None:
    stream = b": hello\r\n\r\n" + events(*PIECES).replace(b"\n", b"\r\n")
    heard: list[str] = []
    server.script = [streaming([stream[i : i + size] for i in range(0, len(stream), size)])]
    completion = await ask(server, on_text=heard.append)
    assert completion.text == "".join(heard) == "판결: 🙂 A"


@pytest.mark.parametrize(
    ("stream", "finish"),
    [
        (events(chunk("x", finish="length")), "length"),
        (events(chunk("x", finish="content_filter")), "refused"),
        (events(chunk("x"), chunk(finish="stop"), done=False), "stop"),
        (events(chunk("x")), "stop"),
        (events(chunk("x"), done=False) + b"data: [DONE]", "stop"),
        (events({"choices": [{"text": "x", "finish_reason": "stop"}]}), "stop"),
    ],
)
async def test_ends_of_streams(server: EndpointServer, stream: bytes, finish: str) -> None:
    server.script = [streaming([stream])]
    completion = await ask(server, on_text=lambda _: None)
    assert (completion.text, completion.finish) == ("x", finish)


async def test_a_refusal_comes_through_a_stream(server: EndpointServer) -> None:
    server.script = [streaming([events(chunk(delta={"refusal": "I can't."}), chunk(finish="stop"))])]
    completion = await ask(server, on_text=lambda _: None)
    assert (completion.text, completion.finish) == ("I can't.", "refused")


async def test_an_endpoint_that_does_not_stream_is_read_all_the_same(server: EndpointServer) -> None:
    heard: list[str] = []
    completion = await ask(server, on_text=heard.append)
    assert heard == [completion.text] == ["The answer is 42."]


async def test_usage_that_an_endpoint_cannot_stream_is_not_insisted_on(server: EndpointServer) -> None:
    server.script = [
        complaint(400, "Unrecognized request argument supplied: 'stream_options'"),
        streaming([events(chunk("x", finish="stop"))]),
    ]
    completion = await ask(server, on_text=lambda _: None)
    assert completion.text == "x"
    assert ["stream_options" in body for body in server.bodies] == [True, False]


@pytest.mark.parametrize("cut", [False, True])
async def test_a_stream_cut_after_some_text_is_a_passing_failure_and_not_repeated(
    server: EndpointServer, cut: bool
) -> None:
    heard: list[str] = []
    server.script = [streaming([events(chunk("The ans"), done=False)], cut=cut)]
    with pytest.raises(ModelError, match="cut short") as raised:
        await ask(server, on_text=heard.append)
    assert (raised.value.passing, raised.value.kind) == (True, "bad_answer")
    assert heard == ["The ans"]
    assert len(server.bodies) == 1


async def test_a_stream_cut_before_any_text_is_tried_again(server: EndpointServer) -> None:
    heard: list[str] = []
    server.script = [
        streaming([events(chunk(delta={"role": "assistant"}), done=False)], cut=True),
        streaming([events({"error": {"message": "worker died", "code": 500}}, done=False)]),
        streaming([b"data: {broken\n\n"]),
        streaming([events(*PIECES)]),
    ]
    assert (await ask(server, on_text=heard.append)).text == "".join(heard)
    assert len(server.bodies) == 4


async def test_a_stream_cut_after_its_last_word_is_whole(server: EndpointServer) -> None:
    server.script = [streaming([events(chunk("done", finish="stop"), done=False)], cut=True)]
    assert (await ask(server, on_text=lambda _: None)).text == "done"


async def test_what_comes_after_the_end_is_not_waited_for(server: EndpointServer) -> None:
    server.script = [streaming([events(*PIECES)], linger_s=3600)]
    async with asyncio.timeout(30):
        assert (await ask(server, on_text=lambda _: None, timeout_s=3600)).finish == "stop"


async def test_a_stream_that_drips_for_ever_ends_at_the_time_limit(server: EndpointServer) -> None:
    server.script = [streaming((b": still here\n\n" for _ in range(10_000)), pause_s=0.02)]
    with pytest.raises(ModelError) as raised:
        await ask(server, on_text=lambda _: None, timeout_s=0.2, retries=Retries(most=0))
    assert (raised.value.kind, raised.value.passing) == ("timeout", True)


async def test_an_error_of_the_listener_is_its_own(server: EndpointServer) -> None:
    def broken(text: str) -> None:
        raise KeyError(text)

    server.script = [streaming([events(*PIECES)])]
    with pytest.raises(KeyError):
        await ask(server, on_text=broken)


# Parameters that a model does not take

NO_MAX_TOKENS = complaint(
    400,
    "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
    param="max_tokens",
    code="unsupported_parameter",
)


async def test_the_limit_is_renamed_for_reasoning_models_and_the_name_remembered(server: EndpointServer) -> None:
    server.script = [NO_MAX_TOKENS, said()]
    client = provider(server)
    await client.open()
    for _ in range(2):
        await client.send(chat(max_tokens=9))
    await client.close()
    names = [next(name for name in body if name.startswith("max")) for body in server.bodies]
    assert names == ["max_tokens", "max_completion_tokens", "max_completion_tokens"]
    assert server.bodies[2]["max_completion_tokens"] == 9


async def test_calls_in_flight_together_all_learn_the_new_name(server: EndpointServer) -> None:
    server.script = [NO_MAX_TOKENS, NO_MAX_TOKENS, NO_MAX_TOKENS, said()]
    client = provider(server)
    await client.open()
    done = await asyncio.gather(*(client.send(chat(max_tokens=9)) for _ in range(3)))
    await client.close()
    assert {c.text for c in done} == {"The answer is 42."}


async def test_a_seed_that_is_not_taken_is_left_out_and_the_capability_with_it(server: EndpointServer) -> None:
    validator = {
        "detail": [{"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "Extra inputs are not permitted"}]
    }
    server.script = [as_json(validator, status=422), said()]
    client = provider(server)
    await client.open()
    assert client.capabilities.seed
    await client.send(chat())
    await client.close()
    assert ["seed" in body for body in server.bodies] == [True, False]
    assert not client.capabilities.seed


@pytest.mark.parametrize(
    ("reply", "named", "step"),
    [
        (
            complaint(
                400,
                "Unsupported value: 'temperature' does not support 0.5 with this model. Only the default (1) is supported.",
                param="temperature",
                code="unsupported_value",
            ),
            "'temperature'",
            'temperature = "default"',
        ),
        (complaint(400, "`top_p` is not supported by this model."), "'top_p'", "Remove top_p"),
        (complaint(400, "Unrecognized request argument supplied: 'stop'"), "'stop'", "Remove stop"),
        (complaint(400, 'unknown field "reasoning_effort"'), "'reasoning_effort'", "Remove reasoning_effort"),
        (
            complaint(400, "Unsupported value: 'messages[0].role' does not support 'system' with this model."),
            "messages of this role",
            "without a system message",
        ),
    ],
)
async def test_a_parameter_that_was_asked_for_is_never_dropped(
    server: EndpointServer, reply: es.Reply, named: str, step: str
) -> None:
    server.script = [reply]
    request = chat(system="S", temperature=0.5, top_p=0.5, stop=("x",), reasoning_effort="low")
    with pytest.raises(BadInput) as raised:
        await ask(server, request)
    assert named in raised.value.message
    assert step in raised.value.next_step
    assert len(server.bodies) == 1


# Refusals


@pytest.mark.parametrize("status", [400, 413, 422, 451])
async def test_a_refused_request_is_the_models_answer(server: EndpointServer, status: int) -> None:
    server.script = [complaint(status, "This model's maximum context length is 4096 tokens. " + "x" * 1000)]
    completion = await ask(server, chat(max_tokens=9))
    assert (completion.finish, completion.error) == ("error", "refused_request")
    assert completion.text.startswith("This model's maximum context length")
    assert len(completion.text) <= 301
    assert len(server.bodies) == 1


@pytest.mark.parametrize(
    "reply",
    [
        complaint(400, "The prompt was filtered.", code="content_filter"),
        complaint(403, "Flagged.", code=403, metadata={"reasons": ["violence"], "flagged_input": "…"}),
    ],
)
async def test_a_filtered_request_is_a_refusal(server: EndpointServer, reply: es.Reply) -> None:
    server.script = [reply]
    completion = await ask(server)
    assert (completion.finish, completion.error) == ("refused", "")


@pytest.mark.parametrize(
    ("status", "key", "says", "step"),
    [
        (401, None, "asks for a key", "api_key_env"),
        (401, KEY, "does not accept the key in MY_API_KEY", "MY_API_KEY"),
        (403, KEY, "does not accept the key in MY_API_KEY", "may use model 'small'"),
        (402, KEY, "out of credit", "credit"),
        (404, None, "does not offer this call for model 'small'", "base_url"),
        (405, None, "does not offer this call", "base_url"),
        (501, None, "does not offer this call", "base_url"),
    ],
)
async def test_address_key_and_account_stop_the_run(
    server: EndpointServer, status: int, key: str | None, says: str, step: str
) -> None:
    server.script = [complaint(status, "no way")]
    with pytest.raises(BadInput) as raised:
        await ask(server, api_key=key, api_key_env="MY_API_KEY" if key else "")
    assert says in raised.value.message
    assert "no way" in raised.value.message
    assert step in raised.value.next_step
    assert len(server.bodies) == 1


# Passing failures


BAD_ANSWERS = {
    "busy": complaint(503, "overloaded"),
    "rate limit": complaint(429, "slow down"),
    "conflict": complaint(409, "locked"),
    "too early": complaint(425, "replay"),
    "server timeout": complaint(408, "too slow"),
    "crash": as_bytes(b"<html><title>502 Bad Gateway</title>nginx</html>", status=502),
    "web page": as_bytes(b"<!doctype html><html><body>Log in</body></html>"),
    "cut JSON": as_bytes(b'{"choices": [{"message": {"content": "The', kind="application/json"),
    "empty": as_bytes(b"", kind="application/json"),
    "no choices": as_json({"id": "c", "choices": []}),
    "other JSON": as_json([1, 2, 3]),
    "not UTF-8": as_bytes(b'{"choices": "\xff\xfe"}', kind="application/json"),
    "error inside": as_json({"error": {"message": "upstream died", "code": 502}}),
    "rate limit inside": as_json({"error": {"message": "upstream busy", "code": 429}}),
    "broke off": said("half", choice={"finish_reason": "error"}),
    "hang-up": es.no_answer,
    "not HTTP": es.raw(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "truncated": es.raw(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n{"),
    "truncated chunk": es.raw(
        b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n{"choices"'
    ),
    "bad chunk": es.raw(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"
    ),
    "bad gzip": as_bytes(b"not gzip", headers={"Content-Encoding": "gzip"}, kind="application/json"),
}
KINDS = {"busy": "server_error", "rate limit": "rate_limited", "conflict": "server_error", "too early": "server_error"}
KINDS |= {
    "server timeout": "timeout",
    "crash": "server_error",
    "error inside": "server_error",
    "broke off": "server_error",
}
KINDS |= {"rate limit inside": "rate_limited", "hang-up": "unreachable"}


@pytest.mark.parametrize("name", BAD_ANSWERS)
async def test_passing_failures_are_tried_again_and_then_told(server: EndpointServer, name: str) -> None:
    server.script = [BAD_ANSWERS[name], BAD_ANSWERS[name], said("at last")]
    assert (await ask(server)).text == "at last"
    assert len(server.bodies) == 3

    server.script = [BAD_ANSWERS[name]]
    with pytest.raises(ModelError) as raised:
        await ask(server, api_key=KEY)
    error = raised.value
    assert (error.passing, error.kind, error.where) == (True, KINDS.get(name, "bad_answer"), server.url)
    assert "(4 tries)" in error.message
    assert "\n" not in str(error)
    assert error.next_step
    assert KEY not in shown(error)


async def test_no_answer_in_time_is_a_timeout(server: EndpointServer) -> None:
    server.script = [es.never, said("quick")]
    assert (await ask(server, timeout_s=0.2)).text == "quick"
    server.script = [es.never]
    with pytest.raises(ModelError, match=r"no whole answer within 0\.1 seconds") as raised:
        await ask(server, timeout_s=0.1, retries=Retries(most=1, first_s=0.0))
    assert (raised.value.kind, raised.value.passing) == ("timeout", True)


class Watched(Retries):
    """Retries that note what the server asked for, and do not wait."""

    asked: ClassVar[list[float | None]] = []

    def wait(self, failed: int, asked_s: float | None) -> float:
        self.asked.append(asked_s)
        return 0.0


async def test_the_server_says_when_to_come_back(server: EndpointServer) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=50), usegmt=True)
    server.script = [
        complaint(429, "slow down", headers={"Retry-After": "7"}),
        complaint(503, "restarting", headers={"Retry-After": date}),
        complaint(503, "restarting"),
        said("welcome back"),
    ]
    Watched.asked.clear()
    assert (await ask(server, retries=Watched())).text == "welcome back"
    seconds, until, unsaid = Watched.asked
    assert seconds == 7.0
    assert until is not None
    assert 0 <= until <= 50
    assert unsaid is None

    server.script = [complaint(429, "tomorrow", headers={"Retry-After": "86400"}), said()]
    with pytest.raises(ModelError, match="asks to wait 86400 seconds") as raised:
        await ask(server)
    assert raised.value.kind == "rate_limited"


async def test_an_exhausted_quota_is_not_waited_for(server: EndpointServer) -> None:
    server.script = [complaint(429, "You exceeded your current quota", code="insufficient_quota")]
    with pytest.raises(ModelError) as raised:
        await ask(server)
    assert "credit" in raised.value.next_step
    assert len(server.bodies) == 1


@pytest.mark.parametrize("on_text", [None, lambda _: None])
async def test_an_answer_longer_than_any_honest_one_is_hung_up_on(
    server: EndpointServer, on_text: Listener | None
) -> None:
    server.script = [es.endless]
    with pytest.raises(ModelError, match="longer than 16 MB") as raised:
        await ask(server, on_text=on_text)
    assert (raised.value.kind, raised.value.passing) == ("bad_answer", True)
    assert len(server.bodies) == 1


async def test_a_stream_longer_than_any_honest_one_is_hung_up_on(
    server: EndpointServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fairtrial.models._transport.LONGEST_STREAM", 2**20)
    server.script = [streaming(b": nothing yet\n\n" * 1000 for _ in range(1000))]
    with pytest.raises(ModelError, match="longer than 1 MB"):
        await ask(server, on_text=lambda _: None)


async def test_an_announced_length_that_no_honest_answer_has_is_not_read(server: EndpointServer) -> None:
    server.script = [es.raw(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 104857600\r\n\r\n{")]
    with pytest.raises(ModelError, match="longer than 16 MB"):
        await ask(server)


async def test_a_decompression_bomb_is_hung_up_on(server: EndpointServer) -> None:
    bomb = gzip.compress(b" " * 100 * 2**20)
    assert len(bomb) < 2**17
    server.script = [as_bytes(bomb, headers={"Content-Encoding": "gzip"}, kind="application/json")]
    with pytest.raises(ModelError, match="longer than 16 MB"):
        await ask(server)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize(
    ("target", "named"),
    [
        ("http://10.0.0.5/admin", "10.0.0.5"),
        ("http://169.254.169.254/latest", "169.254.169.254"),
        ("https://elsewhere.example/v1", "elsewhere.example"),
        ("/v2/chat/completions", "127.0.0.1"),
        ("http://[broken", "unreadable"),
    ],
)
async def test_redirects_are_not_followed_and_their_target_is_named(
    server: EndpointServer, status: int, target: str, named: str
) -> None:
    server.script = [as_bytes(b"", status=status, headers={"Location": target})]
    with pytest.raises(BadInput, match="redirects") as raised:
        await ask(server, api_key=KEY)
    assert named in raised.value.message
    assert len(server.bodies) == 1


# The key shows nowhere


@pytest.mark.parametrize(
    "reply",
    [
        complaint(401, f"Incorrect API key provided: {KEY}."),
        complaint(401, f"Incorrect API key provided: {KEY[:14]}******."),
        complaint(404, f"no model for {KEY}"),
        complaint(400, f"Unsupported parameter 'temperature' for {KEY}", param="temperature"),
        complaint(503, f"busy, {KEY}"),
        as_json({"error": f"who is {KEY}"}),
        as_bytes(f"<title>{KEY}</title>".encode(), status=500),
        as_bytes(b"", status=302, headers={"Location": f"http://{KEY}.example/?key={KEY}"}),
        es.raw(f"HTTP/1.1 200 OK {KEY}\r\nnonsense {KEY}\r\n\r\n".encode()),
    ],
)
async def test_no_error_shows_the_key(server: EndpointServer, reply: es.Reply) -> None:
    server.script = [reply]
    with pytest.raises(FairtrialError) as raised:
        await ask(server, chat(temperature=0.5), api_key=KEY, api_key_env="MY_API_KEY")
    text = shown(raised.value)
    assert not any(KEY[i : i + 9] in text for i in range(len(KEY) - 8))


async def test_an_unreachable_endpoint_does_not_show_the_key() -> None:
    client = OpenAIProvider("small", base_url="http://127.0.0.1:9/v1", api_key=KEY, retries=QUICK)
    with pytest.raises(ModelError) as raised:
        await client.open()
    assert KEY not in shown(raised.value)


async def test_a_key_that_an_endpoint_sends_back_is_not_recorded(server: EndpointServer) -> None:
    server.script = [
        said(f"Your key is {KEY}!", message={"reasoning": KEY}, system_fingerprint=KEY, model=f"m-{KEY}"),
        complaint(400, f"bad request with {KEY}"),
        streaming([events(chunk(KEY[:9]), chunk(KEY[9:], finish="stop"))]),
    ]
    client = provider(server, api_key=KEY)
    await client.open()
    echoed = await client.send(chat())
    refused = await client.send(chat())
    streamed = await client.send(chat(), on_text=lambda _: None)
    await client.close()
    assert echoed.text == "Your key is ***!"
    assert KEY not in repr((echoed, refused, streamed))


# Opening


async def test_opening_looks_at_the_list_and_buys_nothing(server: EndpointServer) -> None:
    client = provider(server)
    await client.open()
    await client.close()
    await client.close()
    assert client.listed == ("small", "large")
    assert client.identity == ModelIdentity(provider="openai", model="small", endpoint=server.url)
    assert [(seen.method, seen.path) for seen in server.seen] == [("GET", "/v1/models")]


@pytest.mark.parametrize(
    ("model", "names", "step"),
    [
        ("smal", ["small", "large"], "Did you mean 'small'?"),
        ("quite-other", ["small", "large"], "It serves: large, small."),
        ("quite-other", [f"z{i}" for i in range(300)], "and 292 more"),
    ],
)
async def test_an_unknown_model_is_told_with_the_nearest_ones(
    server: EndpointServer, model: str, names: list[str], step: str
) -> None:
    server.listing = as_json({"data": [{"id": name} for name in names]})
    with pytest.raises(BadInput, match=f"serves no model '{model}'") as raised:
        await provider(server, model).open()
    assert step in raised.value.next_step
    assert "check_model = false" in raised.value.next_step
    client = provider(server, model, check_model=False)
    await client.open()
    await client.close()


@pytest.mark.parametrize(
    ("model", "listing"),
    [
        ("llama3.2", {"data": [{"id": "llama3.2:latest"}]}),
        ("flash", {"data": [{"id": "models/flash"}]}),
        ("org/model:fast", {"data": [{"id": "org/model"}]}),
        ("small", [{"id": "small"}]),
        ("small", {"models": [{"name": "small"}]}),
        ("anything", {"data": []}),
        ("anything", {"data": None}),
        ("anything", {"object": "list"}),
        ("anything", {"data": [{"id": 7}, "x", None]}),
    ],
)
async def test_lists_come_in_several_shapes(server: EndpointServer, model: str, listing: object) -> None:
    server.listing = as_json(listing)
    client = provider(server, model)
    await client.open()
    await client.close()


@pytest.mark.parametrize("status", [404, 405, 501])
async def test_a_server_without_a_list_is_taken_as_it_is(server: EndpointServer, status: int) -> None:
    server.listing = as_bytes(b"no such page", status=status)
    assert (await ask(server, model="whatever")).text == "The answer is 42."


async def test_a_key_that_may_call_but_not_list_is_taken(server: EndpointServer) -> None:
    server.listing = complaint(403, "You have insufficient permissions. Missing scopes: api.model.read.")
    assert (await ask(server, api_key=KEY)).text == "The answer is 42."


@pytest.mark.parametrize(
    ("listing", "error", "says"),
    [
        (as_bytes(b"<html>hello</html>"), BadInput, "it sends a web page"),
        (as_bytes(b"pong", kind="text/plain"), BadInput, "not JSON"),
        (complaint(401, "who are you"), BadInput, "asks for a key"),
        (complaint(403, "forbidden"), BadInput, "asks for a key"),
        (as_bytes(b"", status=302, headers={"Location": "http://elsewhere.example/"}), BadInput, "elsewhere.example"),
        (complaint(503, "loading model"), ModelError, "loading model"),
        (es.endless, ModelError, "longer than 16 MB"),
        (es.no_answer, ModelError, "connection was closed"),
    ],
)
async def test_an_endpoint_that_is_none_is_told_in_one_sentence(
    server: EndpointServer, listing: es.Reply, error: type[FairtrialError], says: str
) -> None:
    server.listing = listing
    with pytest.raises(error) as raised:
        await provider(server).open()
    assert says in raised.value.message
    assert raised.value.where == server.url
    assert raised.value.next_step
    assert server.bodies == []


async def test_an_endpoint_that_is_down_is_told_at_once() -> None:
    async with serving() as gone:
        pass
    patient = Retries(most=50, first_s=60.0)
    with pytest.raises(ModelError, match=r"nothing answers \(connection refused\)\.") as raised:
        await OpenAIProvider("small", base_url=gone.url, retries=patient).open()
    assert (raised.value.kind, raised.value.passing, raised.value.where) == ("unreachable", True, gone.url)
    assert "Start the server" in raised.value.next_step


async def test_an_endpoint_that_goes_down_in_a_run_is_waited_for() -> None:
    async with serving() as first:
        client = provider(first, retries=Retries(most=2, first_s=0.001))
        await client.open()
        await client.send(chat())
    with pytest.raises(ModelError) as raised:
        await client.send(chat())
    await client.close()
    assert raised.value.kind == "unreachable"
    assert "(3 tries)" in raised.value.message


async def test_a_host_without_an_address_is_told() -> None:
    with pytest.raises(ModelError, match="host name has no address") as raised:
        await OpenAIProvider("small", base_url="http://no-such-host.invalid/v1", retries=QUICK).open()
    assert "Check base_url" in raised.value.next_step


async def test_plain_http_where_encryption_is_asked_for_is_told(server: EndpointServer) -> None:
    with pytest.raises(BadInput, match="no encrypted connection"):
        await OpenAIProvider("small", base_url=server.url.replace("http:", "https:"), retries=QUICK).open()


async def test_a_base_url_that_lacks_its_last_part_is_completed(server: EndpointServer) -> None:
    async def only_below(request: Any) -> Any:
        reply = as_json({"data": [{"id": "small"}]}) if request.path == "/v1/models" else as_bytes(b"404", status=404)
        return await reply(request)

    server.listing = only_below
    with pytest.raises(BadInput, match="lacks its last part") as raised:
        await provider(server, base_url=server.url.removesuffix("/v1")).open()
    assert f'base_url = "{server.url}"' in raised.value.next_step


async def test_sending_before_opening_is_a_mistake_of_the_caller(server: EndpointServer) -> None:
    with pytest.raises(RuntimeError, match="not open"):
        await provider(server).send(chat())


async def test_the_served_models_are_listed(server: EndpointServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_API_KEY", KEY)
    assert await served_models(server.url) == ["small", "large"]
    assert await served_models(server.url, api_key_env="MY_API_KEY") == ["small", "large"]
    assert server.seen[-1].headers["Authorization"] == f"Bearer {KEY}"


# How many at once


async def test_calls_in_flight_are_limited_and_shared_by_one_endpoint(server: EndpointServer) -> None:
    async def slow(request: Any) -> Any:
        await asyncio.sleep(0.01)
        return await said()(request)

    server.script = [slow]
    clients = [provider(server, connections=4) for _ in range(2)]
    for client in clients:
        await client.open()
    await asyncio.gather(*(clients[i % 2].send(chat(seed=i)) for i in range(24)))
    for client in clients:
        await client.close()
    assert server.peak == 4


async def test_congestion_makes_room_and_nobody_else_waits_for_who_was_told_to_wait(server: EndpointServer) -> None:
    told = asyncio.Event()

    async def told_to_wait(request: Any) -> Any:
        told.set()
        return await complaint(429, "slow down", headers={"Retry-After": "60"})(request)

    server.script = [told_to_wait, said()]
    client = provider(server, connections=1, retries=Retries(most=1))
    await client.open()
    waiting = asyncio.create_task(client.send(chat()))
    await told.wait()
    assert [c.text for c in await asyncio.gather(*(client.send(chat(seed=i)) for i in range(5)))] == [
        "The answer is 42."
    ] * 5
    assert not waiting.done()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await client.close()


@pytest.mark.parametrize("sign", [complaint(429, "slow down"), complaint(503, "busy"), es.never])
async def test_signs_of_congestion_halve_the_calls_in_flight(server: EndpointServer, sign: es.Reply) -> None:
    async def slow(request: Any) -> Any:
        await asyncio.sleep(0.02)
        return await said()(request)

    server.script = [sign, slow]
    client = provider(server, connections=8, timeout_s=1.0)
    await client.open()
    await client.send(chat())
    server.peak = 0
    await asyncio.gather(*(client.send(chat(seed=i)) for i in range(12)))
    await client.close()
    assert 4 <= server.peak < 8


async def test_a_cancelled_call_gives_its_place_back(server: EndpointServer) -> None:
    asked = asyncio.Event()

    async def stuck_at(request: Any) -> Any:
        asked.set()
        return await es.never(request)

    server.script = [stuck_at, said()]
    client = provider(server, connections=1)
    await client.open()
    stuck = asyncio.create_task(client.send(chat()))
    await asked.wait()
    stuck.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stuck
    assert (await client.send(chat())).text == "The answer is 42."
    await client.close()


# Settings of a trial file


def test_settings_become_a_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_API_KEY", KEY)
    client = OpenAIProvider.from_settings(
        "big",
        {
            "base_url": "http://192.168.1.5:8000/v1/",
            "allow_private": True,
            "api_key_env": "MY_API_KEY",
            "connections": 32,
            "price": [1, 2.5],
            "timeout": 60,
            "retries": 2,
            "logprobs": False,
            "mode": None,
        },
    )
    assert client.identity == ModelIdentity(provider="openai", model="big", endpoint="http://192.168.1.5:8000/v1")
    assert client.price == (1.0, 2.5)
    assert client.capabilities == Capabilities(seed=True, connections=32)
    assert KEY not in repr(vars(client))


def test_a_base_model_completes_and_a_chat_model_chats() -> None:
    url = {"base_url": "http://localhost:1/v1"}
    for chats in (True, False):
        can = OpenAIProvider.from_settings("m", url | {"chat": chats}).capabilities
        assert (can.chat, can.complete) == (chats, not chats)
    assert OpenAIProvider.from_settings("m", url | {"complete": True}).capabilities.complete


@pytest.mark.parametrize(
    ("settings", "says", "step"),
    [
        ({}, "base_url is missing", "base_url ="),
        ({"base_url": 7}, "base_url must be", ""),
        ({"base_url": "localhost:1/v1"}, "does not start with http", "http://"),
        ({"base_url": "http://10.1.2.3/v1"}, "private address", "allow_private = true"),
        ({"base_urll": "http://localhost/v1"}, "unknown setting 'base_urll'", "Did you mean 'base_url'?"),
        ({"base_url": "http://localhost/v1", "api_key": KEY}, "puts a key into a file", "api_key_env"),
        (
            {"base_url": "http://localhost/v1", "api_key_env": KEY},
            "must be the name of an environment variable",
            "Revoke",
        ),
        (
            {"base_url": "http://localhost/v1", "api_key_env": "NO_SUCH_KEY"},
            "NO_SUCH_KEY is not set",
            "export NO_SUCH_KEY",
        ),
        ({"base_url": "http://localhost/v1", "api_key_env": ["A"]}, "api_key_env must be", ""),
        ({"base_url": "http://localhost/v1", "connections": 0}, "connections must be", ""),
        ({"base_url": "http://localhost/v1", "connections": True}, "connections must be", ""),
        ({"base_url": "http://localhost/v1", "price": [1]}, "price must be", ""),
        ({"base_url": "http://localhost/v1", "price": [1, -1]}, "price must be", ""),
        ({"base_url": "http://localhost/v1", "price": [1, float("nan")]}, "price must be", ""),
        ({"base_url": "http://localhost/v1", "timeout": 0}, "timeout must be", ""),
        ({"base_url": "http://localhost/v1", "retries": -1}, "retries must be", ""),
        ({"base_url": "http://localhost/v1", "chat": "yes"}, "chat must be", ""),
    ],
)
def test_wrong_settings_are_named_and_keys_not_repeated(
    settings: dict[str, Any], says: str, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    with pytest.raises(BadInput) as raised:
        OpenAIProvider.from_settings("m", settings)
    assert says in str(raised.value)
    assert step in raised.value.next_step
    assert KEY not in shown(raised.value)
