"""Static bounds of a softmax, and its wide integers. See docs/quantization.md, "Attention"."""

from .rounding import SHORT_HIGH, SHORT_LOW, Rounding
from .wide import Wide

# Fractional bits of terms and of shares, of what a row's sum divides, and of what is rounded.
SHARE_BITS, WHOLE_BITS, SHARE_SHIFT = 14, 30, 16
# The largest inverse of a sum, which is 2^14 at least.
MOST_INVERSE = 2**16 - 1
# What is divided by a row's sum.
WHOLE = 2**WHOLE_BITS - 1
# Shares are values like others, of 16 bits.
MOST_SHARE = 2**15


def wides_of(keys: int) -> dict[str, Wide]:
    """The wide integers of a row with so many numbers, in order."""
    most = keys << SHARE_BITS
    bounds = {"inverse": MOST_INVERSE, "inverse_low": most, "inverse_high": most}
    return {name: Wide(name, bound) for name, bound in bounds.items()}


def mean_rounding(keys: int, error: int) -> Rounding:
    """Of the mean of D, which is at most `error`, in shares."""
    most = keys * error * MOST_SHARE
    return Rounding(SHARE_BITS, SHORT_LOW, SHORT_HIGH, -most, most)


def most_sent(error: int) -> int:
    """X of what is sent back."""
    return MOST_SHARE * (error + 2**15)
