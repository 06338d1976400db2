"""The relations of activations. See docs/argument.md, "The relation"."""

from . import axes
from .builder import HALF, on_padding
from .network import Layer, Rounding
from .pools import Pools
from .relation import Form, Pointwise
from .shape import SLOPE_BITS
from .tensors import LESS, activation_tables

# What a derivative of GELU and SiLU is at zero.
MIDDLE = 2**13


class Activations(Pools):
    """What a layer puts out, and what goes through its activation backwards, value by value."""

    def activate(self, pointwise: Pointwise, i: int, layer: Layer, **cells: Form) -> None:
        """The constraints of a layer's activation."""
        if layer.activation == "relu":
            self.relu(pointwise, **cells)
        elif layer.activation == "leaky_relu":
            self.leaky(pointwise, i, layer, **cells)
        elif layer.activation in ("gelu", "silu"):
            self.looked_up(pointwise, i, layer, **cells)
        else:
            self.smooth(pointwise, i, layer, **cells)

    def relu(
        self, pointwise: Pointwise, z: Form, g: Form, d: Form, a: Form, negative: Form
    ) -> None:
        """a = (1 − negative)·z, d = (1 − negative)·g"""
        a_, s, z_, d_, g_ = (pointwise.operand(form) for form in (a, negative, z, d, g))
        self.bit(pointwise, s)
        pointwise.constraints.append([(1, (a_,)), (-1, (z_,)), (1, (s, z_))])
        pointwise.constraints.append([(1, (d_,)), (-1, (g_,)), (1, (s, g_))])
        self.lookup(pointwise.over, LESS, 2 * a - z - negative)

    def leaky(
        self, pointwise: Pointwise, i: int, layer: Layer,
        z: Form, g: Form, d: Form, a: Form, negative: Form,
    ) -> None:  # fmt: skip
        """a = z, d = g, or, where z is negative, m of 2^16 parts of these."""
        one, s = 2**SLOPE_BITS, pointwise.operand(negative)
        self.bit(pointwise, s)
        self.lookup(pointwise.over, LESS, z + HALF * negative)
        for name, rounding, cell, read in (("a", layer.a, a, z), ("d", layer.d, d, g)):
            wide = self.wide(pointwise, f"{i}.{name}", rounding, cell)
            read_ = pointwise.operand(read)
            constraint = [(factor, (part,)) for factor, part in wide]
            constraint += [(-one, (read_,)), (one - layer.slope, (s, read_))]
            pointwise.constraints.append(constraint)
            self.rounding(pointwise, f"{i}.{name}", rounding, cell, True)

    def looked_up(
        self, pointwise: Pointwise, i: int, layer: Layer,
        z: Form, g: Form, d: Form, a: Form, h: Form,
    ) -> None:  # fmt: skip
        """a and the derivative h from tables, d = h·g, rounded."""
        over = pointwise.over
        function, derivative = activation_tables(layer)
        self.lookup(over, function, z + HALF, a)
        self.lookup(over, derivative, z + HALF, on_padding(h, MIDDLE, over))
        h_, g_ = pointwise.operand(h), pointwise.operand(g)
        wide = self.wide(pointwise, f"{i}.d", layer.d, d)
        constraint = [(1, (h_, g_))] + [(-factor, (part,)) for factor, part in wide]
        pointwise.constraints.append(constraint)
        self.rounding(pointwise, f"{i}.d", layer.d, d, True)

    def wide(
        self, pointwise: Pointwise, name: str, rounding: Rounding, quotient: Form
    ) -> list[tuple[int, int]]:
        """What is rounded: factors and the numbers of operands. One if its bound has 32 bits."""
        along = axes.names(pointwise.over.axes)
        if -(2**31) <= rounding.least and rounding.most < 2**31:
            return [(1, pointwise.fresh(self.rounded(name, rounding, quotient, *along)))]
        scale = 2**rounding.shift
        parts = [(scale, pointwise.operand(quotient))]
        parts.append((1, pointwise.fresh(self.remainder(name, rounding, *along))))
        for part, sign in (("high", 1), ("low", -1)):
            excess = self.excess(name, part, rounding, *along)
            if excess.terms:
                parts.append((sign * scale, pointwise.fresh(excess)))
        return parts

    def smooth(
        self, pointwise: Pointwise, i: int, layer: Layer, z: Form, g: Form, d: Form, a: Form
    ) -> None:
        """a from the table, d the derivative times g, rounded."""
        sigmoid = layer.activation == "sigmoid"
        middle = 2 ** (layer.a_bits - 1) if sigmoid else 0
        over = pointwise.over
        (table,) = activation_tables(layer)
        self.lookup(over, table, z + HALF, on_padding(a, middle, over))
        a_, g_, d_ = (pointwise.operand(form) for form in (a, g, d))
        r = pointwise.fresh(self.remainder(f"{i}.d", layer.d, *axes.names(over.axes)))
        if sigmoid:
            slope = [(2**layer.a_bits, (a_, g_))]
        else:
            slope = [(2 ** (2 * layer.a_bits), (g_,))]
        rest = [(-1, (a_, a_, g_)), (-(2**layer.d.shift), (d_,)), (-1, (r,))]
        for part, sign in (("high", -1), ("low", 1)):
            excess = self.excess(f"{i}.d", part, layer.d, *axes.names(over.axes))
            if excess.terms:
                rest.append((sign * 2**layer.d.shift, (pointwise.fresh(excess),)))
        pointwise.constraints.append(slope + rest)
        self.rounding(pointwise, f"{i}.d", layer.d, d, True)
