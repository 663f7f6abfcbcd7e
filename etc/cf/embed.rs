//! The build script: makes a table of the files of the cf library, which `makecf` carries.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// The folders of the library; each is one kind of thing that a `.mc` file names.
const FOLDERS: &[&str] = &["m4", "feature", "mailer", "ostype", "domain", "hack", "siteconfig"];

fn main() -> io::Result<()> {
    let library = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("etc/cf");
    let mut table = String::from("&[\n");
    for folder in FOLDERS {
        println!("cargo:rerun-if-changed=etc/cf/{folder}");
        for name in names(&library.join(folder))? {
            let path = library.join(folder).join(&name);
            writeln!(table, "    (\"{folder}/{name}\", include_bytes!({path:?})),").expect("text grows");
        }
    }
    table.push_str("]\n");
    let made = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it")).join("library.rs");
    fs::write(made, table)
}

/// Returns the names of the m4 files in a folder, sorted; a folder that is not there has none.
fn names(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    if !folder.is_dir() {
        return Ok(names);
    }
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".m4") {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}
