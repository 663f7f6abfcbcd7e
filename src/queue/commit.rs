//! The commit of many messages in one round (`mod.rs` draws the states).
//!
//! Whoever wants a control file to stand puts a job and waits. A round takes all jobs that wait, writes and syncs
//! their files in parallel, renames them with one request, syncs each directory once, and answers all. Jobs that come
//! meanwhile make the next round. Rounds run in a task of their own: a session that goes away stops nothing half way.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::QueueError;
use super::error::is_full;
use super::spool::{Discard, EntryName, FileKind, Hold, Move, Opened, Spool, SpoolError, Step};

/// The most jobs of one round: bounds the wait of the first and the size of the requests.
const ROUND_JOBS_MAX: usize = 256;

/// Threads that sync files of one round at the same time: the file system makes one write out of them.
const SYNC_THREADS_MAX: usize = 32;

/// The most jobs that wait: past this the disk is too slow for what comes in, and clients shall wait.
const WAITING_JOBS_MAX: usize = 16_384;

/// A control file that shall stand.
pub(super) struct Job {
    pub entry: EntryName,
    /// The data file of a new entry and what is not yet written to it.
    pub data: Option<(Arc<File>, Vec<u8>)>,
    /// The new control file, locked and empty.
    pub control: Arc<File>,
    /// Its text.
    pub text: Vec<u8>,
    /// What it becomes.
    pub becomes: FileKind,
}

/// How a job ended.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The control file stands, and would after a power cut.
    Durable,
    /// Nothing was renamed; what was created has been removed.
    Failed(QueueError),
    /// A rewritten control file stands, but the directory could not be synced.
    Unsynced(QueueError),
}

/// Runs rounds.
#[derive(Clone)]
pub(super) struct Committer {
    spool: Arc<dyn Spool>,
    /// Whether files and directories are synced (`SuperSafe`).
    sync: bool,
    waiting: Arc<Mutex<Waiting>>,
}

/// What waits for the next round.
#[derive(Default)]
struct Waiting {
    jobs: Vec<(Job, oneshot::Sender<Outcome>)>,
    /// Directories where an entry was removed and nobody waits for the sync.
    removed: BTreeSet<u16>,
    /// Whether a task runs rounds.
    running: bool,
}

impl Committer {
    pub(super) fn new(spool: Arc<dyn Spool>, sync: bool) -> Self {
        Self { spool, sync, waiting: Arc::default() }
    }

    /// Puts a job into the next round and waits for its end.
    pub(super) async fn commit(&self, job: Job) -> Outcome {
        let (answer, outcome) = oneshot::channel();
        {
            let mut waiting = self.lock();
            if waiting.jobs.len() >= WAITING_JOBS_MAX {
                let source = io::Error::other("too many messages wait for the disk");
                return Outcome::Failed(self.error(&job.entry, Step::Sync, source));
            }
            waiting.jobs.push((job, answer));
            self.wake(waiting);
        }
        outcome.await.unwrap_or(Outcome::Failed(QueueError::Ending))
    }

    /// Has a directory synced soon, without waiting: an entry was removed in it.
    pub(super) fn sync_soon(&self, directory: u16) {
        if self.sync {
            let mut waiting = self.lock();
            waiting.removed.insert(directory);
            self.wake(waiting);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().expect("no holder panics")
    }

    /// Starts the task that runs rounds, if none does.
    fn wake(&self, mut waiting: MutexGuard<'_, Waiting>) {
        if waiting.running {
            return;
        }
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            waiting.running = true;
            drop(waiting);
            runtime.spawn(self.clone().run());
        }
    }

    /// Runs rounds until nothing waits.
    async fn run(self) {
        let _running = Running(Arc::clone(&self.waiting));
        loop {
            let (jobs, mut directories) = {
                let mut waiting = self.lock();
                let count = waiting.jobs.len().min(ROUND_JOBS_MAX);
                let jobs: Vec<_> = waiting.jobs.drain(..count).collect();
                let directories = std::mem::take(&mut waiting.removed);
                if jobs.is_empty() && directories.is_empty() {
                    // While the list is locked: who puts a job now starts the next task.
                    waiting.running = false;
                    return;
                }
                (jobs, directories)
            };
            directories.extend(jobs.iter().map(|(job, _)| job.entry.directory));
            self.round(jobs, directories).await;
        }
    }

    /// Brings all `jobs` to an end.
    async fn round(&self, jobs: Vec<(Job, oneshot::Sender<Outcome>)>, directories: BTreeSet<u16>) {
        let jobs = self.write_all(jobs).await;
        let jobs = self.sync_files(jobs).await;
        let jobs = self.rename_all(jobs).await;
        let failures = self.sync_directories(directories).await;
        for (job, answer) in jobs {
            let failure = failures.iter().find(|(directory, _)| *directory == job.entry.directory);
            let outcome = match failure {
                None => Outcome::Durable,
                Some((_, source)) => self.take_back(&job, copy_of(source)).await,
            };
            // The caller alone shall hold the lock from here on.
            drop(job);
            // A caller that has gone leaves a committed message: the next queue run finds it.
            let _ = answer.send(outcome);
        }
    }

    /// Writes the rest of the data files and the control files.
    async fn write_all(&self, mut jobs: Pendings) -> Pendings {
        if jobs.is_empty() {
            return jobs;
        }
        let spool = Arc::clone(&self.spool);
        let written = tokio::task::spawn_blocking(move || {
            let results: Vec<io::Result<()>> = jobs.iter_mut().map(|(job, _)| write(&*spool, job)).collect();
            (jobs, results)
        });
        let Ok((jobs, results)) = written.await else { return Vec::new() };
        self.keep_good(jobs, results, Step::Write).await
    }

    /// Syncs all files of all jobs, many at a time.
    async fn sync_files(&self, jobs: Pendings) -> Pendings {
        if !self.sync || jobs.is_empty() {
            return jobs;
        }
        let files: Vec<(usize, Arc<File>)> = jobs
            .iter()
            .enumerate()
            .flat_map(|(at, (job, _))| {
                let data = job.data.iter().map(|(file, _)| Arc::clone(file));
                data.chain([Arc::clone(&job.control)]).map(move |file| (at, file))
            })
            .collect();
        let mut results: Vec<io::Result<()>> = jobs.iter().map(|_| Ok(())).collect();
        let mut threads = JoinSet::new();
        for chunk in files.chunks(files.len().div_ceil(SYNC_THREADS_MAX)) {
            let (chunk, spool) = (chunk.to_vec(), Arc::clone(&self.spool));
            threads.spawn_blocking(move || -> Vec<(usize, io::Result<()>)> {
                chunk.into_iter().map(|(at, file)| (at, spool.sync_file(&file))).collect()
            });
        }
        while let Some(done) = threads.join_next().await {
            let Ok(done) = done else { return Vec::new() };
            for (at, result) in done {
                if result.is_err() {
                    results[at] = result;
                }
            }
        }
        self.keep_good(jobs, results, Step::Sync).await
    }

    /// Renames all new control files with one request.
    async fn rename_all(&self, jobs: Pendings) -> Pendings {
        if jobs.is_empty() {
            return jobs;
        }
        let moves = jobs
            .iter()
            .map(|(job, _)| Move { entry: job.entry.clone(), from: FileKind::New, to: job.becomes })
            .collect();
        let mut results = Vec::with_capacity(jobs.len());
        for (answer, (job, _)) in self.spool.rename(moves).await.into_iter().zip(&jobs) {
            results.push(match answer {
                Err(_) if self.stands(job).await => Ok(()),
                answer => answer.map_err(into_io),
            });
        }
        self.keep_good(jobs, results, Step::Rename).await
    }

    /// Tells whether a new control file stands although the rename was not answered well: a hand that is killed between
    /// the two has done its work. Taken for undone, a message in work would lose its lock.
    async fn stands(&self, job: &Job) -> bool {
        let found = self.spool.open(vec![job.entry.clone()], Hold::Look).await.pop();
        let Some(Ok(Opened::Open(open))) = found else { return false };
        let id = |file: &File| file.metadata().ok().map(|data| (data.dev(), data.ino()));
        open.kind == job.becomes && id(&open.control).is_some_and(|found| id(&job.control) == Some(found))
    }

    /// Syncs the directories; returns those that could not be synced.
    async fn sync_directories(&self, directories: BTreeSet<u16>) -> Vec<(u16, io::Error)> {
        if !self.sync {
            return Vec::new();
        }
        let mut failures = Vec::new();
        let mut threads = JoinSet::new();
        for directory in directories {
            let spool = Arc::clone(&self.spool);
            threads.spawn_blocking(move || (directory, spool.sync_directory(directory)));
        }
        while let Some(done) = threads.join_next().await {
            if let Ok((directory, Err(source))) = done {
                failures.push((directory, source));
            }
        }
        failures
    }

    /// Keeps the jobs whose step went well; the others are taken back and answered.
    async fn keep_good(&self, jobs: Pendings, results: Vec<io::Result<()>>, step: Step) -> Pendings {
        let mut good = Vec::with_capacity(jobs.len());
        for ((job, answer), result) in jobs.into_iter().zip(results) {
            match result {
                Ok(()) => good.push((job, answer)),
                Err(source) => {
                    let what = if job.data.is_some() { Discard::Entry } else { Discard::Rewrite };
                    // What cannot be removed now, the next recovery removes: it has no control file.
                    let _ = self.spool.discard(vec![job.entry.clone()], what).await;
                    let _ = answer.send(Outcome::Failed(self.error(&job.entry, step, source)));
                }
            }
        }
        good
    }

    /// Ends a job whose directory could not be synced: a new entry is removed, since its sender is told to try again.
    async fn take_back(&self, job: &Job, source: io::Error) -> Outcome {
        let error = self.error(&job.entry, Step::Sync, source);
        if job.data.is_none() {
            return Outcome::Unsynced(error);
        }
        let _ = self.spool.remove(vec![job.entry.clone()]).await;
        Outcome::Failed(error)
    }

    fn error(&self, entry: &EntryName, step: Step, source: io::Error) -> QueueError {
        let path = self.spool.directories().get(usize::from(entry.directory)).map(|directory| directory.path.clone());
        QueueError::Io { path: path.unwrap_or_default(), step, entry: entry.clone(), source }
    }
}

/// Lets another task run rounds when this one is dropped half way, with its runtime.
struct Running(Arc<Mutex<Waiting>>);

impl Drop for Running {
    fn drop(&mut self) {
        if let Ok(mut waiting) = self.0.lock() {
            waiting.running = false;
        }
    }
}

/// Jobs on their way through a round.
type Pendings = Vec<(Job, oneshot::Sender<Outcome>)>;

/// Writes what is left of the body, then the control file.
fn write(spool: &dyn Spool, job: &mut Job) -> io::Result<()> {
    if let Some((file, rest)) = &mut job.data {
        if !rest.is_empty() {
            spool.write(file, rest)?;
        }
        *rest = Vec::new();
    }
    spool.write(&job.control, &job.text)
}

/// Returns the system's reason of a spool error.
fn into_io(error: SpoolError) -> io::Error {
    match error {
        SpoolError::Io { source, .. } => source,
        other => io::Error::other(other.to_string()),
    }
}

/// Returns an error that says the same.
fn copy_of(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None if is_full(error) => error.kind().into(),
        None => io::Error::other(error.to_string()),
    }
}
