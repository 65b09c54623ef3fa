//! What of an upload outlives the command: a file of a few lines in the state directory, on the disk before it counts.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha1::Digest;
use url::Url;

use super::source::{Source, Stamp};

/// What is remembered of one file on its way to one server. Who holds this holds a lock.
#[derive(Debug)]
pub(super) struct Memory {
    /// Without one nothing is kept.
    file: Option<(File, PathBuf)>,
    begun: Begun,
    /// The URLs of the parts that were created.
    uploads: Vec<Option<Url>>,
    joined: Option<Url>,
}

/// What a line says. The first is [`Line::Begun`]; one that is not whole is none, nor is anything behind it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "lowercase")]
enum Line {
    Begun(Begun),
    Part { number: usize, url: Url },
    Joined { url: Url },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Begun {
    /// For people who look into the file.
    path: String,
    #[serde(flatten)]
    stamp: Stamp,
    to: Url,
    parts: usize,
}

/// What was there before.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Before {
    /// Nothing.
    Nothing,
    /// The same upload.
    Same,
    /// An upload of the file as it was then, by these URLs.
    Other(Vec<Url>),
}

/// Why there is no memory.
#[derive(Debug)]
pub(super) enum NoMemory {
    /// Another command uploads the same file to the same place.
    Busy,
    /// It cannot be kept there.
    Io(PathBuf, io::Error),
    /// The system does not tell where.
    Nowhere,
}

/// More than a command ever makes.
const MAX_PARTS: usize = 1024;

/// Far more than is ever written.
const MAX_BYTES: u64 = 1024 * 1024;

impl Memory {
    /// What is remembered, or can be from now on.
    pub(super) fn open(source: &Source, to: &Url, parts: usize) -> Result<(Self, Before), NoMemory> {
        let folder = folder().ok_or(NoMemory::Nowhere)?;
        Self::open_in(&folder, source, to, parts).map_err(|error| match error {
            TryLockError::WouldBlock => NoMemory::Busy,
            TryLockError::Error(error) => NoMemory::Io(folder, error),
        })
    }

    /// Remembers nothing beyond this command.
    pub(super) fn none(source: &Source, to: &Url, parts: usize) -> Self {
        Self { file: None, begun: Begun::of(source, to, parts), uploads: vec![None; parts], joined: None }
    }

    fn open_in(
        folder: &Path,
        source: &Source,
        to: &Url,
        parts: usize,
    ) -> Result<(Self, Before), TryLockError> {
        let begun = Begun::of(source, to, parts);
        create_private(folder).map_err(TryLockError::Error)?;
        let path = folder.join(file_name(source, to));
        let mut file = open_private(&path).map_err(TryLockError::Error)?;
        file.try_lock()?;
        let lines = read(&mut file).map_err(TryLockError::Error)?;
        let mut memory =
            Self { file: Some((file, path)), begun: begun.clone(), uploads: Vec::new(), joined: None };
        let before = memory.recall(lines);
        match &before {
            Before::Same => {}
            Before::Nothing | Before::Other(_) => {
                memory.begun = begun;
                memory.restart().map_err(TryLockError::Error)?;
                sync_folder(folder).map_err(TryLockError::Error)?;
            }
        }
        Ok((memory, before))
    }

    fn recall(&mut self, lines: Vec<Line>) -> Before {
        let mut lines = lines.into_iter();
        let Some(Line::Begun(begun)) = lines.next() else { return Before::Nothing };
        let is_same = begun.stamp == self.begun.stamp;
        // Parts are what they were, whatever the command says now.
        self.begun = Begun { parts: begun.parts.min(MAX_PARTS), ..begun };
        self.uploads = vec![None; self.begun.parts];
        for line in lines {
            match line {
                Line::Begun(_) => {}
                Line::Part { number, url } => {
                    if let Some(upload) = self.uploads.get_mut(number) {
                        *upload = Some(url);
                    }
                }
                Line::Joined { url } => self.joined = Some(url),
            }
        }
        if self.is_empty() {
            return Before::Nothing;
        }
        if is_same {
            return Before::Same;
        }
        Before::Other(self.uploads.iter().flatten().chain(&self.joined).cloned().collect())
    }

    /// In how many parts the file is uploaded.
    pub(super) fn parts(&self) -> usize {
        self.begun.parts
    }

    /// Whether a later command can go on.
    pub(super) fn lasts(&self) -> bool {
        self.file.is_some() && !self.is_empty()
    }

    /// Whether nothing was created yet.
    pub(super) fn is_empty(&self) -> bool {
        self.joined.is_none() && self.uploads.iter().all(Option::is_none)
    }

    /// Where a part is.
    pub(super) fn upload(&self, number: usize) -> Option<&Url> {
        self.uploads.get(number)?.as_ref()
    }

    /// Everything that is remembered.
    pub(super) fn uploads(&self) -> impl Iterator<Item = &Url> {
        self.uploads.iter().flatten()
    }

    /// Where the joined parts are.
    pub(super) fn joined(&self) -> Option<&Url> {
        self.joined.as_ref()
    }

    /// A part was created.
    pub(super) fn remember(&mut self, number: usize, url: &Url) -> io::Result<()> {
        self.write(&Line::Part { number, url: url.clone() })?;
        if let Some(upload) = self.uploads.get_mut(number) {
            *upload = Some(url.clone());
        }
        Ok(())
    }

    /// The parts were joined.
    pub(super) fn remember_joined(&mut self, url: &Url) -> io::Result<()> {
        self.write(&Line::Joined { url: url.clone() })?;
        self.joined = Some(url.clone());
        Ok(())
    }

    /// As [`restart`](Self::restart), in so many parts.
    pub(super) fn restart_with(&mut self, parts: usize) -> io::Result<()> {
        self.begun.parts = parts;
        self.restart()
    }

    /// Forgets what there is, and begins anew.
    pub(super) fn restart(&mut self) -> io::Result<()> {
        self.uploads = vec![None; self.begun.parts];
        self.joined = None;
        if let Some((file, _)) = &mut self.file {
            file.set_len(0)?;
            file.rewind()?;
        }
        self.write(&Line::Begun(self.begun.clone()))
    }

    /// The upload is over.
    pub(super) fn forget(&mut self) -> io::Result<()> {
        match self.file.take() {
            Some((_locked, path)) => fs::remove_file(path),
            None => Ok(()),
        }
    }

    fn write(&mut self, line: &Line) -> io::Result<()> {
        let Some((file, _)) = &mut self.file else { return Ok(()) };
        let mut text = serde_json::to_string(line)?;
        text.push('\n');
        file.write_all(text.as_bytes())?;
        file.sync_data()
    }
}

impl Begun {
    fn of(source: &Source, to: &Url, parts: usize) -> Self {
        Self { path: source.path.to_string_lossy().into_owned(), stamp: source.stamp, to: to.clone(), parts }
    }
}

/// The lines that are whole. The file ends behind them then.
fn read(file: &mut File) -> io::Result<Vec<Line>> {
    let mut text = Vec::new();
    file.take(MAX_BYTES).read_to_end(&mut text)?;
    let mut lines = Vec::new();
    let mut end = 0;
    for line in text.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n")) {
        let Ok(parsed) = serde_json::from_slice(line) else { break };
        lines.push(parsed);
        end += line.len() as u64;
    }
    file.set_len(end)?;
    file.seek(io::SeekFrom::Start(end))?;
    Ok(lines)
}

/// One for each file and place; it tells neither.
fn file_name(source: &Source, to: &Url) -> String {
    let mut hash = sha2::Sha256::new();
    hash.update(source.path.as_os_str().as_encoded_bytes());
    hash.update([0]);
    hash.update(to.as_str());
    let digits: String = hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("{digits}.jsonl")
}

/// `$XDG_STATE_HOME/tidegate/uploads`, which is below `~/.local/state` by default.
fn folder() -> Option<PathBuf> {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = absolute("XDG_STATE_HOME")
        .or_else(|| absolute("LOCALAPPDATA"))
        .or_else(|| Some(absolute("HOME")?.join(".local/state")))?;
    Some(state.join("tidegate/uploads"))
}

/// The URL of an upload lets one write it.
fn create_private(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}

fn open_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.read(true).write(true).create(true).truncate(false).open(path)
}

/// The name of a new file is durable when its folder is.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file and a folder of its own, which are removed.
    struct Scene(PathBuf);

    impl Scene {
        fn new(name: &str) -> Self {
            let folder = std::env::temp_dir().join(format!("tidegate-memory-{}-{name}", std::process::id()));
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("file"), "some bytes").unwrap();
            Self(folder)
        }

        fn source(&self) -> Source {
            Source::find(&self.0.join("file")).unwrap()
        }

        fn open(&self, parts: usize) -> (Memory, Before) {
            Memory::open_in(&self.0.join("state/uploads"), &self.source(), &url("/uploads"), parts).unwrap()
        }

        fn file(&self) -> PathBuf {
            self.0.join("state/uploads").join(file_name(&self.source(), &url("/uploads")))
        }
    }

    impl Drop for Scene {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn url(path: &str) -> Url {
        Url::parse("http://host.example").unwrap().join(path).unwrap()
    }

    #[test]
    fn what_was_created_is_remembered_until_it_is_forgotten() {
        let scene = Scene::new("same");
        let (mut memory, before) = scene.open(2);
        assert_eq!(before, Before::Nothing);
        memory.remember(1, &url("/uploads/b")).unwrap();
        drop(memory);
        let (mut memory, before) = scene.open(7);
        assert_eq!((before, memory.parts()), (Before::Same, 2));
        assert_eq!((memory.upload(0), memory.upload(1)), (None, Some(&url("/uploads/b"))));
        memory.remember_joined(&url("/uploads/c")).unwrap();
        drop(memory);
        let (mut memory, _) = scene.open(2);
        assert_eq!(memory.joined(), Some(&url("/uploads/c")));
        memory.forget().unwrap();
        assert!(!scene.file().exists());
        assert_eq!(scene.open(3).1, Before::Nothing);
    }

    #[test]
    fn a_file_that_has_changed_is_another_one() {
        let scene = Scene::new("changed");
        scene.open(1).0.remember(0, &url("/uploads/a")).unwrap();
        fs::write(scene.0.join("file"), "some more bytes").unwrap();
        let (memory, before) = scene.open(1);
        assert_eq!(before, Before::Other(vec![url("/uploads/a")]));
        assert!(memory.is_empty());
        drop(memory);
        assert_eq!(scene.open(1).1, Before::Nothing);
    }

    #[test]
    fn a_line_that_is_not_whole_is_none() {
        let scene = Scene::new("torn");
        let (mut memory, _) = scene.open(2);
        memory.remember(0, &url("/uploads/a")).unwrap();
        memory.remember(1, &url("/uploads/b")).unwrap();
        drop(memory);
        let text = fs::read_to_string(scene.file()).unwrap();
        for length in 0..text.len() {
            fs::write(scene.file(), &text[..length]).unwrap();
            let (mut memory, before) = scene.open(2);
            let lines = text[..length].matches('\n').count();
            assert_eq!(before == Before::Same, lines > 1, "{length}");
            assert_eq!(memory.uploads().count(), lines.saturating_sub(1), "{length}");
            // What follows is read again.
            memory.remember(1, &url("/uploads/c")).unwrap();
            drop(memory);
            assert_eq!(scene.open(2).0.upload(1), Some(&url("/uploads/c")), "{length}");
        }
    }

    #[test]
    fn one_command_at_a_time() {
        let scene = Scene::new("busy");
        let (_held, _) = scene.open(1);
        let folder = scene.0.join("state/uploads");
        let second = Memory::open_in(&folder, &scene.source(), &url("/uploads"), 1);
        assert!(matches!(second, Err(TryLockError::WouldBlock)));
        Memory::open_in(&folder, &scene.source(), &url("/elsewhere"), 1).unwrap();
    }
}
