//! The one binary; which program it is, its name tells.

fn main() -> std::process::ExitCode {
    futago::cli::run()
}
