#!/usr/bin/env python3
"""Compare what two makings of the same .mc file do: the stock one and ours.

usage: diff_cf.py [-n SHOW] [-k REGEX] PROGRAM FOLDER CASES...

PROGRAM is a sendmail, or 'ref' for the original; FOLDER holds our NAME.cf of each configuration of the cases. The answers
of PROGRAM with ours are compared with the recorded ones of the original with the stock file: mailer triples, rewritten
addresses, verdicts. The rules are different, so traces are left out; a verdict is an error, a discard or none.
"""
import argparse, difflib, os, re, sys
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from oracle_common import *
import diff_bt

TRACE = re.compile(r'^(?:> )*\S[^:]{0,17} (input|returns):')
STATUS = re.compile(r'^== Ruleset ')
# Rulesets of the stock library that no document names, or whose value nobody looks at unless it begins with $#.
INNER = re.compile(r'^(Translate,)?(A|D|E|F|U|SearchList|LookUp\w+|Relay_ok|RateControl|CanonAddr|ParseRecipient|Rcpt_ok|1|2|98) |^=S|^\$[={]|^\$Z')
VERDICT = re.compile(r'^(Translate,)?(\S*check_?\w*|tls_\w+|try_tls|trust_auth|authinfo|srv_features|greet_pause) ', re.I)


def final(chunks):
    res = []
    for inp, lines in chunks:
        if inp.startswith(('.D', '-d')) or INNER.match(inp):
            continue
        keep, last = [], None
        for l in lines:
            l = re.sub(r'^(> )+', '', l)
            if TRACE.match(l):
                if 'returns:' in l:
                    last = re.sub(r'8 \. 1\d( \. \d+)+', '<VERSION>', l.split('returns:', 1)[1].strip())
            elif STATUS.match(l):
                keep.append(re.sub(r'\(\d+\)', '', l))
            elif l and l != '> ' and 'excessive recursion' not in l:
                keep.append(l)
        if last is not None:
            if VERDICT.match(inp) and not last.startswith(('$# error', '$# discard')):
                last = 'passes'
            keep.insert(0, last)
        res.append((inp, keep))
    return res


def inner(case, opts):
    case = dict(case)
    chunks, rc = diff_bt.bt_run(opts['our'].replace('{cf}', f"{opts['folder']}/{case['cf']}.cf"), case)
    return dict(our=final(diff_bt.canon(case, chunks)), ref=final([(i, l) for i, l in case['out']]))


def main():
    if sys.argv[1:2] == ['--inner']:
        return inner_main(inner)
    ap = argparse.ArgumentParser(usage=__doc__)
    ap.add_argument('-n', type=int, default=10)
    ap.add_argument('-k')
    ap.add_argument('program')
    ap.add_argument('folder')
    ap.add_argument('cases', nargs='+')
    a = ap.parse_args()
    cases = [c for c in load_cases(a.cases, 'bt-') if os.path.exists(f"{a.folder}/{c['cf']}.cf") and 'append' not in c]
    if a.k:
        cases = [c for c in cases if re.search(a.k, c['id'] + ' ' + c['cf'])]
    if not cases:
        sys.exit(f'no case has its configuration in {a.folder}')
    program = REF_BT if a.program == 'ref' else a.program
    res = list(rerun_in_worlds(__file__, cases, dict(our=program, folder=os.path.abspath(a.folder))))

    def equal(c):
        return c['ref'] == c['our']

    def describe(c):
        print(f"--- {c['id']}  world={c['world']} cf={c['cf']}  {[l for l in c['in'] if l.startswith('.D')]}")
        f = lambda o: [l for i, ls in o for l in ([f'>>> {i}'] + ls)]
        for l in difflib.unified_diff(f(c['ref']), f(c['our']), 'stock', 'ours', lineterm='', n=1):
            print('   ', l)
    return report(res, a.n, equal, describe)


if __name__ == '__main__':
    sys.exit(main())
