"""The reader's pages: there with and without votes, in both languages, without scripts; every link leads somewhere."""

import asyncio
import html
import json
import os
import re
import shutil

import pytest
from sqlalchemy import update

from fairtrial import __version__
from fairtrial.arena import objections
from fairtrial.arena.boards import View
from fairtrial.arena.receipts import sign_own, verify_objection
from fairtrial.arena.releases import RELEASE, publish, read_release, verify_release
from fairtrial.lab import Lab
from fairtrial.provenance import PublicKey, SigningKey, sign_directory
from fairtrial.reports import typeset
from fairtrial.store.arena_tables import notices

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


async def test_a_look_has_a_page_that_shows_its_signed_boards_and_never_changes(site):
    await opinions(site, 2, 8, "east", slow=True)
    await opinions(site, 1, 4, "north", slow=False)
    first = await released(site)
    assert f'href="/data/{first.id}"' in (await read(site, "/data"))[1]
    assert f'href="/data/{first.id}"' in (await read(site, "/board"))[1]
    status, text = await read(site, f"/data/{first.id}")
    assert status == 200
    assert "look 1 of 1" in text
    assert "The signature verifies" in text
    assert "provisional" not in text
    assert "Who beat whom" in text
    signed = json.loads((first.directory / "board.json").read_bytes())
    shown = rows_of(text)
    assert [row[1].removesuffix(" simulated") for row in shown] == [row["name"] for row in signed["models"]]
    assert [row[2] for row in shown] == [rated(row) for row in signed["models"]]
    assert [row[0] for row in shown] == [typeset.places(tuple(row["rank_set"])) for row in signed["models"]]
    for view, file in (("unweighted", "board-unweighted.json"), ("style", "board-style.json")):
        assert f"?view={view}" in text
        signed = json.loads((first.directory / file).read_bytes())
        other = rows_of((await read(site, f"/data/{first.id}?view={view}"))[1])
        assert [row[2] for row in other] == [rated(row) for row in signed["models"]]
    await opinions(site, 1, 4, "north", slow=True)
    second = await released(site)
    assert f'href="/data/{second.id}"' in (await read(site, "/board"))[1]
    assert "look 2 of 2" in (await read(site, f"/data/{second.id}"))[1]
    _, again = await read(site, f"/data/{first.id}")
    assert "look 1 of 2" in again
    assert rows_of(again) == shown
    shutil.rmtree(first.directory)  # a look cannot be unmade by moving it away
    _, left = await read(site, f"/data/{second.id}")
    assert "look 2 of 2" in left
    assert "not here any more: 1." in left
    assert (await read(site, f"/data/{first.id}"))[0] == 404


async def test_the_wins_shown_are_those_of_the_signed_rows(site):
    await opinions(site, 2, 12, "east", slow=True)
    release = await released(site)
    lines = (release.directory / "votes.jsonl").read_text().splitlines()
    won = sum(
        {"model_a": row["model_a"], "model_b": row["model_b"]}.get(row["winner"]) == "east"
        for row in map(json.loads, lines)
    )
    _, text = await read(site, f"/data/{release.id}?view=unweighted")
    table = text[text.index("Who beat whom") :]
    east = next(row for row in rows_of(table) if row[0] == "east")
    assert won > 0
    assert sum(int(cell) for cell in east[1:] if cell != "–") == won


async def test_what_a_look_says_to_do_shows_that_it_is_signed(site, tmp_path):
    await votes(site, 8)
    release = await released(site)
    _, text = await read(site, f"/data/{release.id}")
    assert f"fairtrial verify {release.id} --trust lab.pub.pem" in text
    assert key_of(site).public.fingerprint in text
    there = tmp_path / release.id
    there.mkdir()
    _, text = await read(site, "/data")
    for link in re.findall(rf'href="(/data/{release.id}/[^"]+)"', text):
        async with site.client.get(site.address + link) as answer:
            name = re.search('filename="([^"]+)"', answer.headers["Content-Disposition"])[1]
            (there / name).write_bytes(await answer.read())
    async with site.client.get(f"{site.address}/data/lab.pub.pem") as answer:
        (tmp_path / "lab.pub.pem").write_bytes(await answer.read())
    assert verify_release(there, [PublicKey.load(tmp_path / "lab.pub.pem")]).word == "TRUSTED"


async def test_a_look_stands_when_a_vote_is_withdrawn_and_says_so(site, visit):
    visitor = await visit(site)
    battle = await visitor.battle()
    await visitor.vote(battle)
    await opinions(site, 2, 6, "east", slow=True)
    release = await released(site)
    before = rows_of((await read(site, f"/data/{release.id}"))[1])
    await site.arena.withdraw(site.arena.rater(visitor.rater), battle.rsplit("/", 1)[1])
    await site.settle()
    assert release.withheld() == {"withdrawn": 1}
    _, text = await read(site, f"/data/{release.id}")
    assert "The signature verifies" in text
    assert "Rows withheld since: 1." in text
    assert rows_of(text) == before


async def test_a_look_whose_every_vote_was_withdrawn_still_shows_its_board(site):
    rater, ballots = site.arena.rater(await site.arena.enrol("token")), []
    for n in range(6):
        battle = await site.arena.begin(rater, f"What is {n}?")
        await battle.settled()
        await site.arena.vote(rater, battle.ballot.id, 0)
        ballots.append(battle.ballot.id)
    release = await released(site)
    path = f"/data/{release.id}?view=unweighted"
    before = rows_of((await read(site, path))[1])
    for ballot in ballots:
        await site.arena.withdraw(rater, ballot)
    await site.settle()
    assert release.withheld() == {"withdrawn": 6}
    _, text = await read(site, path)
    assert "Rows withheld since: 6." in text
    assert rows_of(text) == before
    assert "Who beat whom" not in text


def _board(directory):
    path = directory / "board.json"
    path.write_text(path.read_text().replace('"name": "north"', '"name": "nord"'))


def _vote(directory):
    path = directory / "votes.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"anony":true', b'"anony":false', 1))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_board, "board.json"),
        (_vote, "votes.jsonl: row"),
        (lambda at: (at / "statement.dsse.json").unlink(), "has no signature"),
        (lambda at: (at / "statement.dsse.json").write_text("{}"), "signature cannot be read"),
        (lambda at: (at / "manifest.json").write_text("{"), "manifest.json"),
        (lambda at: (at / "manifest.json").write_text("[]"), "manifest.json"),
        (lambda at: _resign(at, SigningKey(b"\x02" * 32)), "the key that signed them is not this lab's"),
    ],
)
async def test_a_look_that_does_not_verify_is_no_verdict(site, change, said):
    await opinions(site, 2, 6, "east", slow=True)
    release = await released(site)
    assert "<table" in (await read(site, f"/data/{release.id}"))[1]
    kept = release.directory.parent / "kept"
    shutil.copytree(release.directory, kept)
    change(release.directory)
    status, text = await read(site, f"/data/{release.id}")
    text = html.unescape(text)
    assert status == 200
    assert "This look does not verify" in text
    assert said in text
    assert "<table" not in text
    assert "The signature verifies" not in text
    for path in ("/data", "/board", "/objections"):  # one damaged release is no reason to show nothing
        assert (await read(site, path))[0] == 200
    assert release.id in (await read(site, "/data"))[1]
    shutil.rmtree(release.directory)
    kept.rename(release.directory)
    assert "<table" in (await read(site, f"/data/{release.id}"))[1]


def _resign(directory, key):
    (directory / "statement.dsse.json").unlink()
    sign_directory(directory, key, {}, predicate_type=RELEASE, apart=("votes.jsonl", "votes.parquet"))


async def test_the_lab_itself_cannot_sign_a_look_anew(site):
    await opinions(site, 2, 6, "east", slow=True)
    release = await released(site)
    _board(release.directory)
    _resign(release.directory, key_of(site))
    assert verify_release(release.directory, [key_of(site).public]).word == "TRUSTED"
    _, text = await read(site, f"/data/{release.id}")
    assert "tells of another signature" in text
    assert "<table" not in text


async def test_a_copy_of_a_look_is_not_shown_under_another_name(site):
    await opinions(site, 2, 6, "east", slow=True)
    release = await released(site)
    copy = release.directory.with_name("release-2026-01-01-00000000")
    shutil.copytree(release.directory, copy)
    _, text = await read(site, f"/data/{copy.name}")
    assert "its files say that they are another release" in text
    assert "<table" not in text
    assert "look 1 of 1" in (await read(site, f"/data/{release.id}"))[1]


async def test_a_look_that_the_log_does_not_tell_of_says_so(site):
    await opinions(site, 2, 6, "east", slow=True)
    release = await released(site)
    made_up = release.directory.with_name("release-2026-01-01-00000000")
    shutil.copytree(release.directory, made_up)
    path = made_up / "manifest.json"
    path.write_text(path.read_text().replace(release.id, made_up.name))
    _resign(made_up, key_of(site))
    assert read_release(made_up).id == made_up.name
    _, text = await read(site, f"/data/{made_up.name}")
    assert "log does not tell of this look" in text
    assert "look 1 of 1" in (await read(site, f"/data/{release.id}"))[1]


async def test_a_look_says_whether_its_day_was_declared(serve):
    for looks, said in (
        ([], "No days were declared"),
        (["2020-01-31"], "not among the declared looks (2020-01-31)"),
    ):
        site = await serve(looks=looks)
        await votes(site, 6)
        release = await released(site)
        assert said in (await read(site, f"/data/{release.id}"))[1]
    site = await serve(looks=[release.manifest["created"][:10]])
    await votes(site, 6)
    release = await released(site)
    if release.manifest["created"][:10] == str(site.arena.settings.looks[0]):  # but at midnight
        assert "Its day is among the declared looks" in (await read(site, f"/data/{release.id}"))[1]


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
