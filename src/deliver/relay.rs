//! Handing a group's message to another server: over the network, over a socket of this host, or to a program that speaks LMTP.

use std::net::IpAddr;
use std::sync::Arc;

use bstr::{BString, ByteSlice};

use crate::cf::{Mailer, MailerFlag};
use crate::deliver::connection::Peer;
use crate::deliver::conversation::{Job, Report};
use crate::deliver::group::Run;
use crate::deliver::host_rules::HostRules;
use crate::deliver::lmtp;
use crate::deliver::message::{Body, Message};
use crate::deliver::outcome::Outcome;
use crate::deliver::program;
use crate::deliver::services::Services;
use crate::deliver::smtp::Endpoint;
use crate::keeper::request::{Launch, Service};
use crate::log::{Event, Level};
use crate::mail::envelope::{DeliverBy, Envelope};
use crate::name::Status;
use crate::smtp::client::{Target, Transaction};

/// Sends to the hosts that the mailer's `A=TCP $h` names, or to the socket of `A=FILE path`.
pub async fn send(services: &Services, run: &Run<'_>, words: &[BString], rules: &HostRules<'_>) -> Report {
    let endpoint = match Endpoint::of(words) {
        Ok(endpoint) => endpoint,
        Err(error) => {
            let outcome = Outcome::failed(Status::new(5, 3, 5), "Local configuration error")
                .with_reply(format!("554 5.3.5 {error}"));
            return run.alike(outcome);
        }
    };
    let message = Message::new(run.header, Body::Queued(run.message.body));
    let job = job(services, run, &message, rules);
    let report = match endpoint {
        Endpoint::Tcp(hosts, port) => services.smtp.send(&hosts, port, &job).await,
        Endpoint::Unix(path) => match services.hands.connect(Service::Mailer { mailer: run.mailer.name.clone() }).await
        {
            Ok(socket) => over_socket(services, socket, path, &job).await,
            Err(error) => put_off(run, error.to_string()),
        },
    };
    noted(services, run, report)
}

/// Starts a program that speaks LMTP on its standard input and output.
pub async fn converse(services: &Services, run: &Run<'_>, launch: Launch, rules: &HostRules<'_>) -> Report {
    let message = Message::new(run.header, Body::Queued(run.message.body));
    let job = job(services, run, &message, rules);
    let mut program = match program::start(services, &run.message.envelope.id, launch).await {
        Ok(program) => program,
        Err(error) => return put_off(run, error.to_string()),
    };
    let (to, from) = match program::pipes(&mut program) {
        Ok(pipes) => pipes,
        Err(error) => return put_off(run, error.to_string()),
    };
    let name = run.mailer.path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    let peer = Peer { host: name.into(), address: BString::default() };
    let report = lmtp::send(lmtp::over_pipes(from, to), peer, services.smtp.settings(), &job).await;
    noted(services, run, report)
}

/// Speaks to a server over a socket of this host.
async fn over_socket(services: &Services, socket: std::os::fd::OwnedFd, path: BString, job: &Job<'_>) -> Report {
    let socket = std::os::unix::net::UnixStream::from(socket);
    let stream = socket.set_nonblocking(true).and_then(|()| tokio::net::UnixStream::from_std(socket));
    match stream {
        Ok(stream) => {
            let peer = Peer { host: path, address: BString::default() };
            let report = lmtp::send(Box::new(stream), peer, services.smtp.settings(), job).await;
            Report { connections: 1, ..report }
        }
        Err(error) => {
            let mut report = Report::default();
            let everybody = (0..job.transaction.targets.len()).collect();
            report.add(everybody, Outcome::deferred(Status::new(4, 4, 1), error), job);
            report
        }
    }
}

/// Makes the envelope as the mailer's host shall see it.
fn job<'a>(services: &Services, run: &'a Run<'_>, message: &'a Message<'a>, rules: &'a HostRules<'a>) -> Job<'a> {
    let envelope = run.message.envelope;
    let target = |(recipient, user): (&&crate::mail::envelope::Recipient, &BString)| Target {
        address: user.clone(),
        notify: recipient.notify,
        orcpt: recipient.orcpt.clone(),
    };
    let age = run.message.now.since(envelope.created);
    let size = run.message.body.size_bytes().ok().filter(|_| envelope.size_bytes > 0);
    let size = size.map(|bytes| bytes + run.header.len() as u64);
    Job {
        audience: Arc::clone(&run.audience),
        names: run.recipients.iter().map(|recipient| recipient.address.clone()).collect(),
        mailer: run.mailer,
        transaction: Transaction {
            sender: reverse_path(services, run),
            size_bytes: size,
            body: envelope.body,
            ret: envelope.ret,
            envid: envelope.envid.clone(),
            auth: envelope.auth.clone(),
            deliver_by: envelope.deliver_by.map(|by| DeliverBy { seconds: by.secs_left(age), ..by }),
            targets: run.recipients.iter().zip(&run.users).map(target).collect(),
        },
        message,
        mime: run.mime_rules(services),
        source: source(envelope),
        first_attempt: envelope.tries == 0,
        rules: Some(rules),
        respect_host_status: envelope.tries > 0,
    }
}

/// Returns the sender as MAIL names it: with `F=p`, one of another host as a route through this one.
fn reverse_path(services: &Services, run: &Run<'_>) -> BString {
    let sender = run.sender.clone();
    let mailers = &services.site.config.mailers;
    let mailer = run.message.origin.route.as_ref().and_then(|route| mailers.get(route.mailer.as_bytes()));
    if !run.mailer.flags.has(MailerFlag::RoutedSender) || mailer.is_none_or(Mailer::is_local) {
        return sender;
    }
    let separator = if sender.starts_with(b"@") { "," } else { ":" };
    bstr::concat(["@".as_bytes(), &services.smtp.settings().own_name, separator.as_bytes(), &sender]).into()
}

/// Returns the address by which a message came in, if its port says that it goes out by the same (`M=b`).
fn source(envelope: &Envelope) -> Option<IpAddr> {
    let is_bound = envelope.macro_value("daemon_flags")?.fields().any(|flag| flag == b"b");
    let address = envelope.macro_value("if_addr").filter(|_| is_bound)?.to_str().ok()?;
    address.strip_prefix("IPv6:").unwrap_or(address).parse().ok()
}

/// Writes the notes of a report to the log.
fn noted(services: &Services, run: &Run<'_>, report: Report) -> Report {
    (0..report.connections).for_each(|_| services.log.tally().count(Event::ConnectionTo));
    for note in &report.notes {
        services.log.line(Level::SYSTEM_ERROR, &run.message.envelope.id, note);
    }
    report
}

/// Puts everybody off.
fn put_off(run: &Run<'_>, reason: String) -> Report {
    run.alike(Outcome::deferred(Status::new(4, 3, 0), reason.as_bytes().as_bstr()))
}
