"""The running child behind embedded models: started once for equal needs, shared, restarted after a crash.

Read `Engine.ready` first. Everything here blocks; `embedded.py` calls it from a worker thread.
"""

import contextlib
import json
import os
import secrets
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import msgspec

from fairtrial.core import BadInput, ModelError
from fairtrial.models._embedded_child import ChildConfig

START_LIMIT_S = 600.0
"""Loading from a slow disk takes a while; beyond this the child counts as hung."""
STOP_LIMIT_S = 5.0
STDERR_KEPT = 8192
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "SYSTEMROOT", "TMPDIR", "TEMP", "TMP", "VIRTUAL_ENV")
PASSED_ON_PREFIXES = ("PYTHON", "OMP_", "GOMP_", "KMP_", "GGML_", "LLAMA_", "CUDA_", "HIP_", "ROCR_", "DYLD_")


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineNeeds:
    """What a child is started for. Equal needs share one child, whatever adapters each of them puts on the weights."""

    path: Path
    name: str
    sha256: str
    slots: int
    context_per_slot: int
    threads: int
    connections: int
    cache: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A child that is ready."""

    address: str
    api_key: str
    process: subprocess.Popen[bytes]

    @property
    def alive(self) -> bool:
        """Whether its process still runs."""
        return self.process.poll() is None


class Engine:
    """One child process and those who use it."""

    def __init__(self, needs: EngineNeeds) -> None:
        self.needs = needs
        self.users = 0
        self.running: Running | None = None
        self.adapters: dict[str, Path] = {}
        """By SHA-256: a file may be written anew under the same name."""
        self._lock = threading.Lock()
        self._stderr = bytearray()

    def ready(self) -> Running:
        """The running child, started or started again where needed.

        Raises:
            BadInput: The runtime cannot load the model file.
            ModelError: ``crashed``: it ended while loading.
        """
        with self._lock:
            if self.running is None or not self.running.alive:
                self._reap()
                self.running = self._start()
            return self.running

    def carry(self, sha256: str, adapter: Path) -> int:
        """The number under which the child knows an adapter.

        A child that runs without it is started again: whoever has a call in flight sends it once more.
        """
        with self._lock:
            if sha256 not in self.adapters:
                self.adapters[sha256] = adapter
                self._reap()
            return list(self.adapters).index(sha256)

    def stop(self) -> None:
        """End the child and free its memory."""
        with self._lock:
            self._reap()

    @property
    def last_words(self) -> str:
        """The last line that the child wrote to standard error."""
        lines = self._stderr.decode("utf-8", "replace").strip().splitlines()
        return lines[-1][:300] if lines else ""

    def _start(self) -> Running:
        needs = self.needs
        config = ChildConfig(
            path=str(needs.path),
            name=needs.name,
            api_key=secrets.token_hex(16),
            slots=needs.slots,
            context_per_slot=needs.context_per_slot,
            threads=needs.threads,
            connections=needs.connections,
            cache=needs.cache,
            adapters=tuple(map(str, self.adapters.values())),
        )
        self._stderr = bytearray()
        process = subprocess.Popen(
            # -P: nothing in the current folder may stand in for a module
            [sys.executable, "-P", "-m", "fairtrial.models._embedded_child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_child_environment(),
            start_new_session=True,  # Ctrl-C in the terminal is for the parent, which ends its calls in order
        )
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None  # noqa: PT018
        drain = threading.Thread(target=_drain, args=(process.stderr, self._stderr), daemon=True)
        drain.start()
        hung = threading.Timer(START_LIMIT_S, process.kill)
        hung.start()
        try:
            process.stdin.write(msgspec.json.encode(config) + b"\n")
            process.stdin.flush()
            line = process.stdout.readline()
            said = json.loads(line) if line else {}
            if "address" in said:
                return Running(address=said["address"], api_key=config.api_key, process=process)
        except BrokenPipeError:
            said = {}
        except BaseException:
            process.kill()
            raise
        finally:
            hung.cancel()
        _end(process, at_once=True)
        drain.join(STOP_LIMIT_S)
        raise self._no_start(process, said.get("error", ""))

    def _no_start(self, process: subprocess.Popen[bytes], error: str) -> BadInput | ModelError:
        where = str(self.needs.path)
        if error:
            said = f"{error.rstrip('.')} ({self.last_words})" if self.last_words else error.rstrip(".")
            return BadInput(
                f"the model cannot be loaded: {said}.",
                where=where,
                next_step="Try fewer slots or a smaller context; an unknown architecture needs another file.",
            )
        return ModelError(
            f"the embedded model ended while loading ({how_it_ended(process)}). {self.last_words}".rstrip(),
            kind="crashed",
            passing=True,
            where=where,
            next_step="Is there enough memory? Try: fairtrial doctor",
        )

    def _reap(self) -> None:
        running, self.running = self.running, None
        if running is not None:
            _end(running.process)


def _child_environment() -> dict[str, str]:
    """What the child needs and nothing else: no keys for native code that reads foreign files."""
    kept = {k: v for k, v in os.environ.items() if k.upper() in PASSED_ON or k.upper().startswith(PASSED_ON_PREFIXES)}
    # Threads of the runtime wait for each other by spinning. A short spin costs nothing on an idle machine and keeps
    # most of the speed on a busy one, where long spins take the very cores that are waited for.
    return {"GOMP_SPINCOUNT": "20000"} | kept


def _drain(pipe: IO[bytes], tail: bytearray) -> None:
    """Keep the pipe empty and its last bytes."""
    with pipe:
        while block := pipe.read1(4096):  # type: ignore[attr-defined]
            tail += block
            del tail[:-STDERR_KEPT]


def _end(process: subprocess.Popen[bytes], *, at_once: bool = False) -> None:
    """The child ends when its standard input closes; if it does not, it is killed."""
    assert process.stdin is not None and process.stdout is not None  # noqa: PT018
    if at_once:
        process.kill()
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()
    try:
        process.wait(STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()


def how_it_ended(process: subprocess.Popen[bytes]) -> str:
    """In words: by which signal, or with which exit status."""
    code = process.returncode
    if code is None:
        return "still running"
    return f"signal {-code}" if code < 0 else f"exit status {code}"


_engines: dict[EngineNeeds, Engine] = {}
_engines_lock = threading.Lock()


def share(needs: EngineNeeds) -> Engine:
    """The process's engine for these needs, counted as used once more."""
    with _engines_lock:
        engine = _engines.setdefault(needs, Engine(needs))
        engine.users += 1
        return engine


def give_back(engine: Engine) -> None:
    """Count one use less, and end the child with the last one."""
    with _engines_lock:
        engine.users -= 1
        last = engine.users == 0
        if last:
            del _engines[engine.needs]
    if last:
        engine.stop()
