"""Attention and positions: manifests, bounds, tensors, tables, circuits, and steps by hand."""

import random
import struct
import unittest
from itertools import product
from pathlib import Path
from types import SimpleNamespace

from attention_networks import attention_circuits, block, with_attention
from fixtures import STRING, model_file
from networks import (
    add,
    convolution,
    linear,
    manifest,
    mixed,
    network,
    placed,
    rms_norm,
    scores,
    softmax,
)
from test_graphs import edited
from test_step import Literal, batch, drawn, zeros
from zktrain_reference.attention import Attention
from zktrain_reference.circuit import Circuit
from zktrain_reference.compiler import compile_dataset, compile_training
from zktrain_reference.errors import Rejected
from zktrain_reference.field import R, eq_all
from zktrain_reference.geometry import Image
from zktrain_reference.hashing import keccak256
from zktrain_reference.manifest import Manifest
from zktrain_reference.model import read_parameters
from zktrain_reference.network import Taker, derive
from zktrain_reference.relation import Joined, domain, not_after, read
from zktrain_reference.rounding import SHORT_HIGH, SHORT_LOW, Rounding
from zktrain_reference.schema import FIFTH, encoded
from zktrain_reference.shares import Row, Shares
from zktrain_reference.sheet import Tensor
from zktrain_reference.softmax import wides_of
from zktrain_reference.step import Step, round_sat, values_of
from zktrain_reference.tables import Table
from zktrain_reference.tensors import tables_of
from zktrain_reference.training import Key

HERE = Path(__file__).parent
SEQUENCE = {"image": [4, 1, 3], "version": 5}
# Positions, queries, keys, scores, shares, what they make of the keys, an end.
LAYERS = [placed(), *block(2, 4, causal=True), linear(2)]
TEXT = manifest(LAYERS, **SEQUENCE)


def integers(*values: int) -> bytes:
    """Integers of the hash."""
    return struct.pack(f">{len(values)}q", *values)


def text(value: bytes) -> bytes:
    """A string of the hash."""
    return integers(len(value)) + value


class Manifests(unittest.TestCase):
    """What they say, and what follows."""

    def test_what_the_hash_has_of_layers(self) -> None:
        layers = Manifest(manifest([placed(), *block(2, 4), linear(2)], **SEQUENCE))["model"]
        causal = Manifest(TEXT)["model"]["layers"][4]
        found = [encoded(FIFTH, layers["layers"][k], "layer") for k in (0, 3, 4, 5, 6)]
        # Kind, out, bias, kernel, stride, padding, from, with, slope, heads, causal.
        none = [0] * 5
        expected = (
            [19, *none, 0, 0, 0, 0, 0], [16, *none, 1, 1, 1, 2, 0, 1, 2, 0],
            [17, *none, 0, 0, 0, 0, 1, 0], [18, *none, 0, 1, 2, 0, 0, 0],
            [0, 1, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0],
        )  # fmt: skip
        self.assertEqual(found, [integers(*x) for x in expected])
        self.assertEqual(encoded(FIFTH, causal, "layer"), integers(17, *none, 0, 0, 0, 0, 1, 1))

    def test_hash(self) -> None:
        found = Manifest(manifest([placed(), linear(2)], image=[2, 1, 1], version=5)).hash()
        real = struct.pack(">3d", 0.5, 0.0, 0.0)
        expected = keccak256(
            b"zktrain/manifest/v5\0", integers(5), text(b"small"), integers(2, 1, 2, 1, 1, 0, 2),
            integers(19, *[0] * 10), integers(0, 1, 2, 1, 1, *[0] * 8),
            real, integers(0, 0), integers(2, 2, 4), text(b"y"), integers(1, 2), text(b"0"),
            text(b"1"), integers(0, 1), text(b"x"), integers(2), struct.pack(">2d", 0.0, 1.0),
            integers(0), integers(1, 6, 6, 10, 12, 0, 0, 2),
            # D has 10 bits, and 14 with inputs of 6.
            integers(6, 0, 1, 10, 0, 0, 2**14), integers(8, 0, 0, 0, 0, 2**4),
        )  # fmt: skip
        self.assertEqual(found, expected)

    def test_what_is_said_is_in_the_hash(self) -> None:
        said = manifest([softmax(causal=False), linear(2)], **SEQUENCE | {"image": [2, 2, 1]})
        self.assertEqual(Manifest(said).hash(), edited(said, "causal = false\n", "").hash())
        other = edited(said, "causal = false", "causal = true").hash()
        self.assertNotEqual(Manifest(said).hash(), other)

    def test_network(self) -> None:
        layers = derive(Manifest(TEXT)).layers
        first, queries, keys, scored, shares, made, _ = layers
        self.assertEqual((first.inputs, first.outputs, first.parameters), (4, 3, 4))
        self.assertEqual([x.parameters for x in (scored, shares, made)], [0, 0, 0])
        self.assertEqual([x.eta for x in (scored, shares, made)], [0, 0, 0])
        self.assertEqual(scored.result, Image(4, 4, 2))
        self.assertEqual((shares.result, made.result), (Image(4, 4, 2), Image(4, 1, 4)))
        self.assertEqual((scored.attention, shares.attention),
                         (Attention(2, 2, 4, 4), Attention(2, 1, 4, 4, True)))  # fmt: skip
        self.assertEqual((scored.source, scored.second), (1, 2))
        self.assertEqual((made.source, made.second, made.attention.size), (4, 2, 2))
        self.assertEqual((shares.z_bits, shares.z.shift, shares.input_bits), (14, 16, 6))
        # In the order of those who take the values.
        self.assertEqual([(t.layer, t.name) for t in keys.takers], [(3, "g"), (5, "g1")])
        self.assertEqual([(t.layer, t.name) for t in queries.takers], [(3, "g")])

    def test_roots(self) -> None:
        for size, factor, shift in (
            (1, 1, 0), (2, 181, 8), (4, 1, 1), (8, 181, 9), (16, 1, 2), (32, 181, 10),
            (64, 1, 3), (128, 181, 11), (256, 1, 4),
        ):  # fmt: skip
            found = Attention(1, size, 1, 1)
            self.assertEqual((found.factor, found.shift), (factor, shift))
            self.assertAlmostEqual(found.factor / 2**found.shift * size**0.5, 1, places=3)

    def test_bounds(self) -> None:
        layers = derive(Manifest(TEXT)).layers
        first, queries, keys, scored, shares, made, _ = layers
        short = 2**15
        # Positions: inputs with 6 bits, parameters with 10 that are below 2^18.
        self.assertEqual((first.factors, first.z.shift), ((2**4, 1), 4))
        self.assertEqual(first.z.most, 2**4 * short + 2**18)
        self.assertEqual((scored.z.most, scored.z.shift), (181 * 2 * short**2, 6 + 6 + 8 - 6))
        self.assertEqual((shares.z.most, shares.z.high_bits), (2**14 * 65535, 0))
        self.assertEqual((made.z.most, made.z.shift), (4 * short**2, 14 + 6 - 6))
        # Back, with 10 bits everywhere.
        of_scores, of_values = keys.senders
        sent = queries.senders[0].rounding
        self.assertEqual((sent.most, sent.shift), (181 * 4 * short**2, 6 + 8))
        self.assertEqual(of_scores.rounding, sent)
        # Values get the sum over four positions that ask; shares, over two channels.
        self.assertEqual((of_values.rounding.most, of_values.rounding.shift), (4 * short**2, 14))
        to_shares = shares.senders[0].rounding
        self.assertEqual((to_shares.most, to_shares.shift), (2 * short**2, 6))
        to_scores = scored.senders[0].rounding
        self.assertEqual((to_scores.most, to_scores.shift), (short * (short + short), 14))
        self.assertEqual((shares.row_mean.most, shares.row_mean.shift), (4 * short**2, 14))
        # What two convolutions send, and two samples of it.
        self.assertEqual(first.update.most, first.eta * 2 * 2 * short)

    def test_bounds_of_queries_and_keys(self) -> None:
        # Two positions ask, and four are asked; queries are what a tanh puts out.
        layers = [convolution(4, 1), convolution(4, 1, stride=2), ("tanh", {}), scores(0, 1)]
        net = network([*layers, softmax(), mixed(0), linear(2)], **SEQUENCE)
        keys, queries, scored, _, made, _ = net.layers
        self.assertEqual((scored.z.most, scored.z.shift), (4 * 2**8 * 2**15, 8 + 6 + 1 - 6))
        (to_queries,) = queries.senders
        self.assertEqual(to_queries.rounding.most, 4 * 2**30)
        self.assertEqual(to_queries.rounding.shift, 10 + 6 + 1 - 10)
        _, of_scores, of_values = keys.senders
        self.assertEqual(of_scores.rounding.most, 2 * 2**15 * 2**8)
        self.assertEqual(of_scores.rounding.shift, 10 + 8 + 1 - 10)
        self.assertEqual(of_values.rounding.most, 2 * 2**30)
        self.assertEqual((made.result, made.inputs, made.outputs), (Image(2, 1, 4), 4, 4))

    def test_digits(self) -> None:
        for keys, counts in ((1, [1, 1, 1]), (2, [1, 1, 1]), (4, [1, 2, 2]), (256, [1, 2, 2])):
            wides = wides_of(keys)
            self.assertEqual(list(wides), ["inverse", "inverse_low", "inverse_high"])
            self.assertEqual([len(wide.radices) for wide in wides.values()], counts)
        layer = derive(Manifest(TEXT)).layers[4]
        (stack,) = layer.stacks
        self.assertEqual((stack.name, len(stack.digits)), ("digits", 5))

    def test_positions_send_what_they_get(self) -> None:
        net = network([convolution(3, 1), placed(), placed(), linear(2)], **SEQUENCE)
        self.assertEqual([x.takers for x in net.layers[:2]], [(Taker(1, factor=1),),
                                                             (Taker(2, factor=1),)])  # fmt: skip
        net = network([placed(), placed(), ("sigmoid", {}), linear(2)], **SEQUENCE)
        # A sigmoid's D has two bits more, and the first layer's gradient has them too.
        self.assertEqual(net.layers[0].takers, (Taker(1, factor=1),))
        self.assertEqual(net.layers[0].eta, 2 ** (10 + 16 - 12 - 2))

    def test_tensors(self) -> None:
        net = network(LAYERS, momentum=0.5, clip=0.125, **SEQUENCE)
        relation, sheet = compile_training(net)
        rows, pairs = (2, 2, 2, 4, 1), (2, 2, 2, 4, 4)
        for name, sizes in (
            ("0.w.before", (1, 4, 1, 3)), ("0.w.state", (1, 4, 1, 3)),
            ("0.w.update", (2, 4, 1, 3)), ("0.w.update.r0", (4, 1, 2, 3)),
            ("0.w.clip", (4, 1, 2, 3)), ("3.z", pairs), ("4.digits", (5, *rows)),
            ("4.inverse_low.d1", rows), ("4.z", pairs), ("4.max", rows), ("4.at_max", pairs),
            ("4.below", pairs), ("4.e", pairs), ("4.mean", rows), ("4.mean.r0", rows),
            ("4.mean.high0", rows), ("4.g", pairs), ("5.z", (4, 2, 2, 4, 1)),
        ):  # fmt: skip
            self.assertEqual(sheet.tensors[name].sizes, sizes, name)
        for name in ("0.b.before", "3.w.before", "3.digits", "4.w.before", "4.digits_short"):
            self.assertNotIn(name, sheet.tensors)
        order = [name for name in sheet.tensors if name.split(".")[0] == "4"]
        same = [name for name in order if sheet.tensors[name].sizes == pairs]
        self.assertEqual(same[:5], ["4.z", "4.z.r0", "4.at_max", "4.below", "4.e"])
        full = network([placed(), *block(2, 4), linear(2)], **SEQUENCE)
        self.assertNotIn("4.below", compile_training(full)[1].tensors)

    def test_tables(self) -> None:
        exp = Table("exp", 6, 2**14)
        self.assertEqual(exp.values()[:3], [16384, 16130, 15880])
        layers = [*LAYERS[:5], ("gelu", {}), mixed(2), linear(2)]
        kinds = [table.kind for table in tables_of(network(layers, **SEQUENCE))]
        self.assertEqual(kinds, ["range", "exp", "gelu", "gelu'", "exp"])
        net = network([softmax(), softmax(), softmax(**{"from": 0}), add(1), linear(2)],
                      image=[2, 2, 2], version=5)  # fmt: skip
        # Those of 6 and of 14 bits, once each, and the loss' own.
        found = [(table.argument_bits, table.value) for table in tables_of(net)[1:]]
        self.assertEqual(found, [(6, 2**14), (14, 2**14), (8, 2**13)])

    def test_public_models(self) -> None:
        key = Key(Manifest(manifest([placed(), linear(2)], image=[2, 2, 3], version=5)), STRING)
        shapes = {"layers.0.weight": [4, 3], "layers.1.weight": [12, 2], "layers.1.bias": [2]}
        read = read_parameters(key, model_file(shapes, "10", 1))
        self.assertEqual(sorted(read), ["0.w.before", "1.b.before", "1.w.before"])
        wrong = shapes | {"layers.0.weight": [2, 2, 3]}
        with self.assertRaisesRegex(Rejected, "0.weight is not"):
            read_parameters(key, model_file(wrong, "10", 1))

    def test_circuits(self) -> None:
        # A hash, and the digests of training and of a registration of four windows. When documents
        # change what follows from a manifest, `found` is what its line has to be.
        texts = attention_circuits()
        for line in (HERE / "attention_circuits_v1.tsv").read_text().splitlines():
            name, *expected = line.split("\t")
            read = (HERE / "attention_manifests" / f"{name}.toml").read_text()
            self.assertEqual(read, texts.pop(name))
            found, net = [Manifest(read).hash().hex()], derive(Manifest(read))
            for relation, sheet in (compile_training(net), compile_dataset(net, 4)):
                found.append(Circuit(relation, list(sheet.tensors.values())).digest().hex())
            self.assertEqual(found, expected, name)
        self.assertEqual(texts, {})


class Forms(unittest.TestCase):
    """Weights of joined dimensions and of masks of two axes."""

    def test_a_mask_of_two_axes(self) -> None:
        draw = random.Random(1)
        for bits in (0, 1, 3):
            first, second = ([draw.randrange(R) for _ in range(bits)] for _ in range(2))
            pairs = [(a, b) for b in range(1 << bits) for a in range(b + 1)]
            one, other = eq_all(first), eq_all(second)
            expected = sum(one[a] * other[b] for a, b in pairs) % R
            self.assertEqual(not_after(first, second), expected)

    def test_joined_dimensions(self) -> None:
        draw = random.Random(1)
        tensor = Tensor("of two", 32, (8, 2), (1, 0))
        over = domain(head=2, i=2, e=4)
        form = read(tensor, Joined("head", "e", 4), "i")
        point, cell = ([draw.randrange(R) for _ in range(n)] for n in (4, 6))
        at = over.split(point)
        heads, channels, rows = (eq_all(at[axis]) for axis in ("head", "e", "i"))
        own = eq_all(cell[:4])
        places = product(range(2), range(4), range(2))
        expected = sum(
            heads[h] * channels[e] * rows[i] * own[(h * 4 + e) * 2 + i] for h, e, i in places
        )
        # The base's highest bit is one, and the one below it zero.
        expected = expected * (1 - cell[4]) * cell[5] % R
        self.assertEqual(form.at(over, point, cell), (0, expected))


def at(entry: int) -> dict[str, object]:
    """The field that names the entry whose values are taken."""
    return {"from": entry}


class Refusals(unittest.TestCase):
    """What is refused, and what is next to it."""

    def refuses(self, reason: str, layers, **options) -> None:
        options = SEQUENCE | options
        with self.subTest(reason, layers=layers), self.assertRaisesRegex(Rejected, reason):
            derive(Manifest(manifest(layers, **options)))

    def test_fields(self) -> None:
        one, two, end = convolution(4, 1), convolution(4, 1, **at(0)), linear(2)
        asked = [one, two]
        for kind in (("softmax", {}), ("positions", {}), scores(0, 1), mixed(0)):
            unknown = r"layers\[2\].(kind: expected one of|heads: unknown)"
            self.refuses(unknown, [*asked, kind, end], version=4)
            for name, value in (
                ("out", 4), ("bias", False), ("kernel", 1), ("stride", 1), ("padding", 0)
            ):  # fmt: skip
                with_field = (kind[0], kind[1] | {name: value})
                called = rf"layers\[2\].{name}: (an attention|a softmax|a layer of)"
                self.refuses(called, [*asked, with_field, end])
            sloped = (kind[0], kind[1] | {"slope": 0.5})
            self.refuses(r"layers\[2\].slope: only", [*asked, sloped, end])
        self.refuses(r"heads: unknown", [linear(2, heads=1)], version=4)
        self.refuses(r"causal: unknown", [linear(2, causal=True)], version=4)
        no_heads = ("attention_scores", {"with": 0})
        self.refuses(r"layers\[2\].heads: is required", [*asked, no_heads, end])
        self.refuses(r"layers\[2\].with: is required",
                     [*asked, ("attention_scores", {"heads": 1}), end])  # fmt: skip
        self.refuses(r"layers\[2\].with: is required", [*asked, ("attention_values", {}), end])
        self.refuses(r"layers\[2\].with: only a sum and", [*asked, softmax(**{"with": 0}), end])
        self.refuses(r"layers\[2\].with: only a sum and", [*asked, placed(**{"with": 0}), end])
        self.refuses(r"layers\[2\].with: the layer whose", [*asked, scores(1, 1), end])
        for layer in (linear(2, heads=1), softmax(heads=1), mixed(0, heads=1), placed(heads=1)):
            self.refuses(r"layers\[2\].heads: only", [*asked, layer, end])
        for layer in (linear(2, causal=False), scores(0, 1, causal=True), placed(causal=False)):
            self.refuses(r"layers\[2\].causal: only a softmax", [*asked, layer, end])
        self.refuses(r"layers\[1\].heads: an activation", [one, ("relu", {"heads": 1}), end])
        self.refuses(r"layers\[1\].causal: an act", [one, ("relu", {"causal": False}), end])
        self.refuses("the last one is linear", [*asked, placed()])

    def test_sizes_of_scores(self) -> None:
        end, pair = linear(2), [convolution(4, 1), convolution(4, 1, **at(0))]
        for reason, layers, options in (
            ("takes a sequence", [*pair, scores(0, 1), end], {"image": [2, 2, 3]}),
            ("takes a sequence", [linear(4), linear(4), scores(0, 1), end], {}),
            (r"positions\): 3 is no power", [*pair, scores(0, 1), end], {"image": [3, 1, 3]}),
            (r"positions\): 512 is not in", [*pair, scores(0, 1), end], {"image": [512, 1, 3]}),
            (r"with: 2 channels of 4", [pair[0], convolution(2, 1), pair[1], scores(1, 1), end],
             {}),
            (r"heads: 3 is no power", [*pair, scores(0, 3), end], {}),
            (r"heads: 0 is not", [*pair, scores(0, 0), end], {}),
            (r"heads: 128 is not in 1 … 64", [*pair, scores(0, 128), end], {}),
            (r"heads: 4 channels of 8 heads", [*pair, scores(0, 8), end], {}),
            (r"channels of a head\): 3 is no power",
             [convolution(3, 1), convolution(3, 1), scores(0, 1), end], {}),
            (r"channels of a head\): 512 is not in",
             [convolution(512, 1), convolution(512, 1), scores(0, 1), end], {}),
        ):  # fmt: skip
            self.refuses(rf"layers\[\d\].*{reason}", layers, **options)
        # Every number of heads that there can be; other numbers of positions.
        for heads in (1, 2, 4):
            derive(Manifest(manifest([*pair, scores(0, heads), softmax(), mixed(0), end],
                                     **SEQUENCE)))  # fmt: skip
        fewer = [pair[0], convolution(4, 1, stride=2), scores(0, 1), softmax(), mixed(0), end]
        derive(Manifest(manifest(fewer, **SEQUENCE)))
        causal = [*fewer[:3], softmax(causal=True), *fewer[4:]]
        self.refuses(r"layers\[3\].causal: 2 rows, and 4 columns", causal)

    def test_sizes_of_shares_and_values(self) -> None:
        end, shares = linear(2), [convolution(4, 1), convolution(4, 1, stride=2), scores(0, 2)]
        soft = softmax()
        for reason, layers, options in (
            (r"layers\[1\]: takes an image", [linear(4), soft, end], {}),
            (r"layers\[0\] \(channels\): 3 is no", [soft, end], {}),
            (r"layers\[0\] \(rows\): 3 is no", [soft, end], {"image": [3, 2, 2]}),
            (r"layers\[0\] \(columns\): 512 is not", [soft, end], {"image": [2, 512, 1]}),
            (r"layers\[0\] \(channels\): 512 is not in 1 … 256", [soft, end],
             {"image": [1, 2, 512]}),
            (r"layers\[4\].with: 2 positions, shares of 4", [*shares, soft, mixed(1), end], {}),
        ):  # fmt: skip
            self.refuses(reason, layers, **options)
        odd = [*shares, convolution(3, 1, **at(0)), softmax(**at(2)), mixed(3), end]
        self.refuses(r"layers\[5\].with: 3 channels of 2 heads", odd)
        odd = [*shares, convolution(6, 1, **at(0)), softmax(**at(2)), mixed(3), end]
        self.refuses(r"layers\[5\].with \(channels of a head\): 3 is no power", odd)
        # A softmax has up to 256 channels, shares that are mixed 64.
        many = [softmax(), convolution(128, 1, **at(0)), mixed(1, **at(0)), end]
        self.refuses(r"layers\[2\] \(channels\): 128 is not in 1 … 64", many, image=[1, 1, 128])
        self.refuses(r"layers\[0\]: positions are those", [placed(), end], image=None, inputs=3)
        # Padded sides are no matter for these.
        derive(Manifest(manifest([placed(), end], **SEQUENCE | {"image": [3, 5, 3]})))

    def test_scales(self) -> None:
        shares, gradient = "z_frac = 14\ngrad_frac = 10\n", "grad_frac = 10\n"
        fine = manifest([placed(), rms_norm(), linear(2)], **SEQUENCE)
        behind = manifest([convolution(3, 1), placed(), ("sigmoid", {}), linear(2)], **SEQUENCE)
        before = "z_frac = 6\ngrad_frac = 12\neta = 64\n[[quantization.layers]]\n"
        of_places = "a_frac = 8\neta = 4096\n"
        for reason, source, old, new in (
            (r"layers\[4\].z_frac: of a softmax 14", TEXT, shares, shares.replace("14", "13")),
            (r"layers\[0\].z_frac: a shift of -1", fine, "z_frac = 6", "z_frac = 11"),
            (r"layers\[4\].eta: of a layer without", TEXT, shares, shares + "eta = 1\n"),
            (r"layers\[4\].clip_frac: a layer without", TEXT, shares, shares + "clip_frac = 1\n"),
            (r"layers\[4\].clip_bound: a layer without", TEXT, shares, shares + "clip_bound = 1\n"),
            (r"layers\[3\].grad_frac: a shift of -1", TEXT, gradient + "[[quantization.layers]]\n"
             + shares, "grad_frac = 25\n[[quantization.layers]]\n" + shares),
            (r"layers\[0\].grad_frac: before positions at least 12", behind,
             before, before.replace("12", "11")),
            (r"layers\[1\].eta: 64 is recorded", behind, of_places,
             of_places.replace("4096", "64")),
        ):  # fmt: skip
            with self.subTest(reason), self.assertRaisesRegex(Rejected, reason):
                derive(edited(source, old, new))
        derive(edited(fine, "z_frac = 6", "z_frac = 10"))


def rounded(row: Row, shift: int) -> Row:
    """Quotients."""
    return [round_sat(x, Rounding(shift, SHORT_LOW, SHORT_HIGH, 0, 0))[0] for x in row]


class Steps(unittest.TestCase):
    """Steps by hand."""

    QUERIES, KEYS = [100, -50, 30, 20, 40, 80, -60, 10], [90, 20, -10, 40, -30, 70, 50, -20]
    VALUES = [120, -80, 60, 10, -40, 160, 20, -100]
    ERROR = [300, -200, 50, 100, -120, 80, 240, -60]

    def shares_of(self, row: Row, causal: bool) -> Shares:
        layer = SimpleNamespace(attention=Attention(1, 1, 2, 2, causal), wides=wides_of(2))
        return Shares(layer, values_of(Table("exp", 8, 2**14)), [row])

    def test_the_documents_example(self) -> None:
        of = Attention(1, 4, 2, 2)
        self.assertEqual((of.factor, of.shift), (1, 1))
        z = rounded(of.scores(self.QUERIES, self.KEYS), 5)
        self.assertEqual(z, [266, -169, 194, 38])
        found = self.shares_of(z, False)
        self.assertEqual((found.most, found.first), ([266, 194], [0, 0]))
        self.assertEqual(found.terms, [[16384, 2995], [16384, 8908]])
        self.assertEqual(found.wides["inverse"], [55407, 42453])
        self.assertEqual(found.wides["inverse_low"], [9570, 20547])
        p = rounded(found.wide(0), 16)
        self.assertEqual(p, [13852, 2532, 10613, 5770])
        put = rounded(of.over_keys(p, self.VALUES), 12)
        self.assertEqual(put, [381, -172, 215, -28, 255, 18, 184, -115])
        to_shares = rounded(of.scores(self.ERROR, self.VALUES), 6)
        self.assertEqual(to_shares, [875, -828, -109, 444])
        to_values = rounded(of.over_queries(p, self.ERROR), 14)
        self.assertEqual(to_values, [176, -117, 198, 46, 4, -3, 92, -6])
        means = rounded(found.means(p, to_shares), 14)
        self.assertEqual(means, [612, 86])
        sent = rounded(found.sent(p, to_shares, means), 12)
        self.assertEqual(sent, [889, -890, -505, 504])
        to_queries = rounded(of.over_keys(sent, self.KEYS), 7)
        self.assertEqual(to_queries, [834, -348, -417, 417, -473, 197, 236, -237])
        to_keys = rounded(of.over_queries(sent, self.QUERIES), 7)
        self.assertEqual(to_keys, [537, -663, 445, 99, -538, 663, -445, -100])

    def test_the_causal_example(self) -> None:
        of, found = Attention(1, 4, 2, 2), self.shares_of([266, -169, 194, 38], True)
        self.assertEqual((found.most, found.terms[0]), ([266, 194], [16384, 0]))
        self.assertEqual((found.below[0], found.below[1]), ([0, 0], [0, 156]))
        self.assertEqual(found.wides["inverse"], [65535, 42453])
        self.assertEqual(found.wides["inverse_low"], [16383, 20547])
        p = rounded(found.wide(0), 16)
        self.assertEqual(p, [16384, 0, 10613, 5770])
        put = rounded(of.over_keys(p, self.VALUES), 12)
        self.assertEqual(put[:4], [480, -320, 240, 40])
        to_shares = rounded(of.scores(self.ERROR, self.VALUES), 6)
        to_values = rounded(of.over_queries(p, self.ERROR), 14)
        self.assertEqual(to_values, [222, -148, 205, 61, -42, 28, 85, -21])
        means = rounded(found.means(p, to_shares), 14)
        self.assertEqual(means, [875, 86])
        sent = rounded(found.sent(p, to_shares, means), 12)
        self.assertEqual(sent, [0, 0, -505, 504])
        to_queries = rounded(of.over_keys(sent, self.KEYS), 7)
        self.assertEqual(to_queries, [0, 0, 0, 0, -473, 197, 236, -237])
        to_keys = rounded(of.over_queries(sent, self.QUERIES), 7)
        self.assertEqual(to_keys, [-158, -316, 237, -39, 158, 315, -236, 39])

    def test_sums_of_rows(self) -> None:
        # As many equal numbers as there can be, and one far above the others.
        for keys in (1, 2, 256):
            layer = SimpleNamespace(attention=Attention(1, 1, 1, keys), wides=wides_of(keys))
            exp = values_of(Table("exp", 8, 2**14))
            even = Shares(layer, exp, [[7] * keys])
            self.assertEqual(even.wides["inverse"], [(2**30 - 1) // (keys * 2**14)])
            alone = Shares(layer, exp, [[32767] + [-32768] * (keys - 1)])
            self.assertEqual(alone.wides["inverse"], [65535])
            for found in (even, alone):
                for name, wide in layer.wides.items():
                    self.assertTrue(0 <= found.wides[name][0] <= wide.bound, name)

    def test_positions_by_hand(self) -> None:
        # Two positions of two channels; an end that takes each number as it is.
        same = [[1024 * (m == o) for o in range(4)] for m in range(4)]
        net = network([placed(), linear(4, bias=False)], image=[2, 1, 2], batch=2, steps=1,
                      loss="mse", version=5)  # fmt: skip
        step = Step(net, [[[1024, 0], [-512, 8]], same], [zeros(x) for x in net.layers])
        step.run([[64, 128, 32, -64], [0, 0, 0, 0]], [[1, 0, 0, 0], [0, 1, 0, 0]])
        # Of 1024 parts 16 are one of 64, and 8 are half of that, rounded up.
        z = [[q for q, _, _ in row] for row in step.trace["0.z"]]
        self.assertEqual(z, [[128, 128, 0, -63], [64, 0, -32, 1]])
        # D with 10 bits: 16 times that, less the labels.
        errors = [[1024, 2048, 0, -1008], [1024, -1024, -512, 16]]
        self.assertEqual(step.errors[0], errors)
        # Half of the sum, divided by two samples.
        self.assertEqual(step.state[0], [[512, 256], [-128, -248]])
        self.assertEqual(step.weights[0], [[512, -256], [-384, 256]])

    def test_random_attention_follows_the_formulas(self) -> None:
        for seed in range(20):
            layers, options = with_attention(seed)
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
