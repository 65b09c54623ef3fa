//! The arrows of the house point one way: this reads the sources and fails on a cycle or a backward arrow.
//!
//! A module uses another one when it imports or names an item that the other one defines; a re-export is followed to
//! the definition. What is only built for tests may use anything.

mod lexer;
mod manifest;
mod order;
mod sizes;
mod source;
mod tree;

use std::path::Path;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests crate lies in the checkout")
}

fn assert_none(violations: Vec<String>) {
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}

#[test]
fn modules_form_no_cycle_and_keep_the_order() {
    let crates = ["proto", "tidegate", "gateway", "cli"];
    let check = |krate| {
        let tree = tree::Tree::read(&root().join("crates").join(krate).join("src"));
        order::violations(krate, &tree, order::HOUSE)
    };
    assert_none(crates.into_iter().flat_map(check).collect());
}

#[test]
fn crates_keep_the_order_and_proto_is_pure() {
    assert_none(manifest::violations(root()));
}

#[test]
fn files_and_functions_are_short_and_nothing_is_unsafe() {
    assert_none(sizes::violations(root()));
}
