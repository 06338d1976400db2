"""The manifest: reading it, the ranges of its fields, its hash. See docs/quantization.md."""

import tomllib
from dataclasses import replace
from typing import Any

from .errors import Rejected, require, within
from .geometry import Image
from .hashing import keccak256
from .schema import POOLS, VERSIONS, WEIGHTED, encoded, read
from .shape import MOST, Shape, shaped


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
        require(type(version) is int and version in VERSIONS, "version: this program reads 1 and 2")
        self.schema = VERSIONS[version]
        self.table = read(self.schema, parsed, "manifest", "manifest")
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
        width, image = model["input"], self._image()
        within("model.input", 1, MOST, width)
        found: list[Shape] = []
        before = None
        for i, layer in enumerate(model["layers"]):
            field, kind = f"model.layers[{i}]", layer["kind"]
            if kind in WEIGHTED + POOLS:
                found.append(shaped(field, layer, width, image))
                width, image = found[-1].numbers, found[-1].result
            else:
                fits = before in WEIGHTED + POOLS and i + 1 < len(model["layers"])
                require(fits, f"{field}: an activation is between two layers")
                for name, value in layer.items():
                    belongs = name == "kind" or value is None
                    require(belongs, f"{field}.{name}: an activation has none")
                found[-1] = replace(found[-1], activation=kind)
            before = kind
        within("model.layers (but activations)", 1, 64, len(found))
        require(before == "linear", "model.layers: the last one is linear")
        return found

    def _ranges(self) -> None:
        optimizer, training = self.table["optimizer"], self.table["training"]
        within("optimizer.learning_rate", 1e-9, 1e3, optimizer["learning_rate"])
        within("optimizer.momentum", 0, 1 - 2.0**-16, optimizer["momentum"])
        within("optimizer.weight_decay", 0, 1, optimizer["weight_decay"])
        if optimizer["clip"] is not None:
            within("optimizer.clip", 1e-9, 1e6, optimizer["clip"])
        for field, most in (("batch", 4096), ("steps_per_proof", 1024)):
            size = training[field]
            within(f"training.{field}", 1, most, size)
            require(size & (size - 1) == 0, f"training.{field}: {size} is no power of two")
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
