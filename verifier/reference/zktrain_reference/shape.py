"""Layers with weights, as a manifest has them. See docs/quantization.md, "Admissible values"."""

from dataclasses import dataclass, replace
from typing import Any

from .errors import require, within
from .geometry import Image, Kernel

# Numbers that a layer reads or puts out.
MOST = 65536


@dataclass(frozen=True)
class Shape:
    """A layer with weights and the activation behind it, `None` for none. A convolution has a
    kernel, and as many inputs as a patch has numbers; `image` is what it reads, if that is one."""

    inputs: int
    outputs: int
    bias: bool
    activation: str | None
    image: Image | None = None
    kernel: Kernel | None = None

    @property
    def result(self) -> Image | None:
        """What a convolution puts out."""
        return self.kernel.over(self.image, self.outputs) if self.kernel else None

    @property
    def numbers(self) -> int:
        """Numbers that are put out."""
        return self.result.numbers if self.result else self.outputs


def weighted(field: str, layer: dict[str, Any], width: int, image: Image | None) -> Shape:
    """A layer with weights over so many numbers, which may be an image."""
    outputs, bias = layer["out"], layer["bias"] is not False
    require(outputs is not None, f"{field}.out: is required")
    within(f"{field}.out", 1, MOST, outputs)
    if layer["kind"] == "conv2d":
        return _convolution(field, layer, Shape(0, outputs, bias, None, image))
    for name in ("kernel", "stride", "padding"):
        require(layer.get(name) is None, f"{field}.{name}: only convolutions have it")
    return Shape(width, outputs, bias, None, image)


def _convolution(field: str, layer: dict[str, Any], shape: Shape) -> Shape:
    image, size = shape.image, layer["kernel"]
    require(image is not None, f"{field}: a convolution takes an image")
    require(size is not None, f"{field}.kernel: is required")
    stride = 1 if layer["stride"] is None else layer["stride"]
    padding = 0 if layer["padding"] is None else layer["padding"]
    within(f"{field}.kernel", 1, 7, size)
    within(f"{field}.stride", 1, 2, stride)
    within(f"{field}.padding", 0, size - 1, padding)
    smallest = min(image.height, image.width) + 2 * padding
    require(size <= smallest, f"{field}.kernel: does not fit the image")
    inputs = size * size * image.channels
    shape = replace(shape, inputs=inputs, kernel=Kernel(size, stride, padding))
    within(f"{field}.kernel (numbers of a patch)", 1, MOST, inputs)
    within(f"{field}.out (numbers)", 1, MOST, shape.numbers)
    return shape
