"""Judgments drawn of every pair in both orders, each written down as it comes. Read `draw` first.

Samples of one prompt follow each other in one lane, so that the runtime's prefix cache reads the prompt once. What is
written is not drawn again: the file is the progress.
"""

import asyncio
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, Protocol

from fairtrial.core import BadInput, Sampling
from fairtrial.evaluators.readings import Case, Reading, Side
from fairtrial.evaluators.tables import Item

Order = Literal["ab", "ba"]
ORDERS: tuple[Order, Order] = ("ab", "ba")


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgment:
    """One sample of one order of one pair."""

    pair: str
    order: Order
    sample: int
    verdict: Side
    text: str
    tokens: int = 0


class Writing(Protocol):
    """A judge that writes its verdicts."""

    async def write(self, case: Case, sampling: Sampling) -> tuple[str, Reading]:
        """The text of one judgment, and what is read of it."""


async def draw(
    writer: Writing,
    items: Sequence[Item],
    into: Path,
    *,
    samples: int,
    sampling: Sampling,
    width: int,
    told: Callable[[int, int], None] | None = None,
) -> None:
    """Draw judgments until the file has all of them.

    Args:
        writer: Who judges.
        items: The pairs.
        into: A JSONL file, added to; a line torn by a crash is cut off first.
        samples: Of each order of each pair.
        sampling: How they are drawn.
        width: Calls in flight.
        told: After each judgment: how many there are, and how many there will be.

    Raises:
        BadInput: The file cannot be written, or holds judgments of other pairs.
    """
    done = {(one.pair, one.order, one.sample) for one in read_judgments(into, mend=True)}
    strangers = {pair for pair, _, _ in done} - {item.key for item in items}
    if strangers:
        raise BadInput(f"judgments of '{min(strangers):.40}', which is no pair of this run.", where=str(into))
    total = 2 * samples * len(items)
    waiting: Iterator[tuple[Item, Order]] = ((item, order) for item in items for order in ORDERS)
    count = len(done)
    try:
        with into.open("ab") as file:

            async def lane() -> None:
                nonlocal count
                for item, order in waiting:
                    for sample in range(samples):
                        if (item.key, order, sample) in done:
                            continue
                        text, read = await writer.write(case_of(item, order, sample), sampling)
                        one = Judgment(
                            pair=item.key,
                            order=order,
                            sample=sample,
                            verdict=read.verdict,
                            text=text,
                            tokens=read.usage.completion_tokens,
                        )
                        file.write(json.dumps(asdict(one), ensure_ascii=False).encode() + b"\n")
                        file.flush()
                        count += 1
                        if told is not None:
                            told(count, total)

            lanes = [asyncio.create_task(lane()) for _ in range(width)]
            try:
                await asyncio.gather(*lanes)
            finally:
                for one in lanes:
                    one.cancel()
                await asyncio.gather(*lanes, return_exceptions=True)
            os.fsync(file.fileno())
    except OSError as error:
        raise _unwritten(into, error) from error


def case_of(item: Item, order: Order, sample: int = 0) -> Case:
    """A pair as it is shown in one order."""
    first, second = (item.a.text, item.b.text) if order == "ab" else (item.b.text, item.a.text)
    return Case(battle=item.battle.id, prompt=item.prompt, first=first, second=second, order=order, repeat=sample)


def read_judgments(path: Path, *, mend: bool = False) -> list[Judgment]:
    """All judgments of a file; none if there is no file.

    Args:
        path: The file.
        mend: Cut off a last line that was torn by a crash.

    Raises:
        BadInput: A damaged line that is not the last.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise BadInput(f"cannot be read: {error.strerror}.", where=str(path)) from error
    whole = data.rfind(b"\n") + 1
    if mend and whole != len(data):
        with path.open("r+b") as file:
            file.truncate(whole)
    found = []
    for number, line in enumerate(data[:whole].splitlines(), 1):
        try:
            found.append(Judgment(**json.loads(line)))
        except (ValueError, TypeError):
            raise BadInput(
                "this is no judgment.",
                where=f"{path}, row {number}",
                next_step="Delete the file to draw its judgments again; the other rounds stay.",
            ) from None
    return found


def _unwritten(path: Path, error: OSError) -> BadInput:
    return BadInput(
        f"judgments cannot be written: {error.strerror or error}.",
        where=str(path),
        next_step="Free some space and run it again: what is written is not drawn again.",
    )
