"""Iris: train the 4-8-9-3 network of the lecture to a loss below 0.1."""

from pathlib import Path

import symgrad

result = symgrad.train(Path(__file__).parents[1] / "iris.toml")
print(result)
result.plot_confusion().figure.savefig("iris_confusion.png")
