//! What was measured, as a table and as a verdict.

use std::fmt::Write;
use std::time::Duration;

use super::BUDGET;

/// One scenario; memory in KiB.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) allowed: u64,
    pub(crate) outcome: Result<String, String>,
    pub(crate) took: Duration,
    pub(crate) cpu: Duration,
    pub(crate) before: u64,
    pub(crate) peak: u64,
    pub(crate) after: u64,
    pub(crate) echoes: u64,
    pub(crate) worst: Duration,
}

impl Row {
    /// What must not have been, one sentence each.
    pub(crate) fn failures(&self) -> Vec<String> {
        let name = self.name;
        let growth = self.peak - self.before;
        let mut failures = Vec::new();
        if let Err(reason) = &self.outcome {
            failures.push(format!("{name}: {reason}"));
        }
        if growth > self.allowed {
            failures.push(format!("{name}: memory grew by {growth} KiB, {} KiB are allowed", self.allowed));
        }
        if self.peak > BUDGET {
            failures.push(format!("{name}: {} KiB of memory, the budget is {BUDGET} KiB", self.peak));
        }
        if self.echoes == 0 {
            failures.push(format!("{name}: no echo was answered"));
        }
        failures
    }
}

/// The rows as a Markdown table.
pub(crate) fn markdown(rows: &[Row]) -> String {
    let mut table = String::from(
        "| scenario | what came of it | s | CPU s | RSS before, peak, after (MiB) | growth, allowed (MiB) | echoes | worst ms |\n\
         |---|---|--:|--:|--:|--:|--:|--:|\n",
    );
    let mib = |kib: u64| kib as f64 / 1024.0;
    for row in rows {
        let outcome = row.outcome.as_ref().map_or_else(|reason| format!("**{reason}**"), Clone::clone);
        // Writing to a string cannot fail.
        let _ = writeln!(
            table,
            "| {} | {outcome} | {:.0} | {:.2} | {:.1}, {:.1}, {:.1} | {:.1}, {:.1} | {} | {:.1} |",
            row.name,
            row.took.as_secs_f64(),
            row.cpu.as_secs_f64(),
            mib(row.before),
            mib(row.peak),
            mib(row.after),
            mib(row.peak - row.before),
            mib(row.allowed),
            row.echoes,
            row.worst.as_secs_f64() * 1000.0,
        );
    }
    table
}
