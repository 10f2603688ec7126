"""How fast symgrad compiles, and how fast what it writes is: ``python -m tests.benchmarks``."""
