"""The starter set keeps what its documentation promises."""

import re
from collections import Counter

import pytest

import fairtrial.content.starter as shelf
from fairtrial.content.starter import starter
from fairtrial.contestants.reading import normalise, read_answer
from fairtrial.core import Prompt, Response
from fairtrial.evaluators import SCORERS, Scorer, check_reference

SET = starter()
EVERY = (*SET.prompts, *SET.examples)
HANGUL = re.compile(r"[가-힣ㄱ-ㅎ]")


def strata(prompts: tuple[Prompt, ...]) -> Counter[tuple[str, str]]:
    return Counter((p.category, p.language) for p in prompts)


def test_counts_are_those_of_the_documentation():
    rows = re.findall(r"^    (\w+) +(\d+) +(\d+)  (.+)$", shelf.__doc__ or "", re.MULTILINE)
    stated = {(name, lang): int(n) for name, en, ko, _ in rows for lang, n in (("en", en), ("ko", ko))}
    assert strata(SET.prompts) == stated
    assert len(SET.prompts) == sum(stated.values()) == 120
    for name, _, _, scorers in rows:
        used = {p.scorer for p in SET.prompts if p.category == name}
        assert ", ".join(sorted(used)) == scorers.replace("none", "")


def test_card_tells_the_same_counts():
    card = (shelf.files(shelf.__name__) / "CARD.md").read_text(encoding="utf-8")
    for (category, language), n in strata(SET.prompts).items():
        row = re.search(rf"^\| {category} \| (\d+) \| (\d+) \|", card, re.MULTILINE)
        assert row, category
        assert int(row.group(1 if language == "en" else 2)) == n


def test_six_examples_for_every_stratum_all_with_answers():
    assert strata(SET.examples) == dict.fromkeys(strata(SET.prompts), 6)
    assert all(p.reference for p in SET.examples)


def test_keys_and_contents_are_unique():
    assert len({p.key for p in EVERY}) == len(EVERY)
    assert len({p.id for p in EVERY}) == len(EVERY)


def test_no_example_is_an_item_in_disguise():
    asked = {normalise(p.turns[0]) for p in SET.prompts}
    assert len(asked) == 120
    assert not asked & {normalise(p.turns[0]) for p in SET.examples}


@pytest.mark.parametrize("prompt", EVERY, ids=lambda p: p.key)
def test_each_item_is_whole(prompt):
    assert len(prompt.turns) == 1
    assert prompt.turns[0] == prompt.turns[0].strip()
    assert prompt.source == "Fairtrial starter set"
    assert prompt.licence == "Apache-2.0"
    assert len(prompt.tags) >= 1
    korean = len(HANGUL.findall(prompt.turns[0])) / len(re.findall(r"\w", prompt.turns[0]))
    assert korean > 0.5 if prompt.language == "ko" else korean == 0


@pytest.mark.parametrize("prompt", [p for p in EVERY if p.scorer], ids=lambda p: p.key)
def test_each_reference_suits_its_scorer(prompt):
    assert prompt.scorer in SCORERS
    assert prompt.reference
    check_reference(prompt, prompt.scorer, where=prompt.key)
    assert (prompt.scorer == "choice") == bool(prompt.choices)
    for wanted in prompt.reference.split("||"):
        right = Response(prompt=prompt.id, contestant="c", turns=(wanted,))
        assert Scorer().score(prompt, right).value == 1
    other = Response(prompt=prompt.id, contestant="c", turns=("I would rather not say",))
    assert Scorer().score(prompt, other).value == 0
    if prompt.scorer == "number":
        assert read_answer(prompt.reference, "number") == prompt.reference


@pytest.mark.parametrize("prompt", [p for p in SET.prompts if p.scorer in ("exact", "f1")], ids=lambda p: p.key)
def test_repeating_the_question_is_no_answer(prompt):
    echo = Response(prompt=prompt.id, contestant="c", turns=(prompt.turns[0],))
    assert Scorer().score(prompt, echo).value < 1


@pytest.mark.parametrize("prompt", [p for p in EVERY if p.category == "format"], ids=lambda p: p.key)
def test_a_format_not_followed_is_wrong(prompt):
    loose = re.sub(r"[-_,;/.:]", " ", prompt.reference or "")
    if loose == prompt.reference:
        loose = f"Here it is: {loose}"
    assert Scorer().score(prompt, Response(prompt=prompt.id, contestant="c", turns=(loose,))).value == 0


def test_writing_has_no_reference_and_everything_else_has_one():
    assert {p.category for p in SET.prompts if p.reference is None} == {"writing"}
    assert all(p.reference is None for p in SET.prompts if p.category == "writing")


def test_answers_are_spread_so_that_no_single_guess_wins():
    choices = Counter(p.reference for p in SET.prompts if p.scorer == "choice")
    assert max(choices.values()) <= 3
    assert set(choices) == set("ABCD")
    feelings = Counter(
        (p.language, (p.reference or "").split("||")[0]) for p in SET.prompts if p.category == "sentiment"
    )
    assert feelings == {("en", "positive"): 7, ("en", "negative"): 7, ("ko", "긍정"): 3, ("ko", "부정"): 3}
