//! The loads: readers that wait, fan-out, a reader that stops, a poller that sleeps.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::contender::{Contender, Wire};
use super::room::{Reader, Room, pss};
use crate::comparison::Sample;
use crate::failure::{Failure, fail};
use crate::server::Server;
use crate::watch::{Budget, Process, Stopwatch};

const MIB: f64 = (1 << 20) as f64;

/// After so much silence nothing comes any more.
const PATIENCE: Duration = Duration::from_secs(3);

/// Readers that wait, then one publication to all. Bytes each before and after it, the server's CPU time for letting
/// one in, and the share that got it once, in percent.
pub(crate) fn hold(
    contender: Contender,
    wire: Wire,
    server: &Server,
    count: usize,
) -> Result<Sample, Failure> {
    const WARM: usize = 20;
    let process = server.process();
    let mut room = Room::new(contender, server.address, wire, 125)?;
    room.join(WARM)?;
    let base = settled(process, &mut room)?;
    let cpu = process.cpu()?;
    room.join(count)?;
    let opening = process.cpu()?.saturating_sub(cpu) as f64 / 1e3 / count as f64;
    let each = |pss: u64| pss.saturating_sub(base) as f64 / count as f64;
    let before = each(settled(process, &mut room)?);
    room.orders = 1;
    room.publish(1)?;
    while room.delivered < room.readers.len() as u64 && !room.is_silent(PATIENCE) {
        room.turn(Duration::from_millis(5))?;
    }
    let after = each(settled(process, &mut room)?);
    let once = room.readers.iter().filter(|reader| reader.tally.got == 1 && reader.tally.twice == 0).count();
    let share = once as f64 * 100.0 / room.readers.len() as f64;
    Ok((vec![before, after, opening, share], String::new()))
}

/// The set once it no longer changes for a second, or after ten.
fn settled(process: Process, room: &mut Room) -> Result<u64, Failure> {
    let mut last = pss(process)?;
    for _ in 0..10 {
        room.turn_for(Duration::from_secs(1))?;
        let now = pss(process)?;
        if now == last {
            break;
        }
        last = now;
    }
    Ok(last)
}

/// A thousand readers. Deliveries for each second of the server's CPU, the share of the time in which its threads ran,
/// publications in a second, then what was lost, and what came twice or with other bytes, of all that should have come,
/// in percent.
pub(crate) fn fanout(
    contender: Contender,
    wire: Wire,
    server: &Server,
    publishers: usize,
    quick: bool,
) -> Result<Sample, Failure> {
    let ms = Duration::from_millis;
    let budget = match quick {
        true => Budget { warm_up: ms(200), cpu: ms(300), wall: ms(2000) },
        false => Budget { warm_up: ms(300), cpu: ms(1000), wall: ms(6000) },
    };
    let mut room = Room::new(contender, server.address, wire, 125)?;
    room.join(1000)?;
    room.orders = u64::MAX;
    room.publish(publishers)?;
    let mut watch = Stopwatch::start(server.process(), budget);
    let began = Instant::now();
    let (rate, pace) = loop {
        room.turn(ms(20))?;
        if let Some(rate) = watch.look(room.delivered, room.bytes())? {
            break (rate, room.accepted() as f64 / began.elapsed().as_secs_f64());
        }
        if room.is_silent(PATIENCE) {
            fail!("nothing comes any more; {} were delivered", room.delivered);
        }
    };
    room.orders = 0;
    let all = |room: &Room| room.accepted() * room.readers.len() as u64;
    while !(room.are_publishers_done() && room.delivered >= all(&room) || room.is_silent(PATIENCE)) {
        room.turn(ms(5))?;
    }
    let share = |count: u64| count as f64 * 100.0 / all(&room).max(1) as f64;
    let wrong = room.readers.iter().map(|reader| reader.tally.twice + reader.tally.broken).sum();
    let busy = rate.server_ns as f64 / rate.wall_ns.max(1) as f64;
    let lost = all(&room).saturating_sub(room.delivered);
    Ok((vec![rate.per_cpu_second(), busy, pace, share(lost), share(wrong)], String::new()))
}

const STALLED_SIZE: usize = 16 * 1024;
const STALLED_COUNT: u64 = (256 << 20) / STALLED_SIZE as u64;

/// Four readers that read, with and without one that does not. MiB of growth without and with it, publications in a
/// second without and with it, the fast ones' rate with it over that without by the clock and by the server's CPU, refused POSTs, and what the fast ones
/// lost.
pub(crate) fn stalled(
    contender: Contender,
    wire: Wire,
    start: impl Fn() -> Result<Server, Failure>,
) -> Result<Sample, Failure> {
    let alone = pour(contender, wire, &start()?, false)?;
    let with = pour(contender, wire, &start()?, true)?;
    let figures = vec![
        alone.growth,
        with.growth,
        alone.pace,
        with.pace,
        with.deliveries / alone.deliveries,
        with.by_cpu / alone.by_cpu,
        (alone.refused + with.refused) as f64,
        (alone.lost + with.lost) as f64,
    ];
    Ok((figures, with.fate))
}

struct Poured {
    growth: f64,
    /// Publications, and deliveries to the fast ones, in a second.
    pace: f64,
    deliveries: f64,
    /// Deliveries to the fast ones for each second of the server's CPU.
    by_cpu: f64,
    refused: u64,
    lost: u64,
    /// What became of the stalled one.
    fate: String,
}

fn pour(contender: Contender, wire: Wire, server: &Server, has_stalled: bool) -> Result<Poured, Failure> {
    const FAST: usize = 4;
    let process = server.process();
    let mut room = Room::new(contender, server.address, wire, STALLED_SIZE)?;
    room.join(FAST)?;
    let sleeper = if has_stalled { Some(room.join_asleep()?) } else { None };
    room.turn_for(Duration::from_millis(300))?;
    let base = pss(process)?;
    let (mut highest, mut looked) = (base, Instant::now());
    room.orders = STALLED_COUNT;
    let (began, cpu) = (Instant::now(), process.cpu()?);
    room.publish(4)?;
    let mut published = None;
    loop {
        room.turn(Duration::from_millis(5))?;
        if looked.elapsed() > Duration::from_millis(50) {
            looked = Instant::now();
            highest = highest.max(pss(process)?);
        }
        if room.are_publishers_done() {
            published.get_or_insert_with(|| began.elapsed());
            if room.delivered >= room.accepted() * FAST as u64 {
                break;
            }
        }
        if room.is_silent(PATIENCE) {
            break;
        }
    }
    let silence = if room.delivered >= room.accepted() * FAST as u64 { Duration::ZERO } else { PATIENCE };
    let time = began.elapsed().saturating_sub(silence).as_secs_f64();
    highest = highest.max(pss(process)?);
    let cpu = process.cpu()?.saturating_sub(cpu).max(1);
    let (accepted, delivered) = (room.accepted(), room.delivered);
    let poured = Poured {
        growth: (highest - base) as f64 / MIB,
        pace: accepted as f64 / published.map_or(time, |time| time.as_secs_f64()),
        deliveries: delivered as f64 / time,
        by_cpu: delivered as f64 * 1e9 / cpu as f64,
        refused: room.refused,
        lost: (accepted * FAST as u64).saturating_sub(delivered),
        fate: String::new(),
    };
    let Some(sleeper) = sleeper else { return Ok(poured) };
    Ok(Poured { fate: fate(&mut room, sleeper)?, ..poured })
}

/// Reads the stalled one to its end, and tells what it got.
fn fate(room: &mut Room, sleeper: Reader) -> Result<String, Failure> {
    let accepted = room.accepted();
    let number = room.wake(sleeper)?;
    let tally = |room: &Room| (room.readers[number].tally.got, room.readers[number].tally.told);
    let is_done = |(got, told): (u64, u64)| got + told >= accepted;
    while !is_done(tally(room)) && !room.is_silent(PATIENCE) {
        if let Err(Failure(reason)) = room.turn(Duration::from_millis(5)) {
            let (got, _) = tally(room);
            return Ok(format!("{got} of {accepted}, then: {reason}"));
        }
    }
    let is_clean = room.readers[number].tally.twice + room.readers[number].tally.broken == 0;
    Ok(match tally(room) {
        (got, 0) if got == accepted => format!("all {accepted}"),
        (got, 0) => format!("{got} of {accepted}, and nothing of the rest"),
        (got, told) if got + told == accepted && is_clean => {
            format!("{got} of {accepted}, and that it missed exactly the other {told}")
        }
        (got, told) => format!("{got} of {accepted}, and WRONGLY that it missed {told}"),
    })
}

/// Fifty publications in a second, and a poller that sleeps for 200 ms after each answer. How many of 300 it lost, how
/// many came twice, and how many it did not have when publishing ended.
pub(crate) fn loss(contender: Contender, wire: Wire, server: &Server) -> Result<Sample, Failure> {
    const COUNT: u64 = 300;
    const NAP: Duration = Duration::from_millis(200);
    const STEP: Duration = Duration::from_millis(20);
    let mut room = Room::new(contender, server.address, wire, 125)?;
    let mut poller = room.join_asleep()?;
    let (mut input, sample) = (vec![0; 256 * 1024], super::tally::publication(125, 0, 0));
    // Its first answer says where it is, when there is one at once.
    sleep(NAP);
    room.publish(1)?;
    let began = Instant::now();
    let (mut posted, mut next_poll, mut missing) = (0, None, 0);
    let mut last_news = Instant::now();
    while last_news.elapsed() < PATIENCE {
        if posted < COUNT && began.elapsed() >= STEP * posted as u32 {
            posted += 1;
            // On a busy machine the one before may not have been taken yet.
            room.orders += 1;
            room.order()?;
        }
        room.turn(Duration::from_millis(1))?;
        let before = poller.tally.got;
        let (_, answers) = poller.read(wire, &mut input, &sample)?;
        let is_publishing = posted < COUNT || !room.are_publishers_done();
        if is_publishing {
            last_news = Instant::now();
            missing = COUNT - poller.tally.got;
        }
        if poller.tally.got > before {
            last_news = Instant::now();
        }
        if answers > 0 {
            let nap = if is_publishing { NAP } else { Duration::from_millis(5) };
            next_poll = Some(Instant::now() + nap);
        }
        if next_poll.is_some_and(|at| Instant::now() >= at) {
            next_poll = None;
            poller.ask(contender, wire)?;
        }
        if poller.tally.got == COUNT && !is_publishing {
            break;
        }
    }
    let tally = &poller.tally;
    let figures = [COUNT - tally.got, tally.twice + tally.broken, missing];
    Ok((figures.map(|count| count as f64).to_vec(), String::new()))
}
