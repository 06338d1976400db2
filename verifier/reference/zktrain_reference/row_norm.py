"""Static bounds of layer norms and RMS norms. See docs/quantization.md, "Static bounds"."""

from dataclasses import dataclass

from .norm import SCALE_BITS, SENT_BITS, Moments, Norm
from .wide import Wide, power_of_two

# Fractional bits that what is put out may have.
LEAST_BITS, MOST_BITS = 5, 15


@dataclass(frozen=True)
class RowBounds(Moments):
    """Of the numbers of a row, which are centred unless the norm is an RMS norm. What is put out
    has `z_bits` fractional bits."""

    inverse_bits = SCALE_BITS

    z_bits: int
    centred: bool

    @property
    def bits_of_z(self) -> int:
        """Fractional bits of what is rounded to z."""
        return SCALE_BITS

    @property
    def wide(self) -> int:
        """X of z."""
        return self.normal

    @property
    def spread(self) -> int:
        """U; the root of a sum of z² is at most √n times that."""
        return (self.least + 1 << self.z_bits) // self.least + 2

    def correlation(self, error: int) -> int:
        """P, where D is at most `error`, as below."""
        return self.count * error * self.spread

    def offset(self, error: int) -> int:
        """w1"""
        return 2**SENT_BITS * self.inverse * error + 1

    def tilt(self, error: int) -> int:
        """w2"""
        below = self.count << 2 * self.z_bits - SENT_BITS
        return self.inverse * self.correlation(error) // below + 1

    def sent(self, error: int) -> int:
        """X of what is sent back."""
        return 2 * self.offset(error) + self.tilt(error) * self.root * self.spread

    def wides(self, error: int) -> tuple[Wide, ...]:
        """The wide integers, in order."""
        divided = self.count, *power_of_two(2 * self.z_bits - SENT_BITS)
        found = (
            *self.measured(),
            Wide("correlation", self.correlation(error), True),
            Wide("offset", self.offset(error), True, (self.count,)),
            Wide("tilt", self.tilt(error), True, divided),
        )
        return tuple(wide for wide in found if self.centred or wide.name not in ("mean", "offset"))


def row_normed(bounds: RowBounds, error: int) -> Norm:
    """Of a norm of rows whose D is at most `error`. That is below 2^30, and so its factors never
    have more than 62 bits."""
    return Norm(bounds, {wide.name: wide for wide in bounds.wides(error)})
