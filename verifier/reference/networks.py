"""Manifests of small networks, with images and without."""

import json
import math
import random
from contextlib import suppress
from itertools import permutations

from zktrain_reference.errors import Rejected
from zktrain_reference.manifest import Manifest
from zktrain_reference.network import Network, derive

INPUT_FRAC, WEIGHT_FRAC, HIDDEN_FRAC, A_FRAC, LAST_FRAC, GRAD_FRAC = 6, 10, 6, 8, 8, 10
CLIP_FRAC = 13
ACTIVATIONS = ("relu", "sigmoid", "tanh", "leaky_relu", "gelu", "silu")
PASSING = ("add", "positions")
# A kind, and a layer's fields; activations have none.
Layers = list[tuple[str, dict[str, object]]]
# Of layers the kind, what is behind, and the layers whose values they take (none for the inputs).
Graph = list[tuple[str, str, list[int | None]]]


def lines(table: dict[str, object]) -> str:
    """Fields of a TOML table; JSON spells their values alike, but for tables."""
    return "".join(f"{name} = {spelt(value)}\n" for name, value in table.items())


def spelt(value: object) -> str:
    """A value of a field."""
    if not isinstance(value, dict):
        return json.dumps(value)
    return "{" + ", ".join(f"{name} = {spelt(inner)}" for name, inner in value.items()) + "}"


def graph(layers: Layers) -> Graph:
    """How layers take the values of others; of what is refused something."""
    found: Graph = []
    ends: dict[int, int] = {}
    for i, (kind, fields) in enumerate(layers):
        if kind not in ACTIVATIONS:
            entries = [fields.get("from", i - 1)] + [fields[n] for n in ("with",) if n in fields]
            found.append((kind, "", [ends.get(entry) for entry in entries]))
        elif found:
            found[-1] = (found[-1][0], kind, found[-1][2])
        if found:
            ends[i] = len(found) - 1
    return found


def scales(
    layers: Layers, loss: str, rate: float, clip: float | None, labels: int, adam: bool, shift: int
) -> str:
    """The quantization of layers, by the document's formulas, with so many labels a step."""
    nodes = graph(layers)
    out, values = "", {None: INPUT_FRAC}
    gradients = gradient_bits(nodes, LAST_FRAC if loss == "mse" else 14)
    for i, ((kind, behind, sources), (grad_frac, d_bits)) in enumerate(zip(nodes, gradients)):
        smooth, last, in_bits = behind in ("sigmoid", "tanh"), grad_frac is None, values[sources[0]]
        z_frac = LAST_FRAC if last else HIDDEN_FRAC
        table: dict[str, object] = {"z_frac": in_bits if kind == "max_pool2d" else z_frac}
        table |= {"z_frac": 14} if kind == "softmax" else {}
        if not last:
            table["grad_frac"] = grad_frac
        if smooth:
            table["a_frac"] = A_FRAC
        if kind in ("linear", "conv2d", "depthwise_conv2d", "batch_norm", "scale", "positions"):
            sum_bits = {"batch_norm": 8, "positions": 0}.get(kind, in_bits) + d_bits
            of_sum = rates(sum_bits, rate, clip, labels, shift)
            table |= {"clip_frac": min(sum_bits, CLIP_FRAC)} if adam else of_sum
        out += "[[quantization.layers]]\n" + lines(table)
        values[i] = A_FRAC if smooth else int(table["z_frac"])
    return out


def gradient_bits(nodes: Graph, last: int) -> list[tuple[int | None, int]]:
    """Fractional bits of g (none of the last layer) and of D."""
    found: dict[int, tuple[int | None, int]] = {len(nodes) - 1: (None, last)}
    for i in reversed(range(len(nodes) - 1)):
        above = [(nodes[k][0], found[k][1]) for k in found if i in nodes[k][2]]
        exact = [bits for kind, bits in above if kind == "max_pool2d"]
        bits = max([GRAD_FRAC] + [bits for kind, bits in above if kind in PASSING])
        bits = exact[0] if exact else bits
        found[i] = (bits, bits + 2 * (nodes[i][1] == "sigmoid"))
    return [found[i] for i in range(len(nodes))]


def rates(
    bits: int, rate: float, clip: float | None, labels: int, shift: int
) -> dict[str, object]:
    """What an update needs, of a gradient's sum with so many fractional bits."""
    table: dict[str, object] = {}
    if clip is not None:
        bits = min(bits, CLIP_FRAC)
        table = {"clip_frac": bits, "clip_bound": int(clip * labels * 2**bits + 0.5)}
    return table | {"eta": int(rate / labels * 2.0 ** (WEIGHT_FRAC + shift - bits) + 0.5)}


def manifest(
    layers: Layers,
    image: list[int] | None = None,
    inputs: int = 0,
    version: int = 2,
    loss: str = "softmax-cross-entropy",
    rate: float = 0.5,
    momentum: float = 0.0,
    decay: float = 0.0,
    clip: float | None = None,
    batch: int = 2,
    steps: int = 2,
    adam: dict[str, object] | None = None,
    max_steps: int = 4,
    row_log: int = 6,
    places: int = 1,
    data: dict[str, object] | None = None,
    shift: int = 16,
) -> str:
    """A manifest of these layers; the last one's outputs are classes, at so many places. With Adam
    its fields, and what else is said of data. Updates are divided by 2^shift, whatever follows."""
    model: dict[str, object] = {"input": inputs or math.prod(image), "loss": loss}
    model |= {"image": image} if image else {}
    classes = [str(k) for k in range(max(2, int(layers[-1][1].get("out", 0))))]
    optimizer: dict[str, object] = {
        "learning_rate": rate, "momentum": momentum, "weight_decay": decay
    }  # fmt: skip
    optimizer |= {} if clip is None else {"clip": clip}
    optimizer |= {} if adam is None else {"kind": "adam", **adam}
    out = lines({"version": version, "name": "small"}) + "[model]\n" + lines(model)
    for kind, fields in layers:
        out += "[[model.layers]]\n" + lines({"kind": kind, **fields})
    out += "[optimizer]\n" + lines(optimizer)
    training = {"batch": batch, "steps_per_proof": steps, "max_steps": max_steps}
    out += "[training]\n" + lines(training)
    out += "[data]\n" + lines({"label": "y", "classes": classes} | (data or {}))
    named = "tokens" in (data or {})
    columns = image[0] * image[1] if named else model["input"]
    uniform = {"prefix": "x", "count": columns, "offset": 0.0, "scale": 1.0}
    out += "[data.uniform]\n" + lines(uniform) + "[quantization]\n"
    out += lines({"row_log": row_log, "input_frac": INPUT_FRAC, "weight_frac": WEIGHT_FRAC})
    # The running statistics of what a sigmoid or a tanh puts out have twelve fractional bits.
    bits = 13 if any(kind == "batch_norm" for kind, _ in layers) else 12
    out += lines({"weight_init_bits": bits, "mu": int(momentum * 2**shift + 0.5)})
    out += lines({"lambda": int(rate * decay * 2**shift + 0.5)})
    return out + scales(
        layers, loss, rate, clip, batch * places, adam is not None, shift
    )


def adam_circuits() -> dict[str, str]:
    """Manifests with Adam whose circuits are compared, by their names in `adam_circuits_v1.tsv`;
    `adam_manifests` has their text."""
    every = {"version": 4, "batch": 4, "row_log": 8}
    falling = {"schedule": {"kind": "cosine", "warmup": 2}}
    return {
        "adam": manifest([linear(6), RELU, linear(3)], inputs=4, adam={}, **every),
        "adam-cosine": manifest(
            [linear(6, bias=False), RELU, linear(3)],
            inputs=4, steps=1, max_steps=10, adam=falling, **every,
        ),
        "adam-norm": manifest(
            [convolution(3, 3, padding=1), norm(), RELU, linear(2)],
            image=[3, 5, 2], adam={"epsilon": 0.001}, **every,
        ),
    }  # fmt: skip


def network(layers: Layers, **options) -> Network:
    """The network of such a manifest."""
    return derive(Manifest(manifest(layers, **options)))


def linear(out: int, **fields: object) -> tuple[str, dict[str, object]]:
    """A linear layer."""
    return "linear", {"out": out, **fields}


def convolution(out: int, kernel: int, **fields: object) -> tuple[str, dict[str, object]]:
    """A convolution."""
    return "conv2d", {"out": out, "kernel": kernel, **fields}


def depthwise(kernel: int, **fields: object) -> tuple[str, dict[str, object]]:
    """A convolution of each channel by itself."""
    return "depthwise_conv2d", {"kernel": kernel, **fields}


def largest(kernel: int, **fields: object) -> tuple[str, dict[str, object]]:
    """A pool of the largest."""
    return "max_pool2d", {"kernel": kernel, **fields}


def mean(**fields: object) -> tuple[str, dict[str, object]]:
    """A pool of means; of the whole image without a kernel."""
    return "avg_pool2d", fields


def norm(**fields: object) -> tuple[str, dict[str, object]]:
    """A batch norm."""
    return "batch_norm", fields


def layer_norm(**fields: object) -> tuple[str, dict[str, object]]:
    """A layer norm."""
    return "layer_norm", fields


def rms_norm(**fields: object) -> tuple[str, dict[str, object]]:
    """An RMS norm."""
    return "rms_norm", fields


def scale(**fields: object) -> tuple[str, dict[str, object]]:
    """A weight and a bias for each channel."""
    return "scale", fields


def add(entry: int, **fields: object) -> tuple[str, dict[str, object]]:
    """A sum with the values of an entry."""
    return "add", {"with": entry, **fields}


def scores(entry: int, heads: int, **fields: object) -> tuple[str, dict[str, object]]:
    """Scores of queries and the keys of an entry."""
    return "attention_scores", {"with": entry, "heads": heads, **fields}


def softmax(**fields: object) -> tuple[str, dict[str, object]]:
    """A softmax of rows."""
    return "softmax", fields


def mixed(entry: int, **fields: object) -> tuple[str, dict[str, object]]:
    """The values of an entry, in shares."""
    return "attention_values", {"with": entry, **fields}


def placed(**fields: object) -> tuple[str, dict[str, object]]:
    """Numbers of each position."""
    return "positions", fields


def leaky(slope: float) -> tuple[str, dict[str, object]]:
    """A leaky ReLU."""
    return "leaky_relu", {"slope": slope}


RELU, SIGMOID, TANH = ("relu", {}), ("sigmoid", {}), ("tanh", {})
LEAKY, GELU, SILU = ("leaky_relu", {}), ("gelu", {}), ("silu", {})


SIDES = [(2, 2), (3, 3), (4, 2), (2, 6), (4, 4), (5, 5), (6, 3), (6, 6)]


def drawn_pool(draw: random.Random, height: int, width: int) -> tuple[Layers, int, int]:
    """A pool of an image with these sides, if it can have one, and the sides of what is left."""
    if height == width > 1 and draw.random() < 0.3:
        return [mean()], 1, 1
    sizes = [k for k in (2, 3, 5) if height % k == width % k == 0]
    if not sizes:
        return [], height, width
    size = draw.choice(sizes)
    return [draw.choice([largest(size), mean(kernel=size)])], height // size, width // size


def with_pools(seed: int) -> tuple[Layers, dict[str, object]]:
    """Layers and options of a network that has pools, and convolutions in between or not."""
    draw = random.Random(seed)
    height, width = draw.choice(SIDES)
    image, layers = [height, width, draw.randint(1, 3)], []
    for _ in range(draw.randint(1, 3)):
        if draw.random() < 0.5:
            layers.append(convolution(draw.randint(1, 3), 3, padding=1, bias=draw.random() < 0.5))
            layers += draw.choice([[], [RELU], [SIGMOID], [TANH]])
        pool, height, width = drawn_pool(draw, height, width)
        layers += [*pool, *draw.choice([[], [RELU], [SIGMOID], [TANH]])] if pool else []
    options = {
        "image": image, "batch": draw.choice([1, 2]), "momentum": draw.choice([0.0, 0.5]),
        "loss": draw.choice(["softmax-cross-entropy", "mse"]), "clip": draw.choice([None, 1.0]),
    }  # fmt: skip
    return [*layers, linear(draw.randint(2, 3))], options


# Sides and channels, or how many numbers there are.
Size = tuple[int, ...]


class Growing:
    """A network under construction: values that layers put out, and those that nobody has taken."""

    def __init__(self, draw: random.Random, size: Size, norms: tuple[str, ...]) -> None:
        self.draw, self.layers, self.norms = draw, [], norms
        self.sizes: dict[int | None, Size] = {None: size}
        self.left: list[int] = []

    def put(self, layer: tuple[str, dict[str, object]], size: Size, *taken: int | None) -> None:
        """Appends a layer that takes the values of entries, and perhaps an activation."""
        kind, fields = layer
        if taken[0] is not None and (taken[0] + 1 != len(self.layers) or self.draw.random() < 0.3):
            fields = fields | {"from": taken[0]}
        self.layers.append((kind, fields))
        behind = [[], [RELU], [SIGMOID], [TANH], [LEAKY], [leaky(0.5)], [GELU], [SILU]]
        self.layers += self.draw.choice(behind)
        self.sizes[len(self.layers) - 1] = size
        self.left = [e for e in self.left if e not in taken] + [len(self.layers) - 1]

    def grow(self, entry: int | None) -> None:
        """A layer with weights, a pool, or, if there may be some, a norm or a scale."""
        *sides, channels = self.sizes[entry]
        if self.norms and self.draw.random() < 0.5:
            kind = self.draw.choice(self.norms)
            return self.put((kind, {}), self.sizes[entry], entry)
        if not sides:
            count = self.draw.choice([2, 2, 3])
            return self.put(linear(count, bias=self.draw.random() < 0.5), (count,), entry)
        if self.draw.random() < 0.5:
            pool, height, width = drawn_pool(self.draw, *sides)
            if pool:
                return self.put(pool[0], (height, width, channels), entry)
        count, kernel = self.draw.choice([1, 2]), self.draw.choice([1, 3])
        if self.draw.random() < 0.5:
            apart = depthwise(kernel, padding=kernel // 2, bias=self.draw.random() < 0.5)
            return self.put(apart, (*sides, channels), entry)
        convolved = convolution(count, kernel, padding=kernel // 2)
        return self.put(convolved, (*sides, count), entry)

    def pairs(self, entries: list[int]) -> list[tuple[int, int]]:
        """Entries that can be added."""
        both = permutations(entries, 2)
        return [(a, b) for a, b in both if self.sizes[a] == self.sizes[b]]

    def sum(self, one: int, other: int) -> None:
        """A sum of two of them."""
        self.put(add(other), self.sizes[one], one, other)

    def end(self, classes: int) -> Layers:
        """Adds up what is left, and a last layer."""
        while len(self.left) > 1:
            pairs = self.pairs(self.left)
            if pairs:
                self.sum(*self.draw.choice(pairs))
                continue
            for entry in [e for e in self.left if self.sizes[e] != (2,)]:
                self.put(linear(2), (2,), entry)
        return [*self.layers, linear(classes, **{"from": self.left[0]})]


def drawn_graph(draw: random.Random, norms: tuple[str, ...]) -> tuple[Layers, Size]:
    """Layers, and the inputs' size."""
    size = draw.choice([(2, 2, 1), (4, 2, 1), (3, 2, 2), (3,), (2,)])
    growing = Growing(draw, size, norms)
    growing.grow(None)
    for _ in range(draw.randint(2, 4)):
        entries = [e for e in growing.sizes if e is not None]
        pairs = growing.pairs(entries)
        if pairs and draw.random() < 0.6:
            growing.sum(*draw.choice(pairs))
        else:
            growing.grow(draw.choice(entries))
    return growing.end(draw.randint(2, 3)), size


def with_sums(seed: int, *norms: str) -> tuple[Layers, dict[str, object]]:
    """Layers and options of a network that is no chain, or at least has a layer of these kinds."""
    draw = random.Random(seed)
    options = {
        "batch": draw.choice([1, 2]), "momentum": draw.choice([0.0, 0.5]), "version": 3,
        "loss": draw.choice(["softmax-cross-entropy", "mse"]), "clip": draw.choice([None, 1.0]),
    }  # fmt: skip
    while True:
        layers, size = drawn_graph(draw, norms)
        # The gradients that a sum and a pool of the largest send may not fit each other.
        sized = {"image": list(size)} if len(size) > 1 else {"inputs": size[0]}
        with suppress(Rejected):
            network(layers, **options, **sized)
            if any(kind in (norms or ("add",)) for kind, _ in layers):
                return layers, options | sized


def with_norms(seed: int) -> tuple[Layers, dict[str, object]]:
    """The same of a network with batch norms."""
    return with_sums(seed, "batch_norm")


def with_rows(seed: int) -> tuple[Layers, dict[str, object]]:
    """The same of a network with norms of rows and scales."""
    return with_sums(seed, "layer_norm", "rms_norm", "scale", "batch_norm")
