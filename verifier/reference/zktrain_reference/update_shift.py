"""The update's shift. See docs/quantization.md, "Scales and multipliers"."""

from .errors import Rejected, require
from .scaling import fits, scaled

LEAST, MOST = 16, 30
# Versions before this one have the least only.
FIRST_WITH_MORE = 6


def update_shift(version: int, rate: float, decay: float) -> int:
    """By how many bits an update is divided: the least with which the decay is precise enough."""
    if decay == 0:
        return LEAST
    shift = _precise(rate * decay)
    if shift is None:
        close = nearest(rate, decay)
        raise Rejected(f"optimizer.weight_decay: no shift holds it; the nearest is {close!r}")
    enough = shift == LEAST or version >= FIRST_WITH_MORE
    require(enough, f"optimizer.weight_decay: a shift of {shift} bits needs version 6")
    return shift


def _precise(product: float) -> int | None:
    """The least shift with which rounding changes a product by a sixteenth at most."""
    shifts = range(LEAST, MOST + 1)
    return next((s for s in shifts if fits(product, s, scaled(product, s))), None)


def nearest(rate: float, decay: float) -> float:
    """The nearest decay that the largest shift holds without rounding, and that is not above 1."""
    one = rate * 2.0**MOST
    return min(max(1, scaled(rate * decay, MOST)), int(one)) / one
