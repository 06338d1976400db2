"""The manifest's fields, by version, and their canonical encoding. See docs/quantization.md."""

import struct
from collections.abc import Iterator
from typing import Any

from .errors import require

LOSSES = ("softmax-cross-entropy", "logistic", "mse")
KINDS = (
    "linear", "relu", "sigmoid", "tanh", "conv2d", "max_pool2d", "avg_pool2d", "add",
    "depthwise_conv2d", "leaky_relu", "gelu", "silu", "batch_norm", "layer_norm", "rms_norm",
    "scale", "attention_scores", "softmax", "attention_values", "positions",
)  # fmt: skip
# Layers that multiply with weights, others that have parameters, and those that have none; what
# else there is are activations.
CONVOLUTIONS = ("conv2d", "depthwise_conv2d")
SCALE = "scale"
WEIGHTED = ("linear", *CONVOLUTIONS, SCALE)
NORM = "batch_norm"
# Numbers of each position that are added to what is there.
POSITIONS = "positions"
PARAMETRIC = (*WEIGHTED, NORM, POSITIONS)
POOLS = ("max_pool2d", "avg_pool2d")
# Norms of the numbers of a sample, or of each of its positions.
ROW_NORMS = ("layer_norm", "rms_norm")
NORMS = (NORM, *ROW_NORMS)
# The three layers of an attention.
SCORES, SOFTMAX, VALUES = "attention_scores", "softmax", "attention_values"
ATTENTION = (SCORES, SOFTMAX, VALUES)
# Layers that take the values of two others.
PAIRED = ("add", SCORES, VALUES)
# Layers that send back their D, times a power of two.
PASSING = ("add", POSITIONS)
LAYERS = (*PARAMETRIC, *POOLS, *ROW_NORMS, "add", *ATTENTION)
# Activations that are looked up: those whose derivative follows from the value, which has
# fractional bits of its own, and those whose derivative is looked up too.
SMOOTH = ("sigmoid", "tanh")
LOOKED_UP = ("gelu", "silu")
# The slope of a leaky ReLU where it is not said.
SLOPE = 0.01
OPTIMIZERS = ("sgd", "adam")
SCHEDULES = ("constant", "linear", "cosine", "step")
# What is said with Adam only, and what it is where it is not said.
ADAM = {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "schedule": None}

# The fields of every table in the order of the hash: name, type, whether it may be absent.
# A type is a scalar's name, a list of one type, or the name of another table.
Schema = dict[str, list[tuple[str, Any, bool]]]
FIRST: Schema = {
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
    "layer": [("kind", KINDS[:4], False), ("out", "u64", True), ("bias", "bool", True)],
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
SECOND: Schema = FIRST | {
    "model": [
        ("input", "u64", False),
        ("image", "image", True),
        ("loss", LOSSES, False),
        ("layers", ["layer"], False),
    ],
    "layer": [
        ("kind", KINDS[:7], False),
        ("out", "u64", True),
        ("bias", "bool", True),
        ("kernel", "u64", True),
        ("stride", "u64", True),
        ("padding", "u64", True),
    ],
}
THIRD: Schema = SECOND | {
    "layer": [
        ("kind", KINDS[:16], False),
        *SECOND["layer"][1:],
        ("from", "u64", True),
        ("with", "u64", True),
        ("slope", "real", True),
    ],
}
FOURTH: Schema = THIRD | {
    "optimizer": [
        *FIRST["optimizer"],
        ("kind", OPTIMIZERS, False),
        ("beta1", "real", True),
        ("beta2", "real", True),
        ("epsilon", "real", True),
        ("schedule", "schedule", True),
    ],
    "schedule": [
        ("kind", SCHEDULES, False),
        ("warmup", "u64", False),
        ("steps", "u64", True),
        ("every", "u64", True),
        ("factor", "real", True),
    ],
}
FIFTH: Schema = FOURTH | {
    "layer": [
        ("kind", KINDS, False),
        *THIRD["layer"][1:],
        ("heads", "u64", True),
        ("causal", "bool", True),
    ],
}
SIXTH: Schema = FIFTH | {
    "data": [
        *FIRST["data"],
        ("weighted", "bool", False),
        ("class_weights", ["real"], True),
        ("tokens", ["text"], True),
    ],
}
VERSIONS = {1: FIRST, 2: SECOND, 3: THIRD, 4: FOURTH, 5: FIFTH, 6: SIXTH}
# Said in a version that does not have it, this is what holds there anyway.
HOLDS_ANYWAY = ("data", "weighted")
# Absent in the text, these stand for a value.
DEFAULTS = {
    ("optimizer", "kind"): "sgd",
    ("data", "weighted"): False,
    ("schedule", "warmup"): 0,
    ("optimizer", "momentum"): 0.0,
    ("optimizer", "weight_decay"): 0.0,
    ("scales", "eta"): 0,
}
INTEGERS = {"u32": (0, 2**32 - 1), "u64": (0, 2**63 - 1), "i64": (-(2**63), 2**63 - 1)}


def read(schema: Schema, value: Any, kind: Any, where: str) -> Any:
    """The value, checked against a type of the schema."""
    if isinstance(kind, list):
        require(isinstance(value, list), f"{where}: expected a list")
        return [read(schema, v, kind[0], f"{where}[{i}]") for i, v in enumerate(value)]
    if kind == "image":
        numbers = read(schema, value, ["u64"], where)
        require(len(numbers) == 3, f"{where}: expected height, width and channels")
        return numbers
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
    return _table(schema, value, kind, where)


def _table(schema: Schema, value: Any, kind: str, where: str) -> dict[str, Any]:
    require(isinstance(value, dict), f"{where}: expected a table")
    fields = {name for name, _, _ in schema[kind]}
    for name, said in value.items():
        known = name in fields or ((kind, name) == HOLDS_ANYWAY and said is False)
        require(known, f"{where}.{name}: unknown field")
    table = {}
    for name, field_kind, optional in schema[kind]:
        field = f"{where}.{name}".removeprefix("manifest.")
        if name in value:
            table[name] = read(schema, value[name], field_kind, field)
        elif (kind, name) in DEFAULTS:
            table[name] = DEFAULTS[kind, name]
        else:
            require(optional, f"{field}: is required")
            table[name] = None
    return table


def encoded(schema: Schema, value: Any, kind: Any) -> bytes:
    """The canonical bytes of a value."""
    if isinstance(kind, list):
        parts = (encoded(schema, v, kind[0]) for v in value)
        return struct.pack(">Q", len(value)) + b"".join(parts)
    if kind == "image":
        return struct.pack(">3q", *value)
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
    for name, field_kind, optional in _fields(schema, value, kind):
        field = _written(name, value) if kind == "layer" else value[name]
        if optional:
            out += struct.pack(">q", field is not None)
        if field is not None:
            out += encoded(schema, field, field_kind)
    return out


def _fields(schema: Schema, table: dict[str, Any], kind: str) -> Iterator[tuple[str, Any, bool]]:
    """The fields that the hash has of a table, their types, whether they may be absent there."""
    for name, field_kind, optional in schema[kind]:
        if kind != "optimizer" or name not in ADAM:
            yield name, field_kind, optional
        elif table["kind"] == "adam":
            # The table has what stands for those that are not said.
            yield name, field_kind, ADAM[name] is None


def _written(name: str, layer: dict[str, Any]) -> Any:
    """What the hash has of a layer's field, which may be absent in the text."""
    if layer[name] is not None:
        return layer[name]
    if name == "bias":
        return True if layer["kind"] in WEIGHTED else None
    if name == "slope":
        return SLOPE if layer["kind"] == "leaky_relu" else None
    if name == "causal":
        return False if layer["kind"] == SOFTMAX else None
    if name in ("stride", "padding") and layer["kernel"] is not None:
        return default_stride(layer) if name == "stride" else 0
    return None


def default_stride(layer: dict[str, Any]) -> int | None:
    """A layer's stride where it is not said."""
    return layer["kernel"] if layer["kind"] in POOLS else 1
