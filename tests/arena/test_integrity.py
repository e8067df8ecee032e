import math

import numpy as np
import pytest

from fairtrial.arena import _suspects
from fairtrial.arena.integrity import REASONS, Rules, examine
from fairtrial.core import BadInput
from fairtrial.stats import A_WINS, B_WINS, BOTH_BAD, TIE, Battles, chances
from fairtrial.stats.evalues import ALWAYS, SHIFTS, tastes

MODELS, RATERS = 10, 300
NU = 1.1


def honest(seed, votes=6000, taste=0.6):
    """Columns a, b, outcome, rater of honest votes; raters' shares are unequal."""
    rng = np.random.default_rng(np.random.SeedSequence(seed))
    strength = np.linspace(0.6, -0.6, MODELS)
    a = rng.integers(0, MODELS, votes)
    b = (a + 1 + rng.integers(0, MODELS - 1, votes)) % MODELS
    share = 1 / np.arange(1, RATERS + 1)
    rater = rng.choice(RATERS, votes, p=share / share.sum())
    own = rng.normal(0, taste, (RATERS, MODELS))
    d = strength[a] - strength[b] + own[rater, a] - own[rater, b]
    loss, tie, _ = chances(d, math.log(NU))
    u = rng.random(votes)
    return rng, a, b, np.where(u < loss, B_WINS, np.where(u < loss + tie, TIE, A_WINS)), rater


def attacked(seed, ids, votes, *, target=6, against=False):
    """Honest votes with those of some ids for (or against) a contestant among them; and which are theirs."""
    rng, a, b, outcome, rater = honest(seed)
    other = (target + 1 + rng.integers(0, MODELS - 1, votes)) % MODELS
    first = rng.random(votes) < 0.5
    at = np.sort(rng.integers(0, len(a), votes))
    new = (
        np.where(first, target, other),
        np.where(first, other, target),
        np.where(first != against, A_WINS, B_WINS),
        RATERS + np.arange(votes) % ids,
    )
    columns = [np.insert(one, at, own) for one, own in zip((a, b, outcome, rater), new, strict=True)]
    return battles(*columns), columns[3] >= RATERS


def battles(a, b, outcome, rater, **more):
    names = tuple(f"m{k}" for k in range(MODELS))
    return Battles(names=names, a=a, b=b, outcome=outcome, rater=rater, **more)


@pytest.mark.parametrize(("ids", "against"), [(1, False), (10, False), (5, True)])
def test_raters_who_push_a_contestant_are_found_and_none_of_their_votes_counts(ids, against):
    votes, theirs = attacked(1, ids, 150, against=against)
    found = examine(votes)
    assert (found.weight[theirs] == 0).all()
    assert (found.weight[~theirs] > 0).all()
    assert len(found.findings) == ids
    for one in found.findings:
        assert one.what == ("opposes one contestant" if against else "favours one contestant")
        assert (one.target, one.ids) == ("m6", 1)
        assert int(one.rater) >= RATERS
        assert one.log10_e > math.log10(found.tested / (0.05 * ids))
    assert found.reasons()[found.findings[0].what] == 150


@pytest.mark.parametrize("ids", [150, 50])
def test_many_ids_with_a_few_votes_each_are_a_burst_whose_votes_count_little(ids):
    votes, theirs = attacked(2, ids, 150)
    found = examine(votes)
    (burst,) = found.findings
    assert (burst.what, burst.target, burst.rater) == ("burst for one contestant", "m6", "")
    assert burst.ids >= ids
    assert found.weight[theirs].mean() < 0.3
    touched = (found.reason == REASONS.index("burst for one contestant")) & ~theirs
    assert touched.sum() < 60


def test_weights_bring_the_board_back():
    clean = battles(*honest(2)[1:])
    for ids in (5, 150):
        votes, _ = attacked(2, ids, 150)
        board = {
            name: _suspects.crowd(one, one.vote_weights()).theta[6]
            for name, one in (("clean", examine(clean).weighted(clean)), ("rigged", votes))
        }
        mended = examine(votes).weighted(votes)
        back = _suspects.crowd(mended, mended.vote_weights()).theta[6]
        assert abs(back - board["clean"]) < 0.3 * abs(board["rigged"] - board["clean"])


def test_honest_raters_are_left_alone_even_with_strong_tastes():
    for seed, taste in ((3, 0.6), (4, 0.6), (5, 1.2), (6, 1.2)):
        found = examine(battles(*honest(seed, taste=taste)[1:]))
        assert found.findings == ()
        assert found.tested > 100
    assert found.taste > 0.6  # the votes showed more than was declared


def test_a_raters_evalue_is_that_of_a_board_made_without_the_rater():
    # By hand: strengths fitted anew without the rater (examine takes one step of the jackknife instead), and chances of
    # outcomes under every shift, vote by vote.
    votes, theirs = attacked(7, 3, 60)
    ones = np.ones(len(votes))
    seen = _suspects.suspect(votes, ones, ones, taste=0.6, level=0.05)
    rater = RATERS + 1
    others = np.flatnonzero(votes.rater != rater)
    fitted = _suspects.crowd(votes.take(votes.rater != rater), ones[others])
    total = np.zeros(len(SHIFTS))
    for row in np.flatnonzero(votes.rater == rater):
        a, b, outcome = votes.a[row], votes.b[row], int(votes.outcome[row])
        sign = 1 if a == 6 else -1
        here = chances(np.array([fitted.gap[a, b]]), fitted.log_nu)[outcome][0]
        for g, shift in enumerate(SHIFTS):
            there = chances(np.array([fitted.gap[a, b] + sign * shift]), fitted.log_nu)[outcome][0]
            total[g] += math.log(there / here)
    by_hand = math.log((ALWAYS * np.exp(total)).sum() / (tastes(seen.taste) * np.exp(total)).sum())
    told = dict(zip(seen.tested.tolist(), seen.log_e.tolist(), strict=True))[rater]
    # The rater's e-value is a mean: between 0.09 / 20 and 0.9 of what the contestant pushed says.
    assert by_hand + math.log(0.09 / (2 * MODELS)) - 0.05 < told < by_hand + math.log(0.9) + 0.05
    assert told > by_hand + math.log(0.5)  # the two accomplices point at the contestant
    assert theirs.sum() == 60


def test_it_does_not_matter_which_of_the_two_is_called_a():
    votes, _ = attacked(8, 10, 150)
    turned = battles(votes.b, votes.a, 2 - votes.outcome, votes.rater, order=np.ones(len(votes), dtype=np.int8))
    one, other = examine(votes), examine(turned)
    assert other.weight == pytest.approx(one.weight, abs=1e-9)
    assert [f.target for f in other.findings] == [f.target for f in one.findings]


@pytest.mark.parametrize(
    ("outcome", "order", "target"),
    [(A_WINS, 0, "the first answer"), (A_WINS, 1, "the second answer"), (TIE, 0, "a tie")],
)
def test_always_the_same_answer(outcome, order, target):
    _, a, b, voted, rater = honest(9)
    mine = rater == 3
    shown = np.zeros(len(a), dtype=np.int8)
    shown[mine] = order
    found = examine(battles(a, b, np.where(mine, outcome, voted), rater, order=shown))
    assert [(f.what, f.rater, f.target) for f in found.findings] == [("always the same answer", "3", target)]
    assert (found.weight[mine] == 0).all()


def test_undecided_votes_count_in_full_and_go_with_their_rater():
    votes, theirs = attacked(10, 1, 100)
    outcome = votes.outcome.copy()
    outcome[::7] = BOTH_BAD
    found = examine(battles(votes.a, votes.b, outcome, votes.rater))
    undecided = outcome == BOTH_BAD
    assert (found.weight[theirs] == 0).all()
    assert (found.weight[undecided & ~theirs] == 1).all()


def test_failed_probes():
    _, a, b, outcome, rater = honest(11)
    probe = np.full(len(a), -1)
    probe[::3] = 1
    probe[(probe == 1) & (rater == 2) & (np.cumsum(rater == 2) % 4 > 0)] = 0  # three in four
    probe[(probe == 1) & (np.arange(len(a)) % 10 == 0)] = 0  # anybody fails one in ten
    found = examine(battles(a, b, outcome, rater), probe=probe)
    assert [(f.what, f.rater) for f in found.findings] == [("failed probes", "2")]
    assert (found.weight[probe >= 0] == 0).all()
    assert (found.weight[rater == 2] == 0).all()
    assert (found.weight[(probe < 0) & (rater != 2)] > 0).all()
    assert found.reasons()["attention probe"] == (probe >= 0).sum()


def test_votes_faster_than_reading():
    _, a, b, outcome, rater = honest(12, votes=2000)
    seconds = np.full(2000, np.nan)
    seconds[:5], seconds[5:10] = 0.4, 30.0
    found = examine(battles(a, b, outcome, rater), seconds=seconds)
    assert found.weight[:5].tolist() == [0] * 5
    assert found.reasons()["too fast to have read"] == 5


def test_one_rater_on_one_pair_and_prompt_has_one_vote_and_a_prompt_no_more_than_its_share():
    _, a, b, outcome, _ = honest(13, votes=3000)
    rater = np.arange(3000) % RATERS
    prompt = np.arange(3000)
    prompt[:4], rater[:4], a[:4], b[:4] = 0, 0, [1, 2, 1, 1], [2, 1, 2, 3]  # three times 1 against 2, once 1 against 3
    prompt[1000:1300] = 1000
    found = examine(battles(a, b, outcome, rater, prompt=prompt))
    assert found.weight[:4] == pytest.approx([1 / 3, 1 / 3, 1 / 3, 1])
    crowded = found.weight[1000:1300].sum()
    assert crowded == pytest.approx(0.01 * (3000 - 2), rel=1e-3)
    assert found.reasons() == {"duplicate prompt": 303}
    # Prompts that everybody is given by design are no duplicates.
    given = examine(battles(a, b, outcome, np.arange(3000) // 60, prompt=np.arange(3000) % 60))
    assert given.reasons() == {}


@pytest.mark.parametrize("share", [0.01, 0.05, 1.0])
def test_no_rater_weighs_more_than_the_share(share):
    _, a, b, outcome, rater = honest(14)
    found = examine(battles(a, b, outcome, rater), rules=Rules(rater_share=share))
    held = np.bincount(rater, found.weight)
    assert held.max() <= share * held.sum() + 1e-9
    assert held.max() == pytest.approx(min(found.cap, np.bincount(rater).max()))
    assert held[np.bincount(rater) < found.cap] == pytest.approx(np.bincount(rater)[np.bincount(rater) < found.cap])
    few = examine(battles(a[:40], b[:40], outcome[:40], np.arange(40) % 4))
    assert few.reasons() == {}  # four who vote alike are a panel; nobody weighs too much


def test_a_found_rater_is_out_before_shares_are_counted_and_weighted_votes_leave_out_what_does_not_count():
    votes, theirs = attacked(15, 1, 150)
    found = examine(votes)
    left = found.weighted(votes)
    assert len(left) == (~theirs).sum()
    assert left.vote_weights() == pytest.approx(found.weight[~theirs])
    held = np.bincount(left.rater, left.vote_weights())
    assert held.max() == pytest.approx(0.01 * held.sum())


def test_very_few_votes_are_examined_too():
    for outcome in ([], [A_WINS], [TIE, TIE], [BOTH_BAD, BOTH_BAD], [A_WINS] * 30):
        n = len(outcome)
        zeros = np.zeros(n, dtype=int)
        found = examine(battles(zeros, zeros + 1, np.array(outcome, dtype=int), zeros))
        assert found.weight.tolist() == [1.0] * n


def test_bad_input():
    _, a, b, outcome, rater = honest(16, votes=20)
    with pytest.raises(BadInput, match="no raters"):
        examine(Battles(names=("x", "y"), a=np.array([0]), b=np.array([1]), outcome=np.array([2])))
    with pytest.raises(BadInput, match="'seconds'"):
        examine(battles(a, b, outcome, rater), seconds=np.ones(3))
