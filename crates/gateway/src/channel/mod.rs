//! A channel: one bounded history, and readers that are a position in it.
//!
//! A publication is encoded once and kept once, whatever the number of readers. A reader holds the offset of the
//! publication that it reads next, and nothing else, so a slow reader costs no memory: it falls behind, and when it
//! has fallen out of the history it goes on at the oldest publication kept, and is told how many it has missed.

mod hub;
mod ring;

pub(crate) use hub::{Delivery, Hub, Subscription};
