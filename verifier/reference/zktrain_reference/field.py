"""The scalar field of BN254 as integers, and multilinear polynomials over it."""

from collections.abc import Sequence

# Order of BN254's G1.
R = 21888242871839275222246405745257275088548364400416034343698204186575808495617


def inverse(x: int) -> int:
    """1/x; the caller excludes zero."""
    return pow(x, -1, R)


def same_bit(x: int, y: int) -> int:
    """x·y + (1 − x)(1 − y)"""
    return (1 - x - y + 2 * x * y) % R


def eq(a: Sequence[int], b: Sequence[int]) -> int:
    """The polynomial that is 1 where two bit strings agree."""
    assert len(a) == len(b)
    product = 1
    for x, y in zip(a, b):
        product = product * same_bit(x, y) % R
    return product


def bits_of(number: int, count: int) -> list[int]:
    """The lowest bits of a number, lowest first."""
    return [number >> k & 1 for k in range(count)]


def eq_number(point: Sequence[int], number: int) -> int:
    """eq at the bits of a number."""
    return eq(point, bits_of(number, len(point)))


def eq_all(point: Sequence[int]) -> list[int]:
    """eq at every index of the cube."""
    values = [1]
    for x in point:
        values = [v * (1 - x) % R for v in values] + [v * x % R for v in values]
    return values


def extension(values: Sequence[int], point: Sequence[int]) -> int:
    """The multilinear extension of values at a point."""
    assert len(values) == 1 << len(point)
    return sum(v * w for v, w in zip(values, eq_all(point))) % R


def powers(base: int):
    """1, base, base², …"""
    power = 1
    while True:
        yield power
        power = power * base % R


def polynomial(coefficients: Sequence[int], x: int) -> int:
    """Value of a polynomial given from its constant coefficient on."""
    value = 0
    for c in reversed(coefficients):
        value = (value * x + c) % R
    return value
