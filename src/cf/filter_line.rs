//! `X` and `Q` lines become milters and queue groups.

use std::time::Duration;

use bstr::BString;

use crate::name::{CSpace as _, Interval, IntervalUnit};

use super::config::{DEFAULT_QUEUE_GROUP, Filter, FilterFailure, QueueGroup};
use super::error::{self, Problem};
use super::text;

/// Reads what stands behind `X`.
pub(super) fn parse_filter(text: &[u8], line: usize, problems: &mut Vec<Problem>) -> Option<Filter> {
    let (name, rest) = split_name(text);
    if name.is_empty() {
        problems.push(Problem::FilterName);
        return None;
    }
    let mut filter = Filter {
        name: name.into(),
        socket: BString::default(),
        failure: FilterFailure::Pass,
        connect_timeout: Duration::from_secs(300),
        send_timeout: Duration::from_secs(10),
        read_timeout: Duration::from_secs(10),
        end_timeout: Duration::from_secs(300),
        line,
    };
    for field in text::fields(rest) {
        let Some((letter, value)) = field else {
            problems.push(Problem::FilterEquals(name.into()));
            return None;
        };
        match letter {
            b'S' => filter.socket = value,
            b'F' => set_failure(&mut filter, &value),
            b'T' => set_timeouts(&mut filter, &value, problems)?,
            _ => problems.push(Problem::FilterField(name.into(), char::from(letter & 0x7f))),
        }
    }
    if filter.socket.is_empty() {
        problems.push(Problem::FilterSocket(name.into()));
        return None;
    }
    Some(filter)
}

/// Reads what stands behind `Q`; what is not said is for the caller to fill in from the options.
pub(super) fn parse_queue_group(text: &[u8], line: usize, problems: &mut Vec<Problem>) -> Option<QueueGroup> {
    let (name, rest) = split_name(text);
    if text.is_empty() {
        problems.push(Problem::QueueName);
        return None;
    }
    let mut group = QueueGroup { name: name.into(), line, ..QueueGroup::default() };
    for field in text::fields(rest) {
        let Some((letter, value)) = field else {
            problems.push(Problem::QueueEquals(name.into()));
            return None;
        };
        match letter {
            b'P' if value.is_empty() => problems.push(Problem::QueuePath(name.into())),
            b'P' => group.path = value,
            b'F' => group.flags.extend_from_slice(&value),
            b'N' => group.nice = text::number(&value),
            b'I' => group.interval = Some(span(&value, IntervalUnit::Minutes, problems)),
            b'R' => group.runners = Some(text::number(&value).max(0)),
            b'J' => group.jobs_max = Some(text::number(&value)),
            b'r' => group.recipients_max = text::number(&value),
            _ => problems.push(Problem::QueueField(name.into(), char::from(letter & 0x7f))),
        }
    }
    if let Some(runners) = group.runners.filter(|runners| *runners > 1 && !group.flags.contains(&b'f')) {
        problems.push(Problem::QueueRunners(name.into(), runners));
    }
    if group.is_called(DEFAULT_QUEUE_GROUP.as_bytes()) {
        group.name = DEFAULT_QUEUE_GROUP.into();
    }
    Some(group)
}

/// Splits the name, which ends at a comma or white space, off the front.
fn split_name(text: &[u8]) -> (&[u8], &[u8]) {
    let len = text.iter().position(|byte| *byte == b',' || byte.is_c_space()).unwrap_or(text.len());
    (&text[..len], text.get(len + 1..).unwrap_or_default())
}

/// Reads `F=`; letters that mean nothing are passed over.
fn set_failure(filter: &mut Filter, value: &[u8]) {
    for letter in value {
        match letter {
            b'R' => filter.failure = FilterFailure::Reject,
            b'T' => filter.failure = FilterFailure::TempFail,
            b'4' => filter.failure = FilterFailure::Shutdown,
            _ => {}
        }
    }
}

/// Reads `T=`; `None` if a limit stands behind no colon.
fn set_timeouts(filter: &mut Filter, value: &[u8], problems: &mut Vec<Problem>) -> Option<()> {
    for part in text::fields_by(value, b';', b':') {
        let Some((letter, limit)) = part else {
            problems.push(Problem::FilterColon(filter.name.clone().into()));
            return None;
        };
        let field = match letter {
            b'C' => &mut filter.connect_timeout,
            b'S' => &mut filter.send_timeout,
            b'R' => &mut filter.read_timeout,
            b'E' => &mut filter.end_timeout,
            other => {
                problems.push(Problem::FilterTimeout(filter.name.clone().into(), char::from(other & 0x7f)));
                continue;
            }
        };
        *field = span(&limit, IntervalUnit::Seconds, problems);
    }
    Some(())
}

/// Reads an interval; a bad unit is told, and what the original makes of it is used.
fn span(value: &[u8], unit: IntervalUnit, problems: &mut Vec<Problem>) -> Duration {
    match Interval::parse(value, unit) {
        Ok(interval) => interval.0,
        Err(error) => {
            problems.extend(error.units.into_iter().map(|unit| Problem::Option(error::OptionError::Interval(unit))));
            error.assumed.0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn filter(text: &str) -> (Option<Filter>, Vec<String>) {
        let mut problems = Vec::new();
        let filter = parse_filter(text.as_bytes(), 1, &mut problems);
        (filter, problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn filters_have_socket_failure_and_timeouts() {
        let (filter, problems) = filter("m, S=inet:3333@localhost, F=T, T=C:2m;S:6s;R:7;E:8m");
        let filter = filter.expect("good");
        assert!(problems.is_empty());
        assert_eq!((filter.socket.as_slice(), filter.failure), (&b"inet:3333@localhost"[..], FilterFailure::TempFail));
        assert_eq!((filter.connect_timeout.as_secs(), filter.read_timeout.as_secs()), (120, 7));
    }

    #[test]
    fn faults_are_told() {
        assert_eq!(filter("m1").1, ["Xm1: empty or missing socket information"]);
        assert_eq!(filter("m2, S=").1, ["Xm2: empty or missing socket information"]);
        assert_eq!(filter("m, S").1, ["Xm: `=' expected"]);
        assert_eq!(filter("m, S=local:/x, G=4").1, ["Xm: unknown filter equate G="]);
        assert_eq!(filter("m, S=local:/x, T=Q:5").1, ["Xm: unknown filter timeout Q"]);
        assert_eq!(filter("f, S=local:/x, =R").1, ["Xf: unknown filter equate =="]);
        assert_eq!(filter("f, S=local:/x,").1, ["Xf: `=' expected"]);
        assert_eq!(filter("").1, ["name required for mail filter"]);
    }

    #[test]
    fn queue_groups_have_their_fields() {
        let mut problems = Vec::new();
        let group = parse_queue_group(b"q, P=/var/spool/mqueue/q1, F=f, N=2, I=5m, R=3, J=4, r=5", 1, &mut problems);
        let group = group.expect("good");
        assert_eq!((group.nice, group.runners, group.jobs_max, group.recipients_max), (2, Some(3), Some(4), 5));
        assert_eq!(group.interval, Some(Duration::from_secs(300)));
        parse_queue_group(b"q, Z=4", 1, &mut problems);
        parse_queue_group(b"", 1, &mut problems);
        let texts: Vec<_> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["Qq: unknown queue equate Z=", "name required for queue"]);
    }
}
