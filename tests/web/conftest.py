"""A real lab, served over real HTTP on loopback, with simulated contestants, and a real Chromium. Read `Site`, `Tab`."""

import asyncio
import contextlib
import json
import re
import shutil
import socket
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import uvicorn

from fairtrial.arena import access, tasks
from fairtrial.arena.arena import Arena
from fairtrial.arena.items import Item
from fairtrial.lab import Lab
from fairtrial.lab.serving import Opened, open_arena
from fairtrial.web.app import create

sys.path[:0] = [str(Path(__file__).parent)]

_LIMITS = {"battles_per_minute": 1000, "requests_per_second": 10_000}


def _sim(name: str, **settings: object) -> dict[str, Any]:
    return {"name": name, "model": f"sim/{name}", "settings": {"skill": 0.5, "length": 20} | settings}


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return (
            "{ "
            + ", ".join(f"{json.dumps(key)} = {_toml(one)}" for key, one in value.items() if one is not None)
            + " }"
        )
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value)


@pytest.fixture
def sim() -> Callable[..., dict[str, Any]]:
    """Makes the ``[[contestant]]`` table of a simulated model."""
    return _sim


@dataclass
class Site:
    """A served lab and a client."""

    opened: Opened
    address: str
    client: aiohttp.ClientSession
    stop: Callable[[], Any]
    """``await site.stop()`` ends the server and closes the lab."""

    @property
    def arena(self) -> Arena:
        return self.opened.arena

    async def token(self, *scopes: str) -> dict[str, str]:
        """The headers of somebody who holds a new token."""
        secret, _ = await self.arena.access.change(lambda c: access.grant(c, "test", scopes, by="test"))
        return {"Authorization": f"Bearer {secret}"}

    async def settle(self) -> None:
        """Wait until the boards have taken in every vote."""
        await asyncio.to_thread(self.arena._keeper.submit(int).result)


@pytest.fixture
async def serve(tmp_path: Path) -> AsyncIterator[Callable[..., Any]]:
    """Serves a lab: ``await serve([sim("x"), …], floor=0.5)``; several in one test are several labs.

    With ``again=site`` it is that site's lab, stopped and opened anew, with ``lab`` one that is there already;
    ``database`` is as in ``lab.toml``.
    """
    async with contextlib.AsyncExitStack() as sites:
        made = 0

        async def serving(
            contestants: list[dict[str, Any]] | None = None,
            *,
            again: Site | None = None,
            lab: Lab | None = None,
            database: str | None = None,
            **arena: Any,
        ) -> Site:
            nonlocal made
            if again is not None:
                await again.stop()
                return await opening(again.opened.lab)
            if lab is not None:
                return await opening(lab)
            made += 1
            lab = Lab.create(tmp_path / f"lab{made}")
            tables = ({} if database is None else {"database": database}) | {
                "format": 1,
                "arena": arena | {"limits": _LIMITS | arena.get("limits", {})},
                "contestant": contestants or [_sim("north", skill=0.2), _sim("south"), _sim("east", skill=0.8)],
            }
            (lab.path / "lab.toml").write_text("".join(f"{key} = {_toml(value)}\n" for key, value in tables.items()))
            return await opening(lab)

        async def opening(lab: Lab) -> Site:
            stack = await sites.enter_async_context(contextlib.AsyncExitStack())
            opened = await stack.enter_async_context(open_arena(lab))
            server = uvicorn.Server(
                uvicorn.Config(create(opened), http="httptools", lifespan="off", log_level="warning", access_log=False)
            )
            listener = socket.socket()
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            listener.setblocking(False)
            task = asyncio.create_task(server.serve(sockets=[listener]))
            client = await stack.enter_async_context(aiohttp.ClientSession())

            async def stop() -> None:
                await client.close()
                server.should_exit = True
                await task

            stack.push_async_callback(stop)
            while not server.started:  # noqa: ASYNC110 - it tells in no other way
                await asyncio.sleep(0.01)
            address = f"http://127.0.0.1:{listener.getsockname()[1]}"
            return Site(opened=opened, address=address, client=client, stop=stack.aclose)

        yield serving


@pytest.fixture
async def site(serve: Callable[..., Any]) -> Site:
    return await serve()


# A rating task

_HOSTILE = "<script>alert(1)</script> <img src=x onerror=alert(1)> \u202eevil [a](javascript:alert(1))"


def _item(key: str, **more: Any) -> Item:
    fixed = {"prompts": ("Asked <b>now</b>",), "a": ("The first.",), "b": (_HOSTILE,)}
    return Item(**{"key": key, "contestant_a": "import:Quillby", "contestant_b": "import:Weststern"} | fixed | more)


@pytest.fixture
def make() -> Callable[..., Any]:
    """``await make(site, …)``: a task of three items and a probe, an invitation's secret, and its token's id."""

    async def made(site: Site, **more: Any) -> tuple[tasks.Task, str, str]:
        plan: dict[str, Any] = {
            "name": "north against south",
            "question": "Which helps <i>more</i>?",
            "guidelines": "# Read both\n" + _HOSTILE,
            "items": tuple(_item(f"secret-key-{n}") for n in range(3)),
            "probes": (_item("probe-key", expected="a"),),
            "probe_every": 2,
        }
        task = await site.arena.transact(lambda c: tasks.create(c, tasks.TaskPlan(**plan | more), by="test"))
        secret, token = await site.arena.access.change(lambda c: tasks.invite(c, task.id, "Kim", by="test"))
        return task, secret, token.id

    return made


# A visitor over plain HTTP, and every page there is


@dataclass
class Visitor:
    """Somebody who agreed to the notice, known by a cookie."""

    site: Site
    rater: str

    async def send(self, method: str, path: str, **more: Any) -> tuple[int, str, dict[str, str]]:
        """Status, text and headers; redirects are not followed."""
        headers = {"Cookie": f"rater={self.rater}"} | more.pop("headers", {})
        options: dict[str, Any] = {"headers": headers, "allow_redirects": False} | more
        async with self.site.client.request(method, self.site.address + path, **options) as answer:
            return answer.status, await answer.text(errors="replace"), dict(answer.headers)

    async def battle(self, prompt: str = "What is 2 + 2?", *, finish: bool = True) -> str:
        """The path of a new battle."""
        _, _, headers = await self.send("POST", "/battles", data={"prompt": prompt})
        path = headers["Location"]
        if finish:
            live = self.site.arena._live[path.rsplit("/", 1)[1]]
            await live.settled()
        return path

    async def vote(self, battle: str, grade: str = "1") -> None:
        status, _, _ = await self.send("POST", f"{battle}/vote", data={"grade": grade})
        assert status == 303


@pytest.fixture
def visit() -> Callable[[Site], Any]:
    """``await visit(site)``: a visitor who agreed to the notice."""

    async def agreed(site: Site) -> Visitor:
        async with site.client.post(f"{site.address}/consent", data={"agree": "yes"}, allow_redirects=False) as answer:
            return Visitor(site, answer.cookies["rater"].value)

    return agreed


_NAMED = re.compile(r"(?<=/)(?=[\w.~-]*\d)[\w.~-]{8,}")


async def _crawl(visitor: Visitor) -> list[str]:
    """Every HTML page that links lead to, an example of each kind: an open battle, a used one, an error among them."""
    used, opened = await visitor.battle(), await visitor.battle("What **now**?\n\n* one")
    await visitor.vote(used)
    waiting = ["/", used, opened, "/history", "/no-such-page"]
    pages, kinds = [], {_NAMED.sub("*", path) for path in waiting}
    while waiting:
        path = waiting.pop(0)
        status, text, headers = await visitor.send("GET", path)
        if not headers["Content-Type"].startswith("text/html") or (status != 200 and path != "/no-such-page"):
            continue
        pages.append(path)
        for link in re.findall(r'<a [^>]*href="(/[^"#]*)', text):
            path, kind = link.replace("&amp;", "&"), _NAMED.sub("*", link.partition("?")[0])
            if kind not in kinds:
                kinds.add(kind)
                waiting.append(path)
    return pages


@pytest.fixture
def crawl() -> Callable[[Visitor], Any]:
    """``await crawl(visitor)``: paths of every kind of page."""
    return _crawl


# A real browser


@dataclass
class Tab:
    """A page in a browser context of its own; what goes wrong in it is collected."""

    page: Any
    origin: str
    problems: list[str] = field(default_factory=list)
    """Console errors, exceptions, dialogs, violations of the policy, and requests that leave the origin."""
    requests: list[str] = field(default_factory=list)

    def watch(self) -> None:
        def asked(request: Any) -> None:
            self.requests.append(request.url)
            if not request.url.startswith((self.origin + "/", "data:")):
                self.problems.append(f"left for {request.url}")

        async def dialog(one: Any) -> None:
            self.problems.append(f"dialog {one.message}")
            await one.dismiss()

        self.page.on("request", asked)
        self.page.on("dialog", dialog)
        self.page.on("pageerror", lambda error: self.problems.append(f"exception {error}"))
        self.page.on(
            "console",
            lambda said: (
                self.problems.append(f"{said.type} {said.text}") if said.type in ("error", "warning") else None
            ),
        )

    async def go(self, path: str) -> None:
        await self.page.goto(self.origin + path)

    async def agree(self) -> None:
        """From the notice to the page where a battle begins."""
        await self.go("/")
        await self.page.check("input[name=agree]")
        await self.page.click("button.main")
        await self.page.wait_for_selector("#prompt")

    async def ask(self, text: str = "What is 2 + 2?") -> None:
        await self.page.fill("#prompt", text)
        await self.page.click("button.main")
        await self.page.wait_for_selector("[data-battle]")

    async def finished(self) -> None:
        await self.page.wait_for_selector("[data-finished]", state="attached")

    async def until(self, expression: str) -> None:
        """Wait until a script expression is true; the policy forbids the page to wait for it itself."""
        for _ in range(600):
            if await self.page.evaluate(expression):
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"never true: {expression}")

    async def wide(self) -> int:
        """Pixels that the page needs from side to side."""
        return int(await self.page.evaluate("document.documentElement.scrollWidth"))


_VIOLATIONS = (
    "document.addEventListener('securitypolicyviolation', e => console.error('policy ' + e.violatedDirective))"
)
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


@pytest.fixture
async def browse() -> AsyncIterator[Callable[..., Any]]:
    """``await browse(site, locale="ko-KR", …)``: a tab in a new context of one real Chromium."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium here: install the package 'chromium' to run the browser tests")
    from playwright.async_api import async_playwright

    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=program, args=list(_FLAGS))

        async def opened(site: Site, *, rater: str = "", **context: Any) -> Tab:
            made = await browser.new_context(
                **{"locale": "en-GB", "viewport": {"width": 1200, "height": 900}} | context
            )
            made.set_default_timeout(30_000)
            if rater:
                await made.add_cookies([{"name": "rater", "value": rater, "url": site.address}])
            await made.add_init_script(_VIOLATIONS)
            tab = Tab(await made.new_page(), site.address)
            tab.watch()
            return tab

        yield opened
        await browser.close()
