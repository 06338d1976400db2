"""Statements, files that carry proofs, and what is hashed of them. See docs/argument.md."""

from dataclasses import dataclass

from .curve import Point, Words, point_bytes
from .errors import Rejected, require
from .hashing import keccak256, reduced

VERSION = 1
LIST, STATEMENT, PROOF, CHUNKS = 1 << 20, 1 << 30, 1 << 28, 1 << 16
PLAIN = "none"
SYSTEMS = {1: "halo2", 2: "groth16"}


def number(value: int) -> bytes:
    """Eight bytes, big-endian."""
    return value.to_bytes(8, "big")


def counted(data: bytes) -> bytes:
    """Bytes behind their length."""
    return number(len(data)) + data


def points_list(points: list[Point]) -> bytes:
    """Points behind their number."""
    return number(len(points)) + b"".join(map(point_bytes, points))


class Reader(Words):
    """Reads the fields of statements and files."""

    def number(self) -> int:
        """The next number."""
        return int.from_bytes(self.take(8), "big")

    def length(self, most: int) -> int:
        """The next number, a length."""
        length = self.number()
        require(length <= most, f"{self.what}: a length of {length}, at most {most} allowed")
        return length

    def bytes_of(self, length: int) -> bytes:
        """A byte string of this length."""
        got = self.number()
        require(got == length, f"{self.what}: {got} bytes, expected {length}")
        return self.take(length)

    def block(self, most: int) -> bytes:
        """A byte string of any length up to a limit."""
        return self.take(self.length(most))

    def kind(self, kind: bytes) -> None:
        """Kind and version of a statement."""
        require(self.block(64) == kind, f"{self.what}: the first bytes differ")
        require(self.number() == VERSION, f"{self.what}: another version")

    def list_of_points(self) -> list[Point]:
        """Points behind their number."""
        count = self.length(LIST)
        require(64 * count <= len(self.data), f"{self.what}: the bytes end too early")
        return self.points(count)

    def list_of_hashes(self) -> list[bytes]:
        """Hashes behind their number."""
        return [self.take(32) for _ in range(self.length(64))]


@dataclass(frozen=True)
class Binding:
    """Where a proof counts."""

    chain_id: int
    contract: bytes
    domain: int
    round: int
    prover: bytes

    @classmethod
    def read(cls, reader: Reader) -> "Binding":
        """From a statement."""
        chain_id, contract, domain = reader.number(), reader.bytes_of(20), reader.number()
        return cls(chain_id, contract, domain, reader.number(), reader.bytes_of(20))


@dataclass(frozen=True)
class TrainingStatement:
    """What a training proof is about."""

    encoding: bytes
    spec: bytes
    binding: Binding
    step: int
    dataset: bytes
    windows: int
    window: int
    data: list[Point]
    path: list[bytes]
    model: list[Point]
    state: list[Point]
    update: list[Point]
    state_after: list[Point]

    @classmethod
    def read(cls, data: bytes) -> "TrainingStatement":
        """From its encoding."""
        r = Reader(data, "training statement")
        r.kind(b"zktrain/training")
        spec, binding, step = r.bytes_of(32), Binding.read(r), r.number()
        dataset, windows, window = r.bytes_of(32), r.number(), r.number()
        rows, path = r.list_of_points(), r.list_of_hashes()
        model, state, update, after = (r.list_of_points() for _ in range(4))
        r.end()
        return cls(
            data, spec, binding, step, dataset, windows, window,
            rows, path, model, state, update, after,
        )  # fmt: skip


@dataclass(frozen=True)
class DatasetStatement:
    """What a chunk of a registration is about."""

    encoding: bytes
    spec: bytes
    owner: bytes
    windows: int
    first: int
    rows: list[list[Point]]

    @classmethod
    def read(cls, data: bytes) -> "DatasetStatement":
        """From its encoding."""
        r = Reader(data, "dataset statement")
        r.kind(b"zktrain/dataset")
        spec, owner, windows, first = r.bytes_of(32), r.bytes_of(20), r.number(), r.number()
        rows = [r.list_of_points() for _ in range(r.length(LIST))]
        r.end()
        return cls(data, spec, owner, windows, first, rows)


def transcript_start(statement: bytes, rows: list[Point], mask: Point) -> int:
    """h"""
    fields = (counted(b"zktrain/rows"), number(VERSION), counted(statement))
    return reduced(keccak256(*fields, points_list(rows), points_list([mask])))


# First bytes of each file: what is in it, and whether its proofs are compressed.
MAGICS = {
    b"NOT-ZK zktrain training proof v1\n": ("training", False),
    b"zktrain training proof v1\n": ("training", True),
    b"NOT-ZK zktrain dataset registration v1\n": ("dataset", False),
    b"zktrain dataset registration v1\n": ("dataset", True),
}


@dataclass(frozen=True)
class ProofFile:
    """A file of proofs: the system, statement and proof of each, undecoded."""

    kind: str
    proofs: list[tuple[str, bytes, bytes]]


def read_file(data: bytes) -> ProofFile:
    """A training proof or a registration."""
    magic = next((magic for magic in MAGICS if data.startswith(magic)), None)
    if magic is None:
        raise Rejected("neither a training proof nor a registration: the first bytes differ")
    kind, compressed = MAGICS[magic]
    reader = Reader(data[len(magic) :], f"{kind} file")
    proofs = []
    for _ in range(reader.length(CHUNKS) if kind == "dataset" else 1):
        system = PLAIN
        if compressed:
            code = reader.number()
            require(code in SYSTEMS, f"proof system {code} is unknown")
            system = SYSTEMS[code]
        proofs.append((system, reader.block(STATEMENT), reader.block(PROOF)))
    reader.end()
    return ProofFile(kind, proofs)
