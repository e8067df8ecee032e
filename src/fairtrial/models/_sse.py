"""Server-sent events from any split of a byte stream. Read `EventParser` first.

Follows "Server-sent events" in the HTML standard, as far as a stream of ``data`` needs it; events without a final blank
line are handed out by `EventParser.finish`, because endpoints leave it off.
"""

BOM = b"\xef\xbb\xbf"


class EventParser:
    """Collects bytes as they come and hands out the ``data`` of every complete event.

    Lines may end in LF, CR or CRLF, comments and unknown fields are skipped, several ``data`` lines are joined by a
    newline. The work is linear in the bytes fed, however small the pieces.
    """

    __slots__ = ("_at_start", "_data", "_pieces", "_skip_lf")

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._data: list[str] = []
        self._skip_lf = False
        self._at_start = True

    def feed(self, chunk: bytes) -> list[str]:
        """The events completed by `chunk`."""
        if self._skip_lf and chunk:  # the CR that ended the last line may have been half of a CRLF
            self._skip_lf = False
            chunk = chunk.removeprefix(b"\n")
        if b"\n" not in chunk and b"\r" not in chunk:
            self._pieces.append(chunk)
            return []
        lines = b"".join((*self._pieces, chunk)).splitlines(keepends=True)
        self._skip_lf = lines[-1].endswith(b"\r")
        self._pieces = [] if lines[-1].endswith((b"\n", b"\r")) else [lines.pop()]
        events = [self._take(line.rstrip(b"\r\n")) for line in lines]
        return [event for event in events if event is not None]

    def finish(self) -> list[str]:
        """What was left when the stream ended, complete or not."""
        left = self._take(b"".join(self._pieces))
        event = left if left is not None else self._take(b"")
        self._pieces = []
        return [] if event is None else [event]

    def _take(self, line: bytes) -> str | None:
        """Take one line; the event's data, if this line ended an event."""
        if self._at_start:
            self._at_start = False
            line = line.removeprefix(BOM)
        if line:
            name, _, value = line.partition(b":")
            if name == b"data":
                self._data.append(value.removeprefix(b" ").decode("utf-8", errors="replace"))
            return None
        if not self._data:
            return None
        event, self._data = "\n".join(self._data), []
        return event
