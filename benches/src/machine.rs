//! Facts about the machine, where the system tells them.

use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// The machine and the moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// Model of the processor.
    pub cpu: String,
    /// Logical processors that this process may use.
    pub cores: usize,
    /// Memory, megabytes.
    pub memory_mb: u64,
    /// The compiler's version.
    pub rustc: String,
    /// Operating system and architecture.
    pub system: String,
    /// Date of the measurement, `YYYY-MM-DD`.
    pub date: String,
    /// Vector extensions of the processor that proving profits from.
    pub extensions: Vec<String>,
}

const UNKNOWN: &str = "unknown";

impl Machine {
    /// This machine, now.
    pub fn here() -> Self {
        let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let flags = value(&cpuinfo, "flags").unwrap_or_default();
        let known = ["bmi2", "adx", "avx2", "avx512f", "avx512ifma"];
        let has = |name: &&str| flags.split_whitespace().any(|flag| flag == *name);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            cpu: value(&cpuinfo, "model name").unwrap_or(UNKNOWN).to_owned(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_mb: memory_mb(),
            rustc: rustc(),
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            date: date(now.as_secs() / 86_400),
            extensions: known.iter().filter(|n| has(n)).map(|n| (*n).to_owned()).collect(),
        }
    }
}

/// The load average over the last minute; 0 where the system does not tell.
pub fn load() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().and_then(|first| first.parse().ok()).unwrap_or_default()
}

fn memory_mb() -> u64 {
    let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = value(&meminfo, "MemTotal").and_then(|v| v.split_whitespace().next());
    total.and_then(|kb| kb.parse::<u64>().ok()).unwrap_or_default() >> 10
}

fn rustc() -> String {
    let program = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(program).arg("--version").output();
    let text = output.ok().and_then(|output| String::from_utf8(output.stdout).ok());
    text.map_or_else(|| UNKNOWN.to_owned(), |text| text.trim().to_owned())
}

/// The value behind `name:` in the first line that starts so.
fn value<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_once(':').map(|(_, value)| value.trim())
}

/// The civil date of a day counted from 1970-01-01.
///
/// Source: Hinnant, "chrono-compatible low-level date algorithms": years start in March, so that
/// the leap day is a year's last.
fn date(day: u64) -> String {
    let day = day + 719_468;
    let (era, day_of_era) = (day / 146_097, day % 146_097);
    let leap_days = day_of_era / 1_460 - day_of_era / 36_524 + day_of_era / 146_096;
    let year_of_era = (day_of_era - leap_days) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day_of_month:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_count_leap_years() {
        let expected = [
            (0, "1970-01-01"),
            (58, "1970-02-28"),
            (59, "1970-03-01"),
            (789, "1972-02-29"),
            (11_016, "2000-02-29"),
            (11_017, "2000-03-01"),
            (20_453, "2025-12-31"),
            (20_454, "2026-01-01"),
        ];
        for (day, text) in expected {
            assert_eq!(date(day), text);
        }
    }

    #[test]
    fn values_are_found_behind_their_names() {
        let text = "processor\t: 0\nmodel name\t: A B\nflags : x y\n";
        assert_eq!(value(text, "model name"), Some("A B"));
        assert_eq!(value(text, "cache"), None);
    }
}
