//! What values are: numbers in a row, or channels at each position of an image.

/// So many channels, at each position of an image or without one. In a row they are numbered by height,
/// then width, then channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Features {
    /// Numbers at each position.
    pub channels: usize,
    /// Height and width; none for numbers in a row.
    pub image: Option<[usize; 2]>,
}

impl Features {
    /// Numbers in a row.
    pub fn flat(channels: usize) -> Self {
        Self { channels, image: None }
    }

    /// Channels at each position of an image.
    pub fn image([height, width, channels]: [usize; 3]) -> Self {
        Self { channels, image: Some([height, width]) }
    }

    /// Positions of the image; one without it.
    pub fn positions(&self) -> usize {
        self.sides().iter().product()
    }

    /// All numbers.
    pub fn count(&self) -> usize {
        self.positions() * self.channels
    }

    /// Height and width; nothing without an image.
    pub fn sides(&self) -> &[usize] {
        self.image.as_ref().map_or(&[], |sides| &sides[..])
    }

    /// Sizes in the order in which they are numbered: `(height, width, channels)`, or the channels alone.
    pub fn sizes(&self) -> Vec<usize> {
        self.sides().iter().copied().chain([self.channels]).collect()
    }

    /// Sizes of a tensor of these features of many samples: `(channels, T, B, height, width)`, or
    /// `(channels, T, B)`.
    pub fn tensor(&self, steps: usize, batch: usize) -> Vec<usize> {
        [self.channels, steps, batch].into_iter().chain(self.sides().iter().copied()).collect()
    }
}

/// `28x28x1`, or `10`
impl core::fmt::Display for Features {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        for side in self.sides() {
            write!(f, "{side}x")?;
        }
        write!(f, "{}", self.channels)
    }
}

/// How a convolution's kernel moves over an image: the same along both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kernel {
    /// Positions along a side of the kernel.
    pub size: usize,
    /// Positions from one place of the kernel to the next.
    pub stride: usize,
    /// Zeros around the image.
    pub padding: usize,
}

impl Kernel {
    /// Places along a side of an image; `None` if the kernel does not fit.
    pub fn places(&self, side: usize) -> Option<usize> {
        let room = side.checked_add(self.padding.checked_mul(2)?)?.checked_sub(self.size)?;
        room.checked_div(self.stride).map(|places| places + 1)
    }

    /// The position along a side that a place of the kernel has under one of its own; `None` outside of
    /// the image.
    pub fn position(&self, place: usize, within: usize, side: usize) -> Option<usize> {
        let position = (place * self.stride + within).checked_sub(self.padding)?;
        (position < side).then_some(position)
    }

    /// Places that can cover one position, along a side.
    pub fn overlap(&self) -> usize {
        self.size.div_ceil(self.stride.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_covers_what_it_can() {
        let kernel = Kernel { size: 3, stride: 2, padding: 1 };
        assert_eq!(
            [kernel.places(7), kernel.places(8), kernel.places(1)],
            [Some(4), Some(4), Some(1)]
        );
        assert_eq!(Kernel { size: 5, stride: 1, padding: 0 }.places(4), None);
        for side in 1..10 {
            let mut covered = vec![0; side];
            for (place, within) in
                (0..kernel.places(side).unwrap()).flat_map(|p| (0..3).map(move |w| (p, w)))
            {
                if let Some(position) = kernel.position(place, within, side) {
                    covered[position] += 1;
                }
            }
            assert!(covered.iter().all(|times| *times <= kernel.overlap()), "{side}: {covered:?}");
        }
    }

    #[test]
    fn an_image_is_numbered_by_height_width_and_channel() {
        let image = Features::image([4, 5, 3]);
        assert_eq!((image.count(), image.positions()), (60, 20));
        assert_eq!(image.sizes(), [4, 5, 3]);
        assert_eq!(image.tensor(2, 8), [3, 2, 8, 4, 5]);
        let flat = Features::flat(7);
        assert_eq!((flat.count(), flat.positions(), flat.sizes()), (7, 1, vec![7]));
        assert_eq!(flat.tensor(2, 8), [7, 2, 8]);
        assert_eq!([image.to_string(), flat.to_string()], ["4x5x3", "7"]);
    }
}
