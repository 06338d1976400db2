"""The document's formulas for norms, channel by channel or row by row, for the tests of steps."""

import math

Row = list[int]
Matrix = list[Row]


class NormFormulas:
    """Of numbers with `f` fractional bits and parameters with `f_w`; entry m of a row is one of
    channel m mod `channels`."""

    def __init__(self, f: int, f_w: int, gamma: Row, rows: Matrix) -> None:
        self.f, self.f_w, self.gamma, self.rows = f, f_w, gamma, rows
        self.count = len(rows) * len(rows[0]) // len(gamma)
        self.mu, self.sigma, self.r, self.a = [], [], [], []
        for c in range(len(gamma)):
            self.statistics(c)

    def of(self, c: int, rows: Matrix) -> Row:
        """The numbers of a channel."""
        channels = len(self.gamma)
        return [x for row in rows for m, x in enumerate(row) if m % channels == c]

    def statistics(self, c: int) -> None:
        """mu, sigma, R and a"""
        numbers, n = self.of(c, self.rows), self.count
        self.mu.append(16 * sum(numbers) // n)
        squares = [(16 * x - self.mu[c]) ** 2 for x in numbers]
        eps = max(256, round(4 ** (self.f + 4) / 10**5))
        self.sigma.append(math.isqrt(sum(squares) // n + eps))
        self.r.append(2**36 // self.sigma[c])
        self.a.append(self.gamma[c] * self.r[c] // 2 ** (self.f_w + 10))

    def x(self, beta: Row, row: Row) -> tuple[Row, int]:
        """X of a row, and its fractional bits."""
        bits, channels = max(26, self.f_w), len(self.gamma)
        found = []
        for m, number in enumerate(row):
            c = m % channels
            scaled = self.a[c] * (16 * number - self.mu[c])
            found.append(2 ** (bits - 26) * scaled + 2 ** (bits - self.f_w) * beta[c])
        return found, bits

    def backward(self, errors: Matrix) -> Matrix:
        """The gradients of gamma and beta; w1 and w2 are kept."""
        g, n = self.f + 4, self.count
        gains, sums, self.w1, self.w2 = [], [], [], []
        for c, (r, a) in enumerate(zip(self.r, self.a)):
            error = self.of(c, errors)
            centred = [16 * x - self.mu[c] for x in self.of(c, self.rows)]
            gain = sum(d * x for d, x in zip(error, centred)) * r // 2**28
            u = gain * r // 2 ** (28 - g)
            self.w1.append(2**5 * a * sum(error) // n)
            self.w2.append(a * u // (n * 2 ** (15 + self.f)))
            gains.append(gain)
            sums.append(2**8 * sum(error))
        return [gains, sums]

    def sent(self, row: Row, errors: Row) -> tuple[Row, int]:
        """X of what a row gets back, and its fractional bits beyond those of D."""
        found, channels = [], len(self.gamma)
        for m, (number, d) in enumerate(zip(row, errors)):
            c = m % channels
            tilted = self.w2[c] * (16 * number - self.mu[c])
            found.append(2**5 * self.a[c] * d - self.w1[c] - tilted)
        return found, 27 - self.f


class RowFormulas:
    """Of one sample, whose numbers have `f` fractional bits; each `n` of them are a row. Those of a
    layer norm are centred, those of an RMS norm are not."""

    def __init__(self, f: int, n: int, centred: bool, numbers: Row) -> None:
        self.f, self.n, self.centred = f, n, centred
        self.rows = [numbers[k : k + n] for k in range(0, len(numbers), n)]

    def c(self, row: Row) -> Row:
        """c"""
        mu = 16 * sum(row) // self.n if self.centred else 0
        return [16 * x - mu for x in row]

    def r(self, row: Row) -> int:
        """R"""
        eps = max(256, round(4 ** (self.f + 4) / 10**5))
        squares = [x * x for x in self.c(row)]
        return 2**26 // math.isqrt(sum(squares) // self.n + eps)

    def x(self) -> Row:
        """X of all rows, with 26 fractional bits."""
        return [self.r(row) * x for row in self.rows for x in self.c(row)]

    def sent(self, z: Row, z_frac: int, errors: Row) -> tuple[Row, int]:
        """X of what is sent back, and its fractional bits beyond those of D."""
        found = []
        for k, row in enumerate(self.rows):
            r, part = self.r(row), slice(k * self.n, (k + 1) * self.n)
            pairs = list(zip(z[part], errors[part]))
            p = sum(d * x for x, d in pairs)
            w1 = 2**5 * r * sum(errors[part]) // self.n if self.centred else 0
            w2 = r * p // (self.n * 2 ** (2 * z_frac - 5))
            found += [2**5 * r * d - w1 - w2 * x for x, d in pairs]
        return found, 27 - self.f
