"""The reader's pages: there with and without votes, in both languages, without scripts; every link leads somewhere."""

import asyncio
import json
import os
import re
import shutil

import pytest
from reader import key_of, opinions, read, released, rows_of, votes
from sqlalchemy import update

from fairtrial import __version__
from fairtrial.arena import objections
from fairtrial.arena.boards import View
from fairtrial.arena.receipts import sign_own, verify_objection
from fairtrial.arena.releases import publish
from fairtrial.lab import Lab
from fairtrial.provenance import SigningKey, sign_directory
from fairtrial.reports import typeset
from fairtrial.store.arena_tables import notices

PAGES = ("/", "/board", "/integrity", "/languages", "/data", "/objections", "/about", "/history")


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


async def test_only_the_main_board_says_that_its_intervals_hold_at_every_look(site):
    await votes(site, 12)
    assert "hold at every look" in (await read(site, "/board"))[1]
    for query in ("flagged=weighted", "control=style"):
        _, text = await read(site, f"/board?{query}")
        assert "hold at every look" not in text
        assert "hold for one look" in text


async def test_what_is_not_said_is_in_the_reader_s_language(site):
    headers = await site.token("vote")
    for grade in ("skip", "both_bad"):
        async with site.client.post(f"{site.address}/api/v1/battles", json={"prompt": "?"}, headers=headers) as answer:
            battle = (await answer.json())["battle"]
        url = f"{site.address}/api/v1/battles/{battle}/vote"
        async with site.client.post(url, json={"grade": grade}, headers=headers) as answer:
            assert answer.status == 200
    await site.settle()
    _, text = await read(site, "/board", "ko")
    assert "건너뜀 1" in text
    assert "둘 다 나쁨 1" in text
    assert "no votes" not in text
    await votes(site, 12)
    _, text = await read(site, "/board?flagged=weighted", "ko")
    assert "model_a" not in text
    _, text = await read(site, "/board?control=style", "ko")
    assert "집계된 투표가 없습니다" not in text, "there are votes, whether or not style can be taken out"
    _, text = await read(site, "/board?language=en", "ko")
    said = text[text.index("말할 수 없는 것") :]
    assert "Only" not in said
    assert "both_bad" not in said


async def test_filters_never_narrow_a_group_to_fewer_than_five_raters(site):
    for n in range(5):
        secret = await site.arena.enrol("token")
        await site.arena.tell(site.arena.rater(secret), {"age": "30s"})
        rater = site.arena.rater(secret)
        battle = await site.arena.begin(rater, "안녕하세요, 누구세요?" if n == 0 else "Hello, who is it?")
        await battle.settled()
        await site.arena.vote(rater, battle.ballot.id, 1)
    await site.settle()
    _, text = await read(site, "/board?group=age%3D30s")
    assert "<table" in text
    _, text = await read(site, "/board?group=age%3D30s&language=ko")
    assert "<table" not in text
    assert "Fewer than 5 raters" in text


async def test_boards_of_a_signed_report_stand_apart_from_the_votes(serve, tmp_path):
    site = await serve(reports=True)
    lab = site.opened.lab
    other = Lab.create(tmp_path / "trial")
    trial = tmp_path / "trial.toml"
    trial.write_text(
        'name = "mini"\nprompts = "builtin:starter"\nlimit = 6\n'
        '[[contestant]]\nname = "<b>one"\nmodel = "sim/one"\nsettings = { skill = 0.9 }\n'
        '[[contestant]]\nname = "north"\nmodel = "sim/two"\nsettings = { skill = 0.2 }\n'
        '[[evaluator]]\nkind = "scorer"\n[[evaluator]]\nkind = "judge"\nmodel = "sim/judge"\nsettings = { skill = 0.8 }\n'
    )
    made = (await asyncio.to_thread(lambda: other.run(Lab.plan(trial)))).directory
    assert "evidence=" not in (await read(site, "/board"))[1]
    there = lab.directory.reports / made.name
    shutil.copytree(made, there)
    _, text = await read(site, "/board")
    assert "evidence=" not in text, "another lab's signature is not this lab's"
    sign_directory(there, SigningKey.load(lab.directory.keys / "lab.pem"), {"name": "mini"})
    os.utime(there / "report.json")
    _, text = await read(site, "/board")
    assert "evidence=scorer" in text
    assert "evidence=judge" in text
    _, judged = await read(site, "/board?evidence=judge")
    assert "judge opinion" in judged
    assert "&lt;b&gt;one" in judged
    assert "<b>one" not in judged
    assert "/contestants/" not in judged, "the trial's 'north' is not the arena's"
    (there / "report.json").write_bytes((there / "report.json").read_bytes() + b" ")
    assert "evidence=" not in (await read(site, "/board"))[1], "what was changed after signing is not shown"


async def test_rules_limits_and_commands_are_told(site):
    await votes(site, 8)
    key = SigningKey.load(site.opened.lab.directory.keys / "lab.pem")
    release = await asyncio.to_thread(
        publish, site.arena.store, site.opened.lab.directory.reports, key, site.arena.settings, version=__version__
    )
    _, text = await read(site, "/data")
    for command in [board["command"] for board in release.manifest["boards"].values() if "command" in board]:
        assert command in text
    assert "question_id" in text
    assert "at most 5% are honest" in (await read(site, "/integrity"))[1]
    assert f"at most {site.arena.settings.limits.turns} turns" in (await read(site, "/about"))[1]


async def test_flagged_votes_are_shown_with_and_without_side_by_side(serve, sim):
    site = await serve([sim("north"), sim("east")])  # one pair, so that chance draws nothing that matters here
    await opinions(site, 6, 12, "east", slow=True)
    _, text = await read(site, "/board")
    assert "votes count less than in full" not in text
    assert "Flagged votes weighted" not in text
    width = len(rows_of(text)[0])
    await opinions(site, 6, 12, "north", slow=False)
    await asyncio.sleep(1.5)  # views are computed once a second at most
    assert sum(site.arena.boards.weights()[0]) < 144
    _, text = await read(site, "/board")
    assert re.search(
        "72 of 144 votes count less than in full, each for a stated reason: too fast to have read 72", text
    )
    assert 'href="/integrity"' in text
    assert "Flagged votes weighted" in text
    weighted = {row.name: row for row in site.arena.boards.view(View(flagged=False)).models}
    rows = rows_of(text)
    assert {len(row) for row in rows} == {width + 2}
    for row in rows:
        there = weighted[row[1].removesuffix(" simulated")]
        assert row[5] == typeset.number(there.rating)
        assert row[6].split(" ")[0] == typeset.places(there.rank_set)
    assert {row[1].removesuffix(" simulated"): row[6] for row in rows} == {
        "east": "1 instead of 1–2",
        "north": "2 instead of 1–2",
    }
    assert "Contestants whose places the weights change: 2," in text
    _, text = await read(site, "/board?flagged=weighted")
    assert "Flagged votes weighted" not in text, "only the headline board has another beside it"
    release = await released(site)
    _, text = await read(site, f"/data/{release.id}")
    assert "72 of 144 votes count less than in full" in text
    assert "Every vote counted in full" in text
    assert [(row[0], row[6]) for row in rows_of(text)] == [("1", "1–2 instead of 1"), ("2", "1–2 instead of 2")]


async def test_places_that_the_weights_leave_alone_are_not_marked(serve, sim):
    """The live board's places are wider than one look's by nature; that alone is no mark."""
    site = await serve([sim("north"), sim("east")])
    await opinions(site, 6, 12, "east", slow=True)
    rater = site.arena.rater(await site.arena.enrol("token"))
    battle = await site.arena.begin(rater, "What is it?")
    await battle.settled()
    await site.arena.vote(rater, battle.ballot.id, 0)  # at once: one vote of 73, which changes nothing
    await site.settle()
    _, text = await read(site, "/board")
    assert "1 of 73 votes count less than in full" in text
    rows = rows_of(text)
    assert [(row[0], row[6]) for row in rows] == [("1–2", "1"), ("1–2", "2")]
    assert "The weights change nobody&#39;s places." in text


async def test_each_signature_of_an_objection_and_its_answer_is_checked_and_said(site):
    await votes(site, 8)
    release = await released(site)
    key, stranger, author = key_of(site), SigningKey(b"\x02" * 32), SigningKey(b"\x03" * 32)
    published = {release.id: "ab" * 32}

    async def filed(text, by, *, answered=None, **more):
        one = await site.arena.transact(
            lambda c: objections.file(c, release.id, text, published=published, key=by, **more)
        )
        if answered:
            await site.arena.transact(
                lambda c: objections.answer(c, one.id, "upheld", "So it is.", by="owner", key=answered)
            )
        return one

    def part(text, words):
        """What stands about the objection with these words."""
        at = text.index(words)
        return text[text.rindex("<h2", 0, at) : text.index("<h2", at)]

    own = sign_own(release.id, "ab" * 32, "the first", author)
    await filed("the first", key, answered=key, own=own)
    await filed("the second", key, answered=stranger)
    await filed("the third", stranger)
    changed = await filed("the fourth", key, answered=key)
    ruled = await filed("the fifth", key, answered=key)
    gone = await filed("the sixth", key)

    def change(one, **more):
        def work(connection):
            [body] = connection.execute(notices.select().where(notices.c.id == one.id)).mappings()
            fresh = json.loads(bytes(body["body"])) | more
            connection.execute(update(notices).where(notices.c.id == one.id).values(body=json.dumps(fresh).encode()))

        return site.arena.transact(work)

    _, text = await read(site, "/objections")
    assert text.count("does not verify") == 0
    said = part(text, "the first")
    assert "Receipt: signed by this lab, and the signature verifies." in said
    assert "Answer: signed by this lab, and the signature verifies." in said
    assert "own signature verifies too" in said
    assert author.public.fingerprint in said
    said = part(text, "the second")
    assert "Receipt: signed by this lab" in said
    assert "Answer: nothing was changed since it was signed, but by a key that is not this lab" in said
    said = part(text, "the third")
    assert "Receipt: nothing was changed since it was signed, but by a key that is not this lab" in said
    assert "Answer:" not in said
    await change(changed, text="the fourth, softened")
    answer = {"outcome": "dismissed"}
    with site.arena.store.reading() as connection:
        answer = {
            name: getattr(objections.find(connection, ruled.id).answer, name) for name in ("text", "at", "receipt")
        }
    await change(ruled, answer=answer | {"outcome": "dismissed"})
    await change(gone, receipt="no envelope")
    _, text = await read(site, "/objections")
    said = part(text, "the fourth, softened")
    assert "Receipt: it does not verify. What stands here is not what was signed." in said
    assert "Answer: signed by this lab, and the signature verifies." in said
    said = part(text, "the fifth")
    assert "Receipt: signed by this lab" in said
    assert "Answer: it does not verify. What stands here is not what was signed." in said
    said = part(text, "the sixth")
    assert "Receipt: it does not verify" in said
    assert f"/objections/{gone.id}" not in said
    assert (await read(site, f"/objections/{gone.id}"))[0] == 404
    assert "Receipt: signed by this lab" in part(text, "the first")
