"""The committed fixtures, and ways to alter them."""

import json
import math
from pathlib import Path

from zktrain_reference.curve import (
    P,
)
from zktrain_reference.field import R
from zktrain_reference.reference_string import KnownTau
from zktrain_reference.statements import (
    Reader,
    read_file,
)

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
    field("contract", lambda: reader.bytes_of(20))
    field("domain", reader.number)
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


def model_file(shapes: dict[str, list[int]], frac: str, first: int, **changed: object) -> bytes:
    """A model's file: tensors of these shapes, each with the numbers from the first on."""
    header, body = {"__metadata__": {"weight_frac": frac}}, b""
    for name, shape in shapes.items():
        values = [first + i for i in range(math.prod(shape))]
        start = len(body)
        body += b"".join(v.to_bytes(4, "little", signed=True) for v in values)
        header[name] = {"dtype": "I32", "shape": shape, "data_offsets": [start, len(body)]}
    encoded = json.dumps(header | changed).encode()
    return len(encoded).to_bytes(8, "little") + encoded + body
