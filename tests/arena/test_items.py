"""Items: from imported pairs and from a trial's stored responses; a sorts before b whatever the file says."""

import pytest

from fairtrial.arena.items import Item, from_pairs, from_trial, oriented
from fairtrial.core import BadInput, Contestant, ModelIdentity, Prompt, Response
from fairtrial.formats.pairs import Pair
from fairtrial.store import Store
from fairtrial.store.reader import Job


def pair(key: str = "p", **more) -> Pair:
    return Pair(key=key, prompts=("q",), a=("one",), b=("two",), **more)


def test_a_sorts_first_and_takes_its_answer_and_its_probe_along():
    items, probes = from_pairs(
        [pair("x", model_a="south", model_b="north"), pair("y", label="a", probe=True, model_a="z", model_b="a")]
    )
    assert [(i.contestant_a, i.a, i.b) for i in items] == [("import:north", ("two",), ("one",))]
    assert [(p.contestant_a, p.a, p.expected) for p in probes] == [("import:a", ("two",), "b")]
    assert oriented(items[0]) == items[0]


def test_labels_are_expected_of_probes_only():
    items, probes = from_pairs([pair(label="a")])
    assert items[0].expected == ""
    assert probes == ()
    assert (items[0].contestant_a, items[0].contestant_b) == ("import:response_a", "import:response_b")


def test_nobody_meets_itself():
    with pytest.raises(BadInput, match="both answers are by 'x'") as caught:
        from_pairs([pair(model_a="x", model_b="x")])
    assert caught.value.next_step


def test_a_digest_names_all_that_matters():
    base = Item(key="k", prompts=("q",), a=("1",), b=("2",), contestant_a="x", contestant_b="y")
    others = [
        Item(key="k", prompts=("q",), a=("2",), b=("1",), contestant_a="x", contestant_b="y"),
        Item(key="k", prompts=("q",), a=("1",), b=("2",), contestant_a="x", contestant_b="z"),
        Item(key="k", prompts=("q",), a=("1",), b=("2",), contestant_a="x", contestant_b="y", expected="a"),
    ]
    assert len({one.digest for one in [base, *others]}) == 4


@pytest.fixture
def trial(store: Store) -> Store:
    """A trial of two contestants on four prompts; the second fails on one, says nothing on another."""
    two = [Contestant(name=name, model=ModelIdentity(provider="sim", model=name)) for name in ("left", "right")]
    prompts = [Prompt(key=f"k{n}", turns=(f"q{n}",), choices=("yes", "no") if n == 0 else ()) for n in range(4)]
    store.put_trial("t", name="t", created="2026-01-01", body={})
    store.put_contestants("t", two)
    store.put_prompts("t", prompts)
    jobs = []
    for n, prompt in enumerate(prompts):
        for contestant in two:
            job = f"{contestant.name}{n}"
            failed = contestant.name == "right" and n == 1
            text = "" if failed or (contestant.name == "right" and n == 2) else f"{contestant.name} says {n}"
            if not (contestant.name == "left" and n == 3):
                store.put_response(
                    job,
                    Response(
                        prompt=prompt.id, contestant=contestant.id, turns=(text,), finish="error" if failed else "stop"
                    ),
                )
            jobs.append(Job(position=len(jobs), kind="answer", key=job, prompt=prompt.id, contestant=contestant.id))
    store.put_jobs("t", jobs)
    store.flush()
    return store


def test_battles_between_stored_responses(trial: Store):
    items, left_out = from_trial(trial, "t", "left", "right")
    assert [item.key for item in items] == ["k0"]
    assert left_out == {"failed": 1, "empty": 1, "no response": 1}
    assert items[0].prompts[0].startswith("q0\n\nA. yes\nB. no")
    names = (items[0].contestant_a, items[0].contestant_b)
    assert names == ("import:left", "import:right")  # not in the arena's registry
    assert (items[0].a, items[0].b) == (("left says 0",), ("right says 0",))


def test_what_cannot_be_compared_is_said(trial: Store):
    for names, said in ((("left", "rihgt"), "Did you mean 'right'"), (("left", "left"), "same contestant")):
        with pytest.raises(BadInput, match=said):
            from_trial(trial, "t", *names)
    with pytest.raises(BadInput, match="no such trial"):
        from_trial(trial, "u", "left", "right")
    with pytest.raises(BadInput, match="no prompt was answered by both"):
        from_trial(trial, "t", "left", "right", repeat=3)
