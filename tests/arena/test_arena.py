"""Battles from the question to the changed board, with simulated contestants over a real store."""

import asyncio

import pytest
from sqlalchemy import select

from fairtrial.arena.boards import View
from fairtrial.arena.refusals import Refused
from fairtrial.core import Interrupted, to_json
from fairtrial.store import Store, history
from fairtrial.store.arena_tables import ballots, log_bodies
from fairtrial.store.tables import responses, votes


async def enrolled(arena):
    return arena.rater(await arena.enrol("cookie"))


async def answered(arena, rater, text="What is 2 + 2?"):
    battle = await arena.begin(rater, text)
    await battle.settled()
    return battle


async def test_from_a_question_to_a_changed_board(open_arena, store: Store):
    arena = await open_arena(limits={"battles_per_minute": 100})
    rater = await enrolled(arena)
    for n in range(12):
        battle = await answered(arena, rater, None if n % 3 else f"Question {n}?")
        assert battle.phase == "answered"
        shown = battle.shown()
        assert shown["A"][-1]
        assert shown["B"][-1]
        verdict = await arena.vote(rater, battle.ballot.id, (2, 1, 0, -1, "both_bad", "skip")[n % 6])
        assert verdict.receipt.new
        assert {one.name for one in verdict.reveal.values()} < {"north", "south", "east"}
        left = arena.registry.name(battle.ballot.contestant("A"))
        assert verdict.reveal["A"].name == left
    arena._keeper.submit(int).result()
    board = arena.boards.view(View())
    assert sum(row.votes for row in board.models) == 2 * 8  # decided ones; both bad and skips are counted apart
    assert board.excluded == {"both_bad": 2, "abstain": 2}
    with store.reading() as connection:
        head, _ = history.check(connection)
        assert history.count(connection, "vote") == 12
        assert history.count(connection, "pairing") == 12
        assert history.count(connection, "registry") == 3
    assert head.size == 27


async def test_a_vote_sent_again_counts_once_and_reveals_again(arena):
    rater = await enrolled(arena)
    battle = await answered(arena, rater)
    first, again = await asyncio.gather(
        *(arena.vote(rater, battle.ballot.id, grade) for grade in (2, -2)), return_exceptions=False
    )
    assert [first.receipt.new, again.receipt.new] == [True, False]
    assert first.reveal == again.reveal
    assert len(arena.votes) == 0 or len(arena.votes) == 1
    later = await arena.vote(rater, battle.ballot.id, 1)
    assert not later.receipt.new
    assert later.receipt.ballot.outcome.grade == first.receipt.ballot.outcome.grade


async def test_no_opinion_after_a_skip_has_shown_the_names(arena):
    rater = await enrolled(arena)
    battle = await answered(arena, rater)
    assert (await arena.vote(rater, battle.ballot.id, "skip")).reveal
    with pytest.raises(Refused) as refused:
        await arena.vote(rater, battle.ballot.id, 1)
    assert refused.value.kind == "revealed"


async def test_several_turns_keep_the_pair_and_all_that_was_said(arena):
    rater = await enrolled(arena)
    battle = await answered(arena, rater, "First?")
    arena.say(rater, battle.ballot.id, "Second?")
    await battle.settled()
    assert battle.said.prompts == ("First?", "Second?")
    assert len(battle.said.a) == len(battle.said.b) == 2
    verdict = await arena.vote(rater, battle.ballot.id, 0)
    assert verdict.receipt.ballot.said == battle.said


async def test_a_vote_before_the_end_is_marked_early_and_keeps_what_was_there(open_arena, sim, store: Store):
    slow = [sim(name, skill=0.5, length=400, words_per_s=200) for name in ("one", "two")]
    arena = await open_arena(slow)
    rater = await enrolled(arena)
    battle = await arena.begin(rater, "Tell me a long story.")
    with pytest.raises(Refused, match="wait until both"):
        await arena.vote(rater, battle.ballot.id, 1)
    async for frame in battle.frames():
        if frame.votable:
            break
    verdict = await arena.vote(rater, battle.ballot.id, 1)
    assert verdict.receipt.ballot.outcome.early
    assert all(one.finish == "cut" for one in verdict.reveal.values())
    assert 0 < len(verdict.receipt.ballot.said.a[-1].split()) < 390
    said = verdict.receipt.ballot.said
    assert {said.a[-1], said.b[-1]} == {"".join(f.text[pane] for f in battle._frames) for pane in "AB"}  # as shown
    await asyncio.sleep(0.1)
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("battle")]


async def test_somebody_elses_battle_is_not_to_be_had(arena):
    one, two = await enrolled(arena), await enrolled(arena)
    battle = await answered(arena, one)
    for attempt in (
        lambda: arena.live(two, battle.ballot.id),
        lambda: arena.ballot(two, battle.ballot.id),
        lambda: arena.say(two, battle.ballot.id, "mine?"),
    ):
        with pytest.raises(Refused) as refused:
            attempt()
        assert refused.value.kind == "unknown_ballot"
    with pytest.raises(Refused):
        await arena.vote(two, battle.ballot.id, 1)
    with pytest.raises(Refused):
        arena.reveal(arena.ballot(one, battle.ballot.id))


async def test_a_contestant_that_fails_voids_the_battle_and_the_question_is_kept(open_arena, sim, store: Store):
    arena = await open_arena([sim("good"), sim("bad", timeout_rate=1.0, retries=0)])
    rater = await enrolled(arena)
    battle = await answered(arena, rater, "My question")
    assert (battle.phase, battle.failure) == ("failed", "timeout")
    with pytest.raises(Refused) as refused:
        await arena.vote(rater, battle.ballot.id, 1)
    assert refused.value.kind == "void"
    assert arena.ballot(rater, battle.ballot.id).failure == "timeout"
    assert {k: v.void["timeout"] for k, v in arena.exposure.contestants.items()} == dict.fromkeys(
        arena.registry.entrants, 1
    )


async def test_two_are_needed(open_arena, sim):
    arena = await open_arena([sim("alone")])
    rater = await enrolled(arena)
    with pytest.raises(Refused, match="two contestants are needed, and 1 can answer"):
        await arena.begin(rater, "Anyone?")


async def test_the_stop_switch_ends_every_battle_at_once_and_tells_the_seconds(open_arena, sim, store: Store):
    slow = [sim(name, length=300, words_per_s=50) for name in ("one", "two", "three")]
    arena = await open_arena(slow)
    rater = await enrolled(arena)
    battles = [await arena.begin(rater, f"Question {n}?") for n in range(6)]
    stopped = arena.registry.by_name("two").contestant.id
    hit = [b for b in battles if stopped in (b.ballot.pairing.a, b.ballot.pairing.b)]
    change = await arena.change(stopped, "stopped", reason="it harms", by="owner")
    assert change.details["battles_ended"] == len(hit)
    assert 0 <= change.details["seconds"] < 5
    await asyncio.sleep(0.05)
    assert all(b.phase == "failed" for b in hit)
    for _ in range(20):
        battle = await arena.begin(await enrolled(arena), "Again?")
        assert stopped not in (battle.ballot.pairing.a, battle.ballot.pairing.b)
    told = arena.registry.changes(stopped)
    assert [c.event for c in told] == ["registered", "stopped"]
    assert told[-1].reason == "it harms"
    await arena.change(stopped, "resumed", reason="mended", by="owner")
    assert stopped in arena.registry.alive()


async def test_a_pair_that_was_drawn_is_recorded_though_its_battle_ends_at_once(open_arena, sim):
    arena = await open_arena([sim(name, length=300, words_per_s=50) for name in ("one", "two")])
    rater = await enrolled(arena)
    battles = [await arena.begin(rater, f"Question {n}?") for n in range(5)]
    await asyncio.gather(*(battle.end("stopped") for battle in battles))
    assert [arena.ballot(rater, battle.ballot.id).pairing for battle in battles] == [b.ballot.pairing for b in battles]


async def test_a_withdrawn_vote_is_erased_and_the_history_still_verifies(arena, store: Store):
    rater = await enrolled(arena)
    battle = await answered(arena, rater, "My secret is swordfish.")
    await arena.vote(rater, battle.ballot.id, 2)
    await arena.withdraw(rater, battle.ballot.id)
    arena._keeper.submit(int).result()
    assert len(arena.votes.columns()["battle_id"]) == 0
    with store.reading() as connection:
        _, withheld = history.check(connection)
        kept = b"".join(bytes(row[0]) for row in connection.execute(select(ballots.c.body)))
        kept += b"".join(bytes(row[0]) for row in connection.execute(select(log_bodies.c.body)))
        for table in (votes, responses):
            assert connection.execute(select(table)).first() is None
    assert withheld == 1
    assert b"swordfish" not in kept


async def test_limits_of_a_voter(open_arena):
    arena = await open_arena(limits={"battles_per_minute": 3, "prompt_characters": 20, "turns": 2})
    rater = await enrolled(arena)
    for text, kind in (("x" * 21, "too_long"), ("  \n", "empty")):
        with pytest.raises(Refused) as refused:
            await arena.begin(rater, text)
        assert refused.value.kind == kind
    battles = [await answered(arena, rater) for _ in range(3)]
    with pytest.raises(Refused) as refused:
        await arena.begin(rater, "More?")
    assert refused.value.kind == "too_fast"
    arena.say(rater, battles[0].ballot.id, "Second?")
    await battles[0].settled()
    with pytest.raises(Refused) as refused:
        arena.say(rater, battles[0].ballot.id, "Third?")
    assert refused.value.kind == "too_many_turns"


@pytest.mark.parametrize("grade", [3, -3, 1.5, True, "A", None, "both"])
async def test_a_grade_that_is_none(arena, grade):
    rater = await enrolled(arena)
    battle = await answered(arena, rater)
    with pytest.raises(Refused) as refused:
        await arena.vote(rater, battle.ballot.id, grade)
    assert refused.value.kind == "bad_grade"


async def test_after_a_restart_finished_answers_can_still_be_voted_on(open_arena, store: Store):
    before = await open_arena()
    secret = await before.enrol("cookie")
    done = await answered(before, before.rater(secret), "Kept?")
    shown = done.shown()
    await asyncio.sleep(0.05)
    after = await open_arena()
    rater = after.rater(secret)
    assert after.ballot(rater, done.ballot.id).said == done.said
    verdict = await after.vote(rater, done.ballot.id, 1)
    assert verdict.receipt.new
    assert shown["A"][0]
    after._keeper.submit(int).result()
    third = await open_arena()
    assert len(third.votes) == 1
    assert to_json(third.votes.columns()) == to_json(after.votes.columns())
    assert third.exposure == after.exposure


async def test_an_endless_answer_is_cut_at_the_limit(open_arena, sim):
    arena = await open_arena([sim(n, length=3000) for n in ("one", "two")], limits={"answer_characters": 500})
    rater = await enrolled(arena)
    battle = await answered(arena, rater, "Go on and on.")
    assert {len(text) for text in (*battle.said.a, *battle.said.b)} == {500}
    verdict = await arena.vote(rater, battle.ballot.id, 0)
    assert {one.finish for one in verdict.reveal.values()} == {"length"}


async def test_a_stop_that_cannot_be_written_may_be_asked_for_again(open_arena, monkeypatch):
    arena = await open_arena()
    name = next(iter(arena.registry.entrants))
    entrant = arena.registry.entrants[name]
    since = entrant.since

    def full(*_given):
        raise Interrupted("the disk is full.")

    with monkeypatch.context() as broken:
        broken.setattr("fairtrial.store.history.append", full)
        with pytest.raises(Interrupted):
            await arena.change(name, "stopped", reason="It harms.", by="test")
    assert (entrant.state, entrant.since) == ("active", since)
    assert arena.registry.changes(name)[-1].event == "registered"
    assert (await arena.change(name, "stopped", reason="It harms.", by="test")).event == "stopped"
    assert entrant.state == "stopped"
