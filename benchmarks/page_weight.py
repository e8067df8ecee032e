"""Bytes that a browser takes for each page, by kind of file. A real Chromium, an empty cache, nothing compressed.

    python benchmarks/page_weight.py

A lab of three simulated contestants with one battle that is voted on and one that is not is served over HTTP; each page
is opened in a context of its own. KaTeX and its fonts, which only pages with answers load, are counted apart. The
result is written to results/page_weight.json.
"""

import asyncio
import json
import shutil
import socket
import tempfile
from pathlib import Path

import uvicorn
from playwright.async_api import async_playwright

from fairtrial.lab import Lab
from fairtrial.lab.serving import open_arena
from fairtrial.web.app import create

RESULTS = Path(__file__).parent / "results" / "page_weight.json"
LIMIT = 150_000
PAGES = (
    "/",
    "/board",
    "/board?control=style",
    "/integrity",
    "/languages",
    "/data",
    "/objections",
    "/about",
    "/history",
)
SETTINGS = "format = 1\n" + "".join(
    f'[[contestant]]\nname = "{name}"\nmodel = "sim/{name}"\nsettings = {{ skill = 0.5, length = 80 }}\n'
    for name in ("north", "south", "east")
)


async def weigh(browser, address: str, path: str, rater: str) -> dict[str, int]:
    context = await browser.new_context()
    if rater:
        await context.add_cookies([{"name": "rater", "value": rater, "url": address}])
    page, answers = await context.new_page(), []
    page.on("response", lambda answer: answers.append(answer))  # noqa: PLW0108 - a method of a list is refused
    await page.goto(address + path, wait_until="networkidle")
    found = {"html": 0, "css": 0, "script": 0, "other": 0, "katex": 0}
    for answer in answers:
        assert answer.ok, answer.url
        kind = {"document": "html", "stylesheet": "css", "script": "script"}.get(answer.request.resource_type, "other")
        found["katex" if "/vendor/" in answer.url else kind] += len(await answer.body())
    await context.close()
    return found | {"without_katex": sum(size for kind, size in found.items() if kind != "katex")}


async def measure(root: Path) -> dict[str, dict[str, int]]:
    lab = Lab.create(root / "lab")
    lab.directory.settings.write_text(SETTINGS)
    async with open_arena(lab) as opened, async_playwright() as driver:
        server = uvicorn.Server(uvicorn.Config(create(opened), http="httptools", lifespan="off", log_level="warning"))
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        arena = opened.arena
        secret = await arena.enrol("cookie")
        rater, battles = arena.rater(secret), []
        for _ in range(2):
            battle = await arena.begin(rater, "Why is the sky blue?")
            await battle.settled()
            battles.append(battle.ballot.id)
        await arena.vote(rater, battles[0], 1)
        contestant = next(iter(arena.registry.entrants)).removeprefix("sha256:")[:16]
        pages = {path: path for path in PAGES}
        pages |= {"reveal": f"/battles/{battles[0]}", "battle": f"/battles/{battles[1]}"}
        pages["contestant"] = f"/contestants/{contestant}"
        browser = await driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        weights = {"notice": await weigh(browser, address, "/", "")}
        for name, path in pages.items():
            weights[name] = await weigh(browser, address, path, secret)
        await browser.close()
        server.should_exit = True
        await serving
    return weights


def main() -> None:
    with tempfile.TemporaryDirectory() as root:
        weights = asyncio.run(measure(Path(root)))
    heaviest = max(one["without_katex"] for one in weights.values())
    found = {"limit_bytes": LIMIT, "heaviest_bytes": heaviest, "pages": weights}
    print(json.dumps(found, indent=1))
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
