"""The reader's pages: there with and without votes, in both languages, without scripts; every link leads somewhere."""

import asyncio
import re

import pytest

from fairtrial import __version__
from fairtrial.arena.receipts import verify_objection
from fairtrial.arena.releases import publish
from fairtrial.provenance import SigningKey

PAGES = ("/", "/board", "/integrity", "/languages", "/data", "/objections", "/about", "/history")


async def read(site, path, lang="en"):
    async with site.client.get(site.address + path, headers={"Cookie": f"lang={lang}"}) as answer:
        return answer.status, await answer.text()


async def votes(site, count, text="What is {} + 2?"):
    headers = await site.token("vote")
    for n in range(count):
        async with site.client.post(
            f"{site.address}/api/v1/battles", json={"prompt": text.format(n)}, headers=headers
        ) as answer:
            battle = (await answer.json())["battle"]
        url = f"{site.address}/api/v1/battles/{battle}/vote"
        async with site.client.post(
            url, json={"grade": (2, 1, -1, 0, "both_bad", "skip")[n % 6]}, headers=headers
        ) as answer:
            assert answer.status == 200
    await site.settle()


@pytest.mark.parametrize("lang", ["en", "ko"])
async def test_every_page_and_every_link_on_it(site, lang):
    for many in (0, 12):
        await votes(site, many)
        seen, waiting = set(), list(PAGES)
        while waiting:
            path = waiting.pop()
            if path in seen or path.startswith(("/admin", "/static/vendor")):
                continue
            seen.add(path)
            status, text = await read(site, path, lang)
            assert status == 200, path
            if "<html" not in text:
                continue
            assert f'<html lang="{lang}"' in text
            assert len(re.findall("<h1", text)) == 1, path
            assert " style=" not in text
            assert not re.search(r"<script(?! src=)", text)
            waiting += [link.replace("&amp;", "&") for link in re.findall(r'(?:href|src)="(/[^"#]*)"', text)]
        assert sum(path.startswith("/contestants/") for path in seen) == (3 if many else 0)
        assert any("control=style" in path for path in seen)


async def test_a_hostile_name_is_text(serve, sim):
    name = "<img src=x onerror=alert(1)>"
    site = await serve([sim("plain"), {**sim("evil"), "name": name}])
    await votes(site, 6)
    for path in ("/board", "/integrity"):
        _, text = await read(site, path)
        assert "<img" not in text
        assert "&lt;img src=x onerror=alert(1)&gt;" in text


async def test_unknown_pages_say_so(site):
    for path in ("/nothing", "/contestants/0123456789abcdef", "/data/x/votes.jsonl", "/battles/x/y"):
        status, text = await read(site, path)
        assert status == 404, path
        assert "There is no such page." in text


async def test_a_release_can_be_had_and_nothing_else(site):
    await votes(site, 8)
    lab = site.opened.lab
    key = SigningKey.load(lab.directory.keys / "lab.pem")
    release = await asyncio.to_thread(
        publish, site.arena.store, lab.directory.reports, key, site.arena.settings, version=__version__
    )
    _, text = await read(site, "/data")
    assert release.id in text
    async with site.client.get(f"{site.address}/data/{release.id}/votes.jsonl") as answer:
        assert answer.status == 200
        assert await answer.read() == (release.directory / "votes.jsonl").read_bytes()
    async with site.client.get(f"{site.address}/api/v1/export?format=parquet") as answer:
        assert await answer.read() == (release.directory / "votes.parquet").read_bytes()
    for path in (f"/data/{release.id}/..%2f..%2flab.toml", "/data/..%2fkeys/lab.pem", f"/data/{release.id}/.hidden"):
        assert (await read(site, path))[0] == 404


async def test_without_a_release_the_export_says_so(site):
    assert (await read(site, "/api/v1/export"))[0] == 404


async def test_an_objection_is_received_signed_and_shown_with_what_was_typed_kept_on_error(site):
    await votes(site, 8)
    lab = site.opened.lab
    key = SigningKey.load(lab.directory.keys / "lab.pem")
    release = await asyncio.to_thread(
        publish, site.arena.store, lab.directory.reports, key, site.arena.settings, version=__version__
    )
    typed = {"about": release.id, "kind": "correction", "text": "The <b>second</b> row is wrong.", "name": "Kim"}
    async with site.client.post(f"{site.address}/objections", data=typed | {"about": "other"}) as answer:
        text = await answer.text()
        assert answer.status == 422
        assert "The &lt;b&gt;second&lt;/b&gt; row is wrong." in text
    async with site.client.post(f"{site.address}/objections", data=typed) as answer:
        text = await answer.text()
    assert "&lt;b&gt;second&lt;/b&gt;" in text
    assert "Not answered yet." in text
    link = re.search(r'href="(/objections/[^"]+)"', text)[1]
    async with site.client.get(site.address + link) as answer:
        assert verify_objection(await answer.read(), [key.public]).word == "TRUSTED"
