//! Networks with attention train in integers like in double precision.

use std::path::PathBuf;

use zktrain_model::manifest::Optimizer;
use zktrain_trainer::accuracy::compare;
use zktrain_trainer::dataset::read_csv;
use zktrain_trainer::preset::preset;
use zktrain_trainer::transformer::Transformer;

/// Digits read as sequences of 16 positions with four pixels each.
#[test]
fn a_transformer_trains_like_double_precision() {
    let data = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../data");
    for (causal, optimizer, epochs) in [
        (false, Optimizer::adam(1.0 / 256.0), 6),
        (true, Optimizer { momentum: 0.9, ..Optimizer::sgd(1.0 / 64.0) }, 6),
    ] {
        let mut preset = preset("digits").unwrap();
        let (positions, inputs, channels, heads, blocks) = (16, 4, 16, 2, 1);
        let transformer = Transformer { positions, inputs, channels, heads, blocks, causal };
        preset.options.images = Some(transformer.layers());
        preset.options.hidden = vec![];
        preset.options.optimizer = optimizer;
        preset.epochs = epochs;
        let table = read_csv(&data.join(preset.file.unwrap()), &preset.options.label).unwrap();
        let (train, test) = table.shuffled(1).split(0.25);
        let line = compare(&preset, &train, &test, 1).unwrap();
        println!("{line:?}");
        assert!(line.difference().abs() <= 2.0, "{line:?}");
        assert!(line.integer > 0.85 && line.saturated < 1e-3, "{line:?}");
    }
}
