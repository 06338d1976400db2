"""Each constraint of labels with weights refuses a step, or data, that only it refuses."""

import random
import unittest
from collections.abc import Iterator
from itertools import product

from networks import convolution, linear, network
from test_norm_constraints import altered, product_of, refusing, zero_of
from test_pools import checked, looked_up, names_of
from test_step import zeros
from test_witness import Cells, Witness, broken, cell_of
from weighted_networks import CASES, WEIGHTED, labelled
from zktrain_reference.compiler import compile_dataset, compile_training
from zktrain_reference.network import Layer, Network
from zktrain_reference.step import Matrix, Row, Step

# Three classes, which are padded; without biases zeros stay zeros.
FLAT = [linear(2, bias=False), linear(3, bias=False)]
ENDS = [convolution(2, 1, bias=False), convolution(3, 1, bias=False)]
ONCE = {"batch": 2, "steps": 1, **WEIGHTED}
SEQUENCE = {"image": [4, 1, 2], "places": 4, **ONCE}


def labelling(*row: int):
    """Batches in which every label is this one."""
    return lambda net, seed: (
        labelled(net, seed)[0], [list(row) * count_of(net) for _ in range(net.batch)]
    )  # fmt: skip


def silent(net: Network, seed: int) -> tuple[Matrix, Matrix]:
    """Batches of zeros, without any labels."""
    rows = [[0] * net.inputs for _ in range(net.batch)]
    return rows, [[0] * (net.outputs * count_of(net)) for _ in rows]


def count_of(net: Network) -> int:
    """Labels of a sample."""
    return net.result.positions if net.result else 1


class Even(Step):
    """Parameters are zero: all classes are alike."""

    def __init__(self, net: Network, *_: object) -> None:
        none = [zeros(layer) for layer in net.layers]
        super().__init__(net, none, [zeros(layer) for layer in net.layers])


class Quarter(Step):
    """All labels are taken to weigh a quarter."""

    def whole(self, y: Row) -> int:
        return 4096


class More(Step):
    """The first probability of each label is more, by one or less."""

    by = 0

    def softmax(self, z: Row, whole: int, last: Layer) -> tuple[Row, Row]:
        terms, (first, *rest) = super().softmax(z, whole, last)
        return terms, [first + self.by, *rest]


class Twice(Step):
    """Labels are subtracted twice."""

    def loss(self, z: Row, y: Row) -> Row:
        return [d - label for d, label in zip(super().loss(z, y), y)]


class Backwards(Step):
    """Labels are those of the positions in the opposite order."""

    def loss(self, z: Row, y: Row) -> Row:
        n = self.network.outputs
        rows = [y[k : k + n] for k in range(0, len(y), n)]
        return super().loss(z, [label for row in reversed(rows) for label in row])


class Constraints(unittest.TestCase):
    """Of one training proof."""

    def both(self) -> Iterator[None]:
        """A label for each sample, then one for each position."""
        for layers, options in ((FLAT, {"inputs": 2, **ONCE}), (ENDS, SEQUENCE)):
            self.net = network(layers, **options)
            self.relation, self.sheet = compile_training(self.net)
            # Where a label is: the last of all.
            places = (3, 0) if self.net.result else ()
            self.at = (0, 1, *places)
            yield

    def refused(self, kind: type[Step] = Step, batches=labelled) -> set[str]:
        return refusing(self.relation, Witness(self.net, kind, batches).cells)

    def lookup_of_weights(self, more: int = 0) -> str:
        """That a weight is not negative, or that it is not too much."""
        return f"lookup {looked_up('labels', self.relation) + more}"

    def test_a_weight_that_two_classes_share(self) -> None:
        for _ in self.both():
            check = f"pointwise {checked('labels labels', self.relation)}"
            self.assertEqual(self.refused(), set())
            for labels in ((5000, 3000, 0), (1, 1, 1), (5000, -1000, 0)):
                self.assertEqual(self.refused(batches=labelling(*labels)), {f"{check}.0"})

    def test_a_negative_weight(self) -> None:
        for _ in self.both():
            self.assertEqual(self.refused(Even, labelling(1, 0, 0)), set())
            found = self.refused(Even, labelling(-1, 0, 0))
            self.assertEqual(found, {self.lookup_of_weights()})

    def test_a_weight_above_one(self) -> None:
        for _ in self.both():
            self.assertEqual(self.refused(batches=labelling(0, 2**14, 0)), set())
            found = self.refused(batches=labelling(0, 2**14 + 1, 0))
            self.assertEqual(found, {self.lookup_of_weights(1)})

    def test_a_label_of_no_class(self) -> None:
        for _ in self.both():
            cells = Witness(self.net, Quarter, silent).cells
            for b, i in product(range(self.net.batch), range(count_of(self.net))):
                at = (0, 3, 0, b, *((i, 0) if self.net.result else ()))
                cells = altered(self.sheet, cells, "labels", at, 4096)
            found = [k for k, p in enumerate(self.relation.pointwise)
                     if [names_of(f) for f in p.operands] == [{"labels"}, set()]]  # fmt: skip
            self.assertEqual(refusing(self.relation, cells), {f"pointwise {found[0]}.0"})

    def test_another_weight_than_the_labels(self) -> None:
        for _ in self.both():
            check = f"pointwise {checked('at_max', self.relation)}"
            self.assertEqual(self.refused(Quarter, labelling(0, 4096, 0)), set())
            for weight in (0, 4095, 2**14):
                found = self.refused(Quarter, labelling(0, weight, 0))
                self.assertEqual(found, {f"{check}.2"})

    def test_probabilities(self) -> None:
        for _ in self.both():
            above = f"lookup {looked_up('r sum', self.relation)}"
            below = f"lookup {looked_up('sum r', self.relation) + 1}"
            for by, weight, expected in (
                (1, 9999, above), (1, 0, above), (-1, 9999, below),
            ):  # fmt: skip
                kind = type("Of", (More,), {"by": by})
                found = self.refused(kind, labelling(0, 0, weight))
                self.assertEqual(found, {expected}, (by, weight))
            kind = type("Of", (More,), {"by": -1})
            found = self.refused(kind, labelling(0, 0, 0))
            self.assertEqual(found, {below, f"lookup {looked_up('p', self.relation)}"})

    def test_what_is_chosen(self) -> None:
        for _ in self.both():
            zero, cells = zero_of("at_max", self.relation), Witness(self.net, Even).cells
            for n, value in ((0, 0), (1, 1)):
                wrong = altered(self.sheet, cells, "at_max", (n, *self.at), value)
                self.assertEqual(refusing(self.relation, wrong), {zero})

    def test_gradients(self) -> None:
        for _ in self.both():
            used = {product_of(name, self.relation) for name in ("0.g", "1.w.update.r0")}
            self.assertEqual(self.refused(Twice), used)

    def test_labels_of_other_positions(self) -> None:
        *_, _ = self.both()
        batches = lambda net, seed: (  # noqa: E731
            labelled(net, seed)[0],
            [[0, 0, 9999, 9999, 0, 0, 0, 9999, 0, 9999, 0, 0]] * net.batch,
        )
        used = {product_of(name, self.relation) for name in ("0.g", "1.w.update.r0")}
        self.assertEqual(self.refused(batches=batches), set())
        self.assertEqual(self.refused(Backwards, batches), used)


class Registrations(unittest.TestCase):
    """Of data alone, in two windows."""

    def cells(self, net: Network, row: list[int], places: int) -> Cells:
        """All labels are this one, but for the first of each window, which has no weight."""
        positions = product(range(places), range(1)) if net.result else [()]
        every = product(range(2), range(net.steps), range(net.batch), positions)
        return {
            ("labels", (w, n, t, b, *at)): value
            for w, t, b, at in every for n, value in enumerate(row) if (t, b) != (0, 0)
        }  # fmt: skip

    def test_labels(self) -> None:
        for layers, options in ((FLAT, {"inputs": 2, **ONCE}), (ENDS, SEQUENCE)):
            net = network(layers, **options)
            relation, _ = compile_dataset(net, 2)
            first = looked_up("labels", relation)
            for row, expected in (
                ([0, 0, 7], set()), ([2**14, 0, 0], set()), ([0, 0, 0], set()),
                ([3, 3, 0], {"pointwise 0.0"}), ([-3, 0, 0], {f"lookup {first}"}),
                ([0, 2**14 + 1, 0], {f"lookup {first + 1}"}), ([0, 0, 0, 9], {"pointwise 1.0"}),
                ([3, 0, 0, -3], {"pointwise 0.0", "pointwise 1.0"}),
            ):  # fmt: skip
                cells = self.cells(net, row, count_of(net))
                found = {x.split(" at ")[0] for x in broken(relation, cells)}
                with self.subTest(row, positions=bool(net.result)):
                    self.assertEqual(found, expected)


class Random(unittest.TestCase):
    """Cells of labels and of the loss."""

    def test_no_cell_is_free(self) -> None:
        draw = random.Random(1)
        for name, (layers, options) in CASES.items():
            net = network(layers, **options | {"steps": 1})
            relation, sheet = compile_training(net)
            cells = Witness(net, batches=labelled).cells
            for of in ("labels", "max", "at_max", "e", "sum", "p", "r"):
                tensor = sheet.tensors[of]
                padded = [range(1 << (size - 1).bit_length()) for size in tensor.sizes]
                key = cell_of(tensor, draw.choice(list(product(*padded))))
                changed = cells | {key: cells.get(key, 0) + draw.choice((1, -1))}
                with self.subTest(name, cell=key):
                    self.assertNotEqual(broken(relation, changed), [])


if __name__ == "__main__":
    unittest.main()
