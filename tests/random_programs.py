"""Whole NumPy programs at random, as the text of a module: what no table of cases thinks of.

`generate(seed)` draws a function of several arrays and numbers, statement by statement, and runs
each as it is drawn: one that overflows, or comes near a kink, is drawn again.  Shapes are kept
as words (``("n", "d")``), so that the same program can be tried with other sizes.
"""

import random
import warnings
from dataclasses import dataclass, field

import numpy as np

SIZES = {"n": 4, "d": 3, "k": 2}
OTHER_SIZES = {"n": 6, "d": 5, "k": 3}
MARGIN = 0.02  # how far from a kink every value must be
LARGEST = 25.0


@dataclass
class Var:
    """A name of the program and the shape of its value, in words."""

    name: str
    shape: tuple
    reads: int = 0
    owned: bool = False  # a local array that may be written to


@dataclass
class Parameter:
    """A parameter: its shape in words, and whether it holds integers."""

    name: str
    shape: tuple
    integer: bool = False


@dataclass
class Program:
    """The text of a module with a function ``f``, and its parameters."""

    seed: int
    parameters: list
    helpers: list = field(default_factory=list)
    head: list = field(default_factory=list)
    statements: list = field(default_factory=list)
    result: str = "0.0"

    @property
    def source(self):
        names = ", ".join(p.name for p in self.parameters)
        lines = ["import numpy as np", ""]
        for helper in self.helpers:
            lines += ["", *helper, ""]
        lines += ["", f"def f({names}):"]
        for statement in (*self.head, *self.statements):
            lines += ["    " + line for line in statement]
        return "\n".join([*lines, f"    return {self.result}", ""])

    @property
    def wrt(self):
        return tuple(p.name for p in self.parameters if not p.integer)

    def arguments(self, sizes, shift=0):
        """Return arguments of these sizes; the same numbers every time."""
        rng = np.random.default_rng(1000 * self.seed + shift)
        return tuple(_argument(p, sizes, rng) for p in self.parameters)


def _argument(parameter, sizes, rng):
    shape = tuple(sizes[word] for word in parameter.shape)
    if parameter.integer:
        return rng.integers(0, 2, shape)
    if not shape:
        return float(np.round(rng.uniform(-1.2, 1.2), 3))
    return np.round(rng.uniform(-1.2, 1.2, shape), 3)


# --- what is drawn ----------------------------------------------------------------------------
#
# A template is text with {a} for the operand; behind "|" stands what must keep away from 0.

UNARY = (
    "np.sin({a})", "np.cos({a})", "np.tanh({a})", "np.exp(0.4 * {a})", "np.exp(-({a} ** 2))",
    "np.sqrt({a} ** 2 + 1.0)", "np.log({a} ** 2 + 0.5)", "np.log1p(np.exp({a}))",
    "np.log(1 + np.exp({a}))", "1 / (1 + np.exp(-{a}))", "{a} ** 2", "{a} ** 3", "np.arctan({a})",
    "np.abs({a})|{a}", "np.maximum({a}, 0)|{a}", "np.maximum(0.1, {a})|{a} - 0.1",
    "np.clip({a}, -0.7, 0.9)|({a} + 0.7) * ({a} - 0.9)", "{a}.clip(-0.5, 0.5)|{a} ** 2 - 0.25",
    "np.where({a} > 0.2, {a}, 0.3 * {a})|{a} - 0.2", "({a} > 0) * {a}|{a}", "np.square({a})",
    "np.where({a} > 0, {a} ** 2, -{a})|{a}", "np.sign({a}) * {a} ** 2|{a}",
    "np.expm1(0.2 * {a})", "np.log1p({a} ** 2)", "np.cosh(0.5 * {a})", "np.sinh(0.5 * {a})",
    "-{a}", "2.5 * {a} - 1.0", "{a} / 3", "1 - {a}", "2 / ({a} ** 2 + 1)", "{a} - 0.5 * {a} ** 2",
    "np.reciprocal({a} ** 2 + 1.5)", "np.hypot({a}, 1.5)", "np.logaddexp({a}, 0.3)",
    "np.arctan2({a}, 1.7)", "np.cbrt({a} ** 2 + 0.5)", "np.exp2(0.5 * {a})",
    "np.log2({a} ** 2 + 1)", "np.log10({a} ** 2 + 2)", "np.minimum({a}, 0.55)|{a} - 0.55",
    "np.power({a} ** 2 + 1, 1.5)", "({a} ** 2 + 1) ** 0.5", "2.0 ** {a}", "{a} * {a} * {a}",
    "np.tanh({a}) * (1 - np.tanh({a}))", "{a} * np.sin({a})", "np.negative({a})",
    "np.arcsinh({a})", "np.multiply({a}, 0.5)", "np.add({a}, 1)", "+{a}", "({a} + 1) * ({a} - 1)",
    "np.exp({a}) / (1 + np.exp({a}))", "np.float64(2.0) * {a}", "np.arccos(0.6 * np.cos({a}))",
    "np.floor({a}) + {a}|np.sin(np.pi * {a})", "np.sqrt(np.square({a}) + 0.3)",
    "{a} ** -2 * 0.1|{a} * 0.1", "np.abs({a} - 0.3) ** 1.5|{a} - 0.3",
    "np.where(np.abs({a}) < 0.4, 0.5 * {a} ** 2, 0.4 * (np.abs({a}) - 0.2))|np.abs({a}) - 0.4",
    "np.arctanh(0.5 * np.tanh({a}))", "np.arcsin(0.6 * np.sin({a}))",
    "np.ldexp({a}, -1)", "np.nan_to_num({a})", "np.modf({a})[0]|np.sin(np.pi * {a})",
    "np.where(np.isclose({a}, 0.2, atol=0.3), {a} ** 2, {a})|np.abs({a} - 0.2) - 0.3",
    "np.choose(({a} > 0) * 1, [0.5 * {a}, {a} ** 2])|{a}", "np.i0(0.5 * {a})",
)  # fmt: skip

BINARY = (
    "{a} + {b}", "{a} - {b}", "{a} * {b}", "{a} / ({b} ** 2 + 1.0)", "{a} * {b} + {a}",
    "np.maximum({a}, {b})|{a} - {b}", "np.minimum({a}, {b})|{a} - {b}",
    "np.where({a} > {b}, {a}, {b} ** 2)|{a} - {b}", "np.hypot({a}, {b} + 3)",
    "np.arctan2({a}, {b} ** 2 + 1)", "np.logaddexp({a}, {b})", "{a} ** 2 * np.exp(-({b} ** 2))",
    "({a} ** 2 + 0.5) ** {b}", "np.add({a}, {b})", "np.multiply({a}, {b})", "({a} - {b}) ** 2",
    "np.where({a} > 0, {b}, {a})|{a}", "({a} > {b}) * {a} + {b}|{a} - {b}", "np.sin({a} * {b})",
    "{a} * np.tanh({b}) - {b}", "np.divide({a}, 2 + np.cos({b}))", "{b} - {a} * {b}",
    "np.log(np.exp({a}) + np.exp({b}))", "{a} - {b} * ({a} - {b})",
)  # fmt: skip


class Generator:
    """Draws one program."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.program = Program(seed, _parameters(self.rng))
        self.variables = [Var(p.name, p.shape) for p in self.program.parameters if not p.integer]
        self.indices = [p for p in self.program.parameters if p.integer]
        self.space = {"np": np}
        self.space.update(
            zip(
                [p.name for p in self.program.parameters],
                self.program.arguments(SIZES),
                strict=True,
            )
        )
        self.count = 0
        self.fresh_words = 0
        self._name_sizes()

    def _name_sizes(self):
        """Let the program name the sizes as people do."""
        known = {}
        for p in self.program.parameters:
            new = [w for w in p.shape if w not in known]
            if len(p.shape) == 2 and len(new) == 2 and self.rng.random() < 0.6:
                self.program.head.append([f"{p.shape[0]}, {p.shape[1]} = {p.name}.shape"])
            else:
                for word in new:
                    axis = p.shape.index(word)
                    text = f"len({p.name})" if axis == 0 and self.rng.random() < 0.4 else (
                        f"{p.name}.shape[{axis}]"
                    )  # fmt: skip
                    self.program.head.append([f"{word} = {text}"])
            for word in new:
                known[word] = SIZES[word]
        self.space.update(known)

    # --- choices

    def pick(self, test=lambda v: True):
        """Return a variable that fits, rather one that was little read; None if there is none."""
        fitting = [v for v in self.variables if test(v)]
        if not fitting:
            return None
        chosen = min(self.rng.sample(fitting, min(2, len(fitting))), key=lambda v: v.reads)
        return chosen

    def word(self, of):
        """Return a word for a size that only running tells; what a mask selects stays so."""
        self.fresh_words += 1
        return f"?{self.fresh_words}" + (" selected" if "selected" in str(of.shape) else "")

    def new_name(self):
        # Now and then an old name is used again.
        locals_ = [v.name for v in self.variables]
        if locals_ and self.rng.random() < 0.2:
            return self.rng.choice(locals_)
        self.count += 1
        return self.rng.choice(["a", "h", "z", "u", "s", "t", "q", "r"]) + str(self.count)

    # --- statements

    def add(self, lines, name, shape, kinks=(), reads=(), owned=False):
        """Keep the statement if it runs well; return whether it did."""
        space = dict(self.space)
        try:
            with np.errstate(all="raise", under="ignore"), warnings.catch_warnings():
                warnings.simplefilter("error")
                for kink in kinks:
                    if np.min(np.abs(eval(kink, space)), initial=1.0) < MARGIN:
                        return False
                exec("\n".join(lines), space)
        except (FloatingPointError, IndexError, RuntimeWarning, ValueError):
            return False
        value = np.asarray(space[name])
        if (
            not value.size
            or not np.all(np.isfinite(value))
            or np.max(np.abs(value), initial=0.0) > LARGEST
        ):
            return False
        if value.ndim != len(shape):
            return False  # a loop of no rounds
        self.space = space
        self.program.statements.append(list(lines))
        for v in reads:
            v.reads += 1
        self.variables = [v for v in self.variables if v.name != name]
        self.variables.append(Var(name, shape, owned=owned))
        return True

    def assign(self, text, shape, kinks=(), reads=(), owned=False):
        name = self.new_name()
        return self.add([f"{name} = {text}"], name, shape, kinks, reads, owned)

    def draw(self):
        kinds = (
            (self.unary, 5),
            (self.binary, 5),
            (self.broadcast, 4),
            (self.reduction, 4),
            (self.contraction, 5),
            (self.rearrangement, 4),
            (self.selection, 4),
            (self.windows, 2),
            (self.joined, 2),
            (self.written, 3),
            (self.loop, 3),
            (self.helper, 2),
            (self.idiom, 4),
        )
        makers, weights = zip(*kinds, strict=True)
        return self.rng.choices(makers, weights)[0]()

    def template(self, template, **names):
        text, *kinks = template.split("|")
        return text.format(**names), [k.format(**names) for k in kinks]

    def unary(self):
        a = self.pick()
        text, kinks = self.template(self.rng.choice(UNARY), a=a.name)
        if not a.shape and ".clip(" in text and "np." not in text:
            return False  # Python numbers have no methods
        return self.assign(text, a.shape, kinks, [a])

    def binary(self):
        a = self.pick()
        b = self.pick(lambda v: v.shape == a.shape and v is not a)
        if b is None:
            return False
        text, kinks = self.template(self.rng.choice(BINARY), a=a.name, b=b.name)
        return self.assign(text, a.shape, kinks, [a, b])

    def broadcast(self):
        """Operands of different shapes, with the axes put in place."""
        a = self.pick(lambda v: v.shape)
        if a is None:
            return False
        choices = []
        for b in self.variables:
            if not b.shape:
                choices.append((a.name, b.name, a.shape))
            elif len(b.shape) < len(a.shape) and b.shape == a.shape[-len(b.shape) :]:
                choices.append((a.name, b.name, a.shape))
                choices.append((b.name, a.name, a.shape))
            if len(b.shape) == 1 and len(a.shape) == 2 and b.shape[0] == a.shape[0]:
                choices.append((a.name, f"{b.name}[:, None]", a.shape))
                choices.append((f"{b.name}[:, np.newaxis]", a.name, a.shape))
                choices.append((f"{a.name}.T", b.name, a.shape[::-1]))
            if len(b.shape) == 1 and len(a.shape) == 1:
                choices.append((f"{a.name}[:, None]", f"{b.name}[None, :]", a.shape + b.shape))
            if len(b.shape) == 2 and len(a.shape) == 3 and b.shape == a.shape[:2]:
                choices.append((a.name, f"{b.name}[..., None]", a.shape))
            if len(b.shape) == 2 and len(a.shape) == 2 and a.shape[1] == b.shape[1]:
                shape = (a.shape[0], *b.shape)
                choices.append((f"{a.name}[:, None, :]", f"{b.name}[None]", shape))
        if not choices:
            return False
        left, right, shape = self.rng.choice(choices)
        text, kinks = self.template(self.rng.choice(BINARY), a=left, b=right)
        return self.assign(text, shape, kinks, [a])

    def reduction(self):
        a = self.pick(lambda v: v.shape)
        if a is None:
            return False
        axis, keep = self.rng.randrange(len(a.shape)), self.rng.random() < 0.3
        many = len(a.shape) > 1 and self.rng.random() < 0.2
        whole = self.rng.random() < 0.2
        if whole:
            inside, shape = "", ()
            keep = False
        elif many:
            inside, gone = "axis=(0, -1)", {0, len(a.shape) - 1}
            shape = tuple(w for k, w in enumerate(a.shape) if k not in gone)
        else:
            inside = f"axis={axis if self.rng.random() < 0.6 else axis - len(a.shape)}"
            shape = (*a.shape[:axis], *a.shape[axis + 1 :])
        if keep:
            inside += ", keepdims=True"
            gone = {0, len(a.shape) - 1} if many else {axis}
            shape = tuple(1 if k in gone else w for k, w in enumerate(a.shape))
        name = self.rng.choice(
            ["sum", "sum", "mean", "mean", "max", "min", "prod", "var", "std", "cumsum", "norm"]
        )
        sep = ", " if inside else ""
        kinks = []
        if name in ("max", "min"):
            kinks = [_gap_text(a.name, inside, name)]
        if name == "std":
            kinks = [f"{a.name}.std({inside})"]
        if name == "cumsum":
            if many or keep or whole:
                return False
            return self.assign(f"np.cumsum({a.name}, {inside})", a.shape, (), [a])
        if name == "norm":
            if many:
                return False
            kinks = [f"np.linalg.norm({a.name}{sep}{inside})"]
            return self.assign(f"np.linalg.norm({a.name}{sep}{inside})", shape, kinks, [a])
        if name == "prod" and (whole or many):
            return False
        text = (
            f"{a.name}.{name}({inside})"
            if self.rng.random() < 0.5
            else f"np.{name}({a.name}{sep}{inside})"
        )
        if name == "sum" and not whole and self.rng.random() < 0.3:
            text = f"{text} / {a.name}.shape[{axis}]"
        return self.assign(text, shape, kinks, [a])

    def contraction(self):
        a = self.pick(lambda v: v.shape)
        if a is None:
            return False
        choices = []
        for b in self.variables:
            if not b.shape:
                continue
            if a.shape[-1] == b.shape[max(len(b.shape) - 2, 0)] and len(b.shape) < 3:
                shape = (*a.shape[:-1], *(b.shape[1:] if len(b.shape) == 2 else ()))
                choices += [(f"{a.name} @ {b.name}", shape), (f"np.dot({a.name}, {b.name})", shape)]
                choices.append((f"np.matmul({a.name}, {b.name})", shape))
            if len(a.shape) == len(b.shape) == 2:
                if a.shape[0] == b.shape[0]:
                    choices.append((f"{a.name}.T @ {b.name}", (a.shape[1], b.shape[1])))
                    text = f'np.einsum("ij,ik->jk", {a.name}, {b.name})'
                    choices.append((text, (a.shape[1], b.shape[1])))
                    text = f"np.tensordot({a.name}, {b.name}, axes=(0, 0))"
                    choices.append((text, (a.shape[1], b.shape[1])))
                if a.shape[1] == b.shape[1]:
                    choices.append((f"{a.name} @ {b.name}.T", (a.shape[0], b.shape[0])))
                    choices.append((f"np.inner({a.name}, {b.name})", (a.shape[0], b.shape[0])))
                    choices.append((f"np.trace({a.name} @ {a.name}.T)", ()))
                if a.shape == b.shape:
                    choices.append((f'np.einsum("ij,ij->i", {a.name}, {b.name})', a.shape[:1]))
                    choices.append((f'np.einsum("ij,ij", {a.name}, {b.name})', ()))
                    choices.append((f"np.vdot({a.name}, {b.name})", ()))
            if len(a.shape) == len(b.shape) == 1:
                choices.append((f"np.outer({a.name}, {b.name})", a.shape + b.shape))
            if len(a.shape) == 3 and len(b.shape) == 3 and a.shape == b.shape:
                text = f"{a.name} @ np.swapaxes({b.name}, 1, 2)"
                choices.append((text, (*a.shape[:2], a.shape[1])))
                text = f'np.einsum("bij,bkj->bik", {a.name}, {b.name})'
                choices.append((text, (*a.shape[:2], a.shape[1])))
            if len(a.shape) == 3 and len(b.shape) == 1 and b.shape[0] == a.shape[0]:
                choices.append((f'np.einsum("bij,b->ij", {a.name}, {b.name})', a.shape[1:]))
        if not choices:
            return False
        text, shape = self.rng.choice(choices)
        return self.assign(text, shape, (), [a])

    def rearrangement(self):
        a = self.pick(lambda v: v.shape)
        if a is None:
            return False
        rank, name = len(a.shape), a.name
        flat = "*".join(map(str, a.shape)) if rank > 1 else a.shape[0]
        choices = [
            (f"{name}.reshape(-1)", (flat,)),
            (f"{name}.ravel()", (flat,)),
            (f"np.reshape({name}, {name}.size)", (flat,)),
            (f"{name}.flatten()", (flat,)),
            (f"{name}[None]", (1, *a.shape)),
            (f"np.expand_dims({name}, -1)", (*a.shape, 1)),
            (f"{name}[..., None]", (*a.shape, 1)),
            (f"{name}[::-1]", a.shape),
            (f"np.flip({name}, axis=0)", a.shape),
            (f"{name}.copy()", a.shape),
        ]
        if rank == 1 and "?" not in str(a.shape[0]) and "*" not in str(a.shape[0]):
            other = self.rng.choice(["n", "d", "k"])
            if other in self.space:
                text = f"np.broadcast_to({name}, ({other}, {name}.shape[0]))"
                choices.append((text, (other, *a.shape)))
            choices.append((f"np.diag({name})", a.shape * 2))
        if rank == 2:
            choices += [
                (f"{name}.T", a.shape[::-1]),
                (f"np.transpose({name})", a.shape[::-1]),
                (f"{name}.reshape({name}.shape[1], {name}.shape[0])", a.shape[::-1]),
                (f"{name}.swapaxes(0, 1)", a.shape[::-1]),
                (f"np.fliplr({name})", a.shape),
                (f"np.triu({name})", a.shape),
                (f"np.tril({name}, -1)", a.shape),
            ]
            if a.shape[0] == a.shape[1]:
                choices += [
                    (f"np.diag({name})", a.shape[:1]),
                    (f"np.diagonal({name})", a.shape[:1]),
                ]
        if rank == 3:
            choices += [
                (f"np.transpose({name}, (2, 0, 1))", (a.shape[2], *a.shape[:2])),
                (f"np.moveaxis({name}, 0, -1)", (*a.shape[1:], a.shape[0])),
                (
                    f"{name}.reshape({name}.shape[0], -1)",
                    (a.shape[0], f"{a.shape[1]}*{a.shape[2]}"),
                ),
                (f"{name}.transpose(1, 0, 2)", (a.shape[1], a.shape[0], a.shape[2])),
            ]
        if 1 in a.shape:
            axis = a.shape.index(1)
            choices.append(
                (f"np.squeeze({name}, axis={axis})", (*a.shape[:axis], *a.shape[axis + 1 :]))
            )
        text, shape = self.rng.choice(choices)
        return self.assign(text, shape, (), [a], owned=text.endswith(".copy()"))

    def selection(self):
        a = self.pick(lambda v: v.shape and 1 not in v.shape)
        if a is None:
            return False
        name, first, rest = a.name, a.shape[0], a.shape[1:]
        choices = [
            (f"{name}[0]", rest, ()),
            (f"{name}[-1]", rest, ()),
            (f"{name}[1]", rest, ()),
            (f"{name}[1:]", (self.word(a), *rest), ()),
            (f"{name}[:-1]", (self.word(a), *rest), ()),
            (f"{name}[::2]", (self.word(a), *rest), ()),
            (f"{name}[[1, 0, 1]]", (3, *rest), ()),
            (f"{name}[np.array([0, 1])]", (2, *rest), ()),
            (f"np.take({name}, [1, 1, 0], axis=0)", (3, *rest), ()),
            (f"{name}[1:] - {name}[:-1]", (self.word(a), *rest), ()),
            (f"{name}[..., 0]", a.shape[:-1], ()),
            (f"{name}[..., -1:]", (*a.shape[:-1], 1), ()),
            (f"{name}[{name} > 0.1]", (f"{self.word(a)} selected",), (f"{name} - 0.1",)),
        ]
        if rest:
            choices += [
                (f"{name}[:, 0]", (first, *rest[1:]), ()),
                (f"{name}[:, ::-1]", a.shape, ()),
                (f"{name}[:, 1:]", (first, self.word(a), *rest[1:]), ()),
                (f"{name}[:, [1, 0]]", (first, 2, *rest[1:]), ()),
                (f"{name}[0, 1]", rest[1:], ()),
                (f"{name}[[0, 1, 1], [1, 0, 1]]", (3, *rest[1:]), ()),
                (f"{name}[np.newaxis, :, 0]", (1, first, *rest[1:]), ()),
            ]
        for p in self.indices:
            choices.append((f"{name}[{p.name}]", (*p.shape, *rest), ()))
            if rest and first == p.shape[0]:
                text = f"{name}[np.arange({name}.shape[0]), {p.name}]"
                choices += [(text, (first, *rest[1:]), ())] * 3
            if len(a.shape) == 2 and first == p.shape[0]:
                text = f"np.take_along_axis({name}, {p.name}[:, None], axis=1)"
                choices.append((text, (first, 1), ()))
        text, shape, kinks = self.rng.choice(choices)
        return self.assign(text, shape, kinks, [a])

    def windows(self):
        """Windows that slide over one axis or two, and what people do with them."""
        a = self.pick(lambda v: v.shape and 1 not in v.shape and "selected" not in str(v.shape))
        if a is None:
            return False
        name, k = a.name, self.rng.randrange(len(a.shape))
        moved = (*a.shape[:k], self.word(a), *a.shape[k + 1 :])
        one = f"np.lib.stride_tricks.sliding_window_view({name}, 2, axis={k})"
        chosen = f"{one}[{':, ' * k}::2]"
        gaps = f"np.diff({one})"
        choices = [
            (one, (*moved, 2), ()),
            (f"{one}.mean(axis=-1)", moved, ()),
            (f"{chosen}.sum(axis=-1)", moved, ()),
            (f"{one}.max(axis=-1)", moved, (gaps,)),
            (f"{chosen}.max(axis=-1)", moved, (gaps,)),
            (f"np.min({one}, axis=-1)", moved, (gaps,)),
            (f"{one} @ np.array([0.5, -0.8])", moved, ()),
            (f"{chosen} @ np.array([[0.5, -0.8, 1.0], [0.2, 0.3, 0.4]])", (*moved, 3), ()),
            (f"np.lib.stride_tricks.sliding_window_view({name}, (2, 1), axis=({k}, {k}))",
             (*moved, 2, 1), ()),
        ]  # fmt: skip
        if len(a.shape) == 2:
            two = f"np.lib.stride_tricks.sliding_window_view({name}, (2, 2))"
            both = (self.word(a), self.word(a))
            kernel = "np.array([[0.5, -0.8], [0.3, 0.2]])"
            choices += [
                (f'np.einsum("ijuv,uv->ij", {two}, {kernel})', both, ()),
                (f"np.tensordot({two}, {kernel}, axes=2)", both, ()),
                (f"{two}[::2, ::2].mean(axis=(-2, -1))", both, ()),
                (f"({two} * {kernel}).sum(axis=(2, 3))", both, ()),
            ]
        text, shape, kinks = self.rng.choice(choices)
        return self.assign(text, shape, kinks, [a])

    def joined(self):
        a = self.pick(lambda v: v.shape)
        if a is None:
            return False
        b = self.pick(lambda v: v.shape == a.shape) or a
        rank = len(a.shape)
        axis = self.rng.randrange(rank)
        both = (*a.shape[:axis], self.word(a), *a.shape[axis + 1 :])
        choices = [
            (f"np.concatenate([{a.name}, {b.name}], axis={axis})", both),
            (f"np.stack([{a.name}, {b.name}, {a.name}])", (3, *a.shape)),
            (f"np.stack(({a.name}, {b.name}), axis=-1)", (*a.shape, 2)),
            (f"np.array([{a.name}, {b.name}])", (2, *a.shape)),
        ]
        if rank == 1:
            choices += [
                (f"np.hstack([{a.name}, {b.name}])", both),
                (f"np.vstack([{a.name}, {b.name}])", (2, *a.shape)),
                (f"np.column_stack([{a.name}, {b.name}])", (*a.shape, 2)),
                (f"np.append({a.name}, {b.name})", both),
            ]
        scalar = self.pick(lambda v: v.shape == ())
        if scalar is not None:
            choices.append((f"np.array([{scalar.name}, 0.5, 2 * {scalar.name}])", (3,)))
        text, shape = self.rng.choice(choices)
        return self.assign(text, shape, (), [a, b])

    def written(self):
        """Item assignment on a local array."""
        a = self.pick(
            lambda v: v.shape and not any("?" in str(w) for w in v.shape) and 1 not in v.shape
        )
        if a is None:
            return False
        self.count += 1
        name = f"w{self.count}"
        made = self.rng.choice(
            [
                f"{a.name}.copy()",
                f"np.zeros({a.name}.shape)",
                f"np.zeros_like({a.name})",
                f"np.ones({a.name}.shape)",
                f"{a.name} * 0.5",
                f"np.array({a.name})",
            ]
        )
        row = self.pick(lambda v: v.shape == a.shape[1:])
        part = row.name if row is not None else "0.5"
        writes = [
            f"{name}[0] = {part}",
            f"{name}[-1] += {part}",
            f"{name}[1] *= 2.0",
            f"{name}[1:] += {a.name}[:-1]",
            f"{name}[0] = {name}[1] ** 2",
            f"{name} *= 0.7",
            f"{name}[:-1] -= 0.3 * {a.name}[1:]",
            f"{name}[...] = {a.name} + {name}",
            f"{name}[[0, 1]] = {a.name}[[1, 0]]",
            f"{name} += {a.name} ** 2",
            f"{name}[::2] = 0.25",
            f"{name}[1] = np.sin({a.name}[0])",
            f"{name} -= {part}",
        ]
        kinks = []
        if len(a.shape) == 2:
            writes += [
                f"{name}[:, 0] = {a.name}[:, 1]",
                f"{name}[0, 1] = 3 * {a.name}[1, 0]",
                f"{name}[:, 1] += {a.name}[:, 0] ** 2",
            ]
        if self.rng.random() < 0.2:
            writes.append(f"{name}[{a.name} > 0.3] = 0.1")
            kinks.append(f"{a.name} - 0.3")
        lines = [f"{name} = {made}", *self.rng.sample(writes, self.rng.randint(1, 3))]
        return self.add(lines, name, a.shape, kinks, [a], owned=True)

    def loop(self):
        a = self.pick(lambda v: v.shape and 1 not in v.shape and "selected" not in str(v.shape))
        if a is None:
            return False
        self.count += 1
        s, x = f"acc{self.count}", a.name
        rest = a.shape[1:]
        same = self.pick(lambda v: v.shape == rest)
        step = f"np.tanh({same.name})" if same is not None else "0.3"
        choices = [
            (
                [
                    f"{s} = 0.0",
                    "for i in range(3):",
                    f"    {s} = {s} + np.sum({x}) * (i + 1) * 0.1",
                ],
                (),
            ),
            (
                [
                    f"{s} = 0.0",
                    f"for i in range({x}.shape[0]):",
                    f"    {s} = {s} + np.sin({x}[i]) * i",
                ],
                rest,
            ),
            ([f"{s} = 0.0", f"for row in {x}:", f"    {s} = {s} * 0.5 + row * {step}"], rest),
            ([f"{s} = {x}", "for _ in range(2):", f"    {s} = np.tanh({s} + 0.5 * {x})"], a.shape),
            (
                [
                    f"{s} = []",
                    f"for i in range(len({x})):",
                    f"    {s}.append({x}[i] * {step})",
                    f"{s} = np.stack({s})",
                ],
                a.shape,
            ),
            (
                [
                    f"{s} = np.zeros({x}.shape)",
                    f"for i in range(1, {x}.shape[0]):",
                    f"    {s}[i] = 0.6 * {s}[i - 1] + {x}[i] * {step}",
                ],
                a.shape,
            ),
            (
                [
                    f"{s} = 0.0",
                    f"for i, row in enumerate({x}):",
                    f"    {s} += np.mean(row) * (i + 1)",
                ],
                (),
            ),
            (
                [
                    f"{s} = 1.0",
                    f"for left, right in zip({x}[:-1], {x}[1:]):",
                    f"    {s} = {s} + left * right",
                ],
                rest,
            ),
            ([f"{s} = sum([{x}[0] * weight for weight in (0.5, 2.0)])"], rest),
            (
                [
                    f"{s} = {x}.copy()",
                    "for scale in (0.3, 0.7):",
                    f"    {s} *= scale",
                    f"    {s} += {x}",
                ],
                a.shape,
            ),
        ]
        lines, shape = self.rng.choice(choices)
        return self.add(lines, s, shape, (), [a])

    def helper(self):
        a = self.pick()
        self.count += 1
        h = f"helper{self.count}"
        text, kinks = self.template(self.rng.choice(UNARY), a="x")
        if ".clip(" in text and "np." not in text:
            return False
        inner, more = self.template(self.rng.choice(UNARY), a="y")
        if more or "y.clip" in inner:
            inner = "y + 1"
        body = self.rng.choice(
            [
                [f"def {h}(x):", f"    return {text}"],
                [f"def {h}(x, c=0.5):", f"    y = {text}", f"    return c * ({inner})"],
                [f"{h} = lambda x: {text}"],
            ]
        )
        space = dict(self.space)
        exec("\n".join(body), space)
        old = self.space
        self.space = space
        kinks = [
            k.replace("x", a.name) if k == "x" else f"(lambda x: {k})({a.name})" for k in kinks
        ]
        if self.assign(f"{h}({a.name})", a.shape, kinks, [a]):
            self.program.helpers.append(body)
            return True
        self.space = old
        return False

    def idiom(self):
        """What models are made of, in several statements."""
        a = self.pick(lambda v: v.shape and 1 not in v.shape and "selected" not in str(v.shape))
        if a is None:
            return False
        x, axis = a.name, len(a.shape) - 1
        self.count += 1
        p, e = f"p{self.count}", f"e{self.count}"
        gap = _gap_text(x, f"axis={axis}", "max")
        choices = [
            (
                [
                    f"{e} = np.exp({x} - {x}.max(axis={axis}, keepdims=True))",
                    f"{p} = {e} / {e}.sum(axis={axis}, keepdims=True)",
                ],
                a.shape,
                [gap],
            ),
            (
                [f"{e} = np.exp({x})", f"{p} = {e} / np.sum({e}, axis=-1, keepdims=True)"],
                a.shape,
                (),
            ),
            ([f"{p} = np.log(np.sum(np.exp({x}), axis=-1))"], a.shape[:-1], ()),
            ([f"{p} = {x} - np.log(np.sum(np.exp({x}), axis=-1, keepdims=True))"], a.shape, ()),
            (
                [
                    f"{e} = {x}.max(axis=-1, keepdims=True)",
                    f"{p} = {e} + np.log(np.exp({x} - {e}).sum(axis=-1, keepdims=True))",
                ],
                (*a.shape[:-1], 1),
                [gap],
            ),
            (
                [
                    f"{p} = ({x} - {x}.mean(axis=-1, keepdims=True)) / np.sqrt("
                    f"{x}.var(axis=-1, keepdims=True) + 0.01)"
                ],
                a.shape,
                (),
            ),
            (
                [
                    f"{e} = 1 / (1 + np.exp(-{x}))",
                    f"{p} = -(0.3 * np.log({e}) + 0.7 * np.log(1 - {e}))",
                ],
                a.shape,
                (),
            ),
            ([f"{p} = {x} / np.sqrt(np.sum({x} ** 2, axis=-1, keepdims=True) + 0.1)"], a.shape, ()),
            (
                [f"{e} = {x} - {x}.mean()", f"{p} = {e} / ({e}.std() + 0.1)"],
                a.shape,
                [f"{x}.std()"],
            ),
        ]
        for q in self.indices:
            if len(a.shape) == 2 and a.shape[0] == q.shape[0]:
                choices += [
                    (
                        [
                            f"{e} = {x} - {x}.max(axis=1, keepdims=True)",
                            f"{e} = {e} - np.log(np.sum(np.exp({e}), axis=1, keepdims=True))",
                            f"{p} = -{e}[np.arange(len({q.name})), {q.name}].mean()",
                        ],
                        (),
                        [gap],
                    )
                ] * 2
        lines, shape, kinks = self.rng.choice(choices)
        return self.add(lines, p, shape, kinks, [a])

    # --- the whole

    def finish(self):
        """Let the result read everything that nothing else read."""
        left = [v for v in self.variables if v.reads == 0] or self.variables[-1:]
        terms = []
        for k, v in enumerate(left):
            weight = (0.7, 1.3, -0.4, 0.9)[k % 4]
            form = self.rng.choice(
                ["np.sum({v})", "np.mean({v} ** 2)", "np.sum(np.sin({v}))", "np.mean({v})"]
                if v.shape
                else ["{v}", "{v} ** 2", "np.cos({v})"]
            )
            if "mean" in form and any("?" in str(w) for w in v.shape):
                form = "np.sum({v} ** 2)"  # a mean over nothing is not a number
            terms.append(f"{weight} * {form.format(v=v.name)}")
        self.program.result = " + ".join(terms)
        return self.program


def _parameters(rng):
    shapes = [
        ("n", "d"),
        ("d", "k"),
        ("d",),
        ("n",),
        (),
        ("k",),
        ("n", "k"),
        ("n", "d", "k"),
        ("d", "d"),
        (),
        ("k", "d"),
    ]
    names = ["X", "W", "b", "y", "c", "v", "Y", "T", "A", "lam", "V"]
    chosen = sorted(rng.sample(range(len(shapes)), rng.randint(2, 5)))
    if not any(shapes[k] for k in chosen):
        chosen.append(0)
    found = [Parameter(names[k], shapes[k]) for k in chosen]
    rng.shuffle(found)
    if rng.random() < 0.4:
        words = sorted({w for p in found for w in p.shape})
        found.append(Parameter("idx", (rng.choice(words),), integer=True))
    return found


def _gap_text(x, inside, name):
    """Return the text of how far the extreme stands from the next."""
    axis = inside.partition("axis=")[2].partition(", keep")[0] if inside else "None"
    return f"_gap({x}, {axis}, {name!r})"


def _gap(x, axis, name):
    x = np.asarray(x) if name == "max" else -np.asarray(x)
    axes = tuple(range(x.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = tuple(a % x.ndim for a in axes)
    kept = tuple(k for k in range(x.ndim) if k not in axes)
    flat = np.transpose(x, (*kept, *axes)).reshape(*(x.shape[k] for k in kept), -1)
    if flat.shape[-1] < 2:
        return np.ones(1)
    ordered = np.sort(flat, axis=-1)
    return ordered[..., -1] - ordered[..., -2]


def generate(seed):
    """Return the program number ``seed``."""
    generator = Generator(seed)
    generator.space["_gap"] = _gap
    wanted, tries = generator.rng.randint(3, 15), 0
    while len(generator.program.statements) < wanted and tries < 200:
        tries += 1
        generator.draw()
    return generator.finish()
