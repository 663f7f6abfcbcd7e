//! The promises of a delivery, on a disk that fails, dies and loses its power at every step.
//!
//! A message has four recipients: two with mailboxes, one whose mailbox is locked at first, and one that the rules
//! refuse, of whom the sender must hear. Whatever happens, in the end each has got it and the sender knows.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex};

use bstr::ByteSlice;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::*;
use crate::keeper::request::{FailureKind, Mailbox};
use crate::keeper::wire::PACKET_BYTES_MAX;
use crate::keeper::{Answer, Answered, Hands, Kind, Request};
use crate::log::Log;
use crate::mail::envelope::{Controller, DeliverBy, Envelope};
use crate::mail::header::Header;
use crate::queue::select::Selection;
use crate::queue::simulated::{SimulatedDisk, Trouble};
use crate::queue::spool::Spool;
use crate::queue::{LostReason, Orphans, Queue, QueueError, QueueOptions};
use crate::site::Site;
use crate::sys::passing;

const CF: &str = "V10/Berkeley
Djmx.test
O PostmasterCopy=copies
O UseErrorsTo=True
S3
R$* < $* > $*\t$: $2
S0
Rnobody\t$#error $@ 5.1.1 $: \"550 User unknown\"
R$* @ relay\t$#relay $@ [127.0.0.1] $: $1
Rhome\t$#home $@ here $: home
R$* @ $*\t$#local $: $1
R$*\t$#local $: $1
Mlocal, P=/usr/libexec/mail.local, F=lsDFM, A=mail.local $u
Mprog, P=/bin/sh, F=lsDFM, A=sh -c $u
Mrelay, P=[IPC], F=mDFMuXa, E=\\r\\n, A=TCP $h $u
Mhome, P=/bin/sh, F=sDFM, A=sh -c $z
";

/// Everything for ever: the rules are read once.
static SITE: LazyLock<Arc<Site>> = LazyLock::new(|| Site::for_tests(CF));

/// The mailboxes of a host; they outlive its queue's troubles.
struct Host {
    folder: tempfile::TempDir,
    /// Whether the mailbox of `later` is locked.
    is_locked: Arc<AtomicBool>,
}

impl Host {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder"), is_locked: Arc::new(AtomicBool::new(true)) }
    }

    /// Returns what delivery works with, on `disk`.
    fn services(&self, disk: &Arc<SimulatedDisk>) -> Services {
        let options = QueueOptions { pid: 4711, ..QueueOptions::default() };
        let queue = Queue::new(Arc::clone(disk) as Arc<dyn Spool>, options);
        let hands = hands(self.folder.path().to_owned(), Arc::clone(disk), Arc::clone(&self.is_locked));
        Services::new(Arc::clone(&SITE), hands, queue, Log::nowhere(), None)
    }

    /// Returns how many messages each mailbox has, and checks that none is torn.
    fn delivered(&self) -> BTreeMap<String, usize> {
        let count = |entry: std::io::Result<std::fs::DirEntry>| {
            let entry = entry.expect("readable");
            let text = std::fs::read(entry.path()).expect("readable");
            let name = entry.file_name().into_string().expect("plain");
            let messages = text.split_str("From ").skip(1);
            (name, messages.inspect(|text| assert!(text.ends_with(b"\n\n"), "torn: {}", text.as_bstr())).count())
        };
        std::fs::read_dir(self.folder.path()).expect("readable").map(count).collect()
    }
}

/// Returns hands that open a file of `folder` for every mailbox, unless the process on `disk` was killed.
fn hands(folder: PathBuf, disk: Arc<SimulatedDisk>, is_locked: Arc<AtomicBool>) -> Arc<Hands> {
    let held: Mutex<Vec<(File, u64)>> = Mutex::default();
    let answer = move |request: Request| -> (Answer, Vec<OwnedFd>) {
        let mut held = held.lock().expect("no panic");
        match request {
            _ if disk.is_dead() => (Answer::failed(FailureKind::Temporary {}, "killed"), Vec::new()),
            Request::OpenMailbox { place: Mailbox::User { name, .. }, .. } => {
                if name == "later" && is_locked.load(Ordering::Relaxed) {
                    return (Answer::failed(FailureKind::Temporary {}, "locked"), Vec::new());
                }
                let path = folder.join(name.to_string());
                let file = File::options().append(true).create(true).open(path).expect("a folder of ours");
                let size_bytes = file.metadata().expect("open").len();
                held.push((file.try_clone().expect("a copy"), size_bytes));
                let mailbox = u32::try_from(held.len() - 1).expect("few");
                let answer = Answer::Mailbox { mailbox, size_bytes, path: "m".into(), separator: "".into() };
                (answer, vec![file.into()])
            }
            Request::SettleMailbox { mailbox, keep } => {
                let (file, size_bytes) = &held[usize::try_from(mailbox).expect("small")];
                if !keep {
                    file.set_len(*size_bytes).expect("open for writing");
                }
                (Answer::Done {}, Vec::new())
            }
            Request::User { .. } => (Answer::failed(FailureKind::Temporary {}, "no answer"), Vec::new()),
            _ => (Answer::failed(FailureKind::Permanent {}, "no"), Vec::new()),
        }
    };
    let answer = Arc::new(answer);
    Arc::new(Hands::in_process(Arc::new(move |request| {
        let (answer, descriptors) = answer(request);
        Box::pin(async move { Answered { answer, descriptors } })
    })))
}

fn now() -> UnixTime {
    UnixTime::from_secs(1_795_342_830)
}

fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    runtime.expect("a runtime").block_on(work)
}

/// Puts the message into the queue, to be delivered.
async fn put(services: &Services) -> Claimed {
    let mut draft = services.queue.create(now()).await.expect("created");
    draft.write(b"body\n").await.expect("written");
    let mut envelope = Envelope::new(draft.id().clone(), now(), "<sender@mx.test>");
    envelope.recipients = ["nobody", "alice", "later", "bob"].map(Recipient::new).into();
    envelope.headers.push(Header::new("Subject", "x"));
    draft.commit(&envelope).await.expect("committed")
}

/// Returns hands of which the one for mailboxes ends with the first request.
fn mortal_hands() -> Arc<Hands> {
    let (hands, _) = Hands::pools();
    let (ours, theirs) = passing::pair().expect("a pair");
    hands.attach(Kind::Mailbox, ours).expect("attached");
    std::thread::spawn(move || passing::receive(theirs.as_fd(), &mut vec![0; PACKET_BYTES_MAX]));
    Arc::new(hands)
}

#[test]
fn only_the_end_of_a_hand_cuts_a_delivery_short() {
    let host = Host::new();
    let disk = Arc::new(SimulatedDisk::new(None));
    run(async {
        let locked = host.services(&disk);
        let mortal = Services::new(Arc::clone(&SITE), mortal_hands(), locked.queue.clone(), Log::nowhere(), None);
        for (services, is_interrupted) in [(mortal, true), (locked, false)] {
            let mut claimed = put(&services).await;
            claimed.envelope.recipients = vec![Recipient::new("later")];
            let ended = deliver(&services, Holding::Queued(Box::new(claimed)), now()).await;
            let waits = ended.expect("it is written down").waits.expect("it was not delivered");
            // What was cut short is no try: who starts anew begins with it.
            assert_eq!((waits.is_interrupted, waits.tries), (is_interrupted, u32::from(!is_interrupted)));
        }
    });
}

#[test]
fn no_mailer_starts_while_nobody_knows_the_home_that_it_is_given() {
    let host = Host::new();
    run(async {
        let services = host.services(&Arc::new(SimulatedDisk::new(None)));
        let mut claimed = put(&services).await;
        let controller = Controller { user: "bob".into(), ..Controller::default() };
        claimed.envelope.recipients = vec![Recipient { controller: Some(controller.into()), ..Recipient::new("home") }];
        let ended = deliver(&services, Holding::Queued(Box::new(claimed)), now()).await;
        let ended = ended.expect("it is written down");
        let reasons: Vec<_> = ended.attempted.deferred.iter().map(|settled| settled.outcome.stat.as_bstr()).collect();
        assert_eq!((reasons, ended.attempted.failed.len()), (vec!["Deferred: no answer".into()], 0));
    });
}

/// Answers every connection to `listener` as a server that knows `BY=`; what it hears is sent on.
async fn relay(listener: TcpListener, heard: mpsc::UnboundedSender<String>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (reader, mut writer) = stream.into_split();
        let mut lines = BufReader::new(reader).lines();
        writer.write_all(b"220 relay ESMTP\r\n").await.expect("heard");
        while let Ok(Some(line)) = lines.next_line().await {
            let reply: &[u8] = match line.get(..4) {
                Some("EHLO") => b"250-relay\r\n250 DELIVERBY\r\n",
                Some("DATA") => b"354 go\r\n",
                Some("MAIL" | "RCPT" | "RSET" | "QUIT") => b"250 ok\r\n",
                _ if line == "." => b"250 ok\r\n",
                _ => b"",
            };
            heard.send(line).expect("wanted");
            if writer.write_all(reply).await.is_err() {
                break;
            }
        }
    }
}

#[test]
fn a_server_hears_the_seconds_that_are_left_and_nothing_of_a_message_whose_time_is_over() {
    let host = Host::new();
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let to = format!("{}@relay", listener.local_addr().expect("bound").port());
        let (heard, mut lines) = mpsc::unbounded_channel();
        tokio::spawn(relay(listener, heard));
        let services = host.services(&Arc::new(SimulatedDisk::new(None)));
        let mut fates = Vec::new();
        for age in [40, 60] {
            let mut claimed = put(&services).await;
            claimed.envelope.recipients = vec![Recipient::new(to.as_str())];
            claimed.envelope.deliver_by = Some(DeliverBy { seconds: 60, mode: DeliverByMode::Return, trace: false });
            let then = now().plus(Duration::from_secs(age));
            let ended = deliver(&services, Holding::Queued(Box::new(claimed)), then).await.expect("written down");
            let Attempted { sent, failed, .. } = ended.attempted;
            fates.extend(sent.into_iter().chain(failed).map(|settled| settled.outcome.stat.to_string()));
        }
        assert_eq!(fates, ["Sent (ok)", "delivery time expired 60s"]);
        let told: Vec<String> = std::iter::from_fn(|| lines.try_recv().ok()).collect();
        let told: Vec<&String> = told.iter().filter(|line| line.starts_with("MAIL")).collect();
        assert_eq!(told, ["MAIL From:<sender@mx.test> BY=20;R"]);
    });
}

#[test]
fn a_folded_errors_to_field_does_not_keep_the_sender_from_hearing() {
    let host = Host::new();
    run(async {
        let services = host.services(&Arc::new(SimulatedDisk::new(None)));
        let mut claimed = put(&services).await;
        claimed.envelope.recipients = vec![Recipient::new("nobody")];
        claimed.envelope.headers.push(Header::new("Errors-To", "Alice\n <alice>"));
        let ended = deliver(&services, Holding::Queued(Box::new(claimed)), now()).await.expect("written down");
        assert!(ended.waits.is_none(), "nobody has heard");
        let to: Vec<_> = ended.reports.iter().flat_map(|report| &report.envelope.recipients).collect();
        let to: Vec<_> = to.iter().map(|recipient| recipient.address.as_bstr()).collect();
        assert_eq!(to, ["copies", "Alice  <alice>", "<sender@mx.test>"]);
    });
}

/// Delivers a message and what comes of it once, as a daemon does: what cannot be written down is held and written later.
async fn deliver_all(services: &Services, claimed: Claimed) {
    let mut work = vec![claimed];
    while let Some(claimed) = work.pop() {
        match deliver(services, Holding::Queued(Box::new(claimed)), now()).await {
            Ok(ended) => work.extend(ended.reports),
            Err(Unfinished { claimed, .. }) => {
                let held = claimed.expect("it was in the queue");
                // A killed process cannot: the next one finds the entry.
                let _ = held.finish().await;
            }
        }
    }
}

/// Starts anew on what is left on the disk, with the mailbox of `later` unlocked, and delivers until nothing waits;
/// returns the files that are left.
///
/// A power cut may bring back the control file of a message that was done with, and not its data file: that is set aside.
async fn restart(host: &Host, left: SimulatedDisk) -> Vec<String> {
    host.is_locked.store(false, Ordering::Relaxed);
    let disk = Arc::new(left);
    let services = host.services(&disk);
    loop {
        let recovered =
            services.queue.recover(Orphans::NotLocked, &Selection::default(), |_| false).await.expect("listed");
        let is_undead = |alert| matches!(alert, &QueueError::Lost { reason: LostReason::NoData, .. });
        assert!(recovered.alerts.iter().all(is_undead), "{:?}", recovered.alerts);
        if recovered.waiting.is_empty() {
            return disk.files();
        }
        for (name, _) in recovered.waiting {
            let claimed = services.queue.claim(&name).await.expect("readable").expect("free");
            deliver_all(&services, claimed).await;
        }
    }
}

/// Delivers the message with trouble at step `number`, then starts anew, with `luck` after a power cut.
///
/// Returns what the mailboxes have in the end, and whether the step was reached.
fn lived(number: usize, trouble: Trouble, luck: Option<u64>) -> (BTreeMap<String, usize>, bool) {
    let is_power_cut = luck.is_some();
    let left = |disk: &SimulatedDisk| luck.map_or_else(|| disk.restarted(), |luck| disk.after_power_cut(luck));
    let host = Host::new();
    let disk = Arc::new(SimulatedDisk::new(Some((STEPS_OF_PUT + number, trouble))));
    run(async {
        let services = host.services(&disk);
        let claimed = put(&services).await;
        deliver_all(&services, claimed).await;
        let mut files = restart(&host, left(&disk)).await;
        files.retain(|name| !(is_power_cut && name.starts_with("Qf")));
        assert_eq!(files, [""; 0], "left after {trouble:?} at {number}: {:?}", disk.steps());
    });
    (host.delivered(), disk.steps().len() > STEPS_OF_PUT + number)
}

/// How many steps a message takes into the queue.
const STEPS_OF_PUT: usize = 7;

/// Checks that everybody has got the message and the sender the report, `most` times at most.
#[track_caller]
fn everybody(delivered: &BTreeMap<String, usize>, most: usize, place: &str) {
    for name in ["alice", "bob", "later", "sender", "copies"] {
        let copies = delivered.get(name).copied().unwrap_or(0);
        assert!((1..=most).contains(&copies), "{name} has {copies} copies {place}");
    }
    assert_eq!(delivered.len(), 5, "{delivered:?}");
}

#[test]
fn whatever_step_fails_nobody_is_served_twice() {
    for trouble in [Trouble::Full, Trouble::Broken, Trouble::Unheard] {
        for number in 0.. {
            let (delivered, reached) = lived(number, trouble, None);
            everybody(&delivered, 1, &format!("after {trouble:?} at {number}"));
            if !reached {
                break;
            }
        }
    }
}

#[test]
fn when_the_process_is_killed_at_any_step_then_nobody_is_forgotten_and_the_sender_hears_of_failures() {
    for trouble in [Trouble::KilledBefore, Trouble::KilledAfter] {
        for number in 0.. {
            let (delivered, reached) = lived(number, trouble, None);
            everybody(&delivered, 2, &format!("after {trouble:?} at {number}"));
            if !reached {
                break;
            }
        }
    }
}

#[test]
fn when_the_power_is_cut_at_any_step_then_nobody_is_forgotten_and_the_sender_hears_of_failures() {
    for number in 0.. {
        let mut reached = false;
        for luck in 0_u64..4 {
            let luck = luck.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let (delivered, was) = lived(number, Trouble::KilledBefore, Some(luck));
            everybody(&delivered, 2, &format!("after a power cut at {number}"));
            reached |= was;
        }
        if !reached {
            break;
        }
    }
}
