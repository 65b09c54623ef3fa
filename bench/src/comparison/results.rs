//! What came out for a case, and whether that is what was wanted.

use super::{Goal, Sample, Subject};
use crate::contenders::Role;
use crate::report::machine::{load_average, said};
use crate::report::table::{align, number};
use crate::rounds::median;

/// What came out for a contender.
pub(crate) struct Row {
    pub(super) name: &'static str,
    role: Role,
    /// By round.
    pub(super) samples: Vec<Option<Sample>>,
    pub(super) failure: Option<String>,
}

pub(crate) struct Results {
    pub(crate) subject: Subject,
    pub(crate) rows: Vec<Row>,
    pub(crate) circumstances: Circumstances,
    /// What makes this table alone, if the page is to say so.
    pub(crate) command: Option<String>,
}

/// What surrounded the measurement.
pub(crate) struct Circumstances {
    pub(crate) rounds: usize,
    pub(crate) quick: bool,
    /// What of its size was chosen, with a comma before it; or nothing.
    pub(crate) size: String,
    pub(crate) load_before: String,
    /// What else the page must say; or nothing.
    pub(crate) remark: String,
}

/// Whether a goal is reached, and by what.
pub(super) struct Verdict {
    pub(super) is_reached: bool,
    pub(super) text: String,
}

impl Row {
    pub(super) fn new(name: &'static str, role: Role) -> Self {
        Self { name, role, samples: Vec::new(), failure: None }
    }

    fn figures(&self, column: usize) -> Vec<f64> {
        self.samples.iter().flatten().map(|(figures, _)| figures[column]).collect()
    }

    fn median(&self, column: usize) -> Option<f64> {
        median(self.figures(column))
    }

    /// The worst of all rounds, where more is worse.
    fn highest(&self, column: usize) -> Option<f64> {
        self.figures(column).into_iter().max_by(f64::total_cmp)
    }

    fn in_round(&self, round: usize, column: usize) -> Option<f64> {
        Some(self.samples.get(round)?.as_ref()?.0[column])
    }

    fn notes(&self) -> impl Iterator<Item = &str> {
        self.samples.iter().flatten().map(|(_, note)| &**note)
    }

    /// The median, and behind it the lowest and the highest, where there are several and they are wanted.
    fn cell(&self, column: usize, has_ranges: bool) -> String {
        let figures = self.figures(column);
        let Some(middle) = median(figures.clone()) else { return "–".to_owned() };
        let low = figures.iter().copied().fold(f64::MAX, f64::min);
        let high = figures.iter().copied().fold(0.0, f64::max);
        match figures.len() {
            // What came to nothing.
            _ if !high.is_finite() => "∞".to_owned(),
            2.. if has_ranges => format!("{} ({}–{})", number(middle), number(low), number(high)),
            _ => number(middle),
        }
    }
}

impl Results {
    fn the(&self, role: Role) -> Option<&Row> {
        self.rows.iter().find(|row| row.role == role)
    }

    /// The peer with the highest median, or with `sign` -1 the one with the lowest.
    fn best_peer(&self, column: usize, sign: f64) -> Option<&Row> {
        let peers = self.rows.iter().filter(|row| row.role == Role::Peer);
        let scored = peers.filter_map(|row| Some((row.median(column)? * sign, row)));
        scored.max_by(|one, other| one.0.total_cmp(&other.0)).map(|(_, row)| row)
    }

    /// The median of the ratios within the rounds.
    fn ratio(&self, column: usize, row: &Row, to: &Row) -> Option<f64> {
        let rounds = (0..self.circumstances.rounds)
            .filter_map(|round| Some(row.in_round(round, column)? / to.in_round(round, column)?));
        median(rounds.collect())
    }

    fn verdict(&self, goal: &Goal) -> Option<Verdict> {
        let ours = self.the(Role::Ours)?;
        let columns = self.subject.columns;
        let (is_reached, text) = match *goal {
            Goal::AtMost(column, most) => {
                let value = if most == 0.0 { ours.highest(column)? } else { ours.median(column)? };
                let wanted = if most == 0.0 { "none".to_owned() } else { format!("≤ {}", number(most)) };
                (value <= most, format!("{} {} (goal {wanted})", columns[column], number(value)))
            }
            Goal::AtLeast(column, least) => {
                let value = ours.median(column)?;
                let text = format!("{} {} (goal ≥ {})", columns[column], number(value), number(least));
                (value >= least, text)
            }
            Goal::Within(column, least, most) => {
                let value = ours.median(column)?;
                let goal = format!("goal {} to {}", number(least), number(most));
                ((least..=most).contains(&value), format!("{} {} ({goal})", columns[column], number(value)))
            }
            Goal::OfHighest(column, least) => {
                let peer = self.best_peer(column, 1.0)?;
                let ratio = self.ratio(column, ours, peer)?;
                (ratio >= least, format!("{ratio:.2} of {} (goal ≥ {least:.1})", peer.name))
            }
            Goal::OfLowest(column, most) => {
                let peer = self.best_peer(column, -1.0)?;
                let ratio = self.ratio(column, ours, peer)?;
                let text = format!("{}: {ratio:.2} of {}'s (goal ≤ {most:.2})", columns[column], peer.name);
                (ratio <= most, text)
            }
            Goal::OfLimit(column, least) => {
                let limit = self.the(Role::Limit)?;
                let ratio = self.ratio(column, ours, limit)?;
                let name = limit.name;
                let text = format!("{}: {ratio:.2} of the {name}'s (goal ≥ {least:.2})", columns[column]);
                (ratio >= least, text)
            }
            Goal::Noted(is_right, yes, no) => {
                let is_reached = ours.notes().next().is_some() && ours.notes().all(is_right);
                (is_reached, if is_reached { yes } else { no }.to_owned())
            }
        };
        Some(Verdict { is_reached, text })
    }

    /// What became of each goal.
    pub(super) fn verdicts(&self) -> Vec<Verdict> {
        let goals = self.subject.goals.iter();
        let mut verdicts: Vec<Verdict> = goals.filter_map(|goal| self.verdict(goal)).collect();
        let failure = self.the(Role::Ours).and_then(|row| row.failure.as_ref());
        verdicts
            .extend(failure.map(|reason| Verdict { is_reached: false, text: format!("failed: {reason}") }));
        verdicts
    }

    /// The table, the goals, the command and the conditions.
    pub(crate) fn markdown(&self) -> String {
        let Subject { columns, note, has_ranges, .. } = self.subject;
        let mut heads = vec!["contender".to_owned()];
        heads.extend(columns.iter().map(|&column| column.to_owned()));
        let has_notes = note.is_some() || self.rows.iter().any(|row| row.failure.is_some());
        if has_notes {
            heads.push(note.unwrap_or("note").to_owned());
        }
        let mut lines = vec![heads];
        for row in &self.rows {
            let mut cells = vec![row.role.emphasize(row.name)];
            cells.extend((0..columns.len()).map(|column| row.cell(column, has_ranges)));
            if has_notes {
                let failure = row.failure.as_ref().map(|reason| format!("failed: {reason}"));
                let said = failure.or_else(|| row.notes().next().map(str::to_owned));
                cells.push(said.unwrap_or_default().replace('|', "/"));
            }
            lines.push(cells);
        }
        let mut text = align(&lines);
        text.push('\n');
        for Verdict { is_reached, text: verdict } in self.verdicts() {
            text += &format!("- {} {verdict}\n", if is_reached { "reached:" } else { "**missed**:" });
        }
        let command = self.command.as_ref().map_or(String::new(), |command| format!("`{command}`\n\n"));
        format!("{text}\n{command}{}", self.circumstances.told())
    }
}

impl Circumstances {
    fn told(&self) -> String {
        let (date, commit) =
            (said("date", &["-u", "+%Y-%m-%d %H:%M UTC"]), said("git", &["rev-parse", "--short", "HEAD"]));
        let Self { rounds, quick, size, load_before, remark } = self;
        let short = if *quick { ", short samples" } else { "" };
        let space = if remark.is_empty() { "" } else { " " };
        format!(
            "{date}, commit {commit}; {rounds} round(s){short}{size}; load average {load_before} before, {} \
             after.{space}{remark}\n",
            load_average()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUBJECT: Subject = Subject {
        name: "a-case",
        title: "A case",
        columns: &["MB/s", "CPU-s/GiB", "lost"],
        note: Some("what was said"),
        goals: &[
            Goal::OfLimit(0, 0.8),
            Goal::AtMost(1, 1.0),
            Goal::OfLowest(1, 0.5),
            Goal::OfHighest(0, 2.0),
            Goal::AtMost(2, 0.0),
            Goal::Within(0, 100.0, 200.0),
            Goal::AtLeast(0, 151.0),
            Goal::Noted(|note| note == "so", "all said so", "not all said so"),
        ],
        has_ranges: true,
    };

    fn row(name: &'static str, role: Role, rounds: &[[f64; 3]]) -> Row {
        let sample = |figures: &[f64; 3]| Some((figures.to_vec(), "so".to_owned()));
        Row { name, role, samples: rounds.iter().map(sample).collect(), failure: None }
    }

    fn results() -> Results {
        let rows = vec![
            row("sink", Role::Limit, &[[100.0, 0.5, 1.0], [400.0, 0.5, 1.0], [200.0, 0.5, 1.0]]),
            row("tidegate", Role::Ours, &[[90.0, 0.9, 0.0], [280.0, 1.1, 0.0], [150.0, 1.2, 1.0]]),
            row("one", Role::Peer, &[[50.0, 2.0, 1.0], [50.0, 2.0, 1.0], [50.0, 2.4, 1.0]]),
            row("other", Role::Peer, &[[60.0, 3.0, 1.0], [60.0, 3.0, 1.0], [60.0, 3.0, 1.0]]),
        ];
        let circumstances = Circumstances {
            rounds: 3,
            quick: true,
            size: ", 5 MiB".to_owned(),
            load_before: "0.10".to_owned(),
            remark: "It rained.".to_owned(),
        };
        Results { subject: SUBJECT, rows, circumstances, command: Some("make table".to_owned()) }
    }

    #[test]
    fn ratios_are_medians_of_those_within_the_rounds_and_what_may_not_happen_does_in_none() {
        let results = results();
        let verdicts: Vec<(bool, String)> =
            results.verdicts().into_iter().map(|verdict| (verdict.is_reached, verdict.text)).collect();
        let expected = [
            (false, "MB/s: 0.75 of the sink's (goal ≥ 0.80)"),
            (false, "CPU-s/GiB 1.10 (goal ≤ 1.00)"),
            (true, "CPU-s/GiB: 0.50 of one's (goal ≤ 0.50)"),
            (true, "2.50 of other (goal ≥ 2.0)"),
            (false, "lost 1.00 (goal none)"),
            (true, "MB/s 150 (goal 100 to 200)"),
            (false, "MB/s 150 (goal ≥ 151)"),
            (true, "all said so"),
        ];
        assert_eq!(verdicts, expected.map(|(is_reached, text)| (is_reached, text.to_owned())));
    }

    #[test]
    fn a_table_says_who_is_whom_and_what_failed() {
        let mut results = results();
        results.rows[3].failure = Some("a|b".to_owned());
        let text = results.markdown();
        assert!(text.contains("| _sink_ "), "{text}");
        assert!(text.contains("| **tidegate** |   150 (90.0–280) |"), "{text}");
        assert!(text.contains(" failed: a/b |"), "{text}");
        assert!(text.contains("- **missed**: lost 1.00 (goal none)\n"), "{text}");
        assert!(text.contains("\n\n`make table`\n\n"), "{text}");
        assert!(text.contains("; 3 round(s), short samples, 5 MiB; load average 0.10 before, "), "{text}");
        assert!(text.ends_with(" after. It rained.\n"), "{text}");
        results.command = None;
        results.subject.has_ranges = false;
        results.circumstances.remark.clear();
        let text = results.markdown();
        assert!(text.contains("| **tidegate** |  150 |"), "{text}");
        assert!(text.ends_with(" after.\n") && !text.contains('`'), "{text}");
    }
}
