//! Headers of blocks, as the contracts read randomness from them.

use alloy::eips::BlockNumberOrTag;
use alloy::primitives::{B256, Bytes, keccak256};
use alloy::providers::Provider;

use super::client::Client;
use super::error::ClientError;
use crate::{Chain, ChainError};

/// A block's header, encoded: the contracts compare its hash with the chain's, and read the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawHeader {
    /// The block's number.
    pub number: u64,
    /// The block's hash, which is that of the encoding.
    pub hash: B256,
    /// The randomness of its beacon.
    pub random: B256,
    /// The header's RLP encoding.
    pub encoded: Bytes,
}

impl RawHeader {
    /// The header of a block that is there.
    ///
    /// # Errors
    /// If the node has no such block, or its header has something that this program does not know:
    /// then its hash is not that of what we can encode, and contracts would refuse it.
    pub async fn of(chain: &Chain, number: u64) -> Result<Self, ClientError> {
        let tag = BlockNumberOrTag::Number(number);
        let block = chain.provider().get_block_by_number(tag).await.map_err(ChainError::from)?;
        let missing = || ClientError::NoEvent { what: format!("block {number}") };
        let header = block.ok_or_else(missing)?.header;
        let encoded = Bytes::from(alloy::rlp::encode(&header.inner));
        if keccak256(&encoded) != header.hash || header.inner.number != number {
            return Err(ClientError::Header { number, hash: header.hash });
        }
        Ok(Self { number, hash: header.hash, random: header.inner.mix_hash, encoded })
    }
}

impl Client {
    /// Waits for a block; makes it on a test chain.
    ///
    /// # Errors
    /// If the node refuses.
    pub(super) async fn until_block(&self, number: u64) -> Result<(), ClientError> {
        let chain = self.sender().chain();
        while chain.provider().get_block_number().await.map_err(ChainError::from)? < number {
            if !chain.next_block().await {
                tokio::time::sleep(chain.poll()).await;
            }
        }
        Ok(())
    }
}
