"""The study bench: what explains, draws and checks a gradient, read off the graph that emits it."""
