"""Instructions that a program can verify, and the programs: one table, `CHECKERS`. Read `check` first.

In the manner of IFEval (Zhou et al. 2023, “Instruction-Following Evaluation for Large Language Models”,
arXiv:2311.07911). A check is a small object, ``{"check": "items", "exactly": 4}``; the same object says what to write
(`describe`), whether a text does so (`check`), and what to change so that a text no longer does (`near`). All are pure.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from fairtrial.contestants.reading import read_answer
from fairtrial.core import BadInput, nearest
from fairtrial.evaluators import instructions
from fairtrial.evaluators.instructions import Language, Spec, Told
from fairtrial.evaluators.json_answers import find_json, parse_json
from fairtrial.evaluators.parameters import (
    INITIALS,
    bounds_fault,
    count_fault,
    keys_fault,
    least_fault,
    letter_fault,
    number_fault,
    one_of,
    text_fault,
)
from fairtrial.evaluators.passages import (
    MAX_ANSWER,
    count_characters,
    count_lines,
    count_sentences,
    count_words,
    first_letter,
    fold,
    language,
    lines,
    phrase,
    without_bullet,
)

if TYPE_CHECKING:  # most trials have no use for it, and numpy is heavy
    from numpy.random import Generator

Changed = dict[str, Any]
Near = Callable[[Spec, "Generator", Sequence[str]], Changed]

POOL = {
    "en": ("apple", "bridge", "cloud", "desert", "engine", "forest", "garden", "hammer", "island", "journey"),
    "ko": ("사과", "다리", "구름", "바다", "나무", "정원", "하늘", "기차", "여행", "시장"),
}
"""Other words for `near`, where its caller gives none that fit."""
_FIGURE = re.compile(r"(?<![\w.])[-−]?[0-9]+(?:,[0-9]{3})*(?:\.[0-9]+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checker:
    """One kind of check."""

    holds: Callable[[str, Spec], bool]
    told: Told
    near: Near
    values: Mapping[str, Callable[[Any], str]] = field(default_factory=dict)
    """What is wrong with the value of each key that it knows; ``""`` when nothing is."""
    needed: tuple[str, ...] = ()
    together: Callable[[Spec], str] = lambda _spec: ""
    """What is wrong with the keys taken together."""


def check(text: str, spec: Spec) -> bool:
    """Whether a text does what a check says. A blank text, or one of over 1,000,000 characters, never does.

    Raises:
        BadInput: The check is none, see `check_spec`.
    """
    checker = check_spec(spec)
    return bool(text.strip()) and len(text) <= MAX_ANSWER and checker.holds(text, spec)


def describe(spec: Spec, language: Language = "en") -> str:
    """The instruction in plain English or Korean (``ko``), for example ``Use at most 50 words.``.

    Raises:
        BadInput: The check is none, see `check_spec`.
    """
    return check_spec(spec).told(spec, language)


def near(spec: Spec, rng: "Generator", *, words: Sequence[str] = ()) -> Changed:
    """The check changed in one place so that no text passes both: 4 items become 3 or 5, Korean English.

    ``upper`` and ``lower``, ``contains`` and ``lacks`` become each other. With `words`, ``contains`` gets another word
    instead; only then may a text pass both checks, by holding both words, so ask `check` of the text you have.

    Args:
        spec: The check; it stays as it is.
        rng: Where choices come from: equal states give equal changes.
        words: Other words, phrases or keys to choose from; those that do not fit are passed over.

    Raises:
        BadInput: The check is none, see `check_spec`.
    """
    return check_spec(spec).near(spec, rng, [word for word in words if not text_fault(word)])


def check_spec(spec: object) -> Checker:
    """The checker of a check that makes sense.

    Raises:
        BadInput: No object, an unknown name or key (the nearest is suggested), a value out of range, or a check that
            every or no text would pass.
    """
    if not isinstance(spec, Mapping) or not isinstance(spec.get("check"), str):
        raise BadInput(f"{spec!r:.60} is no check.", next_step='Write: {"check": "items", "exactly": 4}')
    name = spec["check"]
    checker = CHECKERS.get(name)
    if checker is None:
        raise BadInput(f"unknown check '{name}'.", next_step=nearest(name, CHECKERS))
    for key, value in spec.items():
        if key == "check":
            continue
        if key not in checker.values:
            step = nearest(str(key), checker.values) or "It has no keys of its own."
            raise BadInput(f"check '{name}' has no key '{key}'.", next_step=step)
        wrong = checker.values[key](value)
        if wrong:
            raise BadInput(f"check '{name}': '{key}' {wrong}, found {value!r:.60}.", next_step="Correct it.")
    for key in checker.needed:
        if key not in spec:
            raise BadInput(f"check '{name}' lacks '{key}'.", next_step="Add it.")
    wrong = checker.together(spec)
    if wrong:
        raise BadInput(f"check '{name}' {wrong}.", next_step="Correct it.")
    return checker


def read_checks(reference: str, *, item: str, where: str) -> list[Changed]:
    """The checks of an item: its reference is a JSON list of them, or one alone.

    Raises:
        BadInput: Naming the item, the check by its place, and the key.
    """
    try:
        found = parse_json(reference)
    except ValueError as error:
        message = f"item '{item}': the reference is not JSON: {error}."
        raise BadInput(message, where=where, next_step='Write: [{"check": "items", "exactly": 4}]') from None
    specs = found if isinstance(found, list) else [found]
    if not specs:
        raise BadInput(f"item '{item}' has no checks.", where=where, next_step="Add one, or leave its reference out.")
    for place, spec in enumerate(specs, 1):
        try:
            check_spec(spec)
        except BadInput as error:
            message = f"item '{item}', check {place}: {error.message}"
            raise BadInput(message, where=where, next_step=error.next_step) from None
    return specs


def checks(extracted: str, reference: str) -> float:
    """The share of an item's checks that hold, 0 … 1: 1 when all do. The whole answer is looked at."""
    specs = read_checks(reference, item="", where="")
    return sum(check(extracted, spec) for spec in specs) / len(specs)


# --- kinds ------------------------------------------------------------------------------------------------------------


def _changed(spec: Spec, **parameters: Any) -> Changed:
    return {**spec, **parameters}


def _pick(rng: "Generator", options: Sequence[Any]) -> Any:
    return options[int(rng.integers(len(options)))]


def _counted(count: Callable[[str], int], told: Told) -> Checker:
    def holds(text: str, spec: Spec) -> bool:
        n = count(text)
        exactly: int = spec.get("exactly", n)
        return n == exactly and spec.get("at_least", n) <= n <= spec.get("at_most", n)

    def moved(spec: Spec, rng: "Generator", _words: Sequence[str]) -> Changed:
        name = spec["check"]
        if "exactly" in spec:
            return _changed(spec, exactly=_pick(rng, [n for n in (spec["exactly"] - 1, spec["exactly"] + 1) if n]))
        low, high = spec.get("at_least"), spec.get("at_most")
        below = [{"check": name, "at_most": low - 1}] if low else []
        above = [{"check": name, "at_least": high + 1}] if high else []
        changed: Changed = _pick(rng, below + above)
        return changed

    values = {"exactly": count_fault, "at_least": least_fault, "at_most": count_fault}
    return Checker(holds=holds, told=told, near=moved, values=values, together=bounds_fault)


def _phrased(holds: Callable[[str, Spec], bool], told: Told, changed: Near) -> Checker:
    return Checker(holds=holds, told=told, near=changed, values={"text": text_fault}, needed=("text",))


def _other_word(apart: Callable[[str, str], bool]) -> Near:
    """Another word for ``text``, of those that are `apart` from it, both folded."""

    def changed(spec: Spec, rng: "Generator", words: Sequence[str]) -> Changed:
        old = fold(spec["text"])
        pool = POOL["ko" if language(old) == "ko" else "en"]
        for options in (words, pool):
            fitting = [word for word in options if apart(fold(word), old) and apart(old, fold(word))]
            if fitting:
                return _changed(spec, text=_pick(rng, fitting))
        raise AssertionError(spec)  # the pool's words begin and end differently: some word always fits

    return changed


def _contains_near(spec: Spec, rng: "Generator", words: Sequence[str]) -> Changed:
    old = fold(spec["text"])
    if any(fold(word) not in old and old not in fold(word) for word in words):
        return _other_word(lambda one, other: one not in other)(spec, rng, words)
    return _changed(spec, check="lacks")


def _renamed(name: str) -> Near:
    return lambda spec, _rng, _words: _changed(spec, check=name)


def _flipped(key: str, one: str, other: str) -> Near:
    return lambda spec, _rng, _words: _changed(spec, **{key: other if spec.get(key, one) == one else one})


def _sorted(text: str, spec: Spec) -> bool:
    """Two lines or more, each no smaller than the one before, and not all equal; ``down`` the other way round."""
    entries = [without_bullet(line) for line in lines(text)]
    keys: list[Any] = [fold(entry) for entry in entries]
    if spec["by"] == "number":
        found = [_FIGURE.search(entry) for entry in entries]
        keys = [Decimal(figure.group().replace(",", "").replace("−", "-")) for figure in found if figure]
    if spec.get("order", "up") == "down":
        keys.reverse()
    rising = all(a <= b for a, b in pairwise(keys))
    return len(keys) == len(entries) > 1 and rising and keys[0] < keys[-1]


def _json(text: str, spec: Spec) -> bool:
    found = find_json(text)
    return found is not None and isinstance(found[1], dict) and found[1].keys() == set(spec["keys"])


def _json_near(spec: Spec, rng: "Generator", words: Sequence[str]) -> Changed:
    keys = list(spec["keys"])
    options = [w for w in words if w not in keys] or [w for w in POOL["en"] if w not in keys] or [max(keys) + "_"]
    keys[int(rng.integers(len(keys)))] = _pick(rng, options)
    return _changed(spec, keys=keys)


def _number(text: str, spec: Spec) -> bool:
    evened = "\n".join(" ".join(line.split()) for line in lines(text))  # long gaps are slow to read
    return read_answer(evened, "number") == read_answer(str(spec["value"]), "number")


def _number_near(spec: Spec, rng: "Generator", _words: Sequence[str]) -> Changed:
    old = Decimal(str(spec["value"]).strip().replace(",", ""))
    small = abs(old) < Decimal("1e20") and len(old.as_tuple().digits) <= 20  # numbers are read to 28 digits
    new = old + _pick(rng, (-1, 1)) if small else old / 2 if abs(old) > 1 else 2 * old
    return _changed(spec, value=format(new, "f") if small else str(new))


def _initial(letter: str) -> str:
    """The first consonant of a Hangul syllable, as one of `INITIALS`; ``""`` of anything else."""
    if "가" <= letter <= "힣":
        return INITIALS[(ord(letter) - ord("가")) // 588]
    return INITIALS[ord(letter) - ord("ᄀ")] if "ᄀ" <= letter <= "ᄒ" else ""


def _begins(text: str, spec: Spec) -> bool:
    letter, wanted = first_letter(text), spec["is"]
    return bool(letter) and (_initial(letter) == wanted if wanted in INITIALS else letter == fold(wanted))


def _letter_near(spec: Spec, rng: "Generator", words: Sequence[str]) -> Changed:
    old = spec["is"]
    letters = [word for word in words if not letter_fault(word)]
    pool = INITIALS if old in INITIALS else [word[0] for word in POOL["ko"]] if _initial(old) else "ABCDEFGHIJKLM"
    options = [new for new in letters if _far(new, old)] or [new for new in pool if _far(new, old)]
    return _changed(spec, **{"is": _pick(rng, options)})


def _far(new: str, old: str) -> bool:
    """No text begins with both; a syllable begins with its consonant, too."""
    return fold(new) != fold(old) and new != _initial(old) and old != _initial(new)


CHECKERS: dict[str, Checker] = {
    "items": _counted(count_lines, instructions.items),
    "words": _counted(count_words, instructions.counted("words")),
    "sentences": _counted(count_sentences, instructions.counted("sentences")),
    "characters": _counted(count_characters, instructions.counted("characters")),
    "contains": _phrased(
        lambda text, spec: phrase(spec["text"]).search(fold(text)) is not None,
        instructions.quoted("Use this text in your answer", "다음 말을 넣어서 쓰세요"),
        _contains_near,
    ),
    "lacks": _phrased(
        lambda text, spec: phrase(spec["text"]).search(fold(text)) is None,
        instructions.quoted("Do not use this text", "다음 말을 쓰지 마세요"),
        _renamed("contains"),
    ),
    "starts_with": _phrased(
        lambda text, spec: phrase(spec["text"], at="start").search(fold(text)) is not None,
        instructions.quoted("Begin your answer with", "답을 다음 말로 시작하세요"),
        _other_word(lambda one, other: not one.startswith(other)),
    ),
    "ends_with": _phrased(
        lambda text, spec: phrase(spec["text"], at="end").search(fold(text)) is not None,
        instructions.quoted("End your answer with", "답을 다음 말로 끝내세요"),
        _other_word(lambda one, other: not one.endswith(other)),
    ),
    "upper": Checker(
        holds=lambda text, _spec: text.isupper(),
        told=instructions.plain("Write in capital letters only.", "영어 대문자로만 쓰세요."),
        near=_renamed("lower"),
    ),
    "lower": Checker(
        holds=lambda text, _spec: text.islower(),
        told=instructions.plain("Write in lower-case letters only.", "영어 소문자로만 쓰세요."),
        near=_renamed("upper"),
    ),
    "sorted": Checker(
        holds=_sorted,
        told=instructions.in_order,
        near=_flipped("order", "up", "down"),
        values={"by": one_of("number", "letter"), "order": one_of("up", "down")},
        needed=("by",),
    ),
    "json": Checker(
        holds=_json, told=instructions.json_keys, near=_json_near, values={"keys": keys_fault}, needed=("keys",)
    ),
    "language": Checker(
        holds=lambda text, spec: language(text) == spec["is"],
        told=instructions.in_language,
        near=_flipped("is", "ko", "en"),
        values={"is": one_of("ko", "en")},
        needed=("is",),
    ),
    "equals_number": Checker(
        holds=_number,
        told=instructions.final_number,
        near=_number_near,
        values={"value": number_fault},
        needed=("value",),
    ),
    "first_letter": Checker(
        holds=_begins,
        told=instructions.quoted(
            "Begin your answer with this letter", "답을 다음 글자나 첫소리로 시작하세요", key="is"
        ),
        near=_letter_near,
        values={"is": letter_fault},
        needed=("is",),
    ),
}
"""Every check by name: what it asks of a text, in what words, and how it is changed."""
