"""Reference strings: what commits to public columns, and `[τ]` in G2."""

import secrets
import tomllib
from collections.abc import Sequence
from typing import Protocol

from py_ecc import optimized_bn128 as bn

from .curve import (
    G1,
    G2,
    G2_ONE,
    P,
    Point,
    Sum,
    combine,
    negate,
    on_curve,
    pairing_product_is_one,
    times_generator,
)
from .errors import Rejected, require
from .field import R, inverse, polynomial
from .hashing import keccak256

# Coordinates in files have flags in their two highest bits.
MASK = (1 << 254) - 1


class ReferenceString(Protocol):
    """What a verifier takes from a reference string."""

    tau_g2: G2

    def commit(self, coefficients: Sequence[int]) -> Point:
        """Σ c_i·[τ^i]"""

    def commit_values(self, values: Sequence[int], roots: Sequence[int]) -> Point:
        """The polynomial that has these values at the powers of a root of unity."""


class Powers:
    """A string of powers, of which as many are read and checked as were needed so far."""

    MAGIC = b"zktrain-srs-v1\0"
    HEADER = 15 + 1 + 32 + 4 + 8 + 1 + 3 * 128

    def __init__(self, data: bytes) -> None:
        header, digest = data[: self.HEADER], data[self.HEADER : self.HEADER + 32]
        require(header.startswith(self.MAGIC) and len(digest) == 32, "reference string: its header")
        require(keccak256(header) == digest, "reference string: the header is damaged")
        self.data, self.digest = data, digest
        power, self.count = (
            int.from_bytes(header[48:52], "little"),
            int.from_bytes(header[52:60], "little"),
        )
        require(power <= 28 and 1 << power <= self.count < 4 << power, "reference string: its size")
        one, self.tau_g2, _ = (self._g2(header[61 + 128 * i :][:128]) for i in range(3))
        require(one == G2_ONE, "reference string: [1] in G2 is not the generator")
        self.offset, self.points = self.HEADER + 32, []

    @staticmethod
    def _g2(data: bytes) -> G2:
        point = G2(*(int.from_bytes(data[32 * i :][:32], "little") & MASK for i in range(4)))
        point.check()
        require(not point.neutral, "reference string: the neutral element")
        return point

    def _more(self) -> None:
        """Reads and checks the next block, which ends at 2^10, 2^11, … points or the last one."""
        start = len(self.points)
        end = min(self.count, max(1 << 10, 2 * start))
        require(start < end, f"reference string: {self.count} powers are too few")
        size = 64 * (end - start)
        block = self.data[self.offset : self.offset + size]
        digest = self.data[self.offset + size :][:32]
        require(keccak256(self.digest, block) == digest, "reference string: a block is damaged")
        self.offset += size + 32
        for i in range(end - start):
            x, y = (int.from_bytes(block[64 * i + 32 * k :][:32], "little") & MASK for k in (0, 1))
            require(x < P and y < P and on_curve((x, y)), "reference string: a point off the curve")
            self.points.append((x, y))
        self._check()

    def _check(self) -> None:
        """That the points are the powers of one τ, and that τ is not one that anybody finds."""
        points = self.points
        require(points[0] == G1, "reference string: [1] in G1 is not the generator")
        require(len(points) > 1, "reference string: a single power")
        squared = (points[1 << k] for k in range(len(points).bit_length()) if 1 << k < len(points))
        require(all(point != G1 for point in squared), "reference string: τ is a root of unity")
        require(not _is_small(points[1]), "reference string: τ is below 2^20")
        weights = [secrets.randbits(128) for _ in points[1:]]
        upper = combine(zip(weights, points[1:]))
        lower = combine(zip(weights, points))
        powers = pairing_product_is_one([(upper, G2_ONE), (negate(lower), self.tau_g2)])
        require(powers, "reference string: the points are not the powers of one τ")

    def _first(self, count: int) -> list[Point]:
        while len(self.points) < count:
            self._more()
        return self.points[:count]

    def commit(self, coefficients: Sequence[int]) -> Point:
        """As many powers as there are coefficients."""
        return combine(zip(coefficients, self._first(len(coefficients))))

    def commit_values(self, values: Sequence[int], roots: Sequence[int]) -> Point:
        """By the inverse Fourier transform."""
        n = len(roots)
        inverted = _transform(list(values), [roots[-i % n] for i in range(n)])
        scale = inverse(n)
        return self.commit([v * scale % R for v in inverted])


def _is_small(point: Point) -> bool:
    """Whether |s| ≤ 2^20 for the point [s]."""
    baby, step = set(), Sum()
    for _ in range(1 << 10):
        step.add(G1)
        baby.add(step.affine()[0])
    stride = times_generator(1 << 11)
    for direction in (stride, negate(stride)):
        walk = Sum()
        walk.add(point)
        for _ in range((1 << 9) + 1):
            here = walk.affine()
            if here is None or here[0] in baby:
                return True
            walk.add(direction)
    return False


def _transform(values: list[int], roots: list[int]) -> list[int]:
    """Σ_j values_j·roots_{ij} for every i; the roots are the powers of one of unity."""
    if len(values) == 1:
        return values
    even, odd = (_transform(values[k::2], roots[::2]) for k in (0, 1))
    odd = [root * value % R for root, value in zip(roots, odd)]
    return [(a + b) % R for a, b in zip(even, odd)] + [(a - b) % R for a, b in zip(even, odd)]


class KnownTau:
    """A test's string, whose τ everyone knows: no security at all."""

    def __init__(self, text: str) -> None:
        try:
            tau = int(tomllib.loads(text)["tau"], 16)
        except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
            raise Rejected(f"reference string: {error}") from None
        require(1 < tau < R, "reference string: τ is not in 2 … r − 1")
        self.tau = tau
        self.tau_g2 = G2.from_py_ecc(bn.multiply(bn.G2, tau))

    def commit(self, coefficients: Sequence[int]) -> Point:
        """One multiplication, as τ is known."""
        return times_generator(polynomial(coefficients, self.tau))

    def commit_values(self, values: Sequence[int], roots: Sequence[int]) -> Point:
        """By Lagrange's formula at τ."""
        n, tau = len(roots), self.tau
        vanishing = pow(tau, n, R) - 1
        require(vanishing != 0, "reference string: τ is a root of unity")
        total = sum(v * root * inverse(tau - root) for v, root in zip(values, roots) if v)
        return times_generator(total * vanishing * inverse(n) % R)
