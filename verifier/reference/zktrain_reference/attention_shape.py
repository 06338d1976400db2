"""The layers of an attention, as a manifest has them. See docs/quantization.md."""

from typing import Any

from .attention import Attention
from .errors import require, within
from .geometry import Image
from .schema import SCORES, SOFTMAX
from .shape import Shape, Values, bare

MOST_POSITIONS, MOST_HEADS, MOST_CHANNELS = 256, 64, 256


def attended(field: str, layer: dict[str, Any]) -> None:
    """That heads and masks are said where they belong."""
    heads, kind = layer.get("heads"), layer["kind"]
    if kind != SCORES:
        require(heads is None, f"{field}.heads: only attention scores have them")
    else:
        require(heads is not None, f"{field}.heads: is required")
    causal = layer.get("causal")
    require(causal is None or kind == SOFTMAX, f"{field}.causal: only a softmax has it")


def counted(field: str, most: int, count: int) -> None:
    """A power of two that is not too large."""
    within(field, 1, most, count)
    require(count & (count - 1) == 0, f"{field}: {count} is no power of two")


def sequence(field: str, image: Image | None) -> Image:
    """An image of one column."""
    require(image is not None and image.width == 1, f"{field}: an attention takes a sequence")
    counted(f"{field} (positions)", MOST_POSITIONS, image.height)
    return image


def pairs(field: str, image: Image | None, most_heads: int) -> Image:
    """An image that has a number of each pair of positions, and of each head."""
    require(image is not None, f"{field}: takes an image")
    counted(f"{field} (rows)", MOST_POSITIONS, image.height)
    counted(f"{field} (columns)", MOST_POSITIONS, image.width)
    counted(f"{field} (channels)", most_heads, image.channels)
    return image


def of_head(field: str, channels: int, heads: int) -> int:
    """The channels of each head."""
    require(channels % heads == 0, f"{field}: {channels} channels of {heads} heads")
    counted(f"{field} (channels of a head)", MOST_CHANNELS, channels // heads)
    return channels // heads


def paired(field: str, layer: dict[str, Any], one: Values, other: Values) -> Shape:
    """Scores of queries and keys, or values in shares."""
    bare(field, layer, "out", "bias", "kernel", "stride", "padding")
    kind, (_, image), second = layer["kind"], one, sequence(f"{field}.with", other[1])
    return (scored if kind == SCORES else mixed)(field, layer, image, second)


def scored(field: str, layer: dict[str, Any], image: Image | None, second: Image) -> Shape:
    """A number of each pair of positions and each head."""
    first, heads = sequence(field, image), layer["heads"]
    counted(f"{field}.heads", MOST_HEADS, heads)
    channels = first.channels
    require(channels == second.channels, f"{field}.with: {second.channels} channels of {channels}")
    size = of_head(f"{field}.heads", channels, heads)
    attention = Attention(heads, size, first.height, second.height)
    result = Image(first.height, second.height, heads)
    return Shape(SCORES, size, heads, False, None, first, attention=attention, made=result)


def mixed(field: str, layer: dict[str, Any], image: Image | None, second: Image) -> Shape:
    """What positions have, in shares."""
    shares = pairs(field, image, MOST_HEADS)
    count = second.height
    require(count == shares.width, f"{field}.with: {count} positions, shares of {shares.width}")
    size = of_head(f"{field}.with", second.channels, shares.channels)
    attention = Attention(shares.channels, size, shares.height, count)
    result = Image(shares.height, 1, second.channels)
    kind, outputs = layer["kind"], second.channels
    return Shape(kind, count, outputs, False, None, shares, attention=attention, made=result)


def single(field: str, layer: dict[str, Any], _: int, image: Image | None) -> Shape:
    """A softmax, or positions."""
    return (shared if layer["kind"] == SOFTMAX else placed)(field, layer, image)


def shared(field: str, layer: dict[str, Any], image: Image | None) -> Shape:
    """A softmax of each row of pairs."""
    bare(field, layer, "out", "bias", "kernel", "stride", "padding")
    image, causal = pairs(field, image, MOST_CHANNELS), bool(layer["causal"])
    height, width, channels = image.height, image.width, image.channels
    require(not causal or height == width, f"{field}.causal: {height} rows, and {width} columns")
    attention = Attention(channels, 1, height, width, causal)
    return Shape(SOFTMAX, width, channels, False, None, image, attention=attention, made=image)


def placed(field: str, layer: dict[str, Any], image: Image | None) -> Shape:
    """Numbers of each position."""
    bare(field, layer, "out", "bias", "kernel", "stride", "padding")
    require(image is not None, f"{field}: positions are those of an image or a sequence")
    count, channels = image.positions, image.channels
    return Shape(layer["kind"], count, channels, False, None, image, made=image)
