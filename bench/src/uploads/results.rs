//! What came out for a case, and whether that is what was wanted.

use super::Sample;
use super::cases::{Case, Goal};
use super::contender::Contender;
use crate::channels::said;
use crate::failure::Failure;
use crate::report::machine::load_average;
use crate::report::table::{align, number};
use crate::rounds::median;

/// What came out for a contender.
pub(crate) struct Row {
    pub(crate) contender: Contender,
    /// By round.
    pub(crate) samples: Vec<Option<Sample>>,
    pub(crate) failure: Option<String>,
}

pub(crate) struct Results {
    pub(crate) case: Case,
    pub(crate) rows: Vec<Row>,
    pub(crate) rounds: usize,
    pub(crate) load_before: String,
    pub(crate) quick: bool,
    pub(crate) size: String,
    pub(crate) remark: String,
}

/// Whether a goal is reached, and by what.
pub(crate) struct Verdict {
    pub(crate) is_reached: bool,
    pub(crate) text: String,
}

impl Row {
    pub(crate) fn new(contender: Contender) -> Self {
        Self { contender, samples: Vec::new(), failure: None }
    }

    pub(crate) fn take(&mut self, sample: Result<Sample, Failure>) {
        match sample {
            Ok(sample) => self.samples.push(Some(sample)),
            Err(Failure(reason)) => {
                self.samples.push(None);
                self.failure = Some(reason);
            }
        }
    }

    fn figures(&self, column: usize) -> Vec<f64> {
        self.samples.iter().flatten().map(|sample| sample.figures[column]).collect()
    }

    fn median(&self, column: usize) -> Option<f64> {
        median(self.figures(column))
    }

    fn in_round(&self, round: usize, column: usize) -> Option<f64> {
        Some(self.samples.get(round)?.as_ref()?.figures[column])
    }

    /// The median, and behind it the lowest and the highest where there are several.
    fn cell(&self, column: usize) -> String {
        let figures = self.figures(column);
        let Some(middle) = median(figures.clone()) else { return "–".to_owned() };
        let low = figures.iter().copied().fold(f64::MAX, f64::min);
        let high = figures.iter().copied().fold(0.0, f64::max);
        match figures.len() {
            // What came to nothing.
            _ if !high.is_finite() => "∞".to_owned(),
            1 => number(middle),
            _ => format!("{} ({}–{})", number(middle), number(low), number(high)),
        }
    }
}

impl Results {
    fn row(&self, contender: Contender) -> Option<&Row> {
        self.rows.iter().find(|row| row.contender == contender)
    }

    /// The peer with the lowest median.
    fn best_peer(&self, column: usize) -> Option<&Row> {
        let peers = self.rows.iter().filter(|row| row.contender.is_peer());
        let scored = peers.filter_map(|row| Some((row.median(column)?, row)));
        scored.min_by(|one, other| one.0.total_cmp(&other.0)).map(|(_, row)| row)
    }

    /// The median of the ratios within the rounds.
    fn ratio(&self, column: usize, row: &Row, to: &Row) -> Option<f64> {
        let rounds = (0..self.rounds)
            .filter_map(|round| Some(row.in_round(round, column)? / to.in_round(round, column)?));
        median(rounds.collect())
    }

    fn verdict(&self, goal: Goal) -> Option<Verdict> {
        let ours = self.row(Contender::Tidegate)?;
        let columns = self.case.columns;
        let (is_reached, text) = match goal {
            Goal::AtMost(column, most) => {
                let value = ours.median(column)?;
                let text = format!("{} {} (goal ≤ {})", columns[column], number(value), number(most));
                (value <= most, text)
            }
            Goal::Within(column, least, most) => {
                let value = ours.median(column)?;
                let goal = format!("goal {} to {}", number(least), number(most));
                ((least..=most).contains(&value), format!("{} {} ({goal})", columns[column], number(value)))
            }
            Goal::OfSink(column, least) => {
                let ratio = self.ratio(column, ours, self.row(Contender::Sink)?)?;
                (ratio >= least, format!("{}: {ratio:.2} of the sink's (goal ≥ {least:.2})", columns[column]))
            }
            Goal::OfBestPeer(column, most) => {
                let peer = self.best_peer(column)?;
                let (ratio, name) = (self.ratio(column, ours, peer)?, peer.contender.name());
                (ratio <= most, format!("{}: {ratio:.2} of {name}'s (goal ≤ {most:.2})", columns[column]))
            }
        };
        Some(Verdict { is_reached, text })
    }

    /// What became of each goal.
    pub(crate) fn verdicts(&self) -> Vec<Verdict> {
        let mut verdicts: Vec<Verdict> =
            self.case.goals.iter().filter_map(|goal| self.verdict(*goal)).collect();
        let failure = self.row(Contender::Tidegate).and_then(|row| row.failure.as_ref());
        verdicts
            .extend(failure.map(|reason| Verdict { is_reached: false, text: format!("failed: {reason}") }));
        verdicts
    }

    /// The table, the goals, the command and the conditions.
    pub(crate) fn markdown(&self) -> String {
        let mut heads = vec!["contender".to_owned()];
        heads.extend(self.case.columns.iter().map(|&column| column.to_owned()));
        let has_notes = self.rows.iter().any(|row| row.failure.is_some());
        if has_notes {
            heads.push("note".to_owned());
        }
        let mut lines = vec![heads];
        for row in &self.rows {
            let name = row.contender.name();
            let name = match row.contender {
                Contender::Tidegate => format!("**{name}**"),
                Contender::Sink => format!("_{name}_"),
                _ => name.to_owned(),
            };
            let mut cells = vec![name];
            cells.extend((0..self.case.columns.len()).map(|column| row.cell(column)));
            if has_notes {
                let failure = row.failure.as_ref().map(|reason| format!("failed: {reason}"));
                cells.push(failure.unwrap_or_default().replace('|', "/"));
            }
            lines.push(cells);
        }
        let mut text = align(&lines);
        text.push('\n');
        for Verdict { is_reached, text: verdict } in self.verdicts() {
            text += &format!("- {} {verdict}\n", if is_reached { "reached:" } else { "**missed**:" });
        }
        format!("{text}\n`cargo xtask bench --uploads --mode {}`\n\n{}", self.case.name, self.conditions())
    }

    fn conditions(&self) -> String {
        let (date, commit) =
            (said("date", &["-u", "+%Y-%m-%d %H:%M UTC"]), said("git", &["rev-parse", "--short", "HEAD"]));
        let short = if self.quick { ", short samples" } else { "" };
        let remark = if self.remark.is_empty() { String::new() } else { format!(" {}", self.remark) };
        format!(
            "{date}, commit {commit}; {} round(s){short}{}; load average {} before, {} after.{remark}\n",
            self.rounds,
            self.size,
            self.load_before,
            load_average()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::cases;
    use super::*;

    fn row(contender: Contender, rounds: &[[f64; 3]]) -> Row {
        let sample = |figures: &[f64; 3]| Some(Sample { figures: figures.to_vec() });
        Row { contender, samples: rounds.iter().map(sample).collect(), failure: None }
    }

    #[test]
    fn ratios_are_medians_of_those_within_the_rounds() {
        let rows = vec![
            row(Contender::Sink, &[[100.0, 0.5, 1.0], [400.0, 0.5, 1.0], [200.0, 0.5, 1.0]]),
            row(Contender::Tidegate, &[[90.0, 0.9, 1.0], [280.0, 1.1, 1.0], [150.0, 1.2, 1.0]]),
            row(Contender::TusServer, &[[50.0, 2.0, 1.0], [50.0, 2.0, 1.0], [50.0, 2.4, 1.0]]),
            row(Contender::Tuspyserver, &[[50.0, 3.0, 1.0], [50.0, 3.0, 1.0], [50.0, 3.0, 1.0]]),
        ];
        let results = Results {
            case: cases::ALL[0],
            rows,
            rounds: 3,
            load_before: String::new(),
            quick: false,
            size: String::new(),
            remark: String::new(),
        };
        let verdicts: Vec<(bool, String)> =
            results.verdicts().into_iter().map(|verdict| (verdict.is_reached, verdict.text)).collect();
        assert_eq!(verdicts[0], (false, "MB/s: 0.75 of the sink's (goal ≥ 0.80)".to_owned()));
        assert_eq!(verdicts[1], (false, "CPU-s/GiB 1.10 (goal ≤ 1.00)".to_owned()));
        assert_eq!(verdicts[2], (true, "CPU-s/GiB: 0.50 of @tus/server's (goal ≤ 0.50)".to_owned()));
    }
}
