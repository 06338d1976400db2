"""The relations of Adam. See docs/argument.md, "The relation"."""

from . import axes
from .activations import Activations
from .adam import ONE
from .builder import HALF
from .relation import SUMMED, Along, Form, Pointwise, Preceding, Vanishing, domain
from .tensors import MOMENTS, SHORT


class Adaptive(Activations):
    """Both moments of a gradient, and the update that is their quotient."""

    def before(self, name: str, state: str, *block: Along) -> Form:
        """What the updates had at the step before, and before the first what the state has."""
        step, *rest = block
        first = self.get(state, SUMMED, *rest).where(step, 1)
        return self.get(name, Preceding(step), *rest) + first

    def adapt(self, pointwise: Pointwise, name: str, epsilon: int, block: tuple[str, ...]) -> None:
        """m and V move towards the gradient and its square, δ is c·m divided by V's root."""
        trace = axes.names(pointwise.over.axes)
        now = {m: self.get(f"{name}.{m}.update", *block) for m in MOMENTS}
        before = {
            m: self.before(f"{name}.{m}.update", f"{name}.{m}.state", *block) for m in MOMENTS
        }
        clipped = self.get(f"{name}.clip", *trace)
        delta, rest = self.get(f"{name}.update", *block), self.get(f"{name}.update.r0", *trace)
        moved = now["mean"] - before["mean"]
        key = clipped - before["mean"] + HALF
        self.lookup(pointwise.over, self.network.adam.mean, key, moved)
        for bounded in (
            now["rest"], 2 * now["root"] - now["rest"], now["low"],
            delta + HALF, rest, now["root"] + (epsilon - 1) - rest,
        ):  # fmt: skip
            self.lookup(pointwise.over, SHORT, bounded)
        self.second_moment(pointwise, now, before, clipped)
        self.quotient_of_moments(pointwise, delta, rest, now, epsilon)

    def second_moment(
        self, pointwise: Pointwise, now: dict[str, Form], before: dict[str, Form], clipped: Form
    ) -> None:
        """2^16·V + l = b2·V + l, as they were, + (2^16 − b2)·Ĝ²"""
        decay, parts = self.network.adam.second, MOMENTS[1:]
        s, rho, low = (pointwise.operand(now[m]) for m in parts)
        s_, rho_, low_ = (pointwise.fresh(before[m]) for m in parts)
        g = pointwise.operand(clipped)
        pointwise.constraints.append([
            (ONE, (s, s)), (ONE, (rho,)), (1, (low,)),
            (-decay, (s_, s_)), (-decay, (rho_,)), (-1, (low_,)), (decay - ONE, (g, g)),
        ])  # fmt: skip

    def quotient_of_moments(
        self, pointwise: Pointwise, delta: Form, rest: Form, now: dict[str, Form], epsilon: int
    ) -> None:
        """(s + e)·δ + r = c·m"""
        forms = delta, rest, now["mean"], self.get("rate", "t")
        d, r, m, c = (pointwise.operand(form) for form in forms)
        s = pointwise.operand(now["root"])
        terms = [(1, (s, d)), (epsilon, (d,)), (1, (r,)), (-1, (c, m))]
        pointwise.constraints.append(terms)

    def clock(self) -> None:
        """Each step is one more of the chain, and has the rate of its number."""
        now, over = self.get("clock.update", "t", SUMMED), domain(t=self.network.steps)
        before = self.before("clock.update", "clock.state", "t", SUMMED)
        self.vanishing.append(Vanishing(over, now - before - 1))
        self.lookup(over, self.network.adam.steps, now - 1, self.get("rate", "t"))
