//! Who is compared.

use std::path::{Path, PathBuf};

/// Somebody who is compared.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    pub(crate) role: Role,
    /// What it can do.
    pub(crate) tasks: &'static [Task],
    pub(crate) start: Start,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// A yardstick: what is possible.
    Limit,
    Ours,
    Peer,
}

impl Role {
    /// The name as tables have it.
    pub(crate) fn emphasize(self, name: &str) -> String {
        match self {
            Self::Ours => format!("**{name}**"),
            Self::Limit => format!("_{name}_"),
            Self::Peer => name.to_owned(),
        }
    }
}

/// What a server is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    Echo,
    /// The same over TLS.
    Wss,
    DeflateFast,
    DeflateSmall,
    Broadcast,
    Firehose,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Start {
    /// A program of the `contenders` crate.
    Rust { program: &'static str },
    /// `tidegate listen`.
    Listen,
    /// A script in `js` for this program.
    Script { program: &'static str, script: &'static str },
}

/// Where the programs are.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    /// The programs of the `contenders` crate.
    pub(crate) contenders: PathBuf,
    pub(crate) tidegate: PathBuf,
    /// The folder with npm's `node_modules`.
    pub(crate) npm: PathBuf,
    /// The folder of the scripts.
    pub(crate) scripts: PathBuf,
    /// A certificate and its key.
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

use Task::{Broadcast, DeflateFast, DeflateSmall, Echo, Firehose, Wss};

const fn limit(name: &'static str, tasks: &'static [Task]) -> Contender {
    Contender { name, role: Role::Limit, tasks, start: Start::Rust { program: name } }
}

const fn peer(name: &'static str, tasks: &'static [Task]) -> Contender {
    Contender { name, role: Role::Peer, tasks, start: Start::Rust { program: name } }
}

const fn script(
    name: &'static str,
    program: &'static str,
    script: &'static str,
    tasks: &'static [Task],
) -> Contender {
    Contender { name, role: Role::Peer, tasks, start: Start::Script { program, script } }
}

const EVERYTHING: &[Task] = &[Echo, Wss, DeflateFast, DeflateSmall, Broadcast, Firehose];

/// In the order of the tables.
pub(crate) const ALL: &[Contender] = &[
    limit("tcp-epoll", &[Echo]),
    limit("tcp-tokio", &[Echo]),
    limit("ws-epoll-min", &[Echo, Broadcast, Firehose]),
    Contender {
        name: "tidegate",
        role: Role::Ours,
        tasks: EVERYTHING,
        start: Start::Rust { program: "tidegate-loop" },
    },
    Contender { name: "tidegate-listen", role: Role::Ours, tasks: EVERYTHING, start: Start::Listen },
    peer("tokio-tungstenite", &[Echo, Wss, Broadcast, Firehose]),
    peer("tungstenite-4k", &[Echo, Wss, Broadcast, Firehose]),
    peer("fastwebsockets", &[Echo, Wss, Firehose]),
    peer("tokio-websockets", &[Echo, Wss, Broadcast, Firehose]),
    peer("yawc", &[Echo, Wss, DeflateFast, DeflateSmall, Firehose]),
    peer("sockudo-ws", &[Echo, Wss, DeflateFast, DeflateSmall, Broadcast, Firehose]),
    peer("axum", &[Echo, Broadcast, Firehose]),
    script("npm-ws", "node", "ws.mjs", EVERYTHING),
    script("bun", "npm:@oven/bun-linux-x64/bin/bun run", "bun.js", EVERYTHING),
    script("deno", "npm:@deno/linux-x64-glibc/deno run --allow-all", "deno.js", &[Echo, Wss, Broadcast]),
];

impl Contender {
    pub(crate) fn named(name: &str) -> Option<Self> {
        ALL.iter().find(|contender| contender.name == name).copied()
    }

    /// Whether it speaks no WebSocket.
    pub(crate) fn is_raw(&self) -> bool {
        self.name.starts_with("tcp-")
    }

    /// The command that starts it, or why it cannot be started here.
    pub(crate) fn command(&self, task: Task, places: &Places) -> Result<Vec<String>, String> {
        let words = match self.start {
            Start::Rust { program } => {
                let mut words = vec![built(&places.contenders.join(program))?];
                words.extend(usual(task, places));
                words
            }
            Start::Listen => listen(task, places)?,
            Start::Script { program, script } => {
                let mut words: Vec<String> = program.split(' ').map(str::to_owned).collect();
                if let Some(own) = words[0].strip_prefix("npm:") {
                    words[0] = built(&places.npm.join("node_modules").join(own))?;
                }
                // node looks for packages beside the script, and they are elsewhere; `env` becomes the program.
                let npm = format!("BENCH_NPM={}", text(&places.npm));
                words.splice(0..0, ["env".to_owned(), npm]);
                words.push(text(&places.scripts.join(script)));
                words.extend(usual(task, places));
                words
            }
        };
        Ok(words)
    }
}

/// What every contender of ours takes.
fn usual(task: Task, places: &Places) -> Vec<String> {
    let name = match task {
        Echo | Wss => "echo",
        DeflateFast => "deflate-fast",
        DeflateSmall => "deflate-small",
        Broadcast => "broadcast",
        Firehose => "firehose",
    };
    let mut words = vec![name.to_owned(), "127.0.0.1:0".to_owned()];
    if task == Wss {
        words.extend([text(&places.certificate), text(&places.key)]);
    }
    words
}

fn listen(task: Task, places: &Places) -> Result<Vec<String>, String> {
    let mut words = vec![built(&places.tidegate)?];
    words.extend(["listen", "127.0.0.1:0", "--threads", "1"].map(str::to_owned));
    let (certificate, key) = (text(&places.certificate), text(&places.key));
    let more: &[&str] = match task {
        Echo => &["--echo"],
        Wss => &["--echo", "--tls-cert", &certificate, "--tls-key", &key],
        DeflateFast => &["--echo", "--level", "1"],
        DeflateSmall => &["--echo", "--level", "6"],
        Broadcast => &["--broadcast"],
        Firehose => &["--firehose"],
    };
    words.extend(more.iter().map(|&word| word.to_owned()));
    Ok(words)
}

fn built(program: &Path) -> Result<String, String> {
    if program.exists() { Ok(text(program)) } else { Err(format!("{} is not there", program.display())) }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
