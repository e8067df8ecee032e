"""Assignment: every rater gets each item once, no item more raters than wanted, probes in between, and a pause is no loss."""

import threading
from collections import Counter
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError as Doubled

from fairtrial.arena import access, ballots, raters, tasks
from fairtrial.arena.assignment import choose, extent, next_item, order_of, progress, shown, summary
from fairtrial.arena.blinding import MASK
from fairtrial.arena.boards import View
from fairtrial.arena.items import Item, probe_result
from fairtrial.arena.refusals import Refused
from fairtrial.arena.tasks import Task, TaskPlan, create
from fairtrial.stats import Battles
from fairtrial.stats.agreement import rater_agreement
from fairtrial.store import Store


def item(key: str, **more) -> Item:
    fixed = {"prompts": (f"q {key}",), "a": (f"x says {key}",), "b": (f"y says {key}",)}
    return Item(**{"key": key, "contestant_a": "import:x", "contestant_b": "import:y"} | fixed | more)


def make(store: Store, items: int = 4, probes: int = 0, **more) -> Task:
    plan = TaskPlan(
        name="t",
        question="Which?",
        items=tuple(item(f"k{n}") for n in range(items)),
        probes=tuple(item(f"p{n}", expected="ab"[n % 2]) for n in range(probes)),
        **more,
    )
    return store.transact(lambda c: create(c, plan, by="owner")).result()


def enrol(store: Store, task: Task) -> raters.Rater:
    def work(connection):
        secret, _ = tasks.invite(connection, task.id, "somebody", by="owner")
        return raters.add(connection, secret, "invite", consent="1", task=task.id)

    return store.transact(work).result()


def following(store: Store, task: Task, rater: raters.Rater):
    return store.transact(lambda c: next_item(c, task.id, rater)).result()


def cast(store: Store, ballot, opinion):
    from fairtrial.arena.reveal import stored_answers

    return store.transact(
        lambda c: ballots.cast(
            c,
            ballot.id,
            ballot.rater,
            opinion,
            said=ballot.said,
            answers=stored_answers(ballot),
            outcome={"early": False},
        )
    ).result()


def kind_of(store: Store, task: Task, rater: raters.Rater) -> str:
    with pytest.raises(Refused) as caught:
        following(store, task, rater)
    return caught.value.kind


# --- the draw, purely -------------------------------------------------------------------------------------------------


def plan(items: int, probes: int, overlap: int | None, every: int, withheld: tuple[int, ...] = ()) -> Task:
    return Task(
        id="t-x", name="t", state="open", since="", question="", guidelines="", language="", items=items, probes=probes,
        overlap=overlap, probe_every=every, profile_asked=False, reveal=False, withheld=withheld,
    )  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    items=st.integers(1, 25), probes=st.integers(0, 6), overlap=st.none() | st.integers(1, 4),
    every=st.integers(2, 8), people=st.integers(1, 5), seed=st.integers(0, 99), gone=st.sets(st.integers(0, 30), max_size=4),
)  # fmt: skip
def test_any_task_is_done_when_everyone_goes_on_to_the_end(items, probes, overlap, every, people, seed, gone):
    task = plan(items, probes, overlap, every, tuple(k for k in gone if k < items + probes))
    mine: dict[str, dict[int, str]] = {f"r{n}": {} for n in range(people)}
    held: Counter[int] = Counter()
    random, active = Random(seed), sorted(mine)
    while active:
        rater = random.choice(active)
        position = choose(task, rater, set(mine[rater]), held)
        if position is None:
            active.remove(rater)
            done, total = extent(task, rater, mine[rater], held)
            assert done == total == len(mine[rater])
            continue
        assert position not in mine[rater]
        assert position not in task.withheld
        before = extent(task, rater, mine[rater], held)
        assert before[0] < before[1]
        mine[rater][position] = "voted"
        held[position] += position < items
    left = set(range(items)) - set(task.withheld)
    assert {held[k] for k in left} <= {min(people, overlap or people)}
    for positions in mine.values():
        rated = [k for k in positions if k < items]
        there = len(set(range(items, items + probes)) - set(task.withheld))
        assert len(positions) - len(rated) <= min(there, len(rated) // every + 1)
        assert len(positions) - len(rated) >= min(there, len(rated) // every)
        assert all(position < items for position in list(positions)[:1])


def test_raters_go_through_a_task_in_orders_of_their_own():
    task = plan(30, 0, None, 10)

    def way(rater: str) -> list[int]:
        seen: list[int] = []
        while (position := choose(task, rater, set(seen), {})) is not None:
            seen.append(position)
        return seen

    ways = [way(f"r{n}") for n in range(5)]
    assert all(sorted(one) == list(range(30)) for one in ways)
    assert len(set(map(tuple, ways))) == 5
    assert way("r0") == ways[0]


def test_items_with_few_raters_come_first_below_an_overlap():
    task = plan(3, 0, 2, 10)
    assert choose(task, "r", set(), {0: 1, 1: 0, 2: 1}) == 1
    assert choose(task, "r", set(), {0: 2, 1: 2, 2: 1}) == 2
    assert choose(task, "r", {2}, {0: 2, 1: 2, 2: 1}) is None


@settings(max_examples=50, deadline=None)
@given(task=st.text("abc", min_size=1, max_size=5), position=st.integers(0, 100), people=st.integers(1, 12))
def test_sides_are_balanced_on_every_item(task, position, people):
    sides = Counter(order_of(task, position, before) for before in range(people))
    assert abs(sides["ab"] - sides["ba"]) <= 1
    neighbours = {order_of(task, position, 0), order_of(task, position ^ 1, 0)}
    assert neighbours == {"ab", "ba"}  # so one rater alone sees both orders, too


def test_sides_are_balanced_for_every_rater():
    firsts = [sum(order_of(f"t{n}", k, n % 3) == "ab" for k in range(40)) for n in range(50)]
    assert set(firsts) == {20}


# --- over a store -----------------------------------------------------------------------------------------------------


def test_a_pause_gives_the_same_ballot_again(store: Store):
    task = make(store)
    rater = enrol(store, task)
    first = following(store, task, rater)
    assert following(store, task, rater) == first
    assert (first.task, first.source, first.pairing.policy, first.pairing.p_pair) == (
        task.id,
        f"task:{task.id}",
        "task",
        1.0,
    )
    assert first.said.a == (f"x says {first.question}",)
    cast(store, first, 1)
    assert following(store, task, rater).item != first.item


def test_eight_requests_at_once_open_one_ballot(store: Store):
    task = make(store)
    rater = enrol(store, task)
    found = []
    threads = [threading.Thread(target=lambda: found.append(following(store, task, rater).id)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_the_database_itself_refuses_an_item_twice(store: Store):
    task = make(store)
    ballot = following(store, task, enrol(store, task))

    def again(connection):
        with pytest.raises(Doubled):
            ballots.open_ballot(connection, replace(ballot, id=ballots.new_id()))
        raise Refused("busy")  # and undo

    with pytest.raises(Refused):
        store.transact(again).result()


def test_to_the_end_with_probes_and_progress(store: Store):
    task = make(store, items=6, probes=2, probe_every=3)
    rater = enrol(store, task)
    seen = []
    with store.reading() as connection:
        assert progress(connection, task.id, rater) == (0, 8)
    while (ballot := following(store, task, rater)) is not None:
        with store.reading() as connection:
            assert progress(connection, task.id, rater) == (len(seen), 8)
        cast(store, ballot, 2)
        seen.append(ballot)
    with store.reading() as connection:
        assert progress(connection, task.id, rater) == (8, 8)
    assert [ballot.item for ballot in seen if ballot.source.startswith("probe:")]
    assert sorted(ballot.item for ballot in seen) == list(range(8))
    assert seen[0].item < 6


def test_overlap_is_kept_and_skips_leave_room(store: Store):
    task = make(store, items=2, overlap=1)
    one, two, three = (enrol(store, task) for _ in range(3))
    first, second = following(store, task, one), following(store, task, two)
    assert {first.item, second.item} == {0, 1}
    assert following(store, task, three) is None
    with store.reading() as connection:
        assert progress(connection, task.id, three) == (0, 0)
    cast(store, first, "skip")
    assert following(store, task, three).item == first.item
    assert following(store, task, one) is None


def test_an_item_left_open_for_a_day_goes_to_another_and_still_counts(store: Store):
    task = make(store, items=1, overlap=1)
    one, two = enrol(store, task), enrol(store, task)
    left = following(store, task, one)
    assert following(store, task, two) is None
    store.transact(
        lambda c: c.execute(ballots.ballots.update().values(opened="2020-01-01T00:00:00.000Z")).rowcount
    ).result()
    assert following(store, task, two).item == left.item
    assert cast(store, left, 1).new


def test_closed_revoked_and_foreign(store: Store):
    task, other = make(store), make(store)
    rater = enrol(store, task)
    assert kind_of(store, other, rater) == "bad_link"
    cookie = store.transact(lambda c: raters.add(c, "s", "cookie", consent="1")).result()
    assert kind_of(store, task, cookie) == "bad_link"
    assert kind_of(store, replace(task, id="t-0"), rater) == "unknown_task"
    ballot = following(store, task, rater)
    store.transact(lambda c: tasks.close(c, task.id, by="owner")).result()
    assert kind_of(store, task, rater) == "closed_task"
    with pytest.raises(Refused):
        cast(store, ballot, 1)
    store.transact(lambda c: tasks.reopen(c, task.id, by="owner")).result()
    again = following(store, task, rater)
    assert again.id == ballot.id
    assert cast(store, again, 1).new
    with store.reading() as connection:
        (invitation,) = tasks.invitations(connection, task.id)
    store.transact(lambda c: access.revoke(c, invitation.token.id, by="owner")).result()
    assert kind_of(store, task, rater) == "bad_link"


def test_a_summary_counts_items_raters_and_probes(store: Store):
    task = make(store, items=3, probes=2, probe_every=2)
    people = [enrol(store, task) for _ in range(3)]
    for n, rater in enumerate(people):
        while (ballot := following(store, task, rater)) is not None:
            opinion = 2 if ballot.pairing.order == "ab" else -2  # always for x
            if ballot.item == 0:
                opinion = ("both_bad", "skip", 0)[n]
            cast(store, ballot, opinion)
    with store.reading() as connection:
        found = summary(connection, task.id)
    first, *others = found.items
    assert (first.both_bad, first.skips, first.ties, first.a, first.b) == (1, 1, 1, 0, 0)
    assert all((one.a, one.b, one.open) == (3, 0, 0) for one in others)
    assert (first.contestant_a, first.contestant_b, first.key) == ("x", "y", "k0")
    assert len(found.raters) == 3
    for one in found.raters:
        assert one.done == one.total
        assert one.passed + one.failed == one.done - 3
        assert one.passed >= (1 if one.done == 5 else 0)  # of two probes, x is better in one
    assert len(found.columns["rater"]) == 9
    assert set(found.columns["question_id"]) == {"k0", "k1", "k2"}
    agreement = rater_agreement(Battles.from_columns(found.columns), draws=50)
    assert agreement.observed is not None


@pytest.mark.parametrize(
    ("expected", "order", "opinion", "result"),
    [
        ("a", "ab", 1, 1), ("a", "ba", -2, 1), ("a", "ba", 1, 0), ("b", "ab", -1, 1), ("b", "ab", 0, 0),
        ("tie", "ba", 0, 1), ("tie", "ab", 1, 0), ("a", "ab", "both_bad", 0), ("a", "ab", "skip", -1),
    ],
)  # fmt: skip
def test_probes_are_judged_by_contestant_not_by_side(store: Store, expected, order, opinion, result):
    task = make(store, items=1, probes=1, probe_every=2)
    rater = enrol(store, task)
    ballot = following(store, task, rater)
    assert probe_result(ballot) == -1
    changed = replace(ballot, source=f"probe:{expected}", pairing=replace(ballot.pairing, order=order))
    store.transact(lambda c: ballots.save(c, changed)).result()
    assert probe_result(cast(store, changed, opinion).ballot) == result


# --- through the arena ------------------------------------------------------------------------------------------------


async def test_votes_of_a_task_through_the_arena(open_arena, store: Store):
    arena = await open_arena()
    north = arena.registry.by_name("north").contestant.id
    items = tuple(item(f"k{n}", contestant_a="import:x", contestant_b=north) for n in range(4))
    task = await arena.transact(lambda c: create(c, TaskPlan(name="t", question="Which?", items=items), by="owner"))
    votes = ("both_bad", "skip", 2, -1)
    orders = set()
    for _ in range(2):
        secret, _ = await arena.access.change(lambda c: tasks.invite(c, task.id, "somebody", by="owner"))
        await arena.enrol("invite", secret=secret, task=task.id)
        rater = arena.rater(secret)
        for opinion in votes:
            ballot = await arena.transact(lambda c, rater=rater: next_item(c, task.id, rater))
            orders.add(ballot.pairing.order)
            verdict = await arena.vote(rater, ballot.id, opinion)
            assert verdict.receipt.new
            again = await arena.vote(rater, ballot.id, opinion)
            assert not again.receipt.new
            assert again.receipt.ballot.outcome == verdict.receipt.ballot.outcome
            if isinstance(opinion, int):
                signed = opinion if ballot.pairing.order == "ab" else -opinion
                assert verdict.receipt.ballot.outcome.grade == signed
            with store.reading() as connection:
                assert not tasks.may_reveal(connection, verdict.receipt.ballot)
        assert await arena.transact(lambda c, rater=rater: next_item(c, task.id, rater)) is None
    assert orders == {"ab", "ba"}
    arena._keeper.submit(int).result()
    board = arena.boards.view(View(task=task.id))
    assert {row.name for row in board.models} == {"x", "north"}
    assert board.excluded == {"both_bad": 2, "abstain": 2}
    assert len(arena.boards.ratings()) == 0  # battles of the arena alone count there
    with store.reading() as connection:
        found = summary(connection, task.id)
    assert len(set(found.columns["question_id"])) == 4


async def test_names_are_masked_in_stored_answers(open_arena, store: Store):
    arena = await open_arena()
    task = make(store, items=1)
    ballot = following(store, task, enrol(store, task))
    told = replace(ballot, said=replace(ballot.said, a=("I am ChatGPT by OpenAI.",)))
    texts = shown(told, arena.blinding)
    assert MASK in texts["A" if ballot.pairing.order == "ab" else "B"][0]
    assert "ChatGPT" not in str(texts)
