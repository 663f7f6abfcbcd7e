//! What delivery needs of the process around it.

use std::sync::Arc;
use std::time::Duration;

use crate::deliver::connection_cache::ConnectionCache;
use crate::deliver::local::Mailboxes;
use crate::deliver::smtp::{SmtpClient, SmtpSettings};
use crate::keeper::Hands;
use crate::log::{Log, Witness};
use crate::queue::Queue;
use crate::queue::schedule::Terms;
use crate::route::alias::Aliases;
use crate::site::Site;

/// What delivery needs of the process around it; copies share everything.
#[derive(Clone)]
pub struct Services {
    /// Rules, options, maps.
    pub site: Arc<Site>,
    /// Aliases.
    pub aliases: Arc<Aliases>,
    /// Users, mailboxes, programs.
    pub hands: Arc<Hands>,
    /// The maillog.
    pub log: Log,
    /// Where messages wait and reports begin.
    pub queue: Queue,
    /// Mailboxes being written to.
    pub mailboxes: Arc<Mailboxes>,
    /// When messages are tried again, warned of and returned.
    pub terms: Arc<Terms>,
    /// Connections to other hosts.
    pub smtp: Arc<SmtpClient>,
    /// Who watches.
    pub witness: Witness,
    /// Whether the recipients of a message are served one after the other, as somebody waits for the last and the log of one
    /// message should read like a story; a daemon serves many at once.
    pub one_by_one: bool,
}

impl Services {
    /// Returns the services of a site; `interval` is that of `-q`, if the queue is run.
    pub fn new(site: Arc<Site>, hands: Arc<Hands>, queue: Queue, log: Log, interval: Option<Duration>) -> Self {
        let options = &site.config.options;
        Self {
            aliases: Arc::new(Aliases::of_site(&site)),
            mailboxes: Arc::new(Mailboxes::new(Arc::clone(&hands))),
            terms: Arc::new(Terms::new(options, interval)),
            smtp: Arc::new(smtp_client(&site, interval, false)),
            witness: Witness::default(),
            one_by_one: false,
            site,
            hands,
            log,
            queue,
        }
    }

    /// Returns the services of a program that ends when its messages are delivered, with somebody who watches.
    #[must_use]
    pub fn one_shot(self, witness: Witness) -> Self {
        let smtp = Arc::new(smtp_client(&self.site, None, true));
        Self { smtp, witness, one_by_one: true, ..self }
    }
}

/// Returns the client for other hosts' servers.
fn smtp_client(site: &Arc<Site>, interval: Option<Duration>, is_patient: bool) -> SmtpClient {
    let options = &site.config.options;
    let idle_max = usize::try_from(options.connection_cache_size).unwrap_or(0);
    let cache = ConnectionCache::new(idle_max, options.connection_cache_timeout, options.timeout.clone(), interval);
    let ours = Arc::clone(site);
    let is_ours = Arc::new(move |name: &[u8]| ours.classes.contains(b"w", name.strip_suffix(b".").unwrap_or(name)));
    let settings = SmtpSettings::of(&site.config, site.identity.name.clone(), is_ours);
    let cache = if is_patient { cache.patient() } else { cache };
    SmtpClient::new(settings, Arc::clone(&site.resolver), Arc::new(cache))
}
