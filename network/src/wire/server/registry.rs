//! Who is connected, and whether there is room for more.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use alloy::primitives::Address;
use quinn::Connection;

use crate::wire::Limits;
use crate::wire::close;

/// Where a connection comes from, as far as anyone is given addresses: one of IPv4, 64 bits of
/// IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Network(IpAddr);

impl Network {
    pub(super) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(address) => {
                let prefix = address.to_bits() & (u128::from(u64::MAX) << 64);
                Self(IpAddr::V6(prefix.into()))
            }
            address => Self(address),
        }
    }
}

#[derive(Default)]
struct State {
    networks: HashMap<Network, usize>,
    /// Connections that have not proven who they are.
    unproven: usize,
    accounts: HashMap<Address, Connection>,
}

/// All connections of a server.
pub(super) struct Registry {
    connections: usize,
    per_ip: usize,
    handshakes: usize,
    state: Mutex<State>,
}

/// A connection's place; free again when dropped.
pub(super) struct Ticket {
    registry: Arc<Registry>,
    network: Network,
    proven: Option<(Address, usize)>,
}

/// What [`Ticket::prove`] found.
pub(super) enum Place {
    Free,
    /// There was another connection of the account, which is closed now.
    Replaced,
    Full,
}

impl Registry {
    pub(super) fn new(limits: &Limits) -> Arc<Self> {
        let Limits { connections, per_ip, handshakes, .. } = *limits;
        Arc::new(Self { connections, per_ip, handshakes, state: Mutex::default() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here is left half done by a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a connection that has not proven anything yet, if there is one.
    pub(super) fn enter(self: &Arc<Self>, network: Network) -> Option<Ticket> {
        let mut state = self.state();
        let here = state.networks.get(&network).copied().unwrap_or(0);
        if here >= self.per_ip || state.unproven >= self.handshakes {
            return None;
        }
        state.networks.insert(network, here + 1);
        state.unproven += 1;
        Some(Ticket { registry: self.clone(), network, proven: None })
    }
}

impl Ticket {
    /// The connection is this account's now.
    pub(super) fn prove(&mut self, account: Address, connection: &Connection) -> Place {
        let mut state = self.registry.state();
        let known = state.accounts.contains_key(&account);
        if !known && state.accounts.len() >= self.registry.connections {
            return Place::Full;
        }
        state.unproven = state.unproven.saturating_sub(1);
        self.proven = Some((account, connection.stable_id()));
        match state.accounts.insert(account, connection.clone()) {
            Some(older) => {
                older.close(close::REPLACED.code(), b"replaced");
                Place::Replaced
            }
            None => Place::Free,
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut state = self.registry.state();
        if let Some(here) = state.networks.get_mut(&self.network) {
            *here = here.saturating_sub(1);
            if *here == 0 {
                state.networks.remove(&self.network);
            }
        }
        match self.proven {
            None => state.unproven = state.unproven.saturating_sub(1),
            Some((account, id)) => {
                let is_own = |held: &Connection| held.stable_id() == id;
                if state.accounts.get(&account).is_some_and(is_own) {
                    state.accounts.remove(&account);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry(per_ip: usize, handshakes: usize) -> Arc<Registry> {
        Registry::new(&Limits { per_ip, handshakes, ..Limits::default() })
    }

    fn network(address: &str) -> Network {
        Network::of(address.parse().unwrap())
    }

    #[test]
    fn places_are_limited_by_network_and_in_all_and_come_back() {
        let registry = registry(2, 3);
        let (here, there) = (network("10.0.0.1"), network("10.0.0.2"));
        let first = registry.enter(here).unwrap();
        let _second = registry.enter(here).unwrap();
        assert!(registry.enter(here).is_none(), "two from one address");
        let _third = registry.enter(there).unwrap();
        assert!(registry.enter(there).is_none(), "three handshakes");
        drop(first);
        let _fourth = registry.enter(here).unwrap();
        assert!(registry.enter(there).is_none());
    }

    #[test]
    fn nothing_is_kept_of_those_that_are_gone() {
        let registry = registry(2, 3);
        drop(registry.enter(network("10.0.0.1")).unwrap());
        let state = registry.state();
        assert!(state.networks.is_empty() && state.unproven == 0);
    }

    #[test]
    fn an_ipv6_network_counts_as_one_and_mapped_ipv4_as_itself() {
        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:0:0:2"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_eq!(network("::ffff:10.0.0.1"), network("10.0.0.1"));
        assert_ne!(network("10.0.0.1"), network("10.0.0.2"));
    }
}
