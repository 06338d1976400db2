"""Wide integers in digits, and the stacks in which these lie. See docs/argument.md."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

DIGIT = 2**16


def power_of_two(bits: int) -> tuple[int, ...]:
    """The radices of 2^bits as a divisor."""
    return (2 ** (bits % 16),) * (bits % 16 > 0) + (DIGIT,) * (bits // 16)


@dataclass(frozen=True)
class Wide:
    """An integer of a channel or a row. It is written in digits, the lowest first: those of what
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
class Stack:
    """Digits that are looked up alike, in order: of which integer they are, and the number there.
    Each has a least value, and a radix."""

    name: str
    digits: tuple[tuple[str, int], ...]
    least: int
    radices: tuple[int, ...]

    @property
    def short(self) -> bool:
        """Whether its digits have fewer than 16 bits."""
        return self.radices[0] < DIGIT

    @property
    def steps(self) -> list[tuple[int, int]]:
        """By how much the radix falls below the next ones', and how many digits are before that."""
        pairs = enumerate(zip(self.radices, self.radices[1:]), 1)
        return [(radix - behind, count) for count, (radix, behind) in pairs if radix != behind]


def stacks(wides: Iterable[Wide]) -> tuple[Stack, ...]:
    """The stacks of wide integers, those that have digits."""
    found: dict[str, list] = {"digits": [], "digits_signed": [], "digits_short": []}
    for wide in wides:
        for k, radix in enumerate(wide.radices):
            kind = "_signed" if wide.least(k) else "_short" if radix < DIGIT else ""
            found[f"digits{kind}"].append((radix, wide.least(k), (wide.name, k)))
    # Equal ones stay in their order.
    found["digits_short"].sort(key=lambda digit: digit[0])
    return tuple(_stack(name, *zip(*digits)) for name, digits in found.items() if digits)


def _stack(name: str, radices, leasts, digits) -> Stack:
    return Stack(name, digits, leasts[0], radices)
