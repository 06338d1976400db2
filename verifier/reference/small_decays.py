"""Small networks whose weight decay needs a shift above 16."""

from networks import (
    RELU,
    SIGMOID,
    Layers,
    convolution,
    layer_norm,
    linear,
    network,
    norm,
    placed,
    scale,
)
from test_step import Literal, batch
from weight_formulas import WeightedLiteral
from weighted_networks import WEIGHTED, labelled
from zktrain_reference.network import Network

# A learning rate of 0.1 and a decay of 0.0001 need 19 bits, and 0.001 and 0.00001 need 30.
NINETEEN = {"version": 6, "rate": 0.1, "decay": 1e-4, "shift": 19}
THIRTY = {"version": 6, "rate": 1e-3, "decay": 1e-5, "shift": 30}
# Three outputs, which are padded.
FLAT = [linear(2), RELU, linear(3)]

CASES: dict[str, tuple[Layers, dict[str, object]]] = {
    "flat": (FLAT, {"inputs": 3, "momentum": 0.5, **NINETEEN}),
    "30 bits": (FLAT, {"inputs": 3, "momentum": 0.9, **THIRTY}),
    "a convolution, clipped": (
        [convolution(3, 2, bias=False), SIGMOID, linear(1)],
        {"image": [3, 2, 1], "clip": 0.25, "loss": "logistic", **NINETEEN},
    ),
    # Running statistics are divided by 2^16 as ever.
    "norms and a scale": (
        [convolution(3, 1), norm(), RELU, layer_norm(), scale(), linear(2)],
        {"image": [1, 3, 1], "loss": "mse", "momentum": 0.5, **NINETEEN},
    ),
    "positions, labels with weights": (
        [convolution(2, 1), placed(), convolution(3, 1)],
        {"image": [4, 1, 2], "places": 4, "batch": 3, "momentum": 0.5, **NINETEEN, **WEIGHTED},
    ),
}  # fmt: skip


def batches_of(net: Network):
    """Batches of a network, whether its labels have weights or not."""
    return labelled if net.label_weights else batch


def formulas(net: Network, bits: int, *start) -> Literal:
    """The document's formulas with this shift."""
    found = (WeightedLiteral if net.label_weights else Literal)(net, *start)
    found.shift = bits
    return found


def small(name: str, **options) -> Network:
    """The network of a case."""
    layers, own = CASES[name]
    return network(layers, **own | options)
