"""The relations of batch norms. See docs/argument.md, "Batch norms"."""

from . import axes
from .builder import real
from .network import Layer, Taker
from .norm import DIGIT, FINER, INVERSE_BITS, MOVE, SCALE_BITS, SENT_BITS, SUM_BITS
from .relation import SUMMED, Along, Axes, Domain, Form, Pointwise, Product, Vanishing, domain
from .tensors import SHORT, digit_names
from .updates import Updates

CHANNEL = ("n", "t")


class BatchNorms(Updates):
    """What is of a channel is a wide integer, of which the sheet has the digits."""

    def whole(self, i: int, name: str, quotient: bool = False) -> Form:
        """A wide integer of layer i, or its quotient."""
        form, wide = Form(), self.network.layers[i].norm.wides[name]
        for factor, digit in zip(wide.factors(quotient), digit_names(i, wide)):
            if factor:
                form += factor * self.get(digit, *CHANNEL)
        return form

    def quotient(self, i: int, name: str) -> Form:
        """Its upper digits."""
        return self.whole(i, name, True)

    def channels(self, i: int) -> Axes:
        """Channels and steps."""
        return domain(n=self.network.layers[i].outputs, t=self.network.steps).axes

    def numbers(self, i: int) -> Axes:
        """Samples and positions."""
        places = axes.positions(self.network.layers[i].image)
        return (("b", self.network.batch), *places)

    def where_real(self, i: int, form: Form) -> Form:
        """The form at positions of the image."""
        return real(form, Domain(axes.positions(self.network.layers[i].image)))

    def centred(self, i: int) -> Form:
        """c = 16·A − mu"""
        return 2**FINER * self.input(i) - self.where_real(i, self.quotient(i, "mean"))

    def multiply(self, i: int, left: Form, right: Form, out: Form, factor: int = 1) -> None:
        """A product of each channel."""
        self.products.append(Product(self.channels(i), (), (), (), left, right, factor, out))

    def fold(self, i: int, left: Form, right: Form, name: str) -> None:
        """A wide integer that is a sum of products."""
        over, out = self.numbers(i), self.whole(i, name)
        self.products.append(Product(self.channels(i), (), (), over, left, right, 1, out))

    def zero(self, i: int, form: Form) -> None:
        """What is zero in each channel."""
        self.vanishing.append(Vanishing(Domain(self.channels(i)), form))

    def normalize(self, i: int) -> None:
        """Statistics of the batch, and z = a·c + beta"""
        layer, bounds = self.network.layers[i], self.network.layers[i].norm.bounds
        self.moments(i)
        self.root(i)
        self.invert(i)
        inverse, scale = self.whole(i, "inverse"), self.quotient(i, "scale")
        self.multiply(i, self.weights(i, "w", "t", "n"), inverse, self.whole(i, "scale"))
        along = axes.reads(layer)
        out = self.rounded(f"{i}.z", layer.z, self.get(f"{i}.z", *along), *along)
        bias = 2 ** (bounds.bits_of_z - bounds.frac) * self.weights(i, "b", "t", "n")
        out -= self.where_real(i, bias)
        factor, numbers = 2 ** (bounds.bits_of_z - SCALE_BITS), self.numbers(i)
        product = (self.channels(i), numbers, (), (), self.centred(i), scale, factor, out)
        self.products.append(Product(*product))

    def moments(self, i: int) -> None:
        """mu and the variance"""
        layer = self.network.layers[i]
        summed: list[Along] = [SUMMED for _ in self.numbers(i)]
        total = 2**FINER * self.values_of(layer.source, *CHANNEL, *summed)
        self.zero(i, self.whole(i, "mean") - total)
        self.fold(i, self.centred(i), self.centred(i), "variance")

    def root(self, i: int) -> None:
        """sigma² is at most the variance, (sigma + 1)² is more"""
        sigma, low = self.whole(i, "deviation"), self.whole(i, "deviation_low")
        epsilon = self.real_channels(i, self.network.layers[i].norm.bounds.epsilon)
        self.multiply(i, sigma, sigma, self.quotient(i, "variance") + epsilon - low)
        self.zero(i, 2 * sigma - low - self.whole(i, "deviation_high"))

    def invert(self, i: int) -> None:
        """R·sigma is at most 2^36, (R + 1)·sigma is more"""
        sigma, low = self.whole(i, "deviation"), self.whole(i, "inverse_low")
        pointwise = Pointwise(Domain(self.channels(i)))
        wide = self.network.layers[i].norm.wides["inverse"]
        for digit in digit_names(i, wide):
            self.padding(pointwise, self.get(digit, *CHANNEL))
        self.check(pointwise)
        one = self.real_channels(i, 2**INVERSE_BITS)
        self.multiply(i, self.whole(i, "inverse"), sigma, one - low)
        rest = sigma - self.real_channels(i, 1) - low - self.whole(i, "inverse_high")
        self.zero(i, rest)

    def real_channels(self, i: int, value: int) -> Form:
        """A constant where a channel is none of padding."""
        return real(Form() + value, Domain(self.channels(i)))

    def digits(self, i: int) -> None:
        """That digits are digits."""
        over = Domain(self.channels(i))
        for wide in self.network.layers[i].norm.wides.values():
            for k, (name, radix) in enumerate(zip(digit_names(i, wide), wide.radices)):
                digit = self.get(name, *CHANNEL)
                self.lookup(over, SHORT, digit - wide.least(k))
                if radix != DIGIT:
                    self.lookup(over, SHORT, -1 * digit + (radix - 1))

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
        rows = self.channels(above), self.numbers(above)
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
