//! The yardstick: a program that reads bytes from a connection, writes them to a file, and syncs it every 16 MiB. No HTTP, no
//! checksums, no record; one connection after the other.

use std::fs::File;
use std::io::{Read, Write, stdout};
use std::net::{TcpListener, TcpStream};
use std::path::Path;

use crate::failure::{Failure, fail};

/// How much is read at a time, and how much may be written and not synced.
const READ: usize = 256 * 1024;
const SYNC: u64 = 16 * 1024 * 1024;

/// What it says when all is durable.
pub(crate) const DONE: u8 = b'k';

/// Takes uploads into the folder until it is killed.
pub(crate) fn serve(folder: &Path) -> Result<(), Failure> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("tcp://{}", listener.local_addr()?);
    stdout().flush()?;
    for stream in listener.incoming() {
        take(stream?, folder)?;
    }
    Ok(())
}

/// Takes eight bytes that say how many follow, and those.
fn take(mut stream: TcpStream, folder: &Path) -> Result<(), Failure> {
    let mut length = [0; 8];
    if stream.read_exact(&mut length).is_err() {
        // Somebody only looked whether there is anybody.
        return Ok(());
    }
    let mut left = u64::from_le_bytes(length);
    let mut file = File::create(folder.join("sink"))?;
    let mut buffer = vec![0; READ];
    let mut unsynced = 0;
    while left > 0 {
        let most = READ.min(usize::try_from(left).unwrap_or(READ));
        let read = stream.read(&mut buffer[..most])?;
        if read == 0 {
            fail!("the sender went");
        }
        file.write_all(&buffer[..read])?;
        left -= read as u64;
        unsynced += read as u64;
        if unsynced >= SYNC {
            file.sync_data()?;
            unsynced = 0;
        }
    }
    file.sync_data()?;
    Ok(stream.write_all(&[DONE])?)
}
