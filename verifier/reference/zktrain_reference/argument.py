"""The argument, uncompressed. See docs/argument.md, "Messages and checks"."""

from dataclasses import dataclass

from .errors import require
from .field import R, eq, eq_number, extension, polynomial, powers
from .poseidon import Sponge
from .relation import Domain, Form, Relation


@dataclass(frozen=True)
class Opening:
    """Where an argument ends: the masked sheet is `value` at `point`."""

    point: list[int]
    gamma: int
    value: int


@dataclass(frozen=True)
class Claim:
    """`Σ factor·form(point) = value`, factors apart from the batching challenge's power."""

    parts: list[tuple[int, Form, Domain, list[int]]]
    value: int


def elements(relation: Relation) -> int:
    """Field elements of an argument."""
    _, tree = relation.columns()
    layers = sum(4 * variables + 8 for variables in range(4, tree, 2))
    operands = sum(len(p.operands) for p in relation.pointwise)
    rounds = relation.rounds * relation.round_size
    return (
        1
        + 3 * len(relation.products)
        + rounds
        + operands
        + 32
        + layers
        + 2 * relation.address_log
        + 2
    )


class Argument:
    """Checks the messages of one argument as they are read."""

    def __init__(self, relation: Relation, h: int, messages: list[int]) -> None:
        require(len(messages) == elements(relation), "the argument has another length")
        self.relation, self.messages = relation, iter(messages)
        self.sponge = Sponge()
        self.sponge.absorb(h)

    def take(self, count: int) -> list[int]:
        """The next elements, absorbed."""
        taken = [next(self.messages) for _ in range(count)]
        self.sponge.absorb(*taken)
        return taken

    def vanishes(self, difference: int, reason: str) -> None:
        """Rejects unless two sides are equal."""
        require(difference % R == 0, reason)

    def verify(self) -> Opening:
        """The opening that is left, or a rejection."""
        relation, sponge = self.relation, self.sponge
        self.take(1)
        self.first = sponge.challenges(relation.first_point)
        alpha, self.beta = sponge.challenges(2)
        square = self.beta * self.beta
        self.alphas = [(alpha - (t + 1) * square) % R for t in range(len(relation.tables))]
        self.relations()
        leaf, numerator, denominator = self.lookup_tree()
        chi = sponge.challenge()
        claims = self.relation_claims() + self.lookup_claims(leaf, numerator, denominator)
        return self.reduce(list(zip(powers(chi), claims)))

    def relations(self) -> None:
        """The sumcheck over products and pointwise constraints."""
        relation, rounds = self.relation, self.relation.rounds
        self.values = self.take(len(relation.products))
        xi = self.sponge.challenge()
        claim = 0
        for power, product, value in zip(powers(xi), relation.products, self.values):
            claim += power * value << rounds - product.over("ok").variables
        self.second: list[int] = []
        for _ in range(rounds):
            claim = self.round(claim, relation.round_size)
        count = len(relation.products)
        self.left, self.right = self.take(count), self.take(count)
        self.operands = [self.take(len(p.operands)) for p in relation.pointwise]
        left = claim - self.expected(xi)
        self.vanishes(left, "the sumcheck over products and pointwise relations")

    def round(self, claim: int, count: int) -> int:
        """One round of the first sumcheck."""
        constant, *higher = self.take(count)
        challenge = self.sponge.challenge()
        self.second.append(challenge)
        return next_claim(claim, constant, higher, challenge)

    def expected(self, xi: int) -> int:
        """What the first sumcheck has to end in."""
        first, second, power = self.first, self.second, powers(xi)
        total = 0
        for product, left, right in zip(self.relation.products, self.left, self.right):
            o, x, y, k = product.logs
            same = eq(first[x + y : x + y + o], second[k : k + o])
            total += next(power) * same * left * right
        for pointwise, values in zip(self.relation.pointwise, self.operands):
            variables = pointwise.over.variables
            same = eq(first[:variables], second[:variables])
            for constraint in pointwise.constraints:
                total += next(power) * same * constraint_at(constraint, values)
        return total % R

    def lookup_tree(self) -> tuple[list[int], int, int]:
        """The leaf's point, and what numerators and denominators are there."""
        _, variables = self.relation.columns()
        numerators, denominators = self.take(16), self.take(16)
        total, _ = add_fractions(numerators, denominators)
        self.vanishes(total, "the sum of the lookup fractions")
        point = self.sponge.challenges(4)
        n, q = extension(numerators, point), extension(denominators, point)
        while len(point) < variables:
            batching = self.sponge.challenge()
            claim = n + batching * q
            bound = []
            for coordinate in point:
                higher = self.take(4)
                t = self.sponge.challenge()
                claim = polynomial([claim - coordinate * sum(higher), *higher], t)
                bound.append(t)
            numerators, denominators = self.take(4), self.take(4)
            p, d = add_fractions(numerators, denominators)
            self.vanishes(claim - p - batching * d, f"layer {len(point)} of the lookup tree")
            low = self.sponge.challenges(2)
            n, q = extension(numerators, low), extension(denominators, low)
            point = low + bound
        return point, n, q

    def relation_claims(self) -> list[Claim]:
        """Claims on the sheet after the first sumcheck."""
        first, second = self.first, self.second
        found = []

        def single(form: Form, over: Domain, point: list[int], value: int) -> None:
            found.append(Claim([(1, form, over, point)], value))

        operands = zip(self.relation.products, self.values, self.left, self.right)
        for product, value, left, right in operands:
            o, x, y, k = product.logs
            ks, os = second[:k], second[k : k + o]
            single(product.out, product.over("oxy"), first[: o + x + y], product.factor * value)
            single(product.left, product.over("oxk"), ks + first[y : x + y] + os, left)
            single(product.right, product.over("oyk"), ks + first[:y] + os, right)
        for vanishing in self.relation.vanishing:
            single(vanishing.form, vanishing.over, first[: vanishing.over.variables], 0)
        for pointwise, values in zip(self.relation.pointwise, self.operands):
            for form, value in zip(pointwise.operands, values):
                single(form, pointwise.over, second[: pointwise.over.variables], value)
        return found

    def lookup_claims(self, leaf: list[int], numerator: int, denominator: int) -> list[Claim]:
        """The claims about denominators and numerators."""
        above: list[tuple[int, Form, Domain, list[int]]] = []
        below: list[tuple[int, Form, Domain, list[int]]] = []
        known_below, known_above = 1, 0
        for kind, index, variables, start in self.relation.columns()[0]:
            inside = leaf[:variables]
            selector = eq_number(leaf[variables:], start >> variables)
            if kind == "lookup":
                lookup = self.relation.lookups[index]
                over, table, value = lookup.over, lookup.table, lookup.value
                below.append((-selector, lookup.key, over, inside))
                known_above += selector
                key = 0
            else:
                table, (public, counts, value) = index, self.relation.tables[index]
                over = Domain((("key", 1 << public.bits),))
                above.append((-selector, counts, over, inside))
                key = sum(x << k for k, x in enumerate(inside))
            if value is not None:
                below.append((-selector * self.beta, value, over, inside))
            known_below += selector * (self.alphas[table] - key - 1)
        return [Claim(below, denominator - known_below), Claim(above, numerator - known_above)]

    def reduce(self, claims: list[tuple[int, Claim]]) -> Opening:
        """The last sumcheck and the masked value."""
        rounds, row_log = self.relation.address_log, self.relation.row_log
        messages, challenges = [], []
        for _ in range(rounds):
            messages.append(self.take(2))
            challenges.append(self.sponge.challenge())
        high = rounds - row_log
        point = challenges[high:] + challenges[:high]
        claim = weight = 0
        for power, combined in claims:
            claim += power * combined.value
            for factor, form, over, at in combined.parts:
                constant, cells = form.at(over, at, point)
                claim -= power * factor % R * constant
                weight += power * factor % R * cells
        for (constant, quadratic), challenge in zip(messages, challenges):
            claim = next_claim(claim, constant, [quadratic], challenge)
        value, mask = self.take(2)
        self.vanishes(claim - weight * value, "the final reduction to one evaluation")
        gamma = self.sponge.challenge()
        return Opening(point, gamma, (value + gamma * mask) % R)


def next_claim(claim: int, constant: int, higher: list[int], challenge: int) -> int:
    """A round's polynomial at its challenge; its linear coefficient follows from the claim."""
    linear = claim - 2 * constant - sum(higher)
    return polynomial([constant, linear, *higher], challenge)


def constraint_at(constraint: list[tuple[int, tuple[int, ...]]], values: list[int]) -> int:
    """The value of a polynomial in operands."""
    total = 0
    for coefficient, factors in constraint:
        for index in factors:
            coefficient = coefficient * values[index] % R
        total += coefficient
    return total % R


def add_fractions(numerators: list[int], denominators: list[int]) -> tuple[int, int]:
    """The sum of fractions over the product of their denominators."""
    n, d = 0, 1
    for p, q in zip(numerators, denominators):
        n, d = (n * q + p * d) % R, d * q % R
    return n, d
