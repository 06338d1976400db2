#!/usr/bin/env python3
"""Checks proofs of zktrain: `verify.py FIXTURE…`, folders or files. See README.md.

Exit code 0: everything holds. 1: something is rejected, with the reason. 2: wrong usage.
"""

import argparse
import json
import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from zktrain_reference import groth16, halo2
from zktrain_reference.circuits import CircuitKeys
from zktrain_reference.contract_key import contract_key, name_on_chain
from zktrain_reference.dataset import check_registration
from zktrain_reference.errors import Rejected, require
from zktrain_reference.manifest import Manifest
from zktrain_reference.model import commit_parameters, read_parameters
from zktrain_reference.reference_string import KnownTau, Powers, ReferenceString
from zktrain_reference.statements import MAGICS, ProofFile, TrainingStatement, read_file
from zktrain_reference.training import Chain, Key

# No file that is read here is larger.
MOST_BYTES = 1 << 28


class Usage(Exception):
    """The command line does not say what to check."""


@dataclass
class Report:
    """What was found about one file."""

    file: str
    kind: str
    accepted: bool
    reason: str = ""
    facts: dict[str, object] = field(default_factory=dict)


@dataclass
class Inputs:
    """The files given, by what is in them."""

    strings: dict[Path, ReferenceString] = field(default_factory=dict)
    manifests: dict[Path, str] = field(default_factory=dict)
    circuit_keys: dict[Path, halo2.Key | groth16.Key] = field(default_factory=dict)
    proofs: dict[Path, bytes] = field(default_factory=dict)

    def add(self, path: Path, named: bool) -> None:
        """Takes a file, or the files of a folder; a file that is named has to be of use."""
        if path.is_dir():
            for inner in sorted(path.iterdir()):
                if inner.is_file():
                    self.add(inner, False)
            return
        if not path.is_file() or path.stat().st_size > MOST_BYTES:
            raise Usage(f"{path}: there is no such file, or it is too large")
        data = path.read_bytes()
        if any(data.startswith(magic) for magic in MAGICS):
            self.proofs[path] = data
        elif path.suffix == ".toml":
            self._text(path, data, named)
        elif data.startswith(Powers.MAGIC):
            self.strings[path] = Powers(data)
        elif data.startswith(b"zktrain/halo2/"):
            self.circuit_keys[path] = halo2.Key.read(data)
        elif data.startswith(groth16.MAGIC[:-1]):
            self.circuit_keys[path] = groth16.Key.read(data)
        elif named:
            raise Usage(f"{path}: neither a manifest, a key, a reference string nor a proof")

    def _text(self, path: Path, data: bytes, named: bool) -> None:
        """A test's reference string or a manifest, by what it has."""
        try:
            text = data.decode()
            fields = tomllib.loads(text)
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise Rejected(f"{path}: {error}") from None
        if "tau" in fields:
            self.strings[path] = KnownTau(text)
        elif "model" in fields:
            self.manifests[path] = text
        elif named:
            raise Usage(f"{path}: neither a manifest nor a reference string")

    def string(self) -> ReferenceString:
        """The one reference string."""
        if len(self.strings) != 1:
            raise Usage(f"expected one reference string, got {len(self.strings)}")
        return next(iter(self.strings.values()))

    def keys_for(self, proof: Path, derived: dict[int, halo2.Key]) -> CircuitKeys:
        """The circuit's keys that lie beside a proof: NAME.vk for NAME.proof, of a registration
        NAME.WINDOWS.vk for chunks of so many windows; and those derived before."""
        keys = CircuitKeys(derived=derived)
        for path, key in self.circuit_keys.items():
            rest = path.name.removesuffix(".vk").removeprefix(proof.stem)
            if not path.name.startswith(proof.stem) or path.parent != proof.parent:
                continue
            if rest == "" or (rest.startswith(".") and rest[1:].isdigit()):
                windows = int(rest[1:] or 0)
                kind = keys.halo2 if isinstance(key, halo2.Key) else keys.groth16
                kind[windows] = key
        return keys


class Verification:
    """Checks inputs, and keeps what is known from one file for the next."""

    def __init__(
        self,
        inputs: Inputs,
        nonce: bytes | None = None,
        chain: bool = False,
        genesis: bytes | None = None,
        names: bool = False,
    ) -> None:
        self.names = names
        self.inputs, self.nonce, self.chain, self.genesis = inputs, nonce, chain, genesis
        self.string = inputs.string()
        self.reports: list[Report] = []
        self.keys: dict[bytes, Key] = {}
        self.roots: dict[bytes, dict[bytes, int]] = {}
        self.proven: dict[bytes, list[tuple[Path, TrainingStatement]]] = {}

    def attempt(self, path: Path, kind: str, check) -> None:
        """Reports a check: its facts, or why it rejects."""
        try:
            self.reports.append(Report(str(path), kind, True, facts=check()))
        except Rejected as error:
            self.reports.append(Report(str(path), kind, False, str(error)))

    def run(self) -> list[Report]:
        """Checks everything."""
        for path, text in self.inputs.manifests.items():
            self.attempt(path, "manifest", lambda text=text: self.manifest(text))
        files: list[tuple[Path, ProofFile]] = []
        for path, data in self.inputs.proofs.items():
            try:
                files.append((path, read_file(data)))
            except Rejected as error:
                self.reports.append(Report(str(path), "proof", False, str(error)))
        training = []
        for path, file in files:
            if file.kind == "dataset":
                self.attempt(path, "registration", lambda p=path, f=file: self.registration(p, f))
            else:
                training.append((path, file))
        for path, file in training:
            self.attempt(path, "training proof", lambda p=path, f=file: self.training(p, f))
        if self.chain:
            self.chains()
        return self.reports

    def manifest(self, text: str) -> dict[str, object]:
        """A manifest, with what follows from it."""
        key = Key(Manifest(text), self.string)
        self.keys[key.spec] = key
        relation = key.relation
        facts: dict[str, object] = {
            "manifest_hash": key.manifest.hash().hex(),
            "spec": key.spec.hex(),
            "rows": len(relation.rows),
            "products": len(relation.products),
            "lookups": len(relation.lookups),
        }
        if self.names:
            circuit = key.circuits.derive(self.string, relation, key.sheet, 0)
            encoded = contract_key(key, "halo2", circuit.encoding)
            facts["halo2_key_on_chain"] = name_on_chain(encoded)
        return facts

    def key(self, spec: bytes) -> Key:
        """The key of a statement's manifest."""
        require(spec in self.keys, "the statement is about another manifest or reference string")
        return self.keys[spec]

    def registration(self, path: Path, file: ProofFile) -> dict[str, object]:
        """A dataset's registration."""
        require(bool(file.proofs), "the registration has no chunks")
        # Kind, version and the spec's length are before the spec.
        encoding = file.proofs[0][1]
        start = 8 + len(b"zktrain/dataset") + 8 + 8
        key = self.key(encoding[start : start + 32])
        key.circuits = self.inputs.keys_for(path, key.circuits.derived)
        root, windows = check_registration(key, file)
        self.roots.setdefault(key.spec, {})[root] = windows
        return {"root": root.hex(), "chunks": len(file.proofs)}

    def training(self, path: Path, file: ProofFile) -> dict[str, object]:
        """A training proof."""
        system, encoding, proof = file.proofs[0]
        statement = TrainingStatement.read(encoding)
        key = self.key(statement.spec)
        key.circuits = self.inputs.keys_for(path, key.circuits.derived)
        key.check(statement, system, proof)
        self.proven.setdefault(key.spec, []).append((path, statement))
        facts: dict[str, object] = {
            "system": system,
            "step": statement.step,
            "window": statement.window,
            "dataset": statement.dataset.hex(),
        }
        return facts

    def chains(self) -> None:
        """The proofs that hold follow each other, manifest by manifest."""
        for spec, found in self.proven.items():
            chain = Chain(self.keys[spec], self.nonce)
            if self.genesis is not None:
                self.attempt(Path("genesis"), "model", lambda c=chain: self.start(c))
            for path, statement in sorted(found, key=lambda pair: pair[1].step):
                self.attempt(path, "chain", lambda c=chain, s=statement: self.link(c, s))

    def start(self, chain: Chain) -> dict[str, object]:
        """A chain starts from the public model."""
        parameters = read_parameters(chain.key, self.genesis)
        chain.genesis = commit_parameters(chain.key, parameters)
        return {"parameters": sum(map(len, parameters.values()))}

    def link(self, chain: Chain, statement: TrainingStatement) -> dict[str, object]:
        """One proof of a chain."""
        windows = self.roots.get(statement.spec, {}).get(statement.dataset)
        require(windows == statement.windows, "its dataset is not registered here")
        chain.next(statement)
        return {"step": statement.step}


def arguments(args: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="verify.py", description="Checks proofs of zktrain.")
    parser.add_argument("fixture", nargs="+", type=Path, help="a folder, or a file")
    parser.add_argument(
        "--chain",
        action="store_true",
        help="the proofs continue each other, on a dataset registered here",
    )
    parser.add_argument(
        "--genesis", type=Path, help="with --chain: the public model, model.int.safetensors"
    )
    parser.add_argument(
        "--nonce", type=bytes.fromhex, help="what draws the windows' order, 32 bytes in hexadecimal"
    )
    parser.add_argument(
        "--key-names", action="store_true", help="derive the names of halo2 keys on chain"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser.parse_args(args)


def main(args: list[str]) -> int:
    """Runs the program; its exit code."""
    options = arguments(args)
    try:
        if options.nonce is not None and len(options.nonce) != 32:
            raise Usage("--nonce: expected 32 bytes")
        inputs = Inputs()
        for path in options.fixture:
            inputs.add(path, True)
        if not inputs.proofs and not inputs.manifests:
            raise Usage("there is nothing to check")
        genesis = None if options.genesis is None else options.genesis.read_bytes()
        reports = Verification(
            inputs, options.nonce, options.chain, genesis, options.key_names
        ).run()
    except (Usage, OSError) as error:
        print(f"verify.py: {error}", file=sys.stderr)
        return 2
    except Rejected as error:
        reports = [Report("", "input", False, str(error))]
    accepted = all(report.accepted for report in reports)
    if options.json:
        print(
            json.dumps(
                {"accepted": accepted, "files": [vars(report) for report in reports]}, indent=2
            )
        )
    else:
        for report in reports:
            verdict = "accepted" if report.accepted else f"REJECTED: {report.reason}"
            print(f"{report.kind} {report.file}: {verdict}")
            if "halo2_key_on_chain" in report.facts:
                print(f"  halo2 key on chain: {report.facts['halo2_key_on_chain']}")
        print("accepted" if accepted else "REJECTED")
    return 0 if accepted else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
