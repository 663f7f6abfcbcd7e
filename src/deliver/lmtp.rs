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
    let mut report = Report::default();
    let count = job.transaction.targets.len();
    let mut connection = match conversation::open(stream, peer, settings, job, &mut report.notes).await {
        Ok(connection) => connection,
        Err(outcome) => {
            report.add((0..count).collect(), outcome, job);
            return report;
        }
    };
    let all: Vec<_> = (0..count).collect();
    let chunk_len = job
        .mailer
        .recipients_max
        .and_then(|max| usize::try_from(max).ok())
        .filter(|max| *max > 0)
        .unwrap_or(usize::MAX);
    let mut chunks = all.chunks(chunk_len.min(count.max(1))).peekable();
    while let Some(chunk) = chunks.next() {
        let (mut events, reusable) = conversation::transact(&mut connection, settings, job, chunk).await;
        report.events.append(&mut events);
        let alive = reusable && (chunks.peek().is_none() || connection.reset(&settings.timeouts).await);
        if !alive {
            break;
        }
    }
    report.notes.extend(conversation::silence_note(&connection));
    // Recipients behind the end of the connection share the fate of the last one before it, if that may be tried again.
    let rest = super::outcome::Outcome::deferred(
        crate::name::Status::new(4, 4, 2),
        format!("Connection reset by {}", connection.peer.host),
    );
    let missing = (0..count).filter(|index| !report.events.iter().any(|event| event.targets.contains(index)));
    report.add(missing.collect(), conversation::with_peer(rest, &connection.peer), job);
    connection.quit(&settings.timeouts).await;
    report
}

/// Joins the two pipes of a program into one connection.
pub fn over_pipes(
    from: impl AsyncRead + Send + Unpin + 'static,
    to: impl AsyncWrite + Send + Unpin + 'static,
) -> Box<dyn Transport> {
    Box::new(tokio::io::join(from, to))
}
