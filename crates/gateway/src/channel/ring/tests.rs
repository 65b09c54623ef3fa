use super::*;

const EPOCH: u32 = 0xab;

fn ring(max_publications: usize, max_bytes: usize, texts: &[&str]) -> Ring {
    let mut ring = Ring::new(EPOCH, max_publications, max_bytes, Arc::new(Budget::new(1 << 20)));
    for text in texts {
        ring.append(Publication::new(*text));
    }
    ring
}

fn lines(ring: &mut Ring, offset: u64, max_bytes: usize) -> (u64, String) {
    match ring.after(offset, Form::Line, max_bytes) {
        Found::Batch(Batch { to, bytes, .. }) => (to, String::from_utf8(bytes.to_vec()).unwrap()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn keeps_the_newest_and_knows_what_is_gone() {
    let mut ring = ring(2, 1 << 20, &["a", "b", "c"]);
    let gap = Gap::Counted { epoch: EPOCH, from: 1, to: 1 };
    assert_eq!(ring.after(0, Form::Line, 100), Found::Gap(gap));
    assert_eq!(gap.missed(), Some(1));
    assert_eq!(lines(&mut ring, 1, 100), (3, "b\nc\n".into()));
    assert_eq!(lines(&mut ring, 2, 100), (3, "c\n".into()));
    assert_eq!(ring.after(3, Form::Line, 100), Found::Nothing);
    assert_eq!(ring.end(), Position { epoch: EPOCH, offset: 3 });
}

#[test]
fn bytes_are_bounded_with_every_encoding_but_for_one_publication() {
    let mut ring = ring(100, 3 * OVERHEAD, &["a", "b"]);
    assert_eq!(lines(&mut ring, 0, 100), (2, "a\nb\n".into()));
    let text = "x".repeat(OVERHEAD / 2);
    ring.append(Publication::new(text.as_str()));
    assert!(matches!(ring.after(0, Form::Event, 1000), Found::Gap(_)));
    let mut frames = Vec::new();
    assert!(ring.frames_after(1, 10, &mut frames).is_none());
    assert_eq!(frames.len(), 2);
    let large = "x".repeat(10 * OVERHEAD);
    ring.append(Publication::new(large.as_str()));
    assert_eq!(lines(&mut ring, 3, 10), (4, format!("{large}\n")));
    assert!(matches!(ring.after(2, Form::Line, 10), Found::Gap(_)));
}

#[test]
fn what_is_counted_is_what_is_kept() {
    let budget = Arc::new(Budget::new(1 << 20));
    let mut ring = Ring::new(EPOCH, 3, 1 << 20, budget.clone());
    for number in 0..10 {
        ring.append(Publication::new(number.to_string()));
        ring.after(ring.before_last(2), Form::Record, 1000);
        ring.frames_after(ring.before_last(1), 10, &mut Vec::new());
        let bytes: usize = ring.kept.iter().map(Kept::bytes).sum();
        assert_eq!(ring.bytes, bytes);
    }
    drop(ring);
    assert!(!Budget::new(0).is_exceeded());
    budget.take(1 << 20);
    assert!(!budget.is_exceeded(), "all was given back");
}

#[test]
fn beyond_the_budget_a_channel_keeps_its_floor() {
    let budget = Arc::new(Budget::new(2 * Budget::FLOOR));
    let mut ring = Ring::new(EPOCH, 1000, 1 << 20, budget.clone());
    let text = "x".repeat(Budget::FLOOR / 4);
    for _ in 0..20 {
        ring.append(Publication::new(text.as_str()));
    }
    assert!(ring.bytes <= 3 * Budget::FLOOR, "{}", ring.bytes);
    budget.take(2 * Budget::FLOOR);
    ring.append(Publication::new(text.as_str()));
    assert!(ring.bytes <= Budget::FLOOR, "{}", ring.bytes);
}

#[test]
fn a_batch_ends_at_its_limit_and_holds_one_at_least() {
    let mut ring = ring(10, 1 << 20, &["aa", "bb", "cc"]);
    assert_eq!(lines(&mut ring, 0, 6), (2, "aa\nbb\n".into()));
    assert_eq!(lines(&mut ring, 2, 6), (3, "cc\n".into()));
    assert_eq!(lines(&mut ring, 0, 1), (1, "aa\n".into()));
    // One that was made for others is no longer than this one asks for.
    assert_eq!(lines(&mut ring, 1, 6), (3, "bb\ncc\n".into()));
    assert_eq!(lines(&mut ring, 1, 5), (2, "bb\n".into()));
}

#[test]
fn a_reader_resumes_where_it_stood_or_is_told() {
    let ring = ring(2, 1 << 20, &["a", "b", "c"]);
    let at = |epoch, offset| Position { epoch, offset };
    assert_eq!(ring.resume(at(EPOCH, 0)), (0, None));
    assert_eq!(ring.resume(at(EPOCH, 3)), (3, None));
    for was in [at(EPOCH, 4), at(EPOCH + 1, 2)] {
        assert_eq!(ring.resume(was), (1, Some(Gap::Unknown { was, to: at(EPOCH, 1) })));
    }
    assert_eq!((ring.before_last(1), ring.before_last(2), ring.before_last(9)), (2, 1, 1));
    assert_eq!(ring.before_last(0), 3);
}

#[test]
fn a_write_that_stopped_within_a_batch_goes_on_there() {
    let mut ring = ring(10, 1 << 20, &["aa", "bb", "cc"]);
    let Found::Batch(batch) = ring.after(0, Form::Line, 100) else { panic!("there are three") };
    let split = |ring: &mut Ring, written| ring.split(&batch, Form::Line, written).unwrap();
    assert_eq!(split(&mut ring, 0), (0, Bytes::new()));
    assert_eq!(split(&mut ring, 1), (1, "a\n".into()));
    assert_eq!(split(&mut ring, 3), (1, Bytes::new()));
    assert_eq!(split(&mut ring, 5), (2, "\n".into()));
    assert_eq!(split(&mut ring, 9), (3, Bytes::new()));
    ring.max_publications = 1;
    ring.append(Publication::new("dd"));
    assert_eq!(ring.split(&batch, Form::Line, 5), None);
}

#[test]
fn another_line_than_the_text() {
    let mut ring = ring(10, 1 << 20, &[]);
    ring.append(Publication::with_line(r#"{"name":"Ann"}"#.into(), "Ann:\nhi"));
    assert_eq!(lines(&mut ring, 0, 100), (1, "Ann: hi\n".into()));
    let Found::Batch(event) = ring.after(0, Form::Event, 100) else { panic!("there is one") };
    assert_eq!(event.bytes, "id: 000000ab-1\ndata: {\"name\":\"Ann\"}\n\n");
}
