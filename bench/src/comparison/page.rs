//! A page of docs with a section for each case. A run that measures some leaves the others.

use std::fs;
use std::path::PathBuf;

use super::Results;
use crate::failure::Failure;
use crate::report::page::{BEGIN, END, section_in, summary_in};

/// What is on a page beside the results.
pub(crate) struct Page {
    pub(crate) path: PathBuf,
    /// What it begins with, up to the summary.
    pub(crate) head: String,
    /// The names of all cases, in the order of their sections.
    pub(crate) names: Vec<&'static str>,
    /// What stands behind the sections.
    pub(crate) tail: &'static str,
}

impl Page {
    /// Puts a case's results in.
    pub(crate) fn write(&self, results: &Results) -> Result<(), Failure> {
        let old = fs::read_to_string(&self.path).unwrap_or_default();
        let text = self.with(&old, results.subject.name, &section(results));
        fs::write(&self.path, text).map_err(Failure::because(self.path.display()))
    }

    /// The page with this section in place of the one that it had.
    fn with(&self, old: &str, name: &str, section: &str) -> String {
        let section_of =
            |other: &&str| if *other == name { Some(section.to_owned()) } else { section_in(old, other) };
        let sections: Vec<String> = self.names.iter().filter_map(section_of).collect();
        let lines: Vec<&str> = sections.iter().filter_map(|section| summary_in(section)).collect();
        format!(
            "{}\n\n## In short\n\n| measured | goals reached | goals missed |\n|---|---|---|\n{}\n\n{}{}",
            self.head,
            lines.join("\n"),
            sections.join("\n"),
            self.tail,
        )
    }
}

fn section(results: &Results) -> String {
    format!(
        "{BEGIN}{name}: {summary} -->\n\n## {title}\n\n{body}\n{END}{name} -->\n",
        name = results.subject.name,
        title = results.subject.title,
        summary = summary(results),
        body = results.markdown(),
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
    format!("| {} | {} | {missed} |", results.subject.title, list(true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_takes_its_place_and_the_others_stay() {
        let section = |name: &str, text: &str| {
            format!("{BEGIN}{name}: | {name} | {text} | -->\n\n{text}\n\n{END}{name} -->\n")
        };
        let page = Page {
            path: PathBuf::new(),
            head: "# Page".to_owned(),
            names: vec!["one", "two", "three"],
            tail: "\nbehind\n",
        };
        let first = page.with("", "two", &section("two", "old"));
        let second = page.with(&first, "one", &section("one", "first"));
        let third = page.with(&second, "two", &section("two", "new"));
        let expected = format!(
            "# Page\n\n## In short\n\n| measured | goals reached | goals missed |\n|---|---|---|\n| one | first |\n\
             | two | new |\n\n{}\n{}\nbehind\n",
            section("one", "first"),
            section("two", "new")
        );
        assert_eq!(third, expected);
    }
}
