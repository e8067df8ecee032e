"""One contestant answers one prompt. Read `answer` first; the way there is in `ask.py` and `strategies.py`."""

from fairtrial.contestants.ask import Ask, BudgetSpent, CallFailed
from fairtrial.contestants.strategies import STRATEGIES
from fairtrial.contestants.style import style
from fairtrial.core import BadInput, Finish, Response


async def answer(ask: Ask) -> Response:
    """Let the contestant answer its prompt.

    A failed, refused or over-budget answer is a `Response` too, with the reason: it stays in every denominator.

    Raises:
        ModelError: ``passing``: nothing is known of the answer; try again later.
        BudgetReached: The run's budget.
    """
    strategy = STRATEGIES.get(ask.contestant.strategy)
    if strategy is None:
        raise BadInput(f"unknown strategy '{ask.contestant.strategy}'.")
    failed = ""
    turns: tuple[str, ...] = ()
    try:
        turns = await strategy(ask)
    except BudgetSpent:
        failed = "budget"
    except CallFailed:
        failed = ask.steps[-1].error
    return _response(ask, turns, failed)


def _response(ask: Ask, turns: tuple[str, ...], failed: str) -> Response:
    last = ask.steps[-1] if ask.steps else None
    finish: Finish = "error"
    if failed == "budget" or last is None:
        turns = turns or (last.text if last else "",)
    else:
        turns = turns or (last.text,)
        # Of several samples, how the one that was chosen ended; not how the last one did.
        finish = next((step.finish for step in reversed(ask.steps) if step.text == turns[-1]), last.finish)
    return Response(
        prompt=ask.prompt.id,
        contestant=ask.contestant.id,
        repeat=ask.repeat,
        turns=turns,
        finish=finish,
        error=failed,
        steps=tuple(ask.steps),
        usage=ask.usage,
        usd=ask.usd,
        style=style(turns[-1]),
        fingerprint=ask.fingerprint,
        served_as=ask.served_as,
        seconds=ask.seconds(),
    )
