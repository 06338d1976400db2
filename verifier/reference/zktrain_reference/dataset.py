"""Registrations of datasets. See docs/argument.md."""

from .compiler import compile_dataset
from .errors import require
from .proofs import SheetProof
from .statements import DatasetStatement, ProofFile
from .training import Key, leaf, node


def root_of(leaves: list[bytes]) -> bytes:
    """The root above leaves."""
    while len(leaves) > 1:
        if len(leaves) % 2:
            leaves = [*leaves, bytes(32)]
        leaves = [node(a, b) for a, b in zip(leaves[::2], leaves[1::2])]
    return leaves[0]


def check_registration(key: Key, file: ProofFile) -> tuple[bytes, int]:
    """Checks all chunks; the dataset's root and its windows."""
    leaves: list[bytes] = []
    first: DatasetStatement | None = None
    expected = key.rows("data")
    for chunk, (system, encoding, data) in enumerate(file.proofs):
        statement = DatasetStatement.read(encoding)
        first = first or statement
        count = len(statement.rows)
        require(statement.spec == key.spec, f"chunk {chunk}: another manifest or reference string")
        same = (statement.owner, statement.windows) == (first.owner, first.windows)
        require(same and statement.first == len(leaves), f"chunk {chunk} does not continue")
        power = count > 0 and count & (count - 1) == 0
        require(power and count <= statement.windows, f"chunk {chunk} has {count} windows")
        for rows in statement.rows:
            require(len(rows) == expected, f"chunk {chunk}: a window has {len(rows)} rows")
        relation, sheet = compile_dataset(key.network, count)
        known = [row for rows in statement.rows for row in rows]
        proof = SheetProof.read(relation, system, data)
        circuit = key.circuits.checker(system, key.string, relation, sheet, count)
        proof.verify(relation, encoding, known, key.string.tau_g2, circuit)
        leaves += [leaf(len(leaves) + i, rows) for i, rows in enumerate(statement.rows)]
    require(
        first is not None and len(leaves) == first.windows, "the chunks do not cover all windows"
    )
    return root_of(leaves), len(leaves)
