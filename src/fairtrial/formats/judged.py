"""Judge benchmarks as they are published, read as rows of a pair file. Read `rows` first.

A shape is recognised by its columns:

- LLMBar (Zeng et al., arXiv:2310.07641): ``input``, ``output_1``, ``output_2``, ``label`` (1 or 2), perhaps ``subset``
  and ``item``. The authors' processed MT-Bench pairs have the same columns. Labels a, b and tie in these columns are
  our own and are left alone.
- PandaLM (Wang et al., arXiv:2306.05087): ``instruction``, ``input``, ``response1``, ``response2``, ``annotator1`` to
  ``annotator3`` (0 tie, 1, 2), ``cmp_key`` (two model names), ``motivation_app``, ``idx``.
- MT-Bench human judgments (Zheng et al., arXiv:2306.05685): one row a vote, ``question_id``, ``model_a``, ``model_b``,
  ``winner``, ``judge``, ``turn``, ``conversation_a``, ``conversation_b``. The original file was not at hand. The names
  of the columns, the winners ``model_a``, ``model_b``, ``tie`` and ``tie (inconsistent)``, and that a pair comes in
  both orders are taken from programs that read it; that a conversation goes on beyond the turn that was judged is
  assumed, and holds for shorter ones too.
- AlpacaEval (github.com/tatsu-lab/alpaca_eval): ``instruction``, ``output_1``, ``output_2``, ``preference`` (1, 2, in
  between, 0 for a tie, empty where it could not be read), perhaps ``generator_1``, ``generator_2``, ``annotator``,
  ``input``, ``dataset``. People's annotations have one row a vote and their number in ``annotator_index`` or, in an
  older version, ``annotator``. Those files were not at hand either; whether a number is the same person in every pair
  is not known.
- RewardBench (Lambert et al., arXiv:2403.13787): ``prompt``, ``chosen``, ``rejected``, ``chosen_model``,
  ``rejected_model``, ``subset``, ``id``; an ``id`` is taken to be unique within its subset only.
"""

import math
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fairtrial.formats import argilla
from fairtrial.formats.fields import FieldMap, MappedRow
from fairtrial.formats.rows import NumberedRow, Row

DECIDED = frozenset({"response_a", "response_b", "chosen", "rejected", "label", "annotators"})
"""A field map that names one of these says itself who is who; then nothing here applies."""
_OWN = {"a": "a", "b": "b", "tie": "tie"}
_LLMBAR = {"1": "a", "2": "b", **_OWN}
_PANDALM = {"0": "tie", "1": "a", "2": "b"}
_WINNERS = {"model_a": "a", "model_b": "b", "tie": "tie", "tie (inconsistent)": "tie"}
_FLIPPED = {"a": "b", "b": "a"}
_FILL = "Fill it in or take the row out."
_CORRECT = "Correct it, or take the row out."


def rows(path: Path, source: Iterable[NumberedRow]) -> Iterator[NumberedRow]:
    """The rows of a file; those of a known shape get our columns beside their own, and votes on one pair become a row.

    Rows of other shapes pass as they are. Pairs of several votes come last, under the number of their first row.

    Args:
        path: The file, for errors.
        source: Its rows.

    Raises:
        BadInput: A label that is none, or a column that is missing, naming file, row and field.
    """
    grouped: dict[Hashable, _Votes] = {}
    for number, raw in source:
        read = _shape(raw)
        if read is None:
            yield number, raw
            continue
        row = MappedRow(path=path, number=number, values=raw, fields=FieldMap(columns={}))
        found = read(row)
        if not isinstance(found, _Vote):
            yield number, _joined(raw, found)
            continue
        pair = (found.item, frozenset(found.sides))
        if pair in grouped:
            grouped[pair].add(row, found)
        else:
            grouped[pair] = _Votes(row, found)
    for votes in grouped.values():
        yield votes.number, votes.row()


def spoken(role: str, text: str) -> str | list[dict[str, str]]:
    """A text as a cell of a pair file: as it is, or as a chat of one message where it could be taken for a chat."""
    return [{"role": role, "content": text}] if text.lstrip()[:1] == "[" else text


def _joined(raw: Row, ours: Row) -> Row:
    """Our columns over the file's; one without a value leaves the file's own, but never another verdict."""
    return raw | {name: value for name, value in ours.items() if value is not None or name in DECIDED}


# --- votes on one pair ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Vote:
    """One row of a file with one row a vote."""

    item: Hashable
    """What is asked; with who answered it, this says which pair it is."""
    sides: tuple[Hashable, Hashable]
    """Who stands at a and at b."""
    row: Row
    rater: str
    column: str
    """The column of the rater's name, for errors."""
    label: str | None
    soft: float | None = None


@dataclass(slots=True)
class _Votes:
    """The votes on one pair, seen as its first row shows it."""

    first: MappedRow
    vote: _Vote
    said: dict[str, str] = field(default_factory=dict)
    soft: dict[str, float] = field(default_factory=dict)
    counted: int = 0

    def __post_init__(self) -> None:
        self.add(self.first, self.vote)

    @property
    def number(self) -> int:
        """Of the first row."""
        return self.first.number

    def add(self, row: MappedRow, vote: _Vote) -> None:
        """Count a vote, turned round where its row shows the two answers the other way round.

        Raises:
            BadInput: Other texts than in the first row, or a rater who says two things about one pair.
        """
        flipped = vote.sides != self.vote.sides
        texts = [vote.row[name] for name in ("response_a", "response_b")][:: -1 if flipped else 1]
        if texts != [self.vote.row[name] for name in ("response_a", "response_b")]:
            raise row.error(
                "conversation_a",
                f"the texts are not those of row {self.number}, which is the same question, turn and models.",
                "Give one of the two another question_id.",
            )
        if vote.label is None:
            return
        label = _FLIPPED.get(vote.label, vote.label) if flipped else vote.label
        before = self.said.setdefault(vote.rater, label)
        if before != label:
            raise row.error(
                vote.column,
                f"'{vote.rater:.80}' has said '{before}' of this pair already, and now '{label}'.",
                "Keep one of the two rows.",
            )
        self.counted += 1
        if vote.soft is not None:
            self.soft.setdefault(vote.rater, 3 - vote.soft if flipped else vote.soft)

    def row(self) -> Row:
        """The pair."""
        meta: Row = {"preferences": self.soft} if self.soft else {}
        if self.counted > len(self.said):
            meta["repeated_votes"] = self.counted - len(self.said)
        many = f"most of {len(self.said)} annotators" if len(self.said) > 1 else next(iter(self.said), "")
        label = _most(self.said.values())
        judged = {"annotators": self.said or None, "label": label, "label_source": many if label else None}
        return _joined(self.first.values, self.vote.row | judged | {"meta": meta or None})


def _most(labels: Collection[str]) -> str | None:
    """What more said than anything else; None where nothing leads."""
    best = Counter(labels).most_common(2)
    return best[0][0] if best and (len(best) == 1 or best[0][1] > best[1][1]) else None


# --- the shapes -------------------------------------------------------------------------------------------------------


def _shape(row: Row) -> Callable[[MappedRow], Row | _Vote] | None:
    """What reads a row of these columns."""
    if argilla.is_record(row):
        return None
    if {"conversation_a", "conversation_b", "winner"} <= row.keys():
        return _mt_bench
    if {"response1", "response2", "annotator1"} <= row.keys():
        return _pandalm
    if {"instruction", "output_1", "output_2", "preference"} <= row.keys():
        return _alpaca_eval
    if {"prompt", "chosen", "rejected", "chosen_model", "rejected_model"} <= row.keys():
        return _reward_bench
    own = str(row.get("label", "a")).strip().lower() in _OWN
    return _llmbar if {"input", "output_1", "output_2"} <= row.keys() and not own else None


def _llmbar(row: MappedRow) -> Row:
    return {
        **_named(row, "subset", "item"),
        "prompt": spoken("user", _text(row, "input")),
        "response_a": spoken("assistant", _text(row, "output_1")),
        "response_b": spoken("assistant", _text(row, "output_2")),
        "label": _label(row, "label", _LLMBAR),
        "category": row.values.get("subset"),
    }


def _pandalm(row: MappedRow) -> Row:
    raters = ("annotator1", "annotator2", "annotator3")
    said = {name: _given(row, name, _PANDALM) for name in raters}
    label = _most(said.values())
    key = row.text("cmp_key")
    models = key.split("_")
    known = len(models) == 2 and all(models)  # a name with '_' leaves open where the first one ends
    return {
        **_named(row, "idx"),
        "prompt": spoken("user", _instruction(row)),
        "response_a": spoken("assistant", _text(row, "response1")),
        "response_b": spoken("assistant", _text(row, "response2")),
        "label": label,
        "label_source": "majority of 3 annotators" if label else None,
        "annotators": said,
        "model_a": models[0] if known else None,
        "model_b": models[1] if known else None,
        "category": row.values.get("motivation_app"),
        "meta": None if known or not key else {"cmp_key": key},
    }


def _mt_bench(row: MappedRow) -> _Vote:
    question, a, b, judge, turn = (_word(row, name) for name in ("question_id", "model_a", "model_b", "judge", "turn"))
    if not turn.isdecimal() or len(turn) > 3 or int(turn) < 1:
        raise row.error("turn", f"must be 1 for the first turn, 2 for the second, found '{turn:.40}'.", _CORRECT)
    chats = [_conversation(row, name, turns=int(turn)) for name in ("conversation_a", "conversation_b")]
    if chats[0][::2] != chats[1][::2]:
        raise row.error("conversation_b", "the user asks something else than in 'conversation_a'.", _CORRECT)
    return _Vote(
        item=(question, int(turn)),
        sides=(a, b),
        row={
            **({} if row.has("id") else {"id": f"{question}/{a}/{b}/turn {int(turn)}"}),
            "response_a": chats[0],
            "response_b": chats[1],
            "category": f"turn {int(turn)}",
        },
        rater=judge,
        column="judge",
        label=_given(row, "winner", _WINNERS),
    )


def _alpaca_eval(row: MappedRow) -> Row | _Vote:
    label, soft = _preference(row)
    found: Row = {
        "prompt": spoken("user", _instruction(row)),
        "response_a": spoken("assistant", _text(row, "output_1")),
        "response_b": spoken("assistant", _text(row, "output_2")),
        "model_a": row.values.get("generator_1"),
        "model_b": row.values.get("generator_2"),
        "category": row.values.get("dataset"),
    }
    column = "annotator_index" if row.has("annotator_index") else "annotator"
    who = row.text(column).strip().removesuffix(".0")
    if column == "annotator" and not who.isdecimal():
        meta = None if soft is None else {"preference": soft}
        return found | {"label": label, "label_source": who if label else None, "meta": meta}
    texts = tuple(row.text(name) for name in ("instruction", "input"))
    a, b = ((row.text(f"generator_{n}"), row.text(f"output_{n}")) for n in (1, 2))
    rater = f"annotator{who}" if who.isdecimal() else who
    return _Vote(item=texts, sides=(a, b), row=found, rater=rater, column=column, label=label, soft=soft)


def _reward_bench(row: MappedRow) -> Row:
    subset, name = (row.text(column).strip() for column in ("subset", "id"))
    return {
        "id": f"{subset}/{name}" if subset and name else name or None,
        "model_a": row.values["chosen_model"],
        "model_b": row.values["rejected_model"],
        "category": subset or None,
    }


# --- values -----------------------------------------------------------------------------------------------------------


def _named(row: MappedRow, *columns: str) -> Row:
    """The id: the row's own, else made of these columns."""
    parts = [row.text(name).strip() for name in columns]
    return {} if row.has("id") or not parts[-1] else {"id": "/".join(part for part in parts if part)}


def _text(row: MappedRow, name: str) -> str:
    """A text that must be there, be it an empty one."""
    value = row.values.get(name)
    if value is None:
        raise row.error(name, "there is none in this row.", _FILL)
    return row.as_text(name, value)


def _word(row: MappedRow, name: str) -> str:
    """A text that must be there and say something."""
    text = _text(row, name).strip()
    if not text:
        raise row.error(name, "there is none in this row.", _FILL)
    return text


def _instruction(row: MappedRow) -> str:
    """The instruction and, after a blank line, what it is about, where there is something."""
    more = row.text("input")
    return f"{_text(row, 'instruction')}\n\n{more}" if more.strip() else _text(row, "instruction")


def _label(row: MappedRow, name: str, words: Mapping[str, str]) -> str | None:
    """A label in the file's own words, or None where it is empty."""
    word = row.text(name).strip().lower()
    plain = word.removesuffix(".0")  # as spreadsheets write whole numbers
    if word and plain not in words:
        raise row.error(name, f"unknown label '{word:.40}'; a label here is {', '.join(words)}.", _CORRECT)
    return words[plain] if word else None


def _given(row: MappedRow, name: str, words: Mapping[str, str]) -> str:
    """A label that must be there."""
    label = _label(row, name, words)
    if label is None:
        raise row.error(name, "there is none in this row.", _FILL)
    return label


def _preference(row: MappedRow) -> tuple[str | None, float | None]:
    """AlpacaEval's number as a label, and the number itself where it is a soft one."""
    value = row.values["preference"]
    if value is None or value == "":
        return None, None
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not (number == 0 or 1 <= number <= 2):
        raise row.error(
            "preference",
            f"unknown preference '{value!s:.40}'; known are 1, 2, what is between them, and 0 for a tie.",
            'Correct it, or leave it unread: label = "" in [fields].',
        )
    if number in (0, 1.5):
        return "tie", number or None
    return "a" if number < 1.5 else "b", None if number in (1, 2) else number


def _conversation(row: MappedRow, name: str, *, turns: int) -> list[dict[str, Any]]:
    """The first `turns` turns of a conversation: two messages each."""
    value = row.raw(name)
    chat = [one for one in value[: 2 * turns] if isinstance(one, Mapping)] if isinstance(value, list) else []
    texts = [one.get("content") for one in chat]
    if [one.get("role") for one in chat] != ["user", "assistant"] * turns or not all(isinstance(t, str) for t in texts):
        raise row.error(
            name,
            f"must begin with {turns} messages of the user, each with the assistant's answer.",
            'Write: [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}]',
        )
    return [{"role": one["role"], "content": text} for one, text in zip(chat, texts, strict=True)]
