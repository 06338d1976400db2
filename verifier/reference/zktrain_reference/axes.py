"""What the axes of a layer's relations are called. See docs/argument.md, "The relation".

Steps are `t`, samples `b`, outputs `n`. Inputs are `m`; of a convolution `u`, `v` (the kernel's
rows and columns) and `c`; of a linear layer over an image `h`, `w` and `c`. What is put out as
an image has positions `i`, `j`, and so has an image whose values are checked one by one. The
channels of a pool, a depthwise convolution and a scale are `c` on both sides, those of a norm `n`.
In an attention `i` are positions that ask, `j` those that are asked; `n` are heads, and `e` the
channels of each, for which together the dimension of a sequence's channels stands.
"""

from .geometry import Image
from .network import Layer
from .relation import SUMMED, Along, Axes, Joined, Window


def names(axes: Axes) -> tuple[str, ...]:
    """Only the names."""
    return tuple(name for name, _ in axes)


def sizes(axes: Axes) -> tuple[int, ...]:
    """Only the sizes."""
    return tuple(size for _, size in axes)


def positions(image: Image | None) -> Axes:
    """Rows and columns of what may be an image."""
    return (("i", image.height), ("j", image.width)) if image else ()


def inputs(layer: Layer) -> Axes:
    """The inputs, as weights have them; of a pool a window's, of a norm and a scale none; of a
    layer of positions these."""
    if layer.alike:
        return ()
    if layer.placed:
        return positions(layer.image)
    if layer.image is None:
        return (("m", layer.inputs),)
    if layer.kernel:
        size = layer.kernel.size
        window = (("u", size), ("v", size))
        return window if layer.pool or layer.apart else (*window, ("c", layer.image.channels))
    return (("h", layer.image.height), ("w", layer.image.width), ("c", layer.image.channels))


def reads(layer: Layer) -> tuple[Along, ...]:
    """How the values that a layer reads follow its axes, going forward."""
    if layer.alike or layer.softmax or layer.placed:
        return (unit(layer), "t", "b", *names(positions(layer.image)))
    if layer.image is None:
        return ("m", "t", "b")
    if not layer.kernel:
        return ("c", "t", "b", "h", "w")
    size, result = layer.kernel.size, layer.result
    rows = Window("i", "u", result.height, size, layer.kernel)
    columns = Window("j", "v", result.width, size, layer.kernel)
    return ("c", "t", "b", rows, columns)


def gradients(layer: Layer) -> tuple[Along, ...]:
    """How D follows the axes of the layer's inputs, going backward."""
    if not layer.kernel:
        return (unit(layer), "t", "b", *names(positions(layer.result)))
    size, image = layer.kernel.size, layer.image
    rows = Window("h", "u", image.height, size, layer.kernel, backward=True)
    columns = Window("w", "v", image.width, size, layer.kernel, backward=True)
    return ("c" if layer.pool else unit(layer), "t", "b", rows, columns)


def groups(layer: Layer, steps: int, batch: int) -> Axes:
    """What there are wide integers of: channels and steps; steps, samples and positions; of a
    softmax the rows of pairs, which have one column."""
    if layer.softmax:
        rows = (("i", layer.image.height), ("one", 1))
        return (("n", layer.outputs), ("t", steps), ("b", batch), *rows)
    if layer.running:
        return (("n", layer.outputs), ("t", steps))
    return (("t", steps), ("b", batch), *positions(layer.image))


def grouped(layer: Layer, batch: int) -> Axes:
    """What a norm sums over."""
    if layer.running:
        return (("b", batch), *positions(layer.image))
    return (("n", layer.outputs),)


def unit(layer: Layer) -> str:
    """The axis of the outputs in products with a layer's weights."""
    return "c" if layer.apart else "n"


def outside(layer: Layer, steps: int) -> tuple[Axes, Axes]:
    """The outer axes of products with a layer's weights, and its outputs, unless they are there."""
    step, units = ("t", steps), (unit(layer), layer.outputs)
    return ((step, units), ()) if layer.apart else ((step,), (units,))


def joined(layer: Layer, position: str) -> tuple[Along, ...]:
    """How a sequence follows heads, their channels and positions; it has one column."""
    return (Joined("n", "e", layer.attention.size), "t", "b", position, SUMMED)


def pairs() -> tuple[Along, ...]:
    """How a number of each pair of positions, and of each head, does."""
    return ("n", "t", "b", "i", "j")
