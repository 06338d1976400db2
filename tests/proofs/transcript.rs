//! What the verifier absorbs and draws, site by site.

use crate::common;

use std::path::Path;

use ark_bn254::Fr;
use ark_ff::One;
use common::Run;
use common::cases::Case;
use zktrain_argument::arith::{Arithmetic, Check, Native};
use zktrain_argument::messages::{Argument, ArgumentShape};
use zktrain_argument::poseidon::{RATE, WIDTH};
use zktrain_argument::transcript::{Site, Transcript};
use zktrain_argument::verifier;

/// Accepts everything and remembers what every permutation gave.
#[derive(Default)]
struct Lenient {
    states: Vec<[Fr; WIDTH]>,
}

impl Arithmetic for Lenient {
    type Var = Fr;
    type Error = Check;

    fn constant(&mut self, c: Fr) -> Fr {
        c
    }
    fn add(&mut self, a: &Fr, b: &Fr) -> Fr {
        *a + b
    }
    fn sub(&mut self, a: &Fr, b: &Fr) -> Fr {
        *a - b
    }
    fn mul(&mut self, a: &Fr, b: &Fr) -> Fr {
        *a * b
    }
    fn scale(&mut self, a: &Fr, c: Fr) -> Fr {
        *a * c
    }
    fn shift(&mut self, a: &Fr, c: Fr) -> Fr {
        *a + c
    }
    fn permute(&mut self, state: &mut [Fr; WIDTH]) {
        Native.permute(state);
        self.states.push(*state);
    }
    fn assert_equal(&mut self, _: Check, _: &Fr, _: &Fr) -> Result<(), Check> {
        Ok(())
    }
}

/// The states after every permutation, and the sites.
fn run_verifier(run: &Run, h: Fr, argument: &Argument<Fr>) -> (Vec<[Fr; WIDTH]>, Vec<Site>) {
    let mut arith = Lenient::default();
    let mut transcript = Transcript::new(&mut arith);
    verifier::verify(&mut arith, &mut transcript, &run.key.relation, &h, argument).unwrap();
    let sites = transcript.sites().to_vec();
    (arith.states, sites)
}

fn proven() -> (Run, Argument<Fr>) {
    let case = Case { momentum: 0.9, clip: Some(1.0), row_log: 8, ..Case::plain(&[5, 6, 3]) };
    let run = Run::of(&case, 1).unwrap();
    let argument = run.prove(1).remove(0).1.argument;
    (run, argument)
}

/// Number of the first permutation that each absorbed element enters, and of
/// the one that the next challenge comes from: from the sites alone.
fn expected(sites: &[Site]) -> Vec<(usize, usize)> {
    let (mut absorbed, mut squeezed) = (0, None);
    let (mut permutations, mut elements, mut open) = (0, Vec::new(), 0);
    for site in sites {
        match site {
            Site::Absorb(_, count) => {
                for _ in 0..*count {
                    squeezed = None;
                    if absorbed == RATE {
                        (permutations, absorbed) = (permutations + 1, 0);
                    }
                    elements.push((permutations, usize::MAX));
                    absorbed += 1;
                }
            }
            Site::Challenge(_, count) => {
                for _ in 0..*count {
                    if squeezed.is_none_or(|position| position == RATE) {
                        (permutations, absorbed, squeezed) = (permutations + 1, 0, Some(0));
                    }
                    squeezed = squeezed.map(|position| position + 1);
                    elements[open..].iter_mut().for_each(|e| e.1 = permutations - 1);
                    open = elements.len();
                }
            }
        }
    }
    elements
}

/// Every element, the first of them `h`, changes the state before the next
/// challenge is drawn, and none before it is sent.
#[test]
fn every_element_is_absorbed_before_the_next_challenge() {
    let (run, argument) = proven();
    let shape = ArgumentShape::of(&run.key.relation);
    let mut elements = vec![Fr::from(77u64)];
    elements.extend(argument.to_elements());
    let (states, sites) = run_verifier(&run, elements[0], &argument);
    let expected = expected(&sites);
    assert_eq!(expected.len(), elements.len(), "an element is not absorbed, or twice");
    for (index, (enters, drawn)) in expected.into_iter().enumerate() {
        let mut altered = elements.clone();
        altered[index] += Fr::one();
        let argument = Argument::from_elements(&shape, altered[1..].iter().copied()).unwrap();
        let (other, _) = run_verifier(&run, altered[0], &argument);
        let first = states.iter().zip(&other).position(|(a, b)| a != b);
        assert_eq!(first, Some(enters), "element {index}");
        assert!(enters <= drawn && drawn < states.len(), "element {index}: no challenge follows");
    }
}

#[test]
fn the_sites_are_those_on_record() {
    let (run, argument) = proven();
    let (_, sites) = run_verifier(&run, Fr::one(), &argument);
    let line = |site: &Site| match site {
        Site::Absorb(label, count) => format!("absorb {count} {label}\n"),
        Site::Challenge(label, count) => format!("challenge {count} {label}\n"),
    };
    let got: String = sites.iter().map(line).collect();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/transcript_v1.txt");
    if std::env::var_os("ZKTRAIN_WRITE_FIXTURES").is_some() {
        std::fs::write(&path, &got).unwrap();
    }
    assert_eq!(got, std::fs::read_to_string(&path).unwrap());
}
