//! The queue of a process that may open nothing: a hand opens, renames and removes; bytes go through descriptors.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use crate::keeper::client::Answered;
use crate::keeper::request::{Answer, Entry, Failure, FailureKind, Request};
use crate::keeper::{HandError, Hands};
use crate::name::QueueId;
use crate::queue::spool::{
    Answers, Discard, EntryName, FileKind, Hold, Move, OpenEntry, Opened, Pair, Pending, Space, Spool, SpoolDirectory,
    SpoolError, Step, Swept,
};

/// How long what was heard about the room on a disk is believed: between two looks every session may write a little.
const SPACE_AGE_MAX: Duration = Duration::from_secs(2);

/// Queue directories that hands hold.
pub struct HandSpool {
    hands: Arc<Hands>,
    directories: Vec<SpoolDirectory>,
    /// What was heard last of the room in each; whoever asks keeps it, so that all others wait for one answer.
    rooms: Vec<Mutex<Option<Heard>>>,
}

/// What a hand has said of the room on a disk, and when; or why it has said nothing.
type Heard = (Instant, io::Result<Space>);

impl HandSpool {
    /// Returns the holder of `directories`, which must be the ones that the hands count.
    pub fn new(hands: Arc<Hands>, directories: Vec<SpoolDirectory>) -> Self {
        let rooms = directories.iter().map(|_| Mutex::default()).collect();
        Self { hands, directories, rooms }
    }

    /// Asks for every entry and reads each answer.
    async fn ask<T>(
        &self,
        step: Step,
        entries: Vec<EntryName>,
        request: impl Fn(Entry) -> Request,
        read: impl Fn(Answered) -> Result<T, HandError>,
    ) -> Answers<T> {
        let requests = entries.iter().map(|entry| request(entry_of(entry))).collect();
        let answers = self.hands.ask_all(requests).await;
        let pairs = entries.iter().zip(answers);
        pairs.map(|(entry, answer)| answer.and_then(&read).map_err(|error| spool_error(step, entry, error))).collect()
    }

    /// Asks for the room on the disk of a directory.
    async fn measure(&self, directory: u16) -> io::Result<Space> {
        match self.hands.ask(Request::Space { directory }).await.map_err(io_error)?.answer {
            Answer::Space { blocks_free, block_bytes } => Ok(Space { blocks_free, block_bytes }),
            _ => Err(io::Error::other(HandError::OutOfTurn("queue"))),
        }
    }
}

/// Returns what was heard for one more who asked.
fn repeat(heard: &io::Result<Space>) -> io::Result<Space> {
    heard.as_ref().copied().map_err(|error| match error.raw_os_error() {
        Some(errno) => io::Error::from_raw_os_error(errno),
        None => io::Error::new(error.kind(), error.to_string()),
    })
}

fn entry_of(name: &EntryName) -> Entry {
    Entry { directory: name.directory, id: name.id.clone() }
}

/// Returns the error of the queue that a hand's failure stands for.
fn spool_error(step: Step, entry: &EntryName, error: HandError) -> SpoolError {
    match error {
        HandError::Failed(Failure { kind: FailureKind::Exists {}, .. }) => SpoolError::Taken(entry.clone()),
        HandError::Failed(Failure { kind: FailureKind::Permanent {}, text, .. }) => SpoolError::Told(text),
        other => SpoolError::Io { step, what: entry.id.to_string().into(), source: io_error(other) },
    }
}

/// Returns the system's error where a hand told its number.
fn io_error(error: HandError) -> io::Error {
    match error {
        HandError::Failed(Failure { errno, .. }) if errno != 0 => io::Error::from_raw_os_error(errno),
        other => io::Error::other(other),
    }
}

/// Takes the next descriptor of an answer.
fn next(descriptors: &mut impl Iterator<Item = OwnedFd>) -> Result<File, HandError> {
    descriptors.next().map(File::from).ok_or(HandError::OutOfTurn("queue"))
}

fn done(answered: Answered) -> Result<(), HandError> {
    match answered.answer {
        Answer::Done {} => Ok(()),
        _ => Err(HandError::OutOfTurn("queue")),
    }
}

fn read_pair(answered: Answered) -> Result<Pair, HandError> {
    let mut descriptors = answered.descriptors.into_iter();
    Ok(Pair { data: next(&mut descriptors)?, control: next(&mut descriptors)? })
}

fn read_open(answered: Answered) -> Result<Opened, HandError> {
    let Answer::Entry { kind, busy } = answered.answer else { return Err(HandError::OutOfTurn("queue")) };
    let mut descriptors = answered.descriptors.into_iter();
    let control = next(&mut descriptors)?;
    Ok(Opened::Open(OpenEntry { kind: kind.into(), control, data: descriptors.next().map(File::from), busy }))
}

fn read_swept(answered: Answered) -> Result<Swept, HandError> {
    match answered.answer {
        Answer::Swept { outcome } => Ok(outcome.into()),
        _ => Err(HandError::OutOfTurn("queue")),
    }
}

impl Spool for HandSpool {
    fn directories(&self) -> &[SpoolDirectory] {
        &self.directories
    }

    fn create(&self, entries: Vec<EntryName>) -> Pending<'_, Answers<Pair>> {
        Box::pin(self.ask(Step::Create, entries, |entry| Request::CreatePair { entry }, read_pair))
    }

    fn open(&self, entries: Vec<EntryName>, hold: Hold) -> Pending<'_, Answers<Opened>> {
        Box::pin(async move {
            let request = |entry| Request::OpenEntry { entry: entry_of(entry), hold: hold.into() };
            let answers = self.hands.ask_all(entries.iter().map(request).collect());
            let read = |(entry, answer): (&EntryName, Result<Answered, HandError>)| match answer {
                Err(HandError::Failed(Failure { kind: FailureKind::Missing {}, .. })) => Ok(Opened::Gone),
                Err(HandError::Failed(Failure { kind: FailureKind::Locked {}, .. })) => Ok(Opened::Busy),
                other => other.and_then(read_open).map_err(|error| spool_error(Step::Open, entry, error)),
            };
            entries.iter().zip(answers.await).map(read).collect()
        })
    }

    fn begin_rewrite(&self, entries: Vec<EntryName>) -> Pending<'_, Answers<File>> {
        let read = |answered: Answered| next(&mut answered.descriptors.into_iter());
        Box::pin(self.ask(Step::Create, entries, |entry| Request::BeginRewrite { entry }, read))
    }

    fn rename(&self, moves: Vec<Move>) -> Pending<'_, Answers<()>> {
        Box::pin(async move {
            let requests = moves.iter().map(|one| Request::Rename {
                entry: entry_of(&one.entry),
                from: one.from.into(),
                to: one.to.into(),
            });
            let answers = self.hands.ask_all(requests.collect()).await;
            let pairs = moves.iter().zip(answers);
            pairs
                .map(|(one, answer)| {
                    answer.and_then(done).map_err(|error| spool_error(Step::Rename, &one.entry, error))
                })
                .collect()
        })
    }

    fn remove(&self, entries: Vec<EntryName>) -> Pending<'_, Answers<()>> {
        Box::pin(self.ask(Step::Remove, entries, |entry| Request::Remove { entry }, done))
    }

    fn discard(&self, entries: Vec<EntryName>, what: Discard) -> Pending<'_, Answers<()>> {
        let rewrite = what == Discard::Rewrite;
        Box::pin(self.ask(Step::Remove, entries, move |entry| Request::Discard { entry, rewrite }, done))
    }

    fn sweep(&self, entries: Vec<EntryName>) -> Pending<'_, Answers<Swept>> {
        Box::pin(self.ask(Step::Remove, entries, |entry| Request::Sweep { entry }, read_swept))
    }

    fn list(&self, directory: u16) -> Pending<'_, Result<Vec<(FileKind, QueueId)>, SpoolError>> {
        Box::pin(async move {
            let what = || self.directories.get(usize::from(directory)).map(|known| known.path.clone());
            let failed = |source| SpoolError::Io { step: Step::List, what: what().unwrap_or_default(), source };
            let list = self.hands.ask_for_one(Request::List { directory }).await;
            let mut list = File::from(list.map_err(|error| failed(io_error(error)))?);
            let mut names = Vec::new();
            // It lies in memory: reading never waits.
            list.read_to_end(&mut names).map_err(failed)?;
            Ok(names.split(|byte| *byte == b'\n').filter_map(FileKind::split).collect())
        })
    }

    fn sync_directory(&self, directory: u16) -> io::Result<()> {
        // Not through a descriptor: that of a directory would lead out of the empty room this process is locked in.
        self.hands.ask_waiting(Request::SyncDirectory { directory }).map(drop).map_err(io_error)
    }

    fn space(&self, directory: u16) -> Pending<'_, io::Result<Space>> {
        Box::pin(async move {
            let begun = Instant::now();
            let room = self.rooms.get(usize::from(directory)).ok_or(io::ErrorKind::NotFound)?;
            let mut known = room.lock().await;
            match &*known {
                Some((at, Ok(space))) if at.elapsed() < SPACE_AGE_MAX => return Ok(*space),
                // Who has waited in vain with others does not wait alone once more.
                Some((at, heard @ Err(_))) if *at >= begun => return repeat(heard),
                _ => {}
            }
            let heard = self.measure(directory).await;
            repeat(&known.insert((Instant::now(), heard)).1)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Semaphore;

    use super::*;
    use crate::cf::Config;
    use crate::daemon::hand;
    use crate::mail::envelope::{Envelope, Recipient};
    use crate::name::UnixTime;
    use crate::queue::select::Selection;
    use crate::queue::{Claimed, DirectSpool, Layout, Orphans, Queue, QueueOptions};
    use crate::sys::safe_file::Listeners;

    /// Returns a queue in `folder` whose files a hand opens.
    fn queue_in(folder: &Path) -> Queue {
        let layout = Layout { queue_directory: folder.to_str().expect("text").into(), groups: Vec::new() };
        let directories = layout.directories().expect("there");
        let spool: Arc<dyn Spool> = Arc::new(DirectSpool::open(&layout, 0).expect("opened"));
        let hands = Arc::new(hand::in_process_over(&Config::default(), Some(spool), Listeners::default()));
        Queue::new(Arc::new(HandSpool::new(hands, directories)), QueueOptions::default())
    }

    async fn put(queue: &Queue) -> Claimed {
        let now = UnixTime::from_secs(1_795_342_830);
        let mut draft = queue.create(now).await.expect("created");
        draft.write(b"body\n").await.expect("written");
        let mut envelope = Envelope::new(draft.id().clone(), now, "<a@example.com>");
        envelope.recipients = vec![Recipient::new("<b@example.org>"), Recipient::new("<c@example.net>")];
        draft.commit(&envelope).await.expect("committed")
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).expect("there").flatten();
        entries.map(|entry| entry.file_name().to_string_lossy()[..2].to_owned()).collect()
    }

    #[test]
    fn however_many_ask_for_the_room_no_thread_waits() {
        let folder = tempfile::tempdir().expect("a directory");
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(1).max_blocking_threads(1).enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let queue = queue_in(folder.path());
            let ask = |_| {
                let queue = queue.clone();
                tokio::spawn(async move { queue.check_space(0).await })
            };
            for asked in (0..8).map(ask).collect::<Vec<_>>() {
                asked.await.expect("no panic").expect("room");
            }
        });
    }

    #[tokio::test]
    async fn an_answer_about_the_room_that_does_not_come_is_waited_for_once() {
        let folder = tempfile::tempdir().expect("a directory");
        let layout = Layout { queue_directory: folder.path().to_str().expect("text").into(), groups: Vec::new() };
        let (asked, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
        let (count, closed) = (Arc::clone(&asked), Arc::clone(&gate));
        let hands = Hands::in_process(Arc::new(move |_| {
            count.fetch_add(1, Ordering::Relaxed);
            let closed = Arc::clone(&closed);
            Box::pin(async move {
                let _opened = closed.acquire().await;
                Answered { answer: Answer::failed(FailureKind::Temporary {}, "no answer"), descriptors: Vec::new() }
            })
        }));
        let spool = Arc::new(HandSpool::new(Arc::new(hands), layout.directories().expect("there")));
        let ask = |_| {
            let spool = Arc::clone(&spool);
            tokio::spawn(async move { spool.space(0).await })
        };
        let waiting: Vec<_> = (0..8).map(ask).collect();
        tokio::task::yield_now().await;
        gate.add_permits(1);
        for asked in waiting {
            assert_eq!(asked.await.expect("no panic").expect_err("no answer").to_string(), "no answer");
        }
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        spool.space(0).await.expect_err("no answer again");
        assert_eq!(asked.load(Ordering::Relaxed), 2, "whoever comes later asks anew");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_message_lives_and_goes_through_a_hand() {
        let folder = tempfile::tempdir().expect("a directory");
        let queue = queue_in(folder.path());
        queue.check_space(5).await.expect("room");
        let mut claimed = put(&queue).await;
        let name = claimed.name().clone();
        assert!(queue.claim(&name).await.expect("answered").is_none(), "it is locked");
        claimed.envelope.recipients.remove(0);
        claimed.save().await.expect("saved");
        drop(claimed);
        assert_eq!(queue.list().await.expect("listed").len(), 1);
        // A child that another test forks holds the lock too, until it executes its program.
        let free = async {
            loop {
                if let Some(claimed) = queue.claim(&name).await.expect("answered") {
                    break claimed;
                }
            }
        };
        let claimed = tokio::time::timeout(std::time::Duration::from_secs(20), free).await.expect("free again");
        assert_eq!(claimed.envelope.recipients.len(), 1);
        assert_eq!(claimed.body().size_bytes().expect("known"), 5);
        claimed.remove().await.expect("removed");
        assert_eq!(names(folder.path()), Vec::<String>::new());
        assert!(queue.claim(&name).await.expect("answered").is_none(), "it is gone");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn orphans_go_and_useless_entries_are_set_aside() {
        let folder = tempfile::tempdir().expect("a directory");
        let queue = queue_in(folder.path());
        drop(put(&queue).await);
        std::fs::write(folder.path().join("df6AMAKU11004711"), "orphan").expect("written");
        let broken = folder.path().join("qf6AMAKU22004711");
        std::fs::write(&broken, "V8\nno control file\n").expect("written");
        let recovered = queue.recover(Orphans::NotLocked, &Selection::default(), |_| false).await.expect("recovered");
        assert_eq!((recovered.removed.len(), recovered.alerts.len(), recovered.waiting.len()), (1, 1, 1));
        let mut left = names(folder.path());
        left.sort_unstable();
        assert_eq!(left, ["Qf", "df", "qf"]);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn an_identifier_that_is_taken_is_told_apart() {
        let folder = tempfile::tempdir().expect("a directory");
        let queue = queue_in(folder.path());
        let entry = EntryName { directory: 0, id: "6AMAKU11004711".parse().expect("an id") };
        queue.spool().create(vec![entry.clone()]).await.remove(0).expect("created");
        let again = queue.spool().create(vec![entry]).await.remove(0);
        assert!(matches!(again, Err(SpoolError::Taken(_))), "{again:?}");
        std::os::unix::fs::symlink("x", folder.path().join("qf6AMAKU22004711")).expect("made");
        let linked = EntryName { directory: 0, id: "6AMAKU22004711".parse().expect("an id") };
        let refused = queue.spool().open(vec![linked], Hold::Lock).await.remove(0).expect_err("a link");
        assert_eq!(refused.to_string(), "qf6AMAKU22004711: is a symbolic link; look who made it and move it away");
        let elsewhere = EntryName { directory: 9, id: "6AMAKU11004711".parse().expect("an id") };
        queue.spool().create(vec![elsewhere]).await.remove(0).expect_err("no such directory");
    }
}
