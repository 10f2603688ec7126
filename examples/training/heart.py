"""Heart disease: train logistic regression on all findings, words among them."""

from pathlib import Path

import symgrad

result = symgrad.train(Path(__file__).parents[1] / "heart.toml")
print(result)
result.plot_confusion().figure.savefig("heart_confusion.png")
