"""The circuit computes what the verifier does: its rows, filled, against the argument's checks."""

import random
import unittest

from attention_networks import block
from fixtures import data
from networks import (
    GELU,
    LEAKY,
    RELU,
    SIGMOID,
    SILU,
    TANH,
    add,
    convolution,
    depthwise,
    largest,
    layer_norm,
    leaky,
    linear,
    mean,
    network,
    norm,
    placed,
    rms_norm,
    scale,
    softmax,
)
from weighted_networks import CASES as WEIGHTED_CASES
from zktrain_reference.argument import Argument, elements
from zktrain_reference.circuit import Circuit
from zktrain_reference.compiler import compile_dataset, compile_training
from zktrain_reference.field import R, polynomial
from zktrain_reference.manifest import Manifest
from zktrain_reference.network import derive
from zktrain_reference.poseidon import permute
from zktrain_reference.relation import Relation
from zktrain_reference.rows import ARITHMETIC, FULL, IDLE, Cell, Rows
from zktrain_reference.sheet import Sheet

INPUTS = 3


class Filled:
    """The cells of a circuit's rows, from public inputs and messages; by how much demands fail."""

    def __init__(self, rows: Rows, inputs: list[int], messages: list[int]) -> None:
        # The first wires are these.
        given = enumerate([*inputs, *messages])
        self.cells: dict[Cell, int] = {rows.homes[node]: value for node, value in given}
        self.homes = {cell: home for home, cell in rows.copies}
        self.state: list[int] | None = None
        self.differences: list[int] = []
        for row, (selectors, q) in enumerate(rows.rows):
            if selectors == ARITHMETIC and row >= INPUTS:
                self.gate(row, q)
            elif selectors == FULL and self.state is None:
                self.state = [self.get(row, column) for column in range(5)]
            elif selectors == IDLE:
                self.idle(row, q)

    def get(self, row: int, column: int) -> int | None:
        """A cell's value, if it has one: a copy has its home's."""
        cell = row, column
        return self.cells.get(self.homes.get(cell, cell))

    def gate(self, row: int, q: tuple[int, ...]) -> None:
        """Either makes its output, or demands that it is what is there."""
        a, b, c, out, e = (self.get(row, column) for column in range(5))
        a, b, c, e = a or 0, b or 0, c or 0, e or 0
        value = (e * (q[0] * a * b + q[1] * a + q[2] * b + q[4]) + q[3] * c) % R
        if out is None:
            self.cells[row, 3] = value
        else:
            self.differences.append((value - out) % R)

    def idle(self, row: int, q: tuple[int, ...]) -> None:
        """A constant, or the state after a permutation."""
        if q[0]:
            self.cells[row, 0] = q[1]
            return
        for column, value in enumerate(permute(self.state)):
            self.cells[row, column] = value
        self.state = None


class Observed(Argument):
    """An argument that goes on where its checks fail."""

    def __init__(self, relation: Relation, h: int, messages: list[int]) -> None:
        super().__init__(relation, h, messages)
        self.differences: list[int] = []

    def vanishes(self, difference: int, reason: str) -> None:
        self.differences.append(difference % R)


# Both directions, strides, paddings, sizes that are no powers of two; one index, one place.
CONVOLUTIONAL = {
    "two convolutions": (
        [convolution(3, 3, stride=2, padding=1), RELU, convolution(2, 2), SIGMOID, linear(2)],
        {"image": [5, 6, 2], "momentum": 0.5, "decay": 0.01},
    ),
    "clipping": (
        [convolution(2, 2, padding=1, bias=False), TANH, linear(3, bias=False)],
        {"image": [3, 2, 1], "clip": 0.25, "loss": "mse", "momentum": 0.5},
    ),
    "narrow": (
        [convolution(1, 1, stride=2), convolution(2, 3, padding=2), RELU, linear(1)],
        {"image": [5, 1, 3], "batch": 1, "loss": "logistic"},
    ),
}


# Masks of windows, places and channels, and none; pools that are read by each kind of layer.
POOLED = {
    "sides of two": (
        [convolution(2, 2, padding=1), RELU, mean(kernel=2), largest(2), TANH, linear(2)],
        {"image": [3, 7, 1], "momentum": 0.5, "decay": 0.01},
    ),
    "sides of three": (
        [largest(3), convolution(3, 1, bias=False), SIGMOID, largest(3), mean(), linear(3)],
        {"image": [9, 9, 3], "batch": 1, "clip": 0.25, "loss": "mse", "steps": 1},
    ),
}


# Sums of forms, two of one tensor among them; what may saturate; gradients of several.
GRAPHS = {
    "sums of sums": (
        [linear(2), SIGMOID, linear(2), add(1), add(1, **{"from": 2}), TANH, add(3), linear(2)],
        {"inputs": 3, "version": 3, "momentum": 0.5},
    ),
    "of images": (
        [convolution(3, 1), TANH, convolution(3, 3, padding=1), largest(3, **{"from": 1})]
        + [mean(kernel=3, **{"from": 1}), RELU, add(3), mean(kernel=3, **{"from": 2})]
        + [add(6), RELU, linear(2)],
        {"image": [3, 6, 1], "version": 3, "batch": 1, "steps": 1},
    ),
}


# The channel outside of products, padded and not; slopes, tables that are met twice.
ACTIVATED = {
    "channels by themselves": (
        [depthwise(3, stride=2, padding=1), GELU, convolution(2, 1), LEAKY]
        + [depthwise(2, bias=False), SILU, linear(3)],
        {"image": [5, 6, 3], "version": 3, "momentum": 0.5, "decay": 0.01},
    ),
    "slopes and what is looked up": (
        [linear(3), GELU, linear(3), leaky(0.5), add(1), GELU, linear(2), SILU, linear(1)],
        {"inputs": 2, "version": 3, "clip": 0.25, "loss": "logistic"},
    ),
}


# Masks of channels and places, and none; products without axes, an axis of two places.
NORMALIZED = {
    "images and numbers": (
        [convolution(3, 1), norm(), RELU, linear(3), norm(), SIGMOID, linear(2)],
        {"image": [3, 5, 1], "version": 3, "momentum": 0.5, "decay": 0.01},
    ),
    "of the inputs": (
        [norm(), linear(2), norm(), norm(**{"from": 1}), add(2), linear(1)],
        {"inputs": 2, "version": 3, "clip": 0.25, "loss": "logistic", "steps": 1},
    ),
}


# Masks of channels and places, and none; rows of images and of numbers; scales of both.
ROWS = {
    "images and numbers": (
        [convolution(3, 1), layer_norm(), scale(), RELU, linear(3), rms_norm(), scale(bias=False)]
        + [linear(2)],
        {"image": [3, 5, 1], "version": 3, "momentum": 0.5, "decay": 0.01},
    ),
    "of the inputs": (
        [rms_norm(), scale(), layer_norm(**{"from": 0}), add(1), scale(), linear(1)],
        {"image": [2, 1, 2], "version": 3, "clip": 0.25, "loss": "logistic", "steps": 1},
    ),
}


# What is read of the step before, and of the state before the first; a clock; tables of all sizes.
ADAPTIVE = {
    "images and numbers": (
        [convolution(3, 2, padding=1), norm(), RELU, linear(3, bias=False), SIGMOID, linear(2)],
        {"image": [2, 3, 1], "version": 4, "adam": {"epsilon": 0.01}},
    ),
    "one step of one": (
        [scale(), linear(1)],
        {"inputs": 3, "version": 4, "adam": {}, "loss": "logistic", "steps": 1, "max_steps": 1},
    ),
}


# Joined dimensions, of one head, of one channel, and of several; masks of two axes, and of none.
ATTENDING = {
    "causal": (
        [placed(), *block(2, 4, causal=True, values=2), placed(), SIGMOID, linear(2)],
        {"image": [4, 1, 3], "version": 5, "momentum": 0.5, "decay": 0.01},
    ),
    "one head, one channel": (
        [convolution(2, 1), TANH, *block(1, 2, values=1, source=1), placed(), RELU, linear(3)],
        {"image": [2, 1, 2], "version": 5, "adam": {}, "batch": 1},
    ),
    "one position, heads of one channel": (
        [convolution(2, 1), *block(2, 2, causal=True), placed(), linear(1)],
        {"image": [1, 1, 1], "version": 5, "clip": 0.25, "loss": "logistic", "steps": 1},
    ),
    "rows of any image": (
        [softmax(causal=True), placed(), softmax(**{"from": 0}), add(1), linear(2)],
        {"image": [2, 2, 2], "version": 5},
    ),
}


class Circuits(unittest.TestCase):
    """On messages that prove nothing, each check misses by as much in both."""

    def agree(self, relation: Relation, sheet: Sheet) -> None:
        draw = random.Random(1)
        rows = Circuit(relation, list(sheet.tensors.values())).run.rows
        h, kappa, *messages = (draw.randrange(R) for _ in range(2 + elements(relation)))
        native = Observed(relation, h, messages)
        opening = native.verify()
        fold = polynomial([*opening.point, opening.gamma, opening.value], kappa)
        filled = Filled(rows, [h, kappa, fold], messages)
        *differences, last = filled.differences
        self.assertEqual(last, 0)
        self.assertNotIn(0, differences)
        # Which side is subtracted is the row's affair.
        for found, expected in zip(differences, native.differences, strict=True):
            self.assertIn(found, (expected, R - expected))

    def test_perceptrons(self) -> None:
        for name in ("relu", "smooth"):
            with self.subTest(name):
                self.agree(*compile_training(derive(Manifest(data(f"{name}_v1.toml").decode()))))

    def test_convolutions(self) -> None:
        for name, (layers, options) in CONVOLUTIONAL.items():
            with self.subTest(name):
                self.agree(*compile_training(network(layers, **options)))

    def test_pools(self) -> None:
        for name, (layers, options) in POOLED.items():
            with self.subTest(name):
                self.agree(*compile_training(network(layers, **options)))

    def test_graphs(self) -> None:
        for name, (layers, options) in GRAPHS.items():
            with self.subTest(name):
                self.agree(*compile_training(network(layers, **options)))

    def test_depthwise_convolutions_and_activations(self) -> None:
        for name, (layers, options) in ACTIVATED.items():
            with self.subTest(name):
                self.agree(*compile_training(network(layers, **options)))

    def test_batch_norms(self) -> None:
        for name, (layers, options) in NORMALIZED.items():
            with self.subTest(name):
                self.agree(*compile_training(network(layers, **options)))

    def test_norms_of_rows_and_scales(self) -> None:
        for name, (layers, options) in ROWS.items():
            with self.subTest(name):
                self.agree(*compile_training(network(layers, **options)))

    def test_adam(self) -> None:
        for name, (layers, options) in ADAPTIVE.items():
            with self.subTest(name):
                self.agree(*compile_training(network(layers, **options)))

    def test_attention(self) -> None:
        for name, (layers, options) in ATTENDING.items():
            with self.subTest(name):
                self.agree(*compile_training(network(layers, **options)))

    def test_weights(self) -> None:
        for name, (layers, options) in WEIGHTED_CASES.items():
            with self.subTest(name):
                net = network(layers, **options)
                self.agree(*compile_training(net))
                self.agree(*compile_dataset(net, 2))

    def test_a_linear_layer_over_an_image(self) -> None:
        net = network([linear(3), RELU, linear(2)], image=[3, 2, 3])
        self.agree(*compile_training(net))

    def test_images_of_a_registration(self) -> None:
        layers, options = CONVOLUTIONAL["two convolutions"]
        self.agree(*compile_dataset(network(layers, **options), 4))


if __name__ == "__main__":
    unittest.main()
