"""Rating tasks: made whole or not at all, closed and opened again, entered by invitation."""

from dataclasses import replace

import pytest

from fairtrial.arena import access, raters, tasks
from fairtrial.arena.items import Item
from fairtrial.arena.refusals import Refused
from fairtrial.arena.tasks import TaskPlan, create, invited
from fairtrial.core import BadInput
from fairtrial.store import Store, history


def item(key: str, **more) -> Item:
    fixed = {"prompts": (f"Frage {key}",), "a": (f"eins {key}",), "b": (f"zwei {key}",)}
    return Item(**{"key": key, "contestant_a": "import:x", "contestant_b": "import:y"} | fixed | more)


PLAN = TaskPlan(
    name="Hilfe",
    question="Which answer helps the pupil more?",
    guidelines="# Read both",
    items=tuple(item(f"k{n}") for n in range(3)),
    probes=(item("p", expected="a"),),
)


def make(store: Store, plan: TaskPlan = PLAN) -> tasks.Task:
    return store.transact(lambda c: create(c, plan, by="owner")).result()


def log(store: Store, kind: str = "task") -> list[dict]:
    with store.reading() as connection:
        return [entry.body for entry in history.entries(connection, kinds=(kind,))]


def test_a_task_is_on_record_and_its_text_is_not_in_the_log(store: Store):
    task = make(store)
    with store.reading() as connection:
        assert tasks.find(connection, task.id) == task
        assert tasks.every(connection) == [task]
        assert tasks.items(connection, task.id) == [*PLAN.items, *PLAN.probes]
        assert tasks.item(connection, task.id, 3).expected == "a"
        with pytest.raises(Refused):
            tasks.item(connection, task.id, 4)
    (entry,) = log(store)
    assert entry["items"] == [one.digest for one in PLAN.items]
    assert entry["probes"] == [PLAN.probes[0].digest]
    assert not any(word in str(entry) for word in ("Frage", "eins", "zwei"))
    assert (task.state, task.items, task.probes, task.reveal) == ("open", 3, 1, False)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": " "}, "needs a name"),
        ({"name": "a\nb"}, "printable"),
        ({"question": ""}, "need a question"),
        ({"guidelines": "x" * 50_001}, "guidelines"),
        ({"items": ()}, "this one has 0"),
        ({"overlap": 0}, "at least one rater"),
        ({"probe_every": 1}, "at most one probe"),
        ({"items": (item("p"),)}, "two items have the key 'p'"),
        ({"items": (item("k", expected="a"),)}, "is a probe"),
        ({"probes": (item("q"),)}, "needs its expected answer"),
        ({"items": (item("k", b=()),)}, "a prompt and two answers"),
        ({"items": (item("k", prompts=()),)}, "a prompt and two answers"),
        ({"items": (item("k", prompts=(" ",)),)}, "a prompt and two answers"),
        ({"items": (item("k", a=("",), b=(" ",)),)}, "both answers are empty"),
        ({"items": (item("k", a=("x" * 200_001,)),)}, "more than 200,000"),
        ({"items": (item("k", a=("\ud800",)),)}, "no text"),
        ({"items": (item("k", contestant_b="import:x"),)}, "the same contestant"),
    ],
)
def test_a_plan_that_makes_no_sense_leaves_nothing_behind(store: Store, change: dict, said: str):
    with pytest.raises(BadInput, match=said):
        make(store, replace(PLAN, **change))
    with store.reading() as connection:
        assert tasks.every(connection) == []
        assert history.head(connection).size == 0


def test_close_and_reopen(store: Store):
    task = make(store)
    assert store.transact(lambda c: tasks.close(c, task.id, by="owner")).result().state == "closed"
    with pytest.raises(BadInput, match="closed already"):
        store.transact(lambda c: tasks.close(c, task.id, by="owner")).result()
    assert store.transact(lambda c: tasks.reopen(c, task.id, by="owner")).result().state == "open"
    with pytest.raises(BadInput, match="no such rating task"):
        store.transact(lambda c: tasks.close(c, "t-0", by="owner")).result()
    assert [entry["event"] for entry in log(store)] == ["created", "closed", "reopened"]


def kind_of(store: Store, secret: str | None) -> str:
    with store.reading() as connection, pytest.raises(Refused) as caught:
        invited(connection, secret)
    return caught.value.kind


def test_an_invitation_opens_its_task_until_it_is_revoked_or_expires(store: Store):
    task = make(store)
    secret, token = store.transact(lambda c: tasks.invite(c, task.id, "rater 1", by="owner")).result()
    late, _ = store.transact(lambda c: tasks.invite(c, task.id, "late", by="owner", days=-1)).result()
    with store.reading() as connection:
        assert invited(connection, secret) == task
    rater = store.transact(lambda c: raters.add(c, secret, "invite", consent="1", task=task.id)).result()
    with store.reading() as connection:
        assert {(i.token.name, i.rater) for i in tasks.invitations(connection, task.id)} == {
            ("rater 1", rater.id),
            ("late", None),
        }
    assert kind_of(store, late) == "bad_link"
    assert kind_of(store, None) == kind_of(store, "ft_nothing") == kind_of(store, secret[:-1]) == "bad_link"
    store.transact(lambda c: tasks.close(c, task.id, by="owner")).result()
    assert kind_of(store, secret) == "closed_task"
    with pytest.raises(BadInput, match="closed"):
        store.transact(lambda c: tasks.invite(c, task.id, "more", by="owner")).result()
    store.transact(lambda c: access.revoke(c, token.id, by="owner")).result()
    assert kind_of(store, secret) == "bad_link"


def test_a_token_of_another_kind_is_no_invitation(store: Store):
    secret, _ = store.transact(lambda c: access.grant(c, "program", {"vote"}, by="owner")).result()
    assert kind_of(store, secret) == "bad_link"


def test_withheld_texts_are_gone_and_the_rest_stays(store: Store):
    task = make(store)
    store.transact(lambda c: tasks.withhold(c, task.id, 1)).result()
    with store.reading() as connection:
        found = tasks.items(connection, task.id)
        assert tasks.find(connection, task.id).withheld == (1,)
    assert [one.withheld for one in found] == [False, True, False, False]
    assert found[1].key == "k1"
    assert "eins k1" not in repr(found)
