//! Colours. Never the only carrier of a meaning: the word is always there too.

use anstyle::{AnsiColor, Style};
use evenkeel_model::{Health, SyncStatus};

/// Paints, or leaves as it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paint {
    /// Whether to paint.
    pub(crate) on: bool,
}

impl Paint {
    fn with(self, style: Style, text: &str) -> String {
        if self.on {
            format!("{}{text}{}", style.render(), style.render_reset())
        } else {
            text.to_owned()
        }
    }
    /// All is well.
    pub(crate) fn good(self, text: &str) -> String {
        self.with(AnsiColor::Green.on_default(), text)
    }
    /// Look here.
    pub(crate) fn warn(self, text: &str) -> String {
        self.with(AnsiColor::Yellow.on_default(), text)
    }
    /// Wrong.
    pub(crate) fn bad(self, text: &str) -> String {
        self.with(AnsiColor::Red.on_default().bold(), text)
    }
    /// Under way.
    pub(crate) fn news(self, text: &str) -> String {
        self.with(AnsiColor::Cyan.on_default(), text)
    }
    /// Less important.
    pub(crate) fn quiet(self, text: &str) -> String {
        self.with(Style::new().dimmed(), text)
    }
    /// More important.
    pub(crate) fn strong(self, text: &str) -> String {
        self.with(Style::new().bold(), text)
    }
    /// A sync status in its colour.
    pub(crate) fn sync(self, status: SyncStatus) -> String {
        let text = status.to_string();
        match status {
            SyncStatus::InSync => self.good(&text),
            SyncStatus::Pending | SyncStatus::Missing => self.news(&text),
            SyncStatus::Extra | SyncStatus::Drifted => self.warn(&text),
            SyncStatus::Unknown => self.bad(&text),
        }
    }
    /// A health in its colour.
    pub(crate) fn health(self, health: Health) -> String {
        let text = health.to_string();
        match health {
            Health::Healthy => self.good(&text),
            Health::Progressing | Health::Suspended => self.news(&text),
            Health::Unknown => self.warn(&text),
            Health::Degraded => self.bad(&text),
        }
    }
}
