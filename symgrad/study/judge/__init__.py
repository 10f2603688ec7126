"""The judge: is a gradient that somebody derived by hand right, and if not, where and why."""
