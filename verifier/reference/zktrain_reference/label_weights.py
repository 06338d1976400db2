"""Labels with weights: what a manifest may say of them, how many there are in a step, and which
integers they are. See docs/quantization.md, "Data" and "Admissible values"."""

import math
from typing import Any

from .errors import require, within
from .schema import NORM
from .shape import Shape

# Fractional bits of a weight, and the largest one.
WEIGHT_BITS = 14
WHOLE = 1 << WEIGHT_BITS

Fields = dict[str, Any]


def weighs(table: Fields) -> bool:
    """Whether the labels of a manifest have weights."""
    return bool(table["data"].get("weighted"))


def check_last(last: Shape, weighted: bool) -> None:
    """The last layer is linear; with weights it may be a convolution, whose every position has a
    label."""
    if last.kind == "linear":
        return
    known = weighted and last.kind == "conv2d"
    require(known, "model.layers: the last one is linear, or with data.weighted conv2d")
    for name, side in (("height", last.result.height), ("width", last.result.width)):
        field = f"model.layers ({name} of what is put out)"
        require(side & (side - 1) == 0, f"{field}: {side} is no power of two")


def check_weights(table: Fields, layers: list[Shape]) -> None:
    """What goes with weights, and which ones classes have."""
    given = table["data"].get("class_weights")
    if not weighs(table):
        require(given is None, "data.class_weights: with data.weighted only")
        return
    loss = table["model"]["loss"]
    require(loss == "softmax-cross-entropy", f"data.weighted: not with the loss {loss}")
    normed = any(shape.kind == NORM for shape in layers)
    require(not normed, "data.weighted: not with a batch norm")
    if given is None:
        return
    classes = table["data"]["classes"]
    require(len(given) == len(classes), "data.class_weights: one for each class")
    for i, weight in enumerate(given):
        within(f"data.class_weights[{i}]", 2.0**-WEIGHT_BITS, 1, weight)


def integer_weight(weight: float) -> int:
    """What stands in a label's row in place of one."""
    return math.floor(weight * WHOLE + 0.5)


def filled(batch: int) -> int:
    """B: rows of a step, of which some may be there only to fill it."""
    return 1 << (batch - 1).bit_length()


def labels_of_step(training: Fields, layers: list[Shape]) -> int:
    """N: the labels of a batch, however many have a weight."""
    image = layers[-1].result
    return training["batch"] * (image.positions if image else 1)
