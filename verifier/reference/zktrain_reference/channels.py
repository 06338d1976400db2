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
            self.note(forward(self, scale, numbers))

    def apart(self, rows: list[Row]) -> list[Row]:
        """The numbers of each channel, of all samples."""
        count = self.layer.outputs
        return [[x for row in rows for x in row[c::count]] for c in range(count)]

    def each(self, function, row: Row, *channels: Row) -> Row:
        """A function of each number and of its channel's numbers."""
        count = self.layer.outputs
        return [function(x, *(of[m % count] for of in channels)) for m, x in enumerate(row)]

    def note(self, found: dict[str, int]) -> None:
        """Wide integers of the next channel."""
        for name, value in found.items():
            self.wides[name].append(value)

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
            self.note(backward(self, c, numbers, error))
        return [self.quotient("gain"), [2**SUM_BITS * sum(error) for error in columns]]

    def sent(self, sample: int, error: Row) -> Row:
        """X of what is sent back to one sample."""
        scales, offsets = self.quotient("scale"), self.quotient("offset")
        scaled = self.each(lambda d, a, w: 2**SENT_BITS * a * d - w, error, scales, offsets)
        centred = self.centred(self.rows[sample])
        tilted = self.each(lambda c, w: w * c, centred, self.quotient("tilt"))
        return [x - y for x, y in zip(scaled, tilted)]


def forward(channels: Channels, gamma: int, numbers: Row) -> dict[str, int]:
    """The statistics of a channel's numbers, and what they are scaled with."""
    total = 2**FINER * sum(numbers)
    mu = channels.divided("mean", total)
    squares = sum((2**FINER * x - mu) ** 2 for x in numbers)
    variance = channels.divided("variance", squares) + channels.layer.norm.bounds.epsilon
    sigma = math.isqrt(variance)
    inverse, rest = divmod(2**INVERSE_BITS, sigma)
    low = variance - sigma**2
    return {
        "mean": total, "variance": squares,
        "deviation": sigma, "deviation_low": low, "deviation_high": 2 * sigma - low,
        "inverse": inverse, "inverse_low": rest, "inverse_high": sigma - 1 - rest,
        "scale": gamma * inverse,
    }  # fmt: skip


def backward(channels: Channels, c: int, centred: Row, error: Row) -> dict[str, int]:
    """What the gradients of channel c make of it."""
    inverse, scale = channels.wides["inverse"][c], channels.quotient("scale")[c]
    correlation = sum(d * x for d, x in zip(error, centred))
    gain = correlation * inverse
    slope = channels.divided("gain", gain) * inverse
    return {
        "correlation": correlation, "gain": gain, "slope": slope,
        "offset": 2**SENT_BITS * scale * sum(error),
        "tilt": scale * channels.divided("slope", slope),
    }  # fmt: skip
