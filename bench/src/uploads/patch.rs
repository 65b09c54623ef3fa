//! One upload, in one PATCH: how fast it goes, and what the server needs for it.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::Sample;
use super::contender::{Contender, Running};
use super::content::Content;
use super::http::Connection;
use super::sink;
use crate::failure::{Failure, fail};
use crate::watch::Process;

pub(crate) const COLUMNS: &[&str] = &["MB/s", "CPU-s/GiB", "peak RSS, MiB"];

const GIB: f64 = (1_u64 << 30) as f64;

/// How long the last of the work may go on behind the answer.
const REST: Duration = Duration::from_millis(100);

/// Sends `length` bytes, and compares the file.
pub(crate) fn run(
    contender: Contender,
    running: &Running,
    content: &Content,
    length: u64,
) -> Result<Sample, Failure> {
    let process = running.process();
    let (seconds, before) = match contender {
        Contender::Sink => {
            let mut stream = TcpStream::connect(running.server.address)?;
            let (began, before) = (Instant::now(), cpu_seconds(process)?);
            stream.write_all(&length.to_le_bytes())?;
            send(&mut stream, content, length)?;
            let mut done = [0];
            stream.read_exact(&mut done)?;
            if done != [sink::DONE] {
                fail!("the sink says {done:?}");
            }
            (began.elapsed().as_secs_f64(), before)
        }
        _ => {
            let mut connection = Connection::open(running.server.address)?;
            let path = connection.create(contender.path(), length)?;
            let (began, before) = (Instant::now(), cpu_seconds(process)?);
            connection.patch(&path, length)?;
            // Who refuses says why, and stops reading.
            let sent = send(connection.stream.get_mut(), content, length);
            connection.answer(true)?.must(204)?;
            sent?;
            (began.elapsed().as_secs_f64(), before)
        }
    };
    sleep(REST);
    let cpu = cpu_seconds(process)? - before;
    let peak = peak_rss(process)?;
    content.compare(&running.folder, length)?;
    let figures = vec![length as f64 / 1e6 / seconds, cpu / (length as f64 / GIB), peak as f64 / 1024.0];
    Ok(Sample { figures })
}

fn send(stream: &mut TcpStream, content: &Content, length: u64) -> Result<(), Failure> {
    let mut place = 0;
    while place < length {
        let piece = content.from(place, length - place);
        stream.write_all(piece).map_err(Failure::because("sending"))?;
        place += piece.len() as u64;
    }
    Ok(())
}

/// The CPU time of a process, with that of threads that have ended, in steps of 10 ms.
pub(crate) fn cpu_seconds(process: Process) -> Result<f64, Failure> {
    let path = format!("/proc/{}/stat", process.0);
    let stat = fs::read_to_string(&path).map_err(Failure::because(&path))?;
    // proc(5): behind the name in parentheses, the 12th and 13th fields are the ticks of user and system time.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok());
    match (ticks(11), ticks(12)) {
        (Some(user), Some(system)) => Ok((user + system) / 100.0),
        _ => fail!("{path} tells no CPU time"),
    }
}

/// The highest resident set that the process ever had, in KiB.
fn peak_rss(process: Process) -> Result<u64, Failure> {
    let path = format!("/proc/{}/status", process.0);
    let status = fs::read_to_string(&path).map_err(Failure::because(&path))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    kib.ok_or_else(|| Failure(format!("{path} tells no VmHWM")))
}
