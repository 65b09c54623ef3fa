//! A subscriber that keeps every span and event, as text.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

pub(crate) type Fields = BTreeMap<String, String>;

#[derive(Clone, Default)]
pub(crate) struct Collector {
    next: Arc<AtomicU64>,
    pub(crate) spans: Arc<Mutex<BTreeMap<u64, Span>>>,
    pub(crate) events: Arc<Mutex<Vec<Told>>>,
    /// Those that have been entered and not left, on the one thread there is.
    entered: Arc<Mutex<Vec<u64>>>,
}

#[derive(Clone, Default, Debug)]
pub(crate) struct Span {
    pub(crate) name: &'static str,
    pub(crate) fields: Fields,
    pub(crate) is_closed: bool,
    /// Of its handle, beside the first one.
    copies: usize,
}

/// An event, and the span that it belongs to.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) level: tracing::Level,
    pub(crate) span: Option<u64>,
    pub(crate) fields: Fields,
}

impl Collector {
    /// The events with this message.
    pub(crate) fn told(&self, message: &str) -> Vec<Told> {
        let events = self.events.lock().unwrap();
        events.iter().filter(|event| event.fields["message"] == message).cloned().collect()
    }

    /// The spans of one side.
    pub(crate) fn spans_of(&self, side: &str) -> Vec<(u64, Span)> {
        let spans = self.spans.lock().unwrap();
        let of_side = spans.iter().filter(|(_, span)| span.fields["side"] == side);
        of_side.map(|(id, span)| (*id, span.clone())).collect()
    }
}

impl Subscriber for Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "tidegate"
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let id = self.next.fetch_add(1, Ordering::Relaxed) + 1;
        let mut kept = Span { name: span.metadata().name(), ..Span::default() };
        span.record(&mut Texts(&mut kept.fields));
        self.spans.lock().unwrap().insert(id, kept);
        Id::from_u64(id)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        let mut spans = self.spans.lock().unwrap();
        values.record(&mut Texts(&mut spans.get_mut(&span.into_u64()).unwrap().fields));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::new();
        event.record(&mut Texts(&mut fields));
        let current = event.is_contextual().then(|| self.entered.lock().unwrap().last().copied()).flatten();
        let span = event.parent().map(Id::into_u64).or(current);
        let told = Told { level: *event.metadata().level(), span, fields };
        self.events.lock().unwrap().push(told);
    }

    fn enter(&self, id: &Id) {
        self.entered.lock().unwrap().push(id.into_u64());
    }

    fn exit(&self, id: &Id) {
        let mut entered = self.entered.lock().unwrap();
        let place = entered.iter().rposition(|other| *other == id.into_u64()).unwrap();
        entered.remove(place);
    }

    fn clone_span(&self, id: &Id) -> Id {
        self.spans.lock().unwrap().get_mut(&id.into_u64()).unwrap().copies += 1;
        id.clone()
    }

    fn try_close(&self, id: Id) -> bool {
        let mut spans = self.spans.lock().unwrap();
        let span = spans.get_mut(&id.into_u64()).unwrap();
        span.is_closed = span.copies == 0;
        span.copies = span.copies.saturating_sub(1);
        span.is_closed
    }
}

struct Texts<'a>(&'a mut Fields);

impl Visit for Texts<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }
}
