"""The manifest: reading it, the ranges of its fields, its hash. See docs/quantization.md."""

import tomllib
from dataclasses import replace
from typing import Any

from .adam import check_kind
from .attention_shape import attended, paired, single
from .errors import Rejected, require, within
from .geometry import Image
from .hashing import keccak256
from .label_weights import check_last, check_weights, weighs
from .schema import (
    ATTENTION,
    LAYERS,
    NORM,
    PAIRED,
    POSITIONS,
    SOFTMAX,
    VERSIONS,
    encoded,
    read,
)
from .shape import MOST, MOST_SUMMED, MOST_TAKERS, Shape, Values, shaped, slope, summed
from .tokens import check_tokens, columns_of


def _name(field: str, text: str) -> None:
    within(f"{field} (bytes)", 1, 256, len(text.encode()))


def _scaling(field: str, table: dict[str, Any]) -> None:
    for part in ("offset", "scale"):
        within(f"{field}.{part}", -1e12, 1e12, table[part])
    require(table["scale"] != 0, f"{field}.scale: is zero")


def _distinct(field: str, names: list[str]) -> None:
    require(len(set(names)) == len(names), f"{field}: a name occurs twice")


class Manifest:
    """A manifest whose single fields are in range; scales are checked by `network`."""

    def __init__(self, text: str) -> None:
        try:
            parsed = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise Rejected(f"manifest: {error}") from None
        version = parsed.get("version")
        known = type(version) is int and version in VERSIONS
        require(known, "version: this program reads 1, 2, 3, 4, 5 and 6")
        self.schema = VERSIONS[version]
        self.table = read(self.schema, parsed, "manifest", "manifest")
        _name("name", self.table["name"])
        self.layers = self._layers()
        self._ranges()
        self._columns()
        self._labels()
        check_weights(self.table, self.layers)
        require(self.table["quantization"] is not None, "quantization: is required")
        self._scales()

    def __getitem__(self, name: str) -> Any:
        return self.table[name]

    def hash(self) -> bytes:
        """keccak256 of the canonical encoding."""
        start = f"zktrain/manifest/v{self.table['version']}\0".encode()
        return keccak256(start, encoded(self.schema, self.table, "manifest"))

    def _image(self) -> Image | None:
        """What the inputs are, if they are an image."""
        model = self.table["model"]
        if model.get("image") is None:
            return None
        for name, extent in zip(("height", "width", "channels"), model["image"]):
            within(f"model.image ({name})", 1, 4096, extent)
        image = Image(*model["image"])
        require(image.numbers == model["input"], "model.image: its numbers are not the inputs")
        return image

    def _layers(self) -> list[Shape]:
        model = self.table["model"]
        inputs = model["input"], self._image()
        within("model.input", 1, MOST, inputs[0])
        found: list[Shape] = []
        # By the number of an entry, the layer that it is the end of.
        ends: dict[int, int] = {}
        before = None
        for i, layer in enumerate(model["layers"]):
            field, kind = f"model.layers[{i}]", layer["kind"]
            if kind in LAYERS:
                found.append(self._layer(field, i, inputs, found, ends))
            else:
                fits = before in LAYERS and i + 1 < len(model["layers"])
                require(fits, f"{field}: an activation is between two layers")
                for name, value in layer.items():
                    belongs = name in ("kind", "slope") or value is None
                    require(belongs, f"{field}.{name}: an activation has none")
                found[-1] = replace(found[-1], activation=kind, slope=slope(field, layer))
                del ends[i - 1]
            ends[i] = len(found) - 1
            before = kind
        within("model.layers (but activations)", 1, 256, len(found))
        check_last(found[-1], weighs(self.table))
        self._taken(found, ends)
        return found

    def _layer(
        self, field: str, i: int, inputs: Values, found: list[Shape], ends: dict[int, int]
    ) -> Shape:
        """The layer that an entry begins, on top of those found so far."""
        layer = self.table["model"]["layers"][i]
        source = self._source(f"{field}.from", layer.get("from"), i, ends)
        if source is None and i > 0:
            source = ends[i - 1]
        slope(field, layer)
        attended(field, layer)
        values: dict[int | None, Values] = {None: inputs}
        values |= {k: (shape.numbers, shape.result) for k, shape in enumerate(found)}
        second = self._source(f"{field}.with", layer.get("with"), i, ends)
        if layer["kind"] not in PAIRED:
            require(second is None, f"{field}.with: only a sum and an attention have it")
            put = single if layer["kind"] in (SOFTMAX, POSITIONS) else shaped
            return replace(put(field, layer, *values[source]), source=source)
        require(second is not None, f"{field}.with: is required")
        require(second != source, f"{field}.with: the layer whose values are taken anyway")
        combined = paired if layer["kind"] in ATTENTION else summed
        shape = combined(field, layer, values[source], values[second])
        return replace(shape, source=source, second=second)

    def _source(self, field: str, entry: int | None, i: int, ends: dict[int, int]) -> int | None:
        """The layer whose end is at an entry before this one, if one is named."""
        if entry is None:
            return None
        require(entry < i, f"{field}: {entry} is not before this entry")
        require(entry in ends, f"{field}: {entry} is followed by an activation, which is meant")
        return ends[entry]

    def _taken(self, found: list[Shape], ends: dict[int, int]) -> None:
        """That the values of each layer are taken, and not too often."""
        taken = [layer for shape in found for layer in shape.taken]
        for entry, layer in ends.items():
            if layer + 1 < len(found):
                field = f"model.layers[{entry}] (layers that take its values)"
                within(field, 1, MOST_TAKERS, taken.count(layer))
        self._summed(found, ends)

    def _summed(self, found: list[Shape], ends: dict[int, int]) -> None:
        """That the gradient at what a layer puts out is a sum of not too many tensors, from the
        last layer down."""
        sent = {len(found) - 1: 2}
        for entry, layer in sorted(ends.items(), reverse=True):
            if layer not in sent:
                above = [(k, shape) for k, shape in enumerate(found) if layer in shape.taken]
                sent[layer] = sum(sent[k] if shape.passes else 1 for k, shape in above)
                field = f"model.layers[{entry}] (tensors of its gradient)"
                within(field, 1, MOST_SUMMED, sent[layer])

    def _ranges(self) -> None:
        optimizer, training = self.table["optimizer"], self.table["training"]
        within("optimizer.learning_rate", 1e-9, 1e3, optimizer["learning_rate"])
        within("optimizer.momentum", 0, 1 - 2.0**-16, optimizer["momentum"])
        within("optimizer.weight_decay", 0, 1, optimizer["weight_decay"])
        if optimizer["clip"] is not None:
            within("optimizer.clip", 1e-9, 1e6, optimizer["clip"])
        check_kind(optimizer, training)
        for field, most in (("batch", 4096), ("steps_per_proof", 1024)):
            size = training[field]
            within(f"training.{field}", 1, most, size)
            any_size = field == "batch" and weighs(self.table)
            power = size & (size - 1) == 0
            require(power or any_size, f"training.{field}: {size} is no power of two")
        for shape in self.layers:
            if shape.kind == NORM:
                numbers = training["batch"] * (shape.image.positions if shape.image else 1)
                within("training.batch (numbers of a channel)", 2, MOST, numbers)
        within("training.max_steps", training["steps_per_proof"], 65536, training["max_steps"])

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
        image = self._image()
        check_tokens(data, image)
        expected = columns_of(data, self.table["model"]["input"], image)
        of = "inputs" if data.get("tokens") is None else "positions"
        require(count == expected, f"data: another number of columns than {of}")

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
        within("data.classes", 2, 2 if loss == "logistic" else 4096, len(classes))
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
            within(f"quantization.{field}", lowest, highest, scales[field])
        for i, layer in enumerate(scales["layers"]):
            for field, lowest, highest in (
                ("z_frac", 0, 15),
                ("a_frac", 4, 14),
                ("grad_frac", 0, 40),
                ("clip_frac", 0, 60),
            ):
                if layer[field] is not None:
                    within(f"quantization.layers[{i}].{field}", lowest, highest, layer[field])
