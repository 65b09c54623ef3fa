//! Misbehaving peers against `tidegate listen --echo`: what each kind costs, and that others go on undisturbed.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::Failure;
use crate::autobahn::address_in;
use crate::process::{self, Background, first_line, read_text};
use crate::session::Session;
use crate::workspace::Workspace;

/// What `cargo xtask abuse` takes.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  cargo xtask abuse --write\n  \
    cargo xtask abuse --only pings\n\nTakes four minutes, on this machine alone: nothing \
    but the loopback interface is used.\n\nExit status: 0 the server stood it all, 1 it did not, 2 it could not be \
    tried.")]
pub(crate) struct Arguments {
    /// Put the table into docs/limits.md, if the server stood it all.
    #[arg(long, conflicts_with_all = ["only", "default_malloc"])]
    pub(crate) write: bool,
    /// Let glibc keep large blocks that were freed, as it does by default; RSS then tells what it keeps as well.
    #[arg(long)]
    pub(crate) default_malloc: bool,
    /// Misbehave only in the ways that have this word in their names.
    #[arg(long, value_name = "WORD")]
    pub(crate) only: Option<String>,
}

const ECHO: &[&str] = &["listen", "127.0.0.1:0", "--echo"];

/// glibc gives a freed block of this size and more back to the system. Left alone it raises the bound with the first
/// large message, and keeps what each thread has once held; see docs/limits.md.
const MALLOC: (&str, &str) = ("MALLOC_MMAP_THRESHOLD_", "131072");

/// Where the table is kept, and what stands around it there.
const PAGE: &str = "docs/limits.md";
const BEGIN: &str = "<!-- begin: cargo xtask abuse --write -->\n";
const END: &str = "<!-- end -->\n";

/// The prober stops by itself long before.
const LIMIT: Duration = Duration::from_secs(900);

/// Builds what is needed and misbehaves; tells whether the server stood it.
pub(crate) fn run(
    workspace: &Workspace,
    session: &mut Session,
    arguments: &Arguments,
) -> Result<bool, Failure> {
    let build = ["build", "--release", "--package", "tidegate-cli", "--package", "tidegate-tests"];
    session.must(workspace.cargo(&build).args(["--bin", "tidegate", "--bin", "abuse"]))?;
    let folder = workspace.target.join("abuse");
    let mut listen = workspace.command(workspace.release("tidegate"), ECHO);
    if !arguments.default_malloc {
        listen.env(MALLOC.0, MALLOC.1);
    }
    let mut server = Background::start(&mut listen, &folder.join("tidegate-listen.log"))?;
    let url = server.wait_for(Duration::from_secs(20), address_in).map_err(|Failure(reason)| {
        Failure(format!("`tidegate {}` did not say where it listens: {reason}", ECHO.join(" ")))
    })?;
    let address = url.trim_start_matches("ws://");
    let mut prober = workspace.command(workspace.release("abuse"), &[address, &server.id().to_string()]);
    prober.args(&arguments.only);
    let (table, passed) = probe(&mut prober, &folder.join("table.md"))?;
    let text = format!("{table}\n{}\n", about(workspace, arguments));
    session.say(&text)?;
    if arguments.write && passed {
        write(&workspace.root.join(PAGE), &text)?;
        session.say(&format!("{PAGE} has the table"))?;
    }
    Ok(passed)
}

/// Runs the prober, which says on standard error what must not have been; gives its table, and whether all was well.
fn probe(prober: &mut Command, output: &Path) -> Result<(String, bool), Failure> {
    let file = File::create(output).map_err(Failure::because(output.display()))?;
    let mut child = process::spawn(prober.stdout(file))?;
    let status = process::wait(&mut child, Some(Instant::now() + LIMIT), || ())?;
    match status.map(|status| status.code()) {
        Some(Some(0)) => Ok((read_text(output), true)),
        Some(Some(1)) => Ok((read_text(output), false)),
        Some(_) => Err(Failure("the prober could not work".into())),
        None => Err(Failure(format!("the prober was not done after {} s", LIMIT.as_secs()))),
    }
}

/// What was measured, and on what.
fn about(workspace: &Workspace, arguments: &Arguments) -> String {
    let said = |command: &mut Command| first_line(command).unwrap_or_else(|| "unknown".to_owned());
    let commit = said(&mut workspace.command("git", &["rev-parse", "--short", "HEAD"]));
    let compiler = said(&mut workspace.command("rustc", &["--version"]));
    let kernel = said(&mut workspace.command("uname", &["-srm"]));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let processors = read_text(Path::new("/proc/cpuinfo"));
    let model = processors.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("a processor without a name", |(_, name)| name);
    let malloc =
        if arguments.default_malloc { String::new() } else { format!(" with {}={}", MALLOC.0, MALLOC.1) };
    format!(
        "tidegate {} ({commit}), {compiler}, release build{malloc}; {cores} cores of {model}, {kernel}; server and prober \
         share them.",
        env!("CARGO_PKG_VERSION")
    )
}

/// Puts the table between its marks.
fn write(page: &Path, table: &str) -> Result<(), Failure> {
    let text = fs::read_to_string(page).map_err(Failure::because(page.display()))?;
    let text = replaced(&text, table)
        .ok_or_else(|| Failure(format!("{} has no place for the table: {BEGIN}", page.display())))?;
    fs::write(page, text).map_err(Failure::because(page.display()))
}

fn replaced(text: &str, table: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{table}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_marks_is_replaced() {
        let page = format!("before\n{BEGIN}old\n{END}after\n");
        let once = replaced(&page, "| new |\n").unwrap();
        assert_eq!(once, format!("before\n{BEGIN}\n| new |\n\n{END}after\n"));
        assert_eq!(replaced(&once, "| new |\n").unwrap(), once);
        assert!(replaced("no marks", "| new |").is_none());
    }
}
