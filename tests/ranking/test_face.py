import json

import numpy as np
from vote_tables import columns, duel

from fairtrial.core import canonical_json
from fairtrial.ranking import board_json, rank, score_board

KEYS = {"evidence", "scope", "view", "models", "differences", "fit", "controls", "refusals", "excluded", "snapshot"}
MODEL = {"name", "rating", "ci", "rank_set", "tier", "votes", "win_rate"}


def test_the_shape_of_a_board():
    plain = board_json(rank(columns(), evidence="judge"))
    assert set(plain) == KEYS
    assert all(set(model) == MODEL for model in plain["models"])
    assert plain["snapshot"].startswith("sha256:")
    assert json.loads(json.dumps(plain)) == plain
    canonical_json(plain)  # has a canonical form: no NaN, no infinity


def test_open_ends_are_null():
    plain = board_json(rank(duel(*["model_a"] * 30)))
    assert plain["models"][0]["rating"] is None
    assert plain["models"][0]["ci"][1] is None
    assert plain["differences"][0]["ci"][1] is None
    canonical_json(plain)


def test_scores_stand_beside_ratings():
    rng = np.random.default_rng(0)
    plain = board_json(score_board(["a", "b"], rng.random((30, 2)).round(), 30))
    assert set(plain["models"][0]) == MODEL | {"score", "score_ci", "score_n"}
    canonical_json(plain)
