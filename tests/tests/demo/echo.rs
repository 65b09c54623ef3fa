//! The echo.

use tidegate::{CloseInfo, Message, Opened};

use crate::process::MEMORY;
use crate::server::Demo;

#[tokio::test]
async fn what_is_sent_comes_back() {
    let _alone = MEMORY.lock().await;
    let demo = Demo::start().await;
    let (socket, Opened { mut readable, mut writable, extensions, .. }) = demo.open("/echo").await;
    assert_eq!(extensions, "permessage-deflate");
    for message in ["", "Zoë 🌊"].map(Message::from).into_iter().chain([Message::from(vec![7u8; 1 << 20])])
    {
        writable.write(message.clone()).await.unwrap();
        assert_eq!(readable.read().await.unwrap(), Some(message));
    }
    socket.close((4000, "done")).unwrap();
    assert_eq!(readable.read().await.unwrap(), None);
    let info = socket.closed().await.unwrap();
    assert_eq!(info, CloseInfo { close_code: 4000.into(), reason: "done".into() });
}
