//! A bad network between two ends: it cuts what is written anywhere, takes its time, holds little, and wakes late.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tidegate_tests::random::Random;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// The two ends of a connection.
pub(crate) fn bad_pipe(mut random: Random) -> (End, End) {
    let (up, down) = (Arc::new(Mutex::default()), Arc::new(Mutex::default()));
    let settings = Settings { capacity: 1 + random.below(40_000), delay_ms: random.below(40) };
    let end = |outgoing: &Arc<Mutex<Lane>>, incoming: &Arc<Mutex<Lane>>, random: Random| End {
        outgoing: outgoing.clone(),
        incoming: incoming.clone(),
        settings,
        random,
        timer: None,
    };
    (end(&up, &down, random.fork()), end(&down, &up, random.fork()))
}

#[derive(Clone, Copy)]
struct Settings {
    /// Bytes that are on the way at the most.
    capacity: u64,
    /// The longest time that bytes are on the way.
    delay_ms: u64,
}

/// One direction.
#[derive(Default)]
struct Lane {
    /// Stretches on the way, each with its time of arrival; they stay in order.
    stretches: VecDeque<(Instant, Vec<u8>)>,
    bytes: u64,
    has_ended: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

pub(crate) struct End {
    outgoing: Arc<Mutex<Lane>>,
    incoming: Arc<Mutex<Lane>>,
    settings: Settings,
    random: Random,
    timer: Option<Pin<Box<Sleep>>>,
}

fn lock(lane: &Mutex<Lane>) -> MutexGuard<'_, Lane> {
    lane.lock().unwrap_or_else(PoisonError::into_inner)
}

impl End {
    /// Now and then nothing works at once, for no reason.
    fn falters(&mut self, cx: &Context<'_>) -> bool {
        let falters = self.random.one_in(10);
        if falters {
            cx.waker().wake_by_ref();
        }
        falters
    }
}

impl AsyncRead for End {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let end = self.get_mut();
        if end.falters(cx) {
            return Poll::Pending;
        }
        let mut lane = lock(&end.incoming);
        let Some((arrival, stretch)) = lane.stretches.front_mut() else {
            if lane.has_ended {
                return Poll::Ready(Ok(()));
            }
            lane.reader = Some(cx.waker().clone());
            return Poll::Pending;
        };
        if *arrival > Instant::now() {
            let timer = end.timer.insert(Box::pin(sleep_until(*arrival)));
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
        let whole = stretch.len().min(out.remaining()) as u64;
        let len = (1 + end.random.below(whole)) as usize;
        out.put_slice(&stretch[..len]);
        stretch.drain(..len);
        if stretch.is_empty() {
            lane.stretches.pop_front();
        }
        lane.bytes -= len as u64;
        if let Some(writer) = lane.writer.take() {
            writer.wake();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for End {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let end = self.get_mut();
        if end.falters(cx) {
            return Poll::Pending;
        }
        let mut lane = lock(&end.outgoing);
        if lane.has_ended {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let room = end.settings.capacity.saturating_sub(lane.bytes).min(bytes.len() as u64);
        if room == 0 {
            lane.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let len = 1 + end.random.below(room);
        let delay = Duration::from_millis(end.random.below(end.settings.delay_ms));
        let last = lane.stretches.back().map(|(arrival, _)| *arrival);
        let arrival = (Instant::now() + delay).max(last.unwrap_or_else(Instant::now));
        lane.stretches.push_back((arrival, bytes[..len as usize].to_vec()));
        lane.bytes += len;
        if let Some(reader) = lane.reader.take() {
            reader.wake();
        }
        Poll::Ready(Ok(len as usize))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut lane = lock(&self.outgoing);
        lane.has_ended = true;
        if let Some(reader) = lane.reader.take() {
            reader.wake();
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for End {
    fn drop(&mut self) {
        for lane in [&self.outgoing, &self.incoming] {
            let mut lane = lock(lane);
            lane.has_ended = true;
            for waker in [lane.reader.take(), lane.writer.take()].into_iter().flatten() {
                waker.wake();
            }
        }
    }
}
