//! The few things that the store asks of a disk, and the disk of this machine.

use std::any::Any;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, IoSlice, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// The names in a folder, one after the other.
pub(super) type Names = Box<dyn Iterator<Item = io::Result<String>> + Send>;

/// A file system. Nothing that was done is durable before the sync that belongs to it.
pub(super) trait Disk: Send + Sync + 'static {
    /// Creates a file, or empties the one that is there.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Opens a file to read and to write.
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Gives a file another name, in place of what had that name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Creates a folder; it may be there.
    fn create_folder(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a folder durable.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;

    /// The names in a folder.
    fn names(&self, folder: &Path) -> io::Result<Names>;

    /// Copies the first `length` bytes of a file into another one, from `at` on, by reference where the disk can.
    fn copy(&self, from: &Path, to: &Path, at: u64, length: u64) -> io::Result<()>;

    /// Locks a file against other processes, until what this returns is dropped. `None`: another process has it.
    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Any + Send + Sync>>>;
}

/// An open file.
pub(super) trait DiskFile: Send + Sync {
    /// Writes all of these bytes.
    fn write_at(&self, at: u64, pieces: &[&[u8]]) -> io::Result<()>;

    /// Reads until the buffer is full or the file ends.
    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// How long the file is.
    fn size(&self) -> io::Result<u64>;

    /// Makes the file so long.
    fn set_size(&self, size: u64) -> io::Result<()>;

    /// Reserves room for these bytes, without making the file longer. A disk that cannot does nothing.
    fn reserve(&self, at: u64, length: u64) -> io::Result<()>;

    /// Makes what was written durable, and the length.
    fn sync(&self) -> io::Result<()>;
}

/// The disk of this machine.
pub(super) struct System;

impl Disk for System {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?;
        Ok(Box::new(file))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(OpenOptions::new().read(true).write(true).open(path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn create_folder(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn names(&self, folder: &Path) -> io::Result<Names> {
        // A name that is no text is none of this store's.
        let names =
            fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name().into_string().unwrap_or_default()));
        Ok(Box::new(names))
    }

    fn copy(&self, from: &Path, to: &Path, at: u64, length: u64) -> io::Result<()> {
        let source = File::open(from)?;
        let target = OpenOptions::new().write(true).open(to)?;
        let copied = copy_in_kernel(&source, &target, at, length)?;
        copy_by_hand(source, target, copied, at, length - copied)
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Any + Send + Sync>>> {
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Box::new(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

impl DiskFile for File {
    fn write_at(&self, mut at: u64, pieces: &[&[u8]]) -> io::Result<()> {
        let mut slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
        let mut left = slices.as_mut_slice();
        IoSlice::advance_slices(&mut left, 0);
        while !left.is_empty() {
            let count = left.len().min(MAX_SLICES);
            match rustix::io::pwritev(self, &left[..count], at) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    at += written as u64;
                    IoSlice::advance_slices(&mut left, written);
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match FileExt::read_at(self, &mut buffer[filled..], at + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn set_size(&self, size: u64) -> io::Result<()> {
        self.set_len(size)
    }

    fn reserve(&self, at: u64, length: u64) -> io::Result<()> {
        reserve(self, at, length)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}

/// The most slices of one write: `IOV_MAX` on Linux is 1,024.
const MAX_SLICES: usize = 1024;

#[cfg(target_os = "linux")]
fn reserve(file: &File, at: u64, length: u64) -> io::Result<()> {
    use rustix::fs::{FallocateFlags, fallocate};
    use rustix::io::Errno;
    match fallocate(file, FallocateFlags::KEEP_SIZE, at, length) {
        Err(Errno::NOSPC) => Err(io::ErrorKind::StorageFull.into()),
        Err(Errno::DQUOT) => Err(io::ErrorKind::QuotaExceeded.into()),
        // Room that cannot be reserved may still be there.
        _ => Ok(()),
    }
}

#[cfg(not(target_os = "linux"))]
fn reserve(_: &File, _: u64, _: u64) -> io::Result<()> {
    Ok(())
}

/// Copies within the kernel, which shares the blocks where the file system can; tells how much was copied. What it
/// cannot copy that way is left to the caller.
#[cfg(target_os = "linux")]
fn copy_in_kernel(source: &File, target: &File, at: u64, length: u64) -> io::Result<u64> {
    use rustix::fs::copy_file_range;
    use rustix::io::Errno;
    let mut from = 0;
    let mut to = at;
    while from < length {
        let step = usize::try_from(length - from).unwrap_or(usize::MAX).min(1 << 30);
        match copy_file_range(source, Some(&mut from), target, Some(&mut to), step) {
            Ok(0) => break,
            Ok(_) | Err(Errno::INTR) => {}
            Err(Errno::NOSPC | Errno::DQUOT) => return Err(io::ErrorKind::StorageFull.into()),
            Err(Errno::IO) => return Err(io::Error::from(Errno::IO)),
            Err(_) => break,
        }
    }
    Ok(from)
}

#[cfg(not(target_os = "linux"))]
fn copy_in_kernel(_: &File, _: &File, _: u64, _: u64) -> io::Result<u64> {
    Ok(0)
}

fn copy_by_hand(mut source: File, mut target: File, copied: u64, at: u64, length: u64) -> io::Result<()> {
    if length == 0 {
        return Ok(());
    }
    source.seek(SeekFrom::Start(copied))?;
    target.seek(SeekFrom::Start(at + copied))?;
    let moved = io::copy(&mut source.take(length), &mut target)?;
    target.flush()?;
    if moved == length { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}
