//! The bound on memory: two parties of a million ids each in one process, with masks that cost nothing.
//! A file of its own, as the figure is of the whole process.

use symbolon_curve::{Curve, CurveError, SecretScalar, Suite};
use symbolon_dialect::Dialect;
use symbolon_link::LinkConfig;
use symbolon_link::memory::Network;
use symbolon_psi::{
    Duplicates, IdBatch, IdScan, IdSource, OwnSet, PointMask, PsiParams, ScanOptions, SourceError, Storage,
    intersect_with, need,
};

/// The decimal numbers from `start` on, `rows` of them: nothing is kept.
struct Numbers {
    start: u64,
    rows: u64,
}

struct Counting(std::ops::Range<u64>);

impl IdSource for Numbers {
    fn scan(&self, from_row: u64) -> Result<Box<dyn IdScan + '_>, SourceError> {
        Ok(Box::new(Counting(self.start + from_row..self.start + self.rows)))
    }
}

impl IdScan for Counting {
    fn read(&mut self, rows: usize, into: &mut IdBatch) -> Result<(), SourceError> {
        self.0.by_ref().take(rows).for_each(|number| into.push(number.to_string().as_bytes()));
        Ok(())
    }
}

/// Commutes as masks do, and hides nothing: the id's number, spread over 32 bytes, with the secret's bits changed.
struct Xor([u8; 32]);

impl PointMask for Xor {
    fn mask_items(&self, items: &[&[u8]]) -> Result<Vec<u8>, CurveError> {
        let spread = |item: &&[u8]| -> [u8; 32] {
            let number =
                item.iter().fold(1u64, |sum, digit| sum.wrapping_mul(10).wrapping_add(u64::from(*digit)));
            let mut bytes = [0; 32];
            for (word, odd) in bytes.as_chunks_mut().0.iter_mut().zip([1u64, 3, 5, 7]) {
                *word = number.wrapping_mul(odd.wrapping_mul(0x9e37_79b9_7f4a_7c15)).to_le_bytes();
            }
            bytes
        };
        self.mask_points(items.iter().map(spread).collect::<Vec<_>>().as_flattened())
    }

    fn mask_points(&self, points: &[u8]) -> Result<Vec<u8>, CurveError> {
        Ok(points.iter().zip(self.0.iter().cycle()).map(|(a, b)| a ^ b).collect())
    }
}

/// Most memory that the process has had, in bytes.
#[cfg(target_os = "linux")]
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    1024 * line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
}

#[test]
#[cfg(target_os = "linux")]
fn a_million_ids_in_little_memory() {
    const ROWS: u64 = 1_000_000;
    const MEMORY: u64 = 16 << 20;
    let suite = Suite::CURVE25519_SHA256_DIRECT;
    let configs = (0..2)
        .map(|rank| {
            let mut config = LinkConfig::new(rank, 2, &Dialect::symbolon());
            config.backlog_bytes = 4 << 20;
            config.mailbox_bytes = 4 << 20;
            config
        })
        .collect();
    let (_network, links) = Network::start(configs).unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for (link, secret) in links.iter().zip([0x55, 0x0f]) {
            let folder = folder.path();
            scope.spawn(move || {
                let source = Numbers { start: ROWS / 2 * link.rank() as u64, rows: ROWS };
                let options = ScanOptions {
                    duplicates: Duplicates::Count,
                    partition: None,
                    memory: MEMORY,
                    scratch: folder.to_owned(),
                };
                let own = OwnSet::scan(&source, &options, &mut |_| {}).unwrap();
                let params = PsiParams::new(suite, &Dialect::symbolon());
                let storage = Storage::Scratch { memory: MEMORY, directory: folder };
                let masks = move |_| Ok(Box::new(Xor([secret; 32])) as Box<dyn PointMask>);
                let unused = SecretScalar::random(Curve::Curve25519).unwrap();
                let channel = link.root();
                let found =
                    intersect_with(&channel, &params, &source, &own, storage, unused, &masks, &mut |_| {})
                        .unwrap();
                let common = found.common.unwrap();
                assert_eq!(common.len(), ROWS / 2);
                let offset = if link.rank() == 0 { ROWS / 2 } else { 0 };
                let rows = common.by_row(&own, MEMORY, folder).unwrap();
                assert!(rows.map(|placed| placed.unwrap().row).eq(offset..offset + ROWS / 2));
            });
        }
    });
    // Both parties, their link and the test itself. In memory each would take more than 200 MB.
    let (peak, in_memory) = (peak(), 2 * need(suite, ROWS, ROWS).memory);
    assert!(in_memory > 400 << 20, "{in_memory}");
    assert!(peak < 112 << 20, "{} MiB", peak >> 20);
}
