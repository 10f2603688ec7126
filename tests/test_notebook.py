"""Cells of IPython and Jupyter count as readable source."""

import json
import subprocess
import sys
import textwrap

import numpy as np
import pytest

CELLS = (
    """
    import numpy as np, symgrad
    W, rate = np.eye(3), 0.5

    def shifted(x):
        hidden = np.tanh(W @ x)
        return hidden
    """,
    """
    def loss(x):
        N = len(x)
        total = 0.0
        for i in range(N):
            total = total + shifted(x)[i] * rate
        out = np.zeros(N)
        out[0] = total
        return out.sum() / N

    c = symgrad.compile(loss)
    g = c.grad(np.ones(3))
    """,
    """
    rate = 1.0
    doubled = c.grad(np.ones(3)) / g
    import json
    print(json.dumps([g.tolist(), doubled.tolist(), c.source, str(c.report), c._repr_html_()]))
    """,
)


def cells():
    return [textwrap.dedent(cell) for cell in CELLS]


def assert_right(printed):
    g, doubled, source, report, shown = json.loads(printed)
    np.testing.assert_allclose(g, 0.5 / 3 * (1 - np.tanh(1) ** 2))
    np.testing.assert_allclose(doubled, 2.0)
    assert "rate=" in source and "hidden = " in source
    assert "loops written out" in report and "source not readable" not in report
    assert shown.startswith("<pre>")


def test_cells_of_ipython_are_read():
    program = (
        "import sys, json\n"
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\n"
        "for cell in json.load(sys.stdin):\n"
        "    shell.run_cell(cell).raise_error()\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        input=json.dumps(cells()),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert_right(done.stdout.splitlines()[-1])


@pytest.mark.filterwarnings("ignore")
def test_cells_of_a_kernel_are_read():
    from jupyter_client.manager import start_new_kernel

    manager, client = start_new_kernel(startup_timeout=60, kernel_name="python3")
    printed, failed = [], []

    def output(message):
        if message["msg_type"] == "stream":
            printed.append(message["content"]["text"])
        elif message["msg_type"] == "error":
            failed.append("\n".join(message["content"]["traceback"]))

    try:
        for cell in cells():
            client.execute_interactive(cell, output_hook=output, timeout=60)
            assert not failed, failed[0]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    assert_right("".join(printed).splitlines()[-1])
