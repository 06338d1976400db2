"""Keys as the contracts store them. See docs/argument.md, "Keys on chain"."""

from .curve import point_bytes
from .errors import require
from .hashing import keccak256
from .statements import SYSTEMS
from .training import Key

# A contract's code, less one byte.
MOST_BYTES = 24575


def contract_key(key: Key, system: str, circuit: bytes) -> bytes:
    """The encoding, given the circuit's key as its system's contract reads it."""
    relation, steps = key.relation, key.network.steps
    code = next(code for code, name in SYSTEMS.items() if name == system)
    require(relation.address_log - relation.row_log <= 12, "the contracts fold at most 2^12 rows")
    counts = [key.rows(group) for group in ("data", "parameters", "state", "tables", "update.0")]
    numbers = [code, relation.row_log, relation.address_log, *counts, steps, key.rows("trace")]
    out = key.spec + b"".join(n.to_bytes(4, "big") for n in numbers + relation.rows)
    out += b"".join(map(point_bytes, key.table_rows))
    x0, x1, y0, y1 = key.string.tau_g2.coordinates
    out += b"".join(c.to_bytes(32, "big") for c in (x1, x0, y1, y0))
    out += len(circuit).to_bytes(32, "big") + circuit
    require(len(out) <= MOST_BYTES, "the key does not fit in a contract's code")
    return out


def name_on_chain(encoded: bytes) -> str:
    """What a key is called on chain."""
    return keccak256(encoded).hex()
