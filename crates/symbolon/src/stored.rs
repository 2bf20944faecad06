//! Triples made ahead of time: the file that `symbolon triples` writes at each party and `symbolon train` spends.
//!
//! A party's file has the seed of its dealer stream; that of the adjust rank also has the dealer's corrections for a whole
//! training, in the order in which they are drawn. With both, training needs no dealer.
//!
//! ```text
//! symbolontriples1      16 bytes
//! state                  1 byte: 1 fresh, 0 spent
//! seed                  16 bytes; zeros in a spent file
//! digest                32 bytes: SHA-256 of all that follows
//! length, terms          4 bytes, little-endian, and JSON: what the triples are for
//! records               for each request: the counter of its first block (8 bytes), bytes of the
//!                       corrections (4 bytes), the corrections; little-endian
//! ```
//!
//! **A file serves once.** A second training with the same seed would mask other values with the same masks, and the
//! difference of the two would be open to the peer. So before anything is drawn the file is locked, marked as spent, its
//! seed overwritten, and both are on the disk. Whatever happens to the run then, the file is refused from there on. A copy
//! of the file undoes this: do not keep any, and keep the file as secret as the table, since with it and what the
//! peer has seen the own inputs can be read.

use std::fs::{File, OpenOptions};
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use symbolon_prg::Seed;
use symbolon_ring::{Matrix, Ring};
use symbolon_triples::{AdjustRequest, Corrections, Dealer, DealerError};
use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::output::{Access, write_atomically};

const MAGIC: &[u8; 16] = b"symbolontriples1";
const STATE_AT: u64 = 16;
const FRESH: u8 = 1;
/// Magic, state, seed and digest.
const HEAD_BYTES: usize = 16 + 1 + 16 + 32;
/// The longest terms that are read.
const MOST_TERMS: u32 = 1 << 16;

/// What the triples of a file are for: a training that differs in any of these draws otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Terms {
    /// The dealer's session in which they were made: the name of the set that all parties' files belong to.
    pub session: String,
    /// The party whose file it is.
    pub rank: usize,
    /// Number of parties.
    pub world_size: usize,
    /// The party whose file has the corrections.
    pub adjust_rank: usize,
    /// Width of the ring.
    pub field: u32,
    /// Cipher and construction of the dealer streams.
    pub stream: String,
    /// How products are scaled back.
    pub truncation: String,
    /// Fraction bits, which truncations with the dealer's help depend on.
    pub fraction_bits: u32,
    /// The sigmoid.
    pub sigmoid: String,
    /// Rows of the table.
    pub samples: u64,
    /// Features of each rank.
    pub features: Vec<u32>,
    /// Rows of a step.
    pub batch_size: u64,
    /// Passes over the rows.
    pub epochs: u64,
    /// Whether there is an L2 penalty, and what the first step draws for it.
    pub l2: String,
    /// Whether one mask serves a row of the table for the whole training.
    pub keep_masks: bool,
}

impl Terms {
    /// 16 bytes that name the set of files; not secret.
    pub fn identifier(&self) -> [u8; 16] {
        let digest: [u8; 32] = Sha256::digest(self.session.as_bytes()).into();
        let mut identifier = [0; 16];
        identifier.copy_from_slice(&digest[..16]);
        identifier
    }

    /// The first item in which the two differ: its name, and both values.
    fn difference(&self, other: &Self) -> Option<(String, Value, Value)> {
        let (Ok(Value::Object(own)), Ok(Value::Object(mut other))) =
            (serde_json::to_value(self), serde_json::to_value(other))
        else {
            return None;
        };
        own.into_iter().find_map(|(key, own)| {
            let other = other.remove(&key).unwrap_or(Value::Null);
            (own != other).then_some((key, own, other))
        })
    }
}

/// Writes a party's file, whole or not at all, for its owner only. `records` puts the corrections into it, one after the
/// other, and is called at the adjust rank only.
///
/// # Errors
/// [`Error::OurFile`], and whatever `records` returns; there is no file then.
pub(crate) fn write(
    path: &Path,
    seed: &Seed,
    terms: &Terms,
    records: impl FnOnce(&mut Records<'_>) -> Result<()>,
) -> Result<()> {
    // The digest stands before what it covers: the records go to a nameless file first.
    let failed = |source| Error::file("write", path, source);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|source| Error::file("create", folder, source))?;
    let spool =
        tempfile::tempfile_in(folder).map_err(|source| Error::file("create a file in", folder, source))?;
    let mut out = Records { path, file: BufWriter::with_capacity(1 << 18, spool), digest: Sha256::new() };
    let text = serde_json::to_vec(terms).map_err(|source| failed(source.into()))?;
    out.put(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes())?;
    out.put(&text)?;
    if terms.rank == terms.adjust_rank {
        records(&mut out)?;
    }
    let digest: [u8; 32] = out.digest.finalize().into();
    let mut spool = out.file.into_inner().map_err(|failure| failed(failure.into_error()))?;
    spool.seek(SeekFrom::Start(0)).map_err(failed)?;
    write_atomically(path, Access::OwnerOnly, |file| {
        let mut head = Zeroizing::new([0; HEAD_BYTES]);
        head[..16].copy_from_slice(MAGIC);
        head[16] = FRESH;
        head[17..33].copy_from_slice(seed.as_bytes());
        head[33..].copy_from_slice(&digest);
        file.write_all(&*head).and_then(|()| std::io::copy(&mut spool, file).map(drop)).map_err(failed)
    })
}

/// Takes the corrections of a file that is being written.
pub(crate) struct Records<'a> {
    path: &'a Path,
    file: BufWriter<File>,
    digest: Sha256,
}

impl Records<'_> {
    /// Appends the corrections of `request`.
    pub(crate) fn push<R: Ring>(
        &mut self,
        request: &AdjustRequest,
        corrections: Corrections<R>,
    ) -> Result<()> {
        let elements: usize = corrections.iter().map(Vec::len).sum();
        let bytes = u32::try_from(elements.saturating_mul(R::BYTES))
            .map_err(|_| Error::Ours(format!("the correction of {} has more than 4 GiB", request.op)))?;
        self.put(&request.counter().to_le_bytes())?;
        self.put(&bytes.to_le_bytes())?;
        for correction in corrections {
            let len = correction.len();
            let matrix =
                Matrix::from_vec(1, len, correction).map_err(|error| Error::Ours(error.to_string()))?;
            self.put(&Zeroizing::new(matrix.to_le_bytes()))?;
        }
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.digest.update(bytes);
        self.file.write_all(bytes).map_err(|source| Error::file("write", self.path, source))
    }
}

/// A file that is fresh and whole, locked, and not yet spent.
pub(crate) struct Stored {
    path: PathBuf,
    file: File,
    terms: Terms,
    seed: Seed,
    records_at: u64,
}

impl Stored {
    /// Opens the file and checks all of it.
    ///
    /// # Errors
    /// [`Error::OurFile`] for a file that cannot be read, changed or is not whole; [`Error::Config`] for one that is
    /// spent, in use, or another kind of file.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let failed = |source| Error::file("read", path, source);
        let wrong = |problem: &str| {
            Error::Config(format!("{}: {problem}; make new ones with `symbolon triples`", path.display()))
        };
        let mut file = OpenOptions::new().read(true).write(true).open(path).map_err(failed)?;
        if file.try_lock().is_err() {
            return Err(wrong("these triples are in use by another process"));
        }
        let mut head = Zeroizing::new([0; HEAD_BYTES]);
        if file.read_exact(&mut *head).is_err() || head[..16] != MAGIC[..] {
            return Err(wrong("this is no file of triples"));
        }
        if head[16] != FRESH {
            return Err(wrong("these triples are spent: a training began with them, and they serve once"));
        }
        let mut seed = Zeroizing::new([0; 16]);
        seed.copy_from_slice(&head[17..33]);
        let mut reader = BufReader::with_capacity(1 << 18, &mut file);
        let mut digest = Sha256::new();
        let mut length = [0; 4];
        let not_whole = || wrong("the file is cut off or was changed");
        reader.read_exact(&mut length).map_err(|_| not_whole())?;
        digest.update(length);
        let length = u32::from_le_bytes(length);
        if length > MOST_TERMS {
            return Err(not_whole());
        }
        let mut terms = vec![0; length as usize];
        reader.read_exact(&mut terms).map_err(|_| not_whole())?;
        digest.update(&terms);
        let mut piece = Zeroizing::new(vec![0; 1 << 16]);
        loop {
            match reader.read(&mut piece).map_err(failed)? {
                0 => break,
                read => digest.update(&piece[..read]),
            }
        }
        if digest.finalize()[..] != head[33..] {
            return Err(not_whole());
        }
        let terms = serde_json::from_slice(&terms).map_err(|_| not_whole())?;
        let records_at = (HEAD_BYTES + 4) as u64 + u64::from(length);
        Ok(Self { path: path.to_owned(), file, terms, seed: Seed::from_bytes(*seed), records_at })
    }

    /// What the triples are for.
    pub(crate) fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Holds the file against the training that was agreed, then spends it: from here on nobody can use it again.
    /// Returns the seed, and the corrections for a session to draw.
    ///
    /// # Errors
    /// [`Error::Config`] naming the item in which the training differs, [`Error::OurFile`].
    pub(crate) fn spend(mut self, agreed: &Terms) -> Result<(Seed, StoredDealer)> {
        if let Some((item, own, agreed)) = self.terms.difference(agreed) {
            return Err(Error::Config(format!(
                "{}: these triples were made for {item} = {own}, but the training that was agreed has {agreed}; make \
                 new ones with `symbolon triples`",
                self.path.display()
            )));
        }
        let failed = |source| Error::file("mark as spent", &self.path, source);
        self.file.seek(SeekFrom::Start(STATE_AT)).map_err(failed)?;
        self.file.write_all(&[0; 17]).map_err(failed)?;
        self.file.sync_all().map_err(failed)?;
        self.file.seek(SeekFrom::Start(self.records_at)).map_err(failed)?;
        let dealer = StoredDealer { path: self.path, file: BufReader::with_capacity(1 << 18, self.file) };
        Ok((self.seed, dealer))
    }
}

/// Gives the corrections of a file, in their order.
pub(crate) struct StoredDealer {
    path: PathBuf,
    file: BufReader<File>,
}

impl<R: Ring> Dealer<R> for StoredDealer {
    fn adjust(&mut self, request: &AdjustRequest) -> Result<Corrections<R>, DealerError> {
        let wrong = |problem: String| {
            DealerError::PeerReply(format!("{}: {problem} for {}", self.path.display(), request.op))
        };
        let mut head = [0; 12];
        self.file.read_exact(&mut head).map_err(|error| wrong(format!("no corrections ({error})")))?;
        let (counter, bytes) = head.split_at(8);
        let lens = request.op.correction_lens();
        let expected = request.op.correction_bytes(R::FIELD);
        if counter != request.counter().to_le_bytes()
            || bytes != u32::try_from(expected).unwrap_or(u32::MAX).to_le_bytes()
        {
            return Err(wrong(format!("other corrections than at block {}", request.counter())));
        }
        let mut corrections = Corrections::with_capacity(lens.len());
        for len in lens {
            let mut correction = Matrix::zeros(1, len);
            let read = self.file.read_exact(correction.as_mut_le_bytes());
            read.map_err(|error| wrong(format!("no corrections ({error})")))?;
            corrections.push(correction.into_vec());
        }
        Ok(corrections)
    }
}

#[cfg(test)]
mod tests {
    use symbolon_ring::Field;
    use symbolon_triples::Op;

    use super::*;

    fn terms(rank: usize) -> Terms {
        Terms {
            session: "symbolon-1".into(),
            rank,
            world_size: 2,
            adjust_rank: 0,
            field: 64,
            stream: "aes".into(),
            truncation: "probabilistic".into(),
            fraction_bits: 18,
            sigmoid: "minimax1".into(),
            samples: 10,
            features: vec![2, 1],
            batch_size: 5,
            epochs: 2,
            l2: "none".into(),
            keep_masks: false,
        }
    }

    fn request(counter: u64) -> AdjustRequest {
        AdjustRequest::new(Op::Dot { m: 1, k: 2, n: 3 }, Field::Ring64, counter).unwrap()
    }

    fn written(folder: &Path, rank: usize) -> PathBuf {
        let path = folder.join(format!("triples-{rank}"));
        write(&path, &Seed::from_bytes([7; 16]), &terms(rank), |records| {
            records.push::<u64>(&request(0), vec![vec![1, 2, 3]])?;
            records.push::<u64>(&request(9), vec![vec![4, 5, u64::MAX]])
        })
        .unwrap();
        path
    }

    #[test]
    fn corrections_come_back_in_order_and_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = written(folder.path(), 0);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        let stored = Stored::open(&path).unwrap();
        assert_eq!(stored.terms(), &terms(0));
        assert!(Stored::open(&path).err().unwrap().to_string().contains("in use"));
        let (seed, mut dealer) = stored.spend(&terms(0)).unwrap();
        assert_eq!(seed.as_bytes(), &[7; 16]);
        assert_eq!(Dealer::<u64>::adjust(&mut dealer, &request(0)).unwrap(), [[1, 2, 3]]);
        let other = Dealer::<u64>::adjust(&mut dealer, &request(8)).unwrap_err();
        assert!(other.to_string().contains("other corrections"), "{other}");
        drop(dealer);
        // neither the state nor the seed is there any more
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(bytes[16..33], [0; 17]);
        let spent = Stored::open(&path).err().unwrap();
        assert!(spent.to_string().contains("are spent") && spent.exit_code() == 2, "{spent}");
    }

    #[test]
    fn the_file_of_another_rank_has_the_seed_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = written(folder.path(), 1);
        let (_, mut dealer) = Stored::open(&path).unwrap().spend(&terms(1)).unwrap();
        assert!(Dealer::<u64>::adjust(&mut dealer, &request(0)).is_err());
    }

    #[test]
    fn another_training_is_refused_by_its_item_and_spends_nothing() {
        type Change = fn(&mut Terms);
        let changes: [(&str, Change); 15] = [
            ("session", |terms| terms.session.push('2')),
            ("rank", |terms| terms.rank = 1),
            ("world-size", |terms| terms.world_size = 3),
            ("adjust-rank", |terms| terms.adjust_rank = 1),
            ("field", |terms| terms.field = 128),
            ("stream", |terms| terms.stream.push('2')),
            ("truncation", |terms| terms.truncation.push('2')),
            ("fraction-bits", |terms| terms.fraction_bits = 17),
            ("sigmoid", |terms| terms.sigmoid.push('2')),
            ("samples", |terms| terms.samples = 11),
            ("features", |terms| terms.features = vec![1, 2]),
            ("batch-size", |terms| terms.batch_size = 4),
            ("epochs", |terms| terms.epochs = 3),
            ("l2", |terms| terms.l2.push('2')),
            ("keep-masks", |terms| terms.keep_masks = true),
        ];
        let folder = tempfile::tempdir().unwrap();
        let path = written(folder.path(), 0);
        for (item, change) in changes {
            let mut agreed = terms(0);
            change(&mut agreed);
            let refused = Stored::open(&path).unwrap().spend(&agreed).err().unwrap();
            assert!(refused.to_string().contains(&format!("were made for {item} = ")), "{refused}");
        }
        assert!(Stored::open(&path).is_ok());
    }

    #[test]
    fn what_is_cut_off_or_changed_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = written(folder.path(), 0);
        let whole = std::fs::read(&path).unwrap();
        let open = |bytes: &[u8]| {
            let path = folder.path().join("changed");
            std::fs::write(&path, bytes).unwrap();
            Stored::open(&path).err().map(|error| error.to_string())
        };
        assert_eq!(open(&whole), None);
        for cut in 0..whole.len() {
            let refused = open(&whole[..cut]).unwrap();
            assert!(
                refused.contains("no file of triples") || refused.contains("cut off"),
                "{cut}: {refused}"
            );
        }
        let longer: Vec<u8> = whole.iter().copied().chain([0]).collect();
        assert!(open(&longer).unwrap().contains("was changed"));
        for at in (0..16).chain(33..whole.len()) {
            let mut changed = whole.clone();
            changed[at] ^= 0x10;
            assert!(open(&changed).is_some(), "byte {at}");
        }
        assert!(open(b"").unwrap().contains("no file of triples"));
    }
}
