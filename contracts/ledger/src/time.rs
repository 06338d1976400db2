//! Times of blocks, for people.

use std::time::{Duration, UNIX_EPOCH};

/// The last second of the year 9999: what comes after it has no such form, and asking for it panics.
const LAST: u64 = 253_402_300_799;

/// A block's time, for people. Files can say any number.
pub fn time(seconds: u64) -> String {
    let known = Some(seconds).filter(|seconds| *seconds <= LAST);
    let time = known.and_then(|seconds| UNIX_EPOCH.checked_add(Duration::from_secs(seconds)));
    time.map_or("never".to_owned(), |time| humantime::format_rfc3339_seconds(time).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_is_a_time_or_never() {
        assert_eq!(time(0), "1970-01-01T00:00:00Z");
        assert_eq!(time(LAST), "9999-12-31T23:59:59Z");
        assert_eq!([LAST + 1, u64::MAX].map(time), ["never", "never"]);
    }
}
