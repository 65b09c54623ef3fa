//! A file: begun anew or gone on with, whole or in parts.

use std::cell::RefCell;
use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
use tokio::time::timeout;
use url::Url;

use super::args::UploadArgs;
use super::board::Board;
use super::lane::Lane;
use super::memory::{Before, Memory, NoMemory};
use super::part::{Common, Part};
use super::patience::Patience;
use super::source::Source;
use super::trouble::Trouble;
use super::tus::Server;
use crate::exit::{Failure, say};

/// A file on its way.
pub(super) struct FileJob<'a> {
    args: &'a UploadArgs,
    server: Server,
    source: Source,
    memory: RefCell<Memory>,
    board: Board,
}

/// What a chunk is when it is checked.
const CHECKED_CHUNK_BYTES: u64 = 16 * 1024 * 1024;

/// How often an upload that the server has lost is begun anew by one command.
const MAX_ANEW: usize = 3;

/// How fast a server joins parts, at least.
const JOINED_BYTES_PER_SECOND: u64 = 16 * 1024 * 1024;

/// How long removing what is not wanted any more may take: it expires in any case.
const REMOVING: Duration = Duration::from_secs(5);

impl<'a> FileJob<'a> {
    /// Finds the file, and what is remembered of it.
    pub(super) async fn prepare(args: &'a UploadArgs, server: Server) -> Result<Self, Failure> {
        let shown = args.file.display();
        let source = Source::find(&args.file)
            .map_err(|error| Failure::usage(format!("cannot read {shown}: {error}")))?;
        let wanted =
            usize::from(args.parallel).min(usize::try_from(source.stamp.size).unwrap_or(usize::MAX)).max(1);
        let (mut memory, mut before) = match Memory::open(&source, &server.url, wanted) {
            Ok(opened) => opened,
            Err(NoMemory::Busy) => {
                return Err(Failure::failed(format!("{shown} is being uploaded there by another command")));
            }
            Err(error) => {
                say(&format!("tidegate: {}; another command cannot go on with it", why(&error)));
                (Memory::none(&source, &server.url, wanted), Before::Nothing)
            }
        };
        if args.fresh && before == Before::Same {
            before = Before::Other(memory.uploads().chain(memory.joined()).cloned().collect());
            let restarted = memory.restart_with(wanted);
            restarted.map_err(|error| Failure::failed(format!("cannot forget what was begun: {error}")))?;
        }
        let board = Board::new(&source.name, Some(source.stamp.size), memory.parts(), args.quiet);
        if let Before::Other(uploads) = before {
            if !args.fresh {
                board.say(&format!("{shown} has changed since its upload began: it begins anew"));
            }
            remove(&server, &uploads).await;
        }
        Ok(Self { args, server, source, memory: RefCell::new(memory), board })
    }

    /// Uploads it, and gives its URL.
    pub(super) async fn run(&self) -> Result<Url, Trouble> {
        let mut anew = 0;
        let url = loop {
            match self.attempt().await {
                Err(trouble) if self.memory.borrow().is_empty() => {
                    // There is nothing to go on with.
                    self.forget();
                    return Err(trouble);
                }
                Err(Trouble::Gone(why)) if anew < MAX_ANEW => {
                    anew += 1;
                    self.board.say(&format!("{why}; it begins anew"));
                    let restarted = self.memory.borrow_mut().restart();
                    restarted.map_err(|error| Trouble::Here(format!("cannot begin anew: {error}")))?;
                }
                result => break result?,
            }
        };
        self.board.done();
        Ok(url)
    }

    /// The URL was told: nothing of it needs to be remembered.
    pub(super) fn forget(&self) {
        if let Err(error) = self.memory.borrow_mut().forget() {
            say(&format!("tidegate: cannot forget the upload: {error}"));
        }
    }

    /// What a person sees.
    pub(super) fn board(&self) -> &Board {
        &self.board
    }

    /// What to say to somebody who wants it to end, or is told that it failed.
    pub(super) fn how_to_go_on(&self) -> &'static str {
        if self.memory.borrow().lasts() { "; the same command goes on from there" } else { "" }
    }

    async fn attempt(&self) -> Result<Url, Trouble> {
        if let Some(joined) = self.memory.borrow().joined() {
            return Ok(joined.clone());
        }
        let chunk = self.args.checksum.map_or(u64::MAX, |_| CHECKED_CHUNK_BYTES);
        let common = Common {
            server: &self.server,
            source: &self.source,
            memory: &self.memory,
            board: &self.board,
            checksum: self.args.checksum,
            chunk: self.args.chunk_size.unwrap_or(chunk),
            patience: self.args.patience,
        };
        let parts = self.parts(&common);
        self.go_on(&parts).await?;
        let uploads = try_join_all(parts.iter().map(Part::carry)).await?;
        if !self.source.is_unchanged() {
            remove(&self.server, &uploads).await;
            self.forget();
            let path = self.source.path.display();
            return Err(Trouble::Here(format!("{path} has changed while it was uploaded")));
        }
        match &uploads[..] {
            [whole] => Ok(whole.clone()),
            _ => self.join(&uploads).await,
        }
    }

    fn parts<'b>(&self, common: &'b Common<'b>) -> Vec<Part<'b>> {
        let (size, count) = (self.source.stamp.size, self.memory.borrow().parts());
        let bound = |number: usize| (u128::from(size) * number as u128 / count as u128) as u64;
        (0..count)
            .map(|number| Part {
                common,
                number,
                from: bound(number),
                length: bound(number + 1) - bound(number),
                is_one_of_many: count > 1,
            })
            .collect()
    }

    /// Looks how far it is, where something was begun before.
    async fn go_on(&self, parts: &[Part<'_>]) -> Result<(), Trouble> {
        if self.memory.borrow().uploads().next().is_none() {
            return Ok(());
        }
        // It was there once, so it is waited for.
        self.board.reached();
        let mut patience = Patience::new(self.args.patience, &self.board);
        loop {
            let look = async |part: &Part<'_>| {
                let offset = part.look(&mut Lane::default()).await?.unwrap_or(0);
                self.board.part(part.number).store(offset, std::sync::atomic::Ordering::Relaxed);
                Ok(())
            };
            match try_join_all(parts.iter().map(look)).await {
                Ok(_) => break,
                Err(trouble) => patience.wait(trouble).await?,
            }
        }
        self.board.goes_on();
        Ok(())
    }

    async fn join(&self, uploads: &[Url]) -> Result<Url, Trouble> {
        let mut patience = Patience::new(self.args.patience, &self.board);
        let mut lane = Lane::default();
        // It may have to copy all the bytes before it answers; to ask again would have it copy them again.
        let mut server = self.server.clone();
        let joining = Duration::from_secs(self.source.stamp.size / JOINED_BYTES_PER_SECOND);
        server.way.silence = server.way.silence.saturating_add(joining);
        let url = loop {
            match server.join(&mut lane, uploads, Some(&self.source.name)).await {
                Ok(url) => break url,
                Err(trouble) => patience.wait(trouble).await?,
            }
        };
        let remembered = self.memory.borrow_mut().remember_joined(&url);
        remembered.map_err(|error| Trouble::Here(format!("cannot remember the upload: {error}")))?;
        Ok(url)
    }
}

/// Removes what is not wanted any more, as far as the server does that soon.
async fn remove(server: &Server, uploads: &[Url]) {
    let all = join_all(uploads.iter().map(async |upload| server.remove(&mut Lane::default(), upload).await));
    // Not every server removes uploads, and one that does not expires them.
    let _ = timeout(REMOVING, all).await;
}

fn why(error: &NoMemory) -> String {
    match error {
        NoMemory::Busy => "another command uploads the same".to_owned(),
        NoMemory::Io(folder, error) => {
            format!("the upload cannot be remembered in {}: {error}", folder.display())
        }
        NoMemory::Nowhere => {
            "the upload cannot be remembered: neither XDG_STATE_HOME nor HOME is set".to_owned()
        }
    }
}
