//! How fast the reward token moves.

use std::collections::BTreeMap;

use alloy::primitives::{Address, U256};

use super::history::{MetricsHistory, Transfer};

/// The token in one epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch {
    /// From zero on.
    pub number: u64,
    /// What was transferred, without mints, burns and transfers to oneself. Smallest units.
    pub volume: U256,
    /// The part of it that went from holder to holder: no contract of custody on either side.
    pub free: U256,
    /// All tokens at the epoch's end. Smallest units.
    pub supply: U256,
}

impl Epoch {
    /// Volume over supply: how often the average token moved. Unit: 1 per epoch. Range: from 0 on.
    ///
    /// Source: the equation of exchange `M V = P T`, I. Fisher, *The Purchasing Power of Money*,
    /// 1911, with what was transferred for `P T`.
    pub fn velocity(&self) -> Option<f64> {
        Self::over(self.volume, self.supply)
    }

    /// [`Self::velocity`] of what goes from holder to holder.
    pub fn free_velocity(&self) -> Option<f64> {
        Self::over(self.free, self.supply)
    }

    fn over(volume: U256, supply: U256) -> Option<f64> {
        (!supply.is_zero()).then(|| f64::from(volume) / f64::from(supply))
    }

    fn add(&mut self, transfer: &Transfer, held: bool) {
        let Transfer { from, to, amount, .. } = *transfer;
        if from == to {
            return;
        }
        if from.is_zero() {
            self.supply = self.supply.saturating_add(amount);
        } else if to.is_zero() {
            self.supply = self.supply.saturating_sub(amount);
        } else {
            self.volume = self.volume.saturating_add(amount);
            if !held {
                self.free = self.free.saturating_add(amount);
            }
        }
    }
}

impl MetricsHistory {
    /// All epochs in which tokens moved, oldest first. Empty if an epoch's length is not known.
    pub fn epochs(&self) -> Vec<Epoch> {
        let number = |transfer: &Transfer| {
            transfer.time.saturating_sub(self.epoch_start).checked_div(self.epoch_length)
        };
        let mut moves: BTreeMap<u64, Vec<&Transfer>> = BTreeMap::new();
        for transfer in &self.transfers {
            let Some(number) = number(transfer) else { return Vec::new() };
            moves.entry(number).or_default().push(transfer);
        }
        let held = |account: &Address| self.custody.contains(account);
        let mut supply = U256::ZERO;
        let epoch = |(number, moves): (u64, Vec<&Transfer>)| {
            let mut epoch = Epoch { number, volume: U256::ZERO, free: U256::ZERO, supply };
            for transfer in moves {
                epoch.add(transfer, held(&transfer.from) || held(&transfer.to));
            }
            supply = epoch.supply;
            epoch
        };
        moves.into_iter().map(epoch).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::cases::{account, domain};
    use super::*;

    fn moved(time: u64, from: Option<u8>, to: Option<u8>, amount: u64) -> Transfer {
        let [from, to] = [from, to].map(|who| who.map_or(Address::ZERO, account));
        Transfer { time, from, to, amount: U256::from(amount) }
    }

    #[test]
    fn it_is_volume_over_supply_by_epoch() {
        let mut history = domain(3);
        (history.epoch_start, history.epoch_length) = (1_000, 100);
        history.custody.insert(account(9));
        history.transfers = vec![
            moved(1_000, None, Some(0), 1_000),
            moved(1_050, Some(0), Some(1), 300),
            moved(1_099, Some(1), Some(9), 200),
            moved(1_099, Some(2), Some(2), 999),
            moved(1_300, Some(9), None, 500),
            moved(1_301, Some(1), Some(2), 250),
        ];
        let epochs = history.epochs();
        let [first, last] = epochs[..] else { panic!("{epochs:?}") };
        assert_eq!((first.number, first.supply), (0, U256::from(1_000)));
        assert_eq!((first.velocity(), first.free_velocity()), (Some(0.5), Some(0.3)));
        assert_eq!((last.number, last.supply), (3, U256::from(500)));
        assert_eq!(last.velocity(), Some(0.5));
        history.epoch_length = 0;
        assert_eq!(history.epochs(), []);
    }

    #[test]
    fn without_supply_there_is_no_velocity() {
        let mut history = domain(2);
        history.epoch_length = 10;
        history.transfers = vec![moved(5, Some(0), Some(1), 7)];
        assert_eq!(history.epochs()[0].velocity(), None);
    }

    proptest! {
        #[test]
        fn velocity_does_not_depend_on_the_unit(
            amounts in proptest::collection::vec(1u64..1_000_000, 1..20),
            unit in 1u64..1_000_000,
        ) {
            let with = |unit: u64| {
                let mut history = domain(2);
                history.epoch_length = 100;
                let mut moves = vec![moved(0, None, Some(0), 1_000_000)];
                moves.extend(amounts.iter().map(|amount| moved(1, Some(0), Some(1), *amount)));
                moves.iter_mut().for_each(|transfer| transfer.amount *= U256::from(unit));
                history.transfers = moves;
                history.epochs()[0].velocity().unwrap()
            };
            prop_assert!((with(1) - with(unit)).abs() < 1e-9 * with(1));
        }
    }
}
