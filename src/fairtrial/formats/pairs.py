"""Pair files: two answers to one prompt; JSONL, JSON, CSV, TSV, Parquet, each also gzipped. Read `read_pairs` first.

How a row becomes a `Pair`:

- ``prompt``: a text, or a chat whose last message is the user's. In the field map it may be a template with
  ``{column}`` holes.
- The answers: ``response_a`` and ``response_b``; or ``chosen`` and ``rejected``, which also say who won. Texts, or
  chats as TRL writes them (then the part that both share may stand in for the prompt; they may part before the last
  answer, where the user says the same in both).
- ``id``, ``system``, ``label`` (a, b, tie or empty), ``label_source``, ``annotators`` (a list of labels, or an object
  {rater: label}), ``model_a``, ``model_b``, ``language``, ``category``, ``probe`` (true for an attention probe, which
  needs a label), ``meta``.

Columns of other names are found where they leave no doubt (``instruction``, ``output_1`` and ``output_2`` …); else the
field map names them. Records exported from Argilla (`formats.argilla`) and published judge benchmarks
(`formats.judged`) are read as they are.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast, get_args

from fairtrial.core import BadInput, canonical_json
from fairtrial.formats import argilla, judged
from fairtrial.formats.fields import FieldMap, MappedRow
from fairtrial.formats.rows import Row, place, read_rows

Label = Literal["a", "b", "tie"]
FIELDS = (
    "id",
    "prompt",
    "template",
    "system",
    "response_a",
    "response_b",
    "chosen",
    "rejected",
    "label",
    "label_source",
    "annotators",
    "model_a",
    "model_b",
    "language",
    "category",
    "probe",
    "meta",
)
"""Every key of a field map for pairs."""
MAX_PAIRS = 100_000
MAX_TEXT = 200_000
"""Most characters of one text: more than anyone reads before a vote."""
MAX_NAME = 200
_MAX_META = 10_000
_ASKED = ("prompt", "instruction", "question", "query", "input")
_ANSWER = re.compile(r"(?:response|completion|output|answer|generations?|reply)[ _.-]?([abAB012])")
_ENDS = ({"a", "b"}, {"A", "B"}, {"0", "1"}, {"1", "2"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two answers to one prompt; `prompts`, `a` and `b` have one text for each turn."""

    key: str
    prompts: tuple[str, ...]
    a: tuple[str, ...]
    b: tuple[str, ...]
    system: str = ""
    label: Label | None = None
    label_source: str = ""
    annotators: tuple[Label, ...] = ()
    """What each of several annotators said."""
    raters: tuple[str, ...] = ()
    """Their names, in the same order; empty when unknown."""
    model_a: str = ""
    model_b: str = ""
    language: str = ""
    category: str = ""
    probe: bool = False
    """Whether it only tests attention; its label is what an attentive rater says."""
    meta: dict[str, Any] = field(default_factory=dict)


class _Turn(NamedTuple):
    role: str
    text: str


def winner_share(pairs: Iterable[Pair]) -> float | None:
    """The share of decided labels that are a, or None without any: far from one half, always saying a does well.

    Files of ``chosen`` and ``rejected`` put the winner at a, so theirs is 1.
    """
    decided = [pair.label for pair in pairs if pair.label in ("a", "b")]
    return decided.count("a") / len(decided) if decided else None


def read_pairs(path: Path | str, *, fields: Mapping[str, str] | None = None) -> tuple[Pair, ...]:
    """All pairs of a file, or an error and none.

    Args:
        path: The file; its name tells the format.
        fields: Our field = their column (see `FieldMap`), for files with names of their own.

    Raises:
        BadInput: Naming file, row and field, and the next step.
    """
    path = Path(path)
    named = dict(fields or {})
    if re.search(r"\{\w", str(named.get("prompt", ""))) and "template" not in named:
        named["template"] = named.pop("prompt")
    mapping = FieldMap.parse(named, known=FIELDS)
    pairs: list[Pair] = []
    seen: dict[str, int] = {}
    columns: dict[str, None] = {}
    shapes: dict[tuple[object, ...], FieldMap] = {}
    rows = read_rows(path)
    for number, raw in rows if judged.DECIDED & named.keys() else judged.rows(path, rows):
        record = argilla.is_record(raw)
        values = argilla.flat(raw) if record else raw
        columns |= dict.fromkeys(map(str, values))
        shape = (record, *values)
        if shape not in shapes:
            shapes[shape] = _guessed(values, mapping, record=record)
        row = MappedRow(path=path, number=number, values=values, fields=shapes[shape])
        if record:
            values |= _judged(row, raw, question=named.get("label", ""))
        pair = _pair(row)
        if pair.key in seen:
            raise BadInput(
                f"'{pair.key:.80}' is already the id of row {seen[pair.key]}.",
                where=place(path, number, "id"),
                next_step="Make ids unique.",
            )
        seen[pair.key] = number
        pairs.append(pair)
        if len(pairs) > MAX_PAIRS:
            raise BadInput(f"more than {MAX_PAIRS:,} pairs.", where=str(path), next_step="Split the file.")
    if not pairs:
        raise BadInput("the file holds no pairs.", where=str(path), next_step="Add at least one row.")
    mapping.check_found(path, columns)
    return tuple(pairs)


# --- which column is what ---------------------------------------------------------------------------------------------


def _guessed(values: Row, mapping: FieldMap, *, record: bool) -> FieldMap:
    """The field map, with what a row of these columns leaves no doubt about.

    It shares `found` with the given one, so that a mapped column that no row has is still told.
    """
    columns = dict(mapping.columns)
    if record and columns.get("label"):
        del columns["label"]  # names the question, whose answers `_judged` puts into columns of our own names
    names = [str(name) for name in values]
    if not {"prompt", "template"} & columns.keys() and "prompt" not in names:
        asked = [name for name in _ASKED if name in names]
        if len(asked) == 1:
            columns["prompt"] = asked[0]
    given = {"response_a", "response_b", "chosen", "rejected"}
    if not given & columns.keys() and not given & set(names):
        found = {match.group(1): name for name in names if (match := _ANSWER.fullmatch(name))}
        if set(found) in _ENDS:
            columns["response_a"], columns["response_b"] = (found[end] for end in sorted(found))
    return FieldMap(columns=columns, found=mapping.found)


def _judged(row: MappedRow, record: Row, *, question: str) -> Row:
    """What annotators said of an Argilla record's two answers, as our columns."""
    if row.fields.columns.get("label") == "":
        return {"annotators": None, "label": None}
    row.fields.found.update(argilla.questions(record))
    first, second, known = _answer_fields(row)
    a, b = (row.fields.columns.get(name, name).rpartition(".")[2] for name in (first, second))
    said = argilla.verdicts(record, a, b, question=question, where=place(row.path, row.number))
    best = Counter(said).most_common(2)
    decided = known is None and best and (len(best) == 1 or best[0][1] > best[1][1])
    return {
        "annotators": said,
        "label": best[0][0] if decided else None,
        "label_source": f"most of {len(said)} annotators" if decided else None,
    }


# --- one row ----------------------------------------------------------------------------------------------------------


def _pair(row: MappedRow) -> Pair:
    first, second, label = _answer_fields(row)
    chats = [_turns(row, name, row.raw(name)) for name in (first, second)]
    asked = _asked(row)
    shared = _shared(*chats)
    if shared:  # chats that begin with what was asked
        asked, chats = chats[0][:shared], [chat[shared:] for chat in chats]
    system = row.text("system")
    if asked and asked[0].role == "system":
        system, asked = asked[0].text, asked[1:]
    prompts, past = _history(row, asked)
    more, a, b = _sides(row, first, second, chats)
    if not (a[-1] or b[-1]):
        raise row.error(first, "both answers are empty.", "Fill them in or take the row out.")
    raters, annotators = _votes(row)
    said = _label(row, "label", row.text("label")) if row.has("label") else None
    if label is not None and said is not None:
        raise row.error("label", "'chosen' and 'rejected' say who won already.", "Take one of them out.")
    label = label or said
    pair = Pair(
        key=_name(row, "id") or f"row {row.number}",
        prompts=prompts + more,
        a=past + a,
        b=past + b,
        system=_capped(row, "system", system),
        label=label,
        label_source=_name(row, "label_source"),
        annotators=annotators,
        raters=raters,
        model_a=_name(row, "model_a"),
        model_b=_name(row, "model_b"),
        language=_name(row, "language"),
        category=_name(row, "category"),
        probe=_truth(row),
        meta=_meta(row),
    )
    if pair.probe and label is None:
        raise row.error("probe", "a probe needs a label: what an attentive rater says.", "Fill in 'label'.")
    return pair


def _answer_fields(row: MappedRow) -> tuple[str, str, Label | None]:
    """The names of the two answers' fields, and who won where that is said by them."""
    plain = [name for name in ("response_a", "response_b") if _there(row, name)]
    judged = [name for name in ("chosen", "rejected") if _there(row, name)]
    if plain and judged:
        raise row.error(plain[0], f"the row also has '{judged[0]}'.", 'Keep one of the two, or map: chosen = ""')
    if len(plain) == 2:
        return "response_a", "response_b", None
    if len(judged) == 2:
        return "chosen", "rejected", "a"
    columns = ", ".join(str(name) for name in row.values)
    wanted = ("chosen", "rejected") if judged else ("response_a", "response_b")
    name = next(name for name in wanted if name not in plain + judged)
    raise row.error(
        name,
        f"there is no such answer; the columns are: {columns:.300}.",
        'Say which columns hold the two answers: [fields] response_a = "column", response_b = "column"',
    )


def _there(row: MappedRow, name: str) -> bool:
    """Whether there is such an answer, be it an empty one: models do answer nothing, and that can be rated."""
    column = row.fields.columns.get(name, name)
    value = row.values.get(column) if column else None
    return row.has(name) or (isinstance(value, str) and not value)


def _asked(row: MappedRow) -> list[_Turn]:
    template = row.fields.columns.get("template")
    if template:
        return [_Turn("user", _capped(row, "template", row.fill(template)))]
    return _turns(row, "prompt", row.raw("prompt"), role="user") if row.has("prompt") else []


def _turns(row: MappedRow, name: str, value: Any, *, role: str = "assistant") -> list[_Turn]:
    """A text as one turn, or the messages of a chat."""
    if not (isinstance(value, list) and value and all(isinstance(one, dict) and "role" in one for one in value)):
        text = row.text(name)
        return [_Turn(role, _filled(row, name, text) if role == "user" else _capped(row, name, text))]
    turns = []
    for position, message in enumerate(value, 1):
        who, content = message.get("role"), message.get("content")
        if who not in ("system", "user", "assistant") or not isinstance(content, str):
            raise row.error(
                name,
                f"message {position} has no role of system, user or assistant, or no text.",
                'Write: [{"role": "user", "content": "…"}]',
            )
        check = _capped if who == "assistant" else _filled  # models do answer nothing
        turns.append(_Turn(str(who), check(row, name, row.as_text(name, content))))
    return turns


def _shared(a: list[_Turn], b: list[_Turn]) -> int:
    """How many messages two chats have in common before they part; the last of each is its own."""
    most = min(len(a), len(b)) - 1
    return next((k for k in range(most) if a[k] != b[k]), most)


def _history(row: MappedRow, asked: list[_Turn]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The user's messages, and the answers that were given before the last one."""
    roles = [turn.role for turn in asked]
    if not asked:
        raise row.error(
            "prompt",
            f"there is nothing that was asked; the columns are: {', '.join(map(str, row.values)):.300}.",
            'Say which one it is: [fields] prompt = "column", or "{column} {column}" for several',
        )
    if roles != ["user", "assistant"] * (len(roles) // 2) + ["user"]:
        raise row.error("prompt", "the chat must alternate and end with the user.", "Leave the answers out of it.")
    return tuple(t.text for t in asked[::2]), tuple(t.text for t in asked[1::2])


def _sides(
    row: MappedRow, first: str, second: str, chats: list[list[_Turn]]
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """What else the user said in two chats that parted before their last answers, and all answers of each."""
    for name, chat in zip((first, second), chats, strict=True):
        if [turn.role for turn in chat] != ["assistant", "user"] * (len(chat) // 2) + ["assistant"]:
            raise row.error(name, "must be one answer of the assistant.", "Put what went before into 'prompt'.")
    asked, other = (tuple(turn.text for turn in chat[1::2]) for chat in chats)
    if asked != other:
        raise row.error(second, f"the user asks something else than in '{first}'.", "Compare answers to one question.")
    a, b = (tuple(turn.text for turn in chat[::2]) for chat in chats)
    return asked, a, b


def _filled(row: MappedRow, name: str, text: str) -> str:
    if not text.strip():
        raise row.error(name, "there is no text.", "Fill it in or take the row out.")
    return _capped(row, name, text)


def _capped(row: MappedRow, name: str, text: str) -> str:
    if len(text) > MAX_TEXT:
        raise row.error(name, f"has {len(text):,} characters; at most {MAX_TEXT:,} are allowed.", "Shorten it.")
    return text


def _name(row: MappedRow, name: str) -> str:
    return _short(row, name, row.text(name))


def _short(row: MappedRow, name: str, text: str) -> str:
    text = text.strip()
    if len(text) > MAX_NAME or not text.isprintable():
        raise row.error(name, f"must be at most {MAX_NAME} printable characters.", "Shorten it.")
    return text


def _label(row: MappedRow, name: str, value: str) -> Label | None:
    word = value.strip().lower()
    if word not in (*get_args(Label), ""):
        raise row.error(
            name,
            f"unknown label '{value:.40}'; a label is a, b, tie or empty.",
            f'Write one of these, or do not read the column: {name} = "" in [fields].',
        )
    return cast("Label", word) if word else None


def _votes(row: MappedRow) -> tuple[tuple[str, ...], tuple[Label, ...]]:
    """Who said what of the two answers; the first is empty where only what was said is known."""
    value = row.raw("annotators")
    if isinstance(value, Mapping):
        names = [_short(row, "annotators", row.as_text("annotators", name)) for name in value]
        if not all(names) or len(set(names)) < len(names):
            raise row.error("annotators", "every rater needs a name of their own.", 'Write: {"rater 1": "a"}')
    elif value is None or isinstance(value, list | tuple):
        names = []
    else:
        raise row.error("annotators", "must be a list of labels or an object.", 'Write: ["a", "b"] or {"rater": "a"}')
    said = value.values() if isinstance(value, Mapping) else value or ()
    labels = [
        _label(row, "annotators", "" if names and one is None else row.as_text("annotators", one)) for one in said
    ]
    known = [name for name, label in zip(names, labels, strict=False) if label is not None]
    return tuple(known), tuple(label for label in labels if label is not None)


def _truth(row: MappedRow) -> bool:
    word = row.text("probe").strip().lower()
    if word in ("", "false", "0", "no"):
        return False
    if word in ("true", "1", "yes"):
        return True
    raise row.error("probe", f"must be true or false, found '{word:.40}'.", "Write true or false.")


def _meta(row: MappedRow) -> dict[str, Any]:
    value = row.raw("meta")
    if value is None:
        return {}
    try:
        size = len(canonical_json(value)) if isinstance(value, dict) else _MAX_META + 1
    except (ValueError, TypeError, RecursionError):
        size = _MAX_META + 1
    if size > _MAX_META:
        raise row.error("meta", f"must be an object of at most {_MAX_META:,} bytes.", 'Leave it out: meta = ""')
    return dict(value)
