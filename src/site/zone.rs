//! The time zone that dates are written in (`TimeZoneSpec`).

use std::path::Path;

use bstr::ByteSlice;
use jiff::tz::TimeZone;

use crate::cf::Options;

/// Where the zones of the system are, by name.
const ZONES: &str = "/usr/share/zoneinfo";
/// The zone of the system itself.
const SYSTEM_ZONE: &str = "/etc/localtime";

/// Returns the zone that the option asks for: unset, that of the system; empty, that of the caller (`TZ`).
///
/// A value is what tzset(3) reads from `TZ`; one that means nothing is UTC there, and here.
pub fn zone_of(options: &Options) -> TimeZone {
    match options.time_zone_spec.as_ref().map(|spec| spec.as_bytes()) {
        None => file(Path::new(SYSTEM_ZONE)).unwrap_or(TimeZone::UTC),
        Some(b"") => TimeZone::system(),
        Some(spec) => named(spec),
    }
}

/// Returns the zone of a file below the system's zones, or else of rules such as `JST-9`.
fn named(spec: &[u8]) -> TimeZone {
    let name = spec.strip_prefix(b":").unwrap_or(spec);
    let rules = || TimeZone::posix(name.to_str().ok()?).ok();
    file(&Path::new(ZONES).join(name.to_path_lossy())).or_else(rules).unwrap_or(TimeZone::UTC)
}

fn file(path: &Path) -> Option<TimeZone> {
    TimeZone::tzif("", &std::fs::read(path).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::date;
    use crate::name::UnixTime;

    #[track_caller]
    fn check(spec: &str, expected: &str) {
        let options = Options { time_zone_spec: Some(spec.into()), ..Options::default() };
        assert_eq!(date::arpa(UnixTime::from_secs(1_795_342_830), &zone_of(&options)), expected, "{spec}");
    }

    #[test]
    fn the_option_chooses_the_zone_of_dates() {
        check("JST-9", "Sun, 22 Nov 2026 19:20:30 +0900");
        check(":XYZ+3", "Sun, 22 Nov 2026 07:20:30 -0300");
        check("no such zone", "Sun, 22 Nov 2026 10:20:30 GMT");
    }
}
