//! Spans and events.

use tidegate::{Acceptor, Opened, WebSocketStream};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tracing::Level;

use super::collector::Collector;
use super::scene::{a_clean_end, hasty, open_raw, play, serve, until};

fn watch(scene: impl AsyncFnOnce(&Collector)) -> Collector {
    let collector = Collector::default();
    tracing::subscriber::with_default(collector.clone(), || play(scene(&collector)));
    collector
}

#[test]
fn a_connection_is_a_span_on_either_side_and_tells_no_secrets() {
    let collector = watch(async |collector| {
        let address = serve(Acceptor::new().protocols(["ticks"])).await;
        a_clean_end(address).await;
        until(|| collector.told("closed").len() == 2).await;
        for (side, path) in [("client", format!("ws://{address}/feed")), ("server", "/feed".to_owned())] {
            let [(id, span)] = &collector.spans_of(side)[..] else { panic!("one span of a {side}") };
            assert_eq!((span.name, &span.fields["url"]), ("websocket", &path));
            assert_eq!(span.fields["protocol"], "ticks");
            assert_eq!(span.fields["close_code"], "1000");
            assert_eq!(span.fields.contains_key("peer"), side == "server", "{span:?}");
            let opened = collector.told("open");
            assert!(opened.iter().any(|event| event.span == Some(*id) && event.level == Level::INFO));
            let closed = collector.told("closed");
            let closed = closed.iter().find(|event| event.span == Some(*id)).unwrap();
            assert_eq!(
                (closed.fields["close_code"].as_str(), &*closed.fields["reason"]),
                ("1000", "\"done\"")
            );
            assert_eq!((&*closed.fields["messages_read"], &*closed.fields["messages_written"]), ("3", "3"));
        }
    });
    let everything = format!("{:?} {:?}", collector.spans.lock().unwrap(), collector.events.lock().unwrap());
    assert!(!everything.contains("secret"), "{everything}");
    assert!(collector.spans.lock().unwrap().values().all(|span| span.is_closed));
}

#[test]
fn a_handler_runs_in_the_span_of_its_connection() {
    let collector = watch(async |collector| {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let handler = |socket: WebSocketStream| {
            tracing::info!(target: "tidegate", "called");
            async move {
                let Ok(Opened { mut readable, .. }) = socket.opened().await else { return };
                while let Ok(Some(message)) = readable.read().await {
                    tracing::info!(target: "tidegate", len = message.len(), "handled");
                }
            }
        };
        tokio::spawn(async move { Acceptor::new().serve(listener, handler).await });
        let sockets =
            ["/a", "/b"].map(|path| WebSocketStream::connect(format!("ws://{address}{path}")).unwrap());
        for (len, socket) in (1..).zip(&sockets) {
            let Opened { mut writable, .. } = socket.opened().await.unwrap();
            writable.write("a".repeat(len)).await.unwrap();
            until(|| collector.told("handled").len() == len).await;
        }
        for (path, len) in [("/a", "1"), ("/b", "2")] {
            let spans = collector.spans_of("server");
            let (id, _) = spans.iter().find(|(_, span)| span.fields["url"] == path).unwrap();
            assert!(collector.told("called").iter().any(|event| event.span == Some(*id)));
            let handled = collector.told("handled");
            let handled = handled.iter().find(|event| event.fields["len"] == len).unwrap();
            assert_eq!(handled.span, Some(*id));
        }
        assert!(collector.told("open").len() == 4 && collector.told("called").len() == 2);
    });
    assert!(collector.spans.lock().unwrap().values().all(|span| span.is_closed));
}

#[test]
fn a_failure_is_told_by_its_kind() {
    watch(async |collector| {
        let address = serve(Acceptor::new()).await;
        let mut peer = open_raw(address).await;
        // A reserved opcode.
        peer.write_all(&[0x83, 0x80, 0, 0, 0, 0]).await.unwrap();
        peer.shutdown().await.unwrap();
        until(|| !collector.told("failed").is_empty()).await;
        let [failed] = &collector.told("failed")[..] else { panic!("one failure") };
        assert_eq!((failed.level, &*failed.fields["kind"]), (Level::WARN, "peer_misbehaved"));
        assert_eq!(failed.fields["close_code"], "1006");
        assert!(failed.fields["error"].starts_with("the peer broke the protocol: "), "{failed:?}");
        assert!(failed.span.is_some());
    });
}

#[test]
fn a_deadline_is_told() {
    watch(async |collector| {
        let address = serve(Acceptor::new().deadlines(hasty())).await;
        let _silent = open_raw(address).await;
        until(|| !collector.told("deadline passed").is_empty()).await;
        assert_eq!(collector.told("deadline passed")[0].fields["kind"], "pong_timed_out");
    });
}

#[test]
fn who_does_not_come_in_is_told() {
    watch(async |collector| {
        let address = serve(Acceptor::new().max_connections(1)).await;
        let _first = open_raw(address).await;
        let refused = WebSocketStream::connect(format!("ws://a:secret@{address}/?b=secret")).unwrap();
        assert!(refused.opened().await.is_err());
        let [told] = &collector.told("refused")[..] else { panic!("one refusal") };
        assert_eq!((told.level, &*told.fields["status"]), (Level::INFO, "503"));
        assert!(told.fields["reason"].starts_with("every connection"), "{told:?}");
        until(|| !collector.told("not opened").is_empty()).await;
        let [told] = &collector.told("not opened")[..] else { panic!("one client") };
        assert_eq!((&*told.fields["side"], &*told.fields["kind"]), ("client", "handshake"));
        assert_eq!(told.fields["url"], format!("ws://{address}/"));

        let mut garbage = TcpStream::connect(address).await.unwrap();
        garbage.write_all(b"garbage\r\n\r\n").await.unwrap();
        until(|| collector.told("not opened").len() == 2).await;
        let told = collector.told("not opened").pop().unwrap();
        assert_eq!((&*told.fields["side"], &*told.fields["kind"]), ("server", "head"));
        assert!(told.fields["peer"].starts_with("127.0.0.1:"));
    });
}
