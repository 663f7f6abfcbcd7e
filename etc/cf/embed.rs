//! The build script: makes a table of the files of the cf library and of the `.mc` files, which `makecf` carries.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// The folders of the library, each one kind of thing that a `.mc` file names, and the folder of `.mc` files.
const FOLDERS: &[(&str, &str)] = &[
    ("m4", "etc/cf/m4"),
    ("feature", "etc/cf/feature"),
    ("mailer", "etc/cf/mailer"),
    ("ostype", "etc/cf/ostype"),
    ("domain", "etc/cf/domain"),
    ("hack", "etc/cf/hack"),
    ("siteconfig", "etc/cf/siteconfig"),
    ("mail", "etc/mail"),
];

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let mut table = String::from("&[\n");
    for (kind, folder) in FOLDERS {
        println!("cargo:rerun-if-changed={folder}");
        for name in names(&root.join(folder))? {
            let path = root.join(folder).join(&name);
            writeln!(table, "    (\"{kind}/{name}\", include_str!({path:?})),").expect("text grows");
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
        if name.ends_with(".m4") || name.ends_with(".mc") {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}
