//! The WebSocketStream contract, rule by rule: each test is named after its rule in `docs/contract.md`, and runs with
//! the library on either side of the connection where the rule has two.

mod closing;
mod documented;
mod opening;
mod reading;
mod unread;
mod writing;
