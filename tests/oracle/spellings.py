#!/usr/bin/env python3
"""Writes SMTP cases that try to relay through the site by every spelling of a recipient.

usage: spellings.py >CASES.jsonl

A stranger names a recipient elsewhere in hundreds of ways; diff_bs.py compares what both programs answer under the stock
configuration and under the site's own.  Each case ends with a message to all recipients that were taken, so that the queue
file tells who they are.
"""
import itertools, json

THEM, US, LITERAL = 'example.com', 'hoge.foo.jp', '[192.0.2.10]'
USERS = ['victim', 'alice']
HOSTS = [THEM, US, LITERAL, 'localhost', 'www.foo.jp', 'HOGE.foo.JP', 'EXAMPLE.com', THEM + '.', US + '.', THEM + '..', US + '..',
         '[198.51.100.11]', '[IPv6:2001:db8:1::11]', '[2001:db8:1::11]', '198.51.100.11', '[]', '[' + US + ']', '[' + THEM + ']',
         '[1]', '0xc633640b', 'foo.jp', 'sub.foo.jp', 'hoge', '', '.', '.' + THEM, US + '.' + THEM, 'example.com.UUCP',
         'example.com.BITNET', 'nosuch.example.com', 'nullmx.example.org']
SINGLE = [
    # nobody, and no domain
    '<>', '<@>', '<@@>', '<@%s>' % US, '<@%s>' % THEM, '<alice@>', '<victim>', '<alice>', '<ALICE>', '<"alice">', '<\\alice>',
    '<postmaster>', '<Postmaster>', '<root>', '<alice%>', '<%alice>', '<!alice>', '<alice!>', '<.>', '<..>', '<%>', '<!>', '<:>',
    # spaces, tabs, comments, angles
    '<victim @example.com>', '<victim@ example.com>', '<victim\t@example.com>', '<alice @ hoge.foo.jp>', '<victim(c)@example.com>',
    '<victim@(c)example.com>', '<(c)victim@example.com>', '<alice(@example.com)@hoge.foo.jp>', '<victim@example.com(hoge.foo.jp)>',
    '<alice@hoge.foo.jp (victim@example.com)>', '<<victim@example.com>>', '<victim@example.com', 'victim@example.com>',
    'victim@example.com', 'alice@hoge.foo.jp', 'alice@hoge.foo.jp <victim@example.com>', '"alice@hoge.foo.jp" <victim@example.com>',
    '<alice@hoge.foo.jp><victim@example.com>', '<alice@hoge.foo.jp>,<victim@example.com>', '<alice@hoge.foo.jp,victim@example.com>',
    '<victim@example.com,alice@hoge.foo.jp>', '<victim@example.com;>', '<group:victim@example.com;>',
    '<group:victim@example.com;@hoge.foo.jp>', '<;victim@example.com>', '<:victim@example.com>', '<"" victim@example.com>',
    # backslashes, NUL, control characters, eighth bits
    '<victim\\@example.com>', '<victim\\@example.com@hoge.foo.jp>', '<\\victim@example.com>', '<alice\\@hoge.foo.jp>',
    '<victim\\%example.com@hoge.foo.jp>', '<victim\\!example.com>', '<victim@example\\.com>', '<victim@example.com\\>',
    '<victim\0@example.com>', '<alice\0@example.com>', '<victim@example.com\0@hoge.foo.jp>',
    '<victim\x01@example.com>', '<victim\x7f@example.com>', '<v\xedctim@example.com>', '<victim@ex\xe1mple.com>',
    '<victim\xc0example.com@hoge.foo.jp>', '<victim\x80@hoge.foo.jp>', '<victim\x9f@hoge.foo.jp>', '<alice\xff@hoge.foo.jp>',
    # programs, files, lists, and what rules mean by their marks
    '<|cat>', '<"|cat">', '<"|cat"@hoge.foo.jp>', '<|cat@hoge.foo.jp>', '</etc/passwd>', '</etc/passwd@hoge.foo.jp>',
    '<:include:/etc/passwd>', '<":include:/etc/passwd"@hoge.foo.jp>', '<alice+x@hoge.foo.jp>', '<alice+victim@example.com@hoge.foo.jp>',
    '<$#esmtp$@example.com$:victim>', '<victim$@example.com>', '<$&x>', '<victim@$j>', '<victim@$w>', '<alice$|RELAY@example.com>',
    '<esmtp:victim@example.com>', '<relay:example.com!victim@hoge.foo.jp>', '<victim@example.com.REDIRECT>', '<alice.REDIRECT>',
    '<victim::example.com>', '<example.com::victim>', '<example.com::victim@hoge.foo.jp>', '<victim^example.com>', '<victim/example.com>',
    '</S=victim/PRMD=x/@hoge.foo.jp>', '<victim=example.com@hoge.foo.jp>', '<victim#example.com@hoge.foo.jp>',
    '<victim@example.com@@hoge.foo.jp>', '<victim@@hoge.foo.jp>', '<@hoge.foo.jp@example.com>', '<"victim"@"example.com">',
    '<victim@"example.com">', '<"victim\\@example.com"@hoge.foo.jp>', '<"victim@example.com">', '<"victim"@example.com>',
    '<"vic"tim@example.com>', '<"alice"@"hoge.foo.jp">', '<"@example.com:victim"@hoge.foo.jp>', '<""@example.com>', '<""@hoge.foo.jp>',
    # routes
    '<@hoge.foo.jp:victim@example.com>', '<@hoge.foo.jp,@example.net:victim@example.com>', '<@example.net,@hoge.foo.jp:victim@example.com>',
    '<@[192.0.2.10]:victim@example.com>', '<@localhost:victim@example.com>', '<@example.com:alice@hoge.foo.jp>', '<@:victim@example.com>',
    '<@hoge.foo.jp:@hoge.foo.jp:victim@example.com>', '<@hoge.foo.jp:victim%example.com>', '<@hoge.foo.jp:example.com!victim>',
    '<@hoge.foo.jp:victim%example.com@hoge.foo.jp>', '<@hoge.foo.jp :victim@example.com>', '<@hoge.foo.jp.:victim@example.com>',
]
FORMS = [
    '<{u}@{h}>', '<{u}%{h}>', '<{u}%{h}@{us}>', '<{u}%{h}@{lit}>', '<{u}%{h}%{us}@{us}>', '<"{u}@{h}"@{us}>', '<"{u}%{h}"@{us}>',
    '<{h}!{u}>', '<{h}!{u}@{us}>', '<{us}!{h}!{u}>', '<"{h}!{u}"@{us}>', '<{u}@{h}@{us}>', '<{u}@{us}@{h}>', '<@{us}:{u}@{h}>',
    '<@{h}:{u}@{us}>',
]


def spellings():
    seen = dict.fromkeys(SINGLE)
    for form, user, host in itertools.product(FORMS, USERS, HOSTS):
        seen.setdefault(form.format(u=user, h=host, us=US, lit=LITERAL))
    return list(seen)


def main():
    every, size, number = spellings(), 60, 0
    for cf in ('seed-sendmail', 'own-sendmail'):
        for sender in ('<x@example.net>', '<>', '<alice@hoge.foo.jp>'):
            # the sender makes no difference to the recipient, so the long product is tried with one
            chosen = every if sender == '<x@example.net>' else every[:len(SINGLE)]
            for start in range(0, len(chosen), size):
                number += 1
                lines = ['EHLO client.example.net', 'MAIL FROM:' + sender]
                lines += [{'send': 'RCPT TO:' + spelling + '\r\n', 'replies': 1} for spelling in chosen[start:start + size]]
                lines += ['DATA', 'Subject: relayed?\n\nx\n.', 'QUIT']
                print(json.dumps({'id': f'p-bs-relay-{number:03}', 'world': 'seed', 'cf': cf, 'client': '192.0.2.77', 'daemon': True,
                                  'in': lines}))


main()
