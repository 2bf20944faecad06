//! Files that appear whole or not at all.
//!
//! A file is written beside its destination under a temporary name, flushed to the disk and then
//! renamed. Whoever reads the destination sees the old content or the new, never a part; a run that
//! fails or is interrupted leaves nothing behind.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crate::error::{Error, Result};

/// Who may read a written file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// As the process's umask says.
    Shared,
    /// The owner only (mode 0600): model halves, which are secret shares.
    OwnerOnly,
}

/// Temporary files that exist now, so that an interrupted process can remove them.
static PENDING: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Removes every file that is being written. Called when the process is interrupted.
pub fn abandon_all() {
    let pending = PENDING.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    for path in pending.iter() {
        let _ = fs::remove_file(path);
    }
    // The lock is kept until the process ends: nothing may be persisted after this.
    std::mem::forget(pending);
}

/// Writes `path` atomically with what `fill` writes into the given writer; returns what `fill` returns.
///
/// # Errors
/// [`Error::OurFile`] if a file operation fails, and whatever `fill` returns; the destination is
/// untouched in both cases.
pub fn write_atomically<T>(
    path: &Path,
    access: Access,
    fill: impl FnOnce(&mut (dyn Write + Send)) -> Result<T>,
) -> Result<T> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    fs::create_dir_all(&directory).map_err(|source| Error::file("create", &directory, source))?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".symbolon-").suffix(".tmp");
    #[cfg(unix)]
    if access == Access::Shared {
        use std::os::unix::fs::PermissionsExt;
        // Asked for 0666, the system takes the umask's bits away; temporary files are 0600 otherwise.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let temporary = builder
        .tempfile_in(&directory)
        .map_err(|source| Error::file("create a file in", &directory, source))?;
    let guard = Pending::register(temporary.path());
    let mut writer = BufWriter::with_capacity(1 << 18, temporary);
    let filled = fill(&mut writer)?;
    let temporary =
        writer.into_inner().map_err(|failure| Error::file("write", path, failure.into_error()))?;
    temporary.as_file().sync_all().map_err(|source| Error::file("write", path, source))?;
    {
        let mut pending = PENDING.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        temporary.persist(path).map_err(|failure| Error::file("write", path, failure.error))?;
        pending.remove(&guard.0);
    }
    drop(guard);
    // The rename itself reaches the disk with its directory.
    if let Ok(directory) = File::open(&directory) {
        let _ = directory.sync_all();
    }
    Ok(filled)
}

/// Refuses early, before any work, a path that cannot be written at the end.
///
/// # Errors
/// [`Error::OurFile`] if the directory cannot be created, [`Error::Config`] if the path is a directory.
pub fn check_writable(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Err(Error::Config(format!("{} is a directory: give the path of a file", path.display())));
    }
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        fs::create_dir_all(parent).map_err(|source| Error::file("create", parent, source))?;
    }
    Ok(())
}

struct Pending(PathBuf);

impl Pending {
    fn register(path: &Path) -> Self {
        PENDING.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).insert(path.to_owned());
        Self(path.to_owned())
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        PENDING.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).remove(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_writer_leaves_the_old_content_and_no_other_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("deep/er/out.csv");
        write_atomically(&path, Access::Shared, |file| file.write_all(b"old").map_err(|_| unreachable!()))
            .unwrap();
        let failed = write_atomically(&path, Access::Shared, |file| -> Result<()> {
            file.write_all(b"half").map_err(|source| Error::file("write", &path, source))?;
            Err(Error::Ours("stop".into()))
        });
        assert!(matches!(failed, Err(Error::Ours(_))));
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn model_halves_are_for_their_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("model.json");
        write_atomically(&path, Access::OwnerOnly, |_| Ok(())).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
