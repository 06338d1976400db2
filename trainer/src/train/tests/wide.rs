//! Wide integers of a norm, and the digits that they are recorded in.

use zktrain_model::trace::{Record, Recorded};

pub(super) fn floor(x: i128, by: i128) -> i128 {
    x.div_euclid(by)
}

/// Radices of `2^bits`.
pub(super) fn power(bits: u32) -> Vec<i128> {
    let mut all = Vec::new();
    if !bits.is_multiple_of(16) {
        all.push(1 << (bits % 16));
    }
    all.extend(vec![1 << 16; bits as usize / 16]);
    all
}

pub(super) fn root(x: i128) -> i128 {
    let (mut low, mut high) = (0i128, 1i128 << 40);
    while high - low > 1 {
        let middle = (low + high) / 2;
        if middle * middle <= x { low = middle } else { high = middle }
    }
    low
}

/// Wide integers by name: what drops of them, whether they have a sign, and their values in the order of the trace.
#[derive(Debug, Default)]
pub(super) struct Wide {
    all: Vec<(&'static str, Vec<i128>, bool, Vec<i128>)>,
}

impl Wide {
    pub fn note(&mut self, name: &'static str, drops: Vec<i128>, signed: bool, x: i128) {
        match self.all.iter_mut().find(|(known, ..)| *known == name) {
            Some((.., values)) => values.push(x),
            None => self.all.push((name, drops, signed, vec![x])),
        }
    }

    /// Compares all of them, digit by digit; how many names there are.
    pub fn check(&self, record: &Record, what: &str) -> usize {
        for (name, drops, signed, values) in &self.all {
            let Some(Recorded::Wide(digits)) = record.get(name) else { panic!("{what}: {name}") };
            let top = digits.len() - 1;
            assert!(digits.iter().all(|list| list.len() == values.len()), "{what}: {name}");
            for (i, x) in values.iter().enumerate() {
                let (mut weight, mut sum) = (1i128, 0i128);
                for (k, list) in digits.iter().enumerate() {
                    let radix = drops.get(k).copied().unwrap_or(1 << 16);
                    let low = if *signed && k == top { -radix / 2 } else { 0 };
                    let digit = i128::from(list[i]);
                    assert!((low..low + radix).contains(&digit), "{what}: {name}, digit {k}");
                    sum += digit * weight;
                    weight *= radix;
                }
                assert_eq!(sum, *x, "{what}: {name}");
            }
        }
        self.all.len()
    }
}
