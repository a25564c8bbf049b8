//! Did you mean …?

/// The candidate nearest to `wrong`, if it is near enough to be what was meant.
pub(crate) fn did_you_mean<'c>(wrong: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<String> {
    let wrong: String = wrong.chars().take(200).collect();
    let limit = (wrong.chars().count() / 3).clamp(1, 4);
    candidates
        .into_iter()
        .take(1000)
        .map(|candidate| {
            let distance = strsim::damerau_levenshtein(&wrong.to_lowercase(), &candidate.to_lowercase());
            (distance, candidate)
        })
        .filter(|(distance, candidate)| *distance <= limit && *candidate != wrong)
        .min()
        .map(|(_, candidate)| candidate.to_owned())
}

#[cfg(test)]
mod tests {
    use super::did_you_mean;

    #[test]
    fn near_names_are_offered_and_far_ones_are_not() {
        let known = ["restartOn", "reloadOn", "mode", "owner"];
        for (wrong, guess) in [
            ("restarton", Some("restartOn")),
            ("mdoe", Some("mode")),
            ("ownr", Some("owner")),
            ("colour", None),
            ("x", None),
        ] {
            assert_eq!(did_you_mean(wrong, known).as_deref(), guess, "{wrong}");
        }
    }
}
