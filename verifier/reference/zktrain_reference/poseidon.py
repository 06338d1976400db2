"""Poseidon of width 5 with constants from the Grain LFSR, and the sponge over it."""

from collections.abc import Sequence
from functools import cache
from itertools import islice

from .field import R, inverse

WIDTH = 5
FULL_ROUNDS = 8
PARTIAL_ROUNDS = 60
CAPACITY_START = 0x7A6B747261696E31


def grain_bits(field_bits: int, width: int, full: int, partial: int):
    """The bits of the self-shrinking generator, without end."""
    register: list[int] = []
    for value, length in ((1, 2), (0, 4), (field_bits, 12), (width, 12), (full, 10), (partial, 10)):
        register += [value >> k & 1 for k in reversed(range(length))]
    register += [1] * 30

    def step() -> int:
        bit = 0
        for tap in (62, 51, 38, 23, 13, 0):
            bit ^= register[tap]
        register.append(bit)
        register.pop(0)
        return bit

    for _ in range(160):
        step()
    while True:
        counts, bit = step(), step()
        if counts:
            yield bit


@cache
def constants() -> tuple[list[list[int]], list[list[int]]]:
    """The round constants, five a round, and the matrix."""
    bits = grain_bits(254, WIDTH, FULL_ROUNDS, PARTIAL_ROUNDS)

    def number() -> int:
        value = 0
        for bit in islice(bits, 254):
            value = 2 * value + bit
        return value

    def below_modulus() -> int:
        while (value := number()) >= R:
            pass
        return value

    rounds = [[below_modulus() for _ in range(WIDTH)] for _ in range(FULL_ROUNDS + PARTIAL_ROUNDS)]
    xs = [number() % R for _ in range(WIDTH)]
    ys = [number() % R for _ in range(WIDTH)]
    return rounds, [[inverse(x + y) for y in ys] for x in xs]


def permute(state: Sequence[int]) -> list[int]:
    """The permutation."""
    rounds, matrix = constants()
    first_partial = FULL_ROUNDS // 2
    state = list(state)
    for index, added in enumerate(rounds):
        state = [(s + c) % R for s, c in zip(state, added)]
        partial = first_partial <= index < first_partial + PARTIAL_ROUNDS
        for k in range(1 if partial else WIDTH):
            state[k] = pow(state[k], 5, R)
        state = [sum(m * s for m, s in zip(row, state)) % R for row in matrix]
    return state


class Sponge:
    """A duplex: absorbed elements and challenges share four of the five state elements."""

    def __init__(self) -> None:
        self.state = [CAPACITY_START, 0, 0, 0, 0]
        self.filled = 0
        self.left = 0

    def absorb(self, *elements: int) -> None:
        """Adds elements to the state, permuting when the rate is full."""
        for element in elements:
            self.left = 0
            if self.filled == WIDTH - 1:
                self._permute()
            self.filled += 1
            self.state[self.filled] = (self.state[self.filled] + element) % R

    def challenge(self) -> int:
        """The next challenge."""
        if self.left == 0:
            self._permute()
            self.left = WIDTH - 1
        self.left -= 1
        return self.state[WIDTH - 1 - self.left]

    def challenges(self, count: int) -> list[int]:
        """Several challenges."""
        return [self.challenge() for _ in range(count)]

    def _permute(self) -> None:
        self.state = permute(self.state)
        self.filled = 0
