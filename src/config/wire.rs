//! How much a coordinator takes from those that connect to it.

use std::time::Duration;

use serde::Deserialize;
use zktrain_wire::WireLimits;

use super::value::{one, span};

/// Fewer places for handshakes cannot be shared between networks.
const LEAST_HANDSHAKES: usize = 8;
/// So much memory per connection is possible that more are not for one machine.
const MOST: usize = 1 << 16;

/// Limits of the wire that may have to be others than by default; see [`WireLimits`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct LimitsConfig {
    /// Connections of accounts at once.
    #[serde(deserialize_with = "one")]
    pub connections: usize,
    /// Connections at once from one address.
    #[serde(deserialize_with = "one")]
    pub per_address: usize,
    /// Connections at once that have not proven who they are.
    #[serde(deserialize_with = "one")]
    pub handshakes: usize,
    /// New connections a minute from one address.
    #[serde(deserialize_with = "one")]
    pub attempts: u32,
    /// From the first packet until the other side has said hello.
    #[serde(deserialize_with = "span")]
    pub hello: Duration,
    /// From the first packet until both sides are proven.
    #[serde(deserialize_with = "span")]
    pub handshake: Duration,
}

impl LimitsConfig {
    /// What the wire is given.
    pub fn wire(&self) -> WireLimits {
        WireLimits {
            connections: self.connections,
            per_ip: self.per_address,
            handshakes: self.handshakes,
            attempts: self.attempts,
            hello: self.hello,
            handshake: self.handshake,
            ..WireLimits::default()
        }
    }

    /// A key that cannot have its value, and why.
    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        let counts = [
            ("limits.connections", self.connections, 1),
            ("limits.per_address", self.per_address, 1),
            ("limits.handshakes", self.handshakes, LEAST_HANDSHAKES),
            ("limits.attempts", usize::try_from(self.attempts).unwrap_or(MOST), 1),
        ];
        for (key, got, least) in counts {
            if got < least || got > MOST {
                return Err((key, format!("expected {least} to {MOST}, got {got}")));
            }
        }
        if self.hello.is_zero() || self.hello > self.handshake {
            let most = humantime::format_duration(self.handshake);
            let why = format!("expected more than nothing and at most {most} (`limits.handshake`)");
            return Err(("limits.hello", why));
        }
        Ok(())
    }
}
