//! What permessage-deflate costs a server, in CPU time a message: `cargo run --release --example deflate`.
//!
//! Server machines echo JSON texts of about 1 KiB to 16 clients, four in flight on each, without any transport. The
//! clients compress at level 6 with context takeover, as browsers do. Beside them stands the floor: the same messages
//! through zlib-rs alone. Every contender is checked first; then rounds are interleaved, and the median counts.
//!
//! Arguments: how many rounds (11), and a part of the names of the rows to measure (all). Linux only.

use bytes::Buf;
use tidegate_proto::websocket::deflate::{DeflateConfig, Deflater, accept};
use tidegate_proto::websocket::{Config, Connection, Event, Extension, Message, Side};
use zlib_rs::{Deflate, DeflateFlush, Inflate, InflateFlush};

fn main() {
    let mut args = std::env::args().skip(1);
    let rounds: usize = args.next().and_then(|rounds| rounds.parse().ok()).unwrap_or(11);
    let only = args.next().unwrap_or_default();
    let clients: Vec<Client> = (0..CONNECTIONS).map(Client::new).collect();
    let mut rows = rows();
    rows.retain(|row| row.name.contains(&only));
    for row in &mut rows {
        row.contender.check(&clients);
    }
    for _ in 0..rounds {
        for row in &mut rows {
            let before = cpu_nanoseconds();
            row.bytes += round(row.contender.as_mut(), &clients);
            row.samples.push(cpu_nanoseconds() - before);
        }
    }
    println!("{:<32} {:>8} {:>12} {:>12}", "", "B back", "µs a message", "a CPU-second");
    for row in &mut rows {
        row.samples.sort_unstable();
        let nanoseconds = row.samples[rounds / 2] as f64 / (CONNECTIONS * BATCHES * BATCH) as f64;
        let bytes = row.bytes / (CONNECTIONS * BATCHES * BATCH * rounds);
        println!("{:<32} {bytes:>8} {:>12.2} {:>12.0}", row.name, nanoseconds / 1e3, 1e9 / nanoseconds);
    }
}

struct Row {
    name: String,
    contender: Box<dyn Echo>,
    samples: Vec<u64>,
    bytes: usize,
}

fn rows() -> Vec<Row> {
    let row = |name, contender| Row { name, contender, samples: Vec::new(), bytes: 0 };
    let mut rows: Vec<Row> = [
        ("fast", DeflateConfig::fast()),
        ("default", DeflateConfig::default()),
        ("small", DeflateConfig::small()),
        ("fast, 15 bits", DeflateConfig::fast().reach_bits(15)),
        ("default, 15 bits", DeflateConfig::default().reach_bits(15)),
        ("small, 15 bits", DeflateConfig::small().reach_bits(15)),
        ("fast, no takeover", DeflateConfig::fast().server_no_context_takeover(true)),
        ("default, no takeover", DeflateConfig::default().server_no_context_takeover(true)),
    ]
    .into_iter()
    .map(|(name, config)| row(format!("server, {name}"), Box::new(Servers::new(config)) as Box<dyn Echo>))
    .collect();
    for (level, window_bits, mem_level) in [
        (1, 15, 8),
        (1, 14, 5),
        (2, 14, 6),
        (4, 14, 6),
        (6, 15, 8),
        (6, 14, 6),
        (6, 13, 6),
        (7, 14, 8),
        (9, 14, 8),
    ] {
        let name = format!("zlib-rs alone, {level}, {window_bits} bits, {mem_level}");
        rows.push(row(name, Box::new(Alone::new(level, window_bits, mem_level))));
    }
    rows
}

/// Echoes all messages of all clients, a batch from each in turn, and returns how many bytes of payload go back.
fn round(contender: &mut dyn Echo, clients: &[Client]) -> usize {
    let mut bytes = 0;
    for turn in 0..BATCHES {
        for (index, client) in clients.iter().enumerate() {
            bytes += contender.echo(index, &client.batches[turn]);
        }
    }
    bytes
}

/// Run time of this thread, as the scheduler counts it.
fn cpu_nanoseconds() -> u64 {
    // The count is brought up to date when the thread is looked at by the scheduler.
    std::thread::yield_now();
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux counts");
    stat.split(' ').next().and_then(|field| field.parse().ok()).expect("a number comes first")
}

/// A way to echo.
trait Echo {
    /// Echoes a batch of the client with this index, and returns how many bytes of payload go back.
    fn echo(&mut self, client: usize, batch: &Batch) -> usize;
    /// Does a round in which the clients read what comes back.
    fn check(&mut self, clients: &[Client]);
}

/// Servers of this library, one a client.
struct Servers(Vec<Connection>);

impl Servers {
    fn new(deflate: DeflateConfig) -> Self {
        Self((0..CONNECTIONS).map(|index| connection(Side::Server, deflate, index)).collect())
    }
}

impl Echo for Servers {
    fn echo(&mut self, client: usize, batch: &Batch) -> usize {
        let connection = &mut self.0[client];
        assert_eq!(connection.handle_input(&batch.frames), batch.frames.len());
        while let Some(event) = connection.poll_event() {
            let Ok(Event::Message(message)) = event else { panic!("{event:?}") };
            connection.send(message).expect("it is open");
        }
        let bytes = connection.queued_bytes() - BATCH * FRAME_HEADER;
        drain(connection, |_| {});
        bytes
    }

    fn check(&mut self, clients: &[Client]) {
        for (index, (server, client)) in self.0.iter_mut().zip(clients).enumerate() {
            let mut reader = connection(Side::Client, DeflateConfig::default(), index);
            for batch in &client.batches {
                server.handle_input(&batch.frames);
                while let Some(Ok(Event::Message(message))) = server.poll_event() {
                    server.send(message).expect("it is open");
                }
                drain(server, |bytes| assert_eq!(reader.handle_input(bytes), bytes.len()));
                for text in &batch.texts {
                    let event = reader.poll_event();
                    assert_eq!(event, Some(Ok(Event::Message(Message::Text(text.clone())))));
                }
            }
        }
    }
}

/// zlib-rs without anything around it.
struct Alone(Vec<(Inflate, Deflate)>, Vec<u8>, Vec<u8>);

impl Alone {
    fn new(level: i32, window_bits: i32, mem_level: i32) -> Self {
        // Negative asks for raw DEFLATE.
        let config =
            zlib_rs::DeflateConfig { level, window_bits: -window_bits, mem_level, ..Default::default() };
        let streams = |_| (Inflate::new(false, 15), Deflate::new_with_config(config));
        Self((0..CONNECTIONS).map(streams).collect(), vec![0; 4096], vec![0; 4096])
    }
}

impl Echo for Alone {
    fn echo(&mut self, client: usize, batch: &Batch) -> usize {
        let Self(streams, text, out) = self;
        let (inflate, deflate) = &mut streams[client];
        let before = deflate.total_out();
        for payload in &batch.payloads {
            let start = inflate.total_out();
            inflate.decompress(payload, text, InflateFlush::NoFlush).expect("it is deflate");
            let len = (inflate.total_out() - start) as usize;
            deflate.compress(&text[..len], out, DeflateFlush::SyncFlush).expect("it takes input");
        }
        (deflate.total_out() - before) as usize - BATCH * TAIL.len()
    }

    fn check(&mut self, clients: &[Client]) {
        for (index, client) in clients.iter().enumerate() {
            for batch in &client.batches {
                let len: usize = batch.texts.iter().map(String::len).sum();
                let before = self.0[index].0.total_out();
                self.echo(index, batch);
                assert_eq!((self.0[index].0.total_out() - before) as usize, len);
            }
        }
    }
}

/// What one client sends, made beforehand. It begins anew each round, which its window allows.
struct Client {
    batches: Vec<Batch>,
}

struct Batch {
    texts: Vec<String>,
    frames: Vec<u8>,
    /// The compressed texts, each with its tail, for zlib-rs alone.
    payloads: Vec<Vec<u8>>,
}

impl Client {
    fn new(index: usize) -> Self {
        let mut random = Random(index as u64 + 1);
        let mut connection = connection(Side::Client, DeflateConfig::default(), index);
        let mut deflater = Deflater::new(15, true, 6, 8);
        let batch = |_| {
            let texts: Vec<_> = (0..BATCH).map(|_| text(&mut random)).collect();
            let (mut frames, mut payloads) = (Vec::new(), Vec::new());
            for text in &texts {
                connection.send(Message::Text(text.clone())).expect("it is open");
                drain(&mut connection, |bytes| frames.extend_from_slice(bytes));
                let mut payload = Vec::new();
                deflater.deflate(text.as_bytes(), &mut payload);
                payload.extend_from_slice(&TAIL);
                payloads.push(payload);
            }
            Batch { texts, frames, payloads }
        };
        Self { batches: (0..BATCHES).map(batch).collect() }
    }
}

/// One end of a connection whose client offered `permessage-deflate` without any parameter.
fn connection(side: Side, deflate: DeflateConfig, index: usize) -> Connection {
    let offer = Extension { name: "permessage-deflate".to_owned(), params: Vec::new() };
    let (params, _) = accept(&[offer], &deflate).expect("it asks for nothing");
    Connection::new(side, Config::default().deflate(Some(deflate)), Some(params), [index as u8; 32])
}

fn drain(connection: &mut Connection, mut take: impl FnMut(&[u8])) {
    while let Some(transmit) = connection.poll_transmit() {
        take(transmit.chunk());
        transmit.advance(transmit.chunk().len());
    }
}

/// A text of about 1 KiB, as an application would send many: the same fields, other values.
fn text(random: &mut Random) -> String {
    let readings: Vec<String> = (0..9)
        .map(|_| {
            format!(
                r#"{{"sensor":"{}-{:04x}","kind":"{}","value":{}.{:06},"quality":{},"at":{},"valid":{}}}"#,
                SITES[random.below(SITES.len())],
                random.below(1 << 16),
                KINDS[random.below(KINDS.len())],
                random.below(1000),
                random.below(1_000_000),
                random.below(100),
                1_700_000_000_000_u64 + random.below(1_000_000_000) as u64,
                random.below(2) == 0,
            )
        })
        .collect();
    format!(
        r#"{{"type":"readings","sequence":{},"gateway":"{:012x}","status":"ok","readings":[{}]}}"#,
        random.below(1_000_000),
        random.below(1 << 31) * 0x1_0001,
        readings.join(","),
    )
}

struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        ((self.0 >> 33) % limit as u64) as usize
    }
}

const SITES: [&str; 10] =
    ["bergen", "cork", "essen", "faro", "ghent", "kiel", "lodz", "malmo", "nantes", "porto"];
const KINDS: [&str; 6] = ["humidity", "pressure", "temperature", "voltage", "current", "flow"];

const CONNECTIONS: usize = 16;
/// In flight on each connection.
const BATCH: usize = 4;
const BATCHES: usize = 128;
/// A server's, of a frame of 126 to 65,535 bytes.
const FRAME_HEADER: usize = 4;
const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];
