//! Ctrl-C and SIGTERM.

use crate::peer::Peer;
use crate::process::Tidegate;

#[test]
fn a_server_ends_cleanly() {
    for signal in ["INT", "TERM"] {
        let (mut server, url) = Tidegate::listen([]);
        let _client = Tidegate::connected(&url, []);
        server.signal(signal);
        assert_eq!(server.finish().code, Some(0));
    }
}

/// Everybody is told, whichever thread serves them.
#[test]
fn a_server_that_ends_says_that_it_goes_away() {
    let (mut server, url) = Tidegate::listen(["--threads", "3"]);
    let mut clients: Vec<_> = (0..8).map(|_| Tidegate::connected(&url, ["--keep-open"])).collect();
    server.signal("TERM");
    for client in &mut clients {
        let left = client.finish();
        assert!(left.stderr.contains("1001"), "{}", left.stderr);
    }
    assert_eq!(server.finish().code, Some(0));
}

#[test]
fn a_client_closes_first() {
    for signal in ["INT", "TERM"] {
        let (_server, url) = Tidegate::listen([]);
        let mut client = Tidegate::connected(&url, ["--close", "4000"]);
        client.signal(signal);
        let left = client.finish();
        assert_eq!((left.code, left.stderr.as_str()), (Some(0), "closed 1000\n"));
    }
}

#[test]
fn a_client_leaves_a_peer_that_never_answers() {
    let peer = Peer::new();
    let mut client = Tidegate::start(["connect", "-v", &peer.url()]);
    let mut connection = peer.accept_websocket();
    client.stderr_line();
    client.signal("INT");
    assert_eq!(connection.read_close().0, 1000);
    assert_eq!(client.finish().code, Some(1));
}

#[test]
fn a_second_wish_ends_at_once() {
    let peer = Peer::new();
    let mut client = Tidegate::start(["connect", "-v", &peer.url()]);
    let mut connection = peer.accept_websocket();
    client.stderr_line();
    client.signal("INT");
    assert_eq!(connection.read_close().0, 1000);
    client.signal("INT");
    let left = client.finish();
    assert_eq!(left.code, Some(1));
    assert!(left.stderr.contains("interrupted while the connection was closing"), "{}", left.stderr);
}

#[test]
fn a_client_that_is_not_connected_yet_ends() {
    let peer = Peer::new();
    let mut client = Tidegate::start(["connect", &peer.url()]);
    let _connection = peer.accept();
    client.signal("INT");
    let left = client.finish();
    assert_eq!(left.code, Some(1));
    assert!(left.stderr.contains("interrupted before the connection was open"), "{}", left.stderr);
}
