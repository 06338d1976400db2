"""The committed fixtures are accepted, and what differs from them in anything is not."""

import contextlib
import io
import json
import math
import struct
import tempfile
import unittest
from functools import partial
from pathlib import Path

from py_ecc import optimized_bn128 as bn

import verify
from zktrain_reference import groth16, halo2
from zktrain_reference.circuit import Circuit
from zktrain_reference.compiler import compile_dataset, compile_training, tables_of
from zktrain_reference.contract_key import contract_key, name_on_chain
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
from zktrain_reference.dataset import check_registration
from zktrain_reference.errors import Rejected
from zktrain_reference.field import R
from zktrain_reference.hashing import keccak256
from zktrain_reference.manifest import Manifest
from zktrain_reference.model import commit_parameters, read_parameters
from zktrain_reference.network import derive
from zktrain_reference.poseidon import permute
from zktrain_reference.reference_string import KnownTau, Powers
from zktrain_reference.statements import (
    ProofFile,
    Reader,
    TrainingStatement,
    counted,
    number,
    read_file,
)
from zktrain_reference.tables import Table
from zktrain_reference.training import Chain, Key, window_order

FIXTURES = Path(__file__).parents[2] / "tests/fixtures"
STRING = KnownTau((FIXTURES / "reference_string_v1.toml").read_text())
NONCE = bytes([9] * 32)


def data(name: str) -> bytes:
    """A fixture's bytes."""
    return (FIXTURES / name).read_bytes()


def proof(name: str) -> tuple[str, bytes, bytes]:
    """System, statement and proof of a fixture."""
    (found,) = read_file(data(name)).proofs
    return found


def fields(encoding: bytes) -> dict[str, tuple[int, int]]:
    """Where the fields of a training statement are."""
    reader, found = Reader(encoding, "statement"), {}

    def field(name: str, read) -> None:
        start = reader.offset
        read()
        found[name] = (start, reader.offset)

    field("kind", lambda: reader.block(64))
    field("version", reader.number)
    field("spec", lambda: reader.bytes_of(32))
    field("chain id", reader.number)
    field("round", reader.number)
    field("prover", lambda: reader.bytes_of(20))
    field("step", reader.number)
    field("dataset", lambda: reader.bytes_of(32))
    field("windows", reader.number)
    field("window", reader.number)
    field("data", reader.list_of_points)
    field("path", reader.list_of_hashes)
    for name in ("model", "state", "update", "state after"):
        field(name, reader.list_of_points)
    reader.end()
    return found


def negated(encoding: bytes, at: int) -> bytes:
    """Bytes in which the point at an offset is its negative: valid, but another."""
    y = int.from_bytes(encoding[at + 32 : at + 64], "big")
    assert y
    return encoding[: at + 32] + (P - y).to_bytes(32, "big") + encoding[at + 64 :]


def raised(encoding: bytes, at: int) -> bytes:
    """Bytes in which the scalar at an offset is one more."""
    scalar = (int.from_bytes(encoding[at : at + 32], "big") + 1) % R
    return encoding[:at] + scalar.to_bytes(32, "big") + encoding[at + 32 :]


def flipped(encoding: bytes, at: int) -> bytes:
    """Bytes of which one has another lowest bit."""
    return encoding[:at] + bytes([encoding[at] ^ 1]) + encoding[at + 1 :]


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


class Uncompressed(unittest.TestCase):
    """Proofs with all messages of the argument."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.keys = {
            n: Key(Manifest(data(f"{n}_v1.toml").decode()), STRING) for n in ("relu", "smooth")
        }
        cls.proof = proof("relu_training1_v1.NOT-ZK")

    def rejected(self, part: str, encoding: bytes, body: bytes, reason: str = "") -> None:
        system, _, _ = self.proof
        with self.subTest(part), self.assertRaisesRegex(Rejected, reason):
            self.keys["relu"].check(TrainingStatement.read(encoding), system, body)

    def test_fixtures_are_accepted_and_continue_each_other(self) -> None:
        for name, key in self.keys.items():
            root, windows = check_registration(key, read_file(data(f"{name}_dataset_v1.NOT-ZK")))
            chain = Chain(key, NONCE)
            for index in (0, 1):
                system, encoding, body = proof(f"{name}_training{index}_v1.NOT-ZK")
                statement = TrainingStatement.read(encoding)
                key.check(statement, system, body)
                self.assertEqual((statement.dataset, statement.windows), (root, windows))
                chain.next(statement)

    def test_chains_start_from_the_public_model(self) -> None:
        key = self.keys["relu"]
        statement = TrainingStatement.read(proof("relu_training0_v1.NOT-ZK")[1])
        parameters = {
            f"layers.{i}.{name}": shape
            for i, (n, m) in enumerate(((5, 6), (6, 3)))
            for name, shape in (("weight", [n, m]), ("bias", [m]))
        }

        def file(value: int, **changed: object) -> bytes:
            header, body = {"__metadata__": {"weight_frac": "16"}}, b""
            for name, shape in parameters.items():
                values = [value + i for i in range(math.prod(shape))]
                start = len(body)
                body += b"".join(v.to_bytes(4, "little", signed=True) for v in values)
                header[name] = {"dtype": "I32", "shape": shape, "data_offsets": [start, len(body)]}
            header |= changed
            encoded = json.dumps(header).encode()
            return len(encoded).to_bytes(8, "little") + encoded + body

        read = read_parameters(key, file(-7))
        self.assertEqual(read["1.b.before"], [-7, -6, -5])
        rows = commit_parameters(key, read)
        # By size, columns padded: w of both layers from 0 and 64, biases from 96 and 104.
        self.assertEqual(len(rows), len(statement.model))
        cells = [v for i in range(5) for v in (*read["0.w.before"][6 * i :][:6], 0, 0)] + [0] * 24
        cells += [v for i in range(6) for v in (*read["1.w.before"][3 * i :][:3], 0)] + [0] * 8
        cells += [*read["0.b.before"], 0, 0, *read["1.b.before"]]
        self.assertEqual(rows[0], STRING.commit(cells))
        chain = Chain(key, NONCE, genesis=rows)
        with self.assertRaisesRegex(Rejected, "the model"):
            chain.next(statement)
        Chain(key, NONCE, genesis=statement.model).next(statement)
        for wrong in (
            file(2**19),
            file(0, other=parameters),
            file(0)[:-1],
            b"",
            file(0, __metadata__={}),
        ):
            with self.assertRaises(Rejected):
                read_parameters(key, wrong)

    def test_chains_in_another_order_are_rejected(self) -> None:
        first, second = (
            TrainingStatement.read(proof(f"relu_training{i}_v1.NOT-ZK")[1]) for i in (0, 1)
        )
        order = window_order(NONCE, 0, 2)
        nonces = (bytes([k] * 32) for k in range(256))
        other = next(nonce for nonce in nonces if window_order(nonce, 0, 2) != order)
        for nonce, statements in ((NONCE, [second]), (NONCE, [first, first]), (other, [first])):
            chain = Chain(self.keys["relu"], nonce)
            with self.assertRaises(Rejected):
                for statement in statements:
                    chain.next(statement)

    def test_every_field_of_the_statement_counts(self) -> None:
        _, encoding, body = self.proof
        for name, (start, end) in fields(encoding).items():
            points = name in ("data", "model", "state", "update", "state after")
            altered = negated(encoding, start + 8) if points else flipped(encoding, end - 1)
            self.rejected(name, altered, body)
            self.rejected(f"{name}, shorter", encoding[:start] + encoding[start + 8 :], body)
        self.rejected("more", encoding + b"\0", body)

    def test_every_message_of_the_argument_counts(self) -> None:
        _, encoding, body = self.proof
        relation = self.keys["relu"].relation
        first = 24 + 64 * (relation.own_rows + 1)
        # Salt, products, rounds, operands, tree, reduction, value, mask.
        products, rounds = len(relation.products), relation.rounds * relation.round_size
        operands = 2 * products + sum(len(p.operands) for p in relation.pointwise)
        last = (len(body) - 640 - 32 - first) // 32 - 1
        tree = 1 + products + rounds + operands
        checked = (
            (0, "relations"), (1, "relations"), (products, "relations"),
            (products + 1, "relations"), (1 + products + rounds, "relations"),
            (tree - 1, "relations"), (tree, "fractions"),
            (tree + 31, "fractions|layer 4 "), (tree + 32, "layer 4 "), (tree + 55, "layer 4 "),
            (last - 2 * relation.address_log - 2, "layer"),
            (last - 2 * relation.address_log - 1, "reduction"),
            (last - 2, "reduction"), (last - 1, "reduction"), (last, "pairing"),
        )  # fmt: skip
        for index, reason in checked:
            self.rejected(f"element {index}", encoding, raised(body, first + 32 * index), reason)

    def test_rows_blinding_and_opening_count(self) -> None:
        _, encoding, body = self.proof
        block = self.keys["relu"].rows("parameters")
        self.rejected("an update", encoding, negated(body, 24), "sum of the steps")
        state_rows = 24 + 64 * block
        self.rejected("the last update", encoding, negated(body, state_rows), "sum|last")
        end = len(body) - 640
        self.rejected(
            "the mask", encoding, negated(body, 24 + 64 * self.keys["relu"].relation.own_rows)
        )
        self.rejected("b*", encoding, raised(body, end - 32), "pairing")
        self.rejected("q", encoding, negated(body, end + 64), "pairing")
        self.rejected("S(1/ζ)", encoding, raised(body, end + 320 + 160), "pairing")
        self.rejected("off the curve", encoding, flipped(body, end + 63), "curve")
        unreduced = body[: end - 32] + R.to_bytes(32, "big") + body[end:]
        self.rejected("not reduced", encoding, unreduced, "reduced")
        self.rejected("magic", encoding, flipped(body, 0), "first bytes")
        self.rejected("version", encoding, flipped(body, 23), "first bytes")
        self.rejected("longer", encoding, body + bytes(32), "bytes")
        self.rejected("shorter", encoding, body[:-32], "bytes")

    def test_registrations(self) -> None:
        file = read_file(data("relu_dataset_v1.NOT-ZK"))
        ((system, encoding, body),) = file.proofs
        rows = 8 + 15 + 8 + 40 + 28
        for name, altered in (
            ("owner", flipped(encoding, rows - 1)),
            ("windows", flipped(encoding, rows + 7)),
            ("first", flipped(encoding, rows + 15)),
            ("a row", negated(encoding, rows + 16 + 8 + 8)),
        ):
            with self.subTest(name), self.assertRaises(Rejected):
                check_registration(
                    self.keys["relu"], ProofFile("dataset", [(system, altered, body)])
                )
        for proofs in ([], file.proofs * 2):
            with self.assertRaises(Rejected):
                check_registration(self.keys["relu"], ProofFile("dataset", proofs))


class Compressed(unittest.TestCase):
    """Proofs with a circuit's proof."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.key = Key(Manifest(data("compressed_v1.toml").decode()), STRING)
        cls.key.circuits.groth16[0] = groth16.Key.read(data("compressed_groth16_v1.vk"))
        relation = cls.key.relation
        cls.claim = 64 * (relation.own_rows + 1)
        cls.opening = cls.claim + 32 * (relation.address_log + 3)
        cls.circuit = cls.opening + 640

    def rejected(
        self, part: str, encoding: bytes, system: str, body: bytes, reason: str = ""
    ) -> None:
        with self.subTest(part), self.assertRaisesRegex(Rejected, reason):
            self.key.check(TrainingStatement.read(encoding), system, body)

    def test_fixtures_are_accepted(self) -> None:
        for system in ("halo2", "groth16"):
            named, encoding, body = proof(f"compressed_{system}_v1.proof")
            self.assertEqual(named, system)
            self.key.check(TrainingStatement.read(encoding), system, body)

    def test_halo2(self) -> None:
        system, encoding, body = proof("compressed_halo2_v1.proof")
        pairing = "halo2 proof's pairing"
        at = fields(encoding)["round"][0]
        self.rejected("round", flipped(encoding, at + 7), system, body, pairing)
        self.rejected("ρ", encoding, system, raised(body, self.claim), pairing)
        self.rejected("b*", encoding, system, raised(body, self.opening - 32), pairing)
        self.rejected("opening", encoding, system, negated(body, self.opening), "opening's pairing")
        self.rejected("advice", encoding, system, negated(body, self.circuit), pairing)
        self.rejected("evaluation", encoding, system, raised(body, self.circuit + 64 * 13), pairing)
        self.rejected("H_2", encoding, system, negated(body, len(body) - 64), pairing)
        self.rejected("length", encoding, system, body + bytes(32), "1760")
        self.rejected("system", encoding, "groth16", body, "256")

    def test_groth16(self) -> None:
        system, encoding, body = proof("compressed_groth16_v1.proof")
        self.rejected("v*", encoding, system, raised(body, self.opening - 64), "Groth16")
        self.rejected("A", encoding, system, negated(body, self.circuit), "Groth16")
        self.rejected("B", encoding, system, flipped(body, self.circuit + 100), "curve")
        self.rejected("length", encoding, system, body[:-1], "256")

    def test_keys(self) -> None:
        key = data("compressed_halo2_v1.vk")
        for altered in (
            flipped(key, 0),
            flipped(key, 127),
            key[:-1],
            key + b"\0",
            key[:32] + bytes(32) + key[64:],
        ):
            with self.assertRaises(Rejected):
                halo2.Key.read(altered)
        derive = partial(self.key.circuits.derive, STRING, self.key.relation, self.key.sheet, 0)
        self.assertEqual(derive().encoding, key)
        self.key.circuits.halo2[0] = halo2.Key.read(key)
        derive()
        self.key.circuits.halo2[0] = halo2.Key.read(negated(key, 64))
        with self.assertRaisesRegex(Rejected, "not the manifest's"):
            derive()
        self.key.circuits.halo2.clear()
        system, encoding, body = proof("compressed_groth16_v1.proof")
        with self.assertRaisesRegex(Rejected, "no Groth16 key"):
            Key(self.key.manifest, STRING).check(TrainingStatement.read(encoding), system, body)
        key = data("compressed_groth16_v1.vk")
        for altered in (
            flipped(key, 0),
            flipped(key, 16),
            flipped(key, 20),
            key[:-1],
            flipped(key, 700),
        ):
            with self.assertRaises(Rejected):
                groth16.Key.read(altered)

    def test_the_name_on_chain_is_the_programs(self) -> None:
        expected = data("compressed_halo2_v1.name").decode().strip()
        encoded = contract_key(self.key, "halo2", data("compressed_halo2_v1.vk"))
        self.assertEqual(name_on_chain(encoded), expected)

    def test_another_string_is_another_spec(self) -> None:
        other = Key(self.key.manifest, KnownTau('tau = "2"'))
        self.assertNotEqual(other.spec, self.key.spec)


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
