"""Breast cancer: train logistic regression on 30 measures of cell nuclei."""

from pathlib import Path

import symgrad

result = symgrad.train(Path(__file__).parents[1] / "breast_cancer.toml")
print(result)
result.plot_confusion().figure.savefig("breast_cancer_confusion.png")
