//! `docs/benchmarks.md`: a section for each mode, each with the conditions that it was measured under.
//!
//! A run that measures some modes replaces their sections and leaves the others.

use std::fs;
use std::path::{Path, PathBuf};

use super::machine::{Conditions, Machine};
use super::{svg, table};
use crate::failure::Failure;
use crate::modes::{self, Mode};
use crate::rounds::Results;

/// The page and the folder of the pictures.
pub(crate) struct Page {
    page: PathBuf,
    pictures: PathBuf,
}

/// What the page begins with.
const HEAD: &str = include_str!("head.md");

/// What does not reach its goal, and why: written by hand, behind the summary.
const MISSES: &str = include_str!("misses.md");

/// In a section's first line, between these, is its line of the summary.
const BEGIN: &str = "<!-- begin ";
const END: &str = "<!-- end ";

impl Page {
    pub(crate) fn in_checkout(root: &Path) -> Self {
        Self { page: root.join("docs/benchmarks.md"), pictures: root.join("docs/bench") }
    }

    /// Puts a mode's results in.
    pub(crate) fn write(
        &self,
        results: &Results,
        conditions: &Conditions,
        machine: &Machine,
    ) -> Result<(), Failure> {
        let mode = &results.mode;
        let mut picture = String::new();
        if let Some(svg) = svg::picture(results) {
            fs::create_dir_all(&self.pictures).map_err(Failure::because(self.pictures.display()))?;
            let path = self.pictures.join(format!("{}.svg", mode.name));
            fs::write(&path, svg).map_err(Failure::because(path.display()))?;
            picture = format!("![{}](bench/{}.svg)\n\n", mode.title, mode.name);
        }
        let section = format!(
            "{BEGIN}{name}: {summary} -->\n\n## {title}\n\n{picture}{table}\n{conditions}\n\n{END}{name} -->\n",
            name = mode.name,
            summary = summary(results),
            title = mode.title,
            table = table::markdown(results),
        );
        let old = fs::read_to_string(&self.page).unwrap_or_default();
        let section_of = |other: &Mode| {
            if other.name == mode.name { Some(section.clone()) } else { section_in(&old, other.name) }
        };
        let sections: Vec<String> = modes::ALL.iter().filter_map(section_of).collect();
        let lines: Vec<&str> = sections.iter().filter_map(|section| summary_in(section)).collect();
        let text = format!(
            "{HEAD}\n{machine}\n\n## In short\n\n| measured | tidegate | / limit | best peer | / best peer | |\n\
             |---|---:|---:|---|---:|---|\n{}\n\n{MISSES}\n{}",
            lines.join("\n"),
            sections.join("\n"),
        );
        fs::write(&self.page, text).map_err(Failure::because(self.page.display()))
    }
}

/// Our line of the summary.
fn summary(results: &Results) -> String {
    let mode = &results.mode;
    let Some(ours) = results.row("tidegate") else { return format!("| {} | – | | | | |", mode.title) };
    let Some(main) = ours.median(|figures| figures.main) else {
        return format!("| {} | failed | | | | |", mode.title);
    };
    let limit = mode.yardstick.and_then(|name| results.row(name));
    let limit =
        limit.and_then(|row| results.ratio(ours, row)).map_or(String::new(), |ratio| format!("{ratio:.2}"));
    let best = results.best_peer();
    let name = best.map_or("", |row| row.contender.name);
    let ratio = best.filter(|_| mode.has_ratios()).and_then(|row| results.ratio(ours, row));
    let verdict = match ratio {
        Some(ratio) if (ratio > 1.05) != mode.is_less_better() && !(0.95..=1.05).contains(&ratio) => "ahead",
        Some(ratio) if (0.95..=1.05).contains(&ratio) => "level",
        Some(_) => "**behind**",
        None => "",
    };
    let ratio = ratio.map_or(String::new(), |ratio| format!("{ratio:.2}"));
    let (value, unit) = (table::number(main), mode.unit);
    format!("| {} | {value} {unit} | {limit} | {name} | {ratio} | {verdict} |", mode.title)
}

fn section_in(page: &str, name: &str) -> Option<String> {
    let begin = page.find(&format!("{BEGIN}{name}: "))?;
    let end = format!("{END}{name} -->\n");
    let length = page[begin..].find(&end)? + end.len();
    Some(page[begin..begin + length].to_owned())
}

fn summary_in(section: &str) -> Option<&str> {
    let (_, rest) = section.lines().next()?.split_once(": ")?;
    rest.strip_suffix(" -->")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_found_again() {
        let section = "<!-- begin open: | a | b | -->\n\ntext\n\n<!-- end open -->\n";
        let page = format!("head\n{section}\n<!-- begin open-more: | c | -->\n<!-- end open-more -->\n");
        assert_eq!(section_in(&page, "open").as_deref(), Some(section));
        assert_eq!(summary_in(section), Some("| a | b |"));
        assert_eq!(section_in(&page, "idle"), None);
    }
}
