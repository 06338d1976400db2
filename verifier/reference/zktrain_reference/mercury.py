"""The opening of a folded row. See docs/argument.md, "The opening"."""

from collections.abc import Sequence
from dataclasses import dataclass

from .curve import G1, Point, Words, combine, point_bytes, scalar_bytes
from .errors import require
from .field import R, inverse
from .hashing import keccak256, reduced

OPENING_BYTES = 7 * 64 + 6 * 32


@dataclass(frozen=True)
class RowOpening:
    """What the prover sends."""

    h: Point
    q: Point
    g: Point
    s: Point
    d: Point
    values: list[int]
    w: Point
    last: Point

    @classmethod
    def read(cls, words: Words) -> "RowOpening":
        """From its encoding."""
        first = words.points(5)
        values = words.scalars(6)
        return cls(*first, values, *words.points(2))


def _fold(coordinates: Sequence[int], x: int) -> int:
    """E(u, x): the polynomial whose coefficients are eq(u, ·)."""
    product = 1
    for u in coordinates:
        product = product * (1 + u * (x - 1)) % R
        x = x * x % R
    return product


class _Challenges:
    """A chain of hashes."""

    def __init__(self, seed: bytes) -> None:
        self.state = seed

    def next(self, label: str, *message: bytes) -> int:
        """Absorbs a message; its challenge."""
        self.state = keccak256(self.state, label.encode().ljust(8, b"\0"), *message)
        return reduced(self.state)


def pairing_terms(
    seed: bytes, row: Point, point: list[int], value: int, opening: RowOpening
) -> tuple[Point, Point]:
    """`left` and `right`, for which e(left, [τ]) = e(right, [1]) has to hold."""
    require(1 <= len(point) <= 28, "an opening has 1 to 28 variables")
    o, chain = opening, _Challenges(seed)
    chain.next("mercury", point_bytes(row), *map(scalar_bytes, [*point, value]))
    alpha = chain.next("fold", point_bytes(o.h))
    gamma = chain.next("division", point_bytes(o.q), point_bytes(o.g))
    zeta = chain.next("products", point_bytes(o.s), point_bytes(o.d))
    beta = chain.next("evals", *map(scalar_bytes, o.values))
    z = chain.next("batch", point_bytes(o.w))
    delta = chain.next("delta")
    require(zeta != 0 and zeta * zeta % R != 1, "a challenge fell on an excluded value")

    back = inverse(zeta)
    g, g_back, h, h_back, s, s_back = o.values
    split = (len(point) + 1) // 2
    low, high = point[:split], point[split:]

    def inner(u: list[int], at: int, at_back: int) -> int:
        return at * _fold(u, back) + at_back * _fold(u, zeta)

    sums = inner(low, g, g_back) + gamma * inner(high, h, h_back)
    h_alpha = (sums - zeta * s - back * s_back) * inverse(2) - gamma * value
    d_zeta = pow(zeta, 2**split, R) * back * g_back
    d_zeta += gamma * pow(zeta, 2 ** len(high), R) * back * h_back
    there, here = (a + beta * (b + beta * c) for a, b, c in ((g, h, s), (g_back, h_back, s_back)))
    line = there + (there - here) * inverse(zeta - back) * (z - zeta)

    weight = delta * (z - alpha)
    reversal = pow(beta, 3, R) * weight * (z - back)
    fold = delta * pow(beta, 4, R) * (z - zeta) * (z - back)
    right = combine(
        [
            (1, row),
            (alpha - pow(z, 2**split, R), o.q),
            (weight - 1, o.g),
            (beta * weight + fold, o.h),
            (beta * beta * weight, o.s),
            (reversal, o.d),
            (-weight * (z - zeta) * (z - back), o.w),
            (-(weight * line + reversal * d_zeta + fold * h_alpha), G1),
            (z, o.last),
        ]
    )
    return o.last, right
