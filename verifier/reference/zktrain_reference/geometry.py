"""Images and kernels. See docs/quantization.md, "Forward"."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Image:
    """Numbers by row, then column, then channel."""

    height: int
    width: int
    channels: int

    @property
    def positions(self) -> int:
        """Rows times columns."""
        return self.height * self.width

    @property
    def numbers(self) -> int:
        """All of them."""
        return self.positions * self.channels


@dataclass(frozen=True)
class Kernel:
    """A square that moves over an image with zeros around it."""

    size: int
    stride: int
    padding: int

    def windows(self, extent: int) -> int:
        """How many it has over so many rows, or columns."""
        return (extent + 2 * self.padding - self.size) // self.stride + 1

    def over(self, image: Image, outputs: int) -> Image:
        """What a convolution makes of an image."""
        return Image(self.windows(image.height), self.windows(image.width), outputs)

    @property
    def overlap(self) -> int:
        """The most windows that a number of the image is in."""
        return (-(-self.size // self.stride)) ** 2
