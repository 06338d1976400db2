"""Leaky ReLU, GELU and SiLU: manifests, tables, steps, and what refuses other steps."""

import random
import struct
import unittest
from itertools import product

from networks import (
    GELU,
    LEAKY,
    RELU,
    SIGMOID,
    SILU,
    add,
    convolution,
    largest,
    leaky,
    linear,
    manifest,
    network,
)
from test_graphs import FLAT, at, constraints_of, edited, mixed
from test_pools import ONCE, looked_up, reading, refusing, rounding_off
from test_step import zeros
from test_witness import Witness, broken
from zktrain_reference.compiler import compile_training
from zktrain_reference.errors import Rejected
from zktrain_reference.hashing import keccak256
from zktrain_reference.manifest import Manifest
from zktrain_reference.network import Network, Rounding, derive
from zktrain_reference.step import Row, Step
from zktrain_reference.tables import Table
from zktrain_reference.tensors import tables_of

ALL = [linear(2), LEAKY, linear(2), GELU, linear(2), SILU, linear(2), leaky(0.25), linear(2)]
TEXT = manifest(ALL, **FLAT)
# Ends of a number of 16 bits.
LOW, HIGH = -(2**15), 2**15 - 1


class Manifests(unittest.TestCase):
    """What they say of activations, and what follows."""

    def test_hash(self) -> None:
        integer = lambda *values: struct.pack(f">{len(values)}q", *values)  # noqa: E731
        real = lambda *values: struct.pack(f">{len(values)}d", *values)  # noqa: E731
        text = lambda value: integer(len(value)) + value  # noqa: E731
        absent = 0
        # Kind, out, bias, kernel, stride, padding, from, with, slope.
        weights = integer(0, 1, 2, 1, 1, *[absent] * 6)
        without = [absent] * 8
        scales = [integer(6, absent, 1, 10, absent, absent, 2**8) for _ in range(4)]
        expected = [
            b"zktrain/manifest/v3\0", integer(3), text(b"small"), integer(2, absent, 0, 9),
            weights, integer(9, *[absent] * 7, 1), real(0.01), weights, integer(10, *without),
            weights, integer(11, *without), weights, integer(9, *[absent] * 7, 1), real(0.25),
            weights,
            real(0.5, 0.0, 0.0), integer(absent),
            integer(2, 2, 4), text(b"y"), integer(1, 2), text(b"0"), text(b"1"),
            integer(absent, 1), text(b"x"), integer(2), real(0.0, 1.0), integer(absent),
            integer(1, 6, 6, 10, 12, 0, 0, 5), *scales,
            integer(8, absent, absent, absent, absent, 2**4),
        ]  # fmt: skip
        self.assertEqual(Manifest(TEXT).hash(), keccak256(*expected))
        said = edited(TEXT, '"leaky_relu"\n', '"leaky_relu"\nslope = 0.01\n')
        self.assertEqual(said.hash(), Manifest(TEXT).hash())
        # What is said is in the hash, not what it is rounded to.
        other = edited(TEXT, '"leaky_relu"\n', '"leaky_relu"\nslope = 0.010001\n')
        self.assertEqual(derive(other), derive(Manifest(TEXT)))
        self.assertNotEqual(other.hash(), Manifest(TEXT).hash())

    def test_network(self) -> None:
        first, second, third, fourth, _ = derive(Manifest(TEXT)).layers
        self.assertEqual([first.slope, second.slope, fourth.slope], [655, None, 2**14])
        rounding = Rounding(16, LOW, HIGH, -(2**31), 2**31 - 2**16)
        self.assertEqual((first.a, first.d, second.a), (rounding, rounding, None))
        self.assertEqual((rounding.high_bits, rounding.low_bits), (0, 0))
        for layer, steepest in ((second, 18496), (third, 18020)):
            expected = Rounding(14, LOW, HIGH, steepest * LOW, steepest * HIGH)
            self.assertEqual((layer.d, layer.a_bits), (expected, 6))
        # At most 4224 and 3272 too much.
        self.assertEqual((second.d.high_bits, second.d.low_bits), (13, 13))
        self.assertEqual((third.d.high_bits, third.d.low_bits), (12, 12))
        # Activated outputs have no lowest value; D has 16 bits.
        self.assertEqual(second.z.most, (2 * HIGH + 2**6) << 18)
        self.assertEqual(third.update.most, 2**8 * 2 * HIGH * 2**15)

    def test_ends_of_several_gradients(self) -> None:
        for behind, factor in ((LEAKY, 2**16), (GELU, 18496), (SILU, 18020)):
            layers = [linear(2), behind, linear(2), linear(2, **at(1)), add(2), linear(2)]
            d = network(layers, **FLAT).layers[0].d
            self.assertEqual((d.least, d.most), (-(2**16) * factor, (2**16 - 2) * factor))
            layers = [convolution(1, 1), behind, largest(2), convolution(1, 1), add(2), linear(2)]
            d = network(layers, image=[4, 4, 1], version=3).layers[0].d
            self.assertEqual((d.least, d.most), (-(2**16) * factor, 2**16 * factor))

    def test_refusals(self) -> None:
        end = linear(2)
        cases = [
            (rf"layers\[1\].slope: {value} is not in", [end, leaky(value), end], {})
            for value in (0.0, -0.5, 1.0, 2.0**-16 - 2.0**-60, 1 - 2.0**-17)
        ]
        cases += [
            (r"layers\[1\].slope: rounding", [end, leaky(1.5 * 2.0**-16), end], {}),
            (r"layers\[1\].slope: rounding", [end, leaky(7.5 * 2.0**-16), end], {}),
            (r"layers\[1\].slope: expected", [end, ("leaky_relu", {"slope": "0.1"}), end], {}),
            (r"layers\[1\].slope: only", [end, ("gelu", {"slope": 0.5}), end], {}),
            (r"layers\[1\].slope: only", [end, ("relu", {"slope": 0.01}), end], {}),
            (r"layers\[0\].slope: only", [linear(2, slope=0.01), end], {}),
            (r"layers\[1\].kernel: an act", [end, ("silu", {"kernel": 1}), end], {}),
            (r"layers\[1\].out: an act", [end, ("gelu", {"out": 2}), end], {}),
            (r"layers\[1\].bias: an act", [end, ("leaky_relu", {"bias": True}), end], {}),
            (r"layers\[1\].from: an act", [end, ("leaky_relu", {"from": 0}), end], {}),
            (r"layers\[2\]: an activation is", [end, LEAKY, GELU, end], {}),
            (r"layers\[0\]: an activation is", [SILU, end], {}),
            (r"layers\[2\]: an activation is", [end, end, LEAKY], {}),
            (r"layers\[2\].from: 0 is followed", [end, GELU, linear(2, **at(0))], {}),
        ]  # fmt: skip
        for kind in ("leaky_relu", "gelu", "silu"):
            for version in (1, 2):
                layers = [end, (kind, {}), end]
                cases.append((r"layers\[1\].kind: expected", layers, {"version": version}))
        for reason, layers, options in cases:
            with self.subTest(reason, layers=layers), self.assertRaisesRegex(Rejected, reason):
                derive(Manifest(manifest(layers, **FLAT | options)))
        for slope, factor in (
            (2.0**-16, 1), (1.0625 * 2.0**-16, 1), (8.5 * 2.0**-16, 9), (1 - 2.0**-16, 2**16 - 1),
        ):  # fmt: skip
            layers = [end, leaky(slope), end]
            self.assertEqual(network(layers, **FLAT).layers[0].slope, factor)

    def test_scales(self) -> None:
        before = "z_frac = 6\ngrad_frac = 10\n"
        for behind in (LEAKY, GELU, SILU):
            text = manifest([linear(2), behind, linear(2)], **FLAT)
            with self.assertRaisesRegex(Rejected, r"layers\[0\].a_frac"):
                derive(edited(text, before, before + "a_frac = 8\n"))

    def test_tables_are_met_in_order(self) -> None:
        layers = [linear(2), GELU, linear(2), LEAKY, linear(2), RELU, linear(2), SILU]
        net = network([*layers, linear(2), GELU, linear(2)], **FLAT)
        kinds = ["range", "gelu", "gelu'", "range", "silu", "silu'", "exp"]
        self.assertEqual([table.kind for table in tables_of(net)], kinds)
        self.assertEqual([table.bits for table in tables_of(net)], [16, 16, 16, 15, 16, 16, 16])

    def test_tensors(self) -> None:
        layers = [linear(3), LEAKY, linear(3), GELU, linear(3, **at(1)), add(3), SILU, linear(2)]
        _, sheet = compile_training(network(layers, **FLAT | {"steps": 1}))
        names = [name for name in sheet.tensors if sheet.tensors[name].sizes == (3, 1, 2)]
        parts = {i: [n for n in names if n.startswith(f"{i}.")] for i in (0, 1, 3)}
        # Two send a gradient: twice 2^15 is 2^15 too much, below by one more than above.
        z = ["z", "z.r0", "z.high0", "z.high1", "z.low0", "z.low1"]
        g = ["g", "g.r0", "g.high0", "g.high1", "g.low0", "g.low1"]
        g1 = [f"g1{name[1:]}" for name in g]
        slope = ["a", "a.r0", "negative", *g, *g1, "d", "d.r0", "d.high0", "d.low0"]
        self.assertEqual(parts[0], [f"0.{name}" for name in z + slope])
        derivative = ["a", "h", "d", "d.r0", "d.high0", "d.low0"]
        self.assertEqual(parts[1][len(z):], [f"1.{name}" for name in derivative])
        both = ["a", "h", *g, "d", "d.r0", "d.high0", "d.low0"]
        self.assertEqual(parts[3][-len(both) :], [f"3.{name}" for name in both])


class Tables(unittest.TestCase):
    """Functions and their derivatives."""

    def test_known_values(self) -> None:
        # By the document's example: 39, −95 in 6 bits.
        for kind, bits, expected in (
            ("gelu", 6, (28, -7)), ("gelu'", 14, (15250, -2096)),
            ("silu", 6, (25, -18)), ("silu'", 14, (12891, -636)),
        ):  # fmt: skip
            values = Table(kind, 6, bits).values()
            self.assertEqual((values[39 + 2**15], values[2**15 - 95]), expected)

    def test_bounds(self) -> None:
        for kind, steepest in (("gelu", 18496), ("silu", 18020)):
            for bits in (0, 3, 12, 15):
                with self.subTest(kind, bits=bits):
                    values = Table(kind, bits, bits).values()
                    slopes = Table(f"{kind}'", bits, 14).values()
                    keys = range(-(2**15), 2**15)
                    self.assertTrue(all(abs(v) <= abs(z) for z, v in zip(keys, values)))
                    self.assertEqual((values[2**15], slopes[2**15]), (0, 2**13))
                    self.assertLessEqual(max(map(abs, slopes)), steepest)
            self.assertEqual(max(Table(f"{kind}'", 12, 14).values()), steepest)

    def test_derivatives_are_those_of_the_functions(self) -> None:
        for kind in ("gelu", "silu"):
            values, slopes = Table(kind, 8, 8 + 20).values(), Table(f"{kind}'", 8, 14).values()
            for z in range(-2000, 2000, 37):
                difference = (values[2**15 + z + 1] - values[2**15 + z - 1]) / 2**21
                self.assertAlmostEqual(difference, slopes[2**15 + z] / 2**14, delta=2e-4)

    def test_ends(self) -> None:
        # Nothing overflows: without fractional bits arguments are up to 2^15.
        for kind in ("gelu", "silu"):
            values, slopes = Table(kind, 0, 0).values(), Table(f"{kind}'", 0, 14).values()
            self.assertEqual((values[0], values[-1]), (0, HIGH))
            self.assertEqual((slopes[0], slopes[-1]), (0, 2**14))


class Steps(unittest.TestCase):
    """Steps by hand."""

    def test_the_documents_example(self) -> None:
        weights = [[[512, -700], [300, 900], [10, -20]], [[800, -300], [400, 650], [0, 5]]]
        state = [[[3, -4], [5, 6], [1, -1]], [[-2, 7], [0, 9], [2, -3]]]
        for behind, a, rest, h, g, d in (
            (LEAKY, [39, -1], [0, 3311], None, [723, -164], [(723, 0, 0), (-2, 23652, 0)]),
            (GELU, [28, -7], None, [15250, -2096], [683, -155], [(636, -4474, 0), (20, -2800, 0)]),
            (SILU, [25, -18], None, [12891, -636], [681, -155], [(536, -3053, 0), (6, 276, 0)]),
        ):  # fmt: skip
            net = network(
                [linear(2), behind, linear(2)],
                inputs=2, version=3, momentum=0.5, decay=0.01, batch=1, steps=1,
            )  # fmt: skip
            step = Step(net, weights, state)
            step.run([[96, -32]], [[0, 1]])
            with self.subTest(behind):
                self.assertEqual(step.trace["0.z"], [[(39, 256, 0), (-95, 0, 0)]])
                found = step.trace["0.a"][0]
                if rest:
                    self.assertEqual(found, [(x, r, 0) for x, r in zip(a, rest)])
                else:
                    self.assertEqual((found, step.trace["0.h"]), (a, [h]))
                self.assertEqual([q for q, _, _ in step.trace["0.g"][0]], g)
                self.assertEqual(step.trace["0.d"], [d])

    def test_rounding_of_a_slope(self) -> None:
        net = network([linear(1), leaky(0.5), linear(2)], inputs=1, version=3)
        step, layer = Step(net, [], []), net.layers[0]
        # Half of an odd number is rounded up; of the lowest one nothing is beyond the ends.
        for z, expected in ((-3, (-1, -(2**15), 0)), (-4, (-2, 0, 0)), (LOW, (-(2**14), 0, 0))):
            step.activate(0, layer, [z])
            self.assertEqual(step.trace["0.a"].pop(), [expected])
        for z in (0, 1, HIGH):
            step.activate(0, layer, [z])
            self.assertEqual(step.trace["0.a"].pop(), [(z, 0, 0)])
        self.assertEqual(step.negative([-1, 0, 1]), [1, 0, 0])

    def test_gradients_pass_at_zero(self) -> None:
        net = network([linear(1), leaky(0.5), linear(2)], inputs=1, version=3, **ONCE)
        step = Step(net, [], [])
        step.activate(0, net.layers[0], [0, -1])
        step.trace["0.z"] = [[(0, 0, 0), (-1, 0, 0)]]
        self.assertEqual(step.derivative(0, [99, 99], 0), [99, 50])

    def test_what_several_send_saturates(self) -> None:
        # Twice the largest gradient, through a slope of one, of a half, through derivatives.
        for behind, positive, factor, shift in (
            (leaky(0.5), True, 2**16, 16), (leaky(0.5), False, 2**15, 16), (GELU, True, 2**14, 14),
            (SILU, True, 2**14, 14),
        ):  # fmt: skip
            layers = [linear(2), behind, linear(2), linear(2, **at(1)), add(2), linear(2)]
            net = network(layers, **FLAT | ONCE)
            step = Step(net, [zeros(layer) for layer in net.layers], [])
            z = HIGH if positive else LOW
            step.trace["0.z"] = [[(z, 0, 0)] * 2]
            step.activate(0, net.layers[0], [z] * 2)
            for g in (2 * LOW, 2 * HIGH):
                wide = factor * g
                q = (wide + (1 << shift - 1)) >> shift
                end = min(max(q, LOW), HIGH)
                self.assertEqual(step.derivative(0, [g, g], 0), [end, end])
                self.assertEqual(step.trace["0.d"][-1], [(end, wide - (q << shift), q - end)] * 2)


class Flipped(Step):
    """Calls the negative numbers positive, and the others negative."""

    def negative(self, z: Row) -> Row:
        return [1 - s for s in super().negative(z)]


class Wild(Step):
    """Numbers that are too low are as they are, and their sign is two."""

    def round(self, name: str, values: Row, rounding: Rounding) -> Row:
        if name != "0.z":
            return super().round(name, values, rounding)
        super().round(name, values, rounding)
        self.trace[name][-1] = [(q + e, r, 0) for q, r, e in self.trace[name][-1]]
        return [q for q, _, _ in self.trace[name][-1]]

    def negative(self, z: Row) -> Row:
        return [2 if x < LOW else s for x, s in zip(z, super().negative(z))]


def one_more(name: str, by: int) -> type[Step]:
    """Steps in which so much more than what is there is rounded."""

    class More(Step):
        """Is otherwise right."""

        def round(self, found: str, values: Row, rounding: Rounding) -> Row:
            more = by if found == name else 0
            return super().round(found, [x + more for x in values], rounding)

    return More


def another(name: str, by: int) -> type[Step]:
    """Steps in which what is looked up is so much more."""

    class Another(Step):
        """Is otherwise right."""

        def note(self, found: str, value) -> None:
            if found == name:
                value[:] = [x + by for x in value]
            super().note(found, value)

    return Another


def loud(sign: int) -> type[Step]:
    """Steps in which two gradients arrive that are as large as they can be, up or down, where
    derivatives are one: the first layer puts out 16, whatever it reads."""
    zero, one, much = [0, 0], [1024, 1024], [120000, 120000]
    both = [one, one, [sign * 250000] * 2]
    weights = [[zero, zero, [16384, 16384]], both, both, [], [much, much, zero]]

    class Loud(Step):
        """Has these parameters."""

        def __init__(self, net: Network, *_: object) -> None:
            super().__init__(net, weights, [zeros(layer) for layer in net.layers])

    return Loud


class Constraints(unittest.TestCase):
    """Each refuses a step that only it refuses."""

    def refuses(self, expected: set[str], net: Network, kind: type[Step], *numbers: int) -> None:
        relation, _ = compile_training(net)
        batches = {"batches": reading(*numbers)} if numbers else {}
        self.assertEqual(refusing(relation, Witness(net, kind, **batches).cells), expected)

    def test_signs(self) -> None:
        for slope in (0.01, 0.5):
            net = network([linear(2), leaky(slope), linear(2)], **FLAT | ONCE)
            relation, _ = compile_training(net)
            self.refuses(set(), net, Step)
            lookup = f"lookup {looked_up('0.z 0.negative', relation)}"
            self.refuses({lookup}, net, Flipped)

    def test_a_sign_that_is_no_bit(self) -> None:
        # Two times 2^15 more are in the range, and the slope of two halves less is zero.
        layers = [linear(1, bias=False), leaky(0.5), linear(1)]
        net = network(layers, inputs=1, version=3, **ONCE | {"loss": "logistic"})
        relation, _ = compile_training(net)
        check, before = constraints_of("0.negative", relation)

        class Steep(Wild):
            """Has a weight with which the number is too low by less than 2^15."""

            def __init__(self, net: Network, weights, state) -> None:
                weights[0] = [[2000]]
                super().__init__(net, weights, state)

        self.refuses({f"pointwise {check}.{before}"}, net, Steep, -30000)

    def test_slopes(self) -> None:
        net = network([linear(2), LEAKY, linear(2)], **FLAT | ONCE)
        relation, _ = compile_training(net)
        check, before = constraints_of("0.negative", relation)
        for k, name in enumerate("ad"):
            wide = {f"pointwise {check}.{before + 1 + k}"}
            lookup = {f"lookup {looked_up(f'0.{name}.r0', relation)}"}
            for by in (1, -1):
                with self.subTest(name, by=by):
                    self.refuses(wide, net, one_more(f"0.{name}", by * 2**16))
                    self.refuses(lookup, net, rounding_off(f"0.{name}", by, 0))

    def test_what_is_looked_up(self) -> None:
        for behind in (GELU, SILU):
            net = network([linear(2), behind, linear(2)], **FLAT | ONCE)
            relation, _ = compile_training(net)
            first = looked_up("0.z", relation)
            keys = [k for k, lookup in enumerate(relation.lookups) if lookup.value is not None]
            self.assertGreaterEqual(keys[0], first)
            self.refuses(set(), net, Step)
            for k, name in enumerate("ah"):
                for by in (1, -1):
                    with self.subTest(behind, name=name, by=by):
                        self.refuses({f"lookup {keys[k]}"}, net, another(f"0.{name}", by))

    def test_derivatives(self) -> None:
        for behind in (GELU, SILU):
            net = network([linear(2), behind, linear(2)], **FLAT | ONCE)
            relation, _ = compile_training(net)
            check, before = constraints_of("0.h", relation)
            lookup = {f"lookup {looked_up('0.d.r0', relation)}"}
            last = constraints_of("0.d", relation)[1]
            for by in (1, -1):
                with self.subTest(behind, by=by):
                    wide = {f"pointwise {check}.{before}"}
                    self.refuses(wide, net, one_more("0.d", by * 2**14))
                    self.refuses(lookup, net, rounding_off("0.d", by, 0))
                    # Below the quotient that there is, an excess above it; or the other way.
                    end = last + (by > 0)
                    off = rounding_off("0.d", by, -by)
                    self.refuses({f"pointwise {check}.{end}"}, net, off)

    def test_what_is_beyond_the_ends(self) -> None:
        quiet = reading(0, 0)
        for behind in (LEAKY, GELU, SILU):
            layers = [linear(2), behind, linear(2), linear(2, **at(1)), add(2), linear(2)]
            net = network(layers, **FLAT | ONCE)
            relation, _ = compile_training(net)
            check, _ = constraints_of("0.negative" if behind is LEAKY else "0.h", relation)
            # Of a leaky rectifier the quotient stands in the equation itself: it is that long.
            last = constraints_of("0.d", relation)[1] + (behind is LEAKY)
            for sign, (limb, other) in ((1, ("high", "low")), (-1, ("low", "high"))):
                kind = loud(sign)
                cells = Witness(net, kind, quiet).cells
                with self.subTest(behind, sign=sign):
                    self.assertEqual(refusing(relation, cells), set())
                    place = (f"0.d.{limb}0", (1, 0, 0))
                    self.assertGreater(cells[place], 2**14)
                    # An excess that saturation does not explain.
                    off = mixed(kind, rounding_off("0.d", -sign, sign))
                    end = f"pointwise {check}.{last + (sign < 0)}"
                    self.assertEqual(refusing(relation, Witness(net, off, quiet).cells), {end})
                    both = {place: cells[place] + 1, (f"0.d.{other}0", (1, 0, 0)): 1}
                    wrong = {f"pointwise {check}.{last + (sign > 0)}"}
                    self.assertEqual(refusing(relation, cells | both), wrong)

    def test_cells_of_padding_have_to_be_zero(self) -> None:
        layers = [convolution(3, 1), LEAKY, convolution(3, 1), GELU, convolution(3, 1), SILU]
        net = network([*layers, linear(2)], image=[3, 1, 1], version=3, **ONCE)
        relation, _ = compile_training(net)
        cells = Witness(net).cells
        self.assertEqual(refusing(relation, cells), set())
        beyond = [(3, 0, 0, 0, 0), (0, 0, 0, 3, 0), (3, 0, 0, 3, 0)]
        names = ["0.a", "0.a.r0", "0.negative", "0.d", "1.a", "1.h", "1.d", "2.a", "2.h", "2.d.r0"]
        for name, place in product(names, beyond):
            with self.subTest(name, place=place):
                self.assertNotEqual(broken(relation, cells | {(name, place): 1}), [])


class Random(unittest.TestCase):
    """No cell of an activation is free."""

    def test_cells(self) -> None:
        draw = random.Random(1)
        for behind in (LEAKY, leaky(0.5), GELU, SILU):
            layers = [linear(3), behind, linear(3), SIGMOID, add(1), behind, linear(2)]
            net = network(layers, **FLAT | ONCE)
            relation, sheet = compile_training(net)
            cells = Witness(net).cells
            self.assertEqual(broken(relation, cells), [])
            for tensor in sheet.tensors.values():
                if not tensor.name.startswith(("0.", "2.")) or ".w." in tensor.name:
                    continue
                padded = [range(1 << (size - 1).bit_length()) for size in tensor.sizes]
                place = draw.choice(list(product(*padded)))
                key = tensor.name, place
                altered = cells | {key: cells.get(key, 0) + draw.choice((1, -1))}
                with self.subTest(behind, cell=key):
                    self.assertNotEqual(broken(relation, altered), [])


if __name__ == "__main__":
    unittest.main()
