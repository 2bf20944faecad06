//! Progress: bars on stderr if that is a terminal, and lines in the log.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

static BARS: LazyLock<MultiProgress> =
    LazyLock::new(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(8)));

/// Runs `action` while no bar is drawn.
pub fn suspended<T>(action: impl FnOnce() -> T) -> T {
    BARS.suspend(action)
}

/// The bar of one phase; removed when dropped.
pub struct Bar(ProgressBar);

impl Bar {
    /// A bar that counts `unit`s up to a total that is told later.
    pub fn counting(phase: &str, unit: &str) -> Self {
        let bar = BARS.add(ProgressBar::new(0));
        let template =
            format!("{{prefix:>12}} [{{bar:30}}] {{pos}}/{{len}} {unit} {{msg}} ({{per_sec}}, {{eta}} left)");
        bar.set_style(
            ProgressStyle::with_template(&template)
                .unwrap_or_else(|_| ProgressStyle::default_bar())
                .progress_chars("=> "),
        );
        bar.set_prefix(phase.to_owned());
        Self(bar)
    }

    /// A spinner for a phase whose length is unknown.
    pub fn waiting(phase: &str) -> Self {
        let bar = BARS.add(ProgressBar::new_spinner());
        bar.set_prefix(phase.to_owned());
        bar.set_style(
            ProgressStyle::with_template("{prefix:>12} {spinner} {msg} {elapsed}")
                .unwrap_or_else(|_| ProgressStyle::default_spinner()),
        );
        bar.enable_steady_tick(Duration::from_millis(120));
        Self(bar)
    }

    /// Moves the bar.
    pub fn at(&self, done: u64, total: u64) {
        if self.0.length() != Some(total) {
            self.0.set_length(total);
        }
        self.0.set_position(done);
    }

    /// Changes the text beside the bar.
    pub fn say(&self, text: impl Into<String>) {
        self.0.set_message(text.into());
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// Progress of long work: a bar where there is a terminal, and a line in the log every ten seconds.
pub struct Meter {
    phase: &'static str,
    unit: &'static str,
    bar: Bar,
    told: Option<Told>,
}

/// What was told last, and when the counting began.
#[derive(Clone, Copy)]
struct Told {
    begin: Instant,
    first: u64,
    last: Instant,
}

impl Meter {
    /// Nothing is told before the first call of [`Meter::at`], from which rates are counted: what was done before
    /// (by a run that is resumed) is no speed.
    pub fn new(phase: &'static str, unit: &'static str) -> Self {
        Self { phase, unit, bar: Bar::counting(phase, unit), told: None }
    }

    /// `done` of `total` are done.
    pub fn at(&mut self, done: u64, total: u64) {
        const PAUSE: Duration = Duration::from_secs(10);
        self.bar.at(done, total);
        let now = Instant::now();
        let Some(told) = self.told else {
            self.bar.0.reset_eta();
            self.told = Some(Told { begin: now, first: done, last: now });
            return;
        };
        if now.duration_since(told.last) < PAUSE {
            return;
        }
        self.told = Some(Told { last: now, ..told });
        let rate = rate(done.saturating_sub(told.first), now.duration_since(told.begin));
        let left = left(total.saturating_sub(done), rate);
        tracing::info!(
            done,
            of = total,
            per_second = rate as u64,
            seconds_left = left,
            "{} {}",
            self.phase,
            self.unit
        );
    }
}

/// Units per second.
fn rate(done: u64, time: Duration) -> f64 {
    done as f64 / time.as_secs_f64().max(1e-3)
}

/// Seconds for what is left; `None` if nothing is done yet.
fn left(count: u64, rate: f64) -> Option<u64> {
    (rate > 0.0).then(|| (count as f64 / rate).ceil() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_is_what_is_left_by_the_rate() {
        assert_eq!(left(1000, rate(500, Duration::from_secs(10))), Some(20));
        assert_eq!(left(1000, rate(0, Duration::from_secs(10))), None);
        assert_eq!(left(0, rate(3, Duration::from_secs(10))), Some(0));
    }
}
