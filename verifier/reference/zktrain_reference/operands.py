"""What the relation of training reads: inputs, parameters, gradients. See docs/argument.md."""

from . import axes
from .builder import Builder
from .network import Layer
from .relation import SUMMED, Along, Domain, Earlier, Form, domain


class Operands(Builder):
    """Forms of the numbers that more than one relation is about."""

    def over(self, layer: Layer) -> Domain:
        """The domain of what a layer puts out, value by value."""
        units = domain(n=layer.outputs, t=self.network.steps, b=self.network.batch)
        return Domain((*units.axes, *axes.positions(layer.result)))

    def input(self, i: int) -> Form:
        """A, the input of layer i, along the axes that it reads."""
        layer = self.network.layers[i]
        return self.values_of(layer.source, *axes.reads(layer))

    def values_of(self, source: int | None, *along: Along) -> Form:
        """What a layer puts out; the inputs, of none."""
        if source is None:
            return self.get("inputs", SUMMED, *along)
        activated = self.network.layers[source].activation
        return self.get(f"{source}.{'a' if activated else 'z'}", *along)

    def weights(self, i: int, kind: str, step: str, *rest: Along) -> Form:
        """W_t or b_t: the parameters before less the updates of earlier steps."""
        before = self.get(f"{i}.{kind}.before", SUMMED, *rest)
        return before - self.get(f"{i}.{kind}.update", Earlier(step), *rest)

    def error(self, i: int, *along: Along) -> Form:
        """D, the loss gradient at the output of layer i."""
        layer = self.network.layers[i]
        if layer.takers:
            return self.get(f"{i}.d", *along) if layer.activation else self.arriving(i, *along)
        value = self.get(f"{i}.z" if self.network.loss == "mse" else "p", *along)
        return value - self.network.label_scale * self.get("labels", SUMMED, *along)

    def arriving(self, i: int, *along: Along) -> Form:
        """The sum of what all that take the values of layer i send, term by term."""
        total = Form()
        for taker in self.network.layers[i].takers:
            if taker.rounding:
                total += self.get(f"{i}.{taker.name}", *along)
            else:
                total += taker.factor * self.error(taker.layer, *along)
        return total
