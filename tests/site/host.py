"""What the load programs of this folder share: a client, the daemon's processes, the mailbox."""
import glob, os, re, socket, subprocess, sys, time

BOX = "/var/mail/alice"
PID_FILE = "/var/run/sendmail.pid"
CLIENT_PID_FILE = "/var/spool/clientmqueue/sm-client.pid"


class Session:
    """An SMTP session with the daemon; OSError when it ends early."""

    def __init__(self, port=25, seconds=120):
        self.socket = socket.create_connection(("127.0.0.1", port), seconds)
        self.lines = self.socket.makefile("rb")
        self.reply()

    def reply(self):
        while True:
            line = self.lines.readline()
            if not line:
                raise OSError("closed")
            if line[3:4] != b"-":
                return line

    def command(self, text):
        self.socket.sendall(text + b"\r\n")
        return self.reply()

    def message(self, who, size):
        """Sends one message; returns the reply that decided."""
        for text in (b"MAIL FROM:<bob@hoge.foo.jp>", b"RCPT TO:<alice@hoge.foo.jp>", b"DATA"):
            reply = self.command(text)
            if reply[:1] not in b"23":
                return reply
        return self.command(b"Subject: t\r\n\r\nid=%s.\r\n" % who + b"x" * size + b"\r\n.")


def processes():
    """Returns {pid: title} of our daemons."""
    found = {}
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            title = open(path, "rb").read().replace(b"\0", b" ").decode("latin-1")
            if os.readlink(path.replace("cmdline", "exe")).startswith("/usr/sbin/sendmail") and "-oi" not in title:
                found[int(path.split("/")[2])] = title.strip()
        except OSError:
            pass
    return found


def listens():
    try:
        socket.create_connection(("127.0.0.1", 25), 2).close()
        return True
    except OSError:
        return False


def wait(what, test):
    """Waits until the test holds: three minutes at most, so that a machine that is slow fails nothing."""
    end = time.time() + 180
    while not test():
        if time.time() > end:
            seen = [f"{p} {t}" for p, t in processes().items()] + left()[:20] + glob.glob("/var/mail/*")
            seen += open("/var/log/maillog", errors="replace").read().splitlines()[-40:]
            sys.exit(f"FAIL: gave up waiting for: {what() if callable(what) else what}\n" + "\n".join(seen))
        time.sleep(0.05)


def pid_of(path):
    try:
        return int(open(path).readline())
    except (OSError, ValueError):
        return 0


def start_daemon(interval="2s"):
    subprocess.run(["/usr/sbin/sendmail", "-L", "sm-mta", "-bd", f"-q{interval}"], check=True)
    wait("a listener on port 25", listens)


def box():
    try:
        return open(BOX, "rb").read()
    except OSError:
        return b""


def copies():
    """Returns the identifiers of all messages in the mailbox, each as often as it is there."""
    return re.findall(rb"^id=([a-z0-9-]+)\.$", box(), re.M)


def left():
    """Returns what is left in the queues."""
    return [os.path.basename(path) for d in ("mqueue", "clientmqueue") for path in glob.glob(f"/var/spool/{d}/[dqtxQ]f*")]
