//! Uploads by their three protocols, over real connections to a real server that keeps real files: bytes on the wire,
//! and clients that others wrote, with their connections cut.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod clients;
mod crossing;
mod cutter;
mod draft;
mod origins;
mod rig;
mod tus;
mod tus_extensions;
mod tutorial;
mod wire;
