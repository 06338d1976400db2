"""The function tables of docs/quantization.md, in double precision."""

import math
from collections.abc import Callable
from dataclasses import dataclass

SIZE = 2**16


@dataclass(frozen=True)
class Table:
    """A public table: a range of so many bits, a function of 16-bit keys, or a list of integers."""

    kind: str
    argument_bits: int
    value: int
    listed: tuple[int, ...] | None = None

    @property
    def bits(self) -> int:
        """Keys are 0 … 2^bits − 1."""
        return self.argument_bits if self.kind == "range" or self.listed else 16

    @property
    def size(self) -> int:
        """How many keys there are."""
        return 1 << self.bits

    def values(self) -> list[int]:
        """What stands beside the keys of a function table."""
        if self.listed:
            return list(self.listed)
        scale = 2.0**self.argument_bits
        if self.kind == "exp":
            exact = (self.value * math.exp(-d / scale) for d in range(SIZE))
        else:
            top, function = 2.0**self.value, FUNCTIONS[self.kind]
            exact = (top * function(z / scale) for z in range(-SIZE // 2, SIZE // 2))
        return [math.floor(x + 0.5) for x in exact]


def _logistic(x: float) -> float:
    # For very negative x the value is zero, and exp would overflow.
    return 1 / (1 + math.exp(-x)) if x > -700 else 0.0


def _normal(x: float) -> float:
    """The distribution function of the standard normal distribution."""
    return math.erfc(-x / math.sqrt(2)) / 2


def _gelu_slope(x: float) -> float:
    return _normal(x) + x * math.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def _silu_slope(x: float) -> float:
    return _logistic(x) * (1 + x * _logistic(-x))


FUNCTIONS: dict[str, Callable[[float], float]] = {
    "sigmoid": _logistic,
    "tanh": math.tanh,
    "gelu": lambda x: x * _normal(x),
    "gelu'": _gelu_slope,
    "silu": lambda x: x * _logistic(x),
    "silu'": _silu_slope,
}


def range_table(bits: int) -> Table:
    """0 … 2^bits − 1"""
    return Table("range", bits, 0)


def listed_table(kind: str, values: list[int]) -> Table:
    """These, of which there is a power of two."""
    return Table(kind, (len(values) - 1).bit_length(), 0, tuple(values))
