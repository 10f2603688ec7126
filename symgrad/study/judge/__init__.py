"""The judge: is a gradient that somebody derived by hand right, and if not, where and why."""

from symgrad.study.judge.comparing import compare
from symgrad.study.judge.verdict import Verdict

__all__ = ["Verdict", "compare"]
