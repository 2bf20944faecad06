//! `symbolon keygen`: the key pair of a dealer of SPU's kind.

use std::path::Path;

use symbolon_grpc::DealerKey;

use crate::cli::KeygenOptions;
use crate::error::{Error, Result};
use crate::output::{Access, write_atomically};

/// The private key's file; the owner may read it, nobody else.
pub const PRIVATE_KEY: &str = "sm2.key";
/// The public key's file: every party needs it.
pub const PUBLIC_KEY: &str = "sm2.pub";

/// Makes an SM2 key pair and writes both halves as PEM (PKCS#8 and SubjectPublicKeyInfo).
///
/// # Errors
/// [`Error::Config`] if there is a key already, [`Error::OurFile`] if a file cannot be written.
pub fn run(options: &KeygenOptions) -> Result<()> {
    let (private, public) = (options.out.join(PRIVATE_KEY), options.out.join(PUBLIC_KEY));
    for path in [&private, &public] {
        // A symbolic link to nowhere counts too.
        if !options.force && path.symlink_metadata().is_ok() {
            return Err(Error::Config(format!(
                "{} exists: seeds sealed to the old key could not be opened any more; choose another --out, or give \
                 --force",
                path.display()
            )));
        }
    }
    let key = DealerKey::generate()?;
    let write = |path: &Path, access, text: &str| {
        write_atomically(path, access, |out| {
            out.write_all(text.as_bytes()).map_err(|source| Error::file("write", path, source))
        })
    };
    write(&private, Access::OwnerOnly, &key.to_pem()?)?;
    write(&public, Access::Shared, &key.public_key().to_pem()?)?;
    tracing::info!(private = %private.display(), public = %public.display(), "SM2 keys written");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use symbolon_grpc::DealerPublicKey;

    #[test]
    fn both_halves_are_written_and_never_by_accident_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut options = KeygenOptions { out: folder.path().join("keys"), force: false };
        run(&options).unwrap();
        let read = |name: &str| std::fs::read_to_string(options.out.join(name)).unwrap();
        let first = DealerKey::from_pem(&read(PRIVATE_KEY)).unwrap();
        assert_eq!(DealerPublicKey::from_pem(&read(PUBLIC_KEY)).unwrap(), first.public_key());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(options.out.join(PRIVATE_KEY)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        let message = run(&options).unwrap_err().to_string();
        assert!(message.contains("sm2.key exists"), "{message}");
        options.force = true;
        run(&options).unwrap();
        let second = std::fs::read_to_string(options.out.join(PRIVATE_KEY)).unwrap();
        assert_ne!(DealerKey::from_pem(&second).unwrap().public_key(), first.public_key());
    }
}
