"""Text that no judge may run, wait for, or show as it is.

``REFUSED`` maps names to claims that must end in an error of symgrad's in under a second.
``SHOWN`` maps names to right claims whose comments and names hold markup, which must not come out
raw.  Whatever is run leaves a mark in ``EXECUTED``.
"""

import numpy as np

EXECUTED = []


def trap(*_):
    """Stand in for what must not be called: the claims name it in every way there is."""
    EXECUTED.append("trap")
    return 1.0


def loss(w, X, y):
    r = X @ w - y
    return np.sum(r**2)


WRT = "w"


def arguments():
    rng = np.random.default_rng(0)
    return rng.standard_normal(4), rng.standard_normal((7, 4)), rng.standard_normal(7)


RIGHT = "dw = 2 * X.T @ r"
MODULE = "tests.judge_corpus.hostile"
MARK = f"__import__('sys').modules['{MODULE}'].trap()"

FORMULAS_THAT_RUN = {
    "import of a module": MARK,
    "import by a look-alike": MARK.replace("__i", "__\N{FULLWIDTH LATIN SMALL LETTER I}"),
    "function of the module": "trap(w)",
    "eval": f"eval({MARK!r})",
    "exec": f"exec({MARK!r})",
    "compile": f"compile({MARK!r}, 'x', 'eval')",
    "open": "open('/etc/passwd').read()",
    "print": "print(w)",
    "getattr": "getattr(w, 'T')",
    "globals": "globals()['trap']()",
    "breakpoint": "breakpoint()",
    "lambda": "(lambda: trap())()",
    "walrus": "(t := trap())",
    "walrus on a name of the function": "(X := w)",
    "f-string": "f'{trap()}'",
    "f-string of an attribute": "f'{w.__class__}'",
    "format": "'{0.__class__}'.format(w)",
    "percent": "'%s' % w",
    "list comprehension": "[trap() for _ in (1,)][0]",
    "generator": "sum(trap() for _ in (1,))",
    "set comprehension": "{trap() for _ in (1,)}",
    "dict comprehension": "{1: trap() for _ in (1,)}",
    "comprehension bomb": "[[[0 for _ in range(10**6)] for _ in range(10**6)] for _ in range(9)]",
    "choice": "trap() if True else w",
    "and": "w and trap()",
    "await": "await trap()",
    "yield": "(yield w)",
    "starred call": "np.sum(*[w])",
    "starred keywords": "np.sum(w, **{'axis': 0})",
    "attribute chain": "X.__class__.__base__.__subclasses__()",
    "dunder of an array": "w.__class__",
    "dunder of a function": "np.sum.__globals__",
    "dunder of a module": "np.__builtins__",
    "mro": "().__class__.__mro__[1].__subclasses__()",
    "module of NumPy": "np.os.system('true')",
    "module of modules": "np.lib.npyio.os",
    "ctypes": "w.ctypes.data",
    "base of a view": "X.T.base",
    "file written": "w.tofile('hostile.bin')",
    "pickle written": "w.dump('hostile.pkl')",
    "file read": "np.load('hostile.npy', allow_pickle=True)",
    "text read": "np.genfromtxt('/etc/passwd')",
    "text written": "np.savetxt('hostile.txt', w)",
    "library loaded": "np.ctypeslib.load_library('libc', '/')",
    "callback, vectorize": "np.vectorize(trap)(w)",
    "callback, frompyfunc": "np.frompyfunc(trap, 1, 1)(w)",
    "callback, apply_along_axis": "np.apply_along_axis(trap, 0, w)",
    "callback, fromfunction": "np.fromfunction(trap, (2,))",
    "callback, piecewise": "np.piecewise(w, [w > 0], [trap])",
    "array overwritten": "w.fill(0)",
    "array sorted in place": "w.sort()",
    "array resized": "w.resize(3)",
    "out": "np.exp(w, out=w)",
    "random": "np.random.standard_normal(4)",
    "string": "'<script>alert(1)</script>'",
    "string multiplied": "'a' * 10**10",
    "bytes": "b'a' * 10**10",
    "list multiplied": "[0] * 10**10",
    "dict": "{'w': w}",
    "complex number": "1j * w",
}  # fmt: skip

FORMULAS_WITHOUT_END = {
    "tower of powers": "9**9**9",
    "tower of powers, times": "9**9**9 * w",
    "tower of powers, four": "w * 9**9**9**9",
    "shift": "w * (1 << 10**10)",
    "power of a negative number": "(-9) ** 9**9 * w",
    "power in an index": "w[9**9**9]",
    "width of a percent": "'%9999999999d' % 1",
    "width of a format": "'{:>9999999999}'.format(1)",
    "width of an f-string": "f'{1:>9999999999}'",
    "zeros": "np.zeros((10**9,))",
    "zeros of two sizes": "np.zeros((10**6, 10**6))",
    "ones": "np.ones(10**12)",
    "full": "np.full(10**11, 1.0)",
    "identity": "np.eye(10**6)",
    "arange": "np.arange(10**12)",
    "linspace": "np.linspace(0, 1, 10**11)",
    "repeat": "np.repeat(w, 10**11)",
    "tile": "np.tile(w, 10**11)",
    "pad": "np.pad(w, 10**11)",
    "broadcast": "np.broadcast_to(w, (10**12, 4)) + 1",
    "outer of outers": "np.sum(" + "np.outer(" * 20 + "w" + ", w)" * 20 + ", axis=0)",
    "many axes": "np.sum(" + " + ".join(
        "X[" + "None, " * k + ":, :, " + "None, " * (30 - k) + "]" for k in range(0, 31, 5)) + ")",
    "a million bytes of parentheses": "(" * 500_000 + "w" + ")" * 500_000,
    "a million bytes, open": "(" * 1_000_000,
    "a million bytes of brackets": "[" * 500_000 + "]" * 500_000,
    "deep, but parsed": "(" * 90 + "-" * 5_000 + "w" + ")" * 90,
    "many minus signs": "-" * 100_000 + "w",
    "many nots": "not " * 50_000 + "w",
    "many terms": " + ".join(["w"] * 200_000),
    "many powers": "**".join(["w"] * 20_000),
    "many transposes": "X" + ".T" * 100_000,
    "many calls": "np.exp(" * 20_000 + "w" + ")" * 20_000,
    "many indices": "w" + "[0]" * 50_000,
    "many commas": "np.stack([" + "w," * 300_000 + "])",
    "number of 100,000 digits": "9" * 100_000 + " * w",
    "number of a million digits": "1." + "3" * 1_000_000 + " * w",
    "hexadecimal number": "0x" + "f" * 1_000_000,
    "name of a million letters": "w" * 1_000_000,
    "text of ten million letters": "w + " * 2_500_000 + "w",
}  # fmt: skip

STATEMENTS = {
    "import": f"import os\n{RIGHT}",
    "import from": f"from os import system\n{RIGHT}",
    "second statement": f"{RIGHT}; import os",
    "loop": f"for i in range(10**12): pass\n{RIGHT}",
    "loop over a name": f"for i in range(10**12):\n    dw = w\n{RIGHT}",
    "endless loop": f"while True: pass\n{RIGHT}",
    "condition": f"if trap(): pass\n{RIGHT}",
    "function": f"def f(): return trap()\n{RIGHT}",
    "default of a function": f"def f(x=trap()): return x\n{RIGHT}",
    "decorator": f"@trap\ndef f(): pass\n{RIGHT}",
    "class body": f"class A:\n    trap()\n{RIGHT}",
    "decorated class": f"@trap\nclass A: pass\n{RIGHT}",
    "metaclass": f"class A(metaclass=trap): pass\n{RIGHT}",
    "with": f"with open('/etc/passwd') as f: pass\n{RIGHT}",
    "try": f"try:\n    trap()\nfinally:\n    pass\n{RIGHT}",
    "raise": "raise SystemExit(3)",
    "assert": f"assert trap()\n{RIGHT}",
    "return": "return w",
    "global": f"global np\n{RIGHT}",
    "delete": f"del w\n{RIGHT}",
    "call alone": f"trap()\n{RIGHT}",
    "match": f"match w:\n    case trap(): pass\n{RIGHT}",
    "target with an attribute": "w.T = X\ndw = w",
    "target with a dunder": f"w.__class__ = trap\n{RIGHT}",
    "target that runs": f"w[trap()] = 1\n{RIGHT}",
    "NumPy overwritten": f"np.sum = trap\n{RIGHT}",
    "unknown name": "dw = 2 * X.T @ q",
    "look-alike of a name": "dw = 2 * \N{CYRILLIC CAPITAL LETTER HA}.T @ r",
    "look-alike of an answer": "d\N{CYRILLIC SMALL LETTER A} = 2 * X.T @ r",
    "look-alike of a product": "dw = 2 \N{ASTERISK OPERATOR} w",
    "keyword as a name": "class = 2 * X.T @ r",
    "lambda as a name": f"lambda = 3\n{RIGHT}",
    "None as a name": f"None = 3\n{RIGHT}",
    "keyword read": "dw = 2 * yield",
    "debug as a name": f"__debug__ = 1\n{RIGHT}",
    "dunder as a name": f"__class__ = 1\n{RIGHT}",
    "dunder read": "dw = __builtins__",
    "null byte": "dw = 2 * X.T @ r\0",
    "null byte between lines": f"{RIGHT}\n\0\nimport os",
    "lone surrogate": "dw = 2 * X.T @ r\ud800",
    "declared encoding": f"# -*- coding: utf-7 -*-\n{RIGHT} +AG8-",
    "form feed and tabs": "dw = X.T @ (\f\tr",
    "tags as a name": "d<script>alert(1)</script> = 2 * X.T @ r",
    "template as a name": "d{{ 1234567 * 3 }} = 2 * X.T @ r",
    "template as a statement": "{% for x in y %}",
    "nothing": "",
    "only a comment": "# dw = 2 * X.T @ r",
    "half a line": "dw =",
    "shell": "$(rm -rf /)",
    "many lines": "a = 1\n" * 300_000 + RIGHT,
}  # fmt: skip

OTHER_FORMS = {
    "key with tags": {"<img src=x onerror=alert(1)>": "2 * X.T @ r"},
    "key with a dunder": {"__class__": "2 * X.T @ r"},
    "formula of a dict that runs": {"dw": MARK},
    "formula of a dict without end": {"dw": "9**9**9"},
    "LaTeX that reads a file": r"\frac{dL}{dw} = \input{/etc/passwd}",
    "LaTeX that writes": r"\frac{dL}{dw} = \immediate\write18{true}",
    "LaTeX that never ends": r"\def\x{\x\x}\frac{dL}{dw} = \x",
    "LaTeX of a million braces": r"\frac{dL}{dw} = " + "{" * 1_000_000,
    "LaTeX of nested fractions": r"\frac{dL}{dw} = " + r"\frac{1}{" * 100_000 + "w" + "}" * 100_000,
    "LaTeX with tags": r"\frac{dL}{dw} = \text{<script>alert(1)</script>}",
    "LaTeX with a link": r"\frac{dL}{dw} = \href{javascript:alert(1)}{w}",
    "a number": 3,
    "bytes": b"dw = 2 * X.T @ r",
    "nothing at all": None,
    "a list": ["dw = 2 * X.T @ r"],
}

REFUSED = {
    **{name: f"dw = {text}" for name, text in FORMULAS_THAT_RUN.items()},
    **{name: f"dw = {text}" for name, text in FORMULAS_WITHOUT_END.items()},
    **STATEMENTS,
    **OTHER_FORMS,
}

SHOWN = {
    "script in a comment": f"{RIGHT}  # <script>alert(1)</script>",
    "image in a comment": f"# <img src=x onerror=alert(1)>\n{RIGHT}",
    "end of a comment": f"{RIGHT}  # --> <marquee>bold</marquee>",
    "template in a comment": f"{RIGHT}  # {{{{ 1234567 * 3 }}}} {{% raw %}}",
    "quotes in a comment": f"{RIGHT}  # \" onmouseover=\"alert(1)\" '",
    "a wrong claim": "dw = X.T @ r  # <script>alert(1)</script> {{ 1234567 * 3 }}",
    "a comparison, which is no tag": "b = (r < 0) * 1 + (r > 0) * 1\ndw = 2 * X.T @ r",
}  # fmt: skip

FORBIDDEN_TAGS = {"script", "img", "marquee"}
COMPUTED = str(1234567 * 3)
