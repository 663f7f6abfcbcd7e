//! A disk for tests: it fails, dies or loses its power at any step, and then shows what would be left.
//!
//! The files are real ones in a directory of their own; beside them is kept what has been synced. After the power is
//! cut, each name and each file is what it was at its last sync, or, at the will of a seed, what it became later.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::sync::{Mutex, MutexGuard};

use super::spool::{
    Answers, Discard, EntryName, FileKind, Hold, Move, Opened, Pair, Pending, Space, Spool, SpoolDirectory, SpoolError,
    Step, Swept,
};
use super::{DirectSpool, Layout};
use crate::name::QueueId;

/// What happens at the chosen step.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Trouble {
    /// The step fails with "no space left"; later ones go well.
    Full,
    /// The step fails with an input/output error; later ones go well.
    Broken,
    /// The step is done, but the answer is lost: whoever asked takes it for failed.
    Unheard,
    /// The process is killed before the step: it and all later ones do nothing.
    KilledBefore,
    /// The process is killed after the step.
    KilledAfter,
}

/// The simulated disk.
pub(crate) struct SimulatedDisk {
    room: tempfile::TempDir,
    under: DirectSpool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    steps: Vec<String>,
    trouble: Option<(usize, Trouble)>,
    dead: bool,
    /// Contents of files at their last sync, by inode number.
    synced: HashMap<u64, Vec<u8>>,
    /// Names at the last sync of the directory.
    names: BTreeMap<String, u64>,
}

impl SimulatedDisk {
    /// Returns an empty disk on which `trouble` comes at the step of that number.
    pub(crate) fn new(trouble: Option<(usize, Trouble)>) -> Self {
        let room = tempfile::tempdir().expect("a directory");
        let under = open(&room);
        Self { room, under, state: Mutex::new(State { trouble, ..State::default() }) }
    }

    /// Returns the names of all steps so far.
    pub(crate) fn steps(&self) -> Vec<String> {
        self.lock().steps.clone()
    }

    /// Tells whether the process was killed.
    pub(crate) fn is_dead(&self) -> bool {
        self.lock().dead
    }

    /// Returns the names of the files that are there now.
    pub(crate) fn files(&self) -> Vec<String> {
        let mut names: Vec<String> = self.read().into_keys().collect();
        names.sort();
        names
    }

    /// Returns the disk as a new process finds it after the old one was killed.
    pub(crate) fn restarted(&self) -> Self {
        Self::with(self.read_contents())
    }

    /// Returns the disk after a power cut; bits of `luck` say which unsynced changes made it to the disk anyway.
    pub(crate) fn after_power_cut(&self, mut luck: u64) -> Self {
        let mut lucky = || {
            luck = luck.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            luck >> 63 == 1
        };
        let state = self.lock();
        let now = self.read();
        let mut names = state.names.clone();
        for name in state.names.keys().filter(|name| !now.contains_key(*name)) {
            if lucky() {
                names.remove(name);
            }
        }
        for (name, inode) in &now {
            if state.names.get(name) != Some(inode) && lucky() {
                // A rename is one change: the old name goes, and so does what had the new one.
                names.retain(|_, known| known != inode);
                names.insert(name.clone(), *inode);
            }
        }
        let by_inode: HashMap<u64, Vec<u8>> = now
            .iter()
            .map(|(name, inode)| (*inode, fs::read(self.room.path().join(name)).expect("readable")))
            .collect();
        let contents = names.into_iter().map(|(name, inode)| {
            let synced = state.synced.get(&inode).cloned().unwrap_or_default();
            let text = match by_inode.get(&inode) {
                Some(written) if written.starts_with(&synced) && lucky() => written.clone(),
                _ => synced,
            };
            (name, text)
        });
        Self::with(contents.collect())
    }

    /// Puts a file there that nobody made by the rules.
    pub(crate) fn plant(&self, name: &str, text: &[u8]) {
        fs::write(self.room.path().join(name), text).expect("written");
    }

    fn with(contents: BTreeMap<String, Vec<u8>>) -> Self {
        let disk = Self::new(None);
        for (name, text) in contents {
            disk.plant(&name, &text);
        }
        disk
    }

    fn read(&self) -> BTreeMap<String, u64> {
        let entries = fs::read_dir(self.room.path()).expect("readable");
        let entries = entries.map(|entry| entry.expect("readable"));
        entries
            .map(|entry| (entry.file_name().into_string().expect("plain"), entry.metadata().expect("there").ino()))
            .collect()
    }

    fn read_contents(&self) -> BTreeMap<String, Vec<u8>> {
        let names = self.read().into_keys();
        names.map(|name| (name.clone(), fs::read(self.room.path().join(&name)).expect("readable"))).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder panics")
    }

    /// Does one step, or what the trouble makes of it.
    fn step<T>(&self, name: String, act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let trouble = {
            let mut state = self.lock();
            if state.dead {
                return Err(io::Error::other("killed"));
            }
            let number = state.steps.len();
            state.steps.push(name);
            state.trouble.filter(|(at, _)| *at == number).map(|(_, trouble)| trouble)
        };
        match trouble {
            None => act(),
            Some(Trouble::Full) => Err(io::ErrorKind::StorageFull.into()),
            Some(Trouble::Broken) => Err(io::Error::from_raw_os_error(nix::errno::Errno::EIO as i32)),
            Some(Trouble::Unheard) => act().and(Err(io::Error::other("no answer"))),
            Some(Trouble::KilledBefore) => {
                self.lock().dead = true;
                Err(io::Error::other("killed"))
            }
            Some(Trouble::KilledAfter) => {
                let _ = act();
                self.lock().dead = true;
                Err(io::Error::other("killed"))
            }
        }
    }

    /// Does a request, one step for each of the batch.
    fn each<'a, I, T: Send + 'a>(
        &'a self,
        step: Step,
        batch: Vec<I>,
        label: impl Fn(&I) -> String,
        mut act: impl FnMut(I) -> Pending<'a, Answers<T>>,
    ) -> Pending<'a, Answers<T>> {
        let answers = batch.into_iter().map(|item| {
            let name = label(&item);
            let mut result = None;
            let outcome = self.step(format!("{step} {name}"), || {
                result = Some(now(act(item)).into_iter().next().expect("one answer"));
                Ok(())
            });
            match outcome {
                Ok(()) => result.expect("the step was done"),
                Err(source) => Err(SpoolError::Io { step, what: name.into(), source }),
            }
        });
        Box::pin(std::future::ready(answers.collect()))
    }
}

fn open(room: &tempfile::TempDir) -> DirectSpool {
    let queue_directory = room.path().to_str().expect("plain").into();
    DirectSpool::open(&Layout { queue_directory, groups: Vec::new() }, 0).expect("there")
}

/// Returns the answer of a holder that answers at once.
fn now<T>(mut pending: Pending<'_, T>) -> T {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match pending.as_mut().poll(&mut context) {
        std::task::Poll::Ready(answer) => answer,
        std::task::Poll::Pending => unreachable!("files of our own are opened at once"),
    }
}

impl Spool for SimulatedDisk {
    fn directories(&self) -> &[SpoolDirectory] {
        self.under.directories()
    }

    fn create(&self, entries: Vec<EntryName>) -> Pending<'_, Answers<Pair>> {
        self.each(Step::Create, entries, |_| "pair".into(), |entry| self.under.create(vec![entry]))
    }

    fn open(&self, entries: Vec<EntryName>, hold: Hold) -> Pending<'_, Answers<Opened>> {
        self.each(Step::Open, entries, |_| "entry".into(), |entry| self.under.open(vec![entry], hold))
    }

    fn begin_rewrite(&self, entries: Vec<EntryName>) -> Pending<'_, Answers<File>> {
        self.each(Step::Create, entries, |_| "tf".into(), |entry| self.under.begin_rewrite(vec![entry]))
    }

    fn rename(&self, moves: Vec<Move>) -> Pending<'_, Answers<()>> {
        let label = |step: &Move| format!("{} to {}", step.from.prefix(), step.to.prefix());
        self.each(Step::Rename, moves, label, |step| self.under.rename(vec![step]))
    }

    fn remove(&self, entries: Vec<EntryName>) -> Pending<'_, Answers<()>> {
        self.each(Step::Remove, entries, |_| "entry".into(), |entry| self.under.remove(vec![entry]))
    }

    fn discard(&self, entries: Vec<EntryName>, what: Discard) -> Pending<'_, Answers<()>> {
        self.each(Step::Remove, entries, |_| format!("{what:?}"), |entry| self.under.discard(vec![entry], what))
    }

    fn sweep(&self, entries: Vec<EntryName>) -> Pending<'_, Answers<Swept>> {
        self.each(Step::Remove, entries, |_| "orphan".into(), |entry| self.under.sweep(vec![entry]))
    }

    fn list(&self, directory: u16) -> Pending<'_, Result<Vec<(FileKind, QueueId)>, SpoolError>> {
        self.under.list(directory)
    }

    fn sync_directory(&self, _directory: u16) -> io::Result<()> {
        self.step("sync directory".into(), || {
            let names = self.read();
            self.lock().names = names;
            Ok(())
        })
    }

    fn space(&self, _directory: u16) -> Pending<'_, io::Result<Space>> {
        let space = self.step("measure".into(), || Ok(Space { blocks_free: 1000, block_bytes: 512 }));
        Box::pin(std::future::ready(space))
    }

    fn write(&self, mut file: &File, bytes: &[u8]) -> io::Result<()> {
        self.step("write".into(), || io::Write::write_all(&mut file, bytes))
    }

    fn sync_file(&self, file: &File) -> io::Result<()> {
        self.step("sync".into(), || {
            let mut text = vec![0; usize::try_from(file.metadata()?.len()).expect("small")];
            std::os::unix::fs::FileExt::read_exact_at(file, &mut text, 0)?;
            self.lock().synced.insert(file.metadata()?.ino(), text);
            Ok(())
        })
    }
}
