//! The files that say how host names are looked up: those of the system, and those that options name.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use bstr::BString;

use crate::cf::Options;
use crate::net::{Hosts, ResolverSettings};

/// The hosts file of the system.
const HOSTS: &str = "/etc/hosts";

/// Their texts; a process that may open no file is given them.
#[derive(Clone, Debug, Default)]
pub struct NameFiles {
    resolv_conf: BString,
    hosts: BString,
    nsswitch: BString,
    /// That of option HostsFile, if it is another.
    own_hosts: Option<BString>,
    /// That of option ServiceSwitchFile.
    service_switch: Option<BString>,
}

impl NameFiles {
    /// Reads those of the system; one that cannot be read says nothing.
    pub fn read() -> Self {
        let read = |path: &str| fs::read(path).unwrap_or_default().into();
        let (resolv_conf, hosts, nsswitch) = (read("/etc/resolv.conf"), read(HOSTS), read("/etc/nsswitch.conf"));
        Self { resolv_conf, hosts, nsswitch, ..Self::default() }
    }

    /// Reads those that options name, too.
    #[must_use]
    pub fn and_of(self, options: &Options) -> Self {
        let read = |path: &BString| fs::read(Path::new(OsStr::from_bytes(path))).ok().map(BString::from);
        let own_hosts = Some(&options.hosts_file).filter(|path| **path != HOSTS).and_then(read);
        Self { own_hosts, service_switch: read(&options.service_switch_file), ..self }
    }

    /// Returns what the files of the system say.
    pub(super) fn settings(&self) -> ResolverSettings {
        let mut settings = ResolverSettings::from_resolv_conf(&self.resolv_conf);
        settings.hosts = Hosts::parse(&self.hosts);
        settings.read_nsswitch(&self.nsswitch);
        settings
    }

    /// Lets the files that options name change that.
    pub(super) fn configure(&self, settings: &mut ResolverSettings) {
        if let Some(text) = &self.own_hosts {
            settings.hosts = Hosts::parse(text);
        }
        if let Some(text) = &self.service_switch {
            settings.read_service_switch(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Source;

    #[test]
    fn what_options_name_is_read_before_a_process_is_locked_in() {
        let folder = tempfile::tempdir().expect("a directory");
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).expect("written");
            path.as_os_str().as_bytes().into()
        };
        let hosts_file = write("hosts", "192.0.2.1 a.example\n");
        let service_switch_file = write("switch", "hosts\tfiles\n");
        let files = NameFiles::default().and_of(&Options { hosts_file, service_switch_file, ..Options::default() });
        drop(folder);
        let mut settings = files.settings();
        assert_eq!(settings.canonify_sources, [Source::Dns, Source::Files]);
        files.configure(&mut settings);
        assert_eq!(settings.canonify_sources, [Source::Files]);
        assert_eq!(settings.hosts.addresses(b"a.example"), [std::net::IpAddr::from([192, 0, 2, 1])]);
    }
}
