"""The trial file: TOML in, a checked `Trial` out; unknown keys are errors. Read `read_trial` first."""

import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fairtrial.contestants import check_strategy
from fairtrial.core import BadInput, Sampling, digest, nearest
from fairtrial.evaluators import Scorer

Name = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f/\\]+$")]
Positive = Annotated[int, Field(ge=1)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, str_strip_whitespace=True)


class ModelSettings(_Table):
    """Where a model is and how it is reached; shared by contestants and judges."""

    model: str
    base_url: str | None = None
    api_key_env: str | None = None
    allow_private: bool = False
    connections: Positive | None = None
    timeout: Annotated[float, Field(gt=0)] | None = None
    price: tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(ge=0)]] | None = None
    """US dollars per million prompt tokens and per million completion tokens."""
    mode: Literal["fast", "reproducible"] | None = None
    threads: Positive | None = None
    slots: Positive | None = None
    settings: dict[str, Any] = Field(default_factory=dict)
    """Further settings of a simulated or plugged-in provider."""

    def provider_settings(self) -> dict[str, Any]:
        """What the provider's `from_settings` gets; unset ones left out."""
        names = (
            "base_url", "api_key_env", "allow_private", "connections", "timeout", "price", "mode", "threads", "slots",
        )  # fmt: skip
        given = {name: getattr(self, name) for name in names}
        return {k: v for k, v in given.items() if v not in (None, False)} | self.settings


class AnswerLimits(_Table):
    """``budget`` of one answer."""

    calls: Positive | None = None
    tokens: Positive | None = None
    usd: Annotated[float, Field(gt=0)] | None = None
    seconds: Annotated[float, Field(gt=0)] | None = None


class ContestantEntry(ModelSettings):
    """One ``[[contestant]]``."""

    name: Name
    strategy: str = "direct"
    temperature: Annotated[float, Field(ge=0, le=5)] | Literal["default"] | None = None
    """0 unless said otherwise; ``default`` leaves it to the provider (reasoning models refuse the parameter)."""
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    max_tokens: Positive = 256
    stop: tuple[str, ...] = ()
    reasoning_effort: str | None = None
    system: str | None = None
    persona: str | None = None
    k: int | None = None
    shots: int | None = None
    think: bool | None = None
    budget: AnswerLimits | None = None
    maker: str | None = None
    base_model: str | None = None
    licence: str | None = None
    pays: str | None = None

    def sampling(self) -> Sampling:
        """The contestant's sampling."""
        temperature = self.temperature
        if temperature is None and self.reasoning_effort is None:
            temperature = 0.0
        return Sampling(
            temperature=None if temperature == "default" else temperature,
            top_p=self.top_p,
            max_tokens=self.max_tokens,
            stop=self.stop,
            reasoning_effort=self.reasoning_effort,
        )

    def params(self) -> dict[str, Any]:
        """The strategy's settings that were given."""
        given = {name: getattr(self, name) for name in ("system", "persona", "k", "shots", "think")}
        params = {k: v for k, v in given.items() if v is not None}
        if self.budget:
            params["budget"] = self.budget.model_dump(exclude_none=True)
        return params

    def facts(self) -> dict[str, str]:
        """Registry facts that were given."""
        names = ("maker", "base_model", "licence", "pays")
        return {name: value for name in names if (value := getattr(self, name)) is not None}


class ScorerEntry(_Table):
    """``[[evaluator]] kind = "scorer"``."""

    kind: Literal["scorer"]
    scorer: str = "auto"


class JudgeEntry(ModelSettings):
    """``[[evaluator]] kind = "judge"``."""

    kind: Literal["judge"]
    name: Name | None = None
    read: Literal["auto", "probabilities", "verdict"] = "auto"
    on_trial: bool = False
    """Put the judge itself on trial: its battles are drawn among pairs of answers that the references decide."""
    battles: Positive | None = None
    """Most battles for a judge on trial."""


class HumanEntry(_Table):
    """``[[evaluator]] kind = "human"``: people vote in the lab's arena, and the run goes on when they have."""

    kind: Literal["human"]
    name: Name | None = None
    battles: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Most battles, drawn uniformly; without it, those of ``[battles]``."""
    votes: Positive = 1
    """How many people each battle is wanted from."""
    question: Annotated[str, Field(min_length=1, max_length=500)] = "Which answer is better?"
    guidelines: Annotated[str, Field(max_length=50_000)] = ""
    """Markdown, shown to raters."""


class BattlesEntry(_Table):
    """``[battles]``: which pairs of answers are judged or voted on."""

    design: Literal["round-robin", "uniform", "adaptive"] = "round-robin"
    budget: Positive | None = None


class BudgetEntry(_Table):
    """``[budget]`` of the whole run."""

    usd: Annotated[float, Field(gt=0)] | None = None
    tokens: Positive | None = None
    calls: Positive | None = None


class SelectEntry(_Table):
    """``[select]``: which prompts of the set take part."""

    tags: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    referenced: bool = False


class VerdictsEntry(_Table):
    """``[verdicts]``: declared before the run."""

    margin: Annotated[float, Field(gt=0, lt=1)] = 0.05
    """Largest difference in mean score that counts as equivalent."""
    alpha: Annotated[float, Field(gt=0, lt=0.5)] = 0.05


class Trial(_Table):
    """A checked trial file."""

    name: Name
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    prompts: str
    examples: str | None = None
    limit: Positive | None = None
    repeats: Positive = 1
    workers: Positive | None = None
    hypotheses: tuple[str, ...] = ()
    """What was expected, written down before the run; printed beside the results."""
    fields: dict[str, str] = Field(default_factory=dict)
    select: SelectEntry = SelectEntry()
    contestants: tuple[ContestantEntry, ...] = Field(alias="contestant", min_length=1)
    evaluators: tuple[Annotated[ScorerEntry | JudgeEntry | HumanEntry, Field(discriminator="kind")], ...] = Field(
        alias="evaluator", default=()
    )
    battles: BattlesEntry = BattlesEntry()
    budget: BudgetEntry = BudgetEntry()
    verdicts: VerdictsEntry = VerdictsEntry()

    @property
    def scorers(self) -> list[ScorerEntry]:
        """The scorers among the evaluators."""
        return [e for e in self.evaluators if isinstance(e, ScorerEntry)]

    @property
    def judges(self) -> list[JudgeEntry]:
        """The judges among the evaluators."""
        return [e for e in self.evaluators if isinstance(e, JudgeEntry)]

    @property
    def people(self) -> list[HumanEntry]:
        """The people among the evaluators."""
        return [e for e in self.evaluators if isinstance(e, HumanEntry)]

    def as_plain(self) -> dict[str, Any]:
        """The trial as understood: defaults filled in, unset settings left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    @property
    def digest(self) -> str:
        """Content address of the trial as understood (without `workers`, which changes no evidence)."""
        return digest({k: v for k, v in self.as_plain().items() if k != "workers"})


def read_trial(path: Path) -> Trial:
    """Read and check a trial file.

    Raises:
        BadInput: Missing or unreadable file, broken TOML (with its line), an unknown key (with the nearest known one),
            a wrong value, two contestants of one name, a key that looks like a secret.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise BadInput(
            "there is no such trial file.",
            where=str(path),
            next_step="Start from one: fairtrial init DIR.",
        ) from None
    except UnicodeDecodeError as error:
        raise BadInput(
            f"byte {error.start} is not UTF-8.", where=str(path), next_step="Save the file as UTF-8."
        ) from None
    except OSError as error:
        raise BadInput(f"cannot be read: {error.strerror}.", where=str(path)) from None
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"is not valid TOML: {error}.", where=str(path)) from None
    return parse_trial(raw, where=str(path))


def parse_trial(raw: Mapping[str, Any], *, where: str = "trial") -> Trial:
    """Check a trial given as plain tables. Raises like `read_trial`."""
    refuse_secrets(raw, where)
    try:
        trial = Trial.model_validate(raw)
    except ValidationError as error:
        raise explain(error, raw, where) from None
    _check_names(trial, where)
    for entry in trial.contestants:
        check_strategy(entry.strategy, entry.params(), where=f"{where}: contestant '{entry.name}'")
    for scorer in trial.scorers:
        Scorer(scorer.scorer, where=where)
    _check_design(trial, where)
    return trial


def _check_names(trial: Trial, where: str) -> None:
    names = [c.name for c in trial.contestants]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise BadInput(
            f"two contestants are named '{twice[0]}'.", where=where, next_step="Give every contestant its own name."
        )
    judges, people = [j.name or j.model for j in trial.judges], [p.name or "" for p in trial.people]
    for kind, named in (("judges", judges), ("evaluators of kind 'human'", people)):
        twice = sorted({n for n in named if named.count(n) > 1})
        if twice:
            said = f"are named '{twice[0]}'" if twice[0] else "have no name"
            step = 'Give each [[evaluator]] its own name = "…".'
            raise BadInput(f"two {kind} {said}.", where=where, next_step=step)


def _check_design(trial: Trial, where: str) -> None:
    if trial.battles.design == "uniform" and trial.battles.budget is None:
        raise BadInput("design 'uniform' needs a budget.", where=f"{where}: [battles]", next_step="Add budget = 100.")
    if trial.battles.design == "adaptive":
        raise BadInput(
            "adaptive battles need a live board, which this version does not have.",
            where=f"{where}: [battles]",
            next_step='Use design = "uniform" with a budget.',
        )
    if trial.people and len(trial.contestants) < 2:
        raise BadInput(
            "people compare the answers of two contestants, and there is only one.",
            where=where,
            next_step="Add another [[contestant]], or take the evaluator of kind 'human' out.",
        )
    if any(j.on_trial for j in trial.judges) and trial.repeats > 1:
        raise BadInput(
            "a judge on trial needs repeats = 1: the references decide between single answers.",
            where=where,
            next_step="Set repeats = 1, or put the judge on trial in a trial of its own.",
        )
    if any(j.on_trial for j in trial.judges) and not trial.scorers:
        raise BadInput(
            "a judge on trial needs a scorer to be compared with.",
            where=where,
            next_step='Add [[evaluator]] kind = "scorer".',
        )


_SECRET_KEY = re.compile(r"^(api_?key|key|token|secret|password|authorization)$", re.IGNORECASE)
_SECRET_VALUE = re.compile(r"^(sk-|sk_|Bearer |hf_|gsk_|AIza|xai-)[\w-]{8,}")


def refuse_secrets(value: object, where: str, path: str = "") -> None:
    """Make sure that plain tables hold no key, by the names of their fields and the look of their values.

    Raises:
        BadInput: Naming the field.
    """
    if isinstance(value, Mapping):
        for key, inner in value.items():
            place = f"{path}.{key}" if path else str(key)
            if _SECRET_KEY.match(str(key)) and isinstance(inner, str):
                _raise_secret(where, place)
            refuse_secrets(inner, where, place)
    elif isinstance(value, (list, tuple)):
        for i, inner in enumerate(value):
            refuse_secrets(inner, where, f"{path}[{i + 1}]")
    elif isinstance(value, str) and _SECRET_VALUE.match(value):
        _raise_secret(where, path)


def _raise_secret(where: str, place: str) -> None:
    raise BadInput(
        f"'{place}' holds a key; a trial file is shared and signed, so no key may stand in it.",
        where=where,
        next_step='Put it into an environment variable and write api_key_env = "THAT_NAME". If the file was shared, '
        "replace the key.",
    )


def explain(
    error: ValidationError,
    raw: Mapping[str, Any],
    where: str,
    known: Callable[[tuple[int | str, ...]], list[str]] | None = None,
) -> BadInput:
    """What is wrong with tables that were refused, as one sentence with the field and, for unknown keys, the nearest.

    Args:
        error: Why they were refused.
        raw: The tables.
        where: Their file.
        known: The keys that are known at a place; those of a trial file if None.
    """
    errors = error.errors(include_url=False)
    # A list whose items are all wrong is also called too short: what is wrong with the items is said.
    found = [e for e in errors if e["type"] != "too_short" or len(errors) == 1]
    first = min(found, key=lambda e: (e["type"] != "extra_forbidden", len(e["loc"])))
    place, table = _place(first["loc"], raw)
    if first["type"] == "extra_forbidden":
        key = str(first["loc"][-1])
        near = nearest(key, (known or _known_keys)(first["loc"]))
        return BadInput(f"unknown key '{key}'{table}.", where=where, next_step=near)
    if first["type"] == "missing":
        return BadInput(f"'{place}' is missing{table}.", where=where, next_step="Add it.")
    message = first["msg"].removeprefix("Value error, ")
    shown = repr(first.get("input"))[:80]
    return BadInput(f"'{place}'{table} is {shown}: {message[0].lower()}{message[1:]}.", where=where)


def _place(loc: tuple[int | str, ...], raw: Mapping[str, Any]) -> tuple[str, str]:
    parts = [p for p in loc if p not in ("scorer", "judge", "human")]
    table = ""
    if len(parts) > 1 and parts[0] in ("contestant", "evaluator") and isinstance(parts[1], int):
        entry = raw[str(parts[0])][parts[1]]
        label = entry.get("name") if isinstance(entry, Mapping) else None
        table = f" in [[{parts[0]}]] {label or parts[1] + 1!r}"
        parts = parts[2:]
    elif len(parts) > 1:
        table = f" in [{parts[0]}]"
        parts = parts[1:]
    return ".".join(str(p) for p in parts) or "trial", table


def _known_keys(loc: tuple[int | str, ...]) -> list[str]:
    tables: dict[str, type[BaseModel]] = {
        "contestant": ContestantEntry,
        "scorer": ScorerEntry,
        "judge": JudgeEntry,
        "human": HumanEntry,
        "battles": BattlesEntry,
        "select": SelectEntry,
        "verdicts": VerdictsEntry,
    }
    if len(loc) == 1:
        return [f.alias or n for n, f in Trial.model_fields.items()]
    if loc[-2] == "budget":
        return list((AnswerLimits if "contestant" in loc else BudgetEntry).model_fields)
    table = next((tables[str(p)] for p in reversed(loc[:-1]) if str(p) in tables), Trial)
    return [f.alias or n for n, f in table.model_fields.items()]
