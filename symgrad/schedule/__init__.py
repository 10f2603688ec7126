"""From the joint graph to functions: what each computes, keeps, names and reuses.

`cut` divides a joint graph into a forward and a backward half; `plan` turns one half into
statements; `Names` gives them names.
"""

from symgrad.schedule.halves import Half, Schedule, cut, own_outputs, whole
from symgrad.schedule.memory import worth_a_del
from symgrad.schedule.names import Names
from symgrad.schedule.statements import Plan, Statement, plan

__all__ = [
    "Half",
    "Names",
    "Plan",
    "Schedule",
    "Statement",
    "cut",
    "own_outputs",
    "plan",
    "whole",
    "worth_a_del",
]
