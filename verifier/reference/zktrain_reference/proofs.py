"""One proof about a committed sheet, uncompressed or compressed."""

from dataclasses import dataclass

from .argument import Argument, Opening, elements
from .curve import (
    G2,
    G2_ONE,
    Point,
    blinding_base,
    combine,
    negate,
    pairing_product_is_one,
    scalar_bytes,
)
from .errors import require
from .field import eq_number, polynomial
from .hashing import keccak256, reduced
from .mercury import OPENING_BYTES, RowOpening, pairing_terms
from .relation import Relation
from .statements import PLAIN, Reader, transcript_start

PLAIN_START = b"NOT-ZK zktrain proof" + (1).to_bytes(4, "big")
CIRCUIT_PROOF = 1 << 14


@dataclass(frozen=True)
class SheetProof:
    """A decoded proof: either the argument's messages or an opening and a circuit's proof."""

    rows: list[Point]
    mask: Point
    messages: list[int] | None
    claim: Opening | None
    blinding: int
    opening: RowOpening
    circuit_proof: bytes

    @classmethod
    def read(cls, relation: Relation, system: str, data: bytes) -> "SheetProof":
        """From its encoding."""
        r = Reader(data, "proof")
        if system == PLAIN:
            require(r.take(len(PLAIN_START)) == PLAIN_START, "proof: the first bytes differ")
            scalars = elements(relation) + 1
            expected = (
                len(PLAIN_START) + 64 * (relation.own_rows + 1) + 32 * scalars + OPENING_BYTES
            )
            require(
                len(data) == expected,
                f"a proof of this manifest has {expected} bytes, not {len(data)}",
            )
            rows, mask = r.points(relation.own_rows), r.point()
            messages = r.scalars(scalars - 1)
            return cls(rows, mask, messages, None, r.scalar(), RowOpening.read(r), b"")
        rows, mask = r.points(relation.own_rows), r.point()
        claim = Opening(r.scalars(relation.address_log), r.scalar(), r.scalar())
        blinding, opening = r.scalar(), RowOpening.read(r)
        rest = data[r.offset :]
        require(len(rest) <= CIRCUIT_PROOF, "the circuit's proof is too long")
        return cls(rows, mask, None, claim, blinding, opening, rest)

    def verify(
        self, relation: Relation, statement: bytes, known: list[Point], tau_g2: G2, circuit
    ) -> None:
        """Checks the proof; `circuit(inputs, proof)` checks the circuit's part."""
        rows = known + self.rows
        require(len(rows) == len(relation.rows), "another number of rows than the layout has")
        h = transcript_start(statement, rows, self.mask)
        claim = self.claim
        if claim is None:
            claim = Argument(relation, h, self.messages).verify()
        scalars = [h, *claim.point, claim.gamma, claim.value, self.blinding]
        seed = keccak256(b"zktrain/opening", *map(scalar_bytes, scalars))
        if self.claim is not None:
            kappa = reduced(seed)
            fold = polynomial([*claim.point, claim.gamma, claim.value], kappa)
            circuit([h, kappa, fold], self.circuit_proof)
        high, low = claim.point[relation.row_log :], claim.point[: relation.row_log]
        terms = [(eq_number(high, number), row) for number, row in zip(relation.rows, rows)]
        terms += [(claim.gamma, self.mask), (-self.blinding, blinding_base())]
        left, right = pairing_terms(seed, combine(terms), low, claim.value, self.opening)
        holds = pairing_product_is_one([(left, tau_g2), (negate(right), G2_ONE)])
        require(holds, "the opening's pairing equation does not hold")
