//! Section 5: resuming, and section 7: the end.

use std::time::Duration;

use bytes::Bytes;
use tidegate_proto::session::{AttachError, Carries, Config, ServerSession, Why};

use crate::ends::{Ends, ID, moment, text};

#[test]
fn a_position_that_is_not_there_is_refused_and_changes_nothing() {
    let mut ends = Ends::new(&Config::default());
    for byte in b'a'..=b'c' {
        ends.server.send(text(byte, 1));
    }
    let (server, client) = ends.attach(Carries::Down);
    let (server, _) = ends.pass_down(server, client);
    ends.server.handle_post(ends.now, 1, Some(2), &Bytes::new()).unwrap();
    let refuse = |ends: &mut Ends, after| ends.server.attach(Carries::Down, after).unwrap_err();
    assert_eq!(refuse(&mut ends, 1), AttachError::NotKept { after: 1, kept: 2 });
    assert_eq!(refuse(&mut ends, 4), AttachError::Ahead { after: 4, at: 3 });
    assert!(ends.server.is_current(&server));
    assert!(ends.server.attach(Carries::Down, 2).is_ok());
}

#[test]
fn a_session_without_an_attachment_is_kept_for_a_while() {
    let mut ends = Ends::new(&Config::default());
    let (server, client) = ends.attach(Carries::Down);
    let (server, _) = ends.pass_down(server, client);
    assert!(!ends.server.is_expired(ends.now + Duration::from_secs(3600)));
    ends.server.detach(ends.now, &server);
    let end = ends.now + Duration::from_secs(60);
    assert_eq!(ends.server.poll_timeout(), Some(end));
    assert!(!ends.server.is_expired(end - Duration::from_millis(1)));
    assert!(ends.server.is_expired(end));
    // A newer one in time changes that, and the end of the older one means nothing any more.
    let newer = ends.server.attach(Carries::Down, 0).unwrap();
    ends.server.detach(ends.now, &server);
    assert!(!ends.server.is_expired(end));
    ends.server.detach(ends.now, &newer);
    assert!(ends.server.is_expired(end));
}

#[test]
fn a_session_that_is_not_greeted_ends_though_it_is_attached() {
    let now = moment();
    let mut server = ServerSession::new(now, ID.to_owned(), Config::default());
    let attachment = server.attach(Carries::Down, 0).unwrap();
    let end = now + Duration::from_secs(10);
    assert!(server.is_expired(end));
    server.detach(now, &attachment);
    assert!(server.is_expired(end));
    server.handle_post(now, 0, None, &text(b'h', 1)).unwrap();
    assert!(!server.is_expired(end));
}

#[test]
fn the_end_is_told_behind_the_last_frame_and_kept_until_acknowledged() {
    let mut ends = Ends::new(&Config::default());
    let (server, client) = ends.attach(Carries::Down);
    let (server, client) = ends.pass_down(server, client);
    ends.server.send(text(b'z', 1));
    ends.server.finish(ends.now);
    let (server, client) = ends.pass_down(server, client);
    assert_eq!((server.ended(), client.ended()), (Some(Why::Over), Some(Why::Over)));
    assert!(ends.client.is_over());
    assert_eq!(ends.taken_by_client(), [text(b'z', 1)]);
    // Had it been lost, the client could come again.
    assert!(!ends.server.is_expired(ends.now));
    assert!(ends.server.attach(Carries::Down, 0).is_ok());
    assert!(!ends.server.is_expired(ends.now + Duration::from_secs(59)), "as long as any session is kept");
    assert!(ends.server.is_expired(ends.now + Duration::from_secs(60)));
    ends.server.attach(Carries::Down, 1).unwrap();
    assert!(ends.server.is_expired(ends.now));
}
