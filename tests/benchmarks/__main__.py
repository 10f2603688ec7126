"""``python -m tests.benchmarks``: print the tables and save them as JSON."""

import argparse
import json
import os
import platform
import sys
from pathlib import Path

FOREIGN = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
PARTS = ("all", "compile", "run", "hand", "optim", "stress", "study", "training")
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
XLA = "--xla_cpu_multi_thread_eigen=false"


def with_one_plain_thread() -> None:
    """Start again unless BLAS will use one thread and the machine's own settings."""
    wanted = {**os.environ, **dict.fromkeys(THREADS, "1"), "XLA_FLAGS": XLA}
    for name in FOREIGN:
        wanted.pop(name, None)
    if wanted != dict(os.environ):
        arguments = [sys.executable, "-m", "tests.benchmarks", *sys.argv[1:]]
        os.execve(sys.executable, arguments, wanted)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("part", nargs="?", choices=PARTS, default="all")
    parser.add_argument("--largest", type=int, default=100_000, help="equations to compile")
    parser.add_argument("--seconds", type=float, default=3.0, help="for each program that is run")
    parser.add_argument("--json", type=Path, default=Path("benchmarks.json"))
    given = parser.parse_args()
    with_one_plain_thread()

    import numpy as np

    from tests.benchmarks import (
        against_hand,
        compiling,
        optimizing,
        running,
        stress,
        studying,
        training,
    )

    found = {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "machine": platform.machine(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }
    if given.part in ("all", "run"):
        found["run"] = running.run(given.seconds)
    if given.part in ("all", "hand"):
        found["hand"] = against_hand.run(given.seconds)
    if given.part in ("all", "optim"):
        found["optim"] = optimizing.run(given.seconds)
    if given.part in ("all", "stress"):
        found["stress"] = stress.run()
    if given.part in ("all", "compile"):
        found["compile"] = compiling.run(given.largest)
    if given.part in ("all", "study"):
        found["study"] = studying.run()
    if given.part in ("all", "training"):
        found["training"] = training.run(given.seconds)
    given.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(f"\nsaved in {given.json}")


if __name__ == "__main__":
    main()
