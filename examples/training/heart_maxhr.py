"""Heart disease: train logistic regression on the highest heart rate reached."""

from pathlib import Path

import symgrad

result = symgrad.train(Path(__file__).parents[1] / "heart_maxhr.toml")
print(result)
result.plot_confusion().figure.savefig("heart_maxhr_confusion.png")
