"""Each constraint of attention and positions refuses a step that only it refuses."""

import random
import unittest
from collections.abc import Iterator
from dataclasses import astuple
from itertools import product

from attention_networks import block, with_attention
from networks import add, convolution, linear, mixed, network, placed
from test_norm_constraints import altered, place_of, product_of, refusing, value_of, zero_of
from test_pools import checked, looked_up, reading, rounding_off
from test_step import batch, zeros
from test_witness import Witness, broken, cell_of
from zktrain_reference.attention import Attention
from zktrain_reference.compiler import compile_training
from zktrain_reference.network import Network, Rounding
from zktrain_reference.shares import Row, Shares
from zktrain_reference.step import Matrix, Step, values_of
from zktrain_reference.tensors import shares_table

OPTIONS = {"image": [4, 1, 1], "version": 5, "batch": 2, "steps": 1, "loss": "mse"}
# What is taken, queries, keys that are values, scores, shares, what is put out.
FULL = [convolution(4, 1), *block(2, 4), linear(2)]
CAUSAL = [convolution(4, 1), *block(2, 4, causal=True), linear(2)]


def cheating(kind: type[Shares]) -> type[Step]:
    """Steps whose softmaxes are of this kind."""

    class Cheating(Step):
        """Measures otherwise."""

        def measure_shares(self, i: int, rows: Matrix) -> Shares:
            layer = self.network.layers[i]
            return kind(layer, values_of(shares_table(layer)), rows)

    return Cheating


class Higher(Shares):
    """The largest number is more than it is, where that leaves enough terms for their sum."""

    def choose(self, numbers: Row, count: int) -> tuple[int, int]:
        first, most = super().choose(numbers, count)
        return first, most + (count == len(numbers))


class Lower(Shares):
    """The smallest number is called the largest."""

    def choose(self, numbers: Row, count: int) -> tuple[int, int]:
        least = min(numbers[:count])
        return numbers.index(least), least


class Later(Shares):
    """The largest number may be one of a later position, where there are enough terms."""

    def choose(self, numbers: Row, count: int) -> tuple[int, int]:
        return super().choose(numbers, len(numbers) if count > 1 else count)


class Farther(Shares):
    """Other numbers are farther below the largest."""

    def distance(self, most: int, number: int) -> int:
        return super().distance(most, number) + (most != number)


class Counted(Shares):
    """Of a pair that does not count there is a distance, and a term, where there are enough."""

    off = 0, 0

    def other(self, count: int) -> tuple[int, int]:
        return self.off if count > 1 else (0, 0)


class Greater(Shares):
    """Terms are more."""

    def term(self, below: int) -> int:
        return super().term(below) + 1


class Moved(Shares):
    """What an inverse leaves is more, and less is missing, or the other way round."""

    def invert(self, total: int, more: int = 0) -> None:
        super().invert(total, more)
        low, high = self.wides["inverse_low"], self.wides["inverse_high"]
        by = 1 if high[-1] else -1
        low[-1], high[-1] = low[-1] + by, high[-1] - by


def inverting(more: int) -> type[Shares]:
    """Rows whose inverse is so much more; what is left fits it."""

    class Inverting(Shares):
        """Adds to it."""

        def invert(self, total: int, _: int = 0) -> None:
            # The inverse of the least sum has no digit to spare.
            super().invert(total, more * (total > 2**14))

    return Inverting


class Louder(Shares):
    """Shares are more."""

    def wide(self, sample: int) -> Row:
        return [x + 2**20 for x in super().wide(sample)]


class Sending(Shares):
    """What is sent back is more."""

    def sent(self, shares: Row, error: Row, means: Row) -> Row:
        return [x + 2**20 for x in super().sent(shares, error, means)]


class Meaner(Shares):
    """Means are more."""

    def means(self, shares: Row, error: Row) -> Row:
        return [x + 2**15 for x in super().means(shares, error)]


class Interleaved(Attention):
    """Heads have every second channel."""

    def channel(self, position: int, head: int, e: int) -> int:
        return (position * self.size + e) * self.heads + head


class Shuffled(Step):
    """Scores are those of such heads."""

    def attend(self, i: int, row: Row, *other: Row) -> Row:
        layer = self.network.layers[i]
        if not layer.scored:
            return super().attend(i, row, *other)
        attention = Interleaved(*astuple(layer.attention))
        return [attention.factor * x for x in attention.scores(row, *other)]


def putting(i: int) -> type[Step]:
    """Steps in which layer i puts out more."""

    class Putting(Step):
        """Adds to it."""

        def wide(self, k: int, row: Row, *other: Row) -> Row:
            return [x + 2**20 * (k == i) for x in super().wide(k, row, *other)]

    return Putting


def sending(i: int, k: int) -> type[Step]:
    """Steps in which layer k of an attention sends more to layer i."""

    class More(Step):
        """Adds to it."""

        def attended(self, to: int, of: int, error: Row, sample: int) -> Row:
            sent = super().attended(to, of, error, sample)
            return [x + 2**20 * ((to, of) == (i, k)) for x in sent]

    return More


class Steeper(Step):
    """The gradients of positions are more."""

    def gradient(self, i: int, read: Matrix, errors: Matrix) -> Matrix:
        more = 2**4 if self.network.layers[i].placed else 0
        return [[x + more for x in row] for row in super().gradient(i, read, errors)]


class Small(Step):
    """Parameters are small, and what is sent back is too."""

    def __init__(self, net: Network, weights: list[Matrix], state: list[Matrix]) -> None:
        small = [[[w // 8 for w in row] for row in matrix] for matrix in weights]
        super().__init__(net, small, state)


class Grand(Step):
    """What is sent to the shares is as large as it can be."""

    def __init__(self, net: Network, *_: object) -> None:
        weights = [[[1024] * layer.outputs] * layer.parameters for layer in net.layers]
        weights[-1] = [[120000] * net.outputs] * net.layers[-1].parameters
        super().__init__(net, weights, [zeros(layer) for layer in net.layers])


class Unbounded(Grand):
    """A mean of more than 16 bits is what it is."""

    def round(self, name: str, values: Row, rounding: Rounding) -> Row:
        quotients = super().round(name, values, rounding)
        if not name.endswith(".mean"):
            return quotients
        self.trace[name][-1] = [(q + e, r, 0) for q, r, e in self.trace[name][-1]]
        return [q for q, _, _ in self.trace[name][-1]]


def alike(net: Network, seed: int) -> tuple[Matrix, Matrix]:
    """Batches of samples whose positions are the same."""
    rows, labels = batch(net, seed)
    return [[row[0]] * len(row) for row in rows], labels


def quiet(net: Network, seed: int) -> tuple[Matrix, Matrix]:
    """Batches of small numbers."""
    rows, labels = batch(net, seed)
    return [[x // 50 for x in row] for row in rows], labels


class Constraints(unittest.TestCase):
    """Of one attention."""

    def compile(self, layers) -> None:
        self.net = network(layers, **OPTIONS)
        self.relation, self.sheet = compile_training(self.net)
        self.pairs = f"pointwise {checked('4.at_max 4.max', self.relation)}"

    def both(self) -> Iterator[None]:
        """The full one, then the causal one."""
        for layers in (FULL, CAUSAL):
            self.compile(layers)
            yield

    def refused(self, kind: type[Step], **options) -> set[str]:
        return refusing(self.relation, Witness(self.net, kind, **options).cells)

    def of(self, kind: type[Shares], **options) -> set[str]:
        return self.refused(cheating(kind), **options)

    @property
    def exp(self) -> str:
        """The lookup of terms."""
        (found,) = [
            k for k, lookup in enumerate(self.relation.lookups)
            if lookup.value and "4.e" in {t.tensor.name for t in lookup.value.terms if t.tensor}
        ]  # fmt: skip
        return f"lookup {found}"

    def test_the_largest(self) -> None:
        for _ in self.both():
            self.assertEqual(self.refused(Step), set())
            self.assertEqual(self.of(Higher, batches=alike), {f"{self.pairs}.1"})
            self.assertEqual(self.of(Lower), {self.exp})

    def test_a_choice_that_is_no_bit(self) -> None:
        for _ in self.both():
            cells = Witness(self.net, batches=alike).cells
            self.assertEqual(refusing(self.relation, cells), set())
            for place, value in ((0, 2), (1, -1)):
                cells = altered(self.sheet, cells, "4.at_max", (0, 0, 1, 2, place), value)
            self.assertEqual(refusing(self.relation, cells), {f"{self.pairs}.0"})

    def test_none_chosen_or_two(self) -> None:
        for _ in self.both():
            zero = zero_of("4.at_max", self.relation)
            cells = Witness(self.net, batches=alike).cells
            for place, value in ((0, 0), (1, 1)):
                wrong = altered(self.sheet, cells, "4.at_max", (0, 0, 1, 2, place), value)
                self.assertEqual(refusing(self.relation, wrong), {zero})
            cells = Witness(self.net, cheating(Higher), alike).cells
            chosen = [key for key in cells if key[0] == "4.at_max"]
            none = {key: value for key, value in cells.items() if key not in chosen}
            self.assertEqual(refusing(self.relation, none), {zero})

    def test_pairs_that_do_not_count(self) -> None:
        self.compile(CAUSAL)
        # A position's scores with some later ones are larger, but not much.
        self.assertEqual(self.of(Later, batches=quiet), {f"{self.pairs}.2"})
        self.assertEqual(self.of(Farther), {f"{self.pairs}.3"})
        exp = values_of(shares_table(self.net.layers[4]))
        for off, expected in (
            ((1, exp[1] - exp[0]), f"{self.pairs}.3"), ((0, 5), self.exp), ((0, -5), self.exp),
        ):  # fmt: skip
            found = self.of(type("Of", (Counted,), {"off": off}), batches=quiet)
            self.assertEqual(found, {expected}, off)

    def test_terms_and_inverses(self) -> None:
        for _ in self.both():
            self.assertEqual(self.of(Greater), {self.exp})
            product = product_of("4.inverse_low.d0", self.relation)
            self.assertEqual(self.of(Moved), {product})
            for more, name in ((1, "inverse_low"), (-1, "inverse_high")):
                last = len(self.net.layers[4].wides[name].radices) - 1
                wrong = place_of(self.net, f"4.{name}.d{last}")
                self.assertEqual(self.of(inverting(more)), {wrong})
            zero, at = zero_of("4.inverse_high.d0", self.relation), (1, 0, 1, 2, 0)
            cells = Witness(self.net).cells
            for part, expected in (("high", {zero}), ("low", {zero, product})):
                name = f"4.inverse_{part}.d0"
                other = value_of(self.sheet, cells, name, at) ^ 1
                wrong = altered(self.sheet, cells, name, at, other)
                self.assertEqual(refusing(self.relation, wrong), expected)

    def test_digits(self) -> None:
        self.compile(FULL)
        # The number is the same, of digits that are none.
        cells = Witness(self.net).cells
        for name in ("inverse_low", "inverse_high"):
            low, high, at = f"4.{name}.d0", f"4.{name}.d1", (1, 0, 1, 2, 0)
            lent = altered(self.sheet, cells, low, at, value_of(self.sheet, cells, low, at) + 2**16)
            lent = altered(self.sheet, lent, high, at, value_of(self.sheet, cells, high, at) - 1)
            found = refusing(self.relation, lent)
            self.assertIn(place_of(self.net, low), found)
            self.assertLessEqual(found, {place_of(self.net, low), place_of(self.net, high)})

    def test_shares_and_what_a_softmax_sends(self) -> None:
        for _ in self.both():
            for kind, name in ((Louder, "4.z"), (Sending, "3.g"), (Meaner, "4.mean")):
                found = product_of(name, self.relation)
                self.assertEqual(self.of(kind), {found}, name)

    def test_means(self) -> None:
        for _ in self.both():
            lookup = {f"lookup {looked_up('4.mean.r0', self.relation)}"}
            check = f"pointwise {checked('4.mean 4.mean.high0', self.relation)}"
            for by, beyond, expected in (
                (1, 0, lookup), (-1, 0, lookup), (1, -1, {f"{check}.1"}), (-1, 1, {f"{check}.0"}),
            ):  # fmt: skip
                kind = type("Of", (rounding_off("4.mean", by, beyond), Small), {})
                found = self.refused(kind, batches=quiet)
                self.assertEqual(found, expected, (by, beyond))

    def test_a_mean_beyond_the_ends(self) -> None:
        # Two layers send to the shares.
        self.compile([*FULL[:-1], mixed(2, **{"from": 4}), add(5), linear(2)])
        read = reading(*[100] * 4)
        twice = lambda net, seed: ([read(net, seed)[0][0]] * 2, read(net, seed)[1])  # noqa: E731
        cells = Witness(self.net, Grand, twice).cells
        self.assertEqual(refusing(self.relation, cells), set())
        self.assertGreater(cells["4.mean.high0", (0, 0, 0, 0, 0)], 2**14)
        lookup = f"lookup {looked_up('4.mean', self.relation)}"
        self.assertEqual(self.refused(Unbounded, batches=twice), {lookup})

    def test_products(self) -> None:
        for _ in self.both():
            for i in (3, 5):
                found = product_of(f"{i}.z", self.relation)
                self.assertEqual(self.refused(putting(i)), {found})
            for i, k, name in ((1, 3, "1.g"), (2, 3, "2.g"), (4, 5, "4.g"), (2, 5, "2.g1")):
                found = product_of(name, self.relation)
                self.assertEqual(self.refused(sending(i, k)), {found})
            self.assertEqual(self.refused(Shuffled), {product_of("3.z", self.relation)})

    def test_positions(self) -> None:
        for clip in (None, 0.25):
            padded = {"image": [3, 1, 3], "clip": clip}
            self.net = network([placed(), linear(2)], **OPTIONS | padded)
            self.relation, self.sheet = compile_training(self.net)
            self.assertEqual(self.refused(Step), set())
            self.assertEqual(self.refused(putting(0)), {zero_of("0.z", self.relation)})
            gradient = zero_of("0.w.clip 0.g" if clip else "0.w.update.r0", self.relation)
            with self.subTest(clip=clip):
                self.assertEqual(self.refused(Steeper), {gradient})


class Random(unittest.TestCase):
    """Drawn networks."""

    def test_steps_satisfy_the_relation_and_no_cell_is_free(self) -> None:
        draw = random.Random(1)
        for seed in range(8):
            layers, options = with_attention(seed)
            net = network(layers, **(options | {"steps": 1}))
            relation, sheet = compile_training(net)
            cells = Witness(net).cells
            self.assertEqual(broken(relation, cells)[:3], [], layers)
            own = [f"{i}." for i, x in enumerate(net.layers) if x.attention or x.placed]
            found = [t for t in sheet.tensors.values() if t.name.startswith(tuple(own))]
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
