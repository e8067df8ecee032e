"""Embedded models, with the real runtime: calls, sharing, crashes, and what must never stay behind."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from fairtrial.core import BadInput, Completion, IntegrityError, Message, ModelError, Request, Sampling
from fairtrial.core.plugins import load
from fairtrial.models import _engine, catalog
from fairtrial.models._threads import default_threads
from fairtrial.models.catalog import PulledModel
from fairtrial.models.embedded import EmbeddedProvider

NAME = "smollm2-135m"


@pytest.fixture(scope="module")
def smollm() -> PulledModel:
    """The real model, pulled once into the user's own store."""
    return catalog.pull(NAME)


def provider(model, **settings) -> EmbeddedProvider:
    return EmbeddedProvider(model, **({"threads": 1, "slots": 4, "context_per_slot": 512} | settings))


def ask(of: EmbeddedProvider, text: str, *, kind="chat", tokens=6, seed=1, temperature=0.0, top=0) -> Request:
    plain = kind == "complete" or not of.capabilities.chat
    return Request(
        model=of.identity,
        kind=kind,
        messages=() if plain else (Message(role="user", content=text),),
        prompt=text if plain else None,
        sampling=Sampling(temperature=temperature, max_tokens=tokens),
        seed=seed,
        top=top,
    )


def pid(of: EmbeddedProvider) -> int:
    return of._running.process.pid


def gone(number: int, within_s: float = 10.0) -> bool:
    """Whether a process has ended (a zombie counts as ended), waiting for it for a while."""
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        try:
            if psutil.Process(number).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.02)
    return False


def evidence(completion: Completion) -> tuple[object, ...]:
    """What must be equal, byte for byte: all but the time."""
    return completion.text, completion.finish, completion.usage, completion.chances, completion.fingerprint


# --- without the model


def test_it_is_registered_as_a_plugin():
    assert load("fairtrial.models", "embedded") is EmbeddedProvider


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"mode": "quick"}, "mode 'quick' is unknown"),
        ({"slot": 4}, "Did you mean 'slots'"),
        ({"slots": 0}, "slots must be a whole number"),
        ({"slots": True}, "slots must be a whole number"),
        ({"threads": 1.5}, "threads must be a whole number"),
        ({"context_per_slot": "big"}, "context_per_slot"),
        ({"timeout": 0}, "timeout"),
    ],
)
def test_settings_are_checked(settings, said):
    with pytest.raises(BadInput) as caught:
        EmbeddedProvider.from_settings(NAME, settings)
    assert said in str(caught.value)
    assert caught.value.where == f"embedded/{NAME}"


async def test_a_model_that_is_not_pulled_says_how_to_pull_it(tmp_path, monkeypatch):
    monkeypatch.setenv("FAIRTRIAL_MODELS", str(tmp_path))
    with pytest.raises(BadInput, match=f"fairtrial models pull {NAME}"):
        await EmbeddedProvider(NAME).open()


async def test_a_missing_runtime_says_how_to_install_it(monkeypatch, tmp_path):
    # Python itself treats a None in sys.modules as a package that is not there
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    with pytest.raises(BadInput, match=r"pip install 'fairtrial\[local\]'"):
        await EmbeddedProvider(NAME).open()


def test_threads_by_default_by_environment_and_wrongly(monkeypatch):
    monkeypatch.delenv("FAIRTRIAL_THREADS", raising=False)
    assert 1 <= default_threads() <= min(8, os.cpu_count())
    monkeypatch.setenv("FAIRTRIAL_THREADS", "3")
    assert default_threads() == 3
    for wrong in ("0", "-1", "many", "1.5"):
        monkeypatch.setenv("FAIRTRIAL_THREADS", wrong)
        with pytest.raises(BadInput, match="FAIRTRIAL_THREADS"):
            default_threads()


async def test_a_file_that_the_runtime_refuses_is_one_sentence(tmp_path, monkeypatch):
    """It passes our reader, and then the runtime cannot make a model of it."""
    sys.path.insert(0, str(Path(__file__).parent))
    from test_catalog import gguf

    monkeypatch.setenv("FAIRTRIAL_MODELS", str(tmp_path / "store"))
    (tmp_path / "hollow.gguf").write_bytes(gguf())
    hollow = catalog.pull(str(tmp_path / "hollow.gguf"))
    with pytest.raises(BadInput, match="cannot be loaded") as caught:
        await provider(hollow).open()
    assert "\n" not in str(caught.value)
    assert _engine._engines == {}


def test_the_child_gets_no_keys(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
    monkeypatch.setenv("GGML_SETTING", "1")
    given = _engine._child_environment()
    assert "sk-canary" not in given.values()
    assert given["GGML_SETTING"] == "1"


# --- with the model


@pytest.mark.model
async def test_chat_complete_logprobs_and_streaming(smollm):
    model = provider(smollm)
    await model.open()
    try:
        assert (model.identity.provider, model.identity.mode) == ("embedded", "fast, context 512")
        assert model.identity.digest == "sha256:" + catalog.CATALOG[NAME].sha256
        chat = await model.send(ask(model, "What is the capital of France?"))
        assert chat.text
        assert chat.usage.completion_tokens == 6
        assert chat.finish == "length"
        assert chat.fingerprint.startswith("xllamacpp ")
        pieces: list[str] = []
        streamed = await model.send(ask(model, "What is the capital of France?"), on_text=pieces.append)
        assert "".join(pieces) == streamed.text
        assert len(pieces) > 1
        complete = await model.send(ask(model, "The capital of France is", kind="complete", tokens=1))
        assert complete.text.strip() == "Paris"
        for kind_of in ("Is water wet?", "Answer A or B."):
            chances = (await model.send(ask(model, kind_of, kind="logprobs", top=40))).chances
            assert len(chances) == 40
            assert list(chances) == sorted(chances, key=lambda c: -c.logprob)
            assert all(c.logprob <= 0 for c in chances)
        too_long = await model.send(ask(model, "word " * 600))
        assert (too_long.finish, too_long.error) == ("error", "refused_request")
        assert (await model.send(ask(model, "Still there?"))).text
    finally:
        await model.close()


@pytest.mark.model
async def test_many_calls_at_once(smollm):
    model = provider(smollm)
    await model.open()
    try:
        done = await asyncio.gather(*(model.send(ask(model, f"Count from {i}.", tokens=2)) for i in range(10)))
        assert all(c.usage.completion_tokens for c in done)
    finally:
        await model.close()


@pytest.mark.model
async def test_reproducible_is_the_same_bytes_again_and_from_a_fresh_child(smollm):
    async def once() -> list[tuple[object, ...]]:
        model = provider(smollm, mode="reproducible")
        assert model.capabilities.connections == 1
        await model.open()
        try:
            asked = [
                ask(model, "Name three colours.", tokens=5, temperature=0.9, seed=5),
                ask(model, "Rome, A or B?", kind="logprobs", top=20),
                ask(model, "Once upon a time", kind="complete", tokens=5),
            ]
            first = [evidence(await model.send(request)) for request in asked]
            backwards = [evidence(await model.send(request)) for request in reversed(asked)]
            assert first == backwards[::-1]
            return first
        finally:
            await model.close()

    assert await once() == await once()


@pytest.mark.model
async def test_equal_needs_share_one_child_and_the_last_to_leave_ends_it(smollm):
    first, second, other = provider(smollm), provider(smollm), provider(smollm, mode="reproducible")
    await first.open()
    await second.open()
    await other.open()
    assert pid(first) == pid(second) != pid(other)
    child = pid(first)
    await first.close()
    await first.close()
    assert (await second.send(ask(second, "Hi", tokens=1))).text
    await second.close()
    await other.close()
    assert gone(child)
    assert _engine._engines == {}


@pytest.mark.model
async def test_a_killed_child_is_started_again_and_the_call_answered(smollm):
    model = provider(smollm, mode="reproducible")
    await model.open()
    try:
        request = ask(model, "Tell a long story about a boat.", tokens=24)
        undisturbed = await model.send(request)
        killed = pid(model)
        call = asyncio.create_task(model.send(request))
        await asyncio.sleep(undisturbed.seconds / 3)
        os.kill(killed, signal.SIGKILL)
        assert evidence(await call) == evidence(undisturbed)
        assert pid(model) != killed
    finally:
        await model.close()


@pytest.mark.model
async def test_pieces_are_not_handed_over_twice_after_a_crash(smollm):
    model = provider(smollm, mode="reproducible")
    await model.open()
    try:
        pieces: list[str] = []

        def note(piece: str) -> None:
            pieces.append(piece)
            if len(pieces) == 3:
                os.kill(pid(model), signal.SIGKILL)

        done = await model.send(ask(model, "Tell a long story about a boat.", tokens=12), on_text=note)
        assert done.usage.completion_tokens == 12
        assert done.text.startswith("".join(pieces))
    finally:
        await model.close()


@pytest.mark.model
async def test_a_child_that_dies_twice_on_one_call_is_a_passing_crash(smollm):
    model = provider(smollm)
    await model.open()
    try:
        killed = []

        async def kill_each_new_child() -> None:
            while len(killed) < 2:
                if pid(model) not in killed:
                    killed.append(pid(model))
                    os.kill(killed[-1], signal.SIGKILL)
                await asyncio.sleep(0.02)

        killer = asyncio.create_task(kill_each_new_child())
        with pytest.raises(ModelError) as caught:
            await model.send(ask(model, "Tell a long story.", tokens=400))
        await killer
        assert (caught.value.kind, caught.value.passing) == ("crashed", True)
        assert (await model.send(ask(model, "Hi", tokens=1))).text
    finally:
        await model.close()


@pytest.mark.model
async def test_weights_that_changed_are_refused(smollm, tmp_path, monkeypatch):
    monkeypatch.setenv("FAIRTRIAL_MODELS", str(tmp_path))
    mine = catalog.pull(str(smollm.path), name="mine")
    with mine.path.open("r+b") as file:
        file.seek(-8, os.SEEK_END)
        file.write(b"\0" * 8)
    with pytest.raises(IntegrityError):
        await EmbeddedProvider("mine").open()


@pytest.mark.model
async def test_a_base_model_completes_and_does_not_chat(smollm):
    import dataclasses

    base = provider(dataclasses.replace(smollm, chat=False))
    assert not base.capabilities.chat
    await base.open()
    try:
        chat = Request(model=base.identity, kind="chat", messages=(Message(role="user", content="Hi"),))
        with pytest.raises(BadInput, match="base model"):
            await base.send(chat)
        assert (await base.send(ask(base, "Question: What is 1 + 1?\nAnswer:", kind="complete", tokens=2))).text
        assert len((await base.send(ask(base, "Answer:", kind="logprobs", top=5))).chances) == 5
    finally:
        await base.close()


PARENT = """
import asyncio, sys
from fairtrial.models.embedded import EmbeddedProvider

async def main():
    model = EmbeddedProvider("smollm2-135m", threads=1, slots=1, context_per_slot=256)
    await model.open()
    print(model._running.process.pid, flush=True)
    await asyncio.sleep(600)

try:
    asyncio.run(main())
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


@pytest.mark.model
def test_a_killed_parent_leaves_no_orphan(smollm):
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        child = int(parent.stdout.readline())
        parent.kill()
        parent.wait()
    assert gone(child)


@pytest.mark.model
def test_an_orphan_ends_even_while_something_else_holds_its_pipe(smollm):
    """A forked worker inherits the parent's end of the pipe; only the kernel's signal tells the child then."""
    if not sys.platform.startswith("linux"):
        pytest.skip("Linux only")
    forking = PARENT.replace(
        "await asyncio.sleep(600)",
        "import os, time\n    if os.fork() == 0:\n        os.close(1); time.sleep(20); os._exit(0)\n    await asyncio.sleep(600)",
    )
    with subprocess.Popen([sys.executable, "-c", forking], stdout=subprocess.PIPE, text=True) as parent:
        child = int(parent.stdout.readline())
        time.sleep(0.3)
        workers = [p for p in psutil.Process(parent.pid).children() if p.pid != child]
        assert len(workers) == 1
        parent.kill()
        parent.wait()
        assert gone(child)
        assert workers[0].is_running()
        workers[0].kill()


@pytest.mark.model
def test_an_interrupt_in_the_terminal_does_not_reach_the_child(smollm):
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as parent:
        child = int(parent.stdout.readline())
        assert os.getpgid(child) != os.getpgid(parent.pid)
        os.killpg(parent.pid, signal.SIGINT)  # as Ctrl-C does to everything in the foreground
        assert parent.stdout.readline().strip() == "interrupted"
        parent.wait()
    assert gone(child)
