//! The rules: no cycle in any folder, and no arrow against the order of the house.

use std::collections::{BTreeMap, BTreeSet};

use super::source::Path;
use super::tree::{Arrow, Tree};

/// The order within one folder of a crate: a name may use names further right, and those in its own group.
pub(crate) struct Order {
    pub(crate) krate: &'static str,
    pub(crate) folder: &'static str,
    pub(crate) groups: &'static [&'static [&'static str]],
    /// Names that no other name here uses and that use no other, but for the first group, which may use all.
    pub(crate) alone: &'static [&'static str],
}

/// The drawing in ARCHITECTURE.md. Modules that do not exist yet are absent from every arrow.
pub(crate) const HOUSE: &[Order] = &[
    Order {
        krate: "proto",
        folder: "websocket",
        groups: &[
            &["connection"],
            &["decoder", "assembler", "fragmenter", "encoder"],
            &["frame", "mask", "utf8"],
        ],
        alone: &[],
    },
    Order {
        krate: "tidegate",
        folder: "",
        groups: &[
            &["client", "server"],
            &["connection"],
            &["transport"],
            &["session"],
            &["websocket"],
            &["http"],
        ],
        alone: &[],
    },
    Order {
        krate: "gateway",
        folder: "",
        groups: &[&["routes"], &["client"], &["channel"], &["broker"]],
        alone: &["upload"],
    },
    Order {
        krate: "gateway",
        folder: "upload",
        groups: &[
            &["tower"],
            &["reception"],
            &["front"],
            &["service"],
            &["command", "call", "limits", "watch"],
            &["store"],
        ],
        alone: &[],
    },
    Order {
        krate: "gateway",
        folder: "upload/service",
        groups: &[
            &["append", "sweep"],
            &["transfer"],
            &["flow"],
            &["parts"],
            &["seats", "ledger", "hashing"],
        ],
        alone: &[],
    },
];

/// The name of a folder's own file among the names in it.
const OWN: &str = "mod.rs";

/// An arrow as one folder sees it: between two names in it.
type Level = BTreeMap<(String, String), Arrow>;

/// Every cycle and every arrow against the order, one sentence each.
pub(crate) fn violations(krate: &str, tree: &Tree, house: &[Order]) -> Vec<String> {
    let mut found = Vec::new();
    for (folder, level) in levels(tree) {
        let place = if folder.is_empty() {
            format!("{krate}/src")
        } else {
            format!("{krate}/src/{}", folder.join("/"))
        };
        if let Some(cycle) = cycle(&level) {
            found.push(format!("{place}: a cycle: {cycle}"));
        }
        let folder = folder.join("/");
        for order in house.iter().filter(|order| order.krate == krate && order.folder == folder) {
            found.extend(level.iter().filter(|((from, to), _)| !order.allows(from, to)).map(
                |((from, to), arrow)| format!("{place}: {from} must not use {to}: {}", evidence(arrow)),
            ));
        }
    }
    found
}

impl Order {
    fn allows(&self, from: &str, to: &str) -> bool {
        let group = |name: &str| self.groups.iter().position(|group| group.contains(&name));
        if self.alone.contains(&from) || self.alone.contains(&to) {
            let listed = |name: &str| group(name).is_some() || self.alone.contains(&name);
            return group(from) == Some(0) || !listed(from) || !listed(to);
        }
        match (group(from), group(to)) {
            (Some(from), Some(to)) => from <= to,
            _ => true,
        }
    }
}

/// The arrows of each folder.
fn levels(tree: &Tree) -> BTreeMap<Path, Level> {
    let mut levels: BTreeMap<Path, Level> = BTreeMap::new();
    for arrow in tree.arrows() {
        let shared = arrow.from.iter().zip(&arrow.to).take_while(|(from, to)| from == to).count();
        let name = |path: &Path| path.get(shared).map_or(OWN, String::as_str).to_owned();
        let names = (name(&arrow.from), name(&arrow.to));
        levels.entry(arrow.from[..shared].to_vec()).or_default().entry(names).or_insert(arrow);
    }
    levels
}

/// One cycle, arrow by arrow, if there is any.
fn cycle(level: &Level) -> Option<String> {
    let names: BTreeSet<&str> = level.keys().map(|(from, _)| from.as_str()).collect();
    let shortest = names.into_iter().filter_map(|name| way_back(level, name)).min_by_key(Vec::len)?;
    let steps = shortest.iter().map(|arrow| evidence(arrow));
    Some(steps.collect::<Vec<_>>().join(", "))
}

/// The shortest way from a name back to itself.
fn way_back<'a>(level: &'a Level, start: &str) -> Option<Vec<&'a Arrow>> {
    let mut ways: Vec<(&str, Vec<&Arrow>)> = vec![(start, Vec::new())];
    let mut seen = BTreeSet::new();
    let mut next = 0;
    while let Some((name, way)) = ways.get(next).cloned() {
        for ((_, to), arrow) in level.iter().filter(|((from, _), _)| from == name) {
            let longer: Vec<&Arrow> = way.iter().copied().chain([arrow]).collect();
            if to == start {
                return Some(longer);
            }
            if seen.insert(to.as_str()) {
                ways.push((to.as_str(), longer));
            }
        }
        next += 1;
    }
    None
}

fn evidence(arrow: &Arrow) -> String {
    let show = |path: &Path| if path.is_empty() { "crate".to_owned() } else { path.join("::") };
    format!("{} (line {}) uses {}", show(&arrow.from), arrow.line, show(&arrow.to))
}

#[cfg(test)]
fn check(files: &[(&str, &str)]) -> Vec<String> {
    const ORDER: &[Order] = &[Order {
        krate: "sample",
        folder: "",
        groups: &[&["top"], &["left", "right"], &["bottom"]],
        alone: &["island"],
    }];
    let files: Vec<_> = files.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect();
    violations("sample", &Tree::of(&files), ORDER)
}

#[test]
fn arrows_in_order_are_fine() {
    let files = [
        ("lib.rs", "mod top; pub use top::T;"),
        ("top.rs", "use crate::left::L; use crate::island::I; pub struct T;"),
        ("left.rs", "use crate::right::R; use crate::bottom::B; pub struct L;"),
        ("right.rs", "pub struct R;"),
        ("bottom.rs", "use crate::unlisted::U; pub struct B;"),
        ("unlisted.rs", "pub struct U;"),
        ("island.rs", "use crate::unlisted::U; pub struct I;"),
    ];
    assert_eq!(check(&files), Vec::<String>::new());
}

#[test]
fn a_backward_arrow_is_found() {
    let files = [
        ("bottom.rs", "\nuse crate::left::L;"),
        ("left/mod.rs", "mod deep; pub use deep::L;"),
        ("left/deep.rs", "pub struct L;"),
    ];
    assert_eq!(check(&files), ["sample/src: bottom must not use left: bottom (line 2) uses left::deep"]);
}

#[test]
fn who_stands_alone_is_neither_used_nor_uses() {
    let files = [("island.rs", "use crate::top::T;"), ("top.rs", "struct T;")];
    assert_eq!(check(&files).len(), 1);
    let files = [("bottom.rs", "use crate::island::I;"), ("island.rs", "struct I;")];
    assert_eq!(check(&files).len(), 1);
}

#[test]
fn a_cycle_is_found() {
    let files = [
        ("a.rs", "use crate::b::B; pub struct A;"),
        ("b.rs", "pub struct B; fn f() -> crate::c::C {}"),
        ("c.rs", "pub struct C(super::a::A);"),
    ];
    assert_eq!(
        check(&files),
        ["sample/src: a cycle: a (line 1) uses b, b (line 1) uses c, c (line 1) uses a"]
    );
}

#[test]
fn a_cycle_of_folders_is_found_where_no_two_files_form_one() {
    let files = [
        ("x/mod.rs", "mod one; mod other;"),
        ("y/mod.rs", "mod two; mod more;"),
        ("x/one.rs", "use crate::y::two::Two; pub struct One;"),
        ("x/other.rs", "pub struct Other;"),
        ("y/two.rs", "pub struct Two;"),
        ("y/more.rs", "use crate::x::other::Other;"),
    ];
    assert_eq!(check(&files).len(), 1, "{:?}", check(&files));
}

#[test]
fn a_child_and_its_parent_that_use_each_other_are_a_cycle() {
    let files =
        [("a/mod.rs", "mod b; pub struct A; fn f() { b::g() }"), ("a/b.rs", "use super::A; pub fn g() {}")];
    assert_eq!(check(&files), ["sample/src/a: a cycle: a::b (line 1) uses a, a (line 1) uses a::b"]);
    let files = [
        ("a/mod.rs", "mod b; mod c; pub use b::B;"),
        ("a/b.rs", "pub struct B;"),
        ("a/c.rs", "use super::B;"),
    ];
    assert!(check(&files).is_empty());
}
