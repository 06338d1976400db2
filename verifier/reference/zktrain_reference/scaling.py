"""Real numbers as integers. See docs/quantization.md, "Scales and multipliers"."""

import math

from .errors import require


def scaled(x: float, bits: int) -> int:
    """x·2^bits, rounded half up, in double precision."""
    try:
        return math.floor(math.ldexp(x, bits) + 0.5)
    except OverflowError:
        return 2**63 - 1


def changed(x: float, bits: int, got: int) -> float:
    """By which part of itself rounding changes x·2^bits. Of a product that is too small for double
    precision, and so zero, nothing is near."""
    exact = math.ldexp(x, bits)
    return abs(got / exact - 1) if exact else math.inf


def fits(x: float, bits: int, got: int) -> bool:
    """Whether an integer is x·2^bits to within a sixteenth."""
    return changed(x, bits, got) <= 1 / 16


def accurate(field: str, x: float, bits: int, got: int) -> None:
    """Rejects an integer that is not."""
    error = changed(x, bits, got)
    require(fits(x, bits, got), f"{field}: rounding changes it by {error:.3f}, more than 1/16")
