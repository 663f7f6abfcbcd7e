//! STARTTLS (`RFC 3207`) and AUTH (`RFC 4954`).

use bstr::ByteSlice;

use super::event::{Effect, Opening, Question};
use super::line::Line;
use super::session::{AUTH_MAX, Session};
use super::state::State;
use super::texts;

impl Session {
    pub(super) fn starttls(&mut self, line: &Line) {
        if !line.argument().is_empty() {
            return self.send(texts::no_parameters_allowed());
        }
        if self.is_secure {
            return self.send(texts::tls_already_active());
        }
        if !self.settings.features.start_tls {
            return self.send(texts::tls_not_available());
        }
        self.send(texts::ready_for_tls());
        self.start_tls(None);
    }

    /// Has the handshake made; what came in before it is dropped, also half a command.
    pub(super) fn start_tls(&mut self, greeting: Option<Opening>) {
        self.input.clear();
        self.effects.push(Effect::StartTls);
        self.state = State::ExpectTls { greeting };
    }

    /// Begins anew on a connection that TLS protects now: nothing that was said before it counts (`RFC 3207 §4.2`).
    pub(super) fn secured(&mut self, greeting: Option<Opening>) {
        self.input.clear();
        self.is_secure = true;
        self.is_authenticated = false;
        self.hello_seen = false;
        if let Some(opening) = greeting {
            return self.greet(opening);
        }
        self.reset_transaction("STARTTLS");
        self.state = State::ExpectCommand;
    }

    pub(super) fn auth(&mut self, line: &Line) {
        if self.transaction.is_some() {
            return self.send(texts::no_auth_in_transaction());
        }
        let mut words = line.argument().fields();
        let Some(mechanism) = words.next() else {
            return self.send(texts::auth_mechanism_required());
        };
        let offered: Vec<&[u8]> = self.settings.features.auth.fields().collect();
        if !offered.iter().any(|known| known.eq_ignore_ascii_case(mechanism)) {
            return self.send(texts::auth_mechanism_unavailable(mechanism));
        }
        let tries_max = AUTH_MAX + u32::try_from(offered.len()).unwrap_or(u32::MAX);
        if self.is_authenticated {
            return self.send(texts::already_authenticated());
        }
        self.counters.auths += 1;
        if self.slow_down("AUTH", self.counters.auths, tries_max) {
            return;
        }
        let initial = words.next().map(Into::into);
        let question = Question::Auth { mechanism: mechanism.to_ascii_uppercase().into(), initial };
        self.ask(question, State::ExpectAuthVerdict);
    }

    /// Takes the client's answer to a challenge; `*` alone breaks the exchange off.
    pub(super) fn auth_line(&mut self, line: &[u8]) {
        let line = line.trim_end();
        if line == b"*" {
            return self.resume(texts::auth_aborted());
        }
        self.ask(Question::AuthLine { line: line.into() }, State::ExpectAuthVerdict);
    }
}
