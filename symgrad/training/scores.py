"""How good predictions are, as plain functions that can stand in any program.

``found`` and ``y`` are the classes of the rows (n,), by number.  The scores of one class call 1
the class that is looked for; a score that would divide by zero is 0, as in scikit-learn.
"""

import numpy as np


def accuracy(found, y):
    """Return the part of the rows whose class is right."""
    return float(np.mean(found == y))


def precision(found, y):
    """Return the part of the rows taken for class 1 that are of it."""
    right = np.sum((found == 1) & (y == 1))
    return float(right / max(np.sum(found == 1), 1))


def recall(found, y):
    """Return the part of the rows of class 1 that were found."""
    right = np.sum((found == 1) & (y == 1))
    return float(right / max(np.sum(y == 1), 1))


def f1(found, y):
    """Return the harmonic mean of precision and recall."""
    right = np.sum((found == 1) & (y == 1))
    return float(2 * right / max(np.sum(found == 1) + np.sum(y == 1), 1))


def macro_precision(found, y):
    """Return the precision of each class that occurs, on average."""
    return float(np.mean([precision(found == k, y == k) for k in np.union1d(found, y)]))


def macro_recall(found, y):
    """Return the recall of each class that occurs, on average."""
    return float(np.mean([recall(found == k, y == k) for k in np.union1d(found, y)]))


def macro_f1(found, y):
    """Return the F1 score of each class that occurs, on average."""
    return float(np.mean([f1(found == k, y == k) for k in np.union1d(found, y)]))


def auc(scores, y):
    """Return how likely a row of class 1 scores above one of class 0; a tie counts half.

    The area under the ROC curve, by the sum of ranks of Mann and Whitney, 1947; NaN where one of
    the classes is missing.
    """
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place.ravel()]
    ones, zeros = np.sum(y == 1), np.sum(y == 0)
    if ones == 0 or zeros == 0:
        return float("nan")
    return float((np.sum(ranks[y == 1]) - ones * (ones + 1) / 2) / (ones * zeros))


def mae(output, y):
    """Return the mean absolute error."""
    return float(np.abs(output - y).mean())


def rmse(output, y):
    """Return the root of the mean squared error."""
    return float(np.sqrt(((output - y) ** 2).mean()))


def r2(output, y):
    """Return the part of the variance of the targets that predictions explain.

    Of targets that are all equal it is 1 for exact predictions, else 0, as in scikit-learn.
    """
    left, total = ((output - y) ** 2).sum(), ((y - y.mean(axis=0)) ** 2).sum()
    return float(1 - left / total if total else left == 0)
