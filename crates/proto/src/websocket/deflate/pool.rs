//! zlib states that no message needs right now, kept per thread, so that an idle connection holds none.
//!
//! A state costs 48 KiB (inflate) or 137 to 420 KiB (deflate); see [`DeflateShape::memory`]. Only a state between
//! two messages may come here: zlib-rs's `Deflate::reset` does not close a block that was left open at level 1.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use zlib_rs::{Deflate, Inflate};

/// What inflates: a zlib state and the bytes that it may refer back to.
pub(super) struct InflateState {
    pub(super) stream: Inflate,
    pub(super) history: History,
}

impl InflateState {
    /// Takes a state from the pool, or makes one, that knows `history` and remembers `limit` bytes of it.
    pub(super) fn take(history: &[u8], limit: usize) -> Box<Self> {
        let pooled = POOL.try_with(|pool| pool.borrow_mut().inflate.pop()).ok().flatten();
        let mut state = pooled.unwrap_or_else(|| {
            // zlib-rs always holds a 32 KiB window, so one kind of state serves every agreed size.
            Box::new(Self { stream: Inflate::new(false, 15), history: History::default() })
        });
        state.history.restart(history, limit);
        state.restart();
        state
    }

    /// Begins a new DEFLATE stream, which may refer back to the bytes of the last ones.
    pub(super) fn restart(&mut self) {
        self.stream.reset(false);
        for bytes in self.history.slices().into_iter().filter(|bytes| !bytes.is_empty()) {
            self.stream.set_dictionary(bytes).expect("raw inflate takes a dictionary at any time");
        }
    }

    /// Gives the state to the pool, which drops it when full.
    pub(super) fn give(self: Box<Self>) {
        // A thread that ends has no pool any more; the state is dropped then.
        _ = POOL.try_with(|pool| keep(&mut pool.borrow_mut().inflate, self));
    }

    /// Bytes held: zlib-rs's allocation and the history.
    pub(super) fn memory(&self) -> usize {
        INFLATE_BYTES + self.history.memory()
    }
}

/// What deflates: a zlib state and the last bytes that went into it.
pub(super) struct DeflateState {
    pub(super) stream: Deflate,
    pub(super) history: History,
    shape: DeflateShape,
}

impl DeflateState {
    /// Takes a state of this `shape` from the pool, or makes one, that knows `history`.
    pub(super) fn take(shape: DeflateShape, history: &[u8]) -> Box<Self> {
        let pooled = POOL.try_with(|pool| pool.borrow_mut().take_deflate(shape)).ok().flatten();
        let mut state = match pooled {
            Some(mut state) => {
                state.stream.reset();
                state
            }
            None => Box::new(Self {
                stream: Deflate::new_with_config(shape.config()),
                history: History::default(),
                shape,
            }),
        };
        state.history.restart(history, 1 << shape.window_bits);
        if !history.is_empty() {
            state.stream.set_dictionary(history).expect("raw deflate takes a dictionary before any input");
        }
        state
    }

    /// Gives the state to the pool, which drops the state that waited longest when full.
    pub(super) fn give(self: Box<Self>) {
        _ = POOL.try_with(|pool| keep(&mut pool.borrow_mut().deflate, self));
    }

    /// Bytes held: zlib-rs's allocation and the history.
    pub(super) fn memory(&self) -> usize {
        self.shape.memory() + self.history.memory()
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

    /// What zlib-rs allocates: twice the window, a link per byte of it, 2^16 hash heads, symbols and output.
    fn memory(self) -> usize {
        let window = 1 << self.window_bits.max(9);
        4 * window + 2 * (1 << 16) + 7 * (1 << (self.mem_level + 6)) + 8 * 1024
    }
}

/// The last bytes of a direction, at most a window of them.
#[derive(Default)]
pub(super) struct History {
    bytes: VecDeque<u8>,
    limit: usize,
}

impl History {
    /// Appends `bytes` and forgets what no window reaches any more.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let bytes = &bytes[bytes.len().saturating_sub(self.limit)..];
        let forgotten = (self.bytes.len() + bytes.len()).saturating_sub(self.limit);
        self.bytes.drain(..forgotten);
        let needed = self.bytes.len() + bytes.len();
        if needed > self.bytes.capacity() {
            // Doubling from an arbitrary size would pass the limit; powers of two end at it.
            self.bytes.reserve_exact(needed.next_power_of_two().min(self.limit) - self.bytes.len());
        }
        self.bytes.extend(bytes);
    }

    /// Exactly the bytes remembered.
    pub(super) fn to_boxed(&self) -> Box<[u8]> {
        self.slices().concat().into_boxed_slice()
    }

    fn restart(&mut self, bytes: &[u8], limit: usize) {
        self.limit = limit;
        self.bytes.clear();
        self.push(bytes);
    }

    fn slices(&self) -> [&[u8]; 2] {
        let (front, back) = self.bytes.as_slices();
        [front, back]
    }

    fn memory(&self) -> usize {
        self.bytes.capacity()
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
#[expect(clippy::vec_box, reason = "a connection holds its state in a box, which moves here and back")]
struct Pool {
    inflate: Vec<Box<InflateState>>,
    deflate: Vec<Box<DeflateState>>,
}

impl Pool {
    fn take_deflate(&mut self, shape: DeflateShape) -> Option<Box<DeflateState>> {
        let index = self.deflate.iter().rposition(|state| state.shape == shape)?;
        Some(self.deflate.remove(index))
    }
}

fn keep<T>(states: &mut Vec<T>, state: T) {
    if states.len() == MAX_POOLED {
        // The oldest goes, so that shapes nobody uses any more do not fill the pool for ever.
        states.remove(0);
    }
    states.push(state);
}

thread_local! {
    static POOL: RefCell<Pool> = RefCell::default();
    static SCRATCH: Cell<Option<Box<[u8]>>> = const { Cell::new(None) };
}

/// States of each kind that a thread keeps: at most 3.9 MiB with the largest windows and tables.
const MAX_POOLED: usize = 8;

/// Output of one step; also the largest slice that a sink receives.
const SCRATCH_BYTES: usize = 16 * 1024;

/// What zlib-rs allocates to inflate, whatever the window: 47.5 KB.
const INFLATE_BYTES: usize = 48 * 1024;

#[cfg(test)]
mod tests {
    use super::{DeflateShape, DeflateState, History, InflateState, MAX_POOLED, POOL};

    #[test]
    fn the_pool_is_bounded() {
        let inflate: Vec<_> = (0..2 * MAX_POOLED).map(|_| InflateState::take(&[], 512)).collect();
        inflate.into_iter().for_each(InflateState::give);
        let deflate: Vec<_> = (0..2 * MAX_POOLED)
            .map(|i| DeflateState::take(DeflateShape::new(9, i as u8 + 1, 1), &[]))
            .collect();
        deflate.into_iter().for_each(DeflateState::give);
        POOL.with_borrow(|pool| {
            assert_eq!(pool.inflate.len(), MAX_POOLED);
            assert_eq!(pool.deflate.len(), MAX_POOLED);
        });
    }

    #[test]
    fn a_state_comes_back_for_its_own_shape_only() {
        let (fast, small) = (DeflateShape::new(15, 1, 8), DeflateShape::new(15, 9, 8));
        DeflateState::take(fast, &[]).give();
        assert!(POOL.with_borrow_mut(|pool| pool.take_deflate(small)).is_none());
        assert!(POOL.with_borrow_mut(|pool| pool.take_deflate(fast)).is_some());
    }

    #[test]
    fn history_is_the_last_bytes_and_no_more() {
        let bytes: Vec<u8> = (0..5000_u32).map(|i| (i % 251) as u8).collect();
        for step in [1, 7, 511, 512, 513, 2000] {
            let mut history = History::default();
            history.restart(&[], 512);
            for (index, piece) in bytes.chunks(step).enumerate() {
                history.push(piece);
                let end = (index * step + step).min(bytes.len());
                assert_eq!(*history.to_boxed(), bytes[end.saturating_sub(512)..end]);
                assert!(history.memory() <= 512, "step {step}: {}", history.memory());
            }
        }
    }
}
