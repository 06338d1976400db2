//! Windows that slide along a dimension: convolutions and pooling.

/// A dimension's index as a function of two axes: where a window lies, and a place within it. What lies
/// outside of the dimension, of the windows or of the places is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window {
    /// The axis that says where the window lies.
    pub at: usize,
    /// Windows along that axis; what pads it is none.
    pub windows: usize,
    /// The axis that says where in the window.
    pub within: usize,
    /// Places in a window.
    pub places: usize,
    /// Positions from one window to the next.
    pub stride: usize,
    /// Positions of the first window that lie before the dimension.
    pub padding: usize,
    /// Which of the two indices is counted in strides.
    pub direction: Direction,
}

/// Which way a window is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// `index = stride·at + within − padding`: from a window to what it covers.
    Covers,
    /// `at = stride·index + within − padding`: from what is covered to the windows that cover it.
    CoveredBy,
}

impl Window {
    /// The dimension's index, of `size`, for positions on the two axes; `None` where there is none.
    pub fn index(&self, at: usize, within: usize, size: usize) -> Option<usize> {
        if at >= self.windows || within >= self.places {
            return None;
        }
        let index = match self.direction {
            Direction::Covers => {
                let end = self.stride.checked_mul(at)?.checked_add(within)?;
                end.checked_sub(self.padding)?
            }
            Direction::CoveredBy => {
                let steps = at.checked_add(self.padding)?.checked_sub(within)?;
                (steps.checked_rem(self.stride)? == 0).then_some(steps / self.stride)?
            }
        };
        (index < size).then_some(index)
    }

    /// Every `(at, within, index)` that there is, in order of the first two.
    pub fn cells(self, size: usize) -> impl Iterator<Item = (usize, usize, usize)> {
        let places = move |a: usize| (0..self.places).map(move |u| (a, u));
        let all = (0..self.windows).flat_map(places);
        all.filter_map(move |(a, u)| self.index(a, u, size).map(|index| (a, u, index)))
    }

    /// The same with its axes renumbered.
    pub fn renumbered(self, place: impl Fn(usize) -> usize) -> Self {
        Self { at: place(self.at), within: place(self.within), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(windows: usize, places: usize, stride: usize, padding: usize) -> Window {
        let direction = Direction::Covers;
        Window { at: 0, windows, within: 1, places, stride, padding, direction }
    }

    #[test]
    fn a_window_covers_what_says_that_it_is_covered() {
        for (size, kernel, stride, padding) in
            [(5, 3, 1, 1), (6, 2, 2, 0), (7, 3, 2, 1), (4, 4, 1, 0)]
        {
            let windows = (size + 2 * padding - kernel) / stride + 1;
            let window = covers(windows, kernel, stride, padding);
            let covers: Vec<_> = window.cells(size).collect();
            let back = Window { direction: Direction::CoveredBy, windows: size, ..window };
            let mut back: Vec<_> =
                back.cells(windows).map(|(index, u, at)| (at, u, index)).collect();
            back.sort_unstable();
            assert_eq!(covers, back, "{size} {kernel} {stride} {padding}");
            assert!(covers.iter().all(|(a, u, d)| a * stride + u == d + padding));
        }
    }

    #[test]
    fn nothing_lies_outside_and_nothing_overflows() {
        let same = covers(4, 3, 1, 1);
        assert_eq!(same.index(0, 0, 4), None);
        assert_eq!(same.index(0, 1, 4), Some(0));
        assert_eq!(same.index(3, 2, 4), None);
        // Beyond the last window or place there is none, whatever is there.
        assert_eq!([same.index(4, 0, 4), same.index(0, 3, 4)], [None, None]);
        assert_eq!(covers(4, 1, usize::MAX, 0).index(2, 0, 4), None);
        let halves = Window { direction: Direction::CoveredBy, ..covers(4, 2, 2, 0) };
        assert_eq!([halves.index(2, 0, 4), halves.index(2, 1, 4)], [Some(1), None]);
        assert_eq!(Window { stride: 0, ..halves }.index(2, 0, 4), None);
    }
}
