"""halo2's verifier for the one constraint system. See docs/halo2-circuit.md."""

from dataclasses import dataclass
from functools import cache

from .curve import (
    G1,
    G2,
    G2_ONE,
    Point,
    Words,
    combine,
    negate,
    pairing_product_is_one,
    scalar_bytes,
)
from .errors import require
from .field import R, inverse, polynomial
from .hashing import keccak256, reduced
from .poseidon import FULL_ROUNDS, PARTIAL_ROUNDS, WIDTH
from .poseidon import constants as poseidon_constants

ADVICE, FIXED, GATES, PIECES = 5, 7, 22, 6
KEY_BYTES, PROOF_BYTES = 832, 1760
DELTA = pow(7, 2**28, R)


def root_of_unity(k: int) -> int:
    """ω, of order 2^k."""
    return pow(pow(7, (R - 1) >> 28, R), 1 << 28 - k, R)


@dataclass(frozen=True)
class Key:
    """Commitments to the fixed columns and to those of the copy argument."""

    encoding: bytes
    k: int
    fixed: list[Point]
    copies: list[Point]

    @classmethod
    def read(cls, data: bytes) -> "Key":
        """From its encoding."""
        require(len(data) == KEY_BYTES, f"a halo2 key has {KEY_BYTES} bytes")
        words = Words(data, "halo2 key")
        require(
            words.take(32) == b"zktrain/halo2/1".ljust(32, b"\0"), "not a halo2 key of this version"
        )
        k = words.integer()
        require(5 <= k <= 24, f"halo2 key: 2^{k} rows")
        fixed, copies = words.points(FIXED), words.points(ADVICE)
        words.end()
        return cls(data, k, fixed, copies)


@dataclass(frozen=True)
class Partial:
    """What five partial rounds at once consist of."""

    o: list[list[int]]
    p: list[int]
    g: list[int]
    a: list[int]
    b: list[int]


def _solve(matrix: list[list[int]], right: list[int]) -> list[int]:
    """The solution of a regular linear system."""
    rows = [[*row, value] for row, value in zip(matrix, right)]
    for i in range(len(rows)):
        pivot = next(j for j in range(i, len(rows)) if rows[j][i])
        rows[i], rows[pivot] = rows[pivot], rows[i]
        scale = inverse(rows[i][i])
        rows[i] = [x * scale % R for x in rows[i]]
        for j in range(len(rows)):
            if j != i:
                factor = rows[j][i]
                rows[j] = [(x - factor * y) % R for x, y in zip(rows[j], rows[i])]
    return [row[-1] for row in rows]


@cache
def partial_rounds() -> Partial:
    """From Poseidon's matrix."""
    _, matrix = poseidon_constants()
    o = [[1, 0, 0, 0, 0]]
    for _ in range(WIDTH):
        o.append([sum(o[-1][k] * matrix[k][j] for k in range(WIDTH)) % R for j in range(WIDTH)])
    p = _solve([[o[j][i] for j in range(WIDTH)] for i in range(WIDTH)], o[WIDTH])
    g = [row[0] for row in o]
    b = [(g[5 - i] - sum(p[j] * g[j - i] for j in range(i + 1, 5))) % R for i in range(WIDTH)]
    a = [(x - y) % R for x, y in zip(p, b)]
    return Partial(o, p, g, a, b)


def gates(c: list[int], below: list[int], q: list[int], x: int, y: int, instance: int) -> list[int]:
    """The 22 gates in a row, given it and the row below."""
    rounds, matrix = poseidon_constants()
    part = partial_rounds()
    o, p, g = part.o, part.p, part.g
    idle, arithmetic = 1 - x * x - y * y + x * y, x * y
    full, last_full = x * (x + 1 - 2 * y), x * (x - 1)
    five, last_five = y * (y + 1 - 2 * x), y * (y - 1)
    found = [idle * (q[0] * c[0] - q[1])]
    product = q[0] * c[0] * c[1] + q[1] * c[0] + q[2] * c[1] + q[4]
    found.append(arithmetic * (c[4] * product + q[3] * c[2] - c[3] + instance))
    boxed = [pow(value + constant, 5, R) for value, constant in zip(c, q)]
    mixed = [sum(m * s for m, s in zip(row, boxed)) for row in matrix]
    found += [full * (below[i] - mixed[i]) for i in range(WIDTH)]

    first = FULL_ROUNDS // 2
    for i in range(WIDTH):
        entry = sum(x_ * y_ for x_, y_ in zip(o[i], rounds[first]))
        entry += sum(
            x_ * y_ for t in range(1, i + 1) for x_, y_ in zip(o[i - t], rounds[first + t])
        )
        value = below[i] - sum(x_ * s for x_, s in zip(o[i + 1], boxed)) - entry
        value -= sum(g[i - j] * (pow(below[j], 5, R) - below[j]) for j in range(i))
        found.append(last_full * value)
    long = c + below
    for i in range(WIDTH):
        window = sum(part.a[j] * long[i + j] + part.b[j] * pow(long[i + j], 5, R) for j in range(5))
        found.append(five * (below[i] - q[i] - window))
    ends = [sum(x_ * s for x_, s in zip(o[i], below)) for i in range(WIDTH)]
    for i in range(WIDTH):
        window = sum(part.a[j] * c[i + j] + part.b[j] * pow(c[i + j], 5, R) for j in range(5 - i))
        window += sum(p[j] * ends[i + j - 5] for j in range(5 - i, 5))
        found.append(last_five * (ends[i] - q[i] - window))
    assert len(found) == GATES and len(rounds) == FULL_ROUNDS + PARTIAL_ROUNDS
    return [value % R for value in found]


class _Transcript:
    """A hash chain that buffers what is absorbed."""

    def __init__(self, key: Key) -> None:
        self.state, self.buffer = keccak256(key.encoding), b""

    def absorb(self, data: bytes) -> None:
        """Appends words."""
        self.buffer += data

    def challenge(self) -> int:
        """The next challenge."""
        self.state, self.buffer = keccak256(self.state, self.buffer), b""
        return reduced(self.state)


class _Proof:
    """The proof's messages in order, absorbed as they are read."""

    def __init__(self, key: Key, inputs: list[int], data: bytes) -> None:
        require(len(data) == PROOF_BYTES, f"a halo2 proof has {PROOF_BYTES} bytes")
        self.words, self.transcript = Words(data, "halo2 proof"), _Transcript(key)
        absorb, challenge = self.transcript.absorb, self.transcript.challenge
        absorb(b"".join(map(scalar_bytes, inputs)))
        self.advice = self.points(ADVICE)
        challenge()
        self.beta, self.gamma = challenge(), challenge()
        self.product, self.random = self.points(2)
        self.y = challenge()
        self.pieces = self.points(PIECES)
        self.x = challenge()
        self.c, self.below = self.scalars(ADVICE), self.scalars(ADVICE)
        *self.q, self.sel_x, self.sel_y = self.scalars(FIXED)
        (self.random_at,) = self.scalars(1)
        self.sigma = self.scalars(ADVICE)
        self.z, self.z_below = self.scalars(2)
        self.y_open, self.v = challenge(), challenge()
        (self.h1,) = self.points(1)
        self.u = challenge()
        self.h2 = self.words.point()
        self.words.end()

    def points(self, count: int) -> list[Point]:
        """The next points."""
        start = self.words.offset
        found = self.words.points(count)
        self.transcript.absorb(self.words.data[start : self.words.offset])
        return found

    def scalars(self, count: int) -> list[int]:
        """The next scalars."""
        start = self.words.offset
        found = self.words.scalars(count)
        self.transcript.absorb(self.words.data[start : self.words.offset])
        return found


def _quotient(key: Key, inputs: list[int], proof: _Proof) -> int:
    """h(x) as the constraints demand it."""
    n, omega, x = 1 << key.k, root_of_unity(key.k), proof.x
    vanishing = (pow(x, n, R) - 1) % R
    require(vanishing != 0 and x != 0, "the challenge is a root of unity or zero")

    def lagrange(i: int) -> int:
        root = pow(omega, i % n, R)
        return vanishing * root * inverse(n * (x - root)) % R

    instance = sum(value * lagrange(i) for i, value in enumerate(inputs))
    last, blind = lagrange(-6), sum(lagrange(-i) for i in range(1, 6))
    constraints = gates(proof.c, proof.below, proof.q, proof.sel_x, proof.sel_y, instance % R)
    z, z_below, first = proof.z, proof.z_below, lagrange(0)
    constraints += [first * (1 - z), last * (z * z - z)]
    left, right = z_below, z
    for i, (value, sigma) in enumerate(zip(proof.c, proof.sigma)):
        left = left * (value + proof.beta * sigma + proof.gamma) % R
        right = right * (value + proof.beta * pow(DELTA, i, R) * x + proof.gamma) % R
    constraints.append((1 - last - blind) * (left - right))
    return polynomial(constraints[::-1], proof.y) * inverse(vanishing) % R


def pairing_terms(key: Key, inputs: list[int], data: bytes) -> tuple[Point, Point]:
    """`left` and `right`, for which e(left, [τ]) = e(right, [1]) has to hold."""
    proof = _Proof(key, inputs, data)
    h = _quotient(key, inputs, proof)
    x, u, n = proof.x, proof.u, 1 << key.k
    rotated = root_of_unity(key.k) * x % R
    terms: list[tuple[int, Point]] = []
    constant, power = 0, 1
    twice = zip([*proof.advice, proof.product], [*proof.c, proof.z], [*proof.below, proof.z_below])
    slope = (u - x) * inverse(rotated - x)
    for point, here, there in twice:
        terms.append((power, point))
        constant -= power * (here + slope * (there - here))
        power = power * proof.y_open % R
    power = proof.v * (u - rotated) % R
    pieces = [(pow(x, n * i, R), piece) for i, piece in enumerate(proof.pieces)]
    once: list[tuple[list[tuple[int, Point]], int]] = [
        *(([(1, p)], value) for p, value in zip(key.fixed, [*proof.q, proof.sel_x, proof.sel_y])),
        *(([(1, p)], value) for p, value in zip(key.copies, proof.sigma)),
        (pieces, h),
        ([(1, proof.random)], proof.random_at),
    ]
    for points, value in once:
        terms += [(power * factor, point) for factor, point in points]
        constant -= power * value
        power = power * proof.y_open % R
    terms += [(constant, G1), (-(u - x) * (u - rotated), proof.h1), (u, proof.h2)]
    return proof.h2, combine(terms)


def verify(key: Key, tau_g2: G2, inputs: list[int], proof: bytes) -> None:
    """Checks a proof of these public inputs."""
    left, right = pairing_terms(key, inputs, proof)
    holds = pairing_product_is_one([(left, tau_g2), (negate(right), G2_ONE)])
    require(holds, "the halo2 proof's pairing equation does not hold")
