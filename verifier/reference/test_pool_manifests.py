"""Manifests of networks with pools: hash, bounds, tensors, public models, refusals."""

import struct
import unittest

from fixtures import STRING, model_file
from networks import RELU, SIGMOID, convolution, largest, linear, manifest, mean
from zktrain_reference.compiler import compile_training
from zktrain_reference.errors import Rejected
from zktrain_reference.geometry import Image
from zktrain_reference.hashing import keccak256
from zktrain_reference.manifest import Manifest
from zktrain_reference.model import read_parameters
from zktrain_reference.network import EXACT, derive
from zktrain_reference.training import Key

# 4 × 8 inputs of two channels, 4 × 8 of three, 2 × 4, 1 × 2.
POOLED = [
    convolution(3, 3, padding=1),
    largest(2),
    SIGMOID,
    mean(kernel=2, padding=0),
    RELU,
    linear(2),
]
TEXT = manifest(POOLED, image=[4, 8, 2])


def edited(text: str, before: str, after: str) -> Manifest:
    """A manifest of which something is otherwise."""
    assert before in text
    return Manifest(text.replace(before, after, 1))


class Pools(unittest.TestCase):
    """What follows from them."""

    def test_hash(self) -> None:
        integer = lambda *values: struct.pack(f">{len(values)}q", *values)  # noqa: E731
        real = lambda *values: struct.pack(f">{len(values)}d", *values)  # noqa: E731
        text = lambda value: integer(len(value)) + value  # noqa: E731
        absent = 0
        activation = integer(absent, absent, absent, absent, absent)
        expected = [
            b"zktrain/manifest/v2\0", integer(2), text(b"small"),
            integer(64, 1, 4, 8, 2, 0, 6),
            # Kind, out, bias, kernel, stride, padding.
            integer(4, 1, 3, 1, 1, 1, 3, 1, 1, 1, 1),
            integer(5, absent, absent, 1, 2, 1, 2, 1, 0), integer(2), activation,
            integer(6, absent, absent, 1, 2, 1, 2, 1, 0), integer(1), activation,
            integer(0, 1, 2, 1, 1, absent, absent, absent),
            real(0.5, 0.0, 0.0), integer(absent),
            integer(2, 2, 4), text(b"y"), integer(1, 2), text(b"0"), text(b"1"),
            integer(absent, 1), text(b"x"), integer(64), real(0.0, 1.0), integer(absent),
            # Scales, and those of four layers; before the pool of the largest its D's twelve bits.
            integer(1, 6, 6, 10, 12, 0, 0, 4),
            integer(6, absent, 1, 12, absent, absent, 2**6),
            integer(6, 1, 8, 1, 10, absent, absent, 0),
            integer(6, absent, 1, 10, absent, absent, 0),
            integer(8, absent, absent, absent, absent, 2**4),
        ]  # fmt: skip
        self.assertEqual(Manifest(TEXT).hash(), keccak256(*expected))

    def test_what_may_be_left_out_is_in_the_hash(self) -> None:
        found = Manifest(TEXT).hash()
        for before, after in (
            ("padding = 0\n", ""),
            ('"max_pool2d"\nkernel = 2\n', '"max_pool2d"\nkernel = 2\nstride = 2\npadding = 0\n'),
            ("z_frac = 6\ngrad_frac = 10\na", "eta = 0\nz_frac = 6\ngrad_frac = 10\na"),
        ):
            with self.subTest(after):
                self.assertEqual(edited(TEXT, before, after).hash(), found)

    def test_a_mean_of_the_whole_has_no_kernel_in_the_hash(self) -> None:
        whole, said = (
            Manifest(manifest([layer, linear(2)], image=[4, 4, 1]))
            for layer in (mean(), mean(kernel=4))
        )
        self.assertEqual(derive(whole), derive(said))
        self.assertNotEqual(whole.hash(), said.hash())

    def test_network(self) -> None:
        first, chosen, means, last = derive(Manifest(TEXT)).layers
        self.assertEqual((chosen.image, chosen.result), (Image(4, 8, 3), Image(2, 4, 3)))
        self.assertEqual((means.result, last.image), (Image(1, 2, 3), Image(1, 2, 3)))
        self.assertEqual((last.inputs, chosen.parameters, means.parameters), (6, 0, 0))
        self.assertEqual((chosen.z, first.takers[0].rounding), (EXACT, EXACT))
        sent = chosen.takers[0].rounding
        self.assertEqual((chosen.update, chosen.clip, means.update), (None, None, None))
        # A mean of four is times 2^14; the sigmoid has 8 bits, and D has 10 or 12.
        self.assertEqual((means.mean, means.z.most, means.z.shift), (2**14, 2**24, 18))
        self.assertEqual((sent.most, sent.shift), (2**14 * 2**15, 16))
        # Gradients are sums over two samples and 4 · 8 positions.
        self.assertEqual(first.update.most, 2**6 * (2 * 32 * 2**15 * 2**15))

    def test_means_are_rounded(self) -> None:
        expected = {2: 16384, 3: 7282, 4: 4096, 5: 2621, 6: 1820, 7: 1337, 9: 809, 16: 256}
        for k, factor in expected.items():
            net = derive(Manifest(manifest([mean(), linear(2)], image=[k, k, 1])))
            self.assertEqual(net.layers[0].mean, factor)
            self.assertEqual(net.layers[0].z.most, factor * k * k * 2**15)

    def test_tensors(self) -> None:
        _, sheet = compile_training(derive(Manifest(TEXT)))
        for name, sizes in (
            ("0.g", (3, 2, 2, 4, 8)), ("1.z", (3, 2, 2, 2, 4)), ("1.chosen", (3, 2, 2, 2, 2, 4, 2)),
            ("1.a", (3, 2, 2, 2, 4)), ("1.d.r0", (3, 2, 2, 2, 4)), ("1.g.r0", (3, 2, 2, 2, 4)),
            ("2.z.r1", (3, 2, 2, 1, 2)), ("2.negative", (3, 2, 2, 1, 2)),
            ("3.w.before", (1, 1, 2, 3, 2)),
        ):  # fmt: skip
            self.assertEqual(sheet.tensors[name].sizes, sizes, name)
        for name in ("0.g.r0", "1.z.r0", "1.z.high0", "1.w.before", "1.b.update", "2.w.update.r0"):
            self.assertNotIn(name, sheet.tensors)

    def test_public_models_count_pools(self) -> None:
        key = Key(Manifest(TEXT), STRING)
        shapes = {
            "layers.0.weight": [18, 3], "layers.0.bias": [3],
            "layers.3.weight": [6, 2], "layers.3.bias": [2],
        }  # fmt: skip
        found = read_parameters(key, model_file(shapes, "10", 1))
        self.assertEqual(sorted(found), ["0.b.before", "0.w.before", "3.b.before", "3.w.before"])
        for name in ("layers.1.weight", "layers.1.bias", "layers.2.weight"):
            with self.subTest(name), self.assertRaisesRegex(Rejected, "tensors that"):
                read_parameters(key, model_file(shapes | {name: [1]}, "10", 1))


class Refusals(unittest.TestCase):
    """What is refused, and what is next to it."""

    def test_layers(self) -> None:
        end, text = linear(2), {"image": None, "inputs": 4}
        cases = (
            ("takes an image", [largest(2), end], text),
            ("takes an image", [mean(), end], text),
            ("takes an image", [linear(4), mean(kernel=2), end], {}),
            ("expected one of", [("max_pool2d", {}), end], {**text, "version": 1}),
            ("expected one of", [mean(), end], {**text, "version": 1}),
            ("kernel: is required", [("max_pool2d", {}), end], {}),
            ("needs a square", [mean(), end], {"image": [4, 8, 1]}),
            ("kernel: 1", [largest(1), end], {}),
            ("kernel: 8", [largest(8), end], {"image": [8, 8, 1]}),
            ("kernel: 8", [mean(kernel=8), end], {"image": [8, 8, 1]}),
            ("height", [largest(2), end], {"image": [3, 4, 1]}),
            ("width", [mean(kernel=2), end], {"image": [4, 3, 1]}),
            ("height", [largest(5), end], {}),
            ("stride", [largest(2, stride=1), end], {}),
            ("stride", [mean(kernel=4, stride=2), end], {}),
            ("padding", [largest(2, padding=1), end], {}),
            ("padding", [mean(padding=0), end], {}),
            ("kernel: 17", [mean(), end], {"image": [17, 17, 1]}),
            ("stride", [mean(stride=4), end], {}),
            ("out", [largest(2, out=2), end], {}),
            ("bias", [largest(2, bias=True), end], {}),
            ("bias", [mean(bias=False), end], {}),
            ("between two", [largest(2), RELU, SIGMOID, end], {}),
            ("between two", [RELU, largest(2), end], {}),
            ("between two", [end, RELU], {}),
            ("last one", [convolution(2, 1), largest(2)], {}),
            ("last one", [mean()], {}),
            ("an activation has none", [largest(2), ("relu", {"kernel": 2}), end], {}),
            ("activations", [linear(2)] * 257, {}),
        )
        for reason, layers, options in cases:
            options = {"image": [4, 4, 2], **options}
            with self.subTest(reason, layers=layers), self.assertRaisesRegex(Rejected, reason):
                derive(Manifest(manifest(layers, **options)))

    def test_what_is_next_to_it(self) -> None:
        for layers, image in (
            ([largest(7), linear(2)], [7, 14, 1]),
            ([mean(), linear(2)], [9, 9, 1]),
            ([largest(2), RELU, mean(kernel=2), SIGMOID, linear(2)], [4, 4, 2]),
            ([linear(2)] * 64, [1, 1, 1]),
        ):
            with self.subTest(layers):
                derive(Manifest(manifest(layers, image=image)))

    def test_scales(self) -> None:
        clipped = manifest(POOLED, image=[4, 8, 2], clip=1.0)
        chosen, means = "z_frac = 6\ngrad_frac = 10\na_frac = 8\n", "z_frac = 6\ngrad_frac = 10\n["
        for reason, text, before, after in (
            (r"layers\[1\].z_frac", TEXT, chosen, chosen.replace("6", "7")),
            (r"layers\[0\].grad_frac", TEXT, "grad_frac = 12", "grad_frac = 10"),
            (r"layers\[0\].grad_frac", TEXT, "grad_frac = 12\n", ""),
            (r"layers\[1\].grad_frac", TEXT, chosen, "z_frac = 6\na_frac = 8\n"),
            (r"layers\[1\].a_frac", TEXT, "a_frac = 8\n", ""),
            (r"layers\[2\].a_frac", TEXT, means, "a_frac = 8\n" + means),
            (r"layers\[1\].eta", TEXT, chosen, chosen + "eta = 1\n"),
            (r"layers\[2\].eta", TEXT, means, "eta = 64\n" + means),
            (r"layers\[0\].eta", TEXT, "eta = 64\n", ""),
            (r"layers\[0\].eta", TEXT, "eta = 64\n", "eta = 0\n"),
            (r"layers\[1\].clip_frac", clipped, chosen, chosen + "clip_frac = 13\n"),
            (r"layers\[1\].clip_bound", clipped, chosen, chosen + "clip_bound = 16384\n"),
            (r"layers\[2\].clip_frac", TEXT, means, "clip_frac = 13\n" + means),
            # A shift of less than nothing: 10 + 16 − 27.
            (r"layers\[1\].grad_frac: a shift", TEXT, chosen, chosen.replace("10", "27")),
            ("one a layer", TEXT, "[[quantization.layers]]\n" + means[:-1], ""),
        ):
            with self.subTest(reason, after=after), self.assertRaisesRegex(Rejected, reason):
                derive(edited(text, before, after))


if __name__ == "__main__":
    unittest.main()
