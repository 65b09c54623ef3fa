//! What the documents show in Rust, to be compiled; and whether they show it still.

use tidegate::{Message, WebSocketError};
use tidegate_gateway::upload::store::StoreError;

async fn client() -> Result<(), WebSocketError> {
    use tidegate::{CloseInfo, Opened, WebSocketStream};

    let socket = WebSocketStream::connect("wss://feed.example/ticks")?;
    let Opened { mut readable, mut writable, .. } = socket.opened().await?;
    while let Some(message) = readable.read().await? {
        writable.write(process(message).await).await?;
    }
    let CloseInfo { close_code, reason } = socket.closed().await?;
    println!("{close_code} {reason}");
    Ok(())
}

async fn process(message: Message) -> Message {
    message
}

async fn server() -> std::io::Result<()> {
    use tidegate::Opened;

    let listener = tokio::net::TcpListener::bind("127.0.0.1:9001").await?;
    tidegate::serve(listener, |connection| async move {
        let Ok(Opened { readable, writable, .. }) = connection.opened().await else { return };
        let _ = readable.pipe_to(writable).await;
    })
    .await
}

async fn uploads() -> Result<axum::Router, StoreError> {
    use tidegate_gateway::upload::{Limits, Reception, Uploads};

    let store = tidegate_gateway::upload::store::open("/var/lib/uploads").await?;
    let service = Reception::new(Uploads::new(store, Limits::default())).into_service();
    let app = axum::Router::new()
        .route_service("/uploads", service.clone())
        .route_service("/uploads/{id}", service);
    Ok(app)
}

/// The lines of code, without comments and white space.
fn code(text: &str) -> Vec<&str> {
    let lines = text.lines().map(|line| line.split(" //").next().unwrap_or_default().trim());
    lines.filter(|line| !line.is_empty()).collect()
}

#[test]
fn what_the_documents_show_is_compiled_here() {
    // Never run: they would go to hosts and folders that are not there.
    let _ = (client, server, uploads);
    let here = code(include_str!("documents.rs"));
    let documents =
        [include_str!("../../../README.md"), include_str!("../../../docs/uploads.md")].map(|document| {
            document.split("```rust\n").skip(1).map(|rest| rest.split("```").next().unwrap_or_default())
        });
    let blocks: Vec<&str> = documents.into_iter().flatten().collect();
    assert_eq!(blocks.len(), 3);
    for block in blocks {
        let shown = code(block);
        assert!(here.windows(shown.len()).any(|lines| lines == shown), "not compiled:\n{block}");
    }
}
