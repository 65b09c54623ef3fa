//! A program that a test starts, and leads by commands.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::tools;

/// A running program of `tests/peers`. It takes one JSON command a line, and answers each when it is done; commands
/// run side by side. It ends when its input does: when this is dropped, and when the test is killed.
pub struct Program {
    name: String,
    child: Child,
    commands: Mutex<Option<Commands>>,
    waiting: Arc<Mutex<Option<Waiting>>>,
}

struct Commands {
    next: u64,
    stdin: ChildStdin,
}

/// Who waits for which reply; none once the program has ended.
type Waiting = HashMap<u64, oneshot::Sender<Result<Value, String>>>;

impl Program {
    /// Starts `interpreter` with the script `script` of `tests/peers`.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    #[must_use]
    pub fn start(interpreter: &Path, script: &str) -> Self {
        let mut child = Command::new(interpreter)
            .arg(tools::peer(script))
            .env("TIDEGATE_TOOLS", tools::folder())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {}: {error}", interpreter.display()));
        let stdin = child.stdin.take().expect("stdin is piped");
        let stdout = child.stdout.take().expect("stdout is piped");
        let waiting = Arc::new(Mutex::new(Some(Waiting::new())));
        let replies = waiting.clone();
        thread::spawn(move || hand_out(stdout, &replies));
        Self {
            name: script.to_owned(),
            child,
            commands: Mutex::new(Some(Commands { next: 0, stdin })),
            waiting,
        }
    }

    /// Gives a command, which has left when this returns. The future is the answer.
    ///
    /// # Panics
    ///
    /// When the program has ended.
    pub fn ask(&self, action: &str, arguments: Value) -> impl Future<Output = Result<Value, String>> + use<> {
        let (sender, reply) = oneshot::channel();
        let what = format!("{} of {}", action, self.name);
        let mut commands = self.commands.lock().unwrap_or_else(PoisonError::into_inner);
        let commands = commands.as_mut().expect("only dropping takes it");
        let id = commands.next;
        commands.next += 1;
        if let Some(waiting) = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            waiting.insert(id, sender);
        }
        let line = json!({ "id": id, "action": action, "arguments": arguments });
        // When the program has ended, the reply tells.
        let _ = writeln!(commands.stdin, "{line}");
        async move { reply.await.unwrap_or_else(|_| panic!("{what}: the program has ended")) }
    }
}

impl Drop for Program {
    /// Ends the input, waits for the program to put away what it has started, and kills it if it does not.
    fn drop(&mut self) {
        self.commands.lock().unwrap_or_else(PoisonError::into_inner).take();
        let deadline = Instant::now() + FAREWELL;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How long a program may take to end.
const FAREWELL: Duration = Duration::from_secs(20);

/// Hands each reply to whoever waits for it, until the program ends.
fn hand_out(stdout: ChildStdout, waiting: &Mutex<Option<Waiting>>) {
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        let mut reply: Value = serde_json::from_str(&line).expect("a reply is JSON");
        let id = reply["id"].as_u64().expect("a reply has an id");
        let result = match reply["error"].take() {
            Value::String(error) => Err(error),
            _ => Ok(reply["value"].take()),
        };
        let sender = waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .as_mut()
            .and_then(|waiting| waiting.remove(&id));
        if let Some(sender) = sender {
            // A test that no longer waits is free to go.
            let _ = sender.send(result);
        }
    }
    waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
}
