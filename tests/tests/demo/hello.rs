//! The greeting.

use std::time::{Duration, Instant};

use tidegate::{CloseInfo, Opened};

use crate::server::Demo;

#[tokio::test]
async fn a_greeting_then_a_clean_close() {
    let demo = Demo::start().await;
    let (socket, Opened { mut readable, mut writable, .. }) = demo.open("/hello").await;
    // Before it is asked, so that however slow this machine is, the pause lies behind it.
    let asked = Instant::now();
    writable.write("My name is John").await.unwrap();
    assert_eq!(readable.read().await.unwrap(), Some("Hello from server, John!".into()));
    assert_eq!(readable.read().await.unwrap(), None);
    assert!(asked.elapsed() >= Duration::from_secs(1), "{:?}", asked.elapsed());
    let info = socket.closed().await.unwrap();
    assert_eq!(info, CloseInfo { close_code: 1000.into(), reason: "Bye!".into() });
}

#[tokio::test]
async fn the_last_word_is_the_name() {
    let demo = Demo::start().await;
    for (text, greeting) in [("John", "Hello from server, John!"), ("I am Zoë 🌊", "Hello from server, 🌊!")]
    {
        let (_socket, Opened { mut readable, mut writable, .. }) = demo.open("/hello").await;
        writable.write(text).await.unwrap();
        assert_eq!(readable.read().await.unwrap(), Some(greeting.into()));
    }
}

#[tokio::test]
async fn bytes_are_not_a_name() {
    let demo = Demo::start().await;
    let (socket, Opened { mut readable, mut writable, .. }) = demo.open("/hello").await;
    writable.write(vec![1u8]).await.unwrap();
    assert_eq!(readable.read().await.unwrap(), None);
    assert_eq!(socket.closed().await.unwrap().close_code, 1003);
}
