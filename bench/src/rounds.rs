//! Rounds: every contender once in each, in an order that rotates, each in a fresh process.

use std::path::PathBuf;

use crate::contenders::{Contender, Places, Role};
use crate::failure::Failure;
use crate::modes::{Figures, Mode, Target};
use crate::screen::Screen;
use crate::server::Server;
use crate::socket::Tls;

/// What to measure, and how often.
pub(crate) struct Plan {
    pub(crate) contenders: Vec<Contender>,
    pub(crate) rounds: usize,
    pub(crate) quick: bool,
    pub(crate) places: Places,
    pub(crate) tls: Tls,
    /// Where what the servers say on standard error goes.
    pub(crate) logs: PathBuf,
}

/// What came out for a mode.
pub(crate) struct Results {
    pub(crate) mode: Mode,
    pub(crate) rows: Vec<Row>,
    pub(crate) rounds: usize,
}

/// What came out for a contender.
pub(crate) struct Row {
    pub(crate) contender: Contender,
    /// By round; `None` where the sample was dropped.
    pub(crate) samples: Vec<Option<Figures>>,
    /// Why there are no more samples.
    pub(crate) failure: Option<String>,
}

/// A sample in which the server ran for less than this says nothing: 20 ms.
const LEAST_CPU_NS: u64 = 20_000_000;

/// Measures one mode.
pub(crate) fn run(mode: Mode, plan: &Plan, screen: &mut Screen) -> Results {
    let able = plan.contenders.iter().filter(|contender| mode.includes(contender));
    let mut rows: Vec<Row> =
        able.map(|&contender| Row { contender, samples: Vec::new(), failure: None }).collect();
    let rounds = if mode.has_rounds() { plan.rounds } else { 1 };
    for round in 0..rounds {
        for place in 0..rows.len() {
            let which = (place + round) % rows.len();
            let row = &mut rows[which];
            if row.failure.is_some() {
                row.samples.push(None);
                continue;
            }
            let name = row.contender.name;
            screen.show(&format!("{:<16} round {}/{rounds}  {name}", mode.name, round + 1));
            match sample(mode, &row.contender, plan) {
                Ok(figures) => {
                    row.samples
                        .push((figures.server_ns >= LEAST_CPU_NS || !mode.is_a_rate()).then_some(figures));
                }
                Err(Failure(reason)) => {
                    row.samples.push(None);
                    row.failure = Some(reason);
                }
            }
        }
    }
    Results { mode, rows, rounds }
}

fn sample(mode: Mode, contender: &Contender, plan: &Plan) -> Result<Figures, Failure> {
    let words = contender.command(mode.task, &plan.places).map_err(Failure)?;
    let log = plan.logs.join(format!("{}-{}.log", mode.name, contender.name));
    let mut server = Server::start(&words, &log)?;
    let target = Target {
        address: server.address,
        speech: mode.speech(contender.is_raw()),
        tls: mode.needs_tls().then(|| plan.tls.client.clone()),
    };
    let figures = mode.measure(&target, server.process(), plan.quick);
    if server.has_ended() {
        let said = std::fs::read_to_string(&log).unwrap_or_default();
        return Err(Failure(format!(
            "the server ended: {}",
            said.lines().last().unwrap_or("without a word")
        )));
    }
    figures
}

impl Row {
    /// The main figure of a round.
    pub(crate) fn figure(&self, round: usize) -> Option<f64> {
        self.samples.get(round)?.as_ref().map(|figures| figures.main)
    }

    pub(crate) fn figures(&self) -> Vec<f64> {
        (0..self.samples.len()).filter_map(|round| self.figure(round)).collect()
    }

    /// The median of something in the samples.
    pub(crate) fn median(&self, pick: impl Fn(&Figures) -> f64) -> Option<f64> {
        median(self.samples.iter().flatten().map(pick).collect())
    }

    pub(crate) fn dropped(&self) -> usize {
        self.samples.iter().filter(|sample| sample.is_none()).count()
    }
}

impl Results {
    pub(crate) fn row(&self, name: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.contender.name == name)
    }

    /// The median of the ratios within each round.
    pub(crate) fn ratio(&self, row: &Row, to: &Row) -> Option<f64> {
        let rounds = (0..self.rounds).filter_map(|round| Some(row.figure(round)? / to.figure(round)?));
        median(rounds.collect())
    }

    /// The peer with the best median.
    pub(crate) fn best_peer(&self) -> Option<&Row> {
        let peers = self.rows.iter().filter(|row| row.contender.role == Role::Peer);
        let sign = if self.mode.is_less_better() { -1.0 } else { 1.0 };
        let scored = peers.filter_map(|row| Some((row.median(|figures| figures.main)? * sign, row)));
        scored.max_by(|one, other| one.0.total_cmp(&other.0)).map(|(_, row)| row)
    }

    /// How far the rounds of a contender lie apart in the middle: the median of (highest - lowest) / median.
    pub(crate) fn noise(&self) -> Option<f64> {
        let spread = |row: &Row| {
            let figures = row.figures();
            let (low, high) = figures
                .iter()
                .fold((f64::MAX, 0.0_f64), |(low, high), &figure| (low.min(figure), high.max(figure)));
            (figures.len() > 1).then(|| (high - low) / median(figures).unwrap_or(1.0))
        };
        median(self.rows.iter().filter_map(spread).collect())
    }
}

/// The middle one, or the mean of the two in the middle.
pub(crate) fn median(mut numbers: Vec<f64>) -> Option<f64> {
    numbers.sort_by(f64::total_cmp);
    let middle = numbers.len() / 2;
    match numbers.len() {
        0 => None,
        len if len % 2 == 1 => Some(numbers[middle]),
        _ => Some(f64::midpoint(numbers[middle - 1], numbers[middle])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }
}
