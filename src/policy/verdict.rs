//! What the result of a check_* ruleset means (op guide "check_relay" and following).

use bstr::{BString, ByteSlice};

use crate::mail::address_list;
use crate::mail::reply::Reply;
use crate::mail::token::{Mark, Target, Token, is_quarantine, join};
use crate::name::{Status, Sysexit};
use crate::smtp::server::texts;

/// What a check_* ruleset decided.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// The command may go on.
    Accept,
    /// The command seems to go on, and the message is thrown away.
    Discard,
    /// The message is held back, for this reason.
    Quarantine(BString),
    /// The command is refused.
    Reject {
        /// What the client is told.
        reply: Reply,
        /// What a submitting program exits with.
        exit: Sysexit,
    },
    /// The rules failed, and the command is refused since nobody knows what they would have said; the log knows.
    Failed(Reply),
}

impl Verdict {
    /// Reads the tokens that `ruleset` returned; `about` is the address that some replies name.
    ///
    /// # Errors
    /// They refuse without saying why.
    pub fn of(ruleset: &str, tokens: &[Token], about: &[u8]) -> Result<Self, NoUser> {
        let [net, mailer, rest @ ..] = tokens else { return Ok(Self::Accept) };
        if !net.is(&Mark::Net) {
            return Ok(Self::Accept);
        }
        if mailer.is_text(b"discard") {
            return Ok(Self::Discard);
        }
        if !mailer.is_text(b"error") {
            return Ok(Self::Accept);
        }
        let target = Target::of(rest);
        if is_quarantine(rest) {
            // QUIRK(quarantine-reason): the original logs none where none is given.
            return Ok(Self::Quarantine(target.map_or_else(|| ruleset.into(), |target| join(target.user, b' '))));
        }
        let target = target.ok_or(NoUser)?;
        let (host, text) = (target.host_text(b' ').unwrap_or_default(), address_list::unquote(&target.user_text()));
        Ok(Self::Reject { reply: error_reply(&host, &text, about), exit: Sysexit::of_error(Some(&host)) })
    }
}

/// A ruleset returned `$#error` without `$:`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("buildaddr: no user")]
pub struct NoUser;

impl From<NoUser> for Verdict {
    fn from(error: NoUser) -> Self {
        let reply = Reply::new(554, Status::new(5, 3, 5), error.to_string());
        Self::Reject { reply, exit: Sysexit::Software }
    }
}

/// Builds the reply that `$#error $@ host $: text` stands for; `about` is the address that some codes name.
fn error_reply(host: &[u8], text: &[u8], about: &[u8]) -> Reply {
    let (code, status, text) = error_parts(host, text);
    Reply::new(code, status, texts::with_address(code, about, text))
}

/// Takes apart what `$#error $@ host $: text` says: reply code, status code, and the rest of the text.
///
/// Both codes stand in the text, else the status code in the host part.
///
// QUIRK(error-without-code): without a code in the text it is always 553 5.3.0, whatever the host part says.
pub fn error_parts<'a>(host: &[u8], text: &'a [u8]) -> (u16, Status, &'a [u8]) {
    let coded =
        text.split_at_checked(4).filter(|(code, _)| code[..3].iter().all(u8::is_ascii_digit) && code[3] == b' ');
    let Some((digits, rest)) = coded else {
        return (553, Status::new(5, 3, 0), text);
    };
    let code = digits[..3].iter().fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
    // QUIRK(refusal-2yz): a refusal must not look like a success, whatever the rules say.
    let code = if matches!(code / 100, 4 | 5) { code } else { 553 };
    match Status::split(rest) {
        Some((status, tail)) if tail.first() == Some(&b' ') => (code, status, &tail[1..]),
        _ => {
            let class = if code / 100 == 4 { 4 } else { 5 };
            let given = host.to_str().ok().and_then(|host| host.parse().ok());
            (code, given.unwrap_or(Status::new(class, 0, 0)), rest)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::token::Kind;

    #[track_caller]
    fn check(host: &str, text: &str, expected: &str) {
        let reply = error_reply(host.as_bytes(), text.as_bytes(), b"<a@b>");
        assert_eq!(reply.to_string(), expected);
    }

    #[test]
    fn a_text_without_code_is_553() {
        check("", "plain text", "553 5.3.0 <a@b>... plain text");
        check("4.7.1", "plain text", "553 5.3.0 <a@b>... plain text");
        check("nouser", "x", "553 5.3.0 <a@b>... x");
        check("5.7.1", "550", "553 5.3.0 <a@b>... 550");
        check("5.7.1", "550-5.7.1 multi", "553 5.3.0 <a@b>... 550-5.7.1 multi");
        check("5.7.1", "5.7.9 text", "553 5.3.0 <a@b>... 5.7.9 text");
    }

    #[test]
    fn a_code_is_taken_with_the_best_status_there_is() {
        check("unavailable", "550 coded", "550 5.0.0 <a@b>... coded");
        check("5.7.1", "451 coded", "451 5.7.1 coded");
        check("4.7.1", "550 5.1.2 both", "550 5.1.2 <a@b>... both");
        check("", "550 code only", "550 5.0.0 <a@b>... code only");
        check("", "451 code only", "451 4.0.0 code only");
        check("", "421 4.7.0 bye", "421 4.7.0 bye");
        check("5.7.1", "550 ", "550 5.7.1 <a@b>... ");
    }

    #[test]
    fn a_refusal_never_looks_like_a_success() {
        check("5.7.1", "250 ok", "553 5.7.1 <a@b>... ok");
        check("", "354 go on", "553 5.0.0 <a@b>... go on");
        check("5.7.1", "650 no", "553 5.7.1 <a@b>... no");
    }

    fn tokens(texts: &[&str]) -> Vec<Token> {
        let token = |text: &&str| match *text {
            "$#" => Mark::Net.into(),
            "$@" => Mark::Host.into(),
            "$:" => Mark::User.into(),
            "<" => Token::operator(b'<'),
            text if text.starts_with('"') => Token::new(Kind::Quoted, text.as_bytes()),
            text => Token::atom(text),
        };
        texts.iter().map(token).collect()
    }

    #[track_caller]
    fn judged(texts: &[&str], expected: &Verdict) {
        assert_eq!(Verdict::of("check_x", &tokens(texts), b"").unwrap_or_else(Verdict::from), *expected);
    }

    #[test]
    fn only_errors_and_discard_refuse() {
        judged(&[], &Verdict::Accept);
        judged(&["OK"], &Verdict::Accept);
        judged(&["$#", "OK"], &Verdict::Accept);
        judged(&["$#", "local", "$:", "foo"], &Verdict::Accept);
        judged(&["$#", "discard", "$:", "x"], &Verdict::Discard);
    }

    #[test]
    fn quarantine_has_a_reason() {
        judged(
            &["$#", "error", "$@", "quarantine", "$:", "held", "for", "it"],
            &Verdict::Quarantine("held for it".into()),
        );
        judged(&["$#", "error", "$@", "quarantine"], &Verdict::Quarantine("check_x".into()));
        let other = Verdict::of("check_x", &tokens(&["$#", "error", "$@", "QUARANTINE", "$:", "held"]), b"");
        assert!(matches!(other, Ok(Verdict::Reject { .. })), "{other:?}");
    }

    #[test]
    fn a_code_has_no_quotes_and_a_text_255_bytes() {
        let status_of = |texts: &[&str]| match Verdict::of("check_x", &tokens(texts), b"") {
            Ok(Verdict::Reject { reply, .. }) => (reply.status, reply.to_string().len()),
            other => panic!("{other:?}"),
        };
        let long = "x".repeat(150);
        let denied = ["$#", "error", "$@", "\"5.7.1\"", "$:", "550", &long, &long];
        assert_eq!(status_of(&denied), (Some(Status::new(5, 0, 0)), "550 5.0.0 ".len() + 255 - "550 ".len()));
        judged(&["$#", "error", "$@", "quarantine", "x", "$:", "held"], &Verdict::Quarantine("held".into()));
    }

    #[test]
    fn texts_lose_their_quotes() {
        let reply = |code, status, text: &str, exit| Verdict::Reject { reply: Reply::new(code, status, text), exit };
        let denied = ["$#", "error", "$@", "5.7.1", "$:", "\"550 5.7.1 a\\\"b \"", "\"c\"", "d", "e", "<"];
        judged(&denied, &reply(550, Status::new(5, 7, 1), "a\"b cd e<", Sysexit::DataErr));
        judged(&["$#", "error"], &reply(554, Status::new(5, 3, 5), "buildaddr: no user", Sysexit::Software));
    }
}
