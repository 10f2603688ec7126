"""Turn a plain NumPy function into a readable, standalone NumPy module with its exact gradient.

    gradient = symgrad.compile(loss, wrt=("W1", "W2"))
    value, (dW1, dW2) = gradient.value_and_grad(W1, W2, X, y, lam)
    gradient.save("loss_grad.py")

Names are looked up on first use (PEP 562): ``import symgrad`` imports no NumPy, SymPy or Jinja.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:  # the names of __all__ once more, for type checkers and editors
    from symgrad import losses, nn, optim, spec
    from symgrad.compiled import Compiled, compile
    from symgrad.errors import (
        ArgumentError,
        CheckError,
        CheckpointError,
        ClaimError,
        DataError,
        DivergenceError,
        ExtraError,
        GraphError,
        KinkError,
        LossError,
        MissingRuleError,
        NotFiniteError,
        ShapeError,
        SpecError,
        SymgradError,
        SymgradWarning,
        TemplateError,
        TraceError,
        WrtError,
    )
    from symgrad.standalone.script import trainer
    from symgrad.study.checking_gradients import GradientCheck, check
    from symgrad.study.derivations import Derivation, explain
    from symgrad.study.differences import Difference, diff
    from symgrad.study.gatewise import Gates, gates
    from symgrad.study.judge import Verdict, compare
    from symgrad.study.picture import Drawing, Frames, draw
    from symgrad.study.tables import Table, table
    from symgrad.training.preparing import Preparation
    from symgrad.training.result import TrainingResult
    from symgrad.training.running import train
    from symgrad.training.trained import TrainedModel
    from symgrad.transforms import grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp

__all__ = [
    "ArgumentError",
    "CheckError",
    "CheckpointError",
    "ClaimError",
    "Compiled",
    "DataError",
    "Derivation",
    "Difference",
    "DivergenceError",
    "Drawing",
    "ExtraError",
    "Frames",
    "Gates",
    "GradientCheck",
    "GraphError",
    "KinkError",
    "LossError",
    "MissingRuleError",
    "NotFiniteError",
    "Preparation",
    "ShapeError",
    "SpecError",
    "SymgradError",
    "SymgradWarning",
    "Table",
    "TemplateError",
    "TraceError",
    "TrainedModel",
    "TrainingResult",
    "Verdict",
    "WrtError",
    "__version__",
    "check",
    "compare",
    "compile",
    "diff",
    "draw",
    "explain",
    "gates",
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "losses",
    "nn",
    "optim",
    "spec",
    "table",
    "train",
    "trainer",
    "value_and_grad",
    "vjp",
]

_MODULES = frozenset({"losses", "nn", "optim", "sklearn", "spec"})

_ELSEWHERE = {
    "Compiled": "symgrad.compiled",
    "Derivation": "symgrad.study.derivations",
    "Difference": "symgrad.study.differences",
    "Drawing": "symgrad.study.picture",
    "Frames": "symgrad.study.picture",
    "Gates": "symgrad.study.gatewise",
    "GradientCheck": "symgrad.study.checking_gradients",
    "Preparation": "symgrad.training.preparing",
    "Table": "symgrad.study.tables",
    "TrainedModel": "symgrad.training.trained",
    "TrainingResult": "symgrad.training.result",
    "Verdict": "symgrad.study.judge",
    "check": "symgrad.study.checking_gradients",
    "compare": "symgrad.study.judge",
    "compile": "symgrad.compiled",
    "diff": "symgrad.study.differences",
    "draw": "symgrad.study.picture",
    "explain": "symgrad.study.derivations",
    "gates": "symgrad.study.gatewise",
    "grad": "symgrad.transforms",
    "hessian": "symgrad.transforms",
    "hvp": "symgrad.transforms",
    "jacobian": "symgrad.transforms",
    "jvp": "symgrad.transforms",
    "table": "symgrad.study.tables",
    "train": "symgrad.training.running",
    "trainer": "symgrad.standalone.script",
    "value_and_grad": "symgrad.transforms",
    "vjp": "symgrad.transforms",
}


def __getattr__(name: str) -> Any:
    """Import the module that holds a public name when somebody first asks for it."""
    if name not in __all__ and name not in _MODULES:  # `sklearn` is in no `import *`
        raise AttributeError(f"module 'symgrad' has no attribute {name!r}")
    from importlib import import_module

    if name in _MODULES:
        return import_module(f"symgrad.{name}")
    value = getattr(import_module(_ELSEWHERE.get(name, "symgrad.errors")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(globals().keys() | set(__all__))
