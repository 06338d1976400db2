"""Each constraint of a batch norm refuses a step that only it refuses."""

import math
import random
import unittest
from itertools import product

from networks import RELU, convolution, linear, network, norm, with_norms
from test_pools import names_of, refusing
from test_witness import Witness, broken
from zktrain_reference.channels import Channels, Row
from zktrain_reference.compiler import compile_training
from zktrain_reference.relation import Relation
from zktrain_reference.step import Matrix, Step

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

    def channels(self, i: int, t: int, step: Step) -> None:
        for name, wide in self.net.layers[i].norm.wides.items():
            lower = wide.radices[: len(wide.divisors)]
            for c, whole in enumerate(step.channels[i].wides[name]):
                quotient = step.channels[i].divided(name, whole)
                digits = digits_of(lower, whole - quotient * math.prod(lower)) if lower else []
                digits += digits_of(wide.radices[len(lower) :], quotient)
                for k, digit in enumerate(digits):
                    self.set(f"{i}.{name}.d{k}", (c, t), digit)


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


def lookups_of(name: str, relation: Relation) -> list[str]:
    """The lookups of a digit."""
    keys = [names_of(lookup.key) for lookup in relation.lookups]
    return [f"lookup {k}" for k, names in enumerate(keys) if names == {name}]


class Constraints(unittest.TestCase):
    """Of one batch norm."""

    def setUp(self) -> None:
        self.net = network(LAYERS, **OPTIONS)
        self.relation, _ = compile_training(self.net)

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
                wrong = lookups_of(f"1.{name}.d{last}", self.relation)
                self.assertEqual(self.refused(cheating(off(*changes))), set(wrong))

    def test_remainders_of_roots_and_inverses(self) -> None:
        cells = Witness(self.net).cells
        for name in ("deviation", "inverse"):
            zero = zero_of(f"1.{name}_high.d0", self.relation)
            made = [k for k, p in enumerate(self.relation.products)
                    if f"1.{name}_low.d0" in names_of(p.out)]  # fmt: skip
            for part, expected in (
                ("high", {zero}), ("low", {zero, f"product {made[0]}"}),
            ):  # fmt: skip
                key = f"1.{name}_{part}.d0", (1, 0)
                altered = cells | {key: cells.get(key, 0) ^ 1}
                with self.subTest(key):
                    self.assertEqual(refusing(self.relation, altered), expected)

    def test_digits_that_lend(self) -> None:
        for name, wide in self.net.layers[1].norm.wides.items():
            if not wide.divisors:
                continue
            for to in (1, -1):
                found = self.refused(cheating(lending(name, to)), Lent)
                last = f"1.{name}.d{len(wide.divisors) - 1}"
                allowed = lookups_of(last, self.relation)
                with self.subTest(name, to=to):
                    self.assertEqual(len(found), 1)
                    self.assertLessEqual(found, set(allowed))

    def test_an_inverse_of_no_channel(self) -> None:
        cells = Witness(self.net).cells
        for k in range(3):
            name = f"1.inverse.d{k}"
            operands = [[names_of(form) for form in p.operands] for p in self.relation.pointwise]
            (check,) = [i for i, found in enumerate(operands) if {name} in found]
            altered = cells | {(name, (3, 0)): 5}
            with self.subTest(name):
                self.assertEqual(refusing(self.relation, altered), {f"pointwise {check}.{k}"})

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
        for seed in range(6):
            layers, options = with_norms(seed)
            net = network(layers, **(options | {"steps": 1}))
            relation, sheet = compile_training(net)
            cells = Witness(net).cells
            self.assertEqual(broken(relation, cells)[:3], [], layers)
            norms = [f"{i}." for i, layer in enumerate(net.layers) if layer.norm]
            found = [t for t in sheet.tensors.values() if t.name.startswith(tuple(norms))]
            found = [t for t in found if not t.name.endswith((".before", ".state"))]
            for tensor in draw.sample(found, 12):
                padded = [range(1 << (size - 1).bit_length()) for size in tensor.sizes]
                key = tensor.name, draw.choice(list(product(*padded)))
                altered = cells | {key: cells.get(key, 0) + draw.choice((1, -1))}
                with self.subTest(seed, cell=key):
                    self.assertNotEqual(broken(relation, altered), [])


if __name__ == "__main__":
    unittest.main()
