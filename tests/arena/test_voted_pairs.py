"""Battles that people decided, as pairs: who said what of which answer, however it was shown."""

from collections import Counter

from fairtrial.arena import assignment, tasks
from fairtrial.arena.items import from_pairs
from fairtrial.arena.voted_pairs import voted_pairs
from fairtrial.formats.pairs import Pair


async def test_arena_votes_become_pairs_and_what_is_no_opinion_does_not(arena, store):
    rater = arena.rater(await arena.enrol("cookie"))
    opinions = {}
    for n, opinion in enumerate((2, -1, 0, "both_bad", "skip", 1)):
        battle = await arena.begin(rater, f"What is {n} + 2?")
        await battle.settled()
        await arena.vote(rater, battle.ballot.id, opinion)
        if isinstance(opinion, int):
            opinions[f"What is {n} + 2?"] = opinion, battle.ballot
    gone = opinions.pop("What is 5 + 2?")[1]
    await arena.withdraw(rater, gone.id)
    with store.reading() as connection:
        pairs = voted_pairs(connection)
    assert {pair.prompts[0] for pair in pairs} == set(opinions)
    for pair in pairs:
        grade, ballot = opinions[pair.prompts[0]]
        grade *= 1 if ballot.pairing.order == "ab" else -1  # an opinion is of the panes
        assert pair.label == {1: "a", 0: "tie", -1: "b"}[(grade > 0) - (grade < 0)]
        assert pair.raters == ("rater 1",)
        assert {pair.model_a, pair.model_b} < {"north", "south", "east"}


async def test_several_raters_of_a_task_are_annotators_of_one_pair(open_arena, store):
    arena = await open_arena()
    rows = tuple(
        Pair(key=f"k{n}", prompts=(f"Q{n}",), a=(f"yes {n}",), b=(f"no {n}",), model_a="x", model_b="y")
        for n in range(4)
    )
    items, _ = from_pairs(rows)
    plan = tasks.TaskPlan(name="t", question="Which?", guidelines="", items=items, probes=(), overlap=3)
    task = store.transact(lambda c: tasks.create(c, plan, by="test")).result()
    for place in range(3):
        secret, _ = store.transact(lambda c, place=place: tasks.invite(c, task.id, f"r{place}", by="test")).result()
        rater = arena.rater(await arena.enrol("invite", secret=secret, task=task.id))
        for _ in items:
            ballot = await arena.transact(lambda c, rater=rater: assignment.next_item(c, task.id, rater))
            yes = "A" if ballot.said.a[0].startswith("yes") == (ballot.shown("A") == "a") else "B"
            wanted = yes if place < 2 else {"A": "B", "B": "A"}[yes]
            await arena.vote(rater, ballot.id, 1 if wanted == "A" else -1)
    with store.reading() as connection:
        pairs = voted_pairs(connection, task.id)
        assert voted_pairs(connection) == ()
    assert len(pairs) == 4
    for pair in pairs:
        yes = "a" if pair.a[0].startswith("yes") else "b"
        assert (pair.label, Counter(pair.annotators)[yes]) == (yes, 2)
        assert len(set(pair.raters)) == 3
        assert {pair.model_a, pair.model_b} == {"x", "y"}
