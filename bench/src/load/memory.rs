//! What connections cost that are open and do nothing, what opening one costs, and what one takes that does not read.

use std::io::{Read, Write};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::failure::{Failure, fail};
use crate::frames::Script;
use crate::incoming::Incoming;
use crate::modes::Figures;
use crate::socket::{Socket, Target};
use crate::watch::{Peak, Process, own_cpu};

const MIB: f64 = (1 << 20) as f64;

/// Opens connections; the main figure is CPU time of the server for each, in microseconds.
pub(crate) fn open(target: &Target, process: Process, connections: usize) -> Result<Figures, Failure> {
    // The first ones make the server ready.
    let first = open_all(target, 50)?;
    let (before, own, began) = (process.cpu()?, own_cpu(), Instant::now());
    let sockets = open_all(target, connections)?;
    sleep(Duration::from_millis(50));
    let server_ns = process.cpu()?.saturating_sub(before);
    let load_ns = own_cpu().saturating_sub(own);
    let wall = began.elapsed();
    drop((first, sockets));
    Ok(Figures {
        main: server_ns as f64 / 1e3 / connections as f64,
        server_ns,
        load_ns,
        wall_ns: wall.as_nanos() as u64,
        ..Figures::default()
    })
}

/// Opens connections and leaves them alone, then has each echo 125 bytes. The main figure is the resident memory of
/// each after that, the other one before it, in bytes.
pub(crate) fn idle(target: &Target, process: Process, connections: usize) -> Result<Figures, Failure> {
    let base = settled(process)?;
    let mut sockets = open_all(target, connections)?;
    let each = |rss: u64| rss.saturating_sub(base) as f64 / connections as f64;
    let before = each(settled(process)?);
    let script = Script::binary(125, 1);
    let mut answer = vec![0; script.answer.frame() as usize];
    for socket in &mut sockets {
        socket.set_blocking()?;
        socket.write_all(script.question.from(0, script.question.frame()))?;
        socket.read_exact(&mut answer)?;
        if !script.answer.is_at(0, &answer) {
            fail!("an echo differs");
        }
    }
    let after = each(settled(process)?);
    Ok(Figures { main: after, others: vec![before], ..Figures::default() })
}

fn open_all(target: &Target, connections: usize) -> Result<Vec<Socket>, Failure> {
    (0..connections).map(|_| Socket::open(target).map(|(socket, _)| socket)).collect()
}

/// The resident set once it no longer changes for a second, or after ten.
fn settled(process: Process) -> Result<u64, Failure> {
    let mut last = process.rss()?;
    for _ in 0..10 {
        sleep(Duration::from_secs(1));
        let now = process.rss()?;
        if now == last {
            break;
        }
        last = now;
    }
    Ok(last)
}

const FLOOD_SIZE: usize = 16 * 1024;
const FLOOD: u64 = 512 << 20;

/// How long nothing may move before the sender counts as stalled.
const STALLED: Duration = Duration::from_secs(1);

/// Sends 512 MiB to an echo and reads nothing, then everything. The main figure is the growth in MiB; then come the
/// MiB that the server took, and the share of the answers that came back.
pub(crate) fn flood(target: &Target, process: Process) -> Result<Figures, Failure> {
    let (mut socket, _) = Socket::open(target)?;
    let script = Script::binary(FLOOD_SIZE, 16);
    let all = script.question.place(FLOOD / FLOOD_SIZE as u64);
    let mut peak = Peak::from(process)?;
    let (mut sent, mut moved) = (0, Instant::now());
    while sent < all && moved.elapsed() < STALLED {
        match socket.give(script.question.from(sent, (all - sent).min(256 * 1024)))? {
            0 => sleep(Duration::from_millis(2)),
            len => {
                sent += len as u64;
                moved = Instant::now();
            }
        }
        peak.look()?;
    }
    let taken = sent;
    // A message that has begun is sent to its end.
    let messages = sent.div_ceil(script.question.frame());
    let end = script.question.place(messages);
    let (mut incoming, mut answers) = (Incoming::default(), 0);
    let mut input = vec![0; 256 * 1024];
    let mut moved = Instant::now();
    while answers < messages && moved.elapsed() < Duration::from_secs(5) {
        if sent < end {
            sent += socket.give(script.question.from(sent, end - sent))? as u64;
        }
        match socket.receive(&mut input) {
            Ok(Some(len)) => {
                incoming.feed(&input[..len], |frame| answers += u64::from(frame.len == FLOOD_SIZE as u64));
                moved = Instant::now();
            }
            Ok(None) => sleep(Duration::from_millis(1)),
            Err(_) => break,
        }
        peak.look()?;
    }
    let note = if taken < all { "the sender was stalled" } else { "the sender was never stalled" };
    Ok(Figures {
        main: peak.growth() as f64 / MIB,
        others: vec![taken as f64 / MIB, answers as f64 * 100.0 / messages as f64],
        note: note.to_owned(),
        ..Figures::default()
    })
}

/// Reads a fire hose at 1 MiB/s. The main figure is the growth in MiB.
pub(crate) fn slow_reader(target: &Target, process: Process, quick: bool) -> Result<Figures, Failure> {
    let mut peak = Peak::from(process)?;
    let (mut socket, _) = Socket::open(target)?;
    let mut input = vec![0; 16 * 1024];
    let parts = if quick { 128 } else { 320 };
    let mut got = 0;
    for _ in 0..parts {
        got += socket.receive(&mut input)?.unwrap_or(0);
        sleep(Duration::from_micros(15_625));
        peak.look()?;
    }
    if got < parts * input.len() / 2 {
        fail!("the fire hose gave only {got} bytes");
    }
    Ok(Figures { main: peak.growth() as f64 / MIB, ..Figures::default() })
}
