#!/usr/bin/env python3
"""Run makemap, editmap, newaliases and praliases of two programs with every flag, on empty folders, and compare.

usage: diff_maps.py PROGRAM     PROGRAM is ours; the other one is the original, live

Compared are exit status, output, the files there are afterwards with mode and owner, and what the original reads in them.
"""
import os, shutil, subprocess, sys
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from oracle_common import *

PLACE = '/run/maps'
CF = ['-C', 'no.cf']
SPACED = (b'a\tA\nB:x y\nb C\n#c\n\nc\tD\na\tE\n  lead v\nnoval\nx   spaced value  \n"q r"\tv\nk\xe9 v\xe9\nC$\\\\\\$ z\n')
COLONS = b'a:A\nb:\nc : d e\n :x\nFoo:Bar\nfoo:baz\n'
FLAGS = [[], ['-N'], ['-f'], ['-d'], ['-o'], ['-r'], ['-v'], ['-s'], ['-e'], ['-e', '-v'], ['-t:'], ['-t:', '-e'], ['-D;'], ['-D', ';'],
         ['-c', '100'], ['-c100'], ['-t', ':'], ['-tx'], ['-u'], ['-i'], ['-Z'], ['-d', '-r'], ['-o', '-r'], ['-Nf'], ['-fv'], ['-vr'],
         ['-t'], ['-D'], ['-c'], ['-cx'], ['--'], ['-N', '-N'], ['-o', '-d'], ['-t::'], ['-D::']]
AGAIN = [[], ['-o'], ['-r'], ['-o', '-r'], ['-d'], ['-o', '-d'], ['-v'], ['-o', '-v'], ['-f', '-o'], ['-N', '-o']]
READING = [[], ['-N'], ['-t:'], ['-s'], ['-v'], ['-D;'], ['-t', ' ']]
WRONG = [[], ['hash'], ['hash', 'm', 'x'], CF, CF + ['hash'], CF + ['hash', 'm', 'x'], CF + ['nosuch', 'm'], CF + ['hash', '/run/none/m'],
         CF + ['HASH', 'm'], ['-C'], ['-C', 'none.cf', 'hash', 'm'], ['-C', 'trust.cf', 'hash', 'm'], CF + ['hash', 'm.db'],
         CF + ['text', 'm'], CF + ['dbm', 'm'], CF + ['implicit', 'm'], CF + ['hash', ''], CF + ['-u', 'hash', 'none'],
         CF + ['-u', 'nosuch', 'm'], CF + ['hash', 'm.'], CF + ['hash', 'm.x'], ['-?'], ['-h'], ['--help'], ['-V']]
TEXTS = [b'', b'\n\n', b'#\n', b'a\n', b' \n', b'a  \n', b'a b', b'x' * 3000 + b' y\n', b'a ' + b'y' * 5000 + b'\n', b'a b # c\n',
         b'a b\r\n', b'\ta b\n', b'a\t\tb\n', b'"a b" c\n', b'a "b c"\n', b'a:b\n', b'ab\\\n c\n', b'a b\n' * 3, b'A b\na c\n',
         b'#a b\n a b\n']
EDITS = ['-q hash m a', '-q hash m A', '-q hash m zz', '-q hash m Foo', '-q -f hash m Foo', '-q -N hash m a', '-x hash m a', '-x hash m A',
         '-x hash m zz', '-x -f hash m A', '-u hash m a new', '-u hash m n new', '-u hash m N New+value', '-u -f hash m N v',
         '-u -N hash m n v', '-u hash m a', '-u hash m', '-q hash m', '-q hash', '-q', '', 'hash m a', '-q -x hash m a',
         '-q -u hash m a b', '-x -u hash m a b', '-q nosuch m a', '-q btree m a', '-q hash none a', '-u hash none a b', '-q hash m a b',
         '-x hash m a b', '-Z', '-q hash m.db a', '-h', '-u hash m a b c']
ALIASES = b'a: b, c\nb: "|/bin/x y"\nList: :include:/x\n"q r": v\npostmaster: root\n# c\nx: \n y\n'
NAMES = [b'', b'# only\n', b'a\n', b': b\n', b'a:\n', b'a: b\na: c\n', b'  a: b\n', b'a: b,\n', b'a: <b\n', b'a b: c\n', b'a: b\n\tc\n',
         b'a:' + b'b,' * 3000 + b'c\n', b'A: b\n', b'a@b.c: d\ne: f\n', b'<a>: b\n', b'a (c): b\n', b'\\a: b\n', b'|prog: b\n',
         b'/file: b\n', b'a: /file, |prog, :include:/x, "|a b"\n', b'a: b # c\n', b'a: b', b'\xe9: b\n', b'a: \xe9\n', b'a!b: c\n',
         b'owner-x: y\nx: a,b\n', b'a: \\\n b\n', b'@x: b\n', b':include:/x: b\n', b'root: a\nMAILER-DAEMON: b\nPostmaster: c\n',
         b'bad: x\na: b\n', b'nomail: x\na: b\n', b'prog: x\na: b\n', b'host@foo: x\nfoo: y\n', b'temp: x\na: b\n', b'none: x\na: b\n',
         b'a,b: c\n', b'"x y"@host: b\n', b'X@Y: b\nAbC: d\n', b'a@b: c\nx\n\nq: r\n z\n: y\nq2:\n', b'a;b: c\n', b'<>: c\n', b'@: c\n',
         b'(x): c\n', b'a . b: c\n']
ALIAS_CF = '''V10/Berkeley
O QueueDirectory=/var/spool/mqueue
O AliasFile=%s
Mlocal, P=/bin/true, F=lsDFMAw5:/|@qSPfhn9, S=0, R=0, A=true -d $u
Mprog, P=/bin/sh, F=lsDFMoqeu9, S=0, R=0, D=$z:/, A=sh -c $u
Msmtp, P=[IPC], F=mDFMuX, S=0, R=0, E=\\r\\n, L=990, A=TCP $h
S0
Rbad\t$#error $@ 5.1.1 $: "550 no such"
Rnomail\t$#nosuch $: a
Rprog\t$#prog $: a
Rhost@$*\t$#local $: $1
Rtemp\t$#error $@ 4.1.1 $: "450 later"
Rnone\t$#local
R$*@$*\t$#smtp $@ $2 $: $1@$2
R$*\t$#local $: $1
S1
S2
S3
S4
'''
ALIAS_FILES = {'al': 'maps/al', 'nosuch': 'nosuch', 'two': 'maps/al, /run/maps/al2', 'hash': 'hash:/run/maps/al',
               'btree': 'btree:/run/maps/al', 'missing': 'maps/none', 'optional': 'hash:-o /run/maps/none', 'text': 'text:/run/maps/al',
               'implicit': 'implicit:/run/maps/al', 'folder': 'none/none', 'flags': 'hash -N:/run/maps/al'}


def put(name, text):
    return ('put', name), text


def cases():
    """Each is a list of commands with their input."""
    make = ['makemap'] + CF
    for kind in 'hash', 'btree':
        for flags in FLAGS:
            for text in SPACED, COLONS:
                yield [(make + flags + [kind, 'm'], text)]
        for flags in AGAIN:
            yield [(make + [kind, 'm'], b'a one\nb two\n'), (make + flags + [kind, 'm'], b'a three\nc four\n')]
        for flags in READING:
            for first in [], ['-N']:
                yield [(make + first + [kind, 'm'], b'a A\nb B c\n'), (make + flags + ['-u', kind, 'm'], b'')]
    yield from ([(['makemap'] + words, b'a b\n')] for words in WRONG)
    yield from ([(make + ['hash', 'm'], text)] for text in TEXTS)
    for flags in [], ['-N']:
        for edit in EDITS:
            yield [(make + flags + ['hash', 'm'], b'a one\nb two\nFoo three\n'),
                   (['editmap'] + CF + [word.replace('+', ' ') for word in edit.split()], b'')]
    texts = [put('al', ALIASES), put('al2', b'zz: a\n')]
    for name in ALIAS_FILES:
        for words in ['newaliases'], ['sendmail', '-bi'], ['newaliases', '-v']:
            yield texts + [(words + ['-C', f'/run/{name}.cf'], b'')]
    for text in NAMES:
        yield [put('al', text), (['newaliases', '-C', '/run/al.cf'], b''), (['praliases', '-C', '/run/al.cf'], b'')]
    for keys in [], ['a'], ['A'], ['zz'], ['List'], ['list'], ['a', 'b'], ['-f', '/run/maps/al'], ['-f', '/run/maps/none'], ['-Z'], ['q r']:
        yield texts + [(['newaliases', '-C', '/run/al.cf'], b''), (['praliases', '-C', '/run/al.cf'] + keys, b'')]


def run(program, words, text):
    if words[0] == 'put':
        with open(words[1], 'wb') as f:
            f.write(text)
        return None
    executable = program or f'{O}/bin/{words[0]}'
    done = subprocess.run(words, executable=executable, input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    # What the library of the original says beside it.
    return done.returncode, [line for line in done.stdout.split(b'\n') if not line.startswith(b'BDB')]


def result(program, case):
    """What comes of a case in an empty folder."""
    shutil.rmtree(PLACE, ignore_errors=True)
    os.makedirs(PLACE, mode=0o755)
    os.chdir(PLACE)
    for name, text in ('no.cf', ''), ('trust.cf', 'V10\nO TrustedUser=daemon\n'):
        with open(name, 'w') as f:
            f.write(text)
    lines = [run(program, words, text) for words, text in case]
    for name in sorted(os.listdir('.')):
        stat = os.stat(name)
        lines.append((name, oct(stat.st_mode), stat.st_uid))
        if name.endswith('.db'):
            readings = [run(None, ['makemap'] + CF + ['-u', kind, name], b'') for kind in ('hash', 'btree')]
            lines.append(next((sorted(said) for status, said in readings if status == 0), 'unreadable'))
    return lines


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    if not in_world():
        os.execv(sys.executable, [sys.executable, f'{HERE}/sandbox.py', 'pub', sys.executable] + [os.path.abspath(a) for a in sys.argv])
    for name, spec in ALIAS_FILES.items():
        with open(f'/run/{name}.cf', 'w') as f:
            f.write(ALIAS_CF % (f'/run/{spec}' if spec.startswith(('maps', 'none')) else spec))
    total = different = 0
    for case in cases():
        total += 1
        theirs, ours = result(None, case), result(sys.argv[1], case)
        if theirs != ours:
            different += 1
            print('---', *[(words, text[:80]) for words, text in case], sep='\n    ')
            for line, other in zip(theirs, ours):
                if line != other:
                    print('  original', line, '\n  ours    ', other)
            if len(theirs) != len(ours):
                print('  files', theirs[len(case):], '\n  ours ', ours[len(case):])
    print(f'TOTAL {total - different}/{total} identical, {different} different')
    sys.exit(different != 0)


main()
