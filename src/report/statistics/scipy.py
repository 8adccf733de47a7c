"""Writes scipy.json: what SciPy and NumPy say of the samples that the tests of this folder use.

    python scipy.py > scipy.json
"""

import json
import sys
from itertools import product

# This file must not be taken for the package.
sys.path = [path for path in sys.path if path not in ("", sys.path[0])]
import numpy as np
from scipy import stats

DIFFERENCES = np.array([0.021, -0.004, 0.033, 0.012, 0.018, -0.011, 0.027, 0.008])
A = [0.62, 0.66, 0.61, 0.64, 0.63]
B = [0.50, 0.58, 0.47, 0.55]
SEEDS, GROUPS = 6, 40


def right(side, seed, group):
    """Images right of a group of 1 to 3, by a rule that Rust can follow."""
    images = 1 + group % 3
    share = ((7 * group + 13 * seed + 5 * side) % 11) / 10
    hard = 0.25 if group % 4 == 0 else 1.0
    return images * hard * share * (1.0 if side else 0.93), images


def sides():
    table = np.array([[[right(side, seed, group)[0] for group in range(GROUPS)] for seed in range(SEEDS)] for side in (0, 1)])
    return table[0], table[1], np.array([right(0, 0, group)[1] for group in range(GROUPS)], float)


def two_levels(paired, draws=100_000):
    of, baseline, images = sides()
    random = np.random.default_rng(1)
    found = []
    for _ in range(draws):
        times = np.bincount(random.integers(0, GROUPS, GROUPS), minlength=GROUPS)
        total = times @ images
        a, b = of @ times / total, baseline @ times / total
        first = random.integers(0, SEEDS, SEEDS)
        second = first if paired else random.integers(0, SEEDS, SEEDS)
        found.append(a[first].mean() - b[second].mean())
    return np.quantile(found, [0.025, 0.975])


def doubt(seeds):
    of, baseline, images = sides()
    of, baseline, total = of[:seeds], baseline[:seeds], images.sum()
    a, b = of.sum(1) / total, baseline.sum(1) / total
    parts = [(a.var(ddof=1) / seeds, seeds - 1), (b.var(ddof=1) / seeds, seeds - 1)]
    difference = a.mean() - b.mean()
    residual = of.mean(0) - baseline.mean(0) - difference * images
    parts.append((GROUPS / (GROUPS - 1) * (residual**2).sum() / total**2, GROUPS - 1))
    return difference, parts


figures = {}
figures["welch_p"] = stats.ttest_ind(A, B, equal_var=False).pvalue
paired = stats.ttest_1samp(DIFFERENCES, 0)
figures["paired_p"] = paired.pvalue
figures["paired_low"], figures["paired_high"] = paired.confidence_interval(0.95)
five = DIFFERENCES[:5]
error = np.sqrt(five.var(ddof=1) * (1 / 5 + 0.25))
figures["folds_low"], figures["folds_high"] = stats.t.interval(0.95, 4, five.mean(), error)
figures["folds_p"] = 2 * stats.t.sf(abs(five.mean()) / error, 4)
flipped = stats.permutation_test((DIFFERENCES,), np.sum, permutation_type="samples", n_resamples=np.inf)
figures["sign_flip_p"] = flipped.pvalue
signs = np.array(list(product([1, -1], repeat=len(DIFFERENCES))))
assert np.isclose(flipped.pvalue, (abs(signs @ DIFFERENCES) >= abs(DIFFERENCES.sum()) - 1e-12).mean())
figures["mcnemar_exact"] = stats.binomtest(14, 45, 0.5).pvalue
figures["mcnemar_mid_p"] = 2 * stats.binom.cdf(14, 45, 0.5) - stats.binom.pmf(14, 45, 0.5)
figures["mcnemar_many"] = stats.binomtest(420, 920, 0.5).pvalue
drawn = stats.bootstrap((DIFFERENCES,), np.mean, method="percentile", n_resamples=200_000, rng=np.random.default_rng(1))
figures["bootstrap_low"], figures["bootstrap_high"] = drawn.confidence_interval
figures["two_level_low"], figures["two_level_high"] = two_levels(False)
figures["two_level_paired_low"], figures["two_level_paired_high"] = two_levels(True)
_, parts = doubt(SEEDS)
figures["doubt_seeds"], figures["doubt_images"] = parts[0][0] + parts[1][0], parts[2][0]
difference, parts = doubt(3)
total = sum(variance for variance, _ in parts)
freedom = total**2 / sum(variance**2 / own for variance, own in parts)
figures["student_low"], figures["student_high"] = stats.t.interval(0.95, freedom, difference, np.sqrt(total))
print(json.dumps({name: float(value) for name, value in figures.items()}, indent=1))
