//! Heads of uploads: arbitrary ones by every protocol and method, and the machine behind them with any calls.
#![no_main]

mod common;

use common::Choices;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use libfuzzer_sys::fuzz_target;
use tidegate_proto::upload::{
    Body, Ending, Excess, Metadata, Protocol, Snapshot, Upload, draft, method, tus, tutorial,
};

/// What a head is made of, so that a target need not find the names.
const NAMES: [&str; 18] = [
    "tus-resumable",
    "upload-length",
    "upload-defer-length",
    "upload-offset",
    "upload-metadata",
    "upload-checksum",
    "upload-concat",
    "upload-complete",
    "upload-incomplete",
    "upload-draft-interop-version",
    "content-digest",
    "content-disposition",
    "content-type",
    "trailer",
    "x-http-method-override",
    "x-file-id",
    "x-start-byte",
    "x-else",
];

/// Values that lead further than most.
const VALUES: [&str; 8] = [
    "1.0.0",
    "application/offset+octet-stream",
    "application/partial-upload",
    "?1",
    "?0",
    "partial",
    "final;/uploads/a",
    "1",
];

const METHODS: [Method; 7] =
    [Method::OPTIONS, Method::POST, Method::HEAD, Method::GET, Method::PATCH, Method::DELETE, Method::PUT];

const MOST: u64 = 1 << 40;

fuzz_target!(|bytes: &[u8]| {
    let mut choices = Choices::new(bytes);
    if choices.byte() & 1 == 0 { heads(&mut choices) } else { calls(&mut choices) }
});

fn heads(choices: &mut Choices<'_>) {
    let verb = &METHODS[usize::from(choices.byte()) % METHODS.len()];
    let flags = choices.byte();
    let (is_upload, has_content) = (flags & 1 == 0, flags & 2 == 0);
    let mut headers = HeaderMap::new();
    while !choices.is_over() {
        let name = HeaderName::from_static(NAMES[usize::from(choices.byte()) % NAMES.len()]);
        let len = usize::from(choices.byte());
        let value = match len.checked_sub(248) {
            Some(known) => HeaderValue::from_static(VALUES[known % VALUES.len()]),
            None => match HeaderValue::from_bytes(choices.bytes(len)) {
                Ok(value) => value,
                Err(_) => continue,
            },
        };
        headers.append(name, value);
    }
    let _ = (method(verb, &headers), Protocol::of(verb, &headers), tutorial::read(&headers));
    match tus::read(verb, &headers, is_upload, has_content) {
        Ok(tus::Request::Create(create)) => metadata(&create.metadata),
        Ok(tus::Request::Join(join)) => assert!((1..=tus::MAX_PARTS).contains(&join.parts.len())),
        Ok(_) => {}
        Err(bad) => assert!(bad.status().is_client_error() && bad.fields().len() < 2),
    }
    match draft::read(verb, &headers, is_upload) {
        Ok(draft::Request::Create(create)) => metadata(&create.metadata),
        Ok(_) => {}
        Err(bad) => assert!(bad.status().is_client_error()),
    }
    let limits = draft::Version::of(&headers).limits(MOST, Some(u64::from(flags)));
    assert!(limits.to_str().is_ok_and(|limits| limits.starts_with("max-size=")));
}

/// What was understood is understood again, and can go into a head.
fn metadata(metadata: &Metadata) {
    assert_eq!(Metadata::parse(metadata.as_str()).as_ref(), Ok(metadata));
    assert!(HeaderValue::from_str(metadata.as_str()).is_ok());
    if let Some(name) = metadata.file_name() {
        assert!(!name.contains(['/', '\\', '\0', '\n']) && !name.is_empty() && name != "..");
    }
}

/// The machine: whatever is called, what it says never goes back, and no more is taken than may be.
fn calls(choices: &mut Choices<'_>) {
    let mut upload = Upload::new(Snapshot::default(), u64::from(choices.byte()) << 2);
    let most = u64::from(u8::MAX) << 2;
    let mut claim = upload.claim();
    let mut told = 0;
    while !choices.is_over() {
        match choices.byte() {
            0..=39 => claim = upload.claim(),
            40..=89 if !upload.is_written() => {
                let found = Snapshot {
                    offset: upload.pushed(),
                    length: upload.length(),
                    is_complete: upload.is_complete(),
                };
                let body = body(choices, upload.pushed());
                let _ = upload.begin(claim, found, &body);
            }
            90..=149 => {
                let before = upload.pushed();
                let bytes = u64::from(choices.byte());
                let taken = upload.take(claim, bytes);
                assert_eq!(upload.pushed(), before + if taken.is_ok() { bytes } else { 0 });
            }
            150..=189 => upload.durable(claim, u64::from(choices.byte()) << 2),
            190..=199 => upload.approve(claim),
            200..=229 => {
                let is_whole = choices.byte() & 1 == 0;
                let pushed = upload.pushed();
                let _ = upload.end(claim, pushed, is_whole);
            }
            230..=244 => drop(upload.complete(claim)),
            245..=249 => upload.fence(),
            250 => upload.kill(),
            _ => {}
        }
        assert!(upload.offset() >= told && upload.offset() <= upload.pushed() && upload.pushed() <= most);
        assert!(upload.length().is_none_or(|length| length <= most));
        if upload.is_complete() {
            assert_eq!(upload.length(), Some(upload.offset()));
        }
        told = upload.offset();
    }
}

fn body(choices: &mut Choices<'_>, pushed: u64) -> Body {
    let flags = choices.byte();
    let mut some = |flag: u8| (flags & flag != 0).then(|| u64::from(choices.byte()) << 2);
    Body {
        length: some(1),
        content_length: some(2),
        offset: some(4).unwrap_or(pushed),
        ending: [Ending::AtLength, Ending::AtEndOfBody, Ending::Later][usize::from(flags >> 6) % 3],
        excess: if flags & 8 == 0 { Excess::Refuse } else { Excess::Kill },
        is_held: flags & 16 != 0,
    }
}
