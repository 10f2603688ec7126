"""The network of a spec: its layers become lines of NumPy, with names that a person would choose.

Given the layers and how many columns X has, returns `Network`: parameters, steps, and what the
last layer gives.  Invariant: every name is unique, and has a number only where there are several.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from symgrad.errors import SpecError
from symgrad.spec.validation import fault

MOST_LAYERS = 10_000
PENALTIES = ("l1", "l2", "elastic_net")
EPS = 1e-5

Layer = Mapping[str, Any]
Shape = tuple[int, ...]
Sizes = tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class Parameter:
    """An array that is learned: its name, its shape, how it begins and what is made small in it.

    ``sizes`` has a name for each size that code may leave open.  ``init`` is a rule of
    `symgrad.nn` by name, with its settings; ``penalties`` are the settings of the regularisers.
    """

    name: str
    shape: Shape
    fan_in: int
    fan_out: int
    init: Mapping[str, Any]
    sizes: Sizes
    penalties: Mapping[str, Any] = field(default_factory=dict)
    is_weight: bool = True


@dataclass(frozen=True, slots=True)
class Mask:
    """Zeros and ones (n, width) that say which units a dropout layer keeps, a share ``keep``."""

    name: str
    width: int
    size: int | str
    keep: float


@dataclass(frozen=True, slots=True)
class Norm:
    """Mean and variance of each column before a batch_norm layer."""

    mean: str
    variance: str
    of: str
    width: int


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the network: ``target = value``; the mask or the norm it depends on."""

    target: str
    value: str
    mask: Mask | None = None
    norm: Norm | None = None


@dataclass
class Network:
    """What the layers come to."""

    parameters: list[Parameter] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    calls: set[str] = field(default_factory=set)
    result: str = "X"
    width: int | None = None

    @property
    def masks(self) -> list[Mask]:
        return [step.mask for step in self.steps if step.mask]

    @property
    def norms(self) -> list[Norm]:
        return [step.norm for step in self.steps if step.norm]


def network(layers: Sequence[Layer], inputs: int, init: Any, one_output: bool) -> Network:
    """Return the network of ``layers`` on ``inputs`` columns.

    With ``one_output`` a last layer of one unit gives a vector (n,), not a column (n, 1).
    """
    flat = list(unrolled(layers))
    return _Writer(flat, inputs, init, one_output).written()


def unrolled(layers: Sequence[Layer], path: tuple[str | int, ...] = ("layers",)) -> Iterator[Layer]:
    """Give the layers one by one, repeated ones as often as they are repeated."""
    count = 0
    for k, layer in enumerate(layers):
        if layer["kind"] != "repeat":
            yield layer
            count += 1
            continue
        for _ in range(layer["times"]):
            for each in unrolled(layer["layers"], (*path, k, "layers")):
                count += 1
                if count > MOST_LAYERS:
                    raise fault(
                        (*path, k),
                        "repeats too often",
                        f"a network has at most {MOST_LAYERS} layers",
                    )
                yield each


def rule(init: Any) -> Mapping[str, Any]:
    """Return an initialisation as a table, which a name alone stands for too."""
    return init if isinstance(init, Mapping) else {"name": init}


def penalties(layer: Layer) -> dict[str, Any]:
    return {key: layer[key] for key in PENALTIES if key in layer}


class _Writer:
    """Goes through the layers once; ``here`` is the variable that the next one reads."""

    def __init__(self, layers: list[Layer], inputs: int, init: Any, one_output: bool):
        self.layers, self.init, self.one_output = layers, init, one_output
        self.counts = Counter(layer["kind"] for layer in layers)
        self.counts["norm"] = self.counts["batch_norm"] + self.counts["layer_norm"]
        self.used: Counter[str] = Counter()
        self.net = Network()
        self.here, self.width = "X", inputs
        self.size: int | str = inputs if self.counts["embedding"] else "d"

    def written(self) -> Network:
        for k, layer in enumerate(self.layers):
            getattr(self, layer["kind"])(layer, k == len(self.layers) - 1)
        self.net.width = self.width
        return self.net

    def number(self, kind: str) -> str:
        """Return the number that the next of a kind bears; none if it is the only one."""
        self.used[kind] += 1
        return str(self.used[kind]) if self.counts[kind] > 1 else ""

    def activated(self, layer: Layer, value: str) -> str:
        name = layer["activation"]
        if name == "identity":
            return value
        if name == "tanh":  # NumPy's own
            return f"np.tanh({value})"
        self.net.calls.add(name)
        return f"{name}({value})"

    def dense(self, layer: Layer, is_last: bool) -> None:
        k, units = self.number("dense"), layer["units"]
        size = "k" if is_last else f"u{k if self.counts['dense'] > 2 else ''}"
        is_vector = is_last and units == 1 and self.one_output
        weight, bias = f"{'w' if is_vector else 'W'}{k}", f"b{k}"
        init = rule(layer.get("init", self.init))
        shape: Shape = (self.width,) if is_vector else (self.width, units)
        sizes: Sizes = (self.size,) if is_vector else (self.size, size)
        fans = self.width, units
        self.net.parameters.append(Parameter(weight, shape, *fans, init, sizes, penalties(layer)))
        value = f"{self.here} @ {weight}"
        if layer["bias"]:
            start = init if init["name"] == "torch" else rule("zeros")
            self.net.parameters.append(
                Parameter(bias, shape[1:], *fans, start, sizes[1:], is_weight=False)
            )
            value = f"{value} + {bias}"
        self.width, self.size = units, size
        if is_last:
            self.net.result = self.activated(layer, value)
        else:
            self.here = f"h{k if self.counts['dense'] > 2 else ''}"  # the last has no name
            self.net.steps.append(Step(self.here, self.activated(layer, value)))

    def dropout(self, layer: Layer, is_last: bool) -> None:
        keep = round(1 - layer["rate"], 15)
        mask = Mask(f"mask{self.number('dropout')}", self.width, self.size, keep)
        self.net.calls.add("dropout")
        value = f"dropout({self.here}, {mask.name}, {keep!r})"
        self.net.steps.append(Step(self.here, value, mask=mask))

    def batch_norm(self, layer: Layer, is_last: bool) -> None:
        k = self.number("norm")
        norm = Norm(f"mean{k}", f"variance{k}", self.here, self.width)
        self.normed(layer, k, (norm.mean, norm.variance), norm)

    def layer_norm(self, layer: Layer, is_last: bool) -> None:
        self.normed(layer, self.number("norm"))

    def normed(
        self, layer: Layer, k: str, more: Sequence[str] = (), norm: Norm | None = None
    ) -> None:
        gain, shift = f"gamma{k}", f"beta{k}"
        for name, start in ((gain, "ones"), (shift, "zeros")):
            fans = self.width, self.width
            self.net.parameters.append(
                Parameter(name, (self.width,), *fans, rule(start), (self.size,), is_weight=False)
            )
        eps = [] if layer["eps"] == EPS else [f"eps={layer['eps']!r}"]
        args = ", ".join([self.here, gain, shift, *more, *eps])
        self.net.calls.add(layer["kind"])
        value = self.activated(layer, f"{layer['kind']}({args})")
        self.net.steps.append(Step(self.here, value, norm=norm))

    def embedding(self, layer: Layer, is_last: bool) -> None:
        if self.here != "X" or self.net.steps:
            raise SpecError("`layers`: an embedding layer stands first, it reads X")
        size, width = layer["size"], layer["width"]
        init = rule(layer.get("init", {"name": "normal", "scale": 1.0}))
        self.net.parameters.append(
            Parameter("E", (size, width), size, width, init, ("v", width), penalties(layer))
        )
        self.net.calls.add("embedding")
        self.here, self.width = "h0", self.width * width
        self.size = self.width
        self.net.steps.append(Step(self.here, "embedding(X, E)"))
