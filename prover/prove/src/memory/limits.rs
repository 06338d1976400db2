//! Memory that this process may still take: what the machine has, and what it is allowed.
//!
//! A container's limit is not in `/proc/meminfo`, which tells of the machine. A process that
//! passes it is killed by the kernel without a word, so it is read before anything is started.
//! Where the system does not say, there is no limit that is known.

use std::fs::read_to_string;
use std::path::{Path, PathBuf};

/// Where Linux mounts its control groups.
const GROUPS: &str = "/sys/fs/cgroup";

/// Bytes of memory that this process can still have, where the system says.
pub(super) fn available() -> Option<u64> {
    let own = read_to_string("/proc/self/cgroup").unwrap_or_default();
    let limits = [machine(), group(Path::new(GROUPS), &own), address_space()];
    limits.into_iter().flatten().min()
}

/// What the machine has for a new program.
fn machine() -> Option<u64> {
    meminfo(&read_to_string("/proc/meminfo").ok()?)
}

fn meminfo(text: &str) -> Option<u64> {
    kilobytes(text, "MemAvailable:")
}

/// `NAME 123 kB` as bytes.
fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let number: u64 = line.split_whitespace().next()?.parse().ok()?;
    number.checked_mul(1024)
}

/// What the address space may still grow by (`ulimit -v`).
fn address_space() -> Option<u64> {
    let limits = read_to_string("/proc/self/limits").ok()?;
    let status = read_to_string("/proc/self/status").ok()?;
    growth(&limits, &status)
}

fn growth(limits: &str, status: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max address space"))?;
    // No number where it is unlimited.
    let limit: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(limit.saturating_sub(kilobytes(status, "VmSize:")?))
}

/// How the two versions of control groups name their files.
struct Version {
    limit: &'static str,
    usage: &'static str,
    cache: [&'static str; 2],
}

const SECOND: Version = Version {
    limit: "memory.max",
    usage: "memory.current",
    cache: ["active_file ", "inactive_file "],
};
const FIRST: Version = Version {
    limit: "memory.limit_in_bytes",
    usage: "memory.usage_in_bytes",
    cache: ["total_active_file ", "total_inactive_file "],
};

/// The least that a control group of `own`, the text of `/proc/self/cgroup`, or one above it
/// leaves.
fn group(root: &Path, own: &str) -> Option<u64> {
    let least = own.lines().filter_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next()?, parts.next()?);
        match controllers {
            "" => above(root, path, &SECOND),
            some if some.split(',').any(|name| name == "memory") => {
                above(&root.join("memory"), path, &FIRST)
            }
            _ => None,
        }
    });
    least.min()
}

/// The least from a group up to the root. Inside a container the path may be the one that its host
/// sees; then the root, which is the container's own group, is what is there.
fn above(root: &Path, path: &str, version: &Version) -> Option<u64> {
    let mut folder: PathBuf = root.join(path.trim_start_matches('/'));
    let mut least = None;
    while folder.starts_with(root) {
        least = least.into_iter().chain(left(&folder, version)).min();
        if !folder.pop() {
            break;
        }
    }
    least
}

/// What one group leaves. Files that are cached in memory count as used, and give way.
fn left(folder: &Path, version: &Version) -> Option<u64> {
    let number = |name| read_to_string(folder.join(name)).ok()?.trim().parse::<u64>().ok();
    // "max" is no number, and no limit.
    let (limit, usage) = (number(version.limit)?, number(version.usage)?);
    let stat = read_to_string(folder.join("memory.stat")).unwrap_or_default();
    let cached = version.cache.iter().filter_map(|name| {
        let line = stat.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().parse::<u64>().ok()
    });
    let held = usage.saturating_sub(cached.fold(0, u64::saturating_add));
    Some(limit.saturating_sub(held))
}

#[cfg(test)]
mod tests {
    use std::fs::{create_dir_all, write};

    use super::*;

    const MB: u64 = 1 << 20;

    fn set(folder: &Path, files: &[(&str, String)]) {
        create_dir_all(folder).unwrap();
        files.iter().for_each(|(name, text)| write(folder.join(name), text).unwrap());
    }

    fn second(folder: &Path, max: &str, current: u64) {
        let number = |bytes: u64| format!("{bytes}\n");
        set(folder, &[("memory.max", format!("{max}\n")), ("memory.current", number(current))]);
    }

    #[test]
    fn the_least_of_a_group_and_those_above_it_counts() {
        let root = tempfile::tempdir().unwrap();
        let (root, own) = (root.path(), "0::/pod/app\n");
        assert_eq!(group(root, own), None);
        second(&root.join("pod/app"), "max", 900 * MB);
        assert_eq!(group(root, own), None);
        second(&root.join("pod"), &(2000 * MB).to_string(), 1500 * MB);
        assert_eq!(group(root, own), Some(500 * MB));
        second(&root.join("pod/app"), &(1000 * MB).to_string(), 900 * MB);
        assert_eq!(group(root, own), Some(100 * MB));
        // What is cached of files gives way.
        let stat = format!("anon 1\nactive_file {}\ninactive_file {}\n", 200 * MB, 100 * MB);
        set(&root.join("pod/app"), &[("memory.stat", stat)]);
        assert_eq!(group(root, own), Some(400 * MB));
        second(&root.join("pod/app"), &(1000 * MB).to_string(), 2000 * MB);
        assert_eq!(group(root, own), Some(0));
    }

    #[test]
    fn a_containers_own_group_is_the_root_and_the_first_version_is_read_too() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        second(root, &(800 * MB).to_string(), 300 * MB);
        for own in ["0::/\n", "0::/docker/4f1c\n", "0::/../outside\n"] {
            assert_eq!(group(root, own), Some(500 * MB), "{own}");
        }
        let own = "5:cpu,cpuacct:/docker/4f1c\n4:memory:/docker/4f1c\n";
        assert_eq!(group(root, own), None);
        let number = |bytes: u64| format!("{bytes}\n");
        let files = [
            ("memory.limit_in_bytes", number(600 * MB)),
            ("memory.usage_in_bytes", number(500 * MB)),
            ("memory.stat", format!("total_inactive_file {}\n", 300 * MB)),
        ];
        set(&root.join("memory"), &files);
        assert_eq!(group(root, own), Some(400 * MB));
        assert_eq!(group(root, ""), None);
    }

    #[test]
    fn numbers_are_found_and_what_is_none_is_no_limit() {
        assert_eq!(meminfo("MemTotal: 9 kB\nMemAvailable:   2048 kB\n"), Some(2 * MB));
        assert_eq!(meminfo("MemTotal: 9 kB\n"), None);
        let status = "Name:\tx\nVmSize:\t  1024 kB\n";
        let limited = "Max address space         5242880              5242880              bytes\n";
        assert_eq!(growth(limited, status), Some(4 * MB));
        assert_eq!(growth(&limited.replace("5242880", "unlimited"), status), None);
        #[cfg(target_os = "linux")]
        assert!(available().is_some_and(|bytes| bytes > MB));
    }
}
