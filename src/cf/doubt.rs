//! Values of options that are read, but hardly as they were meant: the original takes `10M` for 10 and `maybe` for no.

use bstr::ByteSlice;

use super::options::OPTION_TABLE;
use super::text;

/// Words for yes and no.
const FLAG: &[&str] = &["true", "yes", "false", "no"];

/// What the fields of a port are called.
const PORT_FIELDS: &[&str] = &[
    "address",
    "children",
    "delayla",
    "deliverymode",
    "family",
    "inputmailfilters",
    "listen",
    "modifiers",
    "name",
    "port",
    "queuela",
    "rcvbufsize",
    "receivesize",
    "refusela",
    "sendsize",
    "sndbufsize",
];

/// Says what the value of an option should be, if it is nothing like that.
pub fn doubt(option: &[u8], value: &[u8]) -> Option<String> {
    let row = OPTION_TABLE.iter().find(|row| row.name.as_bytes().eq_ignore_ascii_case(option))?;
    let is_number = |text: &[u8]| !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    let signed = |text: &[u8]| is_number(text.strip_prefix(b"-").unwrap_or(text));
    // What a macro stands for is known only when mail comes.
    if value.contains(&b'$') {
        return None;
    }
    let is_fine = match row.kind {
        "Flag" => value.is_empty() || value == b"1" || value == b"0" || begins_one_of(FLAG, value),
        "Number" | "HeadersLimit" => signed(value),
        "AnyBase" => {
            let digits = value.strip_prefix(b"0x").unwrap_or(value);
            signed(value) || !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit)
        }
        "Mode" => is_number(value) && value.iter().all(|digit| *digit < b'8'),
        "MimeLimits" => value.split_str("/").all(is_number),
        "Safety" => begins_one_of(&["interactive", "postmilter"], value) || begins_one_of(FLAG, value),
        "Probe" => begins_one_of(&["loopback"], value) || begins_one_of(FLAG, value),
        "Errors" => begins_one_of(&["print", "quiet", "mail", "write", "e"], value),
        "DaemonPorts" | "ClientPorts" => return odd_field(value),
        _ => true,
    };
    (!is_fine).then(|| format!("should be {}", meant(row.kind).unwrap_or("another")))
}

/// Says what values of a kind are, where few words can.
pub(super) fn meant(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "Flag" => "True or False",
        "Number" | "HeadersLimit" => "a whole number without a unit",
        "AnyBase" => "a whole number",
        "Mode" => "permissions in octal, as 0600",
        "MimeLimits" => "a number, or two with a slash between them",
        "Safety" => "True, Interactive, PostMilter or False",
        "Probe" => "True, False or loopback",
        "Errors" => "print, quiet, mail, write or e",
        "Seconds" | "MaybeSeconds" => "a time, as 90s, 5m, 2h, 4d or 1w; seconds where no letter stands",
        "Minutes" | "AliasMinutes" | "Times" => "a time, as 90s, 5m, 2h, 4d or 1w; minutes where no letter stands",
        "Hours" => "a time, as 90s, 5m, 2h, 4d or 1w; hours where no letter stands",
        "User" => "user or user:group",
        "Delivery" => "background, interactive, queue or deferred",
        "Words" => "a list with commas",
        _ => return None,
    })
}

/// Tells whether a value is one of some words, or the beginning of one.
fn begins_one_of(words: &[&str], value: &[u8]) -> bool {
    let value = value.to_ascii_lowercase();
    !value.is_empty() && words.iter().any(|word| word.as_bytes().starts_with(&value))
}

/// Says which field of a port has a name that only its first letter gives a meaning, or no value.
fn odd_field(value: &[u8]) -> Option<String> {
    text::comma_fields(value).find_map(|field| {
        let shown = field.as_bstr();
        let Some((key, _)) = text::split_key(field) else {
            return Some(format!("has a field {shown} without a value, which is passed over"));
        };
        let is_port = key.eq_ignore_ascii_case(b"port") && field.iter().any(u8::is_ascii_digit);
        if is_port
            && field.rsplit_str("=").next().and_then(|port| port.trim().to_str().ok()?.parse::<u16>().ok()).is_none()
        {
            return Some(format!("has a field {shown}: a port is a name, or a number up to 65535"));
        }
        let is_fine = begins_one_of(PORT_FIELDS, key.trim());
        (!is_fine).then(|| format!("has a field {shown} that nobody knows, of which the first letter counts"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(option: &str, value: &str, is_fine: bool) {
        assert_eq!(doubt(option.as_bytes(), value.as_bytes()).is_none(), is_fine, "{option}={value}");
    }

    #[test]
    fn values_are_what_their_option_wants() {
        for (option, fine, doubtful) in [
            ("MaxHopCount", "25", "10M"),
            ("MaxMessageSize", "10000000", ""),
            ("CheckAliases", "yes", "maybe"),
            ("HoldExpensive", "F", "on"),
            ("TempFileMode", "0600", "rw"),
            ("SuperSafe", "PostMilter", "always"),
            ("ErrorMode", "m", "zap"),
            ("DaemonPortOptions", "Name=MTA, M=Ea, Addr=::1, children=3", "Prot=25"),
            ("DaemonPortOptions", "Port=smtp", "Port"),
            ("DaemonPortOptions", "Port=587", "Port=99999"),
            ("maxhopcount", "$x", "x"),
        ] {
            check(option, fine, true);
            check(option, doubtful, false);
        }
        check("Timeout", "5x", true);
    }
}
