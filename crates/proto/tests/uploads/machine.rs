//! What the machine of an upload allows, and what it refuses.

use tidegate_proto::upload::{Body, Ending, Excess, Refusal, Snapshot, Upload};

const MOST: u64 = 1000;

fn new(length: Option<u64>) -> Upload {
    Upload::new(Snapshot { length, ..Snapshot::default() }, MOST)
}

fn at(offset: u64) -> Body {
    Body { offset, ..Body::default() }
}

/// A body of so many bytes from where the upload ends, which comes whole and becomes durable.
fn write(upload: &mut Upload, body: Body, bytes: u64) -> Result<bool, Refusal> {
    let claim = upload.claim();
    let found =
        Snapshot { offset: upload.offset(), length: upload.length(), is_complete: upload.is_complete() };
    upload.begin(claim, found, &body)?;
    let taken = upload.take(claim, bytes);
    let pushed = upload.pushed();
    let will_complete = upload.will_complete(claim, taken.is_ok());
    let ended = upload.end(claim, pushed, taken.is_ok());
    assert_eq!(will_complete, ended == Ok(true));
    taken?;
    if ended? {
        upload.complete(claim)?;
    }
    Ok(upload.is_complete())
}

#[test]
fn an_upload_of_a_known_length_is_complete_when_it_has_it() {
    let mut upload = new(Some(10));
    assert_eq!(write(&mut upload, at(0), 4), Ok(false));
    assert_eq!(write(&mut upload, at(4), 6), Ok(true));
    assert_eq!((upload.offset(), upload.length()), (10, Some(10)));
}

#[test]
fn a_length_may_come_later_and_then_stays() {
    let mut upload = new(None);
    assert_eq!(write(&mut upload, at(0), 4), Ok(false));
    let told = |length| Body { length: Some(length), ..at(4) };
    assert_eq!(write(&mut upload, told(3), 0), Err(Refusal::WrongLength { known: 4, told: 3 }));
    assert_eq!(write(&mut upload, told(1001), 0), Err(Refusal::TooLarge { most: MOST }));
    assert_eq!(write(&mut upload, told(9), 0), Ok(false));
    assert_eq!(write(&mut upload, told(8), 0), Err(Refusal::WrongLength { known: 9, told: 8 }));
    assert_eq!(write(&mut upload, at(4), 5), Ok(true));
}

#[test]
fn a_body_that_is_the_rest_sets_the_length() {
    let rest = |offset, content_length| Body { content_length, ending: Ending::AtEndOfBody, ..at(offset) };
    let mut upload = new(None);
    assert_eq!(write(&mut upload, rest(0, Some(7)), 3), Err(Refusal::WrongLength { known: 7, told: 3 }));
    // What came is kept, and the length that was announced.
    assert_eq!((upload.offset(), upload.length(), upload.is_complete()), (3, Some(7), false));
    let long = rest(3, Some(5));
    assert_eq!(write(&mut upload, long, 0), Err(Refusal::WrongLength { known: 7, told: 8 }));
    assert_eq!(write(&mut upload, rest(3, None), 4), Ok(true));
    let mut empty = new(None);
    assert_eq!(write(&mut empty, rest(0, None), 0), Ok(true));
    assert_eq!(empty.length(), Some(0));
}

#[test]
fn a_body_that_breaks_off_completes_nothing_but_what_is_all_there() {
    let mut upload = new(None);
    let claim = upload.claim();
    let rest = Body { ending: Ending::AtEndOfBody, ..at(0) };
    upload.begin(claim, Snapshot::default(), &rest).expect("it is new");
    upload.take(claim, 5).expect("there is room");
    assert_eq!(upload.end(claim, 5, false), Ok(false));
    assert_eq!((upload.offset(), upload.length()), (5, None));
    // By tus all bytes are all bytes, whether or not the end of the request came.
    let mut upload = new(Some(5));
    let claim = upload.claim();
    upload.begin(claim, Snapshot { length: Some(5), ..Snapshot::default() }, &at(0)).expect("it is new");
    upload.take(claim, 5).expect("there is room");
    assert_eq!(upload.end(claim, 5, false), Ok(true));
    assert!(!upload.is_complete(), "not before it is recorded");
    assert_eq!(upload.complete(claim), Ok(()));
    assert!(upload.is_complete());
}

#[test]
fn all_bytes_are_not_complete_where_the_client_has_to_say_so() {
    let mut upload = new(Some(5));
    assert_eq!(write(&mut upload, Body { ending: Ending::Later, ..at(0) }, 5), Ok(false));
    assert_eq!(write(&mut upload, Body { ending: Ending::AtEndOfBody, ..at(5) }, 0), Ok(true));
}

#[test]
fn a_wrong_offset_is_told_the_right_one() {
    let mut upload = new(Some(10));
    assert_eq!(write(&mut upload, at(0), 4), Ok(false));
    for provided in [0, 3, 5, u64::MAX] {
        let refused = write(&mut upload, at(provided), 1);
        assert_eq!(refused, Err(Refusal::WrongOffset { expected: 4, provided }));
    }
    assert_eq!(upload.offset(), 4);
}

#[test]
fn more_than_the_length_is_refused_by_the_head_and_by_the_bytes() {
    let mut upload = new(Some(10));
    let announced = Body { content_length: Some(11), ..at(0) };
    assert_eq!(write(&mut upload, announced, 0), Err(Refusal::TooLarge { most: 10 }));
    let overflow = Body { content_length: Some(u64::MAX), ..at(0) };
    assert_eq!(write(&mut upload, overflow, 0), Err(Refusal::TooLarge { most: 10 }));
    assert_eq!(write(&mut upload, at(0), 11), Err(Refusal::TooLarge { most: 10 }));
    // None of a piece that is too much is taken, and the upload goes on.
    assert_eq!((upload.offset(), upload.is_dead()), (0, false));
    assert_eq!(write(&mut upload, at(0), 10), Ok(true));
    let mut unknown = new(None);
    assert_eq!(write(&mut unknown, at(0), MOST + 1), Err(Refusal::TooLarge { most: MOST }));
    assert_eq!(write(&mut unknown, at(0), MOST), Ok(false));
}

#[test]
fn more_than_the_length_kills_where_the_protocol_says_so() {
    let kill = Body { excess: Excess::Kill, ending: Ending::Later, ..at(0) };
    let mut upload = new(Some(10));
    assert_eq!(write(&mut upload, kill, 11), Err(Refusal::TooLarge { most: 10 }));
    assert!(upload.is_dead());
    assert_eq!(write(&mut upload, at(0), 1), Err(Refusal::Dead));
    let mut upload = new(Some(10));
    let announced = Body { content_length: Some(11), ..kill };
    assert_eq!(write(&mut upload, announced, 0), Err(Refusal::TooLarge { most: 10 }));
    assert!(upload.is_dead());
    // The limit is not a length that was broken.
    let mut unknown = new(None);
    assert_eq!(write(&mut unknown, kill, MOST + 1), Err(Refusal::TooLarge { most: MOST }));
    assert!(!unknown.is_dead());
}

#[test]
fn a_complete_upload_takes_a_repeat_and_no_bytes() {
    let mut upload = new(Some(5));
    assert_eq!(write(&mut upload, at(0), 5), Ok(true));
    assert_eq!(write(&mut upload, Body { content_length: Some(0), ..at(5) }, 0), Ok(true));
    assert_eq!(write(&mut upload, Body { ending: Ending::AtEndOfBody, ..at(5) }, 0), Ok(true));
    assert_eq!(write(&mut upload, at(5), 1), Err(Refusal::Complete));
    assert!(matches!(write(&mut upload, at(0), 5), Err(Refusal::WrongOffset { expected: 5, .. })));
    assert!(upload.is_complete());
}

#[test]
fn a_newer_request_ends_the_older_one() {
    let mut upload = new(Some(10));
    let older = upload.claim();
    upload.begin(older, Snapshot { length: Some(10), ..Snapshot::default() }, &at(0)).expect("it is new");
    upload.take(older, 3).expect("there is room");
    let newer = upload.claim();
    assert!(!upload.is_current(older) && upload.is_current(newer) && upload.is_written());
    assert_eq!(upload.take(older, 1), Err(Refusal::TakenOver));
    assert_eq!(upload.end(older, 3, false), Ok(false));
    assert_eq!(upload.offset(), 3);
    let found = Snapshot { offset: 3, length: Some(10), is_complete: false };
    assert_eq!(upload.begin(older, found, &at(3)), Err(Refusal::TakenOver));
    upload.begin(newer, found, &at(3)).expect("the offset is usable");
}

#[test]
fn one_that_is_fenced_off_moves_nothing_any_more() {
    let mut upload = new(None);
    let older = upload.claim();
    upload.begin(older, Snapshot::default(), &at(0)).expect("it is new");
    upload.take(older, 8).expect("there is room");
    upload.durable(older, 2);
    let newer = upload.claim();
    upload.fence();
    // The store has found more than was known, which the older one had pushed.
    let found = Snapshot { offset: 5, ..Snapshot::default() };
    upload.begin(newer, found, &at(5)).expect("the store's offset");
    upload.durable(older, 8);
    assert_eq!(upload.take(older, 1), Err(Refusal::TakenOver));
    assert_eq!(upload.end(older, 8, true), Err(Refusal::TakenOver));
    assert_eq!(upload.complete(older), Err(Refusal::TakenOver));
    assert_eq!((upload.offset(), upload.is_written()), (5, true));
}

#[test]
fn bytes_that_were_acknowledged_and_are_lost_kill_the_upload() {
    let mut upload = new(None);
    assert_eq!(write(&mut upload, at(0), 8), Ok(false));
    let claim = upload.claim();
    let lost = Snapshot { offset: 7, ..Snapshot::default() };
    assert_eq!(upload.begin(claim, lost, &at(7)), Err(Refusal::Dead));
    let back = Snapshot { offset: 8, ..Snapshot::default() };
    assert_eq!(upload.begin(claim, back, &at(8)), Err(Refusal::Dead), "for good");
}

#[test]
fn held_bytes_count_when_they_are_right_and_not_before() {
    let mut upload = new(Some(6));
    let held = Body { is_held: true, ..at(0) };
    let found = Snapshot { length: Some(6), ..Snapshot::default() };
    let claim = upload.claim();
    upload.begin(claim, found, &held).expect("it is new");
    upload.take(claim, 6).expect("there is room");
    upload.durable(claim, 6);
    assert_eq!(upload.offset(), 0);
    assert!(!upload.will_complete(claim, true), "nobody knows yet");
    assert_eq!(upload.end(claim, 0, true), Ok(false), "they were wrong");
    assert_eq!((upload.offset(), upload.pushed()), (0, 0));
    let claim = upload.claim();
    upload.begin(claim, found, &held).expect("nothing has changed");
    upload.take(claim, 6).expect("there is room");
    upload.approve(claim);
    assert_eq!(upload.end(claim, 6, true), Ok(true));
    assert_eq!(upload.complete(claim), Ok(()));
}
