//! Progress bars on stderr, only if stderr is a terminal.

use std::sync::LazyLock;
use std::time::Duration;

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
        let template = format!("{{prefix:>12}} [{{bar:30}}] {{pos}}/{{len}} {unit} {{msg}} ({{eta}})");
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
