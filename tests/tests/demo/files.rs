//! The files of the page, and what a request gets that is not in order.

use crate::server::{Demo, upgrade};

const JS: &str = "text/javascript; charset=utf-8";

#[tokio::test]
async fn every_file_of_the_page_is_served_with_its_type() {
    let demo = Demo::start().await;
    let modules = [
        "app",
        "chat",
        "chosen",
        "dom",
        "firehose",
        "hello",
        "kept",
        "lane",
        "links",
        "plot",
        "progress_bar",
        "reconnect",
        "terminal",
        "tutorial",
        "tutorial-upload",
        "upload",
        "upload_row",
        "viewer",
    ];
    let mut files: Vec<_> = modules.iter().map(|name| (format!("/{name}.js"), JS)).collect();
    files.push(("/".into(), "text/html; charset=utf-8"));
    for page in ["tutorial", "tutorial-upload", "upload"] {
        files.push((format!("/{page}.html"), "text/html; charset=utf-8"));
    }
    for style in ["style", "upload"] {
        files.push((format!("/{style}.css"), "text/css; charset=utf-8"));
    }
    for (path, content_type) in files {
        let response = demo.get(&path).await;
        assert_eq!(response.status, 200, "{path}");
        assert_eq!(response.header("content-type"), Some(content_type), "{path}");
        assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(response.header("cache-control"), Some("no-cache"));
        assert_eq!(
            response.header("content-security-policy"),
            Some("default-src 'self'; connect-src 'self' ws: wss:; style-src 'self'; img-src 'self' data:")
        );
        assert!(!response.body.is_empty());
        let head = demo.request("HEAD", &path, "").await;
        assert_eq!((head.status, head.body.len()), (200, 0));
        assert_eq!(head.header("content-length"), Some(response.body.len().to_string().as_str()));
    }
}

/// The assets folder and the table of files do not drift apart.
#[tokio::test]
async fn every_asset_is_served() {
    let demo = Demo::start().await;
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/gateway/assets");
    let mut folders = vec![std::path::PathBuf::from(folder)];
    let mut served = 0;
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).unwrap() {
            // Not the entry's own: the package is a link to its sources.
            let file = entry.unwrap().path();
            if file.is_dir() {
                folders.push(file);
                continue;
            }
            let name = file.strip_prefix(folder).unwrap().to_str().unwrap();
            let path = if name == "index.html" { "/".to_owned() } else { format!("/{name}") };
            let response = demo.get(&path).await;
            assert_eq!(response.status, 200, "{path}");
            assert_eq!(response.body, std::fs::read(&file).unwrap(), "{path}");
            served += 1;
        }
    }
    assert!(served > 30, "the package is among them: {served} files");
}

#[tokio::test]
async fn the_package_is_served_as_modules() {
    let demo = Demo::start().await;
    let index = demo.get("/tidegate/index.js").await;
    assert_eq!((index.status, index.header("content-type")), (200, Some(JS)));
    for path in ["/tidegate/", "/tidegate/nothing.js", "/tidegate/../app.js", "/tidegate/websocket"] {
        assert_eq!(demo.get(path).await.status, 404, "{path}");
    }
}

/// So that two tabs are two readers.
#[tokio::test]
async fn each_page_of_the_tutorial_has_an_address_of_its_own() {
    let demo = Demo::start().await;
    let location = async || demo.get("/tutorial").await.header("location").unwrap().to_owned();
    let (one, other) = (location().await, location().await);
    assert_ne!(one, other);
    assert_eq!(demo.get(&one).await.status, 200);
}

#[tokio::test]
async fn other_paths_and_methods_are_refused() {
    let demo = Demo::start().await;
    for path in ["/nothing", "/index.html/", "/../Cargo.toml", "/chat/"] {
        let response = demo.get(path).await;
        assert_eq!(response.status, 404, "{path}");
        assert_eq!(response.header("content-type"), Some("text/plain; charset=utf-8"));
    }
    for path in ["/", "/app.js", "/firehose/pushed"] {
        let response = demo.request("POST", path, "content-length: 0\r\n").await;
        assert_eq!((response.status, response.header("allow")), (405, Some("GET, HEAD")), "{path}");
    }
}

#[tokio::test]
async fn a_plain_get_on_a_websocket_path_is_told_to_upgrade() {
    let demo = Demo::start().await;
    for path in ["/chat", "/hello", "/echo", "/firehose"] {
        let response = demo.get(path).await;
        assert_eq!(response.status, 426, "{path}");
        assert_eq!(response.header("upgrade"), Some("websocket"));
        assert_eq!(response.header("sec-websocket-version"), Some("13"));
        assert!(response.text().contains("this is a WebSocket"), "{}", response.text());
    }
}

#[tokio::test]
async fn only_pages_of_the_same_origin_open_a_websocket() {
    let demo = Demo::start().await;
    for path in ["/chat", "/hello", "/echo", "/firehose"] {
        let foreign = demo.request("GET", path, &upgrade("http://evil.example")).await;
        assert_eq!(foreign.status, 403, "{path}");
        let own = demo.request("GET", path, &upgrade(&format!("http://{}", demo.address))).await;
        assert_eq!(own.status, 101, "{path}");
        assert_eq!(own.header("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    }
}

#[tokio::test]
async fn a_header_section_over_the_limit_gets_431() {
    let demo = Demo::start().await;
    let response = demo.request("GET", "/", &format!("x: {}\r\n", "x".repeat(17 * 1024))).await;
    assert_eq!(response.status, 431);
}
