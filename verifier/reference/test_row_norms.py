"""Layer norms, RMS norms and scales: manifests, bounds, tensors, and steps by hand."""

import struct
import unittest
from types import SimpleNamespace

from fixtures import STRING, model_file
from networks import (
    RELU,
    add,
    convolution,
    layer_norm,
    linear,
    manifest,
    network,
    norm,
    rms_norm,
    scale,
    with_rows,
)
from test_graphs import edited
from test_step import Literal, batch, drawn, zeros
from zktrain_reference.compiler import compile_training
from zktrain_reference.errors import Rejected
from zktrain_reference.lines import Lines
from zktrain_reference.manifest import Manifest
from zktrain_reference.model import read_parameters
from zktrain_reference.network import derive
from zktrain_reference.norm import Norm
from zktrain_reference.relation import Domain
from zktrain_reference.row_norm import RowBounds, row_normed
from zktrain_reference.rounding import SHORT_HIGH, SHORT_LOW, Rounding
from zktrain_reference.schema import THIRD, encoded
from zktrain_reference.step import Step, round_sat
from zktrain_reference.training import Key

LAYERS = [convolution(3, 3, padding=1), layer_norm(), scale(), RELU, linear(5), rms_norm()]
LAYERS += [scale(bias=False), linear(2)]
IMAGE = {"image": [3, 5, 3], "batch": 4, "version": 3}
TEXT = manifest(LAYERS, **IMAGE)
FLAT = {"inputs": 2, "version": 3}


class Manifests(unittest.TestCase):
    """What they say, and what follows."""

    def test_what_the_hash_has(self) -> None:
        layers = Manifest(TEXT)["model"]["layers"]
        found = [encoded(THIRD, layers[k], "layer") for k in (1, 5, 2, 6)]
        # Kind, out, bias, kernel, stride, padding, from, with, slope.
        expected = (
            [13] + [0] * 8, [14] + [0] * 8, [15, 0, 1, 1] + [0] * 6, [15, 0, 1, 0] + [0] * 6,
        )  # fmt: skip
        self.assertEqual(found, [struct.pack(f">{len(x)}q", *x) for x in expected])

    def test_network(self) -> None:
        layers = derive(Manifest(TEXT)).layers
        _, rows, scaled, _, flat, apart, _ = layers
        self.assertEqual([x.norm.bounds.count for x in (rows, flat)], [3, 5])
        self.assertEqual([x.parameters for x in (rows, scaled, flat, apart)], [0, 2, 0, 1])
        self.assertEqual([x.eta for x in (rows, flat)], [0, 0])
        self.assertEqual([x.result == layers[0].result for x in (rows, scaled)], [True, True])
        self.assertEqual((flat.result, apart.result, apart.outputs), (None, None, 5))
        # 26 bits, and 27 − 6 more than those of D.
        self.assertEqual((rows.z.shift, layers[0].takers[0].rounding.shift), (20, 21))
        # One number and a bias, with 18 bits of parameters.
        self.assertEqual((scaled.z.most, scaled.z.shift), ((2**15 + 2**6) << 18, 10))
        # What a scale sends is not summed, and its gradient is over 4·15 numbers.
        self.assertEqual(rows.takers[0].rounding.most, 2**15 << 18)
        self.assertEqual(scaled.update.most, scaled.eta * 60 * 2**15 * 2**15)

    def test_bounds(self) -> None:
        bounds = derive(Manifest(TEXT)).layers[1].norm.bounds
        # Of three numbers below 2^15 with 6 bits, as with 6 bits they are put out.
        self.assertEqual((bounds.least, bounds.inverse, bounds.root), (16, 2**22, 2))
        self.assertEqual((bounds.mean, bounds.deviation), (2**19, 2**19))
        # 2·2^26·17/16, and 64·17/16.
        self.assertEqual((bounds.wide, bounds.spread), (17 * 2**23 + 1, 68 + 2))
        error = 2**15
        self.assertEqual(bounds.correlation(error), 3 * error * 70)
        self.assertEqual(bounds.offset(error), 2**42 + 1)
        tilt = 2**22 * 3 * error * 70 // (3 * 2**7) + 1
        self.assertEqual(bounds.tilt(error), tilt)
        self.assertEqual(bounds.sent(error), 2 * (2**42 + 1) + tilt * 2 * 70)
        # A real epsilon: 10737, whose root is 103; 2^10·104/103 is 1033.9.
        self.assertEqual(RowBounds(4, 11, 2**15, 10, True).spread, 1035)
        # The largest that there can be.
        bounds, error = RowBounds(2**16, 0, 2**15, 15, True), 2**30 - 1
        self.assertEqual(bounds.correlation(error).bit_length(), 62)
        self.assertEqual(bounds.offset(error).bit_length(), 57)

    def test_digits(self) -> None:
        layers = derive(Manifest(TEXT)).layers
        names = [
            "mean", "variance", "deviation", "deviation_low", "deviation_high",
            "inverse", "inverse_low", "inverse_high", "correlation", "offset", "tilt",
        ]  # fmt: skip
        self.assertEqual(list(layers[1].norm.wides), names)
        alone = [name for name in names if name not in ("mean", "offset")]
        self.assertEqual(list(layers[4].norm.wides), alone)
        self.assertEqual(layers[1].norm.wides["tilt"].divisors, (3, 2**7))
        self.assertEqual(layers[4].norm.wides["tilt"].divisors, (5, 2**7))
        for i, radices in ((1, (3, 3, 3, 3, 2**7)), (4, (5, 5, 2**7))):
            self.assertEqual(layers[i].norm.stacks[2].radices, radices)

    def test_tensors(self) -> None:
        net = network(LAYERS, momentum=0.5, clip=0.125, **IMAGE)
        relation, sheet = compile_training(net)
        for name, sizes in (
            ("1.digits_short", (5, 2, 4, 3, 5)), ("1.mean.d0", (2, 4, 3, 5)),
            ("4.digits_short", (3, 2, 4)), ("4.inverse.d0", (2, 4)), ("1.z", (3, 2, 4, 3, 5)),
            ("2.w.before", (1, 3)), ("2.b.state", (1, 3)), ("2.w.update", (2, 3)),
            ("2.w.update.r0", (2, 3)), ("2.w.clip", (2, 3)), ("2.b.clip", (3, 2)),
            ("5.w.before", (1, 5)), ("5.z", (5, 2, 4)),
        ):  # fmt: skip
            self.assertEqual(sheet.tensors[name].sizes, sizes, name)
        for name in ("1.w.before", "1.s.before", "4.mean.d0", "4.offset.d0", "5.b.before"):
            self.assertNotIn(name, sheet.tensors)
        groups = (("t", 2), ("b", 4), ("i", 3), ("j", 5)), (("t", 2), ("b", 4))
        for over in groups:
            self.assertIn(Domain(over), [x.over for x in relation.vanishing])

    def test_public_models(self) -> None:
        net = [layer_norm(), scale(), rms_norm(), linear(2)]
        key = Key(Manifest(manifest(net, inputs=3, version=3)), STRING)
        shapes = {
            "layers.1.weight": [3], "layers.1.bias": [3], "layers.3.weight": [3, 2],
            "layers.3.bias": [2],
        }  # fmt: skip
        read = read_parameters(key, model_file(shapes, "10", 1))
        self.assertEqual(sorted(read), ["1.b.before", "1.w.before", "3.b.before", "3.w.before"])
        for name, wrong, reason in (
            ("layers.1.weight", [1, 3], "1.weight is not"), ("layers.0.weight", [3], "tensors that")
        ):  # fmt: skip
            with self.subTest(name), self.assertRaisesRegex(Rejected, reason):
                read_parameters(key, model_file(shapes | {name: wrong}, "10", 1))

    def test_refusals(self) -> None:
        end, image = linear(2), {"image": [4, 4, 3], "inputs": 0}
        kinds = ((layer_norm, "a layer norm"), (rms_norm, "an RMS norm"), (scale, "a scale"))
        for kind, called in kinds:
            cases = [
                (r"layers\[0\].kind: expected", [kind(), end], image | {"version": 2}),
                (rf"layers\[0\].out: {called}", [kind(out=2), end], {}),
                (rf"layers\[0\].kernel: {called}", [kind(kernel=1), end], image),
                (rf"layers\[0\].stride: {called}", [kind(stride=1), end], image),
                (rf"layers\[0\].padding: {called}", [kind(padding=0), end], image),
                (r"layers\[0\].slope: only", [kind(slope=0.5), end], {}),
                (r"layers\[1\].with: only", [kind(), kind(**{"with": 0}), end], {}),
                (r"layers\[2\].with: an image", [kind(), linear(48), add(0), end], image),
                ("the last one is linear", [end, kind()], {}),
            ]
            if kind is not scale:
                row = r"layers\[0\] \(numbers of a row\): 1 is"
                cases += [
                    (rf"layers\[0\].bias: {called}", [kind(bias=False), end], {}),
                    (row, [kind(), end], {"image": [4, 4, 1], "inputs": 0}),
                    (row, [kind(), end], {"inputs": 1}),
                ]
            for reason, layers, options in cases:
                options = FLAT | options
                with self.subTest(reason, layers=layers), self.assertRaisesRegex(Rejected, reason):
                    derive(Manifest(manifest(layers, **options)))
        # A batch of one row is enough, and one number is for a scale.
        derive(Manifest(manifest([layer_norm(), end], batch=1, **FLAT)))
        derive(Manifest(manifest([scale(), end], image=[4, 4, 1], version=3)))

    def test_scales(self) -> None:
        text = manifest([layer_norm(), rms_norm(), scale(), linear(2)], **FLAT)
        rows = "[[quantization.layers]]\nz_frac = 6\ngrad_frac = 10\n"
        scaled = rows + "eta = 256\n"
        for reason, old, new in (
            (r"layers\[0\].z_frac: 4 is", rows, rows.replace("6", "4")),
            (r"layers\[0\].z_frac: 16 is", rows, rows.replace("6", "16")),
            (r"layers\[0\].grad_frac: a shift of -1", rows, rows.replace("10", "32")),
            (r"layers\[0\].eta: of a layer without", rows, rows + "eta = 256\n"),
            (r"layers\[0\].clip_frac: a layer without", rows, rows + "clip_frac = 13\n"),
            (r"layers\[0\].clip_bound: a layer without", rows, rows + "clip_bound = 1\n"),
            (r"layers\[0\].a_frac: where", rows, rows + "a_frac = 8\n"),
            (r"layers\[2\].eta: 0 is recorded", scaled, rows),
        ):  # fmt: skip
            with self.subTest(reason), self.assertRaisesRegex(Rejected, reason):
                derive(edited(text, old, new))
        for frac in ("5", "15"):
            derive(edited(text, rows, rows.replace("6", frac)))


class Steps(unittest.TestCase):
    """Steps by hand."""

    def example(self, centred: bool, values: dict[str, int], x, z, sent, g) -> None:
        """Of the document: four numbers in a row."""
        norm: Norm = row_normed(RowBounds(4, 4, 2**15, 8, centred), 2**15)
        row, error = [40, -8, 16, 24], [300, -200, 50, 100]
        shifted = lambda shift: Rounding(shift, SHORT_LOW, SHORT_HIGH, 0, 0)  # noqa: E731
        rounded = lambda row, shift: [round_sat(v, shifted(shift))[0] for v in row]  # noqa: E731
        found = Lines(SimpleNamespace(outputs=4, norm=norm, wides=norm.wides), [row])
        wide = found.normalized(0, row)
        self.assertEqual(wide, [found.quotient("inverse")[0] * c for c in x])
        self.assertEqual(rounded(wide, 18), z)
        found.correlate([z], [error])
        for name, value in values.items():
            self.assertEqual(found.quotient(name), [value], name)
        self.assertEqual(found.sent(0, z, error), sent)
        self.assertEqual(rounded(sent, 21), g)
        self.assertEqual(list(found.wides), list(norm.wides))

    def test_the_documents_examples(self) -> None:
        values = {
            "mean": 288, "variance": 76800, "deviation": 277, "inverse": 242270,
            "correlation": 181700, "offset": 484540000, "tilt": 5373591,
        }  # fmt: skip
        self.example(
            True, values, [352, -416, -32, 96], [325, -384, -30, 89],
            [94834925, 28390944, 64299730, -187525599], [45, 14, 31, -89],
        )  # fmt: skip
        values = {
            "variance": 159744, "deviation": 400, "inverse": 167772, "correlation": 172200,
            "tilt": 3526652,
        }  # fmt: skip
        self.example(
            False, values, [640, -128, 256, 384], [410, -82, 164, 246],
            [164683880, -784555336, -309935728, -330685992], [79, -374, -148, -158],
        )  # fmt: skip

    def test_a_scale_by_hand(self) -> None:
        # Two channels at two positions: doubled, and halved with one more.
        layers = [scale(), linear(4, bias=False)]
        net = network(layers, image=[1, 2, 2], batch=1, steps=1, loss="mse", version=3)
        one, same = 1024, [[1024 * (m == o) for o in range(4)] for m in range(4)]
        step = Step(net, [[[2 * one, one // 2], [0, one]], same], [zeros(x) for x in net.layers])
        step.run([[64, 128, 32, -64]], [[1, 0, 0, 0]])
        self.assertEqual([q for q, _, _ in step.trace["0.z"][0]], [128, 128, 64, 32])
        # Outputs 2, 2, 1 and a half, less the label; half of the gradient is subtracted.
        self.assertEqual(step.errors[0], [[1024, 2048, 1024, 512]])
        # Weights: 1·1 + 1·½ and 2·2 − 1·½; biases: 1 + 1 and 2 + ½.
        gradients = [[one * 3 // 2, one * 7 // 2], [2 * one, one * 5 // 2]]
        before = [[2 * one, one // 2], [0, one]]
        expected = [[w - g // 2 for w, g in zip(*pair)] for pair in zip(before, gradients)]
        self.assertEqual(step.weights[0], expected)

    def test_positions_do_not_meet(self) -> None:
        layers = [layer_norm(), linear(1, bias=False)]
        net = network(layers, image=[1, 2, 2], batch=1, steps=1, loss="logistic", version=3)
        step = Step(net, [[], [[1024], [0], [0], [0]]], [zeros(x) for x in net.layers])
        step.run([[100, 60, 5, -5]], [[1]])
        self.assertEqual(step.lines[0].quotient("mean"), [16 * 80, 0])
        # Deviations of 20 and 5 units, with epsilon 321 and 81 of 16.
        self.assertEqual(step.lines[0].quotient("deviation"), [320, 81])
        z = [q for q, _, _ in step.trace["0.z"][0]]
        self.assertEqual(z, [64, -64, 63, -63])
        # Only the first position gets a gradient; what two numbers differ by is lost.
        self.assertEqual(step.lines[0].quotient("correlation")[1], 0)

    def test_random_rows_follow_the_formulas(self) -> None:
        for seed in range(20):
            layers, options = with_rows(seed)
            net = network(layers, **options)
            step, literal = Step(net, *drawn(net, seed)), Literal(net, *drawn(net, seed))
            with self.subTest(seed, layers=layers):
                for number in (2, 3):
                    step.run(*batch(net, number))
                    literal.run(*batch(net, number))
                self.assertEqual(step.weights, literal.weights)
                self.assertEqual(step.state, literal.state)

    def test_a_batch_norm_behind(self) -> None:
        # Channels of what rows put out.
        net = network([rms_norm(), norm(), linear(1)], loss="logistic", **FLAT)
        step = Step(net, *drawn(net, 1))
        step.run(*batch(net, 1))
        self.assertEqual((len(step.lines[0].wides["tilt"]), len(step.channels)), (2, 1))


if __name__ == "__main__":
    unittest.main()
