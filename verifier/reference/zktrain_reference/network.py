"""Scales, multipliers and static bounds that follow from a manifest. See docs/quantization.md."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from .adam import MOST_EPSILON, MOST_GRADIENT, Adam, added, derive_adam
from .attention import Attention
from .errors import require, within
from .geometry import Image, Kernel
from .label_weights import filled, labels_of_step, weighs
from .manifest import Manifest
from .norm import FINER, SUM_BITS, Bounds, Norm, normed
from .rounding import EXACT, SHORT_HIGH, SHORT_LOW, Rounding, exact
from .row_norm import LEAST_BITS, MOST_BITS, RowBounds, row_normed
from .scaling import accurate, scaled
from .schema import (
    NORM,
    NORMS,
    PAIRED,
    PARAMETRIC,
    PASSING,
    POOLS,
    POSITIONS,
    SCALE,
    SCORES,
    SMOOTH,
    SOFTMAX,
    VALUES,
)
from .shape import SLOPE_BITS, Shape
from .softmax import MOST_INVERSE, SHARE_BITS, SHARE_SHIFT, mean_rounding, most_sent, wides_of
from .update_shift import update_shift
from .wide import Stack, Wide, stacks

PROBABILITY_BITS = 14
# Fractional bits of what a mean is multiplied with.
MEAN_BITS = 16
# What arrives at a layer has fewer bits, the sign apart.
GRADIENT_BITS = 30
# Fractional bits of derivatives that are looked up, and their largest magnitudes.
DERIVATIVE_BITS = 14
STEEPEST = {"gelu": 18496, "silu": 18020}
# Fractional bits and largest magnitude of a layer's values, or of its D.
_Sized = tuple[int, int]


@dataclass(frozen=True)
class Taker:
    """A layer that takes the values of another one, and what it sends back there: a gradient of
    its own, called `g`, `g1`, …, or, of a sum and of positions, its D times a power of two."""

    layer: int
    name: str = ""
    rounding: Rounding | None = None
    factor: int = 1


@dataclass(frozen=True)
class Layer:
    """A layer with all its scales; a convolution and a pool have a kernel, and what they put out
    is an image. Pools, sums, norms of rows and the layers of an attention have no parameters, so
    nothing that updates them. A scale has one input, and so has a batch norm, whose weight is
    gamma, and its bias is beta. With Adam `clip` is the rounding of the gradients, and there is
    none of updates.
    `source` and, where two are taken, `second` are the layers whose values are taken (`None` for
    the inputs), and `takers` those who take the values of this one, in order."""

    kind: str
    inputs: int
    outputs: int
    bias: bool
    activation: str | None
    input_bits: int
    z_bits: int
    a_bits: int
    eta: int
    z: Rounding
    takers: tuple[Taker, ...]
    d: Rounding | None
    clip: Rounding | None
    update: Rounding | None
    image: Image | None
    kernel: Kernel | None
    result: Image | None
    source: int | None
    second: int | None
    # Of a sum and of positions: what is multiplied with both values, or with value and parameter.
    factors: tuple[int, int] | None
    # Of a leaky ReLU: what a negative value is multiplied with, and the rounding of the values.
    slope: int | None
    a: Rounding | None
    norm: Norm | None
    # With Adam: what is added to a root.
    epsilon: int | None
    attention: Attention | None
    # Of a softmax: the rounding of a row's mean of D.
    row_mean: Rounding | None

    @property
    def senders(self) -> tuple[Taker, ...]:
        """The takers that send a gradient of their own."""
        return tuple(taker for taker in self.takers if taker.rounding)

    @property
    def taken(self) -> tuple[int | None, ...]:
        """The layers whose values it takes."""
        return (self.source, self.second) if self.kind in PAIRED else (self.source,)

    @property
    def weighted(self) -> bool:
        """Whether it has parameters."""
        return self.kind in PARAMETRIC

    @property
    def sum(self) -> bool:
        """Whether it is one."""
        return self.kind == "add"

    @property
    def passing(self) -> bool:
        """Whether what it sends back is its D, times a power of two."""
        return self.kind in PASSING

    @property
    def softmax(self) -> bool:
        """Whether it is one, of each row."""
        return self.kind == SOFTMAX

    @property
    def placed(self) -> bool:
        """Whether it adds a number of each position."""
        return self.kind == POSITIONS

    @property
    def scored(self) -> bool:
        """Whether it multiplies queries with keys."""
        return self.kind == SCORES

    @property
    def mixed(self) -> bool:
        """Whether it multiplies shares with values."""
        return self.kind == VALUES

    @cached_property
    def wides(self) -> dict[str, Wide]:
        """The wide integers of a norm or a softmax."""
        if self.softmax:
            return wides_of(self.attention.keys)
        return self.norm.wides if self.norm else {}

    @cached_property
    def stacks(self) -> tuple[Stack, ...]:
        """Those of its digits."""
        return stacks(self.wides.values())

    @property
    def pool(self) -> bool:
        """Whether it is one."""
        return self.kind in POOLS

    @property
    def apart(self) -> bool:
        """Whether it multiplies with weights, and its channels do not meet."""
        return self.kind in ("depthwise_conv2d", SCALE)

    @property
    def alike(self) -> bool:
        """Whether it puts out as many numbers as it takes, each from one and what is of a group."""
        return self.norm is not None or self.kind == SCALE

    @property
    def running(self) -> bool:
        """Whether it is a batch norm, which has running statistics."""
        return self.kind == NORM

    @property
    def largest(self) -> bool:
        """Whether it is a pool of the largest."""
        return self.kind == "max_pool2d"

    @property
    def parameters(self) -> int:
        """Rows of its parameters: weights of each input, the bias, running statistics."""
        return self.learned + 2 * self.running

    @property
    def learned(self) -> int:
        """Rows of those that have gradients."""
        return self.inputs + self.bias if self.weighted else 0

    @property
    def mean(self) -> int:
        """What a pool of means multiplies a sum with: 2^16 divided by the numbers of a window."""
        return rounded_mean(self.inputs)


@dataclass(frozen=True)
class Network:
    """What the relation depends on. `batch` are the rows of a step, those that fill it included;
    labels may have weights."""

    inputs: int
    image: Image | None
    outputs: int
    layers: list[Layer]
    loss: str
    one_hot: bool
    batch: int
    steps: int
    max_steps: int
    mu: int
    decay: int
    row_log: int
    adam: Adam | None
    label_weights: bool

    @property
    def result(self) -> Image | None:
        """What the last layer puts out, if that is an image; each position has a label."""
        return self.layers[-1].result

    @property
    def exp_start(self) -> int:
        """The largest power of two that fits 2^14 once for each class."""
        return 2**14 >> (self.outputs - 1).bit_length()

    @property
    def label_scale(self) -> int:
        """What a label is multiplied with in the loss gradient."""
        if self.label_weights:
            return 1
        if self.loss != "mse":
            return 2**PROBABILITY_BITS
        return 2 ** self.layers[-1].z_bits if self.one_hot else 1


def leaking(low: int, high: int) -> Rounding:
    """What a leaky ReLU makes of numbers between these ends."""
    return Rounding(SLOPE_BITS, SHORT_LOW, SHORT_HIGH, low << SLOPE_BITS, high << SLOPE_BITS)


def factors(taken: Sequence[_Sized]) -> tuple[int, ...]:
    """What the values of a sum are multiplied with, to have the fractional bits of the finer."""
    finest = max(bits for bits, _ in taken)
    return tuple(2 ** (finest - bits) for bits, _ in taken)


def rounded_mean(numbers: int) -> int:
    """2^16 divided by so many, rounded half up."""
    return (2 * 2**MEAN_BITS + numbers) // (2 * numbers)


def _equal(field: str, derived: int, got: int) -> None:
    require(derived == got, f"{field}: {got} is recorded, {derived} follows")


class _Derivation:
    """Layer by layer, from the last one down."""

    def __init__(self, manifest: Manifest) -> None:
        self.manifest, self.scales = manifest, manifest["quantization"]
        self.optimizer, self.training = manifest["optimizer"], manifest["training"]
        self.adam = self.optimizer.get("kind") == "adam"
        self.loss = manifest["model"]["loss"]
        self.batch = filled(self.training["batch"])
        self.labels = labels_of_step(self.training, manifest.layers)
        self.classes = manifest["data"]["classes"] is not None
        shapes = manifest.layers
        count = len(self.scales["layers"])
        require(count == len(shapes), "quantization.layers: one a layer, activations have none")
        bound = 2 ** self.scales["weight_init_bits"] + self.training["max_steps"] * 2**15
        self.weight_bits = (bound - 1).bit_length()
        require(
            self.weight_bits <= 31, "training.max_steps: parameters could need more than 31 bits"
        )

    def multipliers(self) -> None:
        """The update's shift, mu and lambda."""
        momentum = self.optimizer["momentum"]
        rate, decay = self.optimizer["learning_rate"], self.optimizer["weight_decay"]
        self.shift = update_shift(self.manifest["version"], rate, decay)
        _equal("quantization.mu", scaled(momentum, self.shift), self.scales["mu"])
        _equal("quantization.lambda", scaled(rate * decay, self.shift), self.scales["lambda"])
        require(momentum == 0 or self.scales["mu"] != 0, "optimizer.momentum: rounds to zero")

    def values(self) -> dict[int | None, _Sized]:
        """Fractional bits and largest magnitude of the values of each layer, and of the inputs."""
        found: dict[int | None, _Sized] = {None: (self.scales["input_frac"], 2**15)}
        for i, (shape, scales) in enumerate(zip(self.manifest.layers, self.scales["layers"])):
            smooth = shape.activation in SMOOTH
            a_frac = scales["a_frac"]
            require(
                (a_frac is not None) == smooth, f"quantization.layers[{i}].a_frac: where it belongs"
            )
            if smooth:
                found[i] = a_frac, 2**a_frac
            else:
                found[i] = scales["z_frac"], 2**15 - (shape.activation is not None)
        return found

    def layers(self) -> list[Layer]:
        """All of them."""
        self.sizes, count = self.values(), len(self.manifest.layers)
        self.found: dict[int, Layer] = {}
        self.errors: dict[int, _Sized] = {}
        for i in reversed(range(count)):
            self.found[i] = self.layer(i, self.sizes)
        return [self.found[i] for i in range(count)]

    def layer(self, i: int, values: dict[int | None, _Sized]) -> Layer:
        """One of them, when all that take its values have been found."""
        shape, scales = self.manifest.layers[i], self.scales["layers"][i]
        field, a_in = f"quantization.layers[{i}]", values[shape.source]
        taken = [values[k] for k in shape.taken]
        z = self.forward(field, shape, scales["z_frac"], *taken)
        takers = self.takers(field, i, scales["grad_frac"])
        d = self.gradient(field, shape, scales, values[i][0], takers, i)
        norm = self.norm(field, shape, scales["z_frac"], a_in, self.errors[i][1])
        clip = update = epsilon = None
        if shape.kind not in PARAMETRIC:
            self.no_update(field, scales)
        elif self.adam:
            clip = self.averaged(field, scales, *self.sums(shape, a_in, self.errors[i]))
            epsilon = self.added(field, scales)
        else:
            clip, update = self.update(field, scales, *self.sums(shape, a_in, self.errors[i]))
        return Layer(
            shape.kind, shape.inputs, shape.outputs, shape.bias, shape.activation,
            a_in[0], scales["z_frac"], values[i][0], scales["eta"], z, takers, d, clip, update,
            shape.image, shape.kernel, shape.result, shape.source, shape.second,
            self.factors(shape, taken), shape.slope,
            leaking(SHORT_LOW, SHORT_HIGH) if shape.slope else None, norm, epsilon,
            shape.attention, self.row_mean(field, shape, self.errors[i][1]),
        )  # fmt: skip

    def parameter(self) -> _Sized:
        """Fractional bits of a parameter, and how large it can be."""
        return self.scales["weight_frac"], 2**self.weight_bits

    def factors(self, shape: Shape, taken: Sequence[_Sized]) -> tuple[int, ...] | None:
        """What a sum or positions multiply with."""
        if shape.kind not in PASSING:
            return None
        return factors([*taken, self.parameter()] if shape.kind == POSITIONS else taken)

    def row_mean(self, field: str, shape: Shape, error: int) -> Rounding | None:
        """Of a softmax the rounding of a row's mean."""
        if shape.kind != SOFTMAX:
            return None
        return mean_rounding(shape.attention.keys, error).check(f"{field}.grad_frac")

    def rows(self, shape: Shape) -> int:
        """Samples, times positions of what is put out."""
        return self.batch * (shape.result.positions if shape.result else 1)

    def norm(
        self, field: str, shape: Shape, frac: int, a_in: _Sized, error: int
    ) -> Norm | None:
        """What a norm has beside the scales of others."""
        if shape.kind not in NORMS:
            return None
        bounds = self.norm_bounds(field, shape, frac, a_in)
        return normed(field, bounds, error) if shape.kind == NORM else row_normed(bounds, error)

    def bounds(self, shape: Shape, a_in: _Sized) -> Bounds:
        """Of a batch norm."""
        least = a_in[0] + FINER
        require(
            self.scales["weight_init_bits"] > least,
            f"quantization.weight_init_bits: running statistics need more than {least}",
        )
        return Bounds(self.rows(shape), *a_in, self.scales["weight_frac"], self.weight_bits)

    def norm_bounds(
        self, field: str, shape: Shape, frac: int, a_in: _Sized
    ) -> Bounds | RowBounds:
        """Of a norm."""
        if shape.kind == NORM:
            return self.bounds(shape, a_in)
        within(f"{field}.z_frac", LEAST_BITS, MOST_BITS, frac)
        return RowBounds(shape.inputs, *a_in, frac, shape.kind == "layer_norm")

    def forward(self, field: str, shape: Shape, frac: int, *taken: _Sized) -> Rounding:
        """The rounding of z."""
        in_bits, in_most = taken[0]
        if shape.kind == "max_pool2d":
            require(frac == in_bits, f"{field}.z_frac: the largest has the {in_bits} bits it had")
            return EXACT
        if shape.kind in NORMS:
            bounds = self.norm_bounds(field, shape, frac, taken[0])
            most, shift = bounds.wide, bounds.bits_of_z - frac
        elif shape.kind in PASSING:
            added = [*taken, self.parameter()] if shape.kind == POSITIONS else taken
            most = sum(factor * size for factor, (_, size) in zip(factors(added), added))
            shift = max(bits for bits, _ in added) - frac
        elif shape.attention:
            most, shift = self.attending(field, shape, frac, *taken)
        elif shape.kind == "avg_pool2d":
            most = rounded_mean(shape.inputs) * shape.inputs * in_most
            shift = in_bits + MEAN_BITS - frac
        else:
            most = (shape.inputs * in_most + (2**in_bits if shape.bias else 0)) << self.weight_bits
            shift = in_bits + self.scales["weight_frac"] - frac
        return Rounding(shift, SHORT_LOW, SHORT_HIGH, -most, most).check(f"{field}.z_frac")

    def attending(
        self, field: str, shape: Shape, frac: int, one: _Sized, *other: _Sized
    ) -> tuple[int, int]:
        """The largest X of a layer of an attention, and the shift of z."""
        attention = shape.attention
        if shape.kind == SOFTMAX:
            require(frac == SHARE_BITS, f"{field}.z_frac: of a softmax {SHARE_BITS}")
            return MOST_INVERSE << SHARE_BITS, SHARE_SHIFT
        ((bits, most),) = other
        bits, most = one[0] + bits - frac, one[1] * most
        if shape.kind == VALUES:
            return attention.keys * most, bits
        return attention.factor * attention.size * most, bits + attention.shift

    def attended(self, frac: int, i: int, k: int) -> tuple[int, int]:
        """The largest X that layer k of an attention sends to layer i, and the shift."""
        layer, (bits, most) = self.found[k], self.errors[k]
        if layer.softmax:
            return most_sent(most), SHARE_BITS + bits - frac
        first, attention = layer.source == i, layer.attention
        other_bits, other_most = self.sizes[layer.second if first else layer.source]
        bits, most = bits + other_bits - frac, most * other_most
        if layer.mixed:
            return (attention.size if first else attention.queries) * most, bits
        count = attention.keys if first else attention.queries
        return attention.factor * count * most, bits + attention.shift

    def takers(self, field: str, i: int, frac: int | None) -> tuple[Taker, ...]:
        """All that take the values of a layer, and what they send back."""
        above = [k for k, shape in enumerate(self.manifest.layers) if i in shape.taken]
        require((frac is None) == (not above), f"{field}.grad_frac: below the last layer only")
        found, senders = [], 0
        for k in above:
            bits, _ = self.errors[k]
            if self.found[k].passing:
                called = "an add" if self.found[k].sum else "positions"
                require(frac >= bits, f"{field}.grad_frac: before {called} at least {bits}")
                found.append(Taker(k, factor=2 ** (frac - bits)))
            else:
                rounding = self.backward(field, frac, i, k)
                found.append(Taker(k, f"g{senders}" if senders else "g", rounding))
                senders += 1
        return tuple(found)

    def backward(self, field: str, frac: int, i: int, k: int) -> Rounding:
        """The rounding of the g that layer i gets from layer k."""
        layer, (bits, most) = self.found[k], self.errors[k]
        if layer.largest:
            require(frac == bits, f"{field}.grad_frac: before a max_pool2d {bits}")
            return exact(most)
        if layer.norm:
            bounds = layer.norm.bounds
            most, shift = bounds.sent(most), bounds.bits_of_sent + bits - frac
        elif layer.attention:
            most, shift = self.attended(frac, i, k)
        elif layer.pool:
            most, shift = layer.mean * most, bits + MEAN_BITS - frac
        else:
            overlap = layer.kernel.overlap if layer.kernel else 1
            met = 1 if layer.apart else layer.outputs
            most = met * overlap * most << self.weight_bits
            shift = bits + self.scales["weight_frac"] - frac
        return Rounding(shift, SHORT_LOW, SHORT_HIGH, -most, most).check(f"{field}.grad_frac")

    def no_update(self, field: str, scales) -> None:
        """That nothing is said of an update."""
        require(scales["eta"] == 0, f"{field}.eta: of a layer without parameters it is zero")
        for name in ("clip_frac", "clip_bound"):
            require(scales[name] is None, f"{field}.{name}: a layer without parameters has none")

    def sums(self, shape: Shape, a_in: _Sized, error: _Sized) -> _Sized:
        """Fractional bits and largest magnitude of gradients, summed over the batch."""
        if shape.kind == NORM:
            return SUM_BITS + error[0], self.bounds(shape, a_in).gain(error[1])
        if shape.kind == POSITIONS:
            return error[0], self.batch * error[1]
        largest = max(a_in[1], 2 ** a_in[0])
        return a_in[0] + error[0], self.rows(shape) * largest * error[1]

    def averaged(self, field: str, scales, sum_bits: int, sum_most: int) -> Rounding:
        """With Adam the rounding of the gradient's sum that moments are made of."""
        frac = scales["clip_frac"]
        require(scales["eta"] == 0, f"{field}.eta: with adam it is zero")
        require(scales["clip_bound"] is None, f"{field}.clip_bound: with clipping only")
        require(frac is not None, f"{field}.clip_frac: with adam it is required")
        ends = -MOST_GRADIENT, MOST_GRADIENT
        return Rounding(sum_bits - frac, *ends, -sum_most, sum_most).check(f"{field}.clip_frac")

    def added(self, field: str, scales) -> int:
        """What is added to a root of the second moment."""
        found = added(self.optimizer["epsilon"], self.labels, scales["clip_frac"])
        require(found <= MOST_EPSILON, f"{field}.clip_frac: with it epsilon is {found} units")
        return found

    def update(self, field: str, scales, sum_bits: int, sum_most: int):
        """The roundings of the gradient's sum, with clipping, and of the update."""
        clip, step_bits, step_most = self.clip(field, scales, sum_bits, sum_most)
        eta = scales["eta"]
        rate = self.optimizer["learning_rate"] / float(self.labels)
        exponent = self.scales["weight_frac"] + self.shift - step_bits
        _equal(f"{field}.eta", scaled(rate, exponent), eta)
        require(1 <= eta < 2**31, f"{field}.eta: {eta} is not in 1 … 2^31 − 1")
        accurate(f"{field}.eta", rate, exponent, eta)
        most = self.scales["mu"] * 2**15 + eta * step_most
        most += self.scales["lambda"] << self.weight_bits
        update = Rounding(self.shift, SHORT_LOW, SHORT_HIGH, -most, most).check(f"{field}.eta")
        return clip, update

    def gradient(self, field, shape, scales, a_bits, takers, i) -> Rounding | None:
        """The rounding of D, if it has one; D's fractional bits and largest magnitude are noted."""
        frac = scales["grad_frac"]
        if not takers:
            self.errors[i] = self.last(field, scales)
            return None
        low, high = self.arriving(takers)
        most = max(-low, high)
        require(most < 2**GRADIENT_BITS, f"{field}.grad_frac: a sum of gradients is too large")
        if shape.activation in (None, "relu"):
            self.errors[i] = frac, most
            return None
        sigmoid = shape.activation == "sigmoid"
        self.errors[i] = frac + 2 * sigmoid, 2**15
        if shape.activation == "leaky_relu":
            d = leaking(low, high)
        elif shape.activation in STEEPEST:
            steepest = STEEPEST[shape.activation]
            ends = steepest * low, steepest * high
            d = Rounding(DERIVATIVE_BITS, SHORT_LOW, SHORT_HIGH, *ends)
        else:
            peak = 2 * a_bits - 2 * sigmoid
            d = Rounding(peak, SHORT_LOW, SHORT_HIGH, low << peak, high << peak)
        return d.check(f"{field}.grad_frac")

    def last(self, field: str, scales) -> _Sized:
        """Fractional bits and largest magnitude of the last layer's D."""
        if self.loss != "mse":
            return PROBABILITY_BITS, 2**14
        if self.classes:
            require(scales["z_frac"] <= 14, f"{field}.z_frac: a one-hot target has to fit")
        return scales["z_frac"], 2**16

    def arriving(self, takers: tuple[Taker, ...]) -> tuple[int, int]:
        """The least and the most that the sum of what is sent to a layer can be."""
        low = high = 0
        for taker in takers:
            if taker.rounding:
                low, high = low + taker.rounding.low, high + taker.rounding.high
            else:
                most = taker.factor * self.errors[taker.layer][1]
                low, high = low - most, high + most
        return low, high

    def clip(self, field, scales, sum_bits, sum_most):
        """Clipping of the gradient sum; fractional bits and largest magnitude of what is left."""
        frac, bound = scales["clip_frac"], scales["clip_bound"]
        wanted = self.optimizer["clip"]
        for name, value in (("clip_frac", frac), ("clip_bound", bound)):
            require(
                (value is not None) == (wanted is not None), f"{field}.{name}: with clipping only"
            )
        if wanted is None:
            return None, sum_bits, sum_most
        _equal(f"{field}.clip_bound", scaled(wanted * float(self.labels), frac), bound)
        require(1 <= bound <= SHORT_HIGH, f"{field}.clip_bound: {bound} is not in 1 … 32767")
        rounding = Rounding(sum_bits - frac, -bound, bound, -sum_most, sum_most)
        return rounding.check(f"{field}.clip_frac"), frac, bound


def derive(manifest: Manifest) -> Network:
    """The network, or a rejection."""
    derivation = _Derivation(manifest)
    derivation.multipliers()
    layers = derivation.layers()
    optimizer = manifest["optimizer"]
    training, scales = manifest["training"], manifest["quantization"]
    return Network(
        manifest["model"]["input"], layers[0].image,
        layers[-1].outputs, layers, manifest["model"]["loss"],
        manifest["model"]["loss"] != "logistic" and derivation.classes,
        derivation.batch, training["steps_per_proof"], training["max_steps"],
        scales["mu"], scales["lambda"], scales["row_log"],
        derive_adam(optimizer, training["max_steps"], scales["weight_frac"])
        if derivation.adam else None,
        weighs(manifest),
    )  # fmt: skip
