//! The parameters of MAIL and RCPT (`RFC 1870`, `RFC 2852`, `RFC 3461`, `RFC 4954`, `RFC 6152`).

use bstr::{BString, ByteSlice};

use super::Features;
use super::texts;
use crate::mail::envelope::{BodyType, DeliverBy, DeliverByMode, Notify, Ret};
use crate::mail::reply::Reply;
use crate::name::TrimSpace as _;

/// The largest time of `BY=`, in seconds either way (nine digits, `RFC 2852 §4`).
const BY_SECS_MAX: i64 = 999_999_999;

/// What MAIL says besides the address.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct MailParams {
    /// `SIZE=`: the size that the client announces, in bytes.
    pub size_bytes: u64,
    /// `SIZE=` as it was written, for the macro `{msg_size}`.
    pub size_text: Option<BString>,
    /// `BODY=`.
    pub body: Option<BodyType>,
    /// `ENVID=` in xtext, as it came.
    pub envid: Option<BString>,
    /// `RET=`.
    pub ret: Option<Ret>,
    /// `RET=` as it was written, for the macro `{dsn_ret}`.
    pub ret_text: Option<BString>,
    /// `AUTH=` in xtext, as it came.
    pub auth: Option<BString>,
    /// `BY=`.
    pub deliver_by: Option<DeliverBy>,
}

/// What RCPT says besides the address.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct RcptParams {
    /// `NOTIFY=`.
    pub notify: Option<Notify>,
    /// `NOTIFY=` as it was written, for the macro `{dsn_notify}`.
    pub notify_text: Option<BString>,
    /// `ORCPT=` as it came.
    pub orcpt: Option<BString>,
}

/// One `NAME` or `NAME=value`.
struct Param<'a> {
    name: &'a [u8],
    value: Option<&'a [u8]>,
}

impl<'a> Param<'a> {
    /// Takes the next parameter off the front of `text`.
    ///
    /// A name is letters, digits and hyphens; whatever ends it is swallowed.
    fn next(text: &mut &'a [u8]) -> Option<Self> {
        let rest = text.trim_space_start();
        if rest.is_empty() {
            *text = rest;
            return None;
        }
        let len = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'-').count();
        let (name, rest) = rest.split_at(len);
        let (value, rest) = match rest.strip_prefix(b"=") {
            None => (None, rest),
            Some(rest) => {
                let len = rest.iter().take_while(|byte| !matches!(**byte, b' ' | b'=' | 0..32 | 127)).count();
                (Some(&rest[..len]), &rest[len..])
            }
        };
        *text = rest.get(1..).unwrap_or_default();
        Some(Self { name, value })
    }

    fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// Returns the value, which must be there.
    fn value(&self, name: &str) -> Result<&'a [u8], Reply> {
        self.value.ok_or_else(|| texts::requires_value(name))
    }

    /// Returns the value of a parameter of DSN.
    fn dsn_value(&self, name: &str, features: &Features) -> Result<&'a [u8], Reply> {
        if !features.dsn {
            return Err(texts::dsn_not_supported(name));
        }
        self.value(name)
    }
}

impl MailParams {
    /// Reads what follows the address of MAIL; what it does not name stays as it was.
    ///
    /// # Errors
    /// The reply to the first parameter that is wrong; those before it count.
    pub fn read(&mut self, mut text: &[u8], features: &Features) -> Result<(), Reply> {
        self.size_bytes = 0;
        while let Some(param) = Param::next(&mut text) {
            self.take(&param, features)?;
        }
        Ok(())
    }

    fn take(&mut self, param: &Param<'_>, features: &Features) -> Result<(), Reply> {
        if param.is("size") {
            self.take_size(param.value("SIZE")?)
        } else if param.is("body") {
            self.take_body(param.value("BODY")?)
        } else if param.is("envid") {
            self.take_envid(param.dsn_value("ENVID", features)?)
        } else if param.is("ret") {
            self.take_ret(param.dsn_value("RET", features)?)
        } else if param.is("auth") {
            self.take_auth(param.value("AUTH=")?)
        } else if param.is("by") && features.deliver_by_min_secs.is_some() {
            self.take_by(param.value("BY=")?, features.deliver_by_min_secs.unwrap_or(0))
        } else {
            Err(texts::unknown_parameter(param.name))
        }
    }

    // QUIRK(size-abc): digits at the front count, anything else is 0, as with strtol.
    fn take_size(&mut self, value: &[u8]) -> Result<(), Reply> {
        // The log tells of a number that does not fit as of the largest.
        self.size_bytes = i64::MAX.unsigned_abs();
        let size = match leading_number(value).0 {
            Some(size) => size,
            None if value.starts_with(b"-") => i64::MIN,
            None => return Err(texts::size_beyond_number()),
        };
        self.size_bytes = u64::try_from(size).map_err(|_| texts::size_invalid())?;
        self.size_text = Some(value.into());
        Ok(())
    }

    fn take_body(&mut self, value: &[u8]) -> Result<(), Reply> {
        let word = value.to_str().ok().and_then(|word| word.parse().ok());
        self.body = Some(word.ok_or_else(|| texts::unknown_body_type(value))?);
        Ok(())
    }

    fn take_envid(&mut self, value: &[u8]) -> Result<(), Reply> {
        if !is_xtext(value) {
            return Err(texts::bad_parameter_value("ENVID"));
        }
        if self.envid.replace(value.into()).is_some() {
            return Err(texts::duplicate_parameter("ENVID"));
        }
        Ok(())
    }

    fn take_ret(&mut self, value: &[u8]) -> Result<(), Reply> {
        if self.ret.is_some() {
            return Err(texts::duplicate_parameter("RET"));
        }
        let headers = value.eq_ignore_ascii_case(b"hdrs");
        // A wrong word counts as one that was given, too.
        self.ret = Some(if headers { Ret::Headers } else { Ret::Full });
        if !headers && !value.eq_ignore_ascii_case(b"full") {
            return Err(texts::bad_ret(value));
        }
        self.ret_text = Some(value.into());
        Ok(())
    }

    /// Takes the value of `BY=`: seconds, `;`, mode, and `T` for a trace. What is wrong with seconds or trace is told only
    /// when time and mode are kept.
    fn take_by(&mut self, value: &[u8], min_secs: i64) -> Result<(), Reply> {
        let (seconds, rest) = leading_number(value);
        let seconds = seconds
            .filter(|seconds| (-BY_SECS_MAX..=BY_SECS_MAX).contains(seconds))
            .ok_or_else(|| texts::by_out_of_range(value))?;
        let letters = rest.strip_prefix(b";").ok_or_else(texts::by_missing_semicolon)?;
        let mode = match letters.first().map(u8::to_ascii_lowercase) {
            Some(b'n') => DeliverByMode::Notify,
            Some(b'r') => DeliverByMode::Return,
            other => return Err(texts::by_illegal("mode", other.map_or(0, |_| letters[0]))),
        };
        let trace = matches!(letters.get(1), Some(b't' | b'T'));
        self.deliver_by = Some(DeliverBy { seconds, mode, trace });
        match letters.get(1) {
            _ if mode == DeliverByMode::Return && seconds <= 0 => Err(texts::by_return_at_once()),
            _ if mode == DeliverByMode::Return && seconds < min_secs => Err(texts::by_too_short(seconds, min_secs)),
            Some(&other) if !trace => Err(texts::by_illegal("trace", other)),
            _ => Ok(()),
        }
    }

    fn take_auth(&mut self, value: &[u8]) -> Result<(), Reply> {
        if self.auth.is_some() {
            return Err(texts::duplicate_parameter("AUTH"));
        }
        if !is_xtext(value) {
            return Err(texts::bad_parameter_value("AUTH"));
        }
        self.auth = Some(value.into());
        Ok(())
    }
}

impl RcptParams {
    /// Reads what follows the address of RCPT.
    ///
    /// # Errors
    /// The reply to the first parameter that is wrong.
    pub fn read(mut text: &[u8], features: &Features) -> Result<Self, Reply> {
        let mut params = Self::default();
        while let Some(param) = Param::next(&mut text) {
            if param.is("notify") {
                let value = param.dsn_value("NOTIFY", features)?;
                params.notify = Some(read_notify(value)?);
                params.notify_text = Some(value.into());
            } else if param.is("orcpt") {
                params.take_orcpt(param.dsn_value("ORCPT", features)?)?;
            } else {
                return Err(texts::unknown_parameter(param.name));
            }
        }
        Ok(params)
    }

    fn take_orcpt(&mut self, value: &[u8]) -> Result<(), Reply> {
        if self.orcpt.is_some() {
            return Err(texts::duplicate_parameter("ORCPT"));
        }
        let good = value.split_once_str(";").is_some_and(|(kind, address)| is_atom(kind) && is_xtext(address));
        if !good {
            return Err(texts::bad_parameter_value("ORCPT"));
        }
        self.orcpt = Some(value.into());
        Ok(())
    }
}

/// Reads the value of `NOTIFY=`.
fn read_notify(value: &[u8]) -> Result<Notify, Reply> {
    let mut notify = Notify::default();
    if value.eq_ignore_ascii_case(b"never") {
        return Ok(notify);
    }
    for word in value.split(|&byte| byte == b',') {
        match word {
            _ if word.eq_ignore_ascii_case(b"success") => notify.success = true,
            _ if word.eq_ignore_ascii_case(b"failure") => notify.failure = true,
            _ if word.eq_ignore_ascii_case(b"delay") => notify.delay = true,
            _ => return Err(texts::bad_notify(word)),
        }
    }
    Ok(notify)
}

/// Reads a number with an optional sign off the front of `text`; none if it does not fit.
fn leading_number(text: &[u8]) -> (Option<i64>, &[u8]) {
    let signed = usize::from(matches!(text.first(), Some(b'-' | b'+')));
    let len = signed + text[signed..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let digits = std::str::from_utf8(&text[..len]).expect("a sign and digits are ASCII");
    let number = if len == signed { Some(0) } else { digits.parse().ok() };
    (number, &text[len..])
}

/// Tells whether `text` is xtext: printable, `+` only before two hexadecimal digits (`RFC 3461 §4`, which wants
/// capitals; clients write small ones, too).
pub fn is_xtext(text: &[u8]) -> bool {
    let mut bytes = text.iter();
    while let Some(&byte) = bytes.next() {
        match byte {
            b'+' => {
                let mut hex = || bytes.next().is_some_and(|digit| digit.is_ascii_hexdigit());
                if !(hex() && hex()) {
                    return false;
                }
            }
            b'!'..=b'~' if byte != b'=' => {}
            _ => return false,
        }
    }
    true
}

/// Returns what xtext stands for; text that is none comes back as it is.
pub fn decode_xtext(text: &[u8]) -> BString {
    let mut out = BString::default();
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        let decoded = (byte == b'+')
            .then(|| tail.get(..2)?.to_str().ok())
            .flatten()
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        out.push(decoded.unwrap_or(byte));
        rest = if decoded.is_some() { &tail[2..] } else { tail };
    }
    out
}

/// Returns `text` in xtext (`RFC 3461 §4`); what the original protects beside the control characters, it does here too.
pub fn encode_xtext(text: &[u8]) -> BString {
    let mut out = BString::default();
    for &byte in text {
        match byte {
            b'!'..=b'~' if !b"+=(\\".contains(&byte) => out.push(byte),
            _ => out.extend_from_slice(format!("+{byte:02X}").as_bytes()),
        }
    }
    out
}

/// Tells whether `text` is an atom (`RFC 5322 §3.2.3`).
fn is_atom(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|byte| byte.is_ascii_graphic() && !b"()<>@,;:\\.[]\"".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn features() -> Features {
        Features { dsn: true, deliver_by_min_secs: Some(30), ..Features::default() }
    }

    #[track_caller]
    fn mail(text: &str, expected: &str) {
        let read = MailParams::default().read(text.as_bytes(), &features());
        let got = read.err().map_or("ok".to_owned(), |reply| reply.to_string());
        assert_eq!(got, expected, "{text}");
    }

    #[track_caller]
    fn rcpt(text: &str, expected: &str) {
        let got = match RcptParams::read(text.as_bytes(), &features()) {
            Ok(_) => "ok".to_owned(),
            Err(reply) => reply.to_string(),
        };
        assert_eq!(got, expected, "{text}");
    }

    #[test]
    fn sizes_are_numbers_within_bounds() {
        mail("SIZE=100", "ok");
        mail("SIZE=abc", "ok");
        mail("SIZE=", "ok");
        mail("SIZE", "501 5.5.2 SIZE requires a value");
        mail("SIZE=99999999999999999999", "552 5.2.3 Message size exceeds maximum value");
        mail("SIZE=-5", "552 5.2.3 Message size invalid");
        mail("SIZE=-99999999999999999999", "552 5.2.3 Message size invalid");
    }

    #[test]
    fn a_size_that_does_not_fit_is_the_largest() {
        let mut params = MailParams::default();
        assert!(params.read(b"SIZE=99999999999999999999", &Features::default()).is_err());
        assert_eq!(params.size_bytes, i64::MAX.unsigned_abs());
    }

    #[test]
    fn body_types_are_two() {
        mail("BODY=8BITMIME", "ok");
        mail("body=7bit", "ok");
        mail("BODY=BINARYMIME", "501 5.5.4 Unknown BODY type BINARYMIME");
        mail("BODY=", "501 5.5.4 Unknown BODY type ");
        mail("BODY", "501 5.5.2 BODY requires a value");
    }

    #[test]
    fn dsn_parameters_of_mail_are_checked() {
        mail("RET=FULL ENVID=abc+20", "ok");
        mail("RET=X", "501 5.5.2 Bad argument \"X\" to RET");
        mail("RET=HDRS RET=FULL", "501 5.5.0 Duplicate RET parameter");
        mail("ENVID=a ENVID=b", "501 5.5.0 Duplicate ENVID parameter");
        mail("ENVID=a+zz", "501 5.5.4 Syntax error in ENVID parameter value");
        mail("ENVID=a b", "555 5.5.4 b parameter unrecognized");
        mail("<a@b>", "555 5.5.4  parameter unrecognized");
        let reply = MailParams::default().read(b"RET=FULL", &Features::default()).expect_err("no DSN");
        assert_eq!(reply.to_string(), "504 5.7.0 Sorry, RET not supported, we do not allow DSN");
    }

    #[test]
    fn auth_is_xtext_once() {
        mail("AUTH=<>", "ok");
        mail("AUTH=a+z", "501 5.5.4 Syntax error in AUTH parameter value");
        mail("AUTH=foo AUTH=bar", "501 5.5.0 Duplicate AUTH parameter");
    }

    #[test]
    fn times_of_delivery_are_checked() {
        mail("BY=100;R", "ok");
        mail("BY=100;nT", "ok");
        mail("BY=-10;N", "ok");
        mail("BY=0;R", "501 5.5.4 mode R requires BY time > 0");
        mail("BY=9;R", "555 5.5.2 time 9 less than 30");
        mail("BY=10", "501 5.5.2 BY= missing ';'");
        mail("BY=10;X", "501 5.5.2 illegal by-mode 'X'");
        mail("BY=100;RX", "501 5.5.2 illegal by-trace 'X'");
        mail("BY=9999999999;R", "501 5.5.2 BY=9999999999;R out of range");
    }

    #[test]
    fn unknown_parameters_are_named() {
        mail("FOO", "555 5.5.4 FOO parameter unrecognized");
        mail("XENVID=1", "555 5.5.4 XENVID parameter unrecognized");
        rcpt("FOO=bar", "555 5.5.4 FOO parameter unrecognized");
    }

    #[test]
    fn parameters_of_rcpt_are_checked() {
        rcpt("NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;alice@x", "ok");
        rcpt("NOTIFY=NEVER", "ok");
        rcpt("NOTIFY=DELAY,NEVER", "501 5.5.4 Bad argument \"NEVER\"  to NOTIFY");
        rcpt("NOTIFY=", "501 5.5.4 Bad argument \"\"  to NOTIFY");
        rcpt("ORCPT=foo", "501 5.5.4 Syntax error in ORCPT parameter value");
        rcpt("ORCPT=;x", "501 5.5.4 Syntax error in ORCPT parameter value");
        rcpt("ORCPT=rfc822;a ORCPT=rfc822;b", "501 5.5.0 Duplicate ORCPT parameter");
        rcpt("ORCPT=rfc822;a+2Bb", "ok");
    }

    #[test]
    fn xtext_is_decoded() {
        assert_eq!(decode_xtext(b"a+2Bb+3D"), "a+b=");
        assert_eq!(decode_xtext(b"a+"), "a+");
        assert_eq!(encode_xtext(b"\"a +=(\\\xe9\"@x"), "\"a+20+2B+3D+28+5C+E9\"@x");
    }
}
