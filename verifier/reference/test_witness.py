"""The numbers of steps satisfy the relation, at every position, and others do not."""

import unittest
from collections.abc import Iterator
from itertools import product

from networks import network
from test_step import CASES, batch, drawn
from zktrain_reference.compiler import compile_training
from zktrain_reference.deviations import Deviations
from zktrain_reference.field import R
from zktrain_reference.network import Layer, Network, Rounding
from zktrain_reference.relation import (
    Along,
    Domain,
    Earlier,
    Form,
    Joined,
    Preceding,
    Relation,
    Term,
    Window,
)
from zktrain_reference.sheet import Tensor, log
from zktrain_reference.step import Step
from zktrain_reference.tensors import MOMENTS, gradients, part_names

Cells = dict[tuple[str, tuple[int, ...]], int]


class Witness:
    """The cells of a sheet that are not zero, from T steps. Another kind of step may cheat, and
    batches are drawn unless they are given."""

    def __init__(self, net: Network, kind: type[Step] = Step, batches=batch) -> None:
        self.net, self.cells = net, {}
        step = self.begin(kind, batches)
        for i, matrix in enumerate(step.state if net.mu else []):
            self.parameters(i, "state", (0,), (), matrix)
        if net.adam:
            self.moments("state", 0, step)
        for i, matrix in enumerate(step.weights):
            self.parameters(i, "before", (0,), (), matrix)
        for t in range(net.steps):
            rows, labels = batches(net, 2 + t)
            for b, (row, label) in enumerate(zip(rows, labels)):
                self.values("inputs", net.image, row, t, b, (0,))
                self.values("labels", net.result, label, t, b, (0,))
            step.run(rows, labels)
            self.step(t, step)

    def begin(self, kind: type[Step], batches) -> Step:
        """A step from drawn parameters, with Adam from where two others have led."""
        step = kind(self.net, *drawn(self.net, 1))
        if self.net.adam:
            before = Step(step.network, step.weights, step.state)
            for number in (8, 9):
                before.run(*batches(self.net, number))
            step.weights, step.moments, step.clock = before.weights, before.moments, before.clock
        return step

    def set(self, name: str, at: tuple[int, ...], value: int) -> None:
        """One cell."""
        if value:
            self.cells[name, at] = value

    def values(self, name, image, row, t: int, b: int, ahead=()) -> None:
        """Numbers of a sample, of an image by row, column and channel."""
        for number, value in enumerate(row):
            at = (number, t, b)
            if image:
                position, channel = divmod(number, image.channels)
                at = (channel, t, b, *divmod(position, image.width))
            self.set(name, (*ahead, *at), value)

    def parts(self, name: str, rounding: Rounding, rounded, place) -> None:
        """Remainder and limbs of the excess; `place` sets a tensor's values."""
        for part in part_names(name, rounding):
            kind, k = part.split(".")[-1].rstrip("0123456789"), int(part[-1])
            place(part, [piece(kind, k, rounding.shift, r, e) for _, r, e in rounded])

    def parameters(self, i: int, name: str, ahead, behind, matrix) -> None:
        """Weights and biases, by the dimensions of the layer's inputs; a batch norm's otherwise."""
        layer = self.net.layers[i]
        if layer.running:
            return self.normed(i, name, ahead, behind, matrix)
        for m, row in enumerate(matrix):
            kind = "b" if m == layer.inputs else "w"
            inputs = () if kind == "b" else self.input_index(layer, m)
            for o, value in enumerate(row):
                at = (o, *behind) if kind == "b" and behind else (*inputs, *behind, o)
                self.set(f"{i}.{kind}.{name}", (*ahead, *at), value)

    def normed(self, i: int, name: str, ahead, behind, matrix) -> None:
        """Gamma, beta, and the running statistics, if they are there."""
        for m, row in enumerate(matrix):
            for c, value in enumerate(row):
                if m < 2:
                    self.set(f"{i}.{'wb'[m]}.{name}", (*ahead, c, *behind), value)
                else:
                    self.set(f"{i}.s.{name}", (*ahead, m - 2, *behind, c), value)

    def input_index(self, layer, m: int) -> tuple[int, ...]:
        """Where an input of a layer is in its parameters."""
        if layer.alike:
            return ()
        if layer.placed:
            return divmod(m, layer.image.width)
        if layer.image is None:
            return (m,)
        if layer.apart:
            return divmod(m, layer.kernel.size)
        columns = layer.kernel.size if layer.kernel else layer.image.width
        position, channel = divmod(m, layer.image.channels)
        return (*divmod(position, columns), channel)

    def step(self, t: int, step: Step) -> None:
        """What a step computed."""
        for i, layer in enumerate(self.net.layers):
            if layer.wides:
                self.groups(i, t, step)
            if layer.softmax:
                self.shares(i, t, step)
            for b in range(self.net.batch):
                self.sample(i, t, b, step)
            for name, rounding in (("clip", layer.clip), ("update", layer.update)):
                if rounding:
                    self.rounded_parameters(i, name, rounding, t, step.trace[f"{i}.{name}"])
            if layer.running:
                self.rounded_statistics(i, t, step.trace[f"{i}.statistics"])
        for b in range(self.net.batch):
            self.loss(t, b, step)
        if self.net.adam:
            self.adapted(t, step)

    def moments(self, name: str, t: int, step: Step) -> None:
        """The moments of all parameters, and the clock."""
        for i, matrix in enumerate(step.moments):
            for moment in MOMENTS:
                values = [[getattr(of, moment) for of in row] for row in matrix]
                self.parameters(i, f"{moment}.{name}", (t,), (), values)
        self.set(f"clock.{name}", (t, 0), step.clock)

    def adapted(self, t: int, step: Step) -> None:
        """What Adam makes of a step's gradients."""
        self.moments("update", t, step)
        self.set("rate", (t,), step.trace["rate"])
        for i, layer in enumerate(self.net.layers):
            if layer.weighted:
                rows = step.trace[f"{i}.update"]
                self.parameters(i, "update", (t,), (), [[d for d, _, _ in row] for row in rows])
                self.parameters(i, "update.r0", (), (t,), [[r for _, r, _ in row] for row in rows])

    def rounded_parameters(self, i, name, rounding, t, matrix) -> None:
        """A rounding of gradients or updates."""
        ahead, behind = ((t,), ()) if name == "update" else ((), (t,))
        quotients = [[q for q, _, _ in row] for row in matrix]
        self.parameters(i, name, ahead, behind, quotients)
        for part in part_names("", rounding):
            kind, k = part[1:].rstrip("0123456789"), int(part[-1])
            pieces = [[piece(kind, k, rounding.shift, r, e) for _, r, e in row] for row in matrix]
            self.parameters(i, name + part, (), (t,), pieces)

    def groups(self, i: int, t: int, step: Step) -> None:
        """The digits of a norm's wide integers, which are in stacks."""
        layer = self.net.layers[i]
        found = step.channels if layer.running else step.shares if layer.softmax else step.lines
        groups = found[i]
        digits = {name: self.digits(groups, name) for name in layer.wides}
        for stack in layer.stacks:
            for m, (name, k) in enumerate(stack.digits):
                for group, found in enumerate(digits[name]):
                    at = (m, *self.group_index(layer, group, t))
                    self.set(f"{i}.{stack.name}", at, found[k])

    def digits(self, groups: Deviations, name: str) -> list[list[int]]:
        """Those of a wide integer, of each group."""
        return [groups.layer.wides[name].digits(whole) for whole in groups.wides[name]]

    def shares(self, i: int, t: int, step: Step) -> None:
        """What a softmax has of each row."""
        layer, rows = self.net.layers[i], step.shares[i]
        means = [mean for sample in step.trace[f"{i}.mean"] for mean in sample]
        for row, most in enumerate(rows.most):
            head, _, b, asking, _ = at = self.group_index(layer, row, t)
            self.set(f"{i}.max", at, most)
            self.set(f"{i}.at_max", (head, t, b, asking, rows.first[row]), 1)
            for j, (e, below) in enumerate(zip(rows.terms[row], rows.below[row])):
                self.set(f"{i}.e", (head, t, b, asking, j), e)
                if layer.attention.causal:
                    self.set(f"{i}.below", (head, t, b, asking, j), below)
            self.set(f"{i}.mean", at, means[row][0])
            place = lambda name, values, at=at: self.set(name, at, values[0])  # noqa: E731
            self.parts(f"{i}.mean", layer.row_mean, [means[row]], place)

    def group_index(self, layer: Layer, group: int, t: int) -> tuple[int, ...]:
        """Where a channel or a row is in its wide integers."""
        if layer.softmax:
            rest, asking = divmod(group, layer.attention.queries)
            sample, head = divmod(rest, layer.attention.heads)
            return (head, t, sample, asking, 0)
        if layer.running:
            return (group, t)
        if layer.image is None:
            return (t, group)
        sample, position = divmod(group, layer.image.positions)
        return (t, sample, *divmod(position, layer.image.width))

    def rounded_statistics(self, i: int, t: int, matrix) -> None:
        """The rounding of running statistics."""
        rounding = self.net.layers[i].norm.statistics
        for m, row in enumerate(matrix):
            for c, (q, _, _) in enumerate(row):
                self.set(f"{i}.s.update", (t, m, c), q)
            place = lambda name, row, m=m: [  # noqa: E731
                self.set(name, (m, t, c), value) for c, value in enumerate(row)
            ]
            self.parts(f"{i}.s.update", rounding, row, place)

    def sample(self, i: int, t: int, b: int, step: Step) -> None:
        """What a layer computed of a sample."""
        layer, trace = self.net.layers[i], step.trace
        place = lambda name, row: self.values(name, layer.result, row, t, b)  # noqa: E731
        for name, rounding in [("z", layer.z), *gradients(layer)]:
            rounded = trace[f"{i}.{name}"][b]
            place(f"{i}.{name}", [q for q, _, _ in rounded])
            self.parts(f"{i}.{name}", rounding, rounded, place)
        if layer.largest:
            for m in trace[f"{i}.chosen"][b]:
                self.set(f"{i}.chosen", chosen_at(layer, m, t, b), 1)
        if layer.a:
            rounded = trace[f"{i}.a"][b]
            place(f"{i}.a", [q for q, _, _ in rounded])
            self.parts(f"{i}.a", layer.a, rounded, place)
        elif layer.activation:
            place(f"{i}.a", trace[f"{i}.a"][b])
        for name in ("negative", "h"):
            if f"{i}.{name}" in trace:
                place(f"{i}.{name}", trace[f"{i}.{name}"][b])
        if layer.activation == "relu":
            place(f"{i}.d", step.errors[i][b])

    def loss(self, t: int, b: int, step: Step) -> None:
        """What the loss computed of a sample."""
        if self.net.loss == "mse":
            return
        p = step.trace["p"][b]
        self.values("p", self.net.result, p, t, b)
        if self.net.loss == "softmax-cross-entropy":
            for position in range(len(p) // self.net.outputs):
                self.softmax(position, t, b, step.trace)

    def softmax(self, position: int, t: int, b: int, trace: dict[str, list]) -> None:
        """The same of one label."""
        last, image, n = len(self.net.layers) - 1, self.net.result, self.net.outputs
        row = slice(position * n, (position + 1) * n)
        z = [q for q, _, _ in trace[f"{last}.z"][b][row]]
        e, p, whole = trace["e"][b][row], trace["p"][b][row], trace["whole"][b][position]
        at = (t, b, *divmod(position, image.width)) if image else (t, b)
        self.set("at_max", (z.index(max(z)), *at), 1)
        self.set("max", at, max(z))
        self.set("sum", at, sum(e))
        for k, (x, y) in enumerate(zip(e, p)):
            self.set("e", (k, *at), x)
            self.set("r", (k, *at), 2 * whole * x - 2 * sum(e) * y)


def chosen_at(layer: Layer, number: int, t: int, b: int) -> tuple[int, ...]:
    """Where it is said that a pool chose a number of its image."""
    position, channel = divmod(number, layer.image.channels)
    y, x = divmod(position, layer.image.width)
    size = layer.kernel.size
    return (channel, t, b, *divmod(y, size), *divmod(x, size))


def piece(kind: str, k: int, shift: int, r: int, e: int) -> int:
    """A part of a rounding."""
    if kind != "r":
        return max(e if kind == "high" else -e, 0) >> 16 * k & 0xFFFF
    if shift <= 16:
        return r
    return r >> shift - 16 if k else r & (1 << shift - 16) - 1


def indices(along: Along, size: int, at: dict[str, int]) -> list[int]:
    """Which indices of a dimension a form reads at a position."""
    if isinstance(along, Window):
        a, u = at[along.base], at[along.place]
        index = along.index(a, u)
        real = a < along.windows and u < along.places and index is not None
        return [index] if real and 0 <= index < size else []
    if isinstance(along, Earlier):
        return list(range(at[along.axis]))
    if isinstance(along, Preceding):
        return [at[along.axis] - 1] if at[along.axis] else []
    if isinstance(along, Joined):
        return [at[along.upper] * along.size + at[along.lower]]
    # Padding counts in sums.
    return list(range(1 << log(size))) if along is None else [at[along]]


def cell_of(tensor: Tensor, index: tuple[int, ...]) -> tuple[str, tuple[int, ...]]:
    """What a tensor's cell is called; a slice has those of the whole."""
    whole = tensor.whole
    return (whole.name, (tensor.index, *index)) if whole else (tensor.name, index)


def beyond(at: dict[str, int], axis: str, bound: int | str) -> bool:
    """Whether a mask is zero at a position."""
    return at[axis] > at[bound] if isinstance(bound, str) else at[axis] >= bound


def term_at(term: Term, at: dict[str, int], cells: Cells) -> int:
    """A term's value at a position."""
    if any(beyond(at, *mask) for mask in term.masks):
        return 0
    if term.tensor is None:
        return term.coefficient
    pairs = zip(term.along, term.tensor.sizes)
    read = product(*(indices(along, size, at) for along, size in pairs))
    return term.coefficient * sum(cells.get(cell_of(term.tensor, index), 0) for index in read)


def value(form: Form, at: dict[str, int], cells: Cells) -> int:
    """A form's value at a position."""
    return sum(term_at(term, at, cells) for term in form.terms)


def positions(over: Domain) -> Iterator[dict[str, int]]:
    """All of a domain, padding included."""
    names = [name for name, _ in over.axes]
    for index in product(*(range(1 << log(size)) for _, size in over.axes)):
        yield dict(zip(names, index))


def broken(relation: Relation, cells: Cells) -> list[str]:
    """The relations that do not hold; as they are proven, modulo the field's order."""
    found = []
    for i, p in enumerate(relation.products):
        terms = list(positions(p.over("k")))
        for at in positions(p.over("oxy")):
            pairs = ((value(p.left, at | k, cells), p.right, at | k) for k in terms)
            total = sum(left * value(right, k, cells) for left, right, k in pairs if left)
            if (value(p.out, at, cells) - p.factor * total) % R:
                found.append(f"product {i} at {at}")
    for i, v in enumerate(relation.vanishing):
        found += [f"zero {i} at {at}" for at in positions(v.over) if value(v.form, at, cells) % R]
    for i, check in enumerate(relation.pointwise):
        for at in positions(check.over):
            operands = [value(form, at, cells) for form in check.operands]
            for k, constraint in enumerate(check.constraints):
                if polynomial(constraint, operands):
                    found.append(f"pointwise {i}.{k} at {at}")
    return found + lookups(relation, cells)


def polynomial(constraint, operands: list[int]) -> int:
    """A constraint's value."""
    total = 0
    for coefficient, factors in constraint:
        for index in factors:
            coefficient *= operands[index]
        total += coefficient
    return total % R


def lookups(relation: Relation, cells: Cells) -> list[str]:
    """The lookups that do not hold."""
    found = []
    tables = [None if form is None else table.values() for table, _, form in relation.tables]
    for i, lookup in enumerate(relation.lookups):
        table, _, _ = relation.tables[lookup.table]
        for at in positions(lookup.over):
            key = value(lookup.key, at, cells) % R
            holds = 0 <= key < 1 << table.bits
            if holds and lookup.value is not None:
                holds = (tables[lookup.table][key] - value(lookup.value, at, cells)) % R == 0
            if not holds:
                found.append(f"lookup {i} at {at}")
    return found


class Witnesses(unittest.TestCase):
    """Steps of small networks."""

    def test_steps_satisfy_the_relation(self) -> None:
        for name, (layers, options) in CASES.items():
            net = network(layers, **options)
            relation, sheet = compile_training(net)
            witness = Witness(net)
            with self.subTest(name):
                for tensor, at in witness.cells:
                    sizes = sheet.tensors[tensor].sizes
                    self.assertTrue(all(x < n for x, n in zip(at, sizes, strict=True)), tensor)
                self.assertEqual(broken(relation, witness.cells)[:3], [])

    def test_cells_of_padding_have_to_be_zero(self) -> None:
        layers, options = CASES["two convolutions"]
        net = network(layers, **options)
        relation, _ = compile_training(net)
        cells = Witness(net).cells
        for name, at in (
            ("inputs", (0, 0, 0, 0, 5, 0)), ("0.z", (0, 0, 0, 3, 0)), ("0.a", (3, 0, 0, 0, 0)),
            ("0.g", (0, 0, 0, 3, 1)), ("0.d", (0, 0, 0, 3, 1)),
        ):  # fmt: skip
            with self.subTest(name):
                self.assertNotEqual(broken(relation, cells | {(name, at): 1}), [])


if __name__ == "__main__":
    unittest.main()
