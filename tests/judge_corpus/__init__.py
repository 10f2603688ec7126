"""Gradients that students hand in: right, wrong in twelve ways, rewritten, hostile, and printed.

``FORMULAS`` maps names to right entries, in the order of the subjects.  `plants` makes wrong ones
of them, `rewrites` others that are right; `special` are right for other
data only; `hostile` is text to refuse; `lectures` are the formulas of five printed lectures.
"""

from tests.judge_corpus.algebra import ALGEBRA
from tests.judge_corpus.chain_rule import CHAIN_RULE
from tests.judge_corpus.classification import CLASSIFICATION
from tests.judge_corpus.embeddings import EMBEDDINGS
from tests.judge_corpus.entry import Formula
from tests.judge_corpus.layers import LAYERS
from tests.judge_corpus.likelihoods import LIKELIHOODS
from tests.judge_corpus.networks import NETWORKS
from tests.judge_corpus.regression import REGRESSION

__all__ = ["FORMULAS", "Formula"]

SUBJECTS = (
    REGRESSION, CLASSIFICATION, LIKELIHOODS, EMBEDDINGS, NETWORKS, LAYERS, ALGEBRA, CHAIN_RULE,
)  # fmt: skip

FORMULAS = {formula.name: formula for subject in SUBJECTS for formula in subject}
