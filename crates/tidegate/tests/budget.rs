//! What all connections hold together, over real sockets: it stays within the budget, those who hold little never
//! wait, and everything goes back.

#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use tidegate::{Acceptor, Budget, Cause, Opened, WebSocketError, WebSocketStream};
use tidegate_proto::websocket::deflate::Deflater;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, mpsc, watch};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// Far beyond what anything here takes.
const SOON: Duration = Duration::from_secs(60);

/// Memory is measured, so one test runs at a time.
static ALONE: Mutex<()> = Mutex::const_new(());

/// What became of the connections of a server, told by its handler.
type Endings = mpsc::Receiver<Result<(), WebSocketError>>;

/// Serves with a handler that answers each message: short ones with themselves, long ones with their length.
async fn serve(budget: &Budget) -> (SocketAddr, Endings) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = Acceptor::new().budget(budget);
    let (ended, endings) = mpsc::channel(1024);
    let handler = move |socket| {
        let ended = ended.clone();
        async move {
            let _ = ended.send(answer(socket).await).await;
        }
    };
    tokio::spawn(async move { acceptor.serve(listener, handler).await });
    (address, endings)
}

async fn answer(socket: WebSocketStream) -> Result<(), WebSocketError> {
    let Opened { mut readable, mut writable, .. } = socket.opened().await?;
    while let Some(message) = readable.read().await? {
        if message.len() <= 125 {
            writable.write(message).await?;
        } else {
            writable.write(message.len().to_string()).await?;
        }
    }
    Ok(())
}

/// Opens a WebSocket on raw bytes, without compression.
async fn open_raw<T: AsyncRead + AsyncWrite + Unpin>(stream: T) -> T {
    open_raw_with(stream, "").await
}

async fn open_raw_with<T: AsyncRead + AsyncWrite + Unpin>(mut stream: T, headers: &str) -> T {
    let request = format!(
        "GET / HTTP/1.1\r\nhost: server.example\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "));
    stream
}

async fn connect_raw(address: SocketAddr) -> TcpStream {
    open_raw(TcpStream::connect(address).await.unwrap()).await
}

/// The header of a binary frame of a client, of at least 64 KiB; the masking key of zeros changes nothing.
fn header(is_final: bool, len: usize) -> Vec<u8> {
    let first = if is_final { 0x82 } else { 0x02 };
    [&[first, 0xff][..], &(len as u64).to_be_bytes(), &[0; 4]].concat()
}

/// Sends this much payload, which nobody has to hold twice.
async fn send_payload(stream: &mut TcpStream, mut len: usize) {
    static ZEROS: [u8; 64 * KIB] = [0; 64 * KIB];
    while len > 0 {
        let part = len.min(ZEROS.len());
        stream.write_all(&ZEROS[..part]).await.unwrap();
        len -= part;
    }
}

/// Reads a short frame: its first byte and its payload.
async fn frame(stream: &mut TcpStream) -> (u8, Vec<u8>) {
    let head = [stream.read_u8().await.unwrap(), stream.read_u8().await.unwrap()];
    let mut payload = vec![0; usize::from(head[1])];
    stream.read_exact(&mut payload).await.unwrap();
    (head[0], payload)
}

async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, what).await.expect("in time")
}

async fn until(is_so: impl Fn() -> bool) {
    soon(async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}

fn rss_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * KIB
}

/// Echoes 125 bytes again and again, and counts.
async fn chatter(address: SocketAddr, budget: Budget, echoes: Arc<AtomicUsize>) {
    let socket = WebSocketStream::builder(format!("ws://{address}/")).budget(&budget).connect().unwrap();
    let Opened { mut readable, mut writable, .. } = socket.opened().await.unwrap();
    loop {
        let text = format!("{:0125}", echoes.load(Ordering::Relaxed));
        writable.write(text.as_str()).await.unwrap();
        assert_eq!(readable.read().await.unwrap().unwrap().as_text(), Some(text.as_str()));
        echoes.fetch_add(1, Ordering::Relaxed);
    }
}

/// The most that was counted, and the most memory, seen by looking all the time.
#[derive(Default)]
struct Most {
    used: AtomicUsize,
    rss: AtomicUsize,
    is_over: AtomicBool,
}

fn observe(budget: &Budget) -> (Arc<Most>, std::thread::JoinHandle<()>) {
    let most = Arc::new(Most::default());
    let (observed, budget) = (most.clone(), budget.clone());
    let thread = std::thread::spawn(move || {
        while !observed.is_over.load(Ordering::Relaxed) {
            observed.used.fetch_max(budget.used(), Ordering::Relaxed);
            observed.rss.fetch_max(rss_bytes(), Ordering::Relaxed);
            std::thread::sleep(Duration::from_micros(500));
        }
    });
    (most, thread)
}

/// 220 peers send halves of messages of 1 MiB to a server that may hold 32 MiB: what it holds stays below that, three
/// clients with small messages do not notice, and when the second halves come, every message arrives.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn halves_of_large_messages_stay_within_the_budget_and_small_ones_go_on() {
    const PEERS: usize = 220;
    let _alone = ALONE.lock().await;
    // Nobody may fail here, however slow the machine is.
    let budget = Budget::with_patience(32 * MIB, Duration::from_secs(3600));
    let (address, _endings) = serve(&budget).await;
    let echoes: [Arc<AtomicUsize>; 3] = Default::default();
    let chatting = echoes.clone().map(|echoes| tokio::spawn(chatter(address, Budget::new(MIB), echoes)));
    until(|| echoes.iter().all(|echoes| echoes.load(Ordering::Relaxed) > 0)).await;

    let before = rss_bytes();
    let (most, observer) = observe(&budget);
    let (go, gone) = watch::channel(false);
    let mut peers = tokio::task::JoinSet::new();
    for _ in 0..PEERS {
        let mut stream = connect_raw(address).await;
        let mut gone = gone.clone();
        peers.spawn(async move {
            stream.write_all(&header(true, MIB)).await.unwrap();
            send_payload(&mut stream, MIB / 2).await;
            gone.wait_for(|is_gone| *is_gone).await.unwrap();
            send_payload(&mut stream, MIB / 2).await;
            frame(&mut stream).await
        });
    }
    until(|| budget.waiting() >= PEERS / 2).await;
    let until_now = echoes.each_ref().map(|echoes| echoes.load(Ordering::Relaxed));
    until(|| echoes.iter().zip(until_now).all(|(echoes, then)| echoes.load(Ordering::Relaxed) > then + 50))
        .await;
    assert!(budget.waiting() >= PEERS / 2, "the pressure is still there");
    assert!(budget.used() > budget.stats().mark - 64 * KIB);

    go.send(true).unwrap();
    while let Some(answer) = soon(peers.join_next()).await {
        assert_eq!(answer.unwrap(), (0x81, MIB.to_string().into_bytes()));
    }
    assert!(chatting.iter().all(|task| !task.is_finished()));
    until(|| budget.used() == 0 && budget.waiting() == 0).await;
    assert_eq!(budget.stats().failed, 0);
    most.is_over.store(true, Ordering::Relaxed);
    observer.join().unwrap();
    let (used, rss) = (most.used.load(Ordering::Relaxed), most.rss.load(Ordering::Relaxed));
    assert!(used <= budget.limit(), "{used} bytes were counted");
    // A vector that doubles leaves holes behind in the allocator, of its own size together; and the floors of all.
    let allowed = budget.limit() / 2 * 5 + PEERS * 16 * KIB;
    let grown = rss.saturating_sub(before);
    assert!(grown < allowed, "{grown} bytes grown");
    println!("at most {used} of {} counted, {grown} bytes grown", budget.limit());
}

/// Peers fill everything with beginnings and say no more. Nobody can go on, so the holder of the most fails, with a
/// code that says so, and whoever waits gets through.
#[tokio::test]
async fn at_the_limit_the_holder_of_the_most_fails_by_1013_and_the_others_go_on() {
    let _alone = ALONE.lock().await;
    let budget = Budget::with_patience(MIB, Duration::from_millis(100));
    let (address, mut endings) = serve(&budget).await;
    let mut fillers = Vec::new();
    for len in [400 * KIB, 300 * KIB, 300 * KIB] {
        let mut stream = connect_raw(address).await;
        stream.write_all(&header(true, 10 * MIB)).await.unwrap();
        send_payload(&mut stream, len).await;
        fillers.push(stream);
    }
    until(|| budget.used() + 64 * KIB > budget.limit()).await;
    let mut late = connect_raw(address).await;
    late.write_all(&header(true, 100 * KIB)).await.unwrap();
    send_payload(&mut late, 100 * KIB).await;
    assert_eq!(soon(frame(&mut late)).await, (0x81, b"102400".to_vec()));
    assert!(budget.stats().failed > 0);

    let error = soon(endings.recv()).await.unwrap().unwrap_err();
    assert!(matches!(error.cause(), Cause::BudgetExhausted(MIB)), "{error:?}");
    assert_eq!(
        error.to_string(),
        "all connections together held 1048576 bytes, and this one the most of them"
    );
    let (opcode, payload) = soon(frame(&mut fillers[0])).await;
    assert_eq!((opcode, &payload[..2]), (0x88, &[0x03, 0xf5][..]), "1013");
    drop((fillers, late));
    until(|| budget.used() == 0 && budget.waiting() == 0).await;
}

/// However a connection ends that holds half a message, its share goes back.
#[tokio::test]
async fn the_share_goes_back_at_every_kind_of_end() {
    let _alone = ALONE.lock().await;
    let close = [0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8];
    let breach = [0xff, 0x80, 0, 0, 0, 0];
    let ends: [(&str, &[u8], bool); 4] = [
        ("the peer vanishes", b"", false),
        ("the peer resets", b"", true),
        ("the peer closes between fragments", &close, false),
        ("the peer breaks a rule", &breach, false),
    ];
    let budget = Budget::new(MIB);
    let (address, mut endings) = serve(&budget).await;
    for (how, last_bytes, resets) in ends {
        let mut stream = connect_raw(address).await;
        stream.write_all(&header(false, 300 * KIB)).await.unwrap();
        send_payload(&mut stream, 300 * KIB).await;
        until(|| budget.used() > 250 * KIB).await;
        stream.write_all(last_bytes).await.unwrap();
        if resets {
            stream.set_zero_linger().unwrap();
        }
        drop(stream);
        until(|| budget.used() == 0).await;
        let ending = soon(endings.recv()).await.unwrap();
        assert_eq!(ending.is_ok(), last_bytes == close, "{how}: {ending:?}");
    }
}

/// A server's end of a connection whose other end is in our hands, byte by byte.
async fn open_pipe(budget: &Budget) -> (tokio::io::DuplexStream, WebSocketStream) {
    let (ours, theirs) = tokio::io::duplex(4 * KIB);
    let config = tidegate::Config::default().close_timeout(Duration::from_millis(100));
    let acceptor = Acceptor::new().budget(budget).config(config);
    let (ours, socket) = tokio::join!(open_raw(ours), acceptor.accept(theirs));
    (ours, socket.unwrap())
}

/// A peer that holds everything up to the mark, and says no more.
async fn fill(budget: &Budget, address: SocketAddr) -> TcpStream {
    let mut filler = connect_raw(address).await;
    filler.write_all(&header(true, 10 * MIB)).await.unwrap();
    send_payload(&mut filler, 768 * KIB).await;
    until(|| budget.used() >= 750 * KIB).await;
    filler
}

#[tokio::test]
async fn a_connection_that_waits_and_is_dropped_leaves_the_queue() {
    let _alone = ALONE.lock().await;
    let budget = Budget::with_patience(MIB, Duration::from_secs(3600));
    let (address, _endings) = serve(&budget).await;
    let filler = fill(&budget, address).await;
    // The first one is admitted, and the second one waits.
    let mut waiting = Vec::new();
    for _ in 0..2 {
        let (mut peer, socket) = open_pipe(&budget).await;
        let Opened { mut readable, writable, .. } = socket.opened().await.unwrap();
        let reading = tokio::spawn(async move { readable.read().await });
        let sending = tokio::spawn(async move {
            peer.write_all(&header(true, 10 * MIB)).await.unwrap();
            while peer.write_all(&[0; 4 * KIB]).await.is_ok() {}
        });
        waiting.push((socket, writable, reading, sending));
    }
    until(|| budget.waiting() == 2).await;
    let (socket, writable, reading, sending) = waiting.pop().unwrap();
    reading.abort();
    drop((socket, writable));
    until(|| budget.waiting() == 1).await;
    soon(sending).await.unwrap();
    let (socket, writable, reading, sending) = waiting.pop().unwrap();
    reading.abort();
    sending.abort();
    drop((filler, socket, writable));
    until(|| budget.used() == 0 && budget.waiting() == 0).await;
}

/// A writer whose peer does not read may queue no more than the floor and a message while others hold everything, and
/// goes on when they have gone, although its peer still does not read.
#[tokio::test]
async fn a_writer_waits_above_the_floor_and_goes_on_when_there_is_room() {
    let _alone = ALONE.lock().await;
    let budget = Budget::with_patience(MIB, Duration::from_secs(3600));
    let (address, _endings) = serve(&budget).await;
    let filler = fill(&budget, address).await;
    // It is admitted beyond the mark, so that nobody else is.
    let (mut peer, admitted) = open_pipe(&budget).await;
    let mut opened = admitted.opened().await.unwrap();
    let reading = tokio::spawn(async move { opened.readable.read().await.map(|_| opened) });
    peer.write_all(&header(true, MIB)).await.unwrap();
    peer.write_all(&[0; 20 * KIB]).await.unwrap();
    until(|| budget.used() > 800 * KIB).await;

    let (_peer, socket) = open_pipe(&budget).await;
    let Opened { mut writable, .. } = socket.opened().await.unwrap();
    let mut written = 0;
    while writable.ready().now_or_never().is_some() {
        writable.write(vec![7; KIB]).await.unwrap();
        written += KIB;
        assert!(written < 64 * KIB, "nobody has stopped it");
    }
    let queued = socket.stats().queued_bytes;
    assert!((16 * KIB..=18 * KIB).contains(&queued), "{queued} bytes are queued");
    assert!(budget.waiting() > 0);
    drop(filler);
    soon(writable.ready()).await.unwrap();
    while writable.ready().now_or_never().is_some() {
        writable.write(vec![7; KIB]).await.unwrap();
    }
    let queued = socket.stats().queued_bytes;
    assert!(queued >= 64 * KIB, "{queued} bytes are queued");
    drop((peer, reading, socket, writable));
    until(|| budget.used() == 0 && budget.waiting() == 0).await;
}

/// Sixteen bombs, each small enough to be read without asking, and together worth more than the budget once they are
/// inflated: inflating waits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_inflated_counts_before_it_is_there() {
    let _alone = ALONE.lock().await;
    let budget = Budget::with_patience(40 * MIB, Duration::from_secs(3600));
    let (address, _endings) = serve(&budget).await;
    let (most, observer) = observe(&budget);
    let (go, gone) = watch::channel(false);
    let mut peers = tokio::task::JoinSet::new();
    let mut bomb = Vec::new();
    Deflater::new(15, false, 6, 8).deflate(&vec![0; 3584 * KIB], &mut bomb);
    assert!(bomb.len() < 16 * KIB);
    for _ in 0..16 {
        let mut gone = gone.clone();
        let stream = TcpStream::connect(address).await.unwrap();
        let mut stream = open_raw_with(stream, "sec-websocket-extensions: permessage-deflate\r\n").await;
        let bomb = bomb.clone();
        peers.spawn(async move {
            let len = u16::try_from(bomb.len()).unwrap().to_be_bytes();
            let header = [0xc2, 0xfe, len[0], len[1], 0, 0, 0, 0];
            let (most, rest) = bomb.split_at(bomb.len() / 7 * 6);
            stream.write_all(&header).await.unwrap();
            stream.write_all(most).await.unwrap();
            gone.wait_for(|is_gone| *is_gone).await.unwrap();
            stream.write_all(rest).await.unwrap();
            frame(&mut stream).await
        });
    }
    until(|| budget.waiting() >= 5).await;
    go.send(true).unwrap();
    while let Some(answer) = soon(peers.join_next()).await {
        assert_eq!(answer.unwrap(), (0x81, b"3670016".to_vec()));
    }
    most.is_over.store(true, Ordering::Relaxed);
    observer.join().unwrap();
    let used = most.used.load(Ordering::Relaxed);
    assert!(used <= budget.limit(), "{used} bytes were counted");
    assert_eq!(budget.stats().failed, 0);
    println!("at most {used} of {} counted", budget.limit());
}
