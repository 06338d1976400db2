"""Depthwise convolutions: manifests, steps, and what refuses other steps."""

import random
import struct
import unittest
from itertools import product

from fixtures import STRING, model_file
from networks import GELU, RELU, SIGMOID, convolution, depthwise, linear, manifest, mean, network
from test_graphs import edited
from test_pools import ONCE, names_of, refusing
from test_step import zeros
from test_witness import Witness, broken
from zktrain_reference.compiler import compile_training
from zktrain_reference.errors import Rejected
from zktrain_reference.geometry import Image
from zktrain_reference.hashing import keccak256
from zktrain_reference.manifest import Manifest
from zktrain_reference.model import commit_parameters, read_parameters
from zktrain_reference.network import Network, derive
from zktrain_reference.relation import Relation
from zktrain_reference.step import Matrix, Row, Step
from zktrain_reference.training import Key

APART = [depthwise(3, stride=2, padding=1), SIGMOID, depthwise(2, bias=False), linear(2)]
IMAGE = {"image": [5, 4, 3], "version": 3}
TEXT = manifest(APART, **IMAGE)


class Manifests(unittest.TestCase):
    """What they say, and what follows."""

    def test_hash(self) -> None:
        integer = lambda *values: struct.pack(f">{len(values)}q", *values)  # noqa: E731
        real = lambda *values: struct.pack(f">{len(values)}d", *values)  # noqa: E731
        text = lambda value: integer(len(value)) + value  # noqa: E731
        absent, alone = 0, [0, 0, 0]
        expected = [
            b"zktrain/manifest/v3\0", integer(3), text(b"small"),
            integer(60, 1, 5, 4, 3, 0, 4),
            # Kind, out, bias, kernel, stride, padding.
            integer(8, absent, 1, 1, 1, 3, 1, 2, 1, 1, *alone),
            integer(2, *[absent] * 5, *alone),
            integer(8, absent, 1, 0, 1, 2, 1, 1, 1, 0, *alone),
            integer(0, 1, 2, 1, 1, absent, absent, absent, *alone),
            real(0.5, 0.0, 0.0), integer(absent),
            integer(2, 2, 4), text(b"y"), integer(1, 2), text(b"0"), text(b"1"),
            integer(absent, 1), text(b"x"), integer(60), real(0.0, 1.0), integer(absent),
            integer(1, 6, 6, 10, 12, 0, 0, 3),
            integer(6, 1, 8, 1, 10, absent, absent, 2**6),
            integer(6, absent, 1, 10, absent, absent, 2**6),
            integer(8, absent, absent, absent, absent, 2**4),
        ]  # fmt: skip
        self.assertEqual(Manifest(TEXT).hash(), keccak256(*expected))
        said = edited(TEXT, "kernel = 2\n", "kernel = 2\nstride = 1\npadding = 0\n")
        self.assertEqual(said.hash(), Manifest(TEXT).hash())

    def test_network(self) -> None:
        first, second, last = derive(Manifest(TEXT)).layers
        self.assertEqual((first.result, second.result), (Image(3, 2, 3), Image(2, 1, 3)))
        self.assertEqual([first.inputs, second.inputs, last.inputs], [9, 4, 6])
        self.assertEqual([first.outputs, first.parameters, second.parameters], [3, 10, 4])
        # Parameters are below 2^18; a sigmoid's values are at most 2^8.
        self.assertEqual(first.z.most, (9 * 2**15 + 2**6) << 18)
        self.assertEqual(second.z.most, (4 * 2**8) << 18)
        # What is sent back is summed over places alone, of stride one all four.
        self.assertEqual(first.takers[0].rounding.most, 4 * 2**15 << 18)
        self.assertEqual(second.takers[0].rounding.most, 2 * 2**14 << 18)
        # Gradients are sums over two samples, six and two positions.
        self.assertEqual(first.update.most, 2**6 * (2 * 6 * 2**15 * 2**15))
        self.assertEqual(second.update.most, 2**6 * (2 * 2 * 2**8 * 2**15))
        above = network([convolution(2, 1), depthwise(3, stride=2), linear(2)], **IMAGE)
        self.assertEqual(above.layers[0].takers[0].rounding.most, 4 * 2**15 << 18)

    def test_tensors(self) -> None:
        _, sheet = compile_training(derive(Manifest(TEXT)))
        for name, sizes in (
            ("0.w.before", (1, 3, 3, 3)), ("0.b.before", (1, 3)), ("0.w.update", (2, 3, 3, 3)),
            ("0.w.update.r0", (3, 3, 2, 3)), ("0.b.update.r0", (3, 2)),
            ("1.w.before", (1, 2, 2, 3)), ("1.z", (3, 2, 2, 2, 1)), ("0.g", (3, 2, 2, 3, 2)),
            ("2.w.before", (1, 2, 1, 3, 2)),
        ):  # fmt: skip
            self.assertEqual(sheet.tensors[name].sizes, sizes, name)
        self.assertNotIn("1.b.before", sheet.tensors)

    def test_products(self) -> None:
        relation, _ = compile_training(derive(Manifest(TEXT)))
        forward, backward, gradient = relation.products[:3]
        sizes = lambda axes: [size for _, size in axes]  # noqa: E731
        for found, rows, summed in (
            (forward, [2, 3, 2], [3, 3]), (backward, [2, 3, 2], [2, 2]),
            (gradient, [3, 3], [2, 3, 2]),
        ):  # fmt: skip
            self.assertEqual((sizes(found.o), found.y), ([2, 3], ()))
            self.assertEqual((sizes(found.x), sizes(found.k)), (rows, summed))

    def test_public_models(self) -> None:
        key = Key(Manifest(TEXT), STRING)
        shapes = {
            "layers.0.weight": [9, 3], "layers.0.bias": [3], "layers.1.weight": [4, 3],
            "layers.2.weight": [6, 2], "layers.2.bias": [2],
        }  # fmt: skip
        read = read_parameters(key, model_file(shapes, "10", 1))
        found, cells = commit_parameters(key, read), [0] * 64
        for i, (u, v, c) in enumerate(product(range(3), range(3), range(3))):
            cells[16 * u + 4 * v + c] = 1 + i
        self.assertEqual(key.sheet.tensors["0.w.before"].base % 128, 0)
        self.assertEqual(found[0], STRING.commit(cells))
        for name, wrong, reason in (
            ("layers.0.weight", [27, 3], "0.weight is not"), ("layers.1.bias", [3], "tensors that"),
            ("layers.0.weight", [9, 1, 3], "0.weight is not"),
        ):  # fmt: skip
            with self.subTest(name, wrong=wrong), self.assertRaisesRegex(Rejected, reason):
                read_parameters(key, model_file(shapes | {name: wrong}, "10", 1))

    def test_refusals(self) -> None:
        one, end = depthwise(1), linear(2)
        flat = {"image": None, "inputs": 4}
        old = {**flat, "version": 1}
        cases = (
            (r"layers\[0\].kind: expected", [("depthwise_conv2d", {}), end], old),
            (r"layers\[0\].kind: expected", [one, end], {"version": 2}),
            (r"layers\[0\].out: a depthwise", [depthwise(1, out=3), end], {}),
            (r"layers\[0\]: a convolution takes", [one, end], flat),
            (r"layers\[1\]: a convolution takes", [linear(4), one, end], {}),
            (r"layers\[0\].kernel: is required", [("depthwise_conv2d", {}), end], {}),
            (r"layers\[0\].kernel: 0 is not in 1 … 7", [depthwise(0), end], {}),
            (r"layers\[0\].kernel: 8 is not in 1 … 7", [depthwise(8, padding=4), end], {}),
            (r"layers\[0\].kernel: does not fit", [depthwise(5), end], {}),
            (r"layers\[0\].stride: 3", [depthwise(2, stride=3), end], {}),
            (r"layers\[0\].stride: 0", [depthwise(2, stride=0), end], {}),
            (r"layers\[0\].padding: 2", [depthwise(2, padding=2), end], {}),
            (r"layers\[0\].slope: only", [depthwise(1, slope=0.5), end], {}),
            (r"layers\[1\].with: only", [one, depthwise(1, **{"with": 0}), end], {}),
            (r"layers\[0\] \(numbers\)", [depthwise(2, padding=1), end], {"image": [16, 16, 256]}),
            (r"numbers of a patch", [depthwise(5, padding=2), end], {"image": [4, 4, 4096]}),
            ("the last one is linear", [one], {}),
        )
        for reason, layers, options in cases:
            options = {"image": [4, 4, 3], "version": 3, **options}
            with self.subTest(reason, layers=layers), self.assertRaisesRegex(Rejected, reason):
                derive(Manifest(manifest(layers, **options)))
        for layers, image in (
            ([depthwise(7, padding=6), GELU, depthwise(7, padding=3), end], [4, 4, 3]),
            ([mean(), depthwise(1), end], [4, 4, 3]),
            ([depthwise(4, padding=2, stride=2), end], [4, 4, 4096]),
        ):
            derive(Manifest(manifest(layers, image=image, version=3)))


class Steps(unittest.TestCase):
    """Steps by hand."""

    def test_channels_do_not_meet(self) -> None:
        # An image of one row. The first channel's kernel takes what is left, the second's twice
        # what is right; the first layer's takes the second channel negatively, and adds one.
        layers = [depthwise(1), depthwise(2, padding=1, bias=False), linear(1, bias=False)]
        net = network(layers, image=[1, 2, 2], version=3, batch=1, steps=1, loss="logistic")
        one = 1024
        # A kernel's rows and columns, then channels: the lower row lies on the image, or above.
        around = [[0, 0], [0, 0], [one, 0], [0, 2 * one]]
        last = [[0], [0], [0], [0], [one], [one], *[[0]] * 6]
        self.assertEqual(net.layers[1].result, Image(2, 3, 2))
        step = Step(net, [[[one, -one], [0, 16]], around, last], [zeros(x) for x in net.layers])
        step.run([[5, 7, 9, 11]], [[1]])
        first = [q for q, _, _ in step.trace["0.z"][0]]
        self.assertEqual(first, [5, -6, 9, -10])
        second = [q for q, _, _ in step.trace["1.z"][0]]
        # In the first row nothing and −6, 5 and −10, 9 and nothing.
        self.assertEqual(second, [0, -12, 5, -20, 9, 0, 0, 0, 0, 0, 0, 0])
        # The last layer reads both channels of the third position, and sends D back there.
        (p,), (g,) = step.trace["p"][0], step.trace["1.g"]
        sent = (p - 2**14 + 8) >> 4
        self.assertEqual([q for q, _, _ in g], [0] * 4 + [sent] * 2 + [0] * 6)
        # That reads the last number of the first channel, and nothing of the second.
        back = [q for q, _, _ in step.trace["0.g"][0]]
        self.assertEqual(back, [0, 0, sent, 0])
        # What the third position reads, it reads through the kernels' lower left place.
        rounded = lambda x: (x + 2**15) >> 16  # noqa: E731
        eta = net.layers[1].eta
        lower_left = [rounded(eta * 9 * sent), rounded(eta * -10 * sent)]
        self.assertEqual(step.state[1], [[0, 0], [0, 0], lower_left, [0, 0]])


class Mixed(Step):
    """What a kernel puts out belongs to the next channel."""

    def wide(self, i: int, row: Row, *other: Row) -> Row:
        wide, layer = super().wide(i, row, *other), self.network.layers[i]
        return wide[1:] + wide[:1] if layer.apart else wide


class Elsewhere(Step):
    """What is sent back goes to the next channel."""

    def sends(self, i: int, error: Row, sample: int):
        sent, layer = list(super().sends(i, error, sample)), self.network.layers[i]
        if not layer.apart:
            return sent
        count = layer.image.channels
        return [(m - m % count + (m + 1) % count, x) for m, x in sent]


class Turned(Step):
    """What is sent back goes through the kernel turned around."""

    def sends(self, i: int, error: Row, sample: int):
        layer = self.network.layers[i]
        if not layer.apart:
            return super().sends(i, error, sample)
        kept, self.weights[i] = self.weights[i], self.weights[i][::-1]
        sent = list(super().sends(i, error, sample))
        self.weights[i] = kept
        return sent


class Forgotten(Step):
    """The gradient of a kernel is another channel's, or that of a bias is less than it is."""

    def __init__(self, net: Network, weights, state, wrong: str = "w") -> None:
        super().__init__(net, weights, state)
        self.wrong = wrong

    def update(self, i: int, read: Matrix, errors: Matrix) -> Matrix:
        self.at = i if self.network.layers[i].apart else None
        return super().update(i, read, errors)

    def round(self, name: str, values: Row, rounding):
        if name.endswith(".clip") and self.at is not None:
            layer, row = self.network.layers[self.at], len(self.trace.get(name, []))
            if self.wrong == "w" and row < layer.inputs:
                values = values[1:] + values[:1]
            if self.wrong == "b" and row == layer.inputs:
                values = [x + 2**layer.clip.shift for x in values]
        return super().round(name, values, rounding)


class Bias(Forgotten):
    """That of a bias is."""

    def __init__(self, net: Network, weights, state) -> None:
        super().__init__(net, weights, state, "b")


def outs(names: str, relation: Relation) -> str:
    """The product whose result has this tensor."""
    found = [k for k, p in enumerate(relation.products) if names in names_of(p.out)]
    return f"product {found[0]}"


class Constraints(unittest.TestCase):
    """Each product refuses a step that only it refuses."""

    def test_products(self) -> None:
        layers = [convolution(3, 1), depthwise(2, padding=1), RELU, linear(2)]
        net = network(layers, image=[2, 3, 1], version=3, clip=1.0, **ONCE)
        relation, _ = compile_training(net)
        wide = [names_of(v.form) for v in relation.vanishing]
        zero = next(k for k, names in enumerate(wide) if "1.b.clip" in names)
        self.assertEqual(refusing(relation, Witness(net).cells), set())
        for kind, expected in (
            (Mixed, outs("1.z", relation)), (Elsewhere, outs("0.g", relation)),
            (Turned, outs("0.g", relation)), (Forgotten, outs("1.w.clip", relation)),
            (Bias, f"zero {zero}"),
        ):  # fmt: skip
            with self.subTest(kind):
                self.assertEqual(refusing(relation, Witness(net, kind).cells), {expected})

    def test_no_cell_is_free(self) -> None:
        draw = random.Random(1)
        for options in ({}, {"clip": 1.0}, {"momentum": 0.5, "decay": 0.01}):
            layers = [depthwise(3, padding=1, stride=2), GELU, depthwise(2, bias=False), linear(2)]
            net = network(layers, image=[3, 4, 3], version=3, **ONCE | options)
            relation, sheet = compile_training(net)
            cells = Witness(net).cells
            self.assertEqual(broken(relation, cells), [])
            for tensor in sheet.tensors.values():
                given = tensor.name.endswith((".before", ".state"))
                if not tensor.name.startswith(("0.", "1.")) or given:
                    continue
                padded = [range(1 << (size - 1).bit_length()) for size in tensor.sizes]
                place = draw.choice(list(product(*padded)))
                key = tensor.name, place
                altered = cells | {key: cells.get(key, 0) + draw.choice((1, -1))}
                with self.subTest(options, cell=key):
                    self.assertNotEqual(broken(relation, altered), [])


if __name__ == "__main__":
    unittest.main()
