"""Diabetes: train linear regression of how far the disease is after a year."""

from pathlib import Path

import symgrad

result = symgrad.train(Path(__file__).parents[1] / "diabetes.toml")
print(result)
result.plot().figure.savefig("diabetes_loss.png")
