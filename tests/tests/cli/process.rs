//! The command as a process.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// When a test is given up. No test takes longer unless it hangs.
pub(crate) const GUARD: Duration = Duration::from_secs(120);

/// A running command; killed when dropped, or when it outlives the guard.
pub(crate) struct Tidegate {
    child: Child,
    pub(crate) stdin: Option<ChildStdin>,
    pub(crate) stdout: Option<BufReader<ChildStdout>>,
    stderr: BufReader<ChildStderr>,
    _watchdog: SyncSender<()>,
}

/// What a command left behind.
#[derive(Debug)]
pub(crate) struct Left {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Tidegate {
    /// Starts the command with these arguments and a pipe at each end.
    pub(crate) fn start<'a>(args: impl IntoIterator<Item = &'a str>) -> Self {
        Self::start_with(args, [])
    }

    /// The same, with these variables in its environment.
    pub(crate) fn start_with<'a, 'b>(
        args: impl IntoIterator<Item = &'a str>,
        environment: impl IntoIterator<Item = (&'b str, &'b Path)>,
    ) -> Self {
        let mut child = Command::new(binary())
            .args(args)
            .envs(environment)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        Self {
            stdin: child.stdin.take(),
            stdout: child.stdout.take().map(BufReader::new),
            stderr: BufReader::new(child.stderr.take().expect("a pipe was asked for")),
            _watchdog: watch(child.id()),
            child,
        }
    }

    /// Starts `tidegate listen` on a free port, and gives its URL.
    pub(crate) fn listen<'a>(args: impl IntoIterator<Item = &'a str>) -> (Self, String) {
        let mut server = Self::start(["listen", "127.0.0.1:0"].into_iter().chain(args));
        let url = server.stdout_line();
        (server, url)
    }

    /// Starts `tidegate connect -v`, and waits until it is connected.
    pub(crate) fn connected<'a>(url: &'a str, args: impl IntoIterator<Item = &'a str>) -> Self {
        let mut client = Self::start(["connect", "-v", url].into_iter().chain(args));
        let line = client.stderr_line();
        assert!(line.starts_with("connected to "), "{line}{}", client.finish().stderr);
        client
    }

    /// Runs the command to its end with this input.
    pub(crate) fn run<'a>(args: impl IntoIterator<Item = &'a str>, input: &[u8]) -> Left {
        let mut running = Self::start(args);
        running.feed(input.to_vec());
        running.finish()
    }

    /// Writes the whole input from a thread of its own, then ends it.
    pub(crate) fn feed(&mut self, input: Vec<u8>) {
        let mut stdin = self.stdin.take().expect("the input has not been taken");
        // A command that ends early breaks the pipe.
        thread::spawn(move || drop(stdin.write_all(&input)));
    }

    /// One line of standard output, without its end.
    pub(crate) fn stdout_line(&mut self) -> String {
        line(self.stdout.as_mut().expect("the output has not been taken"))
    }

    /// One line of standard error, without its end.
    pub(crate) fn stderr_line(&mut self) -> String {
        line(&mut self.stderr)
    }

    /// Sends a signal, by its short name.
    pub(crate) fn signal(&self, name: &str) {
        kill(name, self.child.id());
    }

    /// Anonymous memory that the process has in RAM, in bytes.
    #[cfg(target_os = "linux")]
    pub(crate) fn resident_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("the process lives");
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    /// Reads both outputs to their end, and waits for the process to end. Standard input stays as it is.
    pub(crate) fn finish(&mut self) -> Left {
        let mut output = Vec::new();
        let mut stderr = String::new();
        let stdout = self.stdout.take();
        thread::scope(|scope| {
            scope.spawn(|| stdout.map(|mut stdout| stdout.read_to_end(&mut output).unwrap()));
            self.stderr.read_to_string(&mut stderr).unwrap();
        });
        Left { code: self.child.wait().unwrap().code(), stdout: output, stderr }
    }
}

impl Drop for Tidegate {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until a value has stopped changing, and gives it.
pub(crate) fn settled(value: impl Fn() -> u64) -> u64 {
    let start = Instant::now();
    let (mut last, mut unchanged) = (value(), 0);
    while unchanged < 40 {
        assert!(start.elapsed() < GUARD, "never settles");
        thread::sleep(Duration::from_millis(50));
        let now = value();
        unchanged = if now == last { unchanged + 1 } else { 0 };
        last = now;
    }
    last
}

/// The built binary.
fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| std::env::var_os("TIDEGATE_BIN").map_or_else(build, PathBuf::from))
}

/// Builds the binary into the directory that this test was built into.
fn build() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.ancestors().nth(2).expect("target/PROFILE/deps/TEST").to_owned();
    let target = profile.parent().expect("target/PROFILE");
    let mut cargo = Command::new(option_env!("CARGO").unwrap_or("cargo"));
    cargo.args(["build", "--quiet", "--package", "tidegate-cli", "--target-dir"]).arg(target);
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    // What cargo told this test about its package would have build scripts run anew.
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(&*name);
        }
    }
    let status = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).status().unwrap();
    assert!(status.success(), "the binary cannot be built");
    profile.join("tidegate")
}

/// Kills a process that outlives the guard, so that nothing waits for it forever.
fn watch(id: u32) -> SyncSender<()> {
    let (sender, receiver) = sync_channel::<()>(0);
    thread::spawn(move || {
        if receiver.recv_timeout(GUARD) == Err(RecvTimeoutError::Timeout) {
            kill("KILL", id);
        }
    });
    sender
}

fn kill(signal: &str, id: u32) {
    let status = Command::new("kill").args(["-s", signal, &id.to_string()]).status();
    assert!(status.is_ok_and(|status| status.success()), "cannot send {signal}");
}

fn line(reader: &mut impl BufRead) -> String {
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    assert!(line.ends_with('\n'), "the process ended before a whole line: {line:?}");
    line.trim_end_matches('\n').to_owned()
}
