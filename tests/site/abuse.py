#!/usr/bin/env python3
"""Clients that nobody wants, inside the throw-away machine of jail.sh.

usage: abuse.py quick|long

Every case checks what the server answers and that the next ordinary client is served; times and memory are printed, never
asserted, but for the two bounds that do not depend on the machine: memory of a session, and its growth with a line.
"""
import glob, os, re, socket, sys, time

HOST, LAN = '192.0.2.10', '192.168.2.5'
LONG = sys.argv[1:] == ['long']
MESSAGE = b'From: <a@lan.foo.jp>\r\nSubject: %s\r\n\r\nhello\r\n.\r\n'
failures = []


def say(text):
    print(text, flush=True)


def check(what, good, told=''):
    if not good:
        failures.append(what)
        say(f'FAIL: {what} {told!r}')


class Client:
    """An SMTP client that reads replies line by line."""

    def __init__(self, own=LAN, port=25, greet=True):
        self.sock = socket.socket()
        self.sock.settimeout(60)
        self.sock.bind((own, 0))
        self.sock.connect((HOST, port))
        self.file = self.sock.makefile('rb')
        self.greeting = self.reply() if greet else b''

    def reply(self):
        """Returns one reply, all its lines; empty when the server has closed."""
        text = b''
        while True:
            try:
                line = self.file.readline()
            except OSError:
                return text
            text += line
            if line[3:4] != b'-':
                return text

    def send(self, data):
        """Sends; tells whether the server took it."""
        try:
            self.sock.sendall(data)
            return True
        except OSError:
            return False

    def say(self, line):
        self.send(line + b'\r\n')
        return self.reply()

    def begin(self, *recipients):
        """Goes as far as DATA."""
        self.say(b'EHLO client.example.net')
        self.say(b'MAIL FROM:<a@lan.foo.jp>')
        for recipient in recipients or (b'bob@hoge.foo.jp',):
            self.say(b'RCPT TO:<' + recipient + b'>')
        return self.say(b'DATA')

    def close(self, reset=False):
        if reset:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0')
        self.file.close()
        self.sock.close()


def network_pid():
    """The process that reads the network: the one whose root is not ours."""
    for path in glob.glob('/proc/[0-9]*'):
        try:
            if 'sendmail' in open(f'{path}/comm').read() and os.readlink(f'{path}/root') != '/':
                return int(os.path.basename(path))
        except OSError:
            pass
    sys.exit('FAIL: no process of the network')


def memory(pid, field='VmRSS'):
    """Bytes of memory in use."""
    return 1024 * int(re.search(rf'{field}:\s+(\d+)', open(f'/proc/{pid}/status').read()).group(1))


def next_client(after):
    """An ordinary client is served; returns how long that took."""
    begin = time.time()
    client = Client(own='192.168.3.7')
    got = client.begin()
    taken = client.say(MESSAGE % after.encode() + b'QUIT') if got.startswith(b'354') else got
    took = time.time() - begin
    check(f'the next client after {after}', taken.startswith(b'250'), taken)
    say(f'{after}: next client served in {took:.3f} s')
    client.close()


def at_once(count):
    """Clients that come in one moment: more than the program may have threads."""
    held = []
    for _ in range(count):
        sock = socket.socket()
        sock.setblocking(False)
        sock.bind((LAN, 0))
        sock.connect_ex((HOST, 25))
        held.append(sock)
    greeted = 0
    for sock in held:
        sock.settimeout(120)
        greeted += sock.recv(3) == b'220'
        sock.close()
    check(f'{count} clients at once are greeted', greeted == count, greeted)
    next_client(f'{count} clients at once')


def half_open(count):
    """Sessions that say nothing, or half a command, or half a message."""
    before = memory(network_pid())
    held = []
    for number in range(count):
        client = Client()
        if number % 3 == 1:
            client.send(b'EHLO half.a.comm')
        if number % 3 == 2:
            client.begin()
            client.send(b'Subject: half a message\r\nX: ' + b'y' * 20000)
        held.append(client)
    time.sleep(0.5)
    each = (memory(network_pid()) - before) / count
    say(f'{count} half-open sessions: {each / 1024:.0f} KiB each')
    check('a session is below 2 MiB', each < 2 << 20, each)
    next_client(f'{count} half-open sessions')
    for client in held:
        client.close(reset=True)


def flood(count):
    """Connections that are closed at once, one way or the other."""
    begin = time.time()
    for number in range(count):
        sock = socket.socket()
        # The system asks again after 1, 2, 4, ... s where the server is behind.
        sock.settimeout(120)
        sock.connect((HOST, 25))
        if number % 2:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0')
        sock.close()
    say(f'{count} connections opened and closed in {time.time() - begin:.1f} s')
    next_client(f'a flood of {count} connections')


def hang_up_everywhere():
    """A client that hangs up at every stage; only what got its 250 is in the queue or in the mailbox."""
    stages = [b'', b'EHLO x\r\n', b'MAIL FR', b'OM:<a@lan.foo.jp>\r\n', b'RCPT TO:<bob@hoge.foo.jp>\r\n', b'DATA\r\n',
              b'Subject: cut off here\r\n', b'\r\n', b'body\r\n', b'.', b'\r', b'QU']
    for reset in (False, True):
        for last in range(len(stages) + 1):
            client = Client()
            for stage in stages[:last]:
                client.send(stage)
                if stage.endswith(b'\n') and stage[:4] in (b'EHLO', b'OM:<', b'RCPT', b'DATA'):
                    client.reply()
            client.close(reset)
    next_client('clients that hang up at every stage')
    # whatever was accepted before may still be on its way
    wait_for(lambda: not glob.glob('/var/spool/mqueue/*'))
    left = sorted(os.path.basename(path)[:2] for path in glob.glob('/var/spool/mqueue/*'))
    check('no file is left of what was cut off', not left, left)
    box = open('/var/mail/bob', 'rb').read() if os.path.exists('/var/mail/bob') else b''
    check('no message that was cut off arrives', b'Subject: cut off here' not in box)


def wait_for(condition, tenths=1200):
    for _ in range(tenths):
        if condition():
            return
        time.sleep(0.1)


def many_recipients(count):
    """More recipients than anybody has, sent without waiting for replies."""
    pid, client = network_pid(), Client()
    client.say(b'EHLO x')
    client.say(b'MAIL FROM:<a@lan.foo.jp>')
    before = memory(pid)
    codes = {}
    for start in range(0, count, 200):
        client.send(b''.join(b'RCPT TO:<user%d@example.com>\r\n' % n for n in range(start, min(count, start + 200))))
        for _ in range(min(200, count - start)):
            code = client.reply()[:3]
            codes[code] = codes.get(code, 0) + 1
    grown = memory(pid) - before
    say(f'{count} recipients: {codes}, {grown / count:.0f} bytes each, {grown >> 20} MiB')
    check('recipients are taken or put off', set(codes) <= {b'250', b'452'} and codes.get(b'250'), codes)
    check('the session goes on', client.say(b'RSET').startswith(b'250'))
    client.close()
    next_client(f'{count} recipients')


def long_text(name, first, piece, count, expected):
    """A message whose text is `first` and then `piece` so many times; memory must not grow with it."""
    pid = network_pid()
    peaks = []
    for _ in range(2):                      # once to have all that is needed at all, once to see what grows
        client = Client()
        check(f'{name}: DATA', client.begin().startswith(b'354'))
        client.send(first + piece * 4)
        time.sleep(0.3)
        before = peak = memory(pid)
        begin = time.time()
        for number in range(count):
            if not client.send(piece):
                break
            if number % 64 == 0:
                peak = max(peak, memory(pid))
        client.send(b'\r\n.\r\n')
        reply = client.reply()
        peaks.append(peak - before)
        took = time.time() - begin
        check(f'{name}: reply', reply.startswith(expected), reply)
        check(f'{name}: the session goes on', client.say(b'NOOP')[:3] in (b'250', b''))
        client.close()
    size = len(piece) * count
    say(f'{name}, {size >> 20} MiB in {took:.1f} s: {reply.decode().strip()!r}, memory grows by {peaks[-1] >> 10} KiB')
    check(f'{name}: memory grows by less than a sixteenth of it', peaks[-1] < size >> 4, peaks)
    next_client(name)


def slow_writers(count, rounds):
    """Clients that send a byte now and then."""
    held = [Client() for _ in range(count)]
    text = b'EHLO slow.example.net\r\nMAIL FROM:<a@lan.foo.jp>\r\n'
    for number in range(rounds):
        for client in held:
            client.send(text[number:number + 1])
    next_client(f'{count} slow writers')
    for client in held:
        client.close(reset=True)


def pipelined(count):
    """Commands without waiting for a reply, and without ever reading one."""
    client = Client()
    client.say(b'EHLO x')
    client.sock.settimeout(5)
    client.send(b'RSET\r\n' * count)
    next_client(f'{count} commands at once, no reply read')
    client.close(reset=True)
    client = Client()
    client.say(b'EHLO x')
    client.send(b'RSET\r\n' * 1000 + b'QUIT\r\n')
    replies = [client.reply()[:3] for _ in range(1001)]
    check('each pipelined command has its reply', replies == [b'250'] * 1000 + [b'221'], replies[-3:])
    client.close()


def floods():
    """Too many of each command: the server slows down, then sends the client away; others do not notice."""
    for command in (b'VRFY bob', b'EXPN bob', b'HELO x', b'ETRN example.com', b'NOOP', b'FOO'):
        client = Client()
        client.send((command + b'\r\n') * 60)
        client.reply()
        next_client(f'a flood of {command.decode()}')
        client.close(reset=True)


def odd_commands():
    """Input that is no SMTP."""
    for verb in (b'GET / HTTP/1.0', b'POST / HTTP/1.1', b'CONNECT x:25 HTTP/1.0', b'USER x'):
        client = Client()
        check(f'{verb} is sent away', client.say(verb).startswith(b'421'))
        client.close()
    for line, code in ((b'x' * 2100, b'421'), (b'NOOP ' + b'x' * 2100, b'421'), (b'NOOP ' + b'x' * 2000, b'250'),
                       (b'\0' * 100, b'500'), (b'\xff\xfe\xfd', b'500'), (b'MAIL FROM:<\0@x>', b'5'), (b'', b'500'),
                       (b'BDAT 10 LAST', b'500'), (b'MAIL FROM:<a@lan.foo.jp> SIZE=99999999999999999999', b'552'),
                       (b'MAIL FROM:<a@lan.foo.jp> BODY=9BITMIME', b'501'), (b'MAIL FROM:<a@lan.foo.jp> BY=0;R', b'501'),
                       (b'MAIL FROM:<a@lan.foo.jp> BY=9999999999;N', b'501'), (b'MAIL FROM:<a@lan.foo.jp> BY=-5;X', b'501'),
                       (b'MAIL FROM:<a@lan.foo.jp> RET=FULL RET=FULL', b'501'), (b'RCPT TO:<bob>', b'503'),
                       (b'DATA', b'503'), (b'MAIL FROM:<' + b'a' * 1900 + b'@x.example>', b'5')):
        client = Client()
        client.say(b'EHLO x')
        got = client.say(line)
        check(f'{line[:50]} gets {code}', got.startswith(code), got)
        client.close()
    next_client('odd commands')


def smuggling():
    """Every kind of false end: nothing behind one is ever taken for a command or a second message."""
    ends = [b'\n.\n', b'\n.\r\n', b'\r\n.\n', b'\r.\r', b'\r.\r\n', b'\r\n.\r', b'\r\r\n.\r\n', b'\r\n.\r\r\n', b'\r\n\0.\r\n',
            b'\r\n.\0\r\n', b'\n\r.\n\r', b'\r\n.\r\0\n', b'\x85.\x85', b'\r\n..\r\n', b'\r\n. \r\n', b'\n.\n\r\n']
    for number, end in enumerate(ends):
        client = Client()
        client.begin()
        client.send(b'Subject: outer %d\r\n\r\nbody' % number + end + b'MAIL FROM:<evil@example.net>\r\n'
                    b'RCPT TO:<bob@hoge.foo.jp>\r\nDATA\r\nSubject: smuggled %d\r\n\r\nx\r\n.\r\n' % number)
        replies = []
        while (reply := client.reply()) and len(replies) < 8:
            replies.append(reply[:3])
            if reply.startswith(b'250') or reply.startswith(b'421'):
                break
        client.send(b'QUIT\r\n')
        rest = client.reply()
        # Only one message came, or the connection was closed; never a second dialogue.
        check(f'{end!r} smuggles nothing', replies in ([b'250'], [b'421']) and rest[:3] in (b'221', b''), (replies, rest))
        client.close()
    next_client('smuggled messages')
    time.sleep(0.5)
    box = open('/var/mail/bob', 'rb').read()
    check('no second message arrives', not re.search(rb'(?m)^From evil', box))


def early_talk():
    """Whoever talks before the greeting or a reply that must be waited for."""
    client = Client()
    client.send(b'EHLO x\r\nMAIL FROM:<a@lan.foo.jp>\r\n')
    check('talk after EHLO is refused', client.reply().startswith(b'554'))
    check('and so is what follows', client.reply().startswith(b'550'))
    client.close()
    client = Client()
    for line in (b'EHLO x', b'MAIL FROM:<a@lan.foo.jp>', b'RCPT TO:<bob@hoge.foo.jp>'):
        client.say(line)
    client.send(b'DATA\r\nSubject: early\r\n')
    check('talk after DATA is refused', client.reply().startswith(b'554'))
    client.close()
    next_client('early talkers')


def main():
    at_once(700)
    next_client('the start')
    # while memory is as it is after the start
    block = 1 << 16
    size = (1 << 30) if LONG else (8 << 20)
    long_text('a header line', b'X: ', b'y' * block, size // block, b'552')
    long_text('a header of many lines', b'X: y\r\n', (b'X-Field: ' + b'y' * 53 + b'\r\n') * 1024, size // block, b'552')
    long_text('a line of the body', b'X: y\r\n\r\n', b'z' * block, (100 << 20) // block if LONG else 128, b'250')
    long_text('a body of short lines', b'X: y\r\n\r\n', b'z\r\n' * (block // 3), (100 << 20) // block if LONG else 128, b'250')
    odd_commands()
    early_talk()
    smuggling()
    hang_up_everywhere()
    half_open(600)
    flood(20000 if LONG else 2000)
    slow_writers(500 if LONG else 100, 30)
    pipelined(1000000 if LONG else 100000)
    floods()
    many_recipients(100000 if LONG else 3000)
    say(f'memory of the network process at its peak: {memory(network_pid(), "VmHWM") >> 20} MiB')
    if failures:
        sys.exit('FAILED: ' + '; '.join(failures))


main()
