"""Where tensors lie in the sheet, and which rows exist. See docs/argument.md, "The sheet"."""

from dataclasses import dataclass

from .errors import require


def log(size: int) -> int:
    """⌈log2 size⌉"""
    return (size - 1).bit_length()


# No statement lists more.
MOST_ROWS = 1 << 20


@dataclass(frozen=True, eq=False)
class Tensor:
    """A cube of cells: a base, and for each dimension its size and lowest address bit. A slice has
    the cells of a whole at an index of its first dimension."""

    name: str
    base: int
    sizes: tuple[int, ...]
    bits: tuple[int, ...]
    whole: "Tensor | None" = None
    index: int = 0

    def own_bits(self) -> set[int]:
        """Address bits that its dimensions cover."""
        return {bit + k for bit, size in zip(self.bits, self.sizes) for k in range(log(size))}


Wanted = list[tuple[str, tuple[int, ...]]]


@dataclass(frozen=True)
class _Placed:
    """A tensor of a list with contiguous dimensions."""

    name: str
    base: int
    sizes: tuple[int, ...]

    @property
    def padded(self) -> int:
        """Cells with padding."""
        return 1 << sum(log(n) for n in self.sizes)

    @property
    def stored(self) -> int:
        """Cells from the base on that are not padding of the outermost dimension."""
        sizes = list(self.sizes)
        while sizes and sizes[0] == 1:
            sizes.pop(0)
        return sizes[0] << sum(log(n) for n in sizes[1:]) if sizes else 1

    def dimension_bits(self) -> tuple[int, ...]:
        """The lowest bit of each dimension."""
        bits, below = [], 0
        for size in reversed(self.sizes):
            bits.insert(0, below)
            below += log(size)
        return tuple(bits)


def _up(value: int, unit: int) -> int:
    return -(-value // unit) * unit


def _arrange(wanted: Wanted, cursor: int, row: int) -> tuple[list[_Placed], int, int]:
    """Places a list; in its order, with the end of the last tensor and the cursor."""
    cursor = _up(cursor, row)
    found: dict[int, _Placed] = {}
    order = sorted(range(len(wanted)), key=lambda i: -sum(log(n) for n in wanted[i][1]))
    for i in order:
        name, sizes = wanted[i]
        size = 1 << sum(log(n) for n in sizes)
        cursor = _up(cursor, size)
        found[i] = _Placed(name, cursor, tuple(sizes))
        cursor += size
    return [found[i] for i in range(len(wanted))], cursor, _up(cursor, row)


class Sheet:
    """Tensors by name and rows that exist, both in the order in which they were placed."""

    def __init__(self, row_log: int) -> None:
        self.row_log = row_log
        self.cursor = 0
        self.tensors: dict[str, Tensor] = {}
        self._groups: dict[str, set[int]] = {}

    def place(self, group: str, wanted: Wanted) -> None:
        """Places a group's tensors."""
        placed, _, self.cursor = _arrange(wanted, self.cursor, 1 << self.row_log)
        rows: set[int] = set()
        for tensor in sorted(placed, key=lambda tensor: tensor.base):
            self._add(Tensor(tensor.name, tensor.base, tensor.sizes, tensor.dimension_bits()))
            rows |= self._rows(tensor, 0)
        self._groups[group] = rows

    def slice(self, name: str, whole: str, index: int) -> None:
        """Another name for a tensor's cells at an index of its first dimension."""
        of = self.tensors[whole]
        base = of.base + (index << of.bits[0])
        self._add(Tensor(name, base, of.sizes[1:], of.bits[1:], of, index))

    def place_blocks(
        self, groups: list[str], wanted: Wanted, padding: str | None = None
    ) -> list[Tensor]:
        """Places one copy of a list for each group, which may have others; returns padding tensors,
        if they are wanted."""
        placed, used, end = _arrange(wanted, 0, 1 << self.row_log)
        exists = set().union(*(self._rows(tensor, 0) for tensor in placed))
        count = len(placed)
        if padding is not None and end - 1 >> self.row_log in exists:
            while used < end:
                size = min(used & -used, 1 << (end - used).bit_length() - 1)
                placed.append(_Placed(f"{padding}{len(placed) - count}", used, (size,)))
                used += size
        block = max(log(end), self.row_log)
        base = _up(self.cursor, 1 << block + log(len(groups)))
        for tensor in placed:
            bits = (block, *tensor.dimension_bits())
            sizes = (len(groups), *tensor.sizes)
            self._add(Tensor(tensor.name, base + tensor.base, sizes, bits))
        for index, group in enumerate(groups):
            offset = base + (index << block)
            rows = set().union(*(self._rows(t, offset) for t in placed))
            self._groups[group] = self._groups.get(group, set()) | rows
        self.cursor = base + (1 << block + log(len(groups)))
        return [self.tensors[tensor.name] for tensor in placed[count:]]

    def _add(self, tensor: Tensor) -> None:
        assert tensor.name not in self.tensors
        self.tensors[tensor.name] = tensor

    def _rows(self, tensor: _Placed, offset: int) -> set[int]:
        first = tensor.base + offset
        require(tensor.stored >> self.row_log < MOST_ROWS, "the sheet has too many rows")
        return set(range(first >> self.row_log, (first + tensor.stored - 1 >> self.row_log) + 1))

    @property
    def address_log(self) -> int:
        """Bits of an address."""
        return max(log(self.cursor), self.row_log)

    def rows(self, *groups: str) -> list[int]:
        """Numbers of the rows of groups (of all, if none is named), in the layout's order."""
        chosen = (rows for name, rows in self._groups.items() if not groups or name in groups)
        return [row for rows in chosen for row in sorted(rows)]
