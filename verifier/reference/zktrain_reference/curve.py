"""BN254: points of G1 as `(x, y)` or `None`, sums of many, pairings by py_ecc."""

from collections.abc import Iterable
from functools import cache

from py_ecc import optimized_bn128 as bn

from .errors import Rejected, require
from .field import R
from .hashing import keccak256

# Modulus of the curve's coordinates.
P = 21888242871839275222246405745257275088696311157297823662689037894645226208583

Point = tuple[int, int] | None
G1: Point = (1, 2)


def on_curve(point: Point) -> bool:
    """Whether y² = x³ + 3."""
    if point is None:
        return True
    x, y = point
    return (y * y - x * x * x - 3) % P == 0


def negate(point: Point) -> Point:
    """−point"""
    return None if point is None else (point[0], -point[1] % P)


class Sum:
    """A point in Jacobian coordinates to which others are added."""

    __slots__ = ("x", "y", "z")

    def __init__(self) -> None:
        self.x, self.y, self.z = 1, 1, 0

    def double(self) -> None:
        """Twice this point."""
        x, y, z = self.x, self.y, self.z
        a, b = x * x % P, y * y % P
        c = b * b % P
        d = 2 * ((x + b) ** 2 - a - c) % P
        e = 3 * a
        self.x = (e * e - 2 * d) % P
        self.y = (e * (d - self.x) - 8 * c) % P
        self.z = 2 * y * z % P

    def add(self, point: Point) -> None:
        """Adds an affine point."""
        if point is None:
            return
        px, py = point
        if self.z == 0:
            self.x, self.y, self.z = px, py, 1
            return
        zz = self.z * self.z % P
        h = (px * zz - self.x) % P
        slope = (py * zz * self.z - self.y) % P
        if h == 0:
            if slope == 0:
                self.double()
            else:
                self.x, self.y, self.z = 1, 1, 0
            return
        hh = h * h % P
        hhh = h * hh % P
        v = self.x * hh % P
        self.x = (slope * slope - hhh - 2 * v) % P
        self.y = (slope * (v - self.x) - self.y * hhh) % P
        self.z = self.z * h % P

    def merge(self, other: "Sum") -> None:
        """Adds another sum."""
        if other.z == 0:
            return
        if self.z == 0:
            self.x, self.y, self.z = other.x, other.y, other.z
            return
        zz, oo = self.z * self.z % P, other.z * other.z % P
        u, h = self.x * oo % P, other.x * zz % P
        s, slope = self.y * oo * other.z % P, other.y * zz * self.z % P
        h, slope = (h - u) % P, (slope - s) % P
        if h == 0:
            if slope == 0:
                self.double()
            else:
                self.x, self.y, self.z = 1, 1, 0
            return
        hh = h * h % P
        hhh = h * hh % P
        v = u * hh % P
        self.x = (slope * slope - hhh - 2 * v) % P
        self.y = (slope * (v - self.x) - s * hhh) % P
        self.z = self.z * other.z * h % P

    def copy(self) -> "Sum":
        """Another sum of the same value."""
        other = Sum()
        other.merge(self)
        return other

    def affine(self) -> Point:
        """The point itself."""
        if self.z == 0:
            return None
        i = pow(self.z, -1, P)
        ii = i * i % P
        return self.x * ii % P, self.y * ii * i % P


def combine(terms: Iterable[tuple[int, Point]]) -> Point:
    """Σ scalar·point, by buckets."""
    reduced = [(k % R, p) for k, p in terms if k % R and p is not None]
    bits = 4 if len(reduced) < 100 else 8 if len(reduced) < 3000 else 11
    longest = max((k.bit_length() for k, _ in reduced), default=0)
    total = Sum()
    for shift in reversed(range(0, longest, bits)):
        for _ in range(bits):
            total.double()
        buckets: dict[int, Sum] = {}
        for k, point in reduced:
            digit = k >> shift & (1 << bits) - 1
            if digit:
                buckets.setdefault(digit, Sum()).add(point)
        running, window = Sum(), Sum()
        for digit in reversed(range(1, 1 << bits)):
            if digit in buckets:
                running.merge(buckets[digit])
            window.merge(running)
        total.merge(window)
    return total.affine()


@cache
def _generator_table() -> list[list[Sum]]:
    """For every fourth bit, the multiples 1 … 15 of that power of two times the generator."""
    table, base = [], Sum()
    base.add(G1)
    for _ in range(64):
        row, multiple = [], Sum()
        for _ in range(15):
            multiple.merge(base)
            row.append(multiple.copy())
        table.append(row)
        multiple.merge(base)
        base = multiple
    return table


def times_generator(scalar: int) -> Point:
    """scalar·[1]"""
    total = Sum()
    for k, row in enumerate(_generator_table()):
        digit = scalar >> 4 * k & 15
        if digit:
            total.merge(row[digit - 1])
    return total.affine()


def plus(a: Point, b: Point) -> Point:
    """a + b"""
    total = Sum()
    total.add(a)
    total.add(b)
    return total.affine()


@cache
def blinding_base() -> Point:
    """H, of which nobody knows the logarithm."""
    counter = 0
    while True:
        digest = keccak256(b"zktrain/v1/blinding-base", counter.to_bytes(4, "big"))
        x = int.from_bytes(digest, "big") & (1 << 254) - 1
        square = (x * x * x + 3) % P
        # P is 3 modulo 4.
        y = pow(square, (P + 1) // 4, P)
        if x < P and y * y % P == square:
            return x, min(y, P - y)
        counter += 1


def point_bytes(point: Point) -> bytes:
    """Two words; zeros for the neutral element."""
    x, y = point or (0, 0)
    return x.to_bytes(32, "big") + y.to_bytes(32, "big")


def scalar_bytes(scalar: int) -> bytes:
    """A word."""
    return scalar.to_bytes(32, "big")


class G2:
    """A point of the twist: coordinates `c0 + c1·i`; the neutral element is all zeros."""

    __slots__ = ("coordinates",)

    def __init__(self, x0: int, x1: int, y0: int, y1: int) -> None:
        self.coordinates = (x0, x1, y0, y1)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, G2) and self.coordinates == other.coordinates

    def __hash__(self) -> int:
        return hash(self.coordinates)

    @property
    def neutral(self) -> bool:
        """Whether it is the neutral element."""
        return not any(self.coordinates)

    def to_py_ecc(self):
        """The same point as py_ecc has it."""
        if self.neutral:
            return bn.Z2
        x0, x1, y0, y1 = self.coordinates
        return bn.FQ2([x0, x1]), bn.FQ2([y0, y1]), bn.FQ2.one()

    @classmethod
    def from_py_ecc(cls, point) -> "G2":
        """From py_ecc's coordinates."""
        if bn.is_inf(point):
            return cls(0, 0, 0, 0)
        x, y = bn.normalize(point)
        return cls(*(int(c) for c in (*x.coeffs, *y.coeffs)))

    def check(self) -> None:
        """Rejects what is off the curve or outside the group of order r."""
        require(all(0 <= c < P for c in self.coordinates), "a coordinate in G2 is not reduced")
        point = self.to_py_ecc()
        require(bn.is_on_curve(point, bn.b2), "a point of G2 is not on the curve")
        if not self.neutral:
            require(bn.is_inf(bn.multiply(point, R)), "a point of G2 is outside the group")

    def spec_bytes(self) -> bytes:
        """Little-endian coordinates with the sign in the highest bit, as the spec hashes them."""
        x0, x1, y0, y1 = self.coordinates
        out = bytearray(b"".join(c.to_bytes(32, "little") for c in self.coordinates))
        if (y1, y0) > (-y1 % P, -y0 % P):
            out[-1] |= 0x80
        if self.neutral:
            out[-1] |= 0x40
        return bytes(out)


G2_ONE = G2.from_py_ecc(bn.G2)


def pairing_product_is_one(pairs: Iterable[tuple[Point, G2]]) -> bool:
    """Whether Π e(p, q) = 1."""
    product = bn.FQ12.one()
    for p, q in pairs:
        if p is None or q.neutral:
            continue
        g1 = (bn.FQ(p[0]), bn.FQ(p[1]), bn.FQ.one())
        product *= bn.pairing(q.to_py_ecc(), g1, final_exponentiate=False)
    return bn.final_exponentiate(product) == bn.FQ12.one()


class Words:
    """Reads words, points and scalars from bytes, and refuses what is not canonical."""

    def __init__(self, data: bytes, what: str) -> None:
        self.data, self.what, self.offset = data, what, 0

    def take(self, count: int) -> bytes:
        """The next bytes."""
        taken = self.data[self.offset : self.offset + count]
        require(len(taken) == count, f"{self.what}: the bytes end too early")
        self.offset += count
        return taken

    def integer(self) -> int:
        """The next word."""
        return int.from_bytes(self.take(32), "big")

    def scalar(self) -> int:
        """The next word, below r."""
        value = self.integer()
        require(value < R, f"{self.what}: scalar at byte {self.offset - 32} is not reduced")
        return value

    def scalars(self, count: int) -> list[int]:
        """Several scalars."""
        return [self.scalar() for _ in range(count)]

    def point(self) -> Point:
        """The next point of G1."""
        at = f"{self.what}: point at byte {self.offset}"
        x, y = self.integer(), self.integer()
        require(x < P and y < P, f"{at} is not reduced")
        point = None if x == y == 0 else (x, y)
        require(on_curve(point), f"{at} is not on the curve")
        return point

    def points(self, count: int) -> list[Point]:
        """Several points."""
        return [self.point() for _ in range(count)]

    def g2(self) -> G2:
        """The next point of G2, imaginary parts first."""
        x1, x0, y1, y0 = (self.integer() for _ in range(4))
        point = G2(x0, x1, y0, y1)
        try:
            point.check()
        except Rejected as error:
            raise Rejected(f"{self.what}: {error}") from None
        return point

    def end(self) -> None:
        """Rejects bytes that are left over."""
        left = len(self.data) - self.offset
        require(left == 0, f"{self.what}: {left} bytes too many")
