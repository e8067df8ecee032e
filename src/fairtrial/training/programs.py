"""Instructions that a program can check, and answers that a program writes to them. Read `draw_task`, then `write`.

The better answer does what is asked, the worse one does what the same instruction with one parameter changed asks:
closely related, not the same, and known to be worse without anybody's opinion. Both come from the same writer, so that
neither is longer or better made than the other for another reason.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from fairtrial.core import BadInput, nearest
from fairtrial.evaluators.checkers import check, describe, near
from fairtrial.evaluators.instructions import Language, Spec
from fairtrial.evaluators.json_answers import find_json
from fairtrial.evaluators.passages import (
    count_lines,
    count_sentences,
    count_words,
    first_letter,
    language,
    lines,
    without_bullet,
)
from fairtrial.training import _vocabulary as vocabulary
from fairtrial.training._vocabulary import Subject

if TYPE_CHECKING:
    from numpy.random import Generator

TRIES = 40
"""Answers written before a task is given up: two that both checks tell apart are usually found at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """An instruction with its check."""

    family: str
    request: str
    """What the answer is about; with the words of the check it is the instruction."""
    spec: Spec
    subject: Subject
    language: Language = "en"

    @property
    def text(self) -> str:
        """The instruction."""
        if self.family == "sums":
            return self.request.format(*self.spec["sum"])
        return f"{self.request} {describe(self.spec, self.language)}"


def draw_task(family: str, rng: "Generator", *, tongue: Language = "en") -> Task:
    """A task of a family: a subject, a check with parameters drawn anew, and the words that ask for it.

    Raises:
        BadInput: No such family.
    """
    if family not in FAMILIES:
        raise BadInput(f"there is no family '{family}'.", where="families", next_step=nearest(family, FAMILIES))
    if tongue != "en" and family in ENGLISH_ONLY:
        raise BadInput(f"the family '{family}' is English only.", where="families", next_step="Leave it out.")
    subject = _pick(rng, vocabulary.SUBJECTS[tongue])
    spec = FAMILIES[family](rng, subject)
    wordings = vocabulary.REQUESTS.get(family, vocabulary.REQUESTS[""])[tongue]
    request = _pick(rng, wordings).replace("{kind}", subject.kind)
    return Task(family=family, request=request, spec=spec, subject=subject, language=tongue)


def changed_task(task: Task, rng: "Generator") -> Task:
    """The task with one parameter of its check changed, on the same subject.

    A task becomes another as often as the other becomes it: were 1 and 7 items only ever what a task of 2 … 6 is
    changed to, the answers alone would say which is worse.
    """
    if task.family == "sums":
        return replace(task, spec=_sum_near(task.spec, rng))
    if task.family in _OTHER_COUNTS:
        other = _pick(rng, _OTHER_COUNTS[task.family][task.spec["exactly"]])
        return replace(task, spec={**task.spec, "exactly": other})
    if task.family == "lacks":
        others = [word for word in task.subject.members if word != task.spec["text"]]
        return replace(task, spec={**task.spec, "text": _pick(rng, others)})
    words = {"first_letter": (), "json": vocabulary.KEYS}.get(task.family, task.subject.members)
    return replace(task, spec=near(task.spec, rng, words=words))


def contrast(task: Task, rng: "Generator") -> tuple[Task, str, str] | None:
    """The changed task, the better answer (right for the task, wrong for the changed one) and the worse one.

    None when no two such answers were found in `TRIES` tries.
    """
    for _ in range(TRIES):
        changed = changed_task(task, rng)
        better, worse = write(task, rng, beside=changed), write(changed, rng, beside=task)
        if holds(better, task) and not holds(better, changed) and holds(worse, changed) and not holds(worse, task):
            return changed, better, worse
    return None


def drawn_contrast(family: str, rng: "Generator", *, tongue: Language = "en") -> tuple[Task, str, str]:
    """A task of a family with its better and its worse answer; tasks are drawn until one has both."""
    while True:
        task = draw_task(family, rng, tongue=tongue)
        found = contrast(task, rng)
        if found is not None:
            return task, found[1], found[2]


def holds(answer: str, task: Task) -> bool:
    """Whether an answer does what a task asks, by its check."""
    return check(answer, {key: value for key, value in task.spec.items() if key != "sum"})


def observed(answer: str, task: Task) -> str:
    """What a program sees of an answer with respect to a task, in a few words: ``4``, ``yes``, ``capitals``."""
    spec = task.spec
    return _SEEN[spec["check"]](answer, spec)


def asked(task: Task) -> str:
    """What a task asks for, in a few words: ``4 items``, ``river inside``."""
    return _ASKED[task.spec["check"]](task.spec)


def judgment(task: Task, first: str, second: str) -> str:
    """A right judgment as a program writes it; for showing a model the form, in a warm-up."""
    verdict = "A" if holds(first, task) else "B"
    return f"{asked(task)}. A {observed(first, task)}, B {observed(second, task)}. Verdict: {verdict}"


# --- families ---------------------------------------------------------------------------------------------------------


def _sum(rng: "Generator", _subject: Subject) -> dict[str, Any]:
    one, other = (int(n) for n in rng.integers(2, 60, 2))
    return {"check": "equals_number", "value": one + other, "sum": [one, other]}


def _sum_near(spec: Spec, rng: "Generator") -> dict[str, Any]:
    one, old = spec["sum"]
    other = _pick(rng, [n for n in (old - 10, old - 1, old + 1, old + 10) if 2 <= n < 60])
    return {"check": "equals_number", "value": one + other, "sum": [one, other]}


def _between(low: int, high: int, rng: "Generator") -> int:
    return int(rng.integers(low, high + 1))


def _bounded(bound: str, words: int) -> dict[str, Any]:
    """At most 6 … 14 words, or at least 7 … 15: each is the other's opposite."""
    return {"check": "words", bound: words + (bound == "at_least")}


_OTHER_COUNTS: Mapping[str, Mapping[int, tuple[int, int]]] = {
    "items": {2: (3, 4), 3: (2, 5), 4: (2, 6), 5: (3, 6), 6: (4, 5)},
    "sentences": {2: (3, 4), 3: (2, 4), 4: (2, 3)},
}
"""What each count is changed to, and those back to it."""

FAMILIES: dict[str, Callable[["Generator", Subject], dict[str, Any]]] = {
    "items": lambda rng, _: {"check": "items", "exactly": _between(2, 6, rng)},
    "sentences": lambda rng, _: {"check": "sentences", "exactly": _between(2, 4, rng)},
    "words": lambda rng, _: _bounded(_pick(rng, ("at_most", "at_least")), _between(6, 14, rng)),
    "contains": lambda rng, subject: {"check": "contains", "text": _pick(rng, subject.members)},
    "lacks": lambda rng, subject: {"check": "lacks", "text": _pick(rng, subject.members)},
    "starts_with": lambda rng, subject: {"check": "starts_with", "text": _pick(rng, subject.members)},
    "ends_with": lambda rng, subject: {"check": "ends_with", "text": _pick(rng, subject.members)},
    "capitals": lambda rng, _: {"check": _pick(rng, ("upper", "lower"))},
    "first_letter": lambda rng, _: {"check": "first_letter", "is": _pick(rng, "ABCDEFGHIJKLM")},
    "sorted": lambda rng, _: {"check": "sorted", "by": "letter", "order": _pick(rng, ("up", "down"))},
    "json": lambda rng, _: {"check": "json", "keys": _some(rng, vocabulary.KEYS, _between(2, 3, rng))},
    "sums": _sum,
    "language": lambda rng, _: {"check": "language", "is": _pick(rng, ("en", "ko"))},
}
"""Every family by name: what check it draws."""
ENGLISH_ONLY = ("capitals", "first_letter")


# --- answers ----------------------------------------------------------------------------------------------------------


def write(task: Task, rng: "Generator", *, beside: Task | None = None) -> str:
    """An answer that means to do what a task asks; `holds` says whether it does.

    Args:
        task: The task.
        rng: Where choices come from.
        beside: The task of the answer that it will stand beside. What must not be said in the one is said in the other.
    """
    spec = task.spec
    if spec["check"] == "lacks" and beside is not None:
        return _mentioning(task, beside.spec, rng)
    return _WRITERS[spec["check"]](task, spec, rng)


def _passage(task: Task, rng: "Generator", sentences: int, *, tongue: Language | None = None) -> str:
    tongue = tongue or task.language
    subject = task.subject if tongue == task.language else _pick(rng, vocabulary.SUBJECTS[tongue])
    forms = _some(rng, vocabulary.SENTENCES[tongue], sentences)
    told = []
    for form in forms:
        one, other = _some(rng, subject.members, 2)
        sentence = form.format(x=one, y=other, kind=subject.kind)
        told.append(sentence[0].upper() + sentence[1:])
    return " ".join(told)


def _list(task: Task, rng: "Generator", count: int) -> list[str]:
    return [word.capitalize() for word in _some(rng, task.subject.members, count)]


def _as_lines(entries: list[str], rng: "Generator") -> str:
    style = _pick(rng, ("{n}. {x}", "- {x}", "{x}"))
    return "\n".join(style.format(n=n, x=entry) for n, entry in enumerate(entries, 1))


def _items(task: Task, spec: Spec, rng: "Generator") -> str:
    return _as_lines(_list(task, rng, spec["exactly"]), rng)


def _in_order(task: Task, spec: Spec, rng: "Generator") -> str:
    entries = sorted(_list(task, rng, _between(3, 5, rng)), reverse=spec.get("order") == "down")
    return _as_lines(entries, rng)


def _sentences(task: Task, spec: Spec, rng: "Generator") -> str:
    return _passage(task, rng, spec["exactly"])


def _words(task: Task, spec: Spec, rng: "Generator") -> str:
    low = spec.get("at_least") or max(3, spec["at_most"] - 5)
    high = spec.get("at_most") or spec["at_least"] + 5
    wanted = _between(low, high, rng)
    words = _passage(task, rng, 4).split()
    return " ".join(words[:wanted]).rstrip(",.") + "." if count_words(" ".join(words)) >= wanted else ""


def _mentioning(task: Task, spec: Spec, rng: "Generator") -> str:
    form = _pick(rng, vocabulary.SENTENCES[task.language])
    other = _pick(rng, task.subject.members)
    told = [form.format(x=spec["text"], y=other, kind=task.subject.kind), _passage(task, rng, 1)]
    return " ".join(sentence[0].upper() + sentence[1:] for sentence in (told if rng.random() < 0.5 else told[::-1]))


def _beginning(task: Task, spec: Spec, rng: "Generator") -> str:
    opening = _pick(rng, vocabulary.AFTER_A_WORD[task.language])
    return f"{spec['text'].capitalize()} {opening} {_passage(task, rng, 1)}"


def _ending(task: Task, spec: Spec, rng: "Generator") -> str:
    closing = _pick(rng, vocabulary.BEFORE_A_WORD[task.language])
    return f"{_passage(task, rng, 1)} {closing} {spec['text']}"


def _by_letter(task: Task, spec: Spec, rng: "Generator") -> str:
    opener = vocabulary.OPENERS[spec["is"].upper()]
    told = _passage(task, rng, 1)
    return f"{opener} {told[0].lower()}{told[1:]}"


def _object(task: Task, spec: Spec, rng: "Generator") -> str:
    values = _some(rng, task.subject.members, len(spec["keys"]))
    return json.dumps(dict(zip(spec["keys"], values, strict=True)), ensure_ascii=False)


def _number(task: Task, spec: Spec, rng: "Generator") -> str:
    return str(_pick(rng, vocabulary.FIGURES[task.language]).format(n=spec["value"]))


_Writer = Callable[[Task, Spec, "Generator"], str]

_WRITERS: Mapping[str, _Writer] = {
    "items": _items,
    "sorted": _in_order,
    "sentences": _sentences,
    "words": _words,
    "contains": _mentioning,
    "lacks": lambda task, _, rng: _passage(task, rng, 2),
    "starts_with": _beginning,
    "ends_with": _ending,
    "upper": lambda task, _, rng: _passage(task, rng, _between(1, 2, rng)).upper(),
    "lower": lambda task, _, rng: _passage(task, rng, _between(1, 2, rng)).lower(),
    "first_letter": _by_letter,
    "json": _object,
    "equals_number": _number,
    "language": lambda task, spec, rng: _passage(task, rng, _between(1, 2, rng), tongue=spec["is"]),
}


_Spoken = Callable[[Spec], str]

_ASKED: Mapping[str, _Spoken] = {
    "items": lambda spec: f"{spec['exactly']} items",
    "sentences": lambda spec: f"{spec['exactly']} sentences",
    "words": lambda spec: f"{'at most' if 'at_most' in spec else 'at least'} {_bound(spec)} words",
    "contains": lambda spec: f"with {spec['text']}",
    "lacks": lambda spec: f"without {spec['text']}",
    "starts_with": lambda spec: f"begins with {spec['text']}",
    "ends_with": lambda spec: f"ends with {spec['text']}",
    "upper": lambda _: "capitals",
    "lower": lambda _: "small letters",
    "first_letter": lambda spec: f"begins with {spec['is']}",
    "sorted": lambda spec: "Z to A" if spec.get("order") == "down" else "A to Z",
    "json": lambda spec: f"keys {', '.join(spec['keys'])}",
    "equals_number": lambda spec: str(spec["value"]),
    "language": lambda spec: "Korean" if spec["is"] == "ko" else "English",
}
_SEEN: Mapping[str, Callable[[str, Spec], str]] = {
    "items": lambda answer, _: str(count_lines(answer)),
    "sentences": lambda answer, _: str(count_sentences(answer)),
    "words": lambda answer, _: str(count_words(answer)),
    "contains": lambda answer, spec: "yes" if check(answer, {"check": "contains", "text": spec["text"]}) else "no",
    "lacks": lambda answer, spec: "with" if check(answer, {"check": "contains", "text": spec["text"]}) else "without",
    "starts_with": lambda answer, _: " ".join(answer.split()[:1]),
    "ends_with": lambda answer, _: " ".join(answer.split()[-1:]),
    "upper": lambda answer, _: _case(answer),
    "lower": lambda answer, _: _case(answer),
    "first_letter": lambda answer, _: first_letter(answer).upper(),
    "sorted": lambda answer, _: ", ".join(without_bullet(line)[:1] for line in lines(answer)[:6]),
    "json": lambda answer, _: ", ".join(_keys(answer)) or "none",
    "equals_number": lambda answer, _: (re.findall(r"\d+", answer) or ["none"])[-1],
    "language": lambda answer, _: "Korean" if language(answer) == "ko" else "English",
}


def _bound(spec: Spec) -> int:
    return int(spec.get("at_most") or spec["at_least"])


def _case(answer: str) -> str:
    return "capitals" if answer.isupper() else "small letters" if answer.islower() else "mixed"


def _keys(answer: str) -> list[str]:
    found = find_json(answer)
    return list(found[1]) if found is not None and isinstance(found[1], dict) else []


def _pick(rng: "Generator", options: Any) -> Any:
    return options[int(rng.integers(len(options)))]


def _some(rng: "Generator", options: Any, count: int) -> list[Any]:
    """So many different ones, in random order; all of them, and some again, where there are fewer."""
    chosen: list[Any] = []
    while len(chosen) < count:
        chosen += [options[int(n)] for n in rng.permutation(len(options))[: count - len(chosen)]]
    return chosen
