"""The integers of the rows of a layer norm or an RMS norm. See docs/quantization.md."""

from .deviations import Deviations, Row
from .network import Layer
from .norm import FINER, SENT_BITS


class Lines(Deviations):
    """What a step computes of each row: of a sample all numbers, or those at each position. Rows
    are counted by sample, then by position."""

    def __init__(self, layer: Layer, rows: list[Row]) -> None:
        super().__init__(layer)
        for numbers in self.apart(rows):
            self.deviate(numbers)

    def apart(self, rows: list[Row]) -> list[Row]:
        """The numbers of each row, of all samples."""
        count = self.layer.outputs
        return [row[k : k + count] for row in rows for k in range(0, len(row), count)]

    def of(self, name: str, sample: int, count: int) -> Row:
        """For each number of a sample its row's wide integer, divided; of which there is none 0."""
        if name not in self.wides:
            return [0] * count
        width = self.layer.outputs
        start = sample * count // width
        values = self.wides[name][start : start + count // width]
        return [self.divided(name, value) for value in values for _ in range(width)]

    def normalized(self, sample: int, row: Row) -> Row:
        """X of one sample."""
        means, inverses = (self.of(name, sample, len(row)) for name in ("mean", "inverse"))
        return [r * (2**FINER * x - mu) for x, mu, r in zip(row, means, inverses)]

    def correlate(self, values: list[Row], errors: list[Row]) -> None:
        """What z and D make of each row; what is sent back can be computed then."""
        inverses = self.quotient("inverse")
        for r, z, error in zip(inverses, self.apart(values), self.apart(errors)):
            correlation = self.put("correlation", sum(d * x for d, x in zip(error, z)))
            if "offset" in self.wides:
                self.put("offset", 2**SENT_BITS * r * sum(error))
            self.put("tilt", r * correlation)

    def sent(self, sample: int, z: Row, error: Row) -> Row:
        """X of what is sent back to one sample."""
        names = "inverse", "offset", "tilt"
        columns = zip(z, error, *(self.of(name, sample, len(z)) for name in names))
        return [2**SENT_BITS * r * d - one - other * x for x, d, r, one, other in columns]
