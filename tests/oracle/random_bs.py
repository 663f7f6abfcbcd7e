#!/usr/bin/env python3
"""Random SMTP dialogues: replies, log lines and queue files of our program against those of the original, live.

usage: random_bs.py [-s SEED] [-c COUNT] [-f FIRST] [-n SHOW] [--keep OUT.jsonl] OUR_CMD

OUR_CMD  as for diff_bs.py, e.g. '/path/to/sendmail -bs -C {cf}'
A dialogue is made of transactions, of single commands in any order, and of lines of the recorded dialogues; some are broken a
little. What differs is made small: the elements of a dialogue that do not matter are left out. --keep writes these cases.
"""
import argparse, glob, json, random, re, sys
from diff_bs import REF_BS, differences, inner, print_difference
from oracle_common import *

RECORDED = f'{HERE}/golden/bs-*.jsonl'
CONFIGURATIONS = ['seed-sendmail'] * 4 + ['p-custom', 'p-relay', 'p-spam', 'p-masq', 'p-virt', 'p-deliver']
CLIENTS = ['192.0.2.77'] * 4 + ['127.0.0.1', '192.0.2.99', '198.51.100.7', '2001:db8::77']
ADDRESSES = [
    'a@foo.jp', 'root', 'postmaster', 'user@[127.0.0.1]', 'u@hoge.foo.jp', '"q x"@foo.jp', '<>', 'a%b@foo.jp', '@a,@b:c@d.org',
    'u@example.net', 'u!v', 'nosuch@hoge.foo.jp', 'u@sub.example.com', 'u+d@foo.jp', 'u@', '@foo.jp', 'u@foo..jp', 'u@foo.jp.',
    '"u@x"@foo.jp', '\\u@foo.jp', 'u@[192.0.2.10]', 'u@[IPv6:::1]', 'u@[300.1.1.1]', 'u@xn--a.jp', 'ü@foo.jp', 'a b@foo.jp',
    '(c)u@foo.jp', 'u(c)@foo.jp', 'u@localhost', 'u@192.0.2.10', 'a,b@foo.jp', 'x:y;', '|prog', '/file', ':include:/x',
    'u@foo.jp,v@foo.jp', '"|x"@foo.jp', 'postmaster@foo.jp', 'abuse@foo.jp', 'MAILER-DAEMON', 'u@unknown-tld', 'u@nomx.example.org',
    'list', 'owner-list', 'alice', 'plus+detail', '']
OF_MAIL = [
    'SIZE=100', 'SIZE=', 'SIZE=x', 'BODY=8BITMIME', 'BODY=7BIT', 'BODY=x', 'RET=FULL', 'RET=HDRS', 'RET=x', 'ENVID=abc',
    'ENVID=a+3Db', 'ENVID=a b', 'ENVID=', 'AUTH=<>', 'AUTH=a@b', 'BY=100;R', 'BY=-5;N', 'BY=0;R', 'BY=x', 'BY=5;RT', 'FOO', 'FOO=bar',
    'SMTPUTF8', 'size=1', 'RET=FULL RET=HDRS', '=', 'SIZE']
OF_RCPT = [
    'NOTIFY=NEVER', 'NOTIFY=SUCCESS,FAILURE', 'NOTIFY=SUCCESS,NEVER', 'NOTIFY=DELAY', 'NOTIFY=x', 'NOTIFY=', 'ORCPT=rfc822;a@b', 'ORCPT=a',
    'ORCPT=rfc822;', 'ORCPT=x y', 'ORCPT=rfc822;a+20b@c', 'FOO', 'FOO=1', 'NOTIFY=SUCCESS NOTIFY=FAILURE', 'BY=1', 'SIZE=3']
HOSTS = ['client.example.net', '[192.0.2.77]', 'x', 'a b', '', 'foo.jp', '-x', 'x_y', 'é', '192.0.2.77', 'hoge.foo.jp']
# No ETRN that finds something to do: its run and the session would race.
OTHERS = [
    'RSET', 'NOOP', 'NOOP x', 'HELP', 'HELP mail', 'HELP nope', 'ETRN nosuch.example', 'ETRN #q', 'ETRN @nosuch.example', 'ETRN', 'ONEX', 'QUIT x',
    'TURN', 'SEND FROM:<a>', 'SOML FROM:<a>', 'SAML FROM:<a>', 'DEBUG', 'WIZ', 'STARTTLS', 'AUTH X =', 'BDAT 5', 'XUSR', '', '   ', 'MAIL', 'RCPT',
    'GET / HTTP/1.0', 'RSET x', 'HELO', 'EHLO', '.']
FIELDS = [
    'From: a@foo.jp', 'To: b@foo.jp', 'Subject: x', 'Date: Mon, 1 Jan 2024 00:00:00 +0000', 'Message-Id: <x@y>', 'Received: from x',
    'Return-Path: <q@r>', 'Bcc: c@d', 'Cc: (c) "x y" <a@b>', 'X-Long: ' + 'y' * 300, 'Content-Type: text/plain; charset=utf-8', 'Bad Header: x',
    'NoColon', 'From: a@b, c@d', 'Apparently-To: z', 'Errors-To: e@f', 'Return-Receipt-To: g', 'Priority: urgent', 'Precedence: bulk',
    'Content-Length: 3', 'Full-Name: Foo B', 'Resent-From: r@s', 'Sender: s', 'Subject:', 'X :y', 'To: undisclosed-recipients:;', 'To: a:b,c;,d',
    'MIME-Version: 1.0', 'Comments: (unbalanced', 'From: "unbalanced <a@b>', 'To: <a@b', 'Status: R', 'X-8: ü']
TEXT = ['text', '', '.. dots', 'From x', 'é', 'z' * 1200, '>From']
# Not add-to: the original also names unknown users (QUIRKS, added-to-names-all).
OPTIONS = [
    'PrivacyOptions=authwarnings,novrfy,noexpn', 'PrivacyOptions=goaway', 'PrivacyOptions=needmailhelo,needexpnhelo,needvrfyhelo',
    'MaxRecipientsPerMessage=2', 'MaxMessageSize=500', 'BadRcptThrottle=1', 'MaxHeadersLength=16384', 'AllowBogusHELO=True', 'EightBitMode=strict',
    'SevenBitInput=True', 'NoRecipientAction=add-bcc', 'NoRecipientAction=add-to-undisclosed', 'DeliverByMin=60',
    'PrivacyOptions=noreceipts,nobodyreturn,noetrn,noverb', 'MaxHopCount=1', 'ColonOkInAddr=False', 'SingleLineFromHeader=True',
    'SmtpGreetingMessage=$j hi', 'HelpFile=/nonexistent', 'MaxAliasRecursion=1', 'MinFreeBlocks=1', 'UnsafeGroupWrites=True', 'MatchGECOS=True',
    'DontExpandCnames=True', 'SendMimeErrors=False', 'MeToo=False', 'OldStyleHeaders=False', 'AllowBogusHELO=False']


def broken(r, line):
    """Changes a line at a few places."""
    s = list(line)
    for _ in range(r.randint(1, 3)):
        kind, at = r.random(), r.randrange(len(s) + 1)
        last = min(at, len(s) - 1)
        if kind < .4:
            s.insert(at, r.choice(list('<>@ "\\(),:;.[]%!=\t-+') + ['é', '\x01', '\x7f']))
        elif kind < .7 and s:
            s[last:last + 1] = [] if kind < .6 else [s[last].swapcase()]
        elif kind < .8:
            s += ' ' + r.choice(OF_MAIL + OF_RCPT)
        elif kind < .9 and s:
            s.insert(last, s[last])
        else:
            s = list(''.join(s).upper() if r.random() < .5 else ''.join(s).lower())
    return ''.join(s).replace('\n', ' ').replace('\r', ' ')


def bracketed(r, address):
    return r.choices([f'<{address}>', address, f'Name <{address}>', f'<{address}'], [80, 10, 5, 5])[0]


def parameters(r, known):
    return ''.join(' ' + r.choice(known) for _ in range(r.choice([0, 0, 0, 1, 1, 2])))


def command(r, lines):
    kind = r.random()
    if kind < .18:
        c = r.choice(['MAIL FROM:', 'MAIL From: ', 'mail from:', 'MAIL FROM']) + bracketed(r, r.choice(ADDRESSES)) + parameters(r, OF_MAIL)
    elif kind < .45:
        c = r.choice(['RCPT TO:', 'RCPT TO: ', 'rcpt to:', 'RCPT']) + bracketed(r, r.choice(ADDRESSES)) + parameters(r, OF_RCPT)
    elif kind < .55:
        c = r.choice(['VRFY ', 'EXPN ', 'vrfy ', 'EXPN  ']) + r.choice(ADDRESSES)
    elif kind < .60:
        c = r.choice(['HELO ', 'EHLO ']) + r.choice(HOSTS)
    else:
        c = r.choice(OTHERS if kind < .68 else lines)
    return broken(r, c) if r.random() < .2 else c


def message(r, bodies):
    if r.random() < .3:
        return r.choice(bodies)
    header = [r.choice(FIELDS) for _ in range(r.randint(0, 6))]
    if r.random() < .2:
        header.insert(r.randrange(len(header) + 1), '\tcontinued ' + r.choice(['x', '(y', '"z']))
    text = [r.choice(TEXT) for _ in range(r.randint(0, 4))]
    text = ['.' + line if line.startswith('.') and r.random() < .7 else line for line in text]
    return '\n'.join(header + r.choice([[''], ['', ''], []]) + text + ['.'])


def transaction(r, lines, bodies):
    sender = r.choice(['', 'a@example.net', 'u@foo.jp', 'a@example.com'])
    out = [f'MAIL FROM:<{sender}>' + (' ' + r.choice(OF_MAIL) if r.random() < .3 else '')]
    for _ in range(r.randint(1, 3)):
        recipient = r.choice(['u@hoge.foo.jp', 'root@foo.jp', 'postmaster', 'a@example.org', 'u@foo.jp', 'list', 'alice'])
        out.append(f'RCPT TO:<{recipient}>' + (' ' + r.choice(OF_RCPT) if r.random() < .3 else ''))
    if r.random() < .3:
        out.append(command(r, lines))
    return out + ['DATA', message(r, bodies)]


def recorded():
    """The lines and the message texts of the recorded dialogues."""
    lines, bodies = set(), set()
    for case in load_cases(sorted(glob.glob(RECORDED))):
        before = ''
        for element in case['in']:
            if isinstance(element, str) and len(element) <= 3000:
                is_body = '\n' in element or element.endswith('.') and before.upper().startswith('DATA')
                (bodies if is_body else lines).add(element)
                before = element
    # VERB writes to the client during delivery, ETRN's run races, DATA wants an answer; space that is low is told several times.
    unfit = re.compile(r'\s*(VERB|ETRN|DATA)|.*SIZE=\d{9}', re.I)
    return (sorted(line for line in lines if not unfit.match(line)),
            sorted(body for body in bodies if body == '.' or body.endswith('\n.')))


def random_case(seed, number, lines, bodies):
    r = random.Random(f'{seed}/{number}')
    elements = [r.choice(['EHLO client.example.net', 'HELO client.example.net', 'EHLO [192.0.2.77]', 'EHLO x'])] if r.random() < .8 else []
    for _ in range(r.randint(1, 3)):
        elements += transaction(r, lines, bodies) if r.random() < .6 else [command(r, lines) for _ in range(r.randint(2, 6))]
    if r.random() < .8:
        elements.append('QUIT')
    elements = [e for e in elements if e == 'DATA' or not e.upper().lstrip().startswith(('DATA', 'VERB'))]
    case = {'id': f'r-bs-{seed}-{number}', '_file': f'seed {seed}', 'world': 'pub', 'cf': r.choice(CONFIGURATIONS),
            'client': r.choice(CLIENTS), 'in': elements}
    if r.random() < .25:
        case['cf_add'] = ['O ' + r.choice(OPTIONS)]
    return case


def ask(cases, command_line):
    return list(rerun_in_worlds(f'{HERE}/random_bs.py', cases, {'ref': REF_BS, 'our': command_line}))


def differs(case):
    return bool(differences(case))


def smaller(case):
    """The cases that have one element less; a message goes with its DATA."""
    elements = case['in']
    for i, element in enumerate(elements):
        if i and elements[i - 1] == 'DATA':
            continue
        behind = i + 2 if element == 'DATA' else i + 1
        yield {**case, 'in': elements[:i] + elements[behind:]}
    if 'cf_add' in case:
        yield {key: value for key, value in case.items() if key != 'cf_add'}


def made_small(cases, command_line):
    """The cases, each without the elements that do not matter."""
    done = []
    while cases:
        plain = [{key: value for key, value in case.items() if key not in ('ref', 'our')} for case in cases]
        found = {}
        for case in ask([c for p in plain for c in smaller(p)], command_line):
            if differs(case):
                found.setdefault(case['id'], case)
        done += [case for case in cases if case['id'] not in found]
        cases = list(found.values())
    return done


def main():
    if sys.argv[1:2] == ['--inner']:
        return inner_main(inner, workers=1)
    ap = argparse.ArgumentParser(usage=__doc__)
    ap.add_argument('-s', default='1')
    ap.add_argument('-c', type=int, default=100)
    ap.add_argument('-f', type=int, default=0)
    ap.add_argument('-n', type=int, default=10)
    ap.add_argument('--keep')
    ap.add_argument('our')
    a = ap.parse_args()
    lines, bodies = recorded()
    cases = ask([random_case(a.s, n, lines, bodies) for n in range(a.f, a.f + a.c)], a.our)
    bad = made_small([c for c in cases if differs(c)][:a.n], a.our)
    for case in bad:
        print_difference(case)
        print('   ', json.dumps(case['in']), case.get('cf_add', ''))
    if a.keep:
        with open(a.keep, 'w') as f:
            for case in bad:
                f.write(json.dumps({key: value for key, value in case.items() if key not in ('ref', 'our', '_file')}) + '\n')
    return report(cases, 0, lambda c: not differs(c), print_difference)


if __name__ == '__main__':
    sys.exit(main())
