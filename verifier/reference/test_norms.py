"""Batch norms: manifests, bounds, tensors, and steps by hand."""

import struct
import unittest
from pathlib import Path
from types import SimpleNamespace

from fixtures import STRING, model_file
from networks import RELU, SIGMOID, add, convolution, linear, manifest, network, norm, with_norms
from test_graphs import edited
from test_step import Literal, batch, drawn, zeros
from test_witness import value
from zktrain_reference.channels import Channels
from zktrain_reference.circuit import Circuit
from zktrain_reference.compiler import compile_dataset, compile_training
from zktrain_reference.errors import Rejected
from zktrain_reference.hashing import keccak256
from zktrain_reference.manifest import Manifest
from zktrain_reference.model import commit_parameters, read_parameters
from zktrain_reference.network import derive
from zktrain_reference.norm import Bounds, normed
from zktrain_reference.relation import Form
from zktrain_reference.rounding import SHORT_HIGH, SHORT_LOW, Rounding
from zktrain_reference.step import Step, round_sat
from zktrain_reference.training import Key
from zktrain_reference.wide import Wide, power_of_two, stacks

HERE = Path(__file__).parent
NORMED = [convolution(3, 3, padding=1), norm(), RELU, linear(5), norm(), SIGMOID, linear(2)]
IMAGE = {"image": [3, 5, 3], "batch": 4, "version": 3}
TEXT = manifest(NORMED, **IMAGE)
FLAT = {"inputs": 2, "version": 3}


class Manifests(unittest.TestCase):
    """What they say, and what follows."""

    def test_hash(self) -> None:
        integer = lambda *values: struct.pack(f">{len(values)}q", *values)  # noqa: E731
        real = lambda *values: struct.pack(f">{len(values)}d", *values)  # noqa: E731
        text = lambda value: integer(len(value)) + value  # noqa: E731
        absent, alone = 0, [0, 0, 0]
        # Only the kind is said of it.
        normal = integer(12, *[absent] * 5, *alone)
        expected = [
            b"zktrain/manifest/v3\0", integer(3), text(b"small"),
            integer(45, 1, 3, 5, 3, 0, 7),
            # Kind, out, bias, kernel, stride, padding.
            integer(4, 1, 3, 1, 1, 1, 3, 1, 1, 1, 1, *alone),
            normal, integer(1, *[absent] * 5, *alone),
            integer(0, 1, 5, 1, 1, absent, absent, absent, *alone),
            normal, integer(2, *[absent] * 5, *alone),
            integer(0, 1, 2, 1, 1, absent, absent, absent, *alone),
            real(0.5, 0.0, 0.0), integer(absent),
            integer(4, 2, 4), text(b"y"), integer(1, 2), text(b"0"), text(b"1"),
            integer(absent, 1), text(b"x"), integer(45), real(0.0, 1.0), integer(absent),
            integer(1, 6, 6, 10, 13, 0, 0, 5),
            integer(6, absent, 1, 10, absent, absent, 2**7),
            # Gradient sums have 8 bits more than D.
            integer(6, absent, 1, 10, absent, absent, 2**5),
            integer(6, absent, 1, 10, absent, absent, 2**7),
            integer(6, 1, 8, 1, 10, absent, absent, 2**3),
            integer(8, absent, absent, absent, absent, 2),
        ]  # fmt: skip
        self.assertEqual(Manifest(TEXT).hash(), keccak256(*expected))

    def test_network(self) -> None:
        _, first, _, second, _ = derive(Manifest(TEXT)).layers
        self.assertEqual((first.outputs, first.result, first.parameters), (3, first.image, 4))
        self.assertEqual((second.outputs, second.result, second.parameters), (5, None, 4))
        self.assertEqual([x.norm.bounds.count for x in (first, second)], [4 * 15, 4])
        # 26 bits, and 27 - 6 more than those of D.
        self.assertEqual(first.z.shift, 26 - 6)
        layer = derive(Manifest(TEXT)).layers[0]
        self.assertEqual(layer.takers[0].rounding.shift, 27 - 6 + 10 - 10)
        # Running statistics of z are at most 2^18 + 2^14 before a step, below 2^19.
        most = 6554 * (2**18 + 2**19)
        self.assertEqual(first.norm.bounds.weight_bits, 18)
        self.assertEqual((first.norm.statistics.least, first.norm.statistics.most), (-most, most))

    def test_bounds(self) -> None:
        # Of 60 numbers below 2^15 with 6 bits: a deviation of 16 at least, 18 bits of parameters.
        bounds = derive(Manifest(TEXT)).layers[1].norm.bounds
        self.assertEqual((bounds.epsilon, bounds.least, bounds.inverse), (256, 16, 2**32))
        found = bounds.mean, bounds.variance, bounds.deviation
        self.assertEqual(found, (2**19, 2**38 + 1, 2**19))
        self.assertEqual(bounds.scale, 2**30 + 1)
        # √60 is below 8, and 8·17/16 is 8.5.
        self.assertEqual(bounds.wide, 17 * 2**33 + 1 + 2**20 + 2**34)
        error = 2**15
        self.assertEqual(bounds.correlation(error), 60 * error * (2**19 + 1))
        gain = 60 * 2**23 * 17 // 16 + 1
        self.assertEqual(bounds.gain(error), gain)
        self.assertEqual(bounds.slope(error), gain * 2**14 + 1)
        self.assertEqual(bounds.offset(error), 2**20 * (2**30 + 1) + 1)
        self.assertEqual(bounds.tilt(error), (2**30 + 1) * (gain * 2**14 + 1) // (60 * 2**21) + 1)
        inclined = (gain * (17 * 2**35 + 1) >> 18) + 1 + 2**20
        sent = 2 * bounds.offset(error) + (2**30 + 1) * inclined // (60 * 2**21) + 1 + 2**20
        self.assertEqual(bounds.sent(error), sent)
        # A real epsilon: 10^-5·2^30 is 10737.4.
        self.assertEqual(Bounds(4, 11, 2**15, 10, 18).epsilon, 10737)
        self.assertEqual(Bounds(4, 11, 2**15, 28, 18).bits_of_z, 28)

    def test_digits(self) -> None:
        signed = Wide("mean", 2**19, True, (60,))
        self.assertEqual(signed.radices, (60, 2**16, 2**16))
        self.assertEqual([signed.least(k) for k in range(3)], [0, 0, -(2**15)])
        self.assertEqual((signed.factors(), signed.factors(True)),
                         ([1, 60, 60 * 2**16], [0, 1, 2**16]))  # fmt: skip
        self.assertEqual(signed.digits(-61), [59, 2**16 - 2, -1])
        self.assertEqual(signed.quotient(-61), -2)
        # As many digits as the bound and the sign take.
        for bound, sign, count in (
            (2**16 - 1, False, 1), (2**16, False, 2), (2**15 - 1, True, 1), (2**15, True, 2),
        ):  # fmt: skip
            self.assertEqual(len(Wide("", bound, sign).radices), count)
        self.assertEqual([power_of_two(bits) for bits in (9, 16, 21, 32)],
                         [(2**9,), (2**16,), (2**5, 2**16), (2**16, 2**16)])  # fmt: skip
        found = derive(Manifest(TEXT)).layers[1].norm.wides
        self.assertEqual(list(found), [
            "mean", "variance", "deviation", "deviation_low", "deviation_high",
            "inverse", "inverse_low", "inverse_high", "scale",
            "correlation", "gain", "slope", "offset", "tilt",
        ])  # fmt: skip
        self.assertEqual([len(wide.radices) for wide in found.values()],
                         [3, 4, 2, 2, 2, 3, 2, 2, 4, 3, 4, 5, 5, 6])  # fmt: skip
        self.assertEqual(found["tilt"].divisors, (60, 2**5, 2**16))

    def test_stacks(self) -> None:
        one = Wide("one", 2**16, True, (60, 4)), Wide("two", 1, False, (4, 2**16)), Wide("three", 1)
        long, signed, short = stacks(one)
        self.assertEqual(long.digits, (("one", 2), ("two", 1), ("two", 2), ("three", 0)))
        self.assertEqual((signed.digits, signed.least), ((("one", 3),), -(2**15)))
        # The smallest radix first, equal ones in the order of their integers.
        self.assertEqual(short.digits, (("one", 1), ("two", 0), ("one", 0)))
        self.assertEqual((short.radices, short.steps), ((4, 4, 60), [(-56, 2)]))
        self.assertEqual([stack.short for stack in (long, signed, short)], [False, False, True])
        self.assertEqual([stack.name for stack in stacks([Wide("", 1)])], ["digits"])
        (_, _, found) = derive(Manifest(TEXT)).layers[1].norm.stacks
        self.assertEqual(found.radices, (4, 16, 32, 60, 60, 60, 60, 2**12))
        self.assertEqual(found.digits[:4], (("slope", 0), ("scale", 0), ("tilt", 1), ("mean", 0)))

    def test_lookups_of_digits(self) -> None:
        net = derive(Manifest(TEXT))
        relation, sheet = compile_training(net)
        whole = sheet.tensors["1.digits_short"]
        found = [x for x in relation.lookups if any(t.tensor is whole for t in x.key.terms)]
        self.assertEqual([x.over.axes for x in found], [(("k", 8), ("n", 3), ("t", 2))] * 2)
        # What the largest digits are, in the places of padding too.
        constants = Form(tuple(t for t in found[1].key.terms if t.tensor is None))
        largest = [value(constants, {"k": k}, {}) for k in range(8)]
        self.assertEqual(largest, [3, 15, 31, 59, 59, 59, 59, 4095])
        places = whole.base, whole.bits[0]
        for k, (name, digit) in enumerate(net.layers[1].norm.stacks[2].digits):
            part = sheet.tensors[f"1.{name}.d{digit}"]
            self.assertEqual((part.base, part.sizes), (places[0] + (k << places[1]), (3, 2)))

    def test_tensors(self) -> None:
        net = network(NORMED, momentum=0.5, clip=0.125, **IMAGE)
        _, sheet = compile_training(net)
        for name, sizes in (
            ("1.w.before", (1, 3)), ("1.b.before", (1, 3)), ("1.s.before", (1, 2, 3)),
            ("1.s.state", (1, 2, 3)), ("1.s.update", (2, 2, 3)), ("1.mean.d0", (3, 2)),
            ("1.w.update.r0", (3, 2)), ("1.b.clip", (3, 2)), ("1.s.update.r0", (2, 2, 3)),
            ("1.digits", (32, 3, 2)), ("1.digits_signed", (7, 3, 2)), ("3.digits_short", (8, 5, 2)),
            ("3.tilt.d3", (5, 2)), ("1.z", (3, 2, 4, 3, 5)), ("3.z", (5, 2, 4)),
        ):  # fmt: skip
            self.assertEqual(sheet.tensors[name].sizes, sizes, name)
        self.assertNotIn("1.s.clip", sheet.tensors)

    def test_public_models(self) -> None:
        net = [norm(), linear(2)]
        key = Key(Manifest(manifest(net, inputs=3, version=3)), STRING)
        shapes = {
            "layers.0.weight": [3], "layers.0.bias": [3], "layers.0.running_mean": [3],
            "layers.0.running_deviation": [3], "layers.1.weight": [3, 2], "layers.1.bias": [2],
        }  # fmt: skip
        read = read_parameters(key, model_file(shapes, "10", 1))
        self.assertEqual(read["0.s.before"], [1, 2, 3, 1, 2, 3])
        cells, tensors = [0] * 64, key.sheet.tensors
        for name, size, values in (
            ("1.w", 2, range(1, 7)), ("0.s", 3, (1, 2, 3)), ("0.w", 3, (1, 2, 3)),
            ("0.b", 3, (1, 2, 3)), ("1.b", 2, (1, 2)),
        ):  # fmt: skip
            start = tensors[f"{name}.before"].base % 64
            for i, value in enumerate(values):
                cells[start + i] = value
        base = tensors["0.s.before"].base % 64
        cells[base + 4 : base + 7] = [1, 2, 3]
        self.assertEqual(commit_parameters(key, read), [STRING.commit(cells)])
        for name, wrong, reason in (
            ("layers.0.weight", [1, 3], "0.weight is not"), ("layers.0.bias", [2], "0.bias is not"),
            ("layers.0.running_mean", [2, 3], "running_mean is not"),
            ("layers.1.running_mean", [2], "tensors that"),
        ):  # fmt: skip
            with self.subTest(name, wrong=wrong), self.assertRaisesRegex(Rejected, reason):
                read_parameters(key, model_file(shapes | {name: wrong}, "10", 1))
        del shapes["layers.0.running_deviation"]
        with self.assertRaisesRegex(Rejected, "layers.0.running_deviation is missing"):
            read_parameters(key, model_file(shapes, "10", 1))

    def test_refusals(self) -> None:
        end, image = linear(2), {"image": [4, 4, 3], "inputs": 0}
        cases = (
            (r"layers\[0\].kind: expected", [norm(), end], image | {"version": 2}),
            (r"layers\[0\].out: a batch norm", [norm(out=2), end], {}),
            (r"layers\[0\].bias: a batch norm", [norm(bias=True), end], {}),
            (r"layers\[0\].kernel: a batch norm", [norm(kernel=1), end], image),
            (r"layers\[0\].stride: a batch norm", [norm(stride=1), end], image),
            (r"layers\[0\].padding: a batch norm", [norm(padding=0), end], image),
            (r"layers\[0\].slope: only", [norm(slope=0.5), end], {}),
            (r"layers\[1\].with: only", [norm(), norm(**{"with": 0}), end], {}),
            (r"layers\[2\].with: an image", [norm(), linear(48), add(0), end], image),
            ("the last one is linear", [end, norm()], {}),
            (r"training.batch \(numbers of a channel\): 1 is", [norm(), end], {"batch": 1}),
            (r"training.batch \(numbers of a channel\): 131072 is", [norm(), end],
             {"image": [64, 64, 1], "inputs": 0, "batch": 32}),
        )  # fmt: skip
        for reason, layers, options in cases:
            options = FLAT | options
            with self.subTest(reason, layers=layers), self.assertRaisesRegex(Rejected, reason):
                derive(Manifest(manifest(layers, **options)))
        for size, count in (([64, 32, 1], 32), ([4, 4, 3], 1)):
            derive(Manifest(manifest([norm(), end], image=size, batch=count, version=3)))

    def test_scales(self) -> None:
        clipped = manifest(NORMED, clip=0.125, **IMAGE)
        second = "z_frac = 6\ngrad_frac = 10\neta = 32\n"
        first = "z_frac = 6\ngrad_frac = 10\neta = 128\n[[quantization.layers]]\n" + second
        clipping = "clip_frac = 13\nclip_bound = 4096\n"
        entries = clipping + "eta = 1024\n[[quantization.layers]]\nz_frac = 6\ngrad_frac = 10\n"
        unbounded = entries + clipping, entries + "clip_frac = 13\n"
        for reason, text, old, new in (
            (r"layers\[1\].eta: 33 is recorded", TEXT, second, second.replace("32", "33")),
            (r"layers\[1\].eta: 0 is recorded", TEXT, second, second.replace("eta = 32\n", "")),
            (r"layers\[1\].clip_frac: with", TEXT, second, second + "clip_frac = 13\n"),
            (r"layers\[0\].grad_frac: a shift of -1", TEXT, first, first.replace("10", "32", 1)),
            (r"layers\[1\].a_frac", TEXT, second, second + "a_frac = 8\n"),
            (r"weight_init_bits: running statistics need more than 10", TEXT,
             "weight_init_bits = 13", "weight_init_bits = 10"),
            (r"layers\[1\].clip_bound: with", clipped, *unbounded),
        ):  # fmt: skip
            with self.subTest(reason, new=new), self.assertRaisesRegex(Rejected, reason):
                derive(edited(text, old, new))
        # The second norm takes 6 bits too: eleven are enough for it.
        derive(edited(TEXT, "weight_init_bits = 13", "weight_init_bits = 11"))

    def test_factors_that_are_too_wide(self) -> None:
        for reason, bounds, error in (
            ("z_frac: scale takes 54 bits", Bounds(4, 6, 2**15, 0, 31), 2**15),
            ("z_frac: correlation takes 65 bits", Bounds(2**16, 6, 2**15, 30, 31), 2**29),
            ("z_frac: offset takes 63 bits", Bounds(4, 6, 2**15, 8, 31), 2**12),
            ("z_frac: slope takes 66 bits", Bounds(2**13, 12, 2**15, 30, 31), 2**28),
        ):
            with self.subTest(reason), self.assertRaisesRegex(Rejected, reason):
                normed("", bounds, error)
        normed("", Bounds(4, 6, 2**15, 8, 31), 2**10)
        with self.assertRaisesRegex(Rejected, "scale takes 47 bits"):
            normed("", Bounds(4, 6, 2**15, 7, 31), 2**15)

    def test_circuits(self) -> None:
        folder = HERE.parents[1] / "circuits/model/tests/constraints"
        for line in (HERE / "norm_circuits_v1.tsv").read_text().splitlines():
            name, *expected = line.split("\t")
            read = Manifest((folder / f"{name}.toml").read_text())
            found, net = [read.hash().hex()], derive(read)
            for relation, sheet in (compile_training(net), compile_dataset(net, 4)):
                found.append(Circuit(relation, list(sheet.tensors.values())).digest().hex())
            self.assertEqual(found, expected, name)


class Steps(unittest.TestCase):
    """Steps by hand."""

    def test_the_documents_example(self) -> None:
        bounds = Bounds(4, 4, 2**15, 10, 18)
        of_norm = normed("", bounds, 2**15)
        layer = SimpleNamespace(outputs=1, norm=of_norm, wides=of_norm.wides)
        rows, errors = [[40], [-8], [16], [24]], [[300], [-200], [50], [100]]
        found = Channels(layer, [1024], rows)
        self.assertEqual([found.centred(row) for row in rows], [[352], [-416], [-32], [96]])
        self.assertEqual(found.wides["variance"], [307200])
        for name, value in (
            ("mean", 288), ("variance", 76800), ("deviation", 277), ("inverse", 248084753),
            ("scale", 242270),
        ):  # fmt: skip
            self.assertEqual(found.quotient(name), [value], name)
        shifted = lambda shift: Rounding(shift, SHORT_LOW, SHORT_HIGH, 0, 0)  # noqa: E731
        x = [found.normalized(row, [256])[0] for row in rows]
        self.assertEqual([round_sat(v, shifted(18))[0] for v in x], [389, -320, 34, 153])
        self.assertEqual(found.gradients(errors), [[181880], [64000]])
        for name, value in (
            ("correlation", 196800), ("slope", 43031363), ("offset", 484540000),
            ("tilt", 4971126),
        ):  # fmt: skip
            self.assertEqual(found.quotient(name), [value], name)
        sent = [found.sent(b, error)[0] for b, error in enumerate(errors)]
        self.assertEqual(sent, [91415648, 32920416, 62168032, -186504096])
        self.assertEqual([round_sat(v, shifted(21))[0] for v in sent], [44, 16, 30, -89])

    def test_two_numbers_by_hand(self) -> None:
        layers = [convolution(1, 1, bias=False), norm(), linear(2, bias=False)]
        net = network(layers, image=[1, 2, 1], batch=1, steps=1, loss="mse", version=3)
        one = 1024
        statistics = [[one], [0], [0], [one]]
        weights = [[[one]], statistics, [[one, 0], [0, one]]]
        step = Step(net, weights, [zeros(x) for x in net.layers])
        # A mean of one, a deviation of a quarter.
        step.run([[80, 48]], [[0, 1]])
        channels = step.channels[1]
        for name, value in (("mean", one), ("deviation", 256), ("inverse", 2**28)):
            self.assertEqual(channels.quotient(name), [value], name)
        self.assertEqual(step.trace["1.z"], [[(64, 0, 0), (-64, 0, 0)]])
        # One and minus two, less the labels: D has 8 bits, and then 10.
        self.assertEqual(step.trace["p"], [[256, -256]])
        self.assertEqual(step.errors[1], [[1024, -2048]])
        # Gamma's gradient is three, beta's minus one; half of these are subtracted.
        self.assertEqual((channels.quotient("gain"), net.layers[1].eta), ([3 * 2**18], 2**7))
        # The deviation moves by a tenth of three quarters, the mean by a tenth of one.
        self.assertEqual(step.weights[1], [[one - 1536], [512], [102], [one - 77]])
        # What two numbers differ by is lost: nothing is sent back.
        self.assertEqual(step.trace["0.g"], [[(0, 0, 0)] * 2])

    def test_channels_do_not_meet(self) -> None:
        # Numbers in a row: each is a channel of its own, of two samples.
        net = network([norm(), linear(1, bias=False)], batch=2, steps=1, loss="logistic", **FLAT)
        beta = [[1024, 2048], [0, 1024], [0, 0], [0, 0]]
        step = Step(net, [beta, [[0], [0]]], [zeros(x) for x in net.layers])
        step.run([[64, 5], [0, -5]], [[1], [0]])
        self.assertEqual(step.channels[0].quotient("mean"), [512, 0])
        # A deviation of five units is 80, and with epsilon 81.
        self.assertEqual(step.channels[0].quotient("deviation"), [512, 81])
        z = [[q for q, _, _ in row] for row in step.trace["0.z"]]
        self.assertEqual(z, [[64, 64 + 126], [-64, 64 - 126]])

    def test_random_norms_follow_the_formulas(self) -> None:
        for seed in range(20):
            layers, options = with_norms(seed)
            net = network(layers, **options)
            step, literal = Step(net, *drawn(net, seed)), Literal(net, *drawn(net, seed))
            with self.subTest(seed, layers=layers):
                for number in (2, 3):
                    step.run(*batch(net, number))
                    literal.run(*batch(net, number))
                self.assertEqual(step.weights, literal.weights)
                self.assertEqual(step.state, literal.state)


if __name__ == "__main__":
    unittest.main()
