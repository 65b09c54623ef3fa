//! The subprotocol `tidegate.v1`, section by section of docs/protocol.md.

mod peer;
#[path = "../random/mod.rs"]
mod random;
mod s10_examples;
mod s1_opening;
mod s2_apart;
mod s2_frames;
mod s3_greeting;
mod s4_credits;
mod s5_ping;
mod s7_ending;
mod s8_violations;
mod simulation;
