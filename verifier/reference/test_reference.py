"""The committed fixtures are accepted, and what differs from them in anything is not."""

import unittest
from functools import partial

from fixtures import NONCE, STRING, data, fields, flipped, model_file, negated, proof, raised
from zktrain_reference import groth16, halo2
from zktrain_reference.contract_key import contract_key, name_on_chain
from zktrain_reference.dataset import check_registration
from zktrain_reference.errors import Rejected
from zktrain_reference.field import R
from zktrain_reference.manifest import Manifest
from zktrain_reference.model import commit_parameters, read_parameters
from zktrain_reference.reference_string import KnownTau
from zktrain_reference.statements import (
    ProofFile,
    TrainingStatement,
    read_file,
)
from zktrain_reference.training import Chain, Key, window_order


class Uncompressed(unittest.TestCase):
    """Proofs with all messages of the argument."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.keys = {
            n: Key(Manifest(data(f"{n}_v1.toml").decode()), STRING) for n in ("relu", "smooth", "convolution", "adam", "attention")
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
        file = partial(model_file, parameters, "16")
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


if __name__ == "__main__":
    unittest.main()
