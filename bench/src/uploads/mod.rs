//! `bench uploads`: uploads over HTTP, beside a plain sink and servers of tus that can be installed.

mod cases;
mod contender;
mod content;
mod fair;
mod http;
mod page;
mod patch;
mod results;
pub(crate) mod sink;
mod slow_disk;
mod stalled;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cases::{Case, Setting};
use contender::{Contender, Places};
use content::Content;
use results::{Results, Row};

use crate::failure::{Failure, fail};
use crate::report::machine::load_average;
use crate::screen::Screen;
use crate::server;

/// What a sample gave: as many figures as the case has columns.
pub(crate) struct Sample {
    pub(crate) figures: Vec<f64>,
}

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only modes that have this word in their names; may be repeated
    #[arg(long)]
    mode: Vec<String>,
    /// Only these contenders; may be repeated
    #[arg(long)]
    contender: Vec<String>,
    /// How often a PATCH is measured; the others at most three times
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// The size of the PATCH
    #[arg(long, value_name = "MIB", default_value_t = 1024)]
    mebibytes: u64,
    /// How many uploads stall
    #[arg(long, value_name = "COUNT", default_value_t = 1000)]
    stalled: usize,
    /// Shorter samples
    #[arg(long)]
    quick: bool,
    /// Only the sink and tidegate
    #[arg(long)]
    no_peers: bool,
    /// The `tidegate` program
    #[arg(long)]
    tidegate: PathBuf,
    /// The `slow-disk` program
    #[arg(long)]
    slow_disk: PathBuf,
    /// The folder with npm's `node_modules`
    #[arg(long)]
    npm: PathBuf,
    /// The Python environment
    #[arg(long)]
    python: PathBuf,
    /// The checkout
    #[arg(long)]
    root: PathBuf,
    /// Put the results into docs/benchmarks-uploads.md
    #[arg(long)]
    write: bool,
    /// Something that the page must say of the circumstances
    #[arg(long, value_name = "SENTENCE", default_value = "")]
    remark: String,
    /// A folder for logs and uploads
    #[arg(long)]
    scratch: PathBuf,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let cases = chosen_cases(&args.mode)?;
    fs::create_dir_all(&args.scratch).map_err(Failure::because(args.scratch.display()))?;
    let places = Places {
        tidegate: whole(&args.tidegate)?,
        slow_disk: whole(&args.slow_disk)?,
        npm: whole(&args.npm)?,
        python: whole(&args.python)?,
        root: whole(&args.root)?,
        scratch: whole(&args.scratch)?,
    };
    let mut screen = Screen::new();
    let contenders = chosen_contenders(args, &places, &mut screen)?;
    server::take_load_core()?;
    let setting = Setting {
        places,
        content: Arc::new(Content::new()),
        mebibytes: args.mebibytes.max(1),
        stalled: args.stalled,
        quick: args.quick,
    };
    for case in cases {
        let results = measure(case, &contenders, args, &setting, &mut screen);
        screen.say(&format!("\n{} ({})\n\n{}", case.title, case.name, results.markdown()));
        if args.write {
            page::write(&args.root, &results)?;
        }
    }
    Ok(())
}

/// The path from the root on, as node wants it.
fn whole(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(Failure::because(path.display()))
}

fn measure(
    case: Case,
    contenders: &[Contender],
    args: &Args,
    setting: &Setting,
    screen: &mut Screen,
) -> Results {
    let rows = contenders.iter().filter(|contender| case.includes(**contender));
    let mut rows: Vec<Row> = rows.map(|&contender| Row::new(contender)).collect();
    let rounds = args.rounds.clamp(1, case.most_rounds);
    let load_before = load_average();
    for round in 0..rounds {
        for place in 0..rows.len() {
            let which = (place + round) % rows.len();
            let row = &mut rows[which];
            screen.show(&format!("{:<18} round {}/{rounds}  {}", case.name, round + 1, row.contender.name()));
            // One failure is enough to know.
            if row.failure.is_none() {
                row.take(case.measure(row.contender, setting));
            } else {
                row.samples.push(None);
            }
        }
    }
    let size = case.size(setting);
    Results { case, rows, rounds, load_before, quick: args.quick, size, remark: args.remark.clone() }
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

fn chosen_contenders(args: &Args, places: &Places, screen: &mut Screen) -> Result<Vec<Contender>, Failure> {
    let names: Vec<&str> = contender::ALL.iter().map(|contender| contender.name()).collect();
    if let Some(name) = args.contender.iter().find(|name| !names.contains(&name.as_str())) {
        fail!("no contender is called {name:?}; there are: {}", names.join(", "));
    }
    let is_meant = |contender: &Contender| {
        let is_named =
            args.contender.is_empty() || args.contender.iter().any(|name| name == contender.name());
        is_named && !(args.no_peers && contender.is_peer())
    };
    let mut chosen: Vec<Contender> = contender::ALL.into_iter().filter(is_meant).collect();
    chosen.retain(|contender| {
        let missing = contender.missing(places);
        if let Some(reason) = &missing {
            screen.say(&format!("{} is left out: {reason}", contender.name()));
        }
        missing.is_none()
    });
    Ok(chosen)
}
