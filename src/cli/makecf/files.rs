//! Where included files come from, and what answers the few commands that cf libraries run.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bstr::{BString, ByteSlice};

use super::library;
use super::options::{Options, library_of};
use crate::m4::{Host, Ran};
use crate::name::CSpace as _;
use crate::sys::bounded::read_within;
use crate::sys::errors::reason;
use crate::sys::{host, user};

/// Includes and commands of one run.
pub(super) struct Files {
    folders: Vec<PathBuf>,
    allow_commands: bool,
    /// The folder of the library that is in use.
    library: Option<BString>,
    /// Other libraries that files name, and that are there, but are not read.
    pub(super) passed_over: BTreeSet<BString>,
    /// Temporary files that exist only here, since nothing may be run that would read them.
    temporary: BTreeMap<BString, Vec<u8>>,
    /// What was read, by name.
    pub(super) read: BTreeMap<BString, Vec<u8>>,
}

impl Files {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            folders: options.folders.clone(),
            allow_commands: options.allow_commands,
            library: options.library().map(BString::from),
            passed_over: BTreeSet::new(),
            temporary: BTreeMap::new(),
            read: BTreeMap::new(),
        }
    }

    /// Reads a file of the library that the program carries; one in a folder of `-I` stands for it.
    fn library_file(&self, name: &[u8]) -> Result<Vec<u8>, BString> {
        let paths = self.folders.iter().map(|folder| folder.join(OsStr::from_bytes(name)));
        match paths.into_iter().find(|path| path.exists()) {
            Some(path) => read_regular(&path),
            None => library::text(name).map(|text| text.as_bytes().to_vec()).ok_or_else(|| self.missing(name)),
        }
    }

    /// Says that the library that is in use has no such file.
    fn missing(&self, name: &[u8]) -> BString {
        let is_own = self.library.as_ref().is_none_or(|library| *library == library::FOLDER);
        let elsewhere = self.library.iter().filter(|_| !is_own).map(|library| Path::new(OsStr::from_bytes(library)));
        let folders: Vec<&Path> = self.folders.iter().map(PathBuf::as_path).chain(elsewhere).collect();
        library::missing(name, &|kind| {
            let own = library::names(kind).filter(|_| is_own).map(str::to_owned);
            own.chain(folders.iter().flat_map(|folder| names_in(&folder.join(kind)))).collect()
        })
    }

    /// Reads a file that is included.
    fn find(&self, name: &[u8]) -> Result<Vec<u8>, BString> {
        if let Some(text) = self.temporary.get(name.as_bstr()) {
            return Ok(text.clone());
        }
        if let Some(name) = library::below(name) {
            return self.library_file(name);
        }
        let path = Path::new(OsStr::from_bytes(name));
        if name.is_empty() {
            return Err("the name of the file to include is empty".into());
        }
        if let Some(name) = self.library.as_ref().and_then(|folder| name.strip_prefix(folder.as_slice()))
            && !path.exists()
        {
            return Err(self.missing(name));
        }
        let below = self.folders.iter().filter(|_| path.is_relative()).map(|folder| folder.join(path));
        let found = below.into_iter().find(|below| !path.exists() && below.exists());
        read_regular(found.as_deref().unwrap_or(path))
    }

    /// Tells whether a file is the first one of a cf library while another or the same is in use already: many `.mc` files
    /// begin with it, for m4 knows no library.
    fn is_second_library(&mut self, name: &[u8]) -> bool {
        let (Some(folder), Some(library)) = (library_of(name), self.library.as_ref()) else { return false };
        // Once, when the library in use is read itself.
        if *library == folder && !self.read.contains_key(name.as_bstr()) {
            return false;
        }
        if *library != folder && Path::new(OsStr::from_bytes(name)).is_file() {
            self.passed_over.insert(folder.into());
        }
        true
    }

    /// Answers what the common cf library runs: the script that tells who makes the file, and the removal of its output.
    fn answer(&mut self, command: &[u8]) -> Option<Ran> {
        let words: Vec<&[u8]> = command.split(u8::is_c_space).filter(|word| !word.is_empty()).collect();
        match words[..] {
            [b"sh", script, folder, b">", file] if script.ends_with(b"/sh/makeinfo.sh") => {
                *self.temporary.get_mut(file.as_bstr())? = information(folder);
            }
            [b"rm", b"-f", file] => {
                self.temporary.remove(file.as_bstr())?;
            }
            _ => return None,
        }
        Some(Ran::default())
    }
}

/// The most bytes of a file: a `.mc` file has some hundred, a whole library half a million.
const FILE_BYTES_MAX: u64 = 8 << 20;

/// Reads a text to its end; the error says why not.
pub(super) fn read_bounded(input: &mut dyn Read) -> Result<Vec<u8>, String> {
    read_within(input, FILE_BYTES_MAX).map_err(|error| reason(&error))
}

/// Reads a file that another names; the error is a sentence for the user.
fn read_regular(path: &Path) -> Result<Vec<u8>, BString> {
    let read = || {
        // What is no file could have no end, or no beginning.
        if !std::fs::metadata(path).map_err(|error| reason(&error))?.is_file() {
            return Err("it is a directory, device or pipe, not a file".to_owned());
        }
        read_bounded(&mut std::fs::File::open(path).map_err(|error| reason(&error))?)
    };
    read().map_err(|why| format!("cannot read {}: {why}", path.display()).into())
}

/// Returns the names, without ending, of the m4 files in a folder.
fn names_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| Some(entry.file_name().to_str()?.strip_suffix(".m4")?.to_owned())).collect()
}

/// Returns what the library's head says of the place where the file was made.
fn information(folder: &[u8]) -> Vec<u8> {
    let name = host::name().unwrap_or_default();
    let maker = user::User::by_uid(nix::unistd::getuid().as_raw()).ok().flatten().map(|user| user.name);
    let (maker, folder) = (maker.unwrap_or_default(), folder.as_bstr());
    let here = std::env::current_dir().unwrap_or_default();
    let now = jiff::Zoned::now().strftime("%a %b %e %H:%M:%S %Z %Y").to_string();
    let short = name.split_str(".").next().unwrap_or_default().as_bstr();
    format!(
        "##### built by {maker}@{name} on {now}\n##### in {}\n##### using {folder} as configuration include directory\n\
         define(`__HOST__', {short})dnl\n",
        here.display()
    )
    .into()
}

impl Host for Files {
    fn read(&mut self, name: &[u8]) -> Result<Vec<u8>, BString> {
        let text = if self.is_second_library(name) { Vec::new() } else { self.find(name)? };
        self.read.insert(name.into(), text.clone());
        Ok(text)
    }

    fn run(&mut self, command: &[u8]) -> Result<Ran, BString> {
        if let Some(ran) = self.answer(command) {
            return Ok(ran);
        }
        if !self.allow_commands {
            let text = format!(
                "the command {:?} is not run; if you trust the file: makecf --allow-commands",
                command.as_bstr()
            );
            return Err(text.into());
        }
        let shell = Command::new("/bin/sh").arg("-c").arg(OsStr::from_bytes(command)).stderr(Stdio::inherit()).output();
        let output = shell.map_err(|error| BString::from(format!("cannot run /bin/sh: {error}")))?;
        let status = output.status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
        Ok(Ran { output: output.stdout, status })
    }

    fn create(&mut self, template: &[u8]) -> Result<BString, BString> {
        let stem = template.trim_end_with(|letter| letter == 'X');
        if !self.allow_commands {
            let name = BString::from([stem, format!("{:06}", self.temporary.len()).as_bytes()].concat());
            self.temporary.insert(name.clone(), Vec::new());
            return Ok(name);
        }
        let stem = Path::new(OsStr::from_bytes(stem));
        let (folder, prefix) = (stem.parent(), stem.file_name().unwrap_or_default());
        let folder = folder.filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // Each try has a number of its own; an existing file is never taken.
        for number in 0..100_000_u32 {
            let name = [prefix.as_bytes(), format!("{}", std::process::id() + number).as_bytes()].concat();
            let path = folder.join(OsStr::from_bytes(&name));
            match std::fs::File::create_new(&path) {
                Ok(_) => return Ok(path.into_os_string().as_bytes().into()),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(format!("cannot create {}: {error}", path.display()).into()),
            }
        }
        Err(format!("no free name in {}", folder.display()).into())
    }
}
