"""A served lab whose database takes no writes: everyone is told plainly, nothing is half-done, and it goes on after.

The database refuses in three ways: the system lets no file grow (as a full or failing disk), SQLite says that it is
read-only, a PostgreSQL server has been made read-only and its sessions ended.
"""

import asyncio
import os
import re
import resource
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import func, select

from fairtrial.arena import access, moderation, tasks
from fairtrial.arena.items import Item
from fairtrial.lab import Lab
from fairtrial.store import Store, history
from fairtrial.store.tables import metadata
from fairtrial.web.words import Words

LANGUAGES = ("en", "ko")
LEAKS = ("lab.db", "lab1", "postgresql", "readonly", "read-only", "disk I/O")


@dataclass
class Switch:
    """Makes the database of a site that is served unwritable, and writable again."""

    off: Callable[[], None]
    on: Callable[[], None]


@pytest.fixture(params=["disk", "sqlite", "postgres"])
async def locked(request, serve):
    """A site and its switch."""
    if request.param == "postgres":
        server = request.getfixturevalue("postgres")
        place = server.fresh()
        url = f"postgresql://{place.user}@/{place.database}?host={place.host}&port={place.port}"
        site = await serve(database=url)

        def end_sessions() -> None:
            server.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{place.database}'")

        def switch(setting: str) -> Callable[[], None]:
            def done() -> None:
                server.sql(f"ALTER DATABASE {place.database} {setting}")
                end_sessions()
                # What the writer is given first finds the session gone: told as any other failure, but not read-only.
                site.arena.store.transact(lambda _: None).exception()

            return done

        yield site, Switch(switch("SET default_transaction_read_only = on"), switch("RESET ALL"))
        await site.stop()
        server.drop(place)
        return
    site = await serve()
    if request.param == "disk":
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

        def most(size: int) -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))

        yield site, Switch(lambda: most(4096), lambda: most(soft))
        most(soft)
        return
    writing = site.arena.store._writer._connection.connection.dbapi_connection
    yield (
        site,
        Switch(
            lambda: writing.execute("PRAGMA query_only = ON") and None,
            lambda: writing.execute("PRAGMA query_only = OFF") and None,
        ),
    )


async def a_task(site) -> tuple[tasks.Task, list[str]]:
    one = {"prompts": ("Q",), "contestant_a": "import:one", "contestant_b": "import:two"}
    items = tuple(Item(key=f"k{n}", a=(f"a{n}",), b=(f"b{n}",), **one) for n in range(3))
    plan = tasks.TaskPlan(name="t", question="Which?", items=items, profile_asked=True)
    task = await site.arena.transact(lambda c: tasks.create(c, plan, by="test"))
    invited = [
        (await site.arena.access.change(lambda c: tasks.invite(c, task.id, "Kim", by="test")))[0] for _ in range(2)
    ]
    return task, invited


def rows(site) -> dict[str, int]:
    """What is on record: rows by table, and the end of the log, which is whole."""
    with site.arena.store.reading() as connection:
        found = {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in metadata.sorted_tables
        }
        end, _ = history.check(connection)
        return found | {"end of the log": end.link}


def states(site) -> dict[str, tuple[str, bool]]:
    return {name: (one.state, one.alive) for name, one in site.arena.registry.entrants.items()}


@dataclass
class Asked:
    """What the API answered."""

    status: int
    body: dict


async def call(site, headers, method: str, path: str, **body) -> Asked:
    async with site.client.request(
        method, f"{site.address}/api/v1{path}", json=body or None, headers=headers
    ) as answer:  # fmt: skip
        return Asked(answer.status, await answer.json())


async def test_nothing_is_written_nothing_is_half_done_and_it_goes_on(locked, visit, crawl):
    site, switch = locked
    visitor = await visit(site)
    waiting, used, reported = [await visitor.battle() for _ in range(3)]
    await visitor.vote(used)
    api = await site.token("vote")
    program = (await call(site, api, "POST", "/battles", prompt="What now?")).body["battle"]
    task, (begun, fresh) = await a_task(site)
    other = await visit(site)
    other.rater = begun
    await other.send("POST", f"/invite/{begun}", data={"agree": "yes"})
    _, text, _ = await other.send("GET", f"/tasks/{task.id}")
    item = re.search(r'action="(/battles/[\w-]+)/vote"', text)[1]
    owner, token = await site.arena.access.change(lambda c: access.grant(c, "an owner", {"owner"}, by="test"))
    spare = (await site.arena.access.change(lambda c: access.grant(c, "a reader", {"reader"}, by="test")))[1]
    async with site.client.post(
        f"{site.address}/admin/login", data={"token": owner}, allow_redirects=False
    ) as answer:  # fmt: skip
        desk = {"Cookie": f"admin={answer.cookies['admin'].value}"}
    await visitor.send("POST", f"{reported}/report", data={"pane": "A", "reason": "other"})
    with site.arena.store.reading() as connection:
        report = moderation.queue(connection)[0].id
    paths = await crawl(visitor)
    status, _, headers = await visitor.send("POST", "/admin/releases/publish", headers=desk)
    assert status == 303, headers
    release = next(iter(path.name for path in site.opened.lab.directory.reports.iterdir() if path.is_dir()))

    pair = '{"prompt": "Q", "response_a": "x", "response_b": "y"}'
    form = {"about": release, "kind": "objection", "text": "Wrong."}
    actions = [
        (visitor, "/consent", {"agree": "yes"}, {}),
        (visitor, f"{waiting}/vote", {"grade": "1"}, {}),
        (visitor, f"{used}/withdraw", {}, {}),
        (visitor, f"{waiting}/report", {"pane": "A", "reason": "other"}, {}),
        (visitor, "/objections", form, {}),
        (other, f"{item}/vote", {"grade": "1"}, {}),
        (other, f"/invite/{fresh}", {"agree": "yes", "age": "30s"}, {}),
        (visitor, "/admin/contestants/add", {"name": "west", "model": "sim/skill-0.9"}, desk),
        (visitor, "/admin/tokens/make", {"name": "kept-name", "role": "reader"}, desk),
        (visitor, "/admin/tokens/revoke", {"token": spare.id}, desk),
        (visitor, "/admin/tokens/rotate", {"token": token.id}, desk),
        (visitor, "/admin/tasks/new", {"name": "n", "question": "Which?", "pairs": pair}, desk),
        (visitor, f"/admin/tasks/{task.id}/invite", {"name": "Lee"}, desk),
        (visitor, f"/admin/tasks/{task.id}/close", {}, desk),
        (visitor, "/admin/moderation/decide", {"report": report, "ruling": "texts", "why": "kept-reason"}, desk),
    ]
    before, contestants = rows(site), states(site)
    await asyncio.to_thread(switch.off)
    for language in LANGUAGES:
        said = Words(language)("error.not_now")
        speaks = {"Accept-Language": language}
        for who, path, data, more in actions:
            status, text, _ = await who.send("POST", path, data=data, headers=more | speaks)
            assert (status, said in text) == (503, True), (path, status, text)
            assert not [leak for leak in LEAKS if leak in text], path
            assert f'lang="{language}"' in text
            assert all(value in text for value in data.values() if value.startswith("kept-reason"))
        path = await visitor.battle("Is **this** kept?")
        status, text, _ = await visitor.send("GET", path, headers=speaks)
        assert (status, said in text, "Is **this** kept?" in text) == (503, True, True)
    for path, body in (
        ("/battles", {"prompt": "Go."}),
        (f"/battles/{program}/vote", {"grade": 1}),
    ):
        answer = await call(site, api, "POST", path, **body)
        assert (answer.status, answer.body["error"]["kind"]) == (503, "not_now")
        assert not [leak for leak in LEAKS if leak in str(answer.body)]
    async with site.client.post(
        f"{site.address}/api/v1/battles", json={"prompt": "Go.", "stream": True}, headers=api
    ) as stream:
        assert (await stream.text()).endswith('event: failed\ndata: {"failure": "not_now"}\n\n')
    for path in paths:  # whoever reads notices nothing
        assert (await visitor.send("GET", path))[0] == (404 if path == "/no-such-page" else 200), path
    assert (await call(site, api, "GET", f"/battles/{program}")).status == 200
    assert (rows(site), states(site)) == (before, contestants)

    await asyncio.to_thread(switch.on)
    for _ in range(2):  # the second time it counts no more
        assert (await visitor.send("POST", f"{waiting}/vote", data={"grade": "1"}))[0] == 303
        assert (await other.send("POST", f"{item}/vote", data={"grade": "1"}))[0] == 303
        assert (await call(site, api, "POST", f"/battles/{program}/vote", grade=1)).status == 200
    assert rows(site)["votes"] == before["votes"] + 3
    assert (await other.send("POST", f"/invite/{fresh}", data={"agree": "yes", "age": "30s"}))[0] == 303
    assert site.arena.rater(fresh).profile["age"] == "30s"
    after = rows(site)
    assert after["raters"] == before["raters"] + 1
    for who, path, data, more in actions[-8:]:
        assert (await who.send("POST", path, data=data, headers=more))[0] == 303, path
    assert rows(site)["tasks"] == after["tasks"] + 1


# At the start


def serve_as_somebody(lab: Lab) -> subprocess.CompletedProcess[str]:
    """``fairtrial serve`` by the lab's owner, whom permissions bind even where that is root."""
    bound = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"] if os.getuid() == 0 else []
    program = [Path(sys.executable).with_name("fairtrial"), "serve", "--lab", str(lab.path), "--port", "0"]
    return subprocess.run([*bound, *program], capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("closed", ["file", "directory", "lab"])
def test_a_lab_that_may_not_be_written_is_not_served(tmp_path, closed):
    lab = Lab.create(tmp_path / "lab")
    with lab.directory.lock():  # leaves its file behind, as earlier commands do
        pass
    paths = {
        "file": [lab.path / "lab.db"],
        "directory": [lab.path],
        "lab": [lab.path / "lab.lock", lab.path / "lab.db", lab.path],
    }[closed]
    modes = {path: path.stat().st_mode for path in paths}
    for path in paths:
        path.chmod(modes[path] & ~0o222)
    said = serve_as_somebody(lab)
    for path in paths:
        path.chmod(modes[path])
    assert (said.returncode, said.stdout) == (2, "")
    assert f"{lab.path}/lab.{'lock' if closed == 'lab' else 'db'}: " in said.stderr
    assert "may not be written" in said.stderr
    assert "permissions" in said.stderr  # what to look at
    assert "Traceback" not in said.stderr
    with Store.open(lab.directory.database) as store, store.reading() as connection:
        assert history.head(connection).size == 0
