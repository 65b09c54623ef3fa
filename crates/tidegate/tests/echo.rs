//! Both ends of the library over loopback.

use tidegate::{CloseInfo, Message, Opened, WebSocketStream};
use tokio::net::TcpListener;

#[tokio::test]
async fn echo() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/echo", listener.local_addr().unwrap());
    tokio::spawn(tidegate::serve(listener, |socket| async move {
        let Ok(Opened { readable, writable, .. }) = socket.opened().await else { return };
        let _ = readable.pipe_to(writable).await;
    }));
    let socket = WebSocketStream::connect(url).unwrap();
    let Opened { mut readable, mut writable, protocol, extensions } = socket.opened().await.unwrap();
    assert_eq!((protocol.as_str(), extensions.as_str()), ("", "permessage-deflate"));
    for len in [0usize, 1, 125, 126, 70_000, 1 << 20] {
        let message = Message::from(vec![7u8; len]);
        writable.write(message.clone()).await.unwrap();
        assert_eq!(readable.read().await.unwrap(), Some(message));
    }
    writable.write("text").await.unwrap();
    assert_eq!(readable.read().await.unwrap(), Some("text".into()));
    socket.close((1000, "done")).unwrap();
    assert_eq!(readable.read().await.unwrap(), None);
    let info = socket.closed().await.unwrap();
    assert_eq!(info, CloseInfo { close_code: 1000.into(), reason: "done".into() });
}
