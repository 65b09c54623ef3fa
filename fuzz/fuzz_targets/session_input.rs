//! Any bytes from the other end of a session, on attachments and by POST, between any calls of the layer above: no
//! panic, no more held than the limits allow, and frames come in the order in which they are counted.
#![no_main]

mod common;

use std::time::{Duration, Instant};

use bytes::Bytes;
use common::Choices;
use libfuzzer_sys::fuzz_target;
use tidegate_proto::session::{
    Attachment, Carries, ClientSession, Config, FrameSplitter, Post, ServerSession,
};

const MAX_KEPT: usize = 300;

/// What is sent: whole, and short.
const FRAME: &[u8] = &[0x10, 2, b'h', b'i'];

/// ATTACHED as a client asks for it first, so that a target need not find it.
const ATTACHED: &[u8] = &[0x08, 13, 1, 1, b's', 2, 1, 0, 3, 1, 0, 4, 2, 0x40, 0x64];

fuzz_target!(|bytes: &[u8]| {
    let mut choices = Choices::new(bytes);
    let now = Instant::now();
    let config = Config::default().max_kept(MAX_KEPT);
    match choices.byte() & 1 {
        0 => server(&mut choices, now, config),
        _ => client(&mut choices, now, &config),
    }
});

fn server(choices: &mut Choices<'_>, mut now: Instant, config: Config) {
    let mut session = ServerSession::new(now, "s".to_owned(), config);
    let mut attachments: Vec<Attachment> = Vec::new();
    let mut taken = 0;
    while !choices.is_over() {
        let pick = choices.byte();
        match pick {
            0..=39 => {
                let carries = if pick & 1 == 0 { Carries::Both } else { Carries::Down };
                attachments.extend(session.attach(carries, u64::from(choices.byte()) / 8).ok());
            }
            40..=99 => {
                let batch = bytes_of(choices);
                let Some(attachment) = attachments.last_mut() else { continue };
                let _ = session.handle_batch(now, attachment, &batch);
            }
            100..=159 => {
                let from = u64::from(choices.byte()) / 8;
                let received = Some(u64::from(choices.byte())).filter(|received| received & 1 == 0);
                let _ =
                    session.handle_post(now, from, received.map(|received| received / 8), &bytes_of(choices));
            }
            160..=189 if session.has_room() => session.send(Bytes::from_static(FRAME)),
            190..=229 => {
                for attachment in &mut attachments {
                    while session.poll_transmit(now, attachment, 64).is_some() {}
                }
            }
            230..=239 => taken += u64::from(session.poll_frame().is_some()),
            240..=244 => drop(attachments.first().map(|attachment| session.detach(now, attachment))),
            245 => session.finish(now),
            _ => now += Duration::from_millis(u64::from(choices.byte()) * 100),
        }
        assert!(session.kept_bytes() <= MAX_KEPT + FRAME.len());
        assert!(taken <= session.position());
        let _ = (session.is_expired(now), session.poll_timeout(), session.takes_frames());
    }
}

fn client(choices: &mut Choices<'_>, mut now: Instant, config: &Config) {
    let mut session = ClientSession::new(config);
    let mut attachment = session.attach(Carries::Both);
    let mut splitter = FrameSplitter::default();
    let mut post: Option<Post> = None;
    if choices.byte() & 1 == 0 {
        session
            .handle_batch(now, &mut attachment, &Bytes::from_static(ATTACHED))
            .expect("as it was asked for");
    }
    while !choices.is_over() {
        match choices.byte() {
            0..=99 => {
                if let Ok(whole) = splitter.split(&bytes_of(choices)) {
                    let _ = session.handle_batch(now, &mut attachment, &whole);
                }
            }
            100..=139 if session.has_room() => session.send(Bytes::from_static(FRAME)),
            140..=169 => while session.poll_transmit(now, &mut attachment, 64).is_some() {},
            170..=189 => post = session.next_post().or(post),
            190..=209 => {
                let position = u64::from(choices.byte()) / 8;
                if let Some(post) = &post {
                    let _ = session.handle_answer(post, position);
                }
            }
            210..=219 => drop(session.poll_frame()),
            220..=224 => attachment = session.attach(Carries::Down),
            _ => now += Duration::from_millis(u64::from(choices.byte()) * 100),
        }
        assert!(session.kept_bytes() <= MAX_KEPT + FRAME.len());
        let _ = (session.id(), session.position(), session.is_over(), session.poll_timeout());
    }
}

fn bytes_of(choices: &mut Choices<'_>) -> Bytes {
    let len = usize::from(choices.byte());
    Bytes::copy_from_slice(choices.bytes(len))
}
