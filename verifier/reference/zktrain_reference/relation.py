"""What a relation consists of: linear forms over named axes, and four kinds of statement."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from .field import R, eq, eq_all, same_bit
from .geometry import Kernel
from .sheet import Tensor, log
from .tables import Table

# How a dimension of a tensor follows the domain: an axis' name, or one of these.
SUMMED = None


@dataclass(frozen=True)
class Earlier:
    """Summed over the indices below that of an axis."""

    axis: str


@dataclass(frozen=True)
class Preceding:
    """The index before that of an axis; nothing at index 0."""

    axis: str


@dataclass(frozen=True)
class Window:
    """Read through a kernel: axis `base` has the windows, axis `place` the kernel's places. The
    index is `stride·window + place − padding`, or, backward, what takes this to the window."""

    base: str
    place: str
    windows: int
    places: int
    kernel: Kernel
    backward: bool = False

    def index(self, window: int, place: int) -> int | None:
        """Where a window and a place lead to, beyond the dimension's ends too."""
        stride, padding = self.kernel.stride, self.kernel.padding
        if not self.backward:
            return stride * window + place - padding
        index, rest = divmod(window + padding - place, stride)
        return None if rest else index

    def reads(self, size: int) -> Iterator[tuple[int, int, int]]:
        """Windows and places that lead to an index of a dimension, and that index."""
        for a in range(self.windows):
            for u in range(self.places):
                index = self.index(a, u)
                if index is not None and 0 <= index < size:
                    yield a, u, index

    def weight(self, size: int, own: list[int], base: list[int], place: list[int]) -> int:
        """Its weight for a dimension of this size."""
        cells, starts, places = eq_all(own), eq_all(base), eq_all(place)
        read = self.reads(size)
        return sum(starts[a] * places[u] % R * cells[index] for a, u, index in read) % R


@dataclass(frozen=True)
class Joined:
    """Two axes stand for it: the upper bits follow one, the lower bits the other, of this size."""

    upper: str
    lower: str
    size: int

    @property
    def parts(self) -> tuple[tuple[str, int], ...]:
        """Both axes, the upper one first, and the first bit that follows each."""
        return (self.upper, log(self.size)), (self.lower, 0)


Along = str | Earlier | Preceding | Window | Joined | None


# Names and sizes, the outermost first.
Axes = tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Domain:
    """Named axes, the outermost first; in points, the last axis has the lowest coordinates."""

    axes: Axes

    @property
    def variables(self) -> int:
        """Coordinates of a point."""
        return sum(log(size) for _, size in self.axes)

    def split(self, point: list[int]) -> dict[str, list[int]]:
        """A point's coordinates by axis."""
        assert len(point) == self.variables
        found, start = {}, 0
        for name, size in reversed(self.axes):
            found[name] = point[start : start + log(size)]
            start += log(size)
        return found


def domain(**axes: int) -> Domain:
    """A domain of these axes, the outermost first."""
    return Domain(tuple(axes.items()))


def below(point: list[int], bound: int) -> int:
    """Σ_{i < bound} eq(point, i)"""
    if bound >= 1 << len(point):
        return 1
    total, prefix = 0, 1
    for k in reversed(range(len(point))):
        if bound >> k & 1:
            total += prefix * (1 - point[k])
            prefix = prefix * point[k] % R
        else:
            prefix = prefix * (1 - point[k]) % R
    return total % R


def earlier(cell: list[int], point: list[int]) -> int:
    """Σ_{i < j} eq(cell, i)·eq(point, j)"""
    total, equal = 0, 1
    for x, y in reversed(list(zip(cell, point))):
        total += equal * (1 - x) * y
        equal = equal * same_bit(x, y) % R
    return total % R


def preceding(cell: list[int], point: list[int]) -> int:
    """Σ_{j ≥ 1} eq(cell, j − 1)·eq(point, j)"""
    # j ends in a one and zeros below it where j − 1 ends in a zero and ones.
    total, carried = 0, 1
    for k, (x, y) in enumerate(zip(cell, point)):
        total += carried * (1 - x) * y % R * eq(cell[k + 1 :], point[k + 1 :])
        carried = carried * x * (1 - y) % R
    return total % R


def not_after(first: list[int], second: list[int]) -> int:
    """Σ_{a ≤ b} eq(first, a)·eq(second, b)"""
    return (1 - earlier(second, first)) % R


@dataclass(frozen=True)
class Term:
    """`coefficient·masks·tensor[along]`; a mask is 1 at the indices of an axis below a number, or
    where the index on an axis is at most that on another one, which is named."""

    coefficient: int
    tensor: Tensor | None = None
    along: tuple[Along, ...] = ()
    masks: tuple[tuple[str, int | str], ...] = ()

    def mask_at(self, coordinates: dict[str, list[int]]) -> int:
        """The coefficient times the masks at a point."""
        value = self.coefficient
        for axis, bound in self.masks:
            if isinstance(bound, str):
                value = value * not_after(coordinates[axis], coordinates[bound]) % R
            else:
                value = value * below(coordinates[axis], bound) % R
        return value

    def weight(self, coordinates: dict[str, list[int]], cell: list[int]) -> int:
        """The weight of the tensor's cells at a point of the domain, extended to an address."""
        tensor = self.tensor
        value = self.mask_at(coordinates)
        for along, size, bit in zip(self.along, tensor.sizes, tensor.bits, strict=True):
            own = cell[bit : bit + log(size)]
            if isinstance(along, str):
                value *= eq(own, coordinates[along])
            elif isinstance(along, Earlier):
                value *= earlier(own, coordinates[along.axis])
            elif isinstance(along, Preceding):
                value *= preceding(own, coordinates[along.axis])
            elif isinstance(along, Window):
                value *= along.weight(size, own, coordinates[along.base], coordinates[along.place])
            elif isinstance(along, Joined):
                for axis, start in along.parts:
                    point = coordinates[axis]
                    value *= eq(own[start : start + len(point)], point)
            value %= R
        covered = tensor.own_bits()
        for bit, x in enumerate(cell):
            if bit not in covered:
                value = value * (x if tensor.base >> bit & 1 else 1 - x) % R
        return value


@dataclass(frozen=True)
class Form:
    """A sum of terms."""

    terms: tuple[Term, ...] = ()

    @property
    def plain(self) -> bool:
        """Whether it is one tensor with the factor 1."""
        factors = [t.coefficient for t in self.terms if t.tensor and not t.masks]
        return factors == [1] and len(self.terms) == 1

    def __add__(self, other: "Form | int") -> "Form":
        return Form(self.terms + _form(other).terms)

    def __sub__(self, other: "Form | int") -> "Form":
        return self + -1 * _form(other)

    def __rmul__(self, factor: int) -> "Form":
        terms = (Term(factor * t.coefficient, t.tensor, t.along, t.masks) for t in self.terms)
        return Form(tuple(terms))

    def where(self, axis: str, bound: int | str) -> "Form":
        """The form at the indices of an axis below a bound, or not after that on another axis, zero
        elsewhere."""
        masked = (
            Term(t.coefficient, t.tensor, t.along, (*t.masks, (axis, bound))) for t in self.terms
        )
        return Form(tuple(masked))

    def at(self, over: Domain, point: list[int], cell: list[int]) -> tuple[int, int]:
        """Constant and weight: the form's value at the point is constant + Σ weight·cells."""
        coordinates = over.split(point)
        constant = weight = 0
        for term in self.terms:
            if term.tensor is None:
                constant += term.mask_at(coordinates)
            else:
                weight += term.weight(coordinates, cell)
        return constant % R, weight % R


def _form(value: "Form | int") -> Form:
    return value if isinstance(value, Form) else Form((Term(value),) if value else ())


def read(tensor: Tensor, *along: Along) -> Form:
    """The tensor's cells, its dimensions following axes."""
    assert len(along) == len(tensor.sizes), tensor
    return Form((Term(1, tensor, along),))


@dataclass(frozen=True)
class Product:
    """`out(o, x, y) = factor·Σ_k left(o, x, k)·right(o, y, k)`, each of the four some axes."""

    o: Axes
    x: Axes
    y: Axes
    k: Axes
    left: Form
    right: Form
    factor: int
    out: Form

    @property
    def logs(self) -> tuple[int, ...]:
        """Variables of the four."""
        return tuple(self.over(group).variables for group in "oxyk")

    def over(self, groups: str) -> Domain:
        """A domain of some of the four."""
        return Domain(tuple(axis for group in groups for axis in getattr(self, group)))


@dataclass(frozen=True)
class Vanishing:
    """A form that is zero on its domain."""

    over: Domain
    form: Form


# Coefficients and the operands multiplied.
Polynomial = list[tuple[int, tuple[int, ...]]]


@dataclass
class Pointwise:
    """Polynomials in operands that are zero on a domain."""

    over: Domain
    operands: list[Form] = field(default_factory=list)
    constraints: list[Polynomial] = field(default_factory=list)
    listed: dict[Form, int] = field(default_factory=dict)

    def operand(self, form: Form) -> int:
        """The number of an operand; what is one tensor with the factor 1 is listed once."""
        if not form.plain:
            return self.fresh(form)
        if form not in self.listed:
            self.listed[form] = self.fresh(form)
        return self.listed[form]

    def fresh(self, form: Form) -> int:
        """The number of a new operand, by which it is not found again."""
        self.operands.append(form)
        return len(self.operands) - 1

    @property
    def degree(self) -> int:
        """The largest degree of a constraint."""
        return max(len(factors) for constraint in self.constraints for _, factors in constraint)


@dataclass(frozen=True)
class Lookup:
    """A key, or a key and a value, that stand in a table at every point of a domain."""

    over: Domain
    table: int
    key: Form
    value: Form | None


@dataclass
class Relation:
    """Everything that is proven about a sheet."""

    row_log: int
    address_log: int
    rows: list[int]
    own_rows: int
    tables: list[tuple[Table, Form, Form | None]]
    products: list[Product] = field(default_factory=list)
    vanishing: list[Vanishing] = field(default_factory=list)
    pointwise: list[Pointwise] = field(default_factory=list)
    lookups: list[Lookup] = field(default_factory=list)

    @property
    def first_point(self) -> int:
        """Coordinates of the point at which relations are tested."""
        domains = [p.over("oxy") for p in self.products]
        domains += [v.over for v in self.vanishing] + [p.over for p in self.pointwise]
        return max((d.variables for d in domains), default=0)

    @property
    def rounds(self) -> int:
        """Rounds of the first sumcheck."""
        counts = [p.over("ok").variables for p in self.products]
        return max(counts + [p.over.variables for p in self.pointwise], default=0)

    @property
    def round_size(self) -> int:
        """Coefficients sent a round."""
        sizes = [3] * bool(self.products) + [p.degree + 1 for p in self.pointwise]
        return max(sizes, default=1)

    def columns(self) -> tuple[list[tuple[str, int, int, int]], int]:
        """Columns of the lookup tree, (kind, index, variables, first leaf), and its variables."""
        found = [("lookup", i, lookup.over.variables) for i, lookup in enumerate(self.lookups)]
        found += [("table", i, table.bits) for i, (table, _, _) in enumerate(self.tables)]
        found.sort(key=lambda column: -column[2])
        columns, leaf = [], 0
        for kind, index, variables in found:
            columns.append((kind, index, variables, leaf))
            leaf += 1 << variables
        variables = max(4, log(leaf))
        return columns, variables + variables % 2
