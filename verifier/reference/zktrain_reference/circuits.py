"""Keys of the circuits that compressed proofs are proofs of."""

from collections.abc import Callable
from dataclasses import dataclass, field

from . import groth16 as groth
from . import halo2 as plonk
from .curve import G2
from .errors import Rejected
from .statements import PLAIN


@dataclass
class CircuitKeys:
    """Keys by system and, for a registration, windows of the chunk."""

    halo2: dict[int, plonk.Key] = field(default_factory=dict)
    groth16: dict[int, groth.Key] = field(default_factory=dict)

    def checker(self, system: str, tau_g2: G2, windows: int = 0) -> Callable[[list[int], bytes], None]:
        """What checks a circuit's proof of some public inputs; `windows` is 0 for training."""

        def check(inputs: list[int], proof: bytes) -> None:
            keys = {"halo2": self.halo2, "groth16": self.groth16}.get(system, {})
            key = keys.get(windows)
            if key is None:
                raise Rejected(f"there is no key for {system}")
            if system == "halo2":
                plonk.verify(key, tau_g2, inputs, proof)
            else:
                groth.verify(key, inputs, proof)

        def refuse(inputs: list[int], proof: bytes) -> None:
            raise Rejected("an uncompressed proof has no circuit")

        return refuse if system == PLAIN else check
