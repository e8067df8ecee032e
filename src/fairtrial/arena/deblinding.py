"""The de-blinding audit: how well a simple program tells from the texts alone which contestant wrote an answer.

Names are masked, but habits remain: length, lists, favourite words. Whoever can tell the models apart can vote for one
of them on purpose; Huang et al. (2025, arXiv:2501.07493) did so with bags of words. Read `audit` first.
"""

import logging
import re
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.sparse import csr_array, diags_array
from sqlalchemy import select

from fairtrial.arena.ballots import Ballot, as_ballot
from fairtrial.arena.blinding import Blinding
from fairtrial.arena.clock import now
from fairtrial.arena.duplicates import plain
from fairtrial.contestants.style import style
from fairtrial.stats import BoolArray, FloatArray, IntArray, Proportion, proportion
from fairtrial.stats.softmax import hashed, log_chances, softmax_regression
from fairtrial.store import Store
from fairtrial.store.arena_tables import ballots

_log = logging.getLogger("fairtrial.arena")

BATTLES = 1000
"""The newest battles that an audit looks at."""
LEAST_ANSWERS = 20
"""A contestant with fewer answers is left out."""
LEAST_PROMPTS = 10
"""Fewer prompts cannot be parted into those learnt from and those guessed at."""
_PAUSE, _SHORT_PAUSE = 600.0, 5.0  # seconds between the beginnings of two audits; while there are too few votes
_LEARNT = 3 / 5  # of the prompts
_WIDTH = 1 << 13  # columns that words and pairs of words are hashed to
_PENALTY = {"habits": 1e-3, "words": 3e-4}
_PIECE = re.compile(r"\w+|[^\w\s]|\n")
_SIGNS = ".,:;!?()\"'*-\n"


class Stopped(Exception):
    """The audit was told to end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """The two answers of one battle, as a voter saw them."""

    a: str
    """Id of the contestant that wrote `text_a`."""
    b: str
    text_a: str
    text_b: str
    prompt: str
    """What they answered; battles on one prompt are learnt from or guessed at together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guesses:
    """How often a program that looks at some features was right, on prompts that it had not learnt from."""

    who: Proportion
    """Answers whose contestant it named, of all contestants; clustered by prompt."""
    which: Proportion
    """Battles in which it put two names right that it was told; one half by chance. Clustered by prompt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What an audit found."""

    at: str
    battles: int
    """Learnt from or guessed at."""
    guessed_at: int
    contestants: int
    left_out: int
    """Contestants with fewer than `least_answers` answers."""
    chance: float
    """Answers of the contestant that has most: what naming always that one achieves."""
    habits: Guesses
    """By length, layout and punctuation alone."""
    words: Guesses
    """By words and pairs of words."""
    each: dict[str, Proportion]
    """Contestant id to the share of its battles in which `words` put the names right, least hidden first."""
    least_answers: int = LEAST_ANSWERS


@dataclass(frozen=True, slots=True, kw_only=True)
class TooFew:
    """Why there can be no audit yet."""

    contestants: int
    """With enough answers."""
    prompts: int
    least_answers: int = LEAST_ANSWERS
    least_prompts: int = LEAST_PROMPTS


def audit(battles: Sequence[Answers], *, go_on: Callable[[], bool] = lambda: True) -> Audit | TooFew:
    """Guess the contestants of some of the `battles` from what was learnt from the others.

    Multinomial logistic regression learns from the battles on three fifths of the prompts and guesses at the rest, so
    it has to know a contestant's habits and not the answer to one prompt. Words weigh log(1 + count) times their
    inverse document frequency, rows have length 1 (Salton & Buckley 1988). The prompts are parted once, not crossed:
    intervals of cross-validated rates are too short (Bates, Hastie & Tibshirani 2024; where names were given by lot,
    five folds' 95 % intervals missed one half in 14 % of cases, see benchmarks/deblinding.py).

    Args:
        battles: In any order. A contestant with fewer than `LEAST_ANSWERS` answers is left out with its battles.
        go_on: Asked between steps.

    Raises:
        Stopped: `go_on` said no.
    """
    counts = Counter(name for one in battles for name in (one.a, one.b))
    names = sorted(name for name, count in counts.items() if count >= LEAST_ANSWERS)
    kept = [one for one in battles if one.a in names and one.b in names]
    prompts = {one.prompt for one in kept}
    if len(names) < 2 or len(prompts) < LEAST_PROMPTS:
        return TooFew(contestants=len(names), prompts=len(prompts))
    place = {name: k for k, name in enumerate(names)}
    classes = np.array([place[name] for one in kept for name in (one.a, one.b)])
    learnt = _learnt([one.prompt for one in kept])
    _check(go_on)
    texts = [text for one in kept for text in (one.text_a, one.text_b)]
    guessed = {}
    for kind, features, prepared in (("words", _words, _by_rarity), ("habits", _habits, _by_spread)):
        rows = prepared(features(texts), learnt)
        _check(go_on)
        weights = softmax_regression(rows[learnt], classes[learnt], len(names), penalty=_PENALTY[kind])
        guessed[kind] = log_chances(rows[~learnt], weights)
    truth = classes[~learnt]
    groups = [one.prompt for one, known in zip(kept, learnt[::2], strict=True) if not known]
    right = _put_right(guessed["words"], truth)
    each = {}
    for name in names:
        mine = np.flatnonzero((truth[0::2] == place[name]) | (truth[1::2] == place[name]))
        if len(mine):
            each[name] = proportion(right[mine], [groups[n] for n in mine])
    return Audit(
        at=now(),
        battles=len(kept),
        guessed_at=len(groups),
        contestants=len(names),
        left_out=len(counts) - len(names),
        chance=float(np.bincount(truth).max() / len(truth)),
        habits=_rates(guessed["habits"], truth, groups),
        words=_rates(guessed["words"], truth, groups),
        each=dict(sorted(each.items(), key=lambda item: -item[1].estimate)),
    )


def gather(store: Store, blinding: Blinding, *, go_on: Callable[[], bool] = lambda: True) -> list[Answers]:
    """The newest battles that were voted on or skipped, as their voters saw them; tasks and probes are left out.

    Raises:
        Stopped: `go_on` said no.
    """
    query = (
        select(ballots)
        .where(ballots.c.state.in_(("voted", "skipped")), ballots.c.task.is_(None))
        .order_by(ballots.c.opened.desc())
        .limit(BATTLES)
    )
    with store.reading() as connection:  # masking takes seconds, for which no snapshot is held
        rows = connection.execute(query).all()
    found = []
    for row in rows:
        _check(go_on)
        ballot = as_ballot(row)
        if ballot.said.a and ballot.said.b:
            found.append(_as_seen(ballot, blinding))
    return found


class Auditor:
    """Makes an audit when there are enough new votes, in a thread of its own. Read `look` first.

    Args:
        store: Where the battles are.
        blinding: Gives the blinding by which names are masked now.
        clock: Seconds now.
    """

    def __init__(
        self, store: Store, blinding: Callable[[], Blinding], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store, self._blinding, self._clock = store, blinding, clock
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="audit")
        self._stop = threading.Event()
        self._running: Future[Audit | TooFew] | None = None
        self._found: Audit | TooFew | None = None
        self._votes, self._began = 0, -np.inf

    def look(self, votes: int) -> Audit | TooFew | None:
        """The newest audit; None while the first is being made.

        A new one begins when the votes have grown by a twentieth since the last began, at most every ten minutes; while
        there are too few votes for one, every few seconds.
        """
        if self._running is not None and self._running.done():
            ended, self._running = self._running, None
            if (error := ended.exception()) is None:
                self._found = ended.result()
            else:  # the page stands without it, and the next one is tried after a while
                _log.error("the audit of blindness could not be made", exc_info=error)
        pause = _PAUSE if isinstance(self._found, Audit) else _SHORT_PAUSE
        due = self._found is None or votes > self._votes * 1.05
        if self._running is None and due and self._clock() - self._began > pause:
            self._votes, self._began = votes, self._clock()
            self._running = self._thread.submit(self._made)
        return self._found

    def wait(self) -> None:
        """Until the audit that is being made is there."""
        if self._running is not None:
            self._running.result()

    def close(self) -> None:
        """End; an audit in the making is given up."""
        self._stop.set()
        self._thread.shutdown(cancel_futures=True)

    def _made(self) -> Audit | TooFew:
        go_on = lambda: not self._stop.is_set()  # noqa: E731
        return audit(gather(self._store, self._blinding(), go_on=go_on), go_on=go_on)


def _as_seen(ballot: Ballot, blinding: Blinding) -> Answers:
    asked = "\n".join(ballot.said.prompts)

    def seen(turns: Sequence[str]) -> str:
        return "\n".join(blinding.mask(text, asked).text for text in turns)

    return Answers(
        a=ballot.pairing.a,
        b=ballot.pairing.b,
        text_a=seen(ballot.said.a),
        text_b=seen(ballot.said.b),
        prompt=plain(asked),
    )


def _check(go_on: Callable[[], bool]) -> None:
    if not go_on():
        raise Stopped


def _learnt(prompts: Sequence[str]) -> BoolArray:
    """Of each answer, whether it is learnt from: those on the prompts whose digests come first."""
    dealt = sorted(set(prompts), key=lambda one: (zlib.crc32(one.encode()), one))
    known = set(dealt[: round(_LEARNT * len(dealt))])
    return np.repeat([one in known for one in prompts], 2)


def _put_right(guessed: FloatArray, classes: IntArray) -> FloatArray:
    """1 for a battle whose two names were put right, 0 for one where they were not, ½ where nothing was to choose."""
    a, b, battle = classes[0::2], classes[1::2], np.arange(len(classes) // 2)
    straight = guessed[0::2][battle, a] + guessed[1::2][battle, b]
    crossed = guessed[0::2][battle, b] + guessed[1::2][battle, a]
    return np.asarray((np.sign(straight - crossed) + 1) / 2)


def _rates(guessed: FloatArray, classes: IntArray, groups: Sequence[str]) -> Guesses:
    named = (guessed.argmax(axis=1) == classes).astype(np.float64)
    return Guesses(
        who=proportion(named, [one for one in groups for _ in range(2)]),
        which=proportion(_put_right(guessed, classes), list(groups)),
    )


def _words(texts: Sequence[str]) -> csr_array:
    rows = []
    for text in texts:
        pieces = _PIECE.findall(text.lower())
        counts = Counter(zlib.crc32(one.encode()) % _WIDTH for one in pieces)
        counts.update(zlib.crc32(f"{u} {v}".encode()) % _WIDTH for u, v in pairwise(pieces))
        rows.append({key: float(np.log1p(count)) for key, count in counts.items()})
    return hashed(rows, _WIDTH)


def _habits(texts: Sequence[str]) -> csr_array:
    names = [*style(""), "headings", "list_items", "bold", "code_blocks", "emoji"]
    rows = []
    for text in texts:
        counts, size = style(text), max(len(text), 1)
        told = [float(np.log1p(counts.get(name, 0))) for name in names]
        told += [float(np.log1p(1000 * text.count(sign) / size)) for sign in _SIGNS]
        capitals, digits = (sum(map(kind, text)) / size for kind in (str.isupper, str.isdigit))
        rows.append(dict(enumerate([*told, capitals, digits])))
    return hashed(rows, len(rows[0]))


def _by_rarity(counts: csr_array, learnt: BoolArray) -> csr_array:
    held = np.bincount(counts[learnt].indices, minlength=counts.shape[1])
    weighed = csr_array(counts @ diags_array(np.log((1 + learnt.sum()) / (1 + held)) + 1))
    length = np.sqrt(np.asarray((weighed * weighed).sum(axis=1)).ravel())
    return csr_array(diags_array(1 / np.maximum(length, 1e-9)) @ weighed)


def _by_spread(values: csr_array, learnt: BoolArray) -> csr_array:
    dense = values.toarray()
    spread = dense[learnt].std(axis=0)
    return csr_array((dense - dense[learnt].mean(axis=0)) / np.where(spread > 0, spread, 1.0))
