//! Digits as small images in colour: what a network for images of 32×32×3 is trained on where there are no
//! photographs.

use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha20Rng;

use crate::dataset::Table;

/// Height and width of MNIST's images.
const SIDE: usize = 28;
/// Height and width of the images made of them.
const PADDED: usize = 32;
const CHANNELS: usize = 3;

/// The first `rows` images of MNIST's, with two rows and columns of background around each, in two colours of each
/// image's own. In each channel background is below 128 and ink is 128 or more, both drawn from ChaCha20 seeded with
/// `seed`; a number that was `p` becomes `background + (ink − background)·p/255`, rounded half up.
pub(super) fn coloured(table: &Table, rows: usize, seed: u64) -> Table {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let images = table.features.chunks_exact(SIDE * SIDE).take(rows);
    let features = images.flat_map(|image| in_colour(&padded(image), &mut rng)).collect();
    let width = PADDED * PADDED * CHANNELS;
    Table {
        path: table.path.clone(),
        columns: (0..width).map(|i| format!("pixel_{i}")).collect(),
        features,
        labels: table.labels.iter().take(rows).cloned().collect(),
    }
}

/// An image in the middle of a larger one that is zero around it.
fn padded(image: &[f64]) -> Vec<f64> {
    let margin = (PADDED - SIDE) / 2;
    let mut out = vec![0.0; PADDED * PADDED];
    let rows = out.chunks_exact_mut(PADDED).skip(margin);
    for (to, from) in rows.zip(image.chunks_exact(SIDE)) {
        to[margin..margin + SIDE].copy_from_slice(from);
    }
    out
}

/// Channels innermost.
fn in_colour(image: &[f64], rng: &mut ChaCha20Rng) -> Vec<f64> {
    let mut below_128 = || f64::from(rng.next_u32() % 128);
    let colours: [[f64; 2]; CHANNELS] = std::array::from_fn(|_| [below_128(), 128.0 + below_128()]);
    let mix = |p: &f64, [background, ink]: [f64; 2]| {
        libm::floor(background + (ink - background) * p / 255.0 + 0.5)
    };
    image.iter().flat_map(|p| colours.map(|colour| mix(p, colour))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_keep_their_place_and_get_two_colours() {
        let mut image = vec![0.0; SIDE * SIDE];
        (image[0], image[SIDE * SIDE - 1]) = (255.0, 128.0);
        let table = Table {
            path: "digits".into(),
            columns: Vec::new(),
            features: [image.clone(), image.clone(), image].concat(),
            labels: ["7", "8", "9"].map(str::to_owned).to_vec(),
        };
        let made = coloured(&table, 2, 1);
        assert_eq!((made.rows(), made.columns.len()), (2, 3072));
        assert_eq!(made.features.len(), 2 * 3072);
        let [first, second] = [&made.features[..3072], &made.features[3072..]];
        assert_ne!(first, second, "each has its own colours");
        let at = |i: usize, j: usize| &first[(i * PADDED + j) * CHANNELS..][..CHANNELS];
        let [background, ink, between] = [at(0, 0), at(2, 2), at(29, 29)];
        for c in 0..CHANNELS {
            assert!(background[c] < 128.0 && ink[c] >= 128.0);
            assert!(background[c] < between[c] && between[c] < ink[c]);
        }
        let other = first.chunks_exact(CHANNELS).filter(|pixel| *pixel != background);
        assert_eq!(other.count(), 2);
        assert_eq!(coloured(&table, 2, 1), made, "the same again");
    }
}
