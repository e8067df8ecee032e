"""The command line as a person uses it: words in, exit code and two streams out; and an endpoint on loopback."""

import asyncio
import sys
import threading
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "models")]

from command_line import Command, Said
from endpoint_server import EndpointServer, serving


@pytest.fixture
def fairtrial(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Command:
    """Run a command in an empty directory: ``fairtrial("run", "t.toml")``."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")

    def run(*words: object) -> Said:
        from fairtrial.cli import main

        monkeypatch.setattr(sys, "argv", ["fairtrial", *map(str, words)])
        capsys.readouterr()
        code = 0
        try:
            main()
        except SystemExit as left:
            code = left.code if isinstance(left.code, int) else 1 if left.code else 0
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return run


@pytest.fixture
def endpoint() -> Iterator[EndpointServer]:
    """A scripted endpoint that answers while a command runs."""
    server = EndpointServer()
    loop = asyncio.new_event_loop()
    stack = AsyncExitStack()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(stack.enter_async_context(serving(server)), loop).result(10)
    yield server
    asyncio.run_coroutine_threadsafe(stack.aclose(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()
