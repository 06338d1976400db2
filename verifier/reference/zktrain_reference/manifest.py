"""The manifest: reading it, the ranges of its fields, its hash. See docs/quantization.md."""

import struct
import tomllib
from dataclasses import dataclass
from typing import Any

from .errors import Rejected, require
from .hashing import keccak256

LOSSES = ("softmax-cross-entropy", "logistic", "mse")
KINDS = ("linear", "relu", "sigmoid", "tanh")

# The fields of every table in the order of the hash: name, type, whether it may be absent.
# A type is a scalar's name, a list of one type, or the name of another table.
SCHEMA: dict[str, list[tuple[str, Any, bool]]] = {
    "manifest": [
        ("version", "u32", False),
        ("name", "text", False),
        ("model", "model", False),
        ("optimizer", "optimizer", False),
        ("training", "training", False),
        ("data", "data", False),
        ("quantization", "quantization", True),
    ],
    "model": [("input", "u64", False), ("loss", LOSSES, False), ("layers", ["layer"], False)],
    "layer": [("kind", KINDS, False), ("out", "u64", True), ("bias", "bool", True)],
    "optimizer": [
        ("learning_rate", "real", False),
        ("momentum", "real", False),
        ("weight_decay", "real", False),
        ("clip", "real", True),
    ],
    "training": [
        ("batch", "u64", False),
        ("steps_per_proof", "u64", False),
        ("max_steps", "u64", False),
    ],
    "data": [
        ("label", "text", False),
        ("classes", ["text"], True),
        ("target", "scaling", True),
        ("uniform", "uniform", True),
        ("features", ["feature"], True),
    ],
    "scaling": [("offset", "real", False), ("scale", "real", False)],
    "uniform": [
        ("prefix", "text", False),
        ("count", "u64", False),
        ("offset", "real", False),
        ("scale", "real", False),
    ],
    "feature": [("name", "text", False), ("offset", "real", False), ("scale", "real", False)],
    "quantization": [
        ("row_log", "u32", False),
        ("input_frac", "u32", False),
        ("weight_frac", "u32", False),
        ("weight_init_bits", "u32", False),
        ("mu", "i64", False),
        ("lambda", "i64", False),
        ("layers", ["scales"], False),
    ],
    "scales": [
        ("z_frac", "u32", False),
        ("a_frac", "u32", True),
        ("grad_frac", "u32", True),
        ("clip_frac", "u32", True),
        ("clip_bound", "i64", True),
        ("eta", "i64", False),
    ],
}
# Absent in the text, these stand for a value.
DEFAULTS = {("optimizer", "momentum"): 0.0, ("optimizer", "weight_decay"): 0.0}
INTEGERS = {"u32": (0, 2**32 - 1), "u64": (0, 2**63 - 1), "i64": (-(2**63), 2**63 - 1)}


def _typed(value: Any, kind: Any, where: str) -> Any:
    """The value, checked against a type of the schema."""
    if isinstance(kind, list):
        require(isinstance(value, list), f"{where}: expected a list")
        return [_typed(v, kind[0], f"{where}[{i}]") for i, v in enumerate(value)]
    if isinstance(kind, tuple):
        require(isinstance(value, str) and value in kind, f"{where}: expected one of {kind}")
        return value
    if kind in INTEGERS:
        lowest, highest = INTEGERS[kind]
        require(type(value) is int and lowest <= value <= highest, f"{where}: expected {kind}")
        return value
    if kind == "real":
        require(type(value) in (int, float), f"{where}: expected a number")
        return float(value)
    if kind in ("text", "bool"):
        require(type(value) is (str if kind == "text" else bool), f"{where}: expected {kind}")
        return value
    return _table(value, kind, where)


def _table(value: Any, kind: str, where: str) -> dict[str, Any]:
    require(isinstance(value, dict), f"{where}: expected a table")
    fields = {name for name, _, _ in SCHEMA[kind]}
    for name in value:
        require(name in fields, f"{where}.{name}: unknown field")
    table = {}
    for name, field_kind, optional in SCHEMA[kind]:
        field = f"{where}.{name}".removeprefix("manifest.")
        if name in value:
            table[name] = _typed(value[name], field_kind, field)
        elif (kind, name) in DEFAULTS:
            table[name] = DEFAULTS[kind, name]
        else:
            require(optional, f"{field}: is required")
            table[name] = None
    return table


def _encoded(value: Any, kind: Any) -> bytes:
    """The canonical bytes of a value."""
    if isinstance(kind, list):
        return struct.pack(">Q", len(value)) + b"".join(_encoded(v, kind[0]) for v in value)
    if isinstance(kind, tuple):
        return struct.pack(">q", kind.index(value))
    if kind == "real":
        return struct.pack(">d", value + 0.0)
    if kind == "text":
        data = value.encode()
        return struct.pack(">Q", len(data)) + data
    if kind in INTEGERS or kind == "bool":
        return struct.pack(">q", value)
    out = b""
    for name, field_kind, optional in SCHEMA[kind]:
        field = value[name]
        if (kind, name) == ("layer", "bias") and value["kind"] == "linear" and field is None:
            field = True
        if optional:
            out += struct.pack(">q", field is not None)
        if field is not None:
            out += _encoded(field, field_kind)
    return out


def _within(field: str, lowest: float, highest: float, value: float) -> None:
    require(lowest <= value <= highest, f"{field}: {value} is not in {lowest} … {highest}")


def _name(field: str, text: str) -> None:
    _within(f"{field} (bytes)", 1, 256, len(text.encode()))


def _scaling(field: str, table: dict[str, Any]) -> None:
    for part in ("offset", "scale"):
        _within(f"{field}.{part}", -1e12, 1e12, table[part])
    require(table["scale"] != 0, f"{field}.scale: is zero")


def _distinct(field: str, names: list[str]) -> None:
    require(len(set(names)) == len(names), f"{field}: a name occurs twice")


@dataclass(frozen=True)
class Linear:
    """A linear layer and the activation behind it, `None` for none."""

    inputs: int
    outputs: int
    bias: bool
    activation: str | None


class Manifest:
    """A manifest whose single fields are in range; scales are checked by `network`."""

    def __init__(self, text: str) -> None:
        try:
            parsed = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise Rejected(f"manifest: {error}") from None
        self.table = _table(parsed, "manifest", "manifest")
        require(self.table["version"] == 1, "version: this program reads 1")
        _name("name", self.table["name"])
        self.layers = self._layers()
        self._ranges()
        self._columns()
        self._labels()
        require(self.table["quantization"] is not None, "quantization: is required")
        self._scales()

    def __getitem__(self, name: str) -> Any:
        return self.table[name]

    def hash(self) -> bytes:
        """keccak256 of the canonical encoding."""
        return keccak256(b"zktrain/manifest/v1\0", _encoded(self.table, "manifest"))

    def _layers(self) -> list[Linear]:
        model = self.table["model"]
        width = model["input"]
        _within("model.input", 1, 65536, width)
        found: list[Linear] = []
        before = None
        for i, layer in enumerate(model["layers"]):
            field, kind = f"model.layers[{i}]", layer["kind"]
            if kind == "linear":
                require(layer["out"] is not None, f"{field}.out: is required")
                _within(f"{field}.out", 1, 65536, layer["out"])
                found.append(Linear(width, layer["out"], layer["bias"] is not False, None))
                width = layer["out"]
            else:
                fits = before == "linear" and i + 1 < len(model["layers"])
                require(fits, f"{field}: expected a linear layer")
                require(layer["out"] is None, f"{field}.out: only linear layers have it")
                require(layer["bias"] is None, f"{field}.bias: only linear layers have it")
                last = found[-1]
                found[-1] = Linear(last.inputs, last.outputs, last.bias, kind)
            before = kind
        _within("model.layers (linear ones)", 1, 64, len(found))
        return found

    def _ranges(self) -> None:
        optimizer, training = self.table["optimizer"], self.table["training"]
        _within("optimizer.learning_rate", 1e-9, 1e3, optimizer["learning_rate"])
        _within("optimizer.momentum", 0, 1 - 2.0**-16, optimizer["momentum"])
        _within("optimizer.weight_decay", 0, 1, optimizer["weight_decay"])
        if optimizer["clip"] is not None:
            _within("optimizer.clip", 1e-9, 1e6, optimizer["clip"])
        for field, most in (("batch", 4096), ("steps_per_proof", 1024)):
            size = training[field]
            _within(f"training.{field}", 1, most, size)
            require(size & (size - 1) == 0, f"training.{field}: {size} is no power of two")
        _within("training.max_steps", training["steps_per_proof"], 65536, training["max_steps"])

    def _columns(self) -> None:
        data = self.table["data"]
        _name("data.label", data["label"])
        features, uniform = data["features"], data["uniform"]
        require((features is None) != (uniform is None), "data: either features or uniform")
        if uniform is not None:
            _scaling("data.uniform", uniform)
            _name("data.uniform.prefix", uniform["prefix"])
            count = uniform["count"]
        else:
            for i, feature in enumerate(features):
                _name(f"data.features[{i}].name", feature["name"])
                _scaling(f"data.features[{i}]", feature)
            _distinct("data.features", [data["label"], *(f["name"] for f in features)])
            count = len(features)
        require(
            count == self.table["model"]["input"], "data: another number of columns than inputs"
        )

    def _labels(self) -> None:
        data, loss = self.table["data"], self.table["model"]["loss"]
        outputs = self.layers[-1].outputs
        classes, target = data["classes"], data["target"]
        if classes is None:
            require(target is not None and loss == "mse", "data.classes: is required")
            _scaling("data.target", target)
            require(outputs == 1, "a target has one output")
            return
        require(target is None, "data.target: there are classes")
        for i, name in enumerate(classes):
            _name(f"data.classes[{i}]", name)
        _distinct("data.classes", classes)
        _within("data.classes", 2, 2 if loss == "logistic" else 4096, len(classes))
        expected = 1 if loss == "logistic" else len(classes)
        require(outputs == expected, "the last layer has another width than there are classes")

    def _scales(self) -> None:
        scales = self.table["quantization"]
        for field, lowest, highest in (
            ("row_log", 4, 20),
            ("input_frac", 0, 15),
            ("weight_frac", 0, 30),
            ("weight_init_bits", 1, 30),
        ):
            _within(f"quantization.{field}", lowest, highest, scales[field])
        for i, layer in enumerate(scales["layers"]):
            for field, lowest, highest in (
                ("z_frac", 0, 15),
                ("a_frac", 4, 14),
                ("grad_frac", 0, 40),
                ("clip_frac", 0, 60),
            ):
                if layer[field] is not None:
                    _within(f"quantization.layers[{i}].{field}", lowest, highest, layer[field])
