//! `docs/benchmarks.md`, from records alone.

mod page;
mod template;

use std::path::Path;

use crate::peer::{self, PeerRun};
use crate::record::{Purpose, Record, figures, load};
use crate::targets::{Notes, notes};
use crate::{Error, write};
use page::Page;

/// Everything that the document is written from.
#[derive(Debug, Default)]
pub struct Document {
    /// Records of the table command.
    pub table: Vec<Record>,
    /// Records of the scaling command; may be empty.
    pub scaling: Vec<Record>,
    /// Measurements of EZKL; may be empty.
    pub peers: Vec<PeerRun>,
    /// Sentences beside targets; may be empty.
    pub notes: Notes,
}

impl Document {
    /// The document of these records; the other files are read where given.
    ///
    /// # Errors
    /// If a file cannot be read or is not of its form.
    pub fn gather(
        table: Vec<Record>,
        scaling: Option<&Path>,
        peers: Option<&Path>,
        notes_file: Option<&Path>,
    ) -> Result<Self, Error> {
        Ok(Self {
            table,
            scaling: scaling.map_or(Ok(Vec::new()), load)?,
            peers: peers.map_or(Ok(Vec::new()), load)?,
            notes: notes_file.map_or(Ok(Notes::new()), notes)?,
        })
    }

    /// The text, in Markdown.
    ///
    /// # Errors
    /// If no case of the table has figures.
    pub fn render(&self) -> Result<String, Error> {
        let table = figures(&self.table, Purpose::Table);
        if table.is_empty() && figures(&self.table, Purpose::RowLength).is_empty() {
            return Err(Error::Nothing { expected: Purpose::Table });
        }
        let compared = peer::compare(&self.peers, &table);
        template::render(&Page::new(self, &table, &compared))
    }

    /// Writes the text.
    ///
    /// # Errors
    /// As [`Document::render`], and if the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        write(path, &self.render()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::Case;
    use crate::machine::Machine;
    use crate::targets::tests::figures as made_up;

    fn record(purpose: Purpose, steps: usize, prove_s: f64) -> Record {
        Record::Step { purpose, load: 0.0, figures: made_up("784-128-10", steps, prove_s) }
    }

    fn document() -> Document {
        let case = Case {
            purpose: Purpose::Table,
            shape: vec![784, 1024, 256, 10],
            batch: 64,
            steps: 16,
            runs: 1,
            row_log: None,
        };
        let table = vec![
            Record::Machine(Machine::here()),
            record(Purpose::Table, 1, 1.0),
            record(Purpose::Table, 16, 8.0),
            record(Purpose::RowLength, 1, 1.25),
            Record::Refused { case: case.clone(), needed_mb: 90_000, available_mb: 16_000 },
            Record::Failed { case, reason: "signal: 9".into() },
        ];
        let peers = r#"{"version":"1.2","shape":"784-128-10","batch":32,"task":"train",
            "graph":"float","rebase_multiplier":10,"prove_s_median":150.0,"prove_rss_mb":11600.0,
            "pk_bytes":6800000000,"proof_bytes":90000,"setup":{"s":200.0,"rss_mb":9000.0}}"#;
        Document {
            table,
            scaling: vec![record(Purpose::Scaling, 1, 1.0)],
            peers: vec![serde_json::from_str(peers).unwrap()],
            notes: Notes::from([("memory-small".into(), "A note.".into())]),
        }
    }

    #[test]
    fn every_section_is_written_from_its_records() {
        let text = document().render().unwrap();
        for expected in [
            "| prove one step, 784-128-10, B 32 | ≤ 1.5 s | 1.00 s | yes |",
            "| EZKL's proving time ÷ ours, uncompressed, 784-128-10, B 32 | ≥ 100 | 150 | yes |",
            "| halo2: compress, 784-128-10, B 32 | ≤ 3 s | 1.00 s | yes |",
            "| groth16: compress, 784-128-10, B 32 | ≤ 1.5 s | 2.00 s | **no** |",
            "## Compressed proofs",
            "| cost a step at T = 16 ÷ at T = 1, 784-128-10 | ≤ 0.6 | 0.50 | yes |",
            "| prove one step, 784-1024-256-10, B 64 | ≤ 8 s | not measured | – |",
            "A note.",
            "needs 90000 MB",
            "signal: 9",
            "## Row length",
            "](images/scaling.svg)",
            "| 150 | 1.00 | 150 | 11600 | 500 | 23.2 |",
        ] {
            assert!(text.contains(expected), "{expected}\n{text}");
        }
    }

    #[test]
    fn what_is_published_is_written_from_its_records() {
        let of = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        let table = load(&of("results/benchmarks.jsonl")).unwrap();
        let document = Document::gather(
            table,
            Some(&of("results/scaling.jsonl")),
            Some(&of("results/peer.jsonl")),
            Some(&of("notes.toml")),
        );
        let published = crate::read(&of("../docs/benchmarks.md")).unwrap();
        assert_eq!(document.unwrap().render().unwrap(), published);
    }

    #[test]
    fn sections_without_records_are_left_out() {
        let mut document = document();
        document.scaling.clear();
        document.peers.clear();
        let text = document.render().unwrap();
        assert!(!text.contains("## Scaling") && !text.contains("## EZKL"));
        document.table.truncate(1);
        assert!(matches!(document.render(), Err(Error::Nothing { .. })));
    }

    #[test]
    fn tables_have_as_many_cells_in_every_row() {
        let text = document().render().unwrap();
        let mut width = None;
        for line in text.lines() {
            let cells = line.starts_with('|').then(|| line.matches('|').count());
            assert!(width.is_none() || cells.is_none() || width == cells, "{line}");
            width = cells;
        }
    }
}
