"""A trial with battles for people, as a person or a program that runs it is told."""

import json
from pathlib import Path

from command_line import Command, write_trial

SECOND = '[[contestant]]\nname = "b"\nmodel = "sim/skill-0.1"\n'
PEOPLE = '[[evaluator]]\nkind = "human"\nbattles = 2\nvotes = 3\nname = "teachers"\n'


def test_what_waits_is_said_to_people_and_counted_for_programs(fairtrial: Command, tmp_path: Path) -> None:
    trial = write_trial(tmp_path, contestant=SECOND + PEOPLE, model="sim/skill-1.0")
    said = fairtrial("run", trial)
    assert said.code == 0
    assert "teachers: 2 of 2 battles wait for people: fairtrial serve, invite them at /admin/tasks/t-" in said.out
    for command in (("run", trial), ("report",)):
        report = json.loads(fairtrial(*command, "--json").out)["report"]
        (asked,) = report["people"]
        assert (asked["battles"], asked["wanted"], asked["waiting"], asked["votes"]) == (2, 3, 2, 0)
        assert {board["evidence"] for board in report["boards"]} == {"scorer"}
    page = next(Path("lab/reports").glob("*/report.html")).read_text()
    assert "2 of 2 battles wait for people; run the trial again" in page
    assert "사람의 투표를 기다리는 대결: 2건 중 2건" in page
    rows = json.loads(fairtrial("run", trial, "--dry-run", "--json").out)["rows"]
    assert rows[-1]["name"] == "teachers: 2 battles, 3 votes each"
    assert rows[-1]["calls"] == 0
