//! Files of every kind, altered, into their readers: an error or a value, never a panic.

use std::io::Write;
use std::path::Path;
use std::sync::LazyLock;

use alloy::primitives::B256;
use ark_bn254::Fr;
use ark_ff::Field as _;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;
use serde_json::{Value, json};
use sha3::{Digest, Keccak256};
use tempfile::TempDir;
use zktrain_argument::arith::{Arithmetic, Check};
use zktrain_argument::opening::OpeningProof;
use zktrain_audit::lineage::{Lineage, decode_sum, encode_sum};
use zktrain_backends::halo2::key::Halo2Key;
use zktrain_backends::r1cs::R1csBuilder;
use zktrain_ceremony::groth16::{ProvingKey, insecure_key};
use zktrain_ceremony::phase_two::Ceremony;
use zktrain_chain::keystore;
use zktrain_commit::srs::{Srs, SrsFile};
use zktrain_ledger::files::{BatchFile, SubmissionFile};
use zktrain_model::manifest::Manifest;
use zktrain_model::size::{Limits, Size};
use zktrain_project::project::{Local, Round, Trained, read_json, read_toml};
use zktrain_secagg::plan::{Plan, PlanMember, Timing, VERSION};
use zktrain_statement::compressed::CompressedProof;
use zktrain_statement::proof::SheetProof;
use zktrain_statement::statements::{DatasetStatement, TrainingStatement};
use zktrain_statement::sum::Sum;
use zktrain_statement::wire::{decode_dataset, decode_training, encode_dataset, encode_training};
use zktrain_trainer::dataset::{read_csv, read_idx, read_npy};
use zktrain_trainer::export::{from_int_safetensors, to_int_safetensors};
use zktrain_verify::contract_key::ContractKey;
use zktrain_verify::groth16::Groth16Key;

use super::bytes::alter;
use super::harness::{pick, run};
use super::records;
use crate::common::made::made;

/// A kind of file.
pub struct Kind {
    pub name: &'static str,
    /// Files that are read without an error.
    pub valid: Vec<Vec<u8>>,
    /// Whether these bytes are read.
    pub read: fn(&Path, &[u8]) -> bool,
    /// Bytes at the end that are a digest of the rest, and which.
    pub seal: Option<Seal>,
}

/// Checksums, which would keep every change away from what is behind them.
#[derive(Clone, Copy)]
pub enum Seal {
    /// BLAKE3 of everything before, at the end.
    Blake3,
    /// Keccak-256 of a reference string's header, behind the header.
    Header,
    /// The body's length in front of it, and Keccak-256 of everything before, at the end.
    Secret,
}

/// Bytes of a secret file before its body's length.
const SECRET: usize = b"SECRET zktrain v1\n".len();
/// Bytes of a reference string's header.
const HEADER: usize = 15 + 1 + 32 + 4 + 8 + 1 + 3 * 128;

impl Seal {
    fn renew(self, bytes: &mut [u8]) {
        match self {
            Self::Blake3 => {
                if let Some(at) = bytes.len().checked_sub(32) {
                    let digest = *blake3::hash(&bytes[..at]).as_bytes();
                    bytes[at..].copy_from_slice(&digest);
                }
            }
            Self::Header => {
                if bytes.len() >= HEADER + 32 {
                    let digest = Keccak256::digest(&bytes[..HEADER]);
                    bytes[HEADER..HEADER + 32].copy_from_slice(&digest);
                }
            }
            Self::Secret => {
                if let Some(length) = bytes.len().checked_sub(SECRET + 8 + 32) {
                    let (body, at) = (SECRET + 8, bytes.len() - 32);
                    bytes[SECRET..body].copy_from_slice(&(length as u64).to_be_bytes());
                    let digest = Keccak256::digest(&bytes[..at]);
                    bytes[at..].copy_from_slice(&digest);
                }
            }
        }
    }
}

/// Writes bytes to a file for a reader of paths.
pub fn file<'p>(path: &'p Path, bytes: &[u8]) -> &'p Path {
    std::fs::write(path, bytes).unwrap();
    path
}

fn text(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(3)
}

/// Reads a manifest as far as it is read before anything is computed from it.
fn read_manifest(_: &Path, bytes: &[u8]) -> bool {
    let Ok(manifest) = Manifest::from_toml(&text(bytes)) else { return false };
    assert_eq!(Manifest::from_toml(&manifest.to_toml().unwrap()).unwrap().hash(), manifest.hash());
    if let Ok(network) = manifest.network() {
        let size = Size::training(&network).unwrap();
        assert!(size.rows > 0 && size.address_bits < 64);
        let _ = Limits::default().admit(network);
    }
    true
}

fn statements() -> [Kind; 5] {
    let (run, proofs) = made();
    let kind = |name, valid, read| Kind { name, valid, read, seal: None };
    let (statement, proof) = &proofs[1];
    let registration = encode_dataset(&run.chunks);
    let dataset = run.chunks[0].0.to_bytes();
    let training = encode_training(statement, proof);
    [
        kind("manifest", manifests(), read_manifest),
        kind("training proof", vec![training], |_, bytes| {
            let _ = decode_training::<CompressedProof>(&made().0.key, bytes);
            let Ok((statement, proof)) = decode_training::<SheetProof>(&made().0.key, bytes) else {
                return false;
            };
            assert_eq!(encode_training(&statement, &proof), bytes);
            let verdict = zktrain_verify::training::verify(&made().0.key, &(), &statement, &proof);
            assert!(verdict.is_err() || (statement, proof) == made().1[1]);
            true
        }),
        kind("registration", vec![registration], |_, bytes| {
            let _ = decode_dataset::<CompressedProof>(&made().0.key, bytes);
            let Ok(chunks) = decode_dataset::<SheetProof>(&made().0.key, bytes) else {
                return false;
            };
            assert_eq!(encode_dataset(&chunks), bytes);
            let key = &made().0.key;
            let verdict = zktrain_verify::dataset::verify(key, |_| Some(()), &chunks);
            assert!(verdict.is_err() || chunks == made().0.chunks);
            true
        }),
        kind("statement", vec![statement.to_bytes(), dataset], |_, bytes| {
            let training = TrainingStatement::from_bytes(bytes);
            let dataset = DatasetStatement::from_bytes(bytes);
            assert!(training.as_ref().is_ok_and(|s| s.to_bytes() == bytes) || training.is_err());
            assert!(dataset.as_ref().is_ok_and(|s| s.to_bytes() == bytes) || dataset.is_err());
            training.is_ok() || dataset.is_ok()
        }),
        kind("opening", vec![proof.opening.to_bytes()], |_, bytes| {
            OpeningProof::from_bytes(bytes).is_ok_and(|opening| opening.to_bytes() == bytes)
        }),
    ]
}

fn manifests() -> Vec<Vec<u8>> {
    let example = include_str!("../../circuits/model/tests/manifest.toml");
    vec![made().0.manifest.to_toml().unwrap().into_bytes(), example.as_bytes().to_vec()]
}

/// Reference strings and circuit keys.
fn keys() -> [Kind; 7] {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("srs");
    Srs::generate(3, &mut rng()).save(&path).unwrap();
    let srs = std::fs::read(&path).unwrap();
    let ptau = include_bytes!("../../prover/commit/tests/fixtures/pot6.ptau").to_vec();
    let [proving, ceremony] = groth16();
    let halo2 = fixture_key();
    let verifying = ProvingKey::from_bytes(&proving).unwrap().key.to_bytes();
    let contract = include_bytes!("../fixtures/compressed_halo2_v1.key").to_vec();
    let kind = |name, valid, read, seal| Kind { name, valid: vec![valid], read, seal };
    [
        kind("reference string", srs, read_srs, Some(Seal::Header)),
        kind("powers of tau", ptau, |_, bytes| Srs::import_ptau_prefix(bytes, 3).is_ok(), None),
        kind("halo2 key", halo2, |_, bytes| Halo2Key::from_bytes(bytes).is_ok(), None),
        kind("groth16 key", verifying, |_, bytes| Groth16Key::from_bytes(bytes).is_ok(), None),
        kind("contract's key", contract, read_contract_key, None),
        kind(
            "proving key",
            proving,
            |_, bytes| ProvingKey::from_bytes(bytes).is_ok(),
            Some(Seal::Blake3),
        ),
        kind(
            "ceremony",
            ceremony,
            |_, bytes| Ceremony::from_bytes(bytes).is_ok(),
            Some(Seal::Blake3),
        ),
    ]
}

fn read_contract_key(_: &Path, bytes: &[u8]) -> bool {
    let manifest = include_str!("../fixtures/compressed_v1.toml");
    let key = ContractKey::read(manifest, Limits::default(), bytes);
    key.is_ok_and(|key| key.name()[..] == Keccak256::digest(bytes)[..])
}

fn read_srs(path: &Path, bytes: &[u8]) -> bool {
    let path = file(path, bytes);
    let file = SrsFile::open(path);
    let read = |file: SrsFile| file.prefix(8).is_ok() && file.whole().is_ok();
    file.is_ok_and(read)
}

/// A proving key and a ceremony of a circuit with one product.
fn groth16() -> [Vec<u8>; 2] {
    let [x, w] = [3u64, 5].map(Fr::from);
    let (mut builder, [x, y, z]) = R1csBuilder::new([x, x * w, (x * w).square()]);
    let w = builder.witness(w);
    let product = builder.mul(&x, &w);
    let _ = builder.assert_equal(Check::Fold, &product, &y);
    let square = builder.mul(&y, &y);
    let _ = builder.assert_equal(Check::Fold, &square, &z);
    let system = builder.finish().system;
    let proving = insecure_key(&system, &mut rng()).to_bytes();
    let srs = Srs::generate(system.domain_log() + 1, &mut rng()).check().unwrap();
    let mut ceremony = Ceremony::new(&system, &srs).unwrap();
    ceremony.contribute("first", b"").unwrap();
    ceremony.beacon("block 7", [9; 32], 10).unwrap();
    [proving, ceremony.to_bytes()]
}

fn fixture_key() -> Vec<u8> {
    let text = include_str!("../../contracts/test/fixtures/plain_halo2.json");
    let fixture: Value = serde_json::from_str(text).unwrap();
    let key = hex::decode(&fixture["key"].as_str().unwrap()[2..]).unwrap();
    key[key.len() - Halo2Key::LENGTH..].to_vec()
}

/// Tables, models and sums.
fn data() -> [Kind; 5] {
    let run = &made().0;
    let model = to_int_safetensors(&run.key.network, &run.initial).unwrap();
    let sum = Sum { values: vec![5, -7, i64::MIN], blinds: vec![Fr::from(3u64); 2] };
    let kind = |name, valid, read| Kind { name, valid, read, seal: None };
    let header = "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }\n";
    let mut npy = b"\x93NUMPY\x01\x00".to_vec();
    npy.extend((header.len() as u16).to_le_bytes());
    npy.extend(header.bytes());
    npy.extend((0..6).flat_map(|x| (x as f32).to_le_bytes()));
    let mut idx = vec![0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6];
    let plain = idx.clone();
    let mut zipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    zipped.write_all(&idx).unwrap();
    idx = zipped.finish().unwrap();
    let csv = b"age,label,\"in, come\"\n1.5,yes,2\n-3e4,no,0.25\n".to_vec();
    [
        kind("csv", vec![csv], |path, bytes| read_csv(file(path, bytes), "label").is_ok()),
        kind("npy", vec![npy], |path, bytes| {
            read_npy(file(path, bytes), &labels(path, &[2])).is_ok()
        }),
        kind("idx", vec![plain, idx], |path, bytes| {
            read_idx(file(path, bytes), &labels(path, &[])).is_ok()
        }),
        kind("model", vec![model], |_, bytes| {
            from_int_safetensors(&made().0.key.network, bytes).is_ok()
        }),
        kind("sum", vec![encode_sum(&sum).unwrap()], |_, bytes| decode_sum(bytes).is_ok()),
    ]
}

/// Two labels beside a file: of NPY with a shape, of IDX without.
fn labels(path: &Path, shape: &[usize]) -> std::path::PathBuf {
    let path = path.with_extension("labels");
    let bytes = if shape.is_empty() {
        vec![0, 0, 8, 1, 0, 0, 0, 2, 0, 1]
    } else {
        let header = "{'descr': '|u1', 'fortran_order': False, 'shape': (2,), }\n";
        let length = (header.len() as u16).to_le_bytes();
        [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), &[0, 1]].concat()
    };
    file(&path, &bytes).to_owned()
}

/// Settings, and what is in a lineage.
fn texts() -> [Kind; 8] {
    let kind = |name, valid: String, read| Kind {
        name,
        valid: vec![valid.into_bytes()],
        read,
        seal: None,
    };
    let toml = "chain_id = 1\nround = 2\nprover = \"0x0000000000000000000000000000000000000007\"\n";
    let local = "data = \"mine.csv\"\nheld_out = 0.2\nsrs = \"srs.bin\"\n";
    let word = format!("0x{}", "07".repeat(32));
    let account = format!("0x{}", "07".repeat(20));
    let signature = format!("0x{}", "07".repeat(65));
    let submission = json!({
        "signed": {
            "submission": {
                "round": 1, "member": account, "statement": word, "proof": word, "update": word,
                "length": 2,
            },
            "signature": signature,
        },
        "statement": "0x0102",
        "proof": "0x",
    });
    let batch = json!({
        "signed": {
            "batch": { "round": 1, "root": word, "aggregate": word, "model": word },
            "signature": signature,
        },
        "aggregate": "0x0102",
        "updates": [],
    });
    [
        kind("round.toml", toml.to_owned(), |path, bytes| {
            let round = read_toml::<Round>(file(path, bytes));
            round.is_ok_and(|round| round.binding().is_ok() && round.nonce().is_ok())
        }),
        kind("local.toml", local.to_owned(), |path, bytes| {
            read_toml::<Local>(file(path, bytes)).is_ok()
        }),
        kind("training.json", json!({ "windows": 4, "steps": 4 }).to_string(), |path, bytes| {
            read_json::<Trained>(file(path, bytes), "").is_ok()
        }),
        kind("plan.json", serde_json::to_string(&plan()).unwrap(), |_, bytes| {
            serde_json::from_slice::<Plan>(bytes).is_ok_and(|plan| {
                let _ = (plan.domain_separator(), plan.member([3; 20].into()));
                plan.digest() != B256::ZERO
            })
        }),
        kind("submission.json", submission.to_string(), |_, bytes| {
            serde_json::from_slice::<SubmissionFile>(bytes).is_ok()
        }),
        kind("batch.json", batch.to_string(), |_, bytes| {
            serde_json::from_slice::<BatchFile>(bytes).is_ok()
        }),
        kind("keystore", keystore_text(), |path, bytes| {
            let password = keystore::Password::new("x".to_owned()).unwrap();
            let opened = keystore::open(file(path, bytes), &password);
            let _ = keystore::address(path);
            opened.is_ok()
        }),
        Kind { name: "archive", valid: vec![archive()], read: read_archive, seal: None },
    ]
}

fn plan() -> Plan {
    let member = |n: u8| PlanMember {
        account: [n; 20].into(),
        dataset: B256::repeat_byte(n),
        windows: 4,
        weight: 1 << 15,
    };
    Plan {
        version: VERSION,
        chain_id: 1,
        rounds: [1; 20].into(),
        domain: 1,
        round: 2,
        coordinator: [2; 20].into(),
        spec: B256::ZERO,
        parent: B256::ZERO,
        nonce: B256::ZERO,
        system: 1,
        optimistic: true,
        threshold: 2,
        least: 2,
        members: vec![member(3), member(4)],
        timing: Timing { keys: 1, shares: 1, uploads: 9, confirm: 1, unmask: 1, defence: 1 },
    }
}

/// Of the web3 secret storage definition's scrypt example, with the least work; nobody's key.
fn keystore_text() -> String {
    let (iv, word) = ("07".repeat(16), "07".repeat(32));
    json!({
        "version": 3,
        "id": "3198bc9c-6672-5ab3-d995-4942343ae5b6",
        "address": "07".repeat(20),
        "crypto": {
            "cipher": "aes-128-ctr",
            "cipherparams": { "iv": iv },
            "ciphertext": word,
            "kdf": "scrypt",
            "kdfparams": { "dklen": 32, "n": 2, "r": 1, "p": 1, "salt": word },
            "mac": word,
        },
    })
    .to_string()
}

fn archive() -> Vec<u8> {
    let files = [("manifest.toml", &b"version = 1\n"[..]), ("rounds/1/plan.json", b"{}")];
    archive_of(&files.map(|(name, bytes)| (name.to_owned(), bytes.to_vec())))
}

/// These files, by their names.
pub fn archive_of(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let zip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut tar = tar::Builder::new(zip);
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, bytes.as_slice()).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

fn read_archive(path: &Path, bytes: &[u8]) -> bool {
    let Ok(lineage) = Lineage::open(file(path, bytes)) else { return false };
    lineage.names().iter().all(|name| lineage.read(name).is_ok())
}

static KINDS: LazyLock<Vec<Kind>> = LazyLock::new(|| {
    let (statements, keys, data, texts) = (statements(), keys(), data(), texts());
    let all = statements.into_iter().chain(keys).chain(data).chain(texts);
    all.chain(records::secrets()).chain([records::chain()]).collect()
});

/// Kinds whose valid file is refused for what it says, not for how it is written.
const REFUSED: [&str; 1] = ["keystore"];

#[test]
fn every_kind_of_file_is_read_as_it_is_written() {
    let folder = TempDir::new().unwrap();
    for kind in KINDS.iter() {
        for valid in &kind.valid {
            let read = (kind.read)(&folder.path().join("file"), valid);
            assert_eq!(read, !REFUSED.contains(&kind.name), "{}", kind.name);
            let mut sealed = valid.clone();
            kind.seal.inspect(|seal| seal.renew(&mut sealed));
            assert!(sealed == *valid, "{}: another checksum", kind.name);
        }
    }
}

#[test]
fn altered_files_are_refused_or_read() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("file");
    run("altered_files_are_refused_or_read", 1500, |rng| {
        let kind = pick(rng, &KINDS);
        let mut bytes = pick(rng, &kind.valid).clone();
        alter(rng, &mut bytes);
        if let Some(seal) = kind.seal.filter(|_| rng.gen_bool(0.9)) {
            seal.renew(&mut bytes);
        }
        (kind.read)(&path, &bytes);
    });
}

/// Archives in which a file's content or header was altered before they were packed.
#[test]
fn altered_archives_are_refused_or_read() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("file");
    let mut tar = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&archive()[..]), &mut tar)
        .unwrap();
    run("altered_archives_are_refused_or_read", 60, |rng| {
        let mut bytes = tar.clone();
        alter(rng, &mut bytes);
        let mut zip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        zip.write_all(&bytes).unwrap();
        read_archive(&path, &zip.finish().unwrap());
    });
}
