"""Which rows a step uses, and which a text is cut into. See docs/quantization.md, "Data" and "Order
of windows and rows". Nothing of this is proven."""

from .label_weights import filled
from .rounding import SHORT_HIGH

# No row: inputs of zero, and a label of weight zero.
NOTHING = None


def windows_of(rows: int, steps: int, batch: int) -> int:
    """As many as take all rows, if labels have weights."""
    return -(-rows // (steps * batch))


def rows_of_steps(rows: int, steps: int, batch: int) -> list[list[int | None]]:
    """Of each step of all windows the rows, in order, then nothing up to B."""
    count = windows_of(rows, steps, batch) * steps
    starts = [k * rows // count for k in range(count)] + [rows]
    return [
        [*range(start, end), *[NOTHING] * (filled(batch) - (end - start))]
        for start, end in zip(starts, starts[1:])
    ]


def cut(text: str, positions: int) -> list[tuple[list[str], list[str]]]:
    """Rows of characters, and their labels: of each character the one behind it. What is filled up
    is empty."""
    found = []
    for start in range(0, len(text), positions):
        cells = list(text[start : start + positions + 1])
        cells += [""] * (positions + 1 - len(cells))
        found.append((cells[:-1], cells[1:]))
    return found


def features(cells: list[str], tokens: list[str], bits: int) -> list[int]:
    """Of each position and channel one if the cell names the channel's token, with so many
    fractional bits, clamped; a text's cell is the character itself."""
    one = min(2**bits, SHORT_HIGH)
    return [one * (cell == token) for cell in cells for token in tokens]


def label_rows(labels: list[str], classes: list[str], weights: list[int]) -> list[int]:
    """Of each position and class the integer weight, where the label has the class' name."""
    rows = ([w * (label == name) for name, w in zip(classes, weights)] for label in labels)
    return [y for row in rows for y in row]
