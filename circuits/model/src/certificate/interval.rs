//! Integers between two ends, with arithmetic that gives up instead of wrapping around.

/// Ends stay below this in magnitude: far below half the field's modulus, and sums of two fit `i128`.
const LIMIT: i128 = 1 << 124;

/// All integers from `lo` to `hi`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    /// The smallest.
    pub lo: i128,
    /// The largest.
    pub hi: i128,
}

impl Interval {
    /// The interval; none if it is empty or an end is too large to be reasoned about.
    pub fn new(lo: i128, hi: i128) -> Option<Self> {
        let small = -LIMIT < lo && hi < LIMIT;
        (lo <= hi && small).then_some(Self { lo, hi })
    }

    /// One number.
    pub fn point(value: i128) -> Option<Self> {
        Self::new(value, value)
    }

    /// `0 .. 2^log`
    pub fn below_power(log: u32) -> Option<Self> {
        Self::new(0, 1i128.checked_shl(log)?.checked_sub(1)?)
    }

    /// All sums.
    pub fn plus(self, other: Self) -> Option<Self> {
        Self::new(self.lo.checked_add(other.lo)?, self.hi.checked_add(other.hi)?)
    }

    /// All products.
    pub fn times(self, other: Self) -> Option<Self> {
        let ends =
            [(self.lo, other.lo), (self.lo, other.hi), (self.hi, other.lo), (self.hi, other.hi)];
        let products: Option<Vec<i128>> = ends.iter().map(|(a, b)| a.checked_mul(*b)).collect();
        let products = products?;
        Self::new(*products.iter().min()?, *products.iter().max()?)
    }

    /// All multiples by `factor`.
    pub fn scaled(self, factor: i128) -> Option<Self> {
        self.times(Self { lo: factor, hi: factor })
    }

    /// With zero among them.
    pub fn with_zero(self) -> Self {
        Self { lo: self.lo.min(0), hi: self.hi.max(0) }
    }

    /// What is in both; none if nothing is.
    pub fn meet(self, other: Self) -> Option<Self> {
        Self::new(self.lo.max(other.lo), self.hi.min(other.hi))
    }

    /// The smallest interval with both.
    pub fn join(self, other: Self) -> Self {
        Self { lo: self.lo.min(other.lo), hi: self.hi.max(other.hi) }
    }

    /// All integers `x` with `factor·x` in the interval; none if there is none.
    pub fn divided(self, factor: i128) -> Option<Self> {
        let (lo, hi) = match factor {
            0 => return None,
            f if f > 0 => (self.lo, self.hi),
            _ => (self.hi.checked_neg()?, self.lo.checked_neg()?),
        };
        let by = factor.checked_abs()?;
        // Towards the inside: up at the lower end, down at the upper one.
        let up = lo.div_euclid(by).checked_add(i128::from(lo.rem_euclid(by) != 0))?;
        Self::new(up, hi.div_euclid(by))
    }

    /// How many integers it has.
    pub fn count(self) -> i128 {
        self.hi - self.lo + 1
    }

    /// The largest magnitude.
    pub fn magnitude(self) -> i128 {
        self.lo.abs().max(self.hi.abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn division_keeps_what_is_inside() {
        let interval = Interval { lo: -7, hi: 9 };
        for factor in [-4, -3, -2, -1, 1, 2, 3, 4] {
            let divided = interval.divided(factor).unwrap();
            let inside = |x: &i128| (-7..=9).contains(&(factor * x));
            let all: Vec<i128> = (-20..=20).filter(inside).collect();
            assert_eq!((divided.lo, divided.hi), (all[0], all[all.len() - 1]), "{factor}");
        }
        assert_eq!(interval.divided(0), None);
        assert_eq!(Interval { lo: 1, hi: 2 }.divided(4), None);
    }

    #[test]
    fn what_is_too_large_is_none() {
        let large = Interval { lo: 0, hi: LIMIT - 1 };
        assert_eq!(large.plus(large), None);
        assert_eq!(large.scaled(2), None);
        assert_eq!(Interval::new(1, 0), None);
        assert_eq!(Interval::below_power(127), None);
        assert_eq!(large.times(Interval { lo: -1, hi: 0 }).map(|i| i.lo), Some(1 - LIMIT));
    }
}
