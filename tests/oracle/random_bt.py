#!/usr/bin/env python3
"""Random sessions of test mode over real configurations: each line of the answers against the original, live.

usage: random_bt.py [-s SEED] [-c LINES] [-n SHOW] PROGRAM [FILE.cf ...]

PROGRAM is our sendmail. Without files, the stock configurations of the worlds are tried, and what PROGRAM makes of the set-ups in
etc/mail. A session evaluates rulesets (traced or not), parses, tries mailers, asks maps, and changes macros and classes between.
"""
import argparse, glob, os, random, re, subprocess, sys, tempfile
from itertools import zip_longest
from oracle_common import *

ADDRESSES = '''
a@b.c <a@b> a%b@c b!a b!c!a@d <@a,@b:c@d> a@[192.0.2.1] a@[IPv6:2001:db8::10] a::b "a@b"@c.d a\\@b@c a@b.c. @ @b:a@c
a@hoge.foo.jp <> a+b@c alice bob@foo.jp root alice+x postmaster@foo.jp a@localhost a@[127.0.0.1] x@y.UUCP u@h.bitnet |/bin/x
/dev/null :include:/x \\alice user@sub.foo.jp a@hoge.foo.jp. a%foo.jp@hoge.foo.jp hoge!a a@FOO.JP user@[IPv6:::1] a@.b a@b.
a@b..c .a@b a@@b 192.0.2.1 IPv6:2001:db8::1 [192.0.2.1] foo.jp hoge.foo.jp mx.example.com example.com
'''.split() + ['a b <c@d> (e)', '"a b"@c', 'a@b, c@d', 'a: b, c;', '"|/bin/true a"', 'Név <a@b>']
WORDS = 'a b foo jp hoge localhost alice bob com example 192.0.2.1 127.0.0.1 x-y A IPv6 2001 db8 10 uucp include é $1'.split()
BYTES = [b'\xff', b'\x80', b'\x0b', b'\x01']
OPERATORS = '@ @ . . . ! % : ; , < > ( ) [ ] " \\ + - / | $| :: @@ .. = # *'.split() + [' ', '\t']
RULESETS = '''
3,0 3,0 0 3 1 2 4 5 3,1,4 3,2,4 canonify parse final localaddr check_rcpt check_mail check_relay check_compat check_eoh trust_auth
tls_rcpt tls_server tls_client greet_pause Local_check_rcpt Local_check_mail Basic_check_relay Basic_check_mail Basic_check_rcpt
checkmail checkrcpt Relay_ok CanonAddr ParseRecipient MailerToTriple Parse0 ParseLocal SearchList LookUpDomain LookUpAddress D A F
RateControl ConnControl EnvFromSMTP EnvToSMTP HdrFromSMTP EnvFromL EnvToL HdrFromL HdrToL AddDomain MasqHdr MasqEnv MasqSMTP
PseudoToReal RelayTLS LocalRelay
'''.split()
MAILERS = 'local smtp esmtp relay prog *file* smtp8 dsmtp uucp uucp-dom uucp-old procmail usenet'.split()
MACROS = '''
{client_addr} {client_name} {client_resolve} {client_ptr} {verify} {daemon_flags} {auth_type} {auth_authen} {deliveryMode}
{mail_addr} {mail_host} {mail_mailer} {rcpt_addr} {rcpt_host} {rcpt_mailer} {tls_version} {server_addr} {server_name} {addr_type}
{client_rate} {client_connections} {currHeader} {quarantine} {bodytype} f s r h u j z
'''.split()
VALUES = ['', 'OK', 'FAIL', 'NO', 'c u', 'f', 'u', '9', 'e r', 'h', 'd', 'CRAM-MD5', '192.0.2.1', '127.0.0.1', 'x.example.com']
CLASSES = 'w m R E M P L {Persistent} {tls}'.split()
MAPS = 'access mailertable virtuser generics domaintable host dequote arith resolve user canonify storage'.split()
# What ours says alone: which line of the .mc asked, and that it was built without a feature.
OURS_ALONE = re.compile(r' \([^ ()]*\.mc:\d+ .*\)$')
# What a process that has died of a signal ends with, itself or in a shell.
DEATHS = (-11, 139)
SESSION_LINES = 300
NOT_BUILT = 'this program was built without the feature'
# QUIRK(host-literal-status)
LITERAL_STATUS = re.compile(r'(map_lookup: \w+ \(\[.*\) no match) \(69\)')


def address(lot):
    """Something like an address."""
    kind = lot.random()
    if kind < .35:
        return lot.choice(ADDRESSES).encode()
    if kind < .5:
        text = bytearray(lot.choice(ADDRESSES).encode())
        for _ in range(lot.randint(1, 3)):
            at = lot.randint(0, len(text))
            text[at:at + lot.randint(0, 1)] = lot.choice(OPERATORS + WORDS).encode()
        return bytes(text)
    parts = (lot.choice(OPERATORS if lot.random() < .45 else WORDS).encode() for _ in range(lot.randint(1, 9)))
    return b''.join(part if lot.random() < .97 else lot.choice(BYTES) for part in parts)


def line(lot):
    """One line of a session."""
    def some(words):
        return lot.choice(words).encode()
    kind = lot.random()
    if kind < .45:
        text = some(RULESETS) + b' ' + address(lot)
    elif kind < .6:
        text = some(RULESETS) + b' ' + address(lot) + b' $| ' + address(lot)
    elif kind < .7:
        text = b'/parse ' + address(lot)
    elif kind < .8:
        text = b'/try ' + some(MAILERS) + b' ' + address(lot)
    elif kind < .82:
        text = b'/tryflags ' + some(['HS', 'ES', 'HR', 'ER'])
    elif kind < .92:
        text = b'.D' + some(MACROS) + (some(VALUES) if lot.random() < .6 else address(lot))
    elif kind < .93:
        text = b'.C' + some(CLASSES) + b' ' + some(WORDS)
    elif kind < .95:
        text = b'$' + some(MACROS)
    elif kind < .96:
        text = b'$=' + some(CLASSES)
    elif kind < .965:
        text = b'-d21.' + some(['0', '1', '2', '4', '12', '13'])
    elif kind < .975:
        text = b'=S' + some(RULESETS) if lot.random() < .7 else b'=M'
    else:
        text = b'/map ' + some(MAPS) + b' ' + address(lot)
    return text + b'\n'


def answers(argv, session):
    """The normalised lines of what a program answers, and its exit status; none if a feature that is missing made it."""
    with tempfile.TemporaryFile() as out:
        status = subprocess.run(argv, input=session, stdout=out, stderr=subprocess.STDOUT, cwd='/tmp', timeout=300).returncode
        out.seek(0)
        lines = [OURS_ALONE.sub('', norm(text.decode('latin-1').rstrip('\n'))) for text in out]
        lines = [LITERAL_STATUS.sub(r'\1 (68)', text) for text in lines]
        built = [text for text in lines if NOT_BUILT not in text]
        return built, status if built == lines else None


def try_session(program, file, lot, count):
    """Compares one session; returns how many lines were compared, and what differs."""
    session = b''.join(line(lot) for _ in range(count))
    theirs, status = answers([f'{O}/bin/sendmail', '-bt', '-C', file], session)
    ours, our_status = answers([program, '-bt', '-C', file], session)
    shown = []
    if status in DEATHS:
        # It cannot be known what it would have said.
        theirs, ours = theirs[:-1], ours[:len(theirs) - 1]
    if our_status in DEATHS or None is not our_status != status not in DEATHS:
        shown.append(f'  ends with status {status}, ours with {our_status}')
    for n, (a, b) in enumerate(zip_longest(theirs, ours)):
        if a != b:
            before = [f'    {text}' for text in ours[max(0, n - 3):n]]
            shown.append('\n'.join(before + [f'  - {a}', f'  + {b}']))
    return len(theirs), shown


def try_configuration(program, file, seed, count, show):
    """Compares sessions, each by processes of its own; tells whether all is alike."""
    lot = random.Random(f'{seed} {os.path.basename(file)}')
    compared, different = 0, []
    for _ in range(0, count, SESSION_LINES):
        lines, shown = try_session(program, file, lot, min(count, SESSION_LINES))
        compared += lines
        different += shown
    print(f'{file}: {compared} lines, {len(different)} different')
    print(''.join(f'{text}\n' for text in different[:show]), end='')
    return not different and compared > count / 2


def made(program, folder):
    """Makes the set-ups of the repository; returns their files."""
    makecf = os.path.join(folder, 'makecf')
    os.symlink(program, makecf)
    files = []
    for source in sorted(glob.glob(f'{HERE}/../../etc/mail/*.mc')):
        files.append(os.path.join(folder, os.path.basename(source)[:-2] + 'cf'))
        with open(files[-1], 'wb') as out:
            subprocess.run([makecf, source], stdout=out, check=True)
    return files


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument('-s', dest='seed', type=int, default=1)
    parser.add_argument('-c', dest='count', type=int, default=3000)
    parser.add_argument('-n', dest='show', type=int, default=5)
    parser.add_argument('program')
    parser.add_argument('files', nargs='*')
    args = parser.parse_args()
    if not in_world():
        sys.exit(subprocess.run([sys.executable, f'{HERE}/sandbox.py', 'pub', sys.executable, *sys.argv]).returncode)
    program = os.path.abspath(args.program)
    with tempfile.TemporaryDirectory(dir='/tmp') as folder:
        os.chmod(folder, 0o755)
        files = args.files or sorted(glob.glob(f'{O}/cf/*.cf')) + made(program, folder)
        alike = [try_configuration(program, file, args.seed, args.count, args.show) for file in files]
    print(f'TOTAL {sum(alike)}/{len(alike)} configurations alike')
    sys.exit(not alike or not all(alike))


if __name__ == '__main__':
    main()
