"""A training step in exact integers. See docs/quantization.md.

A convolution is a linear layer over patches, and a bias is a weight whose input is one. So the
parameters of a layer are a matrix: a row for each input of a patch, in the documents' order, then
the bias' row if there is one; a column for each output. Those of pools, sums and norms of rows have
no rows. Of a depthwise convolution a column is a channel's kernel, and a row a place of the kernel;
a scale's has one place. A batch norm has four rows: gamma, beta, the running means and deviations.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import cycle, product

from .averages import Moments
from .channels import Channels
from .lines import Lines
from .network import PROBABILITY_BITS, Layer, Network, Rounding, Taker
from .norm import MOVE
from .schema import LOOKED_UP
from .shape import SLOPE_BITS
from .shares import Shares
from .tables import Table
from .tensors import activation_tables, shares_table

Row = list[int]
Matrix = list[Row]


def round_sat(x: int, rounding: Rounding) -> tuple[int, int, int]:
    """Quotient, remainder and excess."""
    v = rounding.nearest(x)
    q = min(max(v, rounding.low), rounding.high)
    return q, x - (v << rounding.shift), v - q


@cache
def places(layer: Layer) -> list[list[int | None]]:
    """Of each position, which numbers its patch has; none outside of the image."""
    if layer.kernel is None:
        return [list(range(layer.inputs))]
    image, result, size = layer.image, layer.result, range(layer.kernel.size)
    stride, padding = layer.kernel.stride, layer.kernel.padding

    def number(y: int, x: int, c: int) -> int | None:
        inside = 0 <= y < image.height and 0 <= x < image.width
        return (y * image.width + x) * image.channels + c if inside else None

    return [
        [
            number(stride * i + u - padding, stride * j + v - padding, c)
            for u, v, c in product(size, size, range(image.channels))
        ]
        for i, j in product(range(result.height), range(result.width))
    ]


@cache
def windows(layer: Layer) -> list[list[int | None]]:
    """Of each number that a pool, a depthwise convolution or a scale puts out, which numbers of its
    channel it reads; none outside of the image."""
    if layer.kernel is None:
        return [[m] for m in range(layer.image.numbers if layer.image else layer.outputs)]
    channels = layer.image.channels
    return [place[c::channels] for place in places(layer) for c in range(channels)]


@cache
def values_of(table: Table) -> Row:
    """A table's values."""
    return table.values()


def looked_up(table: Table, z: Row) -> Row:
    """Values of a function, from its table."""
    values = values_of(table)
    return [values[x + 2**15] for x in z]


def leaky(layer: Layer, negative: Row, row: Row) -> Row:
    """The numbers of a row times 2^16, or times the slope where it is said."""
    one = 2**SLOPE_BITS
    return [(one - (one - layer.slope) * s) * x for s, x in zip(negative, row)]


@dataclass
class Step:
    """Steps, one after another. In `trace` is, by name, what the last one computed of each sample
    or row of parameters (of roundings quotient, remainder and excess; of pools of the largest the
    number that is chosen in each window). Without Adam `state` has the updates of the step before;
    with it there are the moments of each layer's parameters, and how many steps were done."""

    network: Network
    weights: list[Matrix]
    state: list[Matrix]
    trace: dict[str, list] = field(default_factory=dict)
    # D of each layer, sample by sample.
    errors: dict[int, Matrix] = field(default_factory=dict)
    # Of each batch norm its channels, and of each norm of rows these.
    channels: dict[int, Channels] = field(default_factory=dict)
    lines: dict[int, Lines] = field(default_factory=dict)
    # Of each softmax of rows these.
    shares: dict[int, Shares] = field(default_factory=dict)
    # The inputs and what layers put out, sample by sample.
    values: dict[int | None, Matrix] = field(default_factory=dict)
    moments: list[list[list[Moments]]] = field(default_factory=list)
    clock: int = 0

    def __post_init__(self) -> None:
        if self.network.adam and not self.moments:
            self.moments = [
                [[Moments()] * layer.outputs for _ in range(layer.learned)]
                for layer in self.network.layers
            ]

    def run(self, inputs: Matrix, labels: Matrix) -> None:
        """From a batch's rows to the next parameters."""
        self.trace = {}
        values = self.values = {None: inputs}
        for i, layer in enumerate(self.network.layers):
            taken = [values[k] for k in layer.taken]
            if layer.running:
                self.channels[i] = self.measure(i, *taken)
            elif layer.norm:
                self.lines[i] = self.measure_rows(i, *taken)
            elif layer.softmax:
                self.shares[i] = self.measure_shares(i, *taken)
            values[i] = [self.forward(i, *rows) for rows in zip(*taken)]
        self.errors = {i: [self.loss(z, y) for z, y in zip(values[i], labels)]}
        if self.network.adam:
            self.trace["rate"] = self.rate()
        updates = []
        for i, layer in reversed(list(enumerate(self.network.layers))):
            if layer.takers:
                self.errors[i] = [self.backward(i, b) for b in range(len(inputs))]
            updates.insert(0, self.update(i, values[layer.source], self.errors[i]))
        pairs = zip(self.weights, updates)
        self.weights = [subtract(weights, update) for weights, update in pairs]
        self.state = updates
        self.clock += 1

    def round(self, name: str, values: Row, rounding: Rounding) -> Row:
        """Quotients; everything is noted."""
        rounded = [round_sat(x, rounding) for x in values]
        self.trace.setdefault(name, []).append(rounded)
        return [q for q, _, _ in rounded]

    def note(self, name: str, value) -> None:
        """What is not rounded, of the next sample."""
        self.trace.setdefault(name, []).append(value)

    def measure(self, i: int, rows: Matrix) -> Channels:
        """The channels of a batch norm."""
        return Channels(self.network.layers[i], self.weights[i][0], rows)

    def measure_rows(self, i: int, rows: Matrix) -> Lines:
        """The rows of a norm of rows."""
        return Lines(self.network.layers[i], rows)

    def measure_shares(self, i: int, rows: Matrix) -> Shares:
        """The rows of a softmax."""
        layer = self.network.layers[i]
        return Shares(layer, values_of(shares_table(layer)), rows)

    def forward(self, i: int, *rows: Row) -> Row:
        """A of one sample, from what is taken."""
        layer = self.network.layers[i]
        z = self.round(f"{i}.z", self.wide(i, *rows), layer.z)
        return self.activate(i, layer, z)

    def activate(self, i: int, layer: Layer, z: Row) -> Row:
        """A of one sample, from Z."""
        if layer.activation in ("relu", "leaky_relu"):
            self.note(f"{i}.negative", self.negative(z))
        if layer.activation == "leaky_relu":
            wide = leaky(layer, self.trace[f"{i}.negative"][-1], z)
            return self.round(f"{i}.a", wide, layer.a)
        a = z
        if layer.activation == "relu":
            a = [max(x, 0) for x in z]
        elif layer.activation:
            function, *derivative = activation_tables(layer)
            a = looked_up(function, z)
            for table in derivative:
                self.note(f"{i}.h", looked_up(table, z))
        self.note(f"{i}.a", a)
        return a

    def negative(self, z: Row) -> Row:
        """Where numbers are negative."""
        return [int(x < 0) for x in z]

    def wide(self, i: int, row: Row, *other: Row) -> Row:
        """X of one sample."""
        layer, weights = self.network.layers[i], self.weights[i]
        if layer.running:
            return self.channels[i].normalized(row, weights[1])
        if layer.norm:
            return self.lines[i].normalized(len(self.trace.get(f"{i}.z", [])), row)
        if layer.attention:
            return self.attend(i, row, *other)
        if layer.placed:
            other = ([w for place in weights for w in place],)
        if layer.passing:
            pairs = zip(row, *other)
            return [sum(f * x for f, x in zip(layer.factors, pair)) for pair in pairs]
        if layer.largest:
            chosen = [self.choose(window, row) for window in windows(layer)]
            self.note(f"{i}.chosen", chosen)
            return [row[m] for m in chosen]
        if layer.pool:
            return [layer.mean * sum(row[m] for m in window) for window in windows(layer)]
        if layer.apart:
            reads = zip(reads_of(layer, row), kernels(layer, weights))
            return [sum(x * w for x, w in zip(read, kernel)) for read, kernel in reads]
        return [x for patch in patches(layer, row) for x in times(patch, weights)]

    def attend(self, i: int, row: Row, *other: Row) -> Row:
        """X of one sample, of a layer of an attention."""
        layer = self.network.layers[i]
        if layer.softmax:
            return self.shares[i].wide(len(self.trace.get(f"{i}.z", [])))
        if layer.mixed:
            return layer.attention.over_keys(row, *other)
        return [layer.attention.factor * x for x in layer.attention.scores(row, *other)]

    def choose(self, window: list[int], row: Row) -> int:
        """Which number of a window is the largest, the first one of several."""
        return max(window, key=lambda m: row[m])

    def loss(self, z: Row, y: Row) -> Row:
        """D of the last layer, of one sample."""
        network, last = self.network, self.network.layers[-1]
        p = z
        if network.loss == "logistic":
            p = looked_up(Table("sigmoid", last.z_bits, PROBABILITY_BITS), z)
        elif network.loss == "softmax-cross-entropy":
            p = self.probabilities(z, y, last)
        self.note("p", p)
        return [a - network.label_scale * b for a, b in zip(p, y)]

    def probabilities(self, z: Row, y: Row, last: Layer) -> Row:
        """Those of one sample, of each of its positions if they have labels."""
        found, terms, wholes = [], [], []
        for start in range(0, len(z), last.outputs):
            row = slice(start, start + last.outputs)
            whole = self.whole(y[row])
            e, p = self.softmax(z[row], whole, last)
            terms, found, wholes = terms + e, found + p, [*wholes, whole]
        self.note("e", terms)
        self.note("whole", wholes)
        return found

    def whole(self, y: Row) -> int:
        """What a row's probabilities sum up to: its label's weight, or 2^14."""
        return sum(y) if self.network.label_weights else 2**PROBABILITY_BITS

    def softmax(self, z: Row, whole: int, last: Layer) -> tuple[Row, Row]:
        """Terms, and how a whole is parted in their ratio."""
        exp, m = values_of(Table("exp", last.z_bits, self.network.exp_start)), max(z)
        e = [exp[m - x] for x in z]
        total = sum(e)
        return e, [(2 * whole * x + total) // (2 * total) for x in e]

    def backward(self, i: int, sample: int) -> Row:
        """D of layer i, of one sample."""
        g = [0] * len(self.trace[f"{i}.a"][sample])
        for taker in self.network.layers[i].takers:
            sent = self.arrives(i, taker, sample)
            g = [x + y for x, y in zip(g, sent, strict=True)]
        return self.derivative(i, g, sample)

    def arrives(self, i: int, taker: Taker, sample: int) -> Row:
        """What one of those sends that take the values of layer i."""
        error = self.errors[taker.layer][sample]
        if taker.rounding is None:
            return [taker.factor * x for x in error]
        if self.network.layers[taker.layer].attention:
            sent = self.attended(i, taker.layer, error, sample)
        else:
            sent = [0] * len(self.trace[f"{i}.a"][sample])
            for m, x in self.sends(taker.layer, error, sample):
                sent[m] += x
        return self.round(f"{i}.{taker.name}", sent, taker.rounding)

    def attended(self, i: int, k: int, error: Row, sample: int) -> Row:
        """X of what layer k, which is one of an attention, sends to layer i."""
        layer, attention = self.network.layers[k], self.network.layers[k].attention
        if layer.softmax:
            shares = self.put_out(k)[sample]
            means = [q for q, _, _ in self.trace[f"{k}.mean"][sample]]
            return self.shares[k].sent(shares, error, means)
        first, second = (self.values[source][sample] for source in layer.taken)
        if layer.mixed:
            if layer.source == i:
                return attention.scores(error, second)
            return attention.over_queries(first, error)
        if layer.source == i:
            sent = attention.over_keys(error, second)
        else:
            sent = attention.over_queries(error, first)
        return [attention.factor * x for x in sent]

    def sends(self, i: int, error: Row, sample: int) -> Iterator[tuple[int, int]]:
        """What layer i sends back, number by number."""
        layer = self.network.layers[i]
        if layer.running:
            yield from enumerate(self.channels[i].sent(sample, error))
        elif layer.norm:
            yield from enumerate(self.lines[i].sent(sample, self.put_out(i)[sample], error))
        elif layer.largest:
            yield from zip(self.trace[f"{i}.chosen"][sample], error)
        elif layer.pool:
            for window, x in zip(windows(layer), error):
                yield from ((m, layer.mean * x) for m in window)
        elif layer.apart:
            for window, x, kernel in zip(windows(layer), error, kernels(layer, self.weights[i])):
                yield from ((m, x * w) for m, w in zip(window, kernel) if m is not None)
        else:
            for position, place in enumerate(places(layer)):
                d = part(error, position, layer)
                for m, weights in zip(place, self.weights[i]):
                    if m is not None:
                        yield m, sum(x * w for x, w in zip(d, weights))

    def put_out(self, i: int) -> Matrix:
        """z of layer i, sample by sample."""
        return [[q for q, _, _ in row] for row in self.trace[f"{i}.z"]]

    def derivative(self, i: int, g: Row, sample: int) -> Row:
        """g through the activation of a layer."""
        layer, a = self.network.layers[i], self.trace[f"{i}.a"][sample]
        if layer.activation is None:
            return g
        if layer.activation == "relu":
            return [0 if s else x for s, x in zip(self.trace[f"{i}.negative"][sample], g)]
        if layer.activation == "leaky_relu":
            wide = leaky(layer, self.trace[f"{i}.negative"][sample], g)
            return self.round(f"{i}.d", wide, layer.d)
        if layer.activation in LOOKED_UP:
            wide = [h * x for h, x in zip(self.trace[f"{i}.h"][sample], g)]
            return self.round(f"{i}.d", wide, layer.d)
        one = 2**layer.a_bits
        if layer.activation == "sigmoid":
            wide = [y * (one - y) * x for y, x in zip(a, g)]
        else:
            wide = [(one**2 - y**2) * x for y, x in zip(a, g)]
        return self.round(f"{i}.d", wide, layer.d)

    def update(self, i: int, read: Matrix, errors: Matrix) -> Matrix:
        """δ of a layer's parameters."""
        network, layer = self.network, self.network.layers[i]
        if i in self.lines:
            self.lines[i].correlate(self.put_out(i), errors)
        if i in self.shares:
            self.average_shares(i, errors)
        if not layer.weighted:
            return []
        gradient = self.gradient(i, read, errors)
        if layer.clip:
            gradient = [self.round(f"{i}.clip", row, layer.clip) for row in gradient]
        updates = self.adapt(i, gradient) if network.adam else self.descend(i, gradient)
        return updates + (self.statistics(i) if layer.running else [])

    def average_shares(self, i: int, errors: Matrix) -> None:
        """W of each row of a softmax."""
        layer, shares = self.network.layers[i], self.shares[i]
        for put, error in zip(self.put_out(i), errors):
            self.round(f"{i}.mean", shares.means(put, error), layer.row_mean)

    def descend(self, i: int, gradient: Matrix) -> Matrix:
        """δ of parameters that have gradients, without Adam."""
        network, layer, updates = self.network, self.network.layers[i], []
        for before, g, weights in zip(self.state[i], gradient, self.weights[i]):
            columns = zip(before, g, weights)
            wide = [network.mu * d + layer.eta * x + network.decay * w for d, x, w in columns]
            updates.append(self.round(f"{i}.update", wide, layer.update))
        return updates

    def adapt(self, i: int, gradient: Matrix) -> Matrix:
        """The same with Adam."""
        pairs = [zip(*rows) for rows in zip(self.moments[i], gradient)]
        self.moments[i] = [[self.average(before, g) for before, g in row] for row in pairs]
        epsilon = self.network.layers[i].epsilon
        steps = [[self.divide(now, epsilon) for now in row] for row in self.moments[i]]
        self.trace[f"{i}.update"] = [[(delta, rest, 0) for delta, rest in row] for row in steps]
        return [[delta for delta, _ in row] for row in steps]

    def average(self, before: Moments, g: int) -> Moments:
        """The moments of a parameter."""
        return before.averaged(self.network.adam, g)

    def divide(self, now: Moments, epsilon: int) -> tuple[int, int]:
        """A parameter's update, and what dividing left."""
        return now.step(self.rate(), epsilon)

    def rate(self) -> int:
        """The rate of this step."""
        return self.network.adam.rates[self.clock]

    def gradient(self, i: int, read: Matrix, errors: Matrix) -> Matrix:
        """The gradient of a layer's parameters, summed over the batch."""
        layer = self.network.layers[i]
        if layer.running:
            return self.channels[i].gradients(errors)
        if layer.placed:
            total, width = [sum(numbers) for numbers in zip(*errors)], layer.outputs
            return [total[k : k + width] for k in range(0, len(total), width)]
        gradient = [[0] * layer.outputs for _ in self.weights[i]]
        for row, error in zip(read, errors):
            (gather_apart if layer.apart else gather)(gradient, layer, row, error)
        return gradient

    def statistics(self, i: int) -> Matrix:
        """δ of a batch norm's running means and deviations."""
        layer, channels = self.network.layers[i], self.channels[i]
        found = channels.quotient("mean"), channels.quotient("deviation")
        pairs = [zip(row, now) for row, now in zip(self.weights[i][2:], found)]
        wide = [[MOVE * (s - x) for s, x in pair] for pair in pairs]
        return [self.round(f"{i}.statistics", row, layer.norm.statistics) for row in wide]


def gather(gradient: Matrix, layer: Layer, row: Row, error: Row) -> None:
    """Adds what a sample adds to the gradient of parameters."""
    for position, patch in enumerate(patches(layer, row)):
        d = part(error, position, layer)
        for total, a in zip(gradient, patch):
            for o, x in enumerate(d):
                total[o] += a * x


def gather_apart(gradient: Matrix, layer: Layer, row: Row, error: Row) -> None:
    """The same, where channels do not meet."""
    for number, (read, x) in enumerate(zip(reads_of(layer, row), error)):
        for total, a in zip(gradient, read):
            total[number % layer.outputs] += a * x


def reads_of(layer: Layer, row: Row) -> Matrix:
    """What a depthwise convolution multiplies with its parameters, number by number."""
    one = [2**layer.input_bits] * layer.bias
    return [[0 if m is None else row[m] for m in window] + one for window in windows(layer)]


def kernels(layer: Layer, weights: Matrix) -> Iterator[Row]:
    """The parameters of each number's channel."""
    return cycle([list(kernel) for kernel in zip(*weights)])


def patches(layer: Layer, row: Row) -> Matrix:
    """What a layer multiplies with its parameters, position by position."""
    one = [2**layer.input_bits] * layer.bias
    return [[0 if m is None else row[m] for m in place] + one for place in places(layer)]


def part(error: Row, position: int, layer: Layer) -> Row:
    """D at a position."""
    return error[position * layer.outputs : (position + 1) * layer.outputs]


def times(row: Row, matrix: Matrix) -> Row:
    """A row times a matrix."""
    return [sum(x * w for x, w in zip(row, column)) for column in zip(*matrix)]


def subtract(a: Matrix, b: Matrix) -> Matrix:
    """a − b"""
    return [[x - y for x, y in zip(r, s)] for r, s in zip(a, b)]
