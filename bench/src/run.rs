//! `bench run`: the comparison.

use std::fs;
use std::path::PathBuf;

use crate::contenders::{self, Contender, Places, Role};
use crate::failure::{Failure, fail};
use crate::modes::{self, Mode};
use crate::report::machine::{Conditions, Machine, load_average};
use crate::report::page::Page;
use crate::report::table;
use crate::rounds::{self, Plan};
use crate::screen::Screen;
use crate::server;
use crate::socket::Tls;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only modes that have this word in their names; may be repeated
    #[arg(long)]
    mode: Vec<String>,
    /// Only these contenders, and the limits; may be repeated
    #[arg(long)]
    contender: Vec<String>,
    /// How often everything is measured
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Shorter samples
    #[arg(long)]
    quick: bool,
    /// Only the limits and tidegate
    #[arg(long)]
    no_peers: bool,
    /// The folder with the programs of the `contenders` crate
    #[arg(long)]
    contenders: PathBuf,
    /// The `tidegate` program
    #[arg(long)]
    tidegate: PathBuf,
    /// The folder with npm's `node_modules`
    #[arg(long)]
    npm: PathBuf,
    /// The checkout
    #[arg(long)]
    root: PathBuf,
    /// Put the results into docs/benchmarks.md and docs/bench
    #[arg(long)]
    write: bool,
    /// A folder for logs and certificates
    #[arg(long)]
    scratch: PathBuf,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let modes = chosen_modes(&args.mode)?;
    fs::create_dir_all(&args.scratch).map_err(Failure::because(args.scratch.display()))?;
    let places = Places {
        contenders: args.contenders.clone(),
        tidegate: args.tidegate.clone(),
        npm: args.npm.clone(),
        scripts: args.root.join("bench/js"),
        certificate: args.scratch.join("certificate.pem"),
        key: args.scratch.join("key.pem"),
    };
    let mut plan = Plan {
        contenders: chosen_contenders(&args.contender)?,
        rounds: args.rounds.max(1),
        quick: args.quick,
        tls: Tls::make(&places.certificate, &places.key)?,
        places,
        logs: args.scratch.clone(),
    };
    let mut screen = Screen::new();
    plan.contenders.retain(|contender| {
        if args.no_peers && contender.role == Role::Peer {
            return false;
        }
        let missing = contender.command(contender.tasks[0], &plan.places).err();
        if let Some(reason) = &missing {
            screen.say(&format!("{} is left out: {reason}", contender.name));
        }
        missing.is_none()
    });
    server::take_load_core()?;
    let machine = Machine::here(&args.root);
    let page = Page::in_checkout(&args.root);
    for mode in modes {
        let load = load_average();
        let results = rounds::run(mode, &plan, &mut screen);
        let conditions = Conditions::now(&results, &load, args.quick);
        let table = table::markdown(&results);
        screen.say(&format!("\n{} ({})\n\n{table}\n{conditions}", mode.title, mode.name));
        if args.write {
            page.write(&results, &conditions, &machine)?;
        }
    }
    Ok(())
}

fn chosen_modes(words: &[String]) -> Result<Vec<Mode>, Failure> {
    let is_meant = |mode: &&Mode| words.is_empty() || words.iter().any(|word| mode.name.contains(&**word));
    let chosen: Vec<Mode> = modes::ALL.iter().filter(is_meant).copied().collect();
    if chosen.is_empty() {
        let names: Vec<&str> = modes::ALL.iter().map(|mode| mode.name).collect();
        fail!("no such mode; there are: {}", names.join(", "));
    }
    Ok(chosen)
}

fn chosen_contenders(names: &[String]) -> Result<Vec<Contender>, Failure> {
    if let Some(name) = names.iter().find(|name| Contender::named(name).is_none()) {
        let all: Vec<&str> = contenders::ALL.iter().map(|contender| contender.name).collect();
        fail!("no contender is called {name:?}; there are: {}", all.join(", "));
    }
    let is_meant = |contender: &&Contender| {
        names.is_empty() || contender.role == Role::Limit || names.iter().any(|name| name == contender.name)
    };
    Ok(contenders::ALL.iter().filter(is_meant).copied().collect())
}
