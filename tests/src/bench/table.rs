//! Pairs of times taken alternately, and what they come to.

use std::{fmt, time::Duration};

/// One row: ours and the floor's times, pair by pair.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// What was done.
    pub name: String,
    /// Ours and the floor's, in the order they were taken.
    pub pairs: Vec<(Duration, Duration)>,
    /// The ratio that we aim at.
    pub aim: Option<f64>,
    /// Round trips per server, as counted.
    pub trips: u64,
}

/// The middle one; of an even number the upper of the two.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

impl Row {
    /// The median of ours, in milliseconds.
    #[must_use]
    pub fn ours(&self) -> f64 {
        median(
            self.pairs
                .iter()
                .map(|(ours, _)| ours.as_secs_f64() * 1e3)
                .collect(),
        )
    }
    /// The median of the floor's, in milliseconds.
    #[must_use]
    pub fn floor(&self) -> f64 {
        median(
            self.pairs
                .iter()
                .map(|(_, floor)| floor.as_secs_f64() * 1e3)
                .collect(),
        )
    }
    /// The median of the pairs' ratios: what slows the machine for a while slows both of a pair.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        let ratios = self
            .pairs
            .iter()
            .map(|(ours, floor)| ours.as_secs_f64() / floor.as_secs_f64());
        median(ratios.collect())
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.aim {
            Some(aim) if self.ratio() <= aim => format!("aim {aim:.1}: met"),
            Some(aim) => format!("aim {aim:.1}: missed"),
            None => String::new(),
        };
        write!(
            f,
            "{:<44} {:>9.2} ms {:>9.2} ms {:>6.2}x {:>6}  {verdict}",
            self.name,
            self.ours(),
            self.floor(),
            self.ratio(),
            self.trips
        )
    }
}

/// The line above the rows.
#[must_use]
pub fn heading() -> String {
    format!(
        "{:<44} {:>12} {:>12} {:>7} {:>6}",
        "", "ours", "floor", "ratio", "trips"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_goes_pair_by_pair() {
        let millis = Duration::from_millis;
        let row = Row {
            name: "check".into(),
            // The machine was ten times slower during the second pair: the ratio does not care.
            pairs: vec![
                (millis(12), millis(10)),
                (millis(120), millis(100)),
                (millis(13), millis(10)),
            ],
            aim: Some(1.3),
            trips: 1,
        };
        assert!((row.ratio() - 1.2).abs() < 1e-9);
        assert!((row.ours() - 13.0).abs() < 1e-9 && (row.floor() - 10.0).abs() < 1e-9);
        assert!(row.to_string().ends_with("aim 1.3: met"), "{row}");
    }
}
