"""Building blocks, manifests, layouts and the program."""

import contextlib
import io
import json
import struct
import tempfile
import unittest
from itertools import product
from pathlib import Path

from py_ecc import optimized_bn128 as bn

import verify
from fixtures import FIXTURES, STRING, data, flipped, model_file
from networks import RELU, SIGMOID, convolution, linear, manifest
from zktrain_reference import halo2
from zktrain_reference.circuit import Circuit
from zktrain_reference.compiler import compile_dataset, compile_training
from zktrain_reference.curve import (
    G2,
    G2_ONE,
    P,
    Words,
    blinding_base,
    combine,
    point_bytes,
    times_generator,
)
from zktrain_reference.errors import Rejected
from zktrain_reference.field import R, bits_of, eq_number
from zktrain_reference.geometry import Image, Kernel
from zktrain_reference.hashing import keccak256
from zktrain_reference.manifest import Manifest
from zktrain_reference.model import commit_parameters, read_parameters
from zktrain_reference.network import derive
from zktrain_reference.poseidon import permute
from zktrain_reference.reference_string import Powers
from zktrain_reference.relation import Window, domain, read
from zktrain_reference.sheet import Tensor, log
from zktrain_reference.statements import (
    counted,
    number,
    read_file,
)
from zktrain_reference.tables import Table
from zktrain_reference.tensors import tables_of
from zktrain_reference.training import Key, window_order


def string_file(tau: int, count: int, spoil=lambda points: points) -> bytes:
    """A reference string as the program writes it."""
    little = lambda x: x.to_bytes(32, "little")  # noqa: E731
    g2 = G2.from_py_ecc(bn.multiply(bn.G2, tau))
    header = (
        Powers.MAGIC + bytes(33) + (7).to_bytes(4, "little") + count.to_bytes(8, "little") + b"\0"
    )
    for point in (G2_ONE, g2, G2_ONE):
        header += b"".join(map(little, point.coordinates))
    points = spoil([times_generator(pow(tau, i, R)) for i in range(count)])
    block = b"".join(little(x) + little(y) for x, y in points)
    digest = keccak256(header)
    return header + digest + block + keccak256(digest, block)


class Parts(unittest.TestCase):
    """Building blocks against values known elsewhere."""

    def test_poseidon_is_circomlibs(self) -> None:
        expected = 0x299C867DB6C1FDD79DCEFA40E4510B9837E60EBB1CE0663DBAA525DF65250465
        self.assertEqual(permute([0, 1, 2, 3, 4])[0], expected)

    def test_sums_of_points(self) -> None:
        h = blinding_base()
        self.assertEqual(combine([(5, h), (R - 3, h), (R - 2, h)]), None)
        self.assertEqual(combine([(12345, (1, 2))]), times_generator(12345))
        many = [(i * i + 1, times_generator(i + 1)) for i in range(150)]
        expected = times_generator(sum((i * i + 1) * (i + 1) for i in range(150)))
        self.assertEqual(combine(many), expected)

    def test_points_outside_the_group_are_refused(self) -> None:
        word = lambda x: x.to_bytes(32, "big")  # noqa: E731
        for x, y in ((1, 3), (P, 2), (1, P + 2)):
            with self.assertRaises(Rejected):
                Words(word(x) + word(y), "point").point()
        with self.assertRaises(Rejected):
            G2(*G2_ONE.coordinates[:3], 5).check()

    def test_every_gate_of_the_circuit_can_fail_and_a_permutation_satisfies_them(self) -> None:
        # A row of a full round, and the state after it.
        rounds = halo2.poseidon_constants()[0]
        state, after = [3, 1, 4, 1, 5], [0, 0, 0, 0, 0]
        boxed = [pow(s + c, 5, R) for s, c in zip(state, rounds[0])]
        matrix = halo2.poseidon_constants()[1]
        after = [sum(m * s for m, s in zip(row, boxed)) % R for row in matrix]
        self.assertEqual(set(halo2.gates(state, after, rounds[0], 1, 0, 0)), {0})
        wrong = [after[0] + 1, *after[1:]]
        self.assertNotEqual(set(halo2.gates(state, wrong, rounds[0], 1, 0, 0)), {0})

    def test_the_relation_has_every_constraint(self) -> None:
        relu = derive(Manifest(data("relu_v1.toml").decode()))
        self.assertEqual([t.kind for t in tables_of(relu)], ["range", "range", "exp"])
        relation, _ = compile_dataset(relu, 2)
        counts = len(relation.lookups), len(relation.pointwise), len(relation.vanishing)
        self.assertEqual(counts, (1, 3, 1))

    def test_tables(self) -> None:
        exp = Table("exp", 8, 2**13).values()
        self.assertEqual((exp[0], exp[166], exp[-1]), (8192, 4283, 0))
        sigmoid = Table("sigmoid", 2, 14).values()
        self.assertEqual((sigmoid[0], sigmoid[2**15], sigmoid[-1]), (0, 2**13, 2**14))

    def test_windows_come_in_the_order_of_the_document(self) -> None:
        self.assertEqual(window_order(bytes(32), 0, 8), [4, 5, 6, 7, 3, 0, 1, 2])


class Strings(unittest.TestCase):
    """Reference strings of powers."""

    def test_commitments_are_those_of_the_known_string(self) -> None:
        powers = Powers(string_file(STRING.tau, 128))
        self.assertEqual(powers.tau_g2, STRING.tau_g2)
        values = [(7 * i * i + 3) % 101 for i in range(128)]
        self.assertEqual(powers.commit(values), STRING.commit(values))
        roots = [pow(halo2.root_of_unity(7), i, R) for i in range(128)]
        self.assertEqual(powers.commit_values(values, roots), STRING.commit_values(values, roots))
        with self.assertRaisesRegex(Rejected, "too few"):
            powers.commit([1] * 129)

    def test_what_is_no_string_is_refused(self) -> None:
        def swapped(points):
            return [*points[:100], points[101], points[100], *points[102:]]

        cases = (
            (string_file(STRING.tau, 128, swapped), "powers of one"),
            (string_file(STRING.tau, 128, lambda points: points[1:] + points[:1]), "generator"),
            (string_file(1, 128), "root of unity"),
            (string_file(halo2.root_of_unity(5), 128), "root of unity"),
            (string_file(2**20 - 5, 128), "below"),
            (string_file(R - 77, 128), "below"),
        )
        for encoded, reason in cases:
            with self.subTest(reason), self.assertRaisesRegex(Rejected, reason):
                Powers(encoded).commit([1])
        encoded = string_file(STRING.tau, 128)
        for at in (0, 70, Powers.HEADER, Powers.HEADER + 40):
            with self.subTest(at), self.assertRaises(Rejected):
                Powers(flipped(encoded, at)).commit([1])


class Manifests(unittest.TestCase):
    """The program's tests read the same list."""

    def test_verdicts_are_the_programs(self) -> None:
        lines = (FIXTURES / "manifest_edits_v1.tsv").read_text().splitlines()
        for line in lines[1:]:
            base, before, after, verdict = line.split("\t")
            text = data(f"{base}_v1.toml").decode()
            before, after = before.replace("\\n", "\n"), after.replace("\\n", "\n")
            self.assertIn(before, text, line)
            try:
                manifest = Manifest(text.replace(before, after, 1))
                derive(manifest)
                found = manifest.hash().hex()
            except Rejected:
                found = "refused"
            self.assertEqual(found, verdict, line)


TWO_CONVOLUTIONS = [
    convolution(3, 3, stride=2, padding=1),
    RELU,
    convolution(2, 2, bias=False),
    SIGMOID,
    linear(2),
]


class Images(unittest.TestCase):
    """Version 2 of the manifest."""

    def test_hash(self) -> None:
        integer = lambda *values: struct.pack(f">{len(values)}q", *values)  # noqa: E731
        real = lambda *values: struct.pack(f">{len(values)}d", *values)  # noqa: E731
        text = lambda value: integer(len(value)) + value  # noqa: E731
        absent = 0
        expected = [
            b"zktrain/manifest/v2\0", integer(2), text(b"small"),
            # The inputs, the image, softmax, five layers.
            integer(40, 1, 5, 4, 2, 0, 5),
            # Kind, out, bias, kernel, stride, padding.
            integer(4, 1, 3, 1, 1, 1, 3, 1, 2, 1, 1),
            integer(1, absent, absent, absent, absent, absent),
            integer(4, 1, 2, 1, 0, 1, 2, 1, 1, 1, 0),
            integer(2, absent, absent, absent, absent, absent),
            integer(0, 1, 2, 1, 1, absent, absent, absent),
            real(0.5, 0.0, 0.0), integer(absent),
            integer(2, 2, 4), text(b"y"), integer(1, 2), text(b"0"), text(b"1"),
            integer(absent, 1), text(b"x"), integer(40), real(0.0, 1.0), integer(absent),
            # Scales, and those of three layers with weights.
            integer(1, 6, 6, 10, 12, 0, 0, 3),
            integer(6, absent, 1, 10, absent, absent, 2**8),
            integer(6, 1, 8, 1, 10, absent, absent, 2**6),
            integer(8, absent, absent, absent, absent, 2**2),
        ]  # fmt: skip
        found = Manifest(manifest(TWO_CONVOLUTIONS, image=[5, 4, 2]))
        self.assertEqual(found.hash(), keccak256(*expected))

    def test_network(self) -> None:
        net = derive(Manifest(manifest(TWO_CONVOLUTIONS, image=[5, 4, 2])))
        first, second, last = net.layers
        self.assertEqual([first.image, second.image], [Image(5, 4, 2), Image(3, 2, 3)])
        self.assertEqual([first.inputs, second.inputs, last.inputs], [18, 12, 4])
        self.assertEqual((first.result, second.result), (Image(3, 2, 3), Image(2, 1, 2)))
        self.assertEqual((last.image, last.result), (Image(2, 1, 2), None))
        # Parameters are below 2^12 + 4·2^15 < 2^18.
        self.assertEqual(first.z.most, (18 * 2**15 + 2**6) * 2**18)
        self.assertEqual(second.z.most, 12 * (2**15 - 1) * 2**18)
        self.assertEqual(last.z.most, (4 * 2**8 + 2**8) * 2**18)
        # A number below the second convolution is in up to 2 · 2 of its windows.
        self.assertEqual(first.takers[0].rounding.most, 2 * 2**2 * 2**15 * 2**18)
        self.assertEqual(second.takers[0].rounding.most, 2 * 2**14 * 2**18)
        # Gradients are sums over two samples, six and two positions.
        self.assertEqual(first.update.most, 2**8 * (2 * 6 * 2**15 * 2**15))
        self.assertEqual(second.update.most, 2**6 * (2 * 2 * (2**15 - 1) * 2**15))

    def test_a_stride_as_large_as_the_kernel_covers_numbers_once(self) -> None:
        self.assertEqual([Kernel(k, 2, 0).overlap for k in range(1, 6)], [1, 1, 4, 4, 9])

    def test_tensors_are_as_images_and_kernels_are(self) -> None:
        _, sheet = compile_training(derive(Manifest(manifest(TWO_CONVOLUTIONS, image=[5, 4, 2]))))
        for name, sizes in (
            ("inputs", (1, 2, 2, 2, 5, 4)), ("labels", (1, 2, 2, 2)),
            ("0.w.before", (1, 3, 3, 2, 3)), ("0.w.update", (2, 3, 3, 2, 3)),
            ("0.w.update.r0", (3, 3, 2, 2, 3)), ("0.negative", (3, 2, 2, 3, 2)),
            ("1.d.r0", (2, 2, 2, 2, 1)), ("2.w.before", (1, 2, 1, 2, 2)), ("2.z", (2, 2, 2)),
        ):  # fmt: skip
            self.assertEqual(sheet.tensors[name].sizes, sizes, name)

    def test_public_models_have_patches_as_inputs(self) -> None:
        key = Key(Manifest(manifest(TWO_CONVOLUTIONS, image=[5, 4, 2])), STRING)
        shapes = {
            "layers.0.weight": [18, 3], "layers.0.bias": [3], "layers.1.weight": [12, 2],
            "layers.2.weight": [4, 2], "layers.2.bias": [2],
        }  # fmt: skip
        found = commit_parameters(key, read_parameters(key, model_file(shapes, "10", 1)))
        cells = [0] * 64 * len(found)
        base = key.sheet.tensors["0.w.before"].base
        for i, (u, v, c, o) in enumerate(product(range(3), range(3), range(2), range(3))):
            cells[32 * u + 8 * v + 4 * c + o] = 1 + i
        rows = [STRING.commit(cells[64 * i :][:64]) for i in range(2)]
        self.assertEqual((base % 128, found[:2]), (0, rows))
        for shape in ([3, 3, 2, 3], [9, 2, 3], [3, 18]):
            wrong = model_file(shapes | {"layers.0.weight": shape}, "10", 1)
            with self.subTest(shape), self.assertRaisesRegex(Rejected, "layers.0.weight"):
                read_parameters(key, wrong)

    def test_refusals(self) -> None:
        conv, end = convolution, linear(2)
        old = {"image": None, "inputs": 4, "version": 1}
        cases = (
            ("image: unknown", [end], {"version": 1}),
            ("expected one of", [("conv2d", {}), end], old),
            ("kernel: unknown", [linear(1, kernel=1), end], old),
            ("takes an image", [conv(1, 1), end], {"image": None, "inputs": 4}),
            ("takes an image", [linear(4), conv(1, 1), end], {}),
            ("not fit", [conv(1, 5), end], {}),
            ("not fit", [conv(1, 7, padding=1), end], {}),
            ("not fit", [conv(1, 4), conv(1, 2), end], {}),
            ("kernel: 8", [conv(1, 8, padding=4), end], {}),
            ("kernel: 0", [conv(1, 0), end], {}),
            ("kernel: is required", [("conv2d", {"out": 1}), end], {}),
            ("out: is required", [("conv2d", {"kernel": 1}), end], {}),
            ("padding", [conv(1, 2, padding=2), end], {}),
            ("padding", [conv(1, 1, padding=1), end], {}),
            ("stride", [conv(1, 2, stride=3), end], {}),
            ("stride", [conv(1, 2, stride=0), end], {}),
            ("only convolutions", [linear(2, kernel=1)], {}),
            ("only convolutions", [linear(2, stride=1)], {}),
            ("an activation has none", [conv(1, 1), ("relu", {"padding": 0}), end], {}),
            ("last one", [conv(2, 1)], {}),
            ("not the inputs", [end], {"inputs": 33}),
            ("height, width", [end], {"image": [32, 1]}),
            ("height, width", [end], {"image": [4, 4, 2, 1]}),
            (r"\(width\)", [end], {"image": [32, 0, 1]}),
            ("numbers\\)", [conv(4097, 1), end], {}),
            ("numbers of a patch", [conv(1, 7, padding=6), end], {"image": [1, 1, 4096]}),
        )
        for reason, layers, options in cases:
            options = {"image": [4, 4, 2], **options}
            with self.subTest(reason), self.assertRaisesRegex(Rejected, reason):
                derive(Manifest(manifest(layers, **options)))
        for layers in ([conv(1, 6, padding=1), end], [conv(1, 7, stride=2, padding=2), end]):
            derive(Manifest(manifest(layers, image=[4, 4, 2])))


class Windows(unittest.TestCase):
    """Windows' weights against their definition."""

    # Windows, places, stride, padding, the dimension's size, backward.
    CASES = (
        (3, 3, 2, 1, 5, False), (4, 2, 1, 0, 5, False), (3, 1, 2, 0, 6, False),
        (5, 3, 2, 1, 3, True), (5, 2, 1, 0, 4, True), (6, 1, 2, 0, 3, True),
        (1, 3, 1, 1, 1, False), (1, 3, 1, 1, 1, True),
    )  # fmt: skip

    def test_on_the_cube_and_elsewhere(self) -> None:
        for windows, places, stride, padding, size, backward in self.CASES:
            window = Window("x", "y", windows, places, Kernel(places, stride, padding), backward)
            tensor = Tensor("t", 64, (size, 2), (1, 0))
            form, over = read(tensor, window, "z"), domain(x=windows, y=places, z=2)
            bits = over.variables

            def leads(a: int, u: int, i: int) -> bool:
                if a >= windows or u >= places or i >= size:
                    return False
                ahead, at = (i, a) if backward else (a, i)
                return stride * ahead + u - padding == at

            def weight(at: int, address: int) -> int:
                z, rest = at % 2, at // 2
                u, a = rest % 2 ** log(places), rest // 2 ** log(places)
                inside = address - 64
                return int(0 <= inside < 16 and z == inside % 2 and leads(a, u, inside // 2))

            total, point = 0, [pow(7, k + 1, R) for k in range(bits)]
            cell = [pow(11, k + 1, R) for k in range(7)]
            for at in range(2**bits):
                for address in range(128):
                    found = form.at(over, bits_of(at, bits), bits_of(address, 7))
                    self.assertEqual(found, (0, weight(at, address)))
                    if found[1]:
                        total += eq_number(point, at) * eq_number(cell, address)
            self.assertEqual(form.at(over, point, cell), (0, total % R))


class Layouts(unittest.TestCase):
    """Circuits of many networks: the program's tests make the list."""

    def test_rows_and_copies_are_the_programs(self) -> None:
        for line in (FIXTURES / "circuits_v1.tsv").read_text().splitlines():
            name, *expected = line.split("\t")
            network = derive(Manifest(data(f"{name}_v1.toml").decode()))
            found = []
            for relation, sheet in (compile_training(network), compile_dataset(network, 4)):
                found.append(Circuit(relation, list(sheet.tensors.values())).digest().hex())
            self.assertEqual(found, expected, name)


class Program(unittest.TestCase):
    """Exit codes and output."""

    def run_program(self, *args: str) -> tuple[int, str]:
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
            code = verify.main(list(args))
        return code, out.getvalue()

    def test_exit_codes(self) -> None:
        string, manifest = (str(FIXTURES / f"{n}_v1.toml") for n in ("reference_string", "relu"))
        code, out = self.run_program("--json", string, manifest)
        self.assertEqual((code, json.loads(out)["accepted"]), (0, True))
        for wrong in ([manifest], [string], [str(FIXTURES / "transcript_v1.txt")], ["/nowhere"]):
            self.assertEqual(self.run_program(*wrong)[0], 2, wrong)
        with tempfile.TemporaryDirectory() as folder:
            altered = Path(folder) / "manifest.toml"
            altered.write_text(Path(manifest).read_text().replace("eta = 16", "eta = 17"))
            code, out = self.run_program("--json", string, str(altered))
            report = json.loads(out)
            self.assertEqual((code, report["accepted"]), (1, False))
            self.assertIn("eta: 17 is recorded", report["files"][0]["reason"])
            # A proof of a manifest that is not there.
            statement = str(FIXTURES / "relu_training0_v1.NOT-ZK")
            self.assertEqual(self.run_program(string, str(altered), statement)[0], 1)

    def test_files(self) -> None:
        for altered in (
            b"",
            b"zktrain",
            data("relu_training0_v1.NOT-ZK")[:-1],
            data("relu_training0_v1.NOT-ZK") + b"\0",
        ):
            with self.assertRaises(Rejected):
                read_file(altered)
        magic = b"zktrain training proof v1\n"
        for system in (0, 3):
            with self.assertRaisesRegex(Rejected, "system"):
                read_file(magic + number(system) + counted(b"") + counted(b""))
        with self.assertRaisesRegex(Rejected, "at most"):
            read_file(magic + number(1) + struct.pack(">Q", 1 << 31))
        self.assertEqual(point_bytes(None), bytes(64))


if __name__ == "__main__":
    unittest.main()
