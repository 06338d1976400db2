"""The relations of batch norms. See docs/argument.md, "Batch norms"."""

from . import axes
from .moments import Moments
from .network import Layer, Taker
from .norm import MOVE, SCALE_BITS, SENT_BITS, SUM_BITS
from .relation import Pointwise, Product, Vanishing, domain


class BatchNorms(Moments):
    """Norms of each channel, and its running statistics."""

    def normalize(self, i: int) -> None:
        """Statistics of the batch, and z = a·c + beta"""
        layer, bounds = self.network.layers[i], self.network.layers[i].norm.bounds
        self.moments(i)
        inverse, scale = self.whole(i, "inverse"), self.quotient(i, "scale")
        self.multiply(i, self.weights(i, "w", "t", "n"), inverse, self.whole(i, "scale"))
        along = axes.reads(layer)
        out = self.rounded(f"{i}.z", layer.z, self.get(f"{i}.z", *along), *along)
        bias = 2 ** (bounds.bits_of_z - bounds.frac) * self.weights(i, "b", "t", "n")
        out -= self.where_real(i, bias)
        factor, numbers = 2 ** (bounds.bits_of_z - SCALE_BITS), self.numbers(i)
        product = (self.groups(i), numbers, (), (), self.centred(i), scale, factor, out)
        self.products.append(Product(*product))

    def send_normalized(self, i: int, taker: Taker) -> None:
        """G = 2^5·a·D − w2·c − w1, below a batch norm"""
        above, name = taker.layer, f"{i}.{taker.name}"
        along = axes.reads(self.network.layers[above])
        out = self.rounded(name, taker.rounding, self.get(name, *along), *along)
        out += self.where_real(above, self.quotient(above, "offset"))
        centred, tilt = self.centred(above), self.quotient(above, "tilt")
        error = self.error(above, *axes.gradients(self.network.layers[above]))
        left = error.where("k", 1) + centred - centred.where("k", 1)
        right = 2**SENT_BITS * self.quotient(above, "scale").where("k", 1) - tilt
        right += tilt.where("k", 1)
        rows = self.groups(above), self.numbers(above)
        self.products.append(Product(*rows, (), (("k", 2),), left, right, 1, out))

    def norm_gradients(self, i: int) -> None:
        """Gradients of gamma and beta, what is sent back, and all updates."""
        layer = self.network.layers[i]
        error = self.error(i, *axes.gradients(layer))
        self.fold(i, error, self.centred(i), "correlation")
        inverse, scale = self.whole(i, "inverse"), self.quotient(i, "scale")
        gain, total = self.quotient(i, "gain"), self.summed_error(i)
        self.multiply(i, self.whole(i, "correlation"), inverse, self.whole(i, "gain"))
        self.multiply(i, gain, inverse, self.whole(i, "slope"))
        self.multiply(i, scale, total, self.whole(i, "offset"), 2**SENT_BITS)
        self.multiply(i, scale, self.quotient(i, "slope"), self.whole(i, "tilt"))
        self.unit_gradient(i, layer, "w", gain)
        self.unit_gradient(i, layer, "b", 2**SUM_BITS * total)
        self.statistics(i, layer)

    def statistics(self, i: int, layer: Layer) -> None:
        """The running statistics move towards those of the step."""
        name, rounding = f"{i}.s.update", layer.norm.statistics
        block, trace = ("t", "s", "n"), ("s", "t", "n")
        update, sigma = self.get(name, *block), self.whole(i, "deviation")
        form = self.rounded(name, rounding, update, *trace)
        form -= MOVE * self.weights(i, "s", *block)
        both = self.quotient(i, "mean").where("s", 1) + sigma - sigma.where("s", 1)
        steps, units = self.network.steps, layer.outputs
        self.vanishing.append(Vanishing(domain(t=steps, s=2, n=units), form + MOVE * both))
        pointwise = Pointwise(domain(s=2, t=steps, n=units))
        self.rounding(pointwise, name, rounding, update, True)
        self.check(pointwise)
