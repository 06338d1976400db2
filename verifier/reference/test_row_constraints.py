"""Each constraint of a norm of rows and of a scale refuses a step that only it refuses."""

import unittest
from collections.abc import Iterator

from networks import RELU, convolution, layer_norm, linear, network, rms_norm, scale
from test_norm_constraints import (
    Lent,
    altered,
    place_of,
    product_of,
    refusing,
    value_of,
    zero_of,
)
from test_pools import names_of
from test_witness import Witness
from zktrain_reference.compiler import compile_training
from zktrain_reference.deviations import Row
from zktrain_reference.lines import Lines
from zktrain_reference.step import Matrix, Step

# Three channels, which are padded, at places that are padded as well.
OPTIONS = {"image": [1, 3, 1], "version": 3, "batch": 2, "steps": 1, "loss": "mse"}
SCALED = [convolution(3, 1), scale(), RELU, linear(2)]


def cheating(kind: type[Lines]) -> type[Step]:
    """Steps whose norms of rows are of this kind."""

    class Cheating(Step):
        """Measures otherwise."""

        def measure_rows(self, i: int, rows: Matrix) -> Lines:
            return kind(self.network.layers[i], rows)

    return Cheating


def more(name: str, by: int) -> type[Lines]:
    """Rows of which one wide integer is more; what follows from it fits."""

    class More(Lines):
        """Adds to it."""

        def put(self, of: str, value: int) -> int:
            return super().put(of, value + by * (of == name))

    return More


def off(root: int, quotient: int) -> type[Lines]:
    """Rows whose deviation, or inverse, is another one; what is left fits it."""

    class Off(Lines):
        """Adds to them."""

        def root(self, variance: int, more: int = 0) -> int:
            return super().root(variance, root)

        def invert(self, sigma: int, more: int = 0) -> int:
            return super().invert(sigma, quotient)

    return Off


def lending(name: str, to: int) -> type[Lines]:
    """Rows in which a digit of a wide integer lends one to the next: the number is the same, and
    what is divided is more, or less."""

    class Lending(Lines):
        """Says another quotient."""

        def divided(self, of: str, value: int) -> int:
            return super().divided(of, value) + to * (of == name)

    return Lending


class Louder(Lines):
    """What is put out is more."""

    def normalized(self, sample: int, row: Row) -> Row:
        return [x + 2**20 for x in super().normalized(sample, row)]


class Sending(Lines):
    """What is sent back is more."""

    def sent(self, sample: int, z: Row, error: Row) -> Row:
        return [x + 2**21 for x in super().sent(sample, z, error)]


class Scaling(Step):
    """A scale puts out more, or sends back more, or its gradients are more."""

    where = ""

    def round(self, name: str, values: Row, rounding) -> Row:
        values = [x + (2**20 if name == self.where else 0) for x in values]
        return super().round(name, values, rounding)

    def gradient(self, i: int, read: Matrix, errors: Matrix) -> Matrix:
        rows = super().gradient(i, read, errors)
        added = {"1.w.update": (2**12, 0), "1.b.update": (0, 2**12)}.get(self.where, (0, 0))
        if i != 1:
            return rows
        return [[x + one for x in row] for row, one in zip(rows, added)]


class Constraints(unittest.TestCase):
    """Of one norm of rows, or one scale."""

    def compile(self, *layers) -> None:
        self.net = network(list(layers), **OPTIONS)
        self.relation, self.sheet = compile_training(self.net)
        self.wides = self.net.layers[1].norm.wides if self.net.layers[1].norm else {}

    def kinds(self) -> Iterator[None]:
        """Both, one after the other."""
        for kind in (layer_norm, rms_norm):
            self.compile(convolution(3, 1), kind(), RELU, linear(2))
            yield

    def refused(self, kind: type[Step], witness: type[Witness] = Witness) -> set[str]:
        return refusing(self.relation, witness(self.net, kind).cells)

    def test_products_and_sums(self) -> None:
        for _ in self.kinds():
            self.assertEqual(self.refused(Step), set())
            # Seven bits of the tilt's divisor are 2·6 − 5.
            changes = {"variance": 3, "correlation": 1, "offset": 3, "tilt": 3 << 7, "mean": 3}
            for name in changes.keys() & self.wides.keys():
                digit = f"1.{name}.d0"
                if name == "mean":
                    expected = zero_of(digit, self.relation)
                else:
                    expected = product_of(digit, self.relation)
                found = self.refused(cheating(more(name, changes[name])))
                self.assertEqual(found, {expected}, name)

    def test_what_is_put_out_and_sent_back(self) -> None:
        for _ in self.kinds():
            for kind, name in ((Louder, "1.z"), (Sending, "0.g")):
                found = self.refused(cheating(kind))
                self.assertEqual(found, {product_of(name, self.relation)})

    def test_roots_and_inverses(self) -> None:
        for _ in self.kinds():
            for changes, name in (
                ((-1, 0), "deviation_high"), ((1, 0), "deviation_low"),
                ((0, -1), "inverse_high"), ((0, 1), "inverse_low"),
            ):  # fmt: skip
                wrong = place_of(self.net, f"1.{name}.d{len(self.wides[name].radices) - 1}")
                self.assertEqual(self.refused(cheating(off(*changes))), {wrong}, name)

    def test_remainders_of_roots_and_inverses(self) -> None:
        for _ in self.kinds():
            cells = Witness(self.net).cells
            for name in ("deviation", "inverse"):
                zero = zero_of(f"1.{name}_high.d0", self.relation)
                digit, at = f"1.{name}_high.d0", (0, 1, 0, 2)
                other = value_of(self.sheet, cells, digit, at) ^ 1
                wrong = altered(self.sheet, cells, digit, at, other)
                self.assertEqual(refusing(self.relation, wrong), {zero})

    def test_digits_that_lend(self) -> None:
        for _ in self.kinds():
            for name, wide in self.wides.items():
                for to in (1, -1) if wide.divisors else ():
                    found = self.refused(cheating(lending(name, to)), Lent)
                    last = place_of(self.net, f"1.{name}.d{len(wide.divisors) - 1}")
                    self.assertEqual(found, {last}, (name, to))

    def test_an_inverse_of_no_row(self) -> None:
        for _ in self.kinds():
            cells = Witness(self.net).cells
            for k in range(len(self.wides["inverse"].radices)):
                name = f"1.inverse.d{k}"
                operands = [[names_of(f) for f in p.operands] for p in self.relation.pointwise]
                (check,) = [i for i, found in enumerate(operands) if {name} in found]
                wrong = altered(self.sheet, cells, name, (0, 0, 0, 3), 5)
                self.assertEqual(refusing(self.relation, wrong), {f"pointwise {check}.{k}"})

    def test_what_the_last_digit_is_of(self) -> None:
        # A place of padding in a stack is looked up as the last digit there.
        for _ in self.kinds():
            cells, (*_, stack) = Witness(self.net).cells, self.net.layers[1].norm.stacks
            count = len(stack.digits)
            self.assertTrue(stack.short and count & (count - 1))
            for value, expected in ((2**7 - 1, set()), (2**7, {f"1.digits_short {count}"})):
                key = "1.digits_short", (count, 0, 0, 0, 0)
                self.assertEqual(refusing(self.relation, cells | {key: value}), expected)

    def test_scales(self) -> None:
        self.compile(*SCALED)
        self.assertEqual(self.refused(Step), set())
        for name in ("1.z", "0.g", "1.w.update", "1.b.update"):
            expected = zero_of if name == "1.b.update" else product_of
            kind = type("Of", (Scaling,), {"where": name})
            with self.subTest(name):
                self.assertEqual(self.refused(kind), {expected(name, self.relation)})




if __name__ == "__main__":
    unittest.main()
