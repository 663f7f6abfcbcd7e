//! The directories on the way to a file, links followed as the system follows them.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::errno::Errno;

use super::{Demands, EXECUTE, GROUP_WRITE, Inspector, STICKY, Unsafe, WORLD_WRITE};

/// The longest chain of links on the way, as the system's own.
const LINKS_MAX: usize = 20;

/// A path that is walked from its root.
struct Walk {
    path: Vec<u8>,
    /// Where the next name begins.
    at: usize,
}

impl Walk {
    /// Returns the path up to and with its next name; none at its end.
    fn next(&mut self) -> Option<Vec<u8>> {
        if self.at >= self.path.len() {
            return None;
        }
        let end = match memchr::memchr(b'/', &self.path[self.at..]) {
            // The root is a directory too.
            Some(0) if self.at == 0 => 1,
            Some(slash) => self.at + slash,
            None => self.path.len(),
        };
        self.at = if end == 1 && self.path[0] == b'/' { 1 } else { end + 1 };
        Some(self.path[..end].to_vec())
    }
}

impl Inspector {
    /// Checks every directory on the way to and with `directory`.
    ///
    /// # Errors
    /// One is not as `demands` say, or cannot be passed.
    pub fn check_way(&self, directory: &Path, demands: Demands) -> Result<(), Unsafe> {
        let path = directory.as_os_str().as_bytes();
        let first = Walk { path: if path.is_empty() { b"/".to_vec() } else { path.to_vec() }, at: 0 };
        self.trace_walk(&first, 0, demands);
        let mut walks = vec![first];
        let mut result = Ok(());
        while let Some(walk) = walks.last_mut() {
            let step = match walk.next().filter(|_| result.is_ok()) {
                None => {
                    let told = result.as_ref().map_or_else(ToString::to_string, |()| "OK".to_owned());
                    self.trace(format_args!("\t[dir {}] {told}", shown(&walk.path)));
                    walks.pop();
                    continue;
                }
                Some(place) => self.step(&place, demands),
            };
            match step {
                Ok(None) => {}
                Ok(Some(_)) if walks.len() > LINKS_MAX => result = Err(Unsafe::System(Errno::ELOOP)),
                Ok(Some(target)) => {
                    self.trace_walk(&target, walks.len(), demands);
                    walks.push(target);
                }
                Err(reason) => result = Err(reason),
            }
        }
        result
    }

    /// Looks at one directory; returns the way to walk first where it is a link.
    fn step(&self, place: &[u8], demands: Demands) -> Result<Option<Walk>, Unsafe> {
        if place.ends_with(b"/..") || place.ends_with(b"/.") {
            return Ok(None);
        }
        let path = Path::new(OsStr::from_bytes(place));
        let found = fs::symlink_metadata(path)?;
        if found.is_symlink() {
            return target(place, fs::read_link(path)?.as_os_str().as_bytes()).map(Some);
        }
        let mode = found.mode();
        let foreign = if self.group_directories { WORLD_WRITE } else { WORLD_WRITE | GROUP_WRITE };
        let trusted = self.sticky_directories && mode & STICKY != 0;
        if (self.uid == 0 || demands.has(Demands::SAFE_WAY)) && mode & foreign != 0 && !trusted {
            let is_fatal = demands.has(Demands::SAFE_WAY);
            let verdict = if is_fatal { "FATAL" } else { "WARNING" };
            self.trace(format_args!("\t[dir {}] mode {mode:o} {verdict}", shown(place)));
            let everybody = mode & WORLD_WRITE != 0;
            if is_fatal {
                return Err(if everybody { Unsafe::WorldWritableDirectory } else { Unsafe::GroupWritableDirectory });
            }
            let who = if everybody { "World" } else { "Group" };
            self.warn(format_args!("WARNING: {who} writable directory {}", shown(place)));
        }
        // For everyone but root the system itself decides who may pass.
        let may_pass = match self.uid {
            0 if !demands.has(Demands::ROOT_OK.and(Demands::AS_ROOT)) => mode & EXECUTE != 0,
            0 if !demands.has(Demands::AS_ROOT) => mode & self.share(&found, EXECUTE << 6) != 0,
            _ => true,
        };
        if may_pass { Ok(None) } else { Err(Unsafe::System(Errno::EACCES)) }
    }

    fn trace_walk(&self, walk: &Walk, level: usize, demands: Demands) {
        self.trace(format_args!(
            "safedirpath({}, uid={}, gid={}, flags={demands:x}, level={level}, offset={}):",
            shown(&walk.path),
            self.uid,
            self.gid,
            walk.at
        ));
    }
}

/// Returns the way that the link at `place` leads; what both have in common was walked already.
fn target(place: &[u8], link: &[u8]) -> Result<Walk, Unsafe> {
    let parent = place.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
    if !link.starts_with(b"/") {
        return Ok(Walk { path: [&place[..parent], link].concat(), at: parent });
    }
    if place == link {
        return Err(Unsafe::System(Errno::ELOOP));
    }
    let common = place.iter().zip(link).take_while(|(a, b)| a == b).count();
    let at =
        link[..common].iter().rposition(|byte| *byte == b'/').map_or(0, |slash| if slash == 0 { 0 } else { slash + 1 });
    Ok(Walk { path: link.to_vec(), at })
}

fn shown(path: &[u8]) -> std::path::Display<'_> {
    Path::new(OsStr::from_bytes(path)).display()
}
