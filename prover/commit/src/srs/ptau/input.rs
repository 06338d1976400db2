//! A file that is read from its beginning to its end, and hashed meanwhile.

use std::io::{ErrorKind, Read};

use sha2::{Digest, Sha256};

use super::error::{PtauError, PtauPart};

/// Hashes all that is read, and knows where it is.
pub(super) struct Input<R> {
    inner: R,
    hash: Sha256,
    /// Bytes read.
    at: u64,
    /// What is being read, where it began, and the bytes that it has.
    part: (PtauPart, u64, u64),
}

impl<R: Read> Input<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, hash: Sha256::new(), at: 0, part: (PtauPart::Start, 0, 0) }
    }

    /// What follows is this part of the file.
    pub(super) fn begin(&mut self, part: PtauPart, size: u64) {
        self.part = (part, self.at, size);
    }

    pub(super) fn fill(&mut self, out: &mut [u8]) -> Result<(), PtauError> {
        let read = self.read(out)?;
        if read < out.len() {
            let (part, start, expected) = self.part;
            return Err(PtauError::Truncated { part, expected, got: self.at - start });
        }
        self.hash.update(&*out);
        Ok(())
    }

    /// As much as there is of it; unlike with `read_exact`, how much that is is known.
    fn read(&mut self, out: &mut [u8]) -> Result<usize, PtauError> {
        let mut done = 0;
        while done < out.len() {
            match self.inner.read(&mut out[done..]) {
                Ok(0) => break,
                Ok(read) => {
                    done += read;
                    self.at += read as u64;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(source) => {
                    return Err(PtauError::Read { part: self.part.0, at: self.at, source });
                }
            }
        }
        Ok(done)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], PtauError> {
        let mut out = [0u8; N];
        self.fill(&mut out)?;
        Ok(out)
    }

    pub(super) fn u32(&mut self) -> Result<u32, PtauError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(super) fn u64(&mut self) -> Result<u64, PtauError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    pub(super) fn skip(&mut self, mut bytes: u64) -> Result<(), PtauError> {
        let mut buffer = vec![0u8; bytes.min(1 << 16) as usize];
        while bytes > 0 {
            let step = bytes.min(buffer.len() as u64);
            self.fill(&mut buffer[..step as usize])?;
            bytes -= step;
        }
        Ok(())
    }

    /// Some more bytes, or fewer where the file ends, for words about a file that is none of ours.
    pub(super) fn more(&mut self, bytes: usize) -> Result<Vec<u8>, PtauError> {
        let mut out = vec![0u8; bytes];
        let read = self.read(&mut out)?;
        out.truncate(read);
        Ok(out)
    }

    /// That the file ends here; its SHA-256.
    pub(super) fn end(mut self, sections: u32) -> Result<[u8; 32], PtauError> {
        let at = self.at;
        self.begin(PtauPart::End, 0);
        match self.read(&mut [0u8; 1])? {
            0 => Ok(self.hash.finalize().into()),
            _ => Err(PtauError::TrailingBytes { sections, at }),
        }
    }
}
