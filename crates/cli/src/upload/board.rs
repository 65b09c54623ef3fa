//! What a person sees of an upload while it runs.

use std::cell::Cell;
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{BinaryBytes, HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::{Instant, sleep};

use crate::exit::say;

/// The progress of an upload, of one part or several.
pub(super) struct Board {
    /// How far each part is: what the server has, and what is on its way there.
    parts: Vec<Arc<AtomicU64>>,
    bar: Option<ProgressBar>,
    is_quiet: bool,
    total: Option<u64>,
    began: Instant,
    /// Where it went on from, once that is known.
    began_at: Cell<Option<u64>>,
    has_reached: Cell<bool>,
}

/// How often the bar is drawn.
const TICK: Duration = Duration::from_millis(100);

const KNOWN: &str = "{msg}  {bar:24}  {percent:>3} %  {binary_bytes} of {binary_total_bytes}  {binary_bytes_per_sec}  {eta} left";
const UNKNOWN: &str = "{msg}  {binary_bytes}  {binary_bytes_per_sec}";

/// The most of a name that is shown.
const MAX_NAME_CHARS: usize = 24;

impl Board {
    /// A board for so many parts. The bar is drawn on a terminal only.
    pub(super) fn new(name: &str, total: Option<u64>, parts: usize, is_quiet: bool) -> Self {
        let shows = !is_quiet && std::io::stderr().is_terminal();
        let bar = shows.then(|| {
            let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr_with_hz(10));
            let style = ProgressStyle::with_template(if total.is_some() { KNOWN } else { UNKNOWN });
            // The templates are constant; with a wrong one the library's own is as good.
            if let Ok(style) = style {
                bar.set_style(style.progress_chars("━╸─"));
            }
            bar.with_message(shortened(name))
        });
        Self {
            parts: (0..parts).map(|_| Arc::default()).collect(),
            bar,
            is_quiet,
            total,
            began: Instant::now(),
            began_at: Cell::new(None),
            has_reached: Cell::new(false),
        }
    }

    /// What counts how far a part is.
    pub(super) fn part(&self, number: usize) -> Arc<AtomicU64> {
        self.parts.get(number).cloned().unwrap_or_default()
    }

    /// The server was there.
    pub(super) fn reached(&self) {
        self.has_reached.set(true);
    }

    /// There is no reason to think that the server was never there.
    pub(super) fn has_reached(&self) -> bool {
        self.has_reached.get()
    }

    /// Of parts that were there before, it is known now how far they are.
    pub(super) fn goes_on(&self) {
        let position = self.position();
        self.began_at.set(Some(position));
        if position > 0 {
            self.say(&format!("going on at {}{}", BinaryBytes(position), self.of_total()));
        }
        if let Some(bar) = &self.bar {
            bar.set_position(position);
            bar.reset_eta();
        }
    }

    /// Says a line, beside the bar.
    pub(super) fn say(&self, line: &str) {
        match &self.bar {
            _ if self.is_quiet => {}
            Some(bar) => bar.suspend(|| say(line)),
            None => say(line),
        }
    }

    /// Moves the bar, until this is dropped.
    pub(super) async fn watch(&self) {
        loop {
            if let Some(bar) = &self.bar {
                bar.set_position(self.position());
            }
            sleep(TICK).await;
        }
    }

    /// The bar goes, and what was done is said.
    pub(super) fn done(&self) {
        self.clear();
        let (sent, elapsed) = (self.sent(), self.began.elapsed());
        let rate = BinaryBytes((sent as f64 / elapsed.as_secs_f64().max(0.001)) as u64);
        let time = if elapsed < Duration::from_secs(60) {
            format!("{:.1} s", elapsed.as_secs_f64())
        } else {
            HumanDuration(elapsed).to_string()
        };
        self.say(&format!("{} sent in {time}, {rate}/s", BinaryBytes(sent)));
    }

    /// The bar goes.
    pub(super) fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    /// How far it is, in words.
    pub(super) fn how_far(&self) -> String {
        format!("{}{}", BinaryBytes(self.position()), self.of_total())
    }

    fn of_total(&self) -> String {
        self.total.map(|total| format!(" of {}", BinaryBytes(total))).unwrap_or_default()
    }

    fn sent(&self) -> u64 {
        self.position().saturating_sub(self.began_at.get().unwrap_or(0))
    }

    fn position(&self) -> u64 {
        self.parts.iter().map(|part| part.load(Ordering::Relaxed)).sum()
    }
}

/// Without what could move a terminal's cursor, and not too long.
fn shortened(name: &str) -> String {
    let name: String = name.chars().filter(|c| !c.is_control()).collect();
    if name.chars().count() <= MAX_NAME_CHARS {
        return name;
    }
    name.chars().take(MAX_NAME_CHARS - 1).chain(['…']).collect()
}

#[test]
fn a_name_is_shown_as_far_as_there_is_room() {
    assert_eq!(shortened("a\x1b[2Jb.txt"), "a[2Jb.txt");
    assert_eq!(shortened(&"é".repeat(24)), "é".repeat(24));
    assert_eq!(shortened(&"é".repeat(25)), format!("{}…", "é".repeat(23)));
}
