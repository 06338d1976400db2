"""Each constraint of a batch norm refuses a step that only it refuses."""

import math
import random
import unittest
from ast import literal_eval
from itertools import product

from networks import RELU, convolution, linear, network, norm, with_norms, with_rows
from test_pools import names_of
from test_witness import Cells, Witness, broken, cell_of
from zktrain_reference.channels import Channels
from zktrain_reference.compiler import compile_training
from zktrain_reference.deviations import Deviations, Row
from zktrain_reference.network import Network
from zktrain_reference.relation import Relation
from zktrain_reference.sheet import Sheet
from zktrain_reference.step import Matrix, Step
from zktrain_reference.tensors import slices

# Three channels, which are padded, at places that are padded as well.
LAYERS = [convolution(3, 1), norm(), RELU, linear(2)]
OPTIONS = {"image": [1, 3, 1], "version": 3, "batch": 2, "steps": 1, "loss": "mse"}


def cheating(kind: type[Channels]) -> type[Step]:
    """Steps whose batch norms are of this kind."""

    class Cheating(Step):
        """Measures otherwise."""

        def measure(self, i: int, rows: Matrix) -> Channels:
            return kind(self.network.layers[i], self.weights[i][0], rows)

    return Cheating


def more(name: str, by: int) -> type[Channels]:
    """Channels of which one wide integer is more; what follows from it fits."""

    class More(Channels):
        """Adds to it."""

        def put(self, of: str, value: int) -> int:
            return super().put(of, value + by * (of == name))

    return More


def off(root: int, quotient: int) -> type[Channels]:
    """Channels whose deviation, or inverse, is another one; what is left fits it."""

    class Off(Channels):
        """Adds to them."""

        def root(self, variance: int, more: int = 0) -> int:
            return super().root(variance, root)

        def invert(self, sigma: int, more: int = 0) -> int:
            return super().invert(sigma, quotient)

    return Off


class Louder(Channels):
    """What is put out is more."""

    def normalized(self, row: Row, beta: Row) -> Row:
        return [x + 2**20 for x in super().normalized(row, beta)]


class Sending(Channels):
    """What is sent back is more."""

    def sent(self, sample: int, error: Row) -> Row:
        return [x + 2**21 for x in super().sent(sample, error)]


class Steeper(Channels):
    """Gradients of a kind are more."""

    kind = 0

    def gradients(self, errors: list[Row]) -> list[Row]:
        found = super().gradients(errors)
        found[self.kind] = [x + 2**16 for x in found[self.kind]]
        return found


class Moved(Step):
    """The running means are moved by too much."""

    def round(self, name: str, values: Row, rounding) -> Row:
        if name.endswith(".statistics"):
            values = [x + 2**16 for x in values]
        return super().round(name, values, rounding)


def lending(name: str, to: int) -> type[Channels]:
    """Channels in which a digit of a wide integer lends one to the next: the number is the same,
    and what is divided is more, or less."""

    class Lending(Channels):
        """Says another quotient."""

        def divided(self, of: str, value: int) -> int:
            return super().divided(of, value) + to * (of == name)

    return Lending


class Lent(Witness):
    """The digits of such channels."""

    def digits(self, groups: Deviations, name: str) -> list[list[int]]:
        wide, found = groups.layer.norm.wides[name], []
        lower = wide.radices[: len(wide.divisors)]
        for whole in groups.wides[name]:
            quotient = groups.divided(name, whole)
            below = digits_of(lower, whole - quotient * math.prod(lower)) if lower else []
            found.append(below + digits_of(wide.radices[len(lower) :], quotient))
        return found


def digits_of(radices: tuple[int, ...], value: int) -> list[int]:
    """Those of what need not fit: the last one takes what is left."""
    found = []
    for radix in radices[:-1]:
        value, digit = divmod(value, radix)
        found.append(digit)
    return [*found, value]


def product_of(name: str, relation: Relation) -> str:
    """The product whose result has this tensor, the first one."""
    found = [k for k, p in enumerate(relation.products) if name in names_of(p.out)]
    return f"product {found[0]}"


def zero_of(names: str, relation: Relation) -> str:
    """The linear check whose form has these tensors."""
    wanted = set(names.split())
    found = [k for k, v in enumerate(relation.vanishing) if wanted <= names_of(v.form)]
    return f"zero {found[0]}"


def refusing(relation: Relation, cells: Cells) -> set[str]:
    """The constraints that do not hold: of lookups of digits the place in their stack, of others
    no positions."""
    found = set()
    for refused in broken(relation, cells):
        name, at = refused.split(" at ")
        kind, number = name.split()
        key = names_of(relation.lookups[int(number)].key) if kind == "lookup" else {""}
        stack = key.pop()
        found.add(f"{stack} {literal_eval(at)['k']}" if ".digits" in stack else name)
    return found


def place_of(net: Network, digit: str) -> str:
    """A digit's place in its stack."""
    (found,) = (f"{stack} {k}" for name, stack, k in slices(net) if name == digit)
    return found


def altered(sheet: Sheet, cells: Cells, name: str, at: tuple[int, ...], value: int) -> Cells:
    """The cells with another value in one of a tensor's."""
    return cells | {cell_of(sheet.tensors[name], at): value}


def value_of(sheet: Sheet, cells: Cells, name: str, at: tuple[int, ...]) -> int:
    """The value of one of a tensor's cells."""
    return cells.get(cell_of(sheet.tensors[name], at), 0)


class Constraints(unittest.TestCase):
    """Of one batch norm."""

    def setUp(self) -> None:
        self.net = network(LAYERS, **OPTIONS)
        self.relation, self.sheet = compile_training(self.net)

    def refused(self, kind: type[Step], witness: type[Witness] = Witness) -> set[str]:
        return refusing(self.relation, witness(self.net, kind).cells)

    def test_products_and_sums(self) -> None:
        self.assertEqual(self.refused(Step), set())
        mean = zero_of("1.mean.d0", self.relation)
        count = self.net.layers[1].norm.bounds.count
        expected = {"mean": mean} | {
            name: product_of(f"1.{name}.d0", self.relation)
            for name in ("variance", "scale", "correlation", "gain", "slope", "offset", "tilt")
        }
        for name, by in (
            ("mean", count), ("variance", count), ("scale", 2**20), ("correlation", 1),
            ("gain", 2**28), ("slope", 2**18), ("offset", count), ("tilt", count << 21),
        ):  # fmt: skip
            with self.subTest(name):
                self.assertEqual(self.refused(cheating(more(name, by))), {expected[name]})

    def test_what_is_put_out_and_sent_back(self) -> None:
        for kind, name in ((Louder, "1.z"), (Sending, "0.g")):
            with self.subTest(name):
                found = self.refused(cheating(kind))
                self.assertEqual(found, {product_of(name, self.relation)})

    def test_roots_and_inverses(self) -> None:
        for changes, name in (
            ((-1, 0), "deviation_high"), ((1, 0), "deviation_low"),
            ((0, -1), "inverse_high"), ((0, 1), "inverse_low"),
        ):  # fmt: skip
            with self.subTest(name):
                last = len(self.net.layers[1].norm.wides[name].radices) - 1
                wrong = place_of(self.net, f"1.{name}.d{last}")
                self.assertEqual(self.refused(cheating(off(*changes))), {wrong})

    def test_remainders_of_roots_and_inverses(self) -> None:
        cells = Witness(self.net).cells
        for name in ("deviation", "inverse"):
            zero = zero_of(f"1.{name}_high.d0", self.relation)
            made = [k for k, p in enumerate(self.relation.products)
                    if f"1.{name}_low.d0" in names_of(p.out)]  # fmt: skip
            for part, expected in (
                ("high", {zero}), ("low", {zero, f"product {made[0]}"}),
            ):  # fmt: skip
                digit, at = f"1.{name}_{part}.d0", (1, 0)
                other = value_of(self.sheet, cells, digit, at) ^ 1
                with self.subTest(digit):
                    wrong = altered(self.sheet, cells, digit, at, other)
                    self.assertEqual(refusing(self.relation, wrong), expected)

    def test_digits_that_lend(self) -> None:
        for name, wide in self.net.layers[1].norm.wides.items():
            if not wide.divisors:
                continue
            for to in (1, -1):
                found = self.refused(cheating(lending(name, to)), Lent)
                last = f"1.{name}.d{len(wide.divisors) - 1}"
                with self.subTest(name, to=to):
                    self.assertEqual(found, {place_of(self.net, last)})

    def test_an_inverse_of_no_channel(self) -> None:
        cells = Witness(self.net).cells
        for k in range(3):
            name = f"1.inverse.d{k}"
            operands = [[names_of(form) for form in p.operands] for p in self.relation.pointwise]
            (check,) = [i for i, found in enumerate(operands) if {name} in found]
            wrong = altered(self.sheet, cells, name, (3, 0), 5)
            with self.subTest(name):
                self.assertEqual(refusing(self.relation, wrong), {f"pointwise {check}.{k}"})

    def test_updates(self) -> None:
        for kind, name in ((0, "w"), (1, "b")):
            steeper = type("Of", (Steeper,), {"kind": kind})
            zero = zero_of(f"1.{name}.update", self.relation)
            with self.subTest(name):
                self.assertEqual(self.refused(cheating(steeper)), {zero})
        self.assertEqual(self.refused(Moved), {zero_of("1.s.update", self.relation)})


class Random(unittest.TestCase):
    """Drawn networks."""

    def test_steps_satisfy_the_relation_and_no_cell_is_free(self) -> None:
        draw = random.Random(1)
        for seed, drawing in enumerate((*[with_norms] * 3, *[with_rows] * 4)):
            layers, options = drawing(seed)
            net = network(layers, **(options | {"steps": 1}))
            relation, sheet = compile_training(net)
            cells = Witness(net).cells
            self.assertEqual(broken(relation, cells)[:3], [], layers)
            alike = [f"{i}." for i, layer in enumerate(net.layers) if layer.alike]
            found = [t for t in sheet.tensors.values() if t.name.startswith(tuple(alike))]
            found = [t for t in found if not t.name.endswith((".before", ".state"))]
            for tensor in draw.sample(found, 10):
                # What is in a stack behind its digits nothing reads.
                start = ".digits" in tensor.name
                sizes = [1 << (size - 1).bit_length() for size in tensor.sizes[start:]]
                padded = [range(size) for size in (*tensor.sizes[:start], *sizes)]
                key = cell_of(tensor, draw.choice(list(product(*padded))))
                changed = cells | {key: cells.get(key, 0) + draw.choice((1, -1))}
                with self.subTest(seed, cell=key):
                    self.assertNotEqual(broken(relation, changed), [])


if __name__ == "__main__":
    unittest.main()
