"""The page of a look: its signed boards and nothing else, whatever came later or was done to its files."""

import html
import json
import re
import shutil

import pytest
from reader import key_of, opinions, rated, read, released, rows_of, votes

from fairtrial.arena.releases import RELEASE, read_release, verify_release
from fairtrial.provenance import PublicKey, SigningKey, sign_directory
from fairtrial.reports import typeset


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
