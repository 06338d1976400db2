"""Roundings and what bounds them. See docs/quantization.md, "Saturating rounding"."""

from dataclasses import dataclass

from .errors import require

SHORT_LOW, SHORT_HIGH = -(2**15), 2**15 - 1


@dataclass(frozen=True)
class Rounding:
    """X divided by 2^shift, rounded half up, saturated; `least ≤ X ≤ most`."""

    shift: int
    low: int
    high: int
    least: int
    most: int

    def nearest(self, x: int) -> int:
        """The quotient before it saturates."""
        return x if self.shift == 0 else (x + (1 << self.shift - 1)) >> self.shift

    @property
    def high_bits(self) -> int:
        """Bits of the largest excess above."""
        return max(0, self.nearest(self.most) - self.high).bit_length()

    @property
    def low_bits(self) -> int:
        """Bits of the largest excess below."""
        return max(0, self.low - self.nearest(self.least)).bit_length()

    def check(self, field: str) -> "Rounding":
        """Rejects what the static bounds exclude."""
        require(0 <= self.shift <= 32, f"{field}: a shift of {self.shift} bits")
        widest = max(self.most, -self.least).bit_length()
        require(widest <= 62, f"{field}: a wide value of {widest} bits")
        require(max(self.high_bits, self.low_bits) <= 48, f"{field}: an excess of too many bits")
        return self


# Nothing is divided and nothing saturates.
EXACT = Rounding(0, SHORT_LOW, SHORT_HIGH, SHORT_LOW, SHORT_HIGH)


def exact(most: int) -> Rounding:
    """Of what is not larger: nothing is divided, and nothing saturates."""
    return EXACT if most <= -SHORT_LOW else Rounding(0, -most, most, -most, most)
