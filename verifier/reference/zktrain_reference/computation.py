"""What the circuit's computation is composed of. See docs/circuit-rows.md."""

from collections.abc import Sequence

from .field import R
from .geometry import Kernel
from .poseidon import CAPACITY_START, WIDTH
from .relation import SUMMED, Domain, Earlier, Form, Joined, Preceding, Term, Window
from .rows import Rows, Variable
from .sheet import log

BLINDING_ROWS = 6
# Where a coordinate comes from, and which one of that point.
Coordinate = tuple[int, int]
FIRST, SECOND, LEAF = 0, 1, 2
Names = tuple[Coordinate, ...]
EQUAL, BEFORE, PREVIOUS, WINDOW, MASK_FIRST, BELOW, NOT_AFTER = range(7)
# A kind; what is said of it (a bit or a bound, of a window more); the names of its axes'
# coordinates, of a window and of a mask of two axes those of both. Factors of a kind compare.
Said = int | tuple[int, ...]
Factor = tuple[int, Said, tuple]
Part = tuple[Variable, Form, Domain, list[Coordinate]]


def const(value: int) -> Variable:
    """A constant."""
    return Variable(None, 0, value % R)


class Computation:
    """Arithmetic that is composed of the rows' operations."""

    def __init__(self) -> None:
        self.rows = Rows()
        self.state = [const(CAPACITY_START)] + [const(0)] * (WIDTH - 1)
        self.filled = self.left = 0

    def mul_add(self, x: Variable, y: Variable, z: Variable) -> Variable:
        """x·y + z"""
        return self.rows.add(self.rows.mul(x, y), z)

    def complement(self, x: Variable) -> Variable:
        """1 − x"""
        return self.rows.sub(const(1), x)

    def line(self, a: Variable, b: Variable, t: Variable) -> Variable:
        """a at 0, b at 1"""
        return self.mul_add(t, self.rows.sub(b, a), a)

    def horner(self, coefficients: Sequence[Variable], t: Variable) -> Variable:
        """Σ c_i·t^i"""
        *lower, value = coefficients
        for c in reversed(lower):
            value = self.mul_add(value, t, c)
        return value

    def same_bit(self, x: Variable, y: Variable) -> Variable:
        """1 where two bits agree"""
        product = self.rows.mul(x, y)
        twice = self.rows.add(product, product)
        both = self.rows.add(x, y)
        return self.rows.shift(self.rows.sub(twice, both), 1)

    def next_claim(
        self, claim: Variable, message: Sequence[Variable], challenge: Variable
    ) -> Variable:
        """A round's polynomial at its challenge."""
        constant, *higher = message
        linear = self.rows.sub(claim, self.rows.add(constant, constant))
        for coefficient in higher:
            linear = self.rows.sub(linear, coefficient)
        return self.horner([constant, linear, *higher], challenge)

    def add_two(self, p0, q0, p1, q1) -> tuple[Variable, Variable]:
        """p0/q0 + p1/q1"""
        cross = self.rows.mul(p1, q0)
        return self.mul_add(p0, q1, cross), self.rows.mul(q0, q1)

    def add_fractions(self, numerators, denominators) -> tuple[Variable, Variable]:
        """The sum of fractions, in pairs."""
        nodes = list(zip(numerators, denominators))
        while len(nodes) > 1:
            nodes = [self.add_two(*a, *b) for a, b in zip(nodes[::2], nodes[1::2])]
        return nodes[0]

    def interpolate(self, values: Sequence[Variable], point: Sequence[Variable]) -> Variable:
        """The extension of values at a point."""
        for t in point:
            values = [self.line(a, b, t) for a, b in zip(values[::2], values[1::2])]
        return values[0]

    def absorb(self, *values: Variable) -> None:
        """As the sponge does."""
        for value in values:
            self.left = 0
            if self.filled == WIDTH - 1:
                self.permute()
            self.filled += 1
            self.state[self.filled] = self.rows.add(self.state[self.filled], value)

    def challenge(self) -> Variable:
        """As the sponge does."""
        if self.left == 0:
            self.permute()
            self.left = WIDTH - 1
        self.left -= 1
        return self.state[WIDTH - 1 - self.left]

    def challenges(self, count: int) -> list[Variable]:
        """Several."""
        return [self.challenge() for _ in range(count)]

    def permute(self) -> None:
        """The permutation."""
        self.state = self.rows.permute(self.state)
        self.filled = 0

    def units(self, point: Sequence[Variable], count: int) -> list[Variable]:
        """Products that are 1 at the bits of 0, 1, … and 0 at those of other numbers."""
        products = [const(1)]
        for left, x in reversed(list(enumerate(point))):
            split = []
            for product in products:
                one = self.rows.mul(product, x)
                split += [self.rows.sub(product, one), one]
            products = split[: -(-count >> left)]
        return products


class Selectors:
    """Products over the bits of an index, from the highest; common upper parts are made once."""

    def __init__(self, run: Computation, point: Sequence[Variable], root: Variable) -> None:
        self.run, self.point, self.root = run, point, root
        self.complements = [run.complement(x) for x in point]
        self.known: dict[tuple[int, int, int], Variable] = {}

    def get(self, free: int, base: int) -> Variable:
        """The selector of a base over all bits but the free ones."""
        product = self.root
        for bit in reversed(range(len(self.point))):
            if free >> bit & 1:
                continue
            key = bit, free >> bit, (base & ~free) >> bit
            if key not in self.known:
                factor = (self.point if base >> bit & 1 else self.complements)[bit]
                self.known[key] = self.run.rows.mul(product, factor)
            product = self.known[key]
        return product


class Factors:
    """Factors of weights and their products, each made once."""

    def __init__(
        self, run: Computation, points: list[Sequence[Variable]], rho: Sequence[Variable]
    ) -> None:
        self.run, self.points, self.rho = run, points, rho
        self.bits: dict[tuple[int, Coordinate], Variable] = {}
        self.indicators: dict[tuple[int | Names, int], list[Variable]] = {}
        self.known: dict[Factor, Variable] = {}
        self.products: dict[tuple[Factor, ...], Variable] = {}

    def product(self, factors: tuple[Factor, ...]) -> Variable | None:
        """The product; none of no factors."""
        if not factors:
            return None
        if factors not in self.products:
            last = self.value(factors[-1])
            rest = self.product(factors[:-1])
            self.products[factors] = last if rest is None else self.run.rows.mul(rest, last)
        return self.products[factors]

    def value(self, factor: Factor) -> Variable:
        """One factor."""
        if factor not in self.known:
            self.known[factor] = self._value(*factor)
        return self.known[factor]

    def at(self, coordinate: Coordinate) -> Variable:
        """A coordinate of one of the points."""
        point, index = coordinate
        return self.points[point][index]

    def same_bit(self, bit: int, coordinate: Coordinate) -> Variable:
        """Bit equality of the final point's and a claim's."""
        if (bit, coordinate) not in self.bits:
            value = self.run.same_bit(self.rho[bit], self.at(coordinate))
            self.bits[bit, coordinate] = value
        return self.bits[bit, coordinate]

    def units(self, names: Names, count: int) -> list[Variable]:
        """The units of so many numbers at an axis' point."""
        if (names, count) not in self.indicators:
            point = [self.at(name) for name in names]
            self.indicators[names, count] = self.run.units(point, count)
        return self.indicators[names, count]

    def own_units(self, bit: int, size: int) -> list[Variable]:
        """The units of a dimension's indices at the final point."""
        if (bit, size) not in self.indicators:
            point = self.rho[bit : bit + log(size)]
            self.indicators[bit, size] = self.run.units(point, size)
        return self.indicators[bit, size]

    def _window(self, said: tuple[int, ...], axes: tuple[Names, Names]) -> Variable:
        """What a window reads of a dimension."""
        bit, size, windows, places, *_ = said
        starts, within = self.units(axes[0], windows), self.units(axes[1], places)
        weights: dict[int, Variable] = {}
        for a, u, index in window_said(*said).reads(size):
            weight = weights.get(index, const(0))
            weights[index] = self.run.mul_add(starts[a], within[u], weight)
        units, total = self.own_units(bit, size), const(0)
        for index in sorted(weights):
            total = self.run.mul_add(weights[index], units[index], total)
        return total

    def _value(self, kind: int, number: Said, names: tuple) -> Variable:
        rows, run = self.run.rows, self.run
        if kind == WINDOW:
            return self._window(number, names)
        if kind == EQUAL:
            bit = self.same_bit(number + len(names) - 1, names[-1])
            if len(names) == 1:
                return bit
            return rows.mul(self.value((EQUAL, number, names[:-1])), bit)
        if kind == NOT_AFTER:
            first, second = ([self.at(name) for name in axis] for axis in names)
            return run.complement(self._before(second, first))
        ys = [self.at(name) for name in names]
        if kind in (MASK_FIRST, BELOW):
            return self._below(ys, 1 if kind == MASK_FIRST else number)
        xs = self.rho[number : number + len(names)]
        if kind == BEFORE:
            return self._before(xs, ys)
        carry, done = const(1), const(0)
        for x, y in zip(xs, ys):
            equal = run.same_bit(x, y)
            not_x, not_y = run.complement(x), run.complement(y)
            stop, go = rows.mul(not_x, y), rows.mul(x, not_y)
            stopped = rows.mul(carry, stop)
            done = run.mul_add(done, equal, stopped)
            carry = rows.mul(carry, go)
        return done

    def _before(self, xs: Sequence[Variable], ys: Sequence[Variable]) -> Variable:
        run, value = self.run, const(0)
        for x, y in zip(xs, ys):
            equal, other = run.same_bit(x, y), run.complement(x)
            carried = run.rows.mul(equal, value)
            value = run.mul_add(other, y, carried)
        return value

    def _below(self, ys: list[Variable], bound: int) -> Variable:
        if bound >> len(ys):
            return const(1)
        value = const(0)
        for position, y in enumerate(ys):
            other = self.run.complement(y)
            if bound >> position & 1:
                value = self.run.mul_add(y, value, other)
            else:
                value = self.run.rows.mul(other, value)
        return value


def said_of(along: Window, bit: int, size: int) -> tuple[int, ...]:
    """What is said of a window's factor, in the order in which factors compare."""
    kernel = along.kernel
    return (
        bit, size, along.windows, along.places, kernel.stride, kernel.padding, int(along.backward)
    )  # fmt: skip


def window_said(
    _bit: int, _size: int, windows: int, places: int, stride: int, padding: int, backward: int
) -> Window:
    """The window of which this is said, without its axes' names."""
    return Window("", "", windows, places, Kernel(places, stride, padding), bool(backward))


def names_of(over: Domain, point: list[Coordinate]) -> dict[str, tuple[Coordinate, ...]]:
    """The names of a point's coordinates by axis."""
    return {axis: tuple(names) for axis, names in over.split(point).items()}


def masks_of(term: Term, names: dict[str, tuple[Coordinate, ...]]) -> tuple[Factor, ...]:
    """The masks of a term: that an index is the first has a bound of one."""
    return tuple(mask_of(names, *mask) for mask in term.masks)


def mask_of(names: dict[str, tuple[Coordinate, ...]], axis: str, bound: int | str) -> Factor:
    """One of them."""
    if isinstance(bound, str):
        return NOT_AFTER, 0, (names[axis], names[bound])
    return (MASK_FIRST, 0, names[axis]) if bound == 1 else (BELOW, bound, names[axis])


def factors_of(term: Term, over: Domain, point: list[Coordinate]) -> tuple[Factor, ...]:
    """The factors of a term's weight."""
    names, found = names_of(over, point), []
    for along, size, bit in zip(term.along, term.tensor.sizes, term.tensor.bits):
        if isinstance(along, str) and log(size):
            found.append((EQUAL, bit, names[along]))
        elif isinstance(along, Earlier):
            found.append((BEFORE, bit, names[along.axis]))
        elif isinstance(along, Preceding):
            found.append((PREVIOUS, bit, names[along.axis]))
        elif isinstance(along, Window):
            axes = names[along.base], names[along.place]
            found.append((WINDOW, said_of(along, bit, size), axes))
        elif isinstance(along, Joined):
            parts = [(names[axis], bit + start) for axis, start in along.parts]
            found += [(EQUAL, first, axis) for axis, first in parts if axis]
        else:
            assert along is SUMMED or not names[along]
    return (*found, *masks_of(term, names))
