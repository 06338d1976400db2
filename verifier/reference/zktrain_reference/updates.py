"""The relations of gradients and updates. See docs/argument.md, "The relation"."""

from . import axes
from .adaptive import Adaptive
from .network import Layer
from .relation import SUMMED, Domain, Form, Pointwise, Product, Vanishing, domain


class Updates(Adaptive):
    """Gradients, summed over the batch, and what they make of the parameters."""

    def step(
        self, i: int, layer: Layer, kind: str, block: tuple[str, ...], trace: tuple[str, ...]
    ) -> Form:
        """U: what eta times the gradient has to be."""
        name = f"{i}.{kind}.update"
        form = self.rounded(name, layer.update, self.get(name, *block), *trace)
        if self.network.mu:
            form -= self.network.mu * self.before(name, f"{i}.{kind}.state", *block)
        if self.network.decay:
            form -= self.network.decay * self.weights(i, kind, *block)
        return form

    def weight_gradient(self, i: int, layer: Layer) -> None:
        """G = Aᵀ·D, and the update of the weights."""
        network, inputs = self.network, axes.inputs(layer)
        unit, (outer, units) = axes.unit(layer), axes.outside(layer, network.steps)
        block, trace = ("t", *axes.names(inputs), unit), (*axes.names(inputs), "t", unit)
        if layer.clip:
            name = f"{i}.w.clip"
            out, factor = self.rounded(name, layer.clip, self.get(name, *trace), *trace), 1
        else:
            out, factor = self.step(i, layer, "w", block, trace), layer.eta
        places = axes.positions(layer.result)
        rows = (("b", network.batch), *places)
        right = self.error(i, unit, "t", *axes.names(rows))
        product = Product(outer, inputs, units, rows, self.input(i), right, factor, out)
        self.products.append(product)
        over = Domain((*inputs, ("t", network.steps), (unit, layer.outputs)))
        self.update(i, layer, "w", over, block)

    def bias_gradient(self, i: int, layer: Layer) -> None:
        """The sum of D over the batch, and the update of the biases."""
        self.unit_gradient(i, layer, "b", 2**layer.input_bits * self.summed_error(i))

    def summed_error(self, i: int) -> Form:
        """The sum of D over samples and positions."""
        places = axes.positions(self.network.layers[i].result)
        return self.error(i, "n", "t", SUMMED, *[SUMMED for _ in places])

    def unit_gradient(self, i: int, layer: Layer, kind: str, total: Form) -> None:
        """The update of parameters of which an output has one, with this gradient."""
        block, trace = ("t", "n"), ("n", "t")
        if layer.clip:
            name = f"{i}.{kind}.clip"
            form = self.rounded(name, layer.clip, self.get(name, *trace), *trace) - total
        else:
            form = self.step(i, layer, kind, block, trace) - layer.eta * total
        self.vanishing.append(Vanishing(domain(t=self.network.steps, n=layer.outputs), form))
        self.update(i, layer, kind, domain(n=layer.outputs, t=self.network.steps), block)

    def update(self, i: int, layer: Layer, kind: str, over: Domain, block: tuple[str, ...]) -> None:
        """With clipping the update's equation; the ranges; with Adam what moments are."""
        pointwise = Pointwise(over)
        trace = tuple(axis for axis, _ in over.axes)
        if layer.clip:
            clipped = self.get(f"{i}.{kind}.clip", *trace)
            if layer.update:
                form = self.step(i, layer, kind, block, trace) - layer.eta * clipped
                sizes = dict(over.axes)
                self.vanishing.append(Vanishing(Domain(tuple((a, sizes[a]) for a in block)), form))
            self.rounding(pointwise, f"{i}.{kind}.clip", layer.clip, clipped, True)
        if layer.update:
            name = f"{i}.{kind}.update"
            self.rounding(pointwise, name, layer.update, self.get(name, *block), True)
        else:
            self.adapt(pointwise, f"{i}.{kind}", layer.epsilon, block)
        self.check(pointwise)
