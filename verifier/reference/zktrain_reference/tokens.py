"""Columns that name tokens. See docs/quantization.md, "Data" and "Admissible values"."""

from typing import Any

from .errors import require, within
from .geometry import Image

Fields = dict[str, Any]


def check_tokens(data: Fields, image: Image | None) -> None:
    """One of each channel; columns have neither offset nor scale."""
    tokens = data.get("tokens")
    if tokens is None:
        return
    require(image is not None, "data.tokens: only of an image")
    require(len(tokens) == image.channels, "data.tokens: one for each channel")
    require(len(set(tokens)) == len(tokens), "data.tokens: a name occurs twice")
    for i, token in enumerate(tokens):
        within(f"data.tokens[{i}] (bytes)", 1, 256, len(token.encode()))
    for field, column in _columns(data):
        plain = (column["offset"], column["scale"]) == (0, 1)
        require(plain, f"{field}: with tokens the offset is 0 and the scale 1")


def _columns(data: Fields) -> list[tuple[str, Fields]]:
    """What has an offset and a scale."""
    if data["uniform"] is not None:
        return [("data.uniform", data["uniform"])]
    return [(f"data.features[{i}]", column) for i, column in enumerate(data["features"])]


def columns_of(data: Fields, inputs: int, image: Image | None) -> int:
    """How many columns there are: one for each input, or with tokens for each position."""
    return inputs if data.get("tokens") is None else image.positions
