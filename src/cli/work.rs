//! Sessions and deliveries, put together from the floors below: for the network process of a daemon, and for one-shot modes.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use bstr::ByteSlice;
use tokio::io::AsyncWriteExt;

use super::distant_log;
use super::order::{self, overrides};
use crate::cf::{CfError, DaemonPort, OptionError, Problem};
use crate::daemon::hand_opener::HandOpener;
use crate::daemon::programs::{Attempt, Attempted, Connection, Surroundings, Task, Work};
use crate::daemon::runner::{Delivery, duties};
use crate::deliver::holding::{Holding, Unfinished};
use crate::deliver::services::Services;
use crate::deliver::settle;
use crate::keeper::{self, Hands, Request};
use crate::log::{Event, Level, Log};
use crate::name::{Sysexit, UnixTime};
use crate::net::caused_by_client;
use crate::policy::Gate;
use crate::queue::Claimed;
use crate::queue::schedule::Facts;
use crate::queue::select::Selection;
use crate::queue::spool::EntryName;
use crate::receive::{self, Accepted, Client, Pending, Service, SiteDirectory};
use crate::site::{Inside, Started, start_inside, statistics};
use crate::sys::bounded::read_within;
use crate::sys::host::LoadAverage;

/// How often the load average is looked at.
const LOAD_PERIOD: Duration = Duration::from_secs(5);

/// The longest help file, in bytes.
const HELP_BYTES_MAX: u64 = 1 << 20;

/// How long a client that is not let in may take to accept the reason.
const REFUSAL_LIMIT: Duration = Duration::from_secs(2);

/// Makes the work of a network process that serves.
pub(super) fn open(surroundings: Surroundings) -> Task<Result<Work, String>> {
    Box::pin(async move {
        let command = order::command_line(&surroundings.order).map_err(|error| error.to_string())?;
        let meant = command.queue.as_ref().map(Selection::from).unwrap_or_default();
        let services = services(&surroundings).await?;
        let delivery = surroundings.delivery.clone();
        let door = Arc::new(Door {
            gate: Gate::new(&services.site.config.options, services.log.clone()),
            ports: services.site.config.options.daemon_ports(),
            service: service(&services, &delivery, help(&services).await, &surroundings.load),
            services: services.clone(),
        });
        let ending = surroundings.ending.clone();
        let pacing = Arc::clone(&door);
        let pace = move |port: u16| pacing.pace(port);
        let session = move |connection: Connection| -> Task<()> {
            let (door, ending) = (Arc::clone(&door), ending.clone());
            Box::pin(async move { door.serve(connection, ending).await })
        };
        let (hands, log) = (Arc::clone(&services.hands), services.log.clone());
        let file = services.site.config.options.status_file.clone();
        tokio::spawn(statistics::keep(file, Arc::clone(&hands), log.clone()));
        let part = move || -> Task<()> {
            let (hands, log) = (Arc::clone(&hands), log.clone());
            Box::pin(async move { part(&hands, &log).await })
        };
        let classes = Arc::clone(&services.site.classes);
        let attempt = attempts(services, delivery);
        Ok(Work { session: Arc::new(session), pace: Arc::new(pace), meant, attempt, classes, part: Arc::new(part) })
    })
}

/// Puts away what is counted, and sees the last lines into the log.
pub(super) async fn part(hands: &Hands, log: &Log) {
    // As with the original, a file that cannot be used is nothing that whoever sends a message is told of.
    let _ = statistics::post(hands, log).await;
    log.part().await;
}

/// Returns what attempts messages; reports that are made of that go to `delivery`.
pub(super) fn attempts(services: Services, delivery: Delivery) -> Attempt {
    Arc::new(move |claimed: Claimed| -> Task<Attempted> {
        let (services, delivery) = (services.clone(), delivery.clone());
        Box::pin(async move { attempt(&services, &delivery, claimed).await })
    })
}

/// A configuration in use in a process that opens no files.
pub(super) struct Loaded {
    /// The site, and what is wrong with it.
    pub(super) started: Started,
    /// The log.
    pub(super) log: Log,
}

/// Puts the configuration to use, with files that hands open.
pub(super) async fn load(surroundings: &Surroundings) -> Loaded {
    let order = &surroundings.order;
    let hands = &surroundings.hands;
    let inside = Inside {
        text: &surroundings.text,
        name: &order.config_file.to_str_lossy(),
        overrides: overrides(order),
        mode: order.mode,
        duties: duties(order.listen, order.queue_interval()),
        names: &surroundings.names,
        services: &surroundings.services,
        zone: surroundings.zone.clone(),
    };
    let opener = |config: &Arc<_>| Arc::new(HandOpener::new(Arc::clone(hands), Arc::clone(config))) as Arc<_>;
    let started = start_inside(inside, opener).await;
    Loaded { started, log: distant_log::open(surroundings).await }
}

impl Loaded {
    /// Returns what delivery needs; none where the configuration cannot be used.
    pub(super) fn services(self, surroundings: &Surroundings) -> Option<Services> {
        let site = self.started.site?;
        if let Some(complaint) = &site.identity.complaint {
            self.log.say(Level::SETUP, None, complaint);
        }
        site.maps.tell_ages();
        let (hands, queue) = (Arc::clone(&surroundings.hands), surroundings.queue.clone());
        let services = Services::new(site, hands, queue, self.log, surroundings.order.queue_interval());
        // The alias files are open by now.
        services.site.maps.log_failures(&services.log, None);
        Some(services)
    }
}

/// Loads the configuration of a daemon; what is wrong with it goes to the log.
async fn services(surroundings: &Surroundings) -> Result<Services, String> {
    let loaded = load(surroundings).await;
    // Served without the names of its own domains, a host would return their mail.
    if let Some(error) = loaded.started.errors.iter().find(|error| error.exit() == Some(Sysexit::TempFail)) {
        return Err(format!("{error}; starting again"));
    }
    // As with the original, a limit that is only small is told to whoever tries the configuration, not logged.
    let is_small = |error: &&CfError| matches!(error.problem, Problem::Option(OptionError::LowLimit { .. }));
    for error in loaded.started.errors.iter().filter(|error| !is_small(error)) {
        loaded.log.say(Level::SYSTEM_ERROR, None, error);
    }
    let first = loaded.started.errors.first().map_or_else(String::new, ToString::to_string);
    let services = loaded.services(surroundings).ok_or(first)?;
    services.site.maps.open_all();
    services.aliases.note_use();
    services.site.maps.log_failures(&services.log, None);
    Ok(services)
}

/// Reads the help file by way of a hand, if there is one.
pub(super) async fn help(services: &Services) -> Option<Arc<[u8]>> {
    let request = Request::OpenNamed { file: keeper::request::NamedFile::Help {} };
    let file = std::fs::File::from(services.hands.ask_for_one(request).await.ok()?);
    read_within(file, HELP_BYTES_MAX).ok().map(Arc::from)
}

/// Returns what all sessions share.
pub(super) fn service(
    services: &Services,
    delivery: &Delivery,
    help: Option<Arc<[u8]>>,
    load: &Arc<LoadAverage>,
) -> Service {
    let (runner, at_once, now) = (delivery.clone(), delivery.clone(), services.clone());
    Service {
        site: Arc::clone(&services.site),
        queue: services.queue.clone(),
        log: services.log.clone(),
        directory: Arc::new(SiteDirectory {
            aliases: Arc::clone(&services.aliases),
            hands: Arc::clone(&services.hands),
            uses_aliases: true,
        }),
        deliver: Arc::new(move |accepted: Accepted| -> Pending<'static, ()> {
            if !accepted.is_awaited {
                at_once.at_once(accepted.claimed);
                return Box::pin(std::future::ready(()));
            }
            let (services, delivery) = (now.clone(), at_once.clone());
            Box::pin(async move {
                let (name, claimed) = (accepted.claimed.name().clone(), accepted.claimed);
                match attempt(&services, &delivery, claimed).await {
                    Attempted::Settled => {}
                    Attempted::Waits(facts) => delivery.later(name, facts),
                    Attempted::Unwritten(claimed) => delivery.hold(claimed),
                }
            })
        }),
        run_queue: Arc::new(move |host| runner.hasten(Box::new(chosen(host)))),
        load: load_average(Arc::clone(load)),
        help,
        study: None,
    }
}

/// Returns what tells the entries that ETRN asks for: those to a host, with `@` also those to hosts below it.
fn chosen(host: &[u8]) -> impl Fn(&EntryName, &Facts) -> bool + Send + Sync + use<> {
    let (below, host) = match host.strip_prefix(b"@") {
        Some(domain) => (true, domain.to_ascii_lowercase()),
        None => (false, host.to_ascii_lowercase()),
    };
    move |_, facts| {
        let ending = facts.destination.strip_suffix(host.as_slice());
        ending.is_some_and(|rest| rest.is_empty() || (below && rest.ends_with(b".")))
    }
}

/// Returns the load average, kept up to date by a task.
fn load_average(source: Arc<LoadAverage>) -> Arc<AtomicI64> {
    let load = Arc::new(AtomicI64::new(source.now()));
    let kept = Arc::downgrade(&load);
    tokio::spawn(async move {
        while let Some(load) = kept.upgrade() {
            load.store(source.now(), Ordering::Relaxed);
            drop(load);
            tokio::time::sleep(LOAD_PERIOD).await;
        }
    });
    load
}

/// Attempts a message once; reports that were made are delivered next.
async fn attempt(services: &Services, delivery: &Delivery, claimed: Claimed) -> Attempted {
    let id = claimed.envelope.id.clone();
    services.site.refresh_maps().await;
    services.aliases.refresh().await;
    let delivered = settle::deliver(services, Holding::Queued(Box::new(claimed)), now()).await;
    services.site.maps.log_failures(&services.log, &id);
    match delivered {
        Ok(ended) => {
            ended.reports.into_iter().for_each(|report| delivery.at_once(report));
            ended.waits.map_or(Attempted::Settled, Attempted::Waits)
        }
        Err(Unfinished { claimed, error }) => {
            services.log.say(Level::SYSTEM_ERROR, &id, error);
            claimed.map_or(Attempted::Settled, Attempted::Unwritten)
        }
    }
}

/// Where clients come in.
struct Door {
    gate: Gate,
    ports: Vec<DaemonPort>,
    service: Service,
    services: Services,
}

impl Door {
    /// Returns how long a port waits before it accepts the next connection.
    fn pace(&self, port: u16) -> Duration {
        let port = usize::from(port);
        if port >= self.ports.len() {
            return Duration::ZERO;
        }
        self.gate.pace(port, self.service.load.load(Ordering::Relaxed), now())
    }

    /// Serves one connection to its end.
    async fn serve(&self, connection: Connection, ending: tokio::sync::watch::Receiver<bool>) {
        let Connection { mut stream, peer, port } = connection;
        let port = usize::from(port);
        let Some(daemon) = self.ports.get(port) else { return };
        let load = self.service.load.load(Ordering::Relaxed);
        let Ok(admitted) = self.gate.enter(port, peer.ip(), load, now()) else {
            let name = &self.services.site.identity.name;
            let text = format!("421 4.3.2 {name} Connection refused, try again later\r\n");
            // A client that does not want to hear it is gone all the same.
            let _ = tokio::time::timeout(REFUSAL_LIMIT, stream.write_all(text.as_bytes())).await;
            return;
        };
        let Ok(local) = stream.local_addr() else { return };
        self.services.log.tally().count(Event::ConnectionFrom);
        // Replies are gathered before they are sent, so nothing is won by waiting for more.
        let _ = stream.set_nodelay(true);
        let connection = receive::Connection {
            client: Client::Host { peer, local },
            daemon: Some(daemon.clone()),
            numbers: admitted.numbers,
            haste: admitted.haste,
        };
        caused_by_client(receive::serve(stream, connection, &self.service, ending)).await;
    }
}

fn now() -> UnixTime {
    SystemTime::now().into()
}
