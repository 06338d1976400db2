"""Labels with weights: manifests, bounds, tensors, circuits, steps, and rows of steps."""

import struct
import unittest
from pathlib import Path

from networks import (
    RELU,
    add,
    convolution,
    depthwise,
    linear,
    manifest,
    network,
    norm,
    placed,
)
from test_graphs import edited
from test_step import drawn, zeros
from test_witness import Witness, broken
from weight_formulas import WeightedLiteral
from weighted_networks import CASES, WEIGHTED, labelled, weighted_circuits
from zktrain_reference.circuit import Circuit
from zktrain_reference.compiler import compile_dataset, compile_training
from zktrain_reference.errors import Rejected
from zktrain_reference.hashing import keccak256
from zktrain_reference.label_weights import integer_weight
from zktrain_reference.manifest import Manifest
from zktrain_reference.network import derive
from zktrain_reference.schema import SIXTH, encoded
from zktrain_reference.spread import cut, features, label_rows, rows_of_steps, windows_of
from zktrain_reference.step import Step

HERE = Path(__file__).parent
FLAT = [linear(3), RELU, linear(3)]
ENDS = [convolution(4, 1), placed(), convolution(3, 1)]
SEQUENCE = {"image": [4, 1, 2], "places": 4, **WEIGHTED}
THREE = {"batch": 3, "rate": 2.0}


def integers(*values: int) -> bytes:
    """Integers of the hash."""
    return struct.pack(f">{len(values)}q", *values)


def reals(*values: float) -> bytes:
    """Reals of the hash."""
    return struct.pack(f">{len(values)}d", *values)


def text(value: bytes) -> bytes:
    """A string of the hash."""
    return integers(len(value)) + value


def said(**fields: object) -> dict[str, object]:
    """Options of a manifest with weights that says this of data."""
    return {"version": 6, "data": {"weighted": True, **fields}}


class Manifests(unittest.TestCase):
    """What they say, and what follows."""

    def test_what_the_hash_has_of_data(self) -> None:
        tokens = {"tokens": ["a", "bc"], "class_weights": [1, 0.5, 0.25]}
        data = Manifest(manifest(ENDS, **SEQUENCE | said(**tokens)))["data"]
        ahead = [
            text(b"y"), integers(1, 3), text(b"0"), text(b"1"), text(b"2"), integers(0, 1),
            text(b"x"),
        ]  # fmt: skip
        expected = [
            *ahead, integers(4), reals(0, 1), integers(0), integers(1, 1, 3), reals(1, 0.5, 0.25),
            integers(1, 2), text(b"a"), text(b"bc"),
        ]  # fmt: skip
        self.assertEqual(encoded(SIXTH, data, "data"), b"".join(expected))
        data = Manifest(manifest(FLAT, inputs=3, version=6))["data"]
        expected = [*ahead, integers(3), reals(0, 1), integers(0), integers(0, 0, 0)]
        self.assertEqual(encoded(SIXTH, data, "data"), b"".join(expected))

    def test_hash(self) -> None:
        found = Manifest(manifest([linear(2)], inputs=3, batch=3, **WEIGHTED)).hash()
        expected = keccak256(
            b"zktrain/manifest/v6\0", integers(6), text(b"small"), integers(3, 0, 0, 1),
            integers(0, 1, 2, 1, 1, *[0] * 8), reals(0.5, 0, 0), integers(0, 0),
            integers(3, 2, 4), text(b"y"), integers(1, 2), text(b"0"), text(b"1"),
            integers(0, 1), text(b"x"), integers(3), reals(0, 1), integers(0), integers(1, 0, 0),
            integers(1, 6, 6, 10, 12, 0, 0, 1), integers(8, 0, 0, 0, 0, 11),
        )  # fmt: skip
        self.assertEqual(found, expected)

    def test_what_is_not_said(self) -> None:
        plain = manifest(FLAT, inputs=3, version=6)
        false = edited(plain, "[data.uniform]", "weighted = false\n[data.uniform]")
        self.assertEqual(Manifest(plain).hash(), false.hash())
        true = edited(plain, "[data.uniform]", "weighted = true\n[data.uniform]")
        self.assertNotEqual(Manifest(plain).hash(), true.hash())
        # Other versions have no weights, which may be said there.
        old = manifest(FLAT, inputs=3, version=5)
        false = edited(old, "[data.uniform]", "weighted = false\n[data.uniform]")
        self.assertEqual(Manifest(old).hash(), false.hash())

    def test_labels_and_rows_of_a_step(self) -> None:
        for batch, rows in ((1, 1), (2, 2), (3, 4), (4, 4), (5, 8), (4096, 4096)):
            net = network(FLAT, inputs=3, batch=batch, rate=batch / 8, **WEIGHTED)
            self.assertEqual(net.batch, rows)
        # Two for twelve labels, with six bits beside those of the gradient.
        net = network([convolution(3, 1)], **THREE, **SEQUENCE)
        self.assertEqual((net.batch, net.layers[0].eta), (4, 11))
        clipped = network([convolution(3, 1)], clip=0.25, **THREE, **SEQUENCE)
        self.assertEqual(clipped.layers[0].clip.high, 12 * 2**11)
        adam = {"epsilon": 0.001}
        averaged = network([convolution(3, 1)], adam=adam, **THREE, **SEQUENCE)
        self.assertEqual(averaged.layers[0].epsilon, round(0.012 * 2**13))
        # Of an image that is read as a whole there is one label.
        flat = network([linear(3)], **THREE, **SEQUENCE | {"places": 1})
        self.assertEqual(flat.layers[0].eta, round(2 / 3 * 2**6))

    def test_bounds(self) -> None:
        # Sums are over the rows that fill the step too.
        net = network([convolution(3, 1), placed(), convolution(3, 1)], **THREE, **SEQUENCE)
        first, second, last = net.layers
        self.assertEqual(last.update.most, last.eta * 4 * 4 * 2**15 * 2**14)
        self.assertEqual(second.update.most, second.eta * 4 * 2**15)
        self.assertEqual(first.update.most, first.eta * 4 * 4 * 2**15 * 2**15)
        self.assertEqual(net.label_scale, 1)

    def test_tensors(self) -> None:
        net = network(ENDS, **THREE, **SEQUENCE)
        relation, sheet = compile_training(net)
        rows = (2, 4, 4, 1)
        for name, sizes in (
            ("inputs", (1, 2, *rows)), ("labels", (1, 3, *rows)), ("max", rows), ("sum", rows),
            ("at_max", (3, *rows)), ("e", (3, *rows)), ("p", (3, *rows)), ("r", (3, *rows)),
        ):  # fmt: skip
            self.assertEqual(sheet.tensors[name].sizes, sizes, name)
        self.assertEqual(compile_dataset(net, 2)[1].tensors["labels"].sizes, (2, 3, *rows))
        names = list(sheet.tensors)
        own = [name for name in names if name in ("max", "at_max", "e", "sum", "p", "r")]
        self.assertEqual(own, ["at_max", "e", "p", "r", "max", "sum"])

    def test_registrations(self) -> None:
        for options in (SEQUENCE, {"inputs": 2, **WEIGHTED}):
            layers = ENDS if "image" in options else FLAT
            relation, _ = compile_dataset(network(layers, **THREE, **options), 2)
            # Labels, and those on padding; the inputs, of which there are two, have none.
            self.assertEqual([len(p.operands) for p in relation.pointwise], [2, 2])
            self.assertEqual([len(p.constraints) for p in relation.pointwise], [1, 1])
            self.assertEqual((len(relation.lookups), relation.vanishing), (3, []))
            self.assertEqual(relation.lookups[1].over, relation.lookups[2].over)

    def test_circuits(self) -> None:
        # A hash, and the digests of training and of a registration of four windows. When documents
        # change what follows from a manifest, `found` is what its line has to be.
        texts = weighted_circuits()
        for line in (HERE / "weights_circuits_v1.tsv").read_text().splitlines():
            name, *expected = line.split("\t")
            read = (HERE / "weights_manifests" / f"{name}.toml").read_text()
            self.assertEqual(read, texts.pop(name))
            found, net = [Manifest(read).hash().hex()], derive(Manifest(read))
            for relation, sheet in (compile_training(net), compile_dataset(net, 4)):
                found.append(Circuit(relation, list(sheet.tensors.values())).digest().hex())
            self.assertEqual(found, expected, name)
        self.assertEqual(texts, {})


class Refusals(unittest.TestCase):
    """What is refused, and what is next to it."""

    def refuses(self, reason: str, layers, **options) -> None:
        with self.subTest(reason, options=options), self.assertRaisesRegex(Rejected, reason):
            derive(Manifest(manifest(layers, **options)))

    def test_versions(self) -> None:
        for field, value in (
            ("weighted", True), ("class_weights", [1.0] * 3), ("tokens", ["a", "b"])
        ):  # fmt: skip
            options = {"version": 5, "data": {field: value}}
            self.refuses(f"data.{field}: unknown", FLAT, image=[3, 1, 1], **options)
        self.refuses("data.weighted: unknown", FLAT, inputs=3, version=5, data={"weighted": 0})
        self.refuses("data.weighted: expected bool", FLAT, inputs=3, **said(weighted=1))
        self.refuses("reads 1, 2", FLAT, inputs=3, version=7)

    def test_batches(self) -> None:
        self.refuses("batch: 3 is no power", FLAT, inputs=3, batch=3, version=6)
        for batch in (0, 4097):
            self.refuses("batch: .* is not in 1 … 4096", FLAT, inputs=3, batch=batch or 4097,
                         **WEIGHTED)  # fmt: skip
        self.refuses("steps_per_proof: 3 is no power", FLAT, inputs=3, steps=3, **WEIGHTED)
        # With the numbers of rows that fill the step it would be another rate.
        other = edited(manifest(FLAT, inputs=3, batch=3, **WEIGHTED), "eta = 11", "eta = 8")
        with self.assertRaisesRegex(Rejected, r"layers\[1\].eta: 8 is recorded, 11 follows"):
            derive(other)

    def test_what_goes_with_weights(self) -> None:
        for loss, layers in (("mse", FLAT), ("logistic", [linear(1)])):
            self.refuses("data.weighted: not with", layers, inputs=3, loss=loss, **WEIGHTED)
        self.refuses("not with a batch norm", [linear(3), norm(), linear(3)], inputs=3, **WEIGHTED)
        target = manifest([linear(1)], inputs=3, loss="mse", **WEIGHTED)
        target = target.replace('classes = ["0", "1"]', "target = {offset = 0.0, scale = 1.0}")
        with self.assertRaisesRegex(Rejected, "data.weighted: not with the loss mse"):
            Manifest(target)

    def test_weights_of_classes(self) -> None:
        for weights in ([2.0**-14] * 3, [1, 1, 1]):
            network(FLAT, inputs=3, **said(class_weights=weights))
        for reason, weights in (
            (r"class_weights: one for each", [1.0, 1.0]), (r"class_weights: one for", [1.0] * 4),
            (r"class_weights: one for", []), (r"weights\[1\]: 0.0 is not", [1.0, 0.0, 1.0]),
            (r"weights\[2\]: 1.5 is not in", [1.0, 1.0, 1.5]), (r"\[0\]: 6.1e-05", [6.1e-5, 1, 1]),
            (r"weights\[0\]: expected a number", [True, 1.0, 1.0]),
        ):  # fmt: skip
            self.refuses(reason, FLAT, inputs=3, **said(class_weights=weights))
        alone = {"version": 6, "data": {"class_weights": [1.0] * 3}}
        self.refuses("class_weights: with data.weighted only", FLAT, inputs=3, **alone)

    def test_last_layers(self) -> None:
        wide = {"image": [4, 3, 2], **WEIGHTED}
        self.refuses("last one is linear", [convolution(3, 1)], image=[4, 1, 2], version=6)
        for layer in (placed(), depthwise(1), add(0)):
            layers = [convolution(2, 1), convolution(2, 1), layer]
            self.refuses("last one is linear", layers, **SEQUENCE)
        self.refuses(r"width of what is put out\): 3 is no", [convolution(3, 1)], **wide)
        self.refuses(r"height of what is put out\): 3 is", [convolution(3, 2)], image=[4, 2, 2],
                     **WEIGHTED)  # fmt: skip
        network([convolution(3, 2)], image=[5, 3, 2], places=8, **WEIGHTED)
        classes = said(classes=["a", "b"])
        self.refuses("another width than", ENDS, **SEQUENCE | classes)

    def test_tokens(self) -> None:
        tokens = ["a", "b"]
        network(ENDS, **SEQUENCE | said(tokens=tokens))
        # They need no weights, and no position a label.
        named = {"version": 6, "data": {"tokens": tokens}}
        network([linear(2)], image=[4, 1, 2], **named)
        for reason, given in (
            ("one for each channel", ["a"]), ("one for each channel", []),
            ("a name occurs twice", ["a", "a"]), (r"tokens\[1\] \(bytes\): 0", ["a", ""]),
            (r"tokens\[0\] \(bytes\): 258", ["é" * 129, "b"]),
        ):  # fmt: skip
            self.refuses(f"data.tokens.*{reason}|data.{reason}", ENDS,
                         **SEQUENCE | said(tokens=given))  # fmt: skip
        flat = manifest([linear(2)], inputs=3, version=6)
        flat = flat.replace("[data.uniform]", 'tokens = ["a", "b", "c"]\n[data.uniform]')
        with self.assertRaisesRegex(Rejected, "tokens: only of an image"):
            Manifest(flat)
        source = manifest(ENDS, **SEQUENCE | said(tokens=tokens))
        for reason, old, new in (
            ("columns than positions", "count = 4", "count = 8"),
            ("the offset is 0", "offset = 0.0", "offset = 1.0"),
            ("the offset is 0 and the scale 1", "scale = 1.0", "scale = 2.0"),
        ):  # fmt: skip
            with self.subTest(reason), self.assertRaisesRegex(Rejected, reason):
                edited(source, old, new)
        start = source.index("[data.uniform]")
        columns = "".join(
            f'[[data.features]]\nname = "{k}"\noffset = 0\nscale = 1\n' for k in range(4)
        )
        end = source.index("[quantization]")
        listed = source[:start] + columns + source[end:]
        Manifest(listed)
        with self.assertRaisesRegex(Rejected, r"features\[3\]: with tokens"):
            Manifest(listed.replace('"3"\noffset = 0', '"3"\noffset = 2'))


class Steps(unittest.TestCase):
    """Steps of small networks."""

    def test_the_documents_example(self) -> None:
        options = {"inputs": 2, "momentum": 0.5, "decay": 0.01, "batch": 1, "steps": 1}
        net = network([linear(2), RELU, linear(2)], **options, **WEIGHTED)
        weights = [[[512, -700], [300, 900], [10, -20]], [[800, -300], [400, 650], [0, 5]]]
        step = Step(net, weights, [zeros(layer) for layer in net.layers])
        step.run([[96, -32]], [[0, 4096]])
        self.assertEqual(step.trace["e"], [[8192, 4283]])
        self.assertEqual(step.trace["whole"], [[4096]])
        self.assertEqual(step.trace["p"], [[2690, 1406]])
        self.assertEqual(step.errors[1], [[2690, -2690]])
        left = [2 * 4096 * e - 2 * 12475 * p for e, p in ((8192, 2690), (4283, 1406))]
        self.assertEqual(left, [-6636, 6636])

    def test_a_whole_weight_is_none(self) -> None:
        plain = network(FLAT, inputs=3, version=6)
        net = network(FLAT, inputs=3, **WEIGHTED)
        one, other = Step(plain, *drawn(plain, 1)), Step(net, *drawn(net, 1))
        rows, labels = labelled(net, 2)
        labels = [[1, 0, 0], [0, 0, 1]]
        one.run(rows, labels)
        other.run(rows, [[2**14 * y for y in row] for row in labels])
        self.assertEqual(one.trace["p"], other.trace["p"])
        self.assertEqual(one.weights, other.weights)

    def test_rows_of_no_weight_move_nothing(self) -> None:
        net = network(ENDS, **THREE, **SEQUENCE)
        rows, labels = labelled(net, 2, rows=3)
        others = [*rows[:3], [77] * net.inputs]
        one, other = Step(net, *drawn(net, 1)), Step(net, *drawn(net, 1))
        one.run(rows, labels)
        other.run(others, labels)
        self.assertEqual(one.errors[2][3], [0] * 12)
        self.assertEqual(one.weights, other.weights)
        none = Step(net, *drawn(net, 1))
        none.run(rows, [[0] * 12] * 4)
        self.assertEqual(none.weights, drawn(net, 1)[0])

    def test_steps_follow_the_formulas(self) -> None:
        for name, (layers, options) in CASES.items():
            net = network(layers, **options)
            step = Step(net, *drawn(net, 1))
            literal = WeightedLiteral(net, *drawn(net, 1))
            for seed in (2, 3):
                step.run(*labelled(net, seed))
                literal.run(*labelled(net, seed))
                with self.subTest(name, seed=seed):
                    self.assertEqual(step.weights, literal.weights)
                    self.assertEqual(step.state, literal.state)
                    self.assertNotEqual(step.state[-1], zeros(net.layers[-1]))

    def test_steps_satisfy_the_relation(self) -> None:
        for name, (layers, options) in CASES.items():
            net = network(layers, **options)
            relation, sheet = compile_training(net)
            filling = lambda net, seed, rows=options.get("batch", 2): labelled(  # noqa: E731
                net, seed, rows
            )
            for batches in (labelled, filling):
                witness = Witness(net, batches=batches)
                with self.subTest(name, batches=batches):
                    for tensor, at in witness.cells:
                        sizes = sheet.tensors[tensor].sizes
                        self.assertTrue(all(x < n for x, n in zip(at, sizes, strict=True)), tensor)
                    self.assertEqual(broken(relation, witness.cells)[:3], [])


class Rows(unittest.TestCase):
    """Which rows a step uses, and what they are."""

    def test_rows_spread_over_steps(self) -> None:
        real = [[0], [1, 2], [3, 4], [5, 6]]
        expected = [rows + [None] * (4 - len(rows)) for rows in real]
        self.assertEqual(rows_of_steps(7, 2, 3), expected)
        self.assertEqual(rows_of_steps(6, 2, 3), [[0, 1, 2, None], [3, 4, 5, None]])
        # Fewer rows than steps: some have none.
        self.assertEqual(rows_of_steps(1, 2, 2), [[None, None], [0, None]])
        self.assertEqual(rows_of_steps(0, 2, 2), [])
        for rows in range(1, 40):
            for steps in (1, 2, 4):
                for batch in (1, 3, 4, 5):
                    found = rows_of_steps(rows, steps, batch)
                    self.assertEqual(len(found), windows_of(rows, steps, batch) * steps)
                    real = [[row for row in step if row is not None] for step in found]
                    self.assertEqual([row for step in real for row in step], list(range(rows)))
                    sizes = [len(step) for step in real]
                    self.assertLessEqual(max(sizes), batch)
                    self.assertLessEqual(max(sizes) - min(sizes), 1)
                    self.assertEqual({len(step) for step in found},
                                     {1 << (batch - 1).bit_length()})  # fmt: skip

    def test_weights_are_integers(self) -> None:
        for weight, expected in (
            (1, 2**14), (0.25, 4096), (2.0**-14, 1), (0.3, 4915), (1.5 * 2**-14, 2),
            (0.99999, 2**14),
        ):  # fmt: skip
            self.assertEqual(integer_weight(weight), expected)

    def test_texts(self) -> None:
        found = cut("abcaé", 2)
        self.assertEqual(found, [(["a", "b"], ["b", "c"]), (["c", "a"], ["a", "é"]),
                                 (["é", ""], ["", ""])])  # fmt: skip
        self.assertEqual(cut("abcd", 2), [(["a", "b"], ["b", "c"]), (["c", "d"], ["d", ""])])
        self.assertEqual(cut("", 2), [])
        for bits, one in ((0, 1), (6, 64), (14, 2**14), (15, 2**15 - 1)):
            found = features(["b", "?", ""], ["a", "b"], bits)
            self.assertEqual(found, [0, one, 0, 0, 0, 0])
        # Letter for letter: what is the same number is another character.
        self.assertEqual(features(["١", "1"], ["1", "2"], 6), [0, 0, 64, 0])
        self.assertEqual(label_rows(["b", "?", "a"], ["a", "b"], [7, 9]), [0, 9, 0, 0, 7, 0])


if __name__ == "__main__":
    unittest.main()
