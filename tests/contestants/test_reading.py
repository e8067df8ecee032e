"""Reading short answers: what counts as one, and what does not."""

import pytest

from fairtrial.contestants.reading import normalise, read_answer


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("42", "42"),
        ("The answer is 42.", "42"),
        ("First 17, then 25 more make 42", "42"),
        ("17 + 25 = 42\nAnswer: 42 (that is, 40 + 2)", "42"),
        ("정답: 1,200원", "1200"),
        ("-7.50", "-7.5"),
        ("−7", "-7"),
        ("007", "7"),
        ("Answer: .5", "0.5"),
        ("0.0", "0"),
        ("between 5–7", "7"),
        ("1.5e3 metres", "1500"),
        ("Answer: 3 - 1 = 2", "2"),
        ("답은42입니다", "42"),
        ("1e999", "1E+999"),
        ("v2 of x7", ""),
        ("I do not know", ""),
        ("", ""),
    ],
)
def test_numbers(text: str, number: str) -> None:
    assert read_answer(text, "number") == number


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("B", "B"),
        ("b", "B"),
        ("B. Paris", "B"),
        ("(C)", "C"),
        ("The answer is B) Paris", "B"),
        ("**Answer:** B", "B"),
        ("Answer: Paris", "B"),
        ("I think it is Paris, of course.", "B"),
        ("Paris or Rome", ""),
        ("A or B", ""),
        ("A good question.", ""),
        ("정답: B입니다", "B"),
        ("", ""),
    ],
)
def test_choices(text: str, letter: str) -> None:
    assert read_answer(text, "choice", ("Rome", "Paris", "Oslo")) == letter


def test_an_option_inside_a_longer_named_one_does_not_count() -> None:
    assert read_answer("not guilty", "choice", ("guilty", "not guilty")) == "B"
    assert read_answer("guilty", "choice", ("guilty", "not guilty")) == "A"


def test_only_the_last_marked_line_counts() -> None:
    assert read_answer("Answer: 3\nWait, no.\nAnswer: 5\nThat was hard, 7 steps.", "number") == "5"


def test_korean_options_are_named_with_a_particle() -> None:
    assert read_answer("수도는 서울입니다.", "choice", ("부산", "서울")) == "B"


def test_normalise() -> None:
    assert normalise("  The “Quick”,  BROWN fox! ") == "quick brown fox"
    assert normalise("ＡＢＣ") == "abc"


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "text",
    ["answer" + " " * 500_000 + "x", "정답 " * 100_000, "a" + "\u0301\u0323" * 200_000, "the answer is " * 50_000],
)
def test_a_hostile_answer_is_read_in_time_that_grows_with_its_length(text: str) -> None:
    assert isinstance(read_answer(text, "text"), str)
    assert isinstance(normalise(text), str)


@pytest.mark.parametrize(
    "said", ["Answer : 7", "answer is: 7", "정답은 : 7", "답변 :7", "The final answer is 7", "ANSWER is   : 7"]
)
def test_markers_however_they_are_spaced(said: str) -> None:
    assert read_answer(f"1 2 3\n{said}\nand 9", "number") == "7"
