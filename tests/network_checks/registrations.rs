//! Members whose data are not registered as they say.

use std::sync::OnceLock;

use zktrain::circuits::{Circuits, Shape};
use zktrain::lineage::LineageWriter;
use zktrain::operator::admission::{Registered, RegistrationError, check};
use zktrain::project::Project;
use zktrain::proofs::Registration;
use zktrain::session::Session;
use zktrain::ui::Ui;
use zktrain_circuits::compressed::{CompressedProof, System};
use zktrain_circuits::statement::DatasetStatement;
use zktrain_prover::training::{Chunk, chunk_sizes, register_chunk};

use crate::common::srs;
use crate::world::{WINDOWS, World, manifest, world};

pub type Chunks = Vec<(DatasetStatement, CompressedProof)>;

pub const UI: Ui = Ui { json: true };

/// The project with nothing but what is public.
pub fn project(world: &World) -> Project {
    Project::new(world.folder.path())
}

/// What everybody can check a registration with.
pub fn session(world: &World) -> Session {
    let writer = LineageWriter::new(world.folder.path()).unwrap();
    writer.manifest(&manifest()).unwrap();
    writer.srs(srs()).unwrap();
    let [manifest, srs] = ["manifest.toml", "srs.bin"].map(|name| world.folder.path().join(name));
    Session::open(&manifest, &srs, &UI).unwrap()
}

pub struct Made {
    pub session: std::sync::Arc<Session>,
    /// The first two owners' registrations.
    pub chunks: [Chunks; 2],
}

impl Made {
    pub fn bytes(&self, owner: usize) -> Vec<u8> {
        Registration::Compressed(self.chunks[owner].clone()).to_bytes()
    }
}

pub fn made() -> &'static Made {
    static MADE: OnceLock<Made> = OnceLock::new();
    MADE.get_or_init(|| {
        let world = world();
        let session = session(world);
        assert_eq!(session.key.spec, world.cohort.key().spec);
        let project = project(world);
        let circuits = Circuits::new(&session, &project, &UI);
        let chunks = [0, 1].map(|owner| register(world, &circuits, owner, |_| {}));
        drop(circuits);
        Made { session: session.into(), chunks }
    })
}

/// Registers an owner's data, each chunk after a change.
fn register(
    world: &World,
    circuits: &Circuits<'_>,
    owner: usize,
    change: impl Fn(&mut Chunk<'_>),
) -> Chunks {
    let run = &world.cohort.members[owner];
    let network = &run.key.network;
    let [inputs, labels] = [&run.data.inputs, &run.data.labels]
        .map(|list| list.iter().map(|v| i32::from(*v)).collect::<Vec<i32>>());
    let (mut first, mut chunks) = (0, Vec::new());
    for windows in chunk_sizes(network, WINDOWS) {
        let samples = first * network.window()..(first + windows) * network.window();
        let mut chunk = Chunk {
            owner: run.binding.prover,
            total: WINDOWS as u64,
            first: first as u64,
            windows,
            inputs: &inputs[samples.start * network.input..samples.end * network.input],
            labels: &labels[samples.start * network.output()..samples.end * network.output()],
        };
        change(&mut chunk);
        let made = register_chunk(&run.key, &srs().g1, &run.secret, &chunk).unwrap();
        let shape = Shape::Dataset(made.statement.rows.len());
        let compressor = circuits.compressor(System::Halo2, shape).unwrap();
        let proof = compressor.compress(made.h, &made.claim, made.proof).unwrap();
        chunks.push((made.statement, proof));
        first += windows;
    }
    chunks
}

fn checked(by: usize, bytes: &[u8]) -> Result<Registered, RegistrationError> {
    let (world, made) = (world(), made());
    check(&made.session, &project(world), world.owner(by).address(), bytes)
}

#[test]
fn a_registration_is_of_the_data_that_it_is_about() {
    let (world, made) = (world(), made());
    for owner in [0, 1] {
        let member = &world.plan.members[owner];
        let registered = checked(owner, &made.bytes(owner)).unwrap();
        assert_eq!((registered.dataset, registered.windows), (member.dataset, member.windows));
    }
}

#[test]
fn someone_elses_registration_is_refused() {
    let (world, made) = (world(), made());
    let owner = world.owner(1).address().into_array();
    let refused = checked(0, &made.bytes(1)).unwrap_err();
    assert!(matches!(refused, RegistrationError::Owner { owner: o } if o == owner), "{refused}");
    // Renamed: the proof is bound to its owner.
    let mut stolen = made.chunks[1].clone();
    for (statement, _) in &mut stolen {
        statement.owner = world.owner(0).address().into_array();
    }
    let stolen = Registration::Compressed(stolen).to_bytes();
    let refused = checked(0, &stolen).unwrap_err();
    assert!(matches!(refused, RegistrationError::Proof(_)), "{refused}");
}

#[test]
fn what_reveals_the_data_is_refused() {
    let world = world();
    let plain = world.cohort.members[0].chunks.clone();
    let owner = plain[0].0.owner;
    assert_ne!(owner, world.owner(0).address().into_array(), "and that is looked at later");
    let refused = checked(0, &Registration::Plain(plain).to_bytes()).unwrap_err();
    assert!(matches!(refused, RegistrationError::Plain), "{refused}");
}

#[test]
fn registrations_that_do_not_hold_are_refused() {
    let made = made();
    let changes: [fn(&mut DatasetStatement, &mut CompressedProof); 6] = [
        |statement, _| statement.spec[0] ^= 1,
        |statement, _| statement.windows += 1,
        |statement, _| statement.first += 1,
        |statement, _| statement.rows[0].swap(0, 1),
        |_, proof| proof.rows.swap(0, 1),
        |_, proof| proof.opening.linearisation = proof.opening.batch,
    ];
    for (index, change) in changes.into_iter().enumerate() {
        let mut chunks = made.chunks[0].clone();
        let (statement, proof) = &mut chunks[0];
        change(statement, proof);
        let bytes = Registration::Compressed(chunks).to_bytes();
        let refused = checked(0, &bytes).unwrap_err();
        let named = matches!(refused, RegistrationError::Proof(_) | RegistrationError::Decode(_));
        assert!(named, "{index}: {refused}");
    }
    let honest = made.bytes(0);
    let mut foreign = honest.clone();
    foreign[0] ^= 1;
    for bytes in [&b""[..], b"registration", &honest[1..], &honest[..honest.len() - 1], &foreign] {
        let refused = checked(0, bytes).unwrap_err();
        assert!(matches!(refused, RegistrationError::Decode(_)), "{refused}");
    }
    let empty = checked(0, &Registration::Compressed(Vec::new()).to_bytes());
    assert!(empty.is_err());
}
