"""What each loss by name needs of a model: how many outputs, which labels, what to predict."""

from __future__ import annotations

from dataclasses import dataclass

CLASSES = frozenset({"accuracy", "precision", "recall", "f1"})
BINARY = CLASSES | {"auc"}
NUMBERS = frozenset({"mae", "rmse", "r2"})

ONE, TWO, ANY = "one", "two", "any"
SEVERAL = "two or more"


@dataclass(frozen=True, slots=True)
class Objective:
    """A loss, the name of what it takes, and what a model that is trained by it predicts.

    ``labels`` is what y holds for one example: a class's number, a row of shares, 0 or 1, a number.
    ``links`` are the functions that lead from the network's output to the prediction.
    """

    function: str
    output: str
    outputs: str
    labels: str
    metrics: frozenset[str]
    links: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    weighs_classes: bool = False

    @property
    def takes_scores(self) -> bool:
        """Whether the loss itself puts a function behind the last layer."""
        return self.labels != "number" or bool(self.links)


OBJECTIVES: dict[str, Objective] = {
    "softmax_cross_entropy": Objective(
        "softmax_cross_entropy", "scores", SEVERAL, "class", CLASSES, ("softmax",),
        weighs_classes=True,
    ),
    "soft_cross_entropy": Objective(
        "soft_cross_entropy", "scores", SEVERAL, "shares", CLASSES, ("softmax",),
        weighs_classes=True,
    ),
    "focal": Objective(
        "focal", "scores", SEVERAL, "class", CLASSES, ("softmax",), ("gamma",), True
    ),
    "multiclass_hinge": Objective(
        "multiclass_hinge", "scores", SEVERAL, "class", CLASSES, (), ("margin",), True
    ),
    "binary_cross_entropy": Objective(
        "binary_cross_entropy", "scores", ONE, "0 or 1", BINARY, ("sigmoid",), weighs_classes=True
    ),
    "hinge": Objective("hinge", "scores", ONE, "0 or 1", BINARY, weighs_classes=True),
    "squared": Objective("squared", "y_hat", ANY, "number", NUMBERS),
    "absolute": Objective("absolute", "y_hat", ANY, "number", NUMBERS),
    "huber": Objective("huber", "y_hat", ANY, "number", NUMBERS, (), ("delta",)),
    "quantile": Objective("quantile", "y_hat", ANY, "number", NUMBERS, (), ("tau",)),
    "poisson": Objective("poisson", "log_rate", ONE, "number", NUMBERS, ("np.exp",)),
    "gaussian_nll": Objective("gaussian_nll", "outputs", TWO, "number", NUMBERS),
}  # fmt: skip

FORMULA = Objective("", "y_hat", ANY, "number", CLASSES | BINARY | NUMBERS)
