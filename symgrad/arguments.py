"""The user's arguments: bound to the signature, flattened, and described for a trace.

Given a signature and the values of a call (or only specs), return an `Argument` a parameter,
and the dims of every array leaf.  Invariant: a size of 1 is the number 1, every other size is a
dim of its own until the trace finds two equal.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, get_args, get_origin

import numpy as np

from symgrad.dims import Dim, Shape, Size, dims_in
from symgrad.errors import ArgumentError, SpecError, TraceError, WrtError, did_you_mean
from symgrad.graph import Aval
from symgrad.trace import Argument, Leaf, aval_of, refuse_dtype, refuse_subclass
from symgrad.trees import LEAF, Tree, flatten, leaf_name, spell_path

Spec = tuple[tuple[str | int, ...], str | None]


def is_leaf(value: Any) -> bool:
    return isinstance(value, (np.ndarray, np.generic, float, int, str, bytes, type(None)))


def bind(signature: inspect.Signature, name: str, args: Any, kwargs: Any) -> Mapping[str, Any]:
    """Return the arguments by parameter name, defaults filled in."""
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError as error:
        raise ArgumentError(f"{name}{signature}: {error}") from None
    bound.apply_defaults()
    return bound.arguments


def describe(
    values: Mapping[str, Any], wrt: Iterable[str]
) -> tuple[list[Argument], dict[tuple[str, int], Shape], dict[Dim, int]]:
    """Return each argument's structure and leaves, the dims of each leaf, and their examples."""
    arguments, dims = [], {}
    examples: dict[Dim, int] = {}
    for name, value in values.items():
        leaves, tree = flatten(value, is_leaf)
        described = []
        for k, (leaf, path) in enumerate(zip(leaves, tree.paths(), strict=True)):
            made = describe_leaf(leaf_name(name, path), leaf, name in wrt)
            described.append(made)
            if made.aval is not None:
                dims[name, k] = _fresh_dims(spell_path(name, path), made.aval.shape, examples)
        arguments.append(Argument(name, tree, tuple(described)))
    return arguments, dims, examples


def _fresh_dims(place: str, shape: Shape, examples: dict[Dim, int]) -> Shape:
    sizes: list[Any] = []
    for axis, size in enumerate(shape):
        if size == 1:
            sizes.append(1)
            continue
        dim = Dim(f"{place}.shape[{axis}]")
        examples[dim] = size
        sizes.append(dim)
    return tuple(sizes)


def describe_leaf(name: str, value: Any, in_wrt: bool) -> Leaf:
    """Return what a trace needs to know of one leaf."""
    if isinstance(value, (np.ndarray, np.generic)):
        refuse_subclass(value, f"`{name}`")
        aval = aval_of(value)
        refuse_dtype(aval.dtype, f"`{name}`")
        return Leaf(name, aval)
    if hasattr(value, "__array__"):
        raise TraceError(
            f"`{name}` is a {type(value).__name__}: pass it as an array (np.asarray({name}))"
        )
    if isinstance(value, bool):
        if in_wrt:
            raise WrtError(f"`{name}` in wrt is a bool: pass a float or an array of floats")
        return Leaf(name, aval_of(value), value, may_be_static=True)
    if isinstance(value, int):
        if in_wrt:
            return Leaf(name, aval_of(float(value)))
        return Leaf(name, aval_of(value), value, may_be_static=True)
    if isinstance(value, float):
        return Leaf(name, aval_of(value))
    if isinstance(value, complex):
        refuse_dtype(np.dtype(complex), f"`{name}`")
    return Leaf(name, None, value)


def float_ints(values: Mapping[str, Any], wrt: Iterable[str]) -> bool:
    """Return whether an argument in wrt holds Python ints, which count as floats."""
    return any(type(leaf) is int for name in wrt for leaf in flatten(values[name], is_leaf)[0])


def with_floats(value: Any) -> Any:
    """Return an argument with its Python ints as floats."""
    leaves, tree = flatten(value, is_leaf)
    return tree.build(iter([_as_float(x) if type(x) is int else x for x in leaves]))


def _as_float(x: int) -> float:
    try:
        return float(x)
    except OverflowError:
        raise ArgumentError(
            f"an integer of {x.bit_length()} bits is no float64: it is too large"
        ) from None


# --- specs -------------------------------------------------------------------------------------


def read_spec(name: str, spec: Any) -> Spec:
    """Return ``(dims, dtype)`` of a spec: ``("n", 3)``, ``"n 3 int"``, ``((...), "int")``."""
    if isinstance(spec, str):
        words: tuple[Any, ...] = tuple(int(w) if w.isdigit() else w for w in spec.split())
        return _checked(name, *_dtype_last(words))
    if isinstance(spec, (list, tuple)):
        if len(spec) == 2 and isinstance(spec[0], (list, tuple)):
            return _checked(name, tuple(spec[0]), spec[1])
        return _checked(name, *_dtype_last(tuple(spec)))
    way_out = ""
    if isinstance(spec, Mapping):
        way_out = ": specs are of single arrays, so call the function with example arrays instead"
    raise SpecError(
        f"spec of `{name}`: {spec!r} is neither a tuple of sizes nor a text like 'n d'{way_out}"
    )


def _dtype_last(words: tuple[Any, ...]) -> tuple[tuple[Any, ...], str | None]:
    if words and isinstance(words[-1], str):
        if words[-1] in _DTYPE_WORDS:
            return words[:-1], words[-1]
        meant = did_you_mean(words[-1], [w for w in _DTYPE_WORDS if len(w) > 4])
        if meant:
            raise SpecError(f"the size `{words[-1]}` looks like a dtype{meant}")
    return words, None


_DTYPE_WORDS = frozenset(
    {"int", "float", "bool", "int64", "int32", "float64", "float32", "float16", "uint8"}
)


def _checked(name: str, dims: tuple[Any, ...], dtype: Any) -> Spec:
    for size in dims:
        legal = isinstance(size, int) and size >= 0 and not isinstance(size, bool)
        if not legal and not (isinstance(size, str) and size.isidentifier()):
            raise SpecError(
                f"spec of `{name}`: {size!r} is not a size (a name such as 'n', or a number >= 0)"
            )
    if dtype is not None:
        try:
            kind = np.dtype(dtype)
        except TypeError:
            raise SpecError(
                f"spec of `{name}`: {dtype!r} is not a dtype"
                f"{did_you_mean(str(dtype), _DTYPE_WORDS)}"
            ) from None
        if kind.kind not in "fiub":
            raise SpecError(f"spec of `{name}`: dtype {kind} cannot be traced")
        dtype = kind.name
    return dims, dtype


def annotated_spec(name: str, annotation: Any) -> Spec | None:
    """Return the spec that an annotation holds: ``"n d"``, ``Annotated[..., "n d"]``, or none."""
    if annotation is float or annotation == "float":
        return (), "python"
    text = None
    if isinstance(annotation, str):
        text = annotation.strip("'\"")
    elif get_origin(annotation) is Annotated:
        text = next((a for a in get_args(annotation)[1:] if isinstance(a, str)), None)
    elif hasattr(annotation, "dim_str"):
        text = annotation.dim_str
    if text is None or not all(w.isidentifier() or w.isdigit() for w in text.split()):
        return None
    words = text.split()
    if len(words) == 1 and words[0] in ("int", "bool", "str"):
        return None
    return read_spec(name, text)


def describe_specs(
    signature: inspect.Signature, specs: Mapping[str, Any] | None, wrt: Iterable[str], name: str
) -> tuple[list[Argument], dict[tuple[str, int], Shape], dict[Dim, int]]:
    """Return what `describe` returns, from specs, annotations and defaults alone."""
    check_specs(signature, specs, name)
    arguments, dims = [], {}
    seen: set[str] = set()
    for key, parameter in signature.parameters.items():
        spec = _spec_of(key, parameter, specs)
        if spec is not None:
            sizes, dtype = spec
            shape = tuple(_spec_dim(s, key, k, seen) for k, s in enumerate(sizes))
            arguments.append(Argument(key, Tree(LEAF), (_spec_leaf(key, shape, dtype),)))
            dims[key, 0] = shape
            continue
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if parameter.default is parameter.empty:
            raise SpecError(
                f"nothing is known of `{key}`: call the function once, annotate it ({key}: "
                f'"n d"), or compile(..., specs={{"{key}": ("n", "d")}}) '
                f'(on the command line --spec "{key}: n d")'
            )
        more, sizes_of, _ = describe({key: parameter.default}, wrt)
        arguments += more
        dims.update({k: v for k, v in sizes_of.items()})
    return arguments, dims, {}


def _spec_dim(size: str | int, key: str, axis: int, seen: set[str]) -> Size:
    """Return the dim of one axis; of a name's second use one that is only equal to the first.

    So it is known whether an operation checks that the two are equal, or the module must.
    """
    if isinstance(size, int):
        return size
    if size in seen:
        return Dim(f"{size}@{key}.{axis}")
    seen.add(size)
    return Dim(size)


def check_specs(signature: inspect.Signature, specs: Mapping[str, Any] | None, name: str) -> None:
    """Raise `SpecError` for specs that cannot be meant, as early as they are given."""
    if specs is not None and not isinstance(specs, Mapping):
        raise SpecError(
            f"specs is a {type(specs).__name__}: give a dict from parameter to sizes, such as "
            '{"X": ("n", "d")}'
        )
    for key, spec in (specs or {}).items():
        if key not in signature.parameters:
            raise SpecError(
                f"specs name `{key}`, which {name}{signature} does not take"
                f"{did_you_mean(key, signature.parameters)}"
            )
        read_spec(key, spec)


def _spec_of(
    key: str, parameter: inspect.Parameter, specs: Mapping[str, Any] | None
) -> Spec | None:
    if specs is not None and key in specs:
        return read_spec(key, specs[key])
    if parameter.annotation is not parameter.empty:
        return annotated_spec(key, parameter.annotation)
    return None


def _spec_leaf(name: str, shape: Shape, dtype: str | None) -> Leaf:
    if dtype == "python" or (not shape and dtype in (None, "float64")):
        return Leaf(name, Aval((), np.dtype(np.float64), "python"))
    if not shape and dtype in ("int64", "bool"):
        return Leaf(name, Aval((), np.dtype(dtype), "python"), may_be_static=True)
    return Leaf(name, Aval(shape, np.dtype(dtype or np.float64), "array" if shape else "numpy"))


def with_spec_names(
    values: Mapping[str, Any],
    dims: dict[tuple[str, int], Shape],
    examples: dict[Dim, int],
    signature: inspect.Signature,
    specs: Mapping[str, Any] | None,
) -> None:
    """Give the dims of example arguments the names that specs and annotations say."""
    seen: set[str] = set()
    for key, parameter in signature.parameters.items():
        spec = _spec_of(key, parameter, specs)
        if spec is None or (key, 0) not in dims:
            continue
        have = np.shape(values[key])
        if len(have) != len(spec[0]):
            raise SpecError(f"`{key}` has shape {have}, its spec {spec[0]} has {len(spec[0])} axes")
        sizes: list[Any] = []
        for axis, (want, now) in enumerate(zip(spec[0], have, strict=True)):
            if isinstance(want, int):
                if want != now:
                    raise SpecError(f"`{key}` has shape {have}, its spec says {spec[0]}")
                sizes.append(want)
                continue
            dim = Dim(want)
            if examples.setdefault(dim, now) != now:
                raise SpecError(
                    f"`{want}` is {examples[dim]} elsewhere and {now} in `{key}` of shape {have}"
                )
            sizes.append(_spec_dim(want, key, axis, seen))
            examples[sizes[-1]] = now
        for replaced in dims_in(dims[key, 0]):
            examples.pop(replaced, None)
        dims[key, 0] = tuple(sizes)


# --- wrt ---------------------------------------------------------------------------------------


def wrt_names(signature: inspect.Signature, wrt: Any, name: str) -> tuple[str, ...]:
    """Return the names of the parameters in ``wrt``."""
    wanted = list(wrt) if isinstance(wrt, (tuple, list)) else [wrt]
    if not wanted:
        raise WrtError("wrt is empty: name what to differentiate by, e.g. wrt=0 or wrt='w'")
    names = [_wrt_name(signature, w, name) for w in wanted]
    if len(set(names)) < len(names):
        twice = next(n for n in names if names.count(n) > 1)
        raise WrtError(f"wrt names `{twice}` twice")
    return tuple(names)


def _wrt_name(signature: inspect.Signature, wanted: Any, name: str) -> str:
    parameters = list(signature.parameters)
    if isinstance(wanted, str):
        if wanted not in parameters:
            raise WrtError(
                f"wrt=`{wanted}` is no parameter of {name}{signature}"
                f"{did_you_mean(wanted, parameters)}"
            )
        return wanted
    if isinstance(wanted, bool) or not isinstance(wanted, (int, np.integer)):
        raise WrtError(f"wrt={wanted!r} is neither a parameter's name nor its number")
    if not -len(parameters) <= wanted < len(parameters):
        raise WrtError(
            f"wrt={wanted} is out of range: {name}{signature} has {len(parameters)} parameters"
        )
    return parameters[wanted]
