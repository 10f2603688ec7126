"""Networks for scikit-learn: any loss, trained by symgrad's gradients.

    from symgrad.sklearn import SymgradClassifier
    model = make_pipeline(StandardScaler(), SymgradClassifier("focal", hidden=(8, 9)))
    cross_val_score(model, X, y)

The network, its loss and its optimizer are a spec (`symgrad.spec`), the loop is `symgrad.train`.
"""

from symgrad.errors import ExtraError

try:
    import sklearn as _sklearn  # noqa: F401
except ImportError:
    raise ExtraError(
        "symgrad.sklearn needs scikit-learn, which is not installed: pip install symgrad[train]"
    ) from None

from symgrad.sklearn.classifier import SymgradClassifier
from symgrad.sklearn.regressor import SymgradRegressor

__all__ = ["SymgradClassifier", "SymgradRegressor"]
