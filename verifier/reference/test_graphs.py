"""Networks that are no chain: sums, and values that several layers take."""

import random
import struct
import unittest
from itertools import product

from fixtures import STRING, model_file
from networks import (
    RELU,
    SIGMOID,
    TANH,
    add,
    convolution,
    graph,
    largest,
    linear,
    manifest,
    mean,
    network,
    with_sums,
)
from test_pools import ONCE, checked, looked_up, names_of, reading, refusing, rounding_off
from test_step import Literal, batch, drawn, zeros
from test_witness import Witness, broken
from zktrain_reference.compiler import compile_training
from zktrain_reference.errors import Rejected
from zktrain_reference.geometry import Image
from zktrain_reference.hashing import keccak256
from zktrain_reference.manifest import Manifest
from zktrain_reference.model import read_parameters
from zktrain_reference.network import EXACT, Network, Rounding, Taker, derive
from zktrain_reference.relation import Relation
from zktrain_reference.step import Row, Step, round_sat
from zktrain_reference.training import Key

# Around a convolution: what a ReLU puts out goes to it, and to a sum behind it.
BLOCK = [
    convolution(2, 3, padding=1), RELU, convolution(2, 3, padding=1, bias=False), add(1), SIGMOID,
    linear(2),
]  # fmt: skip
IMAGE = {"image": [3, 2, 1], "version": 3}
TEXT = manifest(BLOCK, **IMAGE)
FLAT = {"inputs": 2, "version": 3}


def at(entry: int) -> dict[str, object]:
    """The field that names the entry whose values are taken."""
    return {"from": entry}


def constraints_of(name: str, relation: Relation) -> tuple[int, int]:
    """The number of the pointwise check that has a tensor, and the number of the
    first of its constraints that has this one, or what is listed behind it."""
    for i, check in enumerate(relation.pointwise):
        places = [k for k, form in enumerate(check.operands) if names_of(form) == {name}]
        if places:
            last = [max(k for _, factors in c for k in factors) for c in check.constraints]
            return i, sum(k < places[0] for k in last)
    raise AssertionError(name)


def mixed(one: type[Step], other: type[Step]) -> type[Step]:
    """Steps that are of both kinds."""
    return type("Mixed", (other, one), {})


def of_values(name: str) -> bool:
    """Whether a tensor has numbers of layers, not parameters or what is looked up."""
    return name.split(".")[1][0] in "zgdanh" if name[0].isdigit() else False


def edited(text: str, before: str, after: str) -> Manifest:
    """A manifest of which something is otherwise."""
    assert before in text, before
    return Manifest(text.replace(before, after, 1))


class Manifests(unittest.TestCase):
    """Version 3."""

    def test_hash(self) -> None:
        integer = lambda *values: struct.pack(f">{len(values)}q", *values)  # noqa: E731
        real = lambda *values: struct.pack(f">{len(values)}d", *values)  # noqa: E731
        text = lambda value: integer(len(value)) + value  # noqa: E731
        absent = 0
        # From, with, slope.
        alone = integer(absent, absent, absent)
        activation = integer(*[absent] * 5) + alone
        expected = [
            b"zktrain/manifest/v3\0", integer(3), text(b"small"),
            integer(6, 1, 3, 2, 1, 0, 6),
            # Kind, out, bias, kernel, stride, padding.
            integer(4, 1, 2, 1, 1, 1, 3, 1, 1, 1, 1), alone, integer(1), activation,
            integer(4, 1, 2, 1, 0, 1, 3, 1, 1, 1, 1), alone,
            integer(7, *[absent] * 5), integer(absent, 1, 1, absent), integer(2), activation,
            integer(0, 1, 2, 1, 1, absent, absent, absent), alone,
            real(0.5, 0.0, 0.0), integer(absent),
            integer(2, 2, 4), text(b"y"), integer(1, 2), text(b"0"), text(b"1"),
            integer(absent, 1), text(b"x"), integer(6), real(0.0, 1.0), integer(absent),
            # Scales: the sum's D has twelve bits, and what it takes too.
            integer(1, 6, 6, 10, 12, 0, 0, 4),
            integer(6, absent, 1, 12, absent, absent, 2**6),
            integer(6, absent, 1, 12, absent, absent, 2**6),
            integer(6, 1, 8, 1, 10, absent, absent, 0),
            integer(8, absent, absent, absent, absent, 2**2),
        ]  # fmt: skip
        self.assertEqual(Manifest(TEXT).hash(), keccak256(*expected))

    def test_what_is_said_is_in_the_hash(self) -> None:
        said = edited(TEXT, "with = 1\n", "with = 1\nfrom = 2\n")
        self.assertEqual(derive(said), derive(Manifest(TEXT)))
        self.assertNotEqual(said.hash(), Manifest(TEXT).hash())
        # The two that are added, the other way round.
        turned = edited(TEXT, "with = 1\n", "with = 2\nfrom = 1\n")
        self.assertNotEqual(derive(turned), derive(Manifest(TEXT)))
        nothing = edited(TEXT, "a_frac = 8\n", "a_frac = 8\neta = 0\n")
        self.assertEqual(nothing.hash(), Manifest(TEXT).hash())

    def test_network(self) -> None:
        first, second, both, last = derive(Manifest(TEXT)).layers
        self.assertEqual([first.taken, second.taken], [(None,), (0,)])
        self.assertEqual([both.taken, last.taken], [(1, 0), (2,)])
        self.assertEqual((both.image, both.result, both.parameters), (Image(3, 2, 2),) * 2 + (0,))
        self.assertEqual((both.update, both.clip, last.image), (None, None, Image(3, 2, 2)))
        # Parameters are below 2^18; a ReLU's values are one less than others.
        self.assertEqual((both.factors, both.z.shift, both.z.most), ((1, 1), 0, 2**16 - 1))
        self.assertEqual((both.z.high_bits, both.z.low_bits), (16, 15))
        self.assertEqual([(t.layer, t.name) for t in first.takers], [(1, "g"), (2, "")])
        self.assertEqual(second.takers, (Taker(2, factor=1),))
        self.assertEqual(first.takers[0].rounding.most, 2 * 9 * 2**15 * 2**18)
        # D is 2^15 where only the sum's arrives, twice that where a gradient comes too.
        self.assertEqual(second.update.most, 2**6 * (2 * 6 * (2**15 - 1) * 2**15))
        self.assertEqual(first.update.most, 2**6 * (2 * 6 * 2**15 * 2**16))

    def test_values_of_different_scales(self) -> None:
        # Sums of 6 and 8 bits, rounded to 6; back with 10 and 12.
        layers = [linear(2), linear(2), TANH, add(0), linear(2, **at(0)), SIGMOID, add(3)]
        layers.append(linear(2))
        one, two, first, three, second, _ = derive(Manifest(manifest(layers, **FLAT))).layers
        self.assertEqual((first.taken, first.factors, first.z.shift), ((1, 0), (1, 4), 2))
        self.assertEqual(first.z.most, 2**8 + 4 * 2**15)
        self.assertEqual((second.taken, second.factors), ((3, 2), (1, 4)))
        self.assertEqual(second.z.most, 2**8 + 2**17)
        # Three take the first one's.
        self.assertEqual([t.layer for t in one.takers], [1, 2, 3])
        self.assertEqual([t.name for t in one.takers], ["g", "", "g1"])
        self.assertEqual([t.name for t in three.takers + two.takers], ["", ""])

    def test_what_arrives_can_be_large(self) -> None:
        layers = [linear(2), SIGMOID, linear(2), linear(2, **at(1)), add(2), linear(2)]
        first, second, *_ = derive(Manifest(manifest(layers, **FLAT))).layers
        ends = -(2**16) << 14, (2**16 - 2) << 14
        self.assertEqual((first.d.least, first.d.most), ends)
        self.assertEqual((first.d.high_bits, first.d.low_bits), (15, 16))
        # One sum alone: as large as its D in either direction.
        layers = [linear(2), TANH, linear(2), add(1), linear(2)]
        first, *_ = derive(Manifest(manifest(layers, **FLAT))).layers
        self.assertEqual((first.d.least, first.d.most), (-(2**16) << 16, (2**16 - 1) << 16))
        layers = [linear(2), TANH, linear(2, **at(1)), TANH, add(1), linear(2)]
        second = derive(Manifest(manifest(layers, **FLAT))).layers[1]
        self.assertEqual((second.d.least, second.d.most), (-(2**15) << 16, 2**15 << 16))
        self.assertEqual((second.d.high_bits, second.d.low_bits), (1, 0))

    def test_a_pool_of_the_largest_passes_on_what_is_large(self) -> None:
        layers = [convolution(1, 1), largest(2), convolution(1, 1), add(1), linear(2)]
        first, chosen, *_ = derive(Manifest(manifest(layers, image=[4, 4, 1], version=3))).layers
        most = 2**16
        self.assertEqual(first.takers[0].rounding, Rounding(0, -most, most, -most, most))
        self.assertEqual(first.update.most, 2**8 * (2 * 16 * 2**15 * most))
        self.assertEqual(chosen.z, EXACT)

    def test_tensors(self) -> None:
        layers = [convolution(3, 1), SIGMOID, convolution(3, 1), mean(kernel=2, **at(1)), mean()]
        layers += [largest(2, **at(1)), convolution(3, 2, stride=2, **at(2)), RELU, add(5), mean()]
        layers += [add(4), linear(2)]
        net = network(layers, image=[2, 2, 1], version=3)
        _, sheet = compile_training(net)
        names = list(sheet.tensors)
        values = (3, 2, 2, 2, 2)
        trace = [n for n in names if n.startswith("0.") and sheet.tensors[n].sizes == values]
        expected = ["0.z", "0.z.r0", "0.z.high0", "0.z.high1", "0.z.low0", "0.z.low1", "0.a"]
        expected += ["0.g", "0.g.r0", "0.g.high0", "0.g.high1", "0.g.low0", "0.g.low1"]
        expected += ["0.g1", "0.g1.r0", "0.g2", "0.d", "0.d.r0", "0.d.high0"]
        # Three times 2^15 are 2^16 beyond the lower end, which has 17 bits.
        expected += ["0.d.low0", "0.d.low1"]
        self.assertEqual(trace, expected)
        for name in ("4.g", "5.g", "6.w.before", "6.b.update", "6.w.update.r0", "8.z.r0"):
            self.assertNotIn(name, names)
        self.assertEqual(sheet.tensors["6.z.high0"].sizes, (3, 2, 2, 1, 1))

    def test_public_models_count_sums(self) -> None:
        key = Key(Manifest(TEXT), STRING)
        shapes = {
            "layers.0.weight": [9, 2], "layers.0.bias": [2], "layers.1.weight": [18, 2],
            "layers.3.weight": [12, 2], "layers.3.bias": [2],
        }  # fmt: skip
        found = read_parameters(key, model_file(shapes, "10", 1))
        self.assertEqual(list(found), [f"{n}.before" for n in ("0.w", "0.b", "1.w", "3.w", "3.b")])
        with self.assertRaisesRegex(Rejected, "tensors that"):
            read_parameters(key, model_file(shapes | {"layers.2.weight": [1]}, "10", 1))


class Refusals(unittest.TestCase):
    """What is refused, and what is next to it."""

    def test_layers(self) -> None:
        end, one, two = linear(2), linear(2), linear(3)
        image = {"image": [4, 4, 2], "inputs": 0}
        conv, pooled = convolution(2, 1), [convolution(2, 1), largest(2)]
        taken = [linear(2)] + [linear(2, **at(0)) for _ in range(8)]
        gathered = [add(1, **at(2)), *(add(9 + k, **at(3 + k)) for k in range(6))]
        cases = (
            (r"layers\[1\].from: unknown", [one, linear(2, **at(0))], {"version": 2}),
            (r"layers\[2\].with: unknown", [one, one, add(0), end], {"version": 2}),
            (r"layers\[2\].kind: expected one of", [one, one, ("add", {}), end], {"version": 2}),
            (r"layers\[1\].from: 1 is not before", [one, linear(2, **at(1))], {}),
            (r"layers\[1\].from: 7 is not before", [one, linear(2, **at(7))], {}),
            (r"layers\[0\].from: 0 is not before", [linear(2, **at(0)), end], {}),
            (r"layers\[1\].from: expected", [one, linear(2, **at(-1))], {}),
            (r"layers\[2\].from: 0 is followed", [one, RELU, linear(2, **at(0))], {}),
            (r"layers\[3\].with: 0 is followed", [one, RELU, one, add(0), end], {}),
            (r"layers\[2\].with: 2 is not before", [one, one, add(2), end], {}),
            (r"layers\[2\].with: the layer whose", [one, one, add(1), end], {}),
            (r"layers\[2\].with: the layer whose", [one, one, add(0, **at(0)), end], {}),
            (r"layers\[2\].with: is required", [one, one, ("add", {}), end], {}),
            (r"layers\[0\].with: is required", [("add", {}), end], {}),
            (r"layers\[1\].with: only a sum", [one, linear(2, **{"with": 0})], {}),
            (r"layers\[1\].with: an activation", [one, ("relu", {"with": 0}), end], {}),
            (r"layers\[1\].from: an activation", [one, ("relu", at(0)), end], {}),
            (r"layers\[1\].slope: only a leaky", [one, ("relu", {"slope": 0.5}), end], {}),
            (r"layers\[0\].slope: only a leaky", [linear(2, slope=0.5), end], {}),
            (r"layers\[2\].slope: only a leaky", [one, one, add(0, slope=0.5), end], {}),
            (r"layers\[2\].out: a sum", [one, one, add(0, out=2), end], {}),
            (r"layers\[2\].bias: a sum", [one, one, add(0, bias=False), end], {}),
            (r"layers\[2\].kernel: a sum", [one, one, add(0, kernel=1), end], {}),
            (r"layers\[2\].stride: a sum", [one, one, add(0, stride=1), end], {}),
            (r"layers\[2\].padding: a sum", [one, one, add(0, padding=0), end], {}),
            (r"layers\[2\].with: 2 numbers", [one, two, add(0), end], {}),
            (r"layers\[2\].with: 32 numbers", [*pooled, add(0), end], image),
            (r"layers\[2\].with: an image", [conv, linear(32), add(0), end], image),
            (r"layers\[2\].with: an image", [convolution(1, 1), convolution(4, 2), add(0), end],
             {"image": [2, 2, 1], "inputs": 0}),
            ("last one", [one, one, add(0)], {}),
            # Nobody takes the values of the second.
            (r"layers\[1\] .*: 0 is not in 1 … 8", [one, one, linear(2, **at(0))], {}),
            (r"layers\[2\] .*: 0 is not in 1 … 8", [one, one, RELU, linear(2, **at(0))], {}),
        )  # fmt: skip
        for reason, layers, options in cases:
            options = FLAT | options
            with self.subTest(reason, layers=layers), self.assertRaisesRegex(Rejected, reason):
                derive(Manifest(manifest(layers, **options)))
        # Eight take the values of the first; nine are too many.
        last = len(taken) + len(gathered) - 1
        Manifest(manifest([*taken, *gathered, end], **FLAT))
        with self.assertRaisesRegex(Rejected, r"layers\[0\] .*: 9 is not in 1 … 8"):
            Manifest(manifest([*taken, *gathered, add(0, **at(last)), end], **FLAT))

    def test_a_gradient_is_a_sum_of_so_many(self) -> None:
        # Two sums more, and what the layer below them gets is twice as many tensors.
        tower = [linear(2), linear(2)]
        for doubled, refused in ((6, ""), (7, r"layers\[1\] \(tensors .*: 128 is not in 1 … 64")):
            sums = [(add(0), add(2 * k + 1)) for k in range(doubled)]
            text = manifest([*tower, *(x for pair in sums for x in pair), linear(2)], **FLAT)
            if refused:
                with self.assertRaisesRegex(Rejected, refused):
                    Manifest(text)
            else:
                derive(Manifest(text))

    def test_scales(self) -> None:
        clipped = manifest(BLOCK, clip=1.0, **IMAGE)
        both = "z_frac = 6\ngrad_frac = 10\na_frac = 8\n"
        before = "z_frac = 6\ngrad_frac = 12\neta = 64\n"
        second = before + "[[quantization.layers]]\n" + both
        mixed = manifest([linear(2), TANH, linear(2), add(1), linear(2)], **FLAT)
        third = "z_frac = 6\ngrad_frac = 10\n[[quantization.layers]]\nz_frac = 8\neta = 16\n"
        finest = third.replace("6", "8", 1).replace("eta = 16", "eta = 4")
        for reason, text, old, new in (
            (r"layers\[2\].eta", TEXT, both, both + "eta = 1\n"),
            (r"layers\[2\].clip_frac", clipped, both, both + "clip_frac = 13\n"),
            (r"layers\[2\].clip_bound", clipped, both, both + "clip_bound = 16384\n"),
            (r"layers\[2\].grad_frac: below", TEXT, both, "z_frac = 6\na_frac = 8\n"),
            (r"layers\[2\].z_frac: a shift of -1", TEXT, both, both.replace("6", "7")),
            (r"layers\[1\].grad_frac: before an add at least 12", TEXT, second,
             second.replace("12", "11", 1)),
            (r"layers\[2\].z_frac: a shift of -1", mixed, third,
             finest.replace("8", "9", 1).replace("eta = 4", "eta = 2")),
            (r"layers\[2\].a_frac", TEXT, both, both.replace("a_frac = 8\n", "")),
            ("one a layer", TEXT, "[[quantization.layers]]\n" + both, ""),
        ):  # fmt: skip
            with self.subTest(reason, new=new), self.assertRaisesRegex(Rejected, reason):
                derive(edited(text, old, new))
        derive(edited(mixed, third, finest))
        derive(edited(TEXT, both, both + "eta = 0\n"))

    def test_a_sum_of_gradients_is_below_two_to_the_thirtieth(self) -> None:
        # The sum sends its D of 16 bits, times 2^14 or 2^15.
        layers = [linear(1), linear(1), add(0), linear(2)]
        text = manifest(layers, rate=512.0, **FLAT)
        first, second, rest = text.split("grad_frac = 10\neta = 262144\n")
        for bits, refused in ((24, ""), (25, r"layers\[1\].grad_frac: a sum of gradients")):
            changed = f"grad_frac = {bits}\neta = {2**28 >> bits}\n"
            edit = f"{first}grad_frac = 10\neta = 262144\n{second}{changed}{rest}"
            with self.subTest(bits):
                if not refused:
                    layer = derive(Manifest(edit)).layers[1]
                    self.assertEqual((layer.takers[0].factor, layer.eta), (2**14, 16))
                    continue
                with self.assertRaisesRegex(Rejected, refused):
                    derive(Manifest(edit))


class Steps(unittest.TestCase):
    """Steps of such networks."""

    def test_sums_by_hand(self) -> None:
        # Entries: a layer and its ReLU, another one, a sum of both, the last.
        layers = [linear(2, bias=False), RELU, linear(2, bias=False), add(1), linear(2, bias=False)]
        net = network(layers, inputs=2, version=3, batch=1, steps=1, loss="mse")
        one, two = 1024, 2048
        weights = [[[one, 0], [0, one]], [[two, 0], [0, two]], [], [[one, 0], [0, one]]]
        step = Step(net, weights, [zeros(layer) for layer in net.layers])
        step.run([[64, -64]], [[0, 1]])
        self.assertEqual(step.trace["2.z"], [[(3 * 64, 0, 0), (0, 0, 0)]])
        # Three in 8 bits; less the labels.
        self.assertEqual((step.trace["p"], step.errors[3]), ([[768, 0]], [[768, -256]]))
        # Three and minus one in 10 bits arrive at the sum, which passes them on to both.
        self.assertEqual(step.trace["2.g"], [[(3072, 0, 0), (-1024, 0, 0)]])
        self.assertEqual((step.errors[2], step.errors[1]), ([[3072, -1024]],) * 2)
        self.assertNotIn("1.g", step.trace)
        # The first layer's gets twice that too; the second number is negative.
        self.assertEqual(step.trace["0.g"], [[(6144, 0, 0), (-2048, 0, 0)]])
        self.assertEqual(step.errors[0], [[3072 + 6144, 0]])
        # Half of three and of nine: what is taken is one.
        self.assertEqual(step.weights[1], [[two - 1536, 512], [0, two]])
        self.assertEqual(step.weights[0], [[one - 4608, 0], [4608, one]])

    def test_scales_by_hand(self) -> None:
        # What a tanh has in 8 bits, and four times what is there in 6; rounded to 6.
        layers = [linear(1), linear(1), TANH, add(0), linear(2)]
        net = network(layers, inputs=1, version=3, batch=1, steps=1, loss="mse")
        sums = net.layers[2]
        step = Step(net, [zeros(layer) for layer in net.layers], [])
        self.assertEqual((sums.factors, sums.z.shift), ((1, 4), 2))
        for tanh, other, expected in ((34, 5, (14, -2)), (33, 5, (13, 1)), (-35, 0, (-9, 1))):
            wide = step.wide(2, [tanh], [other])
            self.assertEqual(round_sat(wide[0], sums.z), (*expected, 0))

    def test_what_several_send_saturates(self) -> None:
        net = network(SEVERAL, **SEVERAL_OF)
        for sign in (1, -1):
            step = loud(sign)(net, [], [])
            step.run([[0, 0]], [[0, 0]])
            most = 2**15 - 1 if sign > 0 else -(2**15)
            for name in ("0.g", "0.g1"):
                self.assertEqual({q for q, _, _ in step.trace[name][0]}, {most})
            excess = 2**15 - 1 if sign > 0 else -(2**15)
            self.assertEqual(step.trace["0.d"], [[(most, 0, excess)] * 2])

    def test_random_graphs_follow_the_formulas(self) -> None:
        for seed in range(30):
            layers, options = with_sums(seed)
            net = network(layers, **options)
            step, literal = Step(net, *drawn(net, seed)), Literal(net, *drawn(net, seed))
            with self.subTest(seed, layers=layers):
                taken = [sources for _, _, sources in graph(layers)]
                self.assertEqual([list(layer.taken) for layer in net.layers], taken)
                for number in (2, 3):
                    step.run(*batch(net, number))
                    literal.run(*batch(net, number))
                self.assertEqual(step.weights, literal.weights)
                self.assertEqual(step.state, literal.state)


# Two layers send their gradients to a sigmoid.
SEVERAL = [linear(2), SIGMOID, linear(2), linear(2, **at(1)), add(2), linear(2)]
SEVERAL_OF = FLAT | {"batch": 1, "steps": 1, "loss": "mse"}


def loud(sign: int) -> type[Step]:
    """Steps in which both gradients are as large as they can be, up or down."""
    large, bias = 120000, 0 if sign > 0 else -250000
    both = [[large, large], [large, large], [bias, bias]]
    weights = [[[0, 0]] * 3, both, both, [], [*both[:2], [0, 0]]]

    class Loud(Step):
        """Has these parameters."""

        def __init__(self, net: Network, *_: object) -> None:
            super().__init__(net, weights, [zeros(layer) for layer in net.layers])

    return Loud


class OneMore(Step):
    """Sums are one more than they are."""

    def wide(self, i: int, row: Row, *other: Row) -> Row:
        return [x + bool(other) for x in super().wide(i, row, *other)]


def without(i: int, k: int) -> type[Step]:
    """Steps in which what layer k sends to layer i is forgotten, though it is computed."""

    class Without(Step):
        """Adds up the others."""

        def arrives(self, to: int, taker: Taker, sample: int) -> Row:
            sent = super().arrives(to, taker, sample)
            return [0] * len(sent) if (to, taker.layer) == (i, k) else sent

    return Without


class Exchanged(Step):
    """Calls the gradients of two layers by each other's names."""

    def round(self, name: str, values: Row, rounding: Rounding) -> Row:
        names = {"0.g": "0.g1", "0.g1": "0.g"}
        return super().round(names.get(name, name), values, rounding)


class Constraints(unittest.TestCase):
    """Each refuses a step that only it refuses."""

    def refuses(self, expected: set[str], net: Network, kind: type[Step], cells=None) -> None:
        relation, _ = compile_training(net)
        found = Witness(net, kind).cells
        self.assertEqual(refusing(relation, found | (cells or {})), expected)

    def test_sums(self) -> None:
        for layers, options in ((BLOCK, IMAGE | ONCE), (SEVERAL, SEVERAL_OF)):
            net = network(layers, **options)
            relation, _ = compile_training(net)
            (i,) = [i for i, layer in enumerate(net.layers) if layer.sum]
            forms = [names_of(v.form) for v in relation.vanishing]
            zero = next(k for k, names in enumerate(forms) if f"{i}.z" in names)
            self.refuses(set(), net, Step)
            self.refuses({f"zero {zero}"}, net, OneMore)

    def test_rounded_sums(self) -> None:
        layers = [linear(2), linear(2), TANH, add(0), linear(2)]
        net = network(layers, **FLAT | ONCE)
        relation, _ = compile_training(net)
        lookup = {f"lookup {looked_up('2.z.r0', relation)}"}
        check = checked("2.z 2.z.high0 2.z.low0", relation)
        for by, beyond, expected in (
            (1, 0, lookup), (-1, 0, lookup), (1, -1, {f"pointwise {check}.1"}),
            (-1, 1, {f"pointwise {check}.0"}),
        ):  # fmt: skip
            self.refuses(expected, net, rounding_off("2.z", by, beyond))

    def test_gradients_that_are_left_out(self) -> None:
        layers = [linear(2), RELU, linear(2), linear(2, **at(1)), add(2), add(1), linear(2)]
        for activation in (RELU, SIGMOID):
            layers[1] = activation
            net = network(layers, **FLAT | ONCE)
            relation, _ = compile_training(net)
            self.assertEqual([t.layer for t in net.layers[0].takers], [1, 2, 4])
            check, before = constraints_of("0.d", relation)
            self.refuses(set(), net, Step)
            for k in (1, 2, 4):
                with self.subTest(activation, k=k):
                    self.refuses({f"pointwise {check}.{before}"}, net, without(0, k))

    def test_gradients_of_each_other(self) -> None:
        net = network(SEVERAL, **SEVERAL_OF)
        relation, _ = compile_training(net)
        wide = [names_of(p.out) for p in relation.products]
        products = {f"product {k}" for k, names in enumerate(wide) if names & {"0.g", "0.g1"}}
        self.assertEqual(len(products), 2)
        self.refuses(products, net, Exchanged)

    def test_what_is_beyond_the_ends(self) -> None:
        net = network(SEVERAL, **SEVERAL_OF)
        relation, _ = compile_training(net)
        check, slope = constraints_of("0.d", relation)
        lookup = {f"lookup {looked_up('0.d.r0', relation)}"}
        quiet = reading(0, 0)
        for sign, (limb, other) in ((1, ("high", "low")), (-1, ("low", "high"))):
            kind = loud(sign)
            cells = Witness(net, kind, quiet).cells
            self.assertEqual(refusing(relation, cells), set())
            place = (f"0.d.{limb}0", (1, 0, 0))
            self.assertGreater(cells[place], 2**14)
            found = refusing(relation, cells | {place: cells[place] - 1})
            self.assertEqual(found, {f"pointwise {check}.{slope}"})
            # An excess that saturation does not explain.
            end = f"pointwise {check}.{slope + (1 if sign > 0 else 2)}"
            off = mixed(kind, rounding_off("0.d", -sign, sign))
            self.assertEqual(refusing(relation, Witness(net, off, quiet).cells), {end})
            off = mixed(kind, rounding_off("0.d", 0, -sign))
            self.assertEqual(refusing(relation, Witness(net, off, quiet).cells), lookup)
            both = {place: cells[place] + 1, (f"0.d.{other}0", (1, 0, 0)): 1}
            wrong = {f"pointwise {check}.{slope + (2 if sign > 0 else 1)}"}
            self.assertEqual(refusing(relation, cells | both), wrong)


class Random(unittest.TestCase):
    """Drawn networks."""

    def test_steps_satisfy_the_relation_and_no_cell_is_free(self) -> None:
        draw = random.Random(1)
        for seed in range(8):
            layers, options = with_sums(seed)
            net = network(layers, **(options | ONCE))
            relation, sheet = compile_training(net)
            cells = Witness(net).cells
            self.assertEqual(broken(relation, cells)[:3], [], layers)
            tensors = [t for t in sheet.tensors.values() if of_values(t.name)]
            for tensor in draw.sample(tensors, min(12, len(tensors))):
                place = draw.choice(list(product(*map(range, tensor.sizes))))
                key = tensor.name, place
                altered = cells | {key: cells.get(key, 0) + draw.choice((1, -1))}
                with self.subTest(seed, cell=key):
                    self.assertNotEqual(broken(relation, altered), [])


if __name__ == "__main__":
    unittest.main()
