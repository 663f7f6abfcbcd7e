//! Queue files: the requests of [`Spool`], performed by the holder that opens them itself.

use std::fs::File;
use std::future::Future;
use std::io::{Seek, Write};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use bstr::BString;
use nix::sys::memfd::{MFdFlags, memfd_create};

use super::{Failure, Served, failure_of, plain, refusal};
use crate::keeper::Request;
use crate::keeper::client::Answered;
use crate::keeper::request::{Answer, Entry, FailureKind};
use crate::queue::spool::{Answers, Discard, EntryName, Move, Opened, Spool, SpoolError};

/// Performs a request about queue files.
pub(super) fn perform(spool: Option<&dyn Spool>, request: Request) -> Served {
    let spool = spool.ok_or_else(|| refusal(FailureKind::Undeclared {}, "this hand holds no queue"))?;
    match request {
        Request::CreatePair { entry } => {
            let pair = one(wait_for(spool.create(vec![named(entry)])))?;
            Ok(opened(vec![pair.data, pair.control]))
        }
        Request::OpenEntry { entry, hold } => open_answer(one(wait_for(spool.open(vec![named(entry)], hold.into())))?),
        Request::BeginRewrite { entry } => Ok(opened(vec![one(wait_for(spool.begin_rewrite(vec![named(entry)])))?])),
        Request::Rename { entry, from, to } => {
            let renamed = Move { entry: named(entry), from: from.into(), to: to.into() };
            done(one(wait_for(spool.rename(vec![renamed]))))
        }
        Request::Remove { entry } => done(one(wait_for(spool.remove(vec![named(entry)])))),
        Request::Discard { entry, rewrite } => {
            let what = if rewrite { Discard::Rewrite } else { Discard::Entry };
            done(one(wait_for(spool.discard(vec![named(entry)], what))))
        }
        Request::Sweep { entry } => {
            let swept = one(wait_for(spool.sweep(vec![named(entry)])))?;
            plain(Answer::Swept { outcome: swept.into() })
        }
        Request::List { directory } => list(spool, directory),
        Request::SyncDirectory { directory } => {
            done(spool.sync_directory(directory).map_err(|error| failure_of("queue directory", &error)))
        }
        Request::Space { directory } => {
            let space = wait_for(spool.space(directory)).map_err(|error| failure_of("queue directory", &error))?;
            plain(Answer::Space { blocks_free: space.blocks_free, block_bytes: space.block_bytes })
        }
        _ => Err(refusal(FailureKind::Undeclared {}, "not about queue files")),
    }
}

fn named(entry: Entry) -> EntryName {
    EntryName { directory: entry.directory, id: entry.id }
}

fn opened(files: Vec<File>) -> Answered {
    let descriptors = files.into_iter().map(Into::into).collect();
    Answered { answer: Answer::Opened {}, descriptors }
}

fn done(result: Result<(), Failure>) -> Served {
    result.and_then(|()| plain(Answer::Done {}))
}

fn open_answer(opened: Opened) -> Served {
    match opened {
        Opened::Gone => Err(refusal(FailureKind::Missing {}, "no such entry")),
        Opened::Busy => Err(refusal(FailureKind::Locked {}, "another works with it")),
        Opened::Open(open) => {
            let mut descriptors = vec![open.control.into()];
            descriptors.extend(open.data.map(Into::into));
            Ok(Answered { answer: Answer::Entry { kind: open.kind.into(), busy: open.busy }, descriptors })
        }
    }
}

/// Writes the names of a directory into memory and passes that: it may be long.
fn list(spool: &dyn Spool, directory: u16) -> Served {
    let files = wait_for(spool.list(directory)).map_err(|error| spool_failure(&error))?;
    let mut names = Vec::with_capacity(files.len() * 17);
    for (kind, id) in files {
        names.extend_from_slice(kind.prefix().as_bytes());
        names.extend_from_slice(id.as_str().as_bytes());
        names.push(b'\n');
    }
    let write = || {
        let mut memory = File::from(memfd_create("list", MFdFlags::MFD_CLOEXEC)?);
        memory.write_all(&names)?;
        memory.rewind()?;
        Ok(memory)
    };
    write().map(|memory| opened(vec![memory])).map_err(|error| failure_of("list of the queue", &error))
}

/// Returns the only answer of a batch of one.
fn one<T>(answers: Answers<T>) -> Result<T, Failure> {
    let answer = answers.into_iter().next();
    answer
        .ok_or_else(|| refusal(FailureKind::Temporary {}, "the holder of the queue gave no answer"))?
        .map_err(|error| spool_failure(&error))
}

/// Returns the failure by which [`crate::daemon::hand_spool`] finds the error again.
fn spool_failure(error: &SpoolError) -> Failure {
    match error {
        SpoolError::Taken(_) => refusal(FailureKind::Exists {}, "taken"),
        SpoolError::Io { what, source, .. } => {
            Failure { kind: FailureKind::Temporary {}, errno: source.raw_os_error().unwrap_or(0), text: what.clone() }
        }
        other => refusal(FailureKind::Permanent {}, BString::from(other.to_string())),
    }
}

/// Wakes a thread.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for an answer on this thread; the holder that opens files itself has it at once.
fn wait_for<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}
