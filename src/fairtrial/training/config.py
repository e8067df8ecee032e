"""The file that says how a judge is taught: TOML in, a checked `Config` out. Read `read_config` first."""

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fairtrial.core import BadInput, Sampling, digest
from fairtrial.runs.trial import ModelSettings, Name, Positive, explain, refuse_secrets
from fairtrial.training.programs import ENGLISH_ONLY, FAMILIES

Share = Annotated[float, Field(gt=0, le=1)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class Instructions(_Table):
    """``[instructions]``: what the pairs are about. Files of prompts, or families that a program draws."""

    files: tuple[str, ...] = ()
    fields: dict[str, str] = Field(default_factory=dict)
    pairs: str = ""
    """A file of pairs whose better answer is known already, from people or a checker: for generator ``given``."""
    families: tuple[str, ...] = ()
    languages: tuple[Literal["en", "ko"], ...] = ("en",)
    categories: tuple[str, ...] = ()
    """Kept categories; a model sorts instructions that say none. (The paper keeps “reasoning”.)"""
    difficulty: tuple[int, int] = (1, 5)
    """Kept difficulties, asked of the same model."""
    limit: Positive | None = None
    """Most pairs that are made; needed for families, which never end."""


class Synthesis(_Table):
    """``[synthesis]``: how a worse answer is made that is known to be worse."""

    generator: Literal["program", "neighbour", "model", "given"]
    model: ModelSettings | None = None
    """Writes for ``model``, and sorts instructions."""
    temperature: Annotated[float, Field(ge=0, le=5)] = 0.7
    top_p: Share = 0.9
    max_tokens: Positive = 1024
    terms: str = ""
    """Under which terms the outputs of the writing model may be used for training; stands on the card."""


class Seed(ModelSettings):
    """``[judge]``: the model that is taught, and the words it is asked in."""

    grid: Literal["Q4_0", "Q8_0", "F16"] | None = None
    """Round an embedded model's weights to this grid first: Q4_0 judges several times as fast on small processors."""
    template: str = "short"
    """A template file, or one of the built-in ones: ``short``, ``verdict``."""
    max_tokens: Positive = 48
    """Of one judgment."""
    context: Positive = 1024
    """Tokens of one showing and its judgment."""


class Warmup(_Table):
    """``[warmup]``: the form of a judgment, shown on a few families before round 1; part of the seed, and told."""

    families: tuple[str, ...] = Field(min_length=1)
    examples: Positive = 128
    epochs: Positive = 2
    rate: Annotated[float, Field(gt=0, lt=1)] | None = None
    """As in ``[learning]``, if not told."""


class Drawing(_Table):
    """``[sampling]``: judgments drawn of each pair in either order (the paper: 15, 0.7, 0.9)."""

    samples: Positive = 15
    temperature: Annotated[float, Field(gt=0, le=5)] = 0.7
    top_p: Share = 0.9
    first_model: ModelSettings | None = None
    """Who judges in round 1, if not the seed. (The paper: Mixtral-8x22B.)"""


class Keeping(_Table):
    """``[keeping]``: which judgments are trained on."""

    success: Annotated[float, Field(ge=0, le=1)] = 0.6
    """Least share of right judgments in both orders. 0 keeps any pair with one right judgment, as the paper does; then
    a coin keeps nearly all of them."""
    most: Positive | None = None
    """Most examples of a round, so that rounds are comparable."""


class Learning(_Table):
    """``[learning]``: supervised training on the judgments' tokens."""

    method: Literal["lora", "command"] = "lora"
    """``command``: a program of yours trains and serves, for a judge on a server."""
    command: tuple[str, ...] = ()
    """Its words; ``{rows}``, ``{out}`` and ``{round}`` are filled in."""
    serves: str = ""
    """The name under which it serves the judge of a ``{round}``."""
    rank: Positive = 8
    alpha: Positive = 16
    rate: Annotated[float, Field(gt=0, lt=1)] = 1e-3
    epochs: Positive = 2
    batch: Annotated[int, Field(ge=2)] = 16
    """Examples of one step; both orders of a pair stand in the same one."""
    warmup_steps: Annotated[int, Field(ge=0)] = 5
    verdicts_only: bool = False
    """Learn the bare verdict of every pair, without judgments: nothing is sampled, and further rounds add nothing."""
    device: Literal["auto", "cpu", "cuda"] = "auto"


class Rounds(_Table):
    """``[rounds]``."""

    most: Positive = 3
    patience: Positive | None = None
    """Rounds without a better result on the validation set before it stops; None: all are run."""
    votes: Positive = 1
    """Samples of each order at inference; the majority counts (the paper: 32). 1 is greedy."""


class Validation(_Table):
    """``[validation]``: the set by which rounds are compared; declared before, told apart from any test set."""

    pairs: str = ""
    """A pair file with labels."""
    synthetic: Positive | None = None
    """In place of a file: so many pairs, made like those that are trained on and held out."""
    human: bool = False
    """Its labels come from people: then “no human labels” is said of the training, not of the choice of a round."""
    limit: Positive | None = None


class Config(_Table):
    """A checked training file."""

    name: Name
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    instructions: Instructions
    synthesis: Synthesis
    judge: Seed
    warmup: Warmup | None = None
    sampling: Drawing = Drawing()
    keeping: Keeping = Keeping()
    learning: Learning = Learning()
    rounds: Rounds = Rounds()
    validation: Validation = Validation(synthetic=200)

    def as_plain(self) -> dict[str, Any]:
        """The file as understood: defaults filled in, unset settings left out."""
        return self.model_dump(mode="json", exclude_none=True)

    @property
    def digest(self) -> str:
        """Content address of the file as understood, without what changes no evidence."""
        plain = self.as_plain()
        plain["judge"] = {k: v for k, v in plain["judge"].items() if k not in ("threads", "slots", "connections")}
        return digest(plain)

    def drawn(self) -> Sampling:
        """How judgments are sampled."""
        told = self.sampling
        return Sampling(temperature=told.temperature, top_p=told.top_p, max_tokens=self.judge.max_tokens)


def read_config(path: Path) -> Config:
    """Read and check a training file; the files it names are looked for beside it.

    Raises:
        BadInput: Missing or unreadable file, broken TOML, an unknown key (with the nearest known one), a wrong value, a
            key that looks like a secret, settings that contradict each other.
    """
    where = str(path)
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        step = "Start from the one in the guide: docs/self-taught-judge.md"
        raise BadInput("there is no such training file.", where=where, next_step=step) from None
    except (UnicodeDecodeError, OSError) as error:
        raise BadInput(f"cannot be read as text: {error}.", where=where) from None
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"is not valid TOML: {error}.", where=where) from None
    refuse_secrets(raw, where)
    try:
        config = Config.model_validate(raw)
    except ValidationError as error:
        raise explain(error, raw, where, known=_known_keys) from None
    _check(config, where)
    return config


def _known_keys(loc: tuple[int | str, ...]) -> list[str]:
    table: type[BaseModel] = Config
    for part in loc[:-1]:
        found = table.model_fields.get(str(part))
        kinds = [found.annotation, *getattr(found.annotation, "__args__", ())] if found else []
        table = next((k for k in kinds if isinstance(k, type) and issubclass(k, BaseModel)), table)
    return list(table.model_fields)


def _check(config: Config, where: str) -> None:
    told, made = config.instructions, config.synthesis
    families = (*told.families, *(config.warmup.families if config.warmup else ()))
    unknown = next((family for family in families if family not in FAMILIES), None)
    english = next((family for family in families if family in ENGLISH_ONLY), None)
    refusals = (
        (
            "instructions",
            sum(map(bool, (told.files, told.families, told.pairs))) != 1,
            "name one of: files of prompts, families of tasks, a file of pairs.",
            "",
        ),
        ("instructions", unknown is not None, f"no family '{unknown}'.", f"There are: {', '.join(FAMILIES)}."),
        (
            "instructions",
            english is not None and told.languages != ("en",),
            f"the family '{english}' is English only.",
            "Leave it or Korean out.",
        ),
        (
            "instructions",
            bool(told.families) and told.limit is None,
            "families never end: say how many pairs are wanted.",
            "Add: limit = 400",
        ),
        (
            "synthesis",
            made.generator == "program" and not told.families,
            "a program writes answers to its own tasks only.",
            "Name families, or another generator.",
        ),
        (
            "synthesis",
            made.generator != "program" and bool(told.families),
            "families are for programs; the other generators start from files.",
            'Use generator = "program".',
        ),
        (
            "synthesis",
            (made.generator == "given") != bool(told.pairs),
            "a file of pairs goes with generator 'given', and that generator with such a file.",
            "",
        ),
        (
            "synthesis",
            made.generator == "model" and made.model is None,
            "generator 'model' needs a model.",
            'Add: model = { model = "openai/…", base_url = "…" }',
        ),
        (
            "synthesis",
            made.generator == "model" and not made.terms,
            "say under which terms this model's outputs may be used for training.",
            'For example: terms = "Apache-2.0: outputs may be used"',
        ),
        (
            "judge",
            (config.learning.method == "command") == config.judge.model.startswith("embedded/"),
            "an embedded judge is taught here, one on a server by a command of yours.",
            'For a server: [learning] method = "command", command = ["…"], serves = "judge-{round}"',
        ),
        (
            "learning",
            config.learning.method == "command"
            and not (config.learning.command and "{round}" in config.learning.serves),
            "method 'command' needs the command, and under which name it serves each round.",
            'For example: command = ["./teach.sh", "{rows}", "{round}"], serves = "judge-{round}"',
        ),
        (
            "warmup",
            config.warmup is not None and config.learning.method == "command",
            "a served judge is not shown the form first.",
            "Leave [warmup] out.",
        ),
        (
            "validation",
            bool(config.validation.pairs) == bool(config.validation.synthetic),
            "name a validation set: pairs = FILE, or synthetic = N.",
            "",
        ),
    )
    for table, wrong, message, step in refusals:
        if wrong:
            raise BadInput(message, where=f"{where}: [{table}]", next_step=step)
