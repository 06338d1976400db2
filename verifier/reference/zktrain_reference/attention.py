"""Heads, channels and positions of an attention, and its sums. See docs/quantization.md."""

from dataclasses import dataclass
from itertools import product

Row = list[int]
# 256 divided by √2, rounded, which has 8 fractional bits.
HALVED, HALVED_BITS = 181, 8


@dataclass(frozen=True)
class Attention:
    """What the layers of an attention count: heads, channels of each (one number of a softmax),
    positions that ask and positions that are asked, which of a causal softmax are not later."""

    heads: int
    size: int
    queries: int
    keys: int
    causal: bool = False

    @property
    def factor(self) -> int:
        """m; about 2^shift/√size."""
        return HALVED if self.size.bit_length() % 2 == 0 else 1

    @property
    def shift(self) -> int:
        """s"""
        half = (self.size.bit_length() - 1) // 2
        return half + HALVED_BITS * (self.factor != 1)

    def pair(self, i: int, j: int, head: int) -> int:
        """The number of a pair of positions, in an image."""
        return (i * self.keys + j) * self.heads + head

    def channel(self, position: int, head: int, e: int) -> int:
        """The number of a channel at a position, in a sequence."""
        return (position * self.heads + head) * self.size + e

    def triples(self, positions: int) -> product:
        """Position, head and channel, in the order of a sequence."""
        return product(range(positions), range(self.heads), range(self.size))

    def scores(self, queries: Row, keys: Row) -> Row:
        """Of each pair the product of its positions' channels, summed."""
        at, channels = self.channel, range(self.size)
        pairs = product(range(self.queries), range(self.keys), range(self.heads))
        return [
            sum(queries[at(i, head, e)] * keys[at(j, head, e)] for e in channels)
            for i, j, head in pairs
        ]

    def over_keys(self, pairs: Row, keys: Row) -> Row:
        """At each position that asks what is asked, times the pairs' numbers."""
        return [
            sum(pairs[self.pair(i, j, h)] * keys[self.channel(j, h, e)] for j in range(self.keys))
            for i, h, e in self.triples(self.queries)
        ]

    def over_queries(self, pairs: Row, queries: Row) -> Row:
        """At each position that is asked what asks, times the pairs' numbers."""
        asking = range(self.queries)
        return [
            sum(pairs[self.pair(i, j, h)] * queries[self.channel(i, h, e)] for i in asking)
            for j, h, e in self.triples(self.keys)
        ]
