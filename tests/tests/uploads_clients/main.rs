//! Clients of uploads against `tidegate serve` and `tidegate demo`: the command, the browser package, the pages, and those
//! of others in a browser.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod browser;
mod command;
mod interrupted;
mod others;
mod package;
#[path = "../cli/process.rs"]
#[allow(dead_code, reason = "the tests of the other commands use more of it")]
mod process;
mod proxy;
mod refused;
mod reload;
mod scene;
mod secure;
mod still;
