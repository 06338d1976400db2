"""Real numbers as integers. See docs/quantization.md, "Scales and multipliers"."""

import math

from .errors import require


def scaled(x: float, bits: int) -> int:
    """x·2^bits, rounded half up, in double precision."""
    try:
        return math.floor(math.ldexp(x, bits) + 0.5)
    except OverflowError:
        return 2**63 - 1


def accurate(field: str, x: float, bits: int, got: int) -> None:
    """Rejects an integer that is not x·2^bits to within a sixteenth."""
    error = abs(got / math.ldexp(x, bits) - 1)
    require(error <= 1 / 16, f"{field}: rounding changes it by {error:.3f}, more than 1/16")
