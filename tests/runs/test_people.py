"""Battles for people: which are drawn, what is set apart, and what a dry run says of them."""

import json
from pathlib import Path
from typing import Any

import pytest

from fairtrial.arena import tasks
from fairtrial.core import BadInput
from fairtrial.lab import Lab
from fairtrial.runs import estimate_plan, parse_trial
from fairtrial.runs.plan import MOST_ASKED
from fairtrial.store import Store

PEOPLE = {"kind": "human", "battles": 5, "votes": 2}


def scripted(name: str, *answers: str) -> dict[str, Any]:
    return {"name": name, "model": f"sim/{name}", "settings": {"answers": {str(n): a for n, a in enumerate(answers)}}}


def trial(directory: Path, contestants: list[dict[str, Any]], prompts: int = 4, **more: Any) -> dict[str, Any]:
    rows = [{"id": str(n), "prompt": f"What, {n}?"} for n in range(prompts)]
    (directory / "p.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return {"name": "p", "prompts": "p.jsonl", "contestant": contestants, "evaluator": [PEOPLE]} | more


def drawn(lab: Lab) -> list[tuple[str, str, str]]:
    with Store.open(lab.directory.database) as store:
        (record,) = store.trials()
        return [(job.prompt, job.key, job.state) for job in store.jobs(record.id, kind="human")]


def test_equal_answers_are_not_asked_about_and_are_counted(tmp_path: Path) -> None:
    lab = Lab.create(tmp_path / "lab")
    three = [scripted("a", *"wxyz"), scripted("b", *"wx12"), scripted("c", " w ", *"xyz")]
    plan = lab.plan(parse_trial(trial(tmp_path, three, evaluator=[PEOPLE | {"battles": None}])), base=tmp_path)
    result = lab.run(plan)
    (row,) = result.report.people
    texts = {n: {c["name"]: c["settings"]["answers"][str(n)].strip() for c in three} for n in range(4)}
    pairs = [(t[x], t[y]) for t in texts.values() for x, y in ("ab", "ac", "bc")]
    same = sum(x == y for x, y in pairs)
    assert 0 < same < 12
    assert (row["battles"], row["left_out"]) == (12 - same, {"pair of equal answers": same})
    assert [state for *_, state in drawn(lab)] == ["pending"] * (12 - same)


def test_nothing_to_ask_is_no_task(tmp_path: Path) -> None:
    lab = Lab.create(tmp_path / "lab")
    two = [scripted("a", *"wxyz"), scripted("b", *"wxyz")]
    result = lab.run(lab.plan(parse_trial(trial(tmp_path, two)), base=tmp_path))
    (row,) = result.report.people
    assert (row["battles"], row["waiting"], row["task"]) == (0, 0, "")
    assert drawn(lab) == []


def test_battles_are_those_that_a_judge_of_the_same_design_is_shown(tmp_path: Path) -> None:
    lab = Lab.create(tmp_path / "lab")
    two = [scripted("a", *"wxyz"), scripted("b", *"1234")]
    judge = {"kind": "judge", "model": "sim/judge-0.9", "name": "j"}
    design = {"battles": {"design": "uniform", "budget": 3}, "evaluator": [judge, PEOPLE | {"battles": 3}]}
    result = lab.run(lab.plan(parse_trial(trial(tmp_path, two, **design)), base=tmp_path))
    judged = {json.loads(line)["id"] for line in (result.directory / "battles.jsonl").read_text().splitlines()}
    assert {key for _, key, _ in drawn(lab)} == judged


def test_names_that_answers_give_away_are_masked_before_people_see_them(tmp_path: Path) -> None:
    lab = Lab.create(tmp_path / "lab")
    two = [scripted("Quillby", "I am Quillby, made to help.", *"xyz"), scripted("b", "Four.", *"123")]
    result = lab.run(lab.plan(parse_trial(trial(tmp_path, two)), base=tmp_path))
    with Store.open(lab.directory.database) as store, store.reading() as connection:
        items = tasks.items(connection, result.report.people[0]["task"])
    texts = [text for item in items for text in (*item.a, *item.b)]
    assert any("made to help" in text for text in texts)
    assert not any("Quillby" in text for text in texts)


def test_a_dry_run_says_how_many_people_are_asked(tmp_path: Path) -> None:
    two = [scripted("a", *"wxyz"), scripted("b", *"1234")]
    rows = estimate_plan(Lab.plan(parse_trial(trial(tmp_path, two)), base=tmp_path))
    assert [(row.name, row.calls, row.usd) for row in rows[2:]] == [("people: 4 battles, 2 votes each", 0, 0.0)]


def test_what_no_task_holds_is_refused_before_anything_is_bought(tmp_path: Path) -> None:
    many = [scripted(f"c{n}", "x") for n in range(5)]
    body = trial(tmp_path, many, prompts=1, repeats=MOST_ASKED, evaluator=[{"kind": "human"}])
    with pytest.raises(BadInput, match="100,000 battles; at most 10,000"):
        Lab.plan(parse_trial(body), base=tmp_path)
    assert MOST_ASKED == tasks.MAX_ITEMS
    longest = PEOPLE | {"question": "q" * tasks.MAX_QUESTION, "guidelines": "g" * tasks.MAX_GUIDELINES}
    parse_trial(trial(tmp_path, many, evaluator=[longest]))
    for field in ("question", "guidelines"):
        with pytest.raises(BadInput, match=f"'{field}'"):
            parse_trial(trial(tmp_path, many, evaluator=[longest | {field: longest[field] + "x"}]))
