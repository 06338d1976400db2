"""Each constraint of Adam refuses a step that only it refuses."""

import math
import random
import unittest
from itertools import product

from networks import (
    RELU,
    convolution,
    depthwise,
    layer_norm,
    linear,
    network,
    norm,
    scale,
)
from test_norm_constraints import altered, refusing, zero_of
from test_pools import names_of
from test_step import drawn
from test_witness import Cells, Witness, broken, cell_of
from zktrain_reference.adam import ONE
from zktrain_reference.averages import Moments
from zktrain_reference.compiler import compile_training
from zktrain_reference.field import R
from zktrain_reference.network import Network
from zktrain_reference.relation import Relation
from zktrain_reference.step import Matrix, Step

# Three inputs and three outputs, both padded; weights and biases are refused alike.
OPTIONS = {"inputs": 3, "loss": "mse", "version": 4, "max_steps": 8}
KINDS = ("w", "b")


def averaging(change) -> type[Step]:
    """Steps whose moments are changed; what follows from them fits."""

    class Averaging(Step):
        """Changes each of them."""

        def average(self, before: Moments, g: int) -> Moments:
            return change(super().average(before, g))

    return Averaging


def of(second: int, root: int, mean: int, low: int) -> Moments:
    """Moments with this root of this number."""
    return Moments(mean, root, second - root**2, low)


def other_root(by: int) -> type[Step]:
    """Steps that take another root, where there is one."""
    return averaging(
        lambda now: of(now.root**2 + now.rest, now.root + by, now.mean, now.low)
        if now.root
        else now
    )


def other_quotient(by: int) -> type[Step]:
    """Steps that lend between the second moment and what dividing left, where there is enough."""
    return averaging(lambda now: lent(now, by))


def lent(now: Moments, by: int) -> Moments:
    """Another whole number, whose root and rest are right."""
    second = now.root**2 + now.rest + by
    if second < 0:
        return now
    root = math.isqrt(second)
    return of(second, root, now.mean, now.low - (by << 16))


def dividing(change) -> type[Step]:
    """Steps whose updates or remainders are changed, given the divisor."""

    class Dividing(Step):
        """Changes each of them."""

        def divide(self, now: Moments, epsilon: int) -> tuple[int, int]:
            return change(*super().divide(now, epsilon), now.root + epsilon)

    return Dividing


class Halved(Step):
    """Roots that are half of an odd number: of V and l together each has one whose rest fits."""

    odd = 0

    def average(self, before: Moments, g: int) -> Moments:
        now = super().average(before, g)
        parts = ONE * (now.root**2 + now.rest) + now.low
        for twice in (2 * now.root - 1, 2 * now.root + 1):
            rest, low = divmod(parts - ONE // 4 * twice**2, ONE)
            if 0 <= rest <= twice:
                return Moments(now.mean, half(twice), rest, low)
        raise AssertionError

    def divide(self, now: Moments, epsilon: int) -> tuple[int, int]:
        """Remainders are integers with even updates, what is left of divisors with odd ones."""
        divisor, divided = now.root + epsilon, self.rate() * now.mean
        delta = 2 * (divided // (2 * divisor % R)) + self.odd
        return delta, (divided - delta * divisor) % R


def half(x: int) -> int:
    """Of an integer, in the field."""
    return x * pow(2, -1, R) % R


class Unlisted(Step):
    """Means move as the table's formula says, where it has no entry too."""

    def average(self, before: Moments, g: int) -> Moments:
        adam, d = self.network.adam, g - before.mean
        # What is left of a unit is a whole one, on either side of zero.
        moved = -(-abs(d) * (ONE - adam.first) // ONE)
        mean = before.mean + (moved if d > 0 else -moved)
        return before._replace(mean=g).averaged(adam, g)._replace(mean=mean)


class Faster(Step):
    """Another rate."""

    def rate(self) -> int:
        return super().rate() + 1


class Ahead(Step):
    """Counts a step that was not done, and takes its rate."""

    def run(self, inputs: Matrix, labels: Matrix) -> None:
        self.clock += 1
        super().run(inputs, labels)


class Steeper(Step):
    """Gradients of weights, or of biases, are more."""

    row = 0

    def gradient(self, i: int, read: Matrix, errors: Matrix) -> Matrix:
        found = super().gradient(i, read, errors)
        found[self.row] = [x + 2**16 for x in found[self.row]]
        return found


class Placed(Witness):
    """Starts from moments that no chain leads to."""

    def begin(self, kind: type[Step], batches) -> Step:
        step = super().begin(kind, batches)
        ahead = Step(self.net, step.weights, step.state)
        ahead.moments, ahead.clock = list(step.moments), step.clock
        ahead.run(*batches(self.net, 2))
        rows = ahead.trace["0.clip"]
        step.moments = [[[self.place(g) for g, _, _ in row] for row in rows]]
        return step

    def place(self, g: int) -> Moments:
        """The moments of a parameter that has this gradient next."""
        raise NotImplementedError


class Farthest(Placed):
    """Means as far from gradients as there are entries."""

    more = 0

    def place(self, g: int) -> Moments:
        mean = g + 2**15 + self.more if g > 0 else g - 2**15 + 1 - self.more
        return Moments(mean, 2**14 - 1, 0, 0)


class Beyond(Farthest):
    """Means one farther."""

    more = 1


class Steep(Placed):
    """Large means of small gradients."""

    def place(self, g: int) -> Moments:
        return Moments(2**14 if g > 0 else -(2**14), 0, 0, 0)


class Constraints(unittest.TestCase):
    """Of one layer."""

    def setUp(self) -> None:
        self.compile(adam={})

    def compile(self, **options) -> None:
        self.net = network([linear(3)], **(OPTIONS | options))
        self.relation, self.sheet = compile_training(self.net)

    def refused(self, kind: type[Step], witness: type[Witness] = Witness) -> set[str]:
        return refusing(self.relation, witness(self.net, kind).cells)

    def lookups(self, names: str) -> set[str]:
        """The lookup of each kind of parameters whose key has these tensors: there is one."""
        found = set()
        for kind in KINDS:
            wanted = {f"0.{kind}.{name}" for name in names.split()}
            keys = enumerate(names_of(lookup.key) for lookup in self.relation.lookups)
            (place,) = (i for i, key in keys if key == wanted)
            found.add(f"lookup {place}")
        return found

    def pointwise(self, behind: int) -> set[str]:
        """The last constraint of each kind's parameters, or one before it."""
        found = set()
        for kind in KINDS:
            for i, check in enumerate(self.relation.pointwise):
                if any(names_of(form) == {f"0.{kind}.update"} for form in check.operands):
                    found.add(f"pointwise {i}.{len(check.constraints) - 1 - behind}")
        return found

    def test_honest_steps(self) -> None:
        self.assertEqual(self.refused(Step), set())
        self.assertEqual((len(self.lookups("rest.update")), len(self.pointwise(1))), (2, 2))

    def test_first_moments(self) -> None:
        pair = "clip mean.update mean.state"
        more = averaging(lambda now: now._replace(mean=now.mean + 1))
        self.assertEqual(self.refused(more), self.lookups(pair))
        # Means have no range of their own, but that of the table's entries.
        self.assertRaises(ValueError, self.lookups, "mean.update")
        self.compile(adam={"beta1": 0.999, "beta2": 0.9995}, rate=0.0012, steps=1)
        self.assertEqual(self.refused(Unlisted, Farthest), set())
        self.assertEqual(self.refused(Unlisted, Beyond), self.lookups(pair))

    def test_second_moments(self) -> None:
        self.assertEqual(self.refused(other_root(1)), self.lookups("rest.update"))
        self.assertEqual(self.refused(other_root(-1)), self.lookups("root.update rest.update"))
        for by in (1, -1):
            self.assertEqual(self.refused(other_quotient(by)), self.lookups("low.update"), by)
        more = averaging(lambda now: now._replace(low=now.low ^ 1))
        self.assertEqual(self.refused(more), self.pointwise(1))

    def test_roots_are_integers(self) -> None:
        # They have no range of their own: remainders, and by how much they are less, are integers.
        self.assertRaises(ValueError, self.lookups, "root.update")
        self.compile(adam={}, steps=1)
        for odd, expected in ((0, "update.r0 root.update"), (1, "update.r0")):
            kind = type("Of", (Halved,), {"odd": odd})
            self.assertEqual(self.refused(kind), self.lookups(expected), odd)

    def test_quotients(self) -> None:
        for by, expected in ((1, "update.r0"), (-1, "update.r0 root.update")):
            kind = dividing(lambda d, r, divisor, by=by: (d + by, r - by * divisor))
            self.assertEqual(self.refused(kind), self.lookups(expected), by)
        found = self.refused(dividing(lambda d, r, _: (d, r + (-1 if r > 0 else 1))))
        self.assertEqual(found, self.pointwise(0))
        self.compile(adam={}, rate=5.75, steps=1)
        self.assertEqual(self.refused(Step, Steep), self.lookups("update"))

    def test_rates_and_steps(self) -> None:
        clock = zero_of("clock.update", self.relation)
        (rates,) = (
            f"lookup {i}" for i, lookup in enumerate(self.relation.lookups)
            if "clock.update" in names_of(lookup.key)
        )  # fmt: skip
        self.assertEqual(self.refused(Faster), {rates})
        self.assertEqual(self.refused(Ahead), {clock})
        cells = Witness(self.net).cells
        for name, at in (("clock.state", (0, 0)), ("clock.update", (1, 0))):
            wrong = altered(self.sheet, cells, name, at, cells[name, at] + 1)
            self.assertIn(clock, refusing(self.relation, wrong))

    def test_gradients(self) -> None:
        (out,) = (
            f"product {i}" for i, p in enumerate(self.relation.products)
            if "0.w.clip" in names_of(p.out)
        )  # fmt: skip
        for row, expected in ((0, out), (3, zero_of("0.b.clip", self.relation))):
            self.assertEqual(self.refused(type("Of", (Steeper,), {"row": row})), {expected})

    def test_cells_of_no_parameter(self) -> None:
        cells = Witness(self.net).cells
        found = [name for name in self.sheet.tensors if ".padding" in name]
        self.assertTrue({"update.padding0", "moments.padding0"} <= set(found))
        for name, t in product(found, range(2)):
            last = self.sheet.tensors[name].sizes[1] - 1
            wrong = altered(self.sheet, cells, name, (t, last), 1)
            self.assertEqual(refusing(self.relation, wrong), {zero_of(name, self.relation)})


def free(net: Network, relation: Relation, cells: Cells, tensor, draw: random.Random) -> str | None:
    """A cell of a tensor, padding included, that could as well be another, if this one is it."""
    padded = [range(1 << (size - 1).bit_length()) for size in tensor.sizes]
    key = cell_of(tensor, tuple(draw.choice(axis) for axis in padded))
    changed = cells | {key: cells.get(key, 0) + draw.choice((1, -1))}
    return None if broken(relation, changed) else str(key)


class Networks(unittest.TestCase):
    """Of several layers."""

    CASES = (
        ([convolution(3, 2, padding=1), norm(), RELU, linear(2, bias=False)],
         {"image": [2, 3, 1], "steps": 1}),
        ([depthwise(2), scale(bias=False), layer_norm(), linear(3)],
         {"image": [2, 3, 3], "loss": "mse"}),
        ([linear(3), RELU, linear(1)],
         {"inputs": 3, "loss": "logistic", "steps": 1, "max_steps": 3}),
    )  # fmt: skip

    def test_steps_satisfy_the_relation_and_no_cell_is_free(self) -> None:
        draw = random.Random(1)
        for layers, options in self.CASES:
            net = network(layers, version=4, adam={"epsilon": 0.001}, **options)
            relation, sheet = compile_training(net)
            cells = Witness(net).cells
            self.assertEqual(broken(relation, cells)[:3], [], layers)
            parts = (".update", ".r0", ".clip", "rate", ".low0", ".high0")
            found = [t for t in sheet.tensors.values() if t.name.endswith(parts)]
            for tensor in draw.sample(found, 12):
                with self.subTest(layers=layers, tensor=tensor.name):
                    self.assertIsNone(free(net, relation, cells, tensor, draw))

    def test_one_step_of_a_chain(self) -> None:
        # A table of one rate, which starts from nothing.
        net = network([linear(2)], inputs=2, steps=1, max_steps=1, version=4, adam={})
        relation, _ = compile_training(net)

        class First(Witness):
            """The first proof of a chain."""

            def begin(self, kind: type[Step], batches) -> Step:
                return kind(self.net, *drawn(self.net, 1))

        self.assertEqual(broken(relation, First(net).cells), [])


if __name__ == "__main__":
    unittest.main()
