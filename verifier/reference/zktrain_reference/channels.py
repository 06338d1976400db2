"""The integers of a batch norm's channel. See docs/quantization.md, "Batch norm"."""

from .deviations import Deviations, Row
from .network import Layer
from .norm import FINER, SCALE_BITS, SENT_BITS, SUM_BITS


class Channels(Deviations):
    """What a step computes of each channel of a batch norm."""

    def __init__(self, layer: Layer, gamma: Row, rows: list[Row]) -> None:
        super().__init__(layer)
        self.rows = rows
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

    def measure(self, gamma: int, numbers: Row) -> None:
        """The statistics of a channel's numbers, and what they are scaled with."""
        self.put("scale", gamma * self.deviate(numbers))

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
