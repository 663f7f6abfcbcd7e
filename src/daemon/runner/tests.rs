use std::path::Path;
use std::sync::Mutex;

use bstr::BString;
use tokio::sync::mpsc;

use self::faulty::{Fault, Faulty};
use super::jobs::{JOBS_MAX, WAITED_MAX};
use super::*;
use crate::cf::Options;
use crate::daemon::programs::Task;
use crate::daemon::work_table::WorkTable;
use crate::mail::envelope::{Envelope, Recipient};
use crate::name::QueueId;
use crate::queue::schedule::FIRST_TRY_PLACES;
use crate::queue::select::{Condition, Field};
use crate::queue::spool::Hold;
use crate::queue::{DirectSpool, Layout, QueueOptions};

mod faulty;

fn queue_in(folder: &Path) -> Queue {
    faulty_queue_in(folder, &[])
}

/// Returns a queue of which every one of `faults` befalls one step.
fn faulty_queue_in(folder: &Path, faults: &[Fault]) -> Queue {
    queue_of(&Arc::new(faulty_spool_in(folder, faults)))
}

fn faulty_spool_in(folder: &Path, faults: &[Fault]) -> Faulty {
    let layout = Layout { queue_directory: folder.to_str().expect("text").into(), groups: Vec::new() };
    Faulty::new(DirectSpool::open(&layout, 0).expect("opened"), faults)
}

fn queue_of(spool: &Arc<Faulty>) -> Queue {
    Queue::new(Arc::<Faulty>::clone(spool), QueueOptions::default())
}

async fn put(queue: &Queue, to: &str) -> Claimed {
    let draft = queue.create(now()).await.expect("created");
    let mut envelope = Envelope::new(draft.id().clone(), now(), "<a@example.com>");
    envelope.recipients = vec![Recipient::new(to)];
    draft.commit(&envelope).await.expect("committed")
}

/// Work that notes what it was given; it removes messages to good.example, panics at bad.example, keeps the rest.
fn work() -> (Attempt, Arc<Mutex<Vec<QueueId>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&seen);
    let attempt = move |claimed: Claimed| -> Task<Attempted> {
        noted.lock().expect("no panic").push(claimed.name().id.clone());
        Box::pin(async move {
            let facts = Facts::of(&claimed.envelope);
            match facts.destination.as_slice() {
                b"good.example" => {
                    claimed.remove().await.expect("removed");
                    Attempted::Settled
                }
                b"bad.example" => panic!("an error of the program"),
                _ => Attempted::Waits(facts),
            }
        })
    };
    (Arc::new(attempt), seen)
}

fn runner(queue: &Queue, work: Attempt, rhythm: Rhythm) -> Runner {
    let watched = Watched::new(WorkTable::create().expect("a table"));
    let options = RunOptions { rhythm, orphans: Orphans::NotLocked, pace: Pace::Together, classes: Arc::default() };
    let terms = Terms::new(&Options::default(), None);
    Runner::new(queue.clone(), work, Log::nowhere(), watched, terms, options, Arc::new(LoadAverage::open()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_run_tries_everything_once_and_ends() {
    let folder = tempfile::tempdir().expect("a directory");
    let queue = queue_in(folder.path());
    for to in ["<x@good.example>", "<x@slow.example>", "<x@bad.example>", "<y@good.example>"] {
        drop(put(&queue, to).await);
    }
    let (work, seen) = work();
    let (_delivery, intake) = intake();
    let (_end, stage) = watch::channel(Stage::Serving);
    runner(&queue, work, Rhythm::Once(Selection::default())).run(intake, stage).await;
    assert_eq!(seen.lock().expect("no panic").len(), 4);
    assert_eq!(queue.list().await.expect("listed").len(), 2, "what was not delivered stays");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn repeating_runs_try_only_what_is_meant_and_new_mail() {
    let folder = tempfile::tempdir().expect("a directory");
    let queue = queue_in(folder.path());
    for to in ["<x@good.example>", "<y@other.example>", "<z@GOOD.example>"] {
        drop(put(&queue, to).await);
    }
    let (work, seen) = work();
    let (delivery, intake) = intake();
    let (end, stage) = watch::channel(Stage::Serving);
    let conditions = vec![Condition { field: Field::Recipient, text: "good.example".into(), negated: false }];
    let meant = Selection { conditions, ..Selection::default() };
    let rhythm = Rhythm::of(Some(Duration::from_secs(3600)), meant);
    let running = tokio::spawn(runner(&queue, work, rhythm).run(intake, stage));
    let tried = async |count| {
        while seen.lock().expect("no panic").len() < count {
            tokio::task::yield_now().await;
        }
    };
    tried(2).await;
    delivery.at_once(put(&queue, "<new@other.example>").await);
    tried(3).await;
    end.send_replace(Stage::Ending);
    running.await.expect("no panic");
    assert_eq!(queue.list().await.expect("listed").len(), 2, "what is not meant stays, and what has no second try yet");
}

/// Mailers with `F=%` serve only what somebody has asked for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_that_are_asked_for_know_it() {
    let folder = tempfile::tempdir().expect("a directory");
    let queue = queue_in(folder.path());
    drop(put(&queue, "<x@slow.example>").await);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&seen);
    let work: Attempt = Arc::new(move |claimed: Claimed| -> Task<Attempted> {
        noted.lock().expect("no panic").push(claimed.envelope.occasion);
        // It was tried now, and is not due for a while.
        Box::pin(async move {
            let facts = Facts::of(&claimed.envelope);
            Attempted::Waits(Facts { tries: 1, last_try: Some(now()), ..facts })
        })
    });
    let conditions = vec![Condition { field: Field::Recipient, text: "slow".into(), negated: false }];
    for meant in [Selection::default(), Selection { conditions, ..Selection::default() }] {
        let (_delivery, intake) = intake();
        let (_end, stage) = watch::channel(Stage::Serving);
        runner(&queue, Arc::clone(&work), Rhythm::Once(meant)).run(intake, stage).await;
    }
    let (delivery, intake) = intake();
    let (end, stage) = watch::channel(Stage::Serving);
    let rhythm = Rhythm::of(Some(Duration::from_secs(3600)), Selection::default());
    let running = tokio::spawn(runner(&queue, work, rhythm).run(intake, stage));
    let tried = async |count| {
        while seen.lock().expect("no panic").len() < count {
            tokio::task::yield_now().await;
        }
    };
    tried(3).await;
    // The entry comes back to the schedule after its try: until then, the wish finds nothing.
    while seen.lock().expect("no panic").len() < 4 {
        delivery.hasten(Box::new(|_, _| true));
        tokio::task::yield_now().await;
    }
    end.send_replace(Stage::Ending);
    running.await.expect("no panic");
    let expected = [Occasion::Run, Occasion::Chosen, Occasion::Run, Occasion::Chosen];
    assert_eq!(seen.lock().expect("no panic")[..4], expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_accepted_is_tried_at_once_and_finished_before_the_end() {
    let folder = tempfile::tempdir().expect("a directory");
    let queue = queue_in(folder.path());
    let (work, seen) = work();
    let (delivery, intake) = intake();
    let (end, stage) = watch::channel(Stage::Serving);
    let running = tokio::spawn(runner(&queue, work, Rhythm::Never).run(intake, stage));
    delivery.at_once(put(&queue, "<x@good.example>").await);
    while seen.lock().expect("no panic").is_empty() {
        tokio::task::yield_now().await;
    }
    end.send_replace(Stage::Ending);
    running.await.expect("no panic");
    assert_eq!(queue.list().await.expect("listed").len(), 0);
}

/// Work that tells each destination and then waits for the word that good.example needs not; how to say it.
fn silent_work() -> (Attempt, mpsc::UnboundedReceiver<BString>, watch::Sender<bool>) {
    let (begun, seen) = mpsc::unbounded_channel();
    let (answer, silence) = watch::channel(false);
    let attempt = move |claimed: Claimed| -> Task<Attempted> {
        let (begun, mut silence) = (begun.clone(), silence.clone());
        Box::pin(async move {
            let destination = Facts::of(&claimed.envelope).destination;
            begun.send(destination.clone()).expect("heard");
            if destination != "good.example" {
                silence.wait_for(|answers| *answers).await.expect("told");
            }
            claimed.remove().await.expect("removed");
            Attempted::Settled
        })
    };
    (Arc::new(attempt), seen, answer)
}

/// Sees the work of `running` to its end, now that everybody answers.
async fn end_of(running: JoinHandle<()>, queue: &Queue, answer: &watch::Sender<bool>, end: &watch::Sender<Stage>) {
    answer.send_replace(true);
    while !queue.list().await.expect("listed").is_empty() {
        tokio::task::yield_now().await;
    }
    end.send_replace(Stage::Ending);
    running.await.expect("no panic");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_destination_that_never_answers_holds_up_no_other() {
    let folder = tempfile::tempdir().expect("a directory");
    let queue = queue_in(folder.path());
    let (work, mut seen, answer) = silent_work();
    let (delivery, intake) = intake();
    let (end, stage) = watch::channel(Stage::Serving);
    let running = tokio::spawn(runner(&queue, work, Rhythm::Never).run(intake, stage));
    for _ in 0..JOBS_MAX {
        delivery.at_once(put(&queue, "<x@silent.example>").await);
    }
    delivery.at_once(put(&queue, "<x@good.example>").await);
    while seen.recv().await.expect("begun") != "good.example" {}
    end_of(running, &queue, &answer, &end).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backlog_that_nobody_takes_holds_up_no_new_mail() {
    let folder = tempfile::tempdir().expect("a directory");
    let queue = queue_in(folder.path());
    let (work, mut seen, answer) = silent_work();
    let (delivery, intake) = intake();
    let (end, stage) = watch::channel(Stage::Serving);
    for number in 0..=JOBS_MAX {
        let waiting = put(&queue, &format!("<x@silent{number}.example>")).await;
        delivery.later(waiting.name().clone(), Facts::of(&waiting.envelope));
    }
    let running = tokio::spawn(runner(&queue, work, Rhythm::Never).run(intake, stage));
    for _ in 0..WAITED_MAX {
        seen.recv().await.expect("begun");
    }
    // As many first tries as one destination may have leave others a place.
    for _ in 0..FIRST_TRY_PLACES {
        delivery.at_once(put(&queue, "<x@silent.example>").await);
    }
    delivery.at_once(put(&queue, "<x@good.example>").await);
    while seen.recv().await.expect("begun") != "good.example" {}
    end_of(running, &queue, &answer, &end).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_mail_that_nobody_takes_holds_up_no_backlog() {
    let folder = tempfile::tempdir().expect("a directory");
    let queue = queue_in(folder.path());
    let (work, mut seen, answer) = silent_work();
    let (delivery, intake) = intake();
    let (end, stage) = watch::channel(Stage::Serving);
    for number in 0..=JOBS_MAX {
        delivery.at_once(put(&queue, &format!("<x@silent{number}.example>")).await);
    }
    let waiting = put(&queue, "<x@good.example>").await;
    delivery.later(waiting.name().clone(), Facts::of(&waiting.envelope));
    drop(waiting);
    let running = tokio::spawn(runner(&queue, work, Rhythm::Never).run(intake, stage));
    while seen.recv().await.expect("begun") != "good.example" {}
    end_of(running, &queue, &answer, &end).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_last_sessions_accept_is_delivered_before_the_end() {
    let folder = tempfile::tempdir().expect("a directory");
    let queue = queue_in(folder.path());
    let (work, _seen) = work();
    let (delivery, intake) = intake();
    let (end, stage) = watch::channel(Stage::Finishing);
    let running = tokio::spawn(runner(&queue, work, Rhythm::Never).run(intake, stage));
    tokio::task::yield_now().await;
    delivery.at_once(put(&queue, "<x@good.example>").await);
    end.send_replace(Stage::Last);
    running.await.expect("no panic");
    assert_eq!(queue.list().await.expect("listed").len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_written_down_is_held_and_written_later() {
    let folder = tempfile::tempdir().expect("a directory");
    let queue = queue_in(folder.path());
    let tries = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&tries);
    let attempt = move |mut claimed: Claimed| -> Task<Attempted> {
        *counted.lock().expect("no panic") += 1;
        claimed.envelope.recipients.clear();
        Box::pin(async { Attempted::Unwritten(Box::new(claimed)) })
    };
    let (delivery, intake) = intake();
    let (end, stage) = watch::channel(Stage::Serving);
    let mut runner = runner(&queue, Arc::new(attempt), Rhythm::Never);
    runner.waits.unwritten = Duration::ZERO;
    let running = tokio::spawn(runner.run(intake, stage));
    delivery.at_once(put(&queue, "<x@good.example>").await);
    while !queue.list().await.expect("listed").is_empty() {
        tokio::task::yield_now().await;
    }
    end.send_replace(Stage::Ending);
    running.await.expect("no panic");
    assert_eq!(*tries.lock().expect("no panic"), 1, "it was delivered once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_control_file_can_hold_is_set_aside() {
    let folder = tempfile::tempdir().expect("a directory");
    let queue = queue_in(folder.path());
    let attempt = move |mut claimed: Claimed| -> Task<Attempted> {
        claimed.envelope.recipients[0].address = "x\r@good.example".into();
        Box::pin(async { Attempted::Unwritten(Box::new(claimed)) })
    };
    let (delivery, intake) = intake();
    let (end, stage) = watch::channel(Stage::Serving);
    let mut runner = runner(&queue, Arc::new(attempt), Rhythm::Never);
    runner.waits.unwritten = Duration::ZERO;
    let running = tokio::spawn(runner.run(intake, stage));
    delivery.at_once(put(&queue, "<x@good.example>").await);
    let is_set_aside = || {
        let mut names =
            std::fs::read_dir(folder.path()).expect("listed").map(|entry| entry.expect("listed").file_name());
        names.any(|name| name.to_string_lossy().starts_with("Qf"))
    };
    while !is_set_aside() {
        tokio::task::yield_now().await;
    }
    end.send_replace(Stage::Ending);
    running.await.expect("no panic");
}

/// The queue is run once an hour: what a hand that was killed did not answer must not wait for that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_could_not_be_found_or_read_is_looked_at_again_soon() {
    let (list, look, lock) = (Fault::List, Fault::Open(Hold::Look), Fault::Open(Hold::Lock));
    for faults in [vec![list], vec![list, list, look], vec![look], vec![lock], vec![look, lock, lock]] {
        let folder = tempfile::tempdir().expect("a directory");
        let queue = queue_in(folder.path());
        for to in ["<x@good.example>", "<y@good.example>"] {
            drop(put(&queue, to).await);
        }
        let (work, seen) = work();
        let (_delivery, intake) = intake();
        let (end, stage) = watch::channel(Stage::Serving);
        let rhythm = Rhythm::of(Some(Duration::from_secs(3600)), Selection::default());
        let mut runner = runner(&faulty_queue_in(folder.path(), &faults), work, rhythm);
        runner.waits.failure = Duration::from_millis(1);
        let running = tokio::spawn(runner.run(intake, stage));
        let all_gone = async {
            while !queue.list().await.expect("listed").is_empty() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), all_gone).await.unwrap_or_else(|_| panic!("{faults:?}"));
        end.send_replace(Stage::Ending);
        running.await.expect("no panic");
        assert_eq!(seen.lock().expect("no panic").len(), 2, "{faults:?}: each once");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_that_the_end_of_a_hand_cut_short_is_repeated_soon() {
    let folder = tempfile::tempdir().expect("a directory");
    let queue = queue_in(folder.path());
    let (begun, mut seen) = mpsc::unbounded_channel();
    let attempt = move |claimed: Claimed| -> Task<Attempted> {
        let facts = Facts { tries: 1, last_try: Some(now()), ..Facts::of(&claimed.envelope) };
        begun.send(()).expect("heard");
        Box::pin(async move { Attempted::Waits(Facts { is_interrupted: true, ..facts }) })
    };
    let (delivery, intake) = intake();
    let (end, stage) = watch::channel(Stage::Serving);
    let rhythm = Rhythm::of(Some(Duration::from_secs(3600)), Selection::default());
    let mut runner = runner(&queue, Arc::new(attempt), rhythm);
    runner.waits.failure = Duration::from_millis(1);
    let running = tokio::spawn(runner.run(intake, stage));
    delivery.at_once(put(&queue, "<x@slow.example>").await);
    for _ in 0..4 {
        seen.recv().await.expect("it is tried again");
    }
    end.send_replace(Stage::Ending);
    running.await.expect("no panic");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_that_another_works_with_is_looked_at_again() {
    let folder = tempfile::tempdir().expect("a directory");
    let spool = Arc::new(faulty_spool_in(folder.path(), &[]));
    let queue = queue_of(&spool);
    let (held, gone) = (put(&queue, "<x@good.example>").await, put(&queue, "<y@good.example>").await);
    let (work, seen) = work();
    let (delivery, intake) = intake();
    let (end, stage) = watch::channel(Stage::Serving);
    let mut runner = runner(&queue, work, Rhythm::Never);
    runner.waits.busy = Duration::from_millis(1);
    for claimed in [&held, &gone] {
        delivery.later(claimed.name().clone(), Facts::of(&claimed.envelope));
    }
    let running = tokio::spawn(runner.run(intake, stage));
    while spool.locks_wanted() < 4 {
        tokio::task::yield_now().await;
    }
    assert_eq!(seen.lock().expect("no panic").len(), 0, "both are in another's hands");
    gone.remove().await.expect("removed");
    drop(held);
    while !queue.list().await.expect("listed").is_empty() {
        tokio::task::yield_now().await;
    }
    end.send_replace(Stage::Ending);
    running.await.expect("no panic");
    assert_eq!(seen.lock().expect("no panic").len(), 1);
}

#[test]
fn what_goes_on_failing_is_tried_less_and_less_often() {
    let second = Duration::from_secs(1);
    let waits = Waits { busy: second, failure: second, unwritten: second };
    assert_eq!([0, 1, 9].map(|failures| waits.after(failures).as_secs()), [1, 2, 512]);
    assert!(waits.after(u32::MAX) > Duration::from_secs(1 << 31));
}

#[test]
fn titles_and_start_lines_are_the_originals() {
    let interval = Duration::from_secs(900);
    let title = title(interval, b"/var/spool/clientmqueue");
    assert_eq!(title, "sendmail: Queue runner@00:15:00 for /var/spool/clientmqueue");
    assert_eq!(duties(true, Some(interval)), "SMTP+queueing@00:15:00");
    assert_eq!(duties(false, Some(interval)), "queueing@00:15:00");
}
