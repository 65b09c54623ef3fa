//! How many instructions of user code a message costs, counted by callgrind: the same every time, on a busy machine
//! too, so that a change which makes the fast path slower is seen.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::Failure;
use crate::autobahn::address_in;
use crate::process::{Background, TICK, first_line, read_text};
use crate::session::Session;
use crate::workspace::Workspace;

/// What `cargo xtask instructions` takes.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  cargo xtask instructions\n  cargo xtask instructions --write\n\n\
    Counts an echo of 125 bytes on one connection with the loop that users write. Needs valgrind.\n\n\
    Exit status: 0 no case costs over 5 % more than docs/instructions.txt says, 1 one does, 2 it could not be counted.")]
pub(crate) struct Arguments {
    /// Put what is counted into docs/instructions.txt instead of comparing it.
    #[arg(long)]
    pub(crate) write: bool,
}

/// What is counted: messages in flight, of binary or of text.
const CASES: &[(&str, usize, u8)] =
    &[("binary-1", 1, 0x82), ("binary-32", 32, 0x82), ("text-1", 1, 0x81), ("text-32", 32, 0x81)];

const PAYLOAD_BYTES: usize = 125;

/// Batches before the count begins to matter, and batches counted.
const WARM_UP: usize = 50;
const COUNTED: usize = 1000;

/// What a case may cost more than is written down.
const TOLERANCE: f64 = 1.05;

const PAGE: &str = "docs/instructions.txt";

const LIMIT: Duration = Duration::from_secs(120);

/// Counts each case; tells whether none costs noticeably more than before.
pub(crate) fn run(
    workspace: &Workspace,
    session: &mut Session,
    arguments: &Arguments,
) -> Result<bool, Failure> {
    if first_line(&mut workspace.command("valgrind", &["--version"])).is_none() {
        return Err(Failure("valgrind is needed: `cargo xtask setup` installs it".into()));
    }
    let build = ["build", "--release", "--package", "tidegate-tests", "--bin", "plain-echo"];
    session.must(&mut workspace.cargo(&build))?;
    let page = workspace.root.join(PAGE);
    let before = read_text(&page);
    let mut all_well = true;
    let mut text = String::from(ABOUT);
    for &(name, depth, first_byte) in CASES {
        // The difference of two runs is what the messages cost, without the program's start and the handshake.
        let few = count(workspace, name, depth, first_byte, WARM_UP)?;
        let many = count(workspace, name, depth, first_byte, WARM_UP + COUNTED)?;
        let each = many.saturating_sub(few) / (COUNTED * depth) as u64;
        text.push_str(&format!("{name} {each}\n"));
        let known = known(&before, name);
        let is_well = known.is_none_or(|known| each as f64 <= known as f64 * TOLERANCE);
        all_well &= is_well;
        let known = known.map_or_else(|| "unknown".to_owned(), |known| known.to_string());
        let verdict = if is_well { "" } else { ", which is over 5 % more" };
        session.say(&format!("{name}: {each} instructions a message, before: {known}{verdict}"))?;
    }
    if arguments.write {
        fs::write(&page, text).map_err(Failure::because(page.display()))?;
        session.say(&format!("{PAGE} is written"))?;
        return Ok(true);
    }
    Ok(all_well)
}

const ABOUT: &str = "# Instructions of user code a message costs the server: an echo of 125 bytes, with so many in flight.\n\
    # Made by `cargo xtask instructions --write`, compared by `cargo xtask test`.\n";

fn known(page: &str, name: &str) -> Option<u64> {
    let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    line.trim().parse().ok()
}

/// All instructions of a server that echoes so many batches.
fn count(
    workspace: &Workspace,
    name: &str,
    depth: usize,
    first_byte: u8,
    batches: usize,
) -> Result<u64, Failure> {
    let folder = workspace.target.join("instructions");
    fs::create_dir_all(&folder).map_err(Failure::because(folder.display()))?;
    let out = folder.join(format!("{name}-{batches}.out"));
    // A file of an earlier run must not be taken for this one's.
    let _ = fs::remove_file(&out);
    let mut command = workspace.command("valgrind", &["--tool=callgrind"]);
    command.arg(format!("--callgrind-out-file={}", out.display())).arg(workspace.release("plain-echo"));
    let server = serve(&mut command, &folder.join(format!("{name}.log")), depth, first_byte, batches);
    let mut server = server?;
    let deadline = Instant::now() + LIMIT;
    while totals(&out).is_none() && Instant::now() < deadline {
        std::thread::sleep(TICK);
    }
    let counted = totals(&out);
    // It has ended by itself by now.
    let _ = server.wait_for(Duration::ZERO, |_| None::<()>);
    counted.ok_or_else(|| Failure(format!("callgrind left no count in {}", out.display())))
}

fn serve(
    command: &mut Command,
    log: &Path,
    depth: usize,
    first_byte: u8,
    batches: usize,
) -> Result<Background, Failure> {
    let mut server = Background::start(command, log)?;
    let url = server.wait_for(Duration::from_secs(60), address_in)?;
    let address = url.trim_start_matches("ws://").trim_end_matches('/');
    converse(address, depth, first_byte, batches).map_err(Failure::because("the echo"))?;
    Ok(server)
}

/// Opens a WebSocket, has batches of messages echoed, each batch sent at once when the last is back, and leaves.
fn converse(address: &str, depth: usize, first_byte: u8, batches: usize) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(LIMIT))?;
    write!(
        stream,
        "GET / HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )?;
    let mut byte = [0];
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let (question, answer) = batch(depth, first_byte);
    let mut back = vec![0; answer.len()];
    for _ in 0..batches {
        stream.write_all(&question)?;
        stream.read_exact(&mut back)?;
        if back != answer {
            return Err(std::io::Error::other("what came back is not what was sent"));
        }
    }
    // An empty Close, masked with zeros, then whatever is the answer.
    stream.write_all(&[0x88, 0x80, 0, 0, 0, 0])?;
    stream.read_to_end(&mut head).map(drop)
}

/// So many frames as a client sends them, and as they come back (RFC 6455 §5.2).
fn batch(depth: usize, first_byte: u8) -> (Vec<u8>, Vec<u8>) {
    let key = [0x37, 0xfa, 0x21, 0x3d];
    let (mut question, mut answer) = (Vec::new(), Vec::new());
    for index in 0..depth {
        let payload: Vec<u8> = (0..PAYLOAD_BYTES).map(|i| b'a' + ((i + index) % 26) as u8).collect();
        answer.extend([first_byte, PAYLOAD_BYTES as u8]);
        answer.extend(&payload);
        question.extend([first_byte, 0x80 | PAYLOAD_BYTES as u8]);
        question.extend(key);
        question.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    }
    (question, answer)
}

/// The sum in the last line of what callgrind writes, when that is complete.
fn totals(path: &Path) -> Option<u64> {
    read_text(path).lines().find_map(|line| line.strip_prefix("totals: ")?.trim().parse().ok())
}
