"""Layers, as a manifest has them. See docs/quantization.md, "Admissible values"."""

from dataclasses import dataclass, replace
from typing import Any

from .attention import Attention
from .errors import require, within
from .geometry import Image, Kernel
from .schema import NORM, PAIRED, PASSING, POOLS, SCALE, SLOPE, default_stride
from .scaling import accurate, scaled

# Numbers that a layer reads or puts out.
MOST = 65536
# Layers that take the values of one.
MOST_TAKERS = 8
# Tensors whose sum is the gradient at what a layer puts out.
MOST_SUMMED = 64
# Fractional bits of a leaky ReLU's slope.
SLOPE_BITS = 16
# What layers are called that take no kernel and put out what they take.
CALLED = {
    NORM: "a batch norm", "layer_norm": "a layer norm", "rms_norm": "an RMS norm",
    SCALE: "a scale", "add": "a sum",
}  # fmt: skip
# Layers that take other things, but have none of these either.
ALSO_CALLED = {
    "attention_scores": "an attention", "softmax": "a softmax", "attention_values": "an attention",
    "positions": "a layer of positions",
}  # fmt: skip
# How many numbers there are, and their image if they are one.
Values = tuple[int, Image | None]


@dataclass(frozen=True)
class Shape:
    """A layer and the activation behind it, `None` for none. A convolution has a kernel, and as
    many inputs as a patch has numbers, of one channel if it is depthwise; so does a pool, one for
    each number of a window. A scale has one input, and so has a batch norm, whose weight is gamma;
    its bias is beta. A norm of rows has as many as a row has numbers. `slope` is that of a leaky
    ReLU, times 2^16. `image` is what is read, if that is one. `source` is the number of the layer
    whose values are taken, `None` for the inputs, and `second` that of the other one, where two are
    taken. What is `made` by an attention, or by positions, is an image."""

    kind: str
    inputs: int
    outputs: int
    bias: bool
    activation: str | None
    image: Image | None = None
    kernel: Kernel | None = None
    source: int | None = None
    second: int | None = None
    slope: int | None = None
    attention: Attention | None = None
    made: Image | None = None

    @property
    def taken(self) -> tuple[int | None, ...]:
        """The layers whose values it takes."""
        return (self.source, self.second) if self.kind in PAIRED else (self.source,)

    @property
    def passes(self) -> bool:
        """Whether what it sends back is its D, which is what arrives."""
        return self.kind in PASSING and self.activation is None

    @property
    def result(self) -> Image | None:
        """What a convolution, a pool, a norm, a scale or a sum of images puts out."""
        if self.made:
            return self.made
        if self.kind in CALLED:
            return self.image
        return self.kernel.over(self.image, self.outputs) if self.kernel else None

    @property
    def numbers(self) -> int:
        """Numbers that are put out."""
        return self.result.numbers if self.result else self.outputs


def shaped(field: str, layer: dict[str, Any], width: int, image: Image | None) -> Shape:
    """A layer over so many numbers, which may be an image."""
    kind = layer["kind"]
    if kind in POOLS:
        return _pool(field, layer, image)
    if kind in CALLED:
        return _alike(field, layer, width, image)
    outputs, bias = layer["out"], layer["bias"] is not False
    if kind == "depthwise_conv2d":
        require(outputs is None, f"{field}.out: a depthwise convolution has as many as it takes")
        channels = image.channels if image else 0
        return _convolution(field, layer, Shape(kind, 0, channels, bias, None, image))
    require(outputs is not None, f"{field}.out: is required")
    within(f"{field}.out", 1, MOST, outputs)
    if kind == "conv2d":
        return _convolution(field, layer, Shape(kind, 0, outputs, bias, None, image))
    for name in ("kernel", "stride", "padding"):
        require(layer.get(name) is None, f"{field}.{name}: only convolutions and pools have it")
    return Shape(kind, width, outputs, bias, None, image)


def bare(field: str, layer: dict[str, Any], *names: str) -> None:
    """That some fields are not said."""
    called = (CALLED | ALSO_CALLED)[layer["kind"]]
    for name in names:
        require(layer[name] is None, f"{field}.{name}: {called} has none")


def _alike(field: str, layer: dict[str, Any], width: int, image: Image | None) -> Shape:
    """A norm or a scale, which puts out as many numbers as it takes."""
    kind, units = layer["kind"], image.channels if image else width
    bare(field, layer, "out", "kernel", "stride", "padding")
    if kind == SCALE:
        return Shape(kind, 1, units, layer["bias"] is not False, None, image)
    bare(field, layer, "bias")
    if kind == NORM:
        return Shape(kind, 1, units, True, None, image)
    within(f"{field} (numbers of a row)", 2, MOST, units)
    return Shape(kind, units, units, False, None, image)


def summed(field: str, layer: dict[str, Any], one: Values, other: Values) -> Shape:
    """A sum of the values of two layers."""
    bare(field, layer, "out", "bias", "kernel", "stride", "padding")
    require(one[0] == other[0], f"{field}.with: {other[0]} numbers, and {one[0]} to be added to")
    require(one[1] == other[1], f"{field}.with: an image of other sides, or one of them is none")
    width, image = one
    outputs = image.channels if image else width
    return Shape("add", outputs, outputs, False, None, image)


def _pool(field: str, layer: dict[str, Any], image: Image | None) -> Shape:
    require(image is not None, f"{field}: a pool takes an image")
    for name in ("out", "bias"):
        require(layer[name] is None, f"{field}.{name}: a pool has none")
    size = _window(field, layer, image)
    stride = default_stride(layer) if layer["stride"] is None else layer["stride"]
    require(stride == layer["kernel"], f"{field}.stride: of a pool it is the kernel")
    require(layer["padding"] in (None, 0), f"{field}.padding: of a pool it is zero")
    for name in ("stride", "padding"):
        whole = layer["kernel"] is None
        require(not (whole and layer[name] is not None), f"{field}.{name}: has no meaning here")
    for name, side in (("height", image.height), ("width", image.width)):
        require(side % size == 0, f"{field}.kernel: the {name} is no multiple of it")
    shape = Shape(layer["kind"], size * size, image.channels, False, None, image)
    return replace(shape, kernel=Kernel(size, size, 0))


def _window(field: str, layer: dict[str, Any], image: Image) -> int:
    """A side of a pool's windows: a mean's is the image's if it is not said."""
    size = layer["kernel"]
    if size is not None:
        within(f"{field}.kernel", 2, 7, size)
        return size
    require(layer["kind"] == "avg_pool2d", f"{field}.kernel: is required")
    require(image.height == image.width, f"{field}.kernel: a mean of the whole needs a square")
    within(f"{field}.kernel", 1, 16, image.height)
    return image.height


def _convolution(field: str, layer: dict[str, Any], shape: Shape) -> Shape:
    image, size = shape.image, layer["kernel"]
    require(image is not None, f"{field}: a convolution takes an image")
    require(size is not None, f"{field}.kernel: is required")
    stride = default_stride(layer) if layer["stride"] is None else layer["stride"]
    padding = 0 if layer["padding"] is None else layer["padding"]
    within(f"{field}.kernel", 1, 7, size)
    within(f"{field}.stride", 1, 2, stride)
    within(f"{field}.padding", 0, size - 1, padding)
    smallest = min(image.height, image.width) + 2 * padding
    require(size <= smallest, f"{field}.kernel: does not fit the image")
    patch, alone = size * size * image.channels, shape.kind == "depthwise_conv2d"
    within(f"{field}.kernel (numbers of a patch)", 1, MOST, patch)
    inputs = size * size if alone else patch
    shape = replace(shape, inputs=inputs, kernel=Kernel(size, stride, padding))
    within(f"{field}{'' if alone else '.out'} (numbers)", 1, MOST, shape.numbers)
    return shape


def slope(field: str, layer: dict[str, Any]) -> int | None:
    """What a leaky ReLU multiplies with, times 2^16; other activations have none."""
    said = layer.get("slope")
    if layer["kind"] != "leaky_relu":
        require(said is None, f"{field}.slope: only a leaky ReLU has one")
        return None
    said = SLOPE if said is None else said
    least = 2.0**-SLOPE_BITS
    within(f"{field}.slope", least, 1 - least, said)
    factor = scaled(said, SLOPE_BITS)
    accurate(f"{field}.slope", said, SLOPE_BITS, factor)
    return factor
