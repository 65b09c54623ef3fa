//! `bench channels`: channels, compared with servers that offer something like them.

mod cases;
mod contender;
mod load;
mod response;
mod room;
mod tally;

use std::path::{Path, PathBuf};

use cases::Load;

use crate::args::Common;
use crate::comparison::page::Page;
use crate::comparison::{self, Circumstances, Results};
use crate::contenders::Places;
use crate::failure::Failure;
use crate::report::machine::{Machine, load_average, said};
use crate::screen::Screen;
use crate::server;

/// What the page begins with.
const HEAD: &str = include_str!("head.md");

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    common: Common,
    /// How often each is measured; readers that wait are measured once
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let Args { common, rounds } = args;
    let cases = common.modes(cases::ALL, |case| case.name)?;
    let contenders = comparison::chosen(&contender::ALL, common)?;
    common.make_scratch()?;
    let places = Places {
        contenders: PathBuf::new(),
        tidegate: common.tidegate.clone(),
        npm: common.npm.clone(),
        scripts: common.root.join("bench/js"),
        certificate: PathBuf::new(),
        key: PathBuf::new(),
    };
    server::take_load_core()?;
    let mut screen = Screen::new();
    for case in cases {
        let able: Vec<_> =
            contenders.iter().copied().filter(|contender| contender.speaks(case.wire)).collect();
        let rounds = if case.load == Load::Hold { 1 } else { (*rounds).max(1) };
        let load_before = load_average();
        let rows = comparison::measure(case.name, &able, rounds, &mut screen, |contender| {
            case.measure(contender, common.quick, &places, &common.scratch)
        });
        let circumstances = Circumstances {
            rounds,
            quick: common.quick,
            size: String::new(),
            load_before,
            remark: String::new(),
        };
        let results = Results { subject: case.subject(), rows, circumstances, command: None };
        screen.say(&format!("\n{} ({})\n\n{}", case.title, case.name, results.markdown()));
        if common.write {
            page(&common.root).write(&results)?;
        }
    }
    Ok(())
}

fn page(root: &Path) -> Page {
    let nchan = said("dpkg-query", &["--show", "nginx", "libnginx-mod-nchan"]);
    let nchan = nchan.replace('\t', " ").replace('\n', ", ");
    Page {
        path: root.join("docs/benchmarks-channels.md"),
        head: format!("{HEAD}\n{}\n- {nchan}.", Machine::here(root)),
        names: cases::ALL.iter().map(|case| case.name).collect(),
        tail: "",
    }
}
