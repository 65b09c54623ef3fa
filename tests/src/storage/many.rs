//! A folder of many uploads: what it costs to open it, to find one, and to look through all.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use tidegate_gateway::upload::store::files::{Files, Settings};
use tidegate_gateway::upload::store::{Form, Owner, Record, Store, UploadId};
use tidegate_gateway::upload::{Limits, Uploads};

use super::kills::scratch;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// How many owners share the uploads.
const OWNERS: u64 = 100;

/// How many are made at a time.
const AT_ONCE: usize = 32;

/// One of so many has expired.
const EXPIRED: u64 = 10;

/// How often somebody asks for an upload meanwhile.
const PAUSE: Duration = Duration::from_millis(2);

/// Makes a folder of so many uploads, and weighs it in a fresh process. `program many-weigh FOLDER COUNT` must call
/// [`weigh`].
///
/// # Errors
///
/// When the folder cannot be made or used.
pub fn run(count: u64) -> Result<(), Failure> {
    let folder = scratch("store-many");
    let start = Instant::now();
    runtime()?.block_on(make(&folder, count))?;
    println!("{count} uploads of {OWNERS} owners, made in {:.0} s", start.elapsed().as_secs_f64());
    let mut weigh = Command::new(std::env::current_exe()?);
    let weighed = weigh.arg("many-weigh").arg(&folder).arg(count.to_string()).status()?;
    fs::remove_dir_all(&folder)?;
    if weighed.success() { Ok(()) } else { Err("it could not be weighed".into()) }
}

/// Says what a folder of so many uploads costs.
///
/// # Errors
///
/// When it cannot be read, or has another number of uploads.
pub fn weigh(folder: &Path, count: u64) -> Result<(), Failure> {
    runtime()?.block_on(weigh_all(folder, count))
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}

fn record(number: u64) -> Record {
    Record {
        id: UploadId::new(&Owner::of_key(number % OWNERS), u128::from(number)),
        form: Form::Whole,
        length: Some(1_000_000),
        is_complete: false,
        created: 0,
        expires: Some(if number.is_multiple_of(EXPIRED) { 1 } else { u64::MAX }),
        metadata: "filename ZmlsZQ==,filetype YXBwbGljYXRpb24vb2N0ZXQtc3RyZWFt".into(),
        parts: None,
    }
}

async fn make(folder: &Path, count: u64) -> Result<(), Failure> {
    let files = Arc::new(Files::open(folder, Settings::default()).await?);
    let made = futures_util::stream::iter(0..count).map(|number| {
        let files = Arc::clone(&files);
        async move { files.create(&record(number)).await.map(drop) }
    });
    let mut made = made.buffer_unordered(AT_ONCE);
    while let Some(made) = made.next().await {
        made?;
    }
    Ok(())
}

async fn weigh_all(folder: &Path, count: u64) -> Result<(), Failure> {
    let before = resident()?;
    let start = Instant::now();
    let store = Arc::new(Files::open(folder, Settings::default()).await?);
    let opened = start.elapsed();
    println!("opened in {:.1} ms, {} KiB more of memory", milliseconds(opened), resident()? - before);
    let start = Instant::now();
    store.look(&record(count / 2).id).await?;
    println!("the first that is asked for: {:.1} ms", milliseconds(start.elapsed()));
    print("asked for while nothing else is done", &mut ask(&store, count, Duration::from_secs(3)).await?);

    let cost = Cost::begin()?;
    let (found, mut asked) = beside(&store, count, async {
        let mut list = store.list(None);
        let mut found = 0;
        while let Some(stored) = list.next().await {
            stored?;
            found += 1;
        }
        Ok(found)
    })
    .await?;
    cost.end(&format!("all {found} listed"))?;
    print("asked for meanwhile", &mut asked);
    if found != count {
        return Err(format!("{found} of {count} uploads were listed").into());
    }

    let uploads = Uploads::new(Arc::clone(&store) as Arc<dyn Store>, Limits::default());
    let cost = Cost::begin()?;
    let (removed, mut asked) = beside(&store, count, async { Ok(uploads.sweep().await) }).await?;
    cost.end(&format!("{removed} that had expired swept"))?;
    print("asked for meanwhile", &mut asked);
    let cost = Cost::begin()?;
    let again = uploads.sweep().await;
    cost.end(&format!("{again} swept again"))
}

/// Does something, and asks for uploads beside it.
async fn beside<T>(
    store: &Arc<Files>,
    count: u64,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<(T, Vec<Duration>), Failure> {
    let is_over = Arc::new(AtomicBool::new(false));
    let (asking, over) = (Arc::clone(store), Arc::clone(&is_over));
    let asked = tokio::spawn(async move {
        let mut times = Vec::new();
        while !over.load(Ordering::Relaxed) {
            times.extend(ask(&asking, count, Duration::ZERO).await?);
            tokio::time::sleep(PAUSE).await;
        }
        Ok::<_, Failure>(times)
    });
    let done = work.await;
    is_over.store(true, Ordering::Relaxed);
    Ok((done?, asked.await??))
}

/// Asks for one upload after the other, of those that have not expired, and tells how long each took.
async fn ask(store: &Arc<Files>, count: u64, time: Duration) -> Result<Vec<Duration>, Failure> {
    let end = Instant::now() + time;
    let mut times = Vec::new();
    loop {
        let number = u64::from(random()?) % (count / EXPIRED) * EXPIRED + 1;
        let start = Instant::now();
        store.look(&record(number).id).await?;
        times.push(start.elapsed());
        if Instant::now() >= end {
            return Ok(times);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn random() -> Result<u32, Failure> {
    let mut bytes = [0; 4];
    std::io::Read::read_exact(&mut fs::File::open("/dev/urandom")?, &mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}

fn print(what: &str, times: &mut [Duration]) {
    times.sort();
    let at = |share: f64| times.get((times.len() as f64 * share) as usize).or(times.last()).copied();
    let [middle, p99, most] = [0.5, 0.99, 1.0].map(|share| at(share).map_or(0.0, milliseconds));
    println!("{what}: {} times, p50 {middle:.1} ms, p99 {p99:.1} ms, at most {most:.1} ms", times.len());
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// What something costs.
struct Cost {
    start: Instant,
    cpu: f64,
}

impl Cost {
    fn begin() -> Result<Self, Failure> {
        Ok(Self { start: Instant::now(), cpu: cpu_seconds()? })
    }

    fn end(self, what: &str) -> Result<(), Failure> {
        let (took, cpu) = (self.start.elapsed().as_secs_f64(), cpu_seconds()? - self.cpu);
        println!("{what} in {took:.1} s, {cpu:.1} CPU s; {} KiB of memory", resident()?);
        Ok(())
    }
}

/// The CPU time of this process, with that of threads that have ended, in steps of 10 ms.
///
/// # Errors
///
/// Where there is no `/proc`.
pub fn cpu_seconds() -> Result<f64, Failure> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // proc(5): behind the name in parentheses, the 12th and 13th fields are the ticks of user and system time.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).ok_or("no CPU time");
    Ok((ticks(11)? + ticks(12)?) / 100.0)
}

/// The memory of this process that is resident, in KiB.
fn resident() -> Result<i64, Failure> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
