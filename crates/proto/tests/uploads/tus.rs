//! tus 1.0.0, by the sections of its text.

use http::{HeaderMap, Method, StatusCode};
use tidegate_proto::upload::tus::{
    Append, BadHead, Create, Expected, Join, MAX_LIST, MAX_PARTS, Request, read,
};
use tidegate_proto::upload::{Algorithm, Metadata, Protocol, method, tus::upload_checksum};

use crate::head;

const VERSION: (&str, &str) = ("Tus-Resumable", "1.0.0");
const BYTES: (&str, &str) = ("Content-Type", "application/offset+octet-stream");

fn post(fields: &[(&str, &str)], has_content: bool) -> Result<Request, BadHead> {
    read(&Method::POST, &with_version(fields), false, has_content)
}

fn patch(fields: &[(&str, &str)]) -> Result<Request, BadHead> {
    read(&Method::PATCH, &with_version(fields), true, true)
}

fn with_version(fields: &[(&str, &str)]) -> HeaderMap {
    head(&[&[VERSION], fields].concat())
}

#[test]
fn tus_resumable() {
    for fields in [vec![], vec![("Tus-Resumable", "0.2.2")], vec![VERSION, VERSION]] {
        for (verb, is_upload) in
            [("POST", false), ("HEAD", true), ("PATCH", true), ("DELETE", true), ("PUT", true)]
        {
            let verb = Method::from_bytes(verb.as_bytes()).expect("a method");
            let refused = read(&verb, &head(&fields), is_upload, true);
            assert_eq!(refused, Err(BadHead::Version), "{verb} {fields:?}");
        }
        let options = read(&Method::OPTIONS, &head(&fields), false, false);
        assert_eq!(options, Ok(Request::Options), "the server MUST ignore the header there");
    }
    assert_eq!(BadHead::Version.status(), StatusCode::PRECONDITION_FAILED);
    assert_eq!(BadHead::Version.fields()["tus-version"], "1.0.0");
}

#[test]
fn x_http_method_override() {
    let instead = |name: &str| method(&Method::POST, &head(&[("X-HTTP-Method-Override", name)]));
    assert_eq!(instead("PATCH"), Some(Method::PATCH));
    assert_eq!(instead("delete"), Some(Method::DELETE));
    assert_eq!(instead("no method"), None);
    assert_eq!(method(&Method::HEAD, &HeaderMap::new()), Some(Method::HEAD));
    let twice = head(&[("X-HTTP-Method-Override", "PATCH"), ("X-HTTP-Method-Override", "DELETE")]);
    assert_eq!(method(&Method::POST, &twice), None);
}

#[test]
fn head_and_delete() {
    assert_eq!(read(&Method::HEAD, &with_version(&[]), true, false), Ok(Request::Look));
    assert_eq!(read(&Method::DELETE, &with_version(&[]), true, false), Ok(Request::Remove));
    for (verb, is_upload) in [(Method::HEAD, false), (Method::PUT, true), (Method::POST, true)] {
        let refused = read(&verb, &with_version(&[]), is_upload, false).expect_err("not here");
        assert_eq!(refused.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert!(refused.fields().contains_key("allow"));
    }
}

#[test]
fn patch_needs_its_media_type_and_an_offset() {
    let offset = ("Upload-Offset", "70");
    let append = Append { offset: 70, length: None, checksum: None };
    assert_eq!(patch(&[BYTES, offset]), Ok(Request::Append(append)));
    let with_parameter = ("Content-Type", "Application/offset+octet-stream; x=y");
    assert!(patch(&[with_parameter, offset]).is_ok());
    for fields in [vec![offset], vec![("Content-Type", "application/octet-stream"), offset]] {
        assert_eq!(patch(&fields), Err(BadHead::MediaType));
    }
    assert_eq!(BadHead::MediaType.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    for value in ["-1", "+1", "1.0", "a", "", "1000000000000000"] {
        assert_eq!(patch(&[BYTES, ("Upload-Offset", value)]), Err(BadHead::Field("Upload-Offset")));
    }
    assert_eq!(patch(&[BYTES, offset, offset]), Err(BadHead::Field("Upload-Offset")));
    assert_eq!(patch(&[BYTES]), Err(BadHead::Field("Upload-Offset")));
}

#[test]
fn creation() {
    let create = Create {
        length: Some(100),
        is_part: false,
        metadata: Metadata::default(),
        has_content: false,
        checksum: None,
    };
    let length = ("Upload-Length", "100");
    assert_eq!(post(&[length], false), Ok(Request::Create(create.clone())));
    let metadata = Metadata::parse("filename YQ==").expect("it is");
    let named = Create { metadata, ..create };
    assert_eq!(post(&[length, ("Upload-Metadata", "filename YQ==")], false), Ok(Request::Create(named)));
    assert_eq!(
        post(&[length, ("Upload-Metadata", "filename ?")], false),
        Err(BadHead::Field("Upload-Metadata"))
    );
    for fields in [vec![], vec![("Upload-Length", "x")], vec![length, length]] {
        assert_eq!(post(&fields, false), Err(BadHead::Field("Upload-Length")));
    }
    assert_eq!(BadHead::Field("Upload-Length").status(), StatusCode::BAD_REQUEST);
}

#[test]
fn creation_defer_length() {
    let Ok(Request::Create(create)) = post(&[("Upload-Defer-Length", "1")], false) else {
        panic!("it is a creation")
    };
    assert_eq!(create.length, None);
    for value in ["0", "2", "true", ""] {
        let refused = post(&[("Upload-Defer-Length", value)], false);
        assert_eq!(refused, Err(BadHead::Field("Upload-Defer-Length")));
    }
    let both = post(&[("Upload-Defer-Length", "1"), ("Upload-Length", "1")], false);
    assert_eq!(both, Err(BadHead::Field("Upload-Length")));
    let later = patch(&[BYTES, ("Upload-Offset", "0"), ("Upload-Length", "5")]);
    assert_eq!(later, Ok(Request::Append(Append { offset: 0, length: Some(5), checksum: None })));
}

#[test]
fn creation_with_upload() {
    let length = ("Upload-Length", "100");
    let Ok(Request::Create(create)) = post(&[length, BYTES], true) else { panic!("it is a creation") };
    assert!(create.has_content);
    assert_eq!(post(&[length], true), Err(BadHead::MediaType));
    // The media type without bytes says nothing.
    assert!(matches!(post(&[length, BYTES], false), Ok(Request::Create(Create { has_content: false, .. }))));
}

#[test]
fn checksum() {
    let example = "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=";
    let checksum = upload_checksum(example.as_bytes()).expect("the example of tus");
    assert_eq!((checksum.algorithm, checksum.value.len()), (Algorithm::Sha1, 20));
    let offset = ("Upload-Offset", "0");
    let Ok(Request::Append(append)) = patch(&[BYTES, offset, ("Upload-Checksum", example)]) else {
        panic!("it is an append")
    };
    assert_eq!(append.checksum, Some(Expected::Known(checksum)));
    for algorithm in Algorithm::ALL {
        let zeros = vec![0; algorithm.digest_bytes()];
        let digits = zeros.len().div_ceil(3) * 4;
        let mut text = "A".repeat((zeros.len() * 8).div_ceil(6));
        text.push_str(&"=".repeat(digits - text.len()));
        let value = format!("{} {text}", algorithm.name());
        assert_eq!(upload_checksum(value.as_bytes()).map(|checksum| checksum.value), Ok(zeros));
        let short = format!("{} {}", algorithm.name(), &text[4..]);
        assert_eq!(upload_checksum(short.as_bytes()), Err(BadHead::Field("Upload-Checksum")));
    }
    assert_eq!(upload_checksum(b"crc32 AAAAAA=="), Err(BadHead::Algorithm));
    assert_eq!(BadHead::Algorithm.status(), StatusCode::BAD_REQUEST);
    for value in ["", "sha1", "sha1 ?", "sha1  "] {
        assert_eq!(upload_checksum(value.as_bytes()), Err(BadHead::Field("Upload-Checksum")));
    }
}

#[test]
fn checksum_trailer() {
    let offset = ("Upload-Offset", "0");
    let announced = patch(&[BYTES, offset, ("Trailer", "x, upload-CHECKSUM")]);
    let append = Append { offset: 0, length: None, checksum: Some(Expected::InTrailer) };
    assert_eq!(announced, Ok(Request::Append(append)));
    assert!(matches!(
        patch(&[BYTES, offset, ("Trailer", "x")]),
        Ok(Request::Append(Append { checksum: None, .. }))
    ));
}

#[test]
fn concatenation() {
    let Ok(Request::Create(part)) = post(&[("Upload-Concat", "partial"), ("Upload-Length", "5")], false)
    else {
        panic!("it is a creation")
    };
    assert!(part.is_part);
    let list = ("Upload-Concat", "final;/files/a https://h.example/files/b");
    let parts = vec!["/files/a".to_owned(), "https://h.example/files/b".to_owned()];
    let join = Join { parts, list: list.1[6..].to_owned(), metadata: Metadata::default() };
    assert_eq!(post(&[list], false), Ok(Request::Join(join)));
    let bad = Err(BadHead::Field("Upload-Concat"));
    assert_eq!(post(&[list, ("Upload-Length", "11")], false), bad, "MUST NOT include it");
    assert_eq!(post(&[list, BYTES], true), bad, "no bytes of its own");
    for value in ["final", "final;", "Partial", "", "final; "] {
        assert_eq!(post(&[("Upload-Concat", value)], false), bad, "{value}");
    }
    let many = format!("final;{}", "a ".repeat(MAX_PARTS + 1));
    assert_eq!(post(&[("Upload-Concat", &many)], false), Err(BadHead::TooManyParts));
    assert!(post(&[("Upload-Concat", &many[..many.len() - 2])], false).is_ok());
    let long = format!("final;{}", "a".repeat(MAX_LIST));
    assert!(post(&[("Upload-Concat", &long)], false).is_ok());
    for value in [long + "a", "final;/files/ä".to_owned()] {
        assert_eq!(post(&[("Upload-Concat", &value)], false), bad, "HEAD could not give it back");
    }
}

#[test]
fn a_request_without_the_version_is_of_tus_only_if_it_brings_its_fields() {
    let of = |method: Method, fields: &[(&str, &str)]| Protocol::of(&method, &head(fields));
    assert_eq!(of(Method::HEAD, &[VERSION]), Protocol::Tus);
    assert_eq!(of(Method::POST, &[("Upload-Length", "1")]), Protocol::Tus);
    assert_eq!(of(Method::PATCH, &[BYTES, ("Upload-Offset", "1")]), Protocol::Tus);
    assert_eq!(of(Method::POST, &[("Upload-Length", "1"), ("Upload-Complete", "?0")]), Protocol::Draft);
    assert_eq!(of(Method::HEAD, &[]), Protocol::Draft);
    assert_eq!(of(Method::HEAD, &[("Upload-Offset", "1")]), Protocol::Draft);
    assert_eq!(of(Method::POST, &[("Content-Type", "image/png")]), Protocol::Draft);
}
