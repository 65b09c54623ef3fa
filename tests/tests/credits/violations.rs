//! A scripted peer breaks each rule: END and Close tell which, and the application hears it too.

use tidegate::{Cause, CreditViolation};
use tidegate_tests::raw::{BINARY, CLOSE, Role, TEXT, halves, soon};

use crate::peer::{
    HELLO, WELCOME, close, end, frame, open_raw, open_silent, receives_batch, sees_failure, text,
};

async fn breaks(role: Role, batch: Vec<u8>, violation: CreditViolation) {
    let (mut peer, socket) = open_raw(role).await;
    let mut opened = halves(&socket).await;
    peer.sends_frame(BINARY, [text("before"), batch].concat()).await;
    sees_failure(&mut peer, violation.close_code().get(), &violation.to_string()).await;
    assert_eq!(soon(opened.readable.read()).await.expect("it came before"), Some("before".into()));
    for error in [
        soon(opened.readable.read()).await.expect_err("the peer broke a rule"),
        soon(opened.writable.write("late")).await.expect_err("it is over"),
    ] {
        assert!(matches!(error.cause(), Cause::BrokeCredits(broken) if *broken == violation), "{error:?}");
    }
    let answer = peer.close_frame(violation.close_code().get(), "");
    peer.sends(answer).await;
    drop(peer);
    let error = soon(socket.closed()).await.expect_err("the peer broke a rule");
    assert!(matches!(error.cause(), Cause::BrokeCredits(_)), "{error:?}");
}

#[tokio::test]
async fn every_rule_that_a_batch_can_break_is_told_by_its_name() {
    let long_end = [&[7, 0x40, 126, 3, 232][..], &[b'r'; 124]].concat();
    let cases = [
        (vec![0x10, 9, 1], CreditViolation::CutFrame),
        (vec![0x10, 0x40, 0], CreditViolation::VarintNotShortest),
        (vec![0x10, 0xc0, 0x20, 0, 0, 0, 0, 0, 0], CreditViolation::VarintTooLarge),
        (vec![8, 0], CreditViolation::ReservedFrameType),
        (frame(3, [1]), CreditViolation::BadControlFrame),
        (frame(5, [0; 9]), CreditViolation::BadControlFrame),
        ([frame(0x12, "x"), text("y")].concat(), CreditViolation::MessageInsideMessage),
        (frame(0x14, "x"), CreditViolation::PartOfNothing),
        (frame(0x13, ""), CreditViolation::EmptyPart),
        (frame(0x10, [0xff]), CreditViolation::NotUtf8),
        (frame(3, [1, 0]), CreditViolation::LimitShrunk),
        (frame(3, [0x80, 4, 0, 0, 1]), CreditViolation::AckOfUnsent),
        (frame(3, [0x80, 4, 0, 0, 0]), CreditViolation::IdleCredit),
        (frame(4, [0x80, 4, 0, 1]), CreditViolation::BadBlocked),
        ([frame(5, "a"), frame(5, "b")].concat(), CreditViolation::SecondPing),
        (frame(6, "?"), CreditViolation::UnaskedPong),
        ([end(1000, ""), text("late")].concat(), CreditViolation::MessageAfterEnd),
        ([frame(0x12, "x"), end(1000, "")].concat(), CreditViolation::EndInsideMessage),
        ([end(1000, ""), end(1000, "")].concat(), CreditViolation::SecondEnd),
        (frame(7, [3]), CreditViolation::BadEnd),
        (end(1005, ""), CreditViolation::BadEnd),
        (long_end, CreditViolation::BadEnd),
    ];
    for (batch, violation) in cases {
        for role in [Role::Server, Role::Client] {
            // An end of the peer's own before it would be told as a clean one.
            breaks(role, batch.clone(), violation).await;
        }
    }
}

#[tokio::test]
async fn a_second_or_a_wrong_greeting_breaks_the_rules() {
    breaks(Role::Server, HELLO.to_vec(), CreditViolation::SecondGreeting).await;
    breaks(Role::Client, WELCOME.to_vec(), CreditViolation::SecondGreeting).await;
    breaks(Role::Server, WELCOME.to_vec(), CreditViolation::NoGreeting).await;
    breaks(Role::Client, HELLO.to_vec(), CreditViolation::NoGreeting).await;
    let bad = [
        (frame(1, [2, 1, 1, 9, 2, 1, 9]), CreditViolation::UnknownVersion),
        (frame(1, [1, 1, 1, 9]), CreditViolation::BadParameter),
        (text("early"), CreditViolation::NoGreeting),
    ];
    for (batch, violation) in bad {
        let (mut peer, _socket) = open_silent(Role::Server).await;
        peer.receives(BINARY, [WELCOME, &[5, 1, 1]].concat()).await;
        peer.sends_frame(BINARY, batch).await;
        sees_failure(&mut peer, 1002, &violation.to_string()).await;
    }
}

#[tokio::test]
async fn batches_are_binary_and_neither_empty_nor_large() {
    for role in [Role::Server, Role::Client] {
        for (first, payload, violation) in [
            (TEXT, vec![b'x'], CreditViolation::TextBatch),
            (BINARY, vec![], CreditViolation::EmptyBatch),
            (BINARY, vec![0; 131_073], CreditViolation::BatchTooLarge),
        ] {
            let (mut peer, _socket) = open_raw(role).await;
            peer.sends_frame(first, payload).await;
            sees_failure(&mut peer, violation.close_code().get(), &violation.to_string()).await;
        }
        // Far beyond, the connection beneath says so.
        let (mut peer, socket) = open_raw(role).await;
        let mut opened = halves(&socket).await;
        let large = peer.frame(BINARY, vec![0; 300_000]);
        peer.sends(&large[..20]).await;
        peer.receives_close(1009, "a batch of 300,000 bytes").await;
        assert!(soon(opened.readable.read()).await.is_err());
    }
}

#[tokio::test]
async fn who_sends_beyond_the_window_is_told_so_and_no_more_is_held() {
    for role in [Role::Server, Role::Client] {
        let (mut peer, socket) = open_raw(role).await;
        let _unread = halves(&socket).await;
        // 4 of 65,504 + 32 are the window; the fifth is without credit.
        let batch = [&[0x11, 0x80, 0, 0xff, 0xe0][..], &[7; 0xffe0]].concat();
        for _ in 0..5 {
            peer.sends_frame(BINARY, &batch).await;
        }
        sees_failure(&mut peer, 1002, "tidegate.v1: no credit").await;
        assert!(socket.stats().ahead_bytes <= 256 * 1024, "{:?}", socket.stats());
    }
}

#[tokio::test]
async fn credits_out_of_proportion_break_the_rules() {
    let (mut peer, _socket) = open_raw(Role::Server).await;
    let credits: Vec<u8> = (1..=65).flat_map(|more| frame(3, [0x80, 4, 0, more, 0])).collect();
    peer.sends_frame(BINARY, credits).await;
    sees_failure(&mut peer, 1002, "tidegate.v1: too many credits").await;
}

#[tokio::test]
async fn a_violation_behind_our_own_end_is_told_by_the_close() {
    let (mut peer, socket) = open_raw(Role::Server).await;
    socket.close(1000).expect("it may be sent");
    receives_batch(&mut peer, &end(1000, "")).await;
    peer.sends_frame(BINARY, frame(0x20, "")).await;
    peer.receives(CLOSE, close(1002, "tidegate.v1: reserved frame type")).await;
}
