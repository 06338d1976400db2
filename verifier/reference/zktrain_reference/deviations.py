"""Mean, deviation and inverse of groups of numbers. See docs/quantization.md, "Batch norm"."""

import math

from .network import Layer
from .norm import FINER

Row = list[int]
# By name, the wide integers of each group, undivided.
Wides = dict[str, Row]


class Deviations:
    """The wide integers of a norm's groups, which are channels or rows."""

    def __init__(self, layer: Layer) -> None:
        self.layer = layer
        self.wides: Wides = {name: [] for name in layer.wides}

    def put(self, name: str, value: int) -> int:
        """Notes a wide integer of the next group; divided."""
        self.wides[name].append(value)
        return self.divided(name, value)

    def average(self, numbers: Row) -> int:
        """mu; nothing of an RMS norm."""
        return self.put("mean", 2**FINER * sum(numbers)) if "mean" in self.wides else 0

    def deviate(self, numbers: Row) -> int:
        """The inverse of a group's deviation."""
        mu = self.average(numbers)
        variance = self.put("variance", sum((2**FINER * x - mu) ** 2 for x in numbers))
        return self.invert(self.root(variance + self.layer.norm.bounds.epsilon))

    def root(self, variance: int, more: int = 0) -> int:
        """The deviation, or so much more, and what is left."""
        sigma = math.isqrt(variance) + more
        low = self.put("deviation_low", variance - sigma**2)
        self.put("deviation_high", 2 * sigma - low)
        return self.put("deviation", sigma)

    def invert(self, sigma: int, more: int = 0) -> int:
        """R, or so much more, and what is left."""
        one = 2**self.layer.norm.bounds.inverse_bits
        inverse = one // sigma + more
        low = self.put("inverse_low", one - inverse * sigma)
        self.put("inverse_high", sigma - 1 - low)
        return self.put("inverse", inverse)

    def divided(self, name: str, value: int) -> int:
        """A wide integer, divided."""
        return self.layer.wides[name].quotient(value)

    def quotient(self, name: str) -> Row:
        """Of each group a wide integer, divided."""
        return [self.divided(name, value) for value in self.wides[name]]
