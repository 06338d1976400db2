//! The form of a keystore file: what is read of it, and what is said about one that is not.
//!
//! Wallets differ in what does not matter for the key: ethers 5 writes `Crypto` with a capital, some
//! leave the identifier out or number it in their own way. What matters is read strictly, before a
//! password is tried: a wrong one must be the only reason left for saying that it is wrong.

use alloy::primitives::Address;
use serde_json::{Map, Value};

/// What deriving a key may take at most, 1 GiB of memory: a file must not be able to ask for more.
const SCRYPT_BYTES: u64 = 1 << 30;
const SCRYPT_ROUNDS: u64 = 16;
const PBKDF2_ROUNDS: u64 = 10_000_000;
/// Bytes of a derived key: half of it encrypts, half of it authenticates.
pub(super) const DERIVED: usize = 32;
/// Of what a file says, as much as fits a line.
const SHOWN: usize = 40;

/// Why a file is not read as a keystore.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FormError {
    /// It is something else.
    #[error("it is no JSON object")]
    Json,
    /// A field is not there, or not of its type.
    #[error("{field} is missing, or not {expected}")]
    Field {
        field: &'static str,
        /// What should be there.
        expected: &'static str,
    },
    /// A field has a value that is not supported.
    #[error("{field} is {got}; {expected} is supported")]
    Unsupported {
        field: &'static str,
        /// What there is.
        got: String,
        /// What is read.
        expected: &'static str,
    },
    /// Keys of validators are of another curve.
    #[error("version 4 (EIP-2335) holds a validator's BLS key, which is no account's")]
    Validator,
    /// The parameters of scrypt.
    #[error(
        "scrypt with n = {n}, r = {r}, p = {p} is not supported: n has to be a power of two below \
         2^(16 r), n times r at most 2^23, and p from 1 to {SCRYPT_ROUNDS}"
    )]
    Scrypt {
        /// Cost.
        n: u64,
        /// Size of a block.
        r: u64,
        /// How often.
        p: u64,
    },
    /// The key is none of the curve.
    #[error("what it holds is no key of an account")]
    Curve,
}

/// How the password becomes a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Derivation {
    Scrypt { log_n: u8, r: u32, p: u32 },
    Pbkdf2 { rounds: u32 },
}

/// What decrypting takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Form {
    pub derivation: Derivation,
    pub salt: Vec<u8>,
    pub iv: [u8; 16],
    pub ciphertext: [u8; 32],
    pub mac: [u8; 32],
}

/// A JSON object; the file may begin with a byte-order mark.
pub(super) fn object(text: &str) -> Result<Map<String, Value>, FormError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    serde_json::from_str(text).map_err(|_| FormError::Json)
}

/// The address that a file says it is for: no wallet needs it to be there.
pub(super) fn address(file: &Map<String, Value>) -> Option<Address> {
    field(file, "address")?.as_str()?.parse().ok()
}

/// By its name, whatever its capitals.
fn field<'a>(of: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let other = || of.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, v)| v);
    of.get(name).or_else(other)
}

fn within<'a>(
    of: &'a Map<String, Value>,
    name: &str,
    path: &'static str,
) -> Result<&'a Map<String, Value>, FormError> {
    let found = field(of, name).and_then(Value::as_object);
    found.ok_or(FormError::Field { field: path, expected: "an object" })
}

fn number(of: &Map<String, Value>, name: &str, path: &'static str) -> Result<u64, FormError> {
    let read = |value: &Value| value.as_u64().or_else(|| value.as_str()?.parse().ok());
    let found = field(of, name).and_then(read);
    found.ok_or(FormError::Field { field: path, expected: "a whole number" })
}

fn word(of: &Map<String, Value>, name: &str, path: &'static str) -> Result<String, FormError> {
    let found = field(of, name).and_then(Value::as_str);
    found.map(str::to_lowercase).ok_or(FormError::Field { field: path, expected: "text" })
}

fn bytes(of: &Map<String, Value>, name: &str, path: &'static str) -> Result<Vec<u8>, FormError> {
    let found = field(of, name).and_then(Value::as_str);
    let digits = found.map(|text| text.strip_prefix("0x").unwrap_or(text));
    let expected = "an even number of hexadecimal digits";
    digits.and_then(|d| hex::decode(d).ok()).ok_or(FormError::Field { field: path, expected })
}

fn exactly<const N: usize>(
    of: &Map<String, Value>,
    name: &str,
    path: &'static str,
    expected: &'static str,
) -> Result<[u8; N], FormError> {
    let found = bytes(of, name, path)?.try_into();
    found.map_err(|_| FormError::Field { field: path, expected })
}

/// As a literal, so that it does nothing to a terminal, and cut.
fn shown(text: &str) -> String {
    format!("{:?}", text.chars().take(SHOWN).collect::<String>())
}

fn supported(
    got: String,
    field: &'static str,
    expected: &'static str,
) -> Result<String, FormError> {
    match got == expected {
        true => Ok(got),
        false => Err(FormError::Unsupported { field, got: shown(&got), expected }),
    }
}

impl Form {
    /// Reads everything that decrypting takes.
    ///
    /// # Errors
    /// Which field is missing, malformed or not supported.
    pub fn read(file: &Map<String, Value>) -> Result<Self, FormError> {
        match number(file, "version", "version")? {
            3 => {}
            4 => return Err(FormError::Validator),
            other => {
                supported(other.to_string(), "version", "3")?;
            }
        }
        let crypto = within(file, "crypto", "crypto")?;
        supported(word(crypto, "cipher", "crypto.cipher")?, "crypto.cipher", "aes-128-ctr")?;
        let cipher = within(crypto, "cipherparams", "crypto.cipherparams")?;
        let parameters = within(crypto, "kdfparams", "crypto.kdfparams")?;
        Ok(Self {
            derivation: derivation(&word(crypto, "kdf", "crypto.kdf")?, parameters)?,
            salt: bytes(parameters, "salt", "crypto.kdfparams.salt")?,
            iv: exactly(cipher, "iv", "crypto.cipherparams.iv", "16 bytes in hexadecimal")?,
            ciphertext: exactly(
                crypto,
                "ciphertext",
                "crypto.ciphertext",
                "32 bytes in hexadecimal",
            )?,
            mac: exactly(crypto, "mac", "crypto.mac", "32 bytes in hexadecimal")?,
        })
    }
}

fn derivation(kdf: &str, parameters: &Map<String, Value>) -> Result<Derivation, FormError> {
    let length = number(parameters, "dklen", "crypto.kdfparams.dklen")?;
    supported(length.to_string(), "crypto.kdfparams.dklen", "32")?;
    match kdf {
        "scrypt" => scrypt(parameters),
        "pbkdf2" => pbkdf2(parameters),
        other => Err(FormError::Unsupported {
            field: "crypto.kdf",
            got: shown(other),
            expected: "scrypt or pbkdf2",
        }),
    }
}

fn scrypt(parameters: &Map<String, Value>) -> Result<Derivation, FormError> {
    let n = number(parameters, "n", "crypto.kdfparams.n")?;
    let r = number(parameters, "r", "crypto.kdfparams.r")?;
    let p = number(parameters, "p", "crypto.kdfparams.p")?;
    let memory = n.checked_mul(r).and_then(|product| product.checked_mul(128));
    let fits = memory.is_some_and(|memory| memory <= SCRYPT_BYTES);
    // RFC 7914, section 2.
    let defined = n > 1 && n.is_power_of_two() && u64::from(n.ilog2()) < r.saturating_mul(16);
    match (u32::try_from(r), u32::try_from(p)) {
        (Ok(r), Ok(rounds)) if fits && defined && (1..=SCRYPT_ROUNDS).contains(&p) => {
            Ok(Derivation::Scrypt { log_n: n.ilog2() as u8, r, p: rounds })
        }
        _ => Err(FormError::Scrypt { n, r, p }),
    }
}

fn pbkdf2(parameters: &Map<String, Value>) -> Result<Derivation, FormError> {
    // Where it is not said, it is the only one that the format has.
    if field(parameters, "prf").is_some() {
        let prf = word(parameters, "prf", "crypto.kdfparams.prf")?;
        supported(prf, "crypto.kdfparams.prf", "hmac-sha256")?;
    }
    let c = number(parameters, "c", "crypto.kdfparams.c")?;
    match u32::try_from(c) {
        Ok(rounds) if (1..=PBKDF2_ROUNDS).contains(&c) => Ok(Derivation::Pbkdf2 { rounds }),
        _ => Err(FormError::Unsupported {
            field: "crypto.kdfparams.c",
            got: c.to_string(),
            expected: "from 1 to 10000000",
        }),
    }
}
