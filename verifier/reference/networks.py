"""Manifests of small networks, with images and without."""

import json
import math
import random
from itertools import pairwise

from zktrain_reference.manifest import Manifest
from zktrain_reference.network import Network, derive

INPUT_FRAC, WEIGHT_FRAC, HIDDEN_FRAC, A_FRAC, LAST_FRAC, GRAD_FRAC = 6, 10, 6, 8, 8, 10
CLIP_FRAC = 13
ACTIVATIONS = ("relu", "sigmoid", "tanh")
# A kind, and a layer's fields; activations have none.
Layers = list[tuple[str, dict[str, object]]]


def lines(table: dict[str, object]) -> str:
    """Fields of a TOML table; JSON spells their values alike."""
    return "".join(f"{name} = {json.dumps(value)}\n" for name, value in table.items())


def scales(layers: Layers, loss: str, rate: float, clip: float | None, batch: int) -> str:
    """The quantization of layers, by the document's formulas."""
    kinds = [kind for kind, _ in layers] + [""]
    places = [i for i, (kind, _) in enumerate(layers) if kind not in ACTIVATIONS]
    pairs = [(kinds[i], kinds[i + 1]) for i in places]
    out, in_bits = "", INPUT_FRAC
    gradients = gradient_bits(pairs, LAST_FRAC if loss == "mse" else 14)
    for (kind, behind), (grad_frac, d_bits) in zip(pairs, gradients):
        smooth, last = behind in ("sigmoid", "tanh"), grad_frac is None
        z_frac = LAST_FRAC if last else HIDDEN_FRAC
        table: dict[str, object] = {"z_frac": in_bits if kind == "max_pool2d" else z_frac}
        if not last:
            table["grad_frac"] = grad_frac
        if smooth:
            table["a_frac"] = A_FRAC
        if kind in ("linear", "conv2d"):
            table |= rates(in_bits + d_bits, rate, clip, batch)
        out += "[[quantization.layers]]\n" + lines(table)
        in_bits = A_FRAC if smooth else int(table["z_frac"])
    return out


def gradient_bits(pairs: list[tuple[str, str]], last: int) -> list[tuple[int | None, int]]:
    """Fractional bits of g (none of the last layer) and of D, for kinds and what is behind."""
    found: list[tuple[int | None, int]] = [(None, last)]
    for (_, behind), (above, _) in reversed(list(pairwise(pairs))):
        bits = found[0][1] if above == "max_pool2d" else GRAD_FRAC
        found.insert(0, (bits, bits + 2 * (behind == "sigmoid")))
    return found


def rates(bits: int, rate: float, clip: float | None, batch: int) -> dict[str, object]:
    """What an update needs, of a gradient's sum with so many fractional bits."""
    table: dict[str, object] = {}
    if clip is not None:
        bits = CLIP_FRAC
        table = {"clip_frac": bits, "clip_bound": int(clip * batch * 2**bits)}
    return table | {"eta": int(rate / batch * 2.0 ** (WEIGHT_FRAC + 16 - bits))}


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
) -> str:
    """A manifest of these layers; the last one's outputs are classes."""
    model: dict[str, object] = {"input": inputs or math.prod(image), "loss": loss}
    model |= {"image": image} if image else {}
    classes = [str(k) for k in range(max(2, int(layers[-1][1].get("out", 0))))]
    optimizer: dict[str, object] = {
        "learning_rate": rate, "momentum": momentum, "weight_decay": decay
    }  # fmt: skip
    optimizer |= {} if clip is None else {"clip": clip}
    out = lines({"version": version, "name": "small"}) + "[model]\n" + lines(model)
    for kind, fields in layers:
        out += "[[model.layers]]\n" + lines({"kind": kind, **fields})
    out += "[optimizer]\n" + lines(optimizer)
    out += "[training]\n" + lines({"batch": batch, "steps_per_proof": steps, "max_steps": 4})
    out += "[data]\n" + lines({"label": "y", "classes": classes})
    uniform = {"prefix": "x", "count": model["input"], "offset": 0.0, "scale": 1.0}
    out += "[data.uniform]\n" + lines(uniform) + "[quantization]\n"
    out += lines({"row_log": 6, "input_frac": INPUT_FRAC, "weight_frac": WEIGHT_FRAC})
    out += lines({"weight_init_bits": 12, "mu": int(momentum * 2**16)})
    out += lines({"lambda": int(rate * decay * 2**16 + 0.5)})
    return out + scales(layers, loss, rate, clip, batch)


def network(layers: Layers, **options) -> Network:
    """The network of such a manifest."""
    return derive(Manifest(manifest(layers, **options)))


def linear(out: int, **fields: object) -> tuple[str, dict[str, object]]:
    """A linear layer."""
    return "linear", {"out": out, **fields}


def convolution(out: int, kernel: int, **fields: object) -> tuple[str, dict[str, object]]:
    """A convolution."""
    return "conv2d", {"out": out, "kernel": kernel, **fields}


def largest(kernel: int, **fields: object) -> tuple[str, dict[str, object]]:
    """A pool of the largest."""
    return "max_pool2d", {"kernel": kernel, **fields}


def mean(**fields: object) -> tuple[str, dict[str, object]]:
    """A pool of means; of the whole image without a kernel."""
    return "avg_pool2d", fields


RELU, SIGMOID, TANH = ("relu", {}), ("sigmoid", {}), ("tanh", {})


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
