"""The integers of a softmax's rows. See docs/quantization.md, "Attention"."""

from itertools import product

from .network import Layer
from .softmax import WHOLE

Row = list[int]


class Shares:
    """What a step computes of each row: of a sample, a head and a position that asks. Rows are
    counted in that order."""

    def __init__(self, layer: Layer, exp: Row, samples: list[Row]) -> None:
        self.layer, self.attention, self.exp = layer, layer.attention, exp
        # By name, the wide integers of each row; its largest number, where that is, terms, and
        # how far numbers are below the largest, zero where a pair does not count.
        self.wides: dict[str, Row] = {name: [] for name in layer.wides}
        self.most: Row = []
        self.first: Row = []
        self.terms: list[Row] = []
        self.below: list[Row] = []
        for sample in samples:
            for numbers, last in zip(self.rows(sample), self.lasts()):
                self.measure(numbers, last)

    def rows(self, sample: Row) -> list[Row]:
        """The numbers of each row of a sample."""
        of, keys = self.attention, range(self.attention.keys)
        places = product(range(of.heads), range(of.queries))
        return [[sample[of.pair(i, j, head)] for j in keys] for head, i in places]

    def joined(self, rows: list[Row]) -> Row:
        """A sample, of its rows."""
        of, sample = self.attention, [0] * sum(len(row) for row in rows)
        for number, row in enumerate(rows):
            head, i = divmod(number, of.queries)
            for j, x in enumerate(row):
                sample[of.pair(i, j, head)] = x
        return sample

    def lasts(self) -> Row:
        """How many numbers count, of each row of a sample."""
        of = self.attention
        counts = range(1, of.queries + 1) if of.causal else [of.keys] * of.queries
        return list(counts) * of.heads

    def measure(self, numbers: Row, count: int) -> None:
        """The terms of a row of which so many numbers count, and the inverse of their sum."""
        first, most = self.choose(numbers, count)
        below = [self.distance(most, x) for x in numbers[:count]]
        terms = [self.term(x) for x in below]
        no_distance, no_term = self.other(count)
        self.first.append(first)
        self.most.append(most)
        self.below.append(below + [no_distance] * (len(numbers) - count))
        self.terms.append(terms + [no_term] * (len(numbers) - count))
        self.invert(sum(self.terms[-1]))

    def choose(self, numbers: Row, count: int) -> tuple[int, int]:
        """Where the largest number is, the first one of several, and that."""
        most = max(numbers[:count])
        return numbers.index(most), most

    def distance(self, most: int, number: int) -> int:
        """How far a number is below the largest."""
        return most - number

    def other(self, _: int) -> tuple[int, int]:
        """The same, and the term, of a pair that does not count, where so many do."""
        return 0, 0

    def term(self, below: int) -> int:
        """e"""
        return self.exp[below]

    def invert(self, total: int, more: int = 0) -> None:
        """R, or so much more, and what is left."""
        inverse = WHOLE // total + more
        low = WHOLE - inverse * total
        self.put("inverse", inverse)
        self.put("inverse_low", low)
        self.put("inverse_high", total - 1 - low)

    def put(self, name: str, value: int) -> None:
        """Notes a wide integer of the next row."""
        self.wides[name].append(value)

    def of_sample(self, sample: int) -> range:
        """The numbers of a sample's rows."""
        count = self.attention.heads * self.attention.queries
        return range(sample * count, (sample + 1) * count)

    def wide(self, sample: int) -> Row:
        """X of one sample."""
        inverse = self.wides["inverse"]
        rows = [[e * inverse[k] for e in self.terms[k]] for k in self.of_sample(sample)]
        return self.joined(rows)

    def means(self, shares: Row, error: Row) -> Row:
        """Of each row of a sample the mean of D, before it is rounded."""
        pairs = zip(self.rows(shares), self.rows(error))
        return [sum(p * d for p, d in zip(*pair)) for pair in pairs]

    def sent(self, shares: Row, error: Row, means: Row) -> Row:
        """X of what is sent back to one sample."""
        rows = zip(self.rows(shares), self.rows(error), means)
        return self.joined([[p * (d - mean) for p, d in zip(*row)] for *row, mean in rows])
