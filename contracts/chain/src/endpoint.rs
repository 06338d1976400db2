//! Where a chain is, as people write it.

use core::fmt;
use core::str::FromStr;
use std::path::{Path, PathBuf};

use alloy::rpc::client::RpcClient;

use super::{Chain, ChainError};

const EMBEDDED: &str = "embedded:";

/// Where a chain is: `embedded:PATH`, `http://…` or `https://…`.
#[derive(Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// A chain of this process, in a file.
    Embedded(PathBuf),
    /// A node that speaks JSON-RPC.
    Http(String),
}

/// Opens chains that are kept in files. The node that keeps them is no part of this crate: a program
/// that has one passes it in.
pub trait Embed {
    /// A client of the node that keeps the chain in this file, a new one if there is none.
    ///
    /// # Errors
    /// [`ChainError::Embedded`] if the node cannot be used.
    fn open(&self, path: &Path) -> Result<RpcClient, ChainError>;
}

impl FromStr for Endpoint {
    type Err = ChainError;

    fn from_str(text: &str) -> Result<Self, ChainError> {
        match text.strip_prefix(EMBEDDED) {
            Some(path) if !path.is_empty() => Ok(Self::Embedded(path.into())),
            None if text.starts_with("http://") || text.starts_with("https://") => {
                Ok(Self::Http(text.to_owned()))
            }
            _ => Err(ChainError::Url { got: text.to_owned() }),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded(path) => write!(f, "{EMBEDDED}{}", path.display()),
            // Paths, queries and user names of providers are their customers' passwords.
            Self::Http(url) => {
                let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
                let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
                let host = host.rsplit('@').next().unwrap_or_default();
                write!(f, "{scheme}://{host}")
            }
        }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({self})")
    }
}

impl Endpoint {
    /// Connects; an embedded chain is opened by `nodes`.
    ///
    /// # Errors
    /// If nothing answers there, or the embedded chain cannot be opened.
    pub async fn connect(&self, nodes: &impl Embed) -> Result<Chain, ChainError> {
        match self {
            Self::Embedded(path) => Chain::embedded(nodes.open(path)?).await,
            Self::Http(url) => Chain::http(url).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_shown_without_passwords() {
        let read = |text: &str| text.parse::<Endpoint>();
        assert_eq!(read("embedded:/a/b").unwrap(), Endpoint::Embedded("/a/b".into()));
        assert_eq!(read("embedded:/a/b").unwrap().to_string(), "embedded:/a/b");
        let http = read("https://me:secret@node.example:8545/v3/key?k=1").unwrap();
        assert_eq!(format!("{http} {http:?}").matches("node.example:8545").count(), 2);
        assert!(!format!("{http} {http:?}").contains("secret"));
        assert!(!format!("{http} {http:?}").contains("key"));
        for wrong in ["", "embedded:", "ftp://x", "/a/b", "localhost:8545"] {
            assert!(matches!(read(wrong), Err(ChainError::Url { .. })), "{wrong}");
        }
    }
}
