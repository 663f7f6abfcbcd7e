//! Delivery over LMTP (`RFC 2033`): to a program's standard input and output, or a socket.

use tokio::io::{AsyncRead, AsyncWrite};

use super::connection::{Peer, Transport};
use super::conversation::{self, Job, Report};
use super::smtp::SmtpSettings;

/// Sends a message over a connection that the caller has made, says good-bye, and closes it. What the server does not
/// answer is deferred.
///
/// `peer` is who is at the other end: for a program its name without an address.
pub async fn send(stream: Box<dyn Transport>, peer: Peer, settings: &SmtpSettings, job: &Job<'_>) -> Report {
    let mut notes = Vec::new();
    let count = job.transaction.targets.len();
    let mut connection = match conversation::open(stream, peer, settings, job, &mut notes).await {
        Ok(connection) => connection,
        Err(outcome) => return Report { outcomes: vec![outcome; count], notes },
    };
    let all: Vec<_> = (0..count).collect();
    let chunk_len = job
        .mailer
        .recipients_max
        .and_then(|max| usize::try_from(max).ok())
        .filter(|max| *max > 0)
        .unwrap_or(usize::MAX);
    let mut outcomes = Vec::with_capacity(count);
    let mut chunks = all.chunks(chunk_len.min(count.max(1))).peekable();
    while let Some(chunk) = chunks.next() {
        let (some, reusable) = conversation::transact(&mut connection, settings, job, chunk).await;
        outcomes.extend(some);
        let alive = reusable && (chunks.peek().is_none() || connection.reset(&settings.timeouts).await);
        if !alive {
            break;
        }
    }
    notes.extend(conversation::silence_note(&connection));
    // Recipients behind the end of the connection share the fate of the last one before it, if that may be tried again.
    let rest = super::outcome::Outcome::deferred(
        crate::name::Status::new(4, 4, 2),
        format!("Connection reset by {}", connection.peer.host),
    );
    outcomes.resize(count, conversation::with_peer(rest, &connection.peer));
    connection.quit(&settings.timeouts);
    Report { outcomes, notes }
}

/// Joins the two pipes of a program into one connection.
pub fn over_pipes(
    from: impl AsyncRead + Send + Unpin + 'static,
    to: impl AsyncWrite + Send + Unpin + 'static,
) -> Box<dyn Transport> {
    Box::new(tokio::io::join(from, to))
}
