//! The tutorial's two fields.

use http::HeaderValue;
use tidegate_proto::upload::tutorial::{BadHead, MAX_FILE_ID_BYTES, read};

use crate::head;

#[test]
fn the_file_id_is_bytes() {
    let mut headers = head(&[("X-Start-Byte", "12")]);
    headers.insert("x-file-id", HeaderValue::from_bytes(b"caf\xe9.png-7-1").expect("Latin-1"));
    let read = read(&headers).expect("it is one");
    assert_eq!((read.file_id, read.start), (&b"caf\xe9.png-7-1"[..], 12));
}

#[test]
fn without_a_start_byte_it_begins_at_the_beginning() {
    assert_eq!(read(&head(&[("X-File-Id", "a")])).map(|head| head.start), Ok(0));
}

#[test]
fn what_is_no_id_or_no_number_is_refused() {
    let long = "a".repeat(MAX_FILE_ID_BYTES + 1);
    for (fields, bad) in [
        (vec![], BadHead::NoFileId),
        (vec![("X-File-Id", "")], BadHead::NoFileId),
        (vec![("X-File-Id", long.as_str())], BadHead::BadFileId),
        (vec![("X-File-Id", "a"), ("X-File-Id", "b")], BadHead::BadFileId),
        (vec![("X-File-Id", "a"), ("X-Start-Byte", "-1")], BadHead::BadStartByte),
        (vec![("X-File-Id", "a"), ("X-Start-Byte", "1e3")], BadHead::BadStartByte),
        (vec![("X-File-Id", "a"), ("X-Start-Byte", "")], BadHead::BadStartByte),
        (vec![("X-File-Id", "a"), ("X-Start-Byte", "9999999999999999")], BadHead::BadStartByte),
        (vec![("X-File-Id", "a"), ("X-Start-Byte", "1"), ("X-Start-Byte", "1")], BadHead::BadStartByte),
    ] {
        assert_eq!(read(&head(&fields)), Err(bad), "{fields:?}");
    }
}
