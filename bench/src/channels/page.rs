//! `docs/benchmarks-channels.md`: a section for each case. A run that measures some leaves the others.

use std::fs;
use std::path::Path;

use super::cases;
use super::results::{Results, said};
use crate::failure::Failure;
use crate::report::machine::Machine;
use crate::report::page::{BEGIN, END, section_in, summary_in};

const HEAD: &str = include_str!("head.md");

/// Puts a case's results in.
pub(crate) fn write(root: &Path, results: &Results) -> Result<(), Failure> {
    let path = root.join("docs/benchmarks-channels.md");
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
        "{HEAD}\n{machine}\n- {nchan}.\n\n## In short\n\n| measured | goals reached | goals missed |\n|---|---|---|\n{}\n\n{}",
        lines.join("\n"),
        sections.join("\n"),
        machine = Machine::here(root),
        nchan = said("dpkg-query", &["--show", "nginx", "libnginx-mod-nchan"])
            .replace('\t', " ")
            .replace('\n', ", "),
    );
    fs::write(&path, text).map_err(Failure::because(path.display()))
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
