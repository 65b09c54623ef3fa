//! `tidegate connect`: standard input to a server, and back.
//!
//! ```text
//! stdin → Input → writable ⇄ peer ⇄ readable → Output → stdout
//! ```

mod input;
mod output;
mod setup;

use std::pin::pin;
use std::time::Duration;

use tidegate::{
    CancellationToken, Cause, CloseInfo, CloseOptions, Connection, Opened, Readable, WebSocketError, Writable,
};
use tokio::time::{Instant, sleep_until, timeout};

use crate::args::ConnectArgs;
use crate::exit::{Failure, Outcome, explain, say};
use crate::interrupt::{Interrupts, run_here};
use input::{Cut, Input, InputError};
use output::{MAX_WAITING_BYTES, Output, OutputError};

/// How long a Close may take once nobody wants the connection any longer.
const LEAVING: Duration = Duration::from_secs(2);

/// Connects, and runs until the connection has ended.
pub(crate) fn run(args: &ConnectArgs) -> Outcome {
    run_here(async |mut interrupts: Interrupts| {
        let socket = setup::connect(args)?;
        let opened = tokio::select! {
            opened = socket.opened() => opened.map_err(|error| Failure::failed(explain(&error)))?,
            () = interrupts.next() => return Err(Failure::failed("interrupted before the connection was open")),
        };
        if args.verbose {
            tell_open(&socket, &opened);
        }
        Session::new(args, &socket).run(opened, &mut interrupts).await
    })
}

/// An open connection with standard input and output.
struct Session<'a> {
    args: &'a ConnectArgs,
    socket: &'a Connection,
    /// Fires when this end sends its Close.
    closing: CancellationToken,
}

impl<'a> Session<'a> {
    fn new(args: &'a ConnectArgs, socket: &'a Connection) -> Self {
        Self { args, socket, closing: CancellationToken::new() }
    }

    async fn run(&self, opened: Opened, interrupts: &mut Interrupts) -> Outcome {
        let Opened { mut readable, mut writable, .. } = opened;
        let (sent, printed) = self.pump(&mut readable, &mut writable, interrupts).await?;
        if let Err(error) = printed {
            // 1000 may always be sent.
            let _ = readable.cancel(1000);
            let _ = timeout(LEAVING, self.socket.closed()).await;
            return broken_output(error).and(sent);
        }
        let end = tokio::select! {
            end = self.end(&mut writable) => end,
            () = interrupts.next() => return Err(interrupted()),
        };
        match end {
            Ok(info) => say(&describe(&info)),
            Err(error) => return sent.and(Err(Failure::failed(explain(&error)))),
        }
        sent
    }

    /// Sends and prints at the same time, until there is nothing more to print. How each went is told, unless the
    /// connection is left in a hurry.
    async fn pump(
        &self,
        readable: &mut Readable,
        writable: &mut Writable,
        interrupts: &mut Interrupts,
    ) -> Result<(Outcome, Result<(), OutputError>), Failure> {
        let mut output =
            Output::new(tokio::io::stdout(), self.cut(), self.closing.clone(), MAX_WAITING_BYTES);
        let mut printed = pin!(output.print_all(readable));
        let mut sent = pin!(self.send(writable));
        let (mut is_sending, mut outcome) = (true, Ok(()));
        let mut leave_at = None;
        loop {
            tokio::select! {
                result = &mut sent, if is_sending => {
                    is_sending = false;
                    outcome = result;
                }
                result = &mut printed => return Ok((outcome, result)),
                () = interrupts.next() => {
                    if leave_at.is_some() {
                        return Err(interrupted());
                    }
                    leave_at = Some(Instant::now() + LEAVING);
                    self.close(1000.into());
                }
                () = until(leave_at) => {
                    return Err(Failure::failed("interrupted: the connection did not close in time"));
                }
            }
        }
    }

    /// Sends the input, reading it only as fast as messages are accepted, then closes unless told to stay.
    async fn send(&self, writable: &mut Writable) -> Outcome {
        let cut = self.cut();
        let max_line = usize::try_from(self.args.max_message).unwrap_or(usize::MAX);
        let mut input = Input::new(tokio::io::stdin(), cut, max_line);
        // A write that fails is told by the end of the connection, with its reason.
        while writable.ready().await.is_ok() {
            match input.next().await {
                Ok(Some(message)) => {
                    let _ = writable.write(message).await;
                }
                Ok(None) => {
                    if !self.args.keep_open {
                        self.close(self.args.close.clone());
                    }
                    return Ok(());
                }
                Err(error) => {
                    self.close(code_for(&error).into());
                    return Err(Failure::failed(error.to_string()));
                }
            }
        }
        Ok(())
    }

    /// How the connection ended, once all is printed.
    async fn end(&self, writable: &mut Writable) -> Result<CloseInfo, WebSocketError> {
        let mut closed = pin!(self.socket.closed());
        if let Ok(end) = timeout(LEAVING, &mut closed).await {
            return end;
        }
        // After both Closes, a server that leaves TCP open is not waited for.
        if self.socket.stats().queued_bytes == 0
            && let Err(error) = writable.ready().await
            && let Cause::PeerClosed(info) = error.cause()
        {
            return Ok(info.clone());
        }
        closed.await
    }

    fn close(&self, options: CloseOptions) {
        self.closing.cancel();
        // The options were checked with the command line, or are our own.
        let _ = self.socket.close(options);
    }

    fn cut(&self) -> Cut {
        if self.args.binary { Cut::Chunks } else { Cut::Lines }
    }
}

/// What a person sees of an output that failed; nothing, when its reader simply left.
fn broken_output(error: OutputError) -> Outcome {
    match error {
        OutputError::BrokenPipe => Ok(()),
        OutputError::Io(error) => Err(Failure::failed(format!("cannot write standard output: {error}"))),
        OutputError::Overrun { limit } => Err(Failure::failed(format!(
            "messages were lost: standard output is too slow for over {limit} bytes behind the Close"
        ))),
    }
}

fn interrupted() -> Failure {
    Failure::failed("interrupted while the connection was closing")
}

/// What the peer is told when the input cannot be sent.
fn code_for(error: &InputError) -> u16 {
    match error {
        InputError::Io(_) => 1011,
        InputError::NotUtf8 { .. } | InputError::LongLine { .. } => 1001,
    }
}

/// Waits until a time, or forever without one.
async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Tells what was agreed when the connection opened.
fn tell_open(socket: &Connection, opened: &Opened) {
    let mut line = format!("connected to {}", socket.url());
    if let Some(transport) = socket.transport().filter(|_| socket.is_session()) {
        line.push_str(&format!(", by {transport}"));
    }
    if !opened.protocol.is_empty() {
        line.push_str(&format!(", protocol {}", opened.protocol));
    }
    if !opened.extensions.is_empty() {
        line.push_str(&format!(", {}", opened.extensions));
    }
    say(&line);
}

/// How a connection ended: `closed 1000 "Bye!"`. What could move a terminal's cursor is escaped.
pub(crate) fn describe(info: &CloseInfo) -> String {
    let CloseInfo { close_code, reason } = info;
    match (close_code.get(), reason.as_str()) {
        (1005, _) => "closed without a code".to_owned(),
        (code, "") => format!("closed {code}"),
        (code, reason) => format!("closed {code} {reason:?}"),
    }
}
