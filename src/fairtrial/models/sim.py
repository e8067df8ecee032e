"""Simulated models: ground truth to test leaderboards, judges and runners against. Read `SimulatedProvider.send` first.

They are always labelled (`ModelIdentity.simulated`). Every draw is seeded by the model's definition, the request and
its seed, so answers are the same in any order and with any number of connections.
"""

import asyncio
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random
from statistics import NormalDist
from typing import Self

from fairtrial.core import (
    Capabilities,
    Completion,
    ModelError,
    ModelIdentity,
    Prompt,
    Request,
    TokenChance,
    Usage,
    digest,
    seed_of,
)
from fairtrial.models._answer_key import AnswerKey, accepted, is_right
from fairtrial.models._simulated import Faults, SimulatedModel, read_settings

__all__ = ["Faults", "SimulatedModel", "SimulatedProvider", "difficulty"]

KINDS = {
    "timeout_rate": ("timeout", "no answer in time"),
    "rate_limit_rate": ("rate_limited", "too many requests"),
    "server_error_rate": ("server_error", "the server failed"),
    "cut_rate": ("bad_answer", "the answer was cut short"),
}
_JUDGED = re.compile(
    r"(?P<question>.*)Answer A:[ ]*\n(?P<fence>\S+)\n(?P<a>.*?)\n(?P=fence)\s*\n"
    r"Answer B:[ ]*\n(?P=fence)\n(?P<b>.*?)\n(?P=fence)",
    re.DOTALL,
)
_WANTS_MARKER = re.compile(r"answer:|정답:", re.IGNORECASE)
_KOREAN = re.compile(r"[가-힣]")
_REFUSAL = "I cannot help with that."
_FILLER = (
    "Let us look at the question with care.",
    "There are several ways to see this, and each of them has its merits.",
    "It helps to recall what is known before deciding.",
    "With that in mind, the rest follows without much trouble.",
    "Some would put it in other words, but the point stays the same.",
)


class SimulatedProvider:
    """A simulated model as a provider.

    Args:
        name: Its name after ``sim/``.
        model: How it answers and judges.
        faults: What goes wrong, and how long answers take.
    """

    def __init__(self, name: str, model: SimulatedModel, faults: Faults | None = None) -> None:
        self.name = name
        self.model = model
        self.faults = faults or Faults()
        self._identity = ModelIdentity(provider="sim", model=name, digest=digest(model), simulated=True)
        self._key = AnswerKey()
        self._tries: dict[str, int] = {}

    @classmethod
    def from_settings(cls, model: str, settings: Mapping[str, object]) -> Self:
        """The provider that a trial file describes; see `read_settings`.

        Raises:
            BadInput: An unknown name or setting, or a value out of range.
        """
        return cls(model, *read_settings(model, settings))

    @property
    def identity(self) -> ModelIdentity:
        """Always `simulated`; the digest is that of the definition."""
        return self._identity

    @property
    def capabilities(self) -> Capabilities:
        """Everything but prompt log-probabilities and schemas."""
        return Capabilities(chat=True, complete=True, logprobs=True, seed=True, connections=self.faults.connections)

    def learn(self, prompts: Sequence[Prompt]) -> None:
        """Show the prompts of a run with their references: a request does not carry its right answer."""
        self._key.learn(prompts)

    async def open(self) -> None:
        """Nothing to get ready."""

    async def close(self) -> None:
        """Nothing to free."""

    async def send(self, request: Request, *, on_text: Callable[[str], None] | None = None) -> Completion:
        """Answer one request; see `core.Provider.send`.

        Raises:
            ModelError: ``passing=True``: every try met one of the `Faults`.
        """
        draws = _Draws(self._identity.digest, request)
        seconds = self.faults.latency_s * (0.5 + draws.share("latency"))
        if seconds:
            await asyncio.sleep(seconds)
        self._meet_faults(draws)
        completion = self._complete(request, draws, seconds)
        if on_text is not None and request.kind != "logprobs":
            for piece in re.findall(r"\s*\S+\s*$|\s*\S+", completion.text):
                if self.faults.words_per_s:
                    await asyncio.sleep(1 / self.faults.words_per_s)
                on_text(piece)
        return completion

    def _meet_faults(self, draws: "_Draws") -> None:
        """Let a call fail; a later try of it draws anew."""
        rates = [(kind, getattr(self.faults, kind)) for kind in KINDS]
        if not any(rate for _, rate in rates):
            return
        first = self._tries.get(draws.key, 0)
        failed = ""
        for attempt in range(first, first + 1 + self.faults.retries):
            self._tries[draws.key] = attempt + 1
            failed = next((kind for kind, rate in rates if draws.share(kind, attempt) < rate), "")
            if not failed:
                return
        kind, said = KINDS[failed]
        raise ModelError(
            f"{said} (simulated).",
            kind=kind,
            passing=True,
            where=f"sim/{self.name}",
            next_step="Nothing is lost: give the same command again later.",
        )

    def _complete(self, request: Request, draws: "_Draws", seconds: float) -> Completion:
        asked = _asked(request)
        judged = _JUDGED.search(asked)
        usage = Usage(prompt_tokens=_tokens(asked))
        if request.kind == "logprobs":
            odds = self._odds(judged, draws) if judged else 0.0
            word = "" if judged else self._answer(asked, draws)
            chances = tuple(_chances(odds, word))[: request.top]
            return Completion(text=chances[0].token, finish="length", usage=usage, chances=chances, seconds=seconds)
        if draws.share("refusal") < self.model.refusal_rate:
            return Completion(text=_REFUSAL, finish="refused", usage=usage, seconds=seconds)
        text = _verdict(self._odds(judged, draws)) if judged else self._answer(asked, draws)
        shown = _cut(text, request.sampling.max_tokens)
        return Completion(
            text=shown,
            finish="stop" if shown == text else "length",
            usage=usage + Usage(completion_tokens=_tokens(shown)),
            seconds=seconds,
        )

    def _answer(self, asked: str, draws: "_Draws") -> str:
        if self.model.echo:
            return asked
        prompt = self._key.find(asked)
        if self.model.answers is not None:
            return self._scripted(asked, prompt, draws)
        if prompt is None or prompt.reference is None:
            return draws.filler(max(self.model.length, 12.0))
        right = draws.share("skill") < self._p_right(prompt)
        said = accepted(prompt)[0] if right else self._key.wrong(prompt, draws.random("wrong"))
        before = draws.filler(self.model.length) if self.model.length else ""
        if before or _WANTS_MARKER.search(asked):
            said = f"{'정답' if _KOREAN.search(asked) else 'Answer'}: {said}"
        return f"{before}\n{said}" if before else said

    def _scripted(self, asked: str, prompt: Prompt | None, draws: "_Draws") -> str:
        script = self.model.answers or ("",)
        if isinstance(script, Mapping):
            names = (asked, *((prompt.key, prompt.turns[-1]) if prompt else ()))
            return next((script[name] for name in names if name in script), "")
        place = self._key.position(prompt) if prompt else draws.seed("script")
        return script[place % len(script)]

    def _p_right(self, prompt: Prompt) -> float:
        if self.model.strength is None:
            return self.model.skill or 0.0
        return _logistic(self.model.strength - self.model.difficulty_spread * difficulty(prompt))

    def _odds(self, judged: re.Match[str], draws: "_Draws") -> float:
        """Log-odds towards the answer shown first."""
        first, second = judged["a"].strip(), judged["b"].strip()
        prompt = self._key.find(judged["question"])
        longer = math.log2((len(first) + 1) / (len(second) + 1))
        better = 0
        if prompt is not None:
            better = is_right(first, prompt) - is_right(second, prompt)
        # What is perceived hangs on the pair and not on its order: it is drawn for the two answers sorted.
        pair = digest([self._identity.digest, prompt.id if prompt else judged["question"], *sorted([first, second])])
        if Random(seed_of(pair, draws.request.seed)).random() >= self.model.judging:
            better = -better
        return self.model.position + self.model.conviction * better + self.model.length_preference * longer


class _Draws:
    """Random numbers of one request, each from a seed of its own."""

    def __init__(self, model: str, request: Request) -> None:
        self.request = request
        asked = [[m.role, m.content] for m in request.messages]
        self.key = digest([model, asked, request.prompt, request.seed])

    def seed(self, *what: object) -> int:
        return seed_of(self.key, *what)

    def share(self, *what: object) -> float:
        """Uniform on [0, 1)."""
        return self.seed(*what) / 2**31

    def random(self, what: str) -> Random:
        return Random(self.seed(what))

    def filler(self, mean_words: float) -> str:
        """Words that say nothing, between half and one and a half times `mean_words` of them."""
        random = self.random("filler")
        wanted = max(1, round(mean_words * (0.5 + random.random())))
        words: list[str] = []
        while len(words) < wanted:
            words += random.choice(_FILLER).split()
        return " ".join(words[:wanted]).rstrip(",.") + "."


def difficulty(prompt: Prompt) -> float:
    """A prompt's difficulty: one standard normal draw from its id, the same for every simulated model."""
    return NormalDist().inv_cdf((seed_of("difficulty", prompt.id) + 0.5) / 2**31)


def _asked(request: Request) -> str:
    """The text that counts as the question: the raw prompt, or the last user message."""
    if request.prompt is not None:
        return request.prompt
    return next((m.content for m in reversed(request.messages) if m.role == "user"), "")


def _verdict(odds: float) -> str:
    letter = "A" if odds > 0 else "B" if odds < 0 else "tie"
    return f"That is how it looks to a simulated judge.\nVerdict: {letter}"


def _chances(odds: float, word: str) -> Iterator[TokenChance]:
    """The next token's alternatives, best first: A and B by their odds, or the answer's first word."""
    rest = 0.01
    p_a = _logistic(odds)
    shares = (
        {word.split(maxsplit=1)[0] if word.split() else " ": 0.9, "The": 0.09} if word else {"A": p_a, "B": 1 - p_a}
    )
    weighed = [(token, (1 - rest) * share) for token, share in shares.items()] + [("\n", rest)]
    for token, share in sorted(weighed, key=lambda pair: (-pair[1], pair[0])):
        yield TokenChance(token=token, logprob=math.log(max(share, 1e-300)))


def _tokens(text: str) -> int:
    return len(text.split())


def _cut(text: str, most: int | None) -> str:
    """The text up to `most` tokens, which are words here."""
    words = list(re.finditer(r"\S+", text))
    return text if most is None or len(words) <= most else text[: words[most - 1].end()]


def _logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))
