"""Manifests of small networks whose labels have weights."""

import random

from attention_networks import block
from networks import (
    RELU,
    Layers,
    add,
    convolution,
    layer_norm,
    linear,
    manifest,
    placed,
)
from zktrain_reference.network import Network
from zktrain_reference.step import Matrix, Row

WEIGHTED = {"version": 6, "data": {"weighted": True}}
Case = tuple[Layers, dict[str, object]]


def labelled(net: Network, seed: int, rows: int = 0) -> tuple[Matrix, Matrix]:
    """Rows and labels of all weights, zero among them; beyond so many rows only what fills."""
    draw = random.Random(seed)
    inputs, labels = [], []
    for b in range(net.batch):
        real = b < (rows or net.batch)
        inputs.append([draw.randint(-200, 200) * real for _ in range(net.inputs)])
        places = net.result.positions if net.result else 1
        labels.append([y for _ in range(places) for y in weighted_row(draw, net.outputs, real)])
    return inputs, labels


def weighted_row(draw: random.Random, classes: int, real: bool) -> Row:
    """A label with a weight."""
    weight = draw.choice([0, 1, 4096, 9999, 16384]) * real
    chosen = draw.randrange(classes)
    return [weight * (k == chosen) for k in range(classes)]


def weighted_circuits() -> dict[str, str]:
    """Manifests with weights whose circuits are compared, by their names in
    `weights_circuits_v1.tsv`; `weights_manifests` has their text."""
    every = {"version": 6, "row_log": 8}
    tokens = ["a", "b", "c", "d", "e"]
    named = {"classes": tokens, "weighted": True, "tokens": tokens}
    classes = {"weighted": True, "class_weights": [1.0, 0.25, 0.3]}
    attending = [placed(), layer_norm(), *block(2, 4, causal=True, source=1), add(1)]
    return {
        "weights-flat": manifest(
            [linear(6), RELU, linear(3)],
            inputs=4, batch=3, steps=2, momentum=0.5, data=classes, **every,
        ),
        "weights-tokens": manifest(
            [convolution(4, 1), placed(), convolution(5, 3, padding=1)],
            image=[4, 1, 5], batch=2, steps=1, places=4, data=named, **every,
        ),
        "weights-attention": manifest(
            [*attending, convolution(3, 1)],
            image=[8, 1, 4], batch=5, steps=2, adam={}, places=8,
            data={"weighted": True}, **every,
        ),
        # A rate of 0.1 times this decay needs 19 bits.
        "weights-decay": manifest(
            [linear(6), RELU, linear(3)],
            inputs=4, batch=3, steps=2, momentum=0.9, rate=0.1, decay=1e-4, shift=19,
            data=classes, **every,
        ),
    }  # fmt: skip


# A flat network; sequences whose positions have labels, one with an attention; a batch that is
# filled up.
CASES: dict[str, Case] = {
    "flat": ([linear(3), RELU, linear(3)], {"inputs": 3, "batch": 4, "momentum": 0.5, **WEIGHTED}),
    "filled up": (
        [linear(2), RELU, linear(3, bias=False)],
        {"inputs": 3, "batch": 3, "decay": 0.01, **WEIGHTED},
    ),
    "an image, clipped": (
        [convolution(2, 3, padding=1), RELU, convolution(2, 3, stride=2, padding=1)],
        {"image": [3, 4, 1], "places": 4, "clip": 0.125, "batch": 1, **WEIGHTED},
    ),
    "a sequence, positions": (
        [convolution(2, 1), placed(), convolution(5, 3, padding=1)],
        {"image": [4, 1, 3], "places": 4, "momentum": 0.5, **WEIGHTED},
    ),
    "a sequence with an attention": (
        [convolution(2, 1), *block(1, 2, causal=True), add(0), convolution(3, 1)],
        {"image": [4, 1, 2], "places": 4, "batch": 1, "adam": {"epsilon": 0.001}, **WEIGHTED},
    ),
    "an image, one label, filled up": (
        [convolution(2, 2), RELU, linear(2)],
        {"image": [2, 3, 1], "batch": 3, "steps": 1, **WEIGHTED},
    ),
    "one layer": (
        [convolution(3, 1)],
        {"image": [2, 2, 2], "places": 4, "batch": 3, "rate": 2.0, "steps": 1, **WEIGHTED},
    ),
}  # fmt: skip
