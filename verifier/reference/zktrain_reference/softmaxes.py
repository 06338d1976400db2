"""The relations of a softmax of rows. See docs/argument.md, "Attention"."""

from . import axes
from .attentions import Attentions
from .network import Taker
from .relation import SUMMED, Domain, Form, Pointwise, Product
from .softmax import SHARE_BITS, WHOLE
from .tensors import shares_table

# A row's own tensors, read beside each of its pairs.
BESIDE = ("n", "t", "b", "i", SUMMED)


class Softmaxes(Attentions):
    """The largest of a row, terms, their sum's inverse, shares."""

    def pairs(self, i: int) -> Domain:
        """All pairs of positions, of each head."""
        return self.over(self.network.layers[i])

    def below(self, i: int, value: int) -> Form:
        """A constant where a pair counts: in a causal softmax what is asked is not later."""
        causal = self.network.layers[i].attention.causal
        constant = Form() + value
        return constant.where("j", "i") if causal else constant

    def share(self, i: int) -> None:
        """z = e·R"""
        layer, rows = self.network.layers[i], self.groups(i)
        self.most(i)
        self.terms(i)
        total = self.get(f"{i}.e", *BESIDE)
        inverse, low = self.whole(i, "inverse"), self.whole(i, "inverse_low")
        self.multiply(i, inverse, total, Form() + WHOLE - low)
        self.zero(i, total - 1 - low - self.whole(i, "inverse_high"))
        out = self.rounded(f"{i}.z", layer.z, self.get(f"{i}.z", *axes.pairs()), *axes.pairs())
        e, keys = self.get(f"{i}.e", *axes.pairs()), (("j", layer.attention.keys),)
        self.products.append(Product(rows, keys, (), (), e, inverse, 1, out))

    def most(self, i: int) -> None:
        """One of a row is the largest; how far the others are below it, where that is kept."""
        layer, pointwise = self.network.layers[i], Pointwise(self.pairs(i))
        at_max, most = self.get(f"{i}.at_max", *axes.pairs()), self.get(f"{i}.max", *BESIDE)
        u, m, a = (pointwise.operand(form) for form in (at_max, most, self.input(i)))
        self.bit(pointwise, u)
        pointwise.constraints.append([(1, (u, m)), (-1, (u, a))])
        if layer.attention.causal:
            below = pointwise.operand(self.get(f"{i}.below", *axes.pairs()))
            counts = pointwise.fresh(self.below(i, 1))
            pointwise.constraints.append([(1, (u, counts)), (-1, (u,))])
            pointwise.constraints.append([(1, (below,)), (-1, (m, counts)), (1, (a, counts))])
        self.check(pointwise)
        self.zero(i, self.get(f"{i}.at_max", *BESIDE) - 1)

    def terms(self, i: int) -> None:
        """e is looked up; where a pair does not count it is zero."""
        layer, e = self.network.layers[i], self.get(f"{i}.e", *axes.pairs())
        if layer.attention.causal:
            key = self.get(f"{i}.below", *axes.pairs())
            e += 2**SHARE_BITS
            e -= self.below(i, 2**SHARE_BITS)
        else:
            key = self.get(f"{i}.max", *BESIDE) - self.input(i)
        self.lookup(self.pairs(i), shares_table(layer), key, e)

    def send_shares(self, i: int, taker: Taker) -> None:
        """G = p·(D − W), below a softmax"""
        above, along = taker.layer, axes.pairs()
        shares = self.get(f"{above}.z", *along)
        error = self.error(above, *along) - self.get(f"{above}.mean", *BESIDE)
        out = self.sent_to(i, taker, *along)
        over = self.pairs(above).axes
        self.products.append(Product(over, (), (), (), shares, error, 1, out))

    def share_gradients(self, i: int) -> None:
        """W = Σ p·D"""
        layer, name = self.network.layers[i], f"{i}.mean"
        over = Domain(self.groups(i))
        mean = self._get_over(over, name)
        out = self.rounded(name, layer.row_mean, mean, *axes.names(over.axes))
        shares, error = self.get(f"{i}.z", *axes.pairs()), self.error(i, *axes.pairs())
        keys = (("j", layer.attention.keys),)
        self.products.append(Product(over.axes, (), (), keys, shares, error, 1, out))
        pointwise = Pointwise(over)
        self.rounding(pointwise, name, layer.row_mean, mean, True)
        self.check(pointwise)
