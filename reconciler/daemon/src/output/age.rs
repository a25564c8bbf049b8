//! How long ago, in one word.

use evenkeel_model::Timestamp;

/// `now`, `40s`, `12m`, `3h`, `5d`.
pub(crate) fn age(now: Timestamp, then: Timestamp) -> String {
    let secs = now.since(then).as_millis() / 1000;
    match secs {
        0 => "now".into(),
        1..=119 => format!("{secs}s"),
        120..=7199 => format!("{}m", secs / 60),
        7200..=172_799 => format!("{}h", secs / 3600),
        _ => format!("{}d", secs / 86_400),
    }
}

/// The wall clock.
pub(crate) fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_millisecond())
}

#[cfg(test)]
mod tests {
    #[test]
    fn reads_as_people_say_it() {
        use evenkeel_model::Timestamp;
        for (secs, text) in [
            (0, "now"),
            (40, "40s"),
            (720, "12m"),
            (10_800, "3h"),
            (432_000, "5d"),
        ] {
            assert_eq!(super::age(Timestamp(secs * 1000), Timestamp(0)), text);
        }
    }
}
