"""Textbook losses, as a student writes them, beside the gradient an expert derives by hand.

``LOSSES`` maps names to entries, in the order of the subjects.
"""

from tests.benchmarks.hand_derived.classification import CLASSIFICATION
from tests.benchmarks.hand_derived.convolutions import CONVOLUTIONS
from tests.benchmarks.hand_derived.embeddings import EMBEDDINGS
from tests.benchmarks.hand_derived.entry import Loss
from tests.benchmarks.hand_derived.geometry_and_finance import GEOMETRY_AND_FINANCE
from tests.benchmarks.hand_derived.layers import LAYERS
from tests.benchmarks.hand_derived.likelihoods import LIKELIHOODS
from tests.benchmarks.hand_derived.networks import NETWORKS
from tests.benchmarks.hand_derived.regression import REGRESSION

__all__ = ["LOSSES", "Loss"]

SUBJECTS = (
    REGRESSION, CLASSIFICATION, LIKELIHOODS, EMBEDDINGS, NETWORKS, LAYERS, CONVOLUTIONS,
    GEOMETRY_AND_FINANCE,
)  # fmt: skip

LOSSES = {loss.name: loss for subject in SUBJECTS for loss in subject}
