//! Masked vectors, read from the store a part at a time.

use alloy::primitives::Address;
use tokio::task::spawn_blocking;
use zktrain_network::messages::Upload;
use zktrain_network::secagg::blame::Trial;
use zktrain_network::secagg::unmasking::Unmasking;
use zktrain_network::secagg::vector::{self, ELEMENT, VectorError};

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

/// Finds what is no field element: whoever sends such a vector would spoil every sum that it is in.
#[derive(Default)]
struct Reduced {
    /// Elements that were read.
    position: usize,
    /// The start of the next one.
    carry: Vec<u8>,
    wrong: Option<VectorError>,
}

impl Reader for Reduced {
    fn start(&mut self, _upload: &Upload) -> Result<(), JobError> {
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), JobError> {
        self.carry.extend_from_slice(bytes);
        let rest = self.carry.split_off(self.carry.len() / ELEMENT * ELEMENT);
        match vector::decode(&core::mem::replace(&mut self.carry, rest)) {
            Ok(elements) => self.position += elements.len(),
            Err(VectorError::Unreduced { element }) => {
                let element = self.position.saturating_add(element);
                self.wrong.get_or_insert(VectorError::Unreduced { element });
            }
            Err(error) => drop(self.wrong.get_or_insert(error)),
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), JobError> {
        Ok(())
    }
}

impl Inner {
    /// What is wrong with a member's vector by itself, if anything.
    pub(super) async fn flaw(&self, upload: &Upload) -> Result<Option<VectorError>, JobError> {
        let read = self.read_vector(Reduced::default(), upload).await?;
        let got = (read.position * ELEMENT + read.carry.len()) as u64;
        let expected = self.work.shape().bytes();
        let length = (got != expected).then_some(VectorError::Length { expected, got });
        Ok(read.wrong.or(length))
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
        let (account, item): (Address, _) = (upload.account, items::masked(self.round()));
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
