"""What a reader's tests do: read a page, have votes cast, publish a look, and take the figures out of a table."""

import asyncio
import html
import re

from fairtrial import __version__
from fairtrial.arena.releases import publish
from fairtrial.provenance import SigningKey
from fairtrial.reports import typeset


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


def key_of(site):
    return SigningKey.load(site.opened.lab.directory.keys / "lab.pem")


async def released(site, **more):
    lab = site.opened.lab
    return await asyncio.to_thread(
        publish, site.arena.store, lab.directory.reports, key_of(site), site.arena.settings, version=__version__, **more
    )


async def opinions(site, raters, battles, favourite, *, slow):
    """Votes of so many raters for whom the favourite wins five times in six; a second after the answers, or at once."""

    async def one(rater, n):
        battle = await site.arena.begin(rater, f"What is {n} + {rater.id}?")
        await battle.settled()
        return rater, battle.ballot

    for _ in range(raters):
        rater = site.arena.rater(await site.arena.enrol("token"))
        opened = await asyncio.gather(*(one(rater, n) for n in range(battles)))
        await asyncio.sleep(1.05 if slow else 0)
        for n, (who, ballot) in enumerate(opened):
            a, b = (site.arena.registry.entrants[ballot.contestant(pane)].contestant.name for pane in "AB")
            grade = 2 if a == favourite else -2 if b == favourite else 0
            grade *= -1 if n % 6 == 5 else 1
            await site.arena.vote(who, ballot.id, grade)
    await site.settle()


def rows_of(text):
    """The cells of the first table's body, without their tags."""
    body = text[text.index("<tbody>") : text.index("</tbody>")]
    return [
        [
            html.unescape(re.sub(r"<[^>]+>", "", cell)).strip()
            for cell in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, re.DOTALL)
        ]
        for row in re.findall(r"<tr.*?</tr>", body, re.DOTALL)
    ]


def rated(row):
    return "no joint rating" if row["rating"] is None else typeset.number(row["rating"])
