//! What the process holds, and a process of its own for the tests that ask.

use std::process::Command;

const ALONE: &str = "TIDEGATE_TEST_ALONE";

/// Runs the calling test `name` once more in a process of its own, where nothing else allocates or opens files.
///
/// Gives `true` in that process, and `false` in the first one, once the test has passed there.
pub(crate) fn is_alone(name: &str) -> bool {
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let program = std::env::current_exe().expect("a test is a program");
    let output = Command::new(program)
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(ALONE, "1")
        .output()
        .expect("a program that runs can run again");
    let told = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.contains("1 passed"), "{name}, alone:\n{told}");
    false
}

/// Bytes of memory of this process that no file backs.
pub(crate) fn memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells");
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("Linux tells");
    let kilobytes: usize = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kilobytes * 1024
}

/// How much memory this process has beyond `before`.
pub(crate) fn grown(before: usize) -> usize {
    memory().saturating_sub(before)
}

pub(crate) fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("Linux tells").count()
}

pub(crate) const MEBIBYTE: usize = 1 << 20;
