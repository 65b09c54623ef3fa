//! A contender's process: started on a core of its own, and ended when it is no longer needed.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::failure::{Failure, fail};
use crate::watch::Process;

/// The core of every server, and that of every load. With one core they share it.
pub(crate) const SERVER_CORE: usize = 0;
pub(crate) const LOAD_CORE: usize = 1;

/// How long a server may take to say where it listens. JavaScript runtimes take long on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server that runs; dropping it kills it.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts the command and waits for its first line, which is its URL. Its errors go to the file `log`.
    pub(crate) fn start(words: &[String], log: &Path) -> Result<Self, Failure> {
        let log = File::create(log).map_err(Failure::because(log.display()))?;
        // setpriv has the system kill the server should we be killed; taskset puts it on its core.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "taskset", "--cpu-list"]).arg(SERVER_CORE.to_string());
        command.args(words).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().map_err(Failure::because("starting setpriv and taskset"))?;
        let Some(output) = child.stdout.take() else { fail!("no pipe from the server") };
        let (first, lines) = mpsc::sync_channel(1);
        // The thread reads on, so that a server that says more never waits for us. It ends with the server.
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let _ = first.try_send(line);
            }
        });
        let mut server = Self { child, address: ([127, 0, 0, 1], 0).into() };
        let line =
            lines.recv_timeout(PATIENCE).map_err(|_| Failure("it did not say where it listens".into()))?;
        let address = line.split_once("://").map_or(&*line, |(_, rest)| rest).trim_end_matches('/');
        server.address = address.parse().map_err(Failure::because(format!("{line:?}")))?;
        Ok(server)
    }

    /// setpriv and taskset become the server, so it has the child's number.
    pub(crate) fn process(&self) -> Process {
        Process(self.child.id())
    }

    /// Ends it now.
    pub(crate) fn end(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

/// Puts this thread, and those that it starts, on the core of the loads.
pub(crate) fn take_load_core() -> Result<(), Failure> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    if cores < 2 {
        fail!("server and load need a core each, and there is one");
    }
    let mut set = rustix::thread::CpuSet::new();
    set.set(LOAD_CORE);
    rustix::thread::sched_setaffinity(None, &set).map_err(Failure::because("taking a core"))
}
