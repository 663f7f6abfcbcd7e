"""kill.py ROUNDS: kill -9 of keeper, network process, hands and client-queue runner at random moments under load.

Every message that was answered 250 (or whose sendmail exited 0) must arrive, no port may stay held, and no orphan may stay
in a queue after one run. Runs inside tests/site/jail.sh.
"""
import os, random, re, signal, subprocess, sys, threading, time

from host import *

ROUNDS = int(sys.argv[1])
SEED = int(os.environ.get("KILL_SEED", random.randrange(1 << 30)))
acked, lock, stop = [], threading.Lock(), threading.Event()


def smtp(number, who):
    """Sends one message by SMTP; returns whether it was acknowledged."""
    try:
        session = Session(random.choice((25, 587)), 10)
        session.command(b"EHLO x")
        return session.message(who, random.randrange(20000)).startswith(b"250")
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


def alive(pid):
    return pid and os.path.exists(f"/proc/{pid}") and "Z" not in open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0]


def ensure():
    """Starts what is not running."""
    if not alive(pid_of(PID_FILE)):
        wait("ports that are free again", lambda: not listens())
        # As usual: no queue run mends what a kill has left undone.
        start_daemon("15m")
    if not alive(pid_of(CLIENT_PID_FILE)):
        subprocess.run(["/usr/sbin/sendmail", "-L", "sm-msp-queue", "-Ac", "-q2s"], check=True)
    wait("a listener on port 25", listens)


def arrived():
    return set(copies())


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
    thread.join(300)
ensure()
wait(lambda: f"of {len(acked)} acknowledged messages {sorted(set(acked) - arrived())}", lambda: not set(acked) - arrived())
subprocess.run(["/usr/sbin/sendmail", "-Ac", "-q"], timeout=180)
subprocess.run(["/usr/sbin/sendmail", "-q"], timeout=180)
wait("queues without orphans", lambda: not left())
second = len(copies()) - len(arrived())
torn = len(re.findall(rb"^From ", box(), re.M)) - len(copies())
print(f"killed {killed}; {len(acked)} acknowledged, all arrived, {second} second copies, {torn} torn")
if torn:
    sys.exit("FAIL: torn messages in the mailbox")
