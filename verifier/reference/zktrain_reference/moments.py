"""What the relations of all norms have in common. See docs/argument.md, "Batch norms"."""

from . import axes
from .builder import real
from .norm import FINER
from .relation import SUMMED, Along, Axes, Domain, Form, Pointwise, Product, Vanishing
from .tensors import SHORT, digit_names
from .updates import Updates
from .wide import Stack


def largest(stack: Stack) -> Form:
    """The largest value of each of the short digits; of padding that of the last one."""
    form = Form() + (stack.radices[-1] - 1)
    for more, count in stack.steps:
        form += (Form() + more).where("k", count)
    return form


class Moments(Updates):
    """Mean, deviation and inverse of a group of numbers, a channel or a row, are wide integers, of
    which the sheet has the digits."""

    def whole(self, i: int, name: str, quotient: bool = False) -> Form:
        """A wide integer of layer i, or its quotient."""
        form, wide = Form(), self.network.layers[i].wides[name]
        along = axes.names(self.groups(i))
        for factor, digit in zip(wide.factors(quotient), digit_names(i, wide)):
            if factor:
                form += factor * self.get(digit, *along)
        return form

    def quotient(self, i: int, name: str) -> Form:
        """Its upper digits."""
        return self.whole(i, name, True)

    def groups(self, i: int) -> Axes:
        """What there is a wide integer of."""
        return axes.groups(self.network.layers[i], self.network.steps, self.network.batch)

    def numbers(self, i: int) -> Axes:
        """Those of a group."""
        return axes.grouped(self.network.layers[i], self.network.batch)

    def summed(self, i: int) -> tuple[Along, ...]:
        """How what is normalised follows the groups' axes, where it is summed over the numbers."""
        inside = axes.names(self.numbers(i))
        return tuple(SUMMED if x in inside else x for x in axes.reads(self.network.layers[i]))

    def where_real(self, i: int, form: Form) -> Form:
        """The form at numbers that are none of padding."""
        return real(form, Domain(self.numbers(i)))

    def real_groups(self, i: int, value: int) -> Form:
        """A constant where a group is none of padding."""
        return real(Form() + value, Domain(self.groups(i)))

    def centred(self, i: int) -> Form:
        """c = 16·A − mu"""
        form = 2**FINER * self.input(i)
        if "mean" in self.network.layers[i].wides:
            form -= self.where_real(i, self.quotient(i, "mean"))
        return form

    def multiply(self, i: int, left: Form, right: Form, out: Form, factor: int = 1) -> None:
        """A product of each group."""
        self.products.append(Product(self.groups(i), (), (), (), left, right, factor, out))

    def fold(self, i: int, left: Form, right: Form, name: str) -> None:
        """A wide integer that is a sum of products."""
        over, out = self.numbers(i), self.whole(i, name)
        self.products.append(Product(self.groups(i), (), (), over, left, right, 1, out))

    def zero(self, i: int, form: Form) -> None:
        """What is zero in each group."""
        self.vanishing.append(Vanishing(Domain(self.groups(i)), form))

    def moments(self, i: int) -> None:
        """mu, the variance, its root, and the inverse of that"""
        layer = self.network.layers[i]
        if "mean" in layer.wides:
            total = 2**FINER * self.values_of(layer.source, *self.summed(i))
            self.zero(i, self.whole(i, "mean") - total)
        self.fold(i, self.centred(i), self.centred(i), "variance")
        self.root(i)
        self.invert(i)

    def root(self, i: int) -> None:
        """sigma² is at most the variance, (sigma + 1)² is more"""
        sigma, low = self.whole(i, "deviation"), self.whole(i, "deviation_low")
        epsilon = self.real_groups(i, self.network.layers[i].norm.bounds.epsilon)
        self.multiply(i, sigma, sigma, self.quotient(i, "variance") + epsilon - low)
        self.zero(i, 2 * sigma - low - self.whole(i, "deviation_high"))

    def invert(self, i: int) -> None:
        """R·sigma is at most a power of two, (R + 1)·sigma is more"""
        sigma, low = self.whole(i, "deviation"), self.whole(i, "inverse_low")
        norm, over = self.network.layers[i].norm, Domain(self.groups(i))
        pointwise = Pointwise(over)
        for digit in digit_names(i, norm.wides["inverse"]):
            self.padding(pointwise, self._get_over(over, digit))
        self.check(pointwise)
        one = self.real_groups(i, 2**norm.bounds.inverse_bits)
        self.multiply(i, self.whole(i, "inverse"), sigma, one - low)
        rest = sigma - self.real_groups(i, 1) - low - self.whole(i, "inverse_high")
        self.zero(i, rest)

    def digits(self, i: int) -> None:
        """That digits are digits."""
        for stack in self.network.layers[i].stacks:
            over = Domain((("k", len(stack.digits)), *self.groups(i)))
            digit = self._get_over(over, f"{i}.{stack.name}")
            self.lookup(over, SHORT, digit - stack.least)
            if stack.short:
                self.lookup(over, SHORT, largest(stack) - digit)
