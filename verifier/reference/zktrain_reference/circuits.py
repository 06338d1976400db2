"""Keys of the circuits that compressed proofs are proofs of."""

from collections.abc import Callable
from dataclasses import dataclass, field

from . import groth16 as groth
from . import halo2 as plonk
from .circuit import Circuit
from .errors import Rejected, require
from .reference_string import ReferenceString
from .relation import Relation
from .sheet import Sheet
from .statements import PLAIN


@dataclass
class CircuitKeys:
    """Keys by the windows of a registration's chunk, 0 for training: halo2's are derived, and
    compared with those that were given; Groth16's are given."""

    halo2: dict[int, plonk.Key] = field(default_factory=dict)
    groth16: dict[int, groth.Key] = field(default_factory=dict)
    derived: dict[int, plonk.Key] = field(default_factory=dict)

    def derive(
        self, string: ReferenceString, relation: Relation, sheet: Sheet, windows: int
    ) -> plonk.Key:
        """halo2's key of a relation."""
        if windows not in self.derived:
            circuit = Circuit(relation, list(sheet.tensors.values()))
            self.derived[windows] = circuit.key(string)
        key = self.derived[windows]
        given = self.halo2.get(windows, key)
        require(given == key, "the halo2 key that was given is not the manifest's")
        return key

    def checker(
        self,
        system: str,
        string: ReferenceString,
        relation: Relation,
        sheet: Sheet,
        windows: int = 0,
    ) -> Callable[[list[int], bytes], None]:
        """What checks a circuit's proof of some public inputs."""

        def check(inputs: list[int], proof: bytes) -> None:
            if system == PLAIN:
                raise Rejected("an uncompressed proof has no circuit")
            if system == "halo2":
                key = self.derive(string, relation, sheet, windows)
                plonk.verify(key, string.tau_g2, inputs, proof)
                return
            require(windows in self.groth16, "there is no Groth16 key beside the proof")
            groth.verify(self.groth16[windows], inputs, proof)

        return check
