//! How many tests passed, read from what the test runners print at their end.

use std::fmt;
use std::ops::AddAssign;

/// A count of tests or cases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) skipped: usize,
}

impl Tally {
    /// A check that is not made of tests, as formatting.
    pub(crate) fn of_check(passed: bool) -> Self {
        Self { passed: passed.into(), failed: (!passed).into(), skipped: 0 }
    }

    /// What the closing lines of a test runner say. `None`: there is none.
    ///
    /// Known are nextest (`Summary [ 0.2s] 3 tests run: 3 passed, 1 skipped`), cargo test, which has a line for each
    /// binary (`test result: ok. 3 passed; 0 failed; 1 ignored; …`), and the plain `3 passed, 0 failed, 1 skipped`.
    /// The output of a failed test may hold lines of the kinds named later, so only the first kind found counts.
    pub(crate) fn parse(log: &str) -> Option<Self> {
        let nextest = log.lines().filter_map(nextest_counts).next_back();
        if let Some(counts) = nextest {
            return Some(Self::parse_counts(counts));
        }
        let cargo = log.lines().filter_map(cargo_counts).map(Self::parse_counts);
        let sum = cargo.reduce(|mut sum, more| {
            sum += more;
            sum
        });
        sum.or_else(|| log.lines().filter_map(plain_counts).next_back().map(Self::parse_counts))
    }

    fn parse_counts(counts: &str) -> Self {
        let mut sum = Self::default();
        for part in counts.split([',', ';']) {
            sum += Self::parse_part(part);
        }
        sum
    }

    /// `3 passed`, or `3 passed (1 slow`: what follows in brackets is already counted.
    fn parse_part(part: &str) -> Self {
        let mut words = part.split_whitespace();
        let number = words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
        match (words.next(), words.next()) {
            (Some("passed"), _) => Self { passed: number, ..Self::default() },
            (Some("failed"), _) | (Some("timed"), Some("out")) | (Some("exec"), Some("failed")) => {
                Self { failed: number, ..Self::default() }
            }
            (Some("skipped" | "ignored"), _) => Self { skipped: number, ..Self::default() },
            _ => Self::default(),
        }
    }
}

fn nextest_counts(line: &str) -> Option<&str> {
    let line = line.trim().strip_prefix("Summary [")?;
    line.split_once(" run: ").map(|(_, counts)| counts)
}

fn cargo_counts(line: &str) -> Option<&str> {
    line.strip_prefix("test result: ")?.split_once(". ").map(|(_, counts)| counts)
}

fn plain_counts(line: &str) -> Option<&str> {
    let (passed, failed) = line.split_once(" passed, ")?;
    let (failed, _) = failed.split_once(" failed")?;
    let plain = [passed, failed].iter().all(|number| number.parse::<usize>().is_ok());
    plain.then_some(line)
}

impl AddAssign for Tally {
    fn add_assign(&mut self, more: Self) {
        self.passed += more.passed;
        self.failed += more.failed;
        self.skipped += more.skipped;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(passed: usize, failed: usize, skipped: usize) -> Option<Tally> {
        Some(Tally { passed, failed, skipped })
    }

    #[test]
    fn cargo_test_is_summed_over_its_binaries() {
        let log = "running 3 tests\n\
            test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\n\
            test result: FAILED. 2 passed; 4 failed; 0 ignored; 0 measured; 7 filtered out; finished in 0.1s\n";
        assert_eq!(Tally::parse(log), tally(5, 4, 1));
    }

    #[test]
    fn nextest_with_all_it_can_say() {
        let log = "     Summary [   1.001s] 10/12 tests run: 6 passed (1 slow, 2 flaky), 2 failed, \
            1 timed out, 1 exec failed, 3 skipped\n";
        assert_eq!(Tally::parse(log), tally(6, 4, 3));
        let log = "     Summary [   0.003s] 1 test run: 1 passed, 0 skipped\n";
        assert_eq!(Tally::parse(log), tally(1, 0, 0));
    }

    #[test]
    fn the_output_of_a_failed_test_does_not_count() {
        let log = "test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 20 filtered out\n\
            7 passed, 9 failed\n     Summary [   0.1s] 3 tests run: 2 passed, 1 failed, 0 skipped\n\
            test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 20 filtered out\n";
        assert_eq!(Tally::parse(log), tally(2, 1, 0));
    }

    #[test]
    fn the_plain_line() {
        assert_eq!(Tally::parse("301 cases in 9.4 s\n297 passed, 4 failed\n"), tally(297, 4, 0));
        assert_eq!(Tally::parse("297 passed, 4 failed, 2 skipped"), tally(297, 4, 2));
    }

    #[test]
    fn a_log_without_a_closing_line() {
        assert_eq!(Tally::parse("error: 3 passed, he said; none failed\n2 failed"), None);
    }
}
