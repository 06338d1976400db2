"""The tensors of a network's sheet, and its tables. See docs/argument.md, "The sheet"."""

from . import axes
from .geometry import Image
from .network import DERIVATIVE_BITS, PROBABILITY_BITS, Layer, Network, Rounding
from .schema import LOOKED_UP, SMOOTH
from .sheet import Wanted
from .softmax import SHARE_BITS
from .tables import Table, range_table
from .wide import Wide

SHORT, LESS = range_table(16), range_table(15)
# Tensors of an activation beside its values, ahead of what is rounded on the way back.
BESIDE = {
    "relu": ("negative", "d"), "leaky_relu": ("negative",), "gelu": ("h",), "silu": ("h",)
}  # fmt: skip

# The first moment; of the second its root, rounded down, what that leaves, and what dividing left.
MOMENTS = ("mean", "root", "rest", "low")


def limbs(bits: int) -> int:
    """Tensors of 16 bits for so many bits."""
    return -(-bits // 16)


def part_names(name: str, rounding: Rounding) -> list[str]:
    """The parts of a rounding."""
    counts = (
        ("r", limbs(rounding.shift)),
        ("high", limbs(rounding.high_bits)),
        ("low", limbs(rounding.low_bits)),
    )
    return [f"{name}.{part}{k}" for part, count in counts for k in range(count)]


def update_parts(name: str, layer: Layer) -> list[str]:
    """The parts of an update: with Adam it is a quotient, which has a remainder."""
    return part_names(name, layer.update) if layer.update else [f"{name}.r0"]


def activation_tables(layer: Layer) -> list[Table]:
    """What an activation is looked up in: a table, and perhaps that of its derivative."""
    kind, bits = layer.activation, layer.z_bits
    if kind in ("relu", "leaky_relu"):
        return [LESS]
    if kind in SMOOTH:
        return [Table(kind, bits, layer.a_bits)]
    if kind in LOOKED_UP:
        return [Table(kind, bits, bits), Table(f"{kind}'", bits, DERIVATIVE_BITS)]
    return []


def shares_table(layer: Layer) -> Table:
    """What a softmax makes of what numbers are below the largest."""
    return Table("exp", layer.input_bits, 2**SHARE_BITS)


def tables_of(network: Network) -> list[Table]:
    """The tables, in order."""
    found = [SHORT]
    for layer in network.layers:
        if layer.softmax:
            found.append(shares_table(layer))
        found += activation_tables(layer)
    last = network.layers[-1]
    if network.loss == "softmax-cross-entropy":
        found.append(Table("exp", last.z_bits, network.exp_start))
    if network.loss == "logistic":
        found.append(Table("sigmoid", last.z_bits, PROBABILITY_BITS))
    if network.adam:
        found += [network.adam.mean, network.adam.steps]
    return list(dict.fromkeys(found))


def _values(network: Network, count: int, image: Image | None = None) -> tuple[int, ...]:
    """Sizes of a tensor of values, of which there are so many at each position."""
    return (count, network.steps, network.batch, *axes.sizes(axes.positions(image)))


def data_tensors(network: Network) -> Wanted:
    """A window's rows and labels."""
    image = network.image
    inputs = _values(network, image.channels if image else network.inputs, image)
    return [("inputs", inputs), ("labels", _values(network, network.outputs, network.result))]


def parameter_tensors(network: Network, suffix: str) -> Wanted:
    """Weights, biases, and the running statistics of batch norms."""
    found: Wanted = []
    for i, layer in enumerate(network.layers):
        if not layer.weighted:
            continue
        inputs = axes.sizes(axes.inputs(layer))
        found.append((f"{i}.w.{suffix}", (*inputs, layer.outputs)))
        if layer.bias:
            found.append((f"{i}.b.{suffix}", (layer.outputs,)))
        if layer.running:
            found.append((f"{i}.s.{suffix}", (2, layer.outputs)))
    return found


def moment_tensors(network: Network, suffix: str) -> Wanted:
    """Both moments of all parameters that have gradients, and how many steps were done."""
    found: Wanted = []
    for name, sizes in parameter_tensors(network, ""):
        if ".s." not in name:
            found += [(f"{name}{moment}.{suffix}", sizes) for moment in MOMENTS]
    return [*found, (f"clock.{suffix}", (1,))]


def digit_names(i: int, wide: Wide) -> list[str]:
    """The digits of a wide integer of layer i, the lowest first."""
    return [digit_name(i, wide.name, k) for k in range(len(wide.radices))]


def digit_name(i: int, wide: str, k: int) -> str:
    """A digit of a wide integer, which is a slice of a stack."""
    return f"{i}.{wide}.d{k}"


def slices(network: Network) -> list[tuple[str, str, int]]:
    """Digits: their names, those of their stacks, and where they are in these."""
    return [
        (digit_name(i, *digit), f"{i}.{stack.name}", k)
        for i, layer in enumerate(network.layers)
        for stack in layer.stacks
        for k, digit in enumerate(stack.digits)
    ]


def gradients(layer: Layer) -> list[tuple[str, Rounding]]:
    """What is rounded on the way back: gradients that arrive, and D."""
    found = [(taker.name, taker.rounding) for taker in layer.senders]
    return found + [("d", layer.d)] * (layer.d is not None)


def count_tensors(tables: list[Table]) -> Wanted:
    """Multiplicities."""
    return [(f"count.{i}", (table.size,)) for i, table in enumerate(tables)]


def trace_tensors(network: Network) -> Wanted:
    """What steps compute."""
    found: Wanted = []

    def add(sizes: tuple[int, ...], *names: str) -> None:
        found.extend((name, sizes) for name in names)

    steps, batch = network.steps, network.batch
    for i, layer in enumerate(network.layers):
        units = _values(network, layer.outputs, layer.result)
        for stack in layer.stacks:
            groups = axes.sizes(axes.groups(layer, steps, batch))
            add((len(stack.digits), *groups), f"{i}.{stack.name}")
        add(units, f"{i}.z", *part_names(f"{i}.z", layer.z))
        if layer.softmax:
            rows = (*units[:-1], 1)
            add(rows, f"{i}.max")
            add(units, f"{i}.at_max", *[f"{i}.below"] * layer.attention.causal, f"{i}.e")
            add(rows, f"{i}.mean", *part_names(f"{i}.mean", layer.row_mean))
        if layer.largest:
            size = layer.kernel.size
            *ahead, height, width = units
            add((*ahead, height, size, width, size), f"{i}.chosen")
        if layer.activation:
            add(units, f"{i}.a")
        if layer.a:
            add(units, *part_names(f"{i}.a", layer.a))
        add(units, *(f"{i}.{name}" for name in BESIDE.get(layer.activation, ())))
        for name, rounding in gradients(layer):
            add(units, f"{i}.{name}", *part_names(f"{i}.{name}", rounding))
        if not layer.weighted:
            continue
        inputs, of_bias = axes.sizes(axes.inputs(layer)), (layer.outputs, steps)
        of_weight = of_bias if layer.running else (*inputs, steps, layer.outputs)
        kinds = [("w", of_weight), ("b", of_bias)]
        for kind, sizes in kinds[: 1 + layer.bias]:
            add(sizes, *update_parts(f"{i}.{kind}.update", layer))
            if layer.clip:
                add(sizes, f"{i}.{kind}.clip", *part_names(f"{i}.{kind}.clip", layer.clip))
        if layer.running:
            add((2, steps, layer.outputs), *part_names(f"{i}.s.update", layer.norm.statistics))
    outputs = _values(network, network.outputs, network.result)
    rows = outputs[1:]
    if network.loss == "softmax-cross-entropy":
        for name in ("max", "at_max", "e", "sum", "p", "r"):
            add(rows if name in ("max", "sum") else outputs, name)
    elif network.loss == "logistic":
        add(outputs, "p")
    if network.adam:
        add((steps,), "rate")
    return found
