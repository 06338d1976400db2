//! Whole windows of rows where labels have weights: no row is left out.

use zktrain_model::manifest::Manifest;

use super::Scaled;

impl Scaled {
    /// The rows spread evenly over the steps of as many windows as they need, each step filled up with rows of weight zero.
    /// Without weights the rows as they are.
    #[must_use]
    pub fn in_steps(self, manifest: &Manifest) -> Self {
        let training = &manifest.training;
        let window = training.batch * training.steps_per_proof;
        if !manifest.data.weighted || window == 0 {
            return self;
        }
        let rows = self.rows();
        let steps = rows.div_ceil(window) * training.steps_per_proof;
        let padded = manifest.padded_batch();
        let mut all = Self { inputs: Vec::new(), labels: Vec::new(), ..self };
        for step in 0..steps {
            let own = step * rows / steps..(step + 1) * rows / steps;
            let inputs = own.start * self.width..own.end * self.width;
            let labels = own.start * self.outputs..own.end * self.outputs;
            all.inputs.extend_from_slice(self.inputs.get(inputs).unwrap_or_default());
            all.labels.extend_from_slice(self.labels.get(labels).unwrap_or_default());
            all.inputs.resize((step + 1) * padded * self.width, 0.0);
            all.labels.resize((step + 1) * padded * self.outputs, 0.0);
        }
        all.filled = steps * padded - rows;
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(batch: usize, steps: usize) -> Manifest {
        let mut manifest = crate::synthetic::draft(&[1, 2], batch, steps);
        manifest.data.weighted = true;
        manifest
    }

    fn sample(rows: usize) -> Scaled {
        let inputs = (1..=rows).map(|row| row as f64).collect();
        Scaled { width: 1, outputs: 2, inputs, labels: [1.0, 0.0].repeat(rows), filled: 0 }
    }

    /// However many rows there are: each is in one step, no step has more than a batch, and they differ by one row at most.
    #[test]
    fn every_row_is_in_one_step_and_steps_are_alike() {
        for (batch, steps) in [(3, 2), (4, 1), (5, 4), (1, 2)] {
            let manifest = manifest(batch, steps);
            for rows in 1..40 {
                let filled = sample(rows).in_steps(&manifest);
                let padded = manifest.padded_batch();
                assert_eq!(filled.rows() % (padded * steps), 0);
                assert_eq!(filled.rows() / padded / steps, rows.div_ceil(batch * steps));
                assert_eq!(filled.rows() - filled.filled, rows);
                let real: Vec<f64> = filled.inputs.iter().copied().filter(|x| *x != 0.0).collect();
                assert_eq!(real, sample(rows).inputs);
                let in_step = |rows: &[f64]| rows.iter().filter(|x| **x != 0.0).count();
                let counts: Vec<usize> = filled.inputs.chunks(padded).map(in_step).collect();
                let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
                assert!(*most <= batch && most - least <= 1, "{rows}: {counts:?}");
                let weights: f64 = filled.labels.iter().sum();
                assert_eq!(weights as usize, rows);
            }
        }
    }

    #[test]
    fn without_weights_rows_stay_as_they_are() {
        let mut manifest = manifest(4, 1);
        manifest.data.weighted = false;
        assert_eq!(sample(5).in_steps(&manifest), sample(5));
    }
}
