"""The child process that runs an embedded model: ``python -m fairtrial.models._embedded_child``. Read `main` first.

It reads one line of JSON (`ChildConfig`) from standard input, loads the weights, prints one line of JSON with its
loopback address, and serves until its parent's end of the pipe closes, however the parent ended.
"""

import ctypes
import os
import signal
import sys
from typing import Any, BinaryIO

import msgspec

PR_SET_PDEATHSIG = 1
SPARE_HTTP_THREADS = 4
PREFIX_CACHE_MIB = 512
"""Prompts of past calls, kept for their prefixes; the runtime's own default may grow to 8 GiB."""


class ChildConfig(msgspec.Struct, kw_only=True):
    """What the parent asks for."""

    path: str
    name: str
    api_key: str
    slots: int
    context_per_slot: int
    threads: int
    connections: int
    """Calls the parent keeps in flight; a kept-alive connection holds one thread of the server."""
    cache: bool
    """Reuse the longest common prefix of prompts."""
    adapters: tuple[str, ...] = ()
    """LoRA files beside the weights; each request says which one works, if any."""


def main() -> None:
    """Load, announce, serve, end with the parent."""
    config = msgspec.json.decode(sys.stdin.buffer.readline(), type=ChildConfig)
    announce = _own_stdout()
    _die_with_parent()
    try:
        server = load(config)
    except Exception as error:  # noqa: BLE001 - whatever the runtime says is passed on in the announcement
        announce.write(msgspec.json.encode({"error": str(error) or type(error).__name__}) + b"\n")
        os._exit(1)
    announce.write(msgspec.json.encode({"address": server.listening_address}) + b"\n")
    while sys.stdin.buffer.read(4096):
        pass
    os._exit(0)  # the runtime's threads need no farewell


def load(config: ChildConfig) -> Any:
    """The runtime's server over the weights, listening on loopback with a key."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = config.path
    params.model_alias = {config.name}
    params.hostnames = ["127.0.0.1"]
    params.api_keys = [config.api_key]
    params.n_parallel = config.slots
    params.n_ctx = config.context_per_slot * config.slots  # the runtime divides it over the slots
    params.kv_unified = False
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = config.threads
    params.n_threads_http = config.connections + SPARE_HTTP_THREADS
    params.cache_prompt = config.cache
    params.cache_ram_mib = PREFIX_CACHE_MIB if config.cache else 0
    params.ui = params.endpoint_slots = False
    params.fit_params = False  # what was asked for, or a plain failure
    params.verbosity = -1
    params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(adapter, 1.0) for adapter in config.adapters]
    return xllamacpp.Server(params)


def _own_stdout() -> BinaryIO:
    """The announcement's own pipe; whatever native code prints goes to standard error instead."""
    own = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    return own


def _die_with_parent() -> None:
    """On Linux, also end when the parent is killed while something else keeps the pipe open.

    The kernel sends the signal when the *thread* that started this process ends, so the parent is looked at first.
    """
    if not sys.platform.startswith("linux"):
        return
    parent = os.getppid()

    def ended(_signal: int, _frame: object) -> None:
        if os.getppid() != parent:
            os._exit(0)

    signal.signal(signal.SIGUSR1, ended)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGUSR1, 0, 0, 0)


if __name__ == "__main__":
    main()
