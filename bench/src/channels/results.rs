//! What came out for a case, and whether that is what was wanted.

use std::process::Command;

use super::cases::{Case, Goal};
use super::contender::Contender;
use super::load::Sample;
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

    fn median(&self, column: usize) -> Option<f64> {
        median(self.samples.iter().flatten().map(|(figures, _)| figures[column]).collect())
    }

    /// The worst of all rounds, where more is worse.
    fn highest(&self, column: usize) -> Option<f64> {
        self.samples.iter().flatten().map(|(figures, _)| figures[column]).max_by(f64::total_cmp)
    }

    fn in_round(&self, round: usize, column: usize) -> Option<f64> {
        Some(self.samples.get(round)?.as_ref()?.0[column])
    }
}

impl Results {
    fn ours(&self) -> Option<&Row> {
        self.rows.iter().find(|row| row.contender == Contender::Tidegate)
    }

    /// The peer with the highest median.
    fn best_peer(&self, column: usize) -> Option<&Row> {
        let peers = self.rows.iter().filter(|row| row.contender != Contender::Tidegate);
        let scored = peers.filter_map(|row| Some((row.median(column)?, row)));
        scored.max_by(|one, other| one.0.total_cmp(&other.0)).map(|(_, row)| row)
    }

    /// The median of the ratios within the rounds.
    fn ratio(&self, column: usize) -> Option<(f64, &'static str)> {
        let (ours, best) = (self.ours()?, self.best_peer(column)?);
        let rounds = (0..self.rounds)
            .filter_map(|round| Some(ours.in_round(round, column)? / best.in_round(round, column)?));
        Some((median(rounds.collect())?, best.contender.name()))
    }

    /// What became of each goal.
    pub(crate) fn verdicts(&self) -> Vec<Verdict> {
        let columns = self.case.load.columns();
        let one = |goal: &Goal| {
            let ours = self.ours()?;
            let verdict = match *goal {
                // What may not happen may not happen in any round.
                Goal::AtMost(column, most) => {
                    let value = if most == 0.0 { ours.highest(column)? } else { ours.median(column)? };
                    let wanted =
                        if most == 0.0 { "none".to_owned() } else { format!("≤ {}", number(most)) };
                    (value <= most, format!("{} {} (goal {wanted})", columns[column], number(value)))
                }
                Goal::AtLeast(column, least) => {
                    let value = ours.median(column)?;
                    let text = format!("{} {} (goal ≥ {})", columns[column], number(value), number(least));
                    (value >= least, text)
                }
                Goal::OfBest(column, least) => {
                    let (ratio, name) = self.ratio(column)?;
                    (ratio >= least, format!("{ratio:.2} of {name} (goal ≥ {least:.1})"))
                }
            };
            Some(Verdict { is_reached: verdict.0, text: verdict.1 })
        };
        let mut verdicts: Vec<Verdict> = self.case.goals.iter().filter_map(one).collect();
        if let (Some(ours), Some(_)) = (self.ours(), self.case.load.note()) {
            let is_told = |note: &str| note.contains("missed exactly") || note.starts_with("all ");
            let notes: Vec<&str> = ours.samples.iter().flatten().map(|(_, note)| &**note).collect();
            let is_reached = !notes.is_empty() && notes.iter().all(|note| is_told(note));
            let text = if is_reached {
                "the stalled one is told what it missed"
            } else {
                "the stalled one is NOT told"
            };
            verdicts.push(Verdict { is_reached, text: text.to_owned() });
        }
        if let Some(reason) = self.ours().and_then(|row| row.failure.as_ref()) {
            verdicts.push(Verdict { is_reached: false, text: format!("failed: {reason}") });
        }
        verdicts
    }

    /// The table, the goals and the conditions.
    pub(crate) fn markdown(&self) -> String {
        let columns = self.case.load.columns();
        let mut heads = vec!["contender".to_owned()];
        heads.extend(columns.iter().map(|&column| column.to_owned()));
        let has_notes = self.case.load.note().is_some() || self.rows.iter().any(|row| row.failure.is_some());
        if has_notes {
            heads.push(self.case.load.note().unwrap_or("note").to_owned());
        }
        let mut lines = vec![heads];
        for row in &self.rows {
            let name = row.contender.name();
            let is_ours = row.contender == Contender::Tidegate;
            let mut cells = vec![if is_ours { format!("**{name}**") } else { name.to_owned() }];
            cells.extend((0..columns.len()).map(|column| row.median(column).map_or("–".to_owned(), number)));
            if has_notes {
                let said = row.samples.iter().flatten().map(|(_, note)| note.clone()).next();
                let failure = row.failure.as_ref().map(|reason| format!("failed: {reason}"));
                cells.push(failure.or(said).unwrap_or_default().replace('|', "/"));
            }
            lines.push(cells);
        }
        let mut text = align(&lines);
        text.push('\n');
        for Verdict { is_reached, text: verdict } in self.verdicts() {
            text += &format!("- {} {verdict}\n", if is_reached { "reached:" } else { "**missed**:" });
        }
        text + "\n" + &self.conditions()
    }

    fn conditions(&self) -> String {
        let (date, commit) =
            (said("date", &["-u", "+%Y-%m-%d %H:%M UTC"]), said("git", &["rev-parse", "--short", "HEAD"]));
        let short = if self.quick { ", short samples" } else { "" };
        format!(
            "{date}, commit {commit}; {} round(s){short}; load average {} before, {} after.\n",
            self.rounds,
            self.load_before,
            load_average()
        )
    }
}

pub(crate) fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}
