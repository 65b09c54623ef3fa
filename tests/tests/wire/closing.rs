//! The end of a connection: clean, refused, lost, or never answered; and nothing left behind.

use std::time::Duration;

use tidegate::{Acceptor, ApiMisuse, Cause, CloseInfo, Config, Opened, WebSocketStream};
use tokio::net::TcpStream;

use crate::process::{is_alone, open_files};
use tidegate_tests::raw::{BINARY, BOTH, CLOSE, PING, Raw, Role, TEXT, halves, open, open_pipe, soon};

fn info(code: u16, reason: &str) -> CloseInfo {
    CloseInfo { close_code: code.into(), reason: reason.to_owned() }
}

#[tokio::test]
async fn a_close_with_a_code_that_may_not_be_sent_or_a_long_reason_sends_nothing() {
    for role in BOTH {
        let (mut peer, socket) = open(role).await;
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535] {
            assert_eq!(socket.close(code), Err(ApiMisuse::ReservedCloseCode(code)));
        }
        assert_eq!(socket.close((1000, &*"r".repeat(124))), Err(ApiMisuse::LongCloseReason(124)));
        let long = "é".repeat(62);
        assert_eq!(socket.close((1000, &*long)), Err(ApiMisuse::LongCloseReason(124)), "bytes count");
        let Opened { readable, writable, .. } = halves(&socket).await;
        assert_eq!(writable.abort(1005), Err(ApiMisuse::ReservedCloseCode(1005)));
        // Had anything been sent, it would come before this.
        socket.close((4999, &*"r".repeat(123))).expect("these may be sent");
        let payload = [&4999_u16.to_be_bytes()[..], &[b'r'; 123]].concat();
        peer.receives(CLOSE, payload).await;
        drop(readable);
    }
}

#[tokio::test]
async fn every_code_that_may_be_sent_goes_and_comes() {
    for role in BOTH {
        for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4999] {
            let (mut peer, socket) = open(role).await;
            socket.opened().await.map(drop).expect("it opens");
            let close = peer.close_frame(code, "why");
            peer.sends(&close).await;
            peer.receives(CLOSE, [&code.to_be_bytes()[..], b"why"].concat()).await;
            if role == Role::Server {
                peer.sees_the_end("a server ends the stream first").await;
            }
            drop(peer);
            assert_eq!(soon(socket.closed()).await.expect("clean"), info(code, "why"));
        }
    }
}

#[tokio::test]
async fn a_close_is_answered_once_and_a_server_ends_the_stream_first() {
    for role in BOTH {
        let (mut peer, socket) = open(role).await;
        let Opened { readable, writable, .. } = halves(&socket).await;
        socket.close((1000, "ours")).expect("it may be sent");
        socket.close((4000, "again")).expect("it does nothing");
        peer.receives(CLOSE, b"\x03\xe8ours").await;
        let close = peer.close_frame(1000, "theirs");
        peer.sends(close).await;
        if role == Role::Server {
            peer.sees_the_end("a server ends the stream first").await;
        }
        drop(peer);
        assert_eq!(soon(socket.closed()).await.expect("clean"), info(1000, "theirs"));
        drop((readable, writable));
    }
}

/// What came before a Close is delivered, whoever reads it and however late.
#[tokio::test(start_paused = true)]
async fn messages_before_a_close_all_come_to_a_slow_reader() {
    for (count, len) in [(20, 10), (200, 1000), (40, 20_000)] {
        let (mut peer, socket) = open_pipe(Acceptor::new(), 1 << 20).await;
        let Opened { mut readable, writable, .. } = halves(&socket).await;
        for index in 0..count {
            peer.sends_frame(BINARY, vec![index as u8; len]).await;
        }
        let close = peer.close_frame(1000, "all sent");
        peer.sends(close).await;
        for index in 0..count {
            tokio::time::sleep(Duration::from_secs(7)).await;
            let message = soon(readable.read()).await.expect("it comes").expect("before the end");
            assert!(message.as_bytes() == vec![index as u8; len], "message {index} of {count}");
        }
        assert_eq!(soon(readable.read()).await.expect("a clean end"), None);
        assert_eq!(soon(readable.read()).await.expect("a clean end"), None);
        peer.receives(CLOSE, b"\x03\xe8all sent").await;
        assert_eq!(soon(socket.closed()).await.expect("clean"), info(1000, "all sent"));
        drop(writable);
    }
}

#[tokio::test]
async fn messages_before_a_close_all_come_over_tcp_in_both_roles() {
    for role in BOTH {
        let (mut peer, socket) = open(role).await;
        let Opened { mut readable, writable, .. } = halves(&socket).await;
        for index in 0..2000_u32 {
            peer.sends_frame(BINARY, index.to_be_bytes()).await;
        }
        let close = peer.close_frame(1000, "");
        peer.sends(close).await;
        for index in 0..2000_u32 {
            let message = soon(readable.read()).await.expect("it comes");
            assert_eq!(message, Some(index.to_be_bytes()[..].into()));
            tokio::task::yield_now().await;
        }
        assert_eq!(soon(readable.read()).await.expect("a clean end"), None);
        peer.receives(CLOSE, b"\x03\xe8").await;
        drop(peer);
        assert_eq!(soon(socket.closed()).await.expect("clean"), info(1000, ""));
        drop(writable);
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_never_answers_a_close_is_given_up_in_time() {
    let config = Config::default().close_timeout(Duration::from_secs(3));
    for talks in [false, true] {
        let (mut peer, socket) = open_pipe(Acceptor::new().config(config.clone()), 4096).await;
        let Opened { readable, writable, .. } = halves(&socket).await;
        socket.close(1000).expect("it may be sent");
        peer.receives(CLOSE, b"\x03\xe8").await;
        let chatter = tokio::spawn(async move {
            use tokio::io::AsyncWriteExt;
            let frame = peer.frame(PING, "I am here");
            while talks && peer.io.write_all(&frame).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            peer
        });
        let error = soon(socket.closed()).await.expect_err("no Close came");
        assert!(matches!(error.cause(), Cause::CloseTimedOut), "{error:?}");
        assert_eq!(error.close_code(), Some(1006.into()));
        let mut peer = chatter.await.expect("it does not panic");
        peer.sees_the_end("given up").await;
        drop((readable, writable));
    }
}

#[derive(Clone, Copy, Debug)]
enum Leaves {
    WithoutClose,
    ByReset,
}

fn leave(peer: Raw, how: Leaves) {
    if matches!(how, Leaves::ByReset) {
        // An abortive close: the system sends RST.
        peer.io.set_zero_linger().expect("loopback can");
    }
    drop(peer);
}

#[tokio::test]
async fn a_peer_that_vanishes_is_a_loss_with_all_messages_before_it() {
    for role in BOTH {
        let (mut peer, socket) = open(role).await;
        let Opened { mut readable, mut writable, .. } = halves(&socket).await;
        peer.sends_frame(TEXT, "last").await;
        leave(peer, Leaves::WithoutClose);
        assert_eq!(soon(readable.read()).await.expect("it came"), Some("last".into()));
        let error = soon(readable.read()).await.expect_err("no Close came");
        assert!(matches!(error.cause(), Cause::Lost(_)), "{error:?}");
        assert_eq!(error.close_code(), Some(1006.into()));
        let error = soon(socket.closed()).await.expect_err("no Close came");
        assert!(matches!(error.cause(), Cause::Lost(_)), "{error:?}");
        let refused = soon(writable.write("late")).await.expect_err("it is over");
        assert!(matches!(refused.cause(), Cause::Lost(_)), "{refused:?}");
    }
}

#[tokio::test]
async fn a_reset_is_a_loss_for_the_reader_the_writer_and_whoever_awaits_the_end() {
    for role in BOTH {
        let (peer, socket) = open(role).await;
        let Opened { mut readable, mut writable, .. } = halves(&socket).await;
        leave(peer, Leaves::ByReset);
        let error = soon(readable.read()).await.expect_err("no Close came");
        assert!(matches!(error.cause(), Cause::Lost(_)), "{error:?}");
        assert!(soon(writable.write("late")).await.is_err());
        assert!(soon(socket.closed()).await.is_err());
    }
}

/// Nobody reads: a peer that has gone is seen all the same by whoever writes or awaits the end.
#[tokio::test]
async fn a_loss_is_seen_while_nobody_reads() {
    for role in BOTH {
        for how in [Leaves::WithoutClose, Leaves::ByReset] {
            let (peer, socket) = open(role).await;
            let Opened { readable, mut writable, .. } = halves(&socket).await;
            leave(peer, how);
            let writing = async { while writable.write(vec![0; 1000]).await.is_ok() {} };
            soon(writing).await;
            let error = soon(socket.closed()).await.expect_err("no Close came");
            assert!(matches!(error.cause(), Cause::Lost(_)), "{role:?} {how:?}: {error:?}");
            drop(readable);
        }
    }
}

/// One connection after the other, each ended in another way, and all of them over.
async fn many_ends(count: usize) {
    for index in 0..count {
        let role = BOTH[index % 2];
        let (mut peer, socket) = open_quick(role).await;
        let Opened { mut readable, mut writable, .. } = halves(&socket).await;
        soon(writable.write("hello")).await.expect("it is open");
        match index / 2 % 5 {
            0 => leave(peer, Leaves::WithoutClose),
            1 => leave(peer, Leaves::ByReset),
            2 => {
                // Never answered, and the peer stays.
                socket.close(1000).expect("it may be sent");
                assert!(soon(socket.closed()).await.is_err());
                drop(peer);
            }
            3 => {
                peer.sends_frame(0x83, "").await;
                while let Ok(Some(_)) = readable.read().await {}
                drop(peer);
            }
            _ => {
                let close = peer.close_frame(1000, "");
                peer.sends(close).await;
                drop(peer);
            }
        }
        let _ = soon(socket.closed()).await;
    }
}

async fn open_quick(role: Role) -> (Raw<TcpStream>, WebSocketStream) {
    let config = || Config::default().close_timeout(Duration::from_millis(20));
    let acceptor = Acceptor::new().config(config());
    tidegate_tests::raw::open_with(role, acceptor, |builder| builder.config(config())).await
}

#[test]
fn two_hundred_ends_leave_no_file_and_no_task_behind() {
    if !is_alone("closing::two_hundred_ends_leave_no_file_and_no_task_behind") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
        let all_ended = || async {
            while tasks() > 0 {
                tokio::task::yield_now().await;
            }
            open_files()
        };
        // The first ones open what the runtime keeps.
        many_ends(10).await;
        let before = soon(all_ended()).await;
        many_ends(200).await;
        assert_eq!(soon(all_ended()).await, before);
    });
}
