//! `bench channels`: channels, compared with servers that offer something like them.

mod cases;
mod contender;
mod load;
mod page;
mod response;
mod results;
mod room;
mod tally;

use std::fs;
use std::path::PathBuf;

use cases::{Case, Load};
use contender::Contender;
pub(crate) use results::said;
use results::{Results, Row};

use crate::contenders::Places;
use crate::failure::{Failure, fail};
use crate::report::machine::load_average;
use crate::screen::Screen;
use crate::server;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only modes that have this word in their names; may be repeated
    #[arg(long)]
    mode: Vec<String>,
    /// Only these contenders; may be repeated
    #[arg(long)]
    contender: Vec<String>,
    /// How often each is measured; readers that wait are measured once
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Shorter samples
    #[arg(long)]
    quick: bool,
    /// Only tidegate
    #[arg(long)]
    no_peers: bool,
    /// The `tidegate` program
    #[arg(long)]
    tidegate: PathBuf,
    /// The folder with npm's `node_modules`
    #[arg(long)]
    npm: PathBuf,
    /// The checkout
    #[arg(long)]
    root: PathBuf,
    /// Put the results into docs/benchmarks-channels.md
    #[arg(long)]
    write: bool,
    /// A folder for logs
    #[arg(long)]
    scratch: PathBuf,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let cases = chosen_cases(&args.mode)?;
    let contenders = chosen_contenders(args)?;
    fs::create_dir_all(&args.scratch).map_err(Failure::because(args.scratch.display()))?;
    let places = Places {
        contenders: PathBuf::new(),
        tidegate: args.tidegate.clone(),
        npm: args.npm.clone(),
        scripts: args.root.join("bench/js"),
        certificate: PathBuf::new(),
        key: PathBuf::new(),
    };
    server::take_load_core()?;
    let mut screen = Screen::new();
    for case in cases {
        let rows = contenders.iter().filter(|contender| contender.speaks(case.wire));
        let mut rows: Vec<Row> = rows.map(|&contender| Row::new(contender)).collect();
        let rounds = if case.load == Load::Hold { 1 } else { args.rounds.max(1) };
        let load_before = load_average();
        for round in 0..rounds {
            for place in 0..rows.len() {
                let which = (place + round) % rows.len();
                let row = &mut rows[which];
                screen.show(&format!(
                    "{:<18} round {}/{rounds}  {}",
                    case.name,
                    round + 1,
                    row.contender.name()
                ));
                // One failure is enough to know.
                if row.failure.is_none() {
                    row.take(case.measure(row.contender, args.quick, &places, &args.scratch));
                } else {
                    row.samples.push(None);
                }
            }
        }
        let results = Results { case, rows, rounds, load_before, quick: args.quick };
        screen.say(&format!("\n{} ({})\n\n{}", case.title, case.name, results.markdown()));
        if args.write {
            page::write(&args.root, &results)?;
        }
    }
    Ok(())
}

fn chosen_cases(words: &[String]) -> Result<Vec<Case>, Failure> {
    let is_meant = |case: &&Case| words.is_empty() || words.iter().any(|word| case.name.contains(&**word));
    let chosen: Vec<Case> = cases::ALL.iter().filter(is_meant).copied().collect();
    if chosen.is_empty() {
        let names: Vec<&str> = cases::ALL.iter().map(|case| case.name).collect();
        fail!("no such mode; there are: {}", names.join(", "));
    }
    Ok(chosen)
}

fn chosen_contenders(args: &Args) -> Result<Vec<Contender>, Failure> {
    let names: Vec<&str> = contender::ALL.iter().map(|contender| contender.name()).collect();
    if let Some(name) = args.contender.iter().find(|name| !names.contains(&name.as_str())) {
        fail!("no contender is called {name:?}; there are: {}", names.join(", "));
    }
    let is_meant = |contender: &Contender| {
        let is_named =
            args.contender.is_empty() || args.contender.iter().any(|name| name == contender.name());
        is_named && (!args.no_peers || *contender == Contender::Tidegate)
    };
    Ok(contender::ALL.into_iter().filter(is_meant).collect())
}
