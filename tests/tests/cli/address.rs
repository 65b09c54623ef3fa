//! The one line on standard output, for scripts to read.

use std::io::Read;
use std::net::TcpListener;

use crate::process::Tidegate;

#[test]
fn listen_prints_the_url_in_use_and_nothing_else() {
    for (address, host) in [("127.0.0.1:0", "127.0.0.1"), (":0", "127.0.0.1"), ("0.0.0.0:0", "127.0.0.1")] {
        let mut server = Tidegate::start(["listen", address]);
        let url = server.stdout_line();
        let port = url.strip_prefix(&format!("ws://{host}:")).expect("a URL");
        assert_ne!(port.parse::<u16>().unwrap(), 0);
        let echo = Tidegate::run(["connect", &url], b"hi\n");
        assert_eq!((echo.code, &echo.stdout[..]), (Some(0), &b"hi\n"[..]), "{echo:?}");
        server.signal("TERM");
        let left = server.finish();
        assert_eq!((left.code, &left.stdout[..], left.stderr.as_str()), (Some(0), &b""[..], ""));
    }
}

#[test]
fn demo_prints_the_url_of_its_page() {
    let mut demo = Tidegate::start(["demo", "--listen", "127.0.0.1:0"]);
    let url = demo.stdout_line();
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    let hello = Tidegate::run(["connect", "-k", &format!("{url}/hello")], b"My name is John\n");
    assert_eq!(hello.stdout, b"Hello from server, John!\n");
    assert_eq!((hello.code, hello.stderr.as_str()), (Some(0), "closed 1000 \"Bye!\"\n"));
    demo.signal("INT");
    let left = demo.finish();
    assert_eq!((left.code, left.stdout.len()), (Some(0), 0), "{left:?}");
}

/// Two terminals in one channel; and what the second one is given first is what the first one said before.
#[test]
fn serve_prints_its_url_and_has_channels() {
    let mut server = Tidegate::start(["serve", "--listen", "127.0.0.1:0", "--newcomers", "1"]);
    let url = server.stdout_line();
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    let channel = format!("{url}/channels/news");
    let mut first = Tidegate::start(["connect", "-k", &channel]);
    first.feed(b"one\ntwo\n".to_vec());
    assert_eq!((first.stdout_line().as_str(), first.stdout_line().as_str()), ("one", "two"));
    let mut second = Tidegate::start(["connect", "-k", &channel]);
    second.feed(b"three\n".to_vec());
    assert_eq!((second.stdout_line().as_str(), second.stdout_line().as_str()), ("two", "three"));
    assert_eq!(first.stdout_line(), "three");
    server.signal("INT");
    let left = server.finish();
    assert_eq!((left.code, left.stdout.len()), (Some(0), 0), "{left:?}");
}

#[test]
fn an_address_in_use_is_told_with_the_way_out() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let demo = Tidegate::run(["demo", "--listen", &address], b"");
    assert_eq!((demo.code, demo.stdout.len()), (Some(1), 0));
    assert!(demo.stderr.contains(&address) && demo.stderr.contains("--listen"), "{}", demo.stderr);
    let listen = Tidegate::run(["listen", &address], b"");
    assert_eq!((listen.code, listen.stdout.len()), (Some(1), 0));
    assert!(listen.stderr.contains(&address), "{}", listen.stderr);
}

#[test]
fn a_log_line_tells_how_each_connection_ended() {
    let (mut server, url) = Tidegate::listen(["-v", "--protocol", "chat"]);
    let url = url + "/room";
    let client = Tidegate::run(["connect", &url, "--protocol", "chat", "--close", "4000:done"], b"");
    assert_eq!(client.stderr, "closed 4000 \"done\"\n");
    assert_eq!(server.stderr_line(), "connection 1 /room (protocol chat): closed 4000 \"done\"");
    let mut rest = [0; 1];
    server.signal("TERM");
    assert_eq!(server.stdout.take().unwrap().read(&mut rest).unwrap(), 0);
}
