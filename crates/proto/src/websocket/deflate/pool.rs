//! zlib states between two messages, kept per thread, so that a connection holds none.
//!
//! A state costs 48 KiB (inflate) or 137 to 420 KiB (deflate); see [`DeflateShape::memory`]. The connection that gave
//! one gets it back as it was, if its next message comes before others needed it. Otherwise it gets another's, which
//! begins anew with the connection's history. So a few busy connections work as if each had its own, and many share
//! states that stay in the processor's caches, which costs less than fetching each its own from memory.
//!
//! Only a state between two messages may come here: zlib-rs's `Deflate::reset` does not close a block that was left
//! open at level 1.

use std::cell::{Cell, RefCell};

use zlib_rs::{Deflate, Inflate};

use super::history::History;

/// A zlib state that may be in the pool between two messages.
pub(super) trait Pooled: Sized {
    /// All that makes two states differ.
    type Shape: Copy;

    /// Takes the state that was given with this `tag` from the pool, or another or a new one that knows `history`.
    fn take(shape: Self::Shape, tag: Option<Tag>, history: &mut History) -> Box<Self>;

    /// Gives the state to the pool of this thread, if it has one still. It knows what its owner sent up to now.
    fn give(self: Box<Self>, tag: Option<Tag>);

    /// Bytes that zlib-rs allocates.
    fn memory(&self) -> usize;
}

/// Whose history a state knows, and up to which message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag {
    pub(super) owner: u64,
    /// Without it a connection could find a state that it left on another thread long ago.
    pub(super) messages: u64,
}

/// What inflates.
pub(super) struct InflateState {
    pub(super) stream: Inflate,
}

impl InflateState {
    /// Begins a new DEFLATE stream, which may refer back to the bytes of `history`.
    pub(super) fn restart(&mut self, history: &mut History) {
        self.stream.reset(false);
        let history = history.bytes();
        if !history.is_empty() {
            self.stream.set_dictionary(history).expect("raw inflate takes a dictionary at any time");
        }
    }
}

impl Pooled for InflateState {
    type Shape = ();

    fn take((): (), tag: Option<Tag>, history: &mut History) -> Box<Self> {
        let pooled = POOL.try_with(|pool| pool.borrow_mut().inflate.take(tag, |_| true)).ok().flatten();
        match pooled {
            Some(Taken { state, is_own: true }) => state,
            other => {
                let mut state = other.map(|taken| taken.state).unwrap_or_else(|| {
                    // zlib-rs always holds a 32 KiB window, so one kind of state serves every agreed size.
                    Box::new(Self { stream: Inflate::new(false, 15) })
                });
                state.restart(history);
                state
            }
        }
    }

    fn give(self: Box<Self>, tag: Option<Tag>) {
        // A thread that ends has no pool any more; the state is dropped then.
        _ = POOL.try_with(|pool| pool.borrow_mut().inflate.give(tag, self));
    }

    fn memory(&self) -> usize {
        INFLATE_BYTES
    }
}

/// What deflates.
pub(super) struct DeflateState {
    pub(super) stream: Deflate,
    shape: DeflateShape,
}

impl Pooled for DeflateState {
    type Shape = DeflateShape;

    fn take(shape: DeflateShape, tag: Option<Tag>, history: &mut History) -> Box<Self> {
        let fits = |state: &Self| state.shape == shape;
        let pooled = POOL.try_with(|pool| pool.borrow_mut().deflate.take(tag, fits)).ok().flatten();
        let mut state = match pooled {
            Some(Taken { state, is_own: true }) => return state,
            Some(Taken { mut state, is_own: false }) => {
                state.stream.reset();
                state
            }
            None => Box::new(Self { stream: Deflate::new_with_config(shape.config()), shape }),
        };
        let history = history.bytes();
        if !history.is_empty() {
            state.stream.set_dictionary(history).expect("raw deflate takes a dictionary before any input");
        }
        state
    }

    fn give(self: Box<Self>, tag: Option<Tag>) {
        _ = POOL.try_with(|pool| pool.borrow_mut().deflate.give(tag, self));
    }

    fn memory(&self) -> usize {
        self.shape.memory()
    }
}

/// All that makes two deflate states differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DeflateShape {
    window_bits: u8,
    level: u8,
    mem_level: u8,
}

impl DeflateShape {
    /// The shape for a window of at most 2^`window_bits` bytes.
    pub(super) fn new(window_bits: u8, level: u8, mem_level: u8) -> Self {
        Self {
            window_bits: window_bits.clamp(8, 15),
            level: level.clamp(1, 9),
            mem_level: mem_level.clamp(1, 9),
        }
    }

    fn config(self) -> zlib_rs::DeflateConfig {
        zlib_rs::DeflateConfig {
            level: self.level.into(),
            // Negative asks for raw DEFLATE.
            window_bits: -i32::from(self.window_bits.max(9)),
            mem_level: self.mem_level.into(),
            // zlib has no window of 256 bytes. RLE refers back by one byte only, and so keeps to any window.
            strategy: if self.window_bits < 9 { zlib_rs::Strategy::Rle } else { zlib_rs::Strategy::Default },
            ..zlib_rs::DeflateConfig::default()
        }
    }

    /// How far back it looks, in bytes.
    pub(super) fn window(self) -> usize {
        1 << self.window_bits
    }

    /// What zlib-rs allocates: twice the window, a link per byte of it, 2^16 hash heads, symbols and output.
    fn memory(self) -> usize {
        let window = 1 << self.window_bits.max(9);
        4 * window + 2 * (1 << 16) + 7 * (1 << (self.mem_level + 6)) + 8 * 1024
    }
}

/// Lends `work` a buffer of [`SCRATCH_BYTES`] with arbitrary contents.
pub(super) fn with_scratch<R>(work: impl FnOnce(&mut [u8]) -> R) -> R {
    // Taken, not borrowed: the work calls the sink of the caller, who may inflate something else inside.
    let kept = SCRATCH.try_with(Cell::take).ok().flatten();
    let mut scratch = kept.unwrap_or_else(|| vec![0; SCRATCH_BYTES].into_boxed_slice());
    let result = work(&mut scratch);
    _ = SCRATCH.try_with(|slot| slot.set(Some(scratch)));
    result
}

#[derive(Default)]
struct Pool {
    inflate: States<InflateState>,
    deflate: States<DeflateState>,
}

/// States of one kind, the one given last at the end.
struct States<S> {
    entries: Vec<Entry<S>>,
    /// How many have been taken so far.
    takes: u64,
}

struct Entry<S> {
    state: Box<S>,
    tag: Option<Tag>,
    /// When it was given, counted in takes.
    given_at: u64,
}

struct Taken<S> {
    state: Box<S>,
    is_own: bool,
}

impl<S> Default for States<S> {
    fn default() -> Self {
        Self { entries: Vec::new(), takes: 0 }
    }
}

impl<S> States<S> {
    /// The state with this `tag`, or one that `fits`; `None` where a new one is needed, or better.
    fn take(&mut self, tag: Option<Tag>, fits: impl Fn(&S) -> bool) -> Option<Taken<S>> {
        self.takes += 1;
        if tag.is_some()
            && let Some(index) = self.entries.iter().rposition(|entry| entry.tag == tag)
        {
            return Some(Taken { state: self.entries.remove(index).state, is_own: true });
        }
        if self.entries.first().is_some_and(|oldest| self.takes - oldest.given_at > FORGOTTEN_TAKES) {
            // Its owner is gone, or idle.
            let state = self.entries.remove(0).state;
            return fits(&state).then_some(Taken { state, is_own: false });
        }
        if tag.is_some() && self.entries.len() < MAX_POOLED {
            // As long as there is room, each connection may have its own.
            return None;
        }
        // The last one used is in the processor's caches.
        let index = self.entries.iter().rposition(|entry| fits(&entry.state))?;
        Some(Taken { state: self.entries.remove(index).state, is_own: false })
    }

    fn give(&mut self, tag: Option<Tag>, state: Box<S>) {
        if self.entries.len() == MAX_POOLED {
            // The oldest goes, so that shapes nobody uses any more do not fill the pool for ever.
            self.entries.remove(0);
        }
        self.entries.push(Entry { state, tag, given_at: self.takes });
    }
}

thread_local! {
    static POOL: RefCell<Pool> = RefCell::default();
    static SCRATCH: Cell<Option<Box<[u8]>>> = const { Cell::new(None) };
}

/// States of each kind that a thread keeps: 4.5 MiB with the default, 7.5 MiB with the largest windows and tables. With
/// more, fetching a connection's own state costs more than to begin anew in the one used last.
const MAX_POOLED: usize = 16;

/// After so many takes a state that nobody came back for is anybody's.
const FORGOTTEN_TAKES: u64 = 256;

/// Output of one step; also the largest slice that a sink receives.
const SCRATCH_BYTES: usize = 16 * 1024;

/// What zlib-rs allocates to inflate, whatever the window: 47.5 KB.
const INFLATE_BYTES: usize = 48 * 1024;

#[cfg(test)]
mod tests {
    use super::{
        DeflateShape, DeflateState, FORGOTTEN_TAKES, History, InflateState, MAX_POOLED, POOL, Pooled, Tag,
    };

    const FAST: DeflateShape = DeflateShape { window_bits: 9, level: 1, mem_level: 1 };

    fn tag(owner: u64) -> Option<Tag> {
        Some(Tag { owner, messages: 1 })
    }

    fn is_own(tag: Option<Tag>) -> bool {
        POOL.with_borrow_mut(|pool| pool.inflate.take(tag, |_| true)).is_some_and(|taken| {
            taken.state.give(tag);
            taken.is_own
        })
    }

    #[test]
    fn the_pool_is_bounded() {
        let history = &mut History::new(512);
        let inflate: Vec<_> = (0..2 * MAX_POOLED).map(|_| InflateState::take((), tag(0), history)).collect();
        inflate.into_iter().enumerate().for_each(|(index, state)| state.give(tag(index as u64)));
        let shape = |level| DeflateShape { level, ..FAST };
        let deflate: Vec<_> =
            (0..2 * MAX_POOLED).map(|i| DeflateState::take(shape(i as u8 % 9 + 1), None, history)).collect();
        deflate.into_iter().for_each(|state| state.give(None));
        POOL.with_borrow(|pool| {
            assert_eq!(pool.inflate.entries.len(), MAX_POOLED);
            assert_eq!(pool.deflate.entries.len(), MAX_POOLED);
        });
    }

    #[test]
    fn a_state_comes_back_for_its_own_shape_only() {
        let history = &mut History::new(512);
        DeflateState::take(FAST, None, history).give(None);
        let take = |level| {
            let fits = |state: &DeflateState| state.shape == DeflateShape { level, ..FAST };
            POOL.with_borrow_mut(|pool| pool.deflate.take(None, fits)).is_some()
        };
        assert!(!take(9));
        assert!(take(1));
    }

    #[test]
    fn a_state_is_its_owners_until_it_was_forgotten() {
        let history = &mut History::new(512);
        for owner in 0..MAX_POOLED as u64 {
            InflateState::take((), tag(owner), history).give(tag(owner));
        }
        for owner in 0..MAX_POOLED as u64 {
            assert!(is_own(tag(owner)), "owner {owner}");
        }
        // One more connection takes the one used last; all others keep theirs.
        let last = MAX_POOLED as u64 - 1;
        assert!(!is_own(tag(100)));
        assert!((0..last).all(|owner| is_own(tag(owner))));
        assert!(!is_own(tag(last)));
        // Once the others have been away for long, two more find a place each.
        for _ in 0..=FORGOTTEN_TAKES {
            assert!(is_own(tag(last)));
        }
        assert!(!is_own(tag(101)) && !is_own(tag(102)));
        assert!(is_own(tag(101)) && is_own(tag(102)) && is_own(tag(last)));
    }

    #[test]
    fn a_state_of_an_earlier_message_is_not_the_owners() {
        let history = &mut History::new(512);
        InflateState::take((), tag(1), history).give(tag(1));
        assert!(is_own(tag(1)));
        assert!(!is_own(Some(Tag { owner: 1, messages: 2 })));
    }
}
