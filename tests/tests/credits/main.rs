//! The subprotocol `tidegate.v1` with real sockets: both ends ours, and a scripted peer that breaks each rule.

mod backpressure;
mod ending;
mod opening;
mod peer;
mod talk;
mod violations;
