"""Serving an arena over HTTP until it is stopped. Read `serve` first."""

import asyncio
import gc
import signal
import socket
import sys
from collections.abc import Callable, Sequence

import uvicorn
import uvloop

from fairtrial.core import BadInput
from fairtrial.lab import Lab
from fairtrial.lab.serving import Opened, open_arena
from fairtrial.web.app import create


def serve(lab: Lab, *, host: str, port: int, hosts: Sequence[str] = (), ready: Callable[[Opened, str], None]) -> None:
    """Serve the lab's arena until Ctrl-C or SIGTERM; what is being answered then ends, nothing recorded is lost.

    Args:
        lab: Whose arena.
        host: Address to listen on.
        port: 0 takes a free one.
        hosts: Further host names under which it may be asked for.
        ready: Told when it listens, with its address.

    Raises:
        BadInput: The settings make no sense, the lab is in use, or the port is taken.
    """
    # The writer gives up Python's lock at every statement; a busy loop would keep it from it for 5 ms each time.
    sys.setswitchinterval(_SWITCH_S)
    gc.set_threshold(*_GARBAGE)
    uvloop.run(_serve(lab, host, port, hosts, ready))


_SWITCH_S = 0.0005
_GARBAGE = (50_000, 20, 50)


async def _serve(lab: Lab, host: str, port: int, hosts: Sequence[str], ready: Callable[[Opened, str], None]) -> None:
    async with open_arena(lab) as opened:
        config = uvicorn.Config(
            create(opened, hosts=hosts),
            http="httptools",
            lifespan="off",
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=3,
        )
        server = uvicorn.Server(config)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, lambda: setattr(server, "should_exit", True))
        listener = _listener(config, host, port)
        address = f"http://{_shown(host)}:{listener.getsockname()[1]}"
        gc.collect()
        gc.freeze()  # what was made to start stays: looking through it again made voters wait
        ready(opened, address)
        await server.serve(sockets=[listener])


def _listener(config: uvicorn.Config, host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family=family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(config.backlog)
    except OSError as error:
        listener.close()
        raise BadInput(
            f"cannot listen on {host}, port {port}: {(error.strerror or str(error)).lower()}.",
            next_step="Choose another one: fairtrial serve --port 8081",
        ) from None
    listener.setblocking(False)
    return listener


def _shown(host: str) -> str:
    if host in ("0.0.0.0", "::"):  # noqa: S104 - only compared
        return "localhost"
    return f"[{host}]" if ":" in host else host
