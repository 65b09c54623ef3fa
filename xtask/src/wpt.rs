//! The public web-platform-tests of `websockets/`, in real browsers, against our server and with our browser package.

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::ValueEnum;

use crate::Failure;
use crate::session::Session;
use crate::tally::Tally;
use crate::workspace::Workspace;

/// What `cargo xtask wpt` takes.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  cargo xtask wpt --root ../wpt\n  \
    cargo xtask wpt --root ../wpt --browser firefox --carrier ponyfill stream/\n\n\
    The tests are no part of this repository; docs/wpt.md says where they are. Without them nothing is run, and the\n\
    last line says 'skipped'. All of it takes a quarter of an hour.\n\n\
    Exit status: 0 all came as tests/wpt/expected.txt has it, 1 something did not, 2 it could not be tried.")]
pub(crate) struct Arguments {
    /// The folder that holds the tests: `websockets`, `resources`, `common` and `interfaces`.
    #[arg(long, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,
    /// Which browsers; both if none is named.
    #[arg(long = "browser", value_enum)]
    pub(crate) browsers: Vec<Browser>,
    /// Whose `WebSocketStream` is tested; both if none is named. The ponyfill runs the files of `stream` alone.
    #[arg(long = "carrier", value_enum)]
    pub(crate) carriers: Vec<Carrier>,
    /// Which variants of each file; the first two if none is named.
    #[arg(long = "variant", value_enum)]
    pub(crate) variants: Vec<Variant>,
    /// Where a test runs that says it may run there; the first two if none is named.
    #[arg(long = "scope", value_enum)]
    pub(crate) scopes: Vec<Scope>,
    /// How many pages at a time.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=16))]
    pub(crate) jobs: u8,
    /// The module that is the ponyfill.
    #[arg(long, value_name = "MODULE", default_value = PACKAGE)]
    pub(crate) inject: PathBuf,
    /// Options in JSON that each of its streams is given.
    #[arg(long, value_name = "JSON", default_value = r#"{"native": false, "credits": true}"#)]
    pub(crate) settings: String,
    /// Write every result to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Run only the files that have one of these words in their paths.
    #[arg(value_name = "WORD")]
    pub(crate) words: Vec<String>,
}

/// Debian's, by the names of their programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Browser {
    Chromium,
    Firefox,
}

/// What the tests know as `WebSocketStream`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Carrier {
    /// The browser's own class.
    Native,
    /// Our package, over the browser's `WebSocket`.
    Ponyfill,
}

/// How a page reaches the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Variant {
    Default,
    Wss,
    H2,
}

/// Where a test runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scope {
    Window,
    Worker,
    #[value(name = "sharedworker")]
    SharedWorker,
    #[value(name = "serviceworker")]
    ServiceWorker,
}

/// Our browser package.
const PACKAGE: &str = "clients/js/src/index.js";

/// The failures that are expected, each with a reason.
const EXPECTED: &str = "tests/wpt/expected.txt";

/// Builds the server and runs the tests; tells whether all came as expected.
pub(crate) fn run(
    workspace: &Workspace,
    session: &mut Session,
    arguments: &Arguments,
) -> Result<bool, Failure> {
    let Some(root) = arguments.root.as_ref().filter(|root| has_tests(root)) else {
        let reason = match &arguments.root {
            None => "no folder was named: --root DIR".to_owned(),
            Some(root) => format!("{} has no websockets/ and resources/testharness.js", root.display()),
        };
        session.say(&format!("the web-platform-tests were not run: {reason}; see docs/wpt.md"))?;
        session.say(&Tally { skipped: 1, ..Tally::default() }.to_string())?;
        return Ok(true);
    };
    if !workspace.tools.join("node_modules/puppeteer-core").exists() {
        return Err(Failure("the driver of the browsers is not there; run `cargo xtask setup`".into()));
    }
    let build = ["build", "--package", "tidegate-tests", "--bin", "wpt-server"];
    session.must(&mut workspace.cargo(&build))?;
    let module = workspace.root.join(&arguments.inject);
    let carriers = carriers(arguments, module.exists())?;
    if !carriers.contains(&Carrier::Ponyfill) {
        session.say(&format!("without the ponyfill, of which there is no {}", arguments.inject.display()))?;
    }
    let root = absolute(root)?;
    let mut runner = workspace.command("node", &["tests/tools/wpt/run.mjs"]);
    runner.arg("--server").arg(workspace.target.join("debug/wpt-server")).arg("--root").arg(root);
    runner.args(["--expected", EXPECTED, "--jobs", &arguments.jobs.to_string()]);
    choose(&mut runner, "--browsers", &arguments.browsers, &[Browser::Chromium, Browser::Firefox]);
    choose(&mut runner, "--carriers", &carriers, &[]);
    choose(&mut runner, "--variants", &arguments.variants, &[Variant::Default, Variant::Wss]);
    choose(&mut runner, "--scopes", &arguments.scopes, &[Scope::Window, Scope::Worker]);
    if let (Some(folder), Some(name)) = (module.parent(), module.file_name()) {
        let words = [folder.as_os_str(), name, arguments.settings.as_ref()];
        for word in words {
            runner.arg("--inject").arg(word);
        }
    }
    if let Some(json) = &arguments.json {
        runner.arg("--json").arg(absolute(json)?);
    }
    session.run(runner.args(&arguments.words).env("TIDEGATE_TOOLS", &workspace.tools))
}

fn has_tests(root: &Path) -> bool {
    root.join("websockets").is_dir() && root.join("resources/testharness.js").is_file()
}

/// Which carriers to run: those that were asked for, and else all that are there.
fn carriers(arguments: &Arguments, has_ponyfill: bool) -> Result<Vec<Carrier>, Failure> {
    if arguments.carriers.contains(&Carrier::Ponyfill) && !has_ponyfill {
        return Err(Failure(format!("there is no {}", arguments.inject.display())));
    }
    Ok(match (arguments.carriers.as_slice(), has_ponyfill) {
        ([], true) => vec![Carrier::Native, Carrier::Ponyfill],
        ([], false) => vec![Carrier::Native],
        (asked, _) => asked.to_vec(),
    })
}

/// Adds an option with the names of what was asked for, or of `otherwise`.
fn choose<T: ValueEnum>(runner: &mut Command, option: &str, asked: &[T], otherwise: &[T]) {
    let chosen = if asked.is_empty() { otherwise } else { asked };
    let names = chosen.iter().filter_map(ValueEnum::to_possible_value);
    let names: Vec<String> = names.map(|value| value.get_name().to_owned()).collect();
    runner.args([option, &names.join(",")]);
}

/// The runner works in the checkout's root, and paths are meant from where one is.
fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(Failure::because(path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_command_line() {
        let mut command = Command::new("node");
        choose(&mut command, "--scopes", &[], &[Scope::Window, Scope::SharedWorker]);
        choose(&mut command, "--variants", &[Variant::H2], &[Variant::Wss]);
        let words: Vec<_> = command.get_args().collect();
        assert_eq!(words, ["--scopes", "window,sharedworker", "--variants", "h2"]);
    }
}
