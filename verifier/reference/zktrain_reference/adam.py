"""What Adam's constants are, and what a manifest may say of them. See docs/quantization.md,
"Adam"."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from .errors import require, within
from .scaling import accurate, scaled
from .schema import ADAM
from .tables import SIZE, Table, listed_table

# Fractional bits of decays, of their complements, and of a schedule's factor.
DECAY_BITS = 16
ONE = 1 << DECAY_BITS
# The largest magnitude of a gradient that moments are made of.
MOST_GRADIENT = 2**14 - 1
# The most that is added to a root.
MOST_EPSILON = 2**14
# The largest rate is at least this, and steps are at most that.
LEAST_RATE = 8
MOST_STEP = 2**15 - 1
MOST_STEPS = 65536

Fields = dict[str, Any]


@dataclass(frozen=True)
class Adam:
    """The decays of both moments, times 2^16, and the rate of each step of a chain."""

    first: int
    second: int
    rates: tuple[int, ...]

    @cached_property
    def mean(self) -> Table:
        """By how much a mean moves, of what it is away from a gradient."""
        share = ONE - self.first
        moved = [-(-d * share // ONE) for d in range(SIZE // 2 + 1)]
        return listed_table("mean", [-x for x in moved[:0:-1]] + moved[:-1])

    @cached_property
    def steps(self) -> Table:
        """Rates by the number of the step; zero where there is no step."""
        size = 1 << (len(self.rates) - 1).bit_length()
        return listed_table("rates", [*self.rates, *[0] * (size - len(self.rates))])


def check_kind(optimizer: Fields, training: Fields) -> None:
    """Rejects what does not belong to the optimizer; notes what is not said of Adam."""
    if optimizer.get("kind") != "adam":
        for name in ADAM:
            require(optimizer.get(name) is None, f"optimizer.{name}: with adam only")
        return
    for name, value in ADAM.items():
        if optimizer[name] is None:
            optimizer[name] = value
    for name in ("momentum", "weight_decay"):
        require(optimizer[name] == 0, f"optimizer.{name}: with adam it is zero")
    require(optimizer["clip"] is None, "optimizer.clip: adam has none")
    within("optimizer.beta1", 0, 1 - 2.0**-16, optimizer["beta1"])
    within("optimizer.beta2", 0.5, 1 - 2.0**-12, optimizer["beta2"])
    within("optimizer.epsilon", 0, 1, optimizer["epsilon"])
    if optimizer["schedule"] is not None:
        _check_schedule(optimizer["schedule"], training["max_steps"])


def _check_schedule(schedule: Fields, max_steps: int) -> None:
    """Which fields belong to which kind, and their ranges."""
    field, kind, warmup = "optimizer.schedule", schedule["kind"], schedule["warmup"]
    within(f"{field}.warmup", 0, MOST_STEPS, warmup)
    falling, stepping = kind in ("linear", "cosine"), kind == "step"
    require(falling or schedule["steps"] is None, f"{field}.steps: a {kind} schedule has none")
    for name in ("every", "factor"):
        said = schedule[name] is not None
        require(said == stepping, f"{field}.{name}: with a step schedule, and only there")
    if stepping:
        within(f"{field}.every", 1, MOST_STEPS, schedule["every"])
        within(f"{field}.factor", 2.0**-16, 1, schedule["factor"])
    elif falling and schedule["steps"] is None:
        require(max_steps > warmup, f"{field}.warmup: as many steps as training.max_steps, or more")
    elif falling:
        within(f"{field}.steps", warmup + 1, MOST_STEPS, schedule["steps"])


def derive_adam(optimizer: Fields, max_steps: int, weight_frac: int) -> Adam:
    """The constants, or a rejection."""
    decays = []
    for name in ("beta1", "beta2"):
        decay = scaled(optimizer[name], DECAY_BITS)
        rest = 1.0 - optimizer[name]
        accurate(f"optimizer.{name} (1 less it)", rest, DECAY_BITS, ONE - decay)
        decays.append(decay)
    schedule = optimizer["schedule"] or {"kind": "constant", "warmup": 0}
    found = rates(*decays, optimizer["learning_rate"], schedule, max_steps, weight_frac)
    adam = Adam(*decays, tuple(found))
    _check_rates(adam)
    return adam


def _check_rates(adam: Adam) -> None:
    """No update saturates, and rounding changes the learning rate by little."""
    most = max(adam.rates)
    require(most >= LEAST_RATE, f"optimizer.learning_rate: the largest rate, {most}, is too small")
    step = most * steepness(adam.first, adam.second) + 1
    require(step <= MOST_STEP, "optimizer.learning_rate: a step could have more than 16 bits")


def steepness(first: int, second: int) -> float:
    """K: how often a mean can be what its gradients' root mean square is, with one unit more."""
    b1, b2 = first / ONE, second / ONE
    require(b1 * b1 < b2, "optimizer.beta2: the square of beta1 is not below it")
    spread = math.sqrt((1 - b2) * (1 - b1 * b1 / b2))
    return (1 - b1) / spread + 1 / (1 - b1)


def rates(
    first: int, second: int, learning_rate: float, schedule: Fields, count: int, weight_frac: int
) -> Iterator[int]:
    """c of so many steps, with the bias correction of both moments."""
    b1, b2 = first / ONE, second / ONE
    p1 = p2 = 1.0
    for factor in factors(schedule, count):
        p1, p2 = p1 * b1, p2 * b2
        unit = factor * 2.0 ** (weight_frac - DECAY_BITS)
        yield math.floor(learning_rate * unit * (math.sqrt(1 - p2) / (1 - p1)) + 0.5)


def factors(schedule: Fields, max_steps: int) -> Iterator[int]:
    """The schedule's factors of all steps, times 2^16."""
    kind, warmup = schedule["kind"], schedule["warmup"]
    steps = max_steps if schedule.get("steps") is None else schedule["steps"]
    n, power = steps - warmup, 1.0
    for t in range(max_steps):
        u = t - warmup
        if u < 0:
            yield ONE * (t + 1) // warmup
        elif kind == "constant":
            yield ONE
        elif kind == "linear":
            yield ONE * (n - min(u, n)) // n
        elif kind == "cosine":
            yield math.floor(ONE / 2 * (1 + math.cos(math.pi * min(u, n) / n)) + 0.5)
        else:
            # Powers are made one factor after the other.
            power *= schedule["factor"] if u and u % schedule["every"] == 0 else 1.0
            yield math.floor(ONE * power + 0.5)


def added(epsilon: float, labels: int, frac: int) -> int:
    """e: what is added to a root, in units of a gradient that is summed over so many labels."""
    return max(1, scaled(epsilon * float(labels), frac))
