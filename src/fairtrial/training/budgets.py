"""What a run will take: tokens, hours, money, before anything is done. Read `estimate` first.

An estimate from first principles: prompts are read at a share of the node's arithmetic, answers are written at a share
of its memory's speed, training is four or six operations for each weight and token. What is assumed is told with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from fairtrial.core import BadInput, nearest
from fairtrial.evaluators.examining import items_of
from fairtrial.formats.pairs import Pair
from fairtrial.models.face import tokens_in
from fairtrial.training.config import Config
from fairtrial.training.sampling import case_of

READING, WRITING, LEARNING = 0.40, 0.50, 0.35
"""Shares of the peak that are assumed: of arithmetic when prompts are read, of memory's speed when answers are written,
of arithmetic when weights are learnt."""
ANSWER_TOKENS = 400
"""Of an answer that a model still has to write."""
BATCH = 128
"""Answers written at once on a node; the weights are read from memory once for all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """GPUs that work together, by their makers' data sheets (bfloat16, dense)."""

    gpus: int
    tflops: float
    """Of one."""
    terabytes_per_second: float
    """Of one's memory."""
    gigabytes: float


NODES = {
    "8xA100": Node(gpus=8, tflops=312, terabytes_per_second=2.0, gigabytes=80),
    "8xH100": Node(gpus=8, tflops=989, terabytes_per_second=3.35, gigabytes=80),
    "8xH200": Node(gpus=8, tflops=989, terabytes_per_second=4.8, gigabytes=141),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One kind of work over all rounds."""

    name: str
    calls: int
    read: int
    """Tokens of prompts; a prefix cache reads the same prompt's samples once."""
    written: int
    learnt: int = 0
    """Tokens that are trained on, over all epochs."""
    hours: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a run takes on a node."""

    stages: tuple[Stage, ...]
    node: str
    parameters: float
    usd_per_gpu_hour: float
    hours: float
    usd: float


def estimate(
    config: Config,
    pairs: Sequence[Pair],
    *,
    parameters: float,
    node: str,
    usd_per_gpu_hour: float,
    words: int = 0,
    count: int | None = None,
) -> Estimate:
    """Tokens, hours and money of all rounds, were every judgment as long as allowed and every pair kept.

    Args:
        config: The run.
        pairs: Its pairs, or some of them; empty where a model has yet to write them.
        parameters: Of the model, for example 70e9.
        node: A name of `NODES`.
        usd_per_gpu_hour: What one GPU costs an hour.
        words: Tokens around the question and the answers.
        count: How many pairs there will be.

    Raises:
        BadInput: An unknown node, or one whose memory does not hold the model twice.
    """
    if node not in NODES:
        raise BadInput(f"there is no node '{node}'.", next_step=nearest(node, NODES) or f"There: {', '.join(NODES)}")
    place = NODES[node]
    if 2 * parameters > place.gpus * place.gigabytes * 1e9:
        raise BadInput(f"a model of {parameters / 1e9:g}B does not fit on {node}.", next_step="Name a larger node.")
    count = count or len(pairs)
    if not count:
        raise BadInput("say how many pairs are wanted.", where="[instructions]", next_step="Add: limit = 20000")
    shown = _shown(pairs, words)
    rounds, samples = config.rounds.most, config.sampling.samples
    orders = 2 * count
    kept = min(orders, config.keeping.most or orders)
    looked = 2 * (config.validation.synthetic or config.validation.limit or 1000)
    judged = config.judge.max_tokens
    writing = config.synthesis.generator == "model" and not pairs
    plain = (
        Stage(
            name="writing pairs",
            calls=2 * count if writing else 0,
            read=count * (ANSWER_TOKENS + 400) if writing else 0,
            written=2 * count * ANSWER_TOKENS if writing else 0,
        ),
        Stage(
            name="judging",
            calls=rounds * orders * samples,
            read=rounds * orders * shown,
            written=rounds * orders * samples * judged,
        ),
        Stage(
            name="learning",
            calls=0,
            read=0,
            written=0,
            learnt=rounds * kept * (shown + judged) * config.learning.epochs,
        ),
        Stage(
            name="validation",
            calls=(rounds + 1) * looked * config.rounds.votes,
            read=(rounds + 1) * looked * shown,
            written=(rounds + 1) * looked * config.rounds.votes * judged,
        ),
    )
    operations = 4 if config.learning.method == "lora" else 6
    stages = tuple(_timed(stage, parameters, place, operations) for stage in plain if stage.calls or stage.learnt)
    hours = sum(stage.hours for stage in stages)
    return Estimate(
        stages=stages,
        node=node,
        parameters=parameters,
        usd_per_gpu_hour=usd_per_gpu_hour,
        hours=hours,
        usd=hours * place.gpus * usd_per_gpu_hour,
    )


def _shown(pairs: Sequence[Pair], words: int) -> int:
    """Tokens of one showing, the mean of the pairs."""
    if not pairs:
        return words + 2 * ANSWER_TOKENS + 100
    cases = [case_of(item, "ab") for item in items_of(pairs[:500])]
    texts = [tokens_in(case.prompt.turns[-1] + case.first + case.second) for case in cases]
    return words + round(sum(texts) / len(texts))


def _timed(stage: Stage, parameters: float, node: Node, operations: int) -> Stage:
    peak = node.gpus * node.tflops * 1e12
    memory = node.gpus * node.terabytes_per_second * 1e12
    reading = 2 * parameters * stage.read / (READING * peak)
    # Of one token for each of a batch, the weights (two bytes each) come from memory once.
    writing = stage.written / BATCH * 2 * parameters / (WRITING * memory)
    writing = max(writing, 2 * parameters * stage.written / (READING * peak))
    learning = operations * parameters * stage.learnt / (LEARNING * peak)
    return Stage(
        name=stage.name,
        calls=stage.calls,
        read=stage.read,
        written=stage.written,
        learnt=stage.learnt,
        hours=(reading + writing + learning) / 3600,
    )
