//! Spread without randomness: the same seed gives the same throws.

use evenkeel_model::Span;

/// `SplitMix64` (Steele, Lea, Flood 2014) over a counter.
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    /// Between nine and eleven tenths of `span`, so that many services and environments do not go in step.
    pub(crate) fn spread(&mut self, span: Span) -> Span {
        let tenth = span.as_millis() / 10;
        let extra = self.next() % (2 * tenth + 1);
        Span::from_millis(span.as_millis() - tenth + extra)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_spread_stays_within_a_tenth(seed: u64, millis in 0_u64..1_000_000_000) {
            let spread = Dice::new(seed).spread(Span::from_millis(millis)).as_millis();
            prop_assert!(spread >= millis - millis / 10 && spread <= millis + millis / 10);
        }
    }

    #[test]
    fn the_same_seed_throws_the_same() {
        let throw = || {
            let mut dice = Dice::new(7);
            (0..4)
                .map(|_| dice.spread(Span::from_secs(60)))
                .collect::<Vec<_>>()
        };
        assert_eq!(throw(), throw());
        assert!(throw().windows(2).any(|pair| pair[0] != pair[1]));
    }
}
