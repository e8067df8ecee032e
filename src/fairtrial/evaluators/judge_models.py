"""Judge models: a language model that reads two answers, or rates each on its own. Read `PairwiseModel.read` first."""

from typing import Literal

from fairtrial.core import BadInput, Completion, Message, Sampling, Usage, digest
from fairtrial.evaluators.readings import (
    Case,
    Reading,
    read_grade,
    read_probabilities,
    read_rating,
    read_verdict,
)
from fairtrial.evaluators.templates import BASE_MODEL_CUE, RATE_BY_DIGIT, TEMPLATES, Kind, Template
from fairtrial.models import Call, Model

Read = Literal["auto", "probabilities", "verdict", "grades", "rating"]
"""How a judge model is read; ``auto``: by probabilities where the model shows them, else by its written verdict."""
GREEDY = Sampling(temperature=0.0, max_tokens=256)


def reader_of(
    model: Model,
    *,
    name: str,
    read: Read = "auto",
    seed: int = 0,
    sampling: Sampling = GREEDY,
    template: Template | None = None,
) -> "PairwiseModel | PointwiseModel":
    """The reader that a judge's settings ask for.

    Raises:
        BadInput: An unknown way of reading, probabilities of a model that shows none, or a template of another kind.
    """
    if read not in ("auto", *TEMPLATES):
        raise BadInput(f"read = '{read}' is unknown.", next_step="Use auto, probabilities, verdict, grades or rating.")
    if read == "probabilities":
        model.require("logprobs")
    shows = model.capabilities.logprobs
    kind: Kind = template.kind if template and read == "auto" else _kind(read, shows=shows)
    if template is not None and template.kind != kind:
        raise BadInput(f"the template asks for '{template.kind}', and the judge is read by '{kind}'.")
    if kind == "rating":
        return PointwiseModel(model, name=name, seed=seed, sampling=sampling, template=template)
    return PairwiseModel(model, name=name, seed=seed, sampling=sampling, template=template or TEMPLATES[kind])


def _kind(read: Read, *, shows: bool) -> Kind:
    if read != "auto":
        return read
    return "probabilities" if shows else "verdict"


class PairwiseModel:
    """A model that is shown two answers and says which is better.

    Args:
        model: The model behind the run's gate.
        name: Its name in reports.
        template: The words, and how the answer is read.
        seed: Seeds the fences, so that no answer can contain one on purpose, and the samples.
        sampling: Of a written verdict; with a temperature, repeats differ.
        plain: Asked as text to be continued, without chat turns, as a model is that was taught so.

    Raises:
        BadInput: The model cannot do what the template needs.
    """

    def __init__(
        self,
        model: Model,
        *,
        name: str,
        template: Template = TEMPLATES["probabilities"],
        seed: int = 0,
        sampling: Sampling = GREEDY,
        plain: bool = False,
    ) -> None:
        self.by_probability = template.kind == "probabilities"
        model.require("logprobs" if self.by_probability else "complete" if plain else "chat")
        self.model, self.name = model, name
        self._template, self._seed, self._sampling, self._plain = template, seed, sampling, plain
        self.template = template.digest
        drawn = None if self.by_probability else sampling
        self.id = digest([model.identity, self.template, seed, drawn, *(["plain"] if plain else [])])[7:15]

    async def read(self, case: Case) -> Reading:
        """One showing: the next token's probabilities, or the written verdict."""
        text = self.asked(case)
        if self.by_probability:
            chat = self.model.capabilities.chat
            call = await self.model.logprobs(
                [Message(role="user", content=text)] if chat else text + BASE_MODEL_CUE, top=40
            )
            return _priced(read_probabilities(call.completion), [call])
        call = await self._written(text, self._sampling, case.repeat)
        read = read_grade if self._template.kind == "grades" else read_verdict
        return _priced(read(call.completion), [call])

    async def write(self, case: Case, sampling: Sampling) -> tuple[str, Reading]:
        """One written judgment, sampled as told, and what is read of it."""
        call = await self._written(self.asked(case), sampling, case.repeat)
        return call.completion.text, _priced(read_verdict(call.completion), [call])

    def asked(self, case: Case) -> str:
        """The words of one showing."""
        return self._template.ask_about(case, seed=self._seed)

    async def _written(self, text: str, sampling: Sampling, seed: int) -> Call:
        if self._plain:
            return await self.model.complete(text, sampling=sampling, seed=seed)
        return await self.model.chat([Message(role="user", content=text)], sampling=sampling, seed=seed)


class PointwiseModel:
    """A model that rates each answer on its own from 1 to 5; the higher rating wins. It knows no position.

    Where the model shows probabilities, a rating is the mean over the five digits (Liu et al. 2023, G-Eval).

    Args:
        model: The model behind the run's gate.
        name: Its name in reports.
        seed: Seeds the fences.
        sampling: Of a written rating.
        template: Other words than the built-in ones; kind ``rating``.
    """

    def __init__(
        self, model: Model, *, name: str, seed: int = 0, sampling: Sampling = GREEDY, template: Template | None = None
    ) -> None:
        written = template is not None and template.written_rating
        self.by_probability = model.capabilities.logprobs and model.capabilities.chat and not written
        model.require("chat")
        self.model, self.name = model, name
        self._template = template or (RATE_BY_DIGIT if self.by_probability else TEMPLATES["rating"])
        self._seed, self._sampling = seed, sampling
        self.template = self._template.digest
        self.id = digest([model.identity, self.template, seed, sampling, "pointwise"])[7:15]

    async def read(self, case: Case) -> Reading:
        """Rate both answers and compare; in the other order the ratings are the same ones, recorded."""
        a = await self._rate(case, case.first)
        b = await self._rate(case, case.second)
        first, second = (read_rating(call.completion) for call in (a, b))
        if first is None or second is None:
            return _priced(Reading(verdict="invalid"), [a, b])
        return _priced(Reading(verdict="tie" if first == second else ("first" if first > second else "second")), [a, b])

    async def _rate(self, case: Case, answer: str) -> Call:
        alone = Case(battle=digest([case.prompt.id, answer]), prompt=case.prompt, first=answer, second="")
        message = [Message(role="user", content=self._template.ask_about(alone, seed=self._seed))]
        if self.by_probability:
            return await self.model.logprobs(message, top=40)
        return await self.model.chat(message, sampling=self._sampling, seed=case.repeat)


def _priced(reading: Reading, calls: list[Call]) -> Reading:
    """A reading with what its calls took."""
    done: list[Completion] = [call.completion for call in calls]
    usage = Usage()
    for completion in done:
        usage += completion.usage
    return Reading(
        verdict=reading.verdict,
        log_odds=reading.log_odds,
        grade=reading.grade,
        usage=usage,
        usd=sum(completion.usd for completion in done),
        seconds=sum(completion.seconds for completion in done),
        calls=len(done),
    )
