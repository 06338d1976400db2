"""Which rows a computation takes in the circuit. See docs/circuit-rows.md, "Values"."""

from dataclasses import dataclass, field, replace
from functools import cache

from .field import R
from .halo2 import partial_rounds
from .poseidon import FULL_ROUNDS, PARTIAL_ROUNDS, WIDTH
from .poseidon import constants as poseidon_constants

Cell = tuple[int, int]
IDLE, ARITHMETIC, FULL, ENTRY, PARTIAL, EXIT = (0, 0), (1, 1), (1, 0), (-1, 0), (0, 1), (0, -1)
ROW_TERMS, MOST_TERMS = 3, 7


@dataclass(frozen=True)
class Gate:
    """`e·(q0·a·b + q1·a + q2·b + q4) + q3·c`; operands are nodes."""

    q: tuple[int, int, int, int, int] = (0, 0, 0, 0, 0)
    a: int | None = None
    b: int | None = None
    c: int | None = None
    e: int | None = None

    def times(self, scale: int, shift: int = 0) -> "Gate":
        """All coefficients scaled, a constant more inside the bracket."""
        q0, q1, q2, q3, q4 = (q * scale % R for q in self.q)
        return replace(self, q=(q0, q1, q2, q3, (q4 + shift) % R))


@dataclass(frozen=True)
class Total:
    """A sum of wires with coefficients, and a constant."""

    terms: tuple[tuple[int, int], ...]
    constant: int


@dataclass(frozen=True)
class Variable:
    """`scale·node + shift`; a constant has no node."""

    node: int | None
    scale: int
    shift: int

    @property
    def constant(self) -> int | None:
        """The constant that it is, if it is one."""
        return self.shift if self.node is None or self.scale == 0 else None

    @property
    def pure(self) -> bool:
        """Whether it is its node."""
        return self.node is not None and self.scale == 1 and self.shift == 0


def total_gate(terms: tuple[tuple[int, int], ...], constant: int) -> Gate:
    """Up to three terms and a constant."""
    nodes = [node for node, _ in terms] + [None] * (3 - len(terms))
    c0, c1, c2 = [c for _, c in terms] + [0] * (3 - len(terms))
    return Gate((0, c0, c1, c2, constant), *nodes)


@cache
def partial_coefficients() -> list[list[int]]:
    """k of the rows of partial rounds."""
    part, (rounds, _) = partial_rounds(), poseidon_constants()
    first = FULL_ROUNDS // 2
    added = rounds[first : first + PARTIAL_ROUNDS] + [[0] * WIDTH] * (WIDTH + 1)

    def echo(t: int, j: int) -> int:
        return sum(o * c for i in range(1, j + 1) for o, c in zip(part.o[j - i], added[t + i]))

    def k(t: int) -> int:
        return (echo(t, WIDTH) - sum(p * echo(t, j) for j, p in enumerate(part.p))) % R

    return [[k(WIDTH * m + j) for j in range(WIDTH)] for m in range(PARTIAL_ROUNDS // WIDTH)]


@dataclass
class Rows:
    """The rows so far: selectors and coefficients, and which cells are copies."""

    rows: list[tuple[tuple[int, int], tuple[int, ...]]] = field(default_factory=list)
    copies: list[tuple[Cell, Cell]] = field(default_factory=list)
    nodes: list[Gate | Total | None] = field(default_factory=list)
    homes: dict[int, Cell] = field(default_factory=dict)
    constants: dict[int, int] = field(default_factory=dict)

    def node(self, form: Gate | Total | None = None) -> int:
        """A new node, a wire if it has no form."""
        self.nodes.append(form)
        return len(self.nodes) - 1

    def wire(self) -> Variable:
        """A new wire."""
        return Variable(self.node(), 1, 0)

    def result(self, form: Gate | Total) -> Variable:
        """A variable of a new node."""
        return Variable(self.node(form), 1, 0)

    # Rows.

    def add_row(
        self, selectors: tuple[int, int], q: tuple[int, ...], cells: list[int | None]
    ) -> None:
        """Places a row."""
        for node in cells:
            if node is not None:
                self.settle(node)
        row = len(self.rows)
        for column, node in enumerate(cells):
            if node is None:
                continue
            if node in self.homes:
                self.copies.append((self.homes[node], (row, column)))
            else:
                self.homes[node] = (row, column)
        self.rows.append((selectors, q))

    def constant_wire(self, value: int) -> int:
        """The wire of a constant."""
        if value not in self.constants:
            node = self.node()
            self.add_row(IDLE, (1, value, 0, 0, 0), [node, None, None, None, None])
            self.constants[value] = node
        return self.constants[value]

    def emit(self, gate: Gate, out: int) -> None:
        """An arithmetic row."""
        q0, q1, q2, _, q4 = gate.q
        e = None
        if q0 or q1 or q2 or q4:
            e = self.constant_wire(1) if gate.e is None else gate.e
        self.add_row(ARITHMETIC, gate.q, [gate.a, gate.b, gate.c, out, e])

    def settle(self, node: int) -> None:
        """Makes a node a wire."""
        form = self.nodes[node]
        if isinstance(form, Total):
            self.shorten(node, ROW_TERMS)
            form = self.nodes[node]
            form = total_gate(form.terms, form.constant)
        if form is not None:
            self.nodes[node] = None
            self.emit(form, node)

    def shorten(self, node: int, most: int) -> Total:
        """Adds up terms of a sum until few enough are left."""
        total = self.nodes[node]
        terms = list(total.terms)
        while len(terms) > most:
            count = min(ROW_TERMS, len(terms) + 1 - most)
            head, terms = tuple(terms[:count]), terms[count:]
            out = self.node()
            self.emit(total_gate(head, 0), out)
            terms.append((out, 1))
        self.nodes[node] = Total(tuple(terms), total.constant)
        return self.nodes[node]

    def gate_of(self, x: Variable) -> Gate:
        """A gate whose output is the variable."""
        if x.node is None:
            return total_gate((), x.shift)
        form = self.nodes[x.node]
        if isinstance(form, Gate) and (form.e is None or x.shift == 0):
            return form.times(x.scale, x.shift)
        if isinstance(form, Total):
            self.shorten(x.node, ROW_TERMS)
        else:
            self.settle(x.node)
        terms, constant = self.terms(x)
        return total_gate(terms, constant)

    def wire_of(self, x: Variable) -> int:
        """A wire equal to the variable."""
        if x.constant is not None:
            return self.constant_wire(x.constant)
        if x.pure:
            self.settle(x.node)
            return x.node
        gate = self.gate_of(x)
        out = self.node()
        self.emit(gate, out)
        return out

    # Operations.

    def terms(self, x: Variable) -> tuple[tuple[tuple[int, int], ...], int]:
        """The terms of a variable that is no product, and its constant."""
        if x.node is None:
            return (), x.shift
        form = self.nodes[x.node]
        if isinstance(form, Total):
            scaled = tuple((node, c * x.scale % R) for node, c in form.terms)
            return scaled, (form.constant * x.scale + x.shift) % R
        return ((x.node, x.scale),), x.shift

    def is_product(self, x: Variable) -> bool:
        """Whether it is over a product."""
        return x.node is not None and isinstance(self.nodes[x.node], Gate)

    def scale(self, x: Variable, by: int) -> Variable:
        """by·x"""
        return Variable(x.node, x.scale * by % R, x.shift * by % R)

    def shift(self, x: Variable, by: int) -> Variable:
        """x + by"""
        return replace(x, shift=(x.shift + by) % R)

    def add(self, x: Variable, y: Variable) -> Variable:
        """x + y"""
        if x.constant is not None:
            return self.shift(y, x.constant)
        if y.constant is not None:
            return self.shift(x, y.constant)
        if x.node == y.node:
            return Variable(x.node, (x.scale + y.scale) % R, (x.shift + y.shift) % R)
        if self.is_product(x) and self.is_product(y):
            older, newer = (x, y) if x.node < y.node else (y, x)
            self.settle(older.node)
            return self.add_to_product(newer, older)
        if self.is_product(x):
            return self.add_to_product(x, y)
        if self.is_product(y):
            return self.add_to_product(y, x)
        return self.add_terms(x, y)

    def sub(self, x: Variable, y: Variable) -> Variable:
        """x − y"""
        return self.add(x, self.scale(y, -1))

    def add_terms(self, x: Variable, y: Variable) -> Variable:
        """The sum of two that are no products."""
        (terms, constant), (more, other) = self.terms(x), self.terms(y)
        if len(terms) + len(more) > MOST_TERMS:
            long, short = (x, y) if len(terms) > len(more) else (y, x)
            self.settle(long.node)
            return self.add_terms(long, short)
        summed: dict[int, int] = {}
        for node, coefficient in terms + more:
            summed[node] = (summed.get(node, 0) + coefficient) % R
        left = tuple((node, c) for node, c in summed.items() if c)
        constant = (constant + other) % R
        if not left:
            return Variable(None, 0, constant)
        if len(left) == 1:
            return Variable(*left[0], constant)
        return self.result(Total(left, constant))

    def add_to_product(self, x: Variable, y: Variable) -> Variable:
        """x + y with x over a product, in its gate if there is room."""
        terms, constant = self.terms(y)
        joined = self.join(self.nodes[x.node], x, terms, constant)
        if joined is not None:
            return self.result(joined)
        if len(terms) % 2 == 1 and len(terms) > 1:
            return self.add_to_product(x, Variable(self.wire_of(y), 1, 0))
        self.settle(x.node)
        return self.add_terms(x, y)

    @staticmethod
    def join(
        gate: Gate, x: Variable, terms: tuple[tuple[int, int], ...], constant: int
    ) -> Gate | None:
        """The product and terms in one gate, if it can do it."""
        outside = (x.shift + constant) % R
        if gate.e is not None and outside:
            return None
        gate = gate.times(x.scale, outside)
        for node, coefficient in terms:
            q = list(gate.q)
            if gate.e is None and node == gate.a:
                q[1] += coefficient
            elif gate.e is None and node == gate.b:
                q[2] += coefficient
            elif gate.c is None or gate.c == node:
                q[3] += coefficient
                gate = replace(gate, c=node)
            else:
                return None
            gate = replace(gate, q=tuple(value % R for value in q))
        return gate

    def mul(self, x: Variable, y: Variable) -> Variable:
        """x·y"""
        if x.constant is not None:
            return self.scale(y, x.constant)
        if y.constant is not None:
            return self.scale(x, y.constant)
        if self.is_product(x) and self.is_product(y):
            u, v = (x, y) if x.shift == 0 else (y, x)
            self.settle(u.node)
        elif self.nodes[y.node] is None:
            u, v = y, x
        elif self.nodes[x.node] is None:
            u, v = x, y
        else:
            u, v = (y, x) if self.is_product(x) else (x, y)
            self.settle(u.node)
        return self.mul_by_wire(v, u)

    def mul_by_wire(self, v: Variable, u: Variable) -> Variable:
        """v·u with u over a wire."""
        form = self.nodes[v.node]
        if isinstance(form, Gate):
            gate = self.extend(form, v, u)
            if gate is not None:
                return self.result(gate)
        if isinstance(form, Total) and u.shift == 0 and len(form.terms) % 2 == 0:
            short = self.shorten(v.node, 2)
            gate = total_gate(short.terms, short.constant)
            gate = gate.times(v.scale * u.scale % R, v.shift * u.scale % R)
            return self.result(replace(gate, e=u.node))
        self.settle(v.node)
        q = (v.scale * u.scale, v.scale * u.shift, v.shift * u.scale, 0, v.shift * u.shift)
        return self.result(Gate(tuple(value % R for value in q), v.node, u.node))

    @staticmethod
    def extend(gate: Gate, v: Variable, u: Variable) -> Gate | None:
        """A product times a wire's variable in one gate, if it can do it."""
        if gate.e is not None or gate.c is not None:
            return None
        gate = gate.times(v.scale, v.shift)
        if u.shift == 0:
            return replace(gate.times(u.scale), e=u.node)
        q0, q1, q2, _, q4 = gate.q
        if q4:
            return None
        if q2 == 0:
            factor, other, q = gate.a, gate.b, q1
        elif q1 == 0:
            factor, other, q = gate.b, gate.a, q2
        else:
            return None
        values = (q0 * u.scale, q0 * u.shift, q * u.scale, 0, q * u.shift)
        return Gate(tuple(value % R for value in values), other, u.node, None, factor)

    def permute(self, state: list[Variable]) -> list[Variable]:
        """Poseidon's permutation."""
        cells = [self.wire_of(x) for x in state]
        rounds, half = poseidon_constants()[0], FULL_ROUNDS // 2
        rows = [(FULL, rounds[i]) for i in range(half - 1)] + [(ENTRY, rounds[half - 1])]
        *inner, last = partial_coefficients()
        rows += [(PARTIAL, k) for k in inner] + [(EXIT, last)]
        rows += [
            (FULL, rounds[i]) for i in range(half + PARTIAL_ROUNDS, FULL_ROUNDS + PARTIAL_ROUNDS)
        ]
        (selectors, q), *rest = rows
        self.add_row(selectors, tuple(q), cells)
        self.rows += [(selectors, tuple(q)) for selectors, q in rest]
        out = [self.node() for _ in range(WIDTH)]
        self.add_row(IDLE, (0, 0, 0, 0, 0), out)
        return [Variable(node, 1, 0) for node in out]

    def equal(self, a: Variable, b: Variable) -> None:
        """Demands a = b."""
        if self.is_product(a) or b.pure:
            out = self.wire_of(b)
            gate = self.gate_of(a)
        else:
            out = self.wire_of(a)
            gate = self.gate_of(b)
        self.emit(gate, out)
