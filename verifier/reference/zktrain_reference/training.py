"""A manifest's key, its training proofs, and chains of them. See docs/argument.md."""

from dataclasses import dataclass, field
from functools import cached_property

from .circuits import CircuitKeys
from .compiler import compile_training
from .curve import Point, negate, plus, point_bytes
from .errors import require
from .hashing import keccak256
from .manifest import Manifest
from .network import derive
from .proofs import SheetProof
from .reference_string import ReferenceString
from .statements import TrainingStatement, number


@dataclass
class Key:
    """What follows from a manifest and a reference string."""

    manifest: Manifest
    string: ReferenceString
    circuits: CircuitKeys = field(default_factory=CircuitKeys)

    def __post_init__(self) -> None:
        self.network = derive(self.manifest)
        self.relation, self.sheet = compile_training(self.network)
        manifest, tau = self.manifest.hash(), self.string.tau_g2.spec_bytes()
        self.spec = keccak256(b"zktrain/spec", manifest, tau)

    @cached_property
    def table_rows(self) -> list[Point]:
        """Commitments to the function tables' rows."""
        length = 1 << self.network.row_log
        rows = {}
        for i, (table, _, values) in enumerate(self.relation.tables):
            if values is None:
                continue
            base, cells = self.sheet.tensors[f"table.{i}"].base, table.values()
            for cell, value in enumerate(cells):
                address = base + cell
                rows.setdefault(address // length, [0] * length)[address % length] = value
        assert sorted(rows) == self.sheet.rows("tables")
        return [self.string.commit(rows[row]) for row in self.sheet.rows("tables")]

    def rows(self, group: str) -> int:
        """Rows of a group."""
        return len(self.sheet.rows(group))

    def check(self, statement: TrainingStatement, system: str, data: bytes) -> None:
        """Checks one training proof."""
        require(
            statement.spec == self.spec,
            "the statement is about another manifest or reference string",
        )
        block, state = self.rows("parameters"), self.rows("state")
        for name, rows, expected in (
            ("data", statement.data, self.rows("data")),
            ("model", statement.model, block),
            ("state", statement.state, state),
            ("update", statement.update, block),
            ("state after", statement.state_after, state),
        ):
            require(len(rows) == expected, f"{name}: {len(rows)} rows, expected {expected}")
        check_window(statement)
        proof = SheetProof.read(self.relation, system, data)
        self.check_update(statement, proof.rows)
        known = statement.data + statement.model + statement.state + self.table_rows
        circuit = self.circuits.checker(system, self.string, self.relation, self.sheet)
        proof.verify(self.relation, statement.encoding, known, self.string.tau_g2, circuit)

    def check_update(self, statement: TrainingStatement, own: list[Point]) -> None:
        """The update is minus the sum of the first rows of the steps' updates, the state after is
        the last rows of the last of them."""
        step, steps = self.rows("update.0"), self.network.steps
        updates = [own[t * step : (t + 1) * step] for t in range(steps)]
        for i, total in enumerate(statement.update):
            row: Point = None
            for update in updates:
                row = plus(row, negate(update[i]))
            require(row == total, f"row {i} of the update is not the sum of the steps' updates")
        after = updates[-1][step - len(statement.state_after) :]
        require(statement.state_after == after, "the state after is not the last update's")


def leaf(window: int, rows: list[Point]) -> bytes:
    """A leaf of the dataset's tree."""
    return keccak256(b"\0", number(window), *map(point_bytes, rows))


def node(left: bytes, right: bytes) -> bytes:
    """A node above two others."""
    return keccak256(b"\1", left, right)


def check_window(statement: TrainingStatement) -> None:
    """The window's rows lead to the dataset's root."""
    window, windows = statement.window, statement.windows
    require(window < windows, "there is no such window")
    require(len(statement.path) == (windows - 1).bit_length(), "the path has another length")
    hashed = leaf(window, statement.data)
    for k, sibling in enumerate(statement.path):
        hashed = node(sibling, hashed) if window >> k & 1 else node(hashed, sibling)
    require(hashed == statement.dataset, f"the rows of window {window} are not those registered")


def window_order(nonce: bytes, epoch: int, windows: int) -> list[int]:
    """The order of windows in an epoch."""
    return sorted(range(windows), key=lambda i: (keccak256(nonce, number(epoch), number(i)), i))


def derived_nonce(spec: bytes, root: bytes) -> bytes:
    """The nonce outside of a round."""
    return keccak256(b"zktrain/nonce", spec, root)


@dataclass
class Chain:
    """Proofs that continue each other."""

    key: Key
    nonce: bytes | None = None
    genesis: list[Point] | None = None
    previous: TrainingStatement | None = None
    count: int = 0
    orders: dict[int, list[int]] = field(default_factory=dict)

    def next(self, statement: TrainingStatement) -> None:
        """Checks that a statement, whose proof holds and whose dataset is registered, follows."""
        steps = self.key.network.steps
        require(
            (self.count + 1) * steps <= self.key.network.max_steps, "the chain has too many steps"
        )
        before = self.previous
        nonce = self.nonce or derived_nonce(self.key.spec, statement.dataset)
        epoch, position = divmod(self.count, statement.windows)
        if epoch not in self.orders:
            self.orders = {epoch: window_order(nonce, epoch, statement.windows)}
        same: list[tuple[str, bool]] = [
            ("the step", statement.step == self.count * steps),
            ("the window", statement.window == self.orders[epoch][position]),
        ]
        if before is None:
            same.append(("the state", not any(statement.state)))
            same.append(("the model", self.genesis in (None, statement.model)))
        else:
            model = [plus(a, b) for a, b in zip(before.model, before.update)]
            same += [
                ("the binding", statement.binding == before.binding),
                ("the dataset", statement.dataset == before.dataset),
                ("the number of windows", statement.windows == before.windows),
                ("the model", statement.model == model),
                ("the state", statement.state == before.state_after),
            ]
        for name, holds in same:
            require(holds, f"{name} does not continue the chain")
        self.previous, self.count = statement, self.count + 1
