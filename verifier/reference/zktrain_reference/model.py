"""Public models: their files and commitments. See docs/quantization.md."""

import json
import math

from .curve import Point
from .errors import Rejected, require
from .network import Layer
from .training import Key


def tensors_of(layer: Layer) -> list[tuple[str, str, list[int]]]:
    """The tensors of a layer's parameters in a file: name, what the sheet calls it, shape."""
    units = [layer.outputs]
    if layer.running:
        statistics = [("running_mean", "s", units), ("running_deviation", "s", units)]
        return [("weight", "w", units), ("bias", "b", units), *statistics]
    inputs = [] if layer.alike else [layer.inputs]
    return [("weight", "w", [*inputs, *units])] + [("bias", "b", units)] * layer.bias


def read_parameters(key: Key, data: bytes) -> dict[str, list[int]]:
    """The integers of `model.int.safetensors`, by the names of their tensors in the sheet."""
    length = int.from_bytes(data[:8], "little")
    require(len(data) >= 8 and length <= len(data) - 8, "the model's file is too short")
    try:
        header = json.loads(data[8 : 8 + length])
        frac = header.pop("__metadata__")["weight_frac"]
        tensors = {
            name: (entry["dtype"], entry["shape"], *entry["data_offsets"])
            for name, entry in header.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Rejected(f"the model's file: {error}") from None
    expected = str(key.manifest["quantization"]["weight_frac"])
    require(frac == expected, f"the model has weight_frac {frac}, expected {expected}")
    found, body = {}, data[8 + length :]
    for i, layer in enumerate(key.network.layers):
        if not layer.weighted:
            continue
        for name, short, shape in tensors_of(layer):
            tensor = tensors.pop(f"layers.{i}.{name}", None)
            require(tensor is not None, f"layers.{i}.{name} is missing")
            dtype, got, start, end = tensor
            size = 4 * math.prod(shape)
            fits = dtype == "I32" and got == shape and end - start == size and end <= len(body)
            require(fits, f"layers.{i}.{name} is not {shape} of I32")
            cells = (body[k : k + 4] for k in range(start, end, 4))
            values = [int.from_bytes(c, "little", signed=True) for c in cells]
            found.setdefault(f"{i}.{short}.before", []).extend(values)
    require(not tensors, "the model has tensors that the network does not have")
    bound = 2 ** key.manifest["quantization"]["weight_init_bits"]
    for name, values in found.items():
        require(
            all(abs(v) < bound for v in values), f"{name}: a parameter is too large to begin with"
        )
    return found


def commit_parameters(key: Key, parameters: dict[str, list[int]]) -> list[Point]:
    """The rows of a public model: no blinding."""
    row = 1 << key.network.row_log
    cells: dict[int, list[int]] = {number: [0] * row for number in key.sheet.rows("parameters")}
    for name, values in parameters.items():
        tensor = key.sheet.tensors[name]
        for flat, value in enumerate(values):
            address, rest = tensor.base, flat
            for size, bit in reversed(list(zip(tensor.sizes, tensor.bits))):
                rest, index = divmod(rest, size)
                address += index << bit
            cells[address // row][address % row] = value
    return [key.string.commit(values) for values in cells.values()]
