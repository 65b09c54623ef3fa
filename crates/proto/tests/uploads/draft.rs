//! draft-ietf-httpbis-resumable-upload, by the sections of -12 and by its older versions.

use http::{HeaderMap, Method, StatusCode};
use tidegate_proto::upload::draft::{Append, BadHead, Create, Request, Version, read};
use tidegate_proto::upload::{Algorithm, Ending, Excess};

use crate::head;

const PARTIAL: (&str, &str) = ("Content-Type", "application/partial-upload");
const COMPLETE: (&str, &str) = ("Upload-Complete", "?1");
const INCOMPLETE: (&str, &str) = ("Upload-Complete", "?0");

fn interop(version: &str) -> (&str, &str) {
    ("Upload-Draft-Interop-Version", version)
}

fn post(fields: &[(&str, &str)]) -> Result<Create, BadHead> {
    match read(&Method::POST, &head(fields), false)? {
        Request::Create(create) => Ok(create),
        other => panic!("{other:?}"),
    }
}

fn patch(fields: &[(&str, &str)]) -> Result<Append, BadHead> {
    match read(&Method::PATCH, &head(fields), true)? {
        Request::Append(append) => Ok(append),
        other => panic!("{other:?}"),
    }
}

#[test]
fn s4_1_1_an_offset_that_is_no_integer_is_no_offset() {
    let with = |offset: &str| patch(&[PARTIAL, INCOMPLETE, ("Upload-Offset", offset)]);
    assert_eq!(with("100").map(|append| append.offset), Ok(100));
    assert_eq!(with("100;a=b;c").map(|append| append.offset), Ok(100), "parameters are ignored");
    assert_eq!(with("999999999999999").map(|append| append.offset), Ok(999_999_999_999_999));
    for offset in ["abc", "-1", "1.0", "?1", "\"1\"", "1 2", "1,", "1;", "1;A", ":AQ==:", "1000000000000000"]
    {
        assert_eq!(with(offset), Err(BadHead::Field("Upload-Offset")), "{offset}");
    }
    let twice = patch(&[PARTIAL, INCOMPLETE, ("Upload-Offset", "1"), ("Upload-Offset", "1")]);
    assert_eq!(twice, Err(BadHead::Field("Upload-Offset")));
}

#[test]
fn s4_1_2_completeness_is_a_boolean() {
    assert_eq!(post(&[COMPLETE]).map(|create| create.is_whole), Ok(true));
    assert_eq!(post(&[INCOMPLETE]).map(|create| create.is_whole), Ok(false));
    assert_eq!(post(&[("Upload-Complete", "?1;x=\"y\"")]).map(|create| create.is_whole), Ok(true));
    for value in ["true", "1", "?2", "?", "?1, ?1", ""] {
        assert_eq!(post(&[("Upload-Complete", value)]), Err(BadHead::Field("Upload-Complete")), "{value}");
    }
    // An upload in one request, as any client sends it.
    assert_eq!(post(&[]).map(|create| create.is_whole), Ok(true));
}

#[test]
fn s4_1_3_a_length_that_is_none_is_ignored() {
    assert_eq!(post(&[COMPLETE, ("Upload-Length", "5")]).map(|create| create.length), Ok(Some(5)));
    assert_eq!(post(&[COMPLETE, ("Upload-Length", "five")]).map(|create| create.length), Ok(None));
}

#[test]
fn s4_1_4_limits_are_a_dictionary() {
    let newest = Version::of(&HeaderMap::new());
    assert_eq!(newest.limits(100, None), "max-size=100");
    assert_eq!(newest.limits(100, Some(60)), "max-size=100, max-age=60");
    assert_eq!(newest.limits(u64::MAX, Some(u64::MAX)), "max-size=999999999999999, max-age=999999999999999");
    // What has been renamed since.
    assert_eq!(Version::Interop(6).limits(100, Some(60)), "max-size=100, expires=60");
}

#[test]
fn s4_3_a_look_tells_no_state() {
    for method in [Method::HEAD, Method::GET] {
        assert_eq!(read(&method, &HeaderMap::new(), true), Ok(Request::Look));
        for name in ["Upload-Offset", "Upload-Complete"] {
            assert_eq!(read(&method, &head(&[(name, "?0")]), true), Err(BadHead::Field(name)));
        }
    }
}

#[test]
fn s4_4_an_append_has_a_media_type_an_offset_and_says_whether_it_is_the_last() {
    let offset = ("Upload-Offset", "3");
    let append = Append { offset: 3, is_last: true, length: None, checksum: None };
    assert_eq!(patch(&[PARTIAL, COMPLETE, offset]), Ok(append));
    assert_eq!(patch(&[COMPLETE, offset]), Err(BadHead::MediaType));
    assert_eq!(patch(&[("Content-Type", "text/plain"), COMPLETE, offset]), Err(BadHead::MediaType));
    assert_eq!(BadHead::MediaType.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(patch(&[PARTIAL, COMPLETE]), Err(BadHead::Field("Upload-Offset")));
    assert_eq!(patch(&[PARTIAL, offset]), Err(BadHead::Field("Upload-Complete")));
}

#[test]
fn s4_5_delete_and_other_methods() {
    assert_eq!(read(&Method::DELETE, &HeaderMap::new(), true), Ok(Request::Remove));
    assert_eq!(read(&Method::OPTIONS, &head(&[COMPLETE]), false), Ok(Request::Options));
    for (method, is_upload) in [(Method::PUT, true), (Method::GET, false), (Method::DELETE, false)] {
        let refused = read(&method, &HeaderMap::new(), is_upload).expect_err("not here");
        assert_eq!(refused.status(), StatusCode::METHOD_NOT_ALLOWED);
    }
}

#[test]
fn s5_1_a_104_goes_only_to_a_version_that_is_known() {
    let version = |value: &str| Version::of(&head(&[interop(value)]));
    for known in 3..=9 {
        assert_eq!(version(&known.to_string()).interim(), Some(known));
    }
    for unknown in ["2", "10", "259", "x", "", "9.0"] {
        assert_eq!(version(unknown).interim(), None, "{unknown}");
    }
    assert_eq!(Version::of(&HeaderMap::new()).interim(), None);
}

#[test]
fn interop_3_says_incomplete() {
    let three = interop("3");
    let whole = |value: &str| post(&[three, ("Upload-Incomplete", value)]).map(|create| create.is_whole);
    assert_eq!((whole("?0"), whole("?1")), (Ok(true), Ok(false)));
    assert_eq!(whole("yes"), Err(BadHead::Field("Upload-Complete")));
    // No media type, and what says nothing is the last one.
    let offset = ("Upload-Offset", "1");
    assert_eq!(patch(&[three, offset]).map(|append| append.is_last), Ok(true));
    let more = patch(&[three, offset, ("Upload-Incomplete", "?1")]);
    assert_eq!(more.map(|append| append.is_last), Ok(false));
    let (name, value) = Version::Interop(3).completeness(true);
    assert_eq!((name.as_str(), value.as_bytes()), ("upload-incomplete", &b"?0"[..]));
    assert!(!Version::Interop(3).has_progress());
}

#[test]
fn interop_5_and_6_are_complete_by_their_length() {
    for version in [Version::Interop(5), Version::Interop(6)] {
        assert_eq!(version.ending(false), Ending::AtLength);
        assert_eq!(version.ending(true), Ending::AtEndOfBody);
        assert_eq!((version.excess(), version.appended()), (Excess::Refuse, StatusCode::CREATED));
        assert!(version.has_progress());
    }
    let offset = ("Upload-Offset", "1");
    assert_eq!(patch(&[interop("5"), offset]).map(|append| append.is_last), Ok(false));
    assert_eq!(patch(&[interop("6"), offset]), Err(BadHead::MediaType));
}

#[test]
fn interop_8_and_9_and_the_newest_are_complete_when_the_client_says_so() {
    for version in [Version::Interop(8), Version::Interop(9), Version::Newest] {
        assert_eq!(version.ending(false), Ending::Later);
        assert_eq!((version.excess(), version.appended()), (Excess::Kill, StatusCode::NO_CONTENT));
        let (name, value) = version.completeness(false);
        assert_eq!((name.as_str(), value.as_bytes()), ("upload-complete", &b"?0"[..]));
    }
}

#[test]
fn rfc_9530_s2_a_content_digest_is_the_checksum_of_the_body() {
    let with = |digest: &str| post(&[COMPLETE, ("Content-Digest", digest)]).map(|create| create.checksum);
    let zeros = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let digest = with(&format!("sha-256=:{zeros}:")).expect("it is one").expect("it is known");
    assert_eq!((digest.algorithm, digest.value), (Algorithm::Sha256, vec![0; 32]));
    let several = with(&format!("md5=:AAAAAAAAAAAAAAAAAAAAAA==:, unixsum=3;x, sha-256=:{zeros}:"));
    assert_eq!(several.map(|digest| digest.map(|digest| digest.algorithm)), Ok(Some(Algorithm::Sha256)));
    let longest = format!("sha-256=:{zeros}:, sha-512=:{}==:", "A".repeat(86));
    let digest = with(&longest).expect("it is one").expect("it is known");
    assert_eq!((digest.algorithm, digest.value), (Algorithm::Sha512, vec![0; 64]));
    assert_eq!(with("id-sha-512=:AA==:"), Ok(None), "what is not known may be ignored");
    assert_eq!(with("x=(1 \"a\" :AA==:);y, z=@1;q=%\"f\", w=tok/en, v=1.25, u"), Ok(None));
    for digest in [
        "sha-256",
        "sha-256=:AA==:",
        "sha-512=:AA==:",
        "sha-256=AA",
        "sha-256=:?:",
        "=",
        "a,",
        "a=(1",
        "a b",
        "A=1",
        "a=1.2345",
        "a=\"\\x\"",
    ] {
        assert_eq!(with(digest), Err(BadHead::Field("Content-Digest")), "{digest}");
    }
}
