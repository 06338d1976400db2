"""Adam: manifests, rates, bounds, tensors, statements, and steps by hand."""

import math
import random
import struct
import unittest
from itertools import product
from pathlib import Path
from types import SimpleNamespace

from adam_formulas import AdamFormulas, rate_of
from fixtures import STRING
from networks import (
    RELU,
    adam_circuits,
    convolution,
    linear,
    lines,
    manifest,
    mean,
    network,
    norm,
    with_norms,
    with_pools,
    with_rows,
)
from test_graphs import edited
from test_step import Literal, batch, drawn
from zktrain_reference.adam import MOST_GRADIENT, Adam, added, factors, rates, steepness
from zktrain_reference.averages import Moments
from zktrain_reference.circuit import Circuit
from zktrain_reference.compiler import compile_dataset, compile_training
from zktrain_reference.curve import negate, plus, times_generator
from zktrain_reference.errors import Rejected
from zktrain_reference.hashing import keccak256
from zktrain_reference.manifest import Manifest
from zktrain_reference.network import derive
from zktrain_reference.rounding import Rounding
from zktrain_reference.step import Step
from zktrain_reference.tensors import tables_of
from zktrain_reference.training import Key

HERE = Path(__file__).parent
ONE = 2**16
FLAT = {"inputs": 2, "version": 4}
PLAIN = [linear(3, bias=False), RELU, linear(2)]
# Without an image, batch 2, two steps a proof, four in a chain.
TEXT = manifest(PLAIN, adam={}, **FLAT)
STEPPED = {"kind": "step", "every": 2, "factor": 0.5}


def integer(*values: int) -> bytes:
    """Integers of the hash."""
    return struct.pack(f">{len(values)}q", *values)


def real(*values: float) -> bytes:
    """Reals of the hash."""
    return struct.pack(f">{len(values)}d", *values)


def text(value: bytes) -> bytes:
    """A string of the hash."""
    return integer(len(value)) + value


def hashed(adam: dict[str, object] | None, **options) -> bytes:
    """The hash of a manifest with these fields of Adam."""
    return Manifest(manifest(PLAIN, adam=adam, **(FLAT | options))).hash()


class Manifests(unittest.TestCase):
    """What they say, and what follows."""

    def expected(self, *of_kind: bytes) -> bytes:
        """The hash of the plain network with this behind `clip`."""
        absent, alone = 0, [0, 0, 0, 0, 0, 0]
        with_adam = of_kind[0] == integer(1)
        # Eta of gradient sums with 16 and 20 bits, or the bits of what moments are made of.
        scales = [(1, 13, absent, 0)] * 2 if with_adam else [(absent, absent, 2**8), (0, 0, 2**4)]
        return keccak256(
            b"zktrain/manifest/v4\0", integer(4), text(b"small"), integer(2, absent, 0, 3),
            integer(0, 1, 3, 1, 0, *alone), integer(1, absent, absent, *alone),
            integer(0, 1, 2, 1, 1, *alone),
            real(0.5, 0.0, 0.0), integer(absent), *of_kind,
            integer(2, 2, 4), text(b"y"), integer(1, 2), text(b"0"), text(b"1"),
            integer(absent, 1), text(b"x"), integer(2), real(0.0, 1.0), integer(absent),
            integer(1, 6, 6, 10, 12, 0, 0, 2),
            integer(6, absent, 1, 10, *scales[0]), integer(8, absent, absent, *scales[1]),
        )  # fmt: skip

    def test_hash(self) -> None:
        kind, decays = integer(1), real(0.9, 0.999, 1e-8)
        self.assertEqual(hashed(None), self.expected(integer(0)))
        self.assertEqual(hashed({}), self.expected(kind, decays, integer(0)))
        for fields, expected in (
            # Present, kind, warm-up; steps, every, factor.
            ({"kind": "constant"}, integer(1, 0, 0, 0, 0, 0)),
            ({"kind": "linear", "warmup": 3}, integer(1, 1, 3, 0, 0, 0)),
            ({"kind": "cosine", "steps": 9}, integer(1, 2, 0, 1, 9, 0, 0)),
            (STEPPED, integer(1, 3, 0, 0, 1, 2, 1) + real(0.5)),
        ):
            with self.subTest(fields):
                found = hashed({"beta1": 0.5, "epsilon": 0, "schedule": fields})
                decays = real(0.5, 0.999, 0.0)
                self.assertEqual(found, self.expected(kind, decays, expected))

    def test_what_may_be_left_out_is_in_the_hash(self) -> None:
        said = {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}
        self.assertEqual(hashed(said), hashed({}))
        without, constant = hashed({}), hashed({"schedule": {"kind": "constant"}})
        self.assertEqual(hashed({"schedule": {"kind": "constant", "warmup": 0}}), constant)
        # To say what is done anyway is another hash.
        self.assertNotEqual(without, constant)
        linear, steps = {"kind": "linear"}, {"kind": "linear", "steps": 4}
        self.assertNotEqual(hashed({"schedule": linear}), hashed({"schedule": steps}))
        for before, after in (
            ('kind = "adam"\n', 'kind = "sgd"\n'), ('kind = "adam"\n', ""),
        ):  # fmt: skip
            sgd = TEXT.replace("clip_frac = 13\n", "eta = 256\n", 1)
            sgd = sgd.replace("clip_frac = 13\n", "eta = 16\n")
            self.assertEqual(edited(sgd, before, after).hash(), hashed(None))

    def test_network(self) -> None:
        net = derive(Manifest(manifest(PLAIN, adam={"epsilon": 0.001}, **FLAT)))
        first, last = net.layers
        # Sums over two samples, of inputs with 6 and gradients with 10 bits: 16, and 13 are left.
        most = 2 * 2**15 * 2**15
        self.assertEqual(first.clip, Rounding(3, -(2**14 - 1), 2**14 - 1, -most, most))
        self.assertEqual((last.clip.shift, first.update, first.eta), (7, None, 0))
        self.assertEqual((net.adam.first, net.adam.second), (58982, 65470))
        # A thousandth of two samples, with 13 bits, is 16.4.
        self.assertEqual([layer.epsilon for layer in net.layers], [16, 16])
        self.assertEqual([added(e, 4, 13) for e in (0.0, 1e-8, 1.5 / 2**15, 0.5)], [1, 1, 2, 2**14])
        self.assertEqual((network([mean(), linear(2)], image=[2, 2, 1], version=4, adam={})
                          .layers[0].epsilon), None)  # fmt: skip

    def test_refusals(self) -> None:
        schedule = lambda **fields: {"schedule": fields}  # noqa: E731
        cases = (
            ("optimizer.kind: unknown", {}, {"version": 3}),
            ("optimizer.momentum", {}, {"momentum": 0.5}),
            ("optimizer.weight_decay", {}, {"decay": 0.5}),
            ("optimizer.clip", {}, {"clip": 1.0}),
            ("optimizer.kind: expected one of", {"kind": "adamw"}, {}),
            ("optimizer.beta1: -0.1", {"beta1": -0.1}, {}),
            ("optimizer.beta1: 0.99999", {"beta1": 0.99999}, {}),
            ("optimizer.beta2: 0.9998", {"beta2": 0.9998}, {}),
            ("optimizer.epsilon: 1.5", {"epsilon": 1.5}, {}),
            # 1 − beta1 is a unit and a tenth.
            (r"optimizer.beta1 \(1 less it\): rounding", {"beta1": 1 - 1.1 / ONE}, {}),
            ("optimizer.beta2: the square", {"beta1": 0.9, "beta2": 0.8}, {}),
            ("optimizer.beta2: 0.4999", {"beta1": 0, "beta2": 0.4999}, {}),
            (r"clip_frac: with it epsilon is 16385", {"epsilon": 16385 / 2**15}, {"batch": 4}),
            ("schedule.kind: is required", schedule(warmup=1), {}),
            ("schedule.kind: expected", schedule(kind="exponential"), {}),
            ("schedule.rate: unknown", schedule(kind="constant", rate=1.0), {}),
            ("schedule.warmup: 65537", schedule(kind="constant", warmup=65537), {}),
            ("schedule.warmup: as many", schedule(kind="linear", warmup=4), {}),
            ("schedule.warmup: as many", schedule(kind="cosine", warmup=5), {}),
            ("schedule.steps: 4", schedule(kind="linear", warmup=4, steps=4), {}),
            ("schedule.steps: 65537", schedule(kind="cosine", steps=65537), {}),
            ("schedule.steps: a constant", schedule(kind="constant", steps=4), {}),
            ("schedule.steps: a step", schedule(**STEPPED, steps=4), {}),
            ("schedule.every: with", schedule(kind="linear", every=2), {}),
            ("schedule.factor: with", schedule(kind="constant", factor=0.5), {}),
            ("schedule.every: with", schedule(kind="step", factor=0.5), {}),
            ("schedule.factor: with", schedule(kind="step", every=1), {}),
            ("schedule.every: 0", schedule(kind="step", every=0, factor=0.5), {}),
            ("schedule.factor: 0", schedule(kind="step", every=1, factor=0), {}),
            ("schedule.factor: 1.5", schedule(kind="step", every=1, factor=1.5), {}),
            ("the largest rate, 7", {}, {"rate": 7 / 324}),
            ("more than 16 bits", {}, {"rate": 5.85}),
        )
        for reason, adam, options in cases:
            with self.subTest(reason, adam=adam), self.assertRaisesRegex(Rejected, reason):
                derive(Manifest(manifest(PLAIN, adam=adam, **(FLAT | options))))
        sgd, training = manifest(PLAIN, **FLAT), "[training]"
        for name, value in (
            ("beta1", 0.9), ("beta2", 0.9), ("epsilon", 0.1), ("schedule", {"kind": "constant"}),
        ):  # fmt: skip
            said = sgd.replace(training, lines({name: value}) + training)
            reason = f"optimizer.{name}: with adam only"
            with self.subTest(name), self.assertRaisesRegex(Rejected, reason):
                Manifest(said)

    def test_what_is_next_to_it(self) -> None:
        for adam, options in (
            ({"beta1": 0.999, "beta2": 1 - 16 / ONE}, {"rate": 2.0**-9}),
            ({"beta1": 0, "beta2": 0.5}, {}),
            ({"epsilon": 1.0}, {}),
            ({"schedule": {"kind": "constant", "warmup": 5}}, {}),
            ({"schedule": {"kind": "step", "every": 65536, "factor": 1}}, {}),
            ({"schedule": {"kind": "linear", "warmup": 4, "steps": 5}}, {}),
            ({"schedule": {"kind": "cosine", "warmup": 3}}, {}),
            ({}, {"rate": 8 / 324}), ({}, {"rate": 5.8}), ({}, {"momentum": 0.0, "decay": 0.0}),
        ):  # fmt: skip
            with self.subTest(adam, options=options):
                derive(Manifest(manifest(PLAIN, adam=adam, **(FLAT | options))))

    def test_scales(self) -> None:
        # The second layer is a pool, which has no parameters.
        layers = [convolution(1, 1), mean(kernel=2), linear(2)]
        pooled = manifest(layers, image=[2, 2, 1], version=4, adam={})
        said = "clip_frac = 13\n"
        for reason, source, before, after in (
            (r"layers\[0\].eta: with adam", TEXT, said, said + "eta = 1\n"),
            (r"layers\[0\].clip_bound", TEXT, said, said + "clip_bound = 1\n"),
            (r"layers\[0\].clip_frac: with adam", TEXT, said, ""),
            (r"layers\[0\].clip_frac: a shift of -1", TEXT, "clip_frac = 13", "clip_frac = 17"),
            ("quantization.mu", TEXT, "mu = 0", "mu = 1"),
            ("quantization.lambda", TEXT, "lambda = 0", "lambda = 1"),
            (r"layers\[1\].clip_frac: a layer", pooled, "\nz_frac = 6\ngrad_frac = 10\n[",
             "\nz_frac = 6\ngrad_frac = 10\nclip_frac = 13\n["),
        ):  # fmt: skip
            with self.subTest(reason, after=after), self.assertRaisesRegex(Rejected, reason):
                derive(edited(source, before, after))
        same = edited(TEXT, "clip_frac = 13\n", "clip_frac = 13\neta = 0\n")
        self.assertEqual(same.hash(), hashed({}))
        # As fine as the sum is: it is not rounded.
        exact = derive(edited(TEXT, "clip_frac = 13", "clip_frac = 16")).layers[0].clip
        self.assertEqual(exact.shift, 0)


class Rates(unittest.TestCase):
    """Tables of Adam."""

    def test_schedules(self) -> None:
        half, quarter = ONE // 2, ONE // 4
        for schedule, expected in (
            ({"kind": "constant", "warmup": 0}, [ONE] * 6),
            ({"kind": "constant", "warmup": 3}, [ONE // 3, 2 * ONE // 3, ONE, ONE, ONE, ONE]),
            ({"kind": "linear", "warmup": 0}, [ONE * (6 - u) // 6 for u in range(6)]),
            ({"kind": "linear", "warmup": 2, "steps": 4}, [half, ONE, ONE, half, 0, 0]),
            ({"kind": "cosine", "warmup": 1, "steps": 5}, [ONE, ONE, 55938, half, 9598, 0]),
            ({"kind": "cosine", "warmup": 0, "steps": 3}, [ONE, 3 * quarter, quarter, 0, 0, 0]),
            (STEPPED | {"warmup": 1}, [ONE, ONE, ONE, half, half, quarter]),
        ):  # fmt: skip
            with self.subTest(schedule):
                self.assertEqual(list(factors(schedule, 6)), expected)

    def test_rates_follow_the_formula(self) -> None:
        for b1, b2 in ((58982, 65470), (0, 1), (ONE - 1, ONE - 16), (32768, 49152)):
            for schedule in (STEPPED | {"warmup": 7}, {"kind": "cosine", "warmup": 0}):
                found = list(rates(b1, b2, 0.3, schedule, 50, 14))
                shares = [x / ONE for x in factors(schedule, 50)]
                for t, (c, share) in enumerate(zip(found, shares)):
                    exact = rate_of(t, 0.3, b1, b2, 14, share)
                    self.assertLess(abs(c - exact), 0.5 + 1e-6 * exact, (b1, b2, t))

    def test_rates_by_hand(self) -> None:
        # √(1/4)/(1/2) is one; √(7/16)/(3/4) is 0.88192.
        found = list(rates(32768, 49152, 0.5, {"kind": "constant", "warmup": 0}, 2, 10))
        self.assertEqual(found, [512, 452])

    def test_tables(self) -> None:
        net = network(PLAIN, adam={}, max_steps=5, **FLAT)
        self.assertEqual([t.kind for t in tables_of(net)],
                         ["range", "range", "exp", "mean", "rates"])  # fmt: skip
        average, steps = tables_of(net)[3:]
        self.assertEqual((average.bits, steps.bits), (16, 3))
        self.assertEqual(steps.values(), [*net.adam.rates, 0, 0, 0])
        # The share is 6554 of 2^16; ten times it is a little more than one, which is made two.
        values = average.values()
        for d, moved in ((0, 0), (1, 1), (9, 1), (10, 2), (19, 2), (20, 3)):
            self.assertEqual((values[2**15 + d], values[2**15 - d]), (moved, -moved), d)
        self.assertEqual((values[0], values[-1]), (-3277, 3277))
        for count, bits in ((1, 0), (2, 1), (4, 2), (40000, 16)):
            net = network(PLAIN, adam={}, steps=1, max_steps=count, **FLAT)
            self.assertEqual(net.adam.steps.bits, bits)
            self.assertEqual(len(net.adam.steps.values()), 1 << bits)

    def test_means_stay_between_gradients_and_themselves(self) -> None:
        # A mean of which there is an entry needs no range of its own: the next one is nearer.
        for beta1 in (0, 1, 32768, 58982, ONE - 1):
            values = Adam(beta1, ONE - 1, (8,)).mean.values()
            for d, moved in enumerate(values, -(2**15)):
                self.assertTrue(min(0, d) <= moved <= max(0, d), (beta1, d))
                self.assertEqual(moved != 0, d != 0, (beta1, d))


# Decays of both moments: the usual ones, slow ones, a mean that forgets at once or soon, one that
# hardly forgets, and one that forgets as slowly as a root.
DECAYS = (
    (58982, 65470), (62259, 65520), (0, 32768), (32768, 49152), (65470, 65520), (58982, 53100),
)  # fmt: skip


class Means(unittest.TestCase):
    """How large a mean can be, and how soon it is nothing."""

    def test_no_update_saturates(self) -> None:
        for (beta1, beta2), epsilon in zip(DECAYS, (1, 33, 1, 2, 1, 1), strict=True):
            adam = Adam(beta1, beta2, (8,))
            for history in self.histories(adam):
                now = Moments()
                for g in history:
                    now = now.averaged(adam, g)
                    self.check(adam, now, epsilon)

    def check(self, adam: Adam, now: Moments, epsilon: int) -> None:
        """A mean is at most K roots, whatever is added to them, and an update fits."""
        bound, divisor = steepness(adam.first, adam.second), now.root + epsilon
        self.assertLess(abs(now.mean), bound * (now.root + 1), adam)
        self.assertLess(now.root, 2**14)
        delta, rest = now.step(8, epsilon)
        self.assertLessEqual(abs(delta), 8 * bound + 1)
        self.assertTrue(0 <= rest < divisor)

    def histories(self, adam: Adam):
        """Gradients that make a mean as large as it can be; constant, small and random ones."""
        most, draw = MOST_GRADIENT, random.Random(1)
        growth = adam.second / adam.first if adam.first else 2.0**20
        # Where a mean forgets the slower, the first of them is the largest.
        powers = [growth**k for k in range(-40, 1)]
        yield [0] * 50 + [round(most * x / max(powers)) for x in powers] + [0] * 200
        for g in (most, -most, 1, -1, 3):
            yield [g] * 300
        yield [draw.choice([-most, most, 0, 1]) for _ in range(300)]
        yield [draw.randint(-size, size) for size in (1, 3, 30, 1000, 2, 1) for _ in range(700)]
        for moves in (
            [1] * 300, [2] * 200, [1, 1, 0] * 100, [1] * 9 + [-1] * 90,
            [k // 10 for k in range(200)],
            [round(growth**k) for k in range(60 if adam.first else 0)],
            [draw.randint(-3, 4) for _ in range(2000)],
        ):  # fmt: skip
            yield from (list(pushed(adam, moves)), list(pushed(adam, [-m for m in moves])))

    def test_the_largest_means_of_small_gradients(self) -> None:
        for beta1, beta2 in DECAYS:
            adam, front = Adam(beta1, beta2, (8,)), {0: Moments()}
            for _ in range(30):
                front = least(adam, front, range(16))
                for now in front.values():
                    self.check(adam, now, 1)

    def test_half_a_unit_a_step_is_not_enough(self) -> None:
        # Gradients one above their mean: that moves by one, of which nearly all is rounding's.
        for (beta1, beta2), count in zip(DECAYS[:2], (13, 22)):
            adam, now = Adam(beta1, beta2, (8,)), Moments()
            for g in range(1, count + 1):
                now = now.averaged(adam, g)
            self.assertEqual((now.mean, now.root), (count, 0))
            rounding = 1 / (1 - beta1 / ONE)
            self.assertGreater(now.mean, steepness(beta1, beta2) - rounding / 2)

    def test_every_mean_is_soon_nothing(self) -> None:
        for beta1, beta2 in DECAYS:
            values, steps = Adam(beta1, beta2, (8,)).mean.values(), [0]
            for mean in range(1, MOST_GRADIENT + 1):
                self.assertEqual(values[2**15 - mean], -values[2**15 + mean])
                steps.append(1 + steps[mean + values[2**15 - mean]])
                self.assertLessEqual(steps[mean], soon(beta1, mean), (beta1, mean))

    def test_without_gradients_nothing_moves(self) -> None:
        for (beta1, beta2), size, count in product(DECAYS, (1, 2, 5, 40, 300, 16383), (1, 30, 400)):
            adam = Adam(beta1, beta2, (1000,))
            for g in (size, -size):
                with self.subTest(beta1=beta1, beta2=beta2, g=g, count=count):
                    self.come_to_rest(adam, [g] * count)

    def come_to_rest(self, adam: Adam, history: list[int]) -> None:
        """Gradients of zero after these: means and updates are zero soon, and remain so."""
        now = Moments()
        for g in history:
            now = now.averaged(adam, g)
        for _ in range(soon(adam.first, abs(now.mean))):
            now = now.averaged(adam, 0)
        for _ in range(50):
            self.assertEqual((now.mean, now.step(1000, 1)), (0, (0, 0)))
            now = now.averaged(adam, 0)

    def test_weights_of_inputs_that_are_zero_rest(self) -> None:
        net = network([linear(2)], inputs=2, version=4, adam={}, max_steps=120)
        step = Step(net, *drawn(net, 1))
        for number in range(3):
            step.run(*batch(net, number))
        noted = []
        for number in range(3, 120):
            rows, labels = batch(net, number)
            step.run([[0] * len(row) for row in rows], labels)
            noted.append(step.weights[0])
        self.assertNotEqual(noted[0][:2], noted[-1][:2])
        settled = noted[soon(net.adam.first, MOST_GRADIENT) - 1 :]
        self.assertEqual([weights[:2] for weights in settled], [noted[-1][:2]] * len(settled))
        # Biases are trained all the time.
        self.assertTrue(all(a[2] != b[2] for a, b in zip(settled, settled[1:])))


def pushed(adam: Adam, moves: list[int]):
    """The gradients next to a mean that move it by so much: nearly a unit of it is rounding's."""
    mean, share = 0, ONE - adam.first
    for move in moves:
        d = ONE * (abs(move) - 1) // share + 1 if move else 0
        g = mean + (d if move > 0 else -d)
        if abs(g) > MOST_GRADIENT:
            return
        yield g
        mean += move


def least(adam: Adam, front: dict[int, Moments], gradients: range) -> dict[int, Moments]:
    """Of each mean that one of these gradients leads to, the moments whose second is the least."""
    found: dict[int, Moments] = {}
    for before, g in product(front.values(), gradients):
        now = before.averaged(adam, g)
        # The root, what it leaves and what dividing left are in the order of their weight.
        found[now.mean] = min(found.get(now.mean, now), now)
    return found


def soon(beta1: int, mean: int) -> int:
    """After so many steps without gradients a mean is zero: it loses its share, and once that is
    less than a unit, one unit."""
    share = 1 - beta1 / ONE
    return math.ceil((math.log(max(1.0, mean * share)) + 1) / share) + 1


class Sheets(unittest.TestCase):
    """Tensors, rows and statements."""

    def test_tensors(self) -> None:
        layers = [convolution(3, 3, padding=1), norm(), RELU, linear(2, bias=False)]
        net = network(layers, image=[3, 2, 1], version=4, adam={}, max_steps=6)
        _, sheet = compile_training(net)
        for name, sizes in (
            ("0.w.mean.state", (1, 3, 3, 1, 3)), ("0.b.low.state", (1, 3)),
            ("0.w.root.update", (2, 3, 3, 1, 3)), ("0.b.rest.update", (2, 3)),
            ("1.w.mean.update", (2, 3)), ("1.b.low.update", (2, 3)), ("clock.state", (1, 1)),
            ("clock.update", (2, 1)), ("rate", (2,)), ("0.w.update.r0", (3, 3, 1, 2, 3)),
            ("0.w.clip", (3, 3, 1, 2, 3)), ("1.s.update.r0", (2, 2, 3)), ("table.4", (8,)),
            ("count.4", (8,)), ("table.3", (ONE,)),
        ):  # fmt: skip
            self.assertEqual(sheet.tensors[name].sizes, sizes, name)
        for name in ("1.s.mean.state", "2.b.mean.state", "0.w.update.r1", "0.w.state"):
            self.assertNotIn(name, sheet.tensors)
        names = [name for name in sheet.tensors if name.endswith((".state", ".r0", ".clip"))]
        self.assertEqual(names[:4], [f"0.w.{m}.state" for m in ("mean", "root", "rest", "low")])

    def test_rows(self) -> None:
        net = network([linear(7), RELU, linear(2)], inputs=8, version=4, adam={})
        relation, sheet = compile_training(net)
        model, state = sheet.rows("parameters"), sheet.rows("state")
        steps = [sheet.rows(f"update.{t}") for t in range(2)]
        # Weights of 64 and 16, biases of 8 and 2; four moments of each, and the clock.
        self.assertEqual((len(model), len(state)), (2, 6))
        blocks = [sheet.tensors[f"0.w.{name}"] for name in ("update", "mean.update")]
        for t, rows in enumerate(steps):
            expected = [
                (tensor.base + (t << tensor.bits[0])) // 64 + k
                for tensor, count in zip(blocks, (2, 6)) for k in range(count)
            ]  # fmt: skip
            self.assertEqual(rows, expected)
        start = sheet.rows("data", "parameters", "state", "tables")
        self.assertEqual(relation.rows[len(start) :][:16], steps[0] + steps[1])
        self.assertEqual(relation.own_rows, len(relation.rows) - len(start))

    def test_paddings(self) -> None:
        net = network(PLAIN, adam={}, **FLAT)
        relation, sheet = compile_training(net)
        for kind, used in (("update", 8 + 8 + 2), ("moments", 4 * (8 + 8 + 2) + 1)):
            found = [t for name, t in sheet.tensors.items() if name.startswith(f"{kind}.padding")]
            self.assertEqual(sum(t.sizes[1] for t in found), -used % 64, kind)
        last = [form_name(v.form) for v in relation.vanishing[-11:]]
        self.assertEqual(last, ["clock.update"] + [t for t in sheet.tensors if ".padding" in t]
                         + ["labels"])  # fmt: skip

    def test_updates_and_states_of_statements(self) -> None:
        key = Key(Manifest(TEXT), STRING)
        points = [times_generator(k) for k in range(1, 7)]
        # One row of the model, two of moments.
        own = points + [times_generator(99)]
        self.assertEqual([key.rows(group) for group in ("parameters", "state", "update.1")],
                         [1, 2, 3])  # fmt: skip
        update = negate(plus(points[0], points[3]))
        good = SimpleNamespace(update=[update], state_after=points[4:])
        key.check_update(good, own)
        for changed, reason in (
            ({"state_after": points[1:3]}, "state after"),
            ({"state_after": points[4:5] + points[4:5]}, "state after"),
            ({"update": [negate(plus(points[0], points[1]))]}, "row 0 of the update"),
        ):
            with self.subTest(reason), self.assertRaisesRegex(Rejected, reason):
                key.check_update(SimpleNamespace(**(vars(good) | changed)), own)

    def test_table_rows(self) -> None:
        key = Key(Manifest(TEXT), STRING)
        # The tables of 2^16 entries first, then the four rates.
        rates_of = key.table_rows[-1]
        self.assertEqual(len(key.table_rows), 2 * 2**10 + 1)
        self.assertEqual(rates_of, STRING.commit([*key.network.adam.rates, *[0] * 60]))
        mean = key.network.adam.mean.values()
        self.assertEqual(key.table_rows[2**10], STRING.commit(mean[:64]))

    def test_circuits(self) -> None:
        # A hash, and the digests of training and of a registration of four windows. When documents
        # change what follows from a manifest, `found` is what its line has to be.
        texts = adam_circuits()
        for line in (HERE / "adam_circuits_v1.tsv").read_text().splitlines():
            name, *expected = line.split("\t")
            text = (HERE / "adam_manifests" / f"{name}.toml").read_text()
            self.assertEqual(text, texts.pop(name))
            read = Manifest(text)
            found, net = [read.hash().hex()], derive(read)
            for relation, sheet in (compile_training(net), compile_dataset(net, 4)):
                found.append(Circuit(relation, list(sheet.tensors.values())).digest().hex())
            self.assertEqual(found, expected, name)
        self.assertEqual(texts, {})


def form_name(form) -> str:
    """The first tensor of a form."""
    return form.terms[0].tensor.name


class Steps(unittest.TestCase):
    """Steps by hand, and against the formulas."""

    def test_moments_by_hand(self) -> None:
        adam = network(PLAIN, adam={"beta1": 0.5, "beta2": 0.75}, **FLAT).adam
        # Minus three and a half is minus four; 49152·13 + 7 + 16384·4 = 10·2^16 + 49159.
        now = Moments(5, 3, 4, 7).averaged(adam, -2)
        self.assertEqual(now, (1, 3, 1, 49159))
        # 100 is 20 times five.
        self.assertEqual(now.step(100, 2), (20, 0))
        # Three and a half is four, and half of what is left is rounded to one.
        self.assertEqual(Moments(-5, 3, 4, 7).averaged(adam, 2).mean, -1)
        self.assertEqual(now.averaged(adam, 0).mean, 0)
        # Updates are rounded down: 9/5 is one, −9/5 is minus two; what is left is never negative.
        self.assertEqual(Moments(9, 4, 0, 0).step(1, 1), (1, 4))
        self.assertEqual(Moments(-9, 4, 0, 0).step(1, 1), (-2, 1))

    def test_a_step_by_hand(self) -> None:
        net = network(
            [linear(2, bias=False)], inputs=1, batch=1, steps=1, loss="mse", version=4,
            adam={"beta1": 0.5, "beta2": 0.75},
        )  # fmt: skip
        step = Step(net, [[[1024, 0]]], [[[0, 0]]])
        # An input of one: the outputs are one and nothing, the other way round than the labels. D
        # is one and minus one, so is the gradient; with 13 bits 8192, and half of it is the mean.
        step.run([[64]], [[0, 1]])
        root = Moments(4096, 4096, 0, 0)
        self.assertEqual(step.moments, [[[root, root._replace(mean=-4096)]]])
        # 512·4096 is 511 times 4097, and 3585; less than nothing it is −512 times that, and 512.
        self.assertEqual(step.trace["0.update"], [[(511, 3585, 0), (-512, 512, 0)]])
        self.assertEqual(step.weights, [[[513, 512]]])
        # Rounded to eight bits both outputs are a half: gradients of a half leave the mean where it
        # is, and the root too.
        step.run([[64]], [[0, 1]])
        self.assertEqual(step.moments, [[[root, root._replace(mean=-4096)]]])
        # The second rate is 452: 452·4096 is 451 times 4097, and 3645.
        self.assertEqual(step.trace["0.update"], [[(451, 3645, 0), (-452, 452, 0)]])
        self.assertEqual((step.weights, step.clock), ([[[62, 964]]], 2))

    def test_running_statistics_move_as_they_do(self) -> None:
        layers = [norm(), linear(2)]
        options = {"inputs": 2, "version": 4, "steps": 1}
        plain, adaptive = (network(layers, **options, **more) for more in ({}, {"adam": {}}))
        steps = [Step(net, *drawn(net, 1)) for net in (plain, adaptive)]
        for step in steps:
            step.run(*batch(step.network, 2))
        self.assertEqual(steps[0].weights[0][2:], steps[1].weights[0][2:])
        self.assertNotEqual(steps[0].weights[0][:2], steps[1].weights[0][:2])
        self.assertEqual([len(rows) for rows in steps[1].moments], [2, 3])

    def test_drawn_networks_follow_the_formulas(self) -> None:
        for seed, drawing in enumerate((*[with_pools] * 6, *[with_norms] * 6, *[with_rows] * 6)):
            layers, options = drawing(seed)
            options |= {"momentum": 0.0, "clip": None, "version": 4, "adam": {"epsilon": 0.001}}
            net = network(layers, **options)
            step, literal = Step(net, *drawn(net, seed)), Literal(net, *drawn(net, seed))
            with self.subTest(seed, layers=layers):
                for number in (2, 3, 4):
                    step.run(*batch(net, number))
                    literal.run(*batch(net, number))
                self.assertEqual(step.weights, literal.weights)

    def test_moments_follow_the_formulas(self) -> None:
        adam = network(PLAIN, adam={}, max_steps=400, **FLAT).adam
        draw = random.Random(2)
        formulas, now = AdamFormulas(adam.first, adam.second, 3), Moments()
        for rate in adam.rates:
            g = draw.choice([0, 1, draw.randint(-20, 20), draw.randint(-16383, 16383)])
            now = now.averaged(adam, g)
            self.assertEqual([[now.step(rate, 3)[0]]], formulas.step(rate, [[g]]))
            (second,) = formulas.second.values()
            self.assertEqual(second * ONE, ONE * (now.root**2 + now.rest) + now.low)


if __name__ == "__main__":
    unittest.main()
