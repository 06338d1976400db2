//! Chains in files, for clients that connect to them by their path.

use std::path::Path;

use alloy::rpc::client::RpcClient;
use zktrain_chain::{ChainError, Embed};

use super::{EmbeddedNode, Genesis, NodeError};

/// New chains start so.
impl Embed for Genesis {
    fn open(&self, path: &Path) -> Result<RpcClient, ChainError> {
        Ok(EmbeddedNode::open(path, self.clone())?.client())
    }
}

impl From<NodeError> for ChainError {
    fn from(error: NodeError) -> Self {
        Self::Embedded(Box::new(error))
    }
}
