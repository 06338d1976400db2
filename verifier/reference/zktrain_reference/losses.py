"""The relations of the loss. See docs/argument.md, "The relation"."""

from collections.abc import Callable

from . import axes
from .builder import HALF, on_padding, real
from .network import PROBABILITY_BITS
from .placements import Placements
from .relation import SUMMED, Domain, Form, Pointwise, Vanishing
from .tables import Table
from .tensors import SHORT


class Losses(Placements):
    """How the last output becomes probabilities, at each position if it is an image."""

    def loss(self) -> None:
        """Of a loss that looks something up."""
        network, last = self.network, len(self.network.layers) - 1
        over = self.over(network.layers[last])
        z = self.get(f"{last}.z", *axes.names(over.axes))
        if network.loss == "softmax-cross-entropy":
            self.softmax(over, z)
        elif network.loss == "logistic":
            table = Table("sigmoid", network.layers[last].z_bits, PROBABILITY_BITS)
            self.lookup(over, table, z + HALF, self.get("p", *axes.names(over.axes)))

    def softmax(self, over: Domain, z: Form) -> None:
        """Maximum, terms, sum, quotients."""
        unit, *along = axes.names(over.axes)
        cell: Callable[[str], Form] = lambda name: self.get(name, unit, *along)  # noqa: E731
        most, total = self.get("max", *along), self.get("sum", *along)
        e, p, r = cell("e"), cell("p"), cell("r")
        pointwise = Pointwise(over)
        forms = (cell("at_max"), z, e, p, r, most, total)
        u_, z_, e_, p_, r_, m_, s_ = (pointwise.operand(form) for form in forms)
        self.bit(pointwise, u_)
        pointwise.constraints.append([(1, (u_, m_)), (-1, (u_, z_))])
        numerator = (-(2**15), (e_,))
        if self.network.label_weights:
            weight = self.get("labels", SUMMED, SUMMED, *along)
            numerator = (-2, (e_, pointwise.operand(weight)))
        pointwise.constraints.append([(2, (s_, p_)), (1, (r_,)), numerator])
        self.padding(pointwise, cell("at_max"))
        self.check(pointwise)
        rows = Domain(over.axes[1:])
        self.vanishing.append(Vanishing(rows, self.get("at_max", SUMMED, *along) - 1))
        self.vanishing.append(Vanishing(rows, total - self.get("e", SUMMED, *along)))
        table = Table("exp", self.network.layers[-1].z_bits, self.network.exp_start)
        terms = on_padding(e, self.network.exp_start, over)
        self.lookup(over, table, real(most, over) - z, terms)
        for key in (p, r + total, total - r - 1):
            self.lookup(over, SHORT, key)
