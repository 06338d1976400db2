"""The products of an attention. See docs/argument.md, "Attention"."""

from . import axes
from .network import Layer, Taker
from .relation import Axes, Form, Product
from .row_norms import RowNorms


class Attentions(RowNorms):
    """Queries times keys, and shares times values, of each head."""

    def heads(self, layer: Layer) -> tuple[Axes, Axes, Axes, Axes]:
        """The outer axes of its products; positions that ask, those that are asked, channels."""
        network, attention = self.network, layer.attention
        outer = (("t", network.steps), ("b", network.batch), ("n", attention.heads))
        asking, asked = (("i", attention.queries),), (("j", attention.keys),)
        return outer, asking, asked, (("e", attention.size),)

    def score(self, i: int) -> None:
        """Z = m·Q·Kᵀ"""
        layer = self.network.layers[i]
        outer, asking, asked, channels = self.heads(layer)
        left = self.values_of(layer.source, *axes.joined(layer, "i"))
        right = self.values_of(layer.second, *axes.joined(layer, "j"))
        factor = layer.attention.factor
        out = self.rounded(f"{i}.z", layer.z, self.get(f"{i}.z", *axes.pairs()), *axes.pairs())
        product = (outer, asking, asked, channels, left, right, factor, out)
        self.products.append(Product(*product))

    def send_scores(self, i: int, taker: Taker) -> None:
        """G = m·D·K, to the queries, and m·Dᵀ·Q, to the keys"""
        layer = self.network.layers[taker.layer]
        outer, asking, asked, channels = self.heads(layer)
        left, factor = self.error(taker.layer, *axes.pairs()), layer.attention.factor
        if layer.source == i:
            right = self.values_of(layer.second, *axes.joined(layer, "j"))
            out = self.sent_to(i, taker, *axes.joined(layer, "i"))
            product = (outer, asking, channels, asked, left, right, factor, out)
        else:
            right = self.values_of(layer.source, *axes.joined(layer, "i"))
            out = self.sent_to(i, taker, *axes.joined(layer, "j"))
            product = (outer, asked, channels, asking, left, right, factor, out)
        self.products.append(Product(*product))

    def mix(self, i: int) -> None:
        """Z = P·V"""
        layer = self.network.layers[i]
        outer, asking, asked, channels = self.heads(layer)
        left = self.values_of(layer.source, *axes.pairs())
        right = self.values_of(layer.second, *axes.joined(layer, "j"))
        along = axes.joined(layer, "i")
        out = self.rounded(f"{i}.z", layer.z, self.get(f"{i}.z", *along), *along)
        self.products.append(Product(outer, asking, channels, asked, left, right, 1, out))

    def send_mixed(self, i: int, taker: Taker) -> None:
        """G = D·Vᵀ, to the shares, and Pᵀ·D, to the values"""
        layer = self.network.layers[taker.layer]
        outer, asking, asked, channels = self.heads(layer)
        error = self.error(taker.layer, *axes.joined(layer, "i"))
        if layer.source == i:
            right = self.values_of(layer.second, *axes.joined(layer, "j"))
            out = self.sent_to(i, taker, *axes.pairs())
            product = (outer, asking, asked, channels, error, right, 1, out)
        else:
            left = self.values_of(layer.source, *axes.pairs())
            out = self.sent_to(i, taker, *axes.joined(layer, "j"))
            product = (outer, asked, channels, asking, left, error, 1, out)
        self.products.append(Product(*product))

    def sent_to(self, i: int, taker: Taker, *along: axes.Along) -> Form:
        """X of what a layer sends to layer i."""
        name = f"{i}.{taker.name}"
        return self.rounded(name, taker.rounding, self.get(name, *along), *along)
