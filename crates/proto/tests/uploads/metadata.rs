//! What clients say of a file.

use tidegate_proto::upload::{MAX_METADATA_BYTES, Metadata};

use crate::head;

#[test]
fn pairs_are_found_and_given_back_as_they_came() {
    let text = "filename d29ybGRfZG9taW5hdGlvbl9wbGFuLnBkZg==,is_confidential,filetype YXBwbGljYXRpb24vcGRm";
    let metadata = Metadata::parse(text).expect("the example of tus");
    assert_eq!(metadata.file_name(), Some("world_domination_plan.pdf"));
    assert_eq!(metadata.get("is_confidential"), Some(&b""[..]));
    assert_eq!(metadata.get("filetype"), Some(&b"application/pdf"[..]));
    assert_eq!((metadata.get("else"), metadata.as_str()), (None, text));
    assert_eq!(Metadata::parse(" ").map(Metadata::into_string), Ok(String::new()), "tuspy sends that");
    // Without padding, and with spaces behind the comma.
    assert!(Metadata::parse("a Zg, b Zm8").is_ok());
}

#[test]
fn what_is_not_metadata_is_refused() {
    let long = format!("a {}", "A".repeat(MAX_METADATA_BYTES));
    for text in ["a Zg==,a Zg==", "a !", "a Zg== Zg==", ",", "a Zg==,", "ä Zg==", "a\u{1}b Zg==", &long] {
        assert!(Metadata::parse(text).is_err(), "{text}");
    }
}

#[test]
fn a_name_is_never_a_path() {
    for (name, found) in [
        ("a.txt", Some("a.txt")),
        ("../../etc/passwd", Some("passwd")),
        ("C:\\dir\\a.txt", Some("a.txt")),
        ("..", None),
        ("a/", None),
        ("a\nb", None),
        ("", None),
    ] {
        let disposition = format!("inline; filename*=UTF-8''{}", encoded(name));
        let headers = head(&[("Content-Disposition", &disposition)]);
        assert_eq!(Metadata::of_representation(&headers).file_name(), found, "{name:?}");
    }
}

#[test]
fn the_drafts_fields_become_metadata_that_tus_can_echo() {
    let headers =
        head(&[("Content-Disposition", "inline; filename=\"a b.txt\""), ("Content-Type", "text/plain")]);
    let metadata = Metadata::of_representation(&headers);
    assert_eq!(metadata.as_str(), "filename YSBiLnR4dA==,filetype dGV4dC9wbGFpbg==");
    assert_eq!(Metadata::parse(metadata.as_str()), Ok(metadata));
    // Of the append itself, and not of the file.
    let headers = head(&[("Content-Type", "application/partial-upload")]);
    assert_eq!(Metadata::of_representation(&headers), Metadata::default());
    // tus-js-client sends its own field in the draft's modes too.
    let headers = head(&[("Upload-Metadata", "filename Yg=="), ("Content-Type", "text/plain")]);
    assert_eq!(Metadata::of_representation(&headers).file_name(), Some("b"));
    let headers = head(&[("Upload-Metadata", "a ?"), ("Content-Type", "text/plain")]);
    assert_eq!(Metadata::of_representation(&headers).get("filetype"), Some(&b"text/plain"[..]));
}

fn encoded(name: &str) -> String {
    name.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
