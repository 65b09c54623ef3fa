//! A comparison by cases, each with columns of its own and with goals: so are channels and uploads compared.

pub(crate) mod page;
mod results;

use crate::args::Common;
use crate::contenders::Role;
use crate::failure::{Failure, fail};
use crate::screen::Screen;
use results::Row;
pub(crate) use results::{Circumstances, Results};

/// What a sample gave: as many figures as the case has columns, and what figures cannot say.
pub(crate) type Sample = (Vec<f64>, String);

/// One thing that is measured, as its page tells it.
#[derive(Clone, Copy)]
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) columns: &'static [&'static str],
    /// What a sample's note says, as the head of its column.
    pub(crate) note: Option<&'static str>,
    pub(crate) goals: &'static [Goal],
    /// Whether the lowest and the highest stand behind the median.
    pub(crate) has_ranges: bool,
}

/// What is wanted of tidegate's figure in a column.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    /// What may not happen (0) may not happen in any round; else the median counts.
    AtMost(usize, f64),
    AtLeast(usize, f64),
    Within(usize, f64, f64),
    /// At least this share of what the peer has that has most.
    OfHighest(usize, f64),
    /// At most this share of what the peer has that has least.
    OfLowest(usize, f64),
    /// At least this share of what the limit has.
    OfLimit(usize, f64),
    /// The note of each round is as it should be; what to say then, and what otherwise.
    Noted(fn(&str) -> bool, &'static str, &'static str),
}

/// Somebody who is compared.
pub(crate) trait Contends: Copy {
    fn name(self) -> &'static str;
    fn role(self) -> Role;
}

/// Those of `all` that the command line means.
pub(crate) fn chosen<C: Contends>(all: &[C], args: &Common) -> Result<Vec<C>, Failure> {
    let names: Vec<&str> = all.iter().map(|contender| contender.name()).collect();
    if let Some(name) = args.contender.iter().find(|name| !names.contains(&name.as_str())) {
        fail!("no contender is called {name:?}; there are: {}", names.join(", "));
    }
    let is_meant = |contender: &C| {
        let is_named =
            args.contender.is_empty() || args.contender.iter().any(|name| name == contender.name());
        is_named && !(args.no_peers && contender.role() == Role::Peer)
    };
    Ok(all.iter().copied().filter(is_meant).collect())
}

/// Measures: each contender once in every round, in an order that rotates. Who fails is not asked again.
pub(crate) fn measure<C: Contends>(
    name: &str,
    contenders: &[C],
    rounds: usize,
    screen: &mut Screen,
    mut sample: impl FnMut(C) -> Result<Sample, Failure>,
) -> Vec<Row> {
    let mut rows: Vec<Row> =
        contenders.iter().map(|contender| Row::new(contender.name(), contender.role())).collect();
    for round in 0..rounds {
        for place in 0..rows.len() {
            let which = (place + round) % rows.len();
            let row = &mut rows[which];
            screen.show(&format!("{name:<18} round {}/{rounds}  {}", round + 1, row.name));
            // One failure is enough to know.
            if row.failure.is_some() {
                row.samples.push(None);
                continue;
            }
            match sample(contenders[which]) {
                Ok(sample) => row.samples.push(Some(sample)),
                Err(Failure(reason)) => {
                    row.samples.push(None);
                    row.failure = Some(reason);
                }
            }
        }
    }
    rows
}
