"""The relations of pools. See docs/argument.md, "Pools"."""

from . import axes
from .builder import padded, real
from .network import Layer, Taker
from .operands import Operands
from .relation import SUMMED, Axes, Domain, Earlier, Form, Pointwise, Product, Vanishing, domain
from .tensors import SHORT


class Pools(Operands):
    """Means are products with ones; the largest are chosen and compared with the others."""

    def mean(self, i: int) -> None:
        """Z = m·Σ A over a window"""
        layer = self.network.layers[i]
        places = axes.positions(layer.result)
        along = ("c", "t", "b", *axes.names(places))
        out = self.rounded(f"{i}.z", layer.z, self.get(f"{i}.z", *along), *along)
        self.scaled_sum(layer, places, self.input(i), out)

    def send_mean(self, i: int, taker: Taker) -> None:
        """G = m·D of the window, below a pool of means"""
        above, name = self.network.layers[taker.layer], f"{i}.{taker.name}"
        places = (("h", above.image.height), ("w", above.image.width))
        along = ("c", "t", "b", *axes.names(places))
        out = self.rounded(name, taker.rounding, self.get(name, *along), *along)
        self.scaled_sum(above, places, self.error(taker.layer, *axes.gradients(above)), out)

    def scaled_sum(self, pool: Layer, places: Axes, left: Form, out: Form) -> None:
        """The product of windows with as many ones."""
        window = axes.inputs(pool)
        ones = real(Form() + 1, Domain(window))
        steps = (("t", self.network.steps),)
        rows = (("c", pool.outputs), ("b", self.network.batch), *places)
        self.products.append(Product(steps, rows, (), window, left, ones, pool.mean, out))

    def windows(self, pool: Layer) -> Domain:
        """All numbers of all windows."""
        units = domain(c=pool.outputs, t=self.network.steps, b=self.network.batch)
        return Domain((*units.axes, *axes.positions(pool.result), *axes.inputs(pool)))

    def choose(self, i: int) -> None:
        """One number of a window is chosen: none is larger, and none before it as large."""
        layer = self.network.layers[i]
        over, read = self.windows(layer), self.input(i)
        chosen = self.get(f"{i}.chosen", "c", "t", "b", "i", "u", "j", "v")
        z = self.get(f"{i}.z", "c", "t", "b", "i", "j")
        pointwise = Pointwise(over)
        w_, z_, a_ = (pointwise.operand(form) for form in (chosen, z, read))
        self.bit(pointwise, w_)
        pointwise.constraints.append([(1, (w_, z_)), (-1, (w_, a_))])
        if padded(Domain(axes.inputs(layer))):
            self.padding(pointwise, chosen)
        self.check(pointwise)
        results = Domain(over.axes[:-2])
        count = self.get(f"{i}.chosen", "c", "t", "b", "i", SUMMED, "j", SUMMED)
        self.vanishing.append(Vanishing(results, count - real(Form() + 1, results)))
        rows_above = self.get(f"{i}.chosen", "c", "t", "b", "i", Earlier("u"), "j", SUMMED)
        ahead = self.get(f"{i}.chosen", "c", "t", "b", "i", "u", "j", Earlier("v"))
        most = real(z, Domain(axes.inputs(layer)))
        excess = most - read - real(Form() + 1, over) + rows_above + ahead + chosen
        self.lookup(over, SHORT, excess)

    def send_to_chosen(self, i: int, taker: Taker) -> None:
        """What arrives below a pool of the largest: D where a number is chosen, zero elsewhere."""
        above = self.network.layers[taker.layer]
        pointwise = Pointwise(self.windows(above))
        chosen = self.get(f"{taker.layer}.chosen", "c", "t", "b", "i", "u", "j", "v")
        error = self.error(taker.layer, "c", "t", "b", "i", "j")
        g = self.get(f"{i}.{taker.name}", *axes.reads(above))
        w_, d_, g_ = (pointwise.operand(form) for form in (chosen, error, g))
        pointwise.constraints.append([(1, (g_,)), (-1, (w_, d_))])
        self.check(pointwise)
        image = Pointwise(self.image(above))
        self.padding(image, self._get_over(image.over, f"{i}.{taker.name}"))
        self.check(image)

    def image(self, pool: Layer) -> Domain:
        """What a pool reads, value by value."""
        units = domain(c=pool.outputs, t=self.network.steps, b=self.network.batch)
        return Domain((*units.axes, *axes.positions(pool.image)))
