"""A fake OpenAI-compatible server that costs next to nothing, for measuring what a client costs. Read `Wire` first.

    python benchmarks/harness_server.py --port 8123 --latency-ms 50

Raw asyncio on loopback: every completion is answered after a fixed latency with the same text, and counted.
``GET /v1/models`` lists one model, ``GET /stats`` tells what was seen since the last ``GET /reset``. With ``--port 0``
the system chooses a port; the first line on stdout is the base URL.
"""

import argparse
import asyncio
import json
import resource
import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

MODEL = "fake"
REPLY = "The answer is 42."
HEAD = b"HTTP/1.1 %d OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


@dataclass(slots=True)
class Tally:
    """What was seen since the last reset."""

    requests: int = 0
    connections: int = 0
    in_flight: int = 0
    peak_in_flight: int = 0
    busy: float = 0.0
    """Calls in flight, summed over time: call-seconds."""
    started: float = 0.0
    """When the first request came."""
    ended: float = 0.0
    """When the last answer went out."""
    touched: float = field(default_factory=time.perf_counter)

    def move(self, step: int) -> None:
        """One call more (+1) or less (-1) in flight."""
        now = time.perf_counter()
        self.busy += self.in_flight * (now - self.touched)
        self.touched = now
        self.in_flight += step
        if step > 0:
            self.requests += 1
            self.started = self.started or now
            self.peak_in_flight = max(self.peak_in_flight, self.in_flight)
        else:
            self.ended = now

    def told(self) -> dict[str, float]:
        """The tally as JSON: counts, the seconds between first request and last answer, and the server's own CPU."""
        window = max(0.0, self.ended - self.started) if self.started else 0.0
        used = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "requests": self.requests,
            "connections": self.connections,
            "in_flight": self.in_flight,
            "peak_in_flight": self.peak_in_flight,
            "mean_in_flight": self.busy / window if window else 0.0,
            "window_s": window,
            "server_cpu_s": used.ru_utime + used.ru_stime,
        }


@dataclass(slots=True)
class Shop:
    """What all connections share."""

    latency_s: float
    reply: str
    tally: Tally = field(default_factory=Tally)


class Wire(asyncio.Protocol):
    """One connection: cuts requests out of the bytes, answers them in order, pipelined ones too."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._buffer = b""
        self._known_to: Tally | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send small answers at once."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        """Take bytes; answer every request that is whole."""
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            length = 0
            if (at := head.find(b"\r\ncontent-length:")) >= 0:
                length = int(head[at + 17 :].split(b"\r\n", 1)[0])
            whole = end + 4 + length
            if len(self._buffer) < whole:
                return
            path = self._buffer.split(b" ", 2)[1]
            body = self._buffer[end + 4 : whole]
            self._buffer = self._buffer[whole:]
            self._serve(path, body)

    def _serve(self, path: bytes, body: bytes) -> None:
        shop = self._shop
        if path.endswith(b"/completions"):
            if self._known_to is not shop.tally:
                self._known_to = shop.tally
                shop.tally.connections += 1
            shop.tally.move(+1)
            chat = path.endswith(b"/chat/completions")
            asyncio.get_running_loop().call_later(shop.latency_s, self._complete, shop.tally, chat, body)
        elif path.endswith(b"/models"):
            self._send({"object": "list", "data": [{"id": MODEL, "object": "model"}]})
        elif path == b"/stats":
            self._send(shop.tally.told())
        elif path == b"/reset":
            shop.tally = Tally()
            self._send({})
        else:
            self._send({"error": {"message": "no such page"}}, status=404)

    def _complete(self, tally: Tally, chat: bool, body: bytes) -> None:
        tally.move(-1)
        prompt = json.loads(body).get("prompt")
        answers = len(prompt) if isinstance(prompt, list) else 1
        said = {"message": {"role": "assistant", "content": self._shop.reply}} if chat else {"text": self._shop.reply}
        self._send(
            {
                "id": "cmpl-0",
                "object": "chat.completion" if chat else "text_completion",
                "created": 0,
                "model": MODEL,
                "choices": [{"index": i, "finish_reason": "stop", **said} for i in range(answers)],
                "usage": {"prompt_tokens": 20, "completion_tokens": 6, "total_tokens": 26},
            }
        )

    def _send(self, answer: Mapping[str, object], status: int = 200) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        data = json.dumps(answer).encode()
        self._transport.write(HEAD % (status, len(data)) + data)


async def serve(port: int, latency_s: float, reply: str = REPLY) -> None:
    """Serve on loopback until the process ends."""
    shop = Shop(latency_s=latency_s, reply=reply)
    server = await asyncio.get_running_loop().create_server(lambda: Wire(shop), "127.0.0.1", port, backlog=1024)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    async with server:
        await server.serve_forever()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="A fake OpenAI-compatible server with a fixed latency.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency-ms", type=float, default=50.0)
    parser.add_argument("--reply", default=REPLY)
    options = parser.parse_args()
    try:
        asyncio.run(serve(options.port, options.latency_ms / 1000, options.reply))
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()
