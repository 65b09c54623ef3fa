//! Files that are given back.

use crate::server::{PATCH, Server, TUS, bytes};

/// A page that somebody uploaded does not become a page of ours.
#[tokio::test]
async fn a_file_is_an_attachment_whatever_it_is() {
    let server = Server::start().await;
    // "../../x <y>.html", "text/html"
    let metadata = "upload-metadata: filename Li4vLi4veCA8eT4uaHRtbA==,filetype dGV4dC9odG1s\r\n";
    let created = server.ask("POST", "/uploads", &format!("{TUS}{metadata}upload-length: 25\r\n"), b"").await;
    let path = created.header("location");
    let page = b"<script>alert(1)</script>";
    // Before it is complete there is no file.
    let early = server.ask("GET", path, "", b"").await;
    assert!(early.body.is_empty() && early.find("content-disposition").is_none(), "{early:?}");
    assert_eq!(server.patch(path, 0, page).await.status, 204);
    let file = server.ask("GET", path, "accept: text/html\r\n", b"").await;
    assert_eq!((file.status, &file.body[..]), (200, &page[..]));
    assert_eq!(file.header("content-type"), "application/octet-stream");
    assert_eq!(file.header("content-disposition"), "attachment; filename*=UTF-8''x%20%3Cy%3E.html");
    assert_eq!(file.header("x-content-type-options"), "nosniff");
    assert!(file.header("content-security-policy").contains("sandbox"));
}

#[tokio::test]
async fn a_part_of_a_file() {
    let server = Server::start().await;
    let content = bytes(1_000_000);
    let path = server.create(content.len() as u64).await;
    assert_eq!(server.patch(&path, 0, &content).await.status, 204);
    let mut peer = server.peer().await;
    for (range, from, end) in
        [("500000-", 500_000, 1_000_000), ("10-19", 10, 20), ("-7", 999_993, 1_000_000), ("0-0", 0, 1)]
    {
        peer.request("GET", &path, &format!("range: bytes={range}\r\n"), b"").await;
        let part = peer.answer().await;
        assert_eq!(part.status, 206, "{range}");
        assert!(part.body == content[from..end], "{range}");
        assert_eq!(part.header("content-range"), format!("bytes {from}-{}/1000000", end - 1));
    }
    peer.request("GET", &path, "range: bytes=1000000-\r\n", b"").await;
    let none = peer.answer().await;
    assert_eq!((none.status, none.header("content-range")), (416, "bytes */1000000"));
    peer.request("GET", &path, "", b"").await;
    assert_eq!(peer.answer().await.body, content);
}

/// No name, however it is written, leads out of the folder.
#[tokio::test]
async fn names_are_no_paths() {
    let server = Server::start().await;
    for id in ["..", "../secret", "%2e%2e%2fsecret", "a/b", "0000000000000000-", "secret", "\\..\\secret"] {
        for (method, lines) in [("HEAD", TUS), ("GET", ""), ("DELETE", TUS), ("PATCH", PATCH)] {
            let lines =
                if method == "PATCH" { format!("{lines}upload-offset: 0\r\n") } else { lines.to_owned() };
            let answer = server.ask(method, &format!("/uploads/{id}"), &lines, b"").await;
            assert_eq!(answer.status, 404, "{method} {id}");
        }
    }
    for id in ["../../../../tmp/x", "a/b/c", "..", "\u{e9}\u{0}"] {
        let lines = format!("x-file-id: {}\r\nx-start-byte: 0\r\n", id.trim_end_matches('\0'));
        let answer = server.ask("POST", "/upload", &lines, b"x").await;
        assert_eq!(answer.status, 200, "{id}");
        let name = answer.header("location").strip_prefix("/uploads/").unwrap();
        assert!(name.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-'), "{name}");
    }
}

#[tokio::test]
async fn pages_of_other_origins_may_only_where_it_was_allowed() {
    let server = Server::start().await;
    let foreign = "origin: https://evil.example\r\n";
    let create = format!("{TUS}{foreign}upload-length: 3\r\n");
    assert_eq!(server.ask("POST", "/uploads", &create, b"").await.status, 403);
    let post = format!("{foreign}x-file-id: a\r\nx-start-byte: 0\r\n");
    assert_eq!(server.ask("POST", "/upload", &post, b"x").await.status, 403);
    let asks = format!("{foreign}access-control-request-method: POST\r\n");
    let preflight = server.ask("OPTIONS", "/uploads", &asks, b"").await;
    assert!(preflight.find("access-control-allow-origin").is_none());
    let own = format!("{TUS}origin: http://{}\r\nupload-length: 3\r\n", server.address);
    assert_eq!(server.ask("POST", "/uploads", &own, b"").await.status, 201);
    assert_eq!(server.uploads.limits().max_bytes, 16 << 30);
}
