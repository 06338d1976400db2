//! Commits to a dataset, and shows that all of its windows are well formed.

use zktrain_commit::random::LocalKey;
use zktrain_model::chunks::chunk_sizes;
use zktrain_prove::compress::Compressor;
use zktrain_prove::prove::ProveError;
use zktrain_prove::training::{Chunk, ChunkProved, RegisteredDataset, register_chunk};
use zktrain_trainer::dataset::Dataset;
use zktrain_verify::file::Registration;

use crate::error::Error;
use crate::setup::Setup;

/// Registers the windows of one owner's data.
pub(crate) struct Registrar<'a> {
    pub setup: &'a Setup,
    pub secret: &'a LocalKey,
    pub owner: [u8; 20],
    pub compressed: bool,
}

impl Registrar<'_> {
    /// Commits to all windows; `progress` is told how many are done.
    pub fn register(
        &self,
        data: &Dataset,
        progress: &mut dyn FnMut(usize),
    ) -> Result<(RegisteredDataset, Registration), Error> {
        let network = self.setup.network();
        let total = data.windows(network);
        if total == 0 {
            return Err(Error::NoWindow { expected: network.window(), got: data.rows() });
        }
        let sizes = chunk_sizes(network, total as u64).map_err(ProveError::from)?;
        let (mut first, mut chunks, mut all) = (0, Vec::new(), Vec::new());
        for windows in sizes {
            let mut proved = self.chunk(data, total, first..first + windows)?;
            all.append(&mut proved.windows);
            chunks.push(proved);
            first += windows;
            progress(first);
        }
        let registration = match self.compressed {
            true => self.compress(chunks)?,
            false => Registration::Plain(
                chunks.into_iter().map(|c| (c.statement, c.proof.reveal())).collect(),
            ),
        };
        Ok((RegisteredDataset::new(all), registration))
    }

    fn chunk(
        &self,
        data: &Dataset,
        total: usize,
        windows: std::ops::Range<usize>,
    ) -> Result<ChunkProved, Error> {
        let (mut inputs, mut labels) = (Vec::new(), Vec::new());
        for window in windows.clone() {
            let (x, y) = data.window(self.setup.network(), window).unwrap_or_default();
            inputs.extend(x.iter().map(|v| i32::from(*v)));
            labels.extend(y.iter().map(|v| i32::from(*v)));
        }
        let chunk = Chunk {
            owner: self.owner,
            total: total as u64,
            first: windows.start as u64,
            windows: windows.len(),
            inputs: &inputs,
            labels: &labels,
        };
        let Setup { key, srs, .. } = self.setup;
        Ok(register_chunk(key, srs.checked().g1(), self.secret, &chunk)?)
    }

    /// There is one circuit for each size of chunks, of which there are few.
    fn compress(&self, chunks: Vec<ChunkProved>) -> Result<Registration, Error> {
        let mut known: Option<(usize, Compressor)> = None;
        let mut compressed = Vec::new();
        for ChunkProved { statement, proof, .. } in chunks {
            let windows = statement.rows.len();
            let compressor = match known.take() {
                Some((size, compressor)) if size == windows => compressor,
                _ => self.compressor(windows)?,
            };
            compressed.push((statement, compressor.compress(proof)?));
            known = Some((windows, compressor));
        }
        Ok(Registration::Compressed(compressed))
    }

    fn compressor(&self, windows: usize) -> Result<Compressor, Error> {
        let relation = self.setup.registration(windows)?;
        let params = self.setup.params(&relation)?;
        Ok(Compressor::halo2(relation, params)?.with_key(self.secret.clone()))
    }
}
