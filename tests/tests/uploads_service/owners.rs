//! Whose uploads are whose.

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use tidegate_gateway::upload::{Limits, Principal, Reception, UploadService, Uploads};
use tower_service::Service;

use crate::server::{Folder, Server, TUS, files};

/// A service where a token says who asks.
async fn guarded(folder: &Folder) -> UploadService {
    let uploads = Uploads::new(files(folder.path()).await, Limits::default());
    let reception = Reception::new(uploads).principals(|head| {
        let token = head.headers.get("authorization").and_then(|token| token.to_str().ok());
        match token.and_then(|token| token.strip_prefix("Bearer ")) {
            Some(user) => Ok(Principal::Named(user.to_owned())),
            None => {
                let mut refusal = Response::new(Bytes::from_static(b"who are you?\n"));
                *refusal.status_mut() = StatusCode::UNAUTHORIZED;
                Err(Box::new(refusal))
            }
        }
    });
    reception.into_service()
}

async fn ask(
    service: &mut UploadService,
    user: Option<&str>,
    method: &str,
    path: &str,
    fields: &[(&str, &str)],
    body: &'static [u8],
) -> Response<Bytes> {
    let mut request = Request::builder().method(method).uri(path).header("host", "x");
    if let Some(user) = user {
        request = request.header("authorization", format!("Bearer {user}"));
    }
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let body = Full::<Bytes>::new(Bytes::from_static(body));
    let response = service.call(request.body(body).unwrap()).await.unwrap();
    let (head, body) = response.into_parts();
    Response::from_parts(head, body.collect().await.unwrap().to_bytes())
}

async fn create(service: &mut UploadService, user: &str, fields: &[(&str, &str)]) -> String {
    let fields = [&[("tus-resumable", "1.0.0"), ("upload-length", "5")], fields].concat();
    let response = ask(service, Some(user), "POST", "/uploads", &fields, b"").await;
    assert_eq!(response.status(), 201);
    response.headers()["location"].to_str().unwrap().to_owned()
}

const V1: (&str, &str) = ("tus-resumable", "1.0.0");

#[tokio::test]
async fn nobody_gets_at_what_is_not_his() {
    let folder = Folder::new();
    let service = &mut guarded(&folder).await;
    assert_eq!(
        ask(service, None, "POST", "/uploads", &[V1, ("upload-length", "5")], b"").await.status(),
        401
    );
    let path = create(service, "ann", &[]).await;
    let patch = [V1, ("upload-offset", "0"), ("content-type", "application/offset+octet-stream")];
    for user in ["bob", "annx", "an"] {
        for (method, fields) in [("HEAD", &[V1][..]), ("DELETE", &[V1]), ("PATCH", &patch), ("GET", &[])] {
            let status = ask(service, Some(user), method, &path, fields, b"").await.status();
            assert_eq!(status, 404, "{method} by {user}");
        }
    }
    assert_eq!(ask(service, Some("ann"), "PATCH", &path, &patch, b"hello").await.status(), 204);
    assert_eq!(ask(service, Some("ann"), "GET", &path, &[], b"").await.body(), "hello");
    assert_eq!(ask(service, Some("bob"), "GET", &path, &[], b"").await.status(), 404);
}

#[tokio::test]
async fn only_ones_own_parts_are_joined() {
    let folder = Folder::new();
    let service = &mut guarded(&folder).await;
    let mut parts = Vec::new();
    for user in ["ann", "ann", "bob"] {
        let path = create(service, user, &[("upload-concat", "partial")]).await;
        let patch = [V1, ("upload-offset", "0"), ("content-type", "application/offset+octet-stream")];
        let status = ask(service, Some(user), "PATCH", &path, &patch, b"12345").await.status();
        assert_eq!(status, 204);
        parts.push(path);
    }
    let [one, other, foreign] = &parts[..] else { panic!("three") };
    let mut join = async |user, list: String| {
        ask(service, Some(user), "POST", "/uploads", &[V1, ("upload-concat", &format!("final;{list}"))], b"")
            .await
    };
    for list in [foreign.clone(), format!("{one} {foreign}"), format!("{foreign} {one}")] {
        let status = join("ann", list).await.status();
        assert!([403, 404].contains(&status.as_u16()), "{status}");
    }
    let joined = join("ann", format!("{one} {other}")).await;
    assert_eq!(joined.status(), 201);
    let path = joined.headers()["location"].to_str().unwrap().to_owned();
    assert_eq!(ask(service, Some("ann"), "GET", &path, &[], b"").await.body(), "1234512345");
    assert_eq!(ask(service, Some("bob"), "GET", &path, &[], b"").await.status(), 404);
}

/// The same name, in two browsers: two files. In one browser: one file, which the cookie finds again.
#[tokio::test]
async fn visitors_with_the_same_file_do_not_meet() {
    let server = Server::start().await;
    let post = |start: u64| format!("x-file-id: photo-5-1\r\nx-start-byte: {start}\r\n");
    let first = server.ask("POST", "/upload", &post(0), b"mine!").await;
    assert_eq!(first.status, 200);
    let cookie = first.header("set-cookie").split(';').next().unwrap();
    assert!(
        first.header("set-cookie").contains("HttpOnly") && first.header("set-cookie").contains("SameSite=")
    );
    let stranger = server.ask("GET", "/status", "x-file-id: photo-5-1\r\n", b"").await;
    assert_eq!(stranger.text(), "0");
    let again =
        server.ask("GET", "/status", &format!("x-file-id: photo-5-1\r\ncookie: {cookie}\r\n"), b"").await;
    assert_eq!(again.text(), "5");
    assert!(again.find("set-cookie").is_none());
    let other = server.ask("POST", "/upload", &post(0), b"other").await;
    assert_ne!(first.header("location"), other.header("location"));
    assert_eq!(server.download(first.header("location")).await, b"mine!");
    assert_eq!(server.download(other.header("location")).await, b"other");
}

/// Begun by the tutorial's scheme, looked at by tus, finished by the draft.
#[tokio::test]
async fn one_upload_whatever_speaks_to_it() {
    let server = Server::start().await;
    let mut cut = server.peer().await;
    cut.head("POST", "/upload", "x-file-id: a-1-1\r\nx-start-byte: 0\r\ncontent-length: 10\r\n").await;
    cut.send(b"01234").await;
    // The client of this scheme is told the address at the end; here the only one in the store is it.
    let id = loop {
        if let Some(id) = server.only_upload().await {
            break id;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    };
    let path = format!("/uploads/{id}");
    while server.ask("GET", &path, "upload-draft-interop-version: 6\r\n", b"").await.header("upload-offset")
        != "5"
    {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(server.offset(&path).await, 5);
    let lines = "upload-draft-interop-version: 6\r\nupload-complete: ?1\r\nupload-offset: 5\r\n\
                 content-type: application/partial-upload\r\n";
    let answer = server.ask("PATCH", &path, lines, b"56789").await;
    assert!((200..300).contains(&answer.status), "{answer:?}");
    assert_eq!(server.download(&path).await, b"0123456789");
    let told = server.ask("HEAD", &path, TUS, b"").await;
    assert_eq!((told.header("upload-offset"), told.header("upload-length")), ("10", "10"));
}
