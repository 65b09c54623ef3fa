//! Clients that others wrote: npm's tus-js-client and @uppy/tus, Python's tuspy and aiotus, and curl, each also with its connection cut
//! at several points of the file.

use std::path::PathBuf;

use serde_json::{Value, json};
use tidegate_tests::program::Program;
use tidegate_tests::raw::soon;
use tidegate_tests::tools;
use tokio::process::Command;

use crate::cutter::Cutter;
use crate::rig::{Server, file};
use crate::tus::{content, look};

/// A file on the disk, which goes when this is dropped.
struct OnDisk {
    path: PathBuf,
    bytes: Vec<u8>,
}

impl OnDisk {
    fn new(seed: u64, len: usize) -> Self {
        let path = std::env::temp_dir().join(format!("tidegate-upload-{}-{seed}.bin", std::process::id()));
        let bytes = file(seed, len);
        std::fs::write(&path, &bytes).unwrap();
        Self { path, bytes }
    }

    fn path(&self) -> &str {
        self.path.to_str().unwrap()
    }

    fn name(&self) -> &str {
        self.path.file_name().unwrap().to_str().unwrap()
    }
}

impl Drop for OnDisk {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

async fn ask(program: &Program, action: &str, arguments: Value) -> Value {
    let reply = soon(program.ask(action, arguments)).await;
    reply.unwrap_or_else(|error| panic!("{action}: {error}"))
}

/// The path of an upload, of what a client says is its URL.
fn place(reply: &Value) -> String {
    let url = reply["url"].as_str().unwrap_or_else(|| panic!("no URL in {reply}"));
    url[url.find("/uploads/").unwrap()..].to_owned()
}

const LEN: usize = 1_500_000;
/// Cuts lie within these bytes of a connection.
const EVERY: u64 = 200_000;
const CUTS: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn tus_js_client_in_all_its_protocols_with_the_connection_cut() {
    let server = Server::start().await;
    let node = Program::start(&tools::node(), "tus_peer.mjs");
    let mut seed = 100;
    for protocol in ["tus-v1", "ietf-draft-03", "ietf-draft-05"] {
        for chunk in [None, Some(300_000)] {
            seed += 1;
            let file = OnDisk::new(seed, LEN);
            let cutter = Cutter::start(&server.address, seed, CUTS, EVERY).await;
            let arguments = json!({
                "url": cutter.url("/uploads"), "path": file.path(), "protocol": protocol, "chunkSize": chunk,
            });
            let reply = ask(&node, "upload", arguments).await;
            assert_eq!(cutter.left(), 0, "{protocol} {chunk:?}: every cut was made");
            let place = place(&reply);
            assert_eq!(content(&server, &place).await, file.bytes, "{protocol} {chunk:?}");
            let head = server.ask(&format!("HEAD {place}"), "", "").await.is(204);
            assert_eq!(head.get("upload-complete"), "?1", "{protocol} {chunk:?}");
            let metadata = look(&server, &place).await;
            assert!(metadata.get("upload-metadata").starts_with("filename "), "{protocol}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tus_js_client_in_parallel_and_with_a_length_that_comes_later() {
    let server = Server::start().await;
    let node = Program::start(&tools::node(), "tus_peer.mjs");
    let file = OnDisk::new(120, LEN);
    let cutter = Cutter::start(&server.address, 120, CUTS, EVERY).await;
    let url = cutter.url("/uploads");
    let parallel = json!({ "url": url, "path": file.path(), "protocol": "tus-v1", "parallel": 3 });
    let joined = place(&ask(&node, "upload", parallel).await);
    assert_eq!(content(&server, &joined).await, file.bytes);
    assert_eq!(cutter.left(), 0);
    let deferred = json!({
        "url": server.url("/uploads"), "path": file.path(), "protocol": "tus-v1", "chunkSize": 400_000,
        "deferred": true,
    });
    let deferred = place(&ask(&node, "upload", deferred).await);
    assert_eq!(content(&server, &deferred).await, file.bytes);
    ask(&node, "terminate", json!({ "url": server.url(&deferred) })).await;
    look(&server, &deferred).await.is(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn uppy_with_the_connection_cut() {
    let server = Server::start().await;
    let node = Program::start(&tools::node(), "tus_peer.mjs");
    for (seed, chunk) in [(125, None), (126, Some(300_000))] {
        let file = OnDisk::new(seed, LEN);
        let cutter = Cutter::start(&server.address, seed, CUTS, EVERY).await;
        let arguments = json!({ "url": cutter.url("/uploads"), "path": file.path(), "chunkSize": chunk });
        let place = place(&ask(&node, "uppy", arguments).await);
        assert_eq!(content(&server, &place).await, file.bytes, "{chunk:?}");
        assert_eq!(cutter.left(), 0, "{chunk:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn begun_by_tus_js_client_in_one_protocol_and_finished_in_another() {
    let server = Server::start().await;
    let node = Program::start(&tools::node(), "tus_peer.mjs");
    let file = OnDisk::new(130, LEN);
    let protocols = ["tus-v1", "ietf-draft-03", "ietf-draft-05"];
    for (begin, finish) in protocols.iter().flat_map(|a| protocols.iter().map(move |b| (a, b))) {
        let url = server.url("/uploads");
        let arguments = json!({ "url": url, "path": file.path(), "protocol": begin, "chunkSize": 300_000 });
        let begun = place(&ask(&node, "abandon", arguments).await);
        let arguments = json!({
            "url": url, "path": file.path(), "protocol": finish, "uploadUrl": server.url(&begun),
        });
        let finished = place(&ask(&node, "upload", arguments).await);
        assert_eq!(finished, begun, "{begin} {finish}");
        assert_eq!(content(&server, &begun).await, file.bytes, "{begin} {finish}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tuspy_with_and_without_checksums_with_the_connection_cut() {
    let server = Server::start().await;
    let python = Program::start(&tools::python(), "tus_peer.py");
    for (seed, chunk, checksum) in
        [(140, None, false), (141, Some(300_000), false), (142, Some(150_000), true)]
    {
        let file = OnDisk::new(seed, LEN);
        let cutter = Cutter::start(&server.address, seed, CUTS, 100_000).await;
        let arguments = json!({
            "url": cutter.url("/uploads"), "path": file.path(), "chunk": chunk, "checksum": checksum,
        });
        let place = place(&ask(&python, "tuspy", arguments).await);
        assert_eq!(content(&server, &place).await, file.bytes, "{chunk:?}");
        assert_eq!(cutter.left(), 0, "{chunk:?}");
    }
    let empty = OnDisk::new(143, 0);
    let arguments =
        json!({ "url": server.url("/uploads"), "path": empty.path(), "chunk": 1000, "checksum": false });
    let place = place(&ask(&python, "tuspy", arguments).await);
    assert_eq!(look(&server, &place).await.is(200).get("upload-length"), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn aiotus_with_parts_and_metadata_and_the_connection_cut() {
    let server = Server::start().await;
    let python = Program::start(&tools::python(), "tus_peer.py");
    let file = OnDisk::new(150, LEN);
    let cutter = Cutter::start(&server.address, 150, CUTS, 100_000).await;
    let arguments = json!({ "url": cutter.url("/uploads"), "path": file.path(), "chunk": 200_000 });
    let whole = place(&ask(&python, "aiotus", arguments).await);
    assert_eq!(content(&server, &whole).await, file.bytes);
    assert_eq!(cutter.left(), 0);
    let metadata = ask(&python, "aiotus_metadata", json!({ "url": server.url(&whole) })).await;
    assert_eq!(metadata["filename"], file.name());
    let parts = [OnDisk::new(151, 100_000), OnDisk::new(152, 70_001)];
    let paths = [parts[0].path(), parts[1].path()];
    let arguments = json!({ "url": server.url("/uploads"), "paths": paths });
    let joined = place(&ask(&python, "aiotus_parts", arguments).await);
    assert_eq!(content(&server, &joined).await, [&parts[0].bytes[..], &parts[1].bytes[..]].concat());
}

/// Runs curl, and gives what it wrote.
async fn curl(arguments: &[&str]) -> (bool, String) {
    let run =
        Command::new("curl").args(["--silent", "--show-error", "--noproxy", "*"]).args(arguments).output();
    let output = soon(run).await.expect("curl is there; `cargo xtask setup` installs it");
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_goes_on_where_its_connection_was_cut() {
    let server = Server::start().await;
    let file = OnDisk::new(160, LEN);
    let data = format!("@{}", file.path());
    let cutter = Cutter::start(&server.address, 160, 1, EVERY).await;
    let (is_sent, heads) = curl(&[
        "--include",
        "--data-binary",
        &data,
        "--header",
        "Upload-Complete: ?1",
        "--header",
        "Upload-Draft-Interop-Version: 9",
        "--header",
        "Content-Type: application/octet-stream",
        &cutter.url("/uploads"),
    ])
    .await;
    assert!(!is_sent, "it was cut");
    let line = |name: &str| heads.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    assert!(heads.starts_with("HTTP/1.1 10"), "{heads}");
    let place = line("location: ").or(line("Location: ")).expect("the 104 came before").to_owned();
    let head = server.ask(&format!("HEAD {place}"), "", "").await.is(204);
    let at: usize = head.get("upload-offset").parse().unwrap();
    let rest = OnDisk::new(161, 0);
    std::fs::write(&rest.path, &file.bytes[at..]).unwrap();
    let (data, offset) = (format!("@{}", rest.path()), format!("Upload-Offset: {at}"));
    let (is_sent, heads) = curl(&[
        "--include",
        "--request",
        "PATCH",
        "--data-binary",
        &data,
        "--header",
        "Upload-Complete: ?1",
        "--header",
        &offset,
        "--header",
        "Content-Type: application/partial-upload",
        &server.url(&place),
    ])
    .await;
    assert!(is_sent && heads.contains("201 Created"), "{heads}");
    assert_eq!(content(&server, &place).await, file.bytes);
    // An upload of somebody who knows nothing of all this.
    let (is_sent, body) = curl(&["--data-binary", &data, "--include", &server.url("/uploads")]).await;
    assert!(is_sent && body.contains("201 Created"), "{body}");
}
