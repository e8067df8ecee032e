"""Moderation: a report is no way to delete a vote, a take-down leaves no text, and the log counts what was done."""

import pytest
from sqlalchemy import select

from fairtrial.arena import ballots, moderation, tasks
from fairtrial.arena.assignment import next_item, progress, summary
from fairtrial.arena.items import Item
from fairtrial.arena.moderation import decide, handled, is_withheld, queue, report, take_down
from fairtrial.arena.refusals import Refused
from fairtrial.arena.tasks import TaskPlan, create
from fairtrial.arena.votes import used_ballots
from fairtrial.core import BadInput
from fairtrial.store import Store, history
from fairtrial.store.tables import metadata

SECRET = "Zanzibar-4711"


async def voted(arena, text: str = f"My number is {SECRET}", opinion=2):
    rater = arena.rater(await arena.enrol("cookie"))
    battle = await arena.begin(rater, text)
    await battle.settled()
    await arena.vote(rater, battle.ballot.id, opinion)
    return rater, battle.ballot.id


def everything(store: Store) -> bytes:
    """All bytes of all rows."""
    with store.reading() as connection:
        rows = [row for table in metadata.sorted_tables for row in connection.execute(select(table))]
    return b"\n".join(part if isinstance(part, bytes) else str(part).encode() for row in rows for part in row)


async def test_upheld_withholds_the_texts_and_the_vote_still_counts(open_arena, store: Store):
    arena = await open_arena()
    rater, ballot = await voted(arena)
    await voted(arena, "Another question?", -1)
    found = await arena.transact(lambda c: report(c, rater, ballot, "personal data", pane="A", note="a number"))
    with store.reading() as connection:
        assert queue(connection) == [found]
        assert ballots.find(connection, found.ballot).said.prompts == (f"My number is {SECRET}",)
        before = ballots.find(connection, ballot)
    assert found.side == before.shown("A")
    arena._keeper.submit(int).result()
    columns = arena.votes.columns()
    assert len(columns["rater"]) == 2
    assert SECRET.encode() in everything(store)
    done = await arena.transact(
        lambda c: decide(c, found.id, "upheld", why="a telephone number", by="mod", action="texts")
    )
    assert (done.withheld, done.uncounted) == ((ballot,), ())
    assert (done.report.state, done.report.decision["action"]) == ("upheld", "texts")
    assert SECRET.encode() not in everything(store)
    with store.reading() as connection:
        after = ballots.find(connection, ballot)
        history.check(connection)
        assert queue(connection) == []
    assert is_withheld(after)
    assert not is_withheld(before)
    assert (after.state, after.outcome, after.seq) == ("voted", before.outcome, before.seq)
    again = await open_arena()  # as after a restart
    assert again.votes.columns() | {"asked": columns["asked"]} == columns  # all but what was typed
    assert again.reveal(after)["A"].name == arena.registry.name(before.contestant("A"))
    assert not (await arena.vote(rater, ballot, -2)).receipt.new


async def test_a_battle_taken_out_counts_no_more(open_arena, store: Store):
    arena = await open_arena()
    rater, ballot = await voted(arena)
    done = await arena.transact(
        lambda c: take_down(c, ballot, "battle", reason="identity revealed", why="it said its name", by="mod")
    )
    assert done.uncounted == (ballot,)
    with store.reading() as connection:
        assert used_ballots(connection) == []
        assert ballots.find(connection, ballot).state == "taken down"
        _, withheld = history.check(connection)
        assert handled(connection)["identity revealed"].battles == 1
    assert withheld == 1
    assert SECRET.encode() not in everything(store)
    with pytest.raises(Refused):
        await arena.vote(rater, ballot, 1)


async def test_an_open_battle_is_void_once_it_is_taken_down(open_arena):
    arena = await open_arena()
    rater = arena.rater(await arena.enrol("cookie"))
    battle = await arena.begin(rater, "A question?")
    await battle.settled()
    for action in ("texts", "battle"):
        await arena.transact(
            lambda c, action=action: take_down(c, battle.ballot.id, action, reason="harm", why="x", by="m")
        )
        assert arena.ballot(rater, battle.ballot.id).state == "void"
    with pytest.raises(Refused):
        await arena.vote(rater, battle.ballot.id, 1)


async def test_a_task_item_goes_from_all_its_raters(open_arena, store: Store):
    arena = await open_arena()
    items = tuple(
        Item(
            key=f"k{n}",
            prompts=("q",),
            a=(f"{SECRET} {n}",),
            b=("b",),
            contestant_a="import:x",
            contestant_b="import:y",
        )
        for n in range(2)
    )
    task = await arena.transact(lambda c: create(c, TaskPlan(name="t", question="Which?", items=items), by="owner"))
    people, given = [], []
    for _ in range(3):
        secret, _ = await arena.transact(lambda c: tasks.invite(c, task.id, "somebody", by="owner"))
        await arena.enrol("invite", secret=secret, task=task.id)
        people.append(arena.rater(secret))
    for rater in people[:2]:
        for _ in range(2):
            ballot = await arena.transact(lambda c, rater=rater: next_item(c, task.id, rater))
            given.append(ballot)
            if ballot.item == 0 or rater is people[0]:
                await arena.vote(rater, ballot.id, 1)
            else:
                break
    waiting = await arena.transact(lambda c: next_item(c, task.id, people[1]))
    first = next(one for one in given if one.item == 1 and one.rater == people[0].id)
    found = await arena.transact(lambda c: report(c, people[0], first.id, "harm"))
    assert found.side == ""
    done = await arena.transact(lambda c: decide(c, found.id, "upheld", why="w", by="m", action="texts"))
    assert set(done.withheld) == {first.id, waiting.id}
    assert f"{SECRET} 1".encode() not in everything(store)
    assert f"{SECRET} 0".encode() in everything(store)
    with pytest.raises(Refused) as caught:
        await arena.vote(people[1], waiting.id, 1)
    assert caught.value.kind == "void"
    later = await arena.transact(lambda c: next_item(c, task.id, people[2]))
    assert later.item == 0
    await arena.vote(people[2], later.id, 1)
    assert await arena.transact(lambda c: next_item(c, task.id, people[2])) is None
    with store.reading() as connection:
        assert progress(connection, task.id, people[2]) == (1, 1)
        seen = summary(connection, task.id)
    assert [one.withheld for one in seen.items] == [False, True]
    assert seen.items[1].a + seen.items[1].b == 1  # the vote that was cast still counts


async def test_the_log_counts_reports_and_decisions(open_arena, store: Store):
    arena = await open_arena()
    cases = [
        ("harm", "upheld", "texts"),
        ("harm", "dismissed", "none"),
        ("deepfake", "upheld", "battle"),
        ("other", None, ""),
    ]
    for reason, decision, action in cases:
        rater, ballot = await voted(arena)
        found = await arena.transact(lambda c, r=rater, b=ballot, why=reason: report(c, r, b, why, note=SECRET))
        if decision:
            await arena.transact(lambda c, f=found, d=decision, a=action: decide(c, f.id, d, why="w", by="m", action=a))
    with store.reading() as connection:
        counts = handled(connection)
        told = [entry.body for entry in history.entries(connection, kinds=("report", "moderation"))]
        assert [one.reason for one in queue(connection)] == ["other"]
    harm = counts["harm"]
    assert (harm.received, harm.upheld, harm.dismissed, harm.open, harm.texts, harm.battles) == (2, 1, 1, 0, 1, 0)
    assert (counts["deepfake"].battles, counts["other"].open, counts["personal data"].received) == (1, 1, 0)
    assert SECRET not in str(told)


async def test_who_may_report_what(open_arena, store: Store):
    arena = await open_arena()
    rater, ballot = await voted(arena)
    stranger = arena.rater(await arena.enrol("cookie"))

    def refused(who, which, reason="harm", **more):
        with pytest.raises((Refused, BadInput)) as caught:
            store.transact(lambda c: report(c, who, which, reason, **more)).result()
        return getattr(caught.value, "kind", str(caught.value))

    assert refused(stranger, ballot) == refused(rater, "nothing") == "unknown_ballot"
    assert "no reason to report" in refused(rater, ballot, "ugly")
    assert refused(rater, ballot, note="x" * 2001) == "too_long"
    assert "no text" in refused(rater, ballot, note="\ud800")
    first = await arena.transact(lambda c: report(c, rater, ballot, "harm", pane="B"))
    assert await arena.transact(lambda c: report(c, rater, ballot, "other", pane="B")) == first
    with store.reading() as connection:
        assert history.count(connection, "report") == 1


async def test_one_rater_may_not_flood_the_queue(open_arena, store: Store, monkeypatch):
    monkeypatch.setattr(moderation, "MAX_OPEN", 2)
    arena = await open_arena()
    rater, ballot = await voted(arena)
    for pane in ("A", "B"):
        await arena.transact(lambda c, pane=pane: report(c, rater, ballot, "harm", pane=pane))
    with pytest.raises(Refused) as caught:
        await arena.transact(lambda c: report(c, rater, ballot, "harm"))
    assert caught.value.kind == "too_many_notices"


async def test_decisions_that_make_no_sense(open_arena, store: Store):
    arena = await open_arena()
    rater, ballot = await voted(arena)
    found = await arena.transact(lambda c: report(c, rater, ballot, "harm"))
    for said, more in (
        ("nothing is taken down", {"decision": "dismissed", "action": "texts"}),
        ("a reason is needed", {"decision": "upheld", "why": " "}),
        ("at most 2,000", {"decision": "upheld", "why": "x" * 2001}),
        ("no such report", {"decision": "upheld", "report_id": "r-0"}),
    ):
        with pytest.raises(BadInput, match=said):
            store.transact(
                lambda c, more=more: decide(c, **{"report_id": found.id, "why": "w", "by": "m"} | more)
            ).result()
    store.transact(lambda c: decide(c, found.id, "dismissed", why="w", by="m")).result()
    with pytest.raises(BadInput, match="dismissed already"):
        store.transact(lambda c: decide(c, found.id, "upheld", why="w", by="m")).result()
    with pytest.raises(BadInput, match="no such battle"):
        store.transact(lambda c: take_down(c, "x", "texts", reason="harm", why="w", by="m")).result()
