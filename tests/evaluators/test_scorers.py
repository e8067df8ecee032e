"""Reference scorers: right, wrong, and everything that stays in the denominator."""

import pytest

from fairtrial.contestants.wording import shown_reference
from fairtrial.core import BadInput, Prompt, Response
from fairtrial.evaluators import Scorer, check_reference


def scored(text: str, reference: str, scorer: str, *, choices: tuple[str, ...] = (), finish: str = "stop"):
    prompt = Prompt(key="x", turns=("?",), reference=reference, choices=choices)
    response = Response(
        prompt=prompt.id, contestant="c", turns=(text,), finish=finish, error="timeout" if finish == "error" else ""
    )
    return Scorer(scorer).score(prompt, response)


@pytest.mark.parametrize(
    ("scorer", "text", "reference", "value"),
    [
        ("exact", "Paris.", "paris", 1),
        ("exact", "The answer is: Paris", "Paris", 1),
        ("exact", "Paris, I think", "Paris", 0),
        ("exact", "서울특별시", "서울||서울특별시", 1),
        ("exact", "", "Seoul||", 0),
        ("exact", "", "?", 0),
        ("exact", "?", "?", 1),
        ("exact", "Seoul", "||Seoul", 1),
        ("number", "It costs 1,200 won", "1200.0", 1),
        ("number", "twelve", "12", 0),
        ("contains", "It is Paris, of course.", "Paris", 1),
        ("contains", "Parisian life", "Paris", 0),
        ("contains", "수도는 서울입니다", "서울", 1),
        ("contains", "", "Paris", 0),
        ("f1", "the cat sat", "cat sat down", 0.8),
        ("f1", "서울", "서울시", 0.8),
        ("f1", "dog", "cat", 0),
    ],
)
def test_values(scorer: str, text: str, reference: str, value: float) -> None:
    assert scored(text, reference, scorer).value == pytest.approx(value)


def test_choice_by_letter_or_text() -> None:
    options = ("Rome", "Paris")
    assert scored("B", "Paris", "choice", choices=options).value == 1
    assert scored("Paris", "B", "choice", choices=options).value == 1
    assert scored("A", "Paris", "choice", choices=options).reason == "wrong"
    assert scored("no idea", "A", "choice", choices=options).reason == "unparsable"
    assert scored("", "a", "exact").value == 0
    letters = ("B", "A")  # a reference that is a letter means that letter, for scorers and for worked examples
    assert scored("A", "A", "choice", choices=letters).value == 1
    assert shown_reference(Prompt(key="x", turns=("?",), reference="A", choices=letters)) == "A"
    assert shown_reference(Prompt(key="x", turns=("?",), reference="b", choices=letters)) == "B"
    assert scored("A", "a", "exact").value == 1


def test_failures_stay_in_the_denominator_with_their_reason() -> None:
    assert scored("", "4", "number", finish="error").reason == "failed"
    assert scored("", "4", "number", finish="refused").reason == "refused"
    assert scored("Let me think about", "4", "number", finish="length").reason == "truncated"
    assert scored("no idea", "4", "number").reason == "unparsable"
    assert scored("4 and then", "4", "number", finish="length").reason == "right"  # cut after the answer: still right


def test_auto_uses_the_items_own_scorer() -> None:
    prompt = Prompt(key="x", turns=("?",), reference="4", scorer="number")
    response = Response(prompt=prompt.id, contestant="c", turns=("2 + 2 = 4",))
    assert Scorer("auto").score(prompt, response).value == 1
    assert Scorer("exact").score(prompt, response).value == 0


def test_unknown_scorer_names_the_nearest() -> None:
    with pytest.raises(BadInput, match="Did you mean 'number'"):
        Scorer("nummber")


def test_references_that_cannot_be_scored_are_refused_before_the_run() -> None:
    with pytest.raises(BadInput, match="no number"):
        check_reference(Prompt(key="x", turns=("?",), reference="four"), "number", where="f")
    with pytest.raises(BadInput, match="neither a letter nor the text"):
        check_reference(Prompt(key="x", turns=("?",), reference="D", choices=("a", "b")), "choice", where="f")
