"""kill.py ROUNDS: kill -9 of keeper, network process, hands and client-queue runner at random moments under load.

Every message that was answered 250 (or whose sendmail exited 0) must arrive, no port may stay held, and no orphan may stay
in a queue after one run. Runs inside tests/site/jail.sh.
"""
import glob, os, random, re, signal, socket, subprocess, sys, threading, time

ROUNDS = int(sys.argv[1])
SEED = int(os.environ.get("KILL_SEED", random.randrange(1 << 30)))
BOX = "/var/mail/alice"
acked, lock, stop = [], threading.Lock(), threading.Event()


def smtp(number, who):
    """Sends one message by SMTP; returns whether it was acknowledged."""
    try:
        with socket.create_connection(("127.0.0.1", random.choice((25, 587))), 10) as s:
            f = s.makefile("rb")

            def reply():
                while True:
                    line = f.readline()
                    if not line:
                        raise OSError("closed")
                    if line[3:4] != b"-":
                        return line
            def cmd(text):
                s.sendall(text + b"\r\n")
                return reply()
            reply()
            for text in (b"EHLO x", b"MAIL FROM:<bob@hoge.foo.jp>", b"RCPT TO:<alice@hoge.foo.jp>", b"DATA"):
                if cmd(text)[:1] not in b"23":
                    return False
            body = b"Subject: t\r\n\r\nid=%s.\r\n" % who + b"x" * random.randrange(20000) + b"\r\n."
            return cmd(body).startswith(b"250")
    except OSError:
        return False


def program(number, who):
    """Sends one message through the command line."""
    text = b"To: alice@hoge.foo.jp\nSubject: t\n\nid=%s.\n" % who
    try:
        return subprocess.run(["/usr/sbin/sendmail", "-oi", "-t"], input=text, timeout=40, stderr=subprocess.DEVNULL).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def load(thread):
    number = 0
    way = program if thread == 0 else smtp
    while not stop.is_set():
        number += 1
        who = b"%d-%d-%d" % (SEED, thread, number)
        if way(number, who):
            with lock:
                acked.append(who)
        time.sleep(0.02)


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


def wait(seconds, what, test):
    end = time.time() + seconds
    while not test():
        if time.time() > end:
            sys.exit(f"FAIL (seed {SEED}): gave up waiting for: {what}\n" + "\n".join(f"{p} {t}" for p, t in processes().items()))
        time.sleep(0.05)


def pid_of(path):
    try:
        return int(open(path).readline())
    except (OSError, ValueError):
        return 0


def alive(pid):
    return pid and os.path.exists(f"/proc/{pid}") and "Z" not in open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0]


def ensure():
    """Starts what is not running."""
    if not alive(pid_of("/var/run/sendmail.pid")):
        wait(15, "ports that are free again", lambda: not listens())
        subprocess.run(["/usr/sbin/sendmail", "-L", "sm-mta", "-bd", "-q2s"], check=True)
    if not alive(pid_of("/var/spool/clientmqueue/sm-client.pid")):
        subprocess.run(["/usr/sbin/sendmail", "-L", "sm-msp-queue", "-Ac", "-q2s"], check=True)
    wait(20, "a listener on port 25", listens)


def arrived():
    try:
        return set(re.findall(rb"^id=([0-9-]+)\.$", open(BOX, "rb").read(), re.M))
    except OSError:
        return set()


random.seed(SEED)
print(f"seed {SEED}, {ROUNDS} rounds")
ensure()
threads = [threading.Thread(target=load, args=(number,), daemon=True) for number in range(4)]
for thread in threads:
    thread.start()
killed = {}
for _ in range(ROUNDS):
    time.sleep(random.uniform(0.1, 0.8))
    victims = processes()
    if victims:
        pid = random.choice(list(victims))
        kind = re.sub(r"[@/].*| for .*|[0-9]+", "", victims[pid])[:40]
        killed[kind] = killed.get(kind, 0) + 1
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    time.sleep(0.3)
    ensure()
stop.set()
for thread in threads:
    thread.join(60)
ensure()
wait(90, f"{len(acked)} acknowledged messages", lambda: not set(acked) - arrived())
subprocess.run(["/usr/sbin/sendmail", "-Ac", "-q"], timeout=60)
subprocess.run(["/usr/sbin/sendmail", "-q"], timeout=60)


def left():
    return [os.path.basename(path) for d in ("mqueue", "clientmqueue") for path in glob.glob(f"/var/spool/{d}/[dqtxQ]f*")]


wait(30, f"queues without orphans", lambda: not left())
box = open(BOX, "rb").read()
copies = len(re.findall(rb"^id=", box, re.M)) - len(arrived())
torn = len(re.findall(rb"^From ", box, re.M)) - len(re.findall(rb"^id=", box, re.M))
print(f"killed {killed}; {len(acked)} acknowledged, all arrived, {copies} second copies, {torn} torn")
if torn:
    sys.exit("FAIL: torn messages in the mailbox")
