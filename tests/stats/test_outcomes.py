from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairtrial.core import BadInput
from fairtrial.stats.outcomes import Cumulative, Davidson, HalfWins, graded_model, tie_model


def steps(*magnitudes):
    return Cumulative(magnitudes=magnitudes, graded=True)


MODELS = {
    "half": (HalfWins(), 0),
    "davidson": (Davidson(), 1),
    "rao-kupper": (Cumulative(magnitudes=(0, 1)), 1),
    "five grades": (steps(0, 1, 2), 2),
    "no tie": (steps(1, 2), 1),
    "no much better": (steps(0, 1), 1),
    "no slightly better": (steps(0, 2), 1),
    "wins alone": (steps(1), 0),
}
QUICK = settings(max_examples=30, deadline=None)
NAMED = pytest.mark.parametrize("name", MODELS)
DISTANCE = st.floats(-8, 8)
PHI = st.lists(st.floats(0.05, 3), min_size=2, max_size=2)


def phi_of(name, sizes):
    """Parameters within the model's range: cut points rise, Davidson's weight may have either sign."""
    model, count = MODELS[name]
    return np.array([sizes[0] - 1.5]) if isinstance(model, Davidson) else np.cumsum(sizes)[:count]


def codes(model):
    """Outcomes that can happen: of grades, those of the sizes somebody gave, and the two without a grade."""
    if model.outcomes == 3:
        return [0, 1, 2]
    return [k for k, size in enumerate((2, 1, 0, 1, 2)) if size in model.magnitudes] + [5, 6]


def value(model, d, outcome, phi):
    return float(model.at(np.array([d]), np.array([outcome]), np.asarray(phi)).value()[0])


def exact(model, d, outcome, phi):
    """Log-chance from the definition in so many digits that nothing need be rearranged."""
    with localcontext() as context:
        context.prec = 40 if abs(d) < 10 else 660  # chances at d = 700 differ from 1 in the 304th digit
        return float(defined(model, d, outcome, phi))


def defined(model, d, outcome, phi):
    d, phi = Decimal(d), [Decimal(p) for p in phi]

    def below(cut):  # logistic distribution
        return 1 / (1 + (d - cut).exp())

    if isinstance(model, HalfWins):
        win = 1 - below(Decimal(0))
        return [(1 - win).ln(), (win.ln() + (1 - win).ln()) / 2, win.ln()][outcome]
    if isinstance(model, Davidson):
        weight = [(-d / 2).exp(), phi[0].exp(), (d / 2).exp()]
        return (weight[outcome] / sum(weight)).ln()
    ends = [-cut for cut in reversed(phi)] + ([] if model.magnitudes[0] == 0 else [Decimal(0)]) + phi
    edge = [Decimal(0), *map(below, ends), Decimal(1)]  # of the steps in rising order
    signed = [-m for m in reversed(model.magnitudes) if m] + [m for m in model.magnitudes if m == 0]
    signed += [m for m in model.magnitudes if m]
    chance = {grade: edge[k + 1] - edge[k] for k, grade in enumerate(signed)}
    if not model.graded:
        return chance[outcome - 1].ln()
    if outcome < 5:
        return chance[outcome - 2].ln()
    return sum(c for grade, c in chance.items() if (grade > 0) == (outcome == 6) and grade).ln()


@NAMED
@QUICK
@given(d=DISTANCE, sizes=PHI)
def test_values_are_those_of_the_definition(name, d, sizes):
    model, phi = MODELS[name][0], phi_of(name, sizes)
    for outcome in codes(model):
        assert value(model, d, outcome, phi) == pytest.approx(exact(model, d, outcome, phi), rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("log_nu", [300.0, 500.0, 700.0, 2000.0])
@pytest.mark.parametrize("d", [0.0, 3.0, -40.0])
def test_hardly_anything_but_ties_stays_finite(d, log_nu):
    at = Davidson().at(np.array([d]), np.array([1]), np.array([log_nu]))
    assert np.isfinite([at.value(), at.slope(), at.curve(), *at.own_slope(), *at.cross()]).all()
    assert at.curve()[0] == pytest.approx(np.cosh(d / 2) / 2 * np.exp(-min(log_nu, 700.0)), rel=1e-9)


@NAMED
@pytest.mark.parametrize("d", [-700.0, -40.0, 40.0, 700.0])
def test_extremes_stay_finite_and_exact(name, d):
    model, phi = MODELS[name][0], phi_of(name, (0.7, 1.1))
    for outcome in codes(model):
        at = model.at(np.array([d]), np.array([outcome]), phi)
        assert value(model, d, outcome, phi) == pytest.approx(exact(model, d, outcome, phi), rel=1e-12)
        every = [at.slope(), at.curve(), *at.own_slope(), *at.cross(), *(x for line in at.own_curve() for x in line)]
        assert np.isfinite(np.array(every)).all()
        assert at.curve()[0] > 0  # the information at d = 40 is exp(-40), not the rounding error of 1 - 1


@NAMED
@QUICK
@given(d=DISTANCE, sizes=PHI)
def test_derivatives_are_those_of_the_value(name, d, sizes):
    model, phi = MODELS[name][0], phi_of(name, sizes)
    point = np.append(d, phi)
    width = 1e-3 * min(1.0, *np.diff(np.append(0.0, phi)), 1.0) if not isinstance(model, Davidson) else 1e-3

    def f(x, outcome):
        return value(model, x[0], outcome, x[1:])

    def central(g, x, k):  # fourth order
        e = np.eye(len(x))[k] * width
        return (8 * (g(x + e) - g(x - e)) - (g(x + 2 * e) - g(x - 2 * e))) / (12 * width)

    for outcome in codes(model):
        at = model.at(np.array([d]), np.array([outcome]), phi)

        def gradient(x, outcome=outcome):
            there = model.at(np.array([x[0]]), np.array([outcome]), x[1:])
            return np.array([there.slope()[0], *(one[0] for one in there.own_slope())])

        ours = gradient(point)
        numeric = np.array([central(lambda x, o=outcome: f(x, o), point, k) for k in range(len(point))])
        assert ours == pytest.approx(numeric, rel=1e-6, abs=1e-7)
        information = np.array([-central(gradient, point, k) for k in range(len(point))])
        own = [[cell[0] for cell in line] for line in at.own_curve()]
        cross = [one[0] for one in at.cross()]
        assert at.curve()[0] == pytest.approx(information[0, 0], rel=1e-6, abs=1e-7)
        assert cross == pytest.approx(information[0, 1:], rel=1e-6, abs=1e-7)
        assert np.array(own).reshape(len(phi), len(phi)) == pytest.approx(information[1:, 1:], rel=1e-6, abs=1e-6)


@NAMED
@QUICK
@given(d=st.floats(-700, 700), sizes=PHI)
def test_chances_add_up_and_mirror(name, d, sizes):
    model, phi = MODELS[name][0], phi_of(name, sizes)
    once = [k for k in codes(model) if k < 5 and not (name == "half" and k == 1)]  # half a win is no outcome
    ungraded = model.outcomes == 3 or name == "wins alone"
    whole = once if ungraded or model.magnitudes[0] else [5, 2, 6]
    for parts in (once, whole):
        assert sum(np.exp(value(model, d, k, phi)) for k in parts) == pytest.approx(1, rel=1e-12)
    for k in codes(model):
        assert value(model, d, k, phi) == pytest.approx(value(model, -d, model.mirror[k], phi), rel=1e-12, abs=1e-300)
    assert model.win_chance(np.array([d]), phi)[0] == pytest.approx(
        np.exp(value(model, d, 6 if model.outcomes == 7 else 2, phi)), rel=1e-12, abs=1e-300
    )


@QUICK
@given(d=st.floats(-30, 30), sizes=PHI)
def test_an_unknown_grade_is_any_of_its_side(d, sizes):
    model, phi = MODELS["five grades"][0], phi_of("five grades", sizes)
    for somehow, grades in ((5, (0, 1)), (6, (3, 4))):
        parts = [value(model, d, k, phi) for k in grades]
        assert value(model, d, somehow, phi) == pytest.approx(np.logaddexp(*parts), rel=1e-10, abs=1e-13)


@pytest.mark.parametrize(
    ("counts", "magnitudes"),
    [
        ((1, 2, 3, 4, 5, 6, 7), (0, 1, 2)),
        ((0, 2, 3, 4, 0, 0, 0), (0, 1)),
        ((0, 0, 3, 0, 5, 0, 1), (0, 2)),
        ((1, 2, 0, 0, 0, 0, 0), (1, 2)),
        ((0, 0, 0, 0, 0, 6, 7), (1,)),
        ((0, 0, 3, 0, 0, 6, 7), (0, 1)),  # only ties have a grade: "better" is the other step
        ((2, 0, 0, 0, 3, 6, 7), (2,)),
    ],
)
def test_steps_nobody_used_are_merged_and_the_rest_fits_equal_models(counts, magnitudes):
    model = graded_model(np.array(counts, dtype=float))
    assert model.magnitudes == magnitudes
    phi = model.start(np.array(counts, dtype=float))
    assert len(phi) == len(magnitudes) - 1
    assert model.at(np.zeros(1), np.array([6]), phi).valid
    for somehow in (5, 6):
        assert np.isfinite(value(model, 0.3, somehow, phi))


def test_the_start_gives_the_shares_counted():
    counts = np.array([30.0, 20.0, 50.0, 20.0, 30.0, 0, 0])
    model = graded_model(counts)
    found = [np.exp(value(model, 0.0, k, model.start(counts))) for k in range(5)]
    assert found == pytest.approx(counts[:5] / 150, rel=1e-12)
    three = np.array([40.0, 30.0, 20.0])
    for name in ("davidson", "rao-kupper"):
        tied = tie_model(name, three)
        assert np.exp(value(tied, 0.0, 1, tied.start(three))) == pytest.approx(1 / 3)


def test_cut_points_out_of_order_are_not_valid():
    for phi in ([1.0, 0.5], [-0.1, 0.5], [0.0, 0.5]):
        at = steps(0, 1, 2).at(np.zeros(2), np.array([2, 4]), np.array(phi))
        assert not at.valid
        assert (at.value() == -np.inf).all()


def test_without_ties_every_tie_model_is_bradley_and_terrys():
    assert isinstance(tie_model("davidson", np.array([3.0, 0.0, 4.0])), HalfWins)
    assert isinstance(tie_model("rao-kupper", np.array([3.0, 1.0, 4.0])), Cumulative)
    with pytest.raises(BadInput, match="Did you mean 'rao-kupper'"):
        tie_model("rao-kuper", np.array([3.0, 1.0, 4.0]))


def test_parameters_bear_the_names_of_the_literature():
    assert Davidson().facts(np.array([0.0])) == {"nu": 1.0}
    assert Cumulative(magnitudes=(0, 1)).facts(np.array([0.0])) == {"theta": 1.0}
    assert steps(0, 2).facts(np.array([0.4])) == {"cut 0|2": 0.4}
    assert HalfWins().facts(np.zeros(0)) == {}
