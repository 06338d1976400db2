"""Ethereum's Keccak-256."""

from Crypto.Hash import keccak

from .field import R


def keccak256(*parts: bytes) -> bytes:
    """The hash of the parts, one after another."""
    return keccak.new(digest_bits=256, data=b"".join(parts)).digest()


def reduced(digest: bytes) -> int:
    """A digest as a scalar."""
    return int.from_bytes(digest, "big") % R
