"""What judges are weighed and calibrated by: people's labels, and none on prompts that judges are examined on."""

import pytest

from fairtrial.core import BadInput
from fairtrial.evaluators.human_labels import human_labels
from fairtrial.formats.pairs import Pair


def pair(n, *, label="a", source="human", **more):
    return Pair(key=f"k{n}", prompts=(f"Why {n}?",), a=("x",), b=("y",), label=label, label_source=source, **more)


def test_prompts_of_the_others_are_left_out_however_they_are_spaced():
    others = [
        Pair(key="o", prompts=("  WHY\n1?",), a=("p",), b=("q",)),
        Pair(key="u", prompts=("Why 2?",), a=("x",), b=("y",)),
    ]
    found = human_labels("f", [pair(n) for n in range(5)] + [pair(9, label=None)], apart_from=others)
    assert [item.key for item in found.items] == ["k0", "k3", "k4"]
    assert (found.shared, found.unlabelled, found.prompts) == (2, 1, 3)


def test_the_digest_is_of_pairs_and_labels_and_not_of_their_order():
    some = [pair(n) for n in range(4)]
    one = human_labels("f", some, apart_from=()).digest
    assert human_labels("g", some[::-1], apart_from=()).digest == one
    assert human_labels("f", [pair(0, label="b"), *some[1:]], apart_from=()).digest != one
    assert human_labels("f", some[1:], apart_from=()).digest != one


@pytest.mark.parametrize(
    "kept",
    [
        pair(1, source="Human "),
        pair(1, source="", annotators=("a",)),
        pair(1, source="most of 3 annotators", annotators=("a", "a", "b"), raters=("ann", "bo", "cy")),
        pair(1, source="expert_12", annotators=("a",), raters=("expert_12",)),
    ],
)
def test_people_are_people(kept):
    assert len(human_labels("f", [kept], apart_from=()).items) == 1


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (pair(1, source=""), "does not say whose it is"),
        (pair(1, source="weighted_alpaca_eval"), "comes from 'weighted_alpaca_eval'"),
        (pair(1, source="gpt-4-0613"), "a model"),
        (pair(1, source="GPT4"), "a model"),
        (pair(1, source="human", annotators=("a",), raters=("gpt-4",)), "a model"),
        (pair(1, source="human", annotators=("a",), raters=("judge:openai/x:12345678",)), "a model"),
        (pair(1, label=None), "no pair has a label"),
    ],
)
def test_what_is_no_human_label_is_refused_with_file_and_pair(one, said):
    with pytest.raises(BadInput, match=said) as told:
        human_labels("people.jsonl", [one], apart_from=())
    assert told.value.where.startswith("people.jsonl")
    assert told.value.next_step


def test_the_evaluated_file_itself_teaches_nothing():
    some = [pair(n) for n in range(4)]
    with pytest.raises(BadInput, match="all 4 labelled pairs are among the others"):
        human_labels("f", some, apart_from=some)
