"""Heart disease: train the lecture's two neurons on the highest heart rate reached."""

from pathlib import Path

import symgrad

result = symgrad.train(Path(__file__).parents[1] / "two_neurons.toml")
print(result)
result.plot().figure.savefig("two_neurons_loss.png")
