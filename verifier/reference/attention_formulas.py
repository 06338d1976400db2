"""The document's formulas of an attention, index by index, for the tests of steps."""

import math
from collections.abc import Iterator
from itertools import product

Row = list[int]
# Numbers by position, head and channel of a head, or by both positions and head.
Indexed = dict[tuple[int, int, int], int]


def rounded(x: int, shift: int) -> int:
    """round_sat's quotient, with Python's division, to 16 bits."""
    return min(max((2 * x + 2**shift) // 2 ** (shift + 1), -(2**15)), 2**15 - 1)


class AttentionFormulas:
    """`h` heads, `n` positions that ask and `k` that are asked."""

    def __init__(self, h: int, n: int, k: int) -> None:
        self.h, self.n, self.k = h, n, k

    def sequence(self, row: Row, positions: int) -> Indexed:
        """A[i, head·d + e]"""
        d = len(row) // positions // self.h
        return {
            (i, head, e): row[i * self.h * d + head * d + e]
            for i, head, e in product(range(positions), range(self.h), range(d))
        }

    def pairs(self, row: Row) -> Indexed:
        """A[i, j, head]"""
        found = product(range(self.n), range(self.k), range(self.h))
        return dict(zip(found, row, strict=True))

    def flat(self, found: Indexed) -> Row:
        """In the order of rows."""
        return [found[at] for at in sorted(found)]

    def scaled(self, d: int) -> tuple[int, int]:
        """m and s"""
        half = math.log2(d) / 2
        return (1, int(half)) if half == int(half) else (181, 8 + math.floor(half))

    def scores(self, queries: Row, keys: Row) -> tuple[Row, int]:
        """X, and how many bits it has beyond those of both."""
        a, b = self.sequence(queries, self.n), self.sequence(keys, self.k)
        d = len(queries) // self.n // self.h
        m, s = self.scaled(d)
        pairs = product(range(self.n), range(self.k), range(self.h))
        return [
            m * sum(a[i, head, e] * b[j, head, e] for e in range(d)) for i, j, head in pairs
        ], s

    def scores_back(self, error: Row, other: Row, first: bool) -> tuple[Row, int]:
        """X of g, or of g', and the same bits."""
        positions = self.k if first else self.n
        d, of = self.pairs(error), self.sequence(other, positions)
        m, s = self.scaled(len(other) // positions // self.h)
        found: Indexed = {}
        for (i, j, head), x in d.items():
            to, by = (i, j) if first else (j, i)
            for e in range(len(other) // positions // self.h):
                at = to, head, e
                found[at] = found.get(at, 0) + m * x * of[by, head, e]
        return self.flat(found), s

    def values(self, shares: Row, values: Row) -> Row:
        """X"""
        p, v, found = self.pairs(shares), self.sequence(values, self.k), {}
        for (j, head, e), x in v.items():
            for i in range(self.n):
                found[i, head, e] = found.get((i, head, e), 0) + p[i, j, head] * x
        return self.flat(found)

    def values_back(self, error: Row, other: Row, first: bool) -> Row:
        """X of g, to the shares, or of g', to the values."""
        d, found = self.sequence(error, self.n), {}
        for i, head, e in d:
            for j in range(self.k):
                if first:
                    at, x = (i, j, head), self.sequence(other, self.k)[j, head, e]
                else:
                    at, x = (j, head, e), self.pairs(other)[i, j, head]
                found[at] = found.get(at, 0) + d[i, head, e] * x
        return self.flat(found)

    def rows(self, causal: bool) -> Iterator[list[tuple[int, int, int]]]:
        """The pairs of each row that count."""
        for i, head in product(range(self.n), range(self.h)):
            yield [(i, j, head) for j in range(self.k) if j <= i or not causal]

    def softmax(self, scores: Row, bits: int, causal: bool) -> Row:
        """z"""
        a, found = self.pairs(scores), dict.fromkeys(self.pairs(scores), 0)
        for row in self.rows(causal):
            most = max(a[at] for at in row)
            e = {at: math.floor(2**14 * math.exp((a[at] - most) / 2**bits) + 0.5) for at in row}
            inverse = (2**30 - 1) // sum(e.values())
            found |= {at: rounded(e[at] * inverse, 16) for at in row}
        return self.flat(found)

    def softmax_back(self, shares: Row, error: Row) -> Row:
        """X of g"""
        p, d, found = self.pairs(shares), self.pairs(error), {}
        for row in self.rows(False):
            mean = rounded(sum(p[at] * d[at] for at in row), 14)
            found |= {at: p[at] * (d[at] - mean) for at in row}
        return self.flat(found)
