import numpy as np
from scipy.stats import beta, norm, t

from fairtrial.stats._tails import beta_quantile, t_reach, two_sided


def test_quantiles_are_those_of_scipy_stats():
    level = np.array([1e-6, 0.001, 0.05, 0.5])[:, None]
    df = np.array([1.0, 2.5, 19.0, 1e6])
    assert np.allclose(t_reach(level, df), t.isf(level / 2, df), rtol=1e-9)
    assert np.allclose(two_sided([0.0, 1.96, 6.0]), 2 * norm.sf([0.0, 1.96, 6.0]), rtol=1e-12)
    assert np.isclose(beta_quantile(0.05, 0.7, 39.3), beta.ppf(0.05, 0.7, 39.3), rtol=1e-9)
