//! `docs/benchmarks-uploads.md`: a section for each case. A run that measures some leaves the others.

use std::fs;
use std::path::Path;

use super::cases;
use super::results::Results;
use crate::channels::said;
use crate::failure::Failure;
use crate::report::page::{BEGIN, END, section_in, summary_in};

const HEAD: &str = include_str!("head.md");

/// What `store-bench` measures, and what was found about the figures: written by hand, behind the sections.
const STORE: &str = include_str!("store.md");

/// Puts a case's results in.
pub(crate) fn write(root: &Path, results: &Results) -> Result<(), Failure> {
    let path = root.join("docs/benchmarks-uploads.md");
    let case = &results.case;
    let section = format!(
        "{BEGIN}{name}: {summary} -->\n\n## {title}\n\n{body}\n{END}{name} -->\n",
        name = case.name,
        title = case.title,
        summary = summary(results),
        body = results.markdown(),
    );
    let old = fs::read_to_string(&path).unwrap_or_default();
    let section_of =
        |name: &str| if name == case.name { Some(section.clone()) } else { section_in(&old, name) };
    let sections: Vec<String> = cases::ALL.iter().filter_map(|other| section_of(other.name)).collect();
    let lines: Vec<&str> = sections.iter().filter_map(|section| summary_in(section)).collect();
    let text = format!(
        "{HEAD}\n## What ran\n\n{machine}\n\n## In short\n\n| measured | goals reached | goals missed |\n|---|---|---|\n\
         {lines}\n\n{sections}\n{STORE}",
        machine = machine(root),
        lines = lines.join("\n"),
        sections = sections.join("\n"),
    );
    fs::write(&path, text).map_err(Failure::because(path.display()))
}

/// The machine, and the versions of the peers.
fn machine(root: &Path) -> String {
    let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processors.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let cores = processors.lines().filter(|line| line.starts_with("processor")).count();
    let manifest = fs::read_to_string(root.join("bench/js/uploads/package.json")).unwrap_or_default();
    let npm: Vec<String> = manifest
        .lines()
        .filter(|line| line.contains("@tus/"))
        .map(|line| line.replace(['"', ',', ':'], "").trim().to_owned())
        .collect();
    let python = fs::read_to_string(root.join("bench/python/requirements.txt")).unwrap_or_default();
    let python: Vec<String> = python.lines().map(|line| line.replace("==", " ")).collect();
    format!(
        "- {cores} cores of {}, {}; {}, release builds with thin LTO.\n- {}, Node {}; {}, {}.",
        model.map_or("a processor without a name", |(_, name)| name),
        said("uname", &["-srm"]),
        said("rustc", &["--version"]),
        npm.join(", "),
        said("node", &["--version"]),
        python.join(", "),
        said("python3", &["--version"]),
    )
}

fn summary(results: &Results) -> String {
    let verdicts = results.verdicts();
    let list = |reached: bool| {
        let texts = verdicts.iter().filter(|verdict| verdict.is_reached == reached);
        texts.map(|verdict| verdict.text.clone()).collect::<Vec<_>>().join("; ")
    };
    let missed = list(false);
    let missed = if missed.is_empty() { String::new() } else { format!("**{missed}**") };
    format!("| {} | {} | {missed} |", results.case.title, list(true))
}
