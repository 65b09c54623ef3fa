//! The steps: what each runs, needs and may take.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use clap::ValueEnum;

use crate::autobahn::{self, Role};
use crate::process::first_line;
use crate::session::Session;
use crate::tally::Tally;
use crate::workspace::Workspace;
use crate::{Failure, api, fuzz, instructions, setup};

/// A step, in the order in which they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Step {
    Setup,
    Fmt,
    Clippy,
    Doc,
    Api,
    Build,
    Test,
    Doctest,
    Js,
    AutobahnServer,
    AutobahnClient,
    Instructions,
    Fuzz,
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Passed,
    Failed,
    Skipped,
}

/// All there is to say about a step that has ended.
pub(crate) struct StepResult {
    pub(crate) step: Step,
    pub(crate) verdict: Verdict,
    pub(crate) tally: Tally,
    pub(crate) took: Duration,
    pub(crate) note: String,
    pub(crate) log: PathBuf,
}

/// What a step's body found.
enum Found {
    /// Formatting and the like: it passed or not.
    Check(bool),
    /// Tests or cases, counted by their runner in the log.
    Tests(bool),
    /// So many were not run, and why.
    Skipped(usize, String),
}

/// A few minutes of the suite: all but the large deflate cases.
const CASES: &str = "core,limits,deflate-small";

const FUZZ_SECONDS: u32 = 20;

impl Step {
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        Self::value_variants().iter().copied()
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Setup => "setup",
            Self::Fmt => "fmt",
            Self::Clippy => "clippy",
            Self::Doc => "doc",
            Self::Api => "api",
            Self::Build => "build",
            Self::Test => "test",
            Self::Doctest => "doctest",
            Self::Js => "js",
            Self::AutobahnServer => "autobahn-server",
            Self::AutobahnClient => "autobahn-client",
            Self::Instructions => "instructions",
            Self::Fuzz => "fuzz",
        }
    }

    pub(crate) fn about(self) -> &'static str {
        match self {
            Self::Setup => "install what the tests need in target/tools",
            Self::Fmt => "cargo fmt --check",
            Self::Clippy => "cargo clippy on everything, warnings denied",
            Self::Doc => "cargo doc, warnings denied",
            Self::Api => "the public API of the crates against docs/api",
            Self::Build => "the release build of the tidegate binary",
            Self::Test => "every test of the workspace, by nextest where it is installed",
            Self::Doctest => "the examples in the documentation",
            Self::Js => "the browser package in Chromium, Firefox, Node, Deno and Bun",
            Self::AutobahnServer => "the public suite against `tidegate listen --echo`, 385 of its 517 cases",
            Self::AutobahnClient => "the same cases against the library's client",
            Self::Instructions => "what an echoed message costs in user code, against docs/instructions.txt",
            Self::Fuzz => "20 s of each fuzz target, where there is a nightly toolchain",
        }
    }

    /// Whether it runs when only some steps are asked for (`[]`: all are).
    pub(crate) fn is_chosen(self, only: &[Self]) -> bool {
        only.is_empty() || only.contains(&self) || only.iter().any(|step| step.needs().contains(&self))
    }

    fn needs(self) -> &'static [Self] {
        match self {
            Self::Test => &[Self::Setup, Self::Build],
            Self::Js | Self::AutobahnServer | Self::AutobahnClient | Self::Instructions => &[Self::Setup],
            _ => &[],
        }
    }

    fn limit(self) -> Duration {
        let minutes = match self {
            Self::Fmt => 2,
            Self::Doc | Self::Api | Self::Doctest | Self::Instructions => 10,
            Self::Js => 12,
            Self::Setup | Self::Clippy | Self::Build | Self::AutobahnServer | Self::AutobahnClient => 15,
            Self::Fuzz => 20,
            Self::Test => 30,
        };
        Duration::from_secs(minutes * 60)
    }

    /// Runs it within its own limit and the time that is `left` for all.
    pub(crate) fn run(self, workspace: &Workspace, left: Duration) -> StepResult {
        let name = self.name();
        let log = workspace.target.join("xtask").join(format!("{name}.log"));
        let session = Session::logged(name, log.clone(), self.limit().min(left));
        let mut result = StepResult {
            step: self,
            verdict: Verdict::Failed,
            tally: Tally::of_check(false),
            took: Duration::ZERO,
            note: String::new(),
            log,
        };
        let mut session = match session {
            Ok(session) => session,
            Err(Failure(reason)) => {
                result.note = reason;
                return result;
            }
        };
        match self.body(workspace, &mut session) {
            Ok(found) => result.judge(found, &session.text()),
            Err(Failure(reason)) => result.note = reason,
        }
        session.clear();
        result.took = session.elapsed();
        result
    }

    fn body(self, workspace: &Workspace, session: &mut Session) -> Result<Found, Failure> {
        let cargo = |arguments: &[&str]| workspace.cargo(arguments);
        match self {
            Self::Setup => setup::run(workspace, session).map(|()| Found::Check(true)),
            Self::Fmt => {
                let workspace = session.run(&mut cargo(&["fmt", "--all", "--check"]))?;
                let fuzz = ["fmt", "--manifest-path", "fuzz/Cargo.toml", "--check"];
                let fuzz = session.run(&mut cargo(&fuzz))?;
                let bench = ["fmt", "--manifest-path", "bench/Cargo.toml", "--all", "--check"];
                Ok(Found::Check(session.run(&mut cargo(&bench))? && fuzz && workspace))
            }
            Self::Clippy => {
                let arguments = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
                session.run(&mut cargo(&arguments)).map(Found::Check)
            }
            Self::Doc => {
                let mut doc = cargo(&["doc", "--workspace", "--no-deps"]);
                session.run(doc.env("RUSTDOCFLAGS", "-D warnings")).map(Found::Check)
            }
            Self::Api => api::run(workspace, session, &api::Arguments { write: false }).map(Found::Check),
            Self::Build => session.run(&mut cargo(&["build", "--release"])).map(Found::Check),
            Self::Test => session.run(with_tools(workspace, &mut test_command(workspace))).map(Found::Tests),
            Self::Doctest => {
                let mut doctest = cargo(&["test", "--doc", "--workspace", "--no-fail-fast"]);
                session.run(with_tools(workspace, &mut doctest)).map(Found::Tests)
            }
            Self::Js => js(workspace, session),
            Self::AutobahnServer => autobahn(workspace, session, Role::Server),
            Self::AutobahnClient => autobahn(workspace, session, Role::Client),
            Self::Instructions => {
                let arguments = instructions::Arguments { write: false };
                instructions::run(workspace, session, &arguments).map(Found::Check)
            }
            Self::Fuzz => fuzz(workspace, session),
        }
    }
}

impl StepResult {
    fn judge(&mut self, found: Found, log: &str) {
        let succeeded = match found {
            Found::Skipped(count, reason) => {
                self.verdict = Verdict::Skipped;
                self.tally = Tally { skipped: count, ..Tally::default() };
                self.note = reason;
                return;
            }
            Found::Check(passed) => {
                self.tally = Tally::of_check(passed);
                passed
            }
            Found::Tests(passed) => {
                // No closing line: the tests were not built, or their runner crashed.
                self.tally = Tally::parse(log).unwrap_or(Tally::of_check(false));
                passed
            }
        };
        if !succeeded && self.tally.failed == 0 {
            self.tally.failed = 1;
        }
        self.verdict = if self.tally.failed == 0 { Verdict::Passed } else { Verdict::Failed };
        if matches!(found, Found::Tests(_)) {
            self.note = self.tally.to_string();
        }
    }
}

fn test_command(workspace: &Workspace) -> Command {
    if first_line(&mut workspace.cargo(&["nextest", "--version"])).is_some() {
        // The failures come last, where the summary shows them.
        let last = ["--no-fail-fast", "--failure-output", "final", "--color", "never"];
        workspace.cargo(&[["nextest", "run", "--workspace"].as_slice(), &last].concat())
    } else {
        workspace.cargo(&["test", "--workspace", "--lib", "--bins", "--tests", "--no-fail-fast"])
    }
}

/// Tells tests where the tools are. A test that needs one fails when it is told so and the tool is not there.
fn with_tools<'a>(workspace: &Workspace, command: &'a mut Command) -> &'a mut Command {
    command.env("TIDEGATE_TOOLS", &workspace.tools).env("TIDEGATE_BIN", workspace.release("tidegate"))
}

fn js(workspace: &Workspace, session: &mut Session) -> Result<Found, Failure> {
    let server = ["build", "--package", "tidegate-tests", "--bin", "contract-server"];
    session.must(&mut workspace.cargo(&server))?;
    let mut tests = workspace.command("node", &["clients/js/test/all.mjs"]);
    tests.arg(workspace.target.join("debug/contract-server"));
    session.run(with_tools(workspace, &mut tests)).map(Found::Tests)
}

fn autobahn(workspace: &Workspace, session: &mut Session, role: Role) -> Result<Found, Failure> {
    let arguments = autobahn::Arguments { role, jobs: 2, strict: true, cases: CASES.into() };
    autobahn::run(workspace, session, &arguments).map(Found::Tests)
}

fn fuzz(workspace: &Workspace, session: &mut Session) -> Result<Found, Failure> {
    if !fuzz::has_nightly(workspace) {
        let count = fuzz::targets(workspace)?.len();
        return Ok(Found::Skipped(count, "there is no nightly toolchain here".into()));
    }
    let arguments = fuzz::Arguments { seconds: FUZZ_SECONDS, target: None };
    fuzz::run(workspace, session, &arguments).map(Found::Tests)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_printed_as_it_is_typed() {
        for step in Step::all() {
            assert_eq!(Step::from_str(step.name(), false), Ok(step));
        }
    }

    #[test]
    fn a_step_brings_what_it_needs() {
        let chosen: Vec<Step> = Step::all().filter(|step| step.is_chosen(&[Step::Test])).collect();
        assert_eq!(chosen, [Step::Setup, Step::Build, Step::Test]);
        assert!(Step::all().all(|step| step.is_chosen(&[])));
    }

    fn judged(found: Found, log: &str) -> (Verdict, Tally) {
        let mut result = StepResult {
            step: Step::Test,
            verdict: Verdict::Failed,
            tally: Tally::default(),
            took: Duration::ZERO,
            note: String::new(),
            log: PathBuf::new(),
        };
        result.judge(found, log);
        (result.verdict, result.tally)
    }

    #[test]
    fn tests_that_did_not_run_have_failed() {
        let failed = |passed| (Verdict::Failed, Tally { passed, failed: 1, skipped: 0 });
        assert_eq!(judged(Found::Tests(false), "error: could not compile"), failed(0));
        assert_eq!(judged(Found::Tests(true), ""), failed(0));
        // A runner that crashed after its closing line.
        assert_eq!(judged(Found::Tests(false), "3 passed, 0 failed"), failed(3));
    }

    #[test]
    fn what_is_skipped_is_counted_and_does_not_fail() {
        let tally = Tally { passed: 0, failed: 0, skipped: 4 };
        assert_eq!(judged(Found::Skipped(4, "no nightly".into()), ""), (Verdict::Skipped, tally));
    }
}
