//! Section 1: who greets whom, and which protocol it is.

use http::Request;
use tidegate_proto::credit::{Config, Violation};
use tidegate_proto::websocket::handshake::{
    Agreed, Answer, ClientHandshake, ClientOptions, HandshakeError, receive,
};

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

fn client_handshake(options: ClientOptions) -> (ClientHandshake, Request<()>) {
    let url = URL.parse().expect("the URL is fit");
    ClientHandshake::new(&url, options, [7; 16]).expect("the options are fit")
}

const URL: &str = "ws://server.example/";

/// What a client gets that offers these, from a server that speaks credits or not, and selects this protocol.
fn opened(
    offers: bool,
    protocols: &[&str],
    speaks: bool,
    selected: Option<&str>,
) -> Result<Agreed, HandshakeError> {
    let options = ClientOptions {
        protocols: protocols.iter().map(|protocol| (*protocol).to_owned()).collect(),
        credits: offers,
        ..ClientOptions::default()
    };
    let (client, request) = client_handshake(options);
    let offer = receive(&request).expect("the request is fit");
    assert_eq!((offer.offers_credits(), offer.protocols()), (offers, client.protocols()));
    let answer = Answer { protocol: selected.map(str::to_owned), credits: speaks, ..Answer::default() };
    let (response, server) = offer.accept(answer).expect("the answer is fit");
    let agreed = client.finish(&response)?;
    assert_eq!(agreed.credits, server.credits);
    Ok(agreed)
}

#[test]
fn the_token_goes_first_and_the_application_never_sees_it() {
    let options = ClientOptions { protocols: vec!["chat".into()], credits: true, ..ClientOptions::default() };
    let (_, request) = client_handshake(options);
    assert_eq!(request.headers()["sec-websocket-protocol"], "tidegate.v1, chat");
    let offer = receive(&request).unwrap();
    assert_eq!(offer.select_protocol(&["tidegate.v1", "chat"]), Some("chat"));
}

#[test]
fn each_row_of_the_table_of_the_opening() {
    let with_credits = Ok(Agreed { credits: true, ..opened(true, &[], false, None).unwrap() });
    assert_eq!(opened(true, &[], true, None), with_credits);
    assert_eq!(opened(true, &["chat"], true, Some("chat")), with_credits);
    assert_eq!(opened(true, &["chat"], true, None), Err(HandshakeError::SelectedNoProtocol));
    let plain = opened(true, &["chat"], false, Some("chat")).unwrap();
    assert_eq!((&plain.protocol[..], plain.credits), ("chat", false));
    assert!(!opened(true, &[], false, None).unwrap().credits, "a plain WebSocket");
    assert!(!opened(false, &[], true, None).unwrap().credits, "who does not offer does not get");
}

#[test]
fn the_token_is_no_protocol_of_an_application() {
    for credits in [true, false] {
        let protocols = vec!["chat".into(), "tidegate.v1".into()];
        let options = ClientOptions { protocols, credits, ..ClientOptions::default() };
        let error = ClientHandshake::new(&URL.parse().unwrap(), options, [7; 16]).unwrap_err();
        assert!(error.to_string().contains("ask for credits"), "{error}");
    }
}

#[test]
fn limits_are_fitted_to_those_of_the_connection() {
    let connection = tidegate_proto::websocket::Config::default().max_message_bytes(1000);
    let (credits, _) = Config::default().above(connection);
    assert_eq!(credits, Config::default().max_message(1000));
}
