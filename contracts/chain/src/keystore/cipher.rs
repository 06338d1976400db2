//! From a password to a key: derivation, authentication, decryption.

use aes::cipher::{KeyIvInit, StreamCipher};
use alloy::primitives::keccak256;
use hmac::Hmac;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::form::{DERIVED, Derivation, Form, FormError};

type Aes128Ctr = ctr::Ctr128BE<aes::Aes128>;

/// The private key; none if the authentication code is another one, so if the password is wrong or
/// the file damaged.
///
/// # Errors
/// If the parameters are not scrypt's.
pub(super) fn decrypt(
    form: &Form,
    password: &[u8],
) -> Result<Option<Zeroizing<[u8; 32]>>, FormError> {
    let derived = derive(form, password)?;
    let (encryption, authentication) = derived.split_at(DERIVED / 2);
    let expected = keccak256([authentication, &form.ciphertext].concat());
    if expected.0 != form.mac {
        return Ok(None);
    }
    let mut key = Zeroizing::new(form.ciphertext);
    // Both have their length; if not, the file is of no form that is read.
    let cipher = Aes128Ctr::new_from_slices(encryption, &form.iv);
    cipher.map_err(|_| FormError::Curve)?.apply_keystream(key.as_mut_slice());
    Ok(Some(key))
}

fn derive(form: &Form, password: &[u8]) -> Result<Zeroizing<[u8; DERIVED]>, FormError> {
    let mut derived = Zeroizing::new([0; DERIVED]);
    let out = derived.as_mut_slice();
    match form.derivation {
        Derivation::Scrypt { log_n, r, p } => {
            let refused = || FormError::Scrypt { n: 1 << log_n, r: r.into(), p: p.into() };
            let parameters = scrypt::Params::new(log_n, r, p).map_err(|_| refused())?;
            scrypt::scrypt(password, &form.salt, &parameters, out).map_err(|_| refused())?;
        }
        Derivation::Pbkdf2 { rounds } => {
            pbkdf2::pbkdf2::<Hmac<Sha256>>(password, &form.salt, rounds, out);
        }
    }
    Ok(derived)
}
