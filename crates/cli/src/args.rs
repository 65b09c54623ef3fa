//! What the command line may hold.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};
use http::{HeaderName, HeaderValue};
use tidegate::{CloseOptions, Transport};

use crate::address::ListenAddress;
use crate::upload::UploadArgs;
use crate::uploads::{DemoUploads, ServeUploads};
use crate::values::{
    parse_bytes, parse_close, parse_count, parse_header, parse_origin, parse_seconds, parse_size,
};

/// Talk WebSocket from a terminal or a script, with backpressure from end to end.
#[derive(Debug, Parser)]
#[command(name = "tidegate", version, after_help = EXAMPLES)]
pub(crate) struct Args {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  tidegate demo                               a page to look at, on http://127.0.0.1:8080
  tidegate serve                              channels: post to a URL, and read it in five ways
  tidegate listen :9001                       an echo server
  tidegate connect ws://127.0.0.1:9001        lines typed here are messages, messages are lines
  tidegate connect wss://feed.example | jq .  a slow reader slows the server, and loses nothing
  tidegate upload FILE http://host/uploads    a file, in as many goes as the network needs

Exit codes:
  0  the connection ended cleanly, whatever its close code, the file is uploaded, or the server was told to end
  1  the connection failed or ended uncleanly, an upload was interrupted, or an address, a pipe or a file failed
  2  the command line cannot work";

/// The commands; each says what it does where its arguments are.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Connect(ConnectArgs),
    Listen(ListenArgs),
    Serve(ServeArgs),
    Demo(DemoArgs),
    Upload(UploadArgs),
}

/// Connect to a server: standard input becomes messages, messages become standard output.
///
/// Each line of input is sent as a text message, and each text message is printed as a line; binary messages are
/// printed as they are. Input is read only as fast as the server takes it, and messages are taken only as fast as
/// the output is read. At the end of input a Close is sent, and messages are printed until the server closes too.
/// How the connection ended is told on standard error.
#[derive(Debug, clap::Args)]
#[command(after_help = CONNECT_EXAMPLES)]
pub(crate) struct ConnectArgs {
    /// The server: ws://…, wss://…, or http:// and https:// for the same
    pub(crate) url: String,
    /// Keep a session that outlives what carries it; auto tries WebSocket, then what works in its place [default: a
    /// plain WebSocket]
    #[arg(short, long, value_name = "NAME", value_enum)]
    pub(crate) transport: Option<TransportName>,
    /// Bytes instead of lines, both ways: chunks of input up to 64 KiB are binary messages
    #[arg(short, long)]
    pub(crate) binary: bool,
    /// Stay connected when the input ends, until the server closes or Ctrl-C
    #[arg(short, long)]
    pub(crate) keep_open: bool,
    /// The Close to send when the input ends
    #[arg(long, value_name = "CODE[:REASON]", default_value = "1000", value_parser = parse_close)]
    pub(crate) close: CloseOptions,
    /// A subprotocol to offer; may be repeated, the preferred one first
    #[arg(short, long = "protocol", value_name = "NAME")]
    pub(crate) protocols: Vec<String>,
    /// A header to add to the request, as 'Authorization: Bearer …'; may be repeated
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = parse_header)]
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// The origin to name, as browsers do: scheme and host, and a port that is not the usual one
    #[arg(long, value_name = "ORIGIN")]
    pub(crate) origin: Option<HeaderValue>,
    /// Trust the authorities in this PEM file instead of those of the system
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// Accept every certificate: whoever is on the way can read and change everything
    #[arg(long, conflicts_with = "ca")]
    pub(crate) insecure: bool,
    /// Show the client certificate in this PEM file to a server that asks for one
    #[arg(long, value_name = "FILE", requires = "key")]
    pub(crate) cert: Option<PathBuf>,
    /// The private key of the client certificate, a PEM file
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(crate) key: Option<PathBuf>,
    /// Offer credits (tidegate.v1): a server that speaks them never sends more than a window ahead of the output
    #[arg(long)]
    pub(crate) credits: bool,
    /// Do not offer compression
    #[arg(long)]
    pub(crate) no_compress: bool,
    /// The longest message to take, and the longest line to send; K, M and G may follow
    #[arg(long, value_name = "BYTES", default_value = "16M", value_parser = parse_bytes)]
    pub(crate) max_message: u64,
    /// How long opening may take, and how long the server's answer to a Close
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = parse_seconds)]
    pub(crate) timeout: Duration,
    /// Tell on standard error when the connection is open, and what was agreed
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

/// What carries a connection, by the names of docs/sessions.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum TransportName {
    /// WebSocket first, then what works in its place
    Auto,
    /// A WebSocket
    Websocket,
    /// HTTP streaming
    Stream,
    /// Server-Sent Events
    Sse,
    /// Long polling
    LongPoll,
    /// Polling
    Poll,
}

impl TransportName {
    /// The transports to try; none stands for all.
    pub(crate) fn transports(self) -> Option<Transport> {
        match self {
            Self::Auto => None,
            Self::Websocket => Some(Transport::WebSocket),
            Self::Stream => Some(Transport::Stream),
            Self::Sse => Some(Transport::EventStream),
            Self::LongPoll => Some(Transport::LongPoll),
            Self::Poll => Some(Transport::Poll),
        }
    }
}

const CONNECT_EXAMPLES: &str = "\
Examples:
  tidegate connect ws://127.0.0.1:9001
  printf 'My name is John\\n' | tidegate connect -k ws://127.0.0.1:8080/hello
  tidegate connect -k wss://feed.example/ticks --protocol ticks.v1 < /dev/null | slow-program
  tidegate connect -b ws://127.0.0.1:9001 < photo.jpg > copy.jpg
  tidegate connect --transport auto https://feed.example/ticks     goes on after a tunnel, by what works there
  tidegate connect --transport sse http://127.0.0.1:9001
  tidegate connect wss://localhost:9443 --ca ca.pem -H 'Authorization: Bearer secret' --close 4000:done";

/// Serve WebSockets: an echo, a fire hose, or a broadcast.
///
/// Prints one line on standard output, the URL of the address really used, and everything else on standard error.
/// This is a tool for trying things out: it lets in pages of every origin, and asks nobody who they are.
#[derive(Debug, clap::Args)]
#[command(after_help = LISTEN_EXAMPLES)]
pub(crate) struct ListenArgs {
    /// HOST:PORT, or :PORT for this machine alone (0.0.0.0:PORT for every interface); port 0 takes a free one
    #[arg(value_name = "ADDR")]
    pub(crate) address: ListenAddress,
    /// Send every message back (this is the default)
    #[arg(long, conflicts_with_all = ["firehose", "broadcast"])]
    pub(crate) echo: bool,
    /// Send every message to every other connection; who reads too slowly for that is told what it lost, and closed
    #[arg(long, conflicts_with = "firehose")]
    pub(crate) broadcast: bool,
    /// Send binary messages as fast as the peer takes them; random bytes, so nothing is compressed
    #[arg(long)]
    pub(crate) firehose: bool,
    /// The length of each message of the fire hose; K and M may follow
    #[arg(long, value_name = "BYTES", default_value = "16K", requires = "firehose", value_parser = parse_size)]
    pub(crate) size: usize,
    /// Serve wss with the certificate in this PEM file, its intermediates behind it
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The private key of the certificate, a PEM file
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// A subprotocol that is spoken here; may be repeated, and the first that a client offers is selected
    #[arg(short, long = "protocol", value_name = "NAME")]
    pub(crate) protocols: Vec<String>,
    /// Decline compression
    #[arg(long)]
    pub(crate) no_compress: bool,
    /// How hard to compress, 1 (fast) to 9 (small)
    #[arg(long, value_name = "1-9", default_value_t = 6, value_parser = clap::value_parser!(u8).range(1..=9))]
    pub(crate) level: u8,
    /// The longest message and frame to take; longer ones are answered with 1009; K, M and G may follow
    #[arg(long, value_name = "BYTES", default_value = "16M", value_parser = parse_bytes)]
    pub(crate) max_message: u64,
    /// The most fragments that one message may have
    #[arg(long, value_name = "COUNT", default_value_t = 16_384, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_fragments: u32,
    /// Speak HTTP/2 too (RFC 8441): by ALPN with TLS, else to clients that know it beforehand
    #[arg(long)]
    pub(crate) http2: bool,
    /// How many threads serve, each its own connections; as many as there are cores by default
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
    /// Tell on standard error how each connection ended
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

const LISTEN_EXAMPLES: &str = "\
Examples:
  tidegate listen :9001
  tidegate listen 127.0.0.1:0 --firehose --size 64K
  tidegate listen :9001 --broadcast
  tidegate listen :9443 --tls-cert cert.pem --tls-key key.pem --protocol chat -v
  tidegate listen :0 > url.txt &           for a script: the file holds the URL";

/// Serve channels, and uploads: a channel is a URL, published to by POST, and read by WebSocket, EventSource, fetch or
/// polling.
///
/// Prints one line on standard output, the URL of the address really used, and everything else on standard error.
/// A channel is made when it is first named. It keeps the newest publications, so a reader that comes again goes on
/// where it stopped, and one that comes too late is told what it has missed. Nobody is asked who they are: let only
/// those reach the address who may read and publish.
#[derive(Debug, clap::Args)]
#[command(after_help = SERVE_EXAMPLES)]
pub(crate) struct ServeArgs {
    /// HOST:PORT, or :PORT for this machine alone (0.0.0.0:PORT for every interface); port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub(crate) listen: ListenAddress,
    /// How many publications a reader gets first that names no position
    #[arg(long, value_name = "COUNT", default_value_t = 50)]
    pub(crate) newcomers: u64,
    /// How much a channel keeps; K and M may follow
    #[arg(long, value_name = "BYTES", default_value = "1M", value_parser = parse_size)]
    pub(crate) history: usize,
    /// The longest publication; K and M may follow
    #[arg(long, value_name = "BYTES", default_value = "64K", value_parser = parse_size)]
    pub(crate) max_publication: usize,
    /// The most channels at a time
    #[arg(long, value_name = "COUNT", default_value_t = 10_000, value_parser = parse_count)]
    pub(crate) max_channels: usize,
    /// The most connections at a time; further ones wait
    #[arg(long, value_name = "COUNT", default_value_t = 65_536, value_parser = parse_count)]
    pub(crate) max_connections: usize,
    /// Let pages of this origin publish, read and upload, too; may be repeated, and * stands for all
    #[arg(long = "allow-origin", value_name = "ORIGIN", value_parser = parse_origin)]
    pub(crate) allow_origins: Vec<String>,
    #[command(flatten)]
    pub(crate) uploads: ServeUploads,
}

const SERVE_EXAMPLES: &str = "\
Examples:
  tidegate serve
  tidegate serve --listen 0.0.0.0:8080 --allow-origin https://app.example
  tidegate serve --uploads /var/lib/uploads --max-upload 2G
  curl -d 'high water at 12:30' http://127.0.0.1:8080/channels/tides
  curl -N -H 'Accept: text/event-stream' http://127.0.0.1:8080/channels/tides
  tidegate connect ws://127.0.0.1:8080/channels/tides";

/// Serve a page with everything at once: a chat, a greeting, the fire hose side by side, uploads.
///
/// Prints one line on standard output, the URL of the page.
#[derive(Debug, clap::Args)]
#[command(after_help = DEMO_EXAMPLES)]
pub(crate) struct DemoArgs {
    /// HOST:PORT, or :PORT for this machine alone; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub(crate) listen: ListenAddress,
    #[command(flatten)]
    pub(crate) uploads: DemoUploads,
}

const DEMO_EXAMPLES: &str = "\
Examples:
  tidegate demo
  tidegate demo --listen :0
  printf 'My name is John\\n' | tidegate connect -k ws://127.0.0.1:8080/hello
  curl -d 'hello, all' http://127.0.0.1:8080/publish";

/// The longest frame that a message of `bytes` may come in: what does not compress grows when it is compressed.
pub(crate) fn on_the_wire(bytes: u64) -> u64 {
    bytes.saturating_add(bytes / 8).saturating_add(64)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_commands_are_well_formed() {
        Args::command().debug_assert();
    }

    #[test]
    fn every_command_shows_an_example() {
        for command in Args::command().get_subcommands() {
            let help = command.get_after_help().unwrap().to_string();
            assert!(help.contains(&format!("tidegate {}", command.get_name())), "{help}");
        }
    }

    #[test]
    fn transports_have_the_names_of_the_protocol() {
        use clap::ValueEnum;
        for name in TransportName::value_variants() {
            let value = name.to_possible_value().unwrap();
            let expected = name.transports().map_or("auto", Transport::name);
            assert_eq!(value.get_name(), expected);
        }
    }
}
