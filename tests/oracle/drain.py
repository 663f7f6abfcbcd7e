#!/usr/bin/env python3
"""Drain each other's queues: what one program has queued, both deliver alike.

usage: drain.py [-n SHOW] [-k REGEX] [--readers] OUR_PROGRAM

The messages below are queued by the original and by ours (-odq), each kept as a set of files. Both programs then run each
set (-q) in a fresh spool. What arrived at the local mailer, programs, files and the SMTP sink, and what is still queued,
must be the same whoever wrote the files; with --readers also whoever delivers them. Needs root and setup.sh.
"""
import argparse, difflib, glob, json, os, re, shutil, subprocess, sys, time
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from oracle_common import *

CF = f'{O}/cf/p-deliver.cf'
SPOOL = '/var/spool/mqueue'
ORIGINAL = f'{O}/root/usr/libexec/sendmail/sendmail'
EIGHT = 'Gr\u00fc\u00dfe \u00e9\u00a0\u00ff'
MANY = ', '.join(f'user{n}@example.com' for n in range(1500))


def call(args, text, **more):
    return dict(args=args, stdin=text, **more)


def dialogue(*lines):
    """a session with -bs; the text after DATA is sent in one piece"""
    return call(['-bs'], '', lines=['EHLO client.example.net', *lines, 'QUIT'])


MESSAGES = {
    'plain': call(['alice'], 'Subject: plain\n\nhello\n'),
    'remote': call(['a@example.com', 'b@example.com', 'c@example.net'], 'Subject: remote\n\nhello\n'),
    'dsn': call(['-N', 'success,failure,delay', '-R', 'hdrs', '-V', 'env+2Bid', 'alice', 'a@example.com'],
                'Subject: dsn\n\nhello\n'),
    'never': call(['-N', 'never', 'refuse1@example.com', 'alice'], 'Subject: never\n\nhello\n'),
    'bounce': call(['-f', 'alice', 'refuse1@example.com', 'bob'], 'Subject: bounce\n\nhello\n'),
    'null': call(['-f', '<>', 'a@example.com'], 'Subject: null sender\n\nhello\n'),
    'eight': call(['-B8BITMIME', 'alice', 'a@example.com'], f'Subject: {EIGHT}\nX-Eight: {EIGHT}\n\n{EIGHT}\n'),
    'eight-plain': call(['alice', 'a@[198.51.100.12]'], f'Subject: eight\n\n{EIGHT}\n'),
    'header': call(['-t'], 'To: alice (a comment),\n\t"B" <bob>\nCc: a@example.com\nBcc: fred\nX-Empty:\nX-Odd :a: b\n'
                   'Resent-Note: x\nSubject: folded\n\tover\n\tlines\nReply-To: <@a,@b:c@d.example>\nX-Dollar: $j $w $$\n\nhello\n'),
    'body': call(['alice', 'a@example.com'], 'Subject: body\n\nFrom here\n.\n..\n.dot\n\n\nno end'),
    'empty': call(['alice', 'a@example.com'], 'Subject: no body\n\n'),
    'long': call(['alice', 'a@example.com'], 'Subject: long\n\n' + 'x' * 5000 + '\n' + 'y ' * 900 + '\n'),
    'aliases': call(['list', 'prog', 'file', 'plus+detail', 'fwd'], 'Subject: aliases\n\nhello\n'),
    'precedence': call(['alice', 'a@example.com'], 'Subject: bulk\nPrecedence: bulk\nPriority: urgent\n\nhello\n'),
    'deferred': call(['defer1@example.com', 'alice'], 'Subject: deferred\n\nhello\n'),
    'many': call(['-t'], f'To: {MANY}\nSubject: many\n\nhello\n'),
    'smtp': dialogue('MAIL FROM:<x@client.example.net> SIZE=100 BODY=8BITMIME RET=FULL ENVID=QQ314159 AUTH=<>',
                     'RCPT TO:<alice> NOTIFY=SUCCESS ORCPT=rfc822;Alice@foo.jp', 'RCPT TO:<a@example.com> NOTIFY=FAILURE,DELAY',
                     'DATA', f'Subject: smtp\r\n\r\n{EIGHT}\r\n.'),
    'deliver-by': dialogue('MAIL FROM:<x@client.example.net> BY=7200;N', 'RCPT TO:<alice>', 'RCPT TO:<a@example.com>',
                           'DATA', 'Subject: by\r\n\r\nhello\r\n.'),
    'quarantined': call(['alice'], 'Subject: quarantined\n\nhello\n', then=['-Qheld for a look']),
}


def program(who, ours):
    return ORIGINAL if who == 'original' else ours


def environment(who):
    env = dict(os.environ)
    if who == 'original':
        env['LD_LIBRARY_PATH'] = f'{O}/root/usr/lib/x86_64-linux-gnu:{O}/root/lib/x86_64-linux-gnu'
    return env


def talk(who, ours, args, lines):
    """speaks SMTP to a program on its standard input; every line waits for the reply to the one before"""
    peer = subprocess.Popen([program(who, ours), '-C', CF, *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            env=environment(who), cwd='/tmp')
    said = []
    for line in [None, *lines]:
        if line is not None:
            peer.stdin.write(line.encode('latin-1') + b'\r\n')
            peer.stdin.flush()
        while True:
            reply = peer.stdout.readline().decode('latin-1')
            said.append(reply)
            if reply[3:4] != '-':
                break
    peer.stdin.close()
    return peer.wait(30), ''.join(said)


def run(who, ours, args, text=''):
    env = environment(who)
    done = subprocess.run([program(who, ours), '-C', CF, *args], input=text.encode('latin-1'), stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=120, env=env, cwd='/tmp')
    return done.returncode, done.stdout.decode('latin-1')


def files(folder):
    return sorted(f for f in os.listdir(folder) if re.match('[a-zA-Z]f', f))


def empty(folder):
    for f in os.listdir(folder):
        path = f'{folder}/{f}'
        shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)


def queue(who, ours, name, message):
    """Queues a message; returns the folder that keeps its files."""
    empty(SPOOL)
    args = ['-Am', '-odq', *message['args']]
    if 'lines' in message:
        said = talk(who, ours, args, message['lines'])
    else:
        said = run(who, ours, args, message['stdin'])
    if 'then' in message:
        said = run('original', ours, ['-Am', *message['then']])
    kept = f'/run/kept-{who}-{name}'
    shutil.copytree(SPOOL, kept)
    if not files(kept):
        print(f'--- {name}: {who} has queued nothing: {said}')
    return kept


def arrived():
    out = []
    for f in glob.glob('/var/spool/capture/*') + glob.glob('/var/spool/mail/*'):
        text = open(f, 'rb').read().decode('latin-1')
        os.unlink(f)
        text = re.sub(r'[0-9A-Za-x]{8}\d{5,8}/', '<QID>/', text)
        text = re.sub(r'\.\d{9,11}/', '.<N>/', text)
        text = re.sub(r'<\d{12}\.', '<TSTAMP.', text)
        text = re.sub(r'SIZE=\d+|BY=\d+', '<N>', text)
        out.append('\n'.join(norm(line) for line in text.split('\n')))
    return sorted(out)


def still_queued():
    out = []
    for f in files(SPOOL):
        if f[0] == 'd':
            continue
        text = open(f'{SPOOL}/{f}', 'rb').read().decode('latin-1')
        text = re.sub(r'(?m)^([TK])\d+$', r'\1<T>', text)
        text = re.sub(r'(?m)^I\d+/\d+/\d+$', 'I<DEV>', text)
        text = re.sub(r'\.\d{9,11}/', '.<N>/', text)
        out.append(f[:2] + '\n' + '\n'.join(norm(line) for line in text.split('\n')))
    return sorted(out)


def drain(who, ours, kept):
    empty(SPOOL)
    arrived()
    for f in files(kept):
        shutil.copy2(f'{kept}/{f}', SPOOL)
    status, said = run(who, ours, ['-Am', '-q'])
    for _ in range(200):
        if not glob.glob(f'{SPOOL}/xf*') and not glob.glob('/var/spool/capture/*.tmp') and not busy():
            break
        time.sleep(0.1)
    time.sleep(0.2)
    return dict(status=status, said=said, arrived=arrived(), queued=still_queued(),
                orphans=[f[:2] for f in files(SPOOL) if f[0] not in 'qhQd'])


def busy():
    """Tells whether a queue run still goes on."""
    def runs(path):
        try:
            words = open(path, 'rb').read()
        except OSError:
            return False
        return b'sendmail' in words and b'python' not in words
    return any(runs(path) for path in glob.glob('/proc/[0-9]*/cmdline'))


def inner(case, opts):
    sink = subprocess.Popen([sys.executable, f'{HERE}/smtpsink.py'], stdout=subprocess.PIPE)
    sink.stdout.readline()
    ours, results = opts['ours'], {}
    for name, message in MESSAGES.items():
        if not re.search(opts['only'], name):
            continue
        results[name] = {}
        for writer in ('original', 'ours'):
            kept = queue(writer, ours, name, message)
            for reader in ('original', 'ours'):
                results[name][f'{writer} > {reader}'] = drain(reader, ours, kept)
    sink.kill()
    return dict(results=results)


def main():
    if sys.argv[1:2] == ['--inner']:
        return inner_main(inner, workers=1)
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument('-n', type=int, default=10)
    parser.add_argument('-k', default='')
    parser.add_argument('--readers', action='store_true')
    parser.add_argument('ours')
    a = parser.parse_args()
    case = dict(world='pub', cf='p-deliver', _file='drain')
    pairs = [('original > original', 'ours > original'), ('original > ours', 'ours > ours')]
    if a.readers:
        pairs = [('original > original', 'original > ours'), ('ours > original', 'ours > ours')]
    total = bad = 0
    for done in rerun_in_worlds(__file__, [case], dict(ours=os.path.abspath(a.ours), only=a.k)):
        for name, ways in done['results'].items():
            for wanted, got in pairs:
                total += 1
                lines = [json.dumps(ways[way], indent=1).replace('\\n', '\n').split('\n') for way in (wanted, got)]
                if lines[0] != lines[1]:
                    bad += 1
                    if bad <= a.n:
                        print(f'--- {name}: {wanted} (-), {got} (+)')
                        print('\n'.join(list(difflib.unified_diff(*lines, n=0, lineterm=''))[2:80]))
    print(f'TOTAL {total - bad}/{total} identical, {bad} different')
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
