//! Files: every change goes through one place, with an error that names the file, and where tests can break it.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use crate::PsiError;

/// One change of a file, as a test's fault sees it before it happens.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// So many bytes are to be appended.
    Write(usize),
    /// A file or folder is to be made durable.
    Sync,
    /// A file is to take its final name.
    Rename,
    /// A file is to be deleted or cut.
    Remove,
}

/// What goes wrong at a step: so many bytes of a write are still done, then there is this error.
#[doc(hidden)]
#[derive(Debug)]
pub struct Fault {
    /// Bytes that a write still writes.
    pub written: usize,
    /// The error.
    pub error: io::Error,
}

/// Decides for each step whether it fails.
#[doc(hidden)]
pub type Faults = dyn Fn(Step) -> Option<Fault> + Send + Sync;

/// Access to the file system.
#[derive(Clone, Default)]
pub(crate) struct Disk {
    faults: Option<Arc<Faults>>,
}

impl Disk {
    pub(crate) fn with_faults(faults: Arc<Faults>) -> Self {
        Self { faults: Some(faults) }
    }

    fn fault(&self, step: Step) -> Option<Fault> {
        self.faults.as_ref().and_then(|faults| faults(step))
    }

    fn check(&self, step: Step) -> io::Result<()> {
        self.fault(step).map_or(Ok(()), |fault| Err(fault.error))
    }

    /// Appends `bytes`.
    pub(crate) fn write(&self, file: &mut File, path: &Path, bytes: &[u8]) -> Result<(), PsiError> {
        let written = match self.fault(Step::Write(bytes.len())) {
            None => file.write_all(bytes),
            Some(fault) => file
                .write_all(bytes.get(..fault.written.min(bytes.len())).unwrap_or_default())
                .and(Err(fault.error)),
        };
        written.map_err(failed("writing", path))
    }

    /// Writes `bytes` at `offset`.
    pub(crate) fn write_at(
        &self,
        file: &File,
        path: &Path,
        bytes: &[u8],
        offset: u64,
    ) -> Result<(), PsiError> {
        let written = self.check(Step::Write(bytes.len())).and_then(|()| file.write_all_at(bytes, offset));
        written.map_err(failed("writing", path))
    }

    /// Makes the contents durable.
    pub(crate) fn sync(&self, file: &File, path: &Path) -> Result<(), PsiError> {
        self.check(Step::Sync).and_then(|()| file.sync_data()).map_err(failed("syncing", path))
    }

    /// Makes the names in a folder durable.
    pub(crate) fn sync_folder(&self, path: &Path) -> Result<(), PsiError> {
        let synced =
            self.check(Step::Sync).and_then(|()| File::open(path)).and_then(|folder| folder.sync_all());
        synced.map_err(failed("syncing", path))
    }

    /// Cuts a file to `bytes`.
    pub(crate) fn cut(&self, file: &File, path: &Path, bytes: u64) -> Result<(), PsiError> {
        self.check(Step::Remove).and_then(|()| file.set_len(bytes)).map_err(failed("cutting", path))
    }

    /// Deletes a file, if it is there.
    pub(crate) fn remove(&self, path: &Path) -> Result<(), PsiError> {
        match self.check(Step::Remove).and_then(|()| std::fs::remove_file(path)) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            removed => removed.map_err(failed("deleting", path)),
        }
    }

    /// Replaces the file called `name` in `folder` at once and durably: it has its old contents or these.
    /// Nobody else may read it.
    pub(crate) fn replace(&self, folder: &Path, name: &str, contents: &[u8]) -> Result<(), PsiError> {
        let (path, draft) = (folder.join(name), folder.join(format!("{name}.draft")));
        let mut file = private().truncate(true).open(&draft).map_err(failed("creating", &draft))?;
        self.write(&mut file, &draft, contents)?;
        self.sync(&file, &draft)?;
        self.check(Step::Rename)
            .and_then(|()| std::fs::rename(&draft, &path))
            .map_err(failed("renaming", &draft))?;
        self.sync_folder(folder)
    }
}

/// Options of a file that only its owner may read, for reading and writing.
pub(crate) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).mode(0o600);
    options
}

/// An error of `doing` something with the file at `path`.
pub(crate) fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> PsiError {
    let path = path.to_owned();
    move |source| match source.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            PsiError::OursDiskFull { path, source }
        }
        _ => PsiError::OursFile { doing, path, source },
    }
}

/// Refuses a folder whose file system has less than `needed` bytes left.
pub(crate) fn check_space(folder: &Path, needed: u64) -> Result<(), PsiError> {
    let system = rustix::fs::statvfs(folder)
        .map_err(|error| failed("asking for free space of", folder)(error.into()))?;
    let free = system.f_bavail.saturating_mul(system.f_frsize);
    if free < needed {
        return Err(PsiError::OursDiskSpace { path: folder.to_owned(), needed, free });
    }
    Ok(())
}
