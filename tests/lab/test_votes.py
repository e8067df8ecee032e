"""The lab's own votes as a source for ranking: every option of `rank` works on them as on a file."""

import shutil
from pathlib import Path

import pytest

from fairtrial.core import IntegrityError, NoConclusion
from fairtrial.lab import Lab
from fairtrial.ranking import as_battles, rank
from fairtrial.runs import parse_trial

TRIAL = {
    "name": "votes",
    "seed": 4,
    "prompts": "builtin:starter",
    "limit": 24,
    "select": {"referenced": True},
    "contestant": [
        {"name": "strong", "model": "sim/skill-0.9"},
        {"name": "weak", "model": "sim/skill-0.3"},
        {"name": "middle", "model": "sim/skill-0.6"},
    ],
    "evaluator": [
        {"kind": "scorer"},
        {"kind": "judge", "model": "sim/judge-0.9", "name": "good"},
        {"kind": "judge", "model": "sim/first", "name": "first", "on_trial": True, "battles": 10},
    ],
}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    made = Lab.create(tmp_path_factory.mktemp("votes") / "lab")
    made.run(made.plan(parse_trial(TRIAL)))
    return made


def test_the_votes_rank_as_the_report_does(lab: Lab) -> None:
    _, report = lab.report()
    of_report = next(board for board in report.boards if board.evidence == "judge")
    again = rank(lab.votes(), evidence="judge", seed=4)
    assert [(m.name, m.rating, m.ci, m.rank_set) for m in again.models] == [
        (m.name, m.rating, m.ci, m.rank_set) for m in of_report.models
    ]


def test_votes_of_judges_on_trial_are_left_out(lab: Lab) -> None:
    votes = lab.votes()
    assert {who.rpartition(":")[0] for who in votes["evaluator"]} == {"judge:good"}
    assert len({len(column) for column in votes.values()}) == 1


def test_categories_languages_order_and_style_come_with_the_votes(lab: Lab) -> None:
    votes = lab.votes()
    battles = as_battles(votes, control=("characters",), by=("category", "language"))
    assert set(battles.labels["language"].names) == {"en", "ko"}
    assert len(battles.labels["category"].names) > 1
    assert set(votes["order"]) <= {"ab", "ba", "both"}
    assert set(votes["evaluator_kind"]) == {"judge"}
    assert "feature_words_a" in votes


def test_a_report_without_votes_says_so(tmp_path: Path) -> None:
    made = Lab.create(tmp_path / "lab")
    made.run(made.plan(parse_trial(TRIAL | {"evaluator": [{"kind": "scorer"}]})))
    with pytest.raises(NoConclusion, match="no votes to rank by"):
        made.votes()


def test_votes_on_battles_that_are_gone_are_damage(lab: Lab, tmp_path: Path) -> None:
    copy = Lab.open(Path(shutil.copytree(lab.path, tmp_path / "lab")))
    directory, _ = copy.report()
    battles = directory / "battles.jsonl"
    battles.write_text("\n".join(battles.read_text().splitlines()[1:]))
    with pytest.raises(IntegrityError, match="not part of the evidence"):
        copy.votes()
