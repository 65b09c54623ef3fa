//! Sections 6 and 8: what is counted, and every row of the table of violations.

use tidegate_proto::credit::Violation;

use crate::peer::{End, costing, credit, end, frame, text};

#[test]
fn the_table_of_the_page_has_every_violation_with_its_code() {
    let page = include_str!("../../../../docs/protocol.md");
    for violation in ALL {
        let reason = violation.to_string();
        let text = reason.strip_prefix("tidegate.v1: ").expect("the reason says whose rule it is");
        let row = format!("| {} | `{text}` |", violation.close_code());
        assert!(page.contains(&row), "{row} is missing");
        assert!(reason.len() <= 123);
    }
    let rows =
        page.lines().filter(|line| line.starts_with("| ") && line.contains("| 100") && line.ends_with("` |"));
    assert_eq!(rows.count(), ALL.len());
}

#[test]
fn limits_and_acks_only_go_up_and_acks_name_what_was_sent() {
    let greeted = || {
        let mut end = End::client();
        for _ in 0..2 {
            end.endpoint.send("x".into()).unwrap();
        }
        let _ = end.sends();
        end.gets(credit(200, 1)).reads_nothing();
        end
    };
    greeted().gets(credit(199, 2)).fails(Violation::LimitShrunk);
    greeted().gets(credit(201, 0)).fails(Violation::AckShrunk);
    greeted().gets(credit(201, 3)).fails(Violation::AckOfUnsent);
    greeted().gets(credit(200, 1)).fails(Violation::IdleCredit);
    greeted().gets(credit(200, 2)).reads_nothing();
    greeted().gets(credit(201, 1)).reads_nothing();
}

#[test]
fn credits_are_at_most_64_more_than_frames() {
    let mut end = End::client();
    for limit in 129..129 + 64 {
        end.gets(credit(limit, 0)).reads_nothing();
    }
    end.endpoint.send("one more".into()).unwrap();
    let _ = end.sends();
    end.gets(credit(193, 0)).reads_nothing();
    end.gets(credit(194, 0)).fails(Violation::TooManyCredits);
}

#[test]
fn a_blocked_tells_a_limit_that_can_be_and_once() {
    End::server().gets(frame(4, [0x40, 0x81])).fails(Violation::BadBlocked);
    let mut end = End::server();
    end.gets(frame(4, [0x40, 0x80])).reads_nothing();
    end.gets(frame(4, [0x40, 0x80])).fails(Violation::BadBlocked);
    // One limit was announced, so one BLOCKED may come, wherever it says that it was.
    let mut end = End::server();
    end.gets(frame(4, [1])).gets(frame(4, [2])).fails(Violation::BadBlocked);
}

#[test]
fn control_frames_are_exactly_their_fields() {
    for payload in [&[][..], &[1], &[0x40], &[1, 2, 3], &[1, 0x40]] {
        End::client().gets(frame(3, payload)).fails(Violation::BadControlFrame);
    }
    for payload in [&[][..], &[1, 2], &[0x80, 0]] {
        End::client().gets(frame(4, payload)).fails(Violation::BadControlFrame);
    }
    End::client().gets(frame(3, [0x40, 1, 0])).fails(Violation::VarintNotShortest);
}

#[test]
fn nothing_but_control_frames_comes_behind_end() {
    End::server().gets([end(1000, ""), text("late")].concat()).fails(Violation::MessageAfterEnd);
    End::server().gets([end(1000, ""), frame(0x14, b"late")].concat()).fails(Violation::MessageAfterEnd);
    End::server().gets([end(1000, ""), frame(7, [])].concat()).fails(Violation::SecondEnd);
    let mut server = End::server();
    server.gets([end(1000, ""), frame(5, [])].concat()).reads_end(1000, "");
    assert_eq!(server.sends(), [frame(6, []), end(1000, "")].concat());
}

#[test]
fn end_does_not_cut_a_message_unless_it_says_why() {
    for code in [1000, 1001, 3000] {
        End::server().gets([frame(0x12, b"x"), end(code, "")].concat()).fails(Violation::EndInsideMessage);
    }
    End::server().gets([frame(0x12, b"x"), frame(7, [])].concat()).fails(Violation::EndInsideMessage);
    for code in [1002, 1007, 1009, 1011] {
        End::server().gets([frame(0x12, b"x"), end(code, "why")].concat()).reads_end(code, "why");
    }
}

#[test]
fn an_end_is_as_a_close_frame() {
    End::server().gets(frame(7, [3])).fails(Violation::BadEnd);
    for code in [0, 999, 1004, 1005, 1006, 1015, 2999, 5000] {
        End::server().gets(end(code, "")).fails(Violation::BadEnd);
    }
    End::server().gets(frame(7, [3, 232, 0xff])).fails(Violation::NotUtf8);
    let long = |reason: usize| {
        let mut frame = vec![7, 0x40, 2 + reason as u8, 3, 232];
        frame.resize(frame.len() + reason, b'r');
        frame
    };
    End::server().gets(long(123)).reads_end(1000, &"r".repeat(123));
    End::server().gets(long(124)).fails(Violation::BadEnd);
}

#[test]
fn a_violation_behind_our_own_end_is_told_by_the_close() {
    let mut server = End::server();
    server.endpoint.close(None, "").unwrap();
    assert_eq!(server.sends(), frame(7, []));
    server.gets([end(1000, ""), end(1000, "")].concat());
    assert_eq!(server.sends(), b"", "END comes once");
    let close = server.endpoint.poll_close().expect("a violation closes the WebSocket");
    assert_eq!((close.close_code.get(), &close.reason[..]), (1002, "tidegate.v1: second end"));
}

#[test]
fn a_violation_replaces_an_end_that_still_waits() {
    let mut server = End::server();
    for _ in 0..3 {
        server.endpoint.send(vec![0; 32].into()).unwrap();
    }
    server.endpoint.close(None, "").unwrap();
    assert_eq!(server.sends(), [costing(64), costing(64), frame(4, [0x40, 0x80])].concat());
    server.gets([0x08, 0]).fails(Violation::ReservedFrameType);
}

const ALL: [Violation; 33] = [
    Violation::TextBatch,
    Violation::EmptyBatch,
    Violation::BatchTooLarge,
    Violation::CutFrame,
    Violation::VarintNotShortest,
    Violation::VarintTooLarge,
    Violation::ReservedFrameType,
    Violation::NoGreeting,
    Violation::SecondGreeting,
    Violation::GreetingTooLate,
    Violation::UnknownVersion,
    Violation::BadParameter,
    Violation::WrongProtocol,
    Violation::BadControlFrame,
    Violation::NoCredit,
    Violation::MessageTooLarge,
    Violation::MessageInsideMessage,
    Violation::PartOfNothing,
    Violation::EmptyPart,
    Violation::BadApart,
    Violation::NotUtf8,
    Violation::LimitShrunk,
    Violation::AckShrunk,
    Violation::AckOfUnsent,
    Violation::IdleCredit,
    Violation::TooManyCredits,
    Violation::BadBlocked,
    Violation::SecondPing,
    Violation::UnaskedPong,
    Violation::MessageAfterEnd,
    Violation::EndInsideMessage,
    Violation::SecondEnd,
    Violation::BadEnd,
];
