//! Masked vectors, read from the store a part at a time.

use tokio::task::spawn_blocking;
use zktrain_secagg::SecaggError;
use zktrain_secagg::blame::Trial;
use zktrain_secagg::messages::Upload;
use zktrain_secagg::unmasking::{Inspection, Unmasking};

use super::jobs::{JobError, Parts};
use super::{Inner, items};

/// Bytes of a vector that are in memory at a time.
pub(super) const PIECE: usize = 1 << 20;

/// Something that takes vectors one after another.
pub(super) trait Reader: Send + 'static {
    fn start(&mut self, upload: &Upload) -> Result<(), JobError>;
    fn write(&mut self, bytes: &[u8]) -> Result<(), JobError>;
    fn end(&mut self) -> Result<(), JobError>;
}

impl Reader for Unmasking {
    fn start(&mut self, upload: &Upload) -> Result<(), JobError> {
        Ok(self.start(upload)?)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), JobError> {
        Ok(self.write(bytes)?)
    }

    fn end(&mut self) -> Result<(), JobError> {
        Ok(self.end()?)
    }
}

impl Reader for Trial {
    fn start(&mut self, upload: &Upload) -> Result<(), JobError> {
        Ok(self.start(upload.account)?)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), JobError> {
        Ok(self.write(bytes)?)
    }

    fn end(&mut self) -> Result<(), JobError> {
        Ok(self.end()?)
    }
}

/// A vector by itself; none once it was found to be one.
struct Alone(Option<Inspection>);

impl Reader for Alone {
    fn start(&mut self, _upload: &Upload) -> Result<(), JobError> {
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), JobError> {
        Ok(self.0.as_mut().ok_or(JobError::State)?.write(bytes)?)
    }

    fn end(&mut self) -> Result<(), JobError> {
        Ok(self.0.take().ok_or(JobError::State)?.end()?)
    }
}

impl Inner {
    /// What is wrong with a member's vector by itself, if anything. It would spoil every sum that it
    /// is in, no matter which member sent it.
    pub(super) async fn flaw(&self, upload: &Upload) -> Result<Option<SecaggError>, JobError> {
        let alone = Alone(Some(Inspection::new(upload, self.work.shape().elements())));
        match self.read_vector(alone, upload).await {
            Ok(_) => Ok(None),
            Err(JobError::Aggregation(flaw)) => Ok(Some(flaw)),
            Err(error) => Err(error),
        }
    }

    /// Hands over the vectors of the counted members.
    pub(super) async fn read_vectors<R: Reader>(
        &self,
        mut reader: R,
        parts: &Parts,
    ) -> Result<R, JobError> {
        for account in &parts.counted {
            let upload = parts.uploads.get(account).ok_or(JobError::State)?;
            reader = self.read_vector(reader, &upload.body).await?;
        }
        Ok(reader)
    }

    async fn read_vector<R: Reader>(&self, mut reader: R, upload: &Upload) -> Result<R, JobError> {
        let (account, item) = (upload.account, items::masked(self.round()));
        reader.start(upload)?;
        let mut offset = 0;
        loop {
            let piece = self.store.upload_read(account.into_array(), &item, offset, PIECE).await?;
            let is_end = piece.is_empty();
            offset += piece.len() as u64;
            // Not between messages of a round: this takes milliseconds, the end seconds.
            let read = spawn_blocking(move || {
                if is_end {
                    reader.end()?
                } else {
                    reader.write(&piece)?
                }
                Ok::<R, JobError>(reader)
            });
            reader = read.await??;
            if is_end {
                return Ok(reader);
            }
        }
    }
}
