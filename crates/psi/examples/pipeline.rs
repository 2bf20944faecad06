//! What an intersection costs beside the curve: two parties in this process, whose masks are next to free.
//!
//! ```text
//! cargo run --release -p symbolon-psi --example pipeline -- 1000000 memory
//! cargo run --release -p symbolon-psi --example pipeline -- 10000000 scratch 256
//! cargo run --release -p symbolon-psi --example pipeline -- 1000000 run 256
//! ```
//!
//! Arguments: ids per party (half of them in common), where points are kept, MiB of memory per party (256), and
//! `curve` for the real masks. Prints the time of each phase, the bytes on the link against those of the points
//! alone, and the peak of memory of both parties together.

use std::time::{Duration, Instant};

use rayon::prelude::*;
use sha2::{Digest, Sha256};
use symbolon_curve::{Curve, CurveError, Masker, SecretScalar, Suite};
use symbolon_dialect::Dialect;
use symbolon_link::{Link, memory};
use symbolon_psi::{
    Duplicates, IdBatch, OwnSet, Phase, PointMask, PsiParams, RunDirectory, ScanOptions, Storage,
    intersect_with,
};

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Hashes as the suite does, and then changes bits as the secret says. It commutes, and hides nothing.
struct Cheap([u8; 32]);

impl Cheap {
    fn change(&self, point: &mut [u8]) {
        point.iter_mut().zip(self.0).for_each(|(byte, key)| *byte ^= key);
    }
}

impl PointMask for Cheap {
    fn mask_items(&self, items: &[&[u8]]) -> Result<Vec<u8>, CurveError> {
        let mut points = vec![0; 32 * items.len()];
        points.par_chunks_exact_mut(32).zip(items).with_min_len(256).for_each(|(point, item)| {
            point.copy_from_slice(&Sha256::digest(item));
            self.change(point);
        });
        Ok(points)
    }

    fn mask_points(&self, points: &[u8]) -> Result<Vec<u8>, CurveError> {
        let mut points = points.to_vec();
        points.chunks_exact_mut(32).for_each(|point| self.change(point));
        Ok(points)
    }
}

#[derive(Debug, Default)]
struct Times {
    scan: Duration,
    exchange: Duration,
    compare: Duration,
    rows: Duration,
}

fn party(link: &Link, count: u64, storage: &str, memory: u64, curve: bool) -> Result<Times, Error> {
    let mut ids = IdBatch::new();
    let start = count / 2 * link.rank() as u64;
    (start..start + count).for_each(|id| ids.push(format!("customer-{id:012}").as_bytes()));
    let folder = tempfile::tempdir()?;
    let (mut times, mut clock) = (Times::default(), Instant::now());
    let mut lap = |now: Instant| now.duration_since(std::mem::replace(&mut clock, now));

    lap(Instant::now());
    let scratch = folder.path().to_owned();
    let options = ScanOptions { duplicates: Duplicates::Count, partition: None, memory, scratch };
    let own = OwnSet::scan(&ids, &options, &mut |_| {})?;
    times.scan = lap(Instant::now());

    let params = PsiParams::new(Suite::CURVE25519_SHA256_DIRECT, &Dialect::symbolon());
    let key = [0x5a ^ u8::try_from(link.rank())?; 32];
    let masks = move |secret| -> Result<Box<dyn PointMask>, CurveError> {
        if curve {
            return Ok(Box::new(Masker::new(Suite::CURVE25519_SHA256_DIRECT, secret)?));
        }
        Ok(Box::new(Cheap(key)))
    };
    let mut directory = RunDirectory::open(&folder.path().join("run"), &own)?;
    let storage = match storage {
        "memory" => Storage::Memory,
        "scratch" => Storage::Scratch { memory, directory: folder.path() },
        "run" => Storage::Run { memory, directory: &mut directory, agreed: Some([1; 16]) },
        other => return Err(format!("{other}: memory, scratch or run").into()),
    };
    let mut compares = None;
    let mut progress = |now: symbolon_psi::Progress| {
        if now.phase == Phase::Compare {
            compares = Some(Instant::now());
        }
    };
    let secret = SecretScalar::random(Curve::Curve25519)?;
    let found = intersect_with(&link.root(), &params, &ids, &own, storage, secret, &masks, &mut progress)?;
    let ended = Instant::now();
    times.exchange = lap(compares.unwrap_or(ended));
    times.compare = lap(ended);

    let common = found.common.ok_or("no result")?;
    let rows = common.by_row(&own, memory, folder.path())?;
    let rows = rows.map(|placed| placed.map(|_| ())).collect::<Result<Vec<_>, _>>()?.len() as u64;
    times.rows = lap(Instant::now());
    if common.len() != count - count / 2 || rows != common.len() {
        return Err(format!("{} ids in common, {rows} rows", common.len()).into());
    }
    Ok(times)
}

fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib / 1024)
}

fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let argument = |place: usize, default: &'static str| arguments.get(place).map_or(default, String::as_str);
    let count: u64 = argument(0, "1000000").parse()?;
    let (storage, memory) = (argument(1, "memory"), argument(2, "256").parse::<u64>()? << 20);
    let curve = argument(3, "cheap") == "curve";
    let links = memory::network(2, &Dialect::symbolon());
    let start = Instant::now();
    let times = std::thread::scope(|scope| {
        let parties: Vec<_> = links
            .iter()
            .map(|link| scope.spawn(move || party(link, count, storage, memory, curve)))
            .collect();
        parties
            .into_iter()
            .map(|party| party.join().map_err(|_| "a party panicked")?)
            .collect::<Result<Vec<_>, _>>()
    })?;
    let all = start.elapsed();
    for (rank, times) in times.iter().enumerate() {
        println!("rank {rank}: {times:.2?}");
    }
    let sent = links[0].traffic().sent_bytes;
    // Own points and the peer's, 32 bytes each.
    let points = 64 * count;
    println!("both parties, with making up their ids: {all:.2?}");
    println!(
        "bytes sent per party: {sent}, {:.3} % beyond the points",
        100.0 * (sent as f64 / points as f64 - 1.0)
    );
    println!("peak of memory, both parties and their ids: {} MiB", peak().unwrap_or(0));
    Ok(())
}
