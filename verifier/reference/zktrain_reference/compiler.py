"""From a network to the relation of its proofs. See docs/argument.md, "The relation"."""

from . import axes
from .builder import Builder, real
from .losses import Losses
from .network import Layer, Network, Taker
from .relation import (
    Domain,
    Pointwise,
    Product,
    Relation,
    Vanishing,
    domain,
    read,
)
from .sheet import Sheet
from .tensors import (
    SHORT,
    count_tensors,
    data_tensors,
    moment_tensors,
    parameter_tensors,
    slices,
    tables_of,
    trace_tensors,
)


class _Training(Losses):
    """The relation of T steps."""

    def layer(self, i: int) -> None:
        """All relations of one layer."""
        layer = self.network.layers[i]
        forward = {
            "max_pool2d": self.choose, "avg_pool2d": self.mean, "add": self.sum,
            "batch_norm": self.normalize, "layer_norm": self.normalize_rows,
            "rms_norm": self.normalize_rows, "attention_scores": self.score,
            "softmax": self.share, "attention_values": self.mix, "positions": self.place,
        }  # fmt: skip
        forward.get(layer.kind, self.forward)(i)
        backward = {
            "max_pool2d": self.send_to_chosen, "avg_pool2d": self.send_mean,
            "batch_norm": self.send_normalized, "layer_norm": self.send_rows,
            "rms_norm": self.send_rows, "attention_scores": self.send_scores,
            "softmax": self.send_shares, "attention_values": self.send_mixed,
        }  # fmt: skip
        for taker in layer.senders:
            backward.get(self.network.layers[taker.layer].kind, self.backward)(i, taker)
        self.digits(i)
        self.values(i, layer)
        if layer.norm:
            (self.norm_gradients if layer.running else self.row_gradients)(i)
        elif layer.softmax:
            self.share_gradients(i)
        elif layer.placed:
            self.place_gradient(i, layer)
        elif layer.weighted:
            self.weight_gradient(i, layer)
            if layer.bias:
                self.bias_gradient(i, layer)

    def values(self, i: int, layer: Layer) -> None:
        """What a layer puts out and what arrives there, value by value."""
        network, pointwise = self.network, Pointwise(self.over(layer))
        last = not layer.takers
        alone = layer.activation is None and not (last and network.loss == "logistic")
        cells = {
            name: self._get_over(pointwise.over, f"{i}.{name}")
            for name in ("z", "d", "a", "negative", "h")
            if f"{i}.{name}" in self.sheet.tensors
        }
        if layer.largest:
            self.padding(pointwise, cells["z"])
        else:
            self.rounding(pointwise, f"{i}.z", layer.z, cells["z"], alone)
        for taker in layer.senders:
            if not network.layers[taker.layer].largest:
                name = f"{i}.{taker.name}"
                cell = self._get_over(pointwise.over, name)
                self.rounding(pointwise, name, taker.rounding, cell, True)
        if layer.activation:
            cells["g"] = self.arriving(i, *axes.names(pointwise.over.axes))
            self.activate(pointwise, i, layer, **cells)
        self.check(pointwise)

    def forward(self, i: int) -> None:
        """Z = A·W + 2^f·b"""
        network, layer = self.network, self.network.layers[i]
        inputs, places = axes.inputs(layer), axes.positions(layer.result)
        unit, (outer, units) = axes.unit(layer), axes.outside(layer, network.steps)
        along = (unit, "t", "b", *axes.names(places))
        out = self.rounded(f"{i}.z", layer.z, self.get(f"{i}.z", *along), *along)
        if layer.bias:
            bias = 2**layer.input_bits * self.weights(i, "b", "t", unit)
            out -= real(bias, Domain(places))
        right = self.weights(i, "w", "t", *axes.names(inputs), unit)
        rows = (("b", network.batch), *places)
        self.products.append(Product(outer, rows, units, inputs, self.input(i), right, 1, out))

    def sum(self, i: int) -> None:
        """Z = 2^(F − f)·A + 2^(F − f')·A'"""
        layer, over = self.network.layers[i], self.over(self.network.layers[i])
        along = axes.names(over.axes)
        form = self.rounded(f"{i}.z", layer.z, self.get(f"{i}.z", *along), *along)
        for factor, source in zip(layer.factors, layer.taken):
            form -= factor * self.values_of(source, *along)
        self.vanishing.append(Vanishing(over, form))

    def backward(self, i: int, taker: Taker) -> None:
        """The gradient that arrives at layer i from one that takes its values."""
        network, above = self.network, self.network.layers[taker.layer]
        outer, units = axes.outside(above, network.steps)
        inputs, rows = axes.inputs(above), (("b", network.batch),)
        right = self.weights(taker.layer, "w", "t", *axes.names(inputs), axes.unit(above))
        if above.alike:
            along = axes.reads(above)
            rows += axes.positions(above.image)
        else:
            along = ("c", "t", "b", "h", "w") if above.image else ("m", "t", "b")
        if above.kernel:
            rows += (("h", above.image.height), ("w", above.image.width))
            units += inputs[:2]
            inputs = inputs[2:]
        name = f"{i}.{taker.name}"
        out = self.rounded(name, taker.rounding, self.get(name, *along), *along)
        left = self.error(taker.layer, *axes.gradients(above))
        self.products.append(Product(outer, rows, inputs, units, left, right, 1, out))


def compile_training(network: Network) -> tuple[Relation, Sheet]:
    """The relation of a training proof."""
    sheet, tables = Sheet(network.row_log), tables_of(network)
    sheet.place_blocks(["data"], data_tensors(network))
    sheet.place_blocks(["parameters"], parameter_tensors(network, "before"))
    if network.mu:
        sheet.place_blocks(["state"], parameter_tensors(network, "state"))
    if network.adam:
        sheet.place_blocks(["state"], moment_tensors(network, "state"))
    functions = [(f"table.{i}", (t.size,)) for i, t in enumerate(tables) if t.kind != "range"]
    sheet.place("tables", functions)
    updates = [f"update.{t}" for t in range(network.steps)]
    padding = sheet.place_blocks(updates, parameter_tensors(network, "update"), "update.padding")
    if network.adam:
        moments = moment_tensors(network, "update")
        padding += sheet.place_blocks(updates, moments, "moments.padding")
    sheet.place("trace", trace_tensors(network) + count_tensors(tables))
    for digit in slices(network):
        sheet.slice(*digit)
    builder = _Training(network, sheet, tables)
    for i in range(len(network.layers)):
        builder.layer(i)
    builder.loss()
    if network.adam:
        builder.clock()
    for tensor in padding:
        over = domain(t=network.steps, cell=tensor.sizes[1])
        builder.vanishing.append(Vanishing(over, read(tensor, "t", "cell")))
    builder.data(1)
    return builder.finish(*updates, "trace"), sheet


def compile_dataset(network: Network, windows: int) -> tuple[Relation, Sheet]:
    """The relation of a registration's chunk."""
    sheet = Sheet(network.row_log)
    sheet.place_blocks([f"data.{w}" for w in range(windows)], data_tensors(network))
    sheet.place("trace", count_tensors([SHORT]))
    builder = Builder(network, sheet, [SHORT])
    builder.data(windows)
    return builder.finish("trace"), sheet
