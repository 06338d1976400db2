"""The circuit of a relation and its halo2 key. See docs/circuit-rows.md, "Order"."""

from collections.abc import Sequence

from .argument import elements
from .computation import (
    FIRST,
    LEAF,
    SECOND,
    Computation,
    Coordinate,
    Factor,
    Factors,
    Part,
    Selectors,
    const,
    factors_of,
    masks_of,
    names_of,
)
from .curve import point_bytes, scalar_bytes
from .field import R
from .halo2 import ADVICE, DELTA, FIXED, Key, root_of_unity
from .hashing import keccak256
from .reference_string import ReferenceString
from .relation import Domain, Form, Product, Relation
from .rows import Gate, Variable
from .sheet import Tensor, log
from .statements import number

BLINDING_ROWS = 6


class Circuit:
    """Runs the circuit's computation of a relation."""

    def __init__(self, relation: Relation, tensors: Sequence[Tensor]) -> None:
        self.relation, self.tensors = relation, tensors
        self.run = Computation()
        rows = self.run.rows
        self.inputs = []
        for _ in range(3):
            wire = rows.wire()
            rows.emit(Gate(), wire.node)
            self.inputs.append(wire)
        self.messages = iter([rows.wire() for _ in range(elements(relation))])
        self.compute()

    def take(self, count: int) -> list[Variable]:
        """The next elements, absorbed."""
        taken = [next(self.messages) for _ in range(count)]
        self.run.absorb(*taken)
        return taken

    def compute(self) -> None:
        """Everything."""
        run, rows, relation = self.run, self.run.rows, self.relation
        h, kappa, fold = self.inputs
        run.absorb(h)
        self.take(1)
        self.first = run.challenges(relation.first_point)
        alpha, self.beta = run.challenges(2)
        square = rows.mul(self.beta, self.beta)
        self.alphas = []
        for _ in relation.tables:
            alpha = rows.sub(alpha, square)
            self.alphas.append(alpha)
        self.relations()
        leaf, numerator, denominator = self.lookup_tree()
        self.claims(leaf, numerator, denominator)
        self.points = [self.first, self.second, leaf]
        rho, value = self.reduce()
        mask = next(self.messages)
        run.absorb(value, mask)
        gamma = run.challenge()
        masked = run.mul_add(gamma, mask, value)
        rows.equal(run.horner([*rho, gamma, masked], kappa), fold)

    def relations(self) -> None:
        """The first sumcheck."""
        run, rows, relation = self.run, self.run.rows, self.relation
        self.values = self.take(len(relation.products))
        xi = run.challenge()
        claim, power = const(0), const(1)
        for product, value in zip(relation.products, self.values):
            spare = relation.rounds - product.over("ok").variables
            claim = run.mul_add(power, rows.scale(value, 2**spare), claim)
            power = rows.mul(power, xi)
        self.second = []
        for _ in range(relation.rounds):
            message = self.take(relation.round_size)
            challenge = run.challenge()
            claim = run.next_claim(claim, message, challenge)
            self.second.append(challenge)
        # The operands are needed now, and absorbed afterwards.
        count = len(relation.products)
        read = lambda n: [next(self.messages) for _ in range(n)]  # noqa: E731
        self.left, self.right = read(count), read(count)
        self.operands = [read(len(p.operands)) for p in relation.pointwise]
        rows.equal(claim, self.expected(xi))
        run.absorb(*self.left)
        run.absorb(*self.right)
        for operands in self.operands:
            run.absorb(*operands)

    def expected(self, xi: Variable) -> Variable:
        """What the first sumcheck has to end in."""
        run, rows, first, second = self.run, self.run.rows, self.first, self.second
        total, power = const(0), const(1)
        for product, left, right in zip(self.relation.products, self.left, self.right):
            o, x, y, k = product.logs
            same = const(1)
            for a, b in zip(first[x + y : x + y + o], second[k : k + o]):
                same = rows.mul(same, run.same_bit(a, b))
            value = rows.mul(rows.mul(left, right), same)
            total = run.mul_add(power, value, total)
            power = rows.mul(power, xi)
        same = [const(1)]
        for a, b in zip(first, second):
            bit = run.same_bit(a, b)
            same.append(rows.mul(same[-1], bit))
        for pointwise, values in zip(self.relation.pointwise, self.operands):
            inner = const(0)
            for constraint in pointwise.constraints:
                value = const(0)
                for coefficient, indices in constraint:
                    monomial = const(coefficient)
                    for index in indices:
                        monomial = rows.mul(monomial, values[index])
                    value = rows.add(value, monomial)
                inner = run.mul_add(power, value, inner)
                power = rows.mul(power, xi)
            total = run.mul_add(same[pointwise.over.variables], inner, total)
        return total

    def lookup_tree(self) -> tuple[list[Variable], Variable, Variable]:
        """The leaf's point, numerator and denominator."""
        run, rows = self.run, self.run.rows
        _, variables = self.relation.columns()
        numerators, denominators = self.take(16), self.take(16)
        rows.equal(run.add_fractions(numerators, denominators)[0], const(0))
        point = run.challenges(4)
        n, q = run.interpolate(numerators, point), run.interpolate(denominators, point)
        while len(point) < variables:
            batching = run.challenge()
            claim = run.mul_add(batching, q, n)
            bound = []
            for coordinate in point:
                message = self.take(4)
                t = run.challenge()
                c1, c2, c3, c4 = message
                low, high = rows.add(c1, c2), rows.add(c3, c4)
                higher_sum = rows.mul(coordinate, rows.add(low, high))
                constant = rows.sub(claim, higher_sum)
                claim = run.mul_add(run.horner(message, t), t, constant)
                bound.append(t)
            numerators, denominators = self.take(4), self.take(4)
            p, d = run.add_fractions(numerators, denominators)
            rows.equal(claim, run.mul_add(batching, d, p))
            low = run.challenges(2)
            n, q = run.interpolate(numerators, low), run.interpolate(denominators, low)
            point = low + bound
        return point, n, q

    def claims(self, leaf: list[Variable], numerator: Variable, denominator: Variable) -> None:
        """All claims on the sheet, folded."""
        run, rows = self.run, self.run.rows
        self.chi = run.challenge()
        self.parts: list[Part] = []
        self.value, self.power = const(0), const(1)
        operands = zip(self.relation.products, self.values, self.left, self.right)
        for product, value, left, right in operands:
            for form, axes, at, known in self.product_claims(product, value, left, right):
                self.single(form, product.over(axes), at, known)
        for vanishing in self.relation.vanishing:
            at = [(FIRST, i) for i in range(vanishing.over.variables)]
            self.single(vanishing.form, vanishing.over, at, const(0))
        for pointwise, values in zip(self.relation.pointwise, self.operands):
            at = [(SECOND, i) for i in range(pointwise.over.variables)]
            for form, value in zip(pointwise.operands, values):
                self.single(form, pointwise.over, at, value)
        known, ones = self.columns(leaf)
        self.add_value(rows.shift(denominator, -1))
        self.power = rows.mul(self.power, self.chi)
        self.add_value(numerator)
        known = run.mul_add(self.chi, ones, known)
        self.value = rows.sub(self.value, known)

    def product_claims(self, product: Product, value: Variable, left: Variable, right: Variable):
        """Form, axes, point and value of a product's three claims."""
        o, x, y, k = product.logs
        ks, os = [(SECOND, i) for i in range(k)], [(SECOND, k + i) for i in range(o)]
        firsts = [(FIRST, i) for i in range(o + x + y)]
        yield product.out, "oxy", firsts, self.run.rows.scale(value, product.factor)
        yield product.left, "oxk", ks + firsts[y : x + y] + os, left
        yield product.right, "oyk", ks + firsts[:y] + os, right

    def add_value(self, value: Variable) -> None:
        """Under the power in hand."""
        self.value = self.run.mul_add(self.power, value, self.value)

    def single(self, form: Form, over: Domain, at: list[Coordinate], value: Variable) -> None:
        """A claim of one form."""
        self.parts.append((self.power, form, over, at))
        self.add_value(value)
        self.power = self.run.rows.mul(self.power, self.chi)

    def columns(self, leaf: list[Variable]) -> tuple[Variable, Variable]:
        """The forms of the lookup's claims; what is known of denominators, and of numerators."""
        run, rows, relation = self.run, self.run.rows, self.relation
        selectors = Selectors(run, leaf, self.power)
        selected = [const(0) for _ in relation.tables]
        known = const(0)
        for kind, index, variables, start in relation.columns()[0]:
            scale = selectors.get((1 << variables) - 1, start)
            minus = rows.scale(scale, -1)
            at = [(LEAF, i) for i in range(variables)]
            if kind == "lookup":
                lookup = relation.lookups[index]
                over, value = lookup.over, lookup.value
                self.parts.append((minus, lookup.key, over, at))
            else:
                public, counts, value = relation.tables[index]
                over = Domain((("key", 1 << public.bits),))
                count_scale = rows.mul(minus, self.chi)
                key = const(0)
                for i in range(variables):
                    key = rows.add(key, rows.scale(leaf[i], 2**i))
                shifted = rows.shift(rows.sub(self.alphas[index], key), -1)
                known = run.mul_add(scale, shifted, known)
                self.parts.append((count_scale, counts, over, at))
            if value is not None:
                self.parts.append((rows.mul(minus, self.beta), value, over, at))
            if kind == "lookup":
                selected[lookup.table] = rows.add(selected[lookup.table], scale)
        ones = const(0)
        for total, alpha in zip(selected, self.alphas):
            known = run.mul_add(total, rows.shift(alpha, -1), known)
            ones = rows.add(ones, total)
        return known, ones

    def reduce(self) -> tuple[list[Variable], Variable]:
        """The last sumcheck."""
        run, rows = self.run, self.run.rows
        claim = rows.sub(self.value, self.constants())
        challenges = []
        for _ in range(self.relation.address_log):
            message = self.take(2)
            challenge = run.challenge()
            claim = run.next_claim(claim, message, challenge)
            challenges.append(challenge)
        high = self.relation.address_log - self.relation.row_log
        rho = challenges[high:] + challenges[:high]
        weight = self.weight(rho)
        value = next(self.messages)
        rows.equal(claim, rows.mul(weight, value))
        return rho, value

    def constants(self) -> Variable:
        """The folded constants."""
        scales: dict[tuple[Factor, ...], list[tuple[int, Variable]]] = {}
        for scale, form, over, at in self.parts:
            for term in form.terms:
                if term.tensor is None:
                    masks = masks_of(term, names_of(over, at))
                    scales.setdefault(masks, []).append((term.coefficient, scale))
        return self.weigh(Factors(self.run, self.points, []), scales)

    def weight(self, rho: list[Variable]) -> Variable:
        """The folded weight at the final point."""
        run = self.run
        by_tensor: dict[Tensor, dict[tuple[Factor, ...], list[tuple[int, Variable]]]] = {}
        for scale, form, over, at in self.parts:
            for term in form.terms:
                if term.tensor is not None:
                    scales = by_tensor.setdefault(term.tensor, {})
                    scales.setdefault(factors_of(term, over, at), []).append(
                        (term.coefficient, scale)
                    )
        selectors, factors = Selectors(run, rho, const(1)), Factors(run, self.points, rho)
        total = const(0)
        for tensor in self.tensors:
            if tensor in by_tensor:
                free = sum(1 << bit for bit in tensor.own_bits())
                selector = selectors.get(free, tensor.base)
                total = run.mul_add(selector, self.weigh(factors, by_tensor[tensor]), total)
        return total

    def weigh(
        self, factors: Factors, scales: dict[tuple[Factor, ...], list[tuple[int, Variable]]]
    ) -> Variable:
        """Σ factors·Σ coefficient·scale"""
        rows, total = self.run.rows, const(0)
        for product in sorted(scales):
            scale = const(0)
            for coefficient, part in scales[product]:
                scale = rows.add(scale, rows.scale(part, coefficient))
            value = factors.product(product)
            total = (
                rows.add(total, scale) if value is None else self.run.mul_add(value, scale, total)
            )
        return total

    # The key.

    @property
    def log_rows(self) -> int:
        """2^k rows hold the circuit."""
        return log(len(self.run.rows.rows) + BLINDING_ROWS)

    def digest(self) -> bytes:
        """A hash of rows and copies, by which layouts are compared without commitments."""
        rows = self.run.rows
        numbers = [
            len(rows.rows),
            len(rows.copies),
            *(n for pair in rows.copies for cell in pair for n in cell),
        ]
        scalars = (value % R for selectors, q in rows.rows for value in (*selectors, *q))
        return keccak256(b"zktrain/tape", *map(number, numbers), *map(scalar_bytes, scalars))

    def copy_map(self) -> list[list[tuple[int, int]]]:
        """Where each cell is mapped to, by column: (column, row)."""
        n = 1 << self.log_rows
        images = [[(i, j) for j in range(n)] for i in range(ADVICE)]
        # The number of each cell's cycle, and the cells of each cycle that is longer than one.
        cycles: dict[tuple[int, int], list[tuple[int, int]]] = {}
        for (row, column), (other_row, other_column) in self.run.rows.copies:
            a, b = (column, row), (other_column, other_row)
            in_a, in_b = cycles.get(a, [a]), cycles.get(b, [b])
            if in_a is in_b:
                continue
            images[a[0]][a[1]], images[b[0]][b[1]] = images[b[0]][b[1]], images[a[0]][a[1]]
            larger, smaller = (in_a, in_b) if len(in_a) > len(in_b) else (in_b, in_a)
            larger += smaller
            for cell in (*smaller, a, b):
                cycles[cell] = larger
        return images

    def key(self, string: ReferenceString) -> Key:
        """The verifying key."""
        k = self.log_rows
        n, omega = 1 << k, root_of_unity(k)
        rows = self.run.rows.rows
        columns = [[0] * n for _ in range(FIXED)]
        for j, (selectors, q) in enumerate(rows):
            for column, value in zip(columns, (*q, *selectors)):
                column[j] = value % R
        roots = [1]
        for _ in range(n - 1):
            roots.append(roots[-1] * omega % R)
        shifts = [pow(DELTA, i, R) for i in range(ADVICE)]
        copies = [[shifts[i] * roots[j] % R for i, j in column] for column in self.copy_map()]
        points = [string.commit_values(column, roots) for column in columns + copies]
        encoding = b"zktrain/halo2/1".ljust(32, b"\0") + scalar_bytes(k)
        return Key.read(encoding + b"".join(map(point_bytes, points)))
