//! Instants and durations, to the millisecond. The model has no clock: times are handed in.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::{fmt, ops, str::FromStr, time::Duration};

/// Milliseconds since 1970-01-01T00:00:00Z; written as RFC 3339 for people, as a number on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The time between, zero if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Span {
        Span::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl ops::Add<Span> for Timestamp {
    type Output = Self;
    fn add(self, span: Span) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)),
        )
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(time) => f.pad(&time.to_string()),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

/// A duration in whole milliseconds, at most a year; written `30s`, `5m`, `1h 30m`, `250ms`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(u64);

/// Why a text is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a duration: write 30s, 5m, 1h 30m or 250ms; at most a year, not negative")]
pub struct SpanError(pub String);

const YEAR: u64 = 366 * 24 * 60 * 60 * 1000;

impl Span {
    /// So many milliseconds, capped at a year.
    #[must_use]
    pub fn from_millis(millis: u64) -> Self {
        Self(millis.min(YEAR))
    }
    /// So many seconds, capped at a year.
    #[must_use]
    pub fn from_secs(secs: u64) -> Self {
        Self::from_millis(secs.saturating_mul(1000))
    }
    /// In milliseconds.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }
}

impl From<Span> for Duration {
    fn from(span: Span) -> Self {
        Self::from_millis(span.0)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.pad("0s");
        }
        let mut rest = self.0;
        let mut text = String::new();
        for (unit, millis) in [
            ("d", 86_400_000),
            ("h", 3_600_000),
            ("m", 60_000),
            ("s", 1000),
            ("ms", 1),
        ] {
            if rest >= millis {
                text.push_str(&format!(
                    "{}{}{unit}",
                    if text.is_empty() { "" } else { " " },
                    rest / millis
                ));
                rest %= millis;
            }
        }
        f.pad(&text)
    }
}

impl FromStr for Span {
    type Err = SpanError;
    fn from_str(text: &str) -> Result<Self, SpanError> {
        let fail = || SpanError(text.chars().take(40).collect());
        let span: jiff::SignedDuration = text.parse().map_err(|_| fail())?;
        let millis = u64::try_from(span.as_millis()).map_err(|_| fail())?;
        if millis > YEAR {
            Err(fail())
        } else {
            Ok(Self(millis))
        }
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_as_people_write_them() {
        for (text, millis) in [
            ("30s", 30_000),
            ("5m", 300_000),
            ("1h 30m", 5_400_000),
            ("250ms", 250),
            ("0s", 0),
        ] {
            let span: Span = text.parse().unwrap();
            assert_eq!((span.as_millis(), span.to_string()), (millis, text.to_owned()));
        }
        assert_eq!("1h30m".parse::<Span>().unwrap().as_millis(), 5_400_000);
        for bad in ["", "30", "-5s", "5 parsecs", "400000d"] {
            assert!(bad.parse::<Span>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn timestamps_read_as_rfc_3339() {
        assert_eq!(Timestamp(0).to_string(), "1970-01-01T00:00:00Z");
        assert_eq!(
            (Timestamp(1000) + Span::from_secs(2))
                .since(Timestamp(500))
                .as_millis(),
            2500
        );
    }
}
