"""The relations of positions. See docs/argument.md, "Attention"."""

from . import axes
from .network import Layer
from .relation import SUMMED, Domain, Vanishing
from .softmaxes import Softmaxes


class Placements(Softmaxes):
    """A number of each position and channel is added to what is there."""

    def place(self, i: int) -> None:
        """Z = 2^(F − f)·A + 2^(F − f_w)·W"""
        layer, over = self.network.layers[i], self.over(self.network.layers[i])
        along, (of_value, of_weight) = axes.names(over.axes), layer.factors
        form = self.rounded(f"{i}.z", layer.z, self.get(f"{i}.z", *along), *along)
        form -= of_value * self.input(i)
        form -= of_weight * self.weights(i, "w", "t", *axes.names(axes.inputs(layer)), "n")
        self.vanishing.append(Vanishing(over, form))

    def place_gradient(self, i: int, layer: Layer) -> None:
        """G is the sum of D over the batch; the update of the positions' numbers."""
        places = axes.inputs(layer)
        steps, units = ("t", self.network.steps), ("n", layer.outputs)
        block, trace = Domain((steps, *places, units)), Domain((*places, steps, units))
        along = axes.names(block.axes)
        total = self.error(i, "n", "t", SUMMED, *axes.names(places))
        if layer.clip:
            name, of_trace = f"{i}.w.clip", axes.names(trace.axes)
            form = self.rounded(name, layer.clip, self.get(name, *of_trace), *of_trace) - total
        else:
            form = self.step(i, layer, "w", along, axes.names(trace.axes)) - layer.eta * total
        self.vanishing.append(Vanishing(block, form))
        self.update(i, layer, "w", trace, along)
