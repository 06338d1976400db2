"""The integers of Adam's moments and steps. See docs/quantization.md, "Adam"."""

import math
from typing import NamedTuple

from .adam import ONE, Adam


class Moments(NamedTuple):
    """Of a parameter: the first moment, and of the second the root, rounded down, what that leaves,
    and what dividing left."""

    mean: int = 0
    root: int = 0
    rest: int = 0
    low: int = 0

    def averaged(self, adam: Adam, g: int) -> "Moments":
        """With one gradient more."""
        mean = self.mean + adam.mean.listed[g - self.mean + 2**15]
        second = adam.second * (self.root**2 + self.rest) + self.low + (ONE - adam.second) * g * g
        whole, low = divmod(second, ONE)
        root = math.isqrt(whole)
        return Moments(mean, root, whole - root**2, low)

    def step(self, rate: int, epsilon: int) -> tuple[int, int]:
        """δ, and what dividing left."""
        return divmod(rate * self.mean, self.root + epsilon)
