"""An attacker on the API: everything that comes before the vote is collected, and none of it may tell who answers.

`Attacker` speaks real HTTP and keeps every byte. What it must not find is in `secrets_of`; what must not depend on who
is shown where is compared by permutation tests at 0.1 %. Each detector is also shown a leak that it must find.
"""

import asyncio
import copy
import json
import random
import re
import unicodedata
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from itertools import product
from math import log
from typing import Any

import numpy as np
import pytest
from aiohttp import web
from scipy.stats import binomtest, chisquare

from fairtrial.arena import ballots, lockstep
from fairtrial.arena.blinding import MASK
from fairtrial.web.app import create
from fairtrial.web.security import HEADERS

ALPHA = 0.001
MAKER, BASE = "Quillby Laboratories", "quillby-base"


# What an attacker sees, and what must not be in it


@dataclass(frozen=True)
class Reply:
    """One answer of the server, and its events with the second each came."""

    status: int
    headers: dict[str, str]
    body: bytes
    events: tuple[tuple[float, str, dict[str, Any]], ...] = ()

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def end(self) -> str:
        return self.events[-1][1]

    @property
    def battle(self) -> str:
        return self.events[0][2]["battle"] if self.events else self.json["battle"]


class Attacker:
    """A voter who keeps everything that the server sends."""

    def __init__(self, site, headers) -> None:
        self.site, self.headers = site, headers
        self.seen: list[Reply] = []

    async def send(self, method: str, path: str, *, keep: bool = True, **more) -> Reply:
        where = self.site.address + path
        async with self.site.client.request(method, where, **{"headers": self.headers} | more) as answer:
            reply = Reply(answer.status, dict(answer.headers), await answer.read())
        if keep:
            self.seen.append(reply)
        return reply

    async def ask(self, prompt="What is 2 + 2?") -> Reply:
        return await self.send("POST", "/api/v1/battles", json={"prompt": prompt})

    async def stream(self, prompt="What is 2 + 2?", path="/api/v1/battles") -> Reply:
        clock, events, body = asyncio.get_running_loop().time, [], b""
        began, asked = clock(), {"prompt": prompt, "stream": True}
        async with self.site.client.post(self.site.address + path, json=asked, headers=self.headers) as answer:
            async for line in answer.content:
                body += line
                if line.startswith(b"data: "):
                    kind = body.splitlines()[-2].removeprefix(b"event: ").decode()
                    events.append((clock() - began, kind, json.loads(line[6:])))
            self.seen.append(Reply(answer.status, dict(answer.headers), body, tuple(events)))
        return self.seen[-1]

    async def vote(self, battle: str, grade: object = 1) -> Reply:
        """Vote; the names in the answer are the one thing that is not kept."""
        return await self.send("POST", f"/api/v1/battles/{battle}/vote", keep=False, json={"grade": grade})

    def found(self, names: set[str]) -> set[str]:
        """Which names are in anything that was sent, however they are written."""
        return found(names, *(json.dumps(reply.headers) + reply.body.decode() for reply in self.seen))


_DRAWN_ALIKE = str.maketrans("аеікорстухһԁɡⅼ", "aeikopctyxhdgl")


def read(text: str) -> str:
    """`text` as a person reads it: letters and digits only, alike ones made equal, what JSON escapes undone."""
    text = re.sub(r"\\u([0-9a-f]{4})", lambda m: chr(int(m[1], 16)), text)
    text = re.sub(r"<[^<>]*>|\\n", "", text)
    letters = unicodedata.normalize("NFKD", text).casefold().translate(_DRAWN_ALIKE)
    return "".join(c for c in letters if c.isalnum())


def found(names: set[str], *texts: str) -> set[str]:
    every = [(text, read(text)) for text in texts]  # as sent, attributes included, and as read
    return {name for name in names if any(name in text or read(name) in seen for text, seen in every)}


def secrets_of(arena) -> set[str]:
    """Whatever would tell a contestant: names, model ids, digests, addresses, makers, base models, prices."""
    out = set()
    for key, one in arena.registry.entrants.items():
        made, entry = one.contestant, one.entry
        out |= {key, made.name, made.model.model, made.model.digest or key, entry.base_url or key, entry.model}
        out |= {entry.maker or key, entry.base_model or key, *(f"{x:g}" for x in entry.price or ())}
    return out


def depends(rows: list[dict[str, str]], label: list[int], rng, times: int = 4000) -> tuple[float, str]:
    """Whether any field of `rows` depends on `label`.

    Mutual information of each field with the label, in standard deviations of what permuted labels give.

    Returns:
        The probability that the most telling of all fields tells as much when none does, and its name.
    """
    names = sorted({name for row in rows for name in row})
    fields = {name: np.unique([row.get(name, "-") for row in rows], return_inverse=True)[1] for name in names}
    names = [name for name in names if fields[name].max()]

    def told(labels: np.ndarray, codes: np.ndarray) -> float:
        joint = np.bincount(codes * 2 + labels, minlength=2 * codes.max() + 2).reshape(-1, 2) / len(labels)
        apart = joint.sum(1, keepdims=True) * joint.sum(0, keepdims=True)
        here = joint > 0
        return float((joint[here] * np.log(joint[here] / apart[here])).sum())

    permuted = [np.asarray(label), *(rng.permutation(label) for _ in range(times))]
    values = np.array([[told(labels, fields[name]) for name in names] for labels in permuted])
    scores = (values - values.mean(0)) / values.std(0)
    best = scores.max(1)
    return float((best >= best[0] - 1e-9).mean()), names[int(scores[0].argmax())]


# Contestants that behave badly


class Endpoint:
    """An OpenAI-compatible server; the name of the model asked for says what it does."""

    base = ""
    size = 2  # characters in a piece of a stream

    def table(self, model: str) -> dict[str, Any]:
        """The ``[[contestant]]`` table of one of its models."""
        facts = {"maker": MAKER, "base_model": BASE, "price": [3.1875, 17.8125]}
        how = {"base_url": self.base, "settings": {"check_model": False, "retries": 0}}
        return {"name": f"{model} preview", "model": f"openai/{model}"} | how | facts

    async def chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        model = body["model"]
        said = f"I am {model} and {MAKER} made me."
        error = {"error": {"message": said, "code": model}}
        if model == "quillby-limited":
            return web.json_response(error, status=429, headers={"Retry-After": "77"})
        if model == "quillby-refuses":
            return web.json_response(error, status=400)
        if model == "quillby-error":
            return web.json_response(error)
        out = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Server": model})
        await out.prepare(request)
        if model == "quillby-hangs":
            await asyncio.sleep(5)
        elif model == "quillby-garbage":
            await out.write(b"\xff\xfe" + said.encode() + b"}{ data: [\n\n")
        else:
            trick = (TRICKS | PLANTED).get(body["messages"][-1]["content"], said)
            blank, endless = "\u200b \n\u2060", f"{said} " * 25_000
            await self._stream(out, model, {"quillby-blank": blank, "quillby-endless": endless}.get(model, trick))
        return out

    async def _stream(self, out: web.StreamResponse, model: str, text: str) -> None:
        size = max(self.size, len(text) // 50)
        for piece in (text[at : at + size] for at in range(0, len(text), size)):
            choice = {"index": 0, "delta": {"content": "4 it is. " if model == "plain" else piece}}
            body = {"id": model, "model": model, "system_fingerprint": model, "choices": [choice]}
            await out.write(f"data: {json.dumps(body)}\n\n".encode())
        await out.write(b"data: [DONE]\n\n")


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    one, app = Endpoint(), web.Application()
    app.router.add_post("/v1/chat/completions", one.chat)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    one.base = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    yield one
    await runner.cleanup()


BAD = ("limited", "error", "refuses", "hangs", "garbage", "endless", "blank", "names-itself")


@pytest.fixture
async def bad_site(serve, sim, endpoint):
    good = [sim(f"zorvex-{n}") | {"maker": "Xanthous Ltd"} for n in (7, 8, 9, 10)]
    slow = [sim("pellucid-3", length=40, words_per_s=60), sim("pellucid-4", timeout_rate=1.0, retries=0)]
    contestants = [*good, *slow, *(endpoint.table(f"quillby-{what}") for what in BAD)]
    return await serve(contestants, limits={"battles_per_minute": 1000, "answer_seconds": 1.0})


# The tests


async def test_nothing_sent_before_the_vote_names_anybody(bad_site):
    site = bad_site
    names = secrets_of(site.arena)
    assert {"quillby-error", "zorvex-7", MAKER, BASE, "17.8125"} < names
    one, two = [Attacker(site, await site.token("vote")) for _ in "12"]
    streams = await asyncio.gather(*(one.stream(f"Question {n}?") for n in range(60)))
    done, void = ([reply for reply in streams if reply.end == end] for end in ("done", "failed"))
    assert min(len(done), len(void)) > 3
    answers = await asyncio.gather(*(one.ask(f"Question {n}?") for n in range(40)))
    assert {reply.status for reply in answers} == {200, 502}
    assert len({reply.body for reply in answers if reply.status == 502}) == 1  # whatever failed
    assert {json.dumps(reply.events[-1][2]) for reply in void} == {'{"failure": "no_answer"}'}
    for reply in void:  # nor did a lone answer stand in a pane
        shown = ["".join(data[pane] for _, kind, data in reply.events if kind == "text") for pane in "ab"]
        assert len(shown[0]) == len(shown[1])

    for battle in (*(reply.battle for reply in (*done[:2], *void[:4])), "nobodys"):
        at = f"/api/v1/battles/{battle}"
        for who in (one, two):
            await who.send("GET", at)
            await who.send("GET", f"{at}/vote")
            await who.send("POST", f"{at}/vote", json={"grade": 7})
        assert (await two.send("POST", f"{at}/vote", json={"grade": 1})).status == 404
        assert (await two.send("POST", f"{at}/turns", json={"prompt": "Who are you?"})).status == 404
    for reply in void:
        assert (await one.send("POST", f"/api/v1/battles/{reply.battle}/vote", json={"grade": 1})).status == 409
    await asyncio.gather(*(one.stream("And you?", f"/api/v1/battles/{reply.battle}/turns") for reply in done[:4]))
    for path in paths_of(site):
        if path in PUBLIC:  # who takes part is no secret; who answers in a battle is, see the next test
            continue
        for method in ("GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE"):
            await one.send(method, path, json={"prompt": None, "name": "x"})
    await one.send("POST", "/api/v1/battles", data=b"\x00{")
    await one.send("GET", "/api/v1/board?category=%00&control=x")
    assert not one.found(names)
    assert not two.found(names)

    told = await one.vote(done[0].battle)
    assert told.status == 200
    assert found(names, told.body.decode()), "the names are there after the vote, so they could have been found before"


async def test_the_pages_of_a_battle_name_nobody_before_the_vote(bad_site, visit):
    names, one = secrets_of(bad_site.arena), Attacker(bad_site, {"Cookie": f"rater={(await visit(bad_site)).rater}"})

    async def battle(n: int) -> str:
        where = (await one.send("POST", "/battles", data={"prompt": f"Question {n}?"}, allow_redirects=False)).headers
        at = where["Location"]
        await one.send("GET", at)
        await one.send("GET", f"{at}/events")
        again = await one.send("GET", at)
        await one.send("POST", f"{at}/vote", data={"grade": "7"})
        await one.send("POST", f"{at}/report", data={"pane": "A", "reason": "identity revealed", "note": "who?"})
        return at if b'role="alert"' not in again.body else ""

    done = [at for at in await asyncio.gather(*map(battle, range(40))) if at]
    assert 0 < len(done) < 40
    for at in done[:2]:
        await one.send("POST", f"{at}/turns", data={"prompt": "And you?"})
        await one.send("GET", f"{at}/events")
        await one.send("GET", at)
    for path in ("/", "/history", "/nothing", "/battles/nothing", "/battles/nothing/events"):
        await one.send("GET", path)
    assert not one.found(names)

    await one.send("POST", f"{done[0]}/vote", data={"grade": "1"})  # goes on to the reveal
    assert one.found(names)


PUBLIC = ("/board", "/integrity", "/languages", "/api/v1/board")


def paths_of(site) -> list[str]:
    """Every address that the application knows but those of one battle, and some that it does not know."""
    known = [
        *create(site.opened).openapi()["paths"],
        "/board",
        "/integrity",
        "/languages",
        "/data",
        "/about",
        "/history",
    ]
    others = ["/", "/en", "/ko", "/nothing", "/api/v1/", "/docs", "/.env", "/admin", "/api/openapi.json"]
    return sorted({*others, *(path for path in known if path and "{" not in path)})


async def test_public_addresses_say_the_same_while_battles_are_open(serve, sim):
    site = await serve([sim(f"zorvex-{n}") for n in (1, 2, 3)])
    rater = Attacker(site, await site.token("vote"))

    async def voted(grade: int) -> None:
        await rater.vote((await rater.ask()).battle, grade)

    await asyncio.gather(*map(voted, (1, -1, 2, -2) * 6))
    await site.settle()
    names = "|".join(map(re.escape, sorted(secrets_of(site.arena))))

    async def public() -> dict[str, list[str]]:
        """The names and numbers that anyone may read, in their order."""
        replies = {path: await rater.send("GET", path, headers={}) for path in paths_of(site) if path != "/api/v1/log"}
        texts = {path: said.body.decode(errors="replace") for path, said in replies.items()}
        texts["/integrity"] = texts["/integrity"].split("<h2>The log")[0]  # its size and link grow with every pair
        return {path: re.findall(rf"{names}|\d+(?:\.\d+)?", text) for path, text in texts.items()}

    before, counts = await public(), copy.deepcopy(site.arena.exposure)
    opened = [(await rater.ask()).battle for _ in range(5)]
    assert await public() == before
    assert site.arena.exposure == counts  # what the integrity page prints
    await rater.vote(opened[0])
    await site.settle()
    await asyncio.sleep(1.1)  # a view is computed once a second at most
    after = await public()
    assert {"/board", "/integrity", "/api/v1/board"} <= {path for path in after if after[path] != before[path]}
    assert site.arena.exposure != counts


async def test_a_stopped_a_forgotten_and_an_expired_battle_name_nobody(serve, sim):
    site = await serve([sim(f"zorvex-{n}", length=300, words_per_s=60) for n in (1, 2)])
    one, names = Attacker(site, await site.token("vote")), secrets_of(site.arena)
    stream = asyncio.create_task(one.stream())
    while not (running := list(site.arena._live)):  # noqa: ASYNC110 - it tells in no other way
        await asyncio.sleep(0.01)
    await site.arena.change(next(iter(site.arena.registry.entrants)), "stopped", reason="a test", by="owner")
    assert (await stream).events[-1][1:] == ("failed", {"failure": "no_answer"})
    assert (await one.ask()).status == 503
    for battle in running:
        assert (await one.send("GET", f"/api/v1/battles/{battle}")).status == 409
        assert (await one.send("POST", f"/api/v1/battles/{battle}/vote", json={"grade": 1})).status == 409
    assert not one.found(names)

    site = await serve([sim(f"zorvex-{n}") for n in (1, 2)], ballot_hours=1 / 3600)
    one = Attacker(site, await site.token("vote"))
    forgotten, expired = [(await one.ask()).battle for _ in range(2)]
    site.arena._live.pop(forgotten)  # as after a restart
    await one.send("GET", f"/api/v1/battles/{forgotten}")
    await one.send("POST", f"/api/v1/battles/{forgotten}/turns", json={"prompt": "And?"})
    await asyncio.sleep(1.1)
    for battle in (forgotten, expired):
        await one.send("GET", f"/api/v1/battles/{battle}")
        assert (await one.send("POST", f"/api/v1/battles/{battle}/vote", json={"grade": 1})).status == 410
    assert not one.found(names)


def contestant_in(site, pane: str, battle: str) -> str:
    """Who is shown in a pane: the truth that the attacker looks for."""
    with site.arena.store.reading() as connection:
        return site.arena.registry.name(ballots.find(connection, battle).contestant(pane))


async def many(work: Callable[[int], Awaitable[Any]], count: int, at_once: int) -> list[Any]:
    places = asyncio.Semaphore(at_once)

    async def one(n: int) -> Any:
        async with places:
            return await work(n)

    return await asyncio.gather(*map(one, range(count)))


def fields_of(stream: Reply, look: Reply) -> dict[str, str]:
    """Everything in two answers but the time, the answers' text, how much of it came when, and the whole id."""
    out = {f"event {k}": str((kind, [*data], data.get("votable"))) for k, (_, kind, data) in enumerate(stream.events)}
    out |= {
        "end": stream.end,
        "id": stream.battle[0],
        "look": json.dumps(look.json | {"battle": "", "answers": [*look.json.get("answers", ())]}),
    }
    for name, reply in (("stream", stream), ("look", look)):
        heads = {k: str(len(reply.body)) == v if k.lower() == "content-length" else v for k, v in reply.headers.items()}
        out |= {f"{name} {k}": str(v) for k, v in heads.items() if k.lower() != "date"}
        out |= {f"{name} heads": str([*heads]), f"{name} status": str(reply.status)}
    return out


async def test_no_field_depends_on_who_is_shown_where(serve, sim):
    """Two contestants that differ in speed, length and failures; 300 battles."""
    faulty = {"latency_s": 0.03, "timeout_rate": 0.15, "server_error_rate": 0.15, "retries": 0}
    site = await serve(
        [sim("quick", length=8), sim("faulty", length=40, **faulty)], limits={"battles_per_minute": 1000}
    )
    one = Attacker(site, await site.token("vote"))

    async def fight(n: int) -> tuple[str, dict[str, str]]:
        stream = await one.stream("Say it, please.")
        return stream.battle, fields_of(stream, await one.send("GET", f"/api/v1/battles/{stream.battle}"))

    ids, rows = zip(*await many(fight, 300, 30), strict=True)
    label = [int(contestant_in(site, "A", battle) == "quick") for battle in ids]
    assert min(Counter(row["end"] for row in rows).values()) > 30  # both, done and failed
    rng = np.random.default_rng(7)
    chance, field = depends(rows, label, rng)
    assert chance > ALPHA, field

    rare = [bool(side) and rng.random() < 0.15 for side in label]  # a planted leak
    leaky = [row | {"look status": "429"} if odd else row for row, odd in zip(rows, rare, strict=True)]
    chance, field = depends(leaky, label, rng)
    assert (chance <= ALPHA, field) == (True, "look status")

    assert len(set(ids)) == 300
    assert {len(name) for name in ids} == {24}
    letters = Counter("".join(ids))
    assert len(letters) == 64
    assert chisquare(list(letters.values())).pvalue > ALPHA
    sent = {key.lower() for reply in one.seen for key in reply.headers}
    constant = {name.lower() for name in HEADERS} | {"cache-control"}  # the same on every answer
    assert sent <= constant | {"date", "server", "content-type", "content-length", "transfer-encoding"}
    assert {reply.headers[name] for reply in one.seen for name in reply.headers if name.lower() in constant} == {
        *HEADERS.values(),
        "no-store",
    }


# Time

LENGTHS, SLOW, FAST = (30, 45, 60), 1.5, 0.2
"""Words of an answer, and seconds it takes by either kind of model: neither total time nor lengths tell who is slow."""


def shape(reply: Reply) -> list[float]:
    """What the frames look like, with the sign of what would turn round if the panes were swapped."""
    frames = [(at, len(data["a"]), len(data["b"])) for at, kind, data in reply.events if kind == "text"]
    ticks = np.round([at / lockstep.TICK for at, _, _ in frames])
    a, b = (np.cumsum([frame[k] for frame in frames]) for k in (1, 2))
    both, most = np.minimum(a, b), np.maximum(a, b)
    shorter_at = ticks[np.searchsorted(both, both[-1])]
    rates = np.diff(most, prepend=0)
    rest = max(ticks[-1] - shorter_at, 1)
    alike = [
        rest,
        (most[-1] - both[-1]) / rest,
        log(rates[-1] + 1) - log(np.median(rates) + 1),
        rates.max() / most[-1],
        both[int(0.9 * len(both))] / both[-1],
        ticks[-1] / most[-1],
        ticks[-1] / both[-1],
        log(most[-1] / both[-1]),
        1.0,
    ]
    return [
        *(np.sign(a[-1] - b[-1]) * x for x in alike),
        *((a - b)[int(q * len(a))] for q in (0.1, 0.3, 0.5, 0.7, 0.9)),
    ]


def guessed(replies: list[Reply], first_is_fast: list[int]) -> tuple[int, int]:
    """A linear classifier, taught with one half of the battles: how many of the other half it guesses right."""
    seen, side = np.array([shape(reply) for reply in replies]), np.where(first_is_fast, 1.0, -1.0)
    half = len(seen) // 2
    seen /= seen[:half].std(0) + 1e-9
    taught = seen[:half]
    weight = np.linalg.solve(taught.T @ taught + 0.01 * half * np.eye(seen.shape[1]), taught.T @ side[:half])
    return int((np.sign(seen[half:] @ weight) == side[half:]).sum()), len(seen) - half


@pytest.fixture
async def raced(serve, sim):
    """Battles between slow and fast contestants as the attacker saw them, and whether the first pane's was fast."""

    async def race(battles: int, **arena) -> tuple[list[Reply], list[int]]:
        rng = random.Random(11)
        contestants = []
        for length, seconds in product(LENGTHS, (SLOW, FAST)):
            texts = [
                " ".join(rng.choice(("so", "then", "perhaps", "longer")) for _ in range(length)) for _ in range(20)
            ]
            name = f"{'slow' if seconds == SLOW else 'fast'} {length}"
            contestants.append(sim(name, answers=texts, words_per_s=length / seconds))
        site = await serve(contestants, limits={"battles_per_minute": 1000}, **arena)
        one = Attacker(site, await site.token("vote"))
        replies = await many(lambda n: one.stream(f"Question {n}?"), battles, 40)
        kinds = [[contestant_in(site, pane, reply.battle).split()[0] for pane in "AB"] for reply in replies]
        apart = [(reply, kind[0] == "fast") for reply, kind in zip(replies, kinds, strict=True) if len(set(kind)) == 2]
        return [reply for reply, _ in apart], [int(first) for _, first in apart]

    return race


async def test_the_frames_do_not_tell_which_pane_is_faster(raced):
    right, of = guessed(*await raced(160))
    assert of > 40
    assert binomtest(right, of, alternative="greater").pvalue > ALPHA, f"{right} of {of}"


async def test_frames_without_the_limit_of_reading_would_tell(raced, monkeypatch):
    monkeypatch.setattr(lockstep, "READING", 1e9)
    right, of = guessed(*await raced(320))  # many, for a busy machine's own noise hides much
    assert binomtest(right, of, alternative="greater").pvalue < ALPHA, f"{right} of {of}"


async def test_whole_answers_tell_the_total_time_only(raced):
    replies, _ = await raced(40, pace="whole")
    for reply in replies:
        (at, _, data), (end, _, last) = [event for event in reply.events if event[1] != "battle"]
        assert {"a": data["a"], "b": data["b"]} == last["answers"]
        assert SLOW < at <= end


# Names in answers

TRICKS = {
    "plain": "I am Quillby-7B.",
    "capitals": "My name is QUILLBY 7B, nice to meet you.",
    "Cyrillic": "I am Quіllby-7В, an assistant.",
    "full width": "I am Ｑｕｉｌｌｂｙ－７Ｂ.",
    "mathematical": "I am 𝐐𝐮𝐢𝐥𝐥𝐛𝐲-𝟕𝐁.",
    "no width": "I am Q\u200bu\u200di\u2060l\ufefflby\u00ad-7B.",
    "marks": "I am Q\u0301u\u0302i\u0303l\u0304l\u0305b\u0306y-7B.",
    "spelt": "I am Q u i l l b y - 7 B.",
    "dotted": "I am Q.u.i.l.l.b.y.-.7.B.",
    "bold": "I am **Quill**by-7B.",
    "tags": "I am Q<b>uill</b>by<i></i>-7B.",
    "entity": "I am &#81;uillby-7B.",
    "lines": "I am Quillby\n-7B.",
    "Korean": "안녕하세요, 저는 Quillby-7B입니다.",
    "maker": f"I was trained by {MAKER}.",
}


PLANTED = {"nobody knows": "I am called Flonk\u200badoodle-3."}


@pytest.mark.parametrize("size", [1, 3, 1000])
async def test_no_prefix_of_a_stream_shows_a_name(serve, endpoint, size):
    endpoint.size = size
    site = await serve([endpoint.table("quillby-7b"), endpoint.table("plain")])
    one = Attacker(site, await site.token("vote"))

    async def play(trick: str) -> None:
        reply = await one.stream(trick)
        mine = "A" if contestant_in(site, "A", reply.battle).startswith("quillby") else "B"
        shown = "".join(data[mine.lower()] for _, kind, data in reply.events if kind == "text")
        assert MASK in shown, trick
        assert (await one.vote(reply.battle)).status == 200
        with site.arena.store.reading() as connection:
            used = ballots.find(connection, reply.battle)
        assert used.outcome.masked[used.shown(mine)], trick
        assert not found({"quillby", MAKER}, reply.body.decode()), (trick, shown)

    await asyncio.gather(*map(play, TRICKS))
    assert not one.found({"quillby", MAKER})


async def test_a_name_that_nobody_knows_is_found_by_the_detector(serve, endpoint):
    """It is on nobody's record, so it is not masked; if it were not found, the tests above could not fail."""
    site = await serve([endpoint.table("quillby-7b"), endpoint.table("plain")])
    one = Attacker(site, await site.token("vote"))
    await one.stream("nobody knows")
    assert one.found({"Flonkadoodle-3", "quillby-7b"}) == {"Flonkadoodle-3"}
