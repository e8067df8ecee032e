"""Checks that a program verifies: what each holds of, in what words, and that a change makes another instruction."""

import json
import random
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fairtrial.contestants.reading import calm
from fairtrial.core import BadInput, Prompt, Response
from fairtrial.evaluators import Scorer, check_reference
from fairtrial.evaluators.checkers import CHECKERS, POOL, check, describe, near
from fairtrial.evaluators.parameters import INITIALS

COUNTS = ("items", "words", "sentences", "characters")
WORDS = ("alder", "birch", "cedar", "떡갈나무", "소나무", "two words")


def bounds(name: str) -> st.SearchStrategy[dict]:
    few = st.integers(2, 12)
    return st.one_of(
        st.builds(lambda n: {"check": name, "exactly": n}, st.integers(1, 12)),
        st.builds(lambda n: {"check": name, "at_least": n}, few),
        st.builds(lambda n: {"check": name, "at_most": n}, st.integers(1, 12)),
        st.builds(lambda a, b: {"check": name, "at_least": min(a, b), "at_most": max(a, b)}, few, few),
    )


PHRASES = st.sampled_from(
    ["Paris", "thank you", "C++", "서울", "감사합니다.", "e", "apple", "東京", "Ünder"]
) | st.text(min_size=1, max_size=6).filter(lambda text: bool(text.strip()))
LETTERS = st.sampled_from([*"SsÉaZяΩ", *"ㄱㅎㄲ", *"가힣사", "字"])
SPECS: dict[str, st.SearchStrategy[dict]] = {
    **{name: bounds(name) for name in COUNTS},
    **{n: st.builds(lambda text, n=n: {"check": n, "text": text}, PHRASES) for n in ("contains", "lacks", "starts_with", "ends_with")},
    "upper": st.just({"check": "upper"}),
    "lower": st.just({"check": "lower"}),
    "sorted": st.builds(lambda by, order: {"check": "sorted", "by": by} | order, st.sampled_from(["number", "letter"]), st.sampled_from([{}, {"order": "up"}, {"order": "down"}])),
    "json": st.builds(lambda keys: {"check": "json", "keys": keys}, st.lists(st.sampled_from(["name", "이름", "apple", *WORDS]) | st.text(max_size=5), min_size=1, max_size=4, unique=True)),
    "language": st.builds(lambda which: {"check": "language", "is": which}, st.sampled_from(["ko", "en"])),
    "equals_number": st.builds(lambda value: {"check": "equals_number", "value": value}, st.integers(-(10**40), 10**40) | st.sampled_from(["42", "1,200.50", "-0", "1e6", "9e299", "-3.5e-290", 0.1, "12345678901234567890123456789.5"])),
    "first_letter": st.builds(lambda letter: {"check": "first_letter", "is": letter}, LETTERS),
}  # fmt: skip
ANY_SPEC = st.one_of(*SPECS.values())


# --- texts that pass ----------------------------------------------------------------------------------------------------


def amount(spec: dict) -> int:
    return spec.get("exactly") or spec.get("at_least") or max(1, spec["at_most"] - 1)


def sorted_lines(spec: dict) -> str:
    lines = (
        ["1. 3 pears", "2. 12 pears", "3. 100 pears"]
        if spec["by"] == "number"
        else ["- apple", "- Bear", "- 가", "- 나"]
    )
    bare = [line.split(" ", 1)[1] for line in lines]
    return "\n".join(bare if spec.get("order", "up") == "up" else bare[::-1])


def beginning(letter: str) -> str:
    if letter in INITIALS:
        return chr(ord("가") + 588 * INITIALS.index(letter) + 28) + "름"
    return f"“{letter}…” and so on"


SATISFY: dict[str, Callable[[dict], str]] = {
    "items": lambda spec: "\n\n".join(f"item {i}" for i in range(amount(spec))),
    "words": lambda spec: " - ".join(["word"] * amount(spec)),
    "sentences": lambda spec: " ".join(["Dr. Kim is 3.5 m tall."] * amount(spec)),
    "characters": lambda spec: "x" * amount(spec),
    "contains": lambda spec: f"... {spec['text']} ...",
    "lacks": lambda spec: "0" if "0" not in spec["text"] else "1" if "1" not in spec["text"] else "2",
    "starts_with": lambda spec: f"{spec['text']} ... etc",
    "ends_with": lambda spec: f"etc ... {spec['text']}",
    "upper": lambda spec: "YES, 42!",
    "lower": lambda spec: "yes, 42!",
    "sorted": sorted_lines,
    "json": lambda spec: "Here:\n" + json.dumps(dict.fromkeys(spec["keys"], 1), ensure_ascii=False),
    "language": lambda spec: "서울은 Python을 좋아하는 큰 도시입니다." if spec["is"] == "ko" else "A city of 9 million, 서울.",
    "equals_number": lambda spec: f"I count. Answer: {spec['value']}",
    "first_letter": lambda spec: beginning(spec["is"]),
}  # fmt: skip


def test_every_check_has_specs_and_texts_here() -> None:
    assert set(SPECS) == set(SATISFY) == set(CHECKERS)


@given(ANY_SPEC, st.integers(0, 2**32 - 1))
def test_a_text_for_the_changed_check_fails_the_first(spec: dict, seed: int) -> None:
    text = SATISFY[spec["check"]](spec)
    before = dict(spec)
    changed = near(spec, np.random.default_rng(seed))
    assert spec == before
    assert changed == near(spec, np.random.default_rng(seed))
    other = SATISFY[changed["check"]](changed)
    assert check(text, spec)
    assert check(other, changed)
    assert not check(other, spec)
    assert not check(text, changed)
    for language in ("en", "ko"):
        assert describe(spec, language) != describe(changed, language)


@given(
    ANY_SPEC,
    st.integers(0, 99),
    st.text(max_size=40) | st.sampled_from(["1\n2\n2", "{}", "A 가", "ㄱ 가", "3", "b\na", "a\nb"]),
)
def test_no_text_passes_both(spec: dict, seed: int, text: str) -> None:
    assert not (check(text, spec) and check(text, near(spec, np.random.default_rng(seed))))


@given(ANY_SPEC, st.integers(0, 99))
def test_the_callers_words_are_used(spec: dict, seed: int) -> None:
    rng = np.random.default_rng(seed)
    changed = near(spec, rng, words=["", *WORDS, "ㄴ", "Q"])
    if spec["check"] in ("contains", "starts_with", "ends_with"):
        assume(
            not any(
                str(w).casefold() in spec["text"].casefold() or spec["text"].strip().casefold() in w.casefold()
                for w in (*WORDS, "ㄴ", "Q")
            )
        )
        assert changed["check"] == spec["check"]
        assert changed["text"] in (*WORDS, "ㄴ", "Q")
        other = SATISFY[spec["check"]](changed)
        assert check(other, changed)
        assert not check(other, spec) or spec["text"].strip(" .") in ("", "etc")
    if spec["check"] == "json":
        assert len(set(changed["keys"]) - set(spec["keys"])) == 1
        assert len(changed["keys"]) == len(set(changed["keys"])) == len(spec["keys"])
    if spec["check"] == "first_letter":
        assert changed["is"] in ("ㄴ", "Q")
        assert not check(SATISFY["first_letter"](changed), spec)


@given(ANY_SPEC)
def test_changes_can_be_changed_again(spec: dict) -> None:
    rng = np.random.default_rng(1)
    for _ in range(12):
        spec = near(spec, rng)
        assert check(SATISFY[spec["check"]](spec), spec)


@given(ANY_SPEC, st.sampled_from(["", " ", "\n\t", "x" * 1_000_001]))
def test_blank_and_endless_texts_pass_nothing(spec: dict, text: str) -> None:
    assert not check(text, spec)


def test_the_pool_always_has_a_word_that_fits() -> None:
    for pool in POOL.values():
        assert len({word[0] for word in pool}) == len(pool)
        assert len({word[-1] for word in pool}) > 2


# --- what each holds of -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "text", "holds"),
    [
        ({"check": "items", "exactly": 2}, "- a\n\n- b\n", True),
        ({"check": "items", "exactly": 2}, "Sure:\n- a\n- b", False),
        ({"check": "words", "at_most": 3}, "one - two, three!", True),
        ({"check": "words", "at_most": 3}, "하나 둘 셋 넷", False),
        ({"check": "words", "at_least": 2, "at_most": 3}, "one", False),
        ({"check": "characters", "exactly": 5}, " 가 나 다\n", True),
        ({"check": "characters", "exactly": 1}, "각", True),
        ({"check": "sentences", "exactly": 1}, "Mr. Kim, e.g. the 3.5 m tall one, left.", True),
        ({"check": "sentences", "exactly": 2}, 'He said "No." Then he left', True),
        ({"check": "sentences", "exactly": 2}, "1. Apples\n2. Pears", True),
        ({"check": "sentences", "exactly": 2}, "안녕하세요. 반갑습니다!", True),
        ({"check": "sentences", "exactly": 2}, "東京です。大阪です。", True),
        ({"check": "sentences", "exactly": 1}, "Well... yes?!", False),
        ({"check": "sentences", "exactly": 2}, "Well... yes?!", True),
        ({"check": "contains", "text": "Paris"}, "I love PARIS.", True),
        ({"check": "contains", "text": "Paris"}, "Parisian", False),
        ({"check": "contains", "text": "서울"}, "수도는 서울입니다", True),
        ({"check": "contains", "text": "서울"}, "동서울", False),
        ({"check": "contains", "text": "a cat"}, "is a\n cat", True),
        ({"check": "contains", "text": "C++"}, "in C++.", True),
        ({"check": "contains", "text": "北京"}, "我爱北京的", True),
        ({"check": "lacks", "text": "very"}, "Every day", True),
        ({"check": "lacks", "text": "very"}, "very good", False),
        ({"check": "starts_with", "text": "dear"}, " Dear sir", True),
        ({"check": "starts_with", "text": "dear"}, "Dearest", False),
        ({"check": "starts_with", "text": "서울"}, "서울은", True),
        ({"check": "ends_with", "text": "the end."}, "This is The  End.\n", True),
        ({"check": "ends_with", "text": "end"}, "weekend", False),
        ({"check": "upper"}, "HELLO 2", True),
        ({"check": "upper"}, "Hello", False),
        ({"check": "upper"}, "안녕 2", False),
        ({"check": "lower"}, "hello 안녕", True),
        ({"check": "sorted", "by": "number"}, "1. 30\n2. 4", False),
        ({"check": "sorted", "by": "number"}, "-2 C\n0 C\n1,200 C", True),
        ({"check": "sorted", "by": "number"}, "one\n2", False),
        ({"check": "sorted", "by": "number"}, "2\n2", False),
        ({"check": "sorted", "by": "number"}, "2", False),
        ({"check": "sorted", "by": "letter"}, "* apple\n* Bear\n* bear\n* 가지", True),
        ({"check": "sorted", "by": "letter", "order": "down"}, "나\n가", True),
        ({"check": "json", "keys": ["a", "b"]}, '{"b": 1, "a": 2}', True),
        ({"check": "json", "keys": ["a", "b"]}, '```json\n{"a": 1, "b": 2, "c": 3}\n```', False),
        ({"check": "json", "keys": ["a"]}, '["a"]', False),
        ({"check": "language", "is": "ko"}, "Python의 asyncio 라이브러리를 사용하세요.", True),
        ({"check": "language", "is": "ko"}, "Use Python 사용", False),
        ({"check": "language", "is": "en"}, "Café in 서울 is fine", True),
        ({"check": "language", "is": "en"}, "Это по-русски", False),
        ({"check": "language", "is": "en"}, "123", False),
        ({"check": "equals_number", "value": "42"}, "6 * 7 = 42.0", True),
        ({"check": "equals_number", "value": 1200}, "정답: 1,200원", True),
        ({"check": "equals_number", "value": "42"}, "42 or 43", False),
        ({"check": "first_letter", "is": "S"}, "**sun**", True),
        ({"check": "first_letter", "is": "ㅅ"}, "1. 서울", True),
        ({"check": "first_letter", "is": "ㅅ"}, "쌀", False),
        ({"check": "first_letter", "is": "서"}, "서울", True),
        ({"check": "first_letter", "is": "S"}, "42", False),
    ],
)  # fmt: skip
def test_what_checks_hold_of(spec: dict, text: str, holds: bool) -> None:
    assert check(text, spec) is holds


@pytest.mark.parametrize(
    ("spec", "english", "korean"),
    [
        ({"check": "items", "exactly": 4}, "Write exactly 4 items, one per line, and nothing else.", "정확히 4개 항목을 한 줄에 하나씩 쓰고 다른 말은 쓰지 마세요."),
        ({"check": "items", "at_least": 2, "at_most": 5}, "Write between 2 and 5 items, one per line, and nothing else.", "2개 이상 5개 이하의 항목을 한 줄에 하나씩 쓰고 다른 말은 쓰지 마세요."),
        ({"check": "words", "at_most": 50}, "Use at most 50 words.", "50단어 이하로 쓰세요. 띄어쓰기로 셉니다."),
        ({"check": "sentences", "exactly": 1}, "Use exactly 1 sentence.", "정확히 1문장으로 쓰세요."),
        ({"check": "characters", "at_least": 9}, "Use at least 9 characters, spaces included.", "9자 이상으로 쓰세요. 공백도 셉니다."),
        ({"check": "contains", "text": 'a "b"'}, 'Use this text in your answer: "a \\"b\\""', '다음 말을 넣어서 쓰세요: "a \\"b\\""'),
        ({"check": "sorted", "by": "number", "order": "down"}, "Write one item per line, in order of their numbers, largest first.", "항목을 한 줄에 하나씩, 수가 큰 것부터 차례로 쓰세요."),
        ({"check": "json", "keys": ["이름", "age"]}, 'Answer with a JSON object that has exactly these keys: "이름", "age"', '다음 키만 모두 가진 JSON 객체로 답하세요: "이름", "age"'),
        ({"check": "language", "is": "ko"}, "Answer in Korean.", "한국어로 답하세요."),
        ({"check": "equals_number", "value": "42"}, "Give this number as your final answer: 42", "다음 수를 최종 답으로 쓰세요: 42"),
    ],
)  # fmt: skip
def test_wording(spec: dict, english: str, korean: str) -> None:
    assert describe(spec) == english
    assert describe(spec, "ko") == korean


# --- the scorer ---------------------------------------------------------------------------------------------------------


def item(reference: object) -> Prompt:
    return Prompt(key="q7", turns=("?",), reference=reference if isinstance(reference, str) else json.dumps(reference))


def scored(text: str, reference: object, finish: str = "stop"):
    prompt = item(reference)
    return Scorer("checks").score(prompt, Response(prompt=prompt.id, contestant="c", turns=(text,), finish=finish))


def test_the_score_is_the_share_of_checks_that_hold() -> None:
    wanted = [
        {"check": "items", "exactly": 2},
        {"check": "lacks", "text": "very"},
        {"check": "contains", "text": "a||b"},
    ]
    assert (scored("a||b\nc", wanted).value, scored("a||b\nc", wanted).reason) == (1, "right")
    assert scored("a\nb", wanted).value == pytest.approx(2 / 3)
    assert scored("a\nb", wanted).reason == "partial"
    assert scored("very", wanted).reason == "wrong"
    assert scored("very", wanted, finish="length").reason == "truncated"
    assert scored(" ", wanted).reason == "unparsable"
    assert (scored("a||b\nc", wanted, finish="refused").value, scored("a||b\nc", wanted, finish="error").value) == (
        0,
        0,
    )
    assert scored("First\nAnswer: 2", {"check": "items", "exactly": 2}).value == 1  # alone, and of the whole answer


@pytest.mark.parametrize(
    ("reference", "parts"),
    [
        ("four items", ["not JSON"]),
        ("[" * 100_000, ["not JSON"]),
        ([], ["no checks"]),
        ([4], ["check 1", "no check"]),
        ([{"items": 4}], ["no check"]),
        ([{"check": "upper"}, {"check": "wrods", "at_most": 4}], ["check 2", "'wrods'", "Did you mean 'words'"]),
        ([{"check": "items", "exactlly": 4}], ["check 1", "'exactlly'", "Did you mean 'exactly'"]),
        ([{"check": "upper", "text": "x"}], ["'text'", "no keys of its own"]),
        ([{"check": "items"}], ["lacks 'exactly'"]),
        ([{"check": "items", "exactly": -1}], ["'exactly' must be a whole number, 1 or more", "-1"]),
        ([{"check": "items", "exactly": 0}], ["1 or more"]),
        ([{"check": "items", "exactly": True}], ["1 or more"]),
        ([{"check": "items", "exactly": 2.5}], ["1 or more"]),
        ([{"check": "items", "at_least": 1}], ["2 or more"]),
        ([{"check": "words", "at_least": 5, "at_most": 4}], ["above its 'at_most'"]),
        ([{"check": "words", "exactly": 5, "at_most": 4}], ["beside 'exactly'"]),
        ([{"check": "contains"}], ["lacks 'text'"]),
        ([{"check": "contains", "text": " "}], ["not blank"]),
        ([{"check": "sorted", "by": "size"}], ["number or letter"]),
        ([{"check": "language", "is": "fr"}], ["ko or en"]),
        ([{"check": "json", "keys": []}], ["different texts"]),
        ([{"check": "json", "keys": ["a", "a"]}], ["different texts"]),
        ([{"check": "json", "keys": "a"}], ["different texts"]),
        ([{"check": "equals_number", "value": "about 4"}], ["one number"]),
        ([{"check": "equals_number", "value": "1,2"}], ["one number"]),
        ([{"check": "equals_number", "value": "1e900"}], ["one number"]),
        ([{"check": "equals_number", "value": None}], ["one number"]),
        ([{"check": "first_letter", "is": "ab"}], ["one letter"]),
        ([{"check": "first_letter", "is": "ㄳ"}], ["one letter"]),
        ([{"check": "first_letter", "is": "4"}], ["one letter"]),
    ],
)
def test_checks_that_make_no_sense_are_refused_before_the_run(reference: object, parts: list[str]) -> None:
    with pytest.raises(BadInput, match="item 'q7'") as caught:
        check_reference(item(reference), "checks", where="trial.toml")
    assert caught.value.where == "trial.toml"
    assert caught.value.next_step
    for part in parts:
        assert part in str(caught.value)


def test_a_check_given_in_a_program_is_looked_at_too() -> None:
    for use in (lambda spec: check("x", spec), describe, lambda spec: near(spec, np.random.default_rng(0))):
        with pytest.raises(BadInput, match="no key"):
            use({"check": "upper", "exactly": 4})


# --- malice -------------------------------------------------------------------------------------------------------------

MALICE = ["\u0315" * 400_000 + "\u0300" * 400_000, "answer" + " " * 900_000 + "x", "." * 900_000 + "x", "Mr. " * 250_000, ".)" * 450_000,
          "!" * 999_999, "- . " * 249_000, "1" * 999_999, "1," * 499_000, "가" * 999_999, "a\n" * 499_000, "ﷺ" * 300_000, "\ud800" * 9]  # fmt: skip


@pytest.mark.parametrize("text", MALICE, ids=range(len(MALICE)))
@pytest.mark.timeout(200)
def test_a_megabyte_of_malice_ends_soon(text: str) -> None:
    for name in CHECKERS:
        spec = SPECS_OF_MALICE.get(name, {"check": name})
        assert check(text, spec) in (True, False)


SPECS_OF_MALICE = {
    **{name: {"check": name, "exactly": 5} for name in COUNTS},
    **{name: {"check": name, "text": "1 a 가"} for name in ("contains", "lacks", "starts_with", "ends_with")},
    "sorted": {"check": "sorted", "by": "number"},
    "json": {"check": "json", "keys": ["a"]},
    "language": {"check": "language", "is": "ko"},
    "equals_number": {"check": "equals_number", "value": "1"},
    "first_letter": {"check": "first_letter", "is": "ㄱ"},
}


def test_long_runs_of_marks_are_cut_and_nothing_else() -> None:
    assert calm("e\u0301 각 plain") == "e\u0301 각 plain"
    marks = "\u0315\u0300" * 200
    assert calm(f"a{marks}b{marks}c") == f"a{marks[:30]}b{marks[:30]}c"
    text = "".join(random.Random(1).choices("ab가\u0301\u0315", k=2_000))
    assert calm(text) == text
