"""A staged twin does what its function does, and a run-time sees how."""

from __future__ import annotations

import ast
import asyncio
import copy
import difflib
import fractions
import functools
import importlib.util
import inspect
import json
import linecache
import os
import statistics
import subprocess
import sys
import textwrap
import threading
import traceback
import types
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from symgrad.errors import TraceError
from symgrad.stage import Runtime, is_staged, stage, use, why_not
from symgrad.stage.scopes import block_scope, body_of, mangle, parameters

ROOT = Path(__file__).resolve().parents[1]


class Recorder:
    """A run-time that writes down each event and gives what plain Python gives."""

    def __init__(self) -> None:
        self.events: list[tuple[Any, ...]] = []

    def call(self, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        self.events.append(("call", getattr(function, "__name__", type(function).__name__)))
        return function(*args, **kwargs)

    def name(self, name: str, value: Any) -> Any:
        self.events.append(("name", name))
        return value

    def load(self, name: str, read: Callable[[], Any]) -> Any:
        self.events.append(("load", name))
        return read()

    def attribute(self, owner: Any, name: str) -> Any:
        self.events.append(("attribute", name))
        return getattr(owner, name)

    def iterate(self, iterable: Any, line: int) -> Any:
        self.events.append(("iterate", line))
        return iterable

    def of(self, kind: str) -> list[Any]:
        return [event[1] for event in self.events if event[0] == kind]


class Deep(Recorder):
    """A run-time that stages whatever is called, as a trace does."""

    def call(self, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        if isinstance(function, types.MethodType):
            function, args = function.__func__, (function.__self__, *args)
        return (stage(function) or function)(*args, **kwargs)


@pytest.fixture
def load(tmp_path: Path) -> Iterator[Callable[[str], Any]]:
    """Import source text as a module from a file of its own."""
    count = iter(range(100))

    def from_text(text: str) -> Any:
        path = tmp_path / f"user_{next(count)}.py"
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return from_path(path)

    yield from_text


def from_path(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # dataclasses look for it there
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules[path.stem]
    return module


def twin_of(function: Any) -> Any:
    twin = stage(function)
    assert twin is not None, why_not(function)
    return twin


def events(function: Any, *args: Any) -> Recorder:
    recorder = Recorder()
    with use(recorder):
        twin_of(function)(*args)
    return recorder


def outcome(function: Callable[[], Any]) -> tuple[str, str]:
    """Return what a call gives, or how it fails, in a form that compares."""
    try:
        result = function()
    except Exception as error:
        return type(error).__name__, str(error)
    if inspect.isgenerator(result):
        result = list(result)
    if inspect.iscoroutine(result):
        result = asyncio.run(result)
    return type(result).__name__, repr(result)


# -- the same behaviour ------------------------------------------------------------------------

# name: the body of a module in which f() is the program
PROGRAMS = {
    "positional, keyword and rest arguments": """
        def g(a, /, b, *rest, c=3, d, **more):
            return a, b, rest, c, d, sorted(more.items())
        def f():
            pair, table = (1, 2), {"d": 4, "z": 5}
            return g(*pair, 7, *[8, 9], c=0, **table), g(1, 2, d=3, **{"function": 1, "self": 2})
    """,
    "defaults and keyword-only defaults": """
        def make(n):
            def f(a=n, *, b=n + 1, c=[n]):
                return a, b, c
            return f
        f = make(3)
    """,
    "closure over several cells, read late": """
        def make():
            zebra, apple, mango = 1, 2, 3
            def f():
                return [zebra, mango, apple, (lambda: apple + zebra)()]
            apple = 20
            return f
        f = make()
    """,
    "functions made in a loop": """
        fs = []
        for i in range(3):
            def g(x, i=i):
                return x * i
            fs.append(g)
        f = lambda: [g(2) for g in fs]
    """,
    "two lambdas on one line": "a, f = lambda: 1 + 1, lambda: 1 + 2",
    "two equal lambdas on one line": "W = 3\na, f = lambda: W + 1, lambda: W + 1",
    "lambda within lambda": "f = lambda: (lambda x: lambda y: x + y)(1)(2)",
    "lambda as a default": """
        def outer(g=lambda x: x + 1, *, h=lambda x: x * 2):
            return g(h(3))
        def f():
            return outer()
    """,
    "decorated function": """
        import functools
        def twice(g):
            @functools.wraps(g)
            def wrapper(*a):
                return g(*a) + g(*a)
            return wrapper
        def f():
            @twice
            @functools.lru_cache(maxsize=None)
            def g(x):
                return [x]
            return g(1)
    """,
    "recursion": """
        def f(n=10):
            return n if n < 2 else f(n - 1) + f(n - 2)
    """,
    "deep recursion": """
        def f(n=250):
            return 0 if n == 0 else 1 + f(n - 1)
    """,
    "method with super and private names": """
        class Base:
            def go(self, x): return x + 1
        class _Model(Base):
            def __init__(self): self.__w = 5
            def __secret(self, __x): return __x * self.__w
            def go(self, x):
                __y = super().go(x)
                return self.__secret(__y), [self.__w for _ in range(2)], __class__.__name__
        f = _Model().go.__func__.__get__(_Model())
        f = lambda f=f: f(3)
        go = _Model.go
    """,
    "super with arguments": """
        class A:
            def f(self): return "A"
        class B(A):
            def f(self): return super(B, self).f() + "B"
        f = B().f
    """,
    "class in a function": """
        X = "global"
        def f(y="argument"):
            x = "local"
            class C:
                a = X
                X = 3
                b = X
                c = [x, y]
                d = [i for i in range(X)]
                len = len("four")
                __hidden = len
                def get(self): return self.__hidden, X, y, __class__.__name__
                name = __qualname__
            return C.a, C.b, C.c, C.d, C.len, C.name, C().get(), sorted(vars(C))[:3]
    """,
    "class whose namespace knows more names": """
        X = "global"
        class Meta(type):
            @classmethod
            def __prepare__(meta, name, bases): return {"X": "prepared", "Y": "too"}
        def f():
            class C(metaclass=Meta):
                a = X, Y
            return C.a
    """,
    "enumeration in a function": """
        import enum
        def f():
            class Colour(enum.Enum):
                RED = enum.auto()
                BLUE = RED.value + 1
            match Colour(1):
                case Colour.BLUE: return "blue"
                case Colour.RED: return "red", list(Colour)
    """,
    "comprehension scopes": """
        def f(n=3):
            i = "kept"
            a = [i * j for i in range(n) for j in range(i) if j != i]
            b = {i: {j for j in range(i)} for i in range(n)}
            c = list(x for x in (y for y in range(n)))
            d = [lambda: k for k in range(n)]
            return i, a, b, c, [g() for g in d]
    """,
    "walrus in a comprehension": """
        def f():
            total = 0
            sums = [total := total + v for v in range(5) if (half := v // 2) >= 0]
            while (total := total - 3) > 0: pass
            return total, sums, half
    """,
    "unpacking": """
        def f():
            a = b = [1, 2]
            (c, [d, *e]), g = ("x", "yzw"), 5
            a[0], a[1] = a[1], a[0]
            x, x = 1, 2
            h: int = 7
            k: "undefined name"
            b += [g]
            (m) = h
            return a is b, a, c, d, e, g, x, h, m
    """,
    "targets that are no names": """
        class O: pass
        def f():
            o, d = O(), {}
            o.a, d["k"], *o.rest = 1, 2, 3, 4
            for o.i in range(3): d[o.i] = o.i
            for d["t"] in "ab": pass
            o.a += 5; d["k"] *= 2
            o.n: int = 3
            del d["t"], o.i
            return vars(o), d
    """,
    "loops with else, break and continue": """
        def f():
            out = []
            for i, (a, *b) in enumerate([(1, 2), (3, 4, 5)]):
                if i: continue
                out.append((i, a, b))
            else:
                out.append("else")
            for q in []: pass
            else: out.append("empty")
            return out, i, a, b
    """,
    "with and try": """
        from contextlib import contextmanager, suppress
        @contextmanager
        def note(log, x):
            log.append(x)
            try: yield x
            finally: log.append(-x)
        def f():
            log = []
            with note(log, 1) as a, note(log, a + 1) as b, suppress(ValueError):
                log.append((a, b))
                raise ValueError
            try:
                1 / 0
            except ZeroDivisionError as e:
                log.append(str(e))
            finally:
                log.append("done")
            return log, "e" in locals()
    """,
    "unbound and deleted locals": """
        def f():
            try:
                x
            except UnboundLocalError as e:
                first = str(e)
            x = 1
            del x
            return first, x
    """,
    "unknown global": "def f(): return nowhere + 1",
    "unassigned free variable": """
        def make():
            def f(): return late
            return f
            late = 1
        f = make()
    """,
    "unknown attribute": "def f(): return (1).nothing",
    "wrong arguments": "def g(a): pass\ndef f(): return g(1, 2, c=3)",
    "generator with send": """
        def g():
            got = yield 1
            while got: got = yield got * 2
            yield from [(yield)] or ()
        def f():
            it = g()
            return next(it), it.send(3), it.send(4)
    """,
    "root is a generator": "def f():\n for i in range(3):\n  x = yield i\n  yield x",
    "root is a coroutine": """
        import asyncio
        class Ctx:
            async def __aenter__(self): return 5
            async def __aexit__(self, *a): return False
        async def count(n):
            for i in range(n): yield i
        async def f():
            out = []
            async for i in count(3): out.append(i)
            async with Ctx() as c: out.append(c)
            out += [i async for i in count(2) if await asyncio.sleep(0, True)]
            return out + [await asyncio.sleep(0, j) for j in range(2)]
    """,
    "match": """
        from dataclasses import dataclass
        import math
        @dataclass
        class P: x: int; y: int
        def g(v):
            match v:
                case P(x=0, y=y): return "P0", y
                case P(a, b) if max(a, b) > 3: return "P", a, b
                case [1, *rest]: return "list", rest
                case {"k": k, **more}: return k, more
                case math.pi: return "pi"
                case int() | str() as q: return q
                case _: return None
        def f():
            return [g(v) for v in (P(0, 1), P(4, 2), [1, 2], {"k": 1, "m": 2}, math.pi, 7, 1.5)]
    """,
    "f-strings": """
        W = 3.14159
        def f(w=8):
            return f"{W:{w}.{w - 5}f} {W=!r} {f'{len(str(W))}'} {{}} {W + 1 = }"
    """,
    "strings, docstrings and constants": '''
        def f():
            """A docstring."""
            def g():
                "its own"
            return f.__doc__, g.__doc__, -0.0, (1, 1.0, True), frozenset({1}), b"x", ...
    ''',
    "what reads the frame": """
        W = 2
        def f(x=3):
            y = 4
            inner = sorted(locals()), sorted(vars()), sorted(dir()), "W" in globals()
            exec("z = 1")
            return inner, eval("x + y + W"), [eval("W") for _ in "a"]
    """,
    "a built-in shadowed by a local": "def f(len=sum):\n eval = max\n return len([1]), eval(1, 2)",
    "a built-in shadowed by a global": "len = sum\ndef f(): return len([1, 2, 3])",
    "nonlocal inside the function": """
        def f():
            count = 0
            def up():
                nonlocal count
                count += 1
                class C:
                    nonlocal count
                    count = count + 10
                return count
            return up(), up(), count
    """,
    "global that is only read": """
        W = 3
        def f():
            global W
            def g(): return W
            return g() + W
    """,
    "starred subscripts, slices, comparisons": """
        def f():
            d = {(0, 1, 2): "t"}
            i = [1, 2]
            return d[0, *i], [1, 2, 3, 4][len(i)::-1], 1 < len(i) <= 2 != 3, i if i else None
    """,
    "imports in the function": """
        def f():
            import os.path, math as m
            from json import dumps as d
            return os.path.basename("a/b"), m.floor(2.5), d([1])
    """,
    "unicode and tabs": "def f(ö=2):\n\tπ = 'ü' * ö; λ = (lambda é: é + π)\n\treturn λ('ж')",
    "evaluation order": """
        def f():
            log = []
            def t(x, r=None):
                log.append(x)
                return r or (lambda *a, **k: (a, k))
            t("f")(t("a", 1), *t("b", [2]), k=t("c", 3), **t("d", {"z": 4}))
            t("o", {})[t("i", 1)] = t("v", 2)
            return log
    """,
    "chained attribute and call": "def f(): return ' a,b '.strip().upper().split(',')[-1].lower()",
    "assertions": "def f(x=3):\n assert x == 3, 'no'\n assert x > len('four'), f'{x} small'",
    "__debug__ and __name__": "def f():\n if __debug__: return __name__.startswith('user')",
    "nested default with a class scope": """
        Y = 4
        def f():
            z = 5
            class C:
                w = 6
                def m(self, a=w, b=z, c=Y, *, d=lambda: Y): return a, b, c, d()
            return C().m()
    """,
    "exceptions with groups": """
        def f():
            try:
                raise ExceptionGroup("g", [ValueError("v"), TypeError("t")])
            except* ValueError as e:
                got = [str(x) for x in e.exceptions]
            except* TypeError:
                got.append("t")
            return got
    """,
    "keywords that the relay might claim": "def f(): return dict(function=1, self=2, name=3)",
    "annotated nested function": """
        def f():
            def g(a: int, *b: str) -> "list[int]": return [a]
            return g(1), g.__annotations__
    """,
}

GENERIC = {
    "generic functions and classes": """
        class Base[T]:
            pass
        def f[T: (int, str)](x: T = 3) -> T:
            type Pair[S] = tuple[S, T]
            class Box[U](Base[U]):
                def get[V](self, v: V = len("ab")) -> V: return v, U.__name__, T.__name__
            def inner[R](r: R) -> R: return r, R.__name__
            class Outer:
                class In[Q](Base[Q]): size = len("abc")
            return Box().get(), inner(x), Pair.__name__, Outer.In.size, T.__name__
    """,
}
if sys.version_info >= (3, 12):
    PROGRAMS |= GENERIC


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
@pytest.mark.parametrize("header", ["", "from __future__ import annotations\n"])
@pytest.mark.parametrize("runtime", [None, Recorder(), Deep()], ids=["plain", "recorded", "deep"])
def test_a_twin_does_what_its_function_does(
    program: str, header: str, runtime: Runtime | None, load: Callable[[str], Any]
) -> None:
    module = load(header + textwrap.dedent(program))
    expected = outcome(module.f)
    if isinstance(module.f, types.MethodType):
        twin = twin_of(module.f.__func__).__get__(module.f.__self__)
    else:
        twin = twin_of(module.f)
    before = set(vars(module))
    with use(runtime):
        assert outcome(twin) == expected
    assert set(vars(module)) == before


STANDARD = {
    "difflib": lambda: list(difflib.unified_diff(["a", "b", "c"], ["a", "x", "c"])),
    "fractions": lambda: sum(fractions.Fraction(1, n) for n in range(1, 9)),
    "json": lambda: json.JSONEncoder(indent=1, sort_keys=True).encode({"b": [1, {}], "a": "é"}),
    "statistics": lambda: statistics.linear_regression([1, 2, 3], [2, 4, 7]),
    "textwrap": lambda: textwrap.fill("one two three four five " * 9, width=30),
    "ast": lambda: ast.unparse(ast.parse("def f(x): return [y for y in x if y]")),
}


@pytest.mark.parametrize("program", STANDARD.values(), ids=STANDARD)
def test_the_standard_library_runs_staged_to_the_bottom(program: Callable[[], Any]) -> None:
    with use(Deep()):
        assert repr(twin_of(program)()) == repr(program())


MODULES = [ast, difflib, fractions, inspect, json.encoder, statistics, textwrap]


@pytest.mark.parametrize("module", [*MODULES, asyncio.base_events])
def test_every_function_of_a_module_stages_and_keeps_its_variables(module: Any) -> None:
    for function in functions_of(module):
        try:
            twin = twin_of(function)
        except TraceError as error:
            assert "declared `" in str(error)
            continue
        for kind in ("co_varnames", "co_cellvars", "co_freevars"):
            assert set(getattr(twin.__code__, kind)) == set(getattr(function.__code__, kind))


def functions_of(module: Any) -> list[types.FunctionType]:
    classes = [v for v in vars(module).values() if isinstance(v, type)]
    owners = [module, *(c for c in classes if c.__module__ == module.__name__)]
    found = [v for owner in owners for v in vars(owner).values()]
    mine = [f for f in found if isinstance(f, types.FunctionType)]
    return [f for f in mine if f.__code__.co_filename == module.__file__]


PLACES = """
import functools
W = 2
fs = [lambda x, i=i: x + i * W for i in range(3)]
def deco(g):
    return lambda f: functools.wraps(f)(lambda *a: g(f(*a)))
@deco(lambda v: v + W)
@deco(lambda v: v * W)
def decorated(x, key=lambda q: q + W, *, other=lambda q: q - W):
    return key(x) + other(x)
if W:
    try:
        def in_blocks(x): return abs(x) + W
    finally:
        pass
class A:
    method = lambda self, x: x + W
    class __B:
        def __m(self, __x): return __x + self.__n
        __n = 4
        def go(self, x): return self.__m(x), [self.__m(i) for i in range(x)]
    @property
    def prop(self): return self.__B().go(3)
    @classmethod
    def klass(cls, x): return cls.__name__, x
def outer():
    z = 3
    class L:
        def m(self, x): return super().__init__() or (self.__class__ is __class__, z + W + x)
    return L
table = {"a": lambda x: [x], "b": lambda x: [x], "c": (lambda x: (lambda y: x + y))}
"""


@pytest.mark.parametrize(
    ("pick", "args"),
    [
        (lambda m: m.fs[2], [5]),
        (lambda m: m.decorated, [1]),
        (lambda m: m.decorated.__wrapped__, [1]),
        (lambda m: m.decorated.__wrapped__.__wrapped__, [1]),
        (lambda m: m.decorated.__wrapped__.__wrapped__.__defaults__[0], [1]),
        (lambda m: m.in_blocks, [-1]),
        (lambda m: m.A.method, [None, 3]),
        (lambda m: m.A.prop.fget, [None]),
        (lambda m: m.A.klass.__func__, [int, 3]),
        (lambda m: m.outer().m, [None, 3]),
        (lambda m: m.table["a"], [1]),
        (lambda m: m.table["b"], [1]),
        (lambda m: m.table["c"](1), [2]),
    ],
)
def test_a_function_is_found_wherever_it_stands(
    pick: Callable[[Any], Any], args: list[Any], load: Any
) -> None:
    module = load(PLACES)
    function = pick(module)
    if args[0] is None:
        args = [module.outer()() if "outer" in function.__qualname__ else module.A(), *args[1:]]
    twin = twin_of(function)
    assert twin.__code__.co_qualname == function.__code__.co_qualname
    assert [*twin.__code__.co_lines()][-1][2] == [*function.__code__.co_lines()][-1][2]
    if function.__name__ != "m":  # a class made twice is not the same class
        with use(Deep()):
            assert twin(*args) == function(*args)


# -- what a run-time sees ------------------------------------------------------------------------

EVENTS = {
    "h = W * x": ["load W", "name h"],
    "a = b = x": ["name a", "name b"],
    "(a, [b, *c]), d = (1, [2, 3]), x": ["name a", "name b", "name c", "name d"],
    "h: float = x": ["name h"],
    "h = 1; h += x": ["name h", "name h"],
    "print((h := x), end='')": ["name h", "call print"],
    "for i, j in [(1, 2)]: pass": ["iterate 3", "name i", "name j"],
    "with x as h: pass": ["name h"],
    "[v for v in [x] for w in [v]]": ["iterate 3", "iterate 3"],
    "sum(v for v in [1])": ["iterate 3", "call sum"],
    "h = np.sqrt(x)": ["load np", "attribute sqrt", "call sqrt", "name h"],
    "x.real.imag": ["attribute real", "attribute imag"],
    "x.size = 3": [],
    "x[0] = W": ["load W"],
    "x[0] += captured": ["load captured"],
    "(lambda: (W, captured, x))()": ["call <lambda>", "load W", "load captured"],
    "def g(a=W): return a": ["load W"],
    "W_ = len([abs, ValueError])": ["call len", "name W_"],
    "locals(); vars(); dir()": [],
    "f'{W}'": ["load W"],
    "class C: y = W": ["load W"],
    "assert x is not None": [],
    "del x": [],
    "while False: W": [],
}


class Anything:
    """An object that survives every statement of the table."""

    real = imag = property(lambda self: self)
    size = 1

    def __enter__(self) -> Anything:
        return self

    def __exit__(self, *_: object) -> None: ...

    def __setitem__(self, *_: object) -> None: ...

    def __getitem__(self, _: object) -> int:
        return 0

    def __rmul__(self, _: object) -> Anything:
        return self

    def __radd__(self, _: object) -> Anything:
        return self


@pytest.mark.parametrize(("line", "expected"), EVENTS.items(), ids=EVENTS)
def test_a_runtime_sees_names_calls_and_captures(
    line: str, expected: list[str], load: Callable[[str], Any]
) -> None:
    text = f"def make(np, captured):\n  def f(x):\n    {line}\n  return f\nW = 2"
    np = types.SimpleNamespace(sqrt=lambda x: x)
    np.sqrt.__name__ = "sqrt"
    seen = events(load(text).make(np, 5), Anything()).events
    assert [f"{kind} {what}" for kind, what in seen] == expected


def test_a_load_can_be_read_again_later(load: Callable[[str], Any]) -> None:
    module = load(
        "W = 1\ndef make(c):\n def set_(v):\n  nonlocal c\n  c = v\n return lambda: (W, c), set_"
    )
    f, set_captured = module.make(10)
    reads: dict[str, Callable[[], Any]] = {}

    class Keeper(Recorder):
        def load(self, name: str, read: Callable[[], Any]) -> Any:
            reads[name] = read
            return super().load(name, read)

    with use(Keeper()):
        twin_of(f)()
    module.W = 2
    set_captured(20)
    assert (reads["W"](), reads["c"]()) == (2, 20)
    assert reads["W"].__closure__ is None and reads["W"].__globals__ is vars(module)
    assert reads["c"].__closure__ is not None
    assert reads["c"].__closure__[0] is f.__closure__[0]


def test_a_builtin_counts_as_a_capture_once_the_module_shadows_it(load: Any) -> None:
    module = load("def f(): return abs(-1)")
    assert events(module.f).of("load") == []
    module.abs = lambda x: "mine"
    assert events(module.f).of("load") == ["abs"]
    assert twin_of(module.f)() == "mine"


def test_private_attributes_come_mangled(load: Any) -> None:
    module = load(
        "class _C:\n def f(self, __v=1):\n  __w = self.__x\n  return __w + __v\n _C__x = 2"
    )
    seen = events(module._C.f, module._C())
    assert seen.of("attribute") == ["_C__x"]
    assert seen.of("name") == ["__w"]
    assert twin_of(module._C.f)(module._C()) == 3


def test_a_runtime_decides_what_is_bound_called_and_run_over(load: Any) -> None:
    class Changing(Recorder):
        def name(self, name: str, value: Any) -> Any:
            return value + 100 if name == "h" else value

        def iterate(self, iterable: Any, line: int) -> Any:
            return list(iterable)[:1]

        def call(self, function: Any, /, *args: Any, **kwargs: Any) -> Any:
            return "called" if function is len else function(*args, **kwargs)

    module = load("def f():\n h = 1\n h += 1\n return h, [i for i in range(5)], len('a')")
    with use(Changing()):
        assert twin_of(module.f)() == (202, [0], "called")
    assert twin_of(module.f)() == (2, [0, 1, 2, 3, 4], 1)


OUTSIDE = {
    "global": ("W = 1\ndef f(x):\n  global W\n  W = x", 4, "W = x"),
    "augmented": ("W = 1\ndef f(x):\n  global W\n  W += x", 4, "W += x"),
    "in a nested function": ("def f(x):\n  def g():\n    global W\n    W = x\n  g()", 4, "W = x"),
    "deleted": ("W = 1\ndef f(x):\n  global W\n  del W", 4, "del W"),
    "loop": ("def f(x):\n  global i\n  for i in x: pass", 3, "for i in x: pass"),
    "walrus": ("def f(x):\n  global i\n  [i := v for v in x]", 3, "[i := v for v in x]"),
    "import": ("def f(x):\n  global os\n  import os", 3, "import os"),
    "nonlocal": (
        "def make():\n  n = 0\n  def f(x):\n    nonlocal n\n    n = x\n  return f\nf = make()",
        5,
        "n = x",
    ),
}


@pytest.mark.parametrize(("text", "line", "statement"), OUTSIDE.values(), ids=OUTSIDE)
def test_assignment_outside_the_function_is_refused(
    text: str, line: int, statement: str, load: Any
) -> None:
    module = load(text)
    with pytest.raises(TraceError) as caught:
        stage(module.f)
    message = str(caught.value)
    assert f"user_0.py:{line}: {statement}" in message
    assert "return the value instead" in message


# -- the twin as an object -----------------------------------------------------------------------


def test_a_twin_keeps_what_its_function_carries(load: Any) -> None:
    module = load(
        """
        def make(c):
            def f(a, b=[1], *, k=c) -> int:
                "Doc."
                return c, b, k
            f.note = "mine"
            return f
        """
    )
    f = module.make(3)
    twin = twin_of(f)
    for name in ("name", "qualname", "module", "doc", "defaults", "kwdefaults", "annotations"):
        assert getattr(twin, f"__{name}__") == getattr(f, f"__{name}__"), name
    assert twin.__globals__ is f.__globals__
    assert twin.__closure__[0] is f.__closure__[0]
    assert twin.note == "mine" and not hasattr(twin, "__wrapped__")
    assert inspect.signature(twin) == inspect.signature(f)
    assert is_staged(twin) and not is_staged(f) and not is_staged(len)
    assert stage(twin) is twin


def test_closures_of_one_code_share_the_twin_code_but_not_the_cells(load: Any) -> None:
    module = load("def make(c):\n return lambda: c")
    one, two = twin_of(module.make(1)), twin_of(module.make(2))
    assert one.__code__ is two.__code__
    assert (one(), two()) == (1, 2)


def test_equal_functions_of_two_files_keep_their_files(load: Any) -> None:
    one, two = (load("def f(): return 1 / 0") for _ in range(2))
    assert one.f.__code__ == two.f.__code__
    assert twin_of(one.f).__code__.co_filename != twin_of(two.f).__code__.co_filename


def test_nested_functions_of_a_twin_are_staged_and_outlive_the_trace(load: Any) -> None:
    module = load("def f():\n def g(): return len('abc')\n return g, lambda: 1")
    recorder = Recorder()
    with use(recorder):
        g, plain = twin_of(module.f)()
        assert is_staged(g) and is_staged(plain)
        g()
    assert recorder.of("call") == ["len"]
    assert g() == 3
    assert recorder.of("call") == ["len"]


def test_threads_have_their_own_runtime(load: Any) -> None:
    module = load("def f(n):\n h = 0\n for i in range(n): h += i\n return h")
    recorders = [Recorder() for _ in range(8)]

    def work(n: int) -> None:
        with use(recorders[n]):
            twin_of(module.f)(n)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    with use(Recorder()) as _:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [len(r.of("name")) for r in recorders] == [1 + 2 * n for n in range(8)]


def test_the_runtime_before_returns_even_after_an_error() -> None:
    outer, inner = Recorder(), Recorder()
    twin = twin_of(lambda: len("a"))
    with use(outer):
        with pytest.raises(KeyError), use(inner):
            raise KeyError
        twin()
        with use(None):
            twin()
    assert outer.of("call") == ["len"] and inner.events == []


# -- lines ---------------------------------------------------------------------------------------

FAILING = {
    "in the function": ("def f(x):\n  y = 1\n  return (\n    x /\n    0)", [4]),
    "in a nested call": ("def g(x):\n  return x / 0\ndef f(x):\n  h = g(\n    x)", [4, 2]),
    "in an unpacking": ("def f(x):\n\n  a, b = x, x / 0", [3]),
    "in a loop": ("def f(x):\n  for i in [x]:\n    i += 1 / 0", [3]),
    "in a comprehension": ("def f(x):\n  return [\n    i / 0\n    for i in [x]]", None),
    "unknown name": ("def f(x):\n  return (x +\n    nowhere)", [3, 3]),
    "unknown attribute": ("def f(x):\n  return (x\n    .nothing)", [3]),
    "chain of methods": ("def f(x):\n  return (x.conjugate()\n  .conjugate()\n  .index(3))", [4]),
    "below a decorator": ("def d(f): return f\n@d\ndef f(x):\n  1 / 0", [4]),
}


@pytest.mark.parametrize(("text", "lines"), FAILING.values(), ids=FAILING)
@pytest.mark.parametrize("runtime", [None, Recorder()], ids=["plain", "recorded"])
def test_a_traceback_shows_the_users_lines(
    text: str, lines: list[int] | None, runtime: Runtime | None, load: Any
) -> None:
    module = load(text)
    original, staged = (users_lines(f, module.__file__) for f in (module.f, twin_of(module.f)))
    with use(runtime):
        recorded = users_lines(twin_of(module.f), module.__file__)
    expected = lines or original
    assert recorded == staged == expected
    assert original == list(dict.fromkeys(expected)) or original == expected


def users_lines(function: Any, file: str) -> list[int | None]:
    try:
        function(1)
    except (ArithmeticError, NameError, AttributeError, TypeError) as error:
        frames = traceback.extract_tb(error.__traceback__)
        return [frame.lineno for frame in frames if frame.filename == file]
    raise AssertionError("no error")


def test_positions_stay_within_the_users_statement(load: Any) -> None:
    module = load("W = 2\ndef f(x):\n    h, k = W.real * x, abs(x)\n    return h + k\n")
    positions = [p for p in twin_of(module.f).__code__.co_positions() if p[2]]
    assert {p[0] for p in positions} == {3, 4}
    assert all(4 <= p[2] <= p[3] <= 29 for p in positions)


# -- where the source comes from -----------------------------------------------------------------


def test_an_edited_file_is_not_staged(tmp_path: Path) -> None:
    path = tmp_path / "edited.py"
    path.write_text("def f(x): return x + 1\ndef g(x): return x")
    module = from_path(path)
    path.write_text("def f(x): return x - 1\ndef g(x): return x")
    assert stage(module.f) is None
    assert "is not what runs" in why_not(module.f)
    assert twin_of(module.g)(3) == 3 and why_not(module.g) == ""
    path.write_text("\n\n# moved\ndef f(x): return x + 1")
    linecache.checkcache(str(path))
    assert stage(module.f) is None
    assert "is not where f begins" in why_not(module.f)
    path.write_text("def f(x:")
    linecache.checkcache(str(path))
    assert stage(module.f) is None
    assert "cannot be compiled" in why_not(module.f)


def test_a_file_that_was_edited_and_loaded_again_is_staged(tmp_path: Path) -> None:
    path = tmp_path / "again.py"
    path.write_text("def f(x): return x + 1")
    assert twin_of(from_path(path).f)(1) == 2
    path.write_text("def f(x): return x + 1000")
    assert twin_of(from_path(path).f)(1) == 1001


def test_source_that_nobody_can_read_is_not_staged() -> None:
    namespace: dict[str, Any] = {}
    exec("def f(x): return x + 1", namespace)
    assert stage(namespace["f"]) is None
    assert why_not(namespace["f"])
    for other in (len, int, functools.partial(len), "text"):
        assert stage(other) is None
        assert "not written in Python" in why_not(other)


@pytest.mark.parametrize(
    "name", ["<ipython-input-3-abc>", "/tmp/ipykernel_12/345.py", "<doctest x[0]>", "<made up>"]
)
def test_source_registered_with_linecache_is_staged(name: str) -> None:
    text = "import math\ny = 2\ndef f(x):\n    h = math.sqrt(x)\n    return h + y\n"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    namespace: dict[str, Any] = {}
    try:
        for statement in ast.parse(text).body:  # as IPython does: each on its own
            exec(compile(ast.Module([statement], []), name, "exec"), namespace)
        assert events(namespace["f"], 4).of("name") == ["h"]
        exec(compile(text, name, "exec"), namespace)
        assert events(namespace["f"], 4).of("load") == ["math", "y"]
    finally:
        del linecache.cache[name]


def test_a_module_in_a_zip_file_is_staged(tmp_path: Path, monkeypatch: Any) -> None:
    with zipfile.ZipFile(tmp_path / "pack.zip", "w") as pack:
        pack.writestr("zipped_user.py", "def f(x):\n    h = x + 1\n    return h\n")
    monkeypatch.syspath_prepend(tmp_path / "pack.zip")
    module = importlib.import_module("zipped_user")
    assert events(module.f, 1).of("name") == ["h"]


CELLS = [
    "import math",
    "import math as m\nscale = 3\ndef f(x):\n    h = m.sqrt(x)\n    assert h\n    return h * scale",
    "from symgrad.stage import stage, use, why_not",
    "import asyncio\nawait asyncio.sleep(0)\ng = lambda x: f(x) + math.pi",
    "print('STAGED', stage(f) is not None, stage(g) is not None, why_not(f), why_not(g))",
]


def test_ipython_cells_are_staged() -> None:
    pytest.importorskip("IPython")
    script = (
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\n"
        f"for cell in {CELLS!r}:\n"
        "    shell.run_cell(cell, store_history=True).raise_error()\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "IPYTHONDIR": os.devnull}
    command = [sys.executable, "-W", "ignore", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert "STAGED True True" in done.stdout, done.stdout + done.stderr


# -- test runners --------------------------------------------------------------------------------


def asserts_much(x: int) -> int:
    """This module's assertions are rewritten by pytest."""
    h = x + 1
    assert h == x + 1, f"{h}"
    for i in range(3):
        assert (k := i) < 3 and all(v >= 0 for v in [k])
    return h


def test_functions_with_rewritten_assertions_are_staged() -> None:
    assert any(name.startswith("@py") for name in asserts_much.__code__.co_varnames)
    assert events(asserts_much, 1).of("name") == ["h", "i", "k", "i", "k", "i", "k"]

    def local(x: int) -> int:
        assert asserts_much(x) == x + 1
        return x

    assert twin_of(local)(3) == 3


def test_rewritten_functions_are_still_compared(monkeypatch: Any) -> None:
    file = asserts_much.__code__.co_filename
    lines = [line.replace("h = x + 1", "h = x - 1") for line in linecache.getlines(file)]
    monkeypatch.setitem(linecache.cache, file, (1, None, lines, file))
    assert stage(asserts_much) is None
    assert "is not what runs" in why_not(asserts_much)


def test_a_running_tracer_or_a_warm_function_does_not_matter(load: Any) -> None:
    module = load("def f(x):\n s = 0\n for i in range(50):\n  s += i * x\n return s")
    for _ in range(200):
        module.f(2)
    old = sys.gettrace()
    sys.settrace(lambda *_: None)
    try:
        assert twin_of(module.f)(2) == module.f(2)
    finally:
        sys.settrace(old)


# -- quiet, bounded and without side effects -----------------------------------------------------


def test_staging_does_not_repeat_the_compilers_warnings(tmp_path: Path) -> None:
    path = tmp_path / "warns.py"
    path.write_text("def f(x):\n    return x is 1, '\\d'\n")
    command = [sys.executable, "-W", "ignore", "-m", "py_compile", str(path)]
    subprocess.run(command, check=True)
    assert twin_of(from_path(path).f)(2) == (False, "\\d")  # warnings are errors in these tests


def test_an_expression_too_deep_to_rewrite_is_refused_with_the_reason(load: Any) -> None:
    module = load("def f(x):\n    return " + " + ".join(["x"] * 700))
    assert module.f(1) == 700
    if (twin := stage(module.f)) is None:
        assert "cannot be compiled" in why_not(module.f)
    else:
        assert twin(1) == 700


def test_the_tree_of_a_file_is_shared_and_stays_as_it_was() -> None:
    from symgrad.stage.source import parse

    text = Path(__file__).read_text(encoding="utf-8")
    before = copy.deepcopy(ast.dump(parse(text, 0)))
    twin_of(asserts_much)
    assert ast.dump(parse(text, 0)) == before


SCOPES = [
    "def f(a, *b, c=1, **d):\n x = 1\n for y, (z, *w) in a: pass\n def g(p=(q := 2)): r = 1",
    "def f():\n import a.b, c as d\n from e import g\n try: pass\n except E as h: pass",
    "def f(v):\n match v:\n  case [i, *j]: pass\n  case {'k': k, **m}: pass\n  case n as o: pass",
    "def f():\n [s := t for t in u]\n with w as (x, y): del z\n aa: int = 1\n class B: inner = 1",
    "async def f():\n async for i in a: pass\n async with b as c: j += 1\n lambda k: (l := k)",
]


@pytest.mark.parametrize("text", SCOPES)
def test_scopes_agree_with_the_compiler(text: str) -> None:
    function = ast.parse(text).body[0]
    assert isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
    scope = block_scope(body_of(function), None, None, names=parameters(function))
    namespace: dict[str, Any] = {}
    exec(text, namespace)
    code = namespace["f"].__code__
    inlined = {"t"} if sys.version_info >= (3, 12) else set()  # comprehensions since PEP 709
    assert scope.bound == {*code.co_varnames, *code.co_cellvars} - inlined


@pytest.mark.parametrize("owner", ["C", "_C", "__C_", "___"])
@pytest.mark.parametrize("name", ["__x", "__x__", "_x", "x", "__"])
def test_mangling_agrees_with_the_compiler(owner: str, name: str) -> None:
    namespace: dict[str, Any] = {}
    exec(f"class {owner}:\n def f(self): self.{name}", namespace)
    assert namespace[owner].f.__code__.co_names == (mangle(owner, name),)
