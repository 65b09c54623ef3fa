//! A disk in memory that forgets what was not synced when its power is cut, and that fails when it is told to.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::upload::store::files::disk::{Disk, DiskFile, Names};

/// Numbers from a seed (splitmix64).
#[derive(Clone)]
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }
}

/// What is on the disk, and in the memory of the system before it.
#[derive(Default)]
pub(super) struct World {
    inodes: HashMap<u64, Inode>,
    names: BTreeMap<PathBuf, u64>,
    folders: BTreeSet<PathBuf>,
    durable_names: BTreeMap<PathBuf, u64>,
    durable_folders: BTreeSet<PathBuf>,
    unsynced_names: Vec<(PathBuf, Change)>,
    next: u64,
}

#[derive(Default)]
struct Inode {
    now: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<Edit>,
}

enum Edit {
    Write(usize, Vec<u8>),
    Size(usize),
}

/// A change of names in a folder.
#[derive(Clone)]
enum Change {
    Name(PathBuf, u64),
    Rename(PathBuf, PathBuf, u64),
    Remove(PathBuf),
    Folder(PathBuf),
}

/// A process's view of the disk. Once it is cut off, every call fails.
#[derive(Clone)]
pub(super) struct Sim {
    world: Arc<Mutex<World>>,
    is_off: Arc<AtomicBool>,
    calls: Arc<AtomicU64>,
    fault: Arc<Mutex<Option<Fault>>>,
}

/// What goes wrong at which call.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    /// From this call on nothing works.
    Off(u64),
    /// This call fails, with this error.
    Once(u64, io::ErrorKind),
}

const SECTOR: usize = 512;

impl Sim {
    pub(super) fn new() -> Self {
        Self::of(Arc::default())
    }

    fn of(world: Arc<Mutex<World>>) -> Self {
        Self { world, is_off: Arc::default(), calls: Arc::default(), fault: Arc::default() }
    }

    pub(super) fn set_fault(&self, fault: Fault) {
        *self.fault.lock().unwrap() = Some(fault);
    }

    /// How many calls there were.
    pub(super) fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    pub(super) fn is_off(&self) -> bool {
        self.is_off.load(Ordering::SeqCst)
    }

    /// The process is killed; another one finds what the system still has in its memory.
    pub(super) fn killed(&self) -> Self {
        let _world = self.world.lock().unwrap();
        self.is_off.store(true, Ordering::SeqCst);
        Self::of(Arc::clone(&self.world))
    }

    /// The power is cut: of what was not synced some sectors have reached the disk, in any order.
    pub(super) fn cut(&self, dice: &mut Dice) -> Self {
        let mut world = self.world.lock().unwrap();
        self.is_off.store(true, Ordering::SeqCst);
        world.cut(dice);
        Self::of(Arc::clone(&self.world))
    }

    /// Counts a call, and fails it if it is to fail.
    fn call(&self, is_sync: bool) -> io::Result<MutexGuard<'_, World>> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        let world = self.world.lock().unwrap();
        match *self.fault.lock().unwrap() {
            Some(Fault::Off(at)) if call >= at => self.is_off.store(true, Ordering::SeqCst),
            Some(Fault::Once(at, kind)) if call == at => {
                // A sync cannot run out of room for what it need not write.
                let kind = if is_sync { io::ErrorKind::Other } else { kind };
                return Err(io::Error::new(kind, "this call was to fail"));
            }
            _ => {}
        }
        if self.is_off() { Err(io::Error::other("the power is off")) } else { Ok(world) }
    }
}

impl World {
    fn cut(&mut self, dice: &mut Dice) {
        let keep = [0, 50, 90, 100][usize::try_from(dice.below(4)).unwrap()];
        for (_, change) in std::mem::take(&mut self.unsynced_names) {
            if dice.below(100) < keep {
                apply(&change, &mut self.durable_names, &mut self.durable_folders);
            }
        }
        self.folders = self.durable_folders.clone();
        self.durable_names.retain(|path, _| path.parent().is_none_or(|folder| self.folders.contains(folder)));
        self.names = self.durable_names.clone();
        let used: BTreeSet<u64> = self.names.values().copied().collect();
        self.inodes.retain(|number, _| used.contains(number));
        for inode in self.inodes.values_mut() {
            inode.cut(dice, keep);
        }
    }
}

fn apply(change: &Change, names: &mut BTreeMap<PathBuf, u64>, folders: &mut BTreeSet<PathBuf>) {
    match change {
        Change::Name(path, number) => {
            names.insert(path.clone(), *number);
        }
        Change::Rename(from, to, number) => {
            names.remove(from);
            names.insert(to.clone(), *number);
        }
        Change::Remove(path) => {
            names.remove(path);
        }
        Change::Folder(path) => {
            folders.insert(path.clone());
        }
    }
}

impl Inode {
    fn write(&mut self, at: usize, bytes: &[u8]) {
        put(&mut self.now, at, bytes);
        self.unsynced.push(Edit::Write(at, bytes.to_vec()));
    }

    fn sync(&mut self) {
        self.unsynced.clear();
        self.durable = self.now.clone();
    }

    /// The kernel could not write, says so once, and takes the pages for clean from then on.
    fn fail_to_sync(&mut self) {
        self.unsynced.clear();
    }

    fn cut(&mut self, dice: &mut Dice, keep: u64) {
        for edit in std::mem::take(&mut self.unsynced) {
            match edit {
                Edit::Size(size) if dice.below(100) < keep => self.durable.resize(size, 0),
                Edit::Size(_) => {}
                Edit::Write(at, bytes) => {
                    for (from, to) in sectors(at, bytes.len()) {
                        if dice.below(100) < keep {
                            // Now and then a sector is torn.
                            let torn = if dice.below(50) == 0 { dice.below((to - from) as u64) } else { 0 };
                            let to = to - usize::try_from(torn).unwrap();
                            put(&mut self.durable, from, &bytes[from - at..to - at]);
                        }
                    }
                }
            }
        }
        self.now = self.durable.clone();
    }
}

/// The parts of a write that lie in one sector each.
fn sectors(at: usize, length: usize) -> impl Iterator<Item = (usize, usize)> {
    let end = at + length;
    let first = at / SECTOR;
    (first..end.div_ceil(SECTOR)).map(move |number| (at.max(number * SECTOR), end.min((number + 1) * SECTOR)))
}

fn put(file: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    if file.len() < at + bytes.len() {
        file.resize(at + bytes.len(), 0);
    }
    file[at..at + bytes.len()].copy_from_slice(bytes);
}

struct SimFile {
    sim: Sim,
    number: u64,
}

impl SimFile {
    fn with<T>(&self, is_sync: bool, change: impl FnOnce(&mut Inode) -> T) -> io::Result<T> {
        match self.sim.call(is_sync) {
            // A file that was removed is still there for whoever has opened it.
            Ok(mut world) => Ok(change(world.inodes.entry(self.number).or_default())),
            Err(error) => {
                if is_sync
                    && !self.sim.is_off()
                    && let Some(inode) = self.sim.world.lock().unwrap().inodes.get_mut(&self.number)
                {
                    inode.fail_to_sync();
                }
                Err(error)
            }
        }
    }
}

fn place(at: u64) -> usize {
    usize::try_from(at).unwrap()
}

impl DiskFile for SimFile {
    fn write_at(&self, at: u64, pieces: &[&[u8]]) -> io::Result<()> {
        self.with(false, |inode| inode.write(place(at), &pieces.concat()))
    }

    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.with(false, |inode| {
            let from = place(at).min(inode.now.len());
            let count = buffer.len().min(inode.now.len() - from);
            buffer[..count].copy_from_slice(&inode.now[from..from + count]);
            count
        })
    }

    fn size(&self) -> io::Result<u64> {
        self.with(false, |inode| inode.now.len() as u64)
    }

    fn set_size(&self, size: u64) -> io::Result<()> {
        self.with(false, |inode| {
            inode.now.resize(place(size), 0);
            inode.unsynced.push(Edit::Size(place(size)));
        })
    }

    fn reserve(&self, _: u64, _: u64) -> io::Result<()> {
        self.with(false, |_| ())
    }

    fn sync(&self) -> io::Result<()> {
        self.with(true, Inode::sync)
    }
}

impl Disk for Sim {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut world = self.call(false)?;
        if let Some(number) = world.names.get(path).copied() {
            let inode = world.inodes.entry(number).or_default();
            inode.now.clear();
            inode.unsynced.push(Edit::Size(0));
            return Ok(Box::new(SimFile { sim: self.clone(), number }));
        }
        if !path.parent().is_some_and(|folder| world.folders.contains(folder)) {
            return Err(io::ErrorKind::NotFound.into());
        }
        world.next += 1;
        let number = world.next;
        world.inodes.insert(number, Inode::default());
        world.change(path, Change::Name(path.to_owned(), number));
        Ok(Box::new(SimFile { sim: self.clone(), number }))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let world = self.call(false)?;
        let number = *world.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(SimFile { sim: self.clone(), number }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut world = self.call(false)?;
        let number = *world.names.get(from).ok_or(io::ErrorKind::NotFound)?;
        world.change(to, Change::Rename(from.to_owned(), to.to_owned(), number));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut world = self.call(false)?;
        if !world.names.contains_key(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        world.change(path, Change::Remove(path.to_owned()));
        Ok(())
    }

    fn create_folder(&self, path: &Path) -> io::Result<()> {
        let mut world = self.call(false)?;
        if !world.folders.contains(path) {
            world.change(path, Change::Folder(path.to_owned()));
        }
        Ok(())
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        let mut world = self.call(true)?;
        let world = &mut *world;
        let (synced, rest) =
            std::mem::take(&mut world.unsynced_names).into_iter().partition(|(folder, _)| folder == path);
        world.unsynced_names = rest;
        let synced: Vec<(PathBuf, Change)> = synced;
        for (_, change) in synced {
            apply(&change, &mut world.durable_names, &mut world.durable_folders);
        }
        Ok(())
    }

    fn names(&self, folder: &Path) -> io::Result<Names> {
        let world = self.call(false)?;
        let all = world.names.keys().chain(&world.folders);
        let inside = all.filter(|path| path.parent() == Some(folder));
        let names: Vec<_> =
            inside.filter_map(|path| path.file_name()?.to_str()).map(|name| Ok(name.to_owned())).collect();
        Ok(Box::new(names.into_iter()))
    }

    fn copy(&self, from: &Path, to: &Path, at: u64, length: u64) -> io::Result<()> {
        let mut world = self.call(false)?;
        let number = *world.names.get(from).ok_or(io::ErrorKind::NotFound)?;
        let bytes = world.inodes[&number].now[..place(length)].to_vec();
        let number = *world.names.get(to).ok_or(io::ErrorKind::NotFound)?;
        world.inodes.entry(number).or_default().write(place(at), &bytes);
        Ok(())
    }

    fn lock(&self, _: &Path) -> io::Result<Option<Box<dyn Any + Send + Sync>>> {
        drop(self.call(false)?);
        Ok(Some(Box::new(())))
    }
}

impl World {
    fn change(&mut self, path: &Path, change: Change) {
        apply(&change, &mut self.names, &mut self.folders);
        self.unsynced_names.push((path.parent().unwrap_or(Path::new("")).to_owned(), change));
    }
}
