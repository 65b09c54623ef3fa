//! Counters and gauges.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use tidegate::{Acceptor, Budget};
use tokio::io::AsyncWriteExt;

use super::scene::{a_clean_end, open_raw, play, serve, until};

/// Keeps every number under its name and labels, as `name{label=value}`.
#[derive(Default)]
struct Book {
    counters: Mutex<BTreeMap<String, Arc<AtomicU64>>>,
    gauges: Mutex<BTreeMap<String, Arc<AtomicU64>>>,
}

impl Book {
    fn count(&self, name: &str) -> u64 {
        self.counters.lock().unwrap().get(name).map_or(0, |count| count.load(Ordering::Relaxed))
    }

    fn gauge(&self, name: &str) -> f64 {
        let gauges = self.gauges.lock().unwrap();
        gauges.get(name).map_or(0.0, |bits| f64::from_bits(bits.load(Ordering::Relaxed)))
    }
}

impl Recorder for Book {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.counters.lock().unwrap().entry(full_name(key)).or_default().clone())
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.gauges.lock().unwrap().entry(full_name(key)).or_default().clone())
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

fn full_name(key: &Key) -> String {
    let mut labels: Vec<_> = key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
    labels.sort();
    if labels.is_empty() { key.name().to_owned() } else { format!("{}{{{}}}", key.name(), labels.join(",")) }
}

fn book(scene: impl AsyncFnOnce(&Book)) {
    let book = Book::default();
    metrics::with_local_recorder(&book, || play(scene(&book)));
}

#[test]
fn connections_messages_and_bytes_are_counted() {
    book(async |book| {
        let address = serve(Acceptor::new().protocols(["ticks"])).await;
        let raw = open_raw(address).await;
        a_clean_end(address).await;
        let ended = |side| format!("tidegate_connections_ended_total{{kind=clean,side={side}}}");
        until(|| book.count(&ended("client")) == 1 && book.count(&ended("server")) == 1).await;
        assert_eq!(book.count("tidegate_connections_opened_total{side=server}"), 2);
        assert_eq!(book.count("tidegate_connections_opened_total{side=client}"), 1);
        until(|| book.gauge("tidegate_connections_active{side=client}") == 0.0).await;
        assert_eq!(book.gauge("tidegate_connections_active{side=server}"), 1.0);
        for side in ["client", "server"] {
            let messages =
                |direction| format!("tidegate_messages_total{{direction={direction},side={side}}}");
            assert_eq!((book.count(&messages("in")), book.count(&messages("out"))), (3, 3));
        }
        // Two bytes of header, four of masking key from the client, and a Close with a reason either way.
        let bytes = |direction, side| {
            book.count(&format!("tidegate_bytes_total{{direction={direction},side={side}}}"))
        };
        assert_eq!(bytes("in", "server"), 3 * 16 + 12);
        assert_eq!(bytes("out", "server"), 3 * 12 + 8);
        assert_eq!((bytes("out", "client"), bytes("in", "client")), (3 * 16 + 12, 3 * 12 + 8));
        drop(raw);
        until(|| book.count("tidegate_connections_ended_total{kind=lost,side=server}") == 1).await;
        until(|| book.gauge("tidegate_connections_active{side=server}") == 0.0).await;
    });
}

#[test]
fn who_does_not_come_in_is_counted() {
    book(async |book| {
        let address = serve(Acceptor::new().max_connections(1)).await;
        let _first = open_raw(address).await;
        let refused = tidegate::WebSocketStream::connect(format!("ws://{address}/")).unwrap();
        assert!(refused.opened().await.is_err());
        assert_eq!(book.count("tidegate_connections_refused_total{status=503}"), 1);
        until(|| book.count("tidegate_connections_unopened_total{kind=handshake,side=client}") == 1).await;
        assert_eq!(book.count("tidegate_connections_opened_total{side=client}"), 0);
    });
}

/// A connection that lives long is not only counted at its end.
#[test]
fn a_connection_that_goes_on_is_counted_meanwhile() {
    book(async |book| {
        let budget = Budget::new(8 << 20);
        let address = serve(Acceptor::new().budget(&budget)).await;
        let mut peer = open_raw(address).await;
        peer.write_all(&[0x82, 0x80, 0, 0, 0, 0]).await.unwrap();
        // A message of 1 MiB, all but its end.
        peer.write_all(&[0x82, 0xff, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0]).await.unwrap();
        peer.write_all(&vec![0; 1_000_000]).await.unwrap();
        until(|| book.count("tidegate_messages_total{direction=in,side=server}") == 1).await;
        until(|| book.gauge("tidegate_budget_used_bytes") > 900_000.0).await;
        drop(peer);
        until(|| book.gauge("tidegate_budget_used_bytes") == 0.0).await;
        assert_eq!(budget.used(), 0);
    });
}
