//! Section 1: who greets whom, and which protocol it is.

use tidegate_proto::credit::{Config, Violation};

use crate::peer::{End, SMALL_HELLO, SMALL_WELCOME, seconds, small, text};

#[test]
fn both_greet_at_once_and_none_waits_for_the_other() {
    let mut client = End::new_client(small(), &[]);
    let mut server = End::new_server(small(), "");
    assert!(client.sends().starts_with(SMALL_HELLO));
    assert!(server.sends().starts_with(SMALL_WELCOME));
}

#[test]
fn what_is_sent_before_the_greeting_waits_for_it() {
    let mut end = End::new_server(small(), "");
    end.endpoint.send("hi".into()).unwrap();
    let greeting = end.sends();
    assert!(greeting.starts_with(SMALL_WELCOME) && !greeting.ends_with(b"hi"));
    assert!(!end.endpoint.has_credit());
    end.gets(SMALL_HELLO);
    assert_eq!(end.sends(), text("hi"));
}

#[test]
fn a_client_knows_the_protocol_of_the_application_from_the_welcome() {
    let mut server = End::new_server(Config::default(), "chat");
    let mut client = End::new_client(Config::default(), &["news", "chat"]);
    client.gets(server.sends());
    assert!(client.endpoint.is_greeted());
    assert_eq!(client.endpoint.protocol(), "chat");
    assert_eq!(server.endpoint.protocol(), "chat");
}

#[test]
fn a_protocol_that_was_not_offered_or_none_where_some_were_is_wrong() {
    for (offered, selected) in [(&["news"][..], "chat"), (&["news"], ""), (&[], "chat")] {
        let mut server = End::new_server(Config::default(), selected);
        let mut client = End::new_client(Config::default(), offered);
        client.gets(server.sends()).fails(Violation::WrongProtocol);
    }
}

#[test]
fn a_greeting_that_does_not_come_in_time_fails_the_connection() {
    let mut end = End::new_server(small(), "");
    let _ = end.sends();
    assert_eq!(end.endpoint.poll_timeout(end.now), Some(end.now + seconds(10)));
    end.waits(seconds(9)).reads_nothing();
    end.waits(seconds(1)).fails(Violation::GreetingTooLate);
    assert_eq!(end.endpoint.poll_timeout(end.now), None);
}

#[test]
fn an_open_connection_has_no_deadline() {
    let mut end = End::client();
    assert_eq!(end.endpoint.poll_timeout(end.now), None);
    end.waits(seconds(86_400)).reads_nothing();
}
