//! A channel: one bounded history, and readers that are a position in it.
//!
//! ```text
//! Directory ─▶ Channel ─▶ Ring ─▶ encoding      append a publication; read what comes after a position
//! ```
//!
//! A publication is encoded once for each wire format that somebody reads, and kept once, whatever the number of
//! readers. A reader holds the offset of the publication that it has read last, and nothing else, so a slow reader
//! costs no memory: it falls behind, and when it has fallen out of the history it goes on at the oldest publication
//! kept, and is told which it has missed.
//!
//! `Ring` has two verbs, append and read from a position. A durable broker would stand in its place.

mod budget;
mod directory;
mod encoding;
mod hub;
mod position;
mod ring;

pub(crate) use directory::{Directory, Limits};
pub(crate) use encoding::{gap_event, gap_record};
pub(crate) use hub::{Channel, Reading};
pub(crate) use position::{Gap, Position};
pub(crate) use ring::{Form, Found, Publication};
