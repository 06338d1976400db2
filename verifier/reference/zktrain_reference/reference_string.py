"""Reference strings: what commits to public columns, and `[τ]` in G2."""

import tomllib
from collections.abc import Sequence
from typing import Protocol

from py_ecc import optimized_bn128 as bn

from .curve import G2, Point, times_generator
from .errors import Rejected, require
from .field import R, inverse, polynomial


class ReferenceString(Protocol):
    """What a verifier takes from a reference string."""

    tau_g2: G2

    def commit(self, coefficients: Sequence[int]) -> Point:
        """Σ c_i·[τ^i]"""

    def commit_values(self, values: Sequence[int], roots: Sequence[int]) -> Point:
        """The polynomial that has these values at the powers of a root of unity."""


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
