"""Model specs: a dozen lines of TOML, JSON or a dict become a model in readable NumPy.

    made = symgrad.spec.model("iris.toml")
    made.source          # the model's text: predict, loss and the small functions they call
    made.compiled        # its loss, compiled by `symgrad.compile` like any other function

The keys are declared once (`schema`), read by `validation`, and printed by ``symgrad schema``.
"""

from symgrad.spec.models import Model, model
from symgrad.spec.overriding import override
from symgrad.spec.reading import Spec, read
from symgrad.spec.schema import SCHEMA

__all__ = ["SCHEMA", "Model", "Spec", "model", "override", "read"]
