"""The admin pages over real HTTP: who may do what, what is shown once, the stop switch, what strangers cannot do."""

import asyncio
import re
from dataclasses import dataclass

import aiohttp
import pytest

from fairtrial.arena import access, moderation, tasks
from fairtrial.web import admin, admin_entrance, admin_reports, admin_tasks
from fairtrial.web.admin_entrance import HOURS, Entrance

PAGES = [
    ("GET", "/admin/contestants", "read"),
    ("GET", "/admin/pool", "read"),
    ("GET", "/admin/tasks", "read"),
    ("GET", "/admin/tasks/new", "own"),
    ("GET", "/admin/tasks/{task}", "read"),
    ("GET", "/admin/moderation", "moderate"),
    ("GET", "/admin/objections", "read"),
    ("GET", "/admin/tokens", "own"),
    ("GET", "/admin/releases", "read"),
    ("POST", "/admin/contestants/add", "own"),
    ("POST", "/admin/contestants/stop", "own"),
    ("POST", "/admin/contestants/resume", "own"),
    ("POST", "/admin/contestants/retire", "own"),
    ("POST", "/admin/tasks/new", "own"),
    ("POST", "/admin/tasks/{task}/invite", "own"),
    ("POST", "/admin/tasks/{task}/revoke", "own"),
    ("POST", "/admin/tasks/{task}/close", "own"),
    ("POST", "/admin/tasks/{task}/reopen", "own"),
    ("POST", "/admin/moderation/decide", "moderate"),
    ("POST", "/admin/moderation/screen", "moderate"),
    ("POST", "/admin/objections/answer", "own"),
    ("POST", "/admin/tokens/make", "own"),
    ("POST", "/admin/tokens/revoke", "own"),
    ("POST", "/admin/tokens/rotate", "own"),
    ("POST", "/admin/releases/publish", "own"),
]
PAIRS = '{"id": "k1", "prompt": "What is two and two?", "response_a": "Four.", "response_b": "Five."}\n'


@dataclass
class Desk:
    """A browser on the admin pages."""

    client: aiohttp.ClientSession
    address: str

    async def get(self, path: str) -> tuple[int, str]:
        async with self.client.get(self.address + path) as answer:
            return answer.status, await answer.text()

    async def post(self, path: str, **form: str) -> tuple[int, str]:
        async with self.client.post(self.address + path, data=form) as answer:
            return answer.status, await answer.text()

    async def bare(self, method: str, path: str, **headers: str) -> aiohttp.ClientResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.client.request(
            method, self.address + path, headers=named, allow_redirects=False
        ) as answer:  # fmt: skip
            await answer.read()
            return answer


@pytest.fixture
async def desk(site):
    """Opens the admin pages with a new token of some role: ``await desk("owner")``; none without one."""
    opened = []

    async def opening(role: str = "") -> Desk:
        client = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))
        opened.append(client)
        found = Desk(client, site.address)
        if role:
            secret, _ = await site.arena.access.change(lambda c: access.grant(c, f"a {role}", {role}, by="test"))
            status, text = await found.post("/admin/login", token=secret)
            assert status == 200, text
            assert secret not in text
        return found

    yield opening
    for client in opened:
        await client.close()


async def a_task(site) -> str:
    from fairtrial.arena.items import Item

    one = Item(
        key="k", prompts=("Q",), a=("x",), b=("y",), contestant_a="import:one", contestant_b="import:two"
    )  # fmt: skip
    plan = tasks.TaskPlan(name="t", question="Which?", items=(one,))
    return (await site.arena.transact(lambda c: tasks.create(c, plan, by="test"))).id


def test_the_list_of_pages_is_whole():
    known = {(method, re.sub(r"\{\w+\}", "{task}", path)) for method, path, _ in PAGES}
    routes = {
        (method, route.path)
        for room in (admin, admin_entrance, admin_reports, admin_tasks)
        for route in room.router.routes
        for method in route.methods
        if route.path != "/admin"
    }
    assert routes - {("POST", "/admin/login"), ("POST", "/admin/logout")} == known


@pytest.mark.parametrize(("method", "path", "scope"), PAGES)
async def test_each_page_asks_for_its_scope(site, desk, method, path, scope):
    path = path.format(task=await a_task(site))
    with site.arena.store.reading() as connection:
        before = connection.exec_driver_sql("select count(*) from log").scalar()
    answer = await (await desk()).bare(method, path)
    assert (answer.status, answer.headers["Location"]) == (303, "/admin")
    lacking = {"own": "moderator", "moderate": "reader"}.get(scope)
    if lacking:
        answer = await (await desk(lacking)).bare(method, path)
        assert answer.status == 403
        assert "does not allow" in await answer.text()
    enough = {"own": "owner", "moderate": "moderator", "read": "reader"}[scope]
    who = await desk(enough)
    answer = await who.bare(method, path, Sec_Fetch_Site="cross-site")
    assert answer.status == (200 if method == "GET" else 403)
    assert (await who.bare(method, path)).status in ((200,) if method == "GET" else (303, 422))
    with site.arena.store.reading() as connection:  # nothing but the tokens and what an empty form may do
        after = connection.exec_driver_sql("select count(*) from log").scalar()
    assert after - before <= (3 if path.endswith(("close", "publish")) else 2)


async def test_wrong_tokens_are_answered_alike_and_seldom(site, desk, caplog):
    who = await desk()
    voter, _ = await site.arena.access.change(lambda c: access.grant(c, "program", {"vote"}, by="test"))
    gone, token = await site.arena.access.change(lambda c: access.grant(c, "gone", {"reader"}, by="test"))
    await site.arena.access.change(lambda c: access.revoke(c, token.id, by="test"))
    answers = {await who.post("/admin/login", token=one) for one in (voter, gone, "ft_nonsense", "", "x" * 5000)}
    assert len(answers) == 1
    assert next(iter(answers))[0] == 401
    statuses = [(await who.post("/admin/login", token="ft_no"))[0] for _ in range(8)]
    assert statuses[:5] == [401] * 5
    assert statuses[-1] == 429
    right, _ = await site.arena.access.change(lambda c: access.grant(c, "right", {"reader"}, by="test"))
    assert (await who.post("/admin/login", token=right))[0] == 429
    assert not any(one in caplog.text for one in (voter, gone, right))


async def test_the_cookie_is_no_token_and_ends_with_the_token(site, desk):
    secret, token = await site.arena.access.change(lambda c: access.grant(c, "one", {"reader"}, by="test"))
    who = await desk()
    async with who.client.post(
        f"{site.address}/admin/login", data={"token": secret}, allow_redirects=False
    ) as answer:  # fmt: skip
        cookie = answer.headers["Set-Cookie"]
    assert secret not in cookie
    assert token.id not in cookie
    assert all(part in cookie for part in ("HttpOnly", "SameSite=strict", "Path=/admin"))
    assert "Contestants" in (await who.get("/admin"))[1]
    await site.arena.access.change(lambda c: access.revoke(c, token.id, by="test"))
    assert (await who.bare("GET", "/admin/contestants")).status == 303


def test_a_session_ends_after_hours():
    time = [0.0]
    entrance = Entrance(clock=lambda: time[0])
    name = entrance.begin("id")
    assert entrance.find(name).token == "id"
    time[0] = HOURS * 3600 + 1
    assert entrance.find(name) is None
    entrance.end(entrance.begin("id"))
    assert entrance.find("") is None


async def test_log_out(desk):
    who = await desk("reader")
    await who.post("/admin/logout")
    assert (await who.bare("GET", "/admin/pool")).status == 303


async def test_a_token_is_shown_once(site, desk, caplog):
    who = await desk("owner")
    form = {"name": "Kim", "role": "moderator", "days": "30"}
    async with who.client.post(f"{site.address}/admin/tokens/make", data=form) as answer:
        secret = re.search(r"ft_[\w-]{40,}", await answer.text())[0]
    assert secret not in str(answer.url)
    assert site.arena.access.find(secret).may("moderate")
    for path in (answer.url.path_qs, "/admin/tokens", "/admin"):
        assert secret not in (await who.get(path))[1]
    assert secret not in caplog.text
    _, text = await who.post("/admin/tokens/rotate", token=site.arena.access.find(secret).id)
    assert re.search(r"ft_[\w-]{40,}", text)[0] != secret
    assert not site.arena.access.find(secret).may("read")


async def test_the_stop_switch_ends_battles_at_once(serve, sim, desk):
    site = await serve([sim("north", latency_s=30), sim("south", latency_s=30)])
    rater = site.arena.rater(await site.arena.enrol("cookie"))
    battle = await site.arena.begin(rater, "Hello?")
    secret, _ = await site.arena.access.change(lambda c: access.grant(c, "boss", {"owner"}, by="test"))
    who = Desk((await desk()).client, site.address)
    await who.post("/admin/login", token=secret)
    north = site.arena.registry.by_name("north").contestant.id
    _, text = await who.post("/admin/contestants/stop", contestant=north, reason="")
    assert "a reason is needed" in text.lower()
    _, text = await who.post("/admin/contestants/stop", contestant=north, reason="It says <b>secrets</b>")
    assert re.search(r"north was taken out in \d\.\d{3} s; 1 battles were ended", text)
    assert "&lt;b&gt;secrets" in text
    await asyncio.wait_for(battle.settled(), 10)
    assert site.arena.registry.alive() == [site.arena.registry.by_name("south").contestant.id]
    _, text = await who.post("/admin/contestants/resume", contestant=north, reason="mended")
    assert "is drawn again" in text
    _, text = await who.post("/admin/contestants/retire", contestant=north, reason="old")
    assert "cannot be undone" in text
    assert site.arena.registry.entrants[north].state == "active"
    await who.post("/admin/contestants/retire", contestant=north, reason="old", sure="yes")
    assert site.arena.registry.entrants[north].state == "retired"


async def test_a_contestant_is_added_and_mistakes_keep_what_was_typed(site, desk):
    who = await desk("owner")
    good = {"name": "west", "model": "sim/skill-0.7", "maker": "Weststern Labs", "max_tokens": "40"}
    for wrong, said in (
        ({"temperature": "hot"}, "no number"),
        ({"strategy": "dierct"}, "direct"),
        ({"model": "openai/x", "base_url": "http://127.0.0.1:9/v1"}, "127.0.0.1"),
        ({"model": "openai/x", "base_url": "http://169.254.169.254/v1"}, "169.254.169.254"),
        ({"model": "openai/x", "base_url": "https://example.org/v1", "api_key_env": "HOME"}, "FAIRTRIAL_KEY_"),
    ):
        status, text = await who.post("/admin/contestants/add", **good | wrong)
        assert (status, said in text) == (422, True), said
        assert 'value="Weststern Labs"' in text
        assert site.arena.registry.by_name("west") is None
    _, text = await who.post("/admin/contestants/add", **good)
    assert "west is a contestant now" in text
    assert site.arena.registry.by_name("west").alive
    assert "Weststern" not in site.arena.blinding.mask("I was made by Weststern Labs.", "").text


async def test_an_owner_may_allow_an_address(serve, sim, desk):
    site = await serve([sim("north"), sim("south")], allowed_endpoints=["127.0.0.1:9"])
    secret, _ = await site.arena.access.change(lambda c: access.grant(c, "boss", {"owner"}, by="test"))
    who = Desk((await desk()).client, site.address)
    await who.post("/admin/login", token=secret)
    _, text = await who.post("/admin/contestants/add", name="near", model="openai/x", base_url="http://127.0.0.1:9/v1")
    assert "near is on the record, but cannot answer now" in text


async def test_a_report_takes_a_battle_out(site, desk):
    arena = site.arena
    rater = arena.rater(await arena.enrol("cookie"))
    battle = await arena.begin(rater, "Hello <script>?")
    await battle.settled()
    await arena.vote(rater, battle.ballot.id, 1)
    found = await arena.transact(lambda c: moderation.report(c, rater, battle.ballot.id, "harm", pane="A", note="<i>"))
    who = await desk("moderator")
    _, text = await who.get("/admin/moderation")
    assert "Hello &lt;script&gt;?" in text
    _, text = await who.post("/admin/moderation/decide", report=found.id, ruling="battle", why="")
    assert "a reason is needed" in text.lower()
    await site.settle()
    assert len(arena.votes.columns()["rater"]) == 1
    _, text = await who.post("/admin/moderation/decide", report=found.id, ruling="battle", why="It harms.")
    assert "1 votes count no more" in text
    assert arena.votes.columns()["rater"] == []


async def test_a_task_of_pasted_pairs_its_links_and_its_end(site, desk):
    who = await desk("owner")
    status, text = await who.post("/admin/tasks/new", name="Help", question="Which?", pairs='{"prompt": "x"}')
    assert status == 422
    assert "response_a" in text
    assert "/tmp" not in text
    assert 'value="Help"' in text
    form = aiohttp.FormData({"name": "Help", "question": "Which?"})
    form.add_field("file", PAIRS.encode(), filename="pairs.jsonl")
    async with who.client.post(f"{site.address}/admin/tasks/new", data=form) as answer:
        assert "1 items, 0 probes" in await answer.text()
    path = answer.url.path
    _, text = await who.post(f"{path}/invite", name="class", count="3")
    links = re.findall(rf"{site.address}/invite/ft_[\w-]+", text)
    assert len(set(links)) == 3
    _, text = await who.get(path)
    assert "/invite/ft_" not in text
    token = re.search(r'name="token" value="(\w+)"', text)[1]
    assert "out of force" in (await who.post(f"{path}/revoke", token=token))[1]
    assert "no more votes" in (await who.post(f"{path}/close"))[1]
    assert "closed already" in (await who.post(f"{path}/close"))[1]
    assert "open again" in (await who.post(f"{path}/reopen"))[1]


async def test_a_release_says_that_it_was_not_declared(site, desk):
    arena = site.arena
    rater = arena.rater(await arena.enrol("cookie"))
    battle = await arena.begin(rater, "Hello?")
    await battle.settled()
    await arena.vote(rater, battle.ballot.id, 1)
    who = await desk("owner")
    assert "is no declared look" in (await who.get("/admin/releases"))[1]
    assert "was published: 1 votes" in (await who.post("/admin/releases/publish"))[1]


async def test_the_pages_are_korean_for_koreans(site, desk):
    who = await desk("owner")
    await a_task(site)
    for path in ("", "/contestants", "/pool", "/tasks", "/tasks/new", "/moderation", "/objections", "/tokens"):
        async with who.client.get(f"{site.address}/admin{path}", headers={"Accept-Language": "ko"}) as answer:
            assert (answer.status, "로그아웃" in await answer.text()) == (200, True)
