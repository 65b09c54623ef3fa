//! The process that is killed: it writes uploads, and says what it was promised.

use std::future::poll_fn;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use tidegate_gateway::upload::store::{Form, Owner, Record, Store, StoreError, UploadId, Writer};

/// How many uploads are written at a time.
const UPLOADS: u64 = 4;

/// An upload of this size is removed, and another one begun.
const LARGE: u64 = 24 * 1024 * 1024;

/// Writes to the store until it is killed. On standard output it says, a line each: `begin ID`, `made ID`,
/// `pushed ID OFFSET`, `acked ID OFFSET`, `going ID`, `gone ID`.
///
/// # Errors
///
/// When the store fails.
pub async fn run(store: Arc<dyn Store>, seed: u64) -> Result<(), StoreError> {
    let mut writing = Vec::new();
    for number in 0..UPLOADS {
        let store = Arc::clone(&store);
        let dice = ChaCha8Rng::seed_from_u64(seed.wrapping_mul(UPLOADS).wrapping_add(number));
        writing.push(tokio::spawn(write_on_and_on(store, number, dice)));
    }
    for task in writing {
        task.await.map_err(std::io::Error::other)??;
    }
    Ok(())
}

/// The id of an upload of this test.
#[must_use]
pub fn id_of(number: u64, round: u64) -> UploadId {
    let owner = Owner::parse(&format!("{number:016x}")).expect("an owner has 16 digits");
    UploadId::new(&owner, u128::from(round))
}

/// The bytes of an upload from an offset on: pages of noise, each taken from a place in the noise that the upload and
/// the number of the page choose.
#[must_use]
pub fn content(id: &UploadId, from: u64, length: usize) -> Vec<u8> {
    static NOISE: OnceLock<Vec<u8>> = OnceLock::new();
    let noise = NOISE.get_or_init(|| {
        let mut noise = vec![0; NOISE_BYTES + PAGE];
        ChaCha8Rng::seed_from_u64(0).fill_bytes(&mut noise);
        noise
    });
    let salt = id.as_str().bytes().fold(0u64, |salt, byte| salt.wrapping_mul(31).wrapping_add(byte.into()));
    let mut bytes = Vec::with_capacity(length);
    while bytes.len() < length {
        let at = from + bytes.len() as u64;
        let page = (at / PAGE as u64).wrapping_add(salt).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let start = usize::try_from((page >> 32) % NOISE_BYTES as u64).unwrap_or(0);
        let within = usize::try_from(at % PAGE as u64).unwrap_or(0);
        let count = (PAGE - within).min(length - bytes.len());
        bytes.extend_from_slice(&noise[start + within..start + within + count]);
    }
    bytes
}

const PAGE: usize = 4096;
const NOISE_BYTES: usize = 1024 * 1024;

async fn write_on_and_on(store: Arc<dyn Store>, number: u64, mut dice: ChaCha8Rng) -> Result<(), StoreError> {
    let owner = id_of(number, 0).owner();
    let mut round = 0;
    loop {
        let id = id_of(number, round);
        debug_assert_eq!(owner, id.owner());
        // What a process before has left is gone on with; what is large, or was ended, is removed.
        match store.look(&id).await {
            Ok(stored) if stored.record.is_complete || stored.offset >= LARGE => {
                remove(&*store, &id).await?;
                round += 1;
                continue;
            }
            Ok(_) | Err(StoreError::Missing) => {}
            Err(error) => return Err(error),
        }
        let writer = match store.append(&id).await {
            Err(StoreError::Missing) => match create(&*store, &id).await {
                // In a bucket it may be half removed, and may not be made again for a while.
                Err(StoreError::Exists) => {
                    round += 1;
                    continue;
                }
                created => created?,
            },
            other => other?,
        };
        say("acked", &id, Some(writer.durable()));
        write(writer, &id, &mut dice).await?;
        remove(&*store, &id).await?;
        round += 1;
    }
}

async fn create(store: &dyn Store, id: &UploadId) -> Result<Box<dyn Writer>, StoreError> {
    let record = Record {
        id: id.clone(),
        form: Form::Whole,
        length: None,
        is_complete: false,
        created: 0,
        expires: None,
        metadata: "filename YQ==".into(),
        parts: None,
    };
    say("begin", id, None);
    let writer = store.create(&record).await?;
    say("made", id, None);
    Ok(writer)
}

async fn remove(store: &dyn Store, id: &UploadId) -> Result<(), StoreError> {
    say("going", id, None);
    store.remove(id).await?;
    say("gone", id, None);
    Ok(())
}

/// Writes until the upload is large, in pieces of all sizes, with a sync, a hold or an update now and then.
async fn write(mut writer: Box<dyn Writer>, id: &UploadId, dice: &mut ChaCha8Rng) -> Result<(), StoreError> {
    let mut at = writer.durable();
    while at < LARGE {
        match dice.next_u32() % 40 {
            0..=2 => {
                let durable = writer.sync().await?;
                say("acked", id, Some(durable));
            }
            3 => {
                // Bytes that must never be seen: none of them is what belongs there.
                writer.hold().await?;
                say("acked", id, Some(at));
                for _ in 0..dice.next_u32() % 8 {
                    let wrong: Vec<u8> = content(id, at, 100_000).iter().map(|byte| !byte).collect();
                    poll_fn(|cx| writer.poll_room(cx)).await?;
                    writer.push(Bytes::from(wrong));
                }
                writer.roll_back().await?;
            }
            4 => {
                let mut record = writer.record().clone();
                record.expires = Some(at);
                writer.update(record).await?;
                say("acked", id, Some(at));
            }
            size => {
                let length = 1 + dice.next_u32() as usize % (1 << (size % 19));
                poll_fn(|cx| writer.poll_room(cx)).await?;
                writer.push(Bytes::from(content(id, at, length)));
                at += length as u64;
                say("pushed", id, Some(at));
                say("acked", id, Some(writer.durable()));
            }
        }
    }
    Ok(())
}

fn say(what: &str, id: &UploadId, offset: Option<u64>) {
    match offset {
        Some(offset) => println!("{what} {} {offset}", id.as_str()),
        None => println!("{what} {}", id.as_str()),
    }
}
