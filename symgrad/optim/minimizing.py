"""`minimize`: SciPy's optimizers on a function of nested parameters."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

from symgrad.compiled import Compiled
from symgrad.errors import (
    ArgumentError,
    ExtraError,
    NotFiniteError,
    SpecError,
    SymgradWarning,
    did_you_mean,
)

BY_GRADIENT = ("L-BFGS-B", "BFGS", "CG", "TNC", "SLSQP")
BY_HESSIAN = ("Newton-CG", "trust-ncg", "trust-krylov", "trust-constr")
METHODS = {name.lower(): name for name in (*BY_GRADIENT, *BY_HESSIAN)}


def minimize(
    fn: Callable[..., Any],
    *args: Any,
    method: str = "L-BFGS-B",
    wrt: Any = None,
    callback: Callable[[Any], Any] | None = None,
    **options: Any,
) -> Any:
    """Return the arguments in ``wrt``, in their structure, where ``fn(*args)`` is smallest.

    ``fn`` is a function, or what `symgrad.compile` made of one, which knows its wrt; the arguments
    in wrt (the first, unless said) are where to begin.  ``method`` is one of SciPy's that follows
    the gradient (L-BFGS-B, BFGS, CG, TNC, SLSQP) or Hessian products too (Newton-CG, trust-ncg,
    trust-krylov, trust-constr).  ``callback(params)`` is called after each iteration.  All else
    (``tol``, ``bounds``, ``options={"maxiter": 500}``) goes to `scipy.optimize.minimize`.

    Warns (SymgradWarning) when SciPy ends for another reason than that it is done.  Raises
    SpecError for an unknown method, ExtraError without SciPy, NotFiniteError if the value is
    infinite or NaN where it begins or ends.
    """
    name = _known(method)
    if isinstance(fn, Compiled) and wrt is not None:
        raise ArgumentError(
            f"wrt={wrt!r} beside a compiled function, which has its own, {fn.wrt}: leave it out"
        )
    scipy_minimize = _from_scipy()
    compiled = fn if isinstance(fn, Compiled) else Compiled(fn, 0 if wrt is None else wrt)
    problem = compiled.scipy(*args)
    _refuse_lost(problem.fun(problem.x0), "at the start", "begin elsewhere")
    if name in BY_HESSIAN:
        options["hessp"] = problem.hessp
    if callback is not None:
        options["callback"] = lambda x, *state: callback(problem.unflatten(x))
    found = scipy_minimize(problem.fun, problem.x0, jac=problem.jac, method=name, **options)
    _refuse_lost(problem.fun(found.x), f"after {found.nit} iterations", "try another method")
    if not found.success:
        warnings.warn(
            f"{name} gave up after {found.nit} iterations: {str(found.message).rstrip('. ')}; "
            'options={"maxiter": ...} allows more of them, another method may come further',
            SymgradWarning,
            stacklevel=2,
        )
    return problem.unflatten(found.x)


def _known(method: Any) -> str:
    found = METHODS.get(str(method).lower())
    if found is None:
        raise SpecError(
            f"method={method!r}{did_you_mean(str(method), METHODS.values())} is none of "
            f"{', '.join(METHODS.values())}, which follow gradients; for SciPy's others, give "
            "problem.fun of problem = c.scipy(...) to scipy.optimize.minimize"
        )
    return found


def _from_scipy() -> Any:
    try:
        from scipy.optimize import minimize as scipy_minimize
    except ImportError:
        raise ExtraError(
            "symgrad.optim.minimize needs SciPy, which is not installed: "
            'python -m pip install "symgrad[train]"'
        ) from None
    return scipy_minimize


def _refuse_lost(value: float, where: str, cure: str) -> None:
    if not math.isfinite(value):
        raise NotFiniteError(f"the value is {value} {where}: {cure}, or bound the parameters")
