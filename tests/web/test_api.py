"""The JSON API: the rules of the arena over HTTP, and nothing that tells who answers before the vote."""

import asyncio
import json

import pytest


async def ask(site, headers, prompt="What is 2 + 2?", **more):
    async with site.client.post(
        f"{site.address}/api/v1/battles", json={"prompt": prompt} | more, headers=headers
    ) as answer:
        return answer.status, await answer.json()


async def vote(site, headers, battle, grade):
    url = f"{site.address}/api/v1/battles/{battle}/vote"
    async with site.client.post(url, json={"grade": grade}, headers=headers) as answer:
        return answer.status, await answer.json()


async def get(site, path, headers=None):
    async with site.client.get(site.address + path, headers=headers or {}) as answer:
        return answer.status, await answer.json()


async def test_from_a_battle_to_the_board(site):
    headers = await site.token("vote")
    for grade in (2, -1, 0):
        status, battle = await ask(site, headers)
        assert status == 200
        assert set(battle) == {"battle", "prompt", "answers", "state"}
        assert all(battle["answers"].values())
        status, voted = await vote(site, headers, battle["battle"], grade)
        assert (status, voted["new"]) == (200, True)
        assert set(voted["reveal"]) == {"a", "b"}
        assert (await vote(site, headers, battle["battle"], -grade))[1] == voted | {"new": False}
    await site.settle()
    status, board = await get(site, "/api/v1/board")
    assert status == 200
    assert sum(model["votes"] for model in board["models"]) == 6
    assert any("rovisional" in said for said in board["refusals"])
    status, head = await get(site, "/api/v1/log")
    assert (status, head["size"]) == (200, 3 + 1 + 1 + 6)  # contestants, two tokens, pairs and votes


async def test_events_while_both_write(serve, sim):
    site = await serve([sim(name, length=60, words_per_s=200) for name in ("one", "two")])
    headers = await site.token("vote")
    events = []
    async with site.client.post(
        f"{site.address}/api/v1/battles", json={"prompt": "Go.", "stream": True}, headers=headers
    ) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        async for line in answer.content:
            if line.startswith(b"event: "):
                events.append([line[7:-1].decode(), None])
            elif line.startswith(b"data: "):
                events[-1][1] = json.loads(line[6:])
    names = [name for name, _ in events]
    assert names[0] == "battle"
    assert names[-1] == "done"
    assert names.count("text") > 3
    for pane in "ab":
        assert "".join(data[pane] for name, data in events if name == "text") == events[-1][1]["answers"][pane]


@pytest.mark.parametrize(
    ("headers", "status", "kind"),
    [
        ({}, 401, "no_token"),
        ({"Authorization": "Bearer nonsense"}, 401, "no_token"),
        ({"Authorization": "Bearer ft_nonsense"}, 401, "no_token"),
        ({"Authorization": "Basic dXNlcjpwYXNz"}, 401, "no_token"),
    ],
)
async def test_without_a_token_in_force(site, headers, status, kind):
    got, body = await ask(site, headers)
    assert (got, body["error"]["kind"]) == (status, kind)


async def test_a_token_without_the_scope(site):
    status, body = await ask(site, await site.token("read"))
    assert (status, body["error"]["kind"]) == (403, "wrong_scope")


async def test_somebody_elses_ballot_is_like_none(site):
    one, two = await site.token("vote"), await site.token("vote")
    _, battle = await ask(site, one)
    assert await vote(site, two, battle["battle"], 1) == await vote(site, two, "nothing", 1)
    assert (await vote(site, two, battle["battle"], 1))[0] == 404


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"prompt": ""}, 422),
        ({"prompt": "x" * 40_000}, 413),
        ({"prompt": 7}, 422),
        ({"prompt": "hi", "models": ["a", "b"]}, 422),
        ("not json", 400),
    ],
)
async def test_bad_questions(site, body, status):
    headers = await site.token("vote")
    data = body if isinstance(body, str) else json.dumps(body)
    async with site.client.post(
        f"{site.address}/api/v1/battles", data=data, headers=headers | {"Content-Type": "application/json"}
    ) as answer:
        said = await answer.json()
    assert answer.status == status
    assert said["error"]["message"]


@pytest.mark.parametrize("grade", [3, -3, True, 1.5, "good", None, [1]])
async def test_bad_grades(site, grade):
    headers = await site.token("vote")
    _, battle = await ask(site, headers)
    status, _ = await vote(site, headers, battle["battle"], grade)
    assert status == 422
    assert (await vote(site, headers, battle["battle"], 1))[1]["new"]


async def test_no_opinion_after_a_skip(site):
    headers = await site.token("vote")
    _, battle = await ask(site, headers)
    assert (await vote(site, headers, battle["battle"], "skip"))[0] == 200
    status, body = await vote(site, headers, battle["battle"], 1)
    assert (status, body["error"]["kind"]) == (409, "revealed")


async def test_a_failed_contestant_is_said_without_saying_which(serve, sim):
    site = await serve([sim("good"), sim("bad", timeout_rate=1.0, retries=0)])
    status, body = await ask(site, await site.token("vote"))
    assert (status, body["error"]["kind"]) == (502, "no_answer")
    assert not {"bad", "sim/bad"} & set(json.dumps(body).split('"'))


async def test_only_one_alive(serve, sim):
    site = await serve([sim("alone")])
    status, body = await ask(site, await site.token("vote"))
    assert (status, body["error"]["kind"]) == (503, "few_contestants")
    assert "1 can answer" in body["error"]["message"]


async def test_too_fast_says_when_to_come_again(serve):
    site = await serve(limits={"battles_per_minute": 2})
    headers = await site.token("vote")
    await asyncio.gather(*(ask(site, headers) for _ in range(2)))
    async with site.client.post(f"{site.address}/api/v1/battles", json={"prompt": "x"}, headers=headers) as answer:
        assert answer.status == 429
        assert 0 < int(answer.headers["Retry-After"]) <= 60


async def test_after_a_restart_a_battle_is_shown_as_before_until_it_is_voted_on(serve, sim):
    site = await serve([sim(name, answers={"Who": f"I am {name}."}) for name in ("Quillby", "Weststern")])
    headers = await site.token("vote")
    _, before = await ask(site, headers, "Who")
    assert before["answers"]["a"].startswith("I am ")
    assert not [name for name in ("Quillby", "Weststern") if name in json.dumps(before)]
    _, skipped = await ask(site, headers, "Who")
    assert (await vote(site, headers, skipped["battle"], "skip"))[0] == 200
    stranger = await site.token("vote")
    site = await serve(again=site)
    look = f"/api/v1/battles/{before['battle']}"
    assert await get(site, look, headers) == (200, before)
    assert (await get(site, look, stranger))[1]["error"]["kind"] == "unknown_ballot"
    assert (await get(site, f"/api/v1/battles/{skipped['battle']}", headers))[1]["error"]["kind"] == "revealed"
    status, voted = await vote(site, headers, before["battle"], 1)
    assert (status, voted["new"]) == (200, True)
    status, body = await get(site, look, headers)
    assert (status, body["error"]["kind"]) == (409, "revealed")


async def test_a_battle_that_a_restart_cut_short_is_void(serve, sim):
    site = await serve([sim(name, length=2000, words_per_s=20) for name in ("one", "two")])
    headers = await site.token("vote")
    async with site.client.post(
        f"{site.address}/api/v1/battles", json={"prompt": "Go.", "stream": True}, headers=headers
    ) as answer:
        await answer.content.readline()
        battle = json.loads((await answer.content.readline())[6:])["battle"]
    site = await serve(again=site)
    status, body = await get(site, f"/api/v1/battles/{battle}", headers)
    assert (status, body["error"]["kind"]) == (409, "void")


async def test_further_turns(site):
    headers = await site.token("vote")
    _, battle = await ask(site, headers, "First?")
    url = f"{site.address}/api/v1/battles/{battle['battle']}"
    async with site.client.post(f"{url}/turns", json={"prompt": "Second?"}, headers=headers) as answer:
        assert (answer.status, (await answer.json())["prompt"]) == (200, "Second?")
    assert (await get(site, f"/api/v1/battles/{battle['battle']}", headers))[0] == 200
    assert (await vote(site, headers, battle["battle"], 1))[0] == 200
    assert (await get(site, f"/api/v1/battles/{battle['battle']}", headers))[0] == 409


async def test_no_board_without_votes(site):
    status, body = await get(site, "/api/v1/board?control=style")
    assert status == 404
    assert body["error"]["message"]
    assert (await get(site, "/api/v1/board?control=nothing"))[0] == 422


async def test_a_group_of_few_raters_has_no_board(site):
    headers = [await site.token("vote") for _ in range(4)]
    for one in headers:
        _, battle = await ask(site, one)
        await vote(site, one, battle["battle"], 1)
        rater = site.arena.rater(one["Authorization"].removeprefix("Bearer "))
        await site.arena.tell(rater, {"age": "50s"})
    await site.settle()
    status, body = await get(site, "/api/v1/board?group=age=50s")
    assert (status, "needs 5 raters" in body["error"]["message"]) == (404, True)
