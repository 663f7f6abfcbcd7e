//! Bringing every state a crash can leave to its end: at start, and once a run.

use std::collections::{BTreeMap, BTreeSet};

use super::control::read_control;
use super::error::QueueError;
use super::schedule::Facts;
use super::select::Selection;
use super::spool::{EntryName, FileKind, Hold, OpenEntry, Opened, Swept};
use super::store::Queue;
use crate::name::{QueueId, UnixTime};

/// The most entries of one request to the holder.
const BATCH_LEN: usize = 64;

/// Which orphans may be removed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Orphans {
    /// All that nobody holds a lock on: all who write here lock what they write.
    NotLocked,
    /// As before, and only if the process named in the identifier has ended: the client queue, where programs of
    /// another make may write too.
    ProcessGone,
}

/// What recovery did and found.
#[derive(Debug, Default)]
pub struct Recovered {
    /// Orphans that were removed.
    pub removed: Vec<EntryName>,
    /// What is worth an alert: entries that were set aside, and what could not be done.
    pub alerts: Vec<QueueError>,
    /// How many entries could not be read now: nobody knows whether they wait.
    pub unread: usize,
    /// Messages that wait and that the caller did not know yet.
    pub waiting: Vec<(EntryName, Facts)>,
    /// How many messages are quarantined.
    pub quarantined: usize,
    /// How many messages are lost.
    pub lost: usize,
}

impl Queue {
    /// Removes orphans, sets aside what is of no use, and reads the messages that are meant and not `known` yet.
    ///
    /// It looks at locks, never at age. Made at start (nothing is known then) and once a run.
    ///
    /// # Errors
    /// A directory cannot be listed. What fails for one entry is told in [`Recovered::alerts`].
    pub async fn recover(
        &self,
        orphans: Orphans,
        meant: &Selection,
        known: impl Fn(&EntryName) -> bool + Send,
    ) -> Result<Recovered, QueueError> {
        let mut recovered = Recovered::default();
        for (directory, place) in (0_u16..).zip(self.spool().directories()) {
            let files = self.spool().list(directory).await;
            let files = files.map_err(|source| self.spool_error(directory, source))?;
            let mut kinds: BTreeMap<QueueId, BTreeSet<FileKind>> = BTreeMap::new();
            for (kind, id) in files {
                kinds.entry(id).or_default().insert(kind);
            }
            let (mut swept, mut unread) = (Vec::new(), Vec::new());
            for (id, kinds) in kinds {
                let name = EntryName { directory, id };
                let control = FileKind::CONTROLS.into_iter().find(|kind| kinds.contains(kind));
                let stale = kinds.contains(&FileKind::New) || control.is_none();
                if stale && (orphans == Orphans::NotLocked || !is_alive(name.id.pid())) {
                    swept.push(name.clone());
                }
                recovered.lost += usize::from(control == Some(FileKind::Lost));
                recovered.quarantined += usize::from(control == Some(FileKind::Quarantined));
                if control == Some(meant.kind) && meant.has_group(&place.group) && !known(&name) {
                    unread.push(name);
                }
            }
            self.sweep(swept, &mut recovered).await;
            self.read_all(unread, meant, &mut recovered).await;
        }
        Ok(recovered)
    }

    /// Reads entries, many with one request; sets aside those that are of no use.
    async fn read_all(&self, names: Vec<EntryName>, meant: &Selection, recovered: &mut Recovered) {
        let hold = if meant.kind == FileKind::Lost { Hold::LookLost } else { Hold::Look };
        for batch in names.chunks(BATCH_LEN) {
            let answers = self.spool().open(batch.to_vec(), hold).await;
            for (name, answer) in batch.iter().zip(answers) {
                match answer {
                    Ok(Opened::Open(open)) => self.read_one(name, &open, meant, recovered).await,
                    Ok(Opened::Gone | Opened::Busy) => {}
                    Err(source) => {
                        recovered.unread += 1;
                        recovered.alerts.push(self.spool_error(name.directory, source));
                    }
                }
            }
        }
    }

    /// Reads one entry; whatever looks useless is looked at again under its lock.
    async fn read_one(&self, name: &EntryName, open: &OpenEntry, meant: &Selection, recovered: &mut Recovered) {
        match read_control(&name.id, &open.control) {
            Ok(Ok(mut envelope)) if open.data.is_some() => {
                envelope.classify(self.precedences());
                if !meant.matches(&envelope) {
                    return;
                }
                let mut facts = Facts::of(&envelope);
                facts.modified = open.control.metadata().and_then(|data| data.modified()).ok().map(UnixTime::from);
                recovered.waiting.push((name.clone(), facts));
            }
            _ if open.busy || meant.kind == FileKind::Lost => {}
            _ => match self.claim(name).await {
                // It can be read after all.
                Ok(claimed) => recovered.unread += usize::from(claimed.is_some()),
                Err(alert) => {
                    let is_lost = matches!(alert, QueueError::Lost { .. });
                    recovered.lost += usize::from(is_lost);
                    recovered.unread += usize::from(!is_lost);
                    recovered.alerts.push(alert);
                }
            },
        }
    }

    /// Removes orphans, many with one request.
    async fn sweep(&self, names: Vec<EntryName>, recovered: &mut Recovered) {
        for batch in names.chunks(BATCH_LEN) {
            let answers = self.spool().sweep(batch.to_vec()).await;
            for (name, answer) in batch.iter().zip(answers) {
                match answer {
                    Ok(Swept::Removed) => recovered.removed.push(name.clone()),
                    Ok(Swept::Owned | Swept::InUse | Swept::Gone) => {}
                    Err(source) => recovered.alerts.push(self.spool_error(name.directory, source)),
                }
            }
        }
    }
}

/// Tells whether a process of this number lives; an unknown number counts as one that does.
fn is_alive(pid: Option<u32>) -> bool {
    use nix::errno::Errno;
    let Some(pid) = pid.and_then(|pid| i32::try_from(pid).ok()).filter(|pid| *pid > 0) else { return true };
    !matches!(nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), None), Err(Errno::ESRCH))
}
