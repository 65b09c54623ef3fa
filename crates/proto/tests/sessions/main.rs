//! Sessions, section by section of docs/sessions.md, and over a bad network.

mod ends;
#[path = "../random/mod.rs"]
mod random;
mod s3_attachments;
mod s4_posts;
mod s5_resuming;
mod simulation;
mod world;
