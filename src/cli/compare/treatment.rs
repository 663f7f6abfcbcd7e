//! What becomes of an envelope under one configuration.

use std::sync::Arc;

use crate::cli::explain::{Dialogue, Fate, Question};
use crate::site::Site;

/// Returns what becomes of an envelope, a line for each thing that can be seen from outside.
pub(super) async fn treatment(site: &Arc<Site>, question: &Question) -> Vec<String> {
    let dialogue = Dialogue::hold(site, question, None).await;
    let mut lines = vec![match dialogue.fate() {
        Fate::Accepted => "accepted".to_owned(),
        Fate::Discarded { .. } => "thrown away".to_owned(),
        Fate::Held { reason, .. } => format!("held in the queue (quarantine): {reason}"),
        Fate::Refused { command, reply } => format!("refused at {}: {reply}", step(&command)),
    }];
    for destination in &dialogue.destinations {
        lines.push(match &destination.route {
            Ok((mailer, host, user)) => format!("mailer {mailer}, host {host}, user {user}"),
            Err(text) => text.to_string(),
        });
        if let Some((sender, recipient)) = &destination.envelope {
            lines.push(format!("envelope from {sender} to {recipient}"));
        }
        if let Some((sender, recipient)) = &destination.header {
            lines.push(format!("header From: {sender}, To: {recipient}"));
        }
    }
    lines
}

/// Returns the name of a step of the session.
fn step(command: &[u8]) -> &str {
    let word = command.split(|byte| *byte == b' ').next().unwrap_or_default();
    std::str::from_utf8(word).ok().filter(|word| !word.is_empty()).unwrap_or("the connection")
}
