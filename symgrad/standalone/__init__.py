"""A trainer that stands alone: one file of NumPy that does what training from a spec does.

Given a model spec, `trainer` returns the text of a program: it reads the data, goes down the
emitted gradient and writes the parameters, to the same bits as training in the library.
"""

from symgrad.standalone.script import trainer

__all__ = ["trainer"]
