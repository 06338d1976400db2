//! Who is connected, and whether there is room for more.
//!
//! Places for those that have not proven who they are go round: a newcomer takes the place of the
//! oldest connection of the address that holds the most, unless its own holds as many. So however
//! many connections say nothing, from however many addresses, one from elsewhere gets in; and a
//! crowd behind one address does not go on throwing itself out.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use alloy::primitives::Address;
use quinn::Connection;
use tokio_util::sync::CancellationToken;

use crate::WireLimits;
use crate::close;

/// For so long a network is known from which somebody was proven.
const KNOWN: Duration = Duration::from_secs(24 * 3600);

/// Where a connection comes from, as far as anyone is given addresses: one of IPv4, 64 bits of
/// IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Network(IpAddr);

impl Network {
    pub(super) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(address) => Self(first_bits(address.to_bits(), 64)),
            address => Self(address),
        }
    }

    /// What somebody has who has many addresses: 24 bits of IPv4, 48 of IPv6.
    fn site(self) -> Site {
        match self.0 {
            IpAddr::V4(address) => Site(IpAddr::V4((address.to_bits() & !0xff).into())),
            IpAddr::V6(address) => Site(first_bits(address.to_bits(), 48)),
        }
    }
}

fn first_bits(address: u128, bits: u32) -> IpAddr {
    IpAddr::V6((address & !(u128::MAX >> bits)).into())
}

/// Many networks that may be one party's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Site(IpAddr);

/// A connection that has not proven who it is.
struct Unproven {
    id: u64,
    network: Network,
    evicted: CancellationToken,
}

/// Some of the places for handshakes.
#[derive(Default)]
struct Places {
    /// The oldest first.
    taken: Vec<Unproven>,
    most: usize,
    /// Of one site at most.
    share: usize,
}

impl Places {
    /// Whether there is a place, perhaps another one's.
    fn enter(&mut self, newcomer: Unproven) -> bool {
        let (network, site) = (newcomer.network, newcomer.network.site());
        let here = self.taken.iter().filter(|other| other.network.site() == site).count();
        let is_free = if here >= self.share {
            let neighbour =
                |other: &Unproven| (other.network.site() == site).then_some(other.network);
            self.evict(network, neighbour)
        } else if self.taken.len() >= self.most {
            self.evict(site, |other| Some(other.network.site()))
        } else {
            true
        };
        if is_free {
            self.taken.push(newcomer);
        }
        is_free
    }

    /// Frees the oldest place of the party that holds the most, if that is more than `own` holds.
    fn evict<K: Hash + Eq + Copy>(
        &mut self,
        own: K,
        party: impl Fn(&Unproven) -> Option<K>,
    ) -> bool {
        let mut held: HashMap<K, usize> = HashMap::new();
        for key in self.taken.iter().filter_map(&party) {
            *held.entry(key).or_default() += 1;
        }
        let most = held.values().copied().max().unwrap_or(0);
        if most <= held.get(&own).copied().unwrap_or(0) {
            return false;
        }
        let is_theirs =
            |other: &Unproven| party(other).is_some_and(|key| held.get(&key) == Some(&most));
        let Some(oldest) = self.taken.iter().position(is_theirs) else { return false };
        self.taken.remove(oldest).evicted.cancel();
        true
    }
}

#[derive(Default)]
struct State {
    networks: HashMap<Network, usize>,
    /// Places for those that nobody knows.
    strangers: Places,
    /// Places for those whose network is known.
    known: Places,
    next: u64,
    /// Where each account was proven last, and when.
    proven: HashMap<Address, (Network, Instant)>,
    accounts: HashMap<Address, Connection>,
}

impl State {
    fn is_known(&self, network: Network) -> bool {
        let lately = |(from, at): &(Network, Instant)| *from == network && at.elapsed() < KNOWN;
        self.proven.values().any(lately)
    }

    /// The place of a connection is free, if it still had one.
    fn leave(&mut self, id: u64) {
        self.strangers.taken.retain(|other| other.id != id);
        self.known.taken.retain(|other| other.id != id);
    }

    /// An account stands for one network: it cannot make more of them known.
    fn remember(&mut self, account: Address, network: Network, most: usize) {
        if self.proven.len() >= most && !self.proven.contains_key(&account) {
            let oldest = self.proven.iter().min_by_key(|(_, (_, at))| *at).map(|(who, _)| *who);
            oldest.map(|who| self.proven.remove(&who));
        }
        self.proven.insert(account, (network, Instant::now()));
    }
}

/// All connections of a server.
pub(super) struct Registry {
    connections: usize,
    per_ip: usize,
    state: Mutex<State>,
}

/// A connection's place; free again when dropped.
pub(super) struct ConnectionSlot {
    registry: Arc<Registry>,
    network: Network,
    id: u64,
    evicted: CancellationToken,
    proven: Option<(Address, usize)>,
}

/// What [`ConnectionSlot::prove`] found.
pub(super) enum Place {
    Free,
    /// There was another connection of the account, which is closed now.
    Replaced,
    Full,
}

impl Registry {
    pub(super) fn new(limits: &WireLimits) -> Arc<Self> {
        let WireLimits { connections, per_ip, handshakes, .. } = *limits;
        let (reserved, share) = (handshakes / 4, (handshakes / 8).max(1));
        let places = |most| Places { taken: Vec::new(), most, share };
        let state = State {
            strangers: places(handshakes - reserved),
            known: places(reserved),
            ..State::default()
        };
        Arc::new(Self { connections, per_ip, state: Mutex::new(state) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here is left half done by a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a connection that has not proven anything yet, if there is one.
    pub(super) fn enter(self: &Arc<Self>, network: Network) -> Option<ConnectionSlot> {
        let mut state = self.state();
        let here = state.networks.get(&network).copied().unwrap_or(0);
        if here >= self.per_ip {
            return None;
        }
        let (id, evicted) = (state.next, CancellationToken::new());
        let newcomer = Unproven { id, network, evicted: evicted.clone() };
        let is_known = state.is_known(network);
        let places = if is_known { &mut state.known } else { &mut state.strangers };
        if !places.enter(newcomer) {
            return None;
        }
        state.next += 1;
        state.networks.insert(network, here + 1);
        Some(ConnectionSlot { registry: self.clone(), network, id, evicted, proven: None })
    }
}

impl ConnectionSlot {
    /// Cancelled when somebody else gets the place.
    pub(super) fn evicted(&self) -> CancellationToken {
        self.evicted.clone()
    }

    /// The connection is this account's now.
    pub(super) fn prove(&mut self, account: Address, connection: &Connection) -> Place {
        let mut state = self.registry.state();
        let known = state.accounts.contains_key(&account);
        if !known && state.accounts.len() >= self.registry.connections {
            return Place::Full;
        }
        state.leave(self.id);
        state.remember(account, self.network, self.registry.connections);
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

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        let mut state = self.registry.state();
        if let Some(here) = state.networks.get_mut(&self.network) {
            *here = here.saturating_sub(1);
            if *here == 0 {
                state.networks.remove(&self.network);
            }
        }
        match self.proven {
            None => state.leave(self.id),
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
        Registry::new(&WireLimits { per_ip, handshakes, ..WireLimits::default() })
    }

    fn network(address: &str) -> Network {
        Network::of(address.parse().unwrap())
    }

    fn is_evicted(slot: &ConnectionSlot) -> bool {
        slot.evicted.is_cancelled()
    }

    #[test]
    fn places_are_limited_by_address_and_come_back() {
        let registry = registry(2, 64);
        let (here, there) = (network("10.0.0.1"), network("10.0.0.2"));
        let first = registry.enter(here).unwrap();
        let _second = registry.enter(here).unwrap();
        assert!(registry.enter(here).is_none(), "two from one address");
        let _third = registry.enter(there).unwrap();
        drop(first);
        let _fourth = registry.enter(here).unwrap();
    }

    #[test]
    fn one_network_has_an_eighth_of_the_places_and_shares_it() {
        let registry = registry(100, 32);
        let silent: Vec<_> = (0..4).map(|_| registry.enter(network("10.0.0.1")).unwrap()).collect();
        assert!(registry.enter(network("10.0.0.1")).is_none(), "its crowd does not evict itself");
        // A neighbour is let in, where the other one holds more than it does.
        let _neighbour = registry.enter(network("10.0.0.2")).unwrap();
        let _again = registry.enter(network("10.0.0.2")).unwrap();
        assert!(registry.enter(network("10.0.0.2")).is_none(), "both hold two");
        assert_eq!(silent.iter().map(is_evicted).collect::<Vec<_>>(), [true, true, false, false]);
        // Elsewhere nothing is known of it.
        let _elsewhere = registry.enter(network("10.0.1.1")).unwrap();
        let places = &registry.state().strangers;
        assert_eq!((places.taken.len(), places.most), (5, 24));
    }

    #[test]
    fn the_oldest_of_the_fullest_network_makes_room() {
        let registry = registry(100, 16);
        let name = |site: usize| network(&format!("10.0.{site}.1"));
        let silent: Vec<_> = (0..12).map(|at| registry.enter(name(at / 2)).unwrap()).collect();
        let _others: Vec<_> = (6..12).map(|site| registry.enter(name(site)).unwrap()).collect();
        let first_of_each = |at: usize| at.is_multiple_of(2);
        assert!(silent.iter().enumerate().all(|(at, it)| is_evicted(it) == first_of_each(at)));
        // All hold one now: the oldest connection goes.
        let _newcomer = registry.enter(name(99)).unwrap();
        assert!(is_evicted(&silent[1]) && !is_evicted(&silent[3]));
        assert!(registry.enter(name(99)).is_none(), "nobody holds more than it does itself");
    }

    #[test]
    fn networks_that_proved_somebody_have_places_of_their_own() {
        let registry = registry(100, 16);
        let (known, account) = (network("10.1.0.1"), Address::repeat_byte(1));
        registry.state().remember(account, known, 2);
        let stranger = |site| registry.enter(network(&format!("10.0.{site}.1"))).unwrap();
        let _before: Vec<_> = (0..100).map(stranger).collect();
        let own = registry.enter(known).unwrap();
        let _after: Vec<_> = (100..200).map(stranger).collect();
        assert!(!is_evicted(&own), "strangers do not get its place");
        // An account has one network, and there is a bound on accounts.
        let state = &mut registry.state();
        state.remember(account, network("10.2.0.1"), 2);
        assert!(!state.is_known(known) && state.is_known(network("10.2.0.1")));
        for n in 2..9 {
            state.remember(Address::repeat_byte(n), known, 2);
        }
        assert_eq!(state.proven.len(), 2);
    }

    #[test]
    fn nothing_is_kept_of_those_that_are_gone() {
        let registry = registry(2, 16);
        drop(registry.enter(network("10.0.0.1")).unwrap());
        let state = registry.state();
        assert!(state.networks.is_empty() && state.strangers.taken.is_empty());
    }

    #[test]
    fn an_ipv6_network_counts_as_one_and_mapped_ipv4_as_itself() {
        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:0:0:2"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_eq!(network("::ffff:10.0.0.1"), network("10.0.0.1"));
        assert_ne!(network("10.0.0.1"), network("10.0.0.2"));
        let site = |address| network(address).site();
        assert_eq!(site("10.0.0.1"), site("10.0.0.255"));
        assert_ne!(site("10.0.0.1"), site("10.0.1.1"));
        assert_eq!(site("2001:db8::1"), site("2001:db8:0:ffff::1"));
        assert_ne!(site("2001:db8::1"), site("2001:db8:1::1"));
    }
}
