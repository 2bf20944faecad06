//! What the tests of the link share.

use std::time::Duration;

use symbolon_dialect::Dialect;
use symbolon_link::{Link, LinkConfig, LinkError};

/// Configurations with short times.
pub(crate) fn configs(parties: usize) -> Vec<LinkConfig> {
    (0..parties)
        .map(|rank| {
            let mut config = LinkConfig::new(rank, parties, &Dialect::symbolon());
            config.connect_timeout = Duration::from_secs(5);
            config.connect_interval = Duration::from_millis(5);
            config.receive_timeout = Duration::from_secs(5);
            config.idle_timeout = Duration::from_millis(500);
            config
        })
        .collect()
}

/// Every party in its own thread.
pub(crate) fn run<T: Send>(
    links: &[Link],
    party: impl Fn(&Link) -> Result<T, LinkError> + Sync,
) -> Vec<Result<T, LinkError>> {
    let party = &party;
    std::thread::scope(|scope| {
        let threads: Vec<_> = links.iter().map(|link| scope.spawn(move || party(link))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}
