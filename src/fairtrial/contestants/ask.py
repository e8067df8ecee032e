"""A strategy's way to the model, for one prompt. Read `Ask` first.

It keeps the trace, adds up tokens and money, derives each sample's seed, and stops at the answer's own budget.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fairtrial.contestants.wording import plain_block
from fairtrial.core import Completion, Contestant, Message, Prompt, Sampling, Step, Usage, seed_of
from fairtrial.models import Call, Model

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerBudget:
    """Limits on one answer, whatever number of calls its strategy makes. None is no limit."""

    calls: int | None = None
    tokens: int | None = None
    usd: float | None = None
    seconds: float | None = None


class BudgetSpent(Exception):
    """The answer's own budget is spent."""


class CallFailed(Exception):
    """A call came back as an error; the answer ends with what is there."""


class Ask:
    """A strategy's way to the model, for one prompt and one repeat.

    Args:
        model: The model behind the run's gate.
        contestant: Whose sampling and id are used.
        prompt: The prompt to answer.
        repeat: Which repeat this is.
        trial_seed: The trial's seed.
        examples: Worked examples a few-shot strategy may show.
        past: Answers that were given to the prompt's first turns, in a conversation that goes on: they are not asked
            for again.
        on_text: Is handed the answer piece by piece as it comes, where the strategy's answer is one call's text.
    """

    def __init__(
        self,
        model: Model,
        contestant: Contestant,
        prompt: Prompt,
        *,
        repeat: int,
        trial_seed: int,
        examples: Sequence[Prompt] = (),
        past: Sequence[str] = (),
        on_text: Callable[[str], None] | None = None,
        clock: Clock = time.perf_counter,
    ) -> None:
        self.model = model
        self.contestant = contestant
        self.prompt = prompt
        self.examples = examples
        self.past = tuple(past)
        self.on_text = on_text
        self.budget = AnswerBudget(**contestant.params.get("budget", {}))
        self.steps: list[Step] = []
        self.usage = Usage()
        self.usd = 0.0
        self.fingerprint = ""
        self.served_as = ""
        self.repeat = repeat
        self._trial_seed = trial_seed
        self._clock = clock
        self._started = clock()

    async def chat(
        self,
        label: str,
        messages: Sequence[Message],
        *,
        sample: int = 0,
        sampling: Sampling | None = None,
        shown: bool = True,
    ) -> Completion:
        """One assistant turn; base models get the last user message as a plain question.

        With `shown` its text is the answer, and may be handed over as it comes.
        """
        self._check_budget()
        on_text = self.on_text if shown else None
        drawn = sampling or self.contestant.sampling
        seed = self.seed(drawn, sample)
        if self.model.capabilities.chat:
            call = await self.model.chat(messages, sampling=drawn, seed=seed, on_text=on_text)
        else:
            text = _as_plain_text(messages, self.prompt)
            call = await self.model.complete(text, sampling=_stopped(drawn), seed=seed, on_text=on_text)
        return self._note(label, call)

    def seed(self, sampling: Sampling, sample: int) -> int:
        """The seed of one sample.

        At temperature 0 nothing is drawn, so only repeats are told apart: equal questions of different contestants or
        trials are then one purchase.
        """
        if sampling.temperature == 0:
            return self.repeat
        return seed_of(self._trial_seed, self.contestant.id, self.prompt.id, self.repeat, sample)

    def seconds(self) -> float:
        """Wall time since the prompt was taken up."""
        return self._clock() - self._started

    def read(self, answer: str) -> None:
        """Note the short answer read from the latest step."""
        last = self.steps[-1]
        self.steps[-1] = Step(
            label=last.label,
            call=last.call,
            text=last.text,
            finish=last.finish,
            answer=answer,
            reasoning=last.reasoning,
            error=last.error,
        )

    def _note(self, label: str, call: Call) -> Completion:
        done = call.completion
        self.steps.append(
            Step(
                label=label,
                call=call.key,
                text=done.text,
                finish=done.finish,
                reasoning=done.reasoning,
                error=done.error,
            )
        )
        self.usage += done.usage
        self.usd += done.usd
        self.fingerprint = done.fingerprint or self.fingerprint
        self.served_as = done.served_as or self.served_as
        if done.finish in ("error", "refused"):
            raise CallFailed
        return done

    def _check_budget(self) -> None:
        limits = self.budget
        seconds = self.seconds()
        spent = (
            (limits.calls, len(self.steps)),
            (limits.tokens, self.usage.total),
            (limits.usd, self.usd),
            (limits.seconds, seconds),
        )
        if any(limit is not None and used >= limit for limit, used in spent):
            raise BudgetSpent


def _as_plain_text(messages: Sequence[Message], prompt: Prompt) -> str:
    """A conversation as ``Question / Answer`` blocks. The system message, if any, comes first as plain text."""
    blocks = [m.content for m in messages if m.role == "system"]
    turns = [m for m in messages if m.role != "system"]
    for i in range(0, len(turns), 2):
        asked = Prompt(key="", turns=(turns[i].content,), language=prompt.language)
        blocks.append(plain_block(asked, turns[i + 1].content if i + 1 < len(turns) else None))
    return "\n\n".join(blocks)


def _stopped(sampling: Sampling) -> Sampling:
    """Base models run on: a blank line ends their answer unless the trial says otherwise."""
    stop = sampling.stop or ("\n\n", "\nQuestion:", "\n질문:")
    return Sampling(
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        max_tokens=sampling.max_tokens,
        stop=stop,
        reasoning_effort=sampling.reasoning_effort,
    )
