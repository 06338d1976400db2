//! Scales of a batch norm and how large its wide integers get, hence how many digits each takes.
//!
//! What stands in a product is bounded by Cauchy and Schwarz rather than factor by factor: with `E = Σc² < n·V` and
//! `σ = ⌊√V⌋`, `|c|·R ≤ √E·2^36/σ < √n·2^36·(σ + 1)/σ`, and `(σ + 1)/σ` is largest where `σ` is smallest, at the root of
//! `ε`. docs/quantization.md has the proofs.

use crate::manifest::{
    I16_HI, I16_LO, Lowering, ManifestError, ManifestErrorKind as Kind, RoundSpec, Shape,
    UPDATE_SHIFT, Wide, in_range, range,
};
use crate::operators::Scale;
use crate::operators::moments::{MEAN_FRAC, SENT_FRAC, epsilon, root_up};
use crate::quant::{Expansion, floor_sqrt};

/// The inverse of a deviation is the quotient of two to this power.
pub const INVERSE_BITS: u32 = 36;
/// Fractional bits of a scale together with those of the input.
pub const SCALE_FRAC: u32 = 22;
/// Bits that a scale drops, beyond those of the parameters: `36 − 4 − 22`.
const SCALE_DROPS: u32 = INVERSE_BITS - MEAN_FRAC - SCALE_FRAC;
/// Fractional bits of a gradient sum beyond those of the gradient.
pub const GAIN_FRAC: u32 = 8;
/// Those that the sum over the deviation has beyond that.
const SLOPE_FRAC: u32 = 8;
/// Share of a step's statistics in the running ones: `round(0.1·2^16)`.
pub const TRACKING: i64 = 6554;
/// Most numbers of one channel: a remainder of a division by them is one digit.
const MAX_COUNT: usize = 1 << 16;
/// Most bits of a scale: its products with other wide integers have to stay far below the field's modulus.
const MAX_SCALE_BITS: u32 = 46;
/// Most bits of any other factor, so that 64-bit integers hold it.
const MAX_FACTOR_BITS: u32 = 62;

/// What a batch norm computes with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Norm {
    /// Numbers of one channel that are normalised together, `n`.
    pub count: usize,
    /// Added to the variance, with twice the fractional bits of a deviation.
    pub epsilon: i64,
    /// Bits by which scale times number is shifted before the shift is added, and the shift itself.
    pub z_shifts: [u32; 2],
    /// `16·ΣA`, divided by `n`.
    pub mean: Expansion,
    /// `Σc²`, divided by `n`.
    pub variance: Expansion,
    /// `σ`
    pub deviation: Expansion,
    /// `V − σ²`
    pub deviation_low: Expansion,
    /// `2σ` less that.
    pub deviation_high: Expansion,
    /// `R`
    pub inverse: Expansion,
    /// `2^36 − R·σ`
    pub inverse_low: Expansion,
    /// `σ − 1` less that.
    pub inverse_high: Expansion,
    /// `γ·R`, divided: `γ/σ`.
    pub scale: Expansion,
    /// `Σ D·c`
    pub correlation: Expansion,
    /// That times `R`, divided: the gradient of `γ`.
    pub gain: Expansion,
    /// That times `R`, divided.
    pub slope: Expansion,
    /// The scale times `ΣD`, divided by `n`: what all numbers of a channel have in common.
    pub offset: Expansion,
    /// The scale times the slope, divided: what is proportional to `c`.
    pub tilt: Expansion,
    /// The rounding of the running statistics' updates.
    pub statistics: RoundSpec,
    /// The largest gradient of `γ` or `β`.
    pub(crate) gradient: i128,
    /// The largest gradient that is sent, before rounding.
    pub(crate) sent: i128,
}

impl Norm {
    /// Names and expansions of its wide integers.
    pub fn parts(&self) -> [(&'static str, &Expansion); 14] {
        [
            ("mean", &self.mean),
            ("variance", &self.variance),
            ("deviation", &self.deviation),
            ("deviation_low", &self.deviation_low),
            ("deviation_high", &self.deviation_high),
            ("inverse", &self.inverse),
            ("inverse_low", &self.inverse_low),
            ("inverse_high", &self.inverse_high),
            ("scale", &self.scale),
            ("correlation", &self.correlation),
            ("gain", &self.gain),
            ("slope", &self.slope),
            ("offset", &self.offset),
            ("tilt", &self.tilt),
        ]
    }
}

fn bits(x: i128) -> u32 {
    i128::BITS - x.leading_zeros()
}

/// Numbers of one channel in a batch.
///
/// # Errors
/// If that is one, or more than a digit's radix.
pub fn count(batch: usize, shape: &Shape) -> Result<u32, ManifestError> {
    let positions = shape.output.positions().max(1);
    let (min, max) = (2usize.div_ceil(positions), MAX_COUNT / positions);
    if (min..=max).contains(&batch) {
        return Ok((batch * positions) as u32);
    }
    Err(range("training.batch", min, max, batch))
}

/// Largest magnitudes.
struct Bounds {
    n: i128,
    /// Fractional bits of a deviation.
    frac: u32,
    epsilon: i128,
    /// Of the input, with the fractional bits of a deviation.
    input: i128,
    /// Of the gradient that arrives.
    gradient: i128,
    /// Of a parameter.
    weight: i128,
    /// Bits that a scale drops.
    drops: u32,
}

impl Bounds {
    /// A number less its mean.
    fn centred(&self) -> i128 {
        2 * self.input
    }

    /// `⌊E/n⌋`: of numbers within `±input` the variance is at most `input²`, and rounding the mean adds less than 1.
    fn variance(&self) -> i128 {
        self.input * self.input + 1
    }

    fn deviation(&self) -> i128 {
        floor_sqrt(self.variance() + self.epsilon)
    }

    fn smallest_deviation(&self) -> i128 {
        floor_sqrt(self.epsilon).max(1)
    }

    fn inverse(&self) -> i128 {
        (1 << INVERSE_BITS) / self.smallest_deviation()
    }

    /// `x·√V·R`
    fn normed(&self, x: i128) -> i128 {
        let sigma = self.smallest_deviation();
        (x << INVERSE_BITS) * (sigma + 1) / sigma + 1
    }

    /// `|c|·R`
    fn centred_normed(&self) -> i128 {
        self.normed(root_up(self.n))
    }

    fn scale(&self) -> i128 {
        ((self.weight * self.inverse()) >> self.drops) + 1
    }

    /// `|a·c|`
    fn scaled(&self) -> i128 {
        ((self.weight * self.centred_normed()) >> self.drops) + 1 + self.centred()
    }

    /// `|P| ≤ √ΣD²·√E`
    fn correlation(&self) -> i128 {
        self.gradient * self.n * (self.deviation() + 1)
    }

    fn gain(&self) -> i128 {
        (self.normed(self.gradient * self.n) >> (INVERSE_BITS - GAIN_FRAC)) + 1
    }

    fn slope_drops(&self) -> u32 {
        INVERSE_BITS - SLOPE_FRAC - self.frac
    }

    fn slope(&self) -> i128 {
        ((self.gain() * self.inverse()) >> self.slope_drops()) + 1
    }

    /// `|u·c|`
    fn slope_centred(&self) -> i128 {
        let product = self.gain() * self.centred_normed();
        (product >> self.slope_drops()) + 1 + self.centred()
    }

    fn offset(&self) -> i128 {
        ((self.scale() * self.gradient) << SENT_FRAC) + 1
    }

    /// Bits that the tilt drops, beyond the division by `n`.
    fn tilt_drops(&self) -> u32 {
        GAIN_FRAC + SLOPE_FRAC - SENT_FRAC + self.frac
    }

    fn tilt(&self) -> i128 {
        self.scale() * self.slope() / (self.n << self.tilt_drops()) + 1
    }

    /// `|w2·c|`
    fn tilted(&self) -> i128 {
        let product = self.scale() * self.slope_centred();
        product / (self.n << self.tilt_drops()) + 1 + self.centred()
    }

    /// What is sent, before rounding.
    fn sent(&self) -> i128 {
        2 * self.offset() + self.tilted()
    }

    /// The gradient of `γ` or `β`.
    fn learned(&self) -> i128 {
        self.gain().max((self.n * self.gradient) << GAIN_FRAC)
    }

    /// Refuses factors that are too wide to be multiplied.
    fn check(&self, field: &str) -> Result<(), ManifestError> {
        let all = [
            ("a batch norm's scale", MAX_SCALE_BITS, self.scale()),
            ("a batch norm's gradient", MAX_FACTOR_BITS, self.slope().max(self.correlation())),
        ];
        for (what, max, largest) in all {
            let got = bits(largest);
            if got > max {
                return Err(ManifestError::new(field, Kind::Overflow { what, max, got }));
            }
        }
        let (what, max, got) =
            ("a batch norm's gradient", MAX_FACTOR_BITS, bits(self.tilt().max(self.offset())));
        if got > max {
            return Err(ManifestError::new(field, Kind::Overflow { what, max, got }));
        }
        Ok(())
    }
}

/// The scales of layer `l` and the rounding of its output, for gradients of such a magnitude.
pub(super) fn norm(
    lowering: &Lowering<'_>,
    l: usize,
    shape: &Shape,
    input: Scale,
    gradient: i64,
) -> Result<(Norm, RoundSpec), ManifestError> {
    let n = count(lowering.manifest.training.batch, shape)?;
    let (q, frac) = (lowering.quantization(l)?, input.frac + MEAN_FRAC);
    let (init, weight_frac) = (lowering.q.weight_init_bits, lowering.q.weight_frac);
    // A deviation of 1 is where running statistics begin.
    in_range("quantization.weight_init_bits", i64::from(frac) + 1, 30, init.into())?;
    let epsilon = epsilon(input.frac);
    let bounds = Bounds {
        n: n.into(),
        frac,
        epsilon: epsilon.into(),
        input: i128::from(input.max) << MEAN_FRAC,
        gradient: gradient.into(),
        weight: lowering.weight_max(),
        drops: weight_frac + SCALE_DROPS,
    };
    let field = format!("quantization.layers[{l}].z_frac");
    bounds.check(&field)?;
    let x_frac = (SCALE_FRAC + MEAN_FRAC).max(weight_frac);
    let z_shifts = [x_frac - SCALE_FRAC - MEAN_FRAC, x_frac - weight_frac];
    let largest = (bounds.scaled() << z_shifts[0]) + (bounds.weight << z_shifts[1]);
    let z = Wide::symmetric(&field, "a layer's output before rounding", largest)
        .rescale(x_frac, q.z_frac)?;
    let tracked = i128::from(TRACKING) * (bounds.weight + bounds.input.max(bounds.deviation()));
    let statistics = "training.max_steps";
    let statistics = Wide::symmetric(statistics, "a running statistic before rounding", tracked)
        .round(UPDATE_SHIFT, I16_LO, I16_HI)?;
    Ok((expansions(&bounds, n, epsilon, z_shifts, statistics), z))
}

fn expansions(
    bounds: &Bounds,
    n: u32,
    epsilon: i64,
    z_shifts: [u32; 2],
    statistics: RoundSpec,
) -> Norm {
    let count = |x: i128| Expansion::new(&[], x, false);
    let by_n = |x: i128, signed| Expansion::new(&[n], x, signed);
    let shifted = |bits, x: i128| Expansion::new(&Expansion::power(bits), x, true);
    let (deviation, twice) = (bounds.deviation(), 2 * bounds.deviation());
    let tilt = [&[n][..], &Expansion::power(bounds.tilt_drops())].concat();
    Norm {
        count: n as usize,
        epsilon,
        z_shifts,
        mean: by_n(bounds.input, true),
        variance: by_n(bounds.variance(), false),
        deviation: count(deviation),
        deviation_low: count(twice),
        deviation_high: count(twice),
        inverse: count(bounds.inverse()),
        inverse_low: count(deviation),
        inverse_high: count(deviation),
        scale: shifted(bounds.drops, bounds.scale()),
        correlation: shifted(0, bounds.correlation()),
        gain: shifted(INVERSE_BITS - GAIN_FRAC, bounds.gain()),
        slope: shifted(bounds.slope_drops(), bounds.slope()),
        offset: by_n(bounds.offset(), true),
        tilt: Expansion::new(&tilt, bounds.tilt(), true),
        statistics,
        gradient: bounds.learned(),
        sent: bounds.sent(),
    }
}
