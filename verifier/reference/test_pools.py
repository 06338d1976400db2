"""Every constraint of a pool refuses a step that only it refuses."""

import random
import unittest
from itertools import product

from networks import convolution, largest, linear, mean, network, with_pools
from test_step import batch
from test_witness import Witness, broken
from zktrain_reference.compiler import compile_training
from zktrain_reference.network import Network, Rounding
from zktrain_reference.relation import Form, Relation
from zktrain_reference.step import Row, Step

# One sample, one step: what is altered is altered everywhere.
ONCE = {"batch": 1, "steps": 1, "loss": "mse"}


def reading(*numbers: int):
    """Batches of one sample with these numbers."""
    return lambda net, seed: ([list(numbers)], batch(net, seed)[1])


def compiled(layers, image: list[int]) -> tuple[Network, Relation]:
    """A network and its relation."""
    net = network(layers, image=image, **ONCE)
    return net, compile_training(net)[0]


def names_of(form: Form) -> set[str]:
    """The tensors of a form."""
    return {term.tensor.name for term in form.terms if term.tensor}


def checked(tensors: str, relation: Relation) -> int:
    """The number of the first pointwise check whose first operands are these tensors."""
    wanted = [{name} for name in tensors.split()]
    operands = ([names_of(form) for form in p.operands] for p in relation.pointwise)
    return next(i for i, found in enumerate(operands) if found[: len(wanted)] == wanted)


def looked_up(tensors: str, relation: Relation) -> int:
    """The number of the first lookup of a key of these tensors."""
    keys = (names_of(lookup.key) for lookup in relation.lookups)
    return next(i for i, found in enumerate(keys) if found == set(tensors.split()))


def refusing(relation: Relation, cells) -> set[str]:
    """The constraints that do not hold, without the positions."""
    return {found.split(" at ")[0] for found in broken(relation, cells)}


class Last(Step):
    """Takes the last of the largest."""

    def choose(self, window: list[int], row: Row) -> int:
        return max(reversed(window), key=lambda m: row[m])


class Smallest(Step):
    """Takes the smallest."""

    def choose(self, window: list[int], row: Row) -> int:
        return min(window, key=lambda m: row[m])


class OneMore(Step):
    """Puts out one more than the largest."""

    def wide(self, i: int, row: Row) -> Row:
        wide = super().wide(i, row)
        return [x + 1 for x in wide] if self.network.layers[i].largest else wide


class Nothing(Step):
    """Puts out zero in place of the largest."""

    def wide(self, i: int, row: Row) -> Row:
        wide = super().wide(i, row)
        return [0 for _ in wide] if self.network.layers[i].largest else wide


class Elsewhere(Step):
    """Sends the gradient of the largest to another number of the image."""

    def sends(self, i: int, error: Row, sample: int):
        sent = list(super().sends(i, error, sample))
        if not self.network.layers[i].largest:
            return sent
        return [((m + 1) % self.network.layers[i].image.numbers, x) for m, x in sent]


class Largest(unittest.TestCase):
    """Pools of the largest; chosen is at (channel, step, sample, i, u, j, v)."""

    def refuses(self, expected: str, relation: Relation, cells) -> None:
        self.assertEqual(refusing(relation, cells), {expected})

    def test_a_number_that_is_not_the_largest(self) -> None:
        net, relation = compiled([largest(2), linear(2)], [2, 2, 1])
        lookup = f"lookup {looked_up('0.z inputs 0.chosen', relation)}"
        for numbers in ((1, 2, 3, 4), (4, 3, 2, 1), (-1, -3, 0, -2)):
            with self.subTest(numbers):
                cells = Witness(net, batches=reading(*numbers)).cells
                self.assertEqual(refusing(relation, cells), set())
                cells = Witness(net, Smallest, reading(*numbers)).cells
                self.refuses(lookup, relation, cells)

    def test_another_one_than_the_first_of_the_largest(self) -> None:
        net, relation = compiled([largest(2), linear(2)], [2, 2, 1])
        lookup = f"lookup {looked_up('0.z inputs 0.chosen', relation)}"
        for numbers in ((7, 7, 1, 2), (7, 1, 7, 2), (1, 7, 7, 2), (1, 2, 7, 7)):
            with self.subTest(numbers):
                cells = Witness(net, Last, reading(*numbers)).cells
                self.refuses(lookup, relation, cells)

    def test_a_choice_that_is_no_bit(self) -> None:
        net, relation = compiled([largest(2), linear(2)], [2, 2, 1])
        check = checked("0.chosen 0.z inputs", relation)
        cells = Witness(net, batches=reading(7, 7, 7, 7)).cells
        first, second = (0, 0, 0, 0, 0, 0, 0), (0, 0, 0, 0, 0, 0, 1)
        cells |= {("0.chosen", first): 2, ("0.chosen", second): -1}
        self.refuses(f"pointwise {check}.0", relation, cells)

    def test_another_number_than_the_chosen_one(self) -> None:
        net, relation = compiled([largest(2), linear(2)], [2, 2, 1])
        check = checked("0.chosen 0.z inputs", relation)
        cells = Witness(net, batches=reading(1, 2, 3, 4)).cells
        cells |= {("0.chosen", (0, 0, 0, 0, 1, 0, 1)): 0, ("0.chosen", (0, 0, 0, 0, 0, 0, 1)): 1}
        self.refuses(f"pointwise {check}.1", relation, cells)

    def test_none_chosen_or_two(self) -> None:
        net, relation = compiled([largest(2), linear(2)], [2, 2, 1])
        cells = Witness(net, OneMore, reading(1, 2, 3, 4)).cells
        self.refuses("zero 0", relation, cells | {("0.chosen", (0, 0, 0, 0, 1, 0, 1)): 0})
        cells = Witness(net, batches=reading(1, 2, 4, 4)).cells
        self.refuses("zero 0", relation, cells | {("0.chosen", (0, 0, 0, 0, 1, 0, 1)): 1})

    def test_a_place_beyond_the_window(self) -> None:
        net, relation = compiled([largest(3), linear(2)], [3, 3, 1])
        check = checked("0.chosen 0.z inputs", relation)
        cells = Witness(net, batches=reading(*range(-9, 0))).cells
        self.assertEqual(refusing(relation, cells), set())
        cells = Witness(net, Nothing, reading(*range(-9, 0))).cells
        cells.pop(("0.chosen", (0, 0, 0, 0, 2, 0, 2)))
        for place in ((3, 0, 0), (0, 0, 3), (3, 0, 3)):
            with self.subTest(place):
                beyond = cells | {("0.chosen", (0, 0, 0, 0, *place)): 1}
                self.refuses(f"pointwise {check}.2", relation, beyond)

    def test_a_gradient_elsewhere(self) -> None:
        net, relation = compiled([convolution(1, 1), largest(2), linear(2)], [2, 2, 1])
        check = checked("1.chosen 1.g 0.g", relation)
        cells = Witness(net, Elsewhere, reading(90, 20, 30, -40)).cells
        self.refuses(f"pointwise {check}.0", relation, cells)

    def test_a_gradient_beyond_the_image(self) -> None:
        layers = [convolution(1, 1, bias=False), largest(2), linear(2)]
        net, relation = compiled(layers, [6, 2, 1])
        check = checked("0.g", relation)
        cells = Witness(net).cells | {("0.g", (0, 0, 0, 6, 1)): 5}
        self.refuses(f"pointwise {check}.0", relation, cells)

    def test_an_output_beyond_the_image(self) -> None:
        layers = [largest(2), convolution(1, 1, bias=False), linear(2)]
        net, relation = compiled(layers, [6, 2, 1])
        check = checked("0.z", relation)
        cells = Witness(net).cells | {("0.z", (0, 0, 0, 3, 0)): 5}
        self.refuses(f"pointwise {check}.0", relation, cells)


class Shifted(Step):
    """X of means is 2^16 more."""

    def wide(self, i: int, row: Row) -> Row:
        wide = super().wide(i, row)
        return [x + 2**16 for x in wide] if self.network.layers[i].kind == "avg_pool2d" else wide


class Doubled(Step):
    """What means send back is doubled."""

    def sends(self, i: int, error: Row, sample: int):
        factor = 1 + (self.network.layers[i].kind == "avg_pool2d")
        return [(m, factor * x) for m, x in super().sends(i, error, sample)]


def rounding_off(name: str, by: int, beyond: int) -> type[Step]:
    """Steps that put so much of one rounding's X elsewhere: to the quotient, and to the excess;
    what is left to the remainder."""

    class Rounded(Step):
        """Rounds otherwise."""

        def round(self, found: str, values: Row, rounding: Rounding) -> Row:
            quotients = super().round(found, values, rounding)
            if found != name:
                return quotients
            rounded = self.trace[found][-1]
            rest = (by + beyond) << rounding.shift
            self.trace[found][-1] = [(q + by, r - rest, e + beyond) for q, r, e in rounded]
            return [q + by for q in quotients]

    return Rounded


NINTHS = [convolution(1, 1, bias=False), mean(kernel=3), linear(2)]


class Means(unittest.TestCase):
    """Pools of means."""

    def refuses(self, expected: set[str], net: Network, kind: type[Step], *numbers: int) -> None:
        relation, _ = compile_training(net)
        cells = Witness(net, batches=reading(*numbers)).cells
        self.assertEqual(refusing(relation, cells), set())
        cells = Witness(net, kind, reading(*numbers)).cells
        self.assertEqual(refusing(relation, cells), expected)

    def test_sums_and_what_is_sent_back(self) -> None:
        net, relation = compiled(NINTHS, [3, 3, 1])
        wide = [{t.tensor.name for t in p.out.terms} for p in relation.products]
        forward, backward = wide.index({"1.z", "1.z.r0", "1.z.high0", "1.z.low0"}), 1
        self.assertIn("0.g", wide[backward])
        for kind, number in ((Shifted, forward), (Doubled, backward)):
            with self.subTest(kind):
                self.refuses({f"product {number}"}, net, kind, *range(9))

    def test_remainders(self) -> None:
        net, relation = compiled(NINTHS, [3, 3, 1])
        for name in ("1.z", "0.g"):
            lookup = f"lookup {looked_up(f'{name}.r0', relation)}"
            for by in (1, -1):
                with self.subTest(name, by=by):
                    self.refuses({lookup}, net, rounding_off(name, by, 0), *range(9))

    def test_what_does_not_fit(self) -> None:
        # Nine times 7282 is more than 2^16: a mean of the largest inputs is larger than they are.
        net, relation = compiled([mean(kernel=3), linear(2)], [3, 3, 1])
        lookup = {f"lookup {looked_up('0.z', relation)}"}
        check = checked("0.z 0.z.high0 0.z.low0", relation)
        high, low = {f"pointwise {check}.0"}, {f"pointwise {check}.1"}
        cases = (
            (32767, 1, -1, lookup), (32767, -1, 1, high),
            (-32768, -1, 1, lookup), (-32768, 1, -1, low), (5, -1, 1, high), (5, 1, -1, low),
        )  # fmt: skip
        for number, by, beyond, expected in cases:
            with self.subTest(number, by=by):
                kind = rounding_off("0.z", by, beyond)
                self.refuses(expected, net, kind, *[number] * 9)

    def test_an_excess_that_is_no_limb(self) -> None:
        net, relation = compiled([mean(kernel=3), linear(2)], [3, 3, 1])
        cells = Witness(net, batches=reading(*[32767] * 9)).cells
        for limb in ("0.z.high0", "0.z.low0"):
            lookup = f"lookup {looked_up(limb, relation)}"
            for value in (-1, 2**16):
                with self.subTest(limb, value=value):
                    altered = cells | {(limb, (0, 0, 0, 0, 0)): value}
                    self.assertIn(lookup, refusing(relation, altered))


class Random(unittest.TestCase):
    """Networks with pools."""

    def test_steps_satisfy_the_relation_and_no_cell_is_free(self) -> None:
        draw = random.Random(1)
        for seed in range(8):
            layers, options = with_pools(seed)
            net = network(layers, **(options | ONCE))
            relation, sheet = compile_training(net)
            cells = Witness(net).cells
            self.assertEqual(broken(relation, cells)[:3], [], layers)
            pools = [i for i, layer in enumerate(net.layers) if layer.pool]
            names = [f"{i}." for i in pools] + [f"{i - 1}.g" for i in pools if i]
            for tensor in list(sheet.tensors.values()):
                if tensor.name.startswith(tuple(names)):
                    padded = [range(1 << (size - 1).bit_length()) for size in tensor.sizes]
                    place = draw.choice(list(product(*padded)))
                    key = tensor.name, place
                    altered = cells | {key: cells.get(key, 0) + draw.choice((1, -1))}
                    with self.subTest(seed, cell=key):
                        self.assertNotEqual(broken(relation, altered), [])


if __name__ == "__main__":
    unittest.main()
