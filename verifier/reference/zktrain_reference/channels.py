"""The integers of a batch norm's channel. See docs/quantization.md, "Batch norm"."""

import math

from .network import Layer
from .norm import FINER, INVERSE_BITS, SCALE_BITS, SENT_BITS, SUM_BITS

Row = list[int]
# By name, the wide integers of each channel, undivided.
Wides = dict[str, Row]


class Channels:
    """What a step computes of each channel of a batch norm."""

    def __init__(self, layer: Layer, gamma: Row, rows: list[Row]) -> None:
        self.layer, self.rows = layer, rows
        self.wides: Wides = {name: [] for name in layer.norm.wides}
        for scale, numbers in zip(gamma, self.apart(rows)):
            self.measure(scale, numbers)

    def apart(self, rows: list[Row]) -> list[Row]:
        """The numbers of each channel, of all samples."""
        count = self.layer.outputs
        return [[x for row in rows for x in row[c::count]] for c in range(count)]

    def each(self, function, row: Row, *channels: Row) -> Row:
        """A function of each number and of its channel's numbers."""
        count = self.layer.outputs
        return [function(x, *(of[m % count] for of in channels)) for m, x in enumerate(row)]

    def put(self, name: str, value: int) -> int:
        """Notes a wide integer of the next channel; divided."""
        self.wides[name].append(value)
        return self.divided(name, value)

    def measure(self, gamma: int, numbers: Row) -> None:
        """The statistics of a channel's numbers, and what they are scaled with."""
        mu = self.put("mean", 2**FINER * sum(numbers))
        variance = self.put("variance", sum((2**FINER * x - mu) ** 2 for x in numbers))
        inverse = self.invert(self.root(variance + self.layer.norm.bounds.epsilon))
        self.put("scale", gamma * inverse)

    def root(self, variance: int, more: int = 0) -> int:
        """The deviation, or so much more, and what is left."""
        sigma = math.isqrt(variance) + more
        low = self.put("deviation_low", variance - sigma**2)
        self.put("deviation_high", 2 * sigma - low)
        return self.put("deviation", sigma)

    def invert(self, sigma: int, more: int = 0) -> int:
        """R, or so much more, and what is left."""
        inverse = 2**INVERSE_BITS // sigma + more
        low = self.put("inverse_low", 2**INVERSE_BITS - inverse * sigma)
        self.put("inverse_high", sigma - 1 - low)
        return self.put("inverse", inverse)

    def divided(self, name: str, value: int) -> int:
        """A wide integer, divided."""
        return self.layer.norm.wides[name].quotient(value)

    def quotient(self, name: str) -> Row:
        """Of each channel a wide integer, divided."""
        return [self.divided(name, value) for value in self.wides[name]]

    def centred(self, row: Row) -> Row:
        """c"""
        return self.each(lambda x, mu: 2**FINER * x - mu, row, self.quotient("mean"))

    def normalized(self, row: Row, beta: Row) -> Row:
        """X of one sample."""
        bounds = self.layer.norm.bounds
        one, other = 2 ** (bounds.bits_of_z - SCALE_BITS), 2 ** (bounds.bits_of_z - bounds.frac)
        wide = lambda c, a, b: one * a * c + other * b  # noqa: E731
        return self.each(wide, self.centred(row), self.quotient("scale"), beta)

    def gradients(self, errors: list[Row]) -> list[Row]:
        """Those of gamma and beta; what is sent back can be computed then."""
        columns, centred = self.apart(errors), self.apart([self.centred(row) for row in self.rows])
        for c, (numbers, error) in enumerate(zip(centred, columns)):
            self.correlate(c, numbers, error)
        return [self.quotient("gain"), [2**SUM_BITS * sum(error) for error in columns]]

    def correlate(self, c: int, centred: Row, error: Row) -> None:
        """What the gradients of a channel make of it."""
        inverse, scale = self.wides["inverse"][c], self.quotient("scale")[c]
        correlation = self.put("correlation", sum(d * x for d, x in zip(error, centred)))
        slope = self.put("slope", self.put("gain", correlation * inverse) * inverse)
        self.put("offset", 2**SENT_BITS * scale * sum(error))
        self.put("tilt", scale * slope)

    def sent(self, sample: int, error: Row) -> Row:
        """X of what is sent back to one sample."""
        scales, offsets = self.quotient("scale"), self.quotient("offset")
        scaled = self.each(lambda d, a, w: 2**SENT_BITS * a * d - w, error, scales, offsets)
        centred = self.centred(self.rows[sample])
        tilted = self.each(lambda c, w: w * c, centred, self.quotient("tilt"))
        return [x - y for x, y in zip(scaled, tilted)]

