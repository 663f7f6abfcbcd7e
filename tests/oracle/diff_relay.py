#!/usr/bin/env python3
"""Try to relay through the site by every spelling of a recipient.

usage: diff_relay.py REF_CMD OUR_CMD OWN_CF   (as for diff_bs.py; `ref` is the original, `golden` means no reference)

A stranger names recipients in some 1500 ways, under the stock configuration and under OWN_CF, ours of the same site.  Both programs must
answer alike, and under its own configuration the site takes nothing that the stock one refuses.
"""
import itertools, os, sys
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from diff_bs import bs_run, view
from oracle_common import *

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
    '<victim%example.com' + '%hoge' * 45 + '@hoge>', '<"' * 9 + 'victim@example.com' + '"@hoge.foo.jp>' * 9,
    '<@hoge.foo.jp:victim@example.com>', '<@hoge.foo.jp,@example.net:victim@example.com>', '<@example.net,@hoge.foo.jp:victim@example.com>',
    '<@[192.0.2.10]:victim@example.com>', '<@localhost:victim@example.com>', '<@example.com:alice@hoge.foo.jp>', '<@:victim@example.com>',
    '<@hoge.foo.jp:@hoge.foo.jp:victim@example.com>', '<@hoge.foo.jp:victim%example.com>', '<@hoge.foo.jp:example.com!victim>',
    '<@hoge.foo.jp:victim%example.com@hoge.foo.jp>', '<@hoge.foo.jp :victim@example.com>', '<@hoge.foo.jp.:victim@example.com>',
]
FORMS = [
    '<{u}@{h}>', '<{u}%{h}>', '<{u}%{h}@{us}>', '<{u}%{h}@{lit}>', '<{u}%{h}%{us}@{us}>', '<"{u}@{h}"@{us}>', '<"{u}%{h}"@{us}>',
    '<{h}!{u}>', '<{h}!{u}@{us}>', '<{us}!{h}!{u}>', '<"{h}!{u}"@{us}>', '<{u}@{h}@{us}>', '<{u}@{us}@{h}>', '<@{us}:{u}@{h}>',
    '<@{h}:{u}@{us}>', '<"{u}%{h}"%{us}@{us}>', '<"\\"{u}@{h}\\""@{us}>', '<{u}@{h}%{us}@{us}>', '<{h}!{u}%{us}@{us}>',
    '<{u}%{h}%{us}%{us}@{us}>', '<"{h}!{u}"%{us}@{us}>', '<"{u}@{h}"%{us}@{us}>', '<"\\"{u}%{h}\\"%{us}"@{us}>',
]


def spellings():
    seen = dict.fromkeys(SINGLE)
    for form, user, host in itertools.product(FORMS, USERS, HOSTS):
        seen.setdefault(form.format(u=user, h=host, us=US, lit=LITERAL))
    return list(seen)


# What only the site's own rules take: a route without hosts.
OURS_ALONE = {'<@:alice@hoge.foo.jp>'}
AT_ONCE = 260


def cases(own_cf):
    every, number = spellings(), 0
    for cf in ('seed-sendmail', own_cf):
        for sender in ('<x@example.net>', '<>', '<alice@hoge.foo.jp>'):
            # the sender makes no difference to the recipient, so the long product is tried with one
            chosen = every if sender == '<x@example.net>' else every[:len(SINGLE)]
            for start in range(0, len(chosen), AT_ONCE):
                number += 1
                lines = [{'send': f'RCPT TO:{spelling}\r\n', 'replies': 1} for spelling in chosen[start:start + AT_ONCE]]
                lines = ['EHLO client.example.net', 'MAIL FROM:' + sender, *lines, 'QUIT']
                yield {'id': f'relay-{number:03}', 'world': 'seed', 'cf': cf, 'client': '192.0.2.77', 'daemon': True, 'in': lines}


def accepted(results, cf):
    """The spellings that our program took under a configuration."""
    return {step['send'][len('RCPT TO:'):-2] for case in results if case['cf'] == cf for step, replies in case['our']['out']
            if isinstance(step, dict) and replies[0][0].startswith('2')}


def inner(case, opts):
    return {side: bs_run(opts[side], case) for side in ('ref', 'our') if opts.get(side)}


def main():
    if sys.argv[1:2] == ['--inner']:
        return inner_main(inner, workers=1)
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    ref, our, own_cf = sys.argv[1:]
    opts = dict(our=our)
    if ref != 'golden':
        opts['ref'] = REF_BS if ref == 'ref' else ref
    results = list(rerun_in_worlds(__file__, list(cases(own_cf)), opts))
    tried, different = 0, 0
    for case in results:
        tried += len(case['in']) - 3
        for ours, theirs in zip(case['our']['out'], case.get('ref', case['our'])['out'], strict=True):
            if view([ours], False) != view([theirs], False):
                different += 1
                print('---', case['cf'], ascii(theirs), 'but ours', ascii(ours[1]))
    stock, own = accepted(results, 'seed-sendmail'), accepted(results, own_cf)
    for spelling in sorted(own - stock - OURS_ALONE):
        print('RELAYED', ascii(spelling))
    relayed = len(own - stock - OURS_ALONE)
    good = tried > 0 and different == 0 and relayed == 0 and '<alice@hoge.foo.jp>' in own
    print(f'TOTAL {tried} tried, {different} different, {relayed} relayed, {len(own)} taken: {"ok" if good else "FAILED"}')
    return 0 if good else 1


if __name__ == '__main__':
    sys.exit(main())
