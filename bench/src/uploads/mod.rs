//! `bench uploads`: uploads over HTTP, beside a plain sink and servers of tus that can be installed.

mod cases;
mod contender;
mod content;
mod fair;
mod http;
mod patch;
pub(crate) mod sink;
mod slow_disk;
mod stalled;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cases::{Case, Setting};
use contender::{Contender, Places};
use content::Content;

use crate::args::Common;
use crate::comparison::page::Page;
use crate::comparison::{self, Circumstances, Contends as _, Results};
use crate::failure::Failure;
use crate::report::machine::{Machine, load_average, said};
use crate::screen::Screen;
use crate::server;

/// What the page begins with.
const HEAD: &str = include_str!("head.md");

/// What `store-bench` measures, and what was found about the figures: written by hand, behind the sections.
const STORE: &str = concat!("\n", include_str!("store.md"));

/// What a sample gave: as many figures as the case has columns.
pub(crate) struct Sample {
    pub(crate) figures: Vec<f64>,
}

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    common: Common,
    /// How often a PATCH is measured; the others at most three times
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// The size of the PATCH
    #[arg(long, value_name = "MIB", default_value_t = 1024)]
    mebibytes: u64,
    /// How many uploads stall
    #[arg(long, value_name = "COUNT", default_value_t = 1000)]
    stalled: usize,
    /// The `slow-disk` program
    #[arg(long)]
    slow_disk: PathBuf,
    /// The Python environment
    #[arg(long)]
    python: PathBuf,
    /// Something that the page must say of the circumstances
    #[arg(long, value_name = "SENTENCE", default_value = "")]
    remark: String,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let common = &args.common;
    let cases = common.modes(cases::ALL, |case| case.name)?;
    common.make_scratch()?;
    let places = Places {
        tidegate: whole(&common.tidegate)?,
        slow_disk: whole(&args.slow_disk)?,
        npm: whole(&common.npm)?,
        python: whole(&args.python)?,
        root: whole(&common.root)?,
        scratch: whole(&common.scratch)?,
    };
    let mut screen = Screen::new();
    let mut contenders = comparison::chosen(&contender::ALL, common)?;
    contenders.retain(|contender| is_here(*contender, &places, &mut screen));
    server::take_load_core()?;
    let setting = Setting {
        places,
        content: Arc::new(Content::new()),
        mebibytes: args.mebibytes.max(1),
        stalled: args.stalled,
        quick: common.quick,
    };
    for case in cases {
        let results = measure(case, &contenders, args, &setting, &mut screen);
        screen.say(&format!("\n{} ({})\n\n{}", case.title, case.name, results.markdown()));
        if common.write {
            page(&common.root).write(&results)?;
        }
    }
    Ok(())
}

fn is_here(contender: Contender, places: &Places, screen: &mut Screen) -> bool {
    let missing = contender.missing(places);
    if let Some(reason) = &missing {
        screen.say(&format!("{} is left out: {reason}", contender.name()));
    }
    missing.is_none()
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
    let able: Vec<Contender> =
        contenders.iter().copied().filter(|contender| case.includes(*contender)).collect();
    let rounds = args.rounds.clamp(1, case.most_rounds);
    let load_before = load_average();
    let rows = comparison::measure(case.name, &able, rounds, screen, |contender| {
        Ok((case.measure(contender, setting)?.figures, String::new()))
    });
    let circumstances = Circumstances {
        rounds,
        quick: args.common.quick,
        size: case.size(setting),
        load_before,
        remark: args.remark.clone(),
    };
    let command = Some(format!("cargo xtask bench --uploads --mode {}", case.name));
    Results { subject: case.subject(), rows, circumstances, command }
}

fn page(root: &Path) -> Page {
    Page {
        path: root.join("docs/benchmarks-uploads.md"),
        head: format!("{HEAD}\n{}", Machine::with(versions(root))),
        names: cases::ALL.iter().map(|case| case.name).collect(),
        tail: STORE,
    }
}

/// The versions of the peers.
fn versions(root: &Path) -> String {
    let manifest = fs::read_to_string(root.join("bench/js/uploads/package.json")).unwrap_or_default();
    let npm: Vec<String> = manifest
        .lines()
        .filter(|line| line.contains("@tus/"))
        .map(|line| line.replace(['"', ',', ':'], "").trim().to_owned())
        .collect();
    let python = fs::read_to_string(root.join("bench/python/requirements.txt")).unwrap_or_default();
    let python: Vec<String> = python.lines().map(|line| line.replace("==", " ")).collect();
    format!(
        "{}, Node {}; {}, {}",
        npm.join(", "),
        said("node", &["--version"]),
        python.join(", "),
        said("python3", &["--version"]),
    )
}
