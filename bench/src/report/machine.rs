//! What was measured on, and under which conditions.

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::table::number;
use crate::rounds::Results;

/// The machine and the versions of everybody.
pub(crate) struct Machine {
    hardware: String,
    compiler: String,
    versions: String,
}

/// Whose versions are told, as bench/Cargo.lock names them.
const CRATES: &[&str] =
    &["tokio", "tokio-tungstenite", "fastwebsockets", "tokio-websockets", "yawc", "sockudo-ws", "axum"];

impl Machine {
    /// Looks around, with the versions of those that echo.
    pub(crate) fn here(root: &Path) -> Self {
        let lock = fs::read_to_string(root.join("bench/Cargo.lock")).unwrap_or_default();
        let manifest = fs::read_to_string(root.join("bench/js/package.json")).unwrap_or_default();
        let mut versions: Vec<String> =
            CRATES.iter().filter_map(|name| Some(format!("{name} {}", locked(&lock, name)?))).collect();
        versions.extend(["ws", "bun", "deno"].iter().filter_map(|name| wanted(&manifest, name)));
        versions.push(format!("Node {}", said("node", &["--version"])));
        Self::with(versions.join(", "))
    }

    /// Looks around, with these versions.
    pub(crate) fn with(versions: String) -> Self {
        let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = processors.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let model = model.map_or("a processor without a name", |(_, name)| name);
        let cores = processors.lines().filter(|line| line.starts_with("processor")).count();
        let kernel = said("uname", &["-srm"]);
        Self {
            hardware: format!("{cores} cores of {model}, {kernel}"),
            compiler: said("rustc", &["--version"]),
            versions,
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "## What ran\n")?;
        writeln!(f, "- {}; {}, release builds with thin LTO.", self.hardware, self.compiler)?;
        write!(f, "- {}.", self.versions)
    }
}

/// What surrounded the measurement of a mode.
pub(crate) struct Conditions {
    text: String,
}

impl Conditions {
    /// After the mode was measured; `load_before` is from [`load_average`] before.
    pub(crate) fn now(results: &Results, load_before: &str, quick: bool) -> Self {
        let date = said("date", &["-u", "+%Y-%m-%d %H:%M UTC"]);
        let commit = said("git", &["rev-parse", "--short", "HEAD"]);
        let noise = results.noise().map_or(String::new(), |noise| {
            format!(", rounds of one contender {} % apart in the middle", number((noise * 100.0).round()))
        });
        let dropped: usize = results.rows.iter().map(|row| row.dropped()).sum();
        let samples = results.rows.len() * results.rounds;
        let short = if quick { ", short samples" } else { "" };
        Self {
            text: format!(
                "{date}, commit {commit}; {} round(s){short}{noise}; {dropped} of {samples} samples dropped; load \
                 average {load_before} before, {} after.",
                results.rounds,
                load_average(),
            ),
        }
    }
}

impl fmt::Display for Conditions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Of the last minute.
pub(crate) fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().unwrap_or("unknown").to_owned()
}

/// What a program says; "unknown" where it says nothing.
pub(crate) fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text =
        output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    if text.is_empty() { "unknown".to_owned() } else { text }
}

/// The newest version of a crate in a lock file, which sorts them.
fn locked<'a>(lock: &'a str, name: &str) -> Option<&'a str> {
    let begin = lock.rfind(&format!("name = \"{name}\"\nversion = \""))?;
    lock[begin..].split('"').nth(3)
}

fn wanted(manifest: &str, name: &str) -> Option<String> {
    let line = manifest.lines().find(|line| line.contains(&format!("\"{name}\":")))?;
    Some(format!("{name} {}", line.split('"').nth(3)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        let lock = "name = \"yawc\"\nversion = \"0.4.0\"\n\nname = \"yawc\"\nversion = \"0.5.0\"\n";
        assert_eq!(locked(lock, "yawc"), Some("0.5.0"));
        assert_eq!(wanted("{\n  \"bun\": \"1.4.5\",\n", "bun").as_deref(), Some("bun 1.4.5"));
    }
}
