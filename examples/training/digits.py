"""Digits: train a network with one hidden layer, in minibatches."""

from pathlib import Path

import symgrad

result = symgrad.train(Path(__file__).parents[1] / "digits.toml")
print(result)
result.plot_confusion().figure.savefig("digits_confusion.png")
