//! Chains in files, for whoever connects to them by their address.

use std::path::Path;

use alloy::rpc::client::RpcClient;
use zktrain_chain::{ChainError, Embed};

use super::{Genesis, Node, NodeError};

/// New chains start so.
impl Embed for Genesis {
    fn open(&self, path: &Path) -> Result<RpcClient, ChainError> {
        Ok(Node::open(path, self.clone())?.client())
    }
}

impl From<NodeError> for ChainError {
    fn from(error: NodeError) -> Self {
        Self::Embedded(Box::new(error))
    }
}
