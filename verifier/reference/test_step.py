"""Training steps, against the document's example and its formulas."""

import math
import random
import unittest
from itertools import product

from adam_formulas import AdamFormulas
from attention_formulas import AttentionFormulas
from networks import (
    GELU,
    LEAKY,
    RELU,
    SIGMOID,
    SILU,
    TANH,
    add,
    convolution,
    depthwise,
    largest,
    layer_norm,
    leaky,
    linear,
    mean,
    mixed,
    network,
    norm,
    placed,
    rms_norm,
    scale,
    scores,
    softmax,
    with_pools,
)
from norm_formulas import NormFormulas, RowFormulas
from zktrain_reference.network import Layer, Network, Rounding
from zktrain_reference.step import Matrix, Row, Step, round_sat
from zktrain_reference.tables import Table

LOSSES = ("softmax-cross-entropy", "logistic", "mse")


def rounded(x: int, shift: int, low: int = -(2**15), high: int = 2**15 - 1) -> int:
    """round_sat's quotient, with Python's division."""
    return min(max((2 * x + 2**shift) // 2 ** (shift + 1), low), high)


def zeros(layer: Layer) -> Matrix:
    """As many zeros as a layer has parameters."""
    return [[0] * layer.outputs for _ in range(layer.parameters)]


def normal(x: float) -> float:
    """Φ, by another function than the tables have it."""
    return (1 + math.erf(x / math.sqrt(2))) / 2


def logistic(x: float) -> float:
    """σ, likewise."""
    return (1 + math.tanh(x / 2)) / 2


class Literal:
    """The document's formulas for images, index by index: `A[y, x, c]`, `W[u, v, c, o]`. What is no
    image has one position, and what reads an image as a whole a kernel of its size."""

    # Of an update; a small weight decay has more.
    shift = 16

    def __init__(self, net: Network, weights: list[Matrix], state: list[Matrix]) -> None:
        self.net, self.weights, self.state, self.done = net, weights, state, 0
        adam = net.adam
        self.adam = adam and {
            i: AdamFormulas(adam.first, adam.second, layer.epsilon)
            for i, layer in enumerate(net.layers) if layer.parameters
        }  # fmt: skip

    def shape(self, i: int):
        """Height, width, channels, kernel's rows and columns, stride, padding, positions."""
        layer = self.net.layers[i]
        if layer.image is None:
            return (1, 1, layer.inputs), (1, 1), 1, 0, (1, 1)
        image = layer.image.height, layer.image.width, layer.image.channels
        if layer.kernel is None:
            return image, image[:2], 1, 0, (1, 1)
        k, s, p = layer.kernel.size, layer.kernel.stride, layer.kernel.padding
        windows = tuple((n + 2 * p - k) // s + 1 for n in image[:2])
        return image, (k, k), s, p, windows

    def reads(self, i: int):
        """Position, weight and number of the image of all products of a layer."""
        (height, width, channels), kernel, s, p, windows = self.shape(i)
        for a, b, u, v in product(*map(range, (*windows, *kernel))):
            y, x = s * a + u - p, s * b + v - p
            if 0 <= y < height and 0 <= x < width:
                for c in range(channels):
                    weight = (u * kernel[1] + v) * channels + c
                    yield a * windows[1] + b, weight, (y * width + x) * channels + c

    def multiplied(self, i: int):
        """Numbers of what is put out, the weight's row and column, numbers of what is read."""
        layer, n = self.net.layers[i], self.net.layers[i].outputs
        if layer.kind == "scale":
            count = layer.image.numbers if layer.image else n
            yield from ((number, 0, number % n, number) for number in range(count))
            return
        for position, weight, number in self.reads(i):
            if layer.kind == "depthwise_conv2d":
                place, c = divmod(weight, n)
                yield position * n + c, place, c, number
            else:
                for o in range(n):
                    yield position * n + o, weight, o, number

    def run(self, inputs: Matrix, labels: Matrix) -> None:
        """One step."""
        values = self.values = {None: inputs}
        wide, updates, errors, last = [], [], {}, len(self.net.layers) - 1
        self.norms: dict[int, NormFormulas] = {}
        for i, layer in enumerate(self.net.layers):
            if layer.kind == "batch_norm":
                self.measure(i, values[layer.source])
            wide.append([self.forward(i, *rows) for rows in zip(*(values[k] for k in layer.taken))])
            values[i] = [self.activation(layer, row) for row in wide[i]]
        for i in reversed(range(last + 1)):
            if i == last:
                errors[i] = [self.loss(z, y) for z, y in zip(wide[i], labels)]
            else:
                above = [k for k in range(i + 1, last + 1) if i in self.net.layers[k].taken]
                errors[i] = [
                    self.backward(i, z, a, {k: errors[k][b] for k in above}, b)
                    for b, (z, a) in enumerate(zip(wide[i], values[i]))
                ]
            updates.insert(0, self.update(i, values[self.net.layers[i].source], errors[i]))
        for weights, update in zip(self.weights, updates):
            for row, delta in zip(weights, update):
                row[:] = [w - d for w, d in zip(row, delta)]
        self.state = updates
        self.done += 1

    def measure(self, i: int, rows: Matrix) -> None:
        """The statistics of a batch norm."""
        f = self.bits(self.net.layers[i].source)[0]
        self.norms[i] = NormFormulas(f, 10, self.weights[i][0], rows)

    def positions(self, i: int) -> int:
        """How many a layer with weights has."""
        layer, windows = self.net.layers[i], self.shape(i)[4]
        if layer.kind == "scale" and layer.image:
            return layer.image.height * layer.image.width
        return windows[0] * windows[1]

    def rows(self, i: int, a: Row) -> RowFormulas:
        """The rows of a sample, in a norm of rows."""
        layer = self.net.layers[i]
        f = self.bits(layer.source)[0]
        return RowFormulas(f, layer.outputs, layer.kind == "layer_norm", a)

    def covered(self, i: int):
        """Number of the image and of its window, of all that a pool reads, row by row."""
        layer = self.net.layers[i]
        k, channels = layer.kernel.size, layer.image.channels
        height, width = layer.image.height, layer.image.width
        for y, x, c in product(range(height), range(width), range(channels)):
            window = (y // k * (width // k) + x // k) * channels + c
            yield (y * width + x) * channels + c, window

    def firsts(self, i: int, a: Row) -> dict[int, int]:
        """By window, the number that a pool of the largest takes."""
        found: dict[int, int] = {}
        for number, window in self.covered(i):
            if window not in found or a[number] > a[found[window]]:
                found[window] = number
        return found

    def mean(self, i: int) -> int:
        """What a pool of means multiplies with."""
        return round(65536 / self.net.layers[i].kernel.size ** 2)

    def pooled(self, i: int, a: Row) -> Row:
        layer, firsts = self.net.layers[i], self.firsts(i, a)
        if layer.kind == "max_pool2d":
            return [a[firsts[window]] for window in range(len(firsts))]
        sums = [0] * len(firsts)
        for number, window in self.covered(i):
            sums[window] += a[number]
        return [rounded(self.mean(i) * v, layer.input_bits + 16 - layer.z_bits) for v in sums]

    def spread(self, i: int, a: Row, d: Row) -> Row:
        """X of what a pool sends back."""
        firsts, x = self.firsts(i, a), [0] * len(a)
        for number, window in self.covered(i):
            if self.net.layers[i].kind == "avg_pool2d":
                x[number] = self.mean(i) * d[window]
            elif firsts[window] == number:
                x[number] = d[window]
        return x

    def bits(self, i: int | None) -> tuple[int, int]:
        """Fractional bits of what a layer puts out, and of its D; of the inputs their own."""
        if i is None:
            return 6, 0
        layer = self.net.layers[i]
        smooth = layer.activation in ("sigmoid", "tanh")
        return 8 if smooth else layer.z_bits, self.gradient(i) + 2 * (layer.activation == "sigmoid")

    def gradient(self, i: int) -> int:
        """Fractional bits of what arrives at a layer, as the networks of tests have them."""
        above = [k for k, layer in enumerate(self.net.layers) if i in layer.taken]
        if not above:
            return 8 if self.net.loss == "mse" else 14
        exact = [k for k in above if self.net.layers[k].kind == "max_pool2d"]
        passing = ("add", "positions")
        sums = [self.bits(k)[1] for k in above if self.net.layers[k].kind in passing]
        return self.bits(exact[0])[1] if exact else max([10, *sums])

    def sum(self, i: int, *rows: Row) -> Row:
        """What an add puts out."""
        layer = self.net.layers[i]
        bits = [self.bits(k)[0] for k in layer.taken]
        finer = max(bits)
        pairs = [[x << finer - n for n, x in zip(bits, pair)] for pair in zip(*rows)]
        return [rounded(sum(pair), finer - layer.z_bits) for pair in pairs]

    def forward(self, i: int, a: Row, *other: Row) -> Row:
        layer, n, weights = self.net.layers[i], self.net.layers[i].outputs, self.weights[i]
        if layer.attention:
            return self.attend(i, a, *other)
        if layer.kind == "positions":
            return self.place(i, a)
        if other:
            return self.sum(i, a, *other)
        if layer.pool:
            return self.pooled(i, a)
        if i in self.norms:
            x, bits = self.norms[i].x(weights[1], a)
            return [rounded(v, bits - layer.z_bits) for v in x]
        if layer.kind in ("layer_norm", "rms_norm"):
            return [rounded(v, 26 - layer.z_bits) for v in self.rows(i, a).x()]
        one = 2**layer.input_bits
        bias = [one * b for b in weights[-1]] if layer.bias else [0] * n
        x = bias * self.positions(i)
        for put, weight, o, number in self.multiplied(i):
            x[put] += a[number] * weights[weight][o]
        return [rounded(v, layer.z.shift) for v in x]

    def attention(self, i: int) -> AttentionFormulas:
        """Of an attention's layer."""
        layer = self.net.layers[i]
        if layer.kind == "attention_scores":
            image = layer.result
            return AttentionFormulas(image.channels, image.height, image.width)
        image = layer.image
        return AttentionFormulas(image.channels, image.height, image.width)

    def attend(self, i: int, a: Row, *other: Row) -> Row:
        layer, of = self.net.layers[i], self.attention(i)
        both = sum(self.bits(k)[0] for k in layer.taken) - layer.z_bits
        if layer.kind == "softmax":
            return of.softmax(a, self.bits(layer.source)[0], layer.attention.causal)
        if layer.kind == "attention_values":
            return [rounded(x, both) for x in of.values(a, *other)]
        x, s = of.scores(a, *other)
        return [rounded(v, both + s) for v in x]

    def place(self, i: int, a: Row) -> Row:
        """What positions put out."""
        layer, bits = self.net.layers[i], self.bits(self.net.layers[i].source)[0]
        finer, numbers = max(bits, 10), [w for row in self.weights[i] for w in row]
        pairs = zip(a, numbers, strict=True)
        x = [(v << finer - bits) + (w << finer - 10) for v, w in pairs]
        return [rounded(v, finer - layer.z_bits) for v in x]

    def attended(self, i: int, k: int, sample: int, d: Row) -> Row:
        """What a layer of an attention sends to layer i."""
        layer, of, first = self.net.layers[k], self.attention(k), self.net.layers[k].source == i
        to, bits = self.gradient(i), self.bits(k)[1]
        if layer.kind == "softmax":
            shares = self.forward(k, self.values[i][sample])
            return [rounded(x, 14 + bits - to) for x in of.softmax_back(shares, d)]
        other = layer.taken[1 if first else 0]
        a, s = self.values[other][sample], 0
        if layer.kind == "attention_scores":
            x, s = of.scores_back(d, a, first)
        else:
            x = of.values_back(d, a, first)
        return [rounded(v, bits + self.bits(other)[0] + s - to) for v in x]

    def activation(self, layer: Layer, z: Row) -> Row:
        if layer.activation is None:
            return z
        if layer.activation == "relu":
            return [v if v > 0 else 0 for v in z]
        if layer.activation == "leaky_relu":
            return [v if v >= 0 else rounded(layer.slope * v, 16) for v in z]
        if layer.activation == "gelu":
            return [math.floor(v * normal(v / 2**layer.z_bits) + 0.5) for v in z]
        if layer.activation == "silu":
            return [math.floor(v * logistic(v / 2**layer.z_bits) + 0.5) for v in z]
        values = Table(layer.activation, layer.z_bits, layer.a_bits).values()
        return [values[v + 2**15] for v in z]

    def loss(self, z: Row, y: Row) -> Row:
        if self.net.loss == "mse":
            return [a - 2**8 * b for a, b in zip(z, y)]
        if self.net.loss == "logistic":
            return [Table("sigmoid", 8, 14).values()[z[0] + 2**15] - 2**14 * y[0]]
        start = {2: 2**13, 3: 2**12}[len(z)]
        e = [Table("exp", 8, start).values()[max(z) - v] for v in z]
        return [(2**15 * v + sum(e)) // (2 * sum(e)) - 2**14 * b for v, b in zip(e, y)]

    def sent(self, i: int, k: int, a: Row, d: Row, sample: int) -> Row:
        """What layer k sends to layer i."""
        layer, x = self.net.layers[k], [0] * len(a)
        to, of = self.gradient(i), self.bits(k)[1]
        if layer.kind in ("add", "positions"):
            return [2 ** (to - of) * v for v in d]
        if layer.attention:
            return self.attended(i, k, sample, d)
        if layer.kind == "max_pool2d":
            return self.spread(k, a, d)
        if layer.pool:
            return [rounded(v, of + 16 - to) for v in self.spread(k, a, d)]
        if k in self.norms:
            x, bits = self.norms[k].sent(a, d)
            return [rounded(v, bits + of - to) for v in x]
        if layer.kind in ("layer_norm", "rms_norm"):
            x, bits = self.rows(k, a).sent(self.forward(k, a), layer.z_bits, d)
            return [rounded(v, bits + of - to) for v in x]
        for put, weight, o, number in self.multiplied(k):
            x[number] += d[put] * self.weights[k][weight][o]
        return [rounded(v, of + 10 - to) for v in x]

    def backward(self, i: int, z: Row, a: Row, errors: dict[int, Row], sample: int) -> Row:
        layer = self.net.layers[i]
        sent = [self.sent(i, k, a, d, sample) for k, d in errors.items()]
        g = [sum(numbers) for numbers in zip(*sent)]
        if layer.activation == "relu":
            return [h if v >= 0 else 0 for v, h in zip(z, g)]
        if layer.activation == "sigmoid":
            return [rounded(v * (2**8 - v) * h, 14) for v, h in zip(a, g)]
        if layer.activation == "tanh":
            return [rounded((2**16 - v * v) * h, 16) for v, h in zip(a, g)]
        if layer.activation == "leaky_relu":
            ends = -(2**15), 2**15 - 1
            passed = [min(max(h, ends[0]), ends[1]) for h in g]
            leaked = [rounded(layer.slope * h, 16) for h in g]
            return [p if v >= 0 else q for v, p, q in zip(z, passed, leaked)]
        if layer.activation in ("gelu", "silu"):
            return [rounded(self.steep(layer, v) * h, 14) for v, h in zip(z, g)]
        return g

    def steep(self, layer: Layer, z: int) -> int:
        """The derivative of GELU and SiLU, with 14 bits."""
        x = z / 2**layer.z_bits
        if layer.activation == "gelu":
            density = math.exp(-x * x / 2) / math.sqrt(2 * math.pi)
            return math.floor(2**14 * (normal(x) + x * density) + 0.5)
        return math.floor(2**14 * logistic(x) * (1 + x * logistic(-x)) + 0.5)

    def update(self, i: int, rows: Matrix, errors: Matrix) -> Matrix:
        layer = self.net.layers[i]
        if not layer.parameters:
            return []
        sums = self.norms[i].backward(errors) if i in self.norms else self.sums(i, rows, errors)
        if layer.clip:
            shift, most = layer.clip.shift, layer.clip.high
            sums = [[rounded(g, shift, -most, most) for g in row] for row in sums]
        if self.adam:
            updates = self.adam[i].step(self.net.adam.rates[self.done], sums)
        else:
            updates = self.descent(i, sums)
        return updates + (self.statistics(i) if i in self.norms else [])

    def descent(self, i: int, sums: Matrix) -> Matrix:
        """The updates of what is no running statistic, without Adam."""
        net, eta, shift = self.net, self.net.layers[i].eta, self.shift
        parts = zip(self.state[i], sums, self.weights[i])
        return [
            [rounded(net.mu * s + eta * g + net.decay * w, shift) for s, g, w in zip(*rows)]
            for rows in parts
        ]

    def sums(self, i: int, rows: Matrix, errors: Matrix) -> Matrix:
        """The gradients of what is multiplied with parameters."""
        layer, n = self.net.layers[i], self.net.layers[i].outputs
        sums = zeros(layer)
        if layer.kind == "positions":
            for d in errors:
                for number, x in enumerate(d):
                    sums[number // n][number % n] += x
            return sums
        for a, d in zip(rows, errors):
            for put, weight, o, number in self.multiplied(i):
                sums[weight][o] += a[number] * d[put]
            if layer.bias:
                for k, v in enumerate(d):
                    sums[-1][k % n] += 2**layer.input_bits * v
        return sums

    def statistics(self, i: int) -> Matrix:
        """The updates of the running statistics, a tenth of what they differ by."""
        _, _, means, deviations = self.weights[i]
        pairs = (means, self.norms[i].mu), (deviations, self.norms[i].sigma)
        tenth = round(0.1 * 2**16)
        return [[rounded(tenth * (s - x), 16) for s, x in zip(*pair)] for pair in pairs]


def attention(causal: bool, stride: int, *behind) -> list:
    """An attention of queries, keys and values of one layer, which is the first."""
    asking = convolution(4, 1, stride=stride)
    keys, values = convolution(4, 1, **{"from": 1}), convolution(2, 1, **{"from": 1})
    of_pairs = [softmax(causal=True) if causal else softmax()]
    return [placed(), TANH, asking, keys, values, scores(3, 2, **{"from": 2}), *of_pairs, mixed(4),
            *behind]  # fmt: skip


ADAM = {"beta1": 0.8, "beta2": 0.99}
FALLING = {"kind": "linear", "warmup": 1, "steps": 7}
CASES = {
    "two convolutions": (
        [convolution(3, 3, stride=2, padding=1), RELU, convolution(2, 2), SIGMOID, linear(2)],
        {"image": [5, 4, 2], "momentum": 0.5, "decay": 0.01},
    ),
    "clipping, tanh, no bias": (
        [convolution(2, 2, padding=1, bias=False), TANH, linear(3, bias=False)],
        {"image": [3, 2, 1], "clip": 0.25, "loss": "mse", "momentum": 0.5},
    ),
    "no activation, a linear layer over an image": (
        [linear(3), linear(1)],
        {"image": [2, 3, 2], "loss": "logistic"},
    ),
    "no image": ([linear(3), RELU, linear(2)], {"inputs": 5, "version": 1}),
    "a stride that leaves numbers out": (
        [convolution(1, 1, stride=2), convolution(2, 2, stride=2, padding=1), RELU, linear(2)],
        {"image": [6, 5, 1], "batch": 1},
    ),
    "pools of two": (
        [convolution(3, 3, padding=1), largest(2), RELU, convolution(1, 2, padding=1), SIGMOID]
        + [mean(kernel=2), largest(2), TANH, linear(2)],
        {"image": [6, 6, 1], "momentum": 0.5, "decay": 0.01, "batch": 1},
    ),
    "pools of three": (
        [largest(3), convolution(3, 3, padding=1, bias=False), RELU, largest(3)]
        + [convolution(2, 3, padding=2, bias=False), mean(), SIGMOID, linear(2, bias=False)],
        {"image": [9, 9, 1], "clip": 1.0, "loss": "mse", "batch": 1, "steps": 1},
    ),
    "means of the inputs": (
        [mean(kernel=3, stride=3), RELU, linear(4), TANH, linear(1)],
        {"image": [3, 6, 3], "loss": "logistic"},
    ),
    "the largest of what is smooth": (
        [convolution(1, 1), SIGMOID, largest(2, padding=0), SIGMOID, largest(2), linear(3)],
        {"image": [4, 4, 1], "momentum": 0.5},
    ),
    "channels by themselves": (
        [depthwise(3, stride=2, padding=1), LEAKY, depthwise(2, bias=False), SIGMOID, linear(2)],
        {"image": [5, 4, 3], "momentum": 0.5, "decay": 0.01, "version": 3},
    ),
    "channels by themselves and together": (
        [depthwise(3, padding=2, bias=False), GELU, convolution(3, 1), depthwise(2), SILU]
        + [linear(1)],
        {"image": [2, 3, 2], "clip": 0.25, "loss": "logistic", "version": 3},
    ),
    "slopes and what is looked up": (
        [linear(3), LEAKY, linear(3), GELU, linear(3), SILU, linear(2), leaky(0.75), linear(2)],
        {"inputs": 3, "momentum": 0.5, "decay": 0.01, "loss": "mse", "version": 3},
    ),
    "pools of what falls": (
        [convolution(3, 1), GELU, largest(2), SILU, depthwise(1), add(3), leaky(0.25)]
        + [mean(kernel=3), linear(3)],
        {"image": [6, 6, 1], "batch": 1, "steps": 1, "momentum": 0.5, "version": 3},
    ),
    "around a convolution": (
        [convolution(2, 3, padding=1), RELU, convolution(2, 3, padding=1), add(1), RELU, linear(2)],
        {"image": [3, 2, 1], "momentum": 0.5, "decay": 0.01, "version": 3},
    ),
    "several through what is smooth": (
        [linear(3), SIGMOID, linear(3), linear(3, **{"from": 1}), TANH, add(2), add(1), TANH]
        + [linear(3)],
        {"inputs": 2, "clip": 0.25, "version": 3},
    ),
    "sums of sums": (
        [linear(2, bias=False), linear(2), add(0), add(0, **{"from": 1}), SIGMOID, add(2), add(0)]
        + [TANH, linear(1)],
        {"inputs": 3, "loss": "logistic", "version": 3},
    ),
    "pools side by side": (
        [convolution(2, 1), SIGMOID, largest(2), mean(kernel=2, **{"from": 1}), TANH]
        + [convolution(2, 2, stride=2, **{"from": 1}), add(2), add(4), SIGMOID, mean(), linear(2)],
        {"image": [6, 6, 1], "loss": "mse", "batch": 1, "steps": 1, "version": 3},
    ),
    "norms over images and numbers": (
        [convolution(3, 3, padding=1), norm(), RELU, linear(3), norm(), SIGMOID, linear(2)],
        {"image": [3, 2, 1], "momentum": 0.5, "decay": 0.01, "version": 3},
    ),
    "a norm of the inputs, clipped": (
        [norm(), TANH, norm(), linear(1, bias=False)],
        {"inputs": 3, "clip": 0.125, "loss": "logistic", "batch": 8, "steps": 1, "version": 3},
    ),
    "norms around sums and pools": (
        [norm(), LEAKY, largest(2), convolution(2, 1, **{"from": 1}), norm(), mean(kernel=2)]
        + [norm(), add(2), norm(), GELU, linear(2)],
        {"image": [4, 6, 2], "loss": "mse", "batch": 1, "momentum": 0.5, "version": 3},
    ),
    "norms of rows and scales": (
        [convolution(3, 3, padding=1), layer_norm(), scale(), RELU, linear(3), rms_norm()]
        + [scale(bias=False), SIGMOID, linear(2)],
        {"image": [3, 2, 1], "momentum": 0.5, "decay": 0.01, "version": 3},
    ),
    "a norm of the inputs' rows, clipped": (
        [rms_norm(), TANH, layer_norm(), scale(), linear(1, bias=False)],
        {"inputs": 3, "clip": 0.125, "loss": "logistic", "batch": 4, "steps": 1, "version": 3},
    ),
    "scales of the inputs, norms around sums": (
        [scale(), LEAKY, rms_norm(), layer_norm(**{"from": 1}), add(2), norm(), add(3), scale()]
        + [GELU, linear(3)],
        {"image": [3, 1, 2], "loss": "mse", "momentum": 0.5, "version": 3},
    ),
    "a causal attention": (
        attention(True, 1, placed(), layer_norm(), convolution(3, 1), add(1), linear(3)),
        {"image": [4, 1, 3], "version": 5, "batch": 1, "momentum": 0.5, "decay": 0.01},
    ),
    "fewer positions that ask, clipped": (
        attention(False, 2, RELU, placed(), SILU, linear(2)),
        {"image": [4, 1, 2], "version": 5, "clip": 0.125, "steps": 1, "loss": "mse"},
    ),
    "keys that are values, one head of two channels": (
        [convolution(2, 1), GELU, convolution(2, 1), scores(1, 1), LEAKY, softmax(), mixed(1)]
        + [add(2), placed(), linear(1)],
        {"image": [2, 1, 1], "version": 5, "loss": "logistic"},
    ),
    "softmaxes of the inputs, Adam": (
        [softmax(), SIGMOID, placed(), softmax(causal=True), add(1), TANH, placed(), linear(2)],
        {"image": [2, 2, 2], "version": 5, "adam": {"epsilon": 0.01}},
    ),
    "Adam": (
        [linear(3), RELU, linear(3, bias=False), SIGMOID, linear(2)],
        {"inputs": 3, "adam": {"epsilon": 0.01}, "version": 4},
    ),
    "Adam over images, with norms": (
        [convolution(3, 3, padding=1), norm(), RELU, depthwise(2, bias=False), scale(), LEAKY]
        + [linear(1)],
        {"image": [3, 3, 1], "loss": "logistic", "adam": ADAM | {"schedule": FALLING}}
        | {"batch": 4, "version": 4},
    ),
    "Adam, one step": (
        [layer_norm(), linear(3, bias=False), add(0), linear(3)],
        {"inputs": 3, "loss": "mse", "steps": 1, "adam": {"beta1": 0, "beta2": 0.5}, "version": 4},
    ),
}


def drawn(net: Network, seed: int) -> tuple[list[Matrix], list[Matrix]]:
    """Parameters and a state."""
    draw = random.Random(seed)
    weights, state = ([zeros(layer) for layer in net.layers] for _ in range(2))
    for matrices, most in ((weights, 1500), (state, 300)):
        for matrix in matrices:
            for row in matrix:
                row[:] = [draw.randint(-most, most) for _ in row]
    if net.mu == 0:
        state = [zeros(layer) for layer in net.layers]
    return weights, state


def batch(net: Network, seed: int) -> tuple[Matrix, Matrix]:
    """Rows and labels."""
    draw = random.Random(seed)
    rows = [[draw.randint(-200, 200) for _ in range(net.inputs)] for _ in range(net.batch)]
    labels = []
    for _ in rows:
        chosen = draw.randrange(max(2, net.outputs))
        one_hot = [int(k == chosen) for k in range(net.outputs)]
        labels.append(one_hot if net.one_hot else [chosen])
    return rows, labels


class Steps(unittest.TestCase):
    """Steps of small networks."""

    def test_rounding(self) -> None:
        to = Rounding(2, -4, 3, 0, 0)
        found = [round_sat(x, to) for x in (5, 6, -6, -7, 14, -19)]
        expected = [(1, 1, 0), (2, -2, 0), (-1, -2, 0), (-2, 1, 0), (3, -2, 1), (-4, 1, -1)]
        self.assertEqual(found, expected)

    def test_the_documents_example(self) -> None:
        net = network(
            [linear(2), RELU, linear(2)],
            inputs=2, version=1, momentum=0.5, decay=0.01, batch=1, steps=1,
        )  # fmt: skip
        self.assertEqual((net.mu, net.decay), (32768, 328))
        self.assertEqual([layer.eta for layer in net.layers], [512, 32])
        weights = [[[512, -700], [300, 900], [10, -20]], [[800, -300], [400, 650], [0, 5]]]
        state = [[[3, -4], [5, 6], [1, -1]], [[-2, 7], [0, 9], [2, -3]]]
        step = Step(net, weights, state)
        step.run([[96, -32]], [[0, 1]])
        self.assertEqual(step.trace["0.z"], [[(39, 256, 0), (-95, 0, 0)]])
        self.assertEqual(step.trace["p"], [[10759, 5625]])
        self.assertEqual(step.trace["0.g"], [[(722, 5652, 0), (-164, -2774, 0)]])
        self.assertEqual(step.weights[0], [[-34, -694], [476, 892], [-352, -19]])
        self.assertEqual(step.weights[1], [[592, -97], [398, 642], [-337, 343]])
        self.assertEqual(step.trace["1.update"][0], [(208, -7392, 0), (-203, 7552, 0)])

    def test_a_convolution_by_hand(self) -> None:
        # A kernel of 2 × 2 over 2 × 2 numbers with a border of one: nine positions.
        layers = [convolution(1, 2, padding=1, bias=False), linear(2, bias=False)]
        net = network(layers, image=[2, 2, 1], batch=1, steps=1, loss="mse")
        # Weights of 1 and 2 in the kernel's first and last place; 64 is an input of one.
        ahead = [[1024], [0], [0], [2048]]
        second = [[1024, 0]] + [[0, 0]] * 7 + [[0, 1024]]
        step = Step(net, [ahead, second], [zeros(layer) for layer in net.layers])
        step.run([[64, 128, 192, 256]], [[0, 1]])
        z = [q for q, _, _ in step.trace["0.z"][0]]
        self.assertEqual(z, [128, 256, 0, 384, 64 + 512, 128, 0, 192, 256])
        # The outputs are the first and the last position: 2 and 4, less the labels 0 and 1.
        self.assertEqual(step.trace["p"], [[512, 1024]])
        # D is 2 at the first position and 3 at the last one; W takes it back to 4 and 3.
        g = [q for q, _, _ in step.trace["0.g"][0]]
        self.assertEqual(g, [2 * 1024, 0, 0, 0, 0, 0, 0, 0, 3 * 1024])
        # The first position reads 1 with the last place of the kernel, the last one 4 with the
        # first: gradients 3·4 and 2·1, times the rate of a half.
        updates = [[q for q, _, _ in row] for row in step.trace["0.update"]]
        self.assertEqual(updates, [[6 * 1024], [0], [0], [1024]])
        self.assertEqual(step.weights[0], [[-5 * 1024], [0], [0], [1024]])

    def test_the_largest_by_hand(self) -> None:
        layers = [convolution(1, 1, bias=False), largest(2), linear(2, bias=False)]
        net = network(layers, image=[2, 4, 1], batch=1, steps=1, loss="mse")
        step = Step(net, [[[1024]], [], [[1024, 0], [0, 1024]]], [zeros(x) for x in net.layers])
        # Of the two windows, side by side, the nine above and the first of the three are chosen.
        step.run([[5, 9, -3, -7, 9, 1, -3, -9]], [[0, 1]])
        self.assertEqual(step.trace["1.chosen"], [[1, 2]])
        self.assertEqual(step.trace["1.z"], [[(9, 0, 0), (-3, 0, 0)]])
        # With 8 fractional bits in place of 6, less the label; then with 10.
        self.assertEqual(step.trace["p"], [[36, -12]])
        sent = [4 * 36, 4 * (-12 - 256)]
        self.assertEqual([q for q, _, _ in step.trace["1.g"][0]], sent)
        g = [q for q, _, _ in step.trace["0.g"][0]]
        self.assertEqual(g, [0, sent[0], sent[1], 0, 0, 0, 0, 0])

    def test_means_by_hand(self) -> None:
        layers = [convolution(1, 1, bias=False), mean(kernel=3), linear(2, bias=False)]
        net = network(layers, image=[6, 3, 1], batch=1, steps=1, loss="mse")
        self.assertEqual(net.layers[1].mean, 7282)
        weights = [[[1024]], [], [[1024, 0], [0, 1024]]]
        step = Step(net, weights, [zeros(layer) for layer in net.layers])
        # Five ninths are one, and minus five ninths minus one.
        step.run([[5] + [0] * 8 + [1] * 4 + [-9] + [0] * 4], [[0, 0]])
        rest = 5 * 7282 - 2**16
        self.assertEqual(step.trace["1.z"], [[(1, rest, 0), (-1, -rest, 0)]])
        self.assertEqual(step.trace["p"], [[4, -4]])
        # D is 16: a ninth of it are two.
        self.assertEqual([q for q, _, _ in step.trace["1.g"][0]], [16, -16])
        self.assertEqual([q for q, _, _ in step.trace["0.g"][0]], [2] * 9 + [-2] * 9)

    def test_random_pools_follow_the_formulas(self) -> None:
        for seed in range(40):
            layers, options = with_pools(seed)
            net = network(layers, **options)
            step, literal = Step(net, *drawn(net, seed)), Literal(net, *drawn(net, seed))
            for number in (2, 3):
                step.run(*batch(net, number))
                literal.run(*batch(net, number))
            with self.subTest(seed, layers=layers):
                self.assertEqual(step.weights, literal.weights)
                self.assertEqual(step.state, literal.state)

    def test_steps_follow_the_formulas(self) -> None:
        for name, (layers, options) in CASES.items():
            net = network(layers, **options)
            step, literal = Step(net, *drawn(net, 1)), Literal(net, *drawn(net, 1))
            for seed in (2, 3):
                step.run(*batch(net, seed))
                literal.run(*batch(net, seed))
                with self.subTest(name, seed=seed):
                    self.assertEqual(step.weights, literal.weights)
                    self.assertEqual(step.state, literal.state)
                    for layer, update in zip(net.layers, step.state, strict=True):
                        self.assertTrue(not layer.weighted or update != zeros(layer))


if __name__ == "__main__":
    unittest.main()
