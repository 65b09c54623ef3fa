//! Section 5: PING and PONG.

use tidegate_proto::credit::Violation;

use crate::peer::{End, SMALL_HELLO, costing, frame, seconds, small, text};

#[test]
fn a_ping_is_answered_whether_anybody_reads_or_not() {
    let mut end = End::server();
    end.gets([text("unread"), frame(5, [1, 2, 3, 4, 5, 6, 7, 8])].concat());
    assert_eq!(end.sends(), frame(6, [1, 2, 3, 4, 5, 6, 7, 8]));
    end.gets(frame(5, []));
    assert_eq!(end.sends(), frame(6, []));
}

#[test]
fn a_second_ping_before_the_answer_could_leave_breaks_the_rules() {
    End::server().gets([frame(5, [1]), frame(5, [2])].concat()).fails(Violation::SecondPing);
}

#[test]
fn a_pong_answers_the_unanswered_ping_once() {
    let mut end = End::server();
    end.gets(frame(6, [1])).reads_nothing();
    end.gets(frame(6, [1])).fails(Violation::UnaskedPong);
    End::server().gets(frame(6, [2])).fails(Violation::UnaskedPong);
    End::server().gets(frame(6, [])).fails(Violation::UnaskedPong);
}

#[test]
fn more_than_8_bytes_are_no_ping() {
    End::server().gets(frame(5, [0; 9])).fails(Violation::BadControlFrame);
    End::server().gets(frame(6, [0; 9])).fails(Violation::BadControlFrame);
}

#[test]
fn a_ping_goes_with_a_grant_after_ten_seconds_and_never_while_one_is_unanswered() {
    let mut end = End::new_server(small().max_window(128), "");
    end.gets(SMALL_HELLO);
    let _ = end.sends();
    let grants = |end: &mut End| {
        end.gets(costing(64));
        let _ = end.event();
        let sent = end.sends();
        assert_eq!(sent[0], 3);
        sent.len() > 5
    };
    end.waits(seconds(11));
    assert!(!grants(&mut end), "the first PING is unanswered");
    end.gets(frame(6, [1]));
    assert!(grants(&mut end), "the last PING is 11 s old");
    end.gets(frame(6, [2]));
    assert!(!grants(&mut end), "the last PING is young");
    end.waits(seconds(10));
    assert!(grants(&mut end));
}
