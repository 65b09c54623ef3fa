//! RFC 6455 §5.5.1 and §7.4: the Close frame and its codes.

use tidegate_proto::websocket::{ApiMisuse, PeerMisbehaved};

use crate::peer::{Endpoint, close, masked, plain};

#[test]
fn a_close_is_answered_with_its_code_and_reason() {
    for (payload, code, reason) in [
        (&b""[..], 1005, ""),
        (b"\x03\xe8", 1000, ""),
        (b"\x03\xe9going", 1001, "going"),
        (b"\x0f\xc2\xc3\xbc", 4034, "ü"),
    ] {
        let mut server = Endpoint::server();
        server.gets(masked(0x88, payload)).reads_close(code, reason).reads_nothing();
        assert_eq!(server.sends(), plain(0x88, payload));
    }
}

#[test]
fn every_code_is_judged_as_the_registry_says() {
    for code in 0..=5100 {
        let is_valid = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
        let mut server = Endpoint::server();
        server.gets(close(code, ""));
        if is_valid {
            server.reads_close(code, "");
        } else {
            server.fails(PeerMisbehaved::SentReservedCloseCode(code));
        }
        let mut server = Endpoint::server();
        let result = server.connection.close(Some(code.into()), "");
        assert_eq!(result.is_ok(), is_valid, "sending {code}");
        assert_eq!(server.sends().is_empty(), !is_valid, "sending {code}");
    }
}

#[test]
fn a_close_of_one_byte_fails_the_connection() {
    let mut server = Endpoint::server();
    server.gets(masked(0x88, [0x03]));
    server.fails(PeerMisbehaved::SentOneByteClose);
}

#[test]
fn a_reason_that_is_not_utf8_is_1007() {
    let mut server = Endpoint::server();
    server.gets(masked(0x88, b"\x03\xe8\xff"));
    server.fails(PeerMisbehaved::SentInvalidUtf8);
}

#[test]
fn what_may_not_be_sent_is_not_sent_in_any_state() {
    let mut server = Endpoint::server();
    for _ in 0..2 {
        assert_eq!(server.connection.close(Some(1005.into()), ""), Err(ApiMisuse::ReservedCloseCode(1005)));
        assert_eq!(server.connection.close(None, &"x".repeat(124)), Err(ApiMisuse::LongCloseReason(124)));
        assert_eq!(server.sends(), b"");
        server.connection.close(None, "").unwrap();
        server.sends();
    }
}

#[test]
fn a_reason_without_a_code_goes_with_1000_and_nothing_makes_an_empty_close() {
    let mut server = Endpoint::server();
    server.connection.close(None, "so long").unwrap();
    assert_eq!(server.sends(), plain(0x88, b"\x03\xe8so long"));
    let mut server = Endpoint::server();
    server.connection.close(None, "").unwrap();
    assert_eq!(server.sends(), plain(0x88, ""));
    let mut server = Endpoint::server();
    server.connection.close(Some(4000.into()), &"é".repeat(61)).unwrap();
    assert_eq!(server.sends().len(), 2 + 2 + 122);
}
