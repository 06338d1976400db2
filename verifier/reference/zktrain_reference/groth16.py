"""Groth16's verifier. See docs/groth16.md."""

from dataclasses import dataclass

from .curve import G2, Point, Words, combine, negate, pairing_product_is_one
from .errors import require

MAGIC = b"zktrain-g16-vk\0\x01"
INPUTS = 3
KEY_BYTES = 789
PROOF_BYTES = 256


@dataclass(frozen=True)
class Key:
    """A verifying key."""

    insecure: bool
    contributions: int
    transcript: bytes
    circuit: bytes
    alpha: Point
    beta: G2
    gamma: G2
    delta: G2
    ic: list[Point]

    @classmethod
    def read(cls, data: bytes) -> "Key":
        """From its encoding."""
        require(len(data) == KEY_BYTES, f"a Groth16 key has {KEY_BYTES} bytes")
        words = Words(data, "Groth16 key")
        require(words.take(len(MAGIC)) == MAGIC, "not a Groth16 key of this version")
        kind, contributions = words.take(1)[0], int.from_bytes(words.take(4), "big")
        transcript, circuit = words.take(32), words.take(32)
        canonical = (kind == 0 and contributions == 0 and not any(transcript)) or (
            kind == 1 and contributions > 0
        )
        require(canonical, "Groth16 key: its provenance is not canonical")
        alpha, beta, gamma, delta = words.point(), words.g2(), words.g2(), words.g2()
        proper = alpha is not None and not (beta.neutral or gamma.neutral or delta.neutral)
        require(proper, "Groth16 key: a point is the neutral element")
        ic = words.points(INPUTS + 1)
        words.end()
        return cls(kind == 0, contributions, transcript, circuit, alpha, beta, gamma, delta, ic)


def verify(key: Key, inputs: list[int], proof: bytes) -> None:
    """e(A, B) = e(α, β)·e(IC, γ)·e(C, δ)"""
    require(len(proof) == PROOF_BYTES, f"a Groth16 proof has {PROOF_BYTES} bytes")
    words = Words(proof, "Groth16 proof")
    a, b, c = words.point(), words.g2(), words.point()
    public = combine(zip([1, *inputs], key.ic, strict=True))
    pairs = [
        (negate(a), b),
        (key.alpha, key.beta),
        (public, key.gamma),
        (c, key.delta),
    ]
    require(pairing_product_is_one(pairs), "the Groth16 proof's pairing equation does not hold")
