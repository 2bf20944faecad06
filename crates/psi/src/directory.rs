//! A folder that holds everything of one run, so that the run can go on after its process has ended.
//!
//! ```text
//! lock                   held while a process works here
//! manifest.json          of which run, input and parameters this is, and how far it is; replaced as a whole
//! scalar                 the secret scalar, for its owner's eyes; deleted when all masks are computed
//! own-once, peer-twice,  logs of points: own ones as sent, the peer's masked again, own ones as returned;
//!   own-twice              deleted when both parties have their result
//! common, further        the result
//! ```

use std::fs::{DirBuilder, File, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use symbolon_curve::SecretScalar;
use symbolon_link::Rank;
use zeroize::Zeroizing;

use crate::disk::{Disk, Faults, failed, private};
use crate::exchange::Stores;
use crate::log::Log;
use crate::outcome::Statistics;
use crate::own::OwnSet;
use crate::points::Points;
use crate::result::{Common, CommonId, Pairs};
use crate::spool::{Room, Spool};
use crate::{Intersected, PsiError, PsiParams, ResultTo, Resumed};

const FORMAT: u32 = 1;
const MANIFEST: &str = "manifest.json";
const SCALAR: &str = "scalar";
const LOCK: &str = "lock";
const COMMON: &str = "common";
const FURTHER: &str = "further";
const LOGS: [&str; 3] = ["own-once", "peer-twice", "own-twice"];

/// How far the run in a directory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunState {
    /// Nothing is agreed yet.
    New,
    /// The streams are not complete.
    Running,
    /// This party has its result; the peer may still need what the directory holds.
    Finished,
    /// Both parties have their results; only this party's is left here.
    Complete,
}

/// What a directory belongs to, and how far it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Manifest {
    format: u32,
    state: RunState,
    input: Input,
    /// Hexadecimal.
    run_id: Option<String>,
    terms: Option<Terms>,
    result: Option<Stored>,
}

/// The own ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Input {
    rows: u64,
    items: u64,
    sha256: String,
    duplicates: String,
    /// Number, count and check value of the key.
    partition: Option<(u32, u32, String)>,
}

impl Input {
    fn of(own: &OwnSet) -> Self {
        Self {
            rows: own.rows(),
            items: own.items(),
            sha256: hex::encode(own.fingerprint()),
            duplicates: format!("{:?}", own.duplicates()),
            partition: own.partition().map(|p| (p.index(), p.count(), hex::encode(p.key_check()))),
        }
    }
}

/// What must be the same when a run goes on. Batch sizes and limits may change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Terms {
    rank: Rank,
    suite: String,
    result_to: Option<Rank>,
    truncate_bits: Option<u32>,
    second_ciphertext: String,
    peer_items: Option<u64>,
}

impl Terms {
    pub(crate) fn new(params: &PsiParams, rank: Rank) -> Self {
        Self {
            rank,
            suite: params.suite.to_string(),
            result_to: match params.result_to {
                ResultTo::All => None,
                ResultTo::Rank(rank) => Some(rank),
            },
            truncate_bits: params.truncate_bits,
            second_ciphertext: format!("{:?}", params.second_ciphertext),
            peer_items: params.peer_items,
        }
    }
}

/// A result whose common ids are in files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Stored {
    /// Numbers of common ids and of further rows; `None` if the result is not for this party.
    common: Option<(u64, u64)>,
    peer_items: u64,
    statistics: Statistics,
}

/// A run directory, locked for this process.
pub struct RunDirectory {
    path: PathBuf,
    disk: Disk,
    manifest: Manifest,
    /// `None` once they are deleted.
    stores: Option<Stores>,
    _lock: File,
}

impl std::fmt::Debug for RunDirectory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunDirectory")
            .field("path", &self.path)
            .field("state", &self.manifest.state)
            .finish_non_exhaustive()
    }
}

impl RunDirectory {
    /// Opens the run directory at `path` for the own set, or makes it (its parent must exist). Only the owner
    /// may enter a directory made here. Unfinished ends of logs are cut off.
    ///
    /// # Errors
    /// [`PsiError::RunDirectory`] if another process works there, if it belongs to another input, or if the
    /// folder holds something else; errors of files.
    pub fn open(path: &Path, own: &OwnSet) -> Result<Self, PsiError> {
        Self::open_on(path, own, Disk::default())
    }

    /// The same on a disk that breaks when it is told to.
    ///
    /// # Errors
    /// As [`RunDirectory::open`], and what `faults` says.
    #[doc(hidden)]
    pub fn open_with_faults(
        path: &Path,
        own: &OwnSet,
        faults: std::sync::Arc<Faults>,
    ) -> Result<Self, PsiError> {
        Self::open_on(path, own, Disk::with_faults(faults))
    }

    fn open_on(path: &Path, own: &OwnSet, disk: Disk) -> Result<Self, PsiError> {
        match DirBuilder::new().mode(0o700).create(path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                return Err(failed("creating", path)(error));
            }
            _ => {}
        }
        let refuse =
            |reason: &str| Err(PsiError::RunDirectory { path: path.to_owned(), reason: reason.to_owned() });
        let read = match std::fs::read(path.join(MANIFEST)) {
            Ok(bytes) => Some(bytes),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(failed("reading", &path.join(MANIFEST))(error)),
        };
        if read.is_none() && !is_unused(path)? {
            return refuse("it holds other files and no manifest; name an empty or a new folder");
        }
        let lock = private().open(path.join(LOCK)).map_err(failed("opening", &path.join(LOCK)))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return refuse("another process works there; wait for it to end, or name another folder");
            }
            Err(TryLockError::Error(error)) => return Err(failed("locking", &path.join(LOCK))(error)),
        }
        let input = Input::of(own);
        let manifest = match read {
            None => Manifest {
                format: FORMAT,
                state: RunState::New,
                input,
                run_id: None,
                terms: None,
                result: None,
            },
            Some(bytes) => {
                let manifest: Manifest = match serde_json::from_slice(&bytes) {
                    Ok(manifest) => manifest,
                    Err(error) => {
                        return refuse(&format!("its manifest cannot be read: {error}; delete the folder"));
                    }
                };
                if manifest.format != FORMAT {
                    return refuse(&format!(
                        "its format is {}, this program knows {FORMAT}; finish the run with the program that began it, or delete the folder",
                        manifest.format
                    ));
                }
                check_input(path, &manifest.input, &input)?;
                manifest
            }
        };
        let mut directory = Self { path: path.to_owned(), disk, manifest, stores: None, _lock: lock };
        match directory.manifest.state {
            RunState::New => directory.clear()?,
            RunState::Running => directory.open_logs()?,
            RunState::Finished => {
                // It may have ended between the two.
                directory.disk.remove(&directory.path.join(SCALAR))?;
                directory.open_logs()?;
            }
            RunState::Complete => directory.remove_logs()?,
        }
        Ok(directory)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How far the run is.
    pub fn state(&self) -> RunState {
        self.manifest.state
    }

    /// The run that the directory holds, for the handshake.
    pub fn run_id(&self) -> Option<[u8; 16]> {
        let mut id = [0; 16];
        hex::decode_to_slice(self.manifest.run_id.as_ref()?, &mut id).ok()?;
        Some(id)
    }

    /// Whether the directory holds points of a run that is not finished: another run would lose them.
    pub fn must_resume(&self) -> bool {
        let has_points = |stores: &Stores| {
            [&stores.own_once, &stores.peer_twice, &stores.own_twice].iter().any(|points| points.items() > 0)
        };
        self.manifest.state == RunState::Running && self.stores.as_ref().is_some_and(has_points)
    }

    /// The result of a run that is finished, which needs no peer.
    ///
    /// # Errors
    /// [`PsiError::RunDirectory`] if its files are damaged.
    pub fn result(&self) -> Result<Option<Intersected>, PsiError> {
        let Some(stored) = &self.manifest.result else { return Ok(None) };
        let read = |name: &str, records: u64, record_bytes: usize| {
            let path = self.path.join(name);
            let file = File::open(&path).map_err(failed("opening", &path))?;
            let bytes = file.metadata().map_err(failed("reading", &path))?.len();
            if bytes != records.saturating_mul(record_bytes as u64) {
                let reason =
                    format!("{bytes} bytes are not the {records} records of the manifest: it is damaged");
                return Err(PsiError::RunDirectory { path, reason });
            }
            Ok(Spool::of_file(self.room(0), record_bytes, file, bytes))
        };
        let common = match stored.common {
            None => None,
            Some((ids, further)) => Some(Common::new(
                read(COMMON, ids, CommonId::BYTES)?,
                Pairs(read(FURTHER, further, Pairs::BYTES)?),
            )),
        };
        Ok(Some(Intersected {
            common,
            peer_items: stored.peer_items,
            statistics: stored.statistics,
            resumed: Resumed::default(),
            confirmed: self.manifest.state == RunState::Complete,
        }))
    }

    /// Deletes the directory and everything in it.
    ///
    /// # Errors
    /// Errors of files.
    pub fn remove(mut self) -> Result<(), PsiError> {
        self.remove_logs()?;
        for name in [SCALAR, COMMON, FURTHER, MANIFEST, LOCK] {
            self.disk.remove(&self.path.join(name))?;
            self.disk.remove(&self.path.join(format!("{name}.draft")))?;
        }
        std::fs::remove_dir(&self.path).map_err(failed("deleting", &self.path))
    }

    /// Memory and the folder for temporary files.
    pub(crate) fn room(&self, memory: u64) -> Room {
        Room { disk: self.disk.clone(), ..Room::new(memory, &self.path) }
    }

    /// The logs; there are none before [`RunDirectory::begin`] and after [`RunDirectory::complete`].
    pub(crate) fn stores(&mut self) -> Option<&mut Stores> {
        self.stores.as_mut()
    }

    /// Bytes that the logs have by now.
    pub(crate) fn logged_bytes(&self) -> u64 {
        self.stores.as_ref().map_or(0, |stores| {
            [&stores.own_once, &stores.peer_twice, &stores.own_twice].iter().map(|p| p.logged_bytes()).sum()
        })
    }

    /// Goes on with the agreed run, or begins it: durably, before anything of it is sent. Returns the scalar to
    /// mask with, which is `fresh` for a new run, and none if there is nothing left to mask.
    pub(crate) fn begin(
        &mut self,
        run_id: [u8; 16],
        params: &PsiParams,
        terms: &Terms,
        fresh: SecretScalar,
    ) -> Result<Option<SecretScalar>, PsiError> {
        if self.run_id() == Some(run_id) && self.manifest.state != RunState::New {
            if let Some(held) = &self.manifest.terms
                && held != terms
            {
                let reason = format!(
                    "the run was begun with other terms ({held:?}, now {terms:?}); use the same ones, or delete the folders of both parties to start anew"
                );
                return Err(PsiError::RunDirectory { path: self.path.clone(), reason });
            }
            return if self.manifest.state == RunState::Running {
                self.scalar(params).map(Some)
            } else {
                Ok(None)
            };
        }
        if self.must_resume() {
            let reason = "the peer does not go on with the run held here; find the peer's run directory, or delete this one to start anew";
            return Err(PsiError::RunDirectory { path: self.path.clone(), reason: reason.to_owned() });
        }
        self.clear()?;
        self.disk.replace(&self.path, SCALAR, fresh.to_bytes().as_slice())?;
        self.manifest.run_id = Some(hex::encode(run_id));
        self.manifest.terms = Some(terms.clone());
        self.manifest.state = RunState::Running;
        self.write_manifest()?;
        self.open_logs()?;
        Ok(Some(fresh))
    }

    /// The stored scalar.
    fn scalar(&self, params: &PsiParams) -> Result<SecretScalar, PsiError> {
        let path = self.path.join(SCALAR);
        let bytes = Zeroizing::new(std::fs::read(&path).map_err(failed("reading", &path))?);
        let scalar = bytes
            .as_slice()
            .try_into()
            .ok()
            .and_then(|bytes| SecretScalar::from_bytes(params.suite.curve, bytes));
        scalar.ok_or_else(|| PsiError::RunDirectory {
            path,
            reason: "it is no scalar of the suite's curve: the folder is damaged; delete it to start anew"
                .to_owned(),
        })
    }

    /// Keeps the result durably. The scalar has done its work and goes.
    pub(crate) fn finish(&mut self, result: &Intersected) -> Result<(), PsiError> {
        let mut stored =
            Stored { common: None, peer_items: result.peer_items, statistics: result.statistics };
        if let Some(common) = &result.common {
            let (ids, further) = common.parts();
            self.write_spool(COMMON, ids)?;
            self.write_spool(FURTHER, further)?;
            stored.common = Some((ids.len(), further.len()));
        }
        self.manifest.result = Some(stored);
        self.manifest.state = RunState::Finished;
        self.write_manifest()?;
        self.disk.remove(&self.path.join(SCALAR))
    }

    /// Notes that the peer has its result too, and deletes what it could have needed.
    pub(crate) fn complete(&mut self) -> Result<(), PsiError> {
        if self.manifest.state != RunState::Complete {
            self.manifest.state = RunState::Complete;
            self.write_manifest()?;
        }
        self.remove_logs()
    }

    fn write_spool(&self, name: &str, spool: &Spool) -> Result<(), PsiError> {
        let path = self.path.join(name);
        let mut file = private().truncate(true).open(&path).map_err(failed("creating", &path))?;
        let mut reader = spool.read(0);
        while let Some(chunk) = reader.chunk()? {
            self.disk.write(&mut file, &path, chunk)?;
        }
        self.disk.sync(&file, &path)
    }

    fn write_manifest(&self) -> Result<(), PsiError> {
        let text = serde_json::to_vec_pretty(&self.manifest).map_err(|error| PsiError::RunDirectory {
            path: self.path.join(MANIFEST),
            reason: error.to_string(),
        })?;
        self.disk.replace(&self.path, MANIFEST, &text)
    }

    fn open_logs(&mut self) -> Result<(), PsiError> {
        let open = |name| Log::open(&self.path, name, &self.disk).map(Points::Logged);
        let [own_once, peer_twice, own_twice] = LOGS;
        self.stores = Some(Stores {
            own_once: open(own_once)?,
            peer_twice: open(peer_twice)?,
            own_twice: open(own_twice)?,
        });
        Ok(())
    }

    /// Back to a directory without a run. The manifest says so first: files of no run are deleted when it is
    /// opened again.
    pub(crate) fn clear(&mut self) -> Result<(), PsiError> {
        self.manifest.state = RunState::New;
        (self.manifest.run_id, self.manifest.terms, self.manifest.result) = (None, None, None);
        self.write_manifest()?;
        self.remove_logs()?;
        for name in [SCALAR, COMMON, FURTHER] {
            self.disk.remove(&self.path.join(name))?;
        }
        self.disk.remove(&self.path.join(format!("{SCALAR}.draft")))
    }

    fn remove_logs(&mut self) -> Result<(), PsiError> {
        self.stores = None;
        for name in LOGS {
            for suffix in ["points", "commits"] {
                self.disk.remove(&self.path.join(format!("{name}.{suffix}")))?;
            }
        }
        Ok(())
    }
}

/// Whether a folder has nothing in it but what opening leaves there before the manifest.
fn is_unused(path: &Path) -> Result<bool, PsiError> {
    for entry in std::fs::read_dir(path).map_err(failed("reading", path))? {
        let name = entry.map_err(failed("reading", path))?.file_name();
        if name != LOCK && name != format!("{MANIFEST}.draft").as_str() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn check_input(path: &Path, held: &Input, input: &Input) -> Result<(), PsiError> {
    if held == input {
        return Ok(());
    }
    let what = if held.partition != input.partition {
        "it belongs to another partition".to_owned()
    } else if held.duplicates != input.duplicates {
        "duplicates were to be treated otherwise".to_owned()
    } else {
        format!(
            "the own ids have changed since the run began (then {} rows, {} of them sent; now {} and {})",
            held.rows, held.items, input.rows, input.items
        )
    };
    let reason = format!("{what}; use the same input and settings, or delete the folder to start anew");
    Err(PsiError::RunDirectory { path: path.to_owned(), reason })
}
