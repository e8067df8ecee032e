"""Checks in plain words, English and Korean: what a model would be told to do. Read `counted` first.

Values stand after a colon or in quotation marks, so that no Korean particle has to fit them.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Literal

Language = Literal["en", "ko"]
Spec = Mapping[str, Any]
"""One check: ``check`` names it, the other keys are its parameters."""
Told = Callable[[Spec, Language], str]

_UNITS = {
    "words": ("word", "단어", "로", " 띄어쓰기로 셉니다."),
    "sentences": ("sentence", "문장", "으로", ""),
    "characters": ("character", "자", "로", " 공백도 셉니다."),
}


def counted(unit: str) -> Told:
    """How much to write: ``Use at most 50 words.``, ``50단어 이하로 쓰세요. 띄어쓰기로 셉니다.``."""
    english, korean, particle, how = _UNITS[unit]

    def told(spec: Spec, language: Language) -> str:
        if language == "en":
            return f"Use {_bound(spec, english)}{', spaces included' if unit == 'characters' else ''}."
        if "exactly" in spec:
            return f"정확히 {spec['exactly']}{korean}{particle} 쓰세요.{how}"
        return f"{_korean_bound(spec, korean)}{'로' if 'at_most' in spec else '으로'} 쓰세요.{how}"

    return told


def items(spec: Spec, language: Language) -> str:
    """How many items: ``Write exactly 4 items, one per line, and nothing else.``."""
    if language == "en":
        return f"Write {_bound(spec, 'item')}, one per line, and nothing else."
    exactly = spec.get("exactly")
    amount = f"정확히 {exactly}개 항목을" if exactly else f"{_korean_bound(spec, '개')}의 항목을"
    return f"{amount} 한 줄에 하나씩 쓰고 다른 말은 쓰지 마세요."


def _bound(spec: Spec, unit: str) -> str:
    low, high = spec.get("at_least"), spec.get("at_most")
    number = spec.get("exactly") or high or low
    plural = unit if number == 1 else f"{unit}s"
    if spec.get("exactly"):
        return f"exactly {number} {plural}"
    if low and high:
        return f"between {low} and {high} {plural}"
    return f"at most {high} {plural}" if high else f"at least {low} {plural}"


def _korean_bound(spec: Spec, unit: str) -> str:
    low, high = spec.get("at_least"), spec.get("at_most")
    return " ".join([*([f"{low}{unit} 이상"] if low else []), *([f"{high}{unit} 이하"] if high else [])])


def quoted(english: str, korean: str, key: str = "text") -> Told:
    """A sentence with the value of `key` in quotation marks after it: ``Begin your answer with: "…"``."""

    def told(spec: Spec, language: Language) -> str:
        return f"{english if language == 'en' else korean}: {_quotation(spec[key])}"

    return told


def plain(english: str, korean: str) -> Told:
    """A sentence that hangs on no parameter."""

    def told(_spec: Spec, language: Language) -> str:
        return english if language == "en" else korean

    return told


def in_order(spec: Spec, language: Language) -> str:
    """In what order: ``Write one item per line, in order of their numbers, smallest first.``."""
    number, up = spec["by"] == "number", spec.get("order", "up") == "up"
    if language == "en":
        order = "in order of their numbers" if number else "in alphabetical order"
        first = ("smallest first" if up else "largest first") if number else ("from A to Z" if up else "from Z to A")
        return f"Write one item per line, {order}, {first}."
    if number:
        return f"항목을 한 줄에 하나씩, 수가 {'작은' if up else '큰'} 것부터 차례로 쓰세요."
    return f"항목을 한 줄에 하나씩, {'가나다(ABC) 순서로' if up else '가나다(ABC) 순서의 역순으로'} 쓰세요."


def json_keys(spec: Spec, language: Language) -> str:
    """With which keys: ``Answer with a JSON object that has exactly these keys: "a", "b"``."""
    keys = ", ".join(map(_quotation, spec["keys"]))
    english, korean = (
        "Answer with a JSON object that has exactly these keys",
        "다음 키만 모두 가진 JSON 객체로 답하세요",
    )
    return f"{english if language == 'en' else korean}: {keys}"


def in_language(spec: Spec, language: Language) -> str:
    """In what language: ``Answer in Korean.``, ``한국어로 답하세요.``."""
    if language == "en":
        return "Answer in Korean." if spec["is"] == "ko" else "Answer in English."
    return "한국어로 답하세요." if spec["is"] == "ko" else "영어로 답하세요."


def final_number(spec: Spec, language: Language) -> str:
    """Which number: ``Give this number as your final answer: 42``."""
    said = "Give this number as your final answer" if language == "en" else "다음 수를 최종 답으로 쓰세요"
    return f"{said}: {spec['value']}"


def _quotation(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
