//! The files store beside a plain sink: how fast it takes bytes from a TCP connection, and what CPU time it needs.
//! `cargo xtask bench --uploads` runs it. With `many`: what a folder of many uploads costs.
//!
//! Both read from a loopback connection into a file, and the last byte is durable before the clock stops. The sink writes
//! what it reads and calls `fdatasync` every 16 MiB.

use std::fs::{self, File};
use std::future::poll_fn;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use tidegate_gateway::upload::store::files::{Files, Settings};
use tidegate_gateway::upload::store::{Form, Owner, Record, Store as _, StoreError, UploadId};
use tidegate_tests::storage::kills::scratch;
use tidegate_tests::storage::many::{self, cpu_seconds};
use tokio::io::AsyncReadExt as _;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What one transfer took.
#[derive(Clone, Copy)]
struct Took {
    seconds: f64,
    cpu: f64,
}

const MEBIBYTE: u64 = 1024 * 1024;
const READ: usize = 256 * 1024;
const ROUNDS: usize = 5;

fn main() -> Result<(), Failure> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["sink", folder] => serve(|stream| sink(stream, Path::new(folder))),
        ["store", folder] => serve(|stream| store(stream, Path::new(folder))),
        ["fair"] => fair(),
        ["many", count] => Ok(many::run(count.parse()?)?),
        ["many-weigh", folder, count] => Ok(many::weigh(Path::new(folder), count.parse()?)?),
        [mebibytes] => compare(mebibytes.parse::<u64>()? * MEBIBYTE),
        _ => Err("store-bench MEBIBYTES | fair | many COUNT".into()),
    }
}

/// Takes turns, so that whatever else the machine does hits both.
fn compare(bytes: u64) -> Result<(), Failure> {
    let mut all = [Vec::new(), Vec::new()];
    for round in 0..ROUNDS {
        for (which, took) in ["sink", "store"].into_iter().zip(&mut all) {
            took.push(transfer(which, bytes)?);
            let last = took[round];
            println!("{which:<6} {:>7.0} MB/s {:>6.2} CPU s/GiB", rate(bytes, last), cpu(bytes, last));
        }
    }
    let [sink, store] = all.map(|took| {
        let middle = |of: &dyn Fn(Took) -> f64| {
            let mut values: Vec<f64> = took.iter().map(|took| of(*took)).collect();
            values.sort_by(f64::total_cmp);
            values[values.len() / 2]
        };
        (middle(&|took| rate(bytes, took)), middle(&|took| cpu(bytes, took)))
    });
    println!("\n| {} MiB, median of {ROUNDS} | MB/s | CPU s/GiB |\n|---|---|---|", bytes / MEBIBYTE);
    println!("| sink, synced every 16 MiB | {:.0} | {:.2} |", sink.0, sink.1);
    println!("| files store | {:.0} ({:.0} %) | {:.2} |", store.0, store.0 / sink.0 * 100.0, store.1);
    Ok(())
}

fn rate(bytes: u64, took: Took) -> f64 {
    bytes as f64 / 1e6 / took.seconds
}

fn cpu(bytes: u64, took: Took) -> f64 {
    took.cpu / (bytes as f64 / (1024.0 * MEBIBYTE as f64))
}

/// Starts the one that receives, sends it the bytes, and hears what they cost it.
fn transfer(which: &str, bytes: u64) -> Result<Took, Failure> {
    let folder = scratch("store-bench");
    let mut child =
        Command::new(std::env::current_exe()?).arg(which).arg(&folder).stdout(Stdio::piped()).spawn()?;
    let mut lines = BufReader::new(child.stdout.take().ok_or("no standard output")?).lines();
    let address = lines.next().ok_or("no address")??;
    let mut stream = TcpStream::connect(address)?;
    let piece = vec![0x5a; READ];
    for _ in 0..bytes / READ as u64 {
        stream.write_all(&piece)?;
    }
    drop(stream);
    let line = lines.next().ok_or("no figures")??;
    child.wait()?;
    fs::remove_dir_all(&folder)?;
    let (seconds, cpu) = line.split_once(' ').ok_or("no figures")?;
    Ok(Took { seconds: seconds.parse()?, cpu: cpu.parse()? })
}

/// Takes one connection, and says what it cost.
fn serve(receive: impl FnOnce(TcpStream) -> Result<(), Failure>) -> Result<(), Failure> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?);
    let (stream, _) = listener.accept()?;
    let (start, before) = (Instant::now(), cpu_seconds()?);
    receive(stream)?;
    println!("{} {}", start.elapsed().as_secs_f64(), cpu_seconds()? - before);
    Ok(())
}

fn sink(mut stream: TcpStream, folder: &Path) -> Result<(), Failure> {
    let file = File::create(folder.join("sink"))?;
    let mut buffer = vec![0; READ];
    let (mut at, mut synced) = (0, 0);
    loop {
        let read = stream.read(&mut buffer)?;
        if read == 0 {
            return Ok(file.sync_data()?);
        }
        file.write_all_at(&buffer[..read], at)?;
        at += read as u64;
        if at - synced >= 16 * MEBIBYTE {
            file.sync_data()?;
            synced = at;
        }
    }
}

/// Eight uploads that push as fast as they may, and small ones beside them.
fn fair() -> Result<(), Failure> {
    let folder = scratch("store-fair");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let result = runtime.block_on(async {
        let files = Arc::new(Files::open(&folder, Settings::default()).await?);
        let mut alone = small_ones(&files, 100, Instant::now() + WARM_UP).await?;
        let end = Instant::now() + FAIR;
        let bulk: Vec<_> = (0..8).map(|owner| tokio::spawn(bulk(Arc::clone(&files), owner, end))).collect();
        let mut beside = small_ones(&files, 101, end).await?;
        let mut sizes = Vec::new();
        for task in bulk {
            sizes.push(task.await?.map_err(|error| error.to_string())?);
        }
        let (least, most) = (sizes.iter().min().unwrap_or(&0), sizes.iter().max().unwrap_or(&0));
        let p99 = |times: &mut Vec<f64>| {
            times.sort_by(f64::total_cmp);
            times[(times.len() * 99 / 100).min(times.len() - 1)] * 1e3
        };
        let (alone_p99, beside_p99) = (p99(&mut alone), p99(&mut beside));
        println!(
            "\n| eight for {} s, and small ones beside them | found | goal |\n|---|---|---|",
            FAIR.as_secs()
        );
        println!(
            "| bytes of the eight, most to least ({} MiB to {}) | {:.2} | 1.25 |",
            most / MEBIBYTE,
            least / MEBIBYTE,
            *most as f64 / *least as f64
        );
        println!("| 1 MiB alone, p99 of {} | {alone_p99:.1} ms | |", alone.len());
        println!(
            "| 1 MiB beside the eight, p50 of {} | {:.1} ms | |",
            beside.len(),
            beside[beside.len() / 2] * 1e3
        );
        println!(
            "| 1 MiB beside the eight, p99 | {beside_p99:.1} ms ({:.1} times) | 4 times |",
            beside_p99 / alone_p99
        );
        Ok(())
    });
    fs::remove_dir_all(&folder)?;
    result
}

const WARM_UP: Duration = Duration::from_secs(4);
const FAIR: Duration = Duration::from_secs(10);

/// Pushes until the time is over; how many bytes became durable.
async fn bulk(files: Arc<Files>, owner: u64, end: Instant) -> Result<u64, StoreError> {
    let mut writer = files.create(&record(owner, 1)).await?;
    let piece = Bytes::from(vec![0x5a; READ]);
    while Instant::now() < end {
        poll_fn(|cx| writer.poll_room(cx)).await?;
        writer.push(piece.clone());
    }
    let durable = writer.durable();
    drop(writer);
    Ok(durable)
}

/// Uploads of 1 MiB, one after the other: how long each took until it was durable.
async fn small_ones(files: &Files, owner: u64, end: Instant) -> Result<Vec<f64>, Failure> {
    let piece = Bytes::from(vec![0x5a; READ]);
    let mut times = Vec::new();
    for number in 0.. {
        let start = Instant::now();
        if start >= end {
            break;
        }
        let mut writer = files.create(&record(owner, number)).await?;
        for _ in 0..MEBIBYTE / READ as u64 {
            poll_fn(|cx| writer.poll_room(cx)).await?;
            writer.push(piece.clone());
        }
        writer.sync().await?;
        times.push(start.elapsed().as_secs_f64());
    }
    Ok(times)
}

fn record(owner: u64, number: u128) -> Record {
    let owner = Owner::parse(&format!("{owner:016x}")).expect("an owner has 16 digits");
    Record {
        id: UploadId::new(&owner, number),
        form: Form::Whole,
        length: None,
        is_complete: false,
        created: 0,
        expires: None,
        metadata: String::new(),
        parts: None,
    }
}

fn store(stream: TcpStream, folder: &Path) -> Result<(), Failure> {
    stream.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(async {
        let mut stream = tokio::net::TcpStream::from_std(stream)?;
        let files = Files::open(folder, Settings::default()).await?;
        let mut writer = files.create(&record(0, 1)).await?;
        loop {
            poll_fn(|cx| writer.poll_room(cx)).await?;
            let mut buffer = BytesMut::with_capacity(READ);
            if stream.read_buf(&mut buffer).await? == 0 {
                break;
            }
            writer.push(buffer.freeze());
        }
        writer.sync().await?;
        Ok(())
    })
}
