//! A proof before it is compressed, which does not leave its owner's machine.

use ark_bn254::Fr;
use zktrain_argument::verifier::Opening;
use zktrain_statement::proof::SheetProof;

/// A proof that reveals evaluations of the witness, and so of the owner's data.
///
/// It has no encoding, and no field that is one's to read: what is sent is made from what
/// [`Compressor::compress`](crate::compress::Compressor::compress) makes of it.
///
/// ```
/// use zktrain_prove::compress::{CompressError, Compressor};
/// use zktrain_prove::uncompressed::Uncompressed;
///
/// fn to_be_sent(by: &Compressor, proof: Uncompressed) -> Result<Vec<u8>, CompressError> {
///     Ok(by.compress(proof)?.to_bytes())
/// }
/// ```
///
/// The same without the compression is no program:
///
/// ```compile_fail,E0599
/// use zktrain_prove::uncompressed::Uncompressed;
///
/// fn to_be_sent(proof: Uncompressed) -> Vec<u8> {
///     proof.to_bytes()
/// }
/// ```
///
/// nor is one that writes it to the file of a proof that may be sent, or has it encoded as one:
///
/// ```compile_fail,E0308
/// use zktrain_prove::uncompressed::Uncompressed;
/// use zktrain_statement::statements::TrainingStatement;
///
/// fn to_be_sent(statement: &TrainingStatement, proof: &Uncompressed) -> Vec<u8> {
///     zktrain_verify::file::encode(statement, proof)
/// }
/// ```
///
/// ```compile_fail,E0277
/// use zktrain_prove::uncompressed::Uncompressed;
/// use zktrain_statement::statements::TrainingStatement;
///
/// fn to_be_sent(statement: &TrainingStatement, proof: &Uncompressed) -> Vec<u8> {
///     zktrain_statement::wire::encode_training(statement, proof)
/// }
/// ```
///
/// Its owner can [reveal](Self::reveal) it, to check it or to keep it. Also then it is not what a file to
/// be sent is made of:
///
/// ```compile_fail,E0308
/// use zktrain_prove::uncompressed::Uncompressed;
/// use zktrain_statement::statements::TrainingStatement;
///
/// fn to_be_sent(statement: &TrainingStatement, proof: Uncompressed) -> Vec<u8> {
///     zktrain_verify::file::encode(statement, &proof.reveal())
/// }
/// ```
#[derive(Clone)]
pub struct Uncompressed {
    h: Fr,
    claim: Opening<Fr>,
    proof: SheetProof,
}

impl Uncompressed {
    /// A proof whose transcript starts from `h` and whose argument ends in `claim`.
    pub(crate) fn new(h: Fr, claim: Opening<Fr>, proof: SheetProof) -> Self {
        Self { h, claim, proof }
    }

    /// Digest of statement and rows, where the proof's transcript starts.
    pub fn h(&self) -> Fr {
        self.h
    }

    /// Where the argument ends, which the compressed proof tells too.
    pub fn claim(&self) -> &Opening<Fr> {
        &self.claim
    }

    /// The argument in the clear, for its owner to check.
    pub fn revealed(&self) -> &SheetProof {
        &self.proof
    }

    /// The argument in the clear, for its owner alone: it holds evaluations of the witness.
    /// Its encoding says so in its first bytes, and belongs in a file that nobody else can read.
    pub fn reveal(self) -> SheetProof {
        self.proof
    }
}
