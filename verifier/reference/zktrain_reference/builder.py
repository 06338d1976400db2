"""What relations of training and of data have in common. See docs/argument.md, "The relation"."""

from functools import partial

from . import axes
from .label_weights import WHOLE
from .network import Network, Rounding
from .relation import (
    SUMMED,
    Along,
    Axes,
    Domain,
    Form,
    Lookup,
    Pointwise,
    Polynomial,
    Product,
    Relation,
    Vanishing,
    domain,
    read,
)
from .sheet import Sheet
from .tables import Table
from .tensors import SHORT, limbs, part_names

HALF = 2**15


def padded(over: Domain) -> Axes:
    """The axes whose size is no power of two."""
    return tuple((axis, size) for axis, size in over.axes if size & (size - 1))


def real(form: Form, over: Domain) -> Form:
    """The form where all positions are real, zero elsewhere."""
    for axis, size in padded(over):
        form = form.where(axis, size)
    return form


def on_padding(form: Form, value: int, over: Domain) -> Form:
    """The form, and a value more where a position is not real."""
    if not padded(over):
        return form
    return form + value - real(Form() + value, over)


class Builder:
    """A relation under construction."""

    def __init__(self, network: Network, sheet: Sheet, tables: list[Table]) -> None:
        self.network, self.sheet, self.tables = network, sheet, tables
        self.products: list[Product] = []
        self.vanishing: list[Vanishing] = []
        self.pointwise: list[Pointwise] = []
        self.lookups: list[Lookup] = []

    def get(self, name: str, *along: Along) -> Form:
        """A tensor's cells."""
        return read(self.sheet.tensors[name], *along)

    def finish(self, *own_groups: str) -> Relation:
        """The whole."""
        tables = []
        for i, table in enumerate(self.tables):
            values = None if table.kind == "range" else self.get(f"table.{i}", "key")
            tables.append((table, self.get(f"count.{i}", "key"), values))
        own = len(self.sheet.rows(*own_groups))
        sheet = self.sheet
        return Relation(
            sheet.row_log, sheet.address_log, sheet.rows(), own, tables,
            self.products, self.vanishing, self.pointwise, self.lookups,
        )  # fmt: skip

    def lookup(self, over: Domain, table: Table, key: Form, value: Form | None = None) -> None:
        """Adds a lookup."""
        self.lookups.append(Lookup(over, self.tables.index(table), key, value))

    def check(self, pointwise: Pointwise) -> None:
        """Adds pointwise constraints, if there are any."""
        if pointwise.constraints:
            self.pointwise.append(pointwise)

    def bit(self, pointwise: Pointwise, operand: int) -> None:
        """x² = x"""
        pointwise.constraints.append([(1, (operand, operand)), (-1, (operand,))])

    def padding(self, pointwise: Pointwise, form: Form) -> None:
        """x = 0 where a position is not real, if an axis is padded."""
        if padded(pointwise.over):
            operand = pointwise.operand(form)
            mask = pointwise.fresh(real(Form() + 1, pointwise.over))
            pointwise.constraints.append([(1, (operand, mask)), (-1, (operand,))])

    def remainder(self, name: str, rounding: Rounding, *along: Along) -> Form:
        """r"""
        form = Form()
        for k in range(limbs(rounding.shift)):
            form += 2 ** ((rounding.shift - 16) * k) * self.get(f"{name}.r{k}", *along)
        return form

    def limbs(self, name: str, part: str, rounding: Rounding) -> list[str]:
        """Names of the limbs of an excess."""
        return [n for n in part_names(name, rounding) if n.startswith(f"{name}.{part}")]

    def excess(self, name: str, part: str, rounding: Rounding, *along: Along) -> Form:
        """What is beyond an end, high or low."""
        form = Form()
        for k, limb in enumerate(self.limbs(name, part, rounding)):
            form += 2 ** (16 * k) * self.get(limb, *along)
        return form

    def rounded(self, name: str, rounding: Rounding, quotient: Form, *along: Along) -> Form:
        """X = 2^s·(q + high − low) + r"""
        value = quotient + self.excess(name, "high", rounding, *along)
        value -= self.excess(name, "low", rounding, *along)
        return 2**rounding.shift * value + self.remainder(name, rounding, *along)

    def rounding(
        self, pointwise: Pointwise, name: str, rounding: Rounding, q: Form, bounded: bool
    ) -> None:
        """Ranges of quotient, remainder and excess, and when there may be an excess."""
        over = pointwise.over
        get = partial(self._get_over, over)
        if bounded:
            self.lookup(over, SHORT, q - rounding.low)
            if rounding.high - rounding.low != 2**16 - 1:
                self.lookup(over, SHORT, -1 * q + rounding.high)
        if rounding.shift > 16:
            self.lookup(over, SHORT, 2 ** (32 - rounding.shift) * get(f"{name}.r0"))
            self.lookup(over, SHORT, get(f"{name}.r1") + HALF)
        elif rounding.shift > 0:
            centred = get(f"{name}.r0") + 2 ** (rounding.shift - 1)
            self.lookup(over, SHORT, 2 ** (16 - rounding.shift) * centred)
        sides = [("high", rounding.high), ("low", rounding.low)]
        for part, _ in sides:
            for limb in self.limbs(name, part, rounding):
                self.lookup(over, SHORT, get(limb))
        for part, end in sides:
            names = self.limbs(name, part, rounding)
            if not names:
                continue
            quotient = pointwise.operand(q)
            constraint: Polynomial = []
            for k, limb in enumerate([pointwise.operand(get(n)) for n in names]):
                constraint.append((2 ** (16 * k) * end, (limb,)))
                constraint.append((-(2 ** (16 * k)), (limb, quotient)))
            pointwise.constraints.append(constraint)

    def data(self, windows: int) -> None:
        """That so many windows are well formed."""
        network, steps, batch = self.network, self.network.steps, self.network.batch
        image = network.image
        labels = domain(n=network.outputs, s=windows, t=steps, b=batch)
        labels = Domain((*labels.axes, *axes.positions(network.result)))
        inputs = domain(n=image.channels if image else network.inputs, s=windows, t=steps, b=batch)
        inputs = Domain((*inputs.axes, *axes.positions(image)))
        for name, over in (("inputs", inputs), ("labels", labels)):
            n, s, *rest = axes.names(over.axes)
            cells = self.get(name, s, n, *rest)
            if name == "inputs" or (network.loss == "mse" and not network.one_hot):
                self.lookup(over, SHORT, cells + HALF)
            elif network.label_weights:
                self.one_weight(over, cells)
            else:
                pointwise = Pointwise(over)
                self.bit(pointwise, pointwise.operand(cells))
                self.check(pointwise)
            pointwise = Pointwise(over)
            self.padding(pointwise, cells)
            self.check(pointwise)
        if network.one_hot and not network.label_weights:
            one = self.get("labels", "s", SUMMED, "t", "b") - 1
            self.vanishing.append(Vanishing(domain(s=windows, t=steps, b=batch), one))

    def one_weight(self, over: Domain, cells: Form) -> None:
        """Of a row's labels one is a weight, at most 2^14, and the others are zero: each is zero or
        their sum."""
        _, s, *rest = axes.names(over.axes)
        weight, pointwise = self.get("labels", s, SUMMED, *rest), Pointwise(over)
        label, total = pointwise.operand(cells), pointwise.operand(weight)
        pointwise.constraints.append([(1, (label, label)), (-1, (label, total))])
        self.check(pointwise)
        rows = Domain(over.axes[1:])
        self.lookup(rows, SHORT, weight)
        self.lookup(rows, SHORT, Form() + WHOLE - weight)

    def _get_over(self, over: Domain, name: str) -> Form:
        """A tensor whose dimensions are the axes of the domain, in order."""
        return self.get(name, *axes.names(over.axes))
