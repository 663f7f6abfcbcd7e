#!/usr/bin/env python3
"""Random .mc files: what the .cf of our library does against what the stock one does, in the original.

usage: random_cf.py [-s SEED] [-c COUNT] [-n SHOW] MAKECF

MAKECF is the command of our makecf. A .mc file is a random set of features and settings; random addresses are parsed and
rewritten, and check_* rulesets asked about random clients. What differs is made small: features and inputs that do not
matter are left out.
"""
import argparse, os, random, re, shlex, subprocess, sys, tempfile
from concurrent.futures import ThreadPoolExecutor
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from oracle_common import *

STOCK = f'{O}/root/usr/share/sendmail/cf/'
# Maps of the world: texts, so that nothing must be made.
MAPS = {
    'access': 'hash -T<TMPF> -o /etc/mail/access', 'mailertable': 'hash -o /etc/mail/mailertable',
    'virtusertable': 'hash -o /etc/mail/virtusertable', 'genericstable': 'hash -o /etc/mail/genericstable',
    'domaintable': 'hash -o /etc/mail/domaintable',
}
HOSTS = ['hoge.foo.jp', 'foo.jp', 'www.foo.jp', 'example.com', 'www.example.com', 'cname.example.com', 'nonexist.example.org',
         'virt.example.com', 'v2.example.com', 'a.virt.example.com', 'mt.example.com', 'x.mt.example.com', 'old.example.com', 'short',
         'relay.example.com', 'sub.relay.example.com', 'relayone.example', 'relayto.example', 'spam.example', 'tempfail.example',
         '[192.0.2.10]', '[192.0.2.99]', '[IPv6:2001:db8::10]', 'localhost', 'hoge', 'a.cc', 'c.example.net', 'x.REDIRECT',
         'b.UUCP', 'n.DECNET', 'm.BITNET', 'old.example.org', 'keep.foo.jp', 'lan.foo.jp', 'example.net', 'uk']
USERS = ['alice', 'bob', 'root', 'info', 'user+detail', 'user+', 'bob+x', 'a.b', '"q u"', '"a@b"', 'a!b', 'x%y', 'x%example.com',
         'operator', 'postmaster', 'dom', 'other+q', 'sales', 'joe', '']
CLIENTS = [('127.0.0.1', 'localhost', 'OK'), ('192.168.2.5', 'pc5.lan.foo.jp', 'OK'), ('192.0.2.77', 'client.example.net', 'OK'),
           ('192.0.2.78', 'forged.example.net', 'FORGED'), ('192.0.2.79', '[192.0.2.79]', 'FAIL'), ('192.0.2.80', '[192.0.2.80]', 'TEMP'),
           ('192.0.2.91', 'c91.example.net', 'OK'), ('10.0.0.1', '[10.0.0.1]', 'FAIL'), ('192.0.2.5', 'host.relay.example.com', 'OK'),
           ('192.0.2.6', 'www.foo.jp', 'OK'), ('2001:db8::77', 'client.example.net', 'OK')]


def some(r, *lines, p=30):
    return [l for l in lines if r.randrange(100) < p]


def random_mc(r):
    """The lines between OSTYPE and MAILER, in an order that the documents allow, and the mailers."""
    m = []
    m += some(r, "DOMAIN(`generic')", p=15)
    m += some(r, "MASQUERADE_AS(`foo.jp')", p=40)
    m += some(r, "MASQUERADE_DOMAIN(`foo.jp')", "MASQUERADE_DOMAIN(`old.example.org')", "MASQUERADE_EXCEPTION(`keep.foo.jp')",
              "EXPOSED_USER(`root')", "FEATURE(`masquerade_envelope')", "FEATURE(`masquerade_entire_domain')", "FEATURE(`allmasquerade')",
              "FEATURE(`limited_masquerade')", "FEATURE(`local_no_masquerade')", p=25)
    m += some(r, "FEATURE(`always_add_domain')", "FEATURE(`redirect')", "FEATURE(`use_cw_file')", "FEATURE(`stickyhost')", p=30)
    m += some(r, "LOCAL_DOMAIN(`www.foo.jp')", "LOCAL_USER(`operator')", p=20)
    m += some(r, "define(`SMART_HOST', `smart.example.net')", p=15) or some(r, "define(`SMART_HOST', `esmtp:[smart.example.net]')", p=10)
    m += some(r, "define(`LOCAL_RELAY', `lrelay.foo.jp')", "define(`MAIL_HUB', `hub.foo.jp')", "define(`MAIL_HUB', `smtp:hub.foo.jp')",
              "define(`LUSER_RELAY', `error:5.1.1:\"550 no such luser\"')", "define(`LUSER_RELAY', `luser.example.net')",
              "define(`LUSER_RELAY', `local:root')", "FEATURE(`preserve_luser_host')", "FEATURE(`preserve_local_plus_detail')", p=10)
    m += some(r, "define(`UUCP_RELAY', `uurelay.example.net')", "define(`BITNET_RELAY', `bit.example.net')",
              "define(`DECNET_RELAY', `dec.example.net')", "define(`_USE_DECNET_SYNTAX_', `1')", p=12)
    m += r.choice([[], [], ["FEATURE(`nouucp', `reject')"], ["FEATURE(`nouucp', `nospecial')"]])
    m += r.choice([[], [], [], ["FEATURE(`nopercenthack', `reject')"], ["FEATURE(`nopercenthack', `nospecial')"]])
    m += r.choice([[], [], [], ["FEATURE(`nocanonify')"], ["FEATURE(`nocanonify', `canonify_hosts')"],
                   ["FEATURE(`nocanonify')", "CANONIFY_DOMAIN(`foo.jp example.com')"]])
    if r.randrange(2):
        words = some(r, "`lookupdotdomain'", "`relaytofulladdress'", p=15)
        m.append(f"FEATURE(`access_db', `{MAPS['access']}'{''.join(', ' + w for w in words)})")
        m += some(r, "FEATURE(`blocklist_recipients')", "FEATURE(`delay_checks')", p=40)
        m += some(r, "FEATURE(`lookupdotdomain')", "FEATURE(`relay_mail_from')", "FEATURE(`relay_mail_from', `domain')",
                  "FEATURE(`compat_check')", "FEATURE(`ratecontrol')", "FEATURE(`conncontrol')", "FEATURE(`greet_pause', `3000')", p=12)
    m += some(r, "FEATURE(`relay_entire_domain')", "FEATURE(`relay_hosts_only')", "FEATURE(`relay_based_on_MX')",
              "FEATURE(`relay_local_from')", "FEATURE(`promiscuous_relay')", "FEATURE(`loose_relay_check')",
              "FEATURE(`accept_unqualified_senders')", "FEATURE(`accept_unresolvable_domains')", "FEATURE(`require_rdns')",
              "FEATURE(`bestmx_is_local')", "FEATURE(`use_client_ptr')", p=10)
    m += some(r, "RELAY_DOMAIN(`relay.example.com')", "RELAY_DOMAIN(`192.0.2.5')", p=30)
    m += some(r, *[f"FEATURE(`{t}', `{MAPS[t]}')" for t in ('mailertable', 'virtusertable', 'genericstable', 'domaintable')], p=30)
    m += some(r, "VIRTUSER_DOMAIN(`virt.example.com')", "VIRTUSER_DOMAIN(`v2.example.com')", "FEATURE(`virtuser_entire_domain')",
              "GENERICS_DOMAIN(`foo.jp hoge.foo.jp')", "FEATURE(`generics_entire_domain')", p=25)
    m += ["MAILER(`local')", "MAILER(`smtp')"] + some(r, "MAILER(`procmail')", "MAILER(`uucp')", "MAILER(`usenet')", p=8)
    return m


def address(r):
    user, host = r.choice(USERS), r.choice(HOSTS)
    form = r.randrange(20)
    if form < 11:
        return f'{user}@{host}'
    return [user or 'x', f'<{user}@{host}>', f'x!{user}@{host}', f'{user}%{host}', f'{host}!{user}', f'@{r.choice(HOSTS)}:{user}@{host}',
            f'{user}@{host}@{r.choice(HOSTS)}', f'n::{user}', f'<>'][form - 11]


def random_inputs(r):
    addr, name, resolve = r.choice(CLIENTS)
    out = [f'.D{{client_addr}}{addr}', f'.D{{client_name}}{name}', f'.D{{client_resolve}}{resolve}', f'.D{{client_ptr}}{name}',
           f'.Df{address(r).strip("<>")}', '.Dsbad'] + some(r, '.D{daemon_flags}c u', '.D{daemon_flags}CC f', p=8)
    for _ in range(r.randrange(4, 12)):
        a = address(r)
        kind = r.randrange(9)
        if kind < 3:
            out.append(f'3,0 {a}')
        elif kind < 4:
            out.append(f'5 {a.split("@")[0].strip("<") or "x"}')
        elif kind < 6:
            out += [f'/tryflags {r.choice("HE")}{r.choice("SR")}', f'/try {r.choice(["smtp", "local", "esmtp", "relay"])} {a}']
        elif kind < 7:
            out.append(f'Basic_check_mail {a}')
        elif kind < 8:
            out.append(f'Basic_check_rcpt {a}')
        else:
            out.append(r.choice([f'check_rcpt {a}', f'Translate,Basic_check_relay {name} $| {addr}']))
    return out


def mc_text(lines):
    tail = '\nLOCAL_RULESETS\nSTranslate\nR$* $$| $*\t$: $1 $| $2\n'
    head = ["divert(0)dnl", "VERSIONID(`random')", "OSTYPE(linux)dnl", "define(`confDOMAIN_NAME', `hoge.foo.jp')dnl"]
    return '\n'.join(head + [l + 'dnl' for l in lines]) + tail


class Desk:
    def __init__(self, makecf):
        self.folder = tempfile.mkdtemp(dir='/run')
        self.makecf = shlex.split(makecf)

    def make(self, argv, name, mc):
        path = f'{self.folder}/{name}'
        open(path + '.mc', 'w').write(mc)
        p = subprocess.run(argv + [path + '.mc'], capture_output=True, cwd=STOCK + 'cf')
        open(path + '.cf', 'wb').write(p.stdout)
        os.chmod(path + '.cf', 0o644)
        return path + '.cf', p

    def answers(self, cf, inputs):
        data = ''.join(i + '\n' for i in inputs).encode('latin-1')
        out, rc = run_cmd(REF_BT, cf, data)
        out = out.decode('latin-1').replace(cf, '<cf>')
        # silent commands leave their prompt in front of the next output
        loud = [i for i in inputs if not i.startswith(('.D', '/tryflags'))]
        res, chunks = [], re.split(r'(?m)^(?:> )+', out)
        for i, chunk in enumerate(chunks):
            inp = (['<banner>'] + loud + ['<end>'])[min(i, len(loud) + 1)]
            res.append((inp, self.final(inp, chunk)))
        return res

    @staticmethod
    def final(inp, chunk):
        last, keep = None, []
        for l in chunk.rstrip('\n').split('\n'):
            l = re.sub(r'^(> )+', '', l.rstrip())
            if re.match(r'^\S[^:]{0,17} (input|returns):', l):
                if 'returns:' in l:
                    last = l.split('returns:', 1)[1].strip()
            elif l.startswith('== Ruleset'):
                keep.append(re.sub(r'\(\d+\)', '', l))
            elif l and 'excessive recursion' not in l and 'WARNING' not in l:
                keep.append(norm(l))
        if last is not None:
            if 'check_' in inp and not last.startswith(('$# error', '$# discard')):
                last = 'passes'
            keep.insert(0, last)
        return keep

    def judge(self, n, lines, inputs):
        """The first difference as (input, stock, ours), or None."""
        mc = mc_text(lines)
        stock, p = self.make([f'{O}/bin/m4', f'-D_CF_DIR_={STOCK}', f'{STOCK}m4/cf.m4'], f's{n}', mc)
        if p.returncode or b'ERROR' in p.stderr:
            return None
        ours, q = self.make(self.makecf, f'o{n}', mc)
        if q.returncode:
            return ('<makecf>', [p.stderr.decode()], [q.stderr.decode()])
        a, b = self.answers(stock, inputs), self.answers(ours, inputs)
        for x, y in zip(a, b):
            if x[1] != y[1]:
                return (x[0], x[1], y[1])
        return None

    def shrink(self, n, lines, inputs, diff):
        kind = diff[0].split(' ')[0]
        same = lambda ls, ins: (d := self.judge(n, ls, ins)) and d[0].split(' ')[0] == kind and d
        at = next((i for i, s in enumerate(inputs) if s == diff[0]), None)
        if at is not None:
            inputs = [s for i, s in enumerate(inputs) if s.startswith('.') or i == at or s.startswith('/tryflags') and i == at - 1]
        for what in (0, 1):
            i = 0
            while i < len((lines, inputs)[what]):
                trial = [list(lines), list(inputs)]
                del trial[what][i]
                if same(*trial):
                    lines, inputs = trial
                else:
                    i += 1
        return lines, inputs, self.judge(n, lines, inputs) or diff


def inner(seed, count, show, makecf):
    desk, found = Desk(makecf), []

    def one(n):
        if len(found) >= show:
            return
        r = random.Random(f'{seed}/{n}')
        lines, inputs = random_mc(r), random_inputs(r)
        diff = desk.judge(n, lines, inputs)
        if diff:
            found.append(n)
            lines, inputs, diff = desk.shrink(n, lines, inputs, diff)
            print(f'--- case {n}\n' + '\n'.join('    ' + l for l in lines + inputs))
            print(f'  >>> {diff[0]}\n  stock {diff[1]}\n  ours  {diff[2]}', flush=True)
        for f in (f's{n}', f'o{n}'):
            for e in ('.mc', '.cf'):
                if os.path.exists(f'{desk.folder}/{f}{e}'):
                    os.unlink(f'{desk.folder}/{f}{e}')
    with ThreadPoolExecutor(os.cpu_count() or 2) as ex:
        list(ex.map(one, range(count)))
    print(f'{count} configurations of seed {seed}: {len(found)} differ')
    return 1 if found else 0


def main():
    ap = argparse.ArgumentParser(usage=__doc__)
    ap.add_argument('-s', default='1')
    ap.add_argument('-c', type=int, default=500)
    ap.add_argument('-n', type=int, default=8)
    ap.add_argument('makecf')
    a = ap.parse_args()
    if in_world():
        return inner(a.s, a.c, a.n, a.makecf)
    return subprocess.run([sys.executable, f'{HERE}/sandbox.py', 'pub', sys.executable, os.path.abspath(__file__)] + sys.argv[1:]).returncode


if __name__ == '__main__':
    sys.exit(main())
