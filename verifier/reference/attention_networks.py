"""Manifests of small networks with attention."""

import random
from contextlib import suppress

from networks import (
    RELU,
    TANH,
    Growing,
    Layers,
    Size,
    add,
    convolution,
    layer_norm,
    linear,
    manifest,
    mixed,
    network,
    placed,
    rms_norm,
    scores,
    softmax,
)
from zktrain_reference.errors import Rejected


def block(
    heads: int, width: int, causal: bool = False, values: int | None = None, source: int = 0
) -> Layers:
    """An attention over what an entry puts out, which is the last one: queries, keys, and values
    if these have channels of their own; else they are the keys."""
    behind = {"from": source}
    of_values = [] if values is None else [convolution(values, 1, bias=False, **behind)]
    first, last = source + 1, source + 2 + len(of_values)
    asking = [convolution(width, 1), convolution(width, 1, **behind)]
    return [
        *asking, *of_values, scores(first + 1, heads, **{"from": first}),
        softmax(causal=True) if causal else softmax(), mixed(last),
    ]  # fmt: skip


class Attending(Growing):
    """A network under construction that has an attention."""

    def end_of(self, layer, size: Size, *taken: int | None) -> int:
        """Appends a layer; the entry that it ends with."""
        self.put(layer, size, *taken)
        return len(self.layers) - 1

    def attend(self, entry: int) -> None:
        """An attention over a sequence."""
        draw, (length, _, channels) = self.draw, self.sizes[entry]
        heads = draw.choice([h for h in (1, 2, 4) if channels % h == 0])
        causal = draw.random() < 0.5
        stride = 1 if causal or length == 1 else draw.choice([1, 2])
        asking = (length - 1) // stride + 1
        queries = self.end_of(
            convolution(channels, 1, stride=stride), (asking, 1, channels), entry
        )  # fmt: skip
        keys = entry
        if draw.random() < 0.5:
            keys = self.end_of(convolution(channels, 1), (length, 1, channels), entry)
        values = draw.choice([entry, keys])
        if draw.random() < 0.5:
            channels = heads * draw.choice([1, 2])
            values = self.end_of(convolution(channels, 1), (length, 1, channels), entry)
        *_, channels = self.sizes[values]
        pairs = asking, length, heads
        found = self.end_of(scores(keys, heads), pairs, queries, keys)
        shares = self.end_of(softmax(causal=True) if causal else softmax(), pairs, found)
        self.put(mixed(values), (asking, 1, channels), shares, values)

    def more(self) -> None:
        """Another layer of a sequence."""
        entry = len(self.layers) - 1
        size = self.sizes[entry]
        if len(size) == 3:
            kinds = [placed()] + [layer_norm(), rms_norm()] * (size[2] > 1)
            self.put(self.draw.choice(kinds), size, entry)


def with_attention(seed: int) -> tuple[Layers, dict[str, object]]:
    """Layers and options of a network that has an attention."""
    draw = random.Random(seed)
    options = {
        "batch": draw.choice([1, 2]), "momentum": draw.choice([0.0, 0.5]), "version": 5,
        "loss": draw.choice(["softmax-cross-entropy", "mse"]), "clip": draw.choice([None, 1.0]),
    }  # fmt: skip
    while True:
        size = draw.choice([1, 2, 4, 4]), 1, draw.choice([1, 2, 4])
        growing = Attending(draw, size, ())
        growing.put(draw.choice([placed(), convolution(size[2], 1)]), size, None)
        if draw.random() < 0.5:
            growing.more()
        growing.attend(len(growing.layers) - 1)
        growing.more()
        layers = growing.end(draw.randint(2, 3))
        with suppress(Rejected):
            network(layers, image=list(size), **options)
            return layers, options | {"image": list(size)}


def attention_circuits() -> dict[str, str]:
    """Manifests with attention whose circuits are compared, by their names in
    `attention_circuits_v1.tsv`; `attention_manifests` has their text."""
    every = {"version": 5, "row_log": 8}
    causal = [placed(), layer_norm(), *block(2, 4, causal=True, source=1), convolution(3, 1)]
    full = [convolution(8, 1), *block(1, 8), RELU, linear(2)]
    apart = [convolution(4, 1), TANH, *block(2, 4, values=2, source=1), linear(3)]
    return {
        "attention-causal": manifest(
            [*causal, add(0), linear(3)],
            image=[4, 1, 3], batch=4, steps=2, momentum=0.5, **every,
        ),
        "attention-full": manifest(full, image=[2, 1, 3], batch=2, steps=1, **every),
        "attention-adam": manifest(apart, image=[2, 1, 2], batch=4, adam={}, **every),
    }  # fmt: skip
