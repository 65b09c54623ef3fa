//! Ctrl-C and SIGTERM: a person, or a service manager, wants the process to end.

use std::io;

use crate::exit::{Failure, Outcome};

/// Waits for wishes to end.
pub(crate) struct Interrupts(Signals);

impl Interrupts {
    /// From now on such a wish no longer ends the process by itself. Must be called on a tokio runtime.
    pub(crate) fn catch() -> Result<Self, Failure> {
        let signals = Signals::new();
        signals.map(Self).map_err(|error| Failure::failed(format!("cannot catch signals: {error}")))
    }

    /// Waits for the next wish. May be dropped at any await.
    pub(crate) async fn next(&mut self) {
        self.0.next().await;
    }
}

/// Runs `program` on this thread to its end. Wishes to end are its own affair from the start.
pub(crate) fn run_here(program: impl AsyncFnOnce(Interrupts) -> Outcome) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("cannot start: {error}")))?;
    let outcome = runtime.block_on(async { program(Interrupts::catch()?).await });
    // A read of standard input may still be under way on a thread of its own, and nobody waits for it.
    runtime.shutdown_background();
    outcome
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
