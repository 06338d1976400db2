"""From a network to the relation of its proofs. See docs/argument.md, "The relation"."""

from collections.abc import Callable
from functools import partial

from .network import PROBABILITY_BITS, Layer, Network, Rounding
from .relation import (
    SUMMED,
    Along,
    Domain,
    Earlier,
    Form,
    Lookup,
    Pointwise,
    Polynomial,
    Preceding,
    Product,
    Relation,
    Vanishing,
    domain,
    read,
)
from .sheet import Sheet, Wanted
from .tables import SIZE, Table, range_table

SHORT, LESS = range_table(16), range_table(15)
HALF = 2**15


def _limbs(bits: int) -> int:
    return -(-bits // 16)


def _part_names(name: str, rounding: Rounding) -> list[str]:
    counts = (
        ("r", _limbs(rounding.shift)),
        ("high", _limbs(rounding.high_bits)),
        ("low", _limbs(rounding.low_bits)),
    )
    return [f"{name}.{part}{k}" for part, count in counts for k in range(count)]


def _activation_table(layer: Layer) -> Table | None:
    if layer.activation in ("sigmoid", "tanh"):
        return Table(layer.activation, layer.z_bits, layer.a_bits)
    return None


def tables_of(network: Network) -> list[Table]:
    """The tables, in order."""
    found = [SHORT]
    for layer in network.layers:
        found += [LESS] * (layer.activation == "relu")
        found += [table for table in [_activation_table(layer)] if table]
    last = network.layers[-1]
    if network.loss == "softmax-cross-entropy":
        found.append(Table("exp", last.z_bits, network.exp_start))
    if network.loss == "logistic":
        found.append(Table("sigmoid", last.z_bits, PROBABILITY_BITS))
    return list(dict.fromkeys(found))


def _data(network: Network) -> Wanted:
    inside = (network.steps, network.batch)
    return [("inputs", (network.inputs, *inside)), ("labels", (network.outputs, *inside))]


def _parameters(network: Network, suffix: str) -> Wanted:
    found: Wanted = []
    for i, layer in enumerate(network.layers):
        found.append((f"{i}.w.{suffix}", (layer.inputs, layer.outputs)))
        if layer.bias:
            found.append((f"{i}.b.{suffix}", (layer.outputs,)))
    return found


def _counts(tables: list[Table]) -> Wanted:
    return [(f"count.{i}", (1 << table.bits,)) for i, table in enumerate(tables)]


def _trace(network: Network) -> Wanted:
    found: Wanted = []

    def add(sizes: tuple[int, ...], *names: str) -> None:
        found.extend((name, sizes) for name in names)

    steps, batch = network.steps, network.batch
    for i, layer in enumerate(network.layers):
        units = (layer.outputs, steps, batch)
        add(units, f"{i}.z", *_part_names(f"{i}.z", layer.z))
        if layer.activation:
            add(units, f"{i}.a")
        if layer.activation == "relu":
            add(units, f"{i}.negative", f"{i}.d")
        for name, rounding in (("g", layer.g), ("d", layer.d)):
            if rounding:
                add(units, f"{i}.{name}", *_part_names(f"{i}.{name}", rounding))
        kinds = [("w", (layer.inputs, steps, layer.outputs)), ("b", (layer.outputs, steps))]
        for kind, sizes in kinds[: 1 + layer.bias]:
            add(sizes, *_part_names(f"{i}.{kind}.update", layer.update))
            if layer.clip:
                add(sizes, f"{i}.{kind}.clip", *_part_names(f"{i}.{kind}.clip", layer.clip))
    rows, outputs = (steps, batch), (network.outputs, steps, batch)
    if network.loss == "softmax-cross-entropy":
        for name in ("max", "at_max", "e", "sum", "p", "r"):
            add(rows if name in ("max", "sum") else outputs, name)
    elif network.loss == "logistic":
        add(outputs, "p")
    return found


class _Builder:
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

    def padding(self, pointwise: Pointwise, operand: int, axis: str, size: int) -> None:
        """x = 0 behind the real positions of an axis, if it is padded."""
        if size & (size - 1):
            real = pointwise.fresh((Form() + 1).where(axis, size))
            pointwise.constraints.append([(1, (operand, real)), (-1, (operand,))])

    def remainder(self, name: str, rounding: Rounding, *along: Along) -> Form:
        """r"""
        form = Form()
        for k in range(_limbs(rounding.shift)):
            form += 2 ** ((rounding.shift - 16) * k) * self.get(f"{name}.r{k}", *along)
        return form

    def limbs(self, name: str, part: str, rounding: Rounding) -> list[str]:
        """Names of the limbs of an excess."""
        return [n for n in _part_names(name, rounding) if n.startswith(f"{name}.{part}")]

    def rounded(self, name: str, rounding: Rounding, quotient: Form, *along: Along) -> Form:
        """X = 2^s·(q + high − low) + r"""
        value = quotient
        for part, sign in (("high", 1), ("low", -1)):
            for k, limb in enumerate(self.limbs(name, part, rounding)):
                value += sign * 2 ** (16 * k) * self.get(limb, *along)
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
        for name, size in (("inputs", network.inputs), ("labels", network.outputs)):
            over = domain(n=size, w=windows, t=steps, b=batch)
            cells = self.get(name, "w", "n", "t", "b")
            if name == "inputs" or (network.loss == "mse" and not network.one_hot):
                self.lookup(over, SHORT, cells + HALF)
            else:
                pointwise = Pointwise(over)
                self.bit(pointwise, pointwise.operand(cells))
                self.check(pointwise)
            pointwise = Pointwise(over)
            if size & (size - 1):
                self.padding(pointwise, pointwise.operand(cells), "n", size)
            self.check(pointwise)
        if network.one_hot:
            one = self.get("labels", "w", SUMMED, "t", "b") - 1
            self.vanishing.append(Vanishing(domain(w=windows, t=steps, b=batch), one))

    def _get_over(self, over: Domain, name: str) -> Form:
        """A tensor whose dimensions are the axes of the domain, in order."""
        return self.get(name, *(axis for axis, _ in over.axes))


class _Training(_Builder):
    """The relation of T steps."""

    def input(self, i: int, unit: str, step: str, row: str) -> Form:
        """A, the input of layer i."""
        if i == 0:
            return self.get("inputs", SUMMED, unit, step, row)
        below = self.network.layers[i - 1]
        return self.get(f"{i - 1}.{'a' if below.activation else 'z'}", unit, step, row)

    def weights(self, i: int, kind: str, step: str, *rest: Along) -> Form:
        """W_t or b_t: the parameters before less the updates of earlier steps."""
        before = self.get(f"{i}.{kind}.before", SUMMED, *rest)
        return before - self.get(f"{i}.{kind}.update", Earlier(step), *rest)

    def error(self, i: int, unit: Along, step: Along, row: Along) -> Form:
        """D, the loss gradient at the output of layer i."""
        layer, along = self.network.layers[i], (unit, step, row)
        if i + 1 < len(self.network.layers):
            return self.get(f"{i}.{'d' if layer.activation else 'g'}", *along)
        value = self.get(f"{i}.z" if self.network.loss == "mse" else "p", *along)
        return value - self.network.label_scale * self.get("labels", SUMMED, *along)

    def layer(self, i: int) -> None:
        """All relations of one layer."""
        network, layer = self.network, self.network.layers[i]
        self.forward(i)
        if layer.g:
            self.backward(i)
        pointwise = Pointwise(domain(n=layer.outputs, t=network.steps, b=network.batch))
        last = i + 1 == len(network.layers)
        alone = layer.activation is None and not (last and network.loss == "logistic")
        cells = {
            name: self.get(f"{i}.{name}", "n", "t", "b")
            for name in ("z", "g", "d", "a", "negative")
            if f"{i}.{name}" in self.sheet.tensors
        }
        self.rounding(pointwise, f"{i}.z", layer.z, cells["z"], alone)
        if layer.g:
            self.rounding(pointwise, f"{i}.g", layer.g, cells["g"], True)
        if layer.activation == "relu":
            self.relu(pointwise, **cells)
        elif layer.activation:
            self.smooth(pointwise, i, layer, **cells)
        self.check(pointwise)
        self.weight_gradient(i, layer)
        if layer.bias:
            self.bias_gradient(i, layer)

    def forward(self, i: int) -> None:
        """Z = A·W + 2^f·b"""
        network, layer = self.network, self.network.layers[i]
        along = ("y", "o", "x")
        out = self.rounded(f"{i}.z", layer.z, self.get(f"{i}.z", *along), *along)
        if layer.bias:
            out -= 2**layer.input_bits * self.weights(i, "b", "o", "y")
        sizes = (network.steps, network.batch, layer.outputs, layer.inputs)
        left, right = self.input(i, "k", "o", "x"), self.weights(i, "w", "o", "k", "y")
        self.products.append(Product(sizes, left, right, 1, out))

    def backward(self, i: int) -> None:
        """The gradient that arrives at layer i from the one above."""
        network, above, rounding = (
            self.network,
            self.network.layers[i + 1],
            self.network.layers[i].g,
        )
        along = ("y", "o", "x")
        out = self.rounded(f"{i}.g", rounding, self.get(f"{i}.g", *along), *along)
        sizes = (network.steps, network.batch, above.inputs, above.outputs)
        left, right = self.error(i + 1, "k", "o", "x"), self.weights(i + 1, "w", "o", "y", "k")
        self.products.append(Product(sizes, left, right, 1, out))

    def relu(
        self, pointwise: Pointwise, z: Form, g: Form, d: Form, a: Form, negative: Form
    ) -> None:
        """a = (1 − negative)·z, d = (1 − negative)·g"""
        a_, s, z_, d_, g_ = (pointwise.operand(form) for form in (a, negative, z, d, g))
        self.bit(pointwise, s)
        pointwise.constraints.append([(1, (a_,)), (-1, (z_,)), (1, (s, z_))])
        pointwise.constraints.append([(1, (d_,)), (-1, (g_,)), (1, (s, g_))])
        self.lookup(pointwise.over, LESS, 2 * a - z - negative)

    def smooth(
        self, pointwise: Pointwise, i: int, layer: Layer, z: Form, g: Form, d: Form, a: Form
    ) -> None:
        """a from the table, d the derivative times g, rounded."""
        sigmoid = layer.activation == "sigmoid"
        middle = 2 ** (layer.a_bits - 1) if sigmoid else 0
        value = self.on_padding(a, middle, layer.outputs)
        self.lookup(pointwise.over, _activation_table(layer), z + HALF, value)
        a_, g_, d_ = (pointwise.operand(form) for form in (a, g, d))
        r = pointwise.fresh(self.remainder(f"{i}.d", layer.d, "n", "t", "b"))
        if sigmoid:
            slope = [(2**layer.a_bits, (a_, g_))]
        else:
            slope = [(2 ** (2 * layer.a_bits), (g_,))]
        rest = [(-1, (a_, a_, g_)), (-(2**layer.d.shift), (d_,)), (-1, (r,))]
        pointwise.constraints.append(slope + rest)
        self.rounding(pointwise, f"{i}.d", layer.d, d, True)

    def on_padding(self, form: Form, value: int, size: int) -> Form:
        """The form, and a value more behind the real positions of axis n."""
        if size & (size - 1) == 0:
            return form
        return form + value - (Form() + value).where("n", size)

    def step(
        self, i: int, layer: Layer, kind: str, block: tuple[str, ...], trace: tuple[str, ...]
    ) -> Form:
        """U: what eta times the gradient has to be."""
        name = f"{i}.{kind}.update"
        form = self.rounded(name, layer.update, self.get(name, *block), *trace)
        rest = block[1:]
        if self.network.mu:
            before = self.get(name, Preceding(block[0]), *rest)
            first = self.get(f"{i}.{kind}.state", SUMMED, *rest).where(block[0], 1)
            form -= self.network.mu * (before + first)
        if self.network.decay:
            form -= self.network.decay * self.weights(i, kind, *block)
        return form

    def weight_gradient(self, i: int, layer: Layer) -> None:
        """G = Aᵀ·D, and the update of the weights."""
        network = self.network
        block, trace = ("o", "x", "y"), ("x", "o", "y")
        out, factor = self.step(i, layer, "w", block, trace), layer.eta
        if layer.clip:
            name = f"{i}.w.clip"
            out, factor = self.rounded(name, layer.clip, self.get(name, *trace), *trace), 1
        sizes = (network.steps, layer.inputs, layer.outputs, network.batch)
        left, right = self.input(i, "x", "o", "k"), self.error(i, "y", "o", "k")
        self.products.append(Product(sizes, left, right, factor, out))
        self.update(i, layer, "w", domain(x=layer.inputs, o=network.steps, y=layer.outputs), block)

    def bias_gradient(self, i: int, layer: Layer) -> None:
        """The sum of D over the batch, and the update of the biases."""
        block, trace = ("o", "y"), ("y", "o")
        total = 2**layer.input_bits * self.error(i, "y", "o", SUMMED)
        if layer.clip:
            name = f"{i}.b.clip"
            form = self.rounded(name, layer.clip, self.get(name, *trace), *trace) - total
        else:
            form = self.step(i, layer, "b", block, trace) - layer.eta * total
        self.vanishing.append(Vanishing(domain(o=self.network.steps, y=layer.outputs), form))
        self.update(i, layer, "b", domain(y=layer.outputs, o=self.network.steps), block)

    def update(self, i: int, layer: Layer, kind: str, over: Domain, block: tuple[str, ...]) -> None:
        """With clipping the update's equation; the ranges."""
        pointwise = Pointwise(over)
        trace = tuple(axis for axis, _ in over.axes)
        if layer.clip:
            clipped = self.get(f"{i}.{kind}.clip", *trace)
            form = self.step(i, layer, kind, block, trace) - layer.eta * clipped
            sizes = dict(over.axes)
            self.vanishing.append(Vanishing(Domain(tuple((a, sizes[a]) for a in block)), form))
            self.rounding(pointwise, f"{i}.{kind}.clip", layer.clip, clipped, True)
        name = f"{i}.{kind}.update"
        self.rounding(pointwise, name, layer.update, self.get(name, *block), True)
        self.check(pointwise)

    def loss(self) -> None:
        """How the last output becomes probabilities."""
        network, last = self.network, len(self.network.layers) - 1
        over = domain(n=network.outputs, t=network.steps, b=network.batch)
        z = self.get(f"{last}.z", "n", "t", "b")
        if network.loss == "softmax-cross-entropy":
            self.softmax(over, z)
        elif network.loss == "logistic":
            table = Table("sigmoid", network.layers[last].z_bits, PROBABILITY_BITS)
            self.lookup(over, table, z + HALF, self.get("p", "n", "t", "b"))

    def softmax(self, over: Domain, z: Form) -> None:
        """Maximum, terms, sum, quotients."""
        network, n = self.network, self.network.outputs
        cell: Callable[[str], Form] = lambda name: self.get(name, "n", "t", "b")  # noqa: E731
        most, total = self.get("max", "t", "b"), self.get("sum", "t", "b")
        e, p, r = cell("e"), cell("p"), cell("r")
        pointwise = Pointwise(over)
        forms = (cell("at_max"), z, e, p, r, most, total)
        u_, z_, e_, p_, r_, m_, s_ = (pointwise.operand(form) for form in forms)
        self.bit(pointwise, u_)
        pointwise.constraints.append([(1, (u_, m_)), (-1, (u_, z_))])
        pointwise.constraints.append([(2, (s_, p_)), (1, (r_,)), (-(2**15), (e_,))])
        self.padding(pointwise, u_, "n", n)
        self.check(pointwise)
        rows = domain(t=network.steps, b=network.batch)
        self.vanishing.append(Vanishing(rows, self.get("at_max", SUMMED, "t", "b") - 1))
        self.vanishing.append(Vanishing(rows, total - self.get("e", SUMMED, "t", "b")))
        table = Table("exp", network.layers[-1].z_bits, network.exp_start)
        reached = most.where("n", n) if n & (n - 1) else most
        self.lookup(over, table, reached - z, self.on_padding(e, network.exp_start, n))
        for key in (p, r + total, total - r - 1):
            self.lookup(over, SHORT, key)


def compile_training(network: Network) -> tuple[Relation, Sheet]:
    """The relation of a training proof."""
    sheet, tables = Sheet(network.row_log), tables_of(network)
    sheet.place_blocks(["data"], _data(network))
    sheet.place_blocks(["parameters"], _parameters(network, "before"))
    if network.mu:
        sheet.place_blocks(["state"], _parameters(network, "state"))
    functions = [(f"table.{i}", (SIZE,)) for i, t in enumerate(tables) if t.kind != "range"]
    sheet.place("tables", functions)
    updates = [f"update.{t}" for t in range(network.steps)]
    padding = sheet.place_blocks(updates, _parameters(network, "update"), "update.padding")
    sheet.place("trace", _trace(network) + _counts(tables))
    builder = _Training(network, sheet, tables)
    for i in range(len(network.layers)):
        builder.layer(i)
    builder.loss()
    for tensor in padding:
        over = domain(t=network.steps, cell=tensor.sizes[1])
        builder.vanishing.append(Vanishing(over, read(tensor, "t", "cell")))
    builder.data(1)
    return builder.finish(*updates, "trace"), sheet


def compile_dataset(network: Network, windows: int) -> tuple[Relation, Sheet]:
    """The relation of a registration's chunk."""
    sheet = Sheet(network.row_log)
    sheet.place_blocks([f"data.{w}" for w in range(windows)], _data(network))
    sheet.place("trace", _counts([SHORT]))
    builder = _Builder(network, sheet, [SHORT])
    builder.data(windows)
    return builder.finish("trace"), sheet
