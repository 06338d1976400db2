"""Small weight decays: the update's shift, what follows from it, and what is refused."""

import unittest
from itertools import product

from networks import linear, manifest, network
from small_decays import CASES, FLAT, NINETEEN, batches_of, formulas, small
from test_norm_constraints import altered, product_of, refusing, value_of, zero_of
from test_pools import names_of
from test_step import drawn, zeros
from test_witness import Cells, Witness, broken
from weighted_networks import WEIGHTED
from zktrain_reference.compiler import compile_training
from zktrain_reference.errors import Rejected
from zktrain_reference.field import R
from zktrain_reference.manifest import Manifest
from zktrain_reference.network import Network, derive
from zktrain_reference.scaling import scaled
from zktrain_reference.step import Step
from zktrain_reference.tensors import part_names
from zktrain_reference.update_shift import nearest, update_shift

ONE = 2.0**-30


class Shifts(unittest.TestCase):
    """The shift of a learning rate and a decay."""

    def test_by_hand(self) -> None:
        for rate, decay, shift, multiplier in (
            (0.5, 0.0, 16, 0), (0.5, -0.0, 16, 0),
            # 327.68 parts of 2^16, and one.
            (0.5, 0.01, 16, 328), (1.0, 2.0**-16, 16, 1),
            # Half a part is rounded up, to twice as much.
            (0.5, 2.0**-16, 17, 1),
            # 0.65536, 1.31, 2.62, then 5.24 parts.
            (0.1, 1e-4, 19, 5),
            # Of 2^19 it would be 0.52 parts; of 2^20 1.05.
            (0.01, 1e-4, 20, 1),
            # 3.28 parts and 6.55 are changed by a twelfth and a fifteenth.
            (0.1, 5e-4, 18, 13),
            # 10.74 parts of 2^30; the 5.37 before are changed by 0.07.
            (1e-3, 1e-5, 30, 11),
            # One part of the most, and what is near to it.
            (1.0, ONE, 30, 1), (1.0, 0.942 * ONE, 30, 1), (1.0, 1.066 * ONE, 30, 1),
        ):  # fmt: skip
            with self.subTest(rate=rate, decay=decay):
                self.assertEqual(update_shift(6, rate, decay), shift)
                self.assertEqual(scaled(rate * decay, shift), multiplier)

    def test_a_sixteenth(self) -> None:
        # A part is one to within a sixteenth from 16/17 = 0.94118 to 16/15 = 1.06667. Beyond these
        # ends two, four and eight parts have the same fault below; above, eight have become nine.
        for parts, shift, multiplier in (
            (0.9412, 16, 1), (0.9411, 20, 15), (1.0666, 16, 1), (1.0667, 19, 9),
        ):  # fmt: skip
            with self.subTest(parts):
                self.assertEqual(update_shift(6, 1.0, parts * 2.0**-16), shift)
                self.assertEqual(scaled(parts * 2.0**-16, shift), multiplier)

    def test_versions(self) -> None:
        for version in range(1, 6):
            self.assertEqual(update_shift(version, 0.5, 0.01), 16)
            with self.subTest(version), self.assertRaisesRegex(Rejected, "19 bits needs version 6"):
                update_shift(version, 0.1, 1e-4)

    def test_the_nearest(self) -> None:
        for rate, decay, parts in (
            (1.0, 0.94 * ONE, 1), (1.0, 1e-20, 1), (1.0, 5e-324, 1), (1.0, 1.07 * ONE, 1),
            (1.0, 1.49 * ONE, 1), (1.0, 1.5 * ONE, 2), (1.0, 2.2 * ONE, 2), (1.0, 2.6 * ONE, 3),
            (1.0, 7.5 * ONE, 8), (0.1, 1e-9, 1), (1000.0, 1e-14, 1),
            # Two parts would be a decay above 1.
            (1e-9, 1.0, 1), (1.45e-9, 1.0, 1),
            # A product that is zero in double precision.
            (1e-9, 5e-324, 1),
        ):  # fmt: skip
            found = nearest(rate, decay)
            with self.subTest(rate=rate, decay=decay):
                self.assertEqual(found, parts / (rate * 2.0**30))
                self.assertLessEqual(found, 1)
                with self.assertRaises(Rejected) as refused:
                    update_shift(6, rate, decay)
                self.assertIn(f"weight_decay: no shift holds it; the nearest is {found!r}",
                              str(refused.exception))  # fmt: skip
                # In all versions, as it is said first.
                with self.assertRaisesRegex(Rejected, "no shift holds it"):
                    update_shift(5, rate, decay)
                self.assertIsNotNone(update_shift(6, rate, found))


class Multipliers(unittest.TestCase):
    """What follows from the shift."""

    def test_multipliers_and_bounds(self) -> None:
        net = network(FLAT, inputs=3, momentum=0.5, **NINETEEN)
        first, second = net.layers
        self.assertEqual((net.mu, net.decay), (2**18, 5))
        # A rate of 0.05 for each of two labels; gradients have 16 bits, and 20.
        self.assertEqual((first.eta, second.eta), (410, 26))
        self.assertEqual((first.update.shift, second.update.shift), (19, 19))
        # Parameters have 18 bits: 2^12 and four steps of 2^15.
        most = 2**18 * 2**15 + 26 * 2 * (2**15 - 1) * 2**14 + 5 * 2**18
        self.assertEqual((second.update.least, second.update.most), (-most, most))
        self.assertEqual(part_names("", second.update), [".r0", ".r1", ".high0", ".low0"])

    def test_clipping(self) -> None:
        net = network(FLAT, inputs=3, clip=0.25, **NINETEEN)
        self.assertEqual([layer.eta for layer in net.layers], [3277, 3277])
        # The bound of a clipped gradient and its shift are what they were.
        self.assertEqual([layer.clip.high for layer in net.layers], [2**12, 2**12])
        self.assertEqual([layer.clip.shift for layer in net.layers], [3, 7])
        self.assertEqual(net.layers[0].update.most, 3277 * 2**12 + 5 * 2**18)

    def test_momentum(self) -> None:
        for momentum, mu in ((2.0**-18, 2), (2.0**-20, 1)):
            options = NINETEEN | {"momentum": momentum}
            text = manifest(FLAT, inputs=3, **options).replace("mu = 0", f"mu = {mu}")
            self.assertEqual(derive(Manifest(text)).mu, mu)
        for shift, decay, momentum in ((16, 0.01, 2.0**-18), (19, 1e-4, 2.0**-21)):
            options = NINETEEN | {"shift": shift, "decay": decay, "momentum": momentum}
            with self.assertRaisesRegex(Rejected, "optimizer.momentum: rounds to zero"):
                network([linear(2)], inputs=3, **options)

    def test_running_statistics_keep_their_shift(self) -> None:
        net = small("norms and a scale")
        shifts = [layer.update.shift for layer in net.layers if layer.update]
        self.assertEqual(shifts, [19] * 4)
        self.assertEqual(net.layers[1].norm.statistics.shift, 16)
        names = compile_training(net)[1].tensors
        self.assertIn("1.w.update.r1", names)
        self.assertNotIn("1.s.update.r1", names)


class Refusals(unittest.TestCase):
    """Of manifests."""

    def refuses(self, reason: str, **options) -> None:
        with self.subTest(reason, options=options), self.assertRaisesRegex(Rejected, reason):
            network([linear(2)], inputs=3, **options)

    def test_versions(self) -> None:
        network([linear(2)], inputs=3, **NINETEEN)
        for version in range(1, 6):
            old = NINETEEN | {"version": version}
            self.refuses("weight_decay: a shift of 19 bits needs version 6", **old)
            # Nor with what other shifts would make of it.
            self.refuses("needs version 6", **old | {"shift": 16})

    def test_no_shift(self) -> None:
        options = {"version": 6, "rate": 1e-3, "decay": 1e-6, "shift": 30}
        self.refuses("weight_decay: no shift holds it; the nearest is 9.3132257461547", **options)
        network([linear(2)], inputs=3, **options | {"decay": 9.3132e-7})

    def test_multipliers_of_another_shift(self) -> None:
        for shift in (16, 18, 20):
            other = NINETEEN | {"momentum": 0.5, "shift": shift}
            self.refuses(f"quantization.mu: {2**shift // 2} is recorded, {2**18} follows", **other)
            self.refuses("quantization.lambda: .*, 5 follows", **other | {"momentum": 0.0})
        source = manifest([linear(2)], inputs=3, **NINETEEN)
        for other in ("3", "25", "27", "205"):
            edited = source.replace("eta = 26", f"eta = {other}")
            with self.assertRaisesRegex(Rejected, f"eta: {other} is recorded, 26 follows"):
                derive(Manifest(edited))

    def test_a_rate_that_is_too_fine(self) -> None:
        # A rate of 1000, of one label: 2^20 times that for gradients of 20 bits. Clipped ones have
        # 13 bits, and 2^27 times 1000 is too much, where 2^13 times 1000 is not.
        every = {"version": 6, "rate": 1000.0, "batch": 1}
        network([linear(2)], inputs=3, **every, clip=0.5)
        every |= {"decay": 1e-11, "shift": 30}
        network([linear(2)], inputs=3, **every)
        self.refuses("eta: .* is not in 1 … 2.31", **every, clip=0.5)


class Steps(unittest.TestCase):
    """Steps of small networks."""

    def test_a_decay_by_hand(self) -> None:
        # Labels have no weight, so the decay alone moves parameters, by 5 parts of 2^19.
        net = network([linear(3, bias=False)], inputs=2, steps=1, **NINETEEN, **self.weighted())
        step = Step(net, [[[2**17, 100, -100], [-(2**17), 52428, 52429]]], [zeros(net.layers[0])])
        step.run([[0, 0]] * 2, [[0, 0, 0]] * 2)
        rests = [[2**17, 500, -500], [-(2**17), 262140, 262145 - 2**19]]
        moved = [[1, 0, 0], [-1, 0, 1]]
        expected = [[(q, r, 0) for q, r in zip(*rows)] for rows in zip(moved, rests)]
        self.assertEqual(step.trace["0.update"], expected)
        self.assertEqual(step.weights[0], [[2**17 - 1, 100, -100], [1 - 2**17, 52428, 52428]])

    def weighted(self) -> dict[str, object]:
        """Options of labels with weights but the version."""
        return {"data": WEIGHTED["data"]}

    def test_steps_follow_the_formulas(self) -> None:
        for name, (_, options) in CASES.items():
            net = small(name)
            batch, start = batches_of(net), (drawn(net, 1), drawn(net, 1))
            step, literal = Step(net, *start[0]), formulas(net, options["shift"], *start[1])
            for seed in (2, 3):
                step.run(*batch(net, seed))
                literal.run(*batch(net, seed))
                with self.subTest(name, seed=seed):
                    self.assertEqual(step.weights, literal.weights)
                    self.assertEqual(step.state, literal.state)
                    self.assertNotEqual(step.state[-1], zeros(net.layers[-1]))

    def test_steps_satisfy_the_relation(self) -> None:
        for name in CASES:
            net = small(name)
            relation, sheet = compile_training(net)
            witness = Witness(net, batches=batches_of(net))
            with self.subTest(name):
                for tensor, at in witness.cells:
                    sizes = sheet.tensors[tensor].sizes
                    self.assertTrue(all(x < n for x, n in zip(at, sizes, strict=True)), tensor)
                self.assertEqual(broken(relation, witness.cells)[:3], [])


class Remainders(unittest.TestCase):
    """Each constraint of an update's remainder refuses a step that only it refuses."""

    def setUp(self) -> None:
        self.net = small("flat", steps=1)
        self.compile(self.net)

    def compile(self, net: Network) -> None:
        self.relation, self.sheet = compile_training(net)
        self.cells = Witness(net).cells

    def lookup(self, tensor: str) -> str:
        """The only lookup of this tensor."""
        found = [k for k, of in enumerate(self.relation.lookups) if names_of(of.key) == {tensor}]
        self.assertEqual(len(found), 1, tensor)
        return f"lookup {found[0]}"

    def changed(self, changes: dict[str, tuple[tuple[int, ...], int]]) -> set[str]:
        """What refuses tensors of which a cell is so much more."""
        cells: Cells = self.cells
        for name, (at, by) in changes.items():
            cells = altered(self.sheet, cells, name, at, value_of(self.sheet, cells, name, at) + by)
        return refusing(self.relation, cells)

    def updates(self):
        """Of weights and biases of both layers the name, and a place in the trace and in δ."""
        for i, outputs in ((0, 2), (1, 3)):
            for o in range(outputs):
                yield f"{i}.w.update", (1, 0, o), (0, 1, o)
                yield f"{i}.b.update", (o, 0), (0, o)

    def test_the_lower_part(self) -> None:
        # 2^(s − 16) of it are one of the upper part, so the remainder is the same.
        self.assertEqual(refusing(self.relation, self.cells), set())
        for (name, at, _), to in product(self.updates(), (1, -1)):
            parts = {f"{name}.r0": (at, 8 * to), f"{name}.r1": (at, -to)}
            with self.subTest(name, to=to):
                self.assertEqual(self.changed(parts), {self.lookup(f"{name}.r0")})

    def test_the_upper_part(self) -> None:
        # 2^16 of it are one of the quotient.
        for (name, at, of), to in product(self.updates(), (1, -1)):
            parts = {f"{name}.r1": (at, to << 16), name: (of, -to)}
            with self.subTest(name, to=to):
                self.assertEqual(self.changed(parts), {self.lookup(f"{name}.r1")})

    def equation(self, name: str) -> str:
        """What says that an update is the product's quotient."""
        found = product_of if ".w." in name else zero_of
        return found(f"{name}.r1", self.relation)

    def test_another_remainder(self) -> None:
        for name, at, of in self.updates():
            for part, at_part in ((f"{name}.r0", at), (f"{name}.r1", at), (name, of)):
                now = value_of(self.sheet, self.cells, part, at_part)
                with self.subTest(part):
                    by = 1 - 2 * (now & 1)
                    found = self.changed({part: (at_part, by)})
                    self.assertEqual(found, {self.equation(name)})

    def test_fractions_of_the_lower_part(self) -> None:
        # Its range takes them, as it is looked up times 2^13; the equation does not. Were the upper
        # part scaled instead, it would take fractions of 2^16.
        for numerator in (1, 4095):
            part = numerator * pow(2**13, -1, R) % R
            for name, at, _ in self.updates():
                with self.subTest(name):
                    found = self.changed({f"{name}.r0": (at, part)})
                    self.assertEqual(found, {self.equation(name)})

    def test_with_clipping(self) -> None:
        self.compile(network(FLAT, inputs=3, steps=1, clip=0.25, **NINETEEN))
        for (name, at, of), to in product(self.updates(), (1, -1)):
            equation = zero_of(f"{name}.r1 {name.replace('update', 'clip')}", self.relation)
            with self.subTest(name, to=to):
                lower = {f"{name}.r0": (at, 8 * to), f"{name}.r1": (at, -to)}
                self.assertEqual(self.changed(lower), {self.lookup(f"{name}.r0")})
                upper = {f"{name}.r1": (at, to << 16), name: (of, -to)}
                self.assertEqual(self.changed(upper), {self.lookup(f"{name}.r1")})
                found = self.changed({f"{name}.r1": (at, 1)})
                self.assertEqual(found, {equation})


if __name__ == "__main__":
    unittest.main()
