//! Test mode at a terminal: lines are edited, and earlier ones come again.

use std::process::Command;

use crate::{program, skip};

/// Plays a person at a terminal; argument: the program. What the terminal shows is printed.
const PERSON: &str = r#"
import os, pty, select, sys, tempfile
folder = tempfile.mkdtemp()
config = folder + "/x.cf"
open(config, "w").write("V10\nMlocal, P=/bin/true, A=x\nMprog, P=/bin/true, A=x\nSone\nR$*\t$: <$1>\n")
child, terminal = pty.fork()
if child == 0:
    os.environ["TERM"] = "xterm"
    os.execv(sys.argv[1], ["sendmail", "-bt", "-C", config])
shown = b""
def until(text, count):
    global shown
    while shown.count(text) < count:
        if not select.select([terminal], [], [], 20)[0]:
            sys.exit("waited in vain for %r in %r" % (text, shown))
        try:
            shown += os.read(terminal, 4096)
        except OSError:
            break
# Each time the program begins to edit a line it asks for bracketed paste; what is typed before that is lost.
EDITS = b"\x1b[?2004h"
until(EDITS, 1)
# A slip is taken back, and the line comes again by the arrow, changed at its front.
os.write(terminal, b"one adx\x7fb\r")
until(b"returns: < adb >", 1)
until(EDITS, 2)
os.write(terminal, b"\x1b[A\x7fc\r")
until(b"returns: < adc >", 1)
until(EDITS, 3)
os.write(terminal, b"\x04")
until(b"never", 1)
os.unlink(config)
os.rmdir(folder)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"#;

#[test]
fn a_person_edits_lines_and_has_earlier_ones_again() {
    if Command::new("python3").arg("--version").output().is_err() {
        return skip("python3 is not installed");
    }
    let output = Command::new("python3").args(["-c", PERSON]).arg(program()).output().expect("python3 runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
