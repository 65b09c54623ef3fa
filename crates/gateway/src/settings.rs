//! What whoever runs the gateway can choose.

use crate::doors;
use crate::origins::Origins;
use crate::upload::Uploads;

/// The limits of a gateway. All have finite defaults.
#[derive(Clone)]
pub struct Settings {
    pub(crate) max_connections: usize,
    doors: doors::Settings,
    uploads: Option<Uploads>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { max_connections: 65_536, doors: doors::Settings::default(), uploads: None }
    }
}

impl Settings {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many connections there may be at a time; 65,536 by default. Each costs about 1 KiB while it waits, and a
    /// file descriptor. Further clients wait in the listener's queue. WebSockets, and sessions, which are there when
    /// nothing carries them too, are at most twice as many together.
    #[must_use]
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.max_connections = connections.max(1);
        self.doors.max_connections = self.max_connections;
        self
    }

    /// How many channels there may be; 10,000 by default. One is made when it is first named, and goes when nobody has
    /// used it for ten minutes. A request for one more gets 503.
    #[must_use]
    pub fn max_channels(mut self, channels: usize) -> Self {
        self.doors.limits.channels = channels.max(1);
        self
    }

    /// How many bytes of publications a channel keeps, in all the forms in which they are read; 1 MiB by default. It
    /// keeps at most 4,096 publications, and one in any case.
    #[must_use]
    pub fn history_bytes(mut self, bytes: usize) -> Self {
        self.doors.limits.bytes = bytes;
        self
    }

    /// How many bytes all channels keep together; 256 MiB by default. Beyond, a channel that is published to keeps
    /// 16 KiB.
    #[must_use]
    pub fn total_history_bytes(mut self, bytes: usize) -> Self {
        self.doors.limits.total_bytes = bytes;
        self
    }

    /// How many of the last publications a reader gets first that names no position; 50 by default.
    #[must_use]
    pub fn newcomers(mut self, publications: u64) -> Self {
        self.doors.newcomers = publications;
        self
    }

    /// The most bytes of a publication; 64 KiB by default. A longer one gets 413, or 1009 by WebSocket.
    #[must_use]
    pub fn max_publication_bytes(mut self, bytes: usize) -> Self {
        self.doors.max_publication = bytes;
        self
    }

    /// Pages of these origins may publish, read and upload too, written as browsers do: `https://app.example`; `*` stands for
    /// all. By default only pages of the same host may.
    #[must_use]
    pub fn allow_origins(mut self, origins: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.doors.origins = Origins::of(origins);
        self
    }

    /// Takes uploads: tus 1.0.0 and the IETF draft at `/uploads`, the tutorial's scheme at `/status` and `/upload`. None
    /// by default. Everybody may upload who reaches the server, and read what he knows the URL of; how far an upload has
    /// come, others can follow at a channel whose name begins with `upload-`, to which nobody else may publish.
    #[must_use]
    pub fn uploads(mut self, uploads: Uploads) -> Self {
        self.uploads = Some(uploads);
        self
    }

    pub(crate) fn into_parts(self) -> (doors::Settings, Option<Uploads>) {
        (self.doors, self.uploads)
    }
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { max_connections, doors, uploads } = self;
        f.debug_struct("Settings")
            .field("max_connections", max_connections)
            .field("doors", doors)
            .field("uploads", &uploads.is_some())
            .finish()
    }
}
