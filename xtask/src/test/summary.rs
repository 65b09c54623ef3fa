//! What is printed after each step, and at the end.

use crate::process::{read_text, tail};
use crate::screen::{Tone, paint};
use crate::tally::Tally;

use super::step::{StepResult, Verdict};

/// How much of a failed step's log is shown.
const SHOWN_LINES: usize = 150;

/// One line for a step that passed; the end of its log for one that did not.
pub(crate) fn print_step(result: &StepResult) {
    if result.verdict == Verdict::Failed {
        let log = read_text(&result.log);
        // What passed is in the log for who wants it.
        let telling = log.lines().filter(|line| !line.trim_start().starts_with("PASS ["));
        println!("{}", tail(&telling.collect::<Vec<_>>().join("\n"), SHOWN_LINES));
    }
    let (word, tone) = word(result.verdict);
    let note = if result.note.is_empty() { String::new() } else { format!("  {}", result.note) };
    println!("{} {:<16} {:>7.1} s{note}", paint(tone, word), result.step.name(), result.took.as_secs_f64());
    if result.verdict == Verdict::Failed {
        println!("       its log: {}", result.log.display());
    }
}

/// The table and the closing line; tells whether nothing failed.
pub(crate) fn print_all(results: &[StepResult]) -> bool {
    println!("\n       {:<16} {:>7} {:>7} {:>7} {:>9}", "step", "passed", "failed", "skipped", "time");
    let mut sum = Tally::default();
    for result in results {
        let (word, tone) = word(result.verdict);
        let Tally { passed, failed, skipped } = result.tally;
        let (name, seconds) = (result.step.name(), result.took.as_secs_f64());
        println!("{} {name:<16} {passed:>7} {failed:>7} {skipped:>7} {seconds:>7.1} s", paint(tone, word));
        sum += result.tally;
    }
    let seconds: f64 = results.iter().map(|result| result.took.as_secs_f64()).sum();
    println!(
        "       {:<16} {:>7} {:>7} {:>7} {seconds:>7.1} s\n",
        "all", sum.passed, sum.failed, sum.skipped
    );
    println!("{sum}");
    sum.failed == 0
}

fn word(verdict: Verdict) -> (&'static str, Tone) {
    match verdict {
        Verdict::Passed => ("ok    ", Tone::Good),
        Verdict::Failed => ("FAILED", Tone::Bad),
        Verdict::Skipped => ("skip  ", Tone::Dim),
    }
}
