//! `bench run`: the comparison.

use std::path::PathBuf;

use crate::args::Common;
use crate::contenders::{self, Contender, Places, Role};
use crate::failure::{Failure, fail};
use crate::modes;
use crate::report::machine::{Conditions, Machine, load_average};
use crate::report::page::Page;
use crate::report::table;
use crate::rounds::{self, Plan};
use crate::screen::Screen;
use crate::server;
use crate::socket::Tls;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    common: Common,
    /// How often everything is measured
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// The folder with the programs of the `contenders` crate
    #[arg(long)]
    contenders: PathBuf,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let Args { common, rounds, contenders } = args;
    let modes = common.modes(modes::ALL, |mode| mode.name)?;
    common.make_scratch()?;
    let places = Places {
        contenders: contenders.clone(),
        tidegate: common.tidegate.clone(),
        npm: common.npm.clone(),
        scripts: common.root.join("bench/js"),
        certificate: common.scratch.join("certificate.pem"),
        key: common.scratch.join("key.pem"),
    };
    let mut plan = Plan {
        contenders: chosen_contenders(&common.contender)?,
        rounds: (*rounds).max(1),
        quick: common.quick,
        tls: Tls::make(&places.certificate, &places.key)?,
        places,
        logs: common.scratch.clone(),
    };
    let mut screen = Screen::new();
    plan.contenders.retain(|contender| {
        if common.no_peers && contender.role == Role::Peer {
            return false;
        }
        let missing = contender.command(contender.tasks[0], &plan.places).err();
        if let Some(reason) = &missing {
            screen.say(&format!("{} is left out: {reason}", contender.name));
        }
        missing.is_none()
    });
    server::take_load_core()?;
    let machine = Machine::here(&common.root);
    let page = Page::in_checkout(&common.root);
    for mode in modes {
        let load = load_average();
        let results = rounds::run(mode, &plan, &mut screen);
        let conditions = Conditions::now(&results, &load, common.quick);
        let table = table::markdown(&results);
        screen.say(&format!("\n{} ({})\n\n{table}\n{conditions}", mode.title, mode.name));
        if common.write {
            page.write(&results, &conditions, &machine)?;
        }
    }
    Ok(())
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
