//! The commands of test mode that begin with `/`: which there are, and `/mx`, `/canon`, `/map` and `/expand`.

use std::io;

use super::TestMode;
use super::list::shown;
use crate::macros::expand_internal;
use crate::map::Outcome;
use crate::name::{CSpace as _, TrimSpace as _};
use crate::site::{Exchanges, exchangers};

/// A host name of so many bytes is too long for `/canon` (the original's MAXHOSTNAMELEN).
const HOST_BYTES_MAX: usize = 256;

impl TestMode {
    /// Obeys a command; returns false when it ends the session.
    pub(super) async fn command(&mut self, line: &[u8], rest: &[u8]) -> io::Result<bool> {
        let rest = rest.trim_space_end();
        let end = rest.iter().position(is_blank).unwrap_or(rest.len());
        let (word, argument) = (rest[..end].to_ascii_lowercase(), rest[end..].trim_space_start());
        match word.as_slice() {
            b"" => self.say("Usage: /[canon|map|mx|parse|try|tryflags]")?,
            b"quit" => return Ok(false),
            b"mx" => self.exchangers(argument).await?,
            b"canon" => self.canonify(argument).await?,
            b"map" => self.map(argument).await?,
            b"sender" => self.sender(argument).await?,
            b"expand" => self.expand(argument)?,
            b"tryflags" => self.flags(argument)?,
            b"try" => self.try_mailer(argument).await?,
            b"parse" => self.parse(argument).await?,
            b"header" => self.header(argument).await?,
            b"gethostbyname" => {}
            _ => self.say_shown("Unknown \"/\" command ", &line[..=end])?,
        }
        Ok(true)
    }

    /// `/mx domain`.
    async fn exchangers(&mut self, domain: &[u8]) -> io::Result<()> {
        if domain.is_empty() {
            return self.say("Usage: /mx address");
        }
        let site = self.ctx.site().clone();
        let told = |text: &str| [b"getmxrr(", domain, b") returns ", text.as_bytes()].concat();
        let hosts = match exchangers(&site.resolver, domain).await {
            Exchanges::Null => return self.say_bytes(&told("null MX (See RFC7505)")),
            Exchanges::TempFail(_) => return self.say_bytes(&told("-1 value(s):")),
            Exchanges::Nothing | Exchanges::NoDomain => Vec::new(),
            Exchanges::Hosts(hosts) => hosts,
        };
        self.say_bytes(&told(&format!("{} value(s):", hosts.len())))?;
        hosts.iter().try_for_each(|host| self.say(&format!("\t{host}")))
    }

    /// `/canon host`.
    async fn canonify(&mut self, host: &[u8]) -> io::Result<()> {
        if host.is_empty() {
            return self.say("Usage: /canon address");
        }
        if host.len() >= HOST_BYTES_MAX {
            return self.say("Name too long");
        }
        let site = self.ctx.site().clone();
        let found = if host.starts_with(b"[") { None } else { site.resolver.canonify(host).await.found() };
        let name = found.unwrap_or_else(|| host.strip_suffix(b".").unwrap_or(host).into());
        self.say_bytes(&[b"getcanonname(", host, b") returns ", &name[..]].concat())
    }

    /// `/map name key`.
    async fn map(&mut self, argument: &[u8]) -> io::Result<()> {
        if argument.is_empty() {
            return self.say("Usage: /map mapname key");
        }
        let Some(end) = argument.iter().position(u8::is_c_space) else {
            return self.say("No key specified");
        };
        let (name, key) = (&argument[..end], &argument[end + 1..]);
        let shown_name = String::from_utf8_lossy(name).into_owned();
        match self.ctx.open_map(name).await {
            None => return self.say_bytes(&[b"Map named \"", name, b"\" not found"].concat()),
            Some(false) => return self.say_bytes(&[b"Map named \"", name, b"\" not open"].concat()),
            Some(true) => {}
        }
        self.write(&[b"map_lookup: ", name, b" (", key, b") "].concat())?;
        let outcome = self.ctx.map_lookup(&shown_name, key, &[]).await;
        let status = outcome.status();
        match outcome {
            Outcome::Found(value) => {
                self.say_bytes(&[b"returns ", &value[..], format!(" ({status})").as_bytes()].concat())
            }
            Outcome::NotFound(_) | Outcome::TempFail(_) => self.say(&format!("no match ({status})")),
        }
    }

    /// `/expand text`.
    fn expand(&mut self, text: &[u8]) -> io::Result<()> {
        if text.is_empty() {
            return self.say("Usage: /expand string");
        }
        let text = shown(&expand_internal(text, &self.ctx).0);
        self.write(text.as_bytes())
    }
}

/// Tells whether a byte ends a word of a command: no other white space does.
fn is_blank(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// Parts the first word of a text from the rest.
pub(super) fn split_word(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(is_blank).unwrap_or(text.len());
    (&text[..end], text[end..].trim_space_start())
}
