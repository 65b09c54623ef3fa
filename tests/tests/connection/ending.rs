//! A session that does not go on is told, never silently replaced.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tidegate::{
    Acceptor, Cause, Connection, Credits, NotResumed, Opened, Sessions, Transport, WebSocketError,
};
use tidegate_tests::raw::soon;

use crate::over_each_transport;
use crate::proxy::{Proxy, Rules};
use crate::server::Server;

fn is_gone(error: &WebSocketError) -> bool {
    matches!(error.cause(), Cause::NotResumed(NotResumed::Gone(_)))
}

async fn a_server_that_was_restarted_does_not_resume(transport: Transport) {
    let first = Server::echo();
    let proxy = Proxy::start(first.address(), 4).await;
    let connection = Connection::builder(proxy.url()).transports([transport]).connect().unwrap();
    let Opened { mut readable, mut writable, .. } = soon(connection.opened()).await.unwrap();
    soon(writable.write("one")).await.unwrap();
    assert_eq!(soon(readable.read()).await.unwrap(), Some("one".into()));
    let second = Server::echo();
    proxy.leads_to(second.address());
    drop(first);
    proxy.kill_all();
    let error = soon(connection.closed()).await.unwrap_err();
    assert!(is_gone(&error), "{error:?}");
    assert_eq!(error.close_code().map(|code| code.get()), Some(1006));
    let error = soon(readable.read()).await.unwrap_err();
    assert!(is_gone(&error), "{error:?}");
    let error = soon(writable.write("two")).await.unwrap_err();
    assert!(is_gone(&error), "{error:?}");
    assert_eq!(connection.transport(), None);
}

async fn messages_that_came_before_are_read_first(transport: Transport) {
    let first = Server::start(|connection| async move {
        let Opened { mut writable, readable: _readable, .. } = connection.opened().await.unwrap();
        for text in ["one", "two", "three"] {
            writable.write(text).await.unwrap();
        }
        let _ = connection.closed().await;
    });
    let proxy = Proxy::start(first.address(), 5).await;
    let connection = Connection::builder(proxy.url()).transports([transport]).connect().unwrap();
    let Opened { mut readable, mut writable, .. } = soon(connection.opened()).await.unwrap();
    assert_eq!(soon(readable.read()).await.unwrap(), Some("one".into()));
    // So that all three have come: they were written before this was read.
    soon(async {
        while connection.stats().ahead_bytes == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let second = Server::echo();
    proxy.leads_to(second.address());
    drop(first);
    proxy.kill_all();
    assert!(is_gone(&soon(connection.closed()).await.unwrap_err()));
    assert!(is_gone(&soon(writable.write("x")).await.unwrap_err()));
    for text in ["two", "three"] {
        assert_eq!(soon(readable.read()).await.unwrap(), Some(text.into()));
    }
    assert!(is_gone(&soon(readable.read()).await.unwrap_err()));
}

async fn a_close_during_an_outage_is_clean(transport: Transport) {
    let time = Duration::from_millis(100);
    let credits = || Credits::default().close_timeout(time);
    let (tell, told) = tokio::sync::oneshot::channel();
    let tell = Arc::new(Mutex::new(Some(tell)));
    let server = Server::with(Acceptor::new().credits(credits()), move |connection| {
        let tell = tell.clone();
        async move {
            let Opened { readable, writable, .. } = connection.opened().await.unwrap();
            let _ = readable.pipe_to(writable).await;
            let closed = connection.closed().await.map(|info| info.reason);
            let tell = tell.lock().unwrap().take();
            let _ = tell.unwrap().send(closed.map_err(|error| error.to_string()));
        }
    });
    let proxy = Proxy::start(server.address(), 5).await;
    let builder = Connection::builder(proxy.url()).transports([transport]);
    let connection = builder.client(|client| client.credits(credits())).connect().unwrap();
    let Opened { mut readable, mut writable, .. } = soon(connection.opened()).await.unwrap();
    soon(writable.write("one")).await.unwrap();
    assert_eq!(soon(readable.read()).await.unwrap(), Some("one".into()));
    proxy.rules(Rules { bad_gateway: 1000, ..Default::default() });
    proxy.kill_all();
    connection.close((4000, "in the tunnel")).unwrap();
    // Several times what a peer that is there has for its END.
    tokio::time::sleep(8 * time).await;
    proxy.rules(Rules::default());
    assert_eq!(soon(connection.closed()).await.unwrap().reason, "in the tunnel");
    assert_eq!(soon(told).await.unwrap(), Ok("in the tunnel".to_owned()));
}

async fn a_404_of_a_proxy_is_no_loss(transport: Transport) {
    let server = Server::echo();
    let proxy = Proxy::start(server.address(), 8).await;
    let connection = Connection::builder(proxy.url()).transports([transport]).connect().unwrap();
    let Opened { mut readable, mut writable, .. } = soon(connection.opened()).await.unwrap();
    soon(writable.write("one")).await.unwrap();
    assert_eq!(soon(readable.read()).await.unwrap(), Some("one".into()));
    let before = proxy.accepted();
    proxy.rules(Rules { not_found: true, ..Default::default() });
    proxy.kill_all();
    soon(writable.write("two")).await.unwrap();
    // It was told so more than once, whatever it asked for.
    soon(async {
        while proxy.accepted() < before + 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    proxy.rules(Rules::default());
    assert_eq!(soon(readable.read()).await.unwrap(), Some("two".into()));
    connection.close(()).unwrap();
    soon(connection.closed()).await.unwrap();
}

over_each_transport!(
    a_404_of_a_proxy_is_no_loss,
    a_server_that_was_restarted_does_not_resume,
    messages_that_came_before_are_read_first,
    a_close_during_an_outage_is_clean
);

#[tokio::test]
async fn giving_up_before_it_is_open_is_told() {
    let server = Server::echo();
    let proxy = Proxy::start(server.address(), 6).await;
    proxy.rules(crate::proxy::Rules { swallows_upgrades: true, ..Default::default() });
    let connection = Connection::builder(proxy.url()).transports([Transport::WebSocket]).connect().unwrap();
    connection.close(()).unwrap();
    let error = soon(connection.opened()).await.map(drop).unwrap_err();
    assert!(matches!(error.cause(), Cause::Aborted), "{error:?}");
}

#[tokio::test]
async fn a_session_that_nothing_can_carry_expires() {
    let keep = Duration::from_millis(600);
    let acceptor = Acceptor::new().sessions(Sessions::default().keep(keep));
    let server = Server::with(acceptor, |connection| async move {
        let opened = connection.opened().await.unwrap();
        let _ = opened.readable.pipe_to(opened.writable).await;
    });
    let nobody = Server::echo();
    let proxy = Proxy::start(server.address(), 7).await;
    let connection = Connection::connect(proxy.url()).unwrap();
    let Opened { mut readable, mut writable, .. } = soon(connection.opened()).await.unwrap();
    soon(writable.write("one")).await.unwrap();
    assert_eq!(soon(readable.read()).await.unwrap(), Some("one".into()));
    proxy.leads_to(nobody.address());
    drop(nobody);
    proxy.kill_all();
    let error = soon(connection.closed()).await.unwrap_err();
    let Cause::NotResumed(NotResumed::Expired(kept)) = error.cause() else { panic!("{error:?}") };
    assert_eq!(*kept, keep);
}
