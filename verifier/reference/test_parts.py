"""Building blocks, manifests, layouts and the program."""

import contextlib
import io
import json
import struct
import tempfile
import unittest
from pathlib import Path

from py_ecc import optimized_bn128 as bn

import verify
from fixtures import FIXTURES, STRING, data, flipped
from zktrain_reference import halo2
from zktrain_reference.circuit import Circuit
from zktrain_reference.compiler import compile_dataset, compile_training, tables_of
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
from zktrain_reference.field import R
from zktrain_reference.hashing import keccak256
from zktrain_reference.manifest import Manifest
from zktrain_reference.network import derive
from zktrain_reference.poseidon import permute
from zktrain_reference.reference_string import Powers
from zktrain_reference.statements import (
    counted,
    number,
    read_file,
)
from zktrain_reference.tables import Table
from zktrain_reference.training import window_order


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
