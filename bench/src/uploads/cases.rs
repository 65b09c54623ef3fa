//! What is measured, and what is wanted of it.

use std::sync::Arc;

use super::contender::{Contender, Places};
use super::content::Content;
use super::{Sample, fair, patch, slow_disk, stalled};
use crate::comparison::{Goal, Subject};
use crate::failure::Failure;

/// One thing that is measured.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    kind: Kind,
    pub(crate) most_rounds: usize,
    pub(crate) columns: &'static [&'static str],
    pub(crate) goals: &'static [Goal],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Patch,
    Stalled,
    SlowDisk,
    Fair,
}

/// All that a sample needs.
pub(crate) struct Setting {
    pub(crate) places: Places,
    pub(crate) content: Arc<Content>,
    pub(crate) mebibytes: u64,
    pub(crate) stalled: usize,
    pub(crate) quick: bool,
}

/// In the order of the page.
pub(crate) const ALL: &[Case] = &[
    Case {
        name: "upload-patch",
        title: "One upload in one PATCH",
        kind: Kind::Patch,
        most_rounds: 99,
        columns: patch::COLUMNS,
        goals: &[Goal::OfLimit(0, 0.8), Goal::AtMost(1, 1.0), Goal::OfLowest(1, 0.5)],
    },
    Case {
        name: "upload-stalled",
        title: "Uploads that have sent 100 KB and then nothing",
        kind: Kind::Stalled,
        most_rounds: 1,
        columns: stalled::COLUMNS,
        goals: &[Goal::AtMost(0, 64.0)],
    },
    Case {
        name: "upload-slow-disk",
        title: "A disk of 5 MB/s, and a WebSocket beside the upload",
        kind: Kind::SlowDisk,
        most_rounds: 3,
        columns: slow_disk::COLUMNS,
        goals: &[Goal::Within(0, 4.5, 5.5), Goal::AtMost(5, 2.0)],
    },
    Case {
        name: "upload-fair",
        title: "Eight bulk uploads, and small ones beside them",
        kind: Kind::Fair,
        most_rounds: 3,
        columns: fair::COLUMNS,
        goals: &[Goal::AtMost(0, 1.25), Goal::AtMost(5, 4.0)],
    },
];

impl Case {
    pub(crate) fn subject(&self) -> Subject {
        let Self { name, title, columns, goals, .. } = *self;
        Subject { name, title, columns, note: None, goals, has_ranges: true }
    }

    pub(crate) fn includes(&self, contender: Contender) -> bool {
        match self.kind {
            Kind::Patch => true,
            Kind::Stalled | Kind::Fair => contender != Contender::Sink,
            // The slow disk is behind tidegate's own trait.
            Kind::SlowDisk => contender == Contender::Tidegate,
        }
    }

    /// What of its size can be chosen.
    pub(crate) fn size(&self, setting: &Setting) -> String {
        match self.kind {
            Kind::Patch => format!(", {} MiB", setting.mebibytes),
            Kind::Stalled => format!(", {} uploads", setting.stalled),
            Kind::SlowDisk | Kind::Fair => String::new(),
        }
    }

    /// Measures once, with a fresh server.
    pub(crate) fn measure(&self, contender: Contender, setting: &Setting) -> Result<Sample, Failure> {
        let Setting { places, content, mebibytes, stalled, quick } = setting;
        if self.kind == Kind::SlowDisk {
            return slow_disk::run(places, content, *quick);
        }
        let running = contender.start(places)?;
        match self.kind {
            Kind::Stalled => stalled::run(contender, &running, content, *stalled),
            Kind::Fair => fair::run(contender, &running, content, *quick),
            _ => patch::run(contender, &running, content, mebibytes << 20),
        }
    }
}
