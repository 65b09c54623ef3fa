//! The public WebSocket test suite, against our server and our client.

use std::net::SocketAddr;
use std::time::Duration;

use clap::ValueEnum;

use crate::Failure;
use crate::process::Background;
use crate::session::Session;
use crate::setup::autobahn_command;
use crate::workspace::Workspace;

/// What `cargo xtask autobahn` takes.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  cargo xtask autobahn core,limits --jobs 2\n  \
    cargo xtask autobahn --role client 7.*\n\nThe full suite takes half an hour. The sets of cases are told by\n  \
    python3 tests/tools/autobahn.py --help")]
pub(crate) struct Arguments {
    /// Which of ours is tested.
    #[arg(long, value_enum, default_value_t = Role::Both)]
    pub(crate) role: Role,
    /// Share the cases among this many suites.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=16))]
    pub(crate) jobs: u8,
    /// Whether a case that passed only by being tolerated (NON-STRICT) fails.
    #[arg(long, value_name = "BOOL", default_value_t = true, default_missing_value = "true",
          num_args = 0..=1, require_equals = true, action = clap::ArgAction::Set)]
    pub(crate) strict: bool,
    /// Sets, cases and patterns, separated by commas.
    #[arg(value_name = "CASES", default_value = "all", allow_hyphen_values = true)]
    pub(crate) cases: String,
}

/// Which of ours the suite talks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    Server,
    Client,
    Both,
}

/// The cases send messages of 16 MiB and of 65,536 fragments, more than a default should take.
const ECHO: &[&str] =
    &["listen", "127.0.0.1:0", "--echo", "--max-message", "33554432", "--max-fragments", "100000"];

/// Builds what is needed and runs the suite; tells whether every case passed.
pub(crate) fn run(
    workspace: &Workspace,
    session: &mut Session,
    arguments: &Arguments,
) -> Result<bool, Failure> {
    let mut passed = true;
    if arguments.role != Role::Client {
        passed &= server(workspace, session, arguments)?;
    }
    if arguments.role != Role::Server {
        passed &= client(workspace, session, arguments)?;
    }
    Ok(passed)
}

fn server(workspace: &Workspace, session: &mut Session, arguments: &Arguments) -> Result<bool, Failure> {
    session.must(&mut workspace.cargo(&["build", "--release", "--package", "tidegate-cli"]))?;
    let log = workspace.target.join("autobahn/tidegate-listen.log");
    let mut listen = workspace.command(workspace.release("tidegate"), ECHO);
    let mut server = Background::start(&mut listen, &log)?;
    let url = server.wait_for(Duration::from_secs(20), address_in).map_err(|Failure(reason)| {
        Failure(format!("`tidegate {}` did not say where it listens: {reason}", ECHO.join(" ")))
    })?;
    session.run(suite(workspace, arguments, "server").args([&url, &arguments.cases]))
}

fn client(workspace: &Workspace, session: &mut Session, arguments: &Arguments) -> Result<bool, Failure> {
    let build = ["build", "--release", "--package", "tidegate-tests", "--bin", "autobahn-client"];
    session.must(&mut workspace.cargo(&build))?;
    let mut suite = suite(workspace, arguments, "client");
    let program = workspace.release("autobahn-client");
    session.run(suite.arg(&arguments.cases).arg("--").arg(program).arg("{url}"))
}

fn suite(workspace: &Workspace, arguments: &Arguments, role: &str) -> std::process::Command {
    let mut command = autobahn_command(workspace, &[role]);
    command.arg("--out").arg(workspace.target.join("autobahn").join(role));
    command.args(["--jobs", &arguments.jobs.to_string()]);
    if !arguments.strict {
        command.arg("--lenient");
    }
    command
}

/// The URL of a server that says in this line where it listens: the last URL or socket address in it.
pub(crate) fn address_in(line: &str) -> Option<String> {
    line.split_whitespace().rev().find_map(|word| {
        let word = word.trim_matches(|c: char| !c.is_ascii_alphanumeric() && !"[]".contains(c));
        let (_, address) = word.split_once("://").unwrap_or(("", word));
        let (address, _) = address.split_once('/').unwrap_or((address, ""));
        let address: SocketAddr = address.parse().ok()?;
        (address.ip().is_loopback() && address.port() != 0).then(|| format!("ws://{address}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_however_it_is_said() {
        let url = Some("ws://127.0.0.1:40001".to_owned());
        assert_eq!(address_in("ws://127.0.0.1:40001"), url);
        assert_eq!(address_in("listening on 127.0.0.1:0: ws://127.0.0.1:40001/ (echo)"), url);
        assert_eq!(address_in("tidegate: listens at 127.0.0.1:40001."), url);
        assert_eq!(address_in("[::1]:80"), Some("ws://[::1]:80".to_owned()));
    }

    #[test]
    fn no_other_address_is_taken() {
        assert_eq!(address_in("will listen on 127.0.0.1:0"), None);
        assert_eq!(address_in("listens at ws://0.0.0.0:80"), None);
        assert_eq!(address_in(""), None);
    }
}
