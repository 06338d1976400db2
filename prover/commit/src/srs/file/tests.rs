use super::*;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use std::path::PathBuf;

/// A file of its own for each test, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("zktrain-srs-{}-{name}", std::process::id())))
    }

    fn with(name: &str, bytes: &[u8]) -> Self {
        let scratch = Self::new(name);
        std::fs::write(&scratch.0, bytes).unwrap();
        scratch
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(3)
}

fn prefix(path: &Path, n: usize) -> Result<Srs, SrsError> {
    SrsFile::open(path)?.prefix(n)
}

#[test]
fn round_trips() {
    let scratch = Scratch::new("round");
    let mut whole = Srs::generate(4, &mut rng());
    whole.provenance = Provenance::Imported { source_sha256: [7; 32] };
    let mut odd = Srs::generate_g1(4, &mut rng());
    odd.power = 3;
    odd.g1.truncate(13);
    let short = Srs::generate_g1(12, &mut rng());
    for srs in [whole, odd, short, Srs::generate_g1(0, &mut rng())] {
        srs.save(&scratch.0).unwrap();
        assert_eq!(Srs::load(&scratch.0).unwrap(), srs);
    }
}

/// One open file has one position, and many may read it.
#[test]
fn a_file_is_read_by_many_at_once() {
    let scratch = Scratch::new("many");
    let srs = Srs::generate_g1(12, &mut rng());
    srs.save(&scratch.0).unwrap();
    let file = SrsFile::open(&scratch.0).unwrap();
    std::thread::scope(|scope| {
        for n in [1, 1024, 2048, 4096] {
            let (file, srs) = (&file, &srs);
            scope.spawn(move || {
                for _ in 0..20 {
                    assert_eq!(file.prefix(n).unwrap().g1, srs.g1[..n]);
                }
            });
        }
    });
}

#[test]
fn prefixes_match_the_whole() {
    let scratch = Scratch::new("prefix");
    let srs = Srs::generate_g1(12, &mut rng());
    srs.save(&scratch.0).unwrap();
    for n in [1, 2, 1000, 1024, 1025, 2048, 4096, 4097] {
        let prefix = prefix(&scratch.0, n).unwrap();
        assert_eq!(prefix.g1, srs.g1[..n]);
        assert_eq!((prefix.g2, prefix.power), (srs.g2, n.ilog2()));
        assert!(prefix.claims_insecure());
    }
    let error = prefix(&scratch.0, 4098).unwrap_err();
    assert!(matches!(error, SrsError::TooSmall { expected: 4098, got: 4097 }));
}

#[test]
fn prefix_does_not_need_the_rest_of_the_file() {
    let scratch = Scratch::new("short");
    Srs::generate_g1(12, &mut rng()).save(&scratch.0).unwrap();
    let bytes = std::fs::read(&scratch.0).unwrap();
    let needed = HEADER_BYTES + 32 + 2048 * G1_BYTES + 2 * 32;
    std::fs::write(&scratch.0, &bytes[..needed]).unwrap();
    assert_eq!(prefix(&scratch.0, 2048).unwrap().g1.len(), 2048);
    assert!(matches!(Srs::load(&scratch.0), Err(SrsError::Truncated { section: Section::TauG1 })));
}

#[test]
fn every_kind_of_damage_is_found() {
    let scratch = Scratch::new("damage");
    Srs::generate(2, &mut rng()).save(&scratch.0).unwrap();
    let bytes = std::fs::read(&scratch.0).unwrap();
    for index in (0..bytes.len()).step_by(7) {
        let mut altered = bytes.clone();
        altered[index] ^= 0x10;
        let file = Scratch::with("altered", &altered);
        assert!(Srs::load(&file.0).is_err(), "byte {index}");
    }
    for len in (0..bytes.len()).step_by(101) {
        let file = Scratch::with("cut", &bytes[..len]);
        assert!(matches!(Srs::load(&file.0), Err(SrsError::Truncated { .. })), "{len} bytes");
    }
    let mut long = bytes.clone();
    long.push(0);
    let file = Scratch::with("long", &long);
    assert!(matches!(Srs::load(&file.0), Err(SrsError::TrailingBytes)));
}

#[test]
fn absent_files_are_named() {
    let error = Srs::load(Path::new("/nonexistent/srs")).unwrap_err();
    assert!(error.to_string().contains("/nonexistent/srs"));
}
