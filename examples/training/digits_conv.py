"""Digits: train a convolutional network, which is a function of the user's."""

from pathlib import Path

import symgrad

result = symgrad.train(Path(__file__).parents[1] / "digits_conv.toml")
print(result)
result.plot_confusion().figure.savefig("digits_conv_confusion.png")
