//! How often the tests of races and crashes try.

/// The environment variable with which a developer multiplies the rounds of these tests.
const FACTOR: &str = "WATERTIGHT_TEST_ROUNDS";

/// Returns `rounds`, times the factor in the environment.
pub fn rounds(rounds: usize) -> usize {
    let factor = std::env::var(FACTOR).map_or(1, |factor| {
        factor
            .parse()
            .unwrap_or_else(|_| panic!("{FACTOR} is no number: {factor}"))
    });
    rounds * factor
}

/// Returns a number below `limit` that is another one in each round.
pub fn spread(round: usize, limit: usize) -> usize {
    round * 7919 % limit
}
