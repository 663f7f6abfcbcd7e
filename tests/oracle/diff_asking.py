#!/usr/bin/env python3
"""Maps that ask servers, with every flag and hostile answers: two programs in test mode, compared.

usage: diff_asking.py PROGRAM     PROGRAM is ours; the other one is the original, live

Socket maps ask a server of this test, which answers as the key says; dns and bestmx maps ask the name server of the world. What
is said of a server that fails, and how often, is not compared: ours says it once, and connects again where the original waits
for the next process. The second look-up of the rule goes on with a connection on which nothing went wrong.
"""
import contextlib, difflib, os, re, socket, subprocess, sys, threading
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from oracle_common import *

PORT = 7788
SOCKET = '/run/asked'
FLAGS = ['', '-m', '-o', '-f', '-N', '-O', '-N -O', '-q', '-a.x', '-T.tf', '-t', '-t -T.tf', '-d1s', '-d', '-dx', '-D', '-S+', '-A', '-l',
         '-kx', '-vy', '-z:', '-Z', '-m -a.x', '-f -a.x', '-a', '-m -T.tf', '-r2', '-o -t', '-Q', '-a.x -m -f', '-L3', '-P', '-1']
PLACES = ['unix:/run/asked', 'local:/run/asked', '/run/asked', f'inet:{PORT}@127.0.0.1', f'inet:{PORT}@localhost',
          'unix:/run/none', 'local:', 'unix:', 'inet:1@127.0.0.1', f'inet:{PORT}', 'inet:', 'inet:@127.0.0.1', 'bogus:/run/asked', '',
          'run/asked', f'inet:{PORT}@nosuch.example.com', f'inet6:{PORT}@::1', f'inet6:{PORT}@[::1]', '-o unix:/run/none', '-t unix:/run/none',
          '-o inet:1@127.0.0.1', 'unix:/run/asked x', 'unix: /run/asked']
# What the server sends for a key; a plain key is answered with itself. (`OK` alone ends the original with a fault of memory.)
ANSWERS = {
    'none': b'9:NOTFOUND ,', 'nonebare': b'8:NOTFOUND,', 'temp': b'10:TEMP later,', 'timeout': b'9:TIMEOUT x,', 'perm': b'7:PERM no,',
    'what': b'6:WHAT x,', 'lower': b'4:ok x,', 'okempty': b'3:OK ,', 'okspaces': b'7:OK a  b,', 'empty': b'0:,',
    'prefix': b'5:OKAY ,', 'temps': b'7:TEMPS x,', 'nul': b'6:OK a\0b,', 'line': b'6:OK a\nb,', 'eight': b'5:OK \xe9\x81,', 'zeros': b'0004:OK x,', 'spaces': b' 4:OK x,',
}
# Answers after which the connection is of no use.
HOSTILE = {
    'huge': b'999999999999:OK x,', 'large': b'9999999:' + b'x' * 4096, 'negative': b'-1:OK x,', 'nocomma': b'4:OK xy', 'nodigits': b':OK x,',
    'words': b'OK x\n', 'short': b'9:OK x', 'close': b'',
}
TOLD = re.compile(r'socket_map_lookup\(m\): .*\n|socket map "m": .*\n|^(> )+', re.M)
DNS_FLAGS = ['', '-m', '-o', '-f', '-N', '-a.x', '-T.tf', '-t', '-t -T.tf', '-d1s', '-r1', '-z:', '-z: -Z1', '-Z2', '-z', '-q', '-Bfoo.jp',
             '-B.foo.jp', '-Bfoo.jp.', '-D', '-S+', '-A', '-kx', '-vy', '-m -z:', '-a.x -z:', '-Q', '-L1']
DNS_TYPES = ['A', 'AAAA', 'CNAME', 'MX', 'NS', 'PTR', 'SRV', 'TXT', 'AFSDB', 'a', 'ANY', 'SOA', '']
DNS_KEYS = ['hoge.foo.jp', 'HOGE.foo.jp', 'hoge.foo.jp.', 'hoge', 'foo.jp', 'www.foo.jp', 'example.com', 'nosuch.example.com', 'cnloop.example.com',
            '192.0.2.10', '10.2.0.192.in-addr.arpa', '[192.0.2.10]', 'literal.example.com', 'a..b', '.', 'x' * 70 + '.foo.jp', 'a.' * 130 + 'jp']


def answer(stream):
    """Serves one connection."""
    with contextlib.suppress(OSError), stream, stream.makefile('rb') as reader:
        while True:
            length = b''
            while (byte := reader.read(1)) not in (b':', b''):
                length += byte
            if not length.isdigit():
                return
            question = reader.read(int(length) + 1)[:-1].decode('latin-1')
            key = question.split(' ', 1)[-1]
            if key == 'never':
                threading.Event().wait(30)
            if key in HOSTILE:
                stream.sendall(HOSTILE[key])
                return
            text = b'OK ' + question.encode('latin-1')
            stream.sendall(ANSWERS.get(key) or b'%d:%s,' % (len(text), text))


def serve(listener):
    while True:
        threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()


def listen():
    local = socket.socket(socket.AF_UNIX)
    local.bind(SOCKET)
    number = socket.create_server(('127.0.0.1', PORT))
    for listener in local, number:
        listener.listen(64)
        threading.Thread(target=serve, args=(listener,), daemon=True).start()


def cases():
    """A map each, and what is looked up in it."""
    for flags in FLAGS:
        yield f'socket {flags} unix:{SOCKET}', ['a', 'A B', *ANSWERS]
    for place in PLACES:
        yield f'socket {place}', ['a', 'B', 'none']
    for flags in '', '-o', '-t', '-T.tf', '-m':
        for key in HOSTILE:
            yield f'socket {flags} unix:{SOCKET}', [key]
    for flags in '-d1s', '-d1s -t', '-d1s -T.tf':
        yield f'socket {flags} unix:{SOCKET}', ['never']
    for kind in DNS_TYPES:
        yield f'dns -R{kind}', DNS_KEYS
        yield f'dns -R{kind} -z: -a.x', DNS_KEYS
    for flags in DNS_FLAGS:
        for kind in 'A', 'MX':
            yield f'dns -R{kind} {flags}', DNS_KEYS
            yield f'dns {flags} -R{kind}', DNS_KEYS[:7]
        yield f'bestmx {flags}', [key for key in DNS_KEYS if key != 'hoge']


def result(program, line, keys):
    """What a program says to the look-ups by hand and by a rule."""
    with open('/run/asking.cf', 'w') as f:
        f.write(f'V10/Berkeley\nO ResolverOptions=\nKm {line}\nMlocal, P=/bin/true, F=, A=true $u\nMprog, P=/bin/true, F=, A=true $u\n'
                'Sone\nR$*\t\t$: < $( m $1 $: none $) >\nStwo\nR$*\t\t$: $( m $1 $@ arg $@ two $)\n')
    said = ''.join(f'/map m {key}\none {key}\ntwo {key}\n' for key in keys)
    done = subprocess.run(['sendmail', '-bt', '-C', '/run/asking.cf'], executable=program, input=said.encode('latin-1'),
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
    return [line for line in TOLD.sub('', done.stdout.decode('latin-1')).split('\n') if line]


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    if not in_world():
        os.execv(sys.executable, [sys.executable, f'{HERE}/sandbox.py', 'pub', sys.executable] + [os.path.abspath(a) for a in sys.argv])
    listen()
    total = different = 0
    for line, keys in cases():
        total += 1
        theirs, ours = result(f'{O}/bin/sendmail', line, keys), result(sys.argv[1], line, keys)
        if theirs != ours:
            different += 1
            print('---', line)
            print(*difflib.unified_diff(theirs, ours, 'original', 'ours', n=1, lineterm=''), sep='\n')
    print(f'TOTAL {total - different}/{total} identical, {different} different')
    sys.exit(different != 0)


main()
