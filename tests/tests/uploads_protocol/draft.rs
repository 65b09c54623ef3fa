//! draft-ietf-httpbis-resumable-upload over the wire, by the sections of -12 and by older versions' ways.

use sha1::Digest as _;
use tidegate_gateway::upload::Limits;

use crate::rig::{Server, file};
use crate::wire::Answer;

const COMPLETE: &str = "Upload-Complete: ?1\r\n";
const INCOMPLETE: &str = "Upload-Complete: ?0\r\n";
const PARTIAL: &str = "Content-Type: application/partial-upload\r\n";

fn interop(version: u8) -> String {
    format!("Upload-Draft-Interop-Version: {version}\r\n")
}

async fn post(server: &Server, fields: &str, body: impl AsRef<[u8]>) -> Answer {
    server.ask("POST /uploads", fields, body).await
}

/// A new upload without bytes; its place.
async fn create(server: &Server, fields: &str) -> String {
    let answer = post(server, &format!("{INCOMPLETE}{fields}"), "").await.is(201);
    assert_eq!((answer.get("upload-complete"), answer.get("upload-offset")), ("?0", "0"));
    answer.get("location").to_owned()
}

async fn patch(server: &Server, place: &str, offset: usize, fields: &str, body: &[u8]) -> Answer {
    let fields = format!("{PARTIAL}Upload-Offset: {offset}\r\n{fields}");
    server.ask(&format!("PATCH {place}"), &fields, body).await
}

async fn look(server: &Server, place: &str) -> Answer {
    server.ask(&format!("HEAD {place}"), "", "").await
}

async fn content(server: &Server, place: &str) -> Vec<u8> {
    server.ask(&format!("GET {place}"), "", "").await.is(200).body
}

#[tokio::test]
async fn s4_1_4_limits_are_told() {
    let server = Server::with(Limits { max_bytes: 1000, ..Limits::default() }, |settings| settings).await;
    let options = server.ask("OPTIONS /uploads", "", "").await.is(204);
    assert_eq!(options.get("upload-limit"), "max-size=1000, max-age=604800");
    assert!(options.get("accept-patch").contains("application/partial-upload"));
    server.ask("OPTIONS /uploads", COMPLETE, "").await.is(204);
    let old = server.ask("OPTIONS /uploads", &interop(6), "").await.is(204);
    assert_eq!(old.get("upload-limit"), "max-size=1000, expires=604800");
    let refused = post(&server, &format!("{COMPLETE}Upload-Length: 1001\r\n"), "").await;
    assert_eq!(refused.status, 400, "length and content differ");
    let refused = post(&server, &format!("{INCOMPLETE}Upload-Length: 1001\r\n"), "").await.is(413);
    assert_eq!((refused.get("upload-limit"), refused.get("upload-complete")), ("max-size=1000", "?0"));
    post(&server, COMPLETE, vec![0; 1001]).await.is(413);
    let place = create(&server, "").await;
    let refused = patch(&server, &place, 0, INCOMPLETE, &[0; 1001]).await.is(413);
    assert_eq!(refused.get("upload-limit"), "max-size=1000");
    assert_eq!(look(&server, &place).await.is(204).get("upload-offset"), "0");
}

#[tokio::test]
async fn s4_2_all_at_once() {
    let server = Server::start().await;
    let file = file(10, 100_000);
    let answer = post(&server, COMPLETE, &file).await.is(201);
    assert_eq!((answer.get("upload-complete"), answer.get("upload-offset")), ("?1", "100000"));
    assert!(answer.interim.is_empty(), "nobody has said which draft he speaks");
    assert_eq!(content(&server, answer.get("location")).await, file);
    let empty = post(&server, COMPLETE, "").await.is(201);
    assert_eq!((empty.get("upload-complete"), empty.get("upload-offset")), ("?1", "0"));
    // An upload of a client that knows none of this.
    let plain = post(&server, "Content-Type: image/png\r\n", "png").await.is(201);
    assert_eq!(content(&server, plain.get("location")).await, b"png");
}

#[tokio::test]
async fn s4_2_the_place_comes_first_then_the_progress() {
    let server = Server::start().await;
    let file = file(11, 3_000_000);
    for version in [3, 5, 6, 8, 9] {
        let mut client = server.client().await;
        let complete = if version == 3 { "Upload-Incomplete: ?0\r\n" } else { COMPLETE };
        let fields = format!("{complete}{}Content-Length: {}\r\n", interop(version), file.len());
        client.send_head("POST /uploads", &fields).await;
        let first = client.head().await;
        assert_eq!((first.status, first.get("upload-offset")), (104, None));
        assert_eq!(first.get("upload-draft-interop-version"), Some(&*version.to_string()));
        let place = first.get("location").unwrap().to_owned();
        client.send(&file[..2_000_000]).await;
        if version > 3 {
            // It advances while the body is on its way.
            let progress = client.head().await;
            assert_eq!((progress.status, progress.get("location")), (104, None));
            assert!(progress.get("upload-offset").is_some());
        }
        client.send(&file[2_000_000..]).await;
        let answer = client.answer(false).await.is(201);
        assert_eq!(answer.get("location"), place);
        let offsets =
            answer.interim.iter().map(|head| head.get("upload-offset").unwrap().parse::<u64>().unwrap());
        assert!(offsets.is_sorted());
        assert!(version > 3 || answer.interim.is_empty());
        assert_eq!(content(&server, &place).await, file);
    }
}

#[tokio::test]
async fn s4_2_a_broken_creation_goes_on_at_the_place_that_104_told() {
    let server = Server::start().await;
    let file = file(12, 500_000);
    let mut client = server.client().await;
    let fields = format!("{COMPLETE}{}Content-Length: {}\r\n", interop(9), file.len());
    client.send_head("POST /uploads", &fields).await;
    let place = client.head().await.get("location").unwrap().to_owned();
    client.send(&file[..300_000]).await;
    drop(client);
    let head = look(&server, &place).await.is(204);
    assert_eq!((head.get("upload-complete"), head.get("upload-length")), ("?0", "500000"));
    let at: usize = head.get("upload-offset").parse().unwrap();
    let done = patch(&server, &place, at, COMPLETE, &file[at..]).await.is(201);
    assert_eq!(done.get("upload-complete"), "?1");
    assert_eq!(content(&server, &place).await, file);
}

#[tokio::test]
async fn s4_2_100_continue_comes_beside_104() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let fields = format!("{COMPLETE}{}Expect: 100-continue\r\nContent-Length: 3\r\n", interop(9));
    client.send_head("POST /uploads", &fields).await;
    let mut statuses = [client.head().await.status, client.head().await.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [100, 104]);
    client.send(b"abc").await;
    client.answer(false).await.is(201);
}

#[tokio::test]
async fn s4_2_careful_creation() {
    let server = Server::start().await;
    let place = create(&server, "Upload-Length: 6\r\n").await;
    let answer = patch(&server, &place, 0, INCOMPLETE, b"abc").await.is(204);
    assert_eq!((answer.get("upload-complete"), answer.get("upload-offset")), ("?0", "3"));
    let answer = patch(&server, &place, 3, COMPLETE, b"def").await.is(201);
    assert_eq!((answer.get("upload-complete"), answer.get("upload-offset")), ("?1", "6"));
    assert_eq!(content(&server, &place).await, b"abcdef");
}

#[tokio::test]
async fn s4_3_head_and_get_tell_the_state() {
    let server = Server::start().await;
    let place = create(&server, "").await;
    for method in ["HEAD", "GET"] {
        let answer = server.ask(&format!("{method} {place}"), "", "").await.is(204);
        assert_eq!((answer.get("upload-offset"), answer.get("upload-complete")), ("0", "?0"));
        assert_eq!((answer.get("cache-control"), answer.has("upload-length")), ("no-store", false));
        assert!(answer.get("upload-limit").starts_with("max-size="));
        server.ask(&format!("{method} {place}"), "Upload-Offset: 0\r\n", "").await.is(400);
        server.ask(&format!("{method} {place}"), INCOMPLETE, "").await.is(400);
    }
    patch(&server, &place, 0, COMPLETE, b"abc").await.is(201);
    let done = look(&server, &place).await.is(204);
    assert_eq!((done.get("upload-offset"), done.get("upload-complete")), ("3", "?1"));
    assert_eq!(done.get("upload-length"), "3");
    look(&server, "/uploads/nobody").await.is(404);
}

#[tokio::test]
async fn s4_4_a_wrong_offset_is_a_problem_with_the_right_one() {
    let server = Server::start().await;
    let place = create(&server, "").await;
    patch(&server, &place, 0, INCOMPLETE, b"abc").await.is(204);
    for wrong in [0, 2, 4] {
        let refused = patch(&server, &place, wrong, INCOMPLETE, b"x").await.is(409);
        assert_eq!((refused.get("upload-offset"), refused.get("upload-complete")), ("3", "?0"));
        let (name, problem) = refused.problem();
        assert_eq!(name, "mismatching-upload-offset");
        assert_eq!((&problem["expected-offset"], &problem["provided-offset"]), (&3.into(), &wrong.into()));
    }
    patch(&server, &place, 3, COMPLETE, b"").await.is(201);
}

#[tokio::test]
async fn s4_4_lengths_that_differ_are_a_problem() {
    let server = Server::start().await;
    let refused = post(&server, &format!("{COMPLETE}Upload-Length: 100\r\n"), "12345").await.is(400);
    assert_eq!(
        (refused.problem().0.as_str(), refused.get("upload-complete")),
        ("inconsistent-upload-length", "?0")
    );
    let place = create(&server, "Upload-Length: 5\r\n").await;
    for (fields, body) in [
        (format!("{INCOMPLETE}Upload-Length: 6\r\n"), &b"ab"[..]),
        (format!("{COMPLETE}Upload-Length: 6\r\n"), b"abcdef"),
        (COMPLETE.to_owned(), b"abcd"),
    ] {
        let refused = patch(&server, &place, 0, &fields, body).await.is(400);
        assert_eq!(refused.problem().0, "inconsistent-upload-length");
        assert_eq!(look(&server, &place).await.is(204).get("upload-offset"), "0");
    }
    // Without its length before, the body is found to be too short when it ends; what came is kept.
    let mut client = server.client().await;
    let fields = format!("{PARTIAL}{COMPLETE}Upload-Offset: 0\r\nTransfer-Encoding: chunked\r\n");
    client.send_head(&format!("PATCH {place}"), &fields).await;
    client.send_chunk(b"abcd").await;
    client.send(b"0\r\n\r\n").await;
    let refused = client.answer(false).await.is(400);
    assert_eq!(
        (refused.problem().0.as_str(), refused.get("upload-offset")),
        ("inconsistent-upload-length", "4")
    );
    patch(&server, &place, 4, COMPLETE, b"e").await.is(201);
}

#[tokio::test]
async fn s4_4_more_than_the_length_ends_the_upload() {
    let server = Server::start().await;
    let over = async |place: &str, is_chunked: bool| {
        let mut client = server.client().await;
        let framing = if is_chunked { "Transfer-Encoding: chunked" } else { "Content-Length: 6" };
        let fields = format!("{PARTIAL}{INCOMPLETE}Upload-Offset: 0\r\n{framing}\r\n");
        client.send_head(&format!("PATCH {place}"), &fields).await;
        if is_chunked {
            client.send_chunk(b"abcdef").await;
        } else {
            client.send(b"abcdef").await;
        }
        client.answer(false).await
    };
    for is_chunked in [false, true] {
        let place = create(&server, "Upload-Length: 5\r\n").await;
        let refused = over(&place, is_chunked).await.is(400);
        assert_eq!(refused.get("upload-complete"), "?0");
        assert_eq!(refused.problem().0, "inconsistent-upload-length");
        look(&server, &place).await.is(410);
        patch(&server, &place, 0, INCOMPLETE, b"a").await.is(410);
    }
}

#[tokio::test]
async fn s4_4_all_bytes_are_not_complete_until_the_client_says_so() {
    let server = Server::start().await;
    let place = create(&server, "Upload-Length: 5\r\n").await;
    patch(&server, &place, 0, INCOMPLETE, b"abcde").await.is(204);
    let head = look(&server, &place).await.is(204);
    assert_eq!((head.get("upload-offset"), head.get("upload-complete")), ("5", "?0"));
    patch(&server, &place, 5, COMPLETE, b"").await.is(201);
    // The answer may have been lost: it is given again, and nothing else can be done.
    assert_eq!(patch(&server, &place, 5, COMPLETE, b"").await.is(201).get("upload-complete"), "?1");
    let refused = patch(&server, &place, 5, COMPLETE, b"x").await.is(400);
    assert_eq!(refused.problem().0, "inconsistent-upload-length");
    patch(&server, &place, 0, COMPLETE, b"abcde").await.is(409);
    assert_eq!(content(&server, &place).await, b"abcde");
}

#[tokio::test]
async fn s4_4_heads_that_are_none_are_refused() {
    let server = Server::start().await;
    let place = create(&server, "").await;
    let head = format!("PATCH {place}");
    server.ask(&head, &format!("{INCOMPLETE}Upload-Offset: 0\r\n"), "a").await.is(415);
    server.ask(&head, &format!("{PARTIAL}{INCOMPLETE}"), "a").await.is(400);
    server.ask(&head, &format!("{PARTIAL}{INCOMPLETE}Upload-Offset: abc\r\n"), "a").await.is(400);
    server.ask(&head, &format!("{PARTIAL}Upload-Offset: 0\r\n"), "a").await.is(400);
    post(&server, "Upload-Complete: true\r\n", "a").await.is(400);
    server.ask(&format!("PUT {place}"), COMPLETE, "a").await.is(405);
    assert_eq!(look(&server, &place).await.get("upload-offset"), "0");
}

#[tokio::test]
async fn s4_5_delete_ends_what_is_on_its_way() {
    let server = Server::start().await;
    let place = create(&server, "").await;
    let mut client = server.client().await;
    let fields = format!("{PARTIAL}{COMPLETE}Upload-Offset: 0\r\nContent-Length: 10\r\n");
    client.send_head(&format!("PATCH {place}"), &fields).await;
    client.send(b"abc").await;
    server.ask(&format!("DELETE {place}"), "", "").await.is(204);
    look(&server, &place).await.is(404);
    server.ask(&format!("DELETE {place}"), "", "").await.is(404);
    assert!(client.answer(false).await.status >= 400);
}

#[tokio::test]
async fn s4_6_a_looks_offset_is_usable_while_another_request_hangs() {
    let server = Server::start().await;
    let file = file(13, 200_000);
    let place = create(&server, "").await;
    let mut hanging = server.client().await;
    let fields = format!("{PARTIAL}{COMPLETE}Upload-Offset: 0\r\nContent-Length: {}\r\n", file.len());
    hanging.send_head(&format!("PATCH {place}"), &fields).await;
    hanging.send(&file[..150_000]).await;
    let at: usize = look(&server, &place).await.is(204).get("upload-offset").parse().unwrap();
    // What still comes of the older one must not count.
    hanging.send(&[0xff; 1000]).await;
    patch(&server, &place, at, COMPLETE, &file[at..]).await.is(201);
    assert_eq!(content(&server, &place).await, file);
}

#[tokio::test]
async fn interop_3_in_its_own_words() {
    let server = Server::start().await;
    let three = interop(3);
    let answer = post(&server, &format!("{three}Upload-Incomplete: ?1\r\n"), "abc").await.is(201);
    assert_eq!((answer.get("upload-incomplete"), answer.get("upload-offset")), ("?1", "3"));
    let place = answer.get("location").to_owned();
    let head = server.ask(&format!("HEAD {place}"), &three, "").await.is(204);
    assert_eq!((head.get("upload-incomplete"), head.get("upload-offset")), ("?1", "3"));
    let patch = format!("PATCH {place}");
    let more = format!("{three}Upload-Offset: 3\r\nUpload-Incomplete: ?1\r\n");
    assert_eq!(server.ask(&patch, &more, "de").await.is(201).get("upload-incomplete"), "?1");
    // What says nothing is the last one.
    let last = server.ask(&patch, &format!("{three}Upload-Offset: 5\r\n"), "f").await.is(201);
    assert_eq!((last.get("upload-incomplete"), last.get("upload-offset")), ("?0", "6"));
    assert_eq!(content(&server, &place).await, b"abcdef");
}

#[tokio::test]
async fn interop_5_and_6_are_complete_by_their_length() {
    let server = Server::start().await;
    for version in [5, 6] {
        let fields = format!("{}{INCOMPLETE}Upload-Length: 6\r\n", interop(version));
        let place = post(&server, &fields, "abc").await.is(201).get("location").to_owned();
        // As tus-js-client has it, whose last chunk does not say that it is the last.
        let more = format!("{}{INCOMPLETE}", interop(version));
        let last = patch(&server, &place, 3, &more, b"def").await.is(201);
        assert_eq!((last.get("upload-complete"), last.get("upload-offset")), ("?1", "6"));
        assert_eq!(content(&server, &place).await, b"abcdef");
    }
}

#[tokio::test]
async fn rfc_9530_a_content_digest_is_checked_before_the_content_counts() {
    let server = Server::start().await;
    let place = create(&server, "").await;
    let digest = |bytes: &[u8]| {
        let digits: String = sha1::Sha1::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        digits
    };
    assert_eq!(digest(b"hello world"), "2aae6c35c94fcfb415dbe95f408b9ce91ee846ed");
    let right = "Content-Digest: sha-256=:uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=:\r\n";
    let fields = format!("{COMPLETE}{right}");
    let refused = patch(&server, &place, 0, &fields, b"hello w0rld").await.is(400);
    assert_eq!(refused.problem().0, "digest-mismatching-values");
    assert_eq!(look(&server, &place).await.get("upload-offset"), "0");
    patch(&server, &place, 0, &fields, b"hello world").await.is(201);
    patch(&server, &place, 0, &format!("{COMPLETE}Content-Digest: nonsense=\r\n"), b"").await.is(400);
}

#[tokio::test]
async fn the_name_of_the_file_comes_from_content_disposition() {
    let server = Server::start().await;
    let fields = format!(
        "{COMPLETE}Content-Disposition: inline; filename=\"x\"; filename*=UTF-8''file%20n%C3%A4me.jpg\r\n\
         Content-Type: image/jpeg\r\n"
    );
    let place = post(&server, &fields, "abc").await.is(201).get("location").to_owned();
    let file = server.ask(&format!("GET {place}"), "", "").await.is(200);
    assert_eq!(file.get("content-disposition"), "attachment; filename*=UTF-8''file%20n%C3%A4me.jpg");
    assert_eq!(file.get("x-content-type-options"), "nosniff");
}
