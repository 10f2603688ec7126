"""`compile`: a function in, its value and gradient out, specialised as it is called.

Given a callable, return a `Compiled`, which traces on the first call of each kind of arguments
and then runs emitted NumPy code.  Invariant: a call is answered by a specialisation that
accepts its arguments, and the first answer of each is compared with the user's own function.
"""

from __future__ import annotations

import functools
import hashlib
import html
import importlib
import inspect
import os
import pickle
import threading
import types
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from symgrad.arguments import (
    bind,
    check_specs,
    describe,
    describe_specs,
    float_ints,
    is_leaf,
    with_floats,
    with_spec_names,
    wrt_names,
)
from symgrad.checking import compare_gradient, compare_value
from symgrad.emit.interface import is_plain
from symgrad.errors import ArgumentError, SpecError, did_you_mean, locating
from symgrad.graph import Graph
from symgrad.report import Report
from symgrad.specialise import Options, Specialisation
from symgrad.trace import code_of, in_trace
from symgrad.trace.tracer import is_traced
from symgrad.trees import flatten

if TYPE_CHECKING:
    from symgrad.transforms.objective import Objective

MOST_SPECIALISATIONS = 64
MOST_KEYS = 1024


def compile(  # the public name, fixed by the design
    fn: Callable[..., Any] | None = None,
    wrt: int | str | tuple[int | str, ...] | list[int | str] = 0,
    *,
    specs: Mapping[str, Any] | None = None,
    has_aux: bool = False,
    exact: bool = False,
    without: Collection[str] = (),
    kinks: str | None = None,
    check: str | None = "value",
    origin: str | None = None,
    comments: bool = True,
    **misspelt: Any,
) -> Any:
    """Compile a NumPy function into its value and gradient.

    ``wrt`` says what to differentiate by: a parameter's name or number, or a tuple of them.
    ``specs`` gives dims by name (``{"X": ("n", "d")}``), so that code can be emitted without
    data.  ``has_aux`` is for functions that return ``(value, aux)``.  ``exact`` forbids every
    change of the user's own computation; ``without`` forbids single laws, as ``c.report`` writes
    them.  ``kinks="raise"`` refuses a function whose derivative is a convention somewhere.
    ``check`` compares the first value of each emitted function with the function itself
    (``"value"``), its gradient too (``"grad"``), or not at all (``None``).  ``origin`` is the
    ``file:function`` named in the module's docstring; without ``comments`` the emitted code does
    not repeat the lines of yours that it belongs to.

    Without ``fn`` it returns a decorator.

    Raises SymgradError subclasses: WrtError, SpecError here, the others at the first call.
    """
    refuse_misspelt("compile", misspelt)
    if check not in ("value", "grad", None):
        raise ArgumentError(f"check={check!r}: 'value', 'grad' or None")
    if kinks not in (None, "raise"):
        raise ArgumentError(f"kinks={kinks!r}: 'raise' or None")
    settings = wrt, specs, has_aux, exact, check, origin, False, without, kinks, comments
    if fn is None:
        return lambda fn: Compiled(fn, *settings)
    return Compiled(fn, *settings)


def refuse_misspelt(function: str, misspelt: Mapping[str, Any]) -> None:
    """Raise `ArgumentError` for an argument that ``function`` does not have."""
    for word in misspelt:
        hint = " (did you mean `wrt`?)" if word.startswith("arg") else ""
        raise ArgumentError(f"{function}() has no argument `{word}`{hint}")


def _laws(names: Collection[str]) -> frozenset[str]:
    """Return the laws that must not fire, or raise `ArgumentError` for one that is unknown."""
    if not names:
        return frozenset()
    from symgrad.recognise import RULES

    known = {rule.law for rule in RULES}
    for name in [names] if isinstance(names, str) else names:
        if name not in known:
            raise ArgumentError(f"without={name!r}: no law is called so{did_you_mean(name, known)}")
    return frozenset([names] if isinstance(names, str) else names)


class Compiled:
    """A function together with its emitted value and gradient."""

    def __init__(
        self,
        fn: Callable[..., Any],
        wrt: Any = 0,
        specs: Mapping[str, Any] | None = None,
        has_aux: bool = False,
        exact: bool = False,
        check: str | None = "value",
        origin: str | None = None,
        any_output: bool = False,
        without: Collection[str] = (),
        kinks: str | None = None,
        comments: bool = True,
    ):
        if isinstance(fn, Compiled):
            fn = fn.function
        self._descriptor = fn if isinstance(fn, (staticmethod, classmethod)) else None
        if self._descriptor is not None:
            fn = self._descriptor.__func__
        if not callable(fn):
            raise ArgumentError(
                f"compile() needs a function, not {type(fn).__name__}: give it the function itself "
                "and what to differentiate by as wrt"
            )
        self.function: Callable[..., Any] = fn
        self._given_wrt = wrt
        self.specs, self.check = specs, check
        self.has_aux, self.exact, self.any_output = has_aux, exact, any_output
        self.without, self.kinks = _laws(without), kinks
        self._origin, self.comments = origin, comments
        self._lock = threading.RLock()
        self._all: list[Specialisation] = []
        self._by_key: dict[Any, Callable[..., Any]] = {}
        self._bound_to: dict[int, tuple[Any, Compiled]] = {}
        self._recipes: list[tuple[Any, ...]] = []
        functools.update_wrapper(self, fn, updated=())
        if not _looks_like_method(fn):  # a method's wrt is counted once it is bound
            self._check_names()

    def _check_names(self) -> None:
        with self._placing():
            assert self.wrt
            check_specs(self.signature, self.specs, self._name)

    def _placing(self) -> AbstractContextManager[None]:
        """Say in errors from within where the function stands, if no better line is known."""
        return locating(code_of(self.function))

    @property
    def _name(self) -> str:
        return getattr(self.function, "__name__", "function")

    @functools.cached_property
    def signature(self) -> inspect.Signature:
        """The user's own signature."""
        try:
            return inspect.signature(self.function)
        except ValueError:
            raise ArgumentError(f"{self.function!r} has no signature: wrap it in a def") from None

    @functools.cached_property
    def wrt(self) -> tuple[str, ...]:
        """The names of the parameters to differentiate by."""
        return wrt_names(self.signature, self._given_wrt, self._name)

    @property
    def single(self) -> bool:
        """Whether the gradient is one value and not a tuple."""
        return not isinstance(self._given_wrt, (tuple, list))

    @functools.cached_property
    def _has_array_defaults(self) -> bool:
        defaults = [p.default for p in self.signature.parameters.values()]
        return not all(d is inspect.Parameter.empty or is_plain(d) for d in defaults)

    # --- calls

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if in_trace() is not None and _any_traced(args, kwargs):
            return in_trace().runtime.call(self.function, *args, **kwargs)  # type: ignore[union-attr]
        made, args, kwargs = self._made_for(args, kwargs)
        value = made.forward(*args, **kwargs)[0]
        return value

    def value_and_grad(self, *args: Any, **kwargs: Any) -> Any:
        """Return ``(value, grads)``; with ``has_aux``, ``((value, aux), grads)``."""
        if not kwargs:
            try:
                fast = self._by_key.get(
                    tuple(
                        [
                            (a.dtype, a.shape) if type(a) is np.ndarray else _KIND[type(a)]
                            for a in args
                        ]
                    )
                )
            except KeyError:  # a dict, list or tuple of arrays, or what has no fast way
                fast = self._by_key.get(_key_of(args))
            if fast is not None:
                return fast(*args)
        if in_trace() is not None and _any_traced(args, kwargs):
            from symgrad.transforms.recording import traced_value_and_grad

            return traced_value_and_grad(self, args, kwargs)
        return self._slow_value_and_grad(args, kwargs)

    def _slow_value_and_grad(self, args: Any, kwargs: Any) -> Any:
        plain = not kwargs
        made, converted, named = self._made_for(args, kwargs, "value_and_grad")
        result = made.value_and_grad(*converted, **named)
        if plain and len(converted) == len(args) and not made.traced.fixed:
            self._remember(args, made)
        return result

    def _remember(self, args: Any, made: Specialisation) -> None:
        key = _key_of(args)
        if key is None:
            return
        with self._lock:
            if len(self._by_key) >= MOST_KEYS:
                self._by_key.clear()
            quick = self._quick(made)
            self._by_key[key] = self._with_floats(quick) if int in key else quick

    def _with_floats(self, run: Callable[..., Any]) -> Callable[..., Any]:
        """Return ``run`` with Python ints in wrt taken as floats, as in c(-2, 5, -4)."""
        in_wrt = [name in self.wrt for name in self.signature.parameters]

        def converted(*args: Any) -> Any:
            pairs = zip(args, in_wrt, strict=False)
            return run(*[float(a) if wanted and type(a) is int else a for a, wanted in pairs])

        return converted

    def _quick(self, made: Specialisation, emitted: str = "value_and_grad") -> Callable[..., Any]:
        """Return what answers calls with arguments of a kind that ``made`` has accepted.

        ``emitted`` is the function of ``made`` that is called, `value_and_grad` or `forward`.
        """
        run: Callable[..., Any] = getattr(made, emitted)
        statics = made.traced.statics
        if not statics and not made.captures:
            return run
        captured = [(p.name, c, c.aval()) for p, c in made.captured_parameters()]

        def slow(args: Any) -> Any:
            if emitted == "forward":
                return self.forward(*args)
            return self._slow_value_and_grad(args, {})

        def checked(*args: Any) -> Any:
            for static in statics:
                if not static.holds():
                    return slow(args)
            for _, capture, aval in captured:
                if capture.aval() != aval:
                    return slow(args)
            return run(*args, **{name: capture.read() for name, capture, _ in captured})

        return checked

    def grad(self, *args: Any, **kwargs: Any) -> Any:
        """Return the gradient; with ``has_aux``, ``(grads, aux)``."""
        value, grads = self.value_and_grad(*args, **kwargs)
        return (grads, value[1]) if self.has_aux else grads

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Return ``(value, residuals)``."""
        made, args, kwargs = self._made_for(args, kwargs)
        value, residuals = made.forward(*args, **kwargs)
        return value, _Residuals(residuals, made)

    def backward(self, residuals: Any, dvalue: Any = 1.0) -> Any:
        """Return the gradient times ``dvalue`` from what `forward` kept."""
        if isinstance(residuals, _Residuals):
            return residuals.made.backward(tuple(residuals), dvalue)
        return self._newest().backward(residuals, dvalue)

    def scipy(self, *args: Any, **kwargs: Any) -> Objective:
        """Return the function of one flat vector, with derivatives, that SciPy minimises.

        The arguments in wrt are where it starts, the others stay as they are.  The `Objective`
        has ``fun``, ``jac``, ``hessp``, ``x0``, and ``unflatten`` for what SciPy finds.
        """
        from symgrad.transforms.objective import Objective

        return Objective(self, args, kwargs)

    # --- specialisations

    def _made_for(
        self, args: Any, kwargs: Any, run: str = "forward"
    ) -> tuple[Specialisation, Any, Any]:
        """Return the specialisation for a call, checked, and the arguments to run it with.

        ``run`` is the emitted function that is about to be called.
        """
        with self._placing():
            return self._made_for_values(
                bind(self.signature, self._name, args, kwargs), args, kwargs, run
            )

    def _made_for_values(
        self, values: Mapping[str, Any], args: Any, kwargs: Any, run: str
    ) -> tuple[Specialisation, Any, Any]:
        if float_ints(values, self.wrt):
            values = {k: with_floats(v) if k in self.wrt else v for k, v in values.items()}
            bound = inspect.BoundArguments(self.signature, dict(values))
            args, kwargs = bound.args, bound.kwargs
        elif self._has_array_defaults:
            bound = inspect.BoundArguments(self.signature, dict(values))
            args, kwargs = bound.args, bound.kwargs
        with self._lock:
            made = self._accepting(values)
        if run not in made.checked:
            self._check(made, args, kwargs, run)
        captured = made.captured_values()
        return made, args, {**kwargs, **captured} if captured else kwargs

    def specialised(self, values: Mapping[str, Any]) -> Specialisation:
        """Return the specialisation for arguments by name; nothing is run."""
        with self._lock, self._placing():
            return self._accepting(values)

    def _accepting(self, values: Mapping[str, Any]) -> Specialisation:
        self._cook()
        arguments, dims, examples = describe(values, self.wrt)
        for made in reversed(self._all):
            if made.accepts(arguments):
                return made
        with_spec_names(values, dims, examples, self.signature, self.specs)
        made = self._specialise(arguments, dims, examples)
        return made

    def _specialise(self, arguments: Any, dims: Any, examples: Any) -> Specialisation:
        options = Options(
            self.wrt, self.single, self.has_aux, self.exact, self.without, self.kinks,
            self.any_output, self._origin_line(), self.comments,
        )  # fmt: skip
        made = Specialisation(self.function, self.signature, arguments, dims, examples, options)
        # A first call with one example made code for one: the new code serves that call too.
        self._all = [old for old in self._all if not made.accepts(old.arguments)]
        self._all.append(made)
        del self._all[:-MOST_SPECIALISATIONS]
        return made

    def _newest(self) -> Specialisation:
        with self._lock, self._placing():
            self._cook()
            if not self._all:
                self._specialise(*describe_specs(self.signature, self.specs, self.wrt, self._name))
            return self._all[-1]

    def _cook(self) -> None:
        """Make again what was made before this was pickled."""
        while self._recipes:
            self._specialise(*self._recipes.pop(0))

    def clear(self) -> None:
        """Forget every specialisation."""
        with self._lock:
            self._all.clear()
            self._by_key.clear()
            self._bound_to.clear()
            self._recipes.clear()

    # --- the check of the first call

    def _check(self, made: Specialisation, args: Any, kwargs: Any, run: str) -> None:
        """Compare the value that the emitted function called ``run`` gives, on its first call."""
        if self.check is None:
            made.check_notes = ["switched off"]
        else:
            mine = getattr(made, run)(*args, **{**kwargs, **made.captured_values()})[0]
            made.check_notes.append(compare_value(self.function, mine, made, args, kwargs))
            if self.check == "grad" and not made.checked:
                made.check_notes.append(self._check_gradient(made, args, kwargs))
        made.checked.add(run)

    def _check_gradient(self, made: Specialisation, args: Any, kwargs: Any) -> str:
        grads = made.value_and_grad(*args, **{**kwargs, **made.captured_values()})[1]
        by_name = dict(zip(self.wrt, [grads] if self.single else grads, strict=True))

        def value_of(values: Mapping[str, Any]) -> float:
            bound = inspect.BoundArguments(self.signature, dict(values))
            result = self.function(*bound.args, **bound.kwargs)
            return float(result[0] if self.has_aux else result)

        values = bind(self.signature, made.name, args, kwargs)
        return compare_gradient(value_of, dict(values), by_name, made.name)

    # --- text

    @property
    def source(self) -> str:
        """The emitted module's text; of the newest specialisation after several."""
        return self._newest().source

    @property
    def sources(self) -> tuple[str, ...]:
        """The emitted text of every specialisation, oldest first."""
        with self._lock:
            self._cook()
            return tuple(made.source for made in self._all)

    @property
    def graph(self) -> Graph:
        """The graph of the newest specialisation: what the user's function computes."""
        return self._newest().primal

    @property
    def report(self) -> Report:
        """What was done and why, for the newest specialisation."""
        return Report.of(self._newest())

    def save(self, path: str | os.PathLike[str], which: int | None = None) -> None:
        """Write the emitted module to ``path``.

        After several specialisations ``which`` says whose: its number in ``sources``.
        """
        texts = self.sources or (self.source,)
        if which is None and len(set(texts)) > 1:
            raise SpecError(
                f"the function was compiled for {len(texts)} kinds of arguments: say which with "
                f"save(path, which=k), k in 0..{len(texts) - 1} (see .sources)"
            )
        if which is not None and not (type(which) is int and 0 <= which < len(texts)):
            raise SpecError(f"which={which!r}: k is in 0..{len(texts) - 1} (see .sources)")
        Path(path).write_text(texts[which or 0], encoding="utf-8", newline="\n")

    def _origin_line(self) -> str:
        from symgrad import __version__

        if self._origin is not None:
            place = self._origin
        else:
            code = getattr(inspect.unwrap(self.function), "__code__", None)
            file = os.path.basename(code.co_filename) if code else ""
            readable = file.endswith(".py")
            place = f"{file}:{code.co_qualname}" if readable and code else ""
        try:
            text = inspect.getsource(inspect.unwrap(self.function))
        except (OSError, TypeError):
            text = ""
        digest = hashlib.sha256(text.encode()).hexdigest()[:16] if text else ""
        parts = [f"symgrad {__version__}"]
        if place:
            parts.insert(0, place)
        if digest:
            parts.append(f"source sha256 {digest}")
        if self.without:
            parts.append("without " + ", ".join(f"`{law}`" for law in sorted(self.without)))
        return "From " + ", ".join(parts) + "." if place else "Made by " + ", ".join(parts) + "."

    def __repr__(self) -> str:
        return f"<symgrad.Compiled {self._name}, wrt={self._given_wrt!r}>"

    def _repr_html_(self) -> str:
        try:
            text = self.source
        except SpecError as error:
            text = str(error)
        return f"<pre>{html.escape(text)}</pre>"

    # --- methods

    def __get__(self, instance: Any, owner: Any = None) -> Compiled:
        if isinstance(self._descriptor, classmethod):
            instance = owner
        if instance is None or isinstance(self._descriptor, staticmethod):
            return self
        with self._lock:
            if id(instance) not in self._bound_to:
                while len(self._bound_to) >= MOST_SPECIALISATIONS:
                    del self._bound_to[next(iter(self._bound_to))]
                method = types.MethodType(self.function, instance)
                self._bound_to[id(instance)] = instance, Compiled(method, *self._settings)
            return self._bound_to[id(instance)][1]

    # --- pickling

    def __reduce__(self) -> Any:
        recipes = [(m.arguments, m.dims, m.examples) for m in self._all] or self._recipes
        kept = [recipe for recipe in recipes if _can_pickle(recipe)]
        return _rebuild, (_reference(self.function), self._settings, kept)

    @property
    def _settings(self) -> tuple[Any, ...]:
        return (
            self._given_wrt, self.specs, self.has_aux, self.exact, self.check, self._origin,
            self.any_output, self.without, self.kinks, self.comments,
        )  # fmt: skip


def _can_pickle(value: Any) -> bool:
    try:
        pickle.dumps(value)
    except (pickle.PicklingError, AttributeError, TypeError):
        return False
    return True


def _reference(function: Any) -> Any:
    """Return what pickle can keep of a function: itself, or where its decorated form is."""
    if _can_pickle(function):
        return function
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", "")
    if module and name and "<" not in name:
        return _Decorated(module, name)
    raise pickle.PicklingError(
        f"{name or function!r} cannot be pickled: define it at the top level of a module, or save "
        "its emitted text with .save(path)"
    )


class _Decorated:
    """Where to find the function that a decorator replaced by its compiled form."""

    def __init__(self, module: str, qualname: str):
        self.module, self.qualname = module, qualname

    def find(self) -> Any:
        found: Any = importlib.import_module(self.module)
        for part in self.qualname.split("."):
            found = getattr(found, part)
        return found.function if isinstance(found, Compiled) else found


def _rebuild(function: Any, settings: tuple[Any, ...], recipes: list[Any]) -> Compiled:
    made = Compiled(function.find() if isinstance(function, _Decorated) else function, *settings)
    made._recipes = recipes
    return made


class _Residuals(tuple[Any, ...]):
    """What `forward` kept, with the specialisation that knows how to read it."""

    made: Specialisation

    def __new__(cls, values: tuple[Any, ...], made: Specialisation) -> _Residuals:
        new = super().__new__(cls, values)
        new.made = made
        return new


def _key_of(args: Any) -> tuple[Any, ...] | None:
    """Return what a fast answer is looked up by: kinds and shapes, also inside containers.

    None where something needs the slow way: an int in a container may have to become a float.
    """
    try:
        return tuple([_kind_of(a, a) for a in args])
    except KeyError:
        return None


def _kind_of(value: Any, argument: Any) -> Any:
    kind = type(value)
    if kind is np.ndarray:
        return value.dtype, value.shape
    if kind is dict:
        return (dict, *[(name, _kind_of(part, argument)) for name, part in value.items()])
    if kind is list or kind is tuple:
        return (kind, *[_kind_of(part, argument) for part in value])
    if kind is int and value is not argument:
        raise KeyError(int)
    return _KIND[kind]


_KIND: dict[type, Any] = {
    kind: kind for kind in (float, int, np.float64, np.float32, np.int64, np.int32)
}


def _looks_like_method(fn: Any) -> bool:
    """Return whether ``fn`` stands in a class body: its wrt is known once it is bound."""
    if not inspect.isfunction(fn) or "." not in fn.__qualname__:
        return False
    outer, _, _ = fn.__qualname__.rpartition(".")
    return not outer.endswith("<locals>")


def _any_traced(args: Any, kwargs: Any) -> bool:
    leaves = [leaf for a in (*args, *kwargs.values()) for leaf in flatten(a, _is_any_leaf)[0]]
    return any(map(is_traced, leaves))


def _is_any_leaf(value: Any) -> bool:
    return is_leaf(value) or is_traced(value)


__all__ = ["Compiled", "compile"]
