//! Who takes uploads, and how each is started.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::comparison::Contends;
use crate::contenders::Role;
use crate::failure::{Failure, fail};
use crate::server::Server;
use crate::watch::Process;

/// Somebody who takes uploads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contender {
    /// The yardstick, which is no server of uploads.
    Sink,
    Tidegate,
    /// `@tus/server` with `@tus/file-store`.
    TusServer,
    Tuspyserver,
}

pub(crate) const ALL: [Contender; 4] =
    [Contender::Sink, Contender::Tidegate, Contender::TusServer, Contender::Tuspyserver];

/// Where the programs are.
pub(crate) struct Places {
    pub(crate) tidegate: PathBuf,
    /// The server with the slow disk.
    pub(crate) slow_disk: PathBuf,
    /// The folder with npm's `node_modules`.
    pub(crate) npm: PathBuf,
    /// The Python environment.
    pub(crate) python: PathBuf,
    /// The checkout.
    pub(crate) root: PathBuf,
    /// Where logs and uploads go.
    pub(crate) scratch: PathBuf,
}

/// A server with a folder of its own, both gone when this is dropped.
pub(crate) struct Running {
    pub(crate) server: Server,
    pub(crate) folder: PathBuf,
}

/// How long a server may take to listen.
const PATIENCE: Duration = Duration::from_secs(30);

impl Contends for Contender {
    fn name(self) -> &'static str {
        match self {
            Self::Sink => "sink",
            Self::Tidegate => "tidegate",
            Self::TusServer => "@tus/server",
            Self::Tuspyserver => "tuspyserver",
        }
    }

    fn role(self) -> Role {
        match self {
            Self::Sink => Role::Limit,
            Self::Tidegate => Role::Ours,
            Self::TusServer | Self::Tuspyserver => Role::Peer,
        }
    }
}

impl Contender {
    /// Where uploads are created.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Sink | Self::Tidegate => "/uploads",
            Self::TusServer => "/files",
            Self::Tuspyserver => "/files/",
        }
    }

    /// Why it cannot be started here.
    pub(crate) fn missing(self, places: &Places) -> Option<String> {
        let needed = match self {
            Self::Sink => return None,
            Self::Tidegate => places.tidegate.clone(),
            Self::TusServer => places.npm.join("node_modules/@tus/server"),
            Self::Tuspyserver => python(places),
        };
        (!needed.exists()).then(|| format!("{} is not there", needed.display()))
    }

    /// Starts it on an empty folder.
    pub(crate) fn start(self, places: &Places) -> Result<Running, Failure> {
        let script = |path: &str| text(&places.root.join(path));
        let words = |folder: &Path| {
            let folder = text(folder);
            Ok(match self {
                Self::Sink => vec![text(&std::env::current_exe()?), "sink".to_owned(), folder],
                Self::Tidegate => {
                    let words = ["serve", "--listen", "127.0.0.1:0", "--uploads", &folder];
                    [&*text(&places.tidegate)].into_iter().chain(words).map(str::to_owned).collect()
                }
                Self::TusServer => vec![
                    "env".to_owned(),
                    format!("BENCH_NPM={}", text(&places.npm)),
                    "node".to_owned(),
                    script("bench/js/uploads/tus-server.mjs"),
                    folder,
                ],
                Self::Tuspyserver => {
                    vec![text(&python(places)), script("bench/python/tuspyserver_app.py"), folder]
                }
            })
        };
        Running::start(self.name(), places, words)
    }
}

impl Running {
    /// Starts what `words` makes of an empty folder, and waits until it listens.
    pub(crate) fn start(
        name: &str,
        places: &Places,
        words: impl FnOnce(&Path) -> Result<Vec<String>, Failure>,
    ) -> Result<Self, Failure> {
        let name = name.replace(['@', '/'], "");
        let folder = places.scratch.join(format!("uploads-{name}"));
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(Failure::because(folder.display()))?;
        }
        fs::create_dir_all(&folder).map_err(Failure::because(folder.display()))?;
        // What others wrote and did not sync would be written in this one's time.
        let _ = Command::new("sync").arg("--file-system").arg(&folder).status();
        let log = places.scratch.join(format!("uploads-{name}.log"));
        let server = Server::start(&words(&folder)?, &log)?;
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(server.address).is_err() {
            if Instant::now() > deadline {
                fail!("{name} does not listen");
            }
            sleep(Duration::from_millis(20));
        }
        Ok(Self { server, folder })
    }

    pub(crate) fn process(&self) -> Process {
        self.server.process()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may write until it is killed; what is left then is removed when the next one starts.
        self.server.end();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn python(places: &Places) -> PathBuf {
    places.python.join("bin/python")
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
