"""Forward mode over a circuit: the derivative of every value along a direction."""

import inspect

import numpy as np
import pytest

from symgrad.study.circuit import circuit
from symgrad.study.pushforward import pushforward
from tests.benchmarks.hand_derived import LOSSES


@pytest.mark.parametrize("name", LOSSES)
def test_the_output_moves_by_the_gradient_times_the_direction(name):
    loss, random = LOSSES[name], np.random.default_rng(1)
    found = circuit(loss.function, loss.arguments(np.random.default_rng(0), 6), wrt=loss.wrt)
    nodes = [found.nodes[k] for k in found.wrt]
    directions = [random.normal(size=np.shape(node.value)) for node in nodes]
    moved = pushforward(found)(directions)
    expected = sum(np.sum(node.upstream * d) for node, d in zip(nodes, directions, strict=True))
    np.testing.assert_allclose(moved[found.output], expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", LOSSES)
def test_every_value_moves_as_finite_differences_say(name):
    loss, random = LOSSES[name], np.random.default_rng(1)
    args = loss.arguments(np.random.default_rng(0), 6)
    found = circuit(loss.function, args, wrt=loss.wrt)
    nodes = [found.nodes[k] for k in found.wrt]
    directions = [random.normal(size=np.shape(node.value)) for node in nodes]
    moved = pushforward(found)(directions)
    step = 1e-6
    by_name = {node.name: d for node, d in zip(nodes, directions, strict=True)}
    names = list(inspect.signature(loss.function).parameters)
    sides = []
    for sign in (1, -1):
        there = [
            a + sign * step * by_name[n] if n in by_name else a
            for n, a in zip(names, args, strict=False)
        ]
        sides.append(circuit(loss.function, there, wrt=loss.wrt))
    for node in found.nodes:
        up, down = (side.nodes[node.number].value for side in sides)
        if np.asarray(node.value).dtype.kind != "f":
            continue
        slope = (np.asarray(up) - np.asarray(down)) / (2 * step)
        scale = 1 + np.max(np.abs(slope), initial=0)
        np.testing.assert_allclose(moved.get(node.number, 0.0), slope, atol=1e-5 * scale)
