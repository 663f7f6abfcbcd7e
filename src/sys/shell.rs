//! Words of commands that a person may run.

use bstr::ByteSlice;

/// Returns a path as a shell takes it.
pub fn quoted(path: &[u8]) -> String {
    let plain = path.iter().all(|byte| byte.is_ascii_alphanumeric() || b"/._-+".contains(byte));
    if plain { path.as_bstr().to_string() } else { format!("'{}'", path.as_bstr().to_string().replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_shell_would_read_otherwise_is_quoted() {
        assert_eq!(quoted(b"/var/spool/q"), "/var/spool/q");
        assert_eq!(quoted(b"/a b'c"), "'/a b'\\''c'");
    }
}
