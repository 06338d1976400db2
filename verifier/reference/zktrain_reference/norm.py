"""Scales and static bounds of batch norms. See docs/quantization.md, "Static bounds"."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from .errors import require
from .rounding import SHORT_HIGH, SHORT_LOW, Rounding
from .wide import Stack, Wide, power_of_two, stacks

# Fractional bits that means and deviations have beyond those of what is normalised.
FINER = 4
# Inverses of a batch norm are divided by 2^10 and 2^28.
SCALE_SHIFT, GAIN_SHIFT = 10, 28
# Fractional bits of what c is multiplied with, and of what D is, beyond those.
SCALE_BITS, SENT_BITS = 26, 5
# Fractional bits of a gradient sum beyond those of D.
SUM_BITS = 8
# What a step moves the running statistics by, of 2^16 parts.
MOVE, MOVE_SHIFT = 6554, 16
# Bits of a scale, and of what else is a factor of a product.
MOST_SCALE_BITS, MOST_FACTOR_BITS = 46, 62


@dataclass(frozen=True)
class Moments:
    """Bounds of mean and deviation of so many numbers, which have `bits` fractional bits and are at
    most `largest`."""

    # What a deviation divides, to be its inverse, is a power of two.
    inverse_bits: ClassVar[int]

    count: int
    bits: int
    largest: int

    @property
    def fine(self) -> int:
        """g, the fractional bits of means and deviations."""
        return self.bits + FINER

    @property
    def epsilon(self) -> int:
        """What is added to a variance."""
        return max(2**8, math.floor(math.ldexp(1e-5, 2 * self.fine) + 0.5))

    @property
    def bits_of_sent(self) -> int:
        """Fractional bits of what is sent back, beyond those of D."""
        return SCALE_BITS - FINER + SENT_BITS - self.bits

    @property
    def mean(self) -> int:
        """M; what is centred is at most twice that."""
        return 2**FINER * self.largest

    @property
    def least(self) -> int:
        """s, the least deviation."""
        return math.isqrt(self.epsilon)

    @property
    def variance(self) -> int:
        """Of a variance, before epsilon is added."""
        return self.mean**2 + 1

    @property
    def deviation(self) -> int:
        """sigma"""
        return math.isqrt(self.variance + self.epsilon)

    @property
    def inverse(self) -> int:
        """R"""
        return 2**self.inverse_bits // self.least

    @property
    def root(self) -> int:
        """√n, rounded up."""
        return math.isqrt(self.count - 1) + 1

    def inverted(self, x: int) -> int:
        """Of a number times R that is below x·2^36·(s + 1)/s, or what there is for 36."""
        return (x << self.inverse_bits) * (self.least + 1) // self.least + 1

    @property
    def normal(self) -> int:
        """|c|·R"""
        return self.inverted(self.root)

    def measured(self) -> tuple[Wide, ...]:
        """The wide integers of mean, deviation and inverse, in order."""
        return (
            Wide("mean", self.mean, True, (self.count,)),
            Wide("variance", self.variance, False, (self.count,)),
            Wide("deviation", self.deviation),
            Wide("deviation_low", 2 * self.deviation),
            Wide("deviation_high", 2 * self.deviation),
            Wide("inverse", self.inverse),
            Wide("inverse_low", self.deviation),
            Wide("inverse_high", self.deviation),
        )


@dataclass(frozen=True)
class Bounds(Moments):
    """Of a channel of a batch norm. Parameters have `frac` fractional bits and are at most
    2^`weight_bits`."""

    inverse_bits = 36

    frac: int
    weight_bits: int

    @property
    def bits_of_z(self) -> int:
        """x, the fractional bits of what is rounded to z."""
        return max(SCALE_BITS, self.frac)

    @property
    def scale(self) -> int:
        """a"""
        return (self.inverse << self.weight_bits >> self.frac + SCALE_SHIFT) + 1

    @property
    def wide(self) -> int:
        """X of z."""
        product = (self.normal << self.weight_bits >> self.frac + SCALE_SHIFT) + 1 + 2 * self.mean
        scaled = product << self.bits_of_z - SCALE_BITS
        return scaled + (1 << self.weight_bits + self.bits_of_z - self.frac)

    def correlation(self, error: int) -> int:
        """P, where D is at most `error`, as below."""
        return self.count * error * (self.deviation + 1)

    def gain(self, error: int) -> int:
        """G"""
        return (self.inverted(self.count * error) >> GAIN_SHIFT) + 1

    def slope(self, error: int) -> int:
        """u"""
        return (self.gain(error) * self.inverse >> GAIN_SHIFT - self.fine) + 1

    def offset(self, error: int) -> int:
        """w1"""
        return 2**SENT_BITS * self.scale * error + 1

    def tilt(self, error: int) -> int:
        """w2"""
        return self.scale * self.slope(error) // self.below + 1

    @property
    def below(self) -> int:
        """What a·u is divided by."""
        return self.count << 15 + self.bits

    def sent(self, error: int) -> int:
        """X of what is sent back."""
        inclined = self.gain(error) * self.normal >> GAIN_SHIFT - self.fine
        inclined = self.scale * (inclined + 1 + 2 * self.mean) // self.below
        return 2 * self.offset(error) + inclined + 1 + 2 * self.mean

    def statistics(self) -> Rounding:
        """Of the running statistics' update."""
        most = MOVE * (2**self.weight_bits + max(self.mean, self.deviation))
        return Rounding(MOVE_SHIFT, SHORT_LOW, SHORT_HIGH, -most, most)

    def wides(self, error: int) -> tuple[Wide, ...]:
        """The wide integers, in order."""
        scaled, sloped = power_of_two(self.frac + SCALE_SHIFT), power_of_two(GAIN_SHIFT - self.fine)
        tilted = self.count, *power_of_two(15 + self.bits)
        return (
            *self.measured(),
            Wide("scale", self.scale, True, scaled),
            Wide("correlation", self.correlation(error), True),
            Wide("gain", self.gain(error), True, power_of_two(GAIN_SHIFT)),
            Wide("slope", self.slope(error), True, sloped),
            Wide("offset", self.offset(error), True, (self.count,)),
            Wide("tilt", self.tilt(error), True, tilted),
        )

    def check(self, field: str, error: int) -> None:
        """Rejects factors that are too wide."""
        bits = self.scale.bit_length()
        require(bits <= MOST_SCALE_BITS, f"{field}.z_frac: scale takes {bits} bits")
        for name in ("correlation", "slope", "offset", "tilt"):
            bits = getattr(self, name)(error).bit_length()
            require(bits <= MOST_FACTOR_BITS, f"{field}.z_frac: {name} takes {bits} bits")


@dataclass(frozen=True)
class Norm:
    """What a norm has beside a layer's scales: bounds, wide integers, and, of a batch norm, the
    rounding of the running statistics' update."""

    bounds: Moments
    wides: dict[str, Wide]
    statistics: Rounding | None = None

    @cached_property
    def stacks(self) -> tuple[Stack, ...]:
        """Those of its digits."""
        return stacks(self.wides.values())


def normed(field: str, bounds: Bounds, error: int) -> Norm:
    """Of a batch norm whose D is at most `error`."""
    bounds.check(field, error)
    wides = {wide.name: wide for wide in bounds.wides(error)}
    return Norm(bounds, wides, bounds.statistics().check("training.max_steps"))
