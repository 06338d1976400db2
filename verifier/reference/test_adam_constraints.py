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
from zktrain_reference.averages import Moments
from zktrain_reference.compiler import compile_training
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
        signs = [[1 if q > 0 else -1 for q, _, _ in row] for row in ahead.trace["0.clip"]]
        step.moments = [[[self.place(sign) for sign in row] for row in signs]]
        return step

    def place(self, sign: int) -> Moments:
        """The moments of a parameter whose next gradient has this sign."""
        raise NotImplementedError


class Beyond(Placed):
    """Means of more than 16 bits, which move little."""

    def place(self, sign: int) -> Moments:
        return Moments(sign * (2**15 + 40), 2**14 - 1, 0, 0)


class Steep(Placed):
    """Large means of small gradients."""

    def place(self, sign: int) -> Moments:
        return Moments(sign * 2**14, 0, 0, 0)


class Constraints(unittest.TestCase):
    """Of one layer."""

    def setUp(self) -> None:
        self.compile(adam={})

    def compile(self, **options) -> None:
        self.net = network([linear(3)], **(OPTIONS | options))
        self.relation, self.sheet = compile_training(self.net)

    def refused(self, kind: type[Step], witness: type[Witness] = Witness) -> set[str]:
        return refusing(self.relation, witness(self.net, kind).cells)

    def lookups(self, names: str, place: int = 0) -> set[str]:
        """The lookup of each kind of parameters whose key has these tensors: one of several."""
        found = set()
        for kind in KINDS:
            wanted = {f"0.{kind}.{name}" for name in names.split()}
            keys = enumerate(names_of(lookup.key) for lookup in self.relation.lookups)
            found.add(f"lookup {[i for i, key in keys if key == wanted][place]}")
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
        found = self.refused(averaging(lambda now: now._replace(mean=now.mean + 1)))
        self.assertEqual(found, self.lookups("clip mean.update mean.state"))
        self.compile(adam={"beta1": 0.999, "beta2": 0.9995}, rate=0.0025, steps=1)
        self.assertEqual(self.refused(Step, Beyond), self.lookups("mean.update"))

    def test_second_moments(self) -> None:
        self.assertEqual(self.refused(other_root(1)), self.lookups("rest.update"))
        self.assertEqual(self.refused(other_root(-1)), self.lookups("root.update rest.update"))
        for by in (1, -1):
            self.assertEqual(self.refused(other_quotient(by)), self.lookups("low.update"), by)
        more = averaging(lambda now: now._replace(low=now.low ^ 1))
        self.assertEqual(self.refused(more), self.pointwise(1))

    def test_quotients(self) -> None:
        shared = "update.r0 root.update"
        for by, place in ((1, 0), (-1, 1)):
            kind = dividing(lambda d, r, divisor, by=by: (d + by, r - 2 * by * divisor))
            self.assertEqual(self.refused(kind), self.lookups(shared, place))
        found = self.refused(dividing(lambda d, r, _: (d, r + (-1 if r > 0 else 1))))
        self.assertEqual(found, self.pointwise(0))
        self.compile(adam={}, rate=8.0, steps=1)
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
