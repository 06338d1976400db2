"""The document's formulas of Adam, parameter by parameter, in fractions and real numbers."""

import math
from fractions import Fraction
from itertools import product

Row = list[int]


def away_from_zero(x: Fraction) -> int:
    """The next integer, or itself."""
    return math.ceil(x) if x > 0 else math.floor(x)


class AdamFormulas:
    """The moments of a layer's parameters: the second as one fraction."""

    def __init__(self, b1: int, b2: int, epsilon: int) -> None:
        self.one_less, self.b2, self.epsilon = Fraction(2**16 - b1, 2**16), b2, epsilon
        self.mean: dict[tuple[int, int], int] = {}
        self.second: dict[tuple[int, int], Fraction] = {}

    def step(self, rate: int, gradients: list[Row]) -> list[Row]:
        """δ of all parameters."""
        found = [[0] * len(row) for row in gradients]
        for m, o in product(range(len(gradients)), range(len(gradients[0]))):
            found[m][o] = self.move((m, o), rate, gradients[m][o])
        return found

    def move(self, at: tuple[int, int], rate: int, g: int) -> int:
        """δ of one."""
        mean, second = self.mean.get(at, 0), self.second.get(at, Fraction(0))
        mean += away_from_zero((g - mean) * self.one_less)
        # The decay acts on whole numbers; what dividing left stays.
        whole = math.floor(second)
        decayed = Fraction(self.b2, 2**16) * (whole - g * g)
        second = decayed + (second - whole) + g * g
        self.mean[at], self.second[at] = mean, second
        root = math.isqrt(math.floor(second))
        return math.floor(Fraction(rate * mean, root + self.epsilon))


def rate_of(t: int, rate: float, b1: int, b2: int, frac: int, factor: float) -> float:
    """c before it is rounded, with a schedule's factor, by powers in place of products."""
    corrected = math.sqrt(1 - (b2 / 2**16) ** (t + 1)) / (1 - (b1 / 2**16) ** (t + 1))
    return rate * factor * 2**frac * corrected
