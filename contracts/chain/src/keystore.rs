//! Accounts' keys in encrypted files of Ethereum's format (Web3 Secret Storage, version 3).
//!
//! Other wallets read what is written here and the other way round. Keys and passwords are never
//! part of an error or of debug output.

mod cipher;
mod form;

use core::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use alloy::primitives::Address;
use alloy::signers::local::PrivateKeySigner;
use zeroize::Zeroizing;

use self::form::Form;
pub use self::form::FormError;

/// Bytes of a file at most: keystores have some hundred.
const FILE_BYTES: u64 = 64 << 10;

/// Why a keystore cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeystoreError {
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    /// There is a file already: keys are never written over.
    #[error("{} is there already", path.display())]
    Exists { path: PathBuf },
    /// The file is no text of a few lines.
    #[error("{}: expected text in UTF-8 of {FILE_BYTES} bytes at most, without zeros", path.display())]
    Text { path: PathBuf },
    /// The file is no keystore, or one of a form that is not read.
    #[error("{}: no keystore that can be read: {source}", path.display())]
    Format { path: PathBuf, source: FormError },
    /// The password is another one. The same authentication code tells of damage.
    #[error("{}: wrong password, or the file is damaged", path.display())]
    Password { path: PathBuf },
    /// The file's address is not its key's.
    #[error("{}: the key is that of {got}, not of {expected}", path.display())]
    Address {
        path: PathBuf,
        /// What the file says.
        expected: Address,
        /// What the key says.
        got: Address,
    },
    /// A password's variable is not set.
    #[error("the environment variable {name} is not set, or not in UTF-8")]
    Variable {
        /// The variable.
        name: String,
    },
    /// An empty password protects nothing.
    #[error("the password is empty")]
    Empty,
    /// The text is no private key.
    #[error("not a private key: expected 32 bytes in hexadecimal")]
    Key,
    /// Encryption fails.
    #[error("{}: the key cannot be encrypted", path.display())]
    Encrypt { path: PathBuf },
}

/// A password, wiped from memory after use.
pub struct Password(Zeroizing<String>);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

impl Password {
    /// A password that somebody typed, say.
    ///
    /// # Errors
    /// If it is empty.
    pub fn new(text: String) -> Result<Self, KeystoreError> {
        let text = Zeroizing::new(text);
        match text.is_empty() {
            true => Err(KeystoreError::Empty),
            false => Ok(Self(text)),
        }
    }

    /// The first line of a file, which may be a pipe. A byte-order mark, which editors put there
    /// unasked, is no part of it.
    ///
    /// # Errors
    /// If the file cannot be read, is no text, or its first line is empty.
    pub fn from_file(path: &Path) -> Result<Self, KeystoreError> {
        let text = read(path)?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        Self::new(text.lines().next().unwrap_or_default().to_owned())
    }

    /// The value of an environment variable.
    ///
    /// # Errors
    /// If it is not set, or empty.
    pub fn from_variable(name: &str) -> Result<Self, KeystoreError> {
        let value = std::env::var(name);
        Self::new(value.map_err(|_| KeystoreError::Variable { name: name.to_owned() })?)
    }
}

/// Makes a new key and writes it to a new file.
///
/// # Errors
/// If there is a file already, or it cannot be written.
pub fn create(path: &Path, password: &Password) -> Result<PrivateKeySigner, KeystoreError> {
    let signer = PrivateKeySigner::random_with(&mut rand::rngs::OsRng);
    write(path, &signer, password)?;
    Ok(signer)
}

/// Writes an existing key, in hexadecimal, to a new file.
///
/// # Errors
/// If it is no key, there is a file already, or it cannot be written.
pub fn import(
    path: &Path,
    key: &str,
    password: &Password,
) -> Result<PrivateKeySigner, KeystoreError> {
    let signer: PrivateKeySigner = key.trim().parse().map_err(|_| KeystoreError::Key)?;
    write(path, &signer, password)?;
    Ok(signer)
}

/// Reads the key of a file.
///
/// # Errors
/// If the file is no keystore or the password is wrong.
pub fn open(path: &Path, password: &Password) -> Result<PrivateKeySigner, KeystoreError> {
    let format = |source| KeystoreError::Format { path: path.to_owned(), source };
    let file = form::object(&read(path)?).map_err(format)?;
    let form = Form::read(&file).map_err(format)?;
    let key = cipher::decrypt(&form, password.0.as_bytes()).map_err(format)?;
    let key = key.ok_or_else(|| KeystoreError::Password { path: path.to_owned() })?;
    let signer = PrivateKeySigner::from_slice(key.as_slice());
    let signer = signer.map_err(|_| format(FormError::Curve))?;
    let got = signer.address();
    match form::address(&file) {
        Some(expected) if expected != got => {
            Err(KeystoreError::Address { path: path.to_owned(), expected, got })
        }
        _ => Ok(signer),
    }
}

/// The address of a file's key, if the file says it: no password is needed, and nothing proves it.
///
/// # Errors
/// If the file cannot be read.
pub fn address(path: &Path) -> Result<Option<Address>, KeystoreError> {
    let file = form::object(&read(path)?)
        .map_err(|source| KeystoreError::Format { path: path.to_owned(), source })?;
    Ok(form::address(&file))
}

fn read(path: &Path) -> Result<Zeroizing<String>, KeystoreError> {
    let file = |source| KeystoreError::File { path: path.to_owned(), source };
    // Never longer than its place: what has moved is not wiped.
    let mut bytes = Zeroizing::new(Vec::with_capacity(FILE_BYTES as usize + 2));
    let opened = File::open(path).map_err(file)?;
    opened.take(FILE_BYTES + 1).read_to_end(&mut bytes).map_err(file)?;
    // Zeros are those of UTF-16, which some shells write.
    let whole = bytes.len() as u64 <= FILE_BYTES && !bytes.contains(&0);
    match std::str::from_utf8(&bytes) {
        Ok(text) if whole => Ok(Zeroizing::new(text.to_owned())),
        _ => Err(KeystoreError::Text { path: path.to_owned() }),
    }
}

/// Encrypts beside the file, in a folder that only its owner can look into; a file never exists
/// with half a key or for others to read.
fn write(path: &Path, signer: &PrivateKeySigner, password: &Password) -> Result<(), KeystoreError> {
    let file = |source| KeystoreError::File { path: path.to_owned(), source };
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(file)?;
    let folder = tempfile::Builder::new().prefix(".key").tempdir_in(parent).map_err(file)?;
    let secret = Zeroizing::new(signer.to_bytes().0);
    let (rng, password) = (&mut rand::rngs::OsRng, password.0.as_bytes());
    PrivateKeySigner::encrypt_keystore(
        folder.path(),
        rng,
        secret.as_slice(),
        password,
        Some("key"),
    )
    .map_err(|_| KeystoreError::Encrypt { path: path.to_owned() })?;
    let made = folder.path().join("key");
    with_address(&made, signer.address()).map_err(file)?;
    owner_only(&made).map_err(file)?;
    File::open(&made).and_then(|made| made.sync_all()).map_err(file)?;
    // Unlike a rename a link never replaces a file.
    fs::hard_link(&made, path).map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => KeystoreError::Exists { path: path.to_owned() },
        _ => file(source),
    })?;
    File::open(parent).and_then(|parent| parent.sync_all()).map_err(file)
}

/// Wallets show a file's address before they have its password.
fn with_address(path: &Path, address: Address) -> io::Result<()> {
    let mut file: serde_json::Value = serde_json::from_str(&fs::read_to_string(path)?)?;
    file["address"] = hex::encode(address).into();
    fs::write(path, file.to_string())
}

#[cfg(unix)]
fn owner_only(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))
}

#[cfg(not(unix))]
fn owner_only(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Password {
        Password::new(text.to_owned()).unwrap()
    }

    #[test]
    fn keys_come_back_with_their_password_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/key.json");
        let made = create(&path, &password("correct horse")).unwrap();
        assert_eq!(open(&path, &password("correct horse")).unwrap(), made);
        assert_eq!(address(&path).unwrap(), Some(made.address()));
        let wrong = open(&path, &password("battery staple")).unwrap_err();
        assert!(matches!(wrong, KeystoreError::Password { .. }), "{wrong}");
        let again = create(&path, &password("x")).unwrap_err();
        assert!(matches!(again, KeystoreError::Exists { .. }), "{again}");
        assert_eq!(open(&path, &password("correct horse")).unwrap(), made);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        let secret = hex::encode(made.to_bytes());
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains(&secret));
        assert!(!format!("{:?} {:?}", password("correct horse"), made).contains("horse"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn keys_are_imported_and_passwords_come_from_files_and_variables() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let key = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
        let file = folder.path().join("password");
        fs::write(&file, "from a file\nand more").unwrap();
        let signer = import(&path, &format!("0x{key}\n"), &Password::from_file(&file).unwrap());
        let expected = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
        assert_eq!(signer.unwrap().address().to_string(), expected);
        assert_eq!(open(&path, &password("from a file")).unwrap().address().to_string(), expected);
        assert!(matches!(import(&path, "12", &password("x")), Err(KeystoreError::Key)));
        fs::write(&file, "\n").unwrap();
        assert!(matches!(Password::from_file(&file), Err(KeystoreError::Empty)));
        let unset = Password::from_variable("ZKTRAIN_NO_SUCH_VARIABLE");
        assert!(matches!(unset, Err(KeystoreError::Variable { .. })));
        // Set for every test by cargo.
        assert!(Password::from_variable("CARGO_MANIFEST_DIR").is_ok());
    }

    /// One with the parameters that geth uses, and the format's own example.
    const SCRYPT: &str = r#"{"crypto":{"cipher":"aes-128-ctr","cipherparams":{"iv":"0ab306823035661bb8dba21cc2535231"},"ciphertext":"83dd273653c737b9dd84d37f8596e17e488dcb03ab2856dd80830e7c925d38d8","kdf":"scrypt","kdfparams":{"dklen":32,"n":262144,"p":1,"r":8,"salt":"63479ad69a090b258277ec8fba6f99419a2ffb248981510657c944ccd1148e97"},"mac":"293ab9fe37c0701af777ed5f2cc9ce533c9cceddb845310789395af239f38c42"},"id":"3198bc9c-6672-5ab3-d995-4942343ae5b6","version":3}"#;
    const PBKDF2: &str = r#"{"crypto":{"cipher":"aes-128-ctr","cipherparams":{"iv":"6087dab2f9fdbbfaddc31a909735c1e6"},"ciphertext":"5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46","kdf":"pbkdf2","kdfparams":{"c":262144,"dklen":32,"prf":"hmac-sha256","salt":"ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd"},"mac":"517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2"},"id":"3198bc9c-6672-5ab3-d995-4942343ae5b6","version":3}"#;

    #[test]
    fn files_of_other_wallets_are_read_and_malformed_ones_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let key = "7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d";
        for text in [SCRYPT, PBKDF2] {
            fs::write(&path, text).unwrap();
            let signer = open(&path, &password("testpassword")).unwrap();
            assert_eq!(hex::encode(signer.to_bytes()), key);
            assert_eq!(address(&path).unwrap(), None);
            let other =
                text.replacen('{', r#"{"address":"f39Fd6e51aad88F6F4ce6aB8827279cffFb92266","#, 1);
            fs::write(&path, other).unwrap();
            let error = open(&path, &password("testpassword")).unwrap_err();
            assert!(matches!(error, KeystoreError::Address { .. }), "{error}");
        }
        let wrong = [
            ("\"dklen\":32", "\"dklen\":8"),
            ("\"n\":262144", "\"n\":1073741824"),
            ("\"n\":262144", "\"n\":262143"),
            ("\"r\":8", "\"r\":1"),
            ("\"p\":1", "\"p\":4294967296"),
            ("\"version\":3", "\"version\":1"),
            ("aes-128-ctr", "aes-128-cbc"),
            ("0ab30682", ""),
            ("83dd2736", ""),
            ("293ab9fe", "x"),
            ("\"crypto\"", "\"other\""),
            ("\"kdf\":\"scrypt\"", "\"kdf\":\"argon2id\""),
            ("\"kdf\":\"scrypt\"", "\"kdf\":\"pbkdf2\""),
            ("\"kdf\":\"scrypt\",", ""),
            ("63479ad6", "x"),
            ("\"salt\"", "\"pepper\""),
            ("\"n\":262144", "\"n\":262144.5"),
            ("\"version\":3", "\"version\":4"),
            (",\"version\":3", ""),
        ];
        for (from, to) in wrong {
            fs::write(&path, SCRYPT.replace(from, to)).unwrap();
            let error = open(&path, &password("testpassword")).unwrap_err();
            assert!(matches!(error, KeystoreError::Format { .. }), "{from} {to}: {error}");
        }
        fs::write(&path, PBKDF2.replace("hmac-sha256", "hmac-sha512")).unwrap();
        let error = open(&path, &password("testpassword")).unwrap_err().to_string();
        assert!(error.contains("crypto.kdfparams.prf is \"hmac-sha512\""), "{error}");
    }

    #[test]
    fn a_right_password_opens_whatever_form_does_not_matter() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let id = "\"id\":\"3198bc9c-6672-5ab3-d995-4942343ae5b6\"";
        let changes = [
            (format!("{id},"), ""),
            (id.to_owned(), "\"id\":\"my savings\""),
            (id.to_owned(), "\"id\":7,\"name\":null,\"address\":\"\""),
            ("\"crypto\"".to_owned(), "\"Crypto\""),
            ("\"version\":3".to_owned(), "\"Version\":\"3\""),
            ("\"aes-128-ctr\"".to_owned(), "\"AES-128-CTR\""),
            ("\"c\":262144".to_owned(), "\"c\":\"262144\""),
            (",\"prf\":\"hmac-sha256\"".to_owned(), ""),
            ("\"ae3cd4e7".to_owned(), "\"0xae3cd4e7"),
            ("{\"crypto\"".to_owned(), "\u{feff}{\"crypto\""),
        ];
        for (from, to) in changes {
            let text = PBKDF2.replace(&from, to);
            assert!(text != PBKDF2, "{from}");
            fs::write(&path, text).unwrap();
            let opened = open(&path, &password("testpassword"));
            assert!(opened.is_ok(), "{from} {to}: {opened:?}");
            let wrong = open(&path, &password("Testpassword")).unwrap_err();
            assert!(matches!(wrong, KeystoreError::Password { .. }), "{from} {to}: {wrong}");
        }
        // Damage looks the same as a wrong password, and both are named.
        fs::write(&path, PBKDF2.replace("517ead92", "517ead93")).unwrap();
        let error = open(&path, &password("testpassword")).unwrap_err().to_string();
        assert!(error.contains("or the file is damaged"), "{error}");
    }

    #[test]
    fn passwords_come_from_files_as_editors_and_shells_write_them() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        let written = ["\u{feff}pässword", "pässword\r\n", "pässword\nand more\n", "pässword"];
        for text in written {
            fs::write(&file, text).unwrap();
            assert_eq!(*Password::from_file(&file).unwrap().0, "pässword", "{text:?}");
        }
        let utf16 = "pw\n".encode_utf16().flat_map(u16::to_le_bytes);
        let marked: Vec<u8> = [0xff, 0xfe].into_iter().chain(utf16.clone()).collect();
        for bytes in [utf16.collect::<Vec<_>>(), marked, vec![b'x'; 70_000]] {
            fs::write(&file, bytes).unwrap();
            let error = Password::from_file(&file).unwrap_err();
            assert!(matches!(error, KeystoreError::Text { .. }), "{error}");
        }
    }

    /// As `--password-file <(pass show key)` hands it over.
    #[test]
    #[cfg(unix)]
    fn a_password_comes_through_a_pipe() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        let writer = std::thread::spawn({
            let pipe = pipe.clone();
            move || fs::write(pipe, "secret\n")
        });
        assert_eq!(*Password::from_file(&pipe).unwrap().0, "secret");
        writer.join().unwrap().unwrap();
    }
}
