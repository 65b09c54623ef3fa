//! The chat: one order for all, a history for newcomers, and nobody waits for a participant that does not read.

use serde_json::{Value, json};
use tidegate::{CloseInfo, Config, Message, Opened, Readable, WebSocketStream, Writable};
use tokio::time::{Duration, timeout};

use crate::process::{MEMORY, assert_grown_less_than, resident_bytes};
use crate::server::Demo;

struct Participant {
    socket: WebSocketStream,
    readable: Readable,
    writable: Writable,
    /// How many were online when it was last told.
    online: Option<Value>,
}

impl Participant {
    /// Joins without compression, which would only take time here.
    async fn join(demo: &Demo) -> Self {
        let builder = WebSocketStream::builder(demo.url("/chat")).config(Config::default().deflate(None));
        let socket = builder.connect().unwrap();
        let Opened { readable, writable, .. } = socket.opened().await.unwrap();
        Self { socket, readable, writable, online: None }
    }

    async fn say(&mut self, name: &str, text: &str) {
        self.writable.write(json!({ "name": name, "text": text }).to_string()).await.unwrap();
    }

    /// The next message; but not that as many are online as were before, under other names.
    async fn hear(&mut self) -> Value {
        loop {
            let heard = hear(&mut self.readable).await;
            if heard.get("online").is_none() {
                return heard;
            }
            if self.online.replace(heard.clone()) != Some(heard.clone()) {
                return heard;
            }
        }
    }
}

async fn hear(readable: &mut Readable) -> Value {
    let message = timeout(Duration::from_secs(30), readable.read()).await.expect("nothing was heard");
    let mut heard: Value =
        serde_json::from_str(message.unwrap().expect("the end was heard").as_text().unwrap()).unwrap();
    // Who is there has a test of its own.
    heard.as_object_mut().unwrap().remove("participants");
    heard
}

fn online(count: u64) -> Value {
    json!({ "online": count })
}

#[tokio::test]
async fn all_are_told_the_same_in_one_order() {
    let demo = Demo::start().await;
    let mut ann = Participant::join(&demo).await;
    assert_eq!(ann.hear().await, online(1));
    let mut ben = Participant::join(&demo).await;
    assert_eq!((ann.hear().await, ben.hear().await), (online(2), online(2)));
    for number in 0..20 {
        ann.say("Ann", &number.to_string()).await;
        ben.say("Ben", &number.to_string()).await;
    }
    let mut texts = Vec::new();
    for offset in 0..40 {
        let heard = ann.hear().await;
        assert_eq!(heard, ben.hear().await);
        assert_eq!(heard["offset"], offset + 1);
        texts.push((heard["name"].to_string(), heard["text"].to_string()));
    }
    let by_ben: Vec<_> = texts.iter().filter(|(name, _)| name == "\"Ben\"").collect();
    assert_eq!(by_ben.len(), 20);
    assert!(by_ben.iter().enumerate().all(|(number, (_, text))| *text == format!("\"{number}\"")));
}

#[tokio::test]
async fn name_and_text_come_back_as_they_were() {
    let demo = Demo::start().await;
    let mut ann = Participant::join(&demo).await;
    assert_eq!(ann.hear().await, online(1));
    let before = unix_ms();
    for text in ["", " \t\u{0}\"\\/<b>é\u{2028}🌊", &"🌊".repeat(2000)] {
        ann.say("Zoë ✨", text).await;
        let heard = ann.hear().await;
        assert_eq!((heard["name"].as_str(), heard["text"].as_str()), (Some("Zoë ✨"), Some(text)));
        assert_eq!(heard["via"], "websocket");
        assert!((before..=unix_ms()).contains(&heard["at"].as_u64().unwrap()));
    }
    // Both escapes of a character beyond the first plane are read as that character.
    ann.writable.write(r#"{"text":"\ud83c\udf0a","name":"x"}"#).await.unwrap();
    assert_eq!(ann.hear().await["text"], "🌊");
}

fn unix_ms() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    now.as_millis().try_into().unwrap()
}

#[tokio::test]
async fn a_newcomer_hears_the_last_fifty_and_then_how_many_are_online() {
    let demo = Demo::start().await;
    let mut ann = Participant::join(&demo).await;
    assert_eq!(ann.hear().await, online(1));
    for number in 0..60 {
        ann.say("Ann", &number.to_string()).await;
        ann.hear().await;
    }
    let mut ben = Participant::join(&demo).await;
    for offset in 10..60 {
        let heard = ben.hear().await;
        assert_eq!((&heard["offset"], &heard["text"]), (&json!(offset + 1), &json!(offset.to_string())));
    }
    assert_eq!((ben.hear().await, ann.hear().await), (online(2), online(2)));
}

#[tokio::test]
async fn those_who_leave_are_counted_out() {
    let demo = Demo::start().await;
    let mut ann = Participant::join(&demo).await;
    assert_eq!(ann.hear().await, online(1));
    let ben = Participant::join(&demo).await;
    assert_eq!(ann.hear().await, online(2));
    ben.socket.close((1000, "bye")).unwrap();
    assert_eq!(ann.hear().await, online(1));
    // One that goes without a word.
    let lost = {
        let stream = demo.tcp().await;
        let (mut stream, head) = crate::firehose::raw_open(stream, "/chat", &demo.address).await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        assert_eq!(ann.hear().await, online(2));
        tokio::io::AsyncWriteExt::shutdown(&mut stream).await.unwrap();
        stream
    };
    assert_eq!(ann.hear().await, online(1));
    drop(lost);
}

#[tokio::test]
async fn what_cannot_be_said_is_answered_with_what_can() {
    let demo = Demo::start().await;
    let long = json!({ "name": "Ann", "text": "t".repeat(2001) }).to_string();
    let cases: [(Message, u16, &str); 4] = [
        (
            "t".repeat(2001).into(),
            1008,
            "expected a name of at most 40 characters and a text of at most 2000",
        ),
        (long.into(), 1008, "expected a name of at most 40 characters and a text of at most 2000"),
        (vec![1u8].into(), 1003, r#"expected a text message: {"name": "...", "text": "..."}, or just text"#),
        (" ".repeat(70_000).as_str().into(), 1009, ""),
    ];
    for (message, code, reason) in cases {
        let mut ann = Participant::join(&demo).await;
        ann.writable.write(message).await.unwrap();
        while let Ok(Some(_)) = ann.readable.read().await {}
        let CloseInfo { close_code, reason: told } = ann.socket.closed().await.unwrap();
        assert_eq!(close_code, code);
        assert!(reason.is_empty() || told == reason, "{told}");
    }
}

/// 20 MB pass by a participant that never reads. Nobody waits for it, no memory is held for it, and when it reads
/// at last it is told how many it has missed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_waits_for_a_participant_that_does_not_read() {
    const MESSAGES: u64 = 2500;
    const WINDOW: u64 = 32;
    let _alone = MEMORY.lock().await;
    let demo = Demo::start().await;
    let mut stalled = Participant::join(&demo).await;
    assert_eq!(stalled.hear().await, online(1));
    let mut ann = Participant::join(&demo).await;
    let mut ben = Participant::join(&demo).await;
    assert_eq!(ben.hear().await, online(3));
    while ann.hear().await != online(3) {}

    let text = "🌊".repeat(2000);
    let before = resident_bytes();
    let mut heard = 0;
    for said in 0..MESSAGES {
        ann.say("Ann", &text).await;
        while said + 1 - heard >= WINDOW || (said + 1 == MESSAGES && heard < MESSAGES) {
            assert_eq!(ann.hear().await["offset"], heard + 1);
            assert_eq!(ben.hear().await["offset"], heard + 1);
            heard += 1;
        }
    }
    assert_grown_less_than(before, 10 << 20);

    let mut next = 0;
    let mut missed = 0;
    while next < MESSAGES {
        let told = stalled.hear().await;
        if let Some(count) = told["gap"]["missed"].as_u64() {
            missed += count;
            next += count;
        } else if let Some(offset) = told["offset"].as_u64() {
            assert_eq!(offset, next + 1);
            next += 1;
        }
    }
    assert!(missed > MESSAGES / 2, "only {missed} were missed");
}
