use zktrain_model::manifest::{LayerKind, ManifestError, ManifestErrorKind};

use super::error::Remedy;
use super::rows::row_log;
use super::run::Run;
use super::*;
use crate::reference::Extremes;

/// A relation whose image goes across the end of a row is refused: calibration does not make one.
#[test]
fn an_image_that_windows_are_read_from_lies_in_one_row() {
    use crate::{Images, synthetic};
    use zktrain_model::manifest::LayerSpec;
    let pool = |size| LayerSpec::pool2d(LayerKind::MaxPool2d, Some(size));
    let log = |side: usize| {
        let images = Images { image: [side, side, 1], layers: vec![pool(7), pool(4)] };
        let draft = synthetic::image_draft(&images, &[0, 10], 4, 1);
        row_log(&draft, &draft.shapes().unwrap())
    };
    // Of 2^5 by 2^5, which any row holds, and of 2^8 by 2^8, for so few numbers.
    assert_eq!([log(28), log(224)], [13, 16]);
}

fn refused(field: &str) -> CalibrationError {
    let kind = ManifestErrorKind::Overflow { what: "the excess", max: 48, got: 49 };
    ManifestError::new(field, kind).into()
}

fn run(weights: [f64; 2], loss: [f64; 2]) -> Run {
    let extremes = weights.map(|weight| Extremes { weight, ..Extremes::default() });
    Run { extremes: extremes.to_vec(), loss }
}

/// Whatever a diverging run leads to, its learning rate is to blame; and never a field of the
/// scales, which calibration chooses.
#[test]
fn nobody_is_blamed_for_what_calibration_chose() {
    let manifest = crate::synthetic::draft(&[2, 2], 2, 1);
    let coarse = || CalibrationError::Resolution {
        layer: 1,
        min: 4,
        got: -2,
        remedy: Remedy::SmallerGradients,
    };
    let diverging = [run([3.0, 35_000.0], [1.0, 1.1]), run([1.0, 2.0], [1.0, 50.0])];
    for (run, layer) in diverging.iter().zip([1, 1]) {
        for error in [coarse(), refused("quantization.layers[1].z_frac")] {
            let error = run.blame(&manifest, error);
            let learning_rate = 0.0625;
            assert_eq!(error, CalibrationError::Diverges { layer, learning_rate });
            assert!(error.to_string().contains("use a smaller one"), "{error}");
        }
    }
    let calm = run([1.0, 2.0], [1.0, 0.1]);
    assert_eq!(calm.blame(&manifest, coarse()), coarse());
    let error = calm.blame(&manifest, refused("quantization.layers[1].z_frac"));
    assert!(matches!(&error, CalibrationError::NoScales(_)), "{error}");
    assert!(error.to_string().contains("smaller learning rate"), "{error}");
    // Without any fault of the scales, only what is beyond doubt is refused.
    assert!(run([3.0, 35_000.0], [1.0, 1.1]).lost());
    assert!(!run([40.0, 2.0], [1.0, 1.1]).lost());
    assert!(!run([3.0, 35_000.0], [1.0, 0.1]).lost());
    // What a user wrote is said as it is, however training went.
    for run in [calm, run([1.0, 99.0], [1.0, 9.0])] {
        let error = run.blame(&manifest, refused("training.max_steps"));
        assert_eq!(error, refused("training.max_steps"));
    }
}
