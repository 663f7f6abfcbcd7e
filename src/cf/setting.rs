//! One option as it is given: its name looked up in the table, its value not yet read.

use bstr::ByteSlice as _;

use super::error::OptionError;
use super::option_kind::Given;
use super::options::{OPTION_TABLE, OptionRow, Options};

/// An option name and its value, taken apart but not yet applied.
pub struct Setting<'a> {
    /// The row of the table.
    pub row: &'static OptionRow,
    /// The name behind the first dot (`ident` of `Timeout.ident`).
    pub sub: Option<&'a [u8]>,
    /// The value.
    pub value: &'a [u8],
    /// What should be told although the option is understood: its name was cut short.
    pub note: Option<OptionError>,
}

impl<'a> Setting<'a> {
    /// Reads ` Name=value` (with its leading space) or `xvalue`, as it stands behind `O`.
    ///
    /// # Errors
    /// An unknown or ambiguous name.
    pub fn parse(text: &'a [u8]) -> Result<Self, OptionError> {
        match text {
            [b' ', long @ ..] => Self::parse_long(long),
            [letter, value @ ..] => match OPTION_TABLE.iter().find(|row| row.letter == Some(*letter)) {
                Some(row) => Ok(Self { row, sub: None, value, note: None }),
                None => Err(OptionError::UnknownLetter(*letter)),
            },
            [] => Err(OptionError::UnknownLetter(0)),
        }
    }

    /// Reads `Name=value` or `Name.sub=value`; case does not count and the name may be shortened.
    ///
    /// # Errors
    /// An unknown or ambiguous name.
    pub fn parse_long(text: &'a [u8]) -> Result<Self, OptionError> {
        let equals = memchr::memchr(b'=', text);
        if equals == Some(0) || text.is_empty() {
            return Err(OptionError::NullName);
        }
        // Only blanks may stand around the `=`, no other white space.
        let is_blank = |character: char| character == ' ';
        let full = text[..equals.unwrap_or(text.len())].trim_end_with(is_blank);
        let value = equals.map_or(&b""[..], |at| text[at + 1..].trim_start_with(is_blank));
        let dot = memchr::memchr(b'.', full);
        let name = &full[..dot.unwrap_or(full.len())];
        let row = find(name)?;
        let is_short = name.len() < row.name.len();
        let note = is_short.then(|| OptionError::Abbreviation { given: name.into(), name: row.name });
        Ok(Self { row, sub: dot.map(|at| &full[at + 1..]), value, note })
    }

    /// Applies the value to `options`; `line` is the number of the line, 0 for the command line.
    pub fn apply(&self, options: &mut Options, line: usize) -> Vec<OptionError> {
        let mut problems = Vec::new();
        (self.row.set)(options, &Given { sub: self.sub, text: self.value, line }, &mut problems);
        problems
    }
}

/// Finds the row of a long name or of an unambiguous beginning of one.
fn find(name: &[u8]) -> Result<&'static OptionRow, OptionError> {
    // Old options have a letter alone.
    let begins = |row: &&OptionRow| {
        let start = row.name.as_bytes().get(..name.len());
        !row.name.is_empty() && start.is_some_and(|start| start.eq_ignore_ascii_case(name))
    };
    if let Some(row) = OPTION_TABLE.iter().filter(begins).find(|row| row.name.len() == name.len()) {
        return Ok(row);
    }
    let mut candidates = OPTION_TABLE.iter().filter(begins);
    match (candidates.next(), candidates.next()) {
        (None, _) => Err(OptionError::UnknownName(name.into())),
        (Some(row), None) => Ok(row),
        (Some(first), Some(second)) => {
            Err(OptionError::Ambiguous { given: name.into(), first: first.name, second: second.name })
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[track_caller]
    fn set(text: &str) -> (Options, Vec<String>) {
        let mut options = Options::default();
        let problems = match Setting::parse(text.as_bytes()) {
            Ok(setting) => setting.apply(&mut options, 0),
            Err(error) => vec![error],
        };
        (options, problems.iter().map(ToString::to_string).collect())
    }

    #[track_caller]
    fn check_error(text: &str, expected: &str) {
        assert_eq!(set(text).1, [expected], "{text}");
    }

    #[test]
    fn names_ignore_case_and_may_be_shortened() {
        assert_eq!(set(" MaxHopCount=7").0.max_hop_count, 7);
        assert_eq!(set(" maxhop = 8").0.max_hop_count, 8);
        assert_eq!(set("h9").0.max_hop_count, 9);
        assert!(!set(" MeToo=f").0.me_too);
        assert!(set(" IgnoreDots").0.ignore_dots);
        assert_eq!(set(" Timeout.ident=5s").0.timeout.ident, Duration::from_secs(5));
        assert_eq!(set("T3d/4h").0.timeout.queuewarn.normal, Duration::from_secs(4 * 3600));
        assert_eq!(set(" Milter=1").1, ["milter_set_option: invalid Milter option, must specify suboption"]);
    }

    #[test]
    fn unknown_and_ambiguous_names_are_told() {
        check_error(" NoSuchOption=1", "readcf: unknown option name NoSuchOption");
        check_error("  MaxHopCount = 7", "readcf: unknown option name  MaxHopCount");
        check_error(" T=5d", "readcf: ambiguous option name T (matches TempFileMode and Timeout)");
        check_error(" Max=9", "readcf: ambiguous option name Max (matches MaxHopCount and MaxMessageSize)");
        check_error(" S=x", "readcf: ambiguous option name S (matches SevenBitInput and SaveFromLine)");
        check_error("=x", "readcf: unknown option name 0x3d");
        check_error("", "readcf: unknown option name 0x0");
    }

    #[test]
    fn bad_values_are_told() {
        check_error(" DeliveryMode=x", "Unknown delivery mode x");
        check_error(" EightBitMode=x", "Unknown 8-bit mode x");
        check_error(
            " MailboxDatabase=ldap",
            "Can't initialize mailbox database \"ldap\": there is only \"pw\", the users of this system",
        );
        assert!(set(" MailboxDatabase=pw").1.is_empty());
        check_error(" QueueSortOrder=x", "Invalid queue sort order \"x\"");
        check_error(" NoRecipientAction=x", "Invalid NoRecipientAction: x");
        check_error(" ResolverOptions=x,+y", "readcf: I option value x,+y unrecognized");
        check_error(" ResolverOptions=true -foo", "readcf: I option value foo unrecognized");
        check_error(" ResolverOptions=+False", "readcf: I option value False unrecognized");
        check_error(" ConnectOnlyTo=nohost", "readcf: option ConnectOnlyTo: invalid IP address nohost");
        check_error(" TLSSrvOptions=Z", "Warning: Option: TLSSrvOptions unknown parameter 'Z'");
        check_error(" Milter.macros.foo=1", "milter_set_option: invalid Milter option macros.foo");
        check_error(
            " MaxMimeHeaderLength=100/200",
            "Warning: MaxMimeHeaderLength: header length limit set lower than 128",
        );
        check_error(" MaxHeadersLength=100", "Warning: MaxHeadersLength: headers length limit set lower than 16384");
        assert_eq!(set(" PrivacyOptions=x,y").1.len(), 2);
    }

    #[test]
    fn printed_values_read_back() {
        let defaults = Options::default();
        for row in OPTION_TABLE.iter().filter(|row| !row.name.is_empty()) {
            let text = format!(" {}={}", row.name, row.show(&defaults));
            let mut options = Options::default();
            if let Ok(setting) = Setting::parse(text.as_bytes())
                && !setting.value.is_empty()
                && !matches!(row.name, "DaemonPortOptions" | "ClientPortOptions" | "Timeout" | "QueueTimeout")
            {
                let problems = setting.apply(&mut options, 0);
                assert!(problems.is_empty(), "{text}: {problems:?}");
                assert_eq!(row.show(&options), row.show(&defaults), "{text}");
            }
        }
    }
}
