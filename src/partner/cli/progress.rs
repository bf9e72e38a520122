//! Progress bars on a terminal, and lines about lost connections everywhere.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::submit::SubmitProgress;
use crate::survey::Progress;

/// A bar; it shows itself on a terminal only.
pub(super) struct Bar(ProgressBar);

impl Bar {
    pub(super) fn new(what: &'static str) -> Self {
        let bar = ProgressBar::new(1000);
        // A template that does not parse would only cost the bar its looks.
        if let Ok(style) = ProgressStyle::with_template("{msg} {bar:40} {percent} %, {eta} left") {
            bar.set_style(style);
        }
        bar.set_message(what);
        Self(bar)
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

impl Progress for Bar {
    fn encoded(&self, _rows: u64, permille: u32) {
        self.0.set_position(permille.into());
    }
}

impl SubmitProgress for Bar {
    fn held(&self, batches: u32, of: u32) {
        self.0.set_length(of.into());
        self.0.set_position(batches.into());
    }

    fn lost(&self, reason: &str, wait: Duration) {
        let line = format!("{reason}\ntrying again in {:.0} s", wait.as_secs_f64().ceil());
        if self.0.is_hidden() {
            eprintln!("{line}");
        } else {
            self.0.println(line);
        }
    }
}
