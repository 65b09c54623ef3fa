//! Pages of other origins: which may upload, and what they are told.

use tidegate_gateway::upload::Limits;

use crate::rig::Server;
use crate::tus::TUS;

const APP: &str = "Origin: https://app.example\r\n";
const PREFLIGHT: &str =
    "Access-Control-Request-Method: PATCH\r\nAccess-Control-Request-Headers: upload-offset\r\n";

async fn listed() -> Server {
    Server::with(Limits::default(), |settings| settings.allow_origins(["https://app.example"])).await
}

#[tokio::test]
async fn a_listed_page_may_upload_and_reads_what_it_needs() {
    let server = listed().await;
    let preflight = server.ask("OPTIONS /uploads", &format!("{APP}{PREFLIGHT}"), "").await.is(204);
    assert_eq!(preflight.get("access-control-allow-origin"), "https://app.example");
    for method in ["POST", "HEAD", "PATCH", "DELETE"] {
        assert!(preflight.get("access-control-allow-methods").contains(method));
    }
    let allowed = preflight.get("access-control-allow-headers").to_ascii_lowercase();
    for name in [
        "tus-resumable",
        "upload-length",
        "upload-offset",
        "upload-metadata",
        "upload-defer-length",
        "upload-concat",
        "upload-checksum",
        "upload-complete",
        "upload-draft-interop-version",
        "content-type",
        "x-http-method-override",
        "x-file-id",
        "x-start-byte",
    ] {
        assert!(allowed.split(", ").any(|other| other == name), "{name}");
    }
    let created = server.ask("POST /uploads", &format!("{TUS}{APP}Upload-Length: 3\r\n"), "").await.is(201);
    let exposed = created.get("access-control-expose-headers").to_ascii_lowercase();
    for name in [
        "location",
        "upload-offset",
        "upload-length",
        "upload-metadata",
        "upload-expires",
        "tus-resumable",
        "tus-version",
    ] {
        assert!(exposed.split(", ").any(|other| other == name), "{name}");
    }
    assert_eq!(created.get("access-control-allow-origin"), "https://app.example");
}

#[tokio::test]
async fn other_pages_may_not() {
    let server = listed().await;
    for origin in ["https://evil.example", "https://app.example.evil", "null", "http://app.example"] {
        let origin = format!("Origin: {origin}\r\n");
        let preflight = server.ask("OPTIONS /uploads", &format!("{origin}{PREFLIGHT}"), "").await;
        assert!(
            !preflight.has("access-control-allow-origin") && !preflight.has("access-control-allow-methods")
        );
        server.ask("POST /uploads", &format!("{TUS}{origin}Upload-Length: 3\r\n"), "").await.is(403);
        server.ask("POST /upload", &format!("{origin}X-File-Id: a\r\n"), "abc").await.is(403);
        let read = server.ask("GET /status", &format!("{origin}X-File-Id: a\r\n"), "").await;
        assert!(!read.has("access-control-allow-origin"), "it cannot read that");
    }
}

#[tokio::test]
async fn the_same_host_and_programs_need_no_list() {
    let server = Server::start().await;
    let own = format!("Origin: http://{}\r\n", server.address);
    server.ask("POST /uploads", &format!("{TUS}{own}Upload-Length: 3\r\n"), "").await.is(201);
    server.ask("POST /uploads", &format!("{TUS}Upload-Length: 3\r\n"), "").await.is(201);
    server.ask("POST /uploads", &format!("{TUS}{APP}Upload-Length: 3\r\n"), "").await.is(403);
}
