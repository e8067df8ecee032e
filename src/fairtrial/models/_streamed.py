"""A streamed answer, put together from server-sent events. Read `StreamedAnswer` first."""

from collections.abc import Callable
from typing import Any

from fairtrial.models._foreign import string, text
from fairtrial.models._retry import Passing
from fairtrial.models._sse import EventParser
from fairtrial.models._wire import Reading, completed, decode_answer, raise_error_inside, texts_of


class StreamedAnswer:
    """A streamed answer, put together chunk by chunk.

    Args:
        on_text: Is handed every visible piece of text.

    Attributes:
        whole: The end has been seen; a stream that stops before is a cut one.
        handed_over: Some text went to `on_text`, so that trying again would repeat it.
    """

    def __init__(self, on_text: Callable[[str], None]) -> None:
        self._on_text = on_text
        self._events = EventParser()
        self._pieces: dict[str, list[str]] = {"said": [], "reasoning": [], "refusal": []}
        self._finish: object = None
        self._about: dict[str, Any] = {}
        self.whole = False
        self.handed_over = False

    def feed(self, piece: bytes) -> bool:
        """Take bytes as they come; True when nothing more is to come.

        Raises:
            Passing: A chunk is broken, or tells of an error.
        """
        return any(self._take(event) for event in self._events.feed(piece))

    def read(self) -> Reading:
        """The answer, when the stream has ended.

        Raises:
            Passing: It was cut before its end.
        """
        if not self.whole:
            for event in self._events.finish():
                self._take(event)
        if not self.whole:
            raise Passing("the streamed answer was cut short", kind="bad_answer", final=self.handed_over)
        parts = {name: "".join(pieces) for name, pieces in self._pieces.items()}
        return completed(self._about, finish=self._finish, logprobs=None, **parts)

    def hand_over(self, piece: str) -> None:
        """Show a piece of visible text."""
        if piece:
            self.handed_over = True
            self._on_text(piece)

    def _take(self, event: str) -> bool:
        if event.strip() == "[DONE]":
            self.whole = True
            return True
        chunk = decode_answer(event)
        if not isinstance(chunk, dict):
            raise Passing("a piece of the answer has an unknown shape", kind="bad_answer")
        raise_error_inside(chunk)
        self._about.update({key: chunk[key] for key in ("model", "system_fingerprint", "usage") if chunk.get(key)})
        choices = chunk.get("choices")
        if isinstance(choices, list) and choices and isinstance(choices[0], dict):
            self._take_choice(choices[0])
        return False

    def _take_choice(self, choice: dict[str, Any]) -> None:
        delta = choice.get("delta")
        said, reasoning, refusal = texts_of(delta) if isinstance(delta, dict) else (string(choice.get("text")), "", "")
        for name, piece in (("said", said), ("reasoning", reasoning), ("refusal", refusal)):
            if piece:
                self._pieces[name].append(piece)
        self.hand_over(text(said))
        if choice.get("finish_reason"):
            self._finish = choice["finish_reason"]
            self.whole = True
