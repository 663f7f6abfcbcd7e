//! Faults of ports: two daemons at one place, and letters that mean nothing to a port.

use bstr::{BStr, ByteSlice};

use super::{Fault, Run};
use crate::cf::{Family, PortOptions};
use crate::m4::Place;

/// The letters of `Modifiers=` (op guide, "DaemonPortOptions").
const LETTERS: &[u8] = b"abcfhrsuACDEOS";

/// What begins the lines of ports, and whether a daemon listens there.
const LINES: &[(&str, bool)] = &[("O DaemonPortOptions=", true), ("O ClientPortOptions=", false)];

/// A port of the result.
struct Given<'a> {
    place: &'a Place,
    port: PortOptions,
    /// Whether the file asks for it, and not the library.
    is_own: bool,
    is_daemon: bool,
}

impl Run<'_> {
    /// Finds letters of ports that nobody knows, and daemons that want the same place.
    pub(super) fn faults_of_ports(&self) -> Vec<Fault> {
        let ports: Vec<Given<'_>> = self.lines().filter_map(|(at, line)| self.port(at, line)).collect();
        let has_own_rules = self.given.iter().any(|(_, text)| text.contains_str("daemon_flags"));
        let odd = |given: &Given<'_>| {
            let letter = given.port.flags.as_bytes().iter().find(|letter| !LETTERS.contains(letter))?;
            let told = format!("a port knows no letter {} in M=: it knows {}", char::from(*letter), LETTERS.as_bstr());
            Some(Fault::warning(given.place, told))
        };
        let mut faults: Vec<Fault> = ports.iter().filter(|_| !has_own_rules).filter_map(odd).collect();
        for (number, given) in ports.iter().enumerate().filter(|(_, given)| given.is_daemon) {
            let others = ports[..number].iter().filter(|other| other.is_daemon);
            if let Some(other) = others.into_iter().find(|other| is_same(&given.port, &other.port)) {
                faults.extend(twice(given, other));
            }
        }
        faults
    }

    /// Reads a line of the result that names a port.
    fn port<'a>(&'a self, at: usize, line: &BStr) -> Option<Given<'a>> {
        let (value, is_daemon) =
            LINES.iter().find_map(|(begin, is_daemon)| Some((line.strip_prefix(begin.as_bytes())?, *is_daemon)))?;
        let origin = self.output.origin(at)?;
        let place = self.output.cause(at, at + line.len()).unwrap_or(&origin.place);
        // What is wrong with its fields is told of the line.
        let port = PortOptions::parse(value, is_daemon, &mut Vec::new());
        Some(Given { place, port, is_own: self.is_given(place), is_daemon })
    }
}

/// Says that two daemons want the same place.
fn twice(given: &Given<'_>, other: &Given<'_>) -> Option<Fault> {
    let number = number(&given.port);
    match (given.is_own, other.is_own) {
        (true, true) => {
            let told = format!("port {number} is that of the daemon in line {} already", other.place.line);
            Some(Fault::warning(given.place, told))
        }
        (false, false) => None,
        (is_own, _) => {
            let place = if is_own { given.place } else { other.place };
            let told = format!("the library has a daemon at port {number} too: write FEATURE(`no_default_msa')");
            Some(Fault::warning(place, told))
        }
    }
}

/// Tells whether only one of two daemons can listen.
fn is_same(one: &PortOptions, other: &PortOptions) -> bool {
    let is_everywhere = |port: &PortOptions| ["", "0.0.0.0", "::"].iter().any(|any| port.address == any.as_bytes());
    let is_one_place = one.address == other.address || is_everywhere(one) || is_everywhere(other);
    one.family == other.family && one.family != Family::Local && number(one) == number(other) && is_one_place
}

/// Returns the port as a number where it has a name that mail knows.
fn number(port: &PortOptions) -> String {
    match port.port.to_ascii_lowercase().as_slice() {
        b"" | b"smtp" => "25".to_owned(),
        b"submission" | b"msa" => "587".to_owned(),
        b"submissions" | b"smtps" | b"urd" => "465".to_owned(),
        other => other.to_str_lossy().into_owned(),
    }
}
