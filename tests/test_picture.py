"""Pictures of computational graphs: what they say, where it stands, and that nothing overlaps."""

import itertools
import json
import os
import random
import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import symgrad
from symgrad.cli import main
from symgrad.errors import ArgumentError, SymgradError
from symgrad.study.picture.figures import figure
from symgrad.study.picture.layout import PORT, Box, Size, Wire, lay_out
from symgrad.study.picture.widths import text_width

SVG = "{http://www.w3.org/2000/svg}"


# --- programs --------------------------------------------------------------------------------


def circuit(x, y, z):
    q = x + y
    return q * z


def neuron(w, x):
    return 1 / (1 + np.exp(-(w[0] * x[0] + w[1] * x[1] + w[2])))


def scalar_neuron(w0, x0, w1, x1, w2):
    return 1 / (1 + np.exp(-(w0 * x0 + w1 * x1 + w2)))


def softmax_loss(W1, W2, X, y, lam):
    N = X.shape[0]
    h = np.maximum(0, X @ W1)
    s = h @ W2
    m = s.max(axis=1, keepdims=True)
    e = np.exp(s - m)
    log_p = s - m - np.log(e.sum(axis=1, keepdims=True))
    return -log_p[np.arange(N), y].mean() + lam * (np.sum(W1**2) + np.sum(W2**2))


def deep(layers, X, y):
    h = X
    for W, b in layers[:-1]:
        h = np.tanh(h @ W + b)
    W, b = layers[-1]
    s = h @ W + b
    return np.mean((s - y) ** 2)


def classifier(W1, b1, W2, b2, X, y, lam):
    h = np.maximum(0, X @ W1 + b1)
    p = 1 / (1 + np.exp(-(h @ W2 + b2)))
    data = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    return data + lam * (np.sum(W1**2) + np.sum(W2**2))


def lstm_step(x, h, c, W, U, b):
    f = 1 / (1 + np.exp(-(W[0] * x + U[0] * h + b[0])))
    i = 1 / (1 + np.exp(-(W[1] * x + U[1] * h + b[1])))
    g = np.tanh(W[2] * x + U[2] * h + b[2])
    c = f * c + i * g
    return np.tanh(c) * f


def reads_twice(x, y):
    return x * x + x * y


def ignores(x, y):
    return np.where(y > 0, x, 2 * x) * y


RNG = np.random.default_rng(0)


def normal(*shape):
    return 0.5 * RNG.normal(size=shape)


NEURON = (np.array([2.0, -3.0, -3.0]), np.array([-1.0, -2.0]))
LOSS = (normal(4, 5), normal(5, 3), normal(6, 4), np.array([0, 1, 2, 0, 1, 2]), 0.1)
DEEP = ([(normal(4, 4), normal(4)) for _ in range(6)] + [(normal(4, 2), normal(2))],)
DEEP += (normal(5, 4), normal(5, 2))
CLASSIFIER = (normal(4, 5), normal(5), normal(5, 1), normal(1), normal(6, 4))
CLASSIFIER += ((normal(6, 1) > 0) * 1.0, 0.1)

PROGRAMS = {
    "circuit": (circuit, (-2, 5, -4)),
    "neuron": (neuron, NEURON),
    "scalar_neuron": (scalar_neuron, (2.0, -1.0, -3.0, -2.0, -3.0)),
    "softmax_loss": (softmax_loss, LOSS),
    "deep": (deep, DEEP),
    "classifier": (classifier, CLASSIFIER),
    "lstm_step": (lstm_step, (0.3, -0.2, 0.1, normal(3), normal(3), normal(3))),
    "reads_twice": (reads_twice, (3.0, 4.0)),
    "ignores": (ignores, (3.0, 4.0)),
    "identity": (lambda x: x * 1.0, (2.0,)),
}


def drawn(name, **how):
    fn, args = PROGRAMS[name]
    return symgrad.draw(fn, *args, **how)


def root_of(drawing):
    return ET.fromstring(drawing.svg)


def texts(drawing, kind):
    """Return what stands in the picture in one kind of words, in order."""
    return [run.text for run in root_of(drawing).iter(f"{SVG}tspan") if run.get("class") == kind]


def signs(drawing):
    found = root_of(drawing).iter(f"{SVG}text")
    return [text.text for text in found if text.get("class") == "sign"]


def headings(drawing):
    return [part.heading for part in drawing.sketch.parts if part.look == "block"]


# --- what the lectures draw ------------------------------------------------------------------


def test_the_first_circuit_of_the_lectures():
    drawing = drawn("circuit")
    assert signs(drawing) == ["x", "y", "z", "+", "×"]
    assert Counter(texts(drawing, "value")) == Counter(["-2.00", "5.00", "-4.00", "3.00", "-12.00"])
    expected = ["-4.00", "-4.00", "3.00", "-4.00", "1.00"]
    assert Counter(texts(drawing, "gradient")) == Counter(expected)
    assert texts(drawing, "name") == ["q", "f"]


@pytest.mark.parametrize("name", ["neuron", "scalar_neuron"])
def test_the_sigmoid_neuron_has_the_values_and_gradients_of_the_lectures(name):
    drawing = drawn(name)
    gates = [s for s in signs(drawing) if s[0] not in "wx"]
    assert gates == ["×", "×", "+", "+", "×-1", "exp", "+1", "1/x"]
    above = {part.node: part.exit.above[-1].text for part in drawing.sketch.parts}
    below = {part.node: part.exit.below[0][-1].text for part in drawing.sketch.parts}
    chain = [part.node for part in drawing.sketch.parts if part.look == "gate"][3:]
    assert [above[k] for k in chain] == ["1.00", "-1.00", "0.37", "1.37", "0.73"]
    assert [below[k] for k in chain] == ["0.20", "-0.20", "-0.53", "-0.53", "1.00"]
    inputs = [part for part in drawing.sketch.parts if part.look == "input"]
    found = {re.sub(r"\W", "", part.rows[0]): below[part.node] for part in inputs}
    assert found == {"w0": "-0.20", "x0": "0.39", "w1": "-0.39", "x1": "-0.59", "w2": "0.20"}
    for text in ("-2.00", "6.00", "4.00", "1.00", "0.37", "1.37", "0.73"):
        assert text in texts(drawing, "value")


def test_values_stand_above_their_wire_and_gradients_below():
    drawing = drawn("circuit")
    groups = [g for g in root_of(drawing).iter(f"{SVG}g") if g.get("class") in ("input", "gate")]
    for place, group in zip(drawing.layout.exits.values(), groups, strict=True):
        at = {
            text[-1].get("class"): float(text.get("y"))
            for text in group
            if text.get("class") == "label"
        }
        assert at["value"] < place.y and at["gradient"] - 9 > place.y


def test_a_value_that_is_read_twice_shows_each_part_of_its_sum():
    drawing = drawn("reads_twice", notes=True)
    x = drawing.sketch.parts[0]
    assert x.exit.below[0][-1].text == "10.00"  # 2 x + y at (3, 4)
    parts = [link.label.below[0][0].text for link in drawing.sketch.links if link.source == 0]
    assert sum(map(float, parts)) == 10.0 and len(parts) == 3
    assert "sums 3" in drawing.svg


def test_local_derivatives_may_stand_on_the_edges_instead():
    drawing = drawn("scalar_neuron", edges="local")
    assert not texts(drawing, "gradient")
    found = texts(drawing, "local")
    assert "x0 = -1.00" in found and "w0 = 2.00" in found and "-1.00" in found
    twice = drawn("reads_twice", edges="local")
    assert Counter(texts(twice, "local")) == Counter(
        ["x = 3.00", "x = 3.00", "y = 4.00", "x = 3.00", "1.00", "1.00"]
    )


def test_arrays_show_shapes():
    drawing = drawn("softmax_loss")
    above = {part.name: part.exit.above[-1].text for part in drawing.sketch.parts}
    assert above["h"] == "(N, k)" and above["y"] == "(N,)" and above["m"] == "(N, 1)"
    h = next(part for part in drawing.sketch.parts if part.name == "h")
    assert [run.text for run in h.exit.below[0]] == ["dh", "(N, k)"]
    assert not drawing.sketch.parts[3].exit.below  # nothing flows back to the labels y


def test_notes_say_what_a_gate_does_to_the_gradient():
    drawing = drawn("ignores", notes=True)
    notes = {part.rows[0]: part.note for part in drawing.sketch.parts if part.look == "gate"}
    assert notes["where"] == "routes" and notes["×"] == "switches"
    assert any("routes" in text for text in drawing.sketch.legend)
    assert not drawn("ignores").sketch.legend


FIGURES = [
    (0.0, "0.00"),
    (-0.0, "0.00"),
    (1, "1"),
    (True, "True"),
    (-0.5344, "-0.53"),
    (0.0123456, "0.0123"),
    (0.00123456, "0.00123"),
    (1.5e-7, "1.50e-07"),
    (99999.0, "99999.00"),
    (123456.0, "1.23e+05"),
    (np.float32(0.25), "0.25"),
    (float("nan"), "nan"),
    (float("-inf"), "-inf"),
]


@pytest.mark.parametrize("value, text", FIGURES)
def test_numbers_are_short_and_never_0_unless_they_are(value, text):
    assert figure(value) == text


SIGNS = [
    (lambda x: 3 - x, "3−x"),
    (lambda x: x - 3, "−3"),
    (lambda x: 2 / x, "2/x"),
    (lambda x: x / 2, "÷2"),
    (lambda x: x**2, "x²"),
    (lambda x: x**3.5, "x^3.5"),
    (lambda x: 2.0**x, "2^x"),
    (lambda x: 0.5 * x, "×0.5"),
    (lambda x: np.maximum(0, x), "max(0, x)"),
    (lambda x: np.sqrt(x), "√"),
    (lambda x: np.abs(x), "|x|"),
    (lambda x: np.log1p(x), "log1p"),
    (lambda x: np.logaddexp(x, 1.0), "logaddexp(x, 1)"),
]


@pytest.mark.parametrize("fn, sign", SIGNS, ids=[sign for _, sign in SIGNS])
def test_a_gate_has_its_number_in_its_sign(fn, sign):
    assert sign in signs(symgrad.draw(fn, 1.7))


# --- frames ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["circuit", "neuron", "softmax_loss", "reads_twice", "ignores"])
def test_there_is_a_frame_for_each_step_and_each_adds_gradients(name):
    frames = drawn(name, steps=True)
    found = frames[0].circuit
    elements = {e.target for e in found.edges} - {
        part.node for part in frames[0].sketch.parts if part.look == "input"
    }
    assert len(frames) == len(elements) + 2
    assert [drawing.frame.number for drawing in frames] == list(range(len(frames)))
    assert not texts(frames[0], "gradient") and texts(frames[0], "value")
    for before, after in itertools.pairwise(frames):
        grown = len(texts(after, "gradient")) - len(texts(before, "gradient"))
        assert before.frame.parts <= after.frame.parts and grown > 0
        assert [e.tag for e in root_of(after).iter()].count(f"{SVG}rect") > 0
    whole = drawn(name)
    assert Counter(texts(frames[-1], "gradient")) == Counter(texts(whole, "gradient"))


def test_a_caption_states_upstream_local_and_product():
    captions = [drawing.frame.caption for drawing in drawn("circuit", steps=True)]
    assert captions == [
        ("Forward pass: f = -12.00",),
        ("Step 1 of 3: start at the output, df/df = 1",),
        (
            "Step 2 of 3: back through f = q * z",
            "dq: upstream × local = 1.00 × -4.00 (z) = -4.00",
            "dz: upstream × local = 1.00 × 3.00 (q) = 3.00",
        ),
        (
            "Step 3 of 3: back through q = x + y",
            "dx: upstream × local = -4.00 × 1.00 = -4.00",
            "dy: upstream × local = -4.00 × 1.00 = -4.00",
        ),
    ]


def test_a_sum_is_shown_when_its_last_part_arrives():
    frames = drawn("reads_twice", steps=True)
    first = next(k for k, d in enumerate(frames) if 0 in d.frame.parts)
    assert first == len(frames) - 1
    words = [row for drawing in frames for row in drawing.frame.caption if row.startswith("dx:")]
    assert [row.rpartition(" (")[2] for row in words] == [
        "part 1 of 3)", "part 2 of 3)", "part 3 of 3, their sum is 10.00)",
    ]  # fmt: skip


def test_frames_do_not_move():
    frames = drawn("neuron", steps=True)
    assert all(drawing.layout is frames[0].layout for drawing in frames)
    assert len({root_of(drawing).get("viewBox") for drawing in frames}) == 1


def test_frames_are_a_sequence_and_are_saved_side_by_side(tmp_path):
    frames = drawn("circuit", steps=True)
    assert len(frames[1:]) == len(frames) - 1 and frames[1:][0] is frames[1]
    paths = frames.save(tmp_path / "graph.svg")
    assert [path.name for path in paths] == [f"graph-{k:02}.svg" for k in range(4)]
    assert all(ET.parse(path) for path in paths)
    assert frames._repr_html_().count("<svg") == 4
    assert str(frames).startswith("Forward pass") and repr(frames) == "<4 Frames of circuit>"


# --- levels ----------------------------------------------------------------------------------


def test_lines_are_the_values_that_the_function_names():
    drawing = drawn("softmax_loss", level="line")
    names = [part.name for part in drawing.sketch.parts if part.look == "block"]
    assert names[:3] == ["h", "s", "m"] and "log_p" in names
    assert "h = np.maximum(0, X @ W1)" in drawing.svg


def test_a_line_may_compare_and_multiply_by_the_result():
    def masked(x, y):
        s = (x > 0) * y + x
        return s * s

    drawing = symgrad.draw(masked, 1.0, 2.0, level="line")
    assert drawing.circuit.nodes[0].upstream == 6.0


def test_layers_are_affine_activation_regulariser_and_loss():
    assert headings(drawn("classifier", level="layer")) == [
        "affine", "relu", "affine", "sigmoid", "regulariser", "loss",
    ]  # fmt: skip
    assert headings(drawn("softmax_loss", level="layer"))[-3:] == [
        "log-softmax", "regulariser", "loss",
    ]  # fmt: skip
    assert headings(drawn("scalar_neuron", level="layer")) == ["affine", "sigmoid"]


def test_a_function_without_layers_is_drawn_by_its_lines():
    drawing = drawn("circuit", level="layer")
    assert headings(drawing) == ["", ""]
    assert [part.name for part in drawing.sketch.parts] == ["x", "y", "z", "q", "f"]


def test_a_block_is_called_by_what_it_computes_not_by_how_it_looks():
    def almost(x, w, b):
        z = w * x + b
        p = 1 / (2 + np.exp(-z))
        return (p - 1) ** 2

    assert headings(symgrad.draw(almost, 1.0, 2.0, 3.0, level="layer"))[1] == "activation"


def test_layers_that_repeat_are_folded():
    drawing = drawn("deep", level="layer")
    assert headings(drawing) == ["affine → tanh", "affine", "loss"]
    assert [part.times for part in drawing.sketch.parts if part.look == "block"] == [6, 1, 1]
    assert "affine → tanh  × 6" in drawing.svg and "W … W6" in drawing.svg
    plain = drawn("deep", level="layer", fold=False)
    assert headings(plain) == ["affine", "tanh"] * 6 + ["affine", "loss"]


def test_folding_keeps_the_data_apart_from_the_weights():
    def columns(x, W1, b1, W2, b2, W3, b3):
        h1 = np.tanh(W1 @ x + b1)
        h2 = np.tanh(W2 @ h1 + b2)
        return np.sum(np.tanh(W3 @ h2 + b3))

    args = [normal(4), *(a for _ in range(3) for a in (normal(4, 4), normal(4)))]
    inputs = [p for p in symgrad.draw(columns, *args, level="layer").sketch.parts if not p.heading]
    assert {part.rows[0] for part in inputs} == {"x", "W1 … W2", "b1 … b2", "W3", "b3"}


def test_folding_keeps_a_weight_that_every_layer_reads():
    def recurrent(W, U, b, xs):
        h = np.zeros(3)
        for k in range(4):
            h = np.tanh(W @ h + U @ xs[k] + b)
        return np.sum(h)

    args = (normal(3, 3), normal(3, 2), normal(3), normal(4, 2))
    drawing = symgrad.draw(recurrent, *args, level="layer")
    inputs = [part.rows[0] for part in drawing.sketch.parts if not part.heading]
    assert inputs == ["W", "U", "b", "xs"]
    assert drawing.sketch.parts[-2].times == 4 and len(drawing.sketch.links) == 5


def test_the_formula_of_a_block_does_not_grow_with_each_reading():
    def doubling(W, x):
        z = W @ x
        for _ in range(40):
            z = z * z + np.sin(z)
        return np.sum(z)

    drawing = symgrad.draw(doubling, 0.1 * np.eye(2), np.ones(2), level="layer")
    assert max(len(row) for part in drawing.sketch.parts for row in part.rows) < 60
    assert len(drawing.sketch.parts) < 60


def test_frames_show_every_layer():
    frames = drawn("deep", level="layer", steps=True)
    assert len(frames) == 2 + 14 and headings(frames[0])[:2] == ["affine", "tanh"]


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("level", ["gate", "line", "layer"])
def test_every_level_has_the_gradients_of_the_arguments(name, level):
    drawing = drawn(name, level=level, fold=False)
    found = drawing.circuit
    fn, args = PROGRAMS[name]
    gate = symgrad.draw(fn, *args).circuit
    expected = {n.name: n.upstream for n in gate.nodes if n.kind == "input"}
    for node in found.nodes:
        if node.kind == "input" and expected[node.name] is not None:
            np.testing.assert_allclose(node.upstream, expected[node.name], rtol=1e-12)


# --- geometry --------------------------------------------------------------------------------


def random_graph(count, seed, reach=40):
    """Return boxes of random sizes and wires, each from an earlier box to a later one."""
    rng = random.Random(seed)

    def label():
        return Size(rng.uniform(10, 90), rng.uniform(20, 60)) if rng.random() < 0.8 else None

    wires = []
    for target in range(1, count):
        for _ in range(rng.choice([0, 1, 1, 2, 2, 3])):
            source = rng.randrange(max(0, target - reach), target)
            wires.append(Wire(source, target, label()))
    arriving = Counter(wire.target for wire in wires)
    boxes = []
    for k in range(count):
        is_round, height = rng.random() < 0.5, rng.uniform(16, 60) + PORT * arriving[k]
        width = height if is_round else rng.uniform(16, 90)
        note = Size(rng.uniform(10, 70), 14.0) if rng.random() < 0.3 else None
        boxes.append(Box(width, height, label(), rng.random() < 0.5, is_round, note))
    return boxes, wires


def rectangles(boxes, layout):
    """Return (left, top, right, bottom) of all that may not overlap."""
    found = []
    for box, place in zip(boxes, layout.boxes, strict=True):
        below = box.note.height if box.note else 0.0
        width = max(place.width, box.note.width if box.note else 0.0)
        left = place.x - width / 2
        found.append((left, place.top, left + width, place.bottom + below))
    for place in [*layout.exits.values(), *layout.labels.values()]:
        found.append((place.left, place.top, place.right, place.bottom))
    return found


def overlaps(rects, slack=0.06):
    """Return the pairs that overlap, found by a sweep from left to right."""
    found, open_ = [], []
    for rect in sorted(rects):
        open_ = [other for other in open_ if other[2] > rect[0] + slack]
        found += [
            (other, rect)
            for other in open_
            if other[1] + slack < rect[3] and rect[1] + slack < other[3]
        ]
        open_.append(rect)
    return found


def points(line):
    """Return points along a wire: of the level parts and of the Bezier curves between them."""
    for (x0, y0), (x1, y1) in itertools.pairwise(line):
        for k in range(21):
            t = k / 20
            x = (1 - t) ** 3 * x0 + 3 * t * (1 - t) * (x0 + x1) / 2 + t**3 * x1
            yield x, (1 - t) ** 2 * (1 + 2 * t) * y0 + t**2 * (3 - 2 * t) * y1


def check_layout(boxes, wires, width=None):
    layout = lay_out(boxes, wires, width)
    rects = rectangles(boxes, layout)
    rects += [(j.x - 7, j.y - 7, j.x + 7, j.y + 7) for j in layout.jumps]
    assert not overlaps(rects)
    for left, top, right, bottom in rects:
        assert left >= 0 and top >= 0 and right <= layout.width and bottom <= layout.height
    for wire, lines in zip(wires, layout.wires, strict=True):
        if width is None:
            assert len(lines) == 1
            assert layout.boxes[wire.source].right < layout.boxes[wire.target].left
        assert all(a[0] <= b[0] + 1e-9 for line in lines for a, b in itertools.pairwise(line))
        end, place = lines[-1][-1], layout.boxes[wire.target]
        assert place.left - 0.1 <= end[0] <= place.x and place.top <= end[1] <= place.bottom
    solid = [(p.left, p.top, p.right, p.bottom) for p in layout.boxes]
    for wire, lines in zip(wires, layout.wires, strict=True):
        ends = (layout.boxes[wire.source], layout.boxes[wire.target])
        mine = {(p.left, p.top, p.right, p.bottom) for p in ends}
        for line in lines:
            left, right = line[0][0], line[-1][0]
            others = [r for r in solid if r not in mine and r[2] > left and r[0] < right]
            for x, y in points(line):
                assert not any(r[0] < x < r[2] and r[1] < y < r[3] for r in others)
    return layout


@pytest.mark.parametrize("count", [1, 2, 3, 10, 30, 100, 300])
@pytest.mark.parametrize("seed", range(4))
def test_nothing_overlaps_and_wires_go_to_the_right(count, seed):
    check_layout(*random_graph(count, seed))


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 60), st.integers(0, 10**6), st.sampled_from([1, 3, 10, 60]))
def test_nothing_overlaps_in_any_graph(count, seed, reach):
    check_layout(*random_graph(count, seed, reach))


@pytest.mark.parametrize("width", [1, 400, 900, 2000])
@pytest.mark.parametrize("seed", range(3))
def test_rows_are_as_wide_as_asked_for_and_nothing_overlaps_in_them(width, seed):
    boxes, wires = random_graph(60, seed, reach=6)
    layout = check_layout(boxes, wires, width)
    assert width < 400 or layout.width <= width
    marks = Counter(jump.number for jump in layout.jumps)
    assert all(count > 1 for count in marks.values()) and list(marks) != []


def test_a_long_chain_continues_in_further_rows():
    def chain(x):
        for _ in range(30):
            x = np.sin(x)
        return x

    whole, broken = symgrad.draw(chain, 1.0), symgrad.draw(chain, 1.0, width=1200)
    assert broken.layout.width <= 1200 < whole.layout.width
    assert len({place.y for place in broken.layout.boxes}) > 2
    assert len({place.y for place in whole.layout.boxes}) == 1
    assert not overlaps(list(text_boxes(root_of(broken))))
    assert texts(broken, "value") == texts(whole, "value")


def test_the_same_graph_has_the_same_layout():
    assert lay_out(*random_graph(80, 5)) == lay_out(*random_graph(80, 5))


def test_a_tree_has_no_crossings_and_a_chain_is_straight():
    boxes = [Box(30, 30, Size(40, 30)) for _ in range(9)]
    chain = lay_out(boxes, [Wire(k, k + 1) for k in range(8)])
    assert len({place.y for place in chain.boxes}) == 1
    assert all(len(line) == 2 for (line,) in chain.wires)
    wires = [(0, 4), (1, 4), (2, 5), (3, 5), (4, 6), (5, 6)]
    tree = lay_out(boxes[:7], [Wire(*ends) for ends in wires])
    heights = [tree.boxes[k].y for k in range(4)]
    assert heights == sorted(heights)


def test_operands_arrive_in_their_order():
    boxes = [Box(30, 30), Box(30, 30), Box(30, 30, ordered=True)]
    for wires in ([Wire(0, 2), Wire(1, 2)], [Wire(1, 2), Wire(0, 2)]):
        layout = lay_out(boxes, wires)
        (first,), (second,) = layout.wires
        assert first[-1][1] < second[-1][1]
        assert layout.boxes[wires[0].source].y < layout.boxes[wires[1].source].y


def network(x, W, b, v):
    """A hidden layer written out, a gate for each number."""
    total = 0.0
    for k in range(len(b)):
        z = b[k]
        for i in range(len(x)):
            z = z + W[k, i] * x[i]
        total = total + v[k] * np.tanh(z)
    return total**2


@pytest.mark.benchmark
def test_a_network_of_300_gates_and_inputs_is_drawn_in_a_second():
    drawing = symgrad.draw(network, normal(8), normal(10, 8), normal(10), normal(10))
    sketch = drawing.sketch
    assert 290 <= len(sketch.parts) <= 320
    begin = time.perf_counter()
    lay_out(sketch.boxes(), sketch.wires())
    assert time.perf_counter() - begin <= 1.0
    assert not overlaps(list(text_boxes(root_of(drawing))))


@pytest.mark.benchmark
@pytest.mark.parametrize("seed", range(5))
def test_300_nodes_are_laid_out_in_a_second(seed):
    graph = random_graph(300, seed)
    begin = time.perf_counter()
    lay_out(*graph)
    assert time.perf_counter() - begin <= 1.0


# --- the text of the SVG ---------------------------------------------------------------------

SIZES = {
    "sign": 15.0,
    "code": 12.5,
    "label": 13.0,
    "label note": 10.5,
    "heading": 13.0,
    "jump": 9.0,
}
SIZES |= {"caption": 14.0, "legend": 14.0}


def text_boxes(root):
    """Return the rectangle of every text of a picture, by what it says and how it stands."""
    for text in root.iter(f"{SVG}text"):
        kind = text.get("class")
        size, mono = SIZES[kind], kind == "code"
        runs = [(run.text, float(run.get("dx", 0)), run.get("class")) for run in text]
        runs = runs or [(text.text, 0.0, None)]
        width = sum(
            gap + text_width(word, 10.5 if of == "note" else size, mono) for word, gap, of in runs
        )
        x, y = float(text.get("x")), float(text.get("y"))
        left = x if kind in ("code", "caption", "legend") else x - width / 2
        yield (left, y - 0.75 * size, left + width, y + 0.2 * size)


HOWS = [
    {},
    {"notes": True},
    {"edges": "local"},
    {"level": "line"},
    {"level": "layer"},
    {"level": "layer", "fold": False, "edges": "local"},
]


@pytest.mark.parametrize("how", HOWS, ids=str)
@pytest.mark.parametrize("name", PROGRAMS)
def test_no_two_texts_of_a_picture_overlap(name, how):
    root = root_of(drawn(name, **how))
    assert not overlaps(list(text_boxes(root)))
    width, height = map(float, (root.get("width"), root.get("height")))
    for left, top, right, bottom in text_boxes(root):
        assert left >= 0 and top >= 0 and right <= width and bottom <= height


@pytest.mark.parametrize("how", [*HOWS, {"steps": True}], ids=str)
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_picture_is_well_formed_told_in_words_and_has_no_script(name, how):
    drawing = drawn(name, **how)
    for one in drawing if how.get("steps") else [drawing]:
        root = root_of(one)
        assert root.get("role") == "img"
        told = [root.find(f"*[@id='{name}']") for name in root.get("aria-labelledby").split()]
        assert [element.tag for element in told] == [f"{SVG}title", f"{SVG}desc"]
        assert all(element.text for element in told)
        assert not list(root.iter(f"{SVG}script")) and "prefers-color-scheme" in one.svg
        assert not re.search(r"\b(href|src|url\(|@import|on\w+=)", one.svg)
        assert {e.tag.removeprefix(SVG) for e in root.iter()} <= TAGS


TAGS = {"svg", "title", "desc", "style", "rect", "g", "path", "circle", "text", "tspan"}


def test_frames_in_one_page_have_ids_of_their_own():
    frames = drawn("neuron", steps=True)
    ids = [element.get("id") for d in frames for element in root_of(d).iter() if element.get("id")]
    assert len(ids) == len(set(ids)) == 2 * len(frames)


HOSTILE = ["</svg><script>alert(1)</script>", '"; DROP', "a & b", "\\", "\x00\x07\ud800", "#x;`|]"]


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_hostile_names_stay_text(name):
    drawing = symgrad.draw(circuit, -2, 5, -4, names={"q": name, "x": f"{name}!"})
    root = root_of(drawing)
    assert "script" not in {element.tag.removeprefix(SVG) for element in root.iter()}
    shown = re.sub("[\x00-\x08\ud800]", "\N{REPLACEMENT CHARACTER}", name)
    assert f"{shown}!" in signs(drawing) and shown in texts(drawing, "name")
    assert json.loads(drawing.json())["nodes"][0]["name"] == f"{name}!"
    for text in (drawing.svg, drawing.dot, drawing.mermaid, drawing.json()):
        assert text.encode()
    assert len(statements(drawing.dot)) == 5 + 1 + 4 + 1
    for line in drawing.mermaid.splitlines():
        assert line.count('"') in (0, 2, 4) and "<script" not in line


def statements(dot):
    """Read DOT as Graphviz does, up to quoted strings, and return its statements on graphs."""
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', "STRING", dot, flags=re.DOTALL)
    assert '"' not in bare
    found = [part.strip() for part in bare.partition("{")[2].rpartition("}")[0].split(";")]
    return [part for part in found if re.match(r"(n|result)\d", part)]


def test_dot_has_a_statement_for_each_node_and_edge():
    drawing = drawn("neuron")
    sketch = drawing.sketch
    assert len(statements(drawing.dot)) == len(sketch.parts) + len(sketch.links) + 2
    assert 'label="2.00\\n-0.20"' in drawing.dot


def test_mermaid_has_the_same_nodes_and_edges():
    drawing = drawn("circuit")
    assert drawing.mermaid.splitlines()[1:3] == ["flowchart LR", '  n0["x"]']
    assert '  n3 -- "q 3.00<br>-4.00" --> n4' in drawing.mermaid
    assert drawing.mermaid.count("-->") == 5


def test_json_has_the_numbers_in_full():
    data = json.loads(drawn("neuron").json())
    output = data["nodes"][data["output"]]
    assert output["value"] == pytest.approx(1 / (1 + np.exp(-1.0)), rel=1e-15)
    edge = next(e for e in data["edges"] if e["target"] == data["output"])
    assert edge["local"] * output["gradient"] == pytest.approx(edge["gradient"])
    assert json.loads(drawn("softmax_loss").json())["nodes"][0]["shape"] == ["d", "k"]


def test_json_writes_what_is_not_finite_by_name():
    with np.errstate(all="ignore"):
        data = json.loads(symgrad.draw(lambda x: np.log(x) * 2.0, np.zeros(())).json())
    assert {node["value"] for node in data["nodes"]} == {0.0, "-inf"}


def test_the_picture_is_the_same_on_every_run():
    script = """
import numpy as np, hashlib, symgrad
def f(x, w):
    h = np.tanh(w @ x)
    return np.sum(h * h) + np.sum(w**2)
for level in ("gate", "line", "layer"):
    d = symgrad.draw(f, np.ones(3), np.eye(3), level=level, notes=True)
    print(hashlib.sha256((d.svg + d.dot + d.mermaid + d.json()).encode()).hexdigest())
"""
    found = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(Path.cwd())},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1


# --- files, words, mistakes ------------------------------------------------------------------


@pytest.mark.parametrize("ending", [".svg", ".dot", ".gv", ".mmd", ".mermaid", ".json", ".txt"])
def test_the_ending_of_a_file_says_what_is_written(tmp_path, ending):
    drawing = drawn("circuit")
    path = tmp_path / f"graph{ending}"
    drawing.save(path)
    text = path.read_text(encoding="utf-8")
    expected = {".svg": drawing.svg, ".json": drawing.json(), ".txt": f"{drawing}\n"}
    expected |= dict.fromkeys((".dot", ".gv"), drawing.dot)
    assert text == expected.get(ending, drawing.mermaid)


def test_a_drawing_tells_itself_in_words():
    drawing = drawn("circuit")
    assert str(drawing).splitlines()[1] == "  x = -2.00; gradient -4.00"
    assert repr(drawing) == "<Drawing of circuit: 5 nodes, level gate>"
    assert drawing._repr_svg_() == drawing.svg
    assert "3 inputs and 2 gates" in drawing.svg


def test_keywords_go_to_the_function():
    def f(x, *, k):
        return x * k

    assert "6.00" in texts(symgrad.draw(f, 2.0, k=3.0), "value")


MISTAKES = [
    ("level", ArgumentError, r"level='gates' is not 'gate' or 'line'.*did you mean `gate`",
     lambda: drawn("circuit", level="gates")),
    ("edges", ArgumentError, r"edges='locals' is not 'gradient' or 'local'",
     lambda: drawn("circuit", edges="locals")),
    ("ending", ArgumentError, r"`graph.png` ends in `.png`.*save it as .svg",
     lambda: drawn("circuit").save("graph.png")),
    ("no number", SymgradError, "no argument is a real number",
     lambda: symgrad.draw(lambda x: x, "x")),
]  # fmt: skip


@pytest.mark.parametrize("what, error, message, mistake", MISTAKES, ids=[m[0] for m in MISTAKES])
def test_mistakes_are_told(what, error, message, mistake):
    with pytest.raises(error, match=message):
        mistake()


# --- the command -----------------------------------------------------------------------------

FILE = """\
import numpy as np


def f(x, y, z):
    q = x + y
    return q * z


def aux(x):
    return x * x, "more"
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("f.py").write_text(FILE)
    return tmp_path


ARGS = ["--args", "x=-2, y=5, z=-4"]


def test_the_command_writes_the_picture(folder, capsys):
    assert main(["draw", "f.py:f", *ARGS, "-o", "graph.svg"]) == 0
    values = re.findall(r'class="value">([^<]*)', Path("graph.svg").read_text())
    assert values == texts(drawn("circuit"), "value")
    assert "wrote graph.svg" in capsys.readouterr().err
    assert main(["draw", "f.py:f", *ARGS, "--level", "line", "-o", "graph.svg"]) == 0
    assert "q = x + y" in Path("graph.svg").read_text()


@pytest.mark.parametrize("kind, start", [("svg", "<svg"), ("dot", "// "), ("json", "{")])
def test_the_command_writes_to_stdout(folder, capsys, kind, start):
    assert main(["draw", "f.py:f", *ARGS, "--format", kind]) == 0
    assert capsys.readouterr().out.startswith(start)


def test_the_command_writes_frames(folder):
    assert main(["draw", "f.py:f", *ARGS, "--steps", "-o", "graph.svg"]) == 0
    assert sorted(path.name for path in folder.glob("*.svg")) == [
        f"graph-{k:02}.svg" for k in range(4)
    ]


def test_the_command_draws_the_value_beside_aux(folder, capsys):
    assert main(["draw", "f.py:aux", "--args", "x=3.0", "--aux"]) == 0
    assert "9.00" in capsys.readouterr().out


COMMAND_MISTAKES = [
    (["--steps"], "--steps makes several pictures: say where with -o"),
    (["-o", "graph.png"], "no picture ends in `.png`: use one of .svg, .dot"),
    (["-o", "mine.svg"], "mine.svg exists and was not written by symgrad"),
]


@pytest.mark.parametrize("words, message", COMMAND_MISTAKES, ids=lambda x: str(x)[:20])
def test_the_command_refuses(folder, capsys, words, message):
    Path("mine.svg").write_text("<svg/>")
    assert main(["draw", "f.py:f", *ARGS, *words]) == 2
    assert message in capsys.readouterr().err
