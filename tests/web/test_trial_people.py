"""A trial whose battles wait for people: run, served, voted on over HTTP, run again."""

import asyncio
import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from sqlalchemy import delete, update

from fairtrial.arena import ballots as ballot_rows
from fairtrial.arena import tasks
from fairtrial.core import BadInput, IntegrityError, to_json
from fairtrial.lab import Lab
from fairtrial.ranking.live import PROVISIONAL
from fairtrial.runs import parse_trial
from fairtrial.store import Store
from fairtrial.store.arena_tables import ballots, task_items
from fairtrial.store.arena_tables import tasks as task_rows
from fairtrial.store.tables import jobs

TRIAL = {
    "name": "waits",
    "seed": 3,
    "prompts": "builtin:starter",
    "limit": 9,
    "select": {"referenced": True},
    "contestant": [
        {"name": "good", "model": "sim/skill-0.9"},
        {"name": "fair", "model": "sim/skill-0.5"},
        {"name": "poor", "model": "sim/skill-0.1"},
    ],
    "evaluator": [
        {"kind": "scorer"},
        {"kind": "judge", "model": "sim/judge-0.9", "name": "j"},
        {"kind": "human", "battles": 8, "votes": 2, "question": "Which helps more?"},
    ],
}
ONLY_PEOPLE = TRIAL | {"evaluator": TRIAL["evaluator"][2:]}
ORDER = ["good", "fair", "poor"]


class Person:
    """One who was invited, in a browser of their own; votes by who is known to be better."""

    def __init__(self, site, secret: str) -> None:
        self.site, self.secret = site, secret

    async def vote(self, most: int = 1000, opinion: str = "") -> list[str]:
        """Vote on the next items, at most so many; gives the ballots."""
        used = []
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as client:
            begin = {"agree": "yes"}
            async with client.post(f"{self.site.address}/invite/{self.secret}", data=begin) as answer:
                text = await answer.text()
            while len(used) < most and (found := re.search(r'action="/battles/([\w-]+)/vote"', text)):
                used.append(found[1])
                assert not [name for name in ORDER if f">{name}<" in text]
                grade = {"grade": opinion or self._grade(found[1])}
                async with client.post(f"{self.site.address}/battles/{found[1]}/vote", data=grade) as answer:
                    assert answer.status == 200
                    text = await answer.text()
        return used

    async def withdraw(self, ballot: str) -> None:
        await self.site.arena.withdraw(self.site.arena.rater(self.secret), ballot)

    def _grade(self, ballot: str) -> str:
        with self.site.arena.store.reading() as connection:
            found = ballot_rows.find(connection, ballot)
        left, right = (ORDER.index(found.contestant(pane).removeprefix("import:")) for pane in "AB")
        return "1" if left < right else "-1"


async def invited(site, task: str, count: int) -> list[Person]:
    """People whom the lab's owner invites on the task's page."""
    token = (await site.token("owner"))["Authorization"].removeprefix("Bearer ")
    async with aiohttp.ClientSession(site.address, cookie_jar=aiohttp.CookieJar(unsafe=True)) as owner:
        await owner.post("/admin/login", data={"token": token})
        form = {"name": "Kim", "count": str(count)}
        async with owner.post(f"/admin/tasks/{task}/invite", data=form) as answer:
            links = re.findall(r"/invite/([\w-]+)", await answer.text())
    assert len(set(links)) == count
    return [Person(site, secret) for secret in dict.fromkeys(links)]


@pytest.fixture
def lab(request, tmp_path: Path) -> Lab:
    """A lab; its rows are on a server where a test's parameter says so."""
    line = ""
    if getattr(request, "param", "sqlite") == "postgres":
        server = request.getfixturevalue("postgres")
        place = server.empty()
        request.addfinalizer(lambda: server.drop(place))  # noqa: PT021 - an SQLite file needs nothing of the kind
        line = f'database = "postgresql://{place.user}@/{place.database}?host={place.host}&port={place.port}"\n'
    path = tmp_path / "lab"
    path.mkdir()
    (path / "lab.toml").write_text(f"format = 1\n{line}[arena.limits]\nrequests_per_second = 10000\n")
    return Lab.create(path)


ON_BOTH = pytest.mark.parametrize("lab", ["sqlite", "postgres"], indirect=True)


async def run(lab: Lab, trial: dict = TRIAL):
    return await asyncio.to_thread(lab.run, lab.plan(parse_trial(trial)))


def human_votes(result) -> list[dict]:
    lines = (result.directory / "votes.jsonl").read_text().splitlines()
    return [vote for vote in map(json.loads, lines) if vote["kind"] == "human"]


def boards(result) -> dict:
    return {board.evidence: board for board in result.report.boards}


def ledger(lab: Lab) -> dict[str, int]:
    with Store.open(lab.directory.database) as store:
        (trial,) = store.trials()
        return store.progress(trial.id)["human"]


@ON_BOTH
async def test_a_trial_waits_for_people_and_is_complete_when_they_have_voted(lab, serve):
    first = await run(lab)
    (asked,) = first.report.people
    assert (asked["battles"], asked["waiting"], asked["votes"]) == (8, 8, 0)
    assert first.report.notes[0].startswith("8 of 8 battles wait for people: fairtrial serve")
    assert set(boards(first)) == {"scorer", "judge"}
    assert human_votes(first) == []
    assert ledger(lab) == {"pending": 8, "done": 0, "failed": 0}
    judged = (first.directory / "battles.jsonl").read_bytes()

    site = await serve(lab=lab)
    one, two = await invited(site, asked["task"], 2)
    assert len(await one.vote()) == 8
    assert len(await two.vote(3)) == 3
    with pytest.raises(BadInput, match=r"process|lab"):  # the lab is held by whoever serves it
        await run(lab)
    await site.stop()

    second = await run(lab)
    (asked,) = second.report.people
    assert (second.bought, asked["waiting"], asked["votes"], asked["raters"]) == (0, 5, 11, 2)
    assert "5 of 8 battles wait for people" in second.report.notes[0]
    assert PROVISIONAL in boards(second)["human"].refusals
    assert ledger(lab) == {"pending": 5, "done": 3, "failed": 0}
    assert boards(second)["judge"].models == boards(first)["judge"].models
    assert lab.verify(second.directory).word == "TRUSTED"

    site = await serve(lab=lab)
    two.site = site
    assert len(await two.vote()) == 5
    await site.stop()

    last = await run(lab)
    (asked,) = last.report.people
    assert (last.bought, asked["waiting"], asked["votes"]) == (0, 0, 16)
    assert not [note for note in last.report.notes if "wait for people" in note]
    assert ledger(lab) == {"pending": 0, "done": 8, "failed": 0}
    board = boards(last)["human"]
    assert PROVISIONAL not in board.refusals
    assert board.scope == "panel"
    assert sum(row.votes for row in board.models) == 2 * 16
    votes = human_votes(last)
    assert {vote["detail"]["rater"] for vote in votes} == {"rater 1", "rater 2"}
    by_id = {c["id"]: c["name"] for c in last.report.contestants}
    battles = {b["id"]: b for b in map(json.loads, (last.directory / "battles.jsonl").read_text().splitlines())}
    for vote in votes:  # what was said of the panes has become what was said of the battle's answers
        a, b = (ORDER.index(by_id[battles[vote["battle"]][f"contestant_{side}"]]) for side in "ab")
        assert vote["grade"] == (1 if a < b else -1)
    assert {vote["order"] for vote in votes} == {"ab", "ba"}
    assert boards(last)["judge"].models == boards(first)["judge"].models
    assert (last.directory / "battles.jsonl").read_bytes().startswith(judged)

    def files(result) -> dict[str, str]:
        found = sorted(result.directory.glob("*.json*"))
        return {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in found if "dsse" not in f.name}

    before = files(last)
    assert files(await run(lab)) == before
    columns = lab.votes(last.directory.name)
    assert set(columns["evaluator_kind"]) == {"judge", "human"}
    raters = {
        (kind, rater.rpartition(", ")[2])
        for kind, rater in zip(columns["evaluator_kind"], columns["rater"], strict=True)
    }
    assert {("human", "rater 1"), ("human", "rater 2")} < raters


async def voted(lab, serve):
    """A trial that was run and voted on by two people: the site, still served, the task, the people, their ballots."""
    (asked,) = (await run(lab, ONLY_PEOPLE)).report.people
    site = await serve(lab=lab)
    people = await invited(site, asked["task"], 2)
    return site, asked["task"], people, [await one.vote() for one in people]


@ON_BOTH
async def test_a_vote_that_was_taken_back_counts_no_more_and_its_battle_waits_again(lab, serve):
    site, _, (one, _), (mine, _) = await voted(lab, serve)
    await site.stop()
    assert len(human_votes(await run(lab, ONLY_PEOPLE))) == 16
    one.site = await serve(lab=lab)
    await one.withdraw(mine[0])
    await one.site.stop()
    result = await run(lab, ONLY_PEOPLE)
    (asked,) = result.report.people
    assert (asked["votes"], asked["waiting"]) == (15, 1)
    assert len(human_votes(result)) == 15
    assert ledger(lab) == {"pending": 1, "done": 7, "failed": 0}
    site = await serve(lab=lab)
    (three,) = await invited(site, asked["task"], 1)
    assert len(await three.vote()) == 1  # somebody else fills the gap, and is asked nothing more
    await site.stop()
    (asked,) = (await run(lab, ONLY_PEOPLE)).report.people
    assert (asked["votes"], asked["waiting"], asked["raters"]) == (16, 0, 3)


async def test_skips_and_both_bad_are_kept_apart(lab, serve):
    (asked,) = (await run(lab, ONLY_PEOPLE)).report.people
    site = await serve(lab=lab)
    one, two, three = await invited(site, asked["task"], 3)
    await one.vote(opinion="skip")
    await two.vote(opinion="both_bad")
    await three.vote(2)
    await site.stop()
    result = await run(lab, ONLY_PEOPLE)
    (asked,) = result.report.people
    assert (asked["skips"], asked["votes"], asked["waiting"]) == (8, 10, 6)
    board = boards(result)["human"]
    assert (board.excluded["abstain"], board.excluded["both_bad"]) == (8, 8)


async def test_texts_that_were_taken_down_are_waited_for_no_more(lab, serve):
    site, task, _, _ = await voted(lab, serve)
    await site.arena.transact(lambda c: tasks.withhold(c, task, 0))
    await site.arena.transact(lambda c: tasks.close(c, task, by="test"))
    await site.stop()
    result = await run(lab, ONLY_PEOPLE)
    (asked,) = result.report.people
    assert (asked["withheld"], asked["waiting"], asked["votes"], asked["open"]) == (1, 0, 16, False)


async def test_a_closed_task_is_named(lab, serve):
    (asked,) = (await run(lab, ONLY_PEOPLE)).report.people
    site = await serve(lab=lab)
    await site.arena.transact(lambda c: tasks.close(c, asked["task"], by="test"))
    await site.stop()
    result = await run(lab, ONLY_PEOPLE)
    assert f"open its rating task again at /admin/tasks/{asked['task']}" in result.report.notes[0]


async def test_a_changed_trial_keeps_the_votes_on_what_it_asks_still_and_asks_anew_what_it_does_not(lab, serve):
    site, task, _, _ = await voted(lab, serve)
    await site.stop()
    later = await run(lab, ONLY_PEOPLE | {"name": "later", "hypotheses": ["good is better than poor"]})
    (asked,) = later.report.people
    assert (later.bought, asked["votes"], asked["waiting"], asked["task"]) == (0, 16, 0, task)
    people = ONLY_PEOPLE["evaluator"][0]
    for changed in ({"question": "Which is shorter?"}, {"battles": 5}, {"votes": 3}, {"name": "teachers"}):
        other = await run(lab, ONLY_PEOPLE | {"evaluator": [people | changed]})
        (asked,) = other.report.people
        assert (other.bought, asked["votes"], asked["waiting"]) == (0, 0, asked["battles"])
        assert asked["task"] != task
    renamed = [TRIAL["contestant"][0] | {"name": "best"}, *TRIAL["contestant"][1:]]
    (asked,) = (await run(lab, ONLY_PEOPLE | {"contestant": renamed})).report.people
    assert asked["votes"] == 0
    (asked,) = (await run(lab, ONLY_PEOPLE)).report.people
    assert (asked["votes"], asked["waiting"], asked["task"]) == (16, 0, task)


def change(lab: Lab, *statements) -> None:
    with Store.open(lab.directory.database) as store:

        def work(connection) -> None:
            for statement in statements:
                connection.execute(statement)

        store.transact(work).result()


async def test_a_task_that_is_gone_is_said_and_nothing_else_is_lost(lab):
    first = await run(lab, ONLY_PEOPLE)
    task = first.report.people[0]["task"]
    change(lab, delete(task_items).where(task_items.c.task == task), delete(task_rows).where(task_rows.c.id == task))
    with pytest.raises(IntegrityError, match="is gone from the lab") as said:
        await run(lab, ONLY_PEOPLE)
    assert "another name" in said.value.next_step
    assert lab.verify(first.directory).word == "TRUSTED"  # the report that was there stays
    people = {**ONLY_PEOPLE["evaluator"][0], "name": "again"}
    anew = await run(lab, ONLY_PEOPLE | {"evaluator": [people]})
    assert (anew.bought, anew.report.people[0]["waiting"]) == (0, 8)


async def test_a_run_that_was_killed_after_publishing_goes_on(lab):
    first = await run(lab, ONLY_PEOPLE)
    change(lab, delete(jobs).where(jobs.c.kind == "human"))  # the task is on disk, the ledger is not yet
    assert (await run(lab, ONLY_PEOPLE)).report == first.report
    assert ledger(lab) == {"pending": 8, "done": 0, "failed": 0}


@pytest.mark.parametrize("damage", ["other text", "no JSON", "gone"])
async def test_a_damaged_battle_is_named(lab, damage):
    task = (await run(lab, ONLY_PEOPLE)).report.people[0]["task"]
    where = (task_items.c.task == task) & (task_items.c.position == 3)
    with Store.open(lab.directory.database) as store, store.reading() as connection:
        body = tasks.items(connection, task)[3]
    statement = {
        "other text": update(task_items).where(where).values(body=to_json(replace(body, a=("I was not said",)))),
        "no JSON": update(task_items).where(where).values(body=b"{"),
        "gone": delete(task_items).where(where),
    }[damage]
    change(lab, statement)
    with pytest.raises(IntegrityError) as said:
        await run(lab, ONLY_PEOPLE)
    assert task in str(said.value)
    assert "backup" in said.value.next_step


@ON_BOTH
async def test_a_damaged_ballot_is_named(lab, serve):
    site, task, _, (mine, _) = await voted(lab, serve)
    await site.stop()
    change(lab, update(ballots).where(ballots.c.id == mine[0]).values(body=b"{}"))
    with pytest.raises(IntegrityError, match=mine[0]) as said:
        await run(lab, ONLY_PEOPLE)
    assert task in said.value.where
