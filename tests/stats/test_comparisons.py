from dataclasses import replace

import numpy as np
import pytest
from oracles import CONTROLS, KINDS, comparisons, log_chance, rich, swapped

from fairtrial.core import BadInput
from fairtrial.stats import Comparisons, fit
from fairtrial.stats.bradley_terry import _Likelihood
from fairtrial.stats.comparisons import rows_of


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("controls", [(), ("position",)])
@pytest.mark.parametrize("weighted", [False, True])
def test_counts_say_all_that_votes_say(kind, controls, weighted):
    # The likelihood of K x K counts against that of every vote: value, gradient and information at a foreign point.
    votes = rich(2, weighted=weighted)
    table, ties = comparisons(kind, votes, controls=controls)
    model = fit(table, ties=ties).model
    cells = rows_of(table.cells(), model.mirror, ordered=bool(controls))
    one, other = _Likelihood(cells, table, model), _Likelihood(None, table, model)
    point = one.start + np.linspace(-0.4, 0.6, len(one.start)) * (np.arange(len(one.start)) != 5)
    for ours, theirs in zip(one.evaluate(point), other.evaluate(point), strict=True):
        assert np.allclose(ours, theirs, rtol=1e-12, atol=1e-9)
    assert np.allclose(one.start, other.start)
    assert one.evaluate(point)[0] == pytest.approx(
        (log_chance(kind, votes, point, controls) * votes.vote_weights()).sum()
    )


@pytest.mark.parametrize("kind", KINDS)
def test_rows_hold_every_vote_once_whoever_was_a(kind):
    votes = rich(3)
    turn = np.random.default_rng(1).random(len(votes)) < 0.5
    for controls in ((), ("position",)):
        tables = [comparisons(kind, v, controls=controls)[0] for v in (votes, swapped(votes, turn))]
        mirror = fit(tables[0], ties=comparisons(kind, votes)[1]).model.mirror
        one, two = (rows_of(table.cells(), mirror, ordered=bool(controls)) for table in tables)
        assert sum(rows.weight.sum() for rows in one) == len(votes)
        for ours, theirs in zip(one, two, strict=True):
            assert (ours.weight == theirs.weight).all()
            assert (ours.a == theirs.a).all()
            assert (ours.b == theirs.b).all()


def test_grades_are_read_with_ties_and_bare_winners():
    votes = replace(
        rich(1, votes=7),
        outcome=np.array(
            [
                0,
                0,
                1,
                2,
                2,
                2,
                0,
            ]
        ),
        grade=np.array([-2, -1, 0, 1, 2, 9, 9], dtype=np.int8),
    )
    assert Comparisons.of(votes, graded=True).outcome.tolist() == [0, 1, 2, 3, 4, 6, 5]
    tied = replace(votes, outcome=np.ones(7, dtype=int), grade=np.full(7, 9))
    assert Comparisons.of(tied, graded=True).outcome.tolist() == [2] * 7


def test_what_was_not_read_is_an_error():
    votes = rich(1)
    with pytest.raises(BadInput, match="no vote has a grade"):
        Comparisons.of(replace(votes, grade=None), graded=True)
    with pytest.raises(BadInput, match="'emoji' was not read"):
        Comparisons.of(votes, control=("emoji",))


def test_parts_and_blocks_are_the_votes_in_their_order(monkeypatch):
    from fairtrial.stats import comparisons as module

    monkeypatch.setattr(module, "BLOCK", 64)
    table = Comparisons.of(rich(1, weighted=True), control=CONTROLS)
    blocks = list(table.blocks())
    assert len(blocks) == 11
    assert (np.concatenate([rows.a for rows in blocks]) == table.a).all()
    assert (np.concatenate([rows.weight for rows in blocks]) == table.weight).all()
    whole = np.concatenate([rows.x for rows in blocks], axis=1)
    assert (whole == np.array([table.covariates[name] for name in CONTROLS])).all()
    some = table.part(table.a == 2)
    assert (some.covariates["tone"] == table.covariates["tone"][table.a == 2]).all()
    assert len(some) == (table.a == 2).sum()
