//! Ctrl-C and SIGTERM: a person, or a service manager, wants the process to end.

use std::io;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

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

/// Ready when somebody wants a server to end.
pub(crate) struct Signal(oneshot::Receiver<()>);

impl Signal {
    pub(crate) async fn wait(self) {
        // Whoever could wish lives as long as the server.
        let _ = self.0.await;
    }
}

/// Runs `program` on this thread to its end. Wishes to end are its own affair from the start.
pub(crate) fn run_here(program: impl AsyncFnOnce(Interrupts) -> Outcome) -> Outcome {
    run(Builder::new_current_thread().enable_all().build(), program)
}

/// Runs `server` on this thread to its end, which somebody may want: see [`until_wished`].
pub(crate) fn serve_here(server: impl AsyncFnOnce(Signal) -> Outcome) -> Outcome {
    run_here(async |interrupts| until_wished(interrupts, server).await)
}

/// The same on as many threads as there are cores.
pub(crate) fn serve_on_threads(server: impl AsyncFnOnce(Signal) -> Outcome) -> Outcome {
    run(Runtime::new(), async |interrupts| until_wished(interrupts, server).await)
}

fn run(runtime: io::Result<Runtime>, program: impl AsyncFnOnce(Interrupts) -> Outcome) -> Outcome {
    let runtime = runtime.map_err(|error| Failure::failed(format!("cannot start: {error}")))?;
    let outcome = runtime.block_on(async { program(Interrupts::catch()?).await });
    // A read of standard input may still be under way on a thread of its own, and nobody waits for it.
    runtime.shutdown_background();
    outcome
}

/// Runs a server until it ends. It gets a signal when somebody wants it to end; a second wish ends it at once.
async fn until_wished(mut interrupts: Interrupts, server: impl AsyncFnOnce(Signal) -> Outcome) -> Outcome {
    let (wish, wished) = oneshot::channel();
    let wishes = async {
        interrupts.next().await;
        // The server may have ended by itself.
        let _ = wish.send(());
        interrupts.next().await;
    };
    tokio::select! {
        served = server(Signal(wished)) => served,
        () = wishes => Ok(()),
    }
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
