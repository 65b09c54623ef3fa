//! How long to try again, and how often.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::board::Board;
use super::trouble::Trouble;

/// What is left of the will to go on.
pub(super) struct Patience<'a> {
    board: &'a Board,
    limit: Duration,
    /// When the trouble began.
    since: Option<Instant>,
    tries: u32,
}

/// The first pause is at most so long, and twice as long each time.
const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(30);

/// Trouble of so many tries is told.
const WORTH_TELLING: u32 = 4;

impl<'a> Patience<'a> {
    pub(super) fn new(limit: Duration, board: &'a Board) -> Self {
        Self { board, limit, since: None, tries: 0 }
    }

    /// Something got through.
    pub(super) fn restore(&mut self) {
        self.since = None;
        self.tries = 0;
    }

    /// Waits until it is time to try again: at random, so that the clients of a server that comes back do not come all
    /// at once. Trouble that does not pass is given back.
    pub(super) async fn wait(&mut self, trouble: Trouble) -> Result<(), Trouble> {
        let (why, at_least) = match trouble {
            Trouble::Passing { why, wait } => (why, wait.unwrap_or_default()),
            Trouble::Unreachable(why) if self.board.has_reached() => (why, Duration::ZERO),
            other => return Err(other),
        };
        let since = *self.since.get_or_insert_with(Instant::now);
        if since.elapsed() >= self.limit {
            let limit = self.limit.as_secs_f64();
            return Err(Trouble::Refused(format!("{why}; nothing has got through for {limit} s")));
        }
        self.tries += 1;
        if self.tries == WORTH_TELLING {
            self.board.say(&format!("{why}; trying again"));
        }
        let longest = FIRST.saturating_mul(1 << (self.tries - 1).min(16)).min(LONGEST);
        sleep(longest.mul_f64(random()).max(at_least).min(self.limit)).await;
        Ok(())
    }
}

/// At least 0, below 1. Without randomness, half of it.
fn random() -> f64 {
    getrandom::u32().map_or(0.5, |number| f64::from(number) / (f64::from(u32::MAX) + 1.0))
}
