"""The flow: seven nouns, each frozen and content-addressed, so any number can be walked back to its evidence.

    PromptSet -> Contestant -> Response -> Battle -> Vote -> Board -> Report
     what is      who answers:   what was    two        a human,   ratings,    signed,
     asked        model x        said        responses, a judge,   intervals,  reproducible
                  strategy                   order      a scorer   rank sets

A `Score` is one-sided evidence. Read the classes in this order.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from fairtrial.core.calls import Finish, ModelIdentity, Sampling, Usage
from fairtrial.core.canonical import digest

EvidenceKind = Literal["human", "scorer", "judge", "combined"]
VoteStatus = Literal["graded", "both_bad", "abstain", "invalid"]
Params = dict[str, Any]


@dataclass(frozen=True, kw_only=True)  # no slots: `id` is computed once
class Prompt:
    """What is asked: one item of a prompt set."""

    key: str
    """The item's name in its file (its ``id``, or ``row 7``); unique within a set."""
    turns: tuple[str, ...]
    """The user's messages, asked one after the other; one in most sets."""
    system: str = ""
    choices: tuple[str, ...] = ()
    """Answer options, in order; lettered A, B, C … where shown."""
    reference: str | None = None
    """The right answer (for choices: its letter or its text)."""
    scorer: str = ""
    """Scorer that fits this item, where the set mixes kinds; empty: the trial's scorer."""
    tags: tuple[str, ...] = ()
    """Strata; the first one is the item's main category."""
    language: str = ""
    """BCP 47 tag, for example ``en`` or ``ko``."""
    source: str = ""
    licence: str = ""

    @cached_property
    def id(self) -> str:
        """Content address of what is asked and what counts as right."""
        return digest(
            {
                "turns": self.turns,
                "system": self.system,
                "choices": self.choices,
                "reference": self.reference,
                "scorer": self.scorer,
            }
        )

    @property
    def category(self) -> str:
        """The first tag, or ``all``."""
        return self.tags[0] if self.tags else "all"


@dataclass(frozen=True, kw_only=True)  # no slots: `id` is computed once
class PromptSet:
    """An ordered set of prompts and, apart from them, worked examples that few-shot strategies may show."""

    name: str
    prompts: tuple[Prompt, ...]
    examples: tuple[Prompt, ...] = ()

    @cached_property
    def id(self) -> str:
        """Content address over the prompts in order, with their tags and languages, which strategies go by."""

        def described(prompts: tuple[Prompt, ...]) -> list[object]:
            return [[p.id, p.language, p.tags] for p in prompts]

        return digest({"prompts": described(self.prompts), "examples": described(self.examples)})


@dataclass(frozen=True, kw_only=True)  # no slots: `id` is computed once
class Contestant:
    """Who answers: a model and how it is used."""

    name: str
    model: ModelIdentity
    strategy: str = "direct"
    params: Params = field(default_factory=dict)
    """The strategy's own settings: ``k``, ``shots``, ``persona``, ``system`` …"""
    sampling: Sampling = Sampling()
    facts: dict[str, str] = field(default_factory=dict)
    """Registry facts that change no answer: maker, base model, licence, who pays."""

    @cached_property
    def id(self) -> str:
        """Content address of all that can change an answer; neither name nor registry facts are part of it."""
        return digest(
            {"model": self.model, "strategy": self.strategy, "params": self.params, "sampling": self.sampling}
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One call on the way to an answer."""

    label: str
    """What the call was for: ``turn 1``, ``sample 3`` …"""
    call: str
    """`call_key` of the recorded call."""
    text: str
    finish: Finish = "stop"
    answer: str = ""
    """The short answer read from the text, for strategies that vote over samples."""
    reasoning: str = ""
    error: str = ""


@dataclass(frozen=True, kw_only=True)  # no slots: `id` is computed once
class Response:
    """What was said: one contestant's answer to one prompt, once."""

    prompt: str
    """Prompt id."""
    contestant: str
    """Contestant id."""
    repeat: int = 0
    turns: tuple[str, ...] = ("",)
    """The answer to each turn of the prompt; `text` is the last one."""
    finish: Finish = "stop"
    error: str = ""
    """For ``error``: what failed, one of `ModelError.kind` or ``budget``."""
    steps: tuple[Step, ...] = ()
    """The trace: every call, so that smaller k can be studied without buying again."""
    usage: Usage = Usage()
    usd: float = 0.0
    style: dict[str, int] = field(default_factory=dict)
    """Counts of characters, words, headings, list items, bold, code blocks and emoji in `text`."""
    fingerprint: str = ""
    served_as: str = ""
    """The model name the endpoint answered under, where it is not the one asked for."""
    seconds: float = 0.0
    """Wall time; never part of evidence."""

    @property
    def text(self) -> str:
        """The final answer."""
        return self.turns[-1]

    @cached_property
    def id(self) -> str:
        """Content address of who said what to which prompt."""
        return digest([self.prompt, self.contestant, self.repeat, self.turns, self.finish, self.error])


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One-sided evidence: what a scorer says of one response."""

    response: str
    """Response id."""
    prompt: str
    contestant: str
    repeat: int
    scorer: str
    value: float
    """0 … 1. Failed, refused, truncated and unparsable answers count as 0 and stay in the denominator."""
    reason: str
    """``right``, ``wrong``, ``partial``, ``unparsable``, ``refused``, ``truncated`` or ``failed``."""
    extracted: str = ""
    """What was compared with the reference."""


@dataclass(frozen=True, kw_only=True)  # no slots: `id` is computed once
class Battle:
    """Two responses to one prompt, in the order shown."""

    prompt: str
    a: str
    """Response id shown first in order ``ab``."""
    b: str
    contestant_a: str
    contestant_b: str
    repeat: int = 0
    policy: str = "round-robin"
    seed: int = 0
    p_pair: float = 1.0
    """Probability with which the policy drew this pair for this prompt."""

    @cached_property
    def id(self) -> str:
        """Content address of the battle."""
        return digest([self.prompt, self.a, self.b, self.repeat, self.policy, self.seed, self.p_pair])


@dataclass(frozen=True, kw_only=True)  # no slots: `id` is computed once
class Vote:
    """An evaluator's opinion on a battle."""

    battle: str
    """Battle id."""
    evaluator: str
    """Evaluator id, for example ``judge:smollm2-135m``."""
    kind: EvidenceKind
    status: VoteStatus
    grade: int | None = None
    """−2 … +2, positive when A is better; only when `status` is ``graded``."""
    order: Literal["ab", "ba", "both"] = "ab"
    """The order shown; ``both`` when a wrapper showed each order once and averaged."""
    template: str = ""
    """Digest of the judge's template."""
    detail: dict[str, Any] = field(default_factory=dict)
    """The evaluator's own evidence, for example the log-odds in either order."""

    @cached_property
    def id(self) -> str:
        """Content address of the opinion."""
        return digest([self.battle, self.evaluator, self.kind, self.status, self.grade, self.order, self.template])


Interval = tuple[float | None, float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardModel:
    """One row of a board."""

    name: str
    rating: float | None
    """400/ln 10 per natural-log unit, centred at 1000; None where only a bound exists."""
    ci: Interval
    rank_set: tuple[int, int] | None
    """[best, worst] place that the evidence leaves open, simultaneously for all rows."""
    tier: int | None
    votes: int
    win_rate: float | None
    """Wins plus half of ties over decided votes; None without votes."""
    score: float | None = None
    """Mean score 0 … 1, on a scorer's board."""
    score_ci: Interval | None = None
    score_n: int = 0
    """Number of responses behind `score`."""
    usd: float | None = None
    """Mean US dollars an answer."""
    tokens: float | None = None
    """Mean tokens an answer."""
    simulated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A stated comparison of two rows: `a` minus `b`, simultaneous over the board."""

    a: str
    b: str
    estimate: float
    ci: Interval
    unit: str
    """``score`` (0 … 1) or ``rating`` points."""
    verdict: Literal["better", "worse", "equivalent", "inconclusive"]
    margin: float
    n: int
    """Items (clusters) behind the comparison."""
    more_items: int | None = None
    """Further items an inconclusive comparison would need, by the observed spread; None if decided or unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """Ratings, intervals, rank sets, refusals: what one kind of evidence supports."""

    evidence: EvidenceKind
    scope: str
    """``population``, ``panel``, ``these prompts`` or ``judge opinion``."""
    view: dict[str, str]
    """What was selected: all, or a category, a language …"""
    models: tuple[BoardModel, ...]
    differences: tuple[Difference, ...] = ()
    fit: Params = field(default_factory=dict)
    """The method as used: tie model, clusters, degrees of freedom, draws, seed, convergence."""
    controls: dict[str, Any] = field(default_factory=dict)
    """Effect of each covariate taken out: ``coef`` and ``ci`` in natural log units per unit, and points per one sd."""
    refusals: tuple[str, ...] = ()
    """Claims this board does not make, and why."""
    excluded: dict[str, int] = field(default_factory=dict)
    """Votes left out, counted by reason."""
    matrix: tuple[tuple[int, ...], ...] = ()
    """Row-model wins against column-model, in the order of `models`."""
    snapshot: str = ""
    """Digest of the evidence that the board was computed from."""
    raw: "Board | None" = None
    """The same votes without the controls; None where nothing is controlled for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Boards, method and the digests of the evidence behind them; what gets signed."""

    name: str
    created: str
    """UTC, ISO 8601 to the second."""
    trial: Params
    """The trial file as understood, defaults filled in."""
    software: dict[str, str]
    contestants: tuple[Params, ...]
    boards: tuple[Board, ...]
    strata: tuple[Params, ...] = ()
    """Score of each contestant in each category and language, with n; ``no evidence`` where nothing can be told."""
    judges: tuple[Params, ...] = ()
    """Each judge's position rate, consistency and agreement with the references."""
    people: tuple[Params, ...] = ()
    """What people were asked: battles, votes, and how many battles still wait for them."""
    failures: tuple[Params, ...] = ()
    """Counts by contestant and reason; failures stay in every denominator."""
    costs: tuple[Params, ...] = ()
    notes: tuple[str, ...] = ()
    evidence: dict[str, str] = field(default_factory=dict)
    """File name to SHA-256 of each evidence file."""
