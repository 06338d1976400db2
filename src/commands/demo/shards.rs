//! Unequal shares of bundled data for the owners of a demonstration.

use std::path::Path;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha20Rng;
use zktrain_project::files::{self, Access};

use crate::error::Error;

/// Splits a CSV text with a header into files, in the proportions given, after shuffling its rows
/// in a way that is always the same.
///
/// # Errors
/// If the operating system refuses a file, or something else is there.
pub fn write(text: &str, parts: &[(&Path, usize)]) -> Result<Vec<usize>, Error> {
    let mut lines = text.lines();
    let header = lines.next().unwrap_or_default();
    let mut rows: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
    rows.shuffle(&mut ChaCha20Rng::seed_from_u64(1));
    let total: usize = parts.iter().map(|(_, share)| share).sum();
    let (mut begun, mut sizes) = (0, Vec::new());
    for (path, share) in parts {
        let [from, to] = [begun, begun + share].map(|at| rows.len() * at / total.max(1));
        let part = rows.get(from..to).unwrap_or_default();
        let mut out = format!("{header}\n");
        part.iter().for_each(|row| out.extend([*row, "\n"]));
        files::write_new(path, out.as_bytes(), Access::Public, false)?;
        sizes.push(part.len());
        begun += share;
    }
    Ok(sizes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ProjectError;

    #[test]
    fn every_row_is_in_one_part() {
        let folder = tempfile::tempdir().unwrap();
        let [a, b] = ["a", "b"].map(|name| folder.path().join(name));
        let rows: Vec<String> = (0..10).map(|n| n.to_string()).collect();
        let text = format!("x\n{}\n", rows.join("\n"));
        assert_eq!(write(&text, &[(&a, 7), (&b, 3)]).unwrap(), [7, 3]);
        // A demonstration may be where somebody has data of that name.
        assert!(matches!(
            write(&text, &[(&a, 3), (&b, 7)]),
            Err(Error::Project(ProjectError::Exists { .. }))
        ));
        let read = |path| std::fs::read_to_string(path).unwrap();
        let (a, b) = (read(&a), read(&b));
        assert!(a.starts_with("x\n") && b.starts_with("x\n"));
        let mut all: Vec<&str> = a.lines().skip(1).chain(b.lines().skip(1)).collect();
        all.sort_by_key(|n| n.parse::<u8>().unwrap());
        assert_eq!(all, rows);
    }
}
