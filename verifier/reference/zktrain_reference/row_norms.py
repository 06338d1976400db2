"""The relations of layer norms and RMS norms. See docs/argument.md, "Layer norms and RMS norms"."""

from . import axes
from .batch_norms import BatchNorms
from .network import Taker
from .norm import SENT_BITS
from .relation import Form, Product


class RowNorms(BatchNorms):
    """Norms of the numbers of a sample, or of each of its positions."""

    def put_out(self, i: int) -> Form:
        """z, rounded."""
        return self.get(f"{i}.z", *axes.reads(self.network.layers[i]))

    def normalize_rows(self, i: int) -> None:
        """Statistics of each row, and z = R·c"""
        layer, along = self.network.layers[i], axes.reads(self.network.layers[i])
        self.moments(i)
        out = self.rounded(f"{i}.z", layer.z, self.put_out(i), *along)
        rows, inverse = (self.groups(i), self.numbers(i)), self.whole(i, "inverse")
        self.products.append(Product(*rows, (), (), self.centred(i), inverse, 1, out))

    def send_rows(self, i: int, taker: Taker) -> None:
        """G = 2^5·R·D − w2·z − w1, below a norm of rows"""
        above, name = taker.layer, f"{i}.{taker.name}"
        layer = self.network.layers[above]
        along = axes.reads(layer)
        out = self.rounded(name, taker.rounding, self.get(name, *along), *along)
        if "offset" in layer.wides:
            out += self.where_real(above, self.quotient(above, "offset"))
        z, tilt = self.put_out(above), self.quotient(above, "tilt")
        left = self.error(above, *axes.gradients(layer)).where("k", 1) + z - z.where("k", 1)
        right = 2**SENT_BITS * self.whole(above, "inverse").where("k", 1) - tilt
        right += tilt.where("k", 1)
        rows = self.groups(above), self.numbers(above)
        self.products.append(Product(*rows, (), (("k", 2),), left, right, 1, out))

    def row_gradients(self, i: int) -> None:
        """What goes into what is sent back."""
        error = self.error(i, *axes.gradients(self.network.layers[i]))
        self.fold(i, error, self.put_out(i), "correlation")
        inverse = self.whole(i, "inverse")
        if "offset" in self.network.layers[i].wides:
            total = self.error(i, *self.summed(i))
            self.multiply(i, inverse, total, self.whole(i, "offset"), 2**SENT_BITS)
        self.multiply(i, inverse, self.whole(i, "correlation"), self.whole(i, "tilt"))
