//! The hands of each kind: who is asked, who waits for whom, and when one more is wished for.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use super::client::{Answered, Client, HandError};
use super::kind::Kind;
use super::request::Request;

/// How long a request waits for a hand before one more is asked for.
const PATIENCE: Duration = Duration::from_millis(20);

/// How long a request without a time limit waits for a hand.
const PATIENCE_MAX: Duration = Duration::from_secs(60);

/// Wishes for more hands that nobody has read yet; more say nothing new.
const WISHES_MAX: usize = 8;

/// The pools by kind, and where wishes for more hands go.
pub(super) struct Pools([Pool; Kind::ALL.len()], mpsc::Sender<Kind>);

/// Connected hands of one kind.
#[derive(Default)]
struct Pool {
    members: Mutex<Vec<Member>>,
    /// Told whenever a hand comes or becomes free.
    changed: Notify,
}

#[derive(Clone)]
struct Member {
    client: Arc<Client>,
    leases: Arc<AtomicUsize>,
}

impl Pools {
    /// Returns empty pools, and where wishes for more hands arrive.
    pub(super) fn new() -> (Self, mpsc::Receiver<Kind>) {
        let (wishes, wished) = mpsc::channel(WISHES_MAX);
        (Self(Default::default(), wishes), wished)
    }

    /// Adds a hand.
    pub(super) fn attach(&self, kind: Kind, client: Client) {
        let pool = &self.0[kind as usize];
        let member = Member { client: Arc::new(client), leases: Arc::default() };
        pool.members.lock().expect("no holder panics").push(member);
        pool.changed.notify_waiters();
    }

    /// Asks `request`; if the hand ends before it answers, its successor is asked what only looks.
    pub(super) async fn ask(self: &Arc<Self>, request: Request) -> Result<Answered, HandError> {
        let again = request.only_looks().then(|| request.clone());
        match (self.ask_once(request).await, again) {
            (Err(HandError::Gone(_)), Some(request)) => self.ask_once(request).await,
            (answered, _) => answered,
        }
    }

    async fn ask_once(self: &Arc<Self>, request: Request) -> Result<Answered, HandError> {
        let limit = request.time_limit();
        self.lease(request.kind(), limit).await?.client().call(request, limit).await
    }

    /// Asks several requests of one kind, each as [`Pools::ask`] does; the answers come in their order.
    pub(super) async fn ask_all(self: &Arc<Self>, requests: Vec<Request>) -> Vec<Result<Answered, HandError>> {
        let mut answers = self.ask_all_once(requests.clone()).await;
        let is_lost =
            |place: &usize| requests[*place].only_looks() && matches!(answers[*place], Err(HandError::Gone(_)));
        let lost: Vec<usize> = (0..requests.len()).filter(is_lost).collect();
        let again = lost.iter().map(|place| requests[*place].clone()).collect();
        for (place, answer) in lost.into_iter().zip(self.ask_all_once(again).await) {
            answers[place] = answer;
        }
        answers
    }

    async fn ask_all_once(self: &Arc<Self>, requests: Vec<Request>) -> Vec<Result<Answered, HandError>> {
        let Some(first) = requests.first() else { return Vec::new() };
        let (kind, limit) = (first.kind(), first.time_limit().unwrap_or(PATIENCE_MAX));
        match self.lease(kind, Some(limit)).await {
            Ok(lease) => lease.client().call_all(requests, limit).await,
            Err(_) => requests.iter().map(|_| Err(HandError::TimedOut(kind.word(), limit))).collect(),
        }
    }

    /// Returns a place at the least busy hand; waits for one at most `limit`.
    pub(super) async fn lease(self: &Arc<Self>, kind: Kind, limit: Option<Duration>) -> Result<Lease, HandError> {
        let limit = limit.unwrap_or(PATIENCE_MAX);
        let end = Instant::now() + limit;
        let pool = &self.0[kind as usize];
        loop {
            let changed = pool.changed.notified();
            if let Some(member) = pool.pick(kind.per_hand_max()) {
                return Ok(Lease { member, kind, pools: Arc::clone(self) });
            }
            if pool.is_empty() {
                let _ = self.1.try_send(kind);
            }
            let patience = (Instant::now() + PATIENCE).min(end);
            if tokio::time::timeout_at(patience, changed).await.is_err() {
                if patience == end {
                    return Err(HandError::TimedOut(kind.word(), limit));
                }
                let _ = self.1.try_send(kind);
            }
        }
    }
}

impl Pool {
    /// Tells whether there is no hand at all, so that waiting helps nobody.
    fn is_empty(&self) -> bool {
        self.members.lock().expect("no holder panics").is_empty()
    }

    /// Returns the living hand with the fewest requests, if it may have one more.
    fn pick(&self, per_hand_max: usize) -> Option<Member> {
        let mut members = self.members.lock().expect("no holder panics");
        members.retain(|member| !member.client.is_gone());
        let member = members.iter().min_by_key(|member| member.leases.load(Ordering::Relaxed))?;
        // Only under the lock does the number grow.
        (member.leases.load(Ordering::Relaxed) < per_hand_max).then(|| {
            member.leases.fetch_add(1, Ordering::Relaxed);
            member.clone()
        })
    }
}

/// A place at one hand; given back when dropped.
pub(super) struct Lease {
    member: Member,
    kind: Kind,
    pools: Arc<Pools>,
}

impl Lease {
    /// Returns the way to the hand.
    pub(super) fn client(&self) -> &Client {
        &self.member.client
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.member.leases.fetch_sub(1, Ordering::Relaxed);
        self.pools.0[self.kind as usize].changed.notify_one();
    }
}
