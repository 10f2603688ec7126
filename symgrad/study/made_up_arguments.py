"""Arguments that a function runs on, made up from its names and from what it does with them.

Given a function and the parameters that nobody gave, return arguments.  Invariant: the same
function gets the same arguments in every process.

The function is run with arguments that are not known yet; the first one that it touches gets a
value, in the order of the likelihood for its name, until the function returns one finite number.
So `W1` in ``X @ W1`` gets the shape that fits `X`.  By name, a list of words first:

- an annotation or a spec (``"n d"``) says the shape, a default is taken as it is
- ``lam``, ``eps``, ``sigma``, ``n_steps`` ... and all arguments of a function whose names are
  lower-case: numbers, before arrays are tried
- ``X``, ``data``: (n, d); ``W``, ``W1``, other capitals: matrices; ``w``, ``theta``, ``b``, ``y``:
  vectors; then everything else up to three axes
- what is unpacked (``W, b = params``) may be a tuple, what has keys is a dict
- labels `y` that the function takes ``1 - y`` of: 0 and 1
- an array that must hold indices (``p[rows, y]``) gets classes 0, 1, 2

Sizes are n = 5, d = 4, h = 6, c = 3, all different, so that none fits by chance.  The numbers are
drawn with the seed: normal ones or, where the value is not finite then, from (0.5, 1.5), and at
last from (0.1, 0.9).
"""

from __future__ import annotations

import dis
import inspect
import re
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from types import FrameType
from typing import Any

import numpy as np

from symgrad.arguments import annotated_spec, is_leaf, read_spec
from symgrad.compiled import Compiled
from symgrad.errors import ArgumentError, SymgradError
from symgrad.graph import Static
from symgrad.study.draws import STYLES
from symgrad.trees import flatten

MOST_RUNS = 10_000
SIZES = {"n": 5, "d": 4, "h": 6, "c": 3}
OTHER_NAMES = {
    "N": "n", "m": "n", "batch": "n", "B": "n", "D": "d", "p": "d", "H": "h", "k": "h",
    "hidden": "h", "C": "c", "K": "c", "classes": "c", "M": "h", "T": "n", "t": "n",
}  # fmt: skip


def made_up(
    function: Callable[..., Any],
    given: Mapping[str, Any],
    missing: Sequence[str],
    specs: Mapping[str, Any],
    wrt: set[str],
    has_aux: bool,
    seed: int,
) -> dict[str, Any]:
    """Return arguments for the parameters that are ``missing``, beside those that are given.

    ``specs`` say shapes as in `compile`; what is in ``wrt`` is made of floating-point numbers.

    Raises ArgumentError where the function takes nothing that was tried.
    """
    search = _Search(function, given, missing, _specs_of(function, specs), wrt, has_aux, seed)
    found = search.run()
    if found is None:
        why = f" (the last try ended with {search.last})" if search.last else ""
        raise ArgumentError(
            f"no example arguments could be made up for {getattr(function, '__name__', 'it')}"
            f"({', '.join(missing)}){why}: give them, e.g. as a function example_args() in the "
            'file that returns them, or as text: "x=3, W=[[1, 2], [3, 4]]"'
        )
    labels = _two_classes(function, {**given, **found}, found.keys() - wrt, seed)
    return {**found, **labels}


class Needed(BaseException):
    """The function touches an argument that has no value yet.

    No `Exception`, so that a function's own ``except Exception`` does not swallow it.
    """

    def __init__(self, path: tuple[str, ...], use: str = "", names: tuple[str, ...] = ()):
        super().__init__(path)
        self.path, self.use, self.names = path, use, names


class _Unknown:
    """Stands for an argument; whatever the function does with it says that it is needed."""

    __array_priority__ = 1e6

    def __init__(self, path: tuple[str, ...]):
        self._path = path

    def _need(self, *args: Any, **kwargs: Any) -> Any:
        raise Needed(self._path)

    def __index__(self) -> int:
        raise Needed(self._path, "index")

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            return _Unknown((*self._path, key))
        raise Needed(self._path)

    def __iter__(self) -> Any:
        raise Needed(self._path, "parts", _unpacked(sys._getframe(1)))

    def __getattr__(self, name: str) -> Any:
        raise Needed(self._path)

    def __hash__(self) -> int:
        raise Needed(self._path)


_TOUCHES = (
    "array_ufunc array_function array add radd sub rsub mul rmul truediv rtruediv floordiv "
    "rfloordiv mod rmod pow rpow matmul rmatmul neg pos abs lt le gt ge eq ne len bool float "
    "int complex call contains setitem round divmod rdivmod and rand or ror xor rxor invert "
    "iadd isub imul itruediv imatmul str format trunc floor ceil reversed enter exit next"
)
for _name in _TOUCHES.split():
    setattr(_Unknown, f"__{_name}__", _Unknown._need)


def _unpacked(frame: FrameType) -> tuple[str, ...]:
    """Return the names in ``W, b = params``, where that is what a frame does; else nothing."""
    steps = [s for s in dis.get_instructions(frame.f_code) if s.opname != "EXTENDED_ARG"]
    at = max((k for k, step in enumerate(steps) if step.offset <= frame.f_lasti), default=0)
    if not steps or steps[at].opname != "UNPACK_SEQUENCE":
        return ()
    count = int(steps[at].arg or 0)
    stored: list[str] = []
    for step in steps[at + 1 : at + 1 + count]:
        if not step.opname.startswith("STORE_"):
            break
        stored += [step.argval] if isinstance(step.argval, str) else list(step.argval)
    if len(set(stored[:count])) < count:
        return tuple(map(str, range(count)))
    return tuple(stored[:count])


class _Parts(dict[str, Any]):
    """A tuple of arguments whose parts have the names that the function unpacks them to."""


class _Keys(dict[str, Any]):
    """A dict of arguments whose keys are found out as the function asks for them."""

    def __init__(self, path: tuple[str, ...]):
        super().__init__()
        self._path = path

    def __missing__(self, key: str) -> Any:
        return _Unknown((*self._path, key))


Choice = tuple[str, tuple[Any, ...]]  # what kind of numbers and their shape, or names of parts
COUNT, PARTS = "count", "parts"
Chosen = dict[tuple[str, ...], Choice]

SCALARS = re.compile(
    r"(lam|lambda|lr|rate|alpha|eps|epsilon|reg|delta|margin|temperature|temp|tau|momentum|scale|"
    r"weight_decay|decay|strength|sigma|C|l1|l2|step|dt|t|power|order|noise|variance|std)_?\d*|"
    r"\w*_(rate|decay|strength|weight|scale|reg)|reg_\w+"
)
COUNTS = re.compile(r"(n|num|k)_\w+|\w*(steps|iterations|layers|epochs|classes)|steps|count")
VECTORS = re.compile(
    r"(w|b|theta|beta|weights?|bias|mu|mean|gamma|gain|shift|v|u|a|y|t|target|targets)_?\d*"
)
DATA = re.compile(r"X(_?\w+)?|data|inputs?|features|batch|images|x_?(train|batch|data)")
LABELS = re.compile(r"[yY](_?\w+)?|T|labels?|targets?|classes|idx|index|indices|tokens")
SEQUENCES = re.compile(r"xs|seq|sequence|inputs")
NESTED = re.compile(r"params|parameters|weights|model|layers?|net|network|theta|args|\d+")


def _all_shapes(axes: int, more: Sequence[int]) -> list[tuple[int, ...]]:
    """Return shapes of the usual sizes, then those with the sizes ``more`` that were given."""
    usual = _shapes(axes)
    if axes == 1:
        return [*usual, *((size,) for size in more)]
    if axes == 2:
        sizes = [*SIZES.values(), *more, 1]
        return [*usual, *((a, b) for a in sizes for b in sizes if a in more or b in more)]
    return usual


def _shapes(axes: int) -> list[tuple[int, ...]]:
    n, d, h, c = SIZES.values()
    if axes == 0:
        return [()]
    if axes == 1:
        return [(n,), (d,), (c,), (h,), (4 * h,)]
    if axes == 2:
        pairs = [(n, d), (d, h), (h, c), (d, c), (c, d), (h, d), (c, h), (d, n), (n, c), (n, h)]
        square = [(d, d), (h, h), (c, c), (n, n)]
        thin = [(d, 1), (1, n), (n, 1), (h, 1), (c, 1), (1, h), (1, c), (1, d)]
        return [*pairs, (c, n), (h, n), *square, *thin, (d, 4 * h), (h, 4 * h)]  # four gates
    return [(c, n, d), (n, c, d), (n, d, c), (n, d, d), (d, d, c), (c, d, d)]


def _choices(
    name: str, use: str, spec: Any, sizes: Mapping[str, int], more: Sequence[int]
) -> list[Choice]:
    """Return what an argument may be, the likeliest for its name first."""
    if use == "index" or spec == COUNT:
        return [(COUNT, ())]
    if spec is not None:
        shape, dtype = spec
        kinds = ["index"] if dtype and np.dtype(_dtype(dtype)).kind in "iu" else ["real"]
        return [(kind, tuple(sizes.get(s, s) for s in shape)) for kind in kinds]
    zero, one, two, three = ([("real", s) for s in _all_shapes(k, more)] for k in range(4))
    labels = [("index", s) for s in _all_shapes(1, more)]
    rest = [(COUNT, ()), *(("index", s) for s in _shapes(2))]
    n, d, h, c = SIZES.values()
    if COUNTS.fullmatch(name):
        return [(COUNT, ()), *zero, *one, *two, *three, *labels]
    if SCALARS.fullmatch(name):
        return [*zero, *one, *two, *three, *labels, *rest]
    if SEQUENCES.fullmatch(name):
        return [*three, *two, *one, *labels, *zero, *rest]
    if LABELS.fullmatch(name):
        rows = [("real", (n,)), ("index", (n,)), *(("real", s) for s in _shapes(2) if s[0] == n)]
        return [*rows, *one, *labels, *two, *zero, *three, *rest]
    if DATA.fullmatch(name) or name[0].isupper():
        return [*two, *one, *zero, *three, *labels, *rest]
    if VECTORS.fullmatch(name):
        first = [("real", s) for s in ([(c,), (h,), (d,), ()] if name[0] == "b" else [(d,)])]
        return [*first, *one, *zero, *two, *three, *labels, *rest]
    return [*zero, *one, *two, *three, *labels, *rest]


def _dtype(word: str) -> str:
    return "float64" if word == "python" else word


def _sizes(specs: Mapping[str, Any]) -> dict[str, int]:
    """Return a number for each size that specs name, no two alike."""
    names = [s for spec in specs.values() if spec != COUNT for s in spec[0] if isinstance(s, str)]
    found: dict[str, int] = {}
    for name in dict.fromkeys(names):
        usual = SIZES.get(OTHER_NAMES.get(name, name))
        free = (k for k in range(7, 8 + len(names)) if k not in found.values())
        found[name] = usual if usual and usual not in found.values() else next(free)
    return found


def _given_sizes(given: Mapping[str, Any], specs: Mapping[str, Any]) -> list[int]:
    """Return the sizes of arguments that are known, which the others may have to fit."""
    known = [size for value in given.values() for leaf in _arrays(value) for size in leaf.shape]
    named = _sizes(specs)
    known += [named.get(s, s) for spec in specs.values() if spec != COUNT for s in spec[0]]
    return [size for size in dict.fromkeys(known) if size not in SIZES.values() and size > 1]


def _arrays(value: Any) -> list[Any]:
    return [leaf for leaf in flatten(value, is_leaf)[0] if isinstance(leaf, np.ndarray)]


def _two_classes(
    function: Callable[..., Any], given: Mapping[str, Any], names: Collection[str], seed: int
) -> dict[str, Any]:
    """Return zeros and ones for labels ``y`` that the function takes ``1 - y`` of."""
    labels = [n for n in sorted(names) if LABELS.fullmatch(n) and np.ndim(given[n]) == 1]
    labels = [n for n in labels if np.asarray(given[n]).dtype.kind == "f"]
    others = tuple(n for n, v in given.items() if n not in labels and _is_real(v))
    if not labels or not others:
        return {}
    try:
        made = Compiled(function, others, exact=True, check=None).specialised(given)
    except SymgradError:  # told by whoever asked for the arguments
        return {}
    rows = [e.rhs for e in made.traced.graph.equations if e.rhs.name == "subtract"]
    of_one = {rhs.operands[1] for rhs in rows if rhs.operands[0] in (Static(1), Static(1.0))}
    rng = np.random.default_rng(seed)
    return {
        name: rng.permutation(np.arange(len(given[name])) % 2).astype(float)
        for name in labels
        if made.leaves.get((name, 0)) in of_one
    }


def _is_real(value: Any) -> bool:
    return isinstance(value, (float, np.ndarray)) and np.asarray(value).dtype.kind == "f"


def _specs_of(function: Callable[..., Any], specs: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if name in specs:
            found[name] = read_spec(name, specs[name])
        elif parameter.annotation in (int, "int"):
            found[name] = COUNT
        elif parameter.annotation is not inspect.Parameter.empty:
            spec = annotated_spec(name, parameter.annotation)
            if spec is not None:
                found[name] = spec
    return found


class _Search:
    """Depth first over the arguments in the order in which the function touches them."""

    def __init__(
        self, function: Callable[..., Any], given: Mapping[str, Any], missing: Sequence[str],
        specs: Mapping[str, Any], wrt: set[str], has_aux: bool, seed: int,
    ):  # fmt: skip
        self.function, self.given, self.missing = function, given, missing
        self.specs, self.wrt, self.has_aux, self.seed = specs, wrt, has_aux, seed
        self.signature = inspect.signature(function)
        self.sizes, self.more = _sizes(specs), _given_sizes(given, specs)
        self.runs, self.last, self.may_help = 0, "", False
        self.numbers = STYLES[0]

    def run(self) -> dict[str, Any] | None:
        for self.numbers in STYLES:
            self.runs = 0
            found = self.all_scalars() or self.search({})
            if found is not None:
                return {k: _plain(v) for k, v in self.values(found).items()}
            if not self.may_help:  # whatever the numbers are
                break
        return None

    def all_scalars(self) -> Chosen | None:
        """Return numbers for all, where no name speaks of an array and the function takes them."""
        if any(name[0].isupper() or name in self.specs for name in self.missing):
            return None
        chosen: Chosen = {(name,): ("real", ()) for name in self.missing}
        return chosen if self.outcome(chosen) is True else None

    def search(self, chosen: Chosen) -> Chosen | None:
        outcome = self.outcome(chosen)
        if outcome is True:
            return chosen
        if not isinstance(outcome, Needed) or self.runs > MOST_RUNS:
            return None
        path = outcome.path
        for choice in self.choices(path, outcome.use, outcome.names):
            found = self.search({**chosen, path: choice})
            if found is not None or self.runs > MOST_RUNS:
                return found
        return None

    def choices(self, path: tuple[str, ...], use: str, names: tuple[str, ...]) -> Iterable[Choice]:
        parts = [(PARTS, names)] if names else []
        spec = self.specs.get(path[0]) if len(path) == 1 else None
        choices = dict.fromkeys(_choices(path[-1], use, spec, self.sizes, self.more))
        if path[0] in self.wrt:
            return [*parts, *(choice for choice in choices if choice[0] == "real")]
        return [*parts, *choices] if NESTED.fullmatch(path[-1]) else [*choices, *parts]

    def outcome(self, chosen: Chosen) -> Needed | bool:
        """Return whether the function gives one finite number, or what it needs for it."""
        self.runs += 1
        values = self.values(chosen)
        bound = inspect.BoundArguments(
            self.signature,
            {k: v for k in self.signature.parameters
             if (v := self.given.get(k, values.get(k, _MISSING))) is not _MISSING},
        )  # fmt: skip
        try:
            with np.errstate(all="ignore"):
                value = self.function(*bound.args, **bound.kwargs)
        except Needed as needed:
            return needed
        except Exception as error:  # a shape that does not fit: whatever the function raises
            self.last = f"{type(error).__name__}: {error}".splitlines()[0]
            self.may_help |= isinstance(error, _BY_NUMBERS) or "math domain" in str(error)
            return False
        value = value[0] if self.has_aux and isinstance(value, tuple) else value
        if isinstance(value, _Unknown):
            return Needed(value._path)
        self.last = f"a {type(value).__name__} of shape {np.shape(value)}, not one finite number"
        try:
            number = np.asarray(value, dtype=np.float64)
        except (TypeError, ValueError):
            return False
        self.may_help |= number.shape == ()
        return number.shape == () and bool(np.isfinite(number))

    def values(self, chosen: Chosen) -> dict[str, Any]:
        """Return the arguments that were chosen, unknown ones for the rest."""
        nested = {path[0] for path in chosen if len(path) > 1}
        values: dict[str, Any] = {
            name: _Keys((name,)) if name in nested else _Unknown((name,)) for name in self.missing
        }
        for path, (kind, shape) in chosen.items():
            value = (
                _Parts({name: _Unknown((*path, name)) for name in shape})
                if kind == PARTS
                else self.value(path, kind, shape)
            )
            place = values
            for key in path[:-1]:
                if not isinstance(place.get(key), dict):
                    place[key] = _Keys((*path[: path.index(key)], key))
                place = place[key]
            place[path[-1]] = value
        return {name: _as_tuples(value) for name, value in values.items()}

    def value(self, path: tuple[str, ...], kind: str, shape: tuple[int, ...]) -> Any:
        rng = np.random.default_rng([self.seed, *".".join(path).encode()])
        if kind == COUNT:
            return SIZES["c"]
        if kind == "index":
            return rng.permutation(np.arange(int(np.prod(shape))) % SIZES["c"]).reshape(shape)
        made = self.numbers(rng, shape)
        return round(float(made), 6) if shape == () else np.round(made, 6)


_MISSING = object()
_BY_NUMBERS = (np.linalg.LinAlgError, ArithmeticError, AssertionError)


def _as_tuples(value: Any) -> Any:
    """Return nested arguments with the tuples that `_Parts` stand for."""
    if isinstance(value, _Parts):
        return tuple(map(_as_tuples, value.values()))
    if isinstance(value, dict):
        for key in value:
            value[key] = _as_tuples(value[key])
    return value


def _plain(value: Any) -> Any:
    """Return a nested argument with plain dicts."""
    if isinstance(value, tuple):
        return tuple(map(_plain, value))
    return {k: _plain(v) for k, v in value.items()} if isinstance(value, dict) else value
