"""Manifests of small networks, with images and without."""

import json
import math

from zktrain_reference.manifest import Manifest
from zktrain_reference.network import Network, derive

INPUT_FRAC, WEIGHT_FRAC, HIDDEN_FRAC, A_FRAC, LAST_FRAC, GRAD_FRAC = 6, 10, 6, 8, 8, 10
CLIP_FRAC = 13
# A kind, and the fields of a layer with weights.
Layers = list[tuple[str, dict[str, object]]]


def lines(table: dict[str, object]) -> str:
    """Fields of a TOML table; JSON spells their values alike."""
    return "".join(f"{name} = {json.dumps(value)}\n" for name, value in table.items())


def scales(layers: Layers, loss: str, rate: float, clip: float | None, batch: int) -> str:
    """The quantization of layers, by the document's formulas."""
    kinds = [kind for kind, _ in layers] + [""]
    behind = [kinds[i + 1] for i, (_, fields) in enumerate(layers) if fields]
    out, in_bits = "", INPUT_FRAC
    for i, kind in enumerate(behind):
        last, smooth = i + 1 == len(behind), kind in ("sigmoid", "tanh")
        table: dict[str, object] = {"z_frac": LAST_FRAC if last else HIDDEN_FRAC}
        d_bits = GRAD_FRAC + 2 * (kind == "sigmoid")
        if last:
            d_bits = LAST_FRAC if loss == "mse" else 14
        else:
            table["grad_frac"] = GRAD_FRAC
        if smooth:
            table["a_frac"] = A_FRAC
        bits = in_bits + d_bits
        if clip is not None:
            bits = CLIP_FRAC
            table |= {"clip_frac": bits, "clip_bound": int(clip * batch * 2**bits)}
        table["eta"] = int(rate / batch * 2.0 ** (WEIGHT_FRAC + 16 - bits))
        out += "[[quantization.layers]]\n" + lines(table)
        in_bits = A_FRAC if smooth else HIDDEN_FRAC
    return out


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
    classes = [str(k) for k in range(max(2, int(layers[-1][1]["out"])))]
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


RELU, SIGMOID, TANH = ("relu", {}), ("sigmoid", {}), ("tanh", {})
