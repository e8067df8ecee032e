"""Prompt files into a `PromptSet`: JSONL, JSON list, CSV, TSV, Parquet, each also gzipped.

Read `read_prompts` first. How a row becomes a `Prompt`:

- What is asked: exactly one of ``prompt`` (text), ``turns`` (list of the user's messages), ``messages`` (chat form: at
  most one system message, then user messages) or, in the field map, ``template`` (text with ``{column}`` holes).
- ``choices``: a list of texts; a list of ``{label, text}`` objects; an object of labels and texts (or of the two lists
  ``label`` and ``text``); several columns, mapped as ``"1,2,3"``; or the same for every row, ``"=yes,no"``.
- ``reference``: text. With choices it is an option's own label, its letter (A, B …) or its whole text (capitals matter
  only where two options differ in nothing else), and is kept as the letter; a number counts from ``reference_base``
  (``"0"`` or ``"1"``), which must then be mapped. With ``reference_after`` only what follows the last such mark counts
  (``"####"``). A list or object is kept as JSON text where the row's own scorer is ``json_schema`` or ``checks``.
- ``is_example``: true for a worked example, which few-shot strategies may show and which is never asked.
- ``id``, ``system``, ``scorer``, ``tags`` (list, or text with commas), ``language``, ``source``, ``licence``: plain.

In a cell of text, lists and objects are written as JSON.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from fairtrial.core import BadInput, Prompt, PromptSet, nearest
from fairtrial.formats.fields import FieldMap, MappedRow
from fairtrial.formats.rows import place, read_rows

ASKED = ("prompt", "turns", "messages")
FIELDS = (
    "id",
    *ASKED,
    "template",
    "system",
    "choices",
    "reference",
    "reference_base",
    "reference_after",
    "is_example",
    "scorer",
    "tags",
    "language",
    "source",
    "licence",
)
"""Every key that a trial file's ``[fields]`` may hold."""
MAX_PROMPTS = 1_000_000
_JSON_SCORERS = ("checks", "json_schema")


def read_prompts(path: Path | str, *, fields: Mapping[str, str] | None = None) -> PromptSet:
    """Read a prompt file; the set is named after the file.

    Args:
        path: The file; its name tells the format.
        fields: Our field = their column (see `FieldMap`), for files with names of their own.

    Returns:
        Prompts and examples in the file's order. Rows without an id are named ``row N``.

    Raises:
        BadInput: Naming file, row and field, and the next step.
    """
    path = Path(path)
    mapping = FieldMap.parse(_template_named(fields or {}), known=FIELDS)
    _check_settings(mapping)
    prompts: list[Prompt] = []
    examples: list[Prompt] = []
    rows: dict[str, int] = {}
    columns: dict[str, None] = {}
    for number, values in read_rows(path):
        row = MappedRow(path=path, number=number, values=values, fields=mapping)
        if values.keys() - columns.keys():
            columns |= dict.fromkeys(values)
        prompt = _prompt(row)
        if prompt.key in rows:
            raise row.error("id", f"'{prompt.key}' is already the id of row {rows[prompt.key]}.", "Make ids unique.")
        rows[prompt.key] = number
        (examples if _is_example(row) else prompts).append(prompt)
        if len(rows) > MAX_PROMPTS:
            raise BadInput(f"more than {MAX_PROMPTS:,} rows.", where=str(path), next_step="Split the file.")
    if not prompts:
        raise BadInput("the file holds no prompts.", where=str(path), next_step="Add at least one row.")
    mapping.check_found(path, columns)
    return PromptSet(name=path.name.split(".")[0] or path.name, prompts=tuple(prompts), examples=tuple(examples))


def _template_named(fields: Mapping[str, str]) -> dict[str, str]:
    """``prompt = "{a} {b}"`` is a template: no column is called that."""
    named = dict(fields)
    if re.search(r"\{\w", named.get("prompt", "")) and "template" not in named:
        named["template"] = named.pop("prompt")
    return named


def _check_settings(mapping: FieldMap) -> None:
    asked = [name for name in (*ASKED, "template") if mapping.columns.get(name)]
    if len(asked) > 1:
        raise BadInput(f"{' and '.join(asked)} say the same thing twice.", where="[fields]", next_step="Keep one.")
    if mapping.columns.get("reference_base", "0") not in ("0", "1"):
        raise BadInput("reference_base must be 0 or 1.", where="[fields]", next_step='Write: reference_base = "1"')


def _prompt(row: MappedRow) -> Prompt:
    system, turns = _asked(row)
    choices, labels = _choices(row)
    key = row.text("id").strip() or f"row {row.number}"
    return Prompt(
        key=key,
        turns=turns,
        system=system,
        choices=choices,
        reference=_reference(row, choices, labels),
        scorer=row.text("scorer").strip(),
        tags=_tags(row),
        language=row.text("language").strip(),
        source=row.text("source").strip(),
        licence=row.text("licence").strip(),
    )


def _is_example(row: MappedRow) -> bool:
    word = row.text("is_example").strip().lower()
    if word in ("", "false", "0", "no"):
        return False
    if word in ("true", "1", "yes"):
        return True
    raise row.error("is_example", f"must be true or false, found '{word}'.", "Write true or false.")


def _tags(row: MappedRow) -> tuple[str, ...]:
    value = row.raw("tags")
    if value is None:
        return ()
    if isinstance(value, list | tuple):
        return tuple(tag.strip() for tag in row.texts("tags", value))
    return tuple(tag.strip() for tag in row.as_text("tags", value).split(",") if tag.strip())


# --- what is asked ----------------------------------------------------------------------------------------------------


def _asked(row: MappedRow) -> tuple[str, tuple[str, ...]]:
    """The system text and the user's turns."""
    system = row.text("system")
    template = row.fields.columns.get("template")
    if template:
        return system, _turns(row, "template", [row.fill(template)])
    mapped = [name for name in ASKED if row.fields.columns.get(name)]
    given = [name for name in mapped or ASKED if row.has(name)]
    if not given:
        raise _nothing_asked(row, mapped)
    if len(given) > 1:
        raise row.error(given[0], f"the row also has '{given[1]}'.", 'Keep one, or map one: prompt = "column"')
    name = given[0]
    if name == "messages":
        own, turns = _messages(row)
        if own and system:
            raise row.error("messages", "the row has a system text as well.", 'Keep one, or map: system = ""')
        return own or system, _turns(row, name, turns)
    value = row.raw(name) if name == "turns" else row.fields.lookup(row.values, name)
    if name == "prompt":
        if not isinstance(value, str):
            raise row.error("prompt", f"must be text, found {value!r:.40}.", "Put the text in quotation marks.")
        value = [value]
    return system, _turns(row, name, value)


def _nothing_asked(row: MappedRow, mapped: list[str]) -> BadInput:
    column = row.fields.columns[mapped[0]] if mapped else "prompt"
    top = column.split(".", maxsplit=1)[0]
    if top in row.values:
        return row.error(mapped[0] if mapped else "prompt", "the row has no text.", "Fill it in or take the row out.")
    columns = ", ".join(str(name) for name in row.values)
    hint = nearest(column, row.values) if mapped else 'Say which one it is: [fields] prompt = "column"'
    return BadInput(
        f"there is no '{column}' here; the columns are: {columns}.",
        where=place(row.path, row.number),
        next_step=hint,
    )


def _turns(row: MappedRow, name: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, list | tuple) and not any(str(turn).strip() for turn in value):
        raise row.error(name, "the row has no text.", "Fill it in or take the row out.")
    return tuple(row.texts(name, value))


def _messages(row: MappedRow) -> tuple[str, list[str]]:
    value = row.raw("messages")
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise row.error("messages", "must be a list of messages.", 'Write: [{"role": "user", "content": "…"}]')
    system, turns = "", []
    for position, message in enumerate(value, 1):
        role = message.get("role")
        content = message.get("content")
        if not isinstance(content, str):
            raise row.error("messages", f"message {position} has no text as its content.", "Give it a plain text.")
        if role in ("system", "developer") and position == 1:
            system = row.as_text("messages", content)
        elif role == "user":
            turns.append(content)
        elif role == "assistant":
            raise row.error(
                "messages",
                f"message {position} is the assistant's; here the contestants speak for themselves.",
                "Keep the system and user messages only.",
            )
        else:
            raise row.error(
                "messages",
                f"message {position} has the role {role!r}.",
                "Use one system message at the start, then user messages.",
            )
    return system, turns


# --- choices and reference --------------------------------------------------------------------------------------------


def _choices(row: MappedRow) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The options' texts and, where the file has them, their own labels."""
    column = row.fields.columns.get("choices", "choices")
    labels: list[str] = []
    if column.startswith("="):
        value: Any = column[1:].split(",")
    elif "," in column and column not in row.values:
        value = [_one_choice(row, name.strip()) for name in column.split(",")]
    else:
        value = row.raw("choices")
    if value is None:
        return (), ()
    if isinstance(value, dict):
        labels, value = _labelled(row, value)
    elif isinstance(value, list) and value and all(isinstance(entry, dict) for entry in value):
        labels = [row.as_text("choices", entry.get("label", "")) for entry in value]
        value = [entry.get("text") for entry in value]
    texts = tuple(text.strip() for text in row.texts("choices", value))
    if not 2 <= len(texts) <= len(ascii_uppercase):
        raise row.error(
            "choices", f"{len(texts)} option(s).", f"Give between 2 and {len(ascii_uppercase)}, as a list of texts."
        )
    return texts, tuple(label.strip() for label in labels)


def _one_choice(row: MappedRow, column: str) -> Any:
    value = row.fields.column(row.values, column)
    if not isinstance(value, str | int | float):
        raise row.error("choices", f"there is no '{column}'.", nearest(column, row.values))
    return value


def _labelled(row: MappedRow, value: dict[str, Any]) -> tuple[list[str], Any]:
    """``{"label": […], "text": […]}``, or ``{"A": "…", "B": "…"}``."""
    if isinstance(value.get("text"), list):
        labels = value.get("label") or []
        if labels and len(labels) != len(value["text"]):
            raise row.error("choices", "not as many labels as texts.", "Give each option a label and a text.")
        return [row.as_text("choices", label) for label in labels], value["text"]
    return list(value), list(value.values())


def _reference(row: MappedRow, choices: tuple[str, ...], labels: tuple[str, ...]) -> str | None:
    value = row.fields.lookup(row.values, "reference")
    if isinstance(value, list | dict) and row.text("scorer").strip() in _JSON_SCORERS:
        return row.as_text("reference", _as_json(row, value))
    reference = row.text("reference").strip()
    mark = row.fields.columns.get("reference_after")
    if reference and mark:
        if mark not in reference:
            raise row.error("reference", f"does not hold the mark '{mark}'.", "Correct the row, or reference_after.")
        reference = reference.rpartition(mark)[2].strip()
    if not reference:
        return None
    return _letter(row, reference, choices, labels) if choices else reference


def _as_json(row: MappedRow, value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise row.error("reference", f"cannot be written as JSON: {error}.", "Write it as JSON text.") from None


def _letter(row: MappedRow, reference: str, choices: tuple[str, ...], labels: tuple[str, ...]) -> str:
    """The letter of the option that `reference` names, by label, letter, text or number."""
    letters = ascii_uppercase[: len(choices)]
    base = row.fields.columns.get("reference_base")
    if base is not None:
        position = int(reference) - int(base) if reference.isascii() and reference.isdigit() else -1
        if not 0 <= position < len(choices):
            raise row.error(
                "reference",
                f"'{reference}' is not one of the {len(choices)} options counted from {base}.",
                "Correct it, or reference_base in [fields].",
            )
        return letters[position]
    named = {letter for letter, label in zip(letters, labels, strict=False) if label and label == reference}
    options = tuple(zip(letters, choices, strict=True))
    if not named:
        named = {letter for letter, text in options if reference in (letter, text)}
    if not named:
        low = reference.casefold()
        named = {letter for letter, text in options if low in (letter.casefold(), text.casefold())}
    if len(named) > 1:
        raise row.error(
            "reference", f"'{reference}' may mean {' or '.join(sorted(named))}.", "Give the options different texts."
        )
    if not named:
        number = reference.isascii() and reference.isdigit()
        raise row.error(
            "reference",
            f"'{reference}' is neither an option's letter ({letters[0]}–{letters[-1]}) nor its text.",
            'Say where numbers start: [fields] reference_base = "0" or "1"' if number else "Correct it.",
        )
    return named.pop()
