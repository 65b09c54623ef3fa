//! `cargo xtask test`: every check and test, one after the other, and one summary.

mod step;
mod summary;

use std::time::{Duration, Instant};

use crate::Failure;
use crate::workspace::Workspace;

use step::Step;

/// What `cargo xtask test` takes.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  cargo xtask test\n  cargo xtask test --only clippy --only test\n\n\
    A failed step does not stop the ones after it. The last line is 'N passed, M failed, K skipped', where a\n\
    check without tests counts as one.")]
pub(crate) struct Arguments {
    /// Run only this step, and those it needs; may be given several times.
    #[arg(long, value_name = "STEP", value_enum)]
    only: Vec<Step>,
    /// Print the steps and what each does, and run nothing.
    #[arg(long)]
    list: bool,
}

/// All steps together take half of this on two quiet cores. What is left when it is over counts as failed, so
/// that there is a summary before anything outside ends the run.
const TIME_FOR_ALL: Duration = Duration::from_secs(75 * 60);

/// Runs the steps; tells whether none failed.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<bool, Failure> {
    let steps = Step::all().filter(|step| step.is_chosen(&arguments.only));
    if arguments.list {
        for step in steps {
            println!("{:<16} {}", step.name(), step.about());
        }
        return Ok(true);
    }
    let deadline = Instant::now() + TIME_FOR_ALL;
    let mut results = Vec::new();
    for step in steps {
        let left = deadline.saturating_duration_since(Instant::now());
        let result = step.run(workspace, left);
        summary::print_step(&result);
        results.push(result);
    }
    Ok(summary::print_all(&results))
}
