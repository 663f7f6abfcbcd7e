"""hup.py ROUNDS: HUP under load, every fourth time with a broken configuration; then TERM with many sessions open.

No session may break at HUP, every acknowledged message must arrive once, and at TERM every session must end in time with 421.
Runs inside tests/site/jail.sh.
"""
import os, random, signal, sys, threading, time

from host import *

ROUNDS = int(sys.argv[1])
CF = "/etc/mail/sendmail.cf"
OPEN = 100
acked, broken, lock, stop = [], [], threading.Lock(), threading.Event()


def load(thread):
    number = 0
    while not stop.is_set():
        try:
            session = Session(random.choice((25, 587)))
            session.command(b"EHLO x")
            for _ in range(random.randrange(1, 6)):
                number += 1
                who = b"%d-%d" % (thread, number)
                reply = session.message(who, random.randrange(8000))
                if reply.startswith(b"250"):
                    with lock:
                        acked.append(who)
                else:
                    broken.append(reply)
                time.sleep(random.random() * 0.1)
            session.command(b"QUIT")
        except OSError as error:
            broken.append(str(error))


def half_way(number):
    """Opens a session and leaves it at one of its states."""
    session = Session()
    for text in (b"EHLO x", b"MAIL FROM:<bob@hoge.foo.jp>", b"RCPT TO:<alice@hoge.foo.jp>", b"DATA")[: number % 5]:
        session.command(text)
    return session


def ends_with_421(session):
    try:
        return any(line.startswith(b"421") for line in session.lines)
    except OSError:
        return False


start_daemon()
keeper = pid_of(PID_FILE)
threads = [threading.Thread(target=load, args=(number,), daemon=True) for number in range(4)]
for thread in threads:
    thread.start()
good = open(CF).read()
for number in range(ROUNDS):
    time.sleep(random.uniform(0.05, 0.6))
    # Good, of nonsense, cut off, empty: written in place, so that the keeper may read a half of it.
    text = [good, good + "what is this\n", good[: len(good) // 3], ""][number % 4]
    with open(CF, "w") as file:
        file.write(text)
    os.kill(keeper, signal.SIGHUP)
with open(CF, "w") as file:
    file.write(good)
time.sleep(0.5)
stop.set()
for thread in threads:
    thread.join(300)
if broken or pid_of(PID_FILE) != keeper:
    sys.exit(f"FAIL: {len(broken)} sessions broke at HUP: {broken[:3]}; pid {keeper} is now {pid_of(PID_FILE)}")
wait(f"{len(acked)} acknowledged messages", lambda: not set(acked) - set(copies()))
wait("the processes of old configurations to end", lambda: len(processes()) < 16)
sessions = [half_way(number) for number in range(OPEN)]
begun = time.time()
os.kill(keeper, signal.SIGTERM)
ended = [ends_with_421(session) for session in sessions]
took = time.time() - begun
wait("all processes to end", lambda: not processes())
print(f"{ROUNDS} times HUP: {len(acked)} acknowledged, all arrived, {len(copies()) - len(set(copies()))} second copies; "
      f"TERM ended {OPEN} sessions in {took:.1f} s")
if not all(ended) or os.path.exists(PID_FILE):
    sys.exit(f"FAIL: {ended.count(False)} sessions ended without 421; pid file there: {os.path.exists(PID_FILE)}")
