//! Every public `async fn`, dropped at every await point: nothing is lost or repeated, nothing wedges, and every place
//! that was taken is free again.
//!
//! A future is polled n times and then dropped, for n = 0, 1, 2 … until it is done before; once right after it said
//! that it waits, and once after it was woken, so that its wake-up is used up. The transports pass a few bytes at a
//! time, so that there are many await points.

#![expect(clippy::unwrap_used, reason = "all of this is tests, also what stands outside of test functions")]

mod cut;
mod documented;
mod http2;
mod opening;
mod piping;
mod reading;
mod rig;
mod serving;
mod upgrading;
mod writing;
