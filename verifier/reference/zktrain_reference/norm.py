"""Scales and static bounds of batch norms. See docs/quantization.md, "Static bounds"."""

import math
from dataclasses import dataclass
from functools import cached_property

from .errors import require
from .rounding import SHORT_HIGH, SHORT_LOW, Rounding

# Fractional bits that means and deviations have beyond those of what is normalised.
FINER = 4
# 2^36 divided by a deviation is its inverse; inverses are divided by 2^10 and 2^28.
INVERSE_BITS, SCALE_SHIFT, GAIN_SHIFT = 36, 10, 28
# Fractional bits of what c is multiplied with, and of what D is, beyond those.
SCALE_BITS, SENT_BITS = 26, 5
# Fractional bits of a gradient sum beyond those of D.
SUM_BITS = 8
# What a step moves the running statistics by, of 2^16 parts.
MOVE, MOVE_SHIFT = 6554, 16
# Bits of a scale, and of what else is a factor of a product.
MOST_SCALE_BITS, MOST_FACTOR_BITS = 46, 62
DIGIT = 2**16


def power_of_two(bits: int) -> tuple[int, ...]:
    """The radices of 2^bits as a divisor."""
    return (2 ** (bits % 16),) * (bits % 16 > 0) + (DIGIT,) * (bits // 16)


@dataclass(frozen=True)
class Wide:
    """An integer of a channel and step. It is written in digits, the lowest first: those of what
    divides it, then those of the quotient, which is at most `bound` in magnitude."""

    name: str
    bound: int
    signed: bool = False
    divisors: tuple[int, ...] = ()

    @cached_property
    def radices(self) -> tuple[int, ...]:
        """Of all digits."""
        count = -(-(self.bound.bit_length() + self.signed) // 16)
        return (*self.divisors, *[DIGIT] * count)

    def least(self, k: int) -> int:
        """The least value of a digit: the last one has the sign."""
        return -DIGIT // 2 if self.signed and k + 1 == len(self.radices) else 0

    def factors(self, quotient: bool = False) -> list[int]:
        """What each digit is multiplied with: in the whole, or in the quotient."""
        start = len(self.divisors) if quotient else 0
        radices = self.radices[start:]
        return [0] * start + [math.prod(radices[:k]) for k in range(len(radices))]

    def digits(self, value: int) -> list[int]:
        """Those of an integer."""
        found = []
        for radix in self.radices[:-1]:
            value, digit = divmod(value, radix)
            found.append(digit)
        return [*found, value]

    def quotient(self, value: int) -> int:
        """Divided, and rounded down."""
        return value // math.prod(self.divisors)


@dataclass(frozen=True)
class Bounds:
    """Of a channel with so many numbers in a batch, which have `bits` fractional bits and are at
    most `largest`; parameters have `frac` and are at most 2^`weight_bits`."""

    count: int
    bits: int
    largest: int
    frac: int
    weight_bits: int

    @property
    def fine(self) -> int:
        """g, the fractional bits of means and deviations."""
        return self.bits + FINER

    @property
    def epsilon(self) -> int:
        """What is added to a variance."""
        return max(2**8, math.floor(math.ldexp(1e-5, 2 * self.fine) + 0.5))

    @property
    def bits_of_z(self) -> int:
        """x, the fractional bits of what is rounded to z."""
        return max(SCALE_BITS, self.frac)

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
        return 2**INVERSE_BITS // self.least

    def inverted(self, x: int) -> int:
        """Of a number times R that is below x·2^36·(s + 1)/s."""
        return (x << INVERSE_BITS) * (self.least + 1) // self.least + 1

    @property
    def normal(self) -> int:
        """|c|·R"""
        return self.inverted(math.isqrt(self.count - 1) + 1)

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
        count, scaled = (self.count,), power_of_two(self.frac + SCALE_SHIFT)
        return (
            Wide("mean", self.mean, True, count),
            Wide("variance", self.variance, False, count),
            Wide("deviation", self.deviation),
            Wide("deviation_low", 2 * self.deviation),
            Wide("deviation_high", 2 * self.deviation),
            Wide("inverse", self.inverse),
            Wide("inverse_low", self.deviation),
            Wide("inverse_high", self.deviation),
            Wide("scale", self.scale, True, scaled),
            Wide("correlation", self.correlation(error), True),
            Wide("gain", self.gain(error), True, power_of_two(GAIN_SHIFT)),
            Wide("slope", self.slope(error), True, power_of_two(GAIN_SHIFT - self.fine)),
            Wide("offset", self.offset(error), True, count),
            Wide("tilt", self.tilt(error), True, (self.count, *power_of_two(15 + self.bits))),
        )

    def check(self, field: str, error: int) -> None:
        """Rejects factors that are too wide."""
        bits = self.scale.bit_length()
        require(bits <= MOST_SCALE_BITS, f"{field}.z_frac: a scale of {bits} bits")
        for name in ("correlation", "gain", "slope", "tilt"):
            bits = getattr(self, name)(error).bit_length()
            require(bits <= MOST_FACTOR_BITS, f"{field}.grad_frac: a {name} of {bits} bits")


@dataclass(frozen=True)
class Norm:
    """What a batch norm has beside a layer's scales."""

    bounds: Bounds
    wides: dict[str, Wide]
    statistics: Rounding


def normed(field: str, bounds: Bounds, error: int) -> Norm:
    """Of a batch norm whose D is at most `error`."""
    bounds.check(field, error)
    wides = {wide.name: wide for wide in bounds.wides(error)}
    return Norm(bounds, wides, bounds.statistics().check(f"{field}.z_frac"))
