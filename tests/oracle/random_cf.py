#!/usr/bin/env python3
"""Random .mc files: what the .cf of our library does against what the stock one does, in the original.

usage: random_cf.py [-s SEED] [-c COUNT] [-n SHOW] [-f FILE.mc ...] MAKECF

MAKECF is the command of our makecf. A .mc file is a random set of features and settings, or one of those that are named;
random addresses are parsed and rewritten, and check_* rulesets asked about random clients. What differs is made small:
features and inputs that do not matter are left out.
"""
import argparse, os, random, re, shlex, subprocess, sys, tempfile
from concurrent.futures import ThreadPoolExecutor
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from oracle_common import *

STOCK = f'{O}/root/usr/share/sendmail/cf/'
# An access map with every tag and right-hand side; made into a database for the run. Entries <TMPF> stand for a map that fails; there
# are none for TLS_Srv and TLS_Clt, where the stock rules overlook it (README, Differences).
ACCESS = r'''
spam.example REJECT
ok.spam.example OK
.sub.example 550 5.7.1 subdomains rejected
disc.example DISCARD
quar.example QUARANTINE:held by access
err.example ERROR:5.7.1:550 We do not take mail from you
err2.example ERROR:"551 user moved"
err3.example ERROR:550 no thanks
err4.example 553 bare text
err5.example "450 4.2.2 quoted"
err6.example ERROR:4.2.1:450 try again later
odd.example SUBJECT
skip.example SKIP
sub.skip.example REJECT
relay.example.com RELAY
192.168.2 RELAY
192.168 REJECT
From:bad@good.example REJECT
From:relayfrom.example RELAY
From:fred@relayone.example RELAY
From:dom@ DISCARD
From:joe@ OK
From:example.org 550 5.7.1 not from there
From:uk QUARANTINE:uk
To:blocked@ ERROR:5.1.1:"550 user blocked"
To:operator@hoge.foo.jp REJECT
To:sales@ DISCARD
To:joe@ 550 5.2.2 full
To:info@example.com RELAY
To:v2.example.com RELAY
To:relayrcpt.example RELAY
To:x.mt.example.com QUARANTINE:to mt
To:bob@virt.example.com OK
Connect:192.0.2.81 REJECT
Connect:192.0.2.82 ERROR:4.7.1:"421 come back later"
Connect:192.0.2.83 DISCARD
Connect:192.0.2.84 QUARANTINE:client
Connect:192.0.2 OK
Connect:10 REJECT
Connect:IPv6:2001:db8:1 RELAY
Connect:IPv6:2001:db8:2 REJECT
Connect:IPv6:2001:db8:3::1 550 5.7.1 not you
Connect:client.example.net RELAY
Connect:c91.example.net SKIP
Connect:example.org REJECT
GreetPause:client.example.net 1000
GreetPause:192.0.2.92 0
GreetPause:10 4000
GreetPause: 2500
ClientRate:192.0.2.91 2
ClientRate:10 0
ClientRate:IPv6:2001:db8 1
ClientRate: 5
ClientConn:192.0.2.91 3
ClientConn:192.168.2 0
ClientConn: 10
Spam:bob@hoge.foo.jp FRIEND
Spam:alice@hoge.foo.jp HATER
Spam:info@ FRIEND
Spam:sales@ HATER
Spam:example.com FRIEND
Spam:foo.jp HATER
Compat:bob@example.com<@>alice@foo.jp ERROR:5.7.1:550 not you two
Compat:joe@example.com<@>bob@foo.jp DISCARD:
Compat:alice@example.com<@>bob@foo.jp TEMP:later
TLS_Srv:client.example.net VERIFY
TLS_Srv:192.0.2.91 ENCR:112
TLS_Srv:example.com PERM+VERIFY:128
TLS_Srv: TEMP+ENCR:64
TLS_Clt:client.example.net VERIFY
TLS_Clt:192.0.2.91 ENCR:112
TLS_Clt:10 PERM+VERIFY:128
TLS_Clt:www.foo.jp VERIFY:256+CN:cert.example.com
TLS_Clt:IPv6:2001:db8 VERIFY+CN++CS:/O=x++CI:/C=JP
TLS_Rcpt:bob@example.com ENCR:256
TLS_Rcpt:alice@ VERIFY
TLS_Rcpt:example.com PERM+VERIFY:128+CN:mx.example.com
TLS_Rcpt:uk VERIFY:64+CITag:Trust
Trust:/C=JP OK
Try_TLS:example.com NO
Try_TLS:192.0.2.91 NO
Try_TLS:client.example.net YES
Try_TLS:10 NO
Srv_Features:192.0.2.91 V A
Srv_Features:client.example.net S
Srv_Features:IPv6:2001:db8 a p
Srv_Features: l
Clt_Features:192.0.2.91 D
Clt_Features:example.com M
TLS_Srv_Features:client.example.net Options=SSL_OP_NO_TLSv1;CipherList=HIGH
TLS_Clt_Features:192.0.2.91 Flags=R
AuthInfo:client.example.net "U:user" "P:secret" "M:PLAIN"
AuthInfo:192.0.2.91 "U=dXNlcg==" "P:pw"
AuthInfo:10 "U:ten" "P:pw"
QGRP:example.com slow
Bcc:example.com copy@example.net
Bcc:example.org copy
QGRP:bob@foo.jp boss
QGRP:192.0.2 net
CERTISSUER:/C=JP RELAY
CERTISSUER:/C=US SUBJECT
CERTSUBJECT:/CN=joe RELAY
OKCertIssuer:/C=JP RELAY
tmpf.example <TMPF>
From:later@ <TMPF>
To:later.example <TMPF>
To:later@ <TMPF>
Connect:192.0.2.85 <TMPF>
Connect:later.example.net <TMPF>
Spam:later@ <TMPF>
TLS_Rcpt:later.example <TMPF>
Try_TLS:later.example.net <TMPF>
Srv_Features:192.0.2.85 <TMPF>
Clt_Features:later.example.net <TMPF>
GreetPause:192.0.2.85 <TMPF>
ClientRate:192.0.2.85 <TMPF>
ClientConn:192.0.2.85 <TMPF>
Compat:alice@example.com<@>later@foo.jp <TMPF>
AuthInfo:later.example.net <TMPF>
QGRP:later.example <TMPF>
'''
OWN_ACCESS = 'hash -T<TMPF> /run/own-access'
# Tables with every form of key and value.
TABLE_TEXTS = {
    'virtusers': r'''
info@virt.example.com %1@example.org
user+detail@virt.example.com %0@example.net
user+*@virt.example.com fred+%2
user++@v2.example.com %1-%2@example.org
user@v2.example.com joe%3
bob++@virt.example.com bob%3@example.net
++@v2.example.com %1%3@hoge.foo.jp
+*@virt.example.com %1@%2.example.org
@v2.example.com %1@fallback.example.net
@hoge.foo.jp %1@foo.jp
joe@foo.jp error:nouser 550 %1 is gone
fred@foo.jp error:5.7.1:550 not %0
bob+x@foo.jp error:5.1.1:550 no detail
other+*@foo.jp error:tempfail 450 %2 later
sales@foo.jp local:info
blocked@foo.jp smtp:mx.example.com
alice@hoge.foo.jp alice
@a.virt.example.com @example.org
dom@virt.example.com info@virt.example.com
''',
    'mailers': r'''
example.com smtp:[gw.example.net]
.example.com esmtp:%1.gw.example.net
mt.example.com local:bob
x.mt.example.com relay:joe@%1.example.org
.foo.jp error:5.7.1:550 not to %1
old.example.org error:nohost gone
uk discard:bye
.uk smtp:%1
c.example.net uucp-dom:neigh
cname.example.com local:bob@hoge.foo.jp
v2.example.com local:
good.example procmail:/etc/rc
. smtp:last.example.net
''',
    'generics': r'''
alice a.l@foo.jp
bob@hoge.foo.jp bob@example.org
@foo.jp %1@example.net
user+*@foo.jp u-%1@example.org
other+*@hoge.foo.jp other
user u@generic.example.com
bob+x b.x
root@hoge.foo.jp root@hoge.foo.jp
''',
    'ldaphost': r'''
alice@foo.jp mx.example.com
@example.com smtp:[gw.example.net]
bob@foo.jp hoge.foo.jp
user@foo.jp <TMPF>
root@example.com uk
@virt.example.com [192.0.2.10]
''',
    'ldapaddr': r'''
alice@foo.jp alice@example.org
bob@foo.jp joe@hoge.foo.jp
joe@example.com later
info@foo.jp info@virt.example.com
user@example.com u@example.org
fred@foo.jp <TMPF>
@foo.jp sales@example.net
''',
}
OWN_TABLES = {name: f'hash /run/own-{name}' for name in TABLE_TEXTS}
# Maps of the world: texts, so that nothing must be made.
MAPS = {
    'access': 'hash -T<TMPF> -o /etc/mail/access', 'mailertable': 'hash -o /etc/mail/mailertable',
    'virtusertable': 'hash -o /etc/mail/virtusertable', 'genericstable': 'hash -o /etc/mail/genericstable',
    'domaintable': 'hash -o /etc/mail/domaintable',
}
HOSTS = ['hoge.foo.jp', 'foo.jp', 'www.foo.jp', 'example.com', 'www.example.com', 'cname.example.com', 'nonexist.example.org',
         'virt.example.com', 'v2.example.com', 'a.virt.example.com', 'mt.example.com', 'x.mt.example.com', 'old.example.com', 'short',
         'relay.example.com', 'sub.relay.example.com', 'relayone.example', 'relayto.example', 'spam.example', 'tempfail.example',
         '[192.0.2.10]', '[192.0.2.99]', '[127.0.0.1]', '[IPv6:2001:db8::10]', 'localhost', 'hoge', 'a.cc', 'c.example.net', 'x.REDIRECT',
         'disc.example', 'quar.example', 'err.example', 'err2.example', 'err3.example', 'err4.example', 'err5.example', 'err6.example',
         'odd.example', 'skip.example', 'sub.skip.example', 'host.sub.example', 'relayrcpt.example', 'relayfrom.example', 'good.example',
         'b.UUCP', 'neigh.UUCP', 'n.DECNET', 'tmpf.example', 'later.example', 'badmx.example.com', 'literal.example.com', '[192.0.2.10]:25',
         '[IPv6:2001:db8::10]:25', '[192.0.2.10]:smtp:mx.example.com', 'm.BITNET', 'old.example.org', 'keep.foo.jp', 'lan.foo.jp', 'example.net', 'uk',
         'old.example.com.', 'example.com.', '[192.0.2.10].', 'hoge.foo.jp.', 'x.REDIRECT.', 'neigh.UUCP.', 'relay.example.com.']
USERS = ['alice', 'bob', 'root', 'info', 'user+detail', 'user+', 'bob+x', 'a.b', '"q u"', '"a@b"', 'a!b', 'x%y', 'x%example.com',
         'operator', 'postmaster', 'dom', 'other+q', 'sales', 'joe', 'blocked', 'fred', 'bad', 'later', 'neigh!u', 'neigh!a!u', '']
CLIENTS = [('127.0.0.1', 'localhost', 'OK'), ('192.168.2.5', 'pc5.lan.foo.jp', 'OK'), ('192.0.2.77', 'client.example.net', 'OK'),
           ('192.0.2.78', 'forged.example.net', 'FORGED'), ('192.0.2.79', '[192.0.2.79]', 'FAIL'), ('192.0.2.80', '[192.0.2.80]', 'TEMP'),
           ('192.0.2.91', 'c91.example.net', 'OK'), ('10.0.0.1', '[10.0.0.1]', 'FAIL'), ('192.0.2.5', 'host.relay.example.com', 'OK'),
           ('192.0.2.6', 'www.foo.jp', 'OK'), ('2001:db8::77', 'client.example.net', 'OK'),
           ('IPv6:2001:db8::77', 'client.example.net', 'OK'), ('IPv6:2001:db8:0:0:0:0:0:77', '[IPv6:2001:db8:0:0:0:0:0:77]', 'FAIL'),
           ('IPv6:2001:db8:1::5', 'x.example.org', 'OK'), ('IPv6:2001:db8:2::5', '[IPv6:2001:db8:2::5]', 'TEMP'),
           ('IPv6:2001:db8:3::1', '[IPv6:2001:db8:3::1]', 'FAIL'), ('IPv6:::1', 'localhost', 'OK'), ('IPv6:0:0:0:0:0:0:0:1', 'localhost', 'OK'),
           ('192.0.2.81', 'c81.example.net', 'OK'), ('192.0.2.82', 'c82.example.net', 'OK'), ('192.0.2.83', 'c83.example.net', 'OK'),
           ('192.0.2.84', 'c84.example.net', 'OK'), ('192.0.2.90', 'c90.example.net', 'OK'), ('192.0.2.92', 'c92.example.net', 'OK'),
           ('192.0.2.85', 'c85.example.net', 'OK'), ('192.0.2.86', 'later.example.net', 'OK'), ('0', 'localhost', 'OK')]
# Macros of a session, and what they may be.
SESSION = {
    'verify': ['OK', 'NO', 'NOT', 'NONE', 'FAIL', 'TEMP', 'PROTOCOL', 'SOFTWARE', 'CONFIG', 'TRUSTED', ''], 'cert_issuer': ['/C=JP', '/C=US', '/O=CA'],
    'cert_subject': ['/CN=joe', '/O=x', '/CN=z'], 'cn_subject': ['mx.example.com', 'cert.example.com', 'client.example.net', 'hoge.foo.jp'],
    'cn_issuer': ['CA'], 'cipher_bits': ['0', '56', '112', '128', '256', ''], 'auth_ssf': ['', '56', '128'], 'auth_type': ['', '', 'PLAIN', 'CRAM-MD5'],
    'auth_authen': ['joe', 'joe@foo.jp'], 'auth_author': ['joe', 'bob'], 'server_name': ['client.example.net', 'mx1.example.com', 'c91.example.net', 'example.com', 'later.example.net'],
    'server_addr': ['192.0.2.91', '10.0.0.9', 'IPv6:2001:db8::77', '198.51.100.11'], 'client_connections': ['1', '4', '11'],
    'client_rate': ['1', '3', '6'], 'deliveryMode': ['', 'd', 'i'], 'TLS_Name': ['example.com', 'client.example.net'], 'tls_version': ['TLSv1.2'],
    'addr_type': ['e r', 'e s', 'h r', 'h s'], 'opMode': ['s', 'd', 'm'], 'alt_name': [''], 'currHeader': ['Subject: hi', 'FOO bar'],
}
HELO = ['hoge.foo.jp', 'foo', 'client.example.net', '[192.0.2.77]', '127.0.0.1', '[127.0.0.1]', '', 'localhost', 'a.b.c']
# Sections with rules of the site's own: names that the documents give.
SECTIONS = [
    'LOCAL_CONFIG\nD{Own}own.example.com\nC{OwnUsers}anna bert\nKown regex -a<OWN> ^anna\nHX-Own: $j',
    'LOCAL_RULE_0\nR$+ < @ mt.example.com . >\t$#local $: alice\nR$+ < @ $* . UUCP . >\t$#error $@ 5.1.2 $: "553 no uucp"',
    'LOCAL_RULE_0\nR$* < @ $=w . >\t$#esmtp $@ own.example.com $: $1 < @ $2 . >',
    'LOCAL_RULE_1\nR$+ < @ v2.example.com . >\t$: $1 < @ v1.example.com . >',
    'LOCAL_RULE_2\nR$+ < @ v2.example.com . >\t$: $1 < @ v3.example.com . >',
    'LOCAL_RULE_3\nR$* < @ old.example.org > $*\t$: $1 < @ new.example.org . > $2',
    'LOCAL_RULE_3\nUUCPSMTP(`a\', `a.example.com\')\nUUCPSMTP(`b\',\t`b.example.com\')',
    'LOCAL_NET_CONFIG\nR$* < @ $* .$m. > $*\t$#esmtp $@ $2.$m $: $1 < @ $2.$m. > $3',
    'LOCAL_RULESETS\nSLocal_check_mail\nR$* < $* @ spam.example > $*\t$#error $@ 5.7.1 $: "550 own mail"\nR$* alice $*\t$#OK',
    'LOCAL_RULESETS\nSLocal_check_rcpt\nR$* sales $*\t$#error $@ 5.7.1 $: "550 own rcpt"\nR$* bob $*\t$#OK',
    'LOCAL_RULESETS\nSLocal_check_relay\nR$* $| 10.0.0.1\t$#error $@ 5.7.1 $: "550 own relay"\nR$* $| 192.168. $*\t$#OK',
    'LOCAL_RULESETS\nSLocal_trust_auth\nR$*\t$: $&{auth_authen}\nRjoe\t$# OK',
    'LOCAL_RULESETS\nSLocal_greet_pause\nR$* $| 10. $*\t$#500',
    'LOCAL_RULESETS\nSLocal_Relay_Auth\nR$*\t$: $&{auth_type}\nRPLAIN\t$# RELAY\nRCRAM-MD5\t$# NO',
    'LOCAL_TLS_CLIENT\nR$*\t$: $&{client_name}\nRc91 $*\t$#error $@ 4.7.0 $: "403 own tls client"',
    'LOCAL_TLS_SERVER\nR$*\t$: $&{server_name}\nRc91 $*\t$#error $@ 4.7.0 $: "403 own tls server"',
    'LOCAL_TLS_RCPT\nR$* bob $*\t$#error $@ 4.7.0 $: "403 own tls rcpt"',
    'LOCAL_TRY_TLS\nR$*\t$: $&{server_name}\nRmx1 $*\t$#error $@ 5.7.1 $: "550 own try"',
    'LOCAL_SRV_FEATURES\nR$*\t$: $&{client_name}\nRc91 $*\t$# V',
    'LOCAL_CLT_FEATURES\nR$*\t$: $&{server_name}\nRc91 $*\t$# D',
    'MAILER_DEFINITIONS\nMown, P=/bin/own, F=lsDFM, S=EnvFromL/HdrFromL, R=EnvToSMTP/HdrFromSMTP, A=own $u',
]
LISTS = ["FEATURE(`dnsbl', `bl.example')", "FEATURE(`dnsbl', `bl2.example', `\"550 listed \" $&{client_addr}', `t')",
         "FEATURE(`dnsbl', `bl2.example', `discard', `450 later')", "FEATURE(`dnsbl', `bl.example', `quarantine')",
         "FEATURE(`enhdnsbl', `ebl.example')", "FEATURE(`enhdnsbl', `ebl.example', `\"550 ebl\"', `t', `127.0.0.3.', `127.0.0.9.')",
         "FEATURE(`enhdnsbl', `ebl.example', `discard', `', `127.0.0.$-.')", "FEATURE(`enhdnsbl', `ebl.example', `quarantine', `', `127.0.0.3.')",
         "FEATURE(`enhdnsbl', `bl2.example', `', `\"450 wait\"', `127.0.0.4.')", "FEATURE(`enhdnsbl', `ebl.example', `discard')",
         "FEATURE(`badmx', `^(198\\.|192\\.)')", "define(`DNSBL_MAP', `dns -R A')",
         "define(`DNSBL_MAP_OPT', `-r2')", "define(`EDNSBL_TO', `3')", "FEATURE(`mtamark')", "FEATURE(`mtamark', `', `t')",
         "FEATURE(`badmx')", "FEATURE(`badmx', `^(10\\.|127\\.)')", "FEATURE(`block_bad_helo')", "FEATURE(`check_other')", "FEATURE(`use_client_ptr')"]
TABLES = ["FEATURE(`bitdomain', `hash -o /etc/mail/bitdomain')", "FEATURE(`uucpdomain', `hash -o /etc/mail/uudomain')",
          "FEATURE(`ldap_routing', `hash -o /etc/mail/ldaphost', `hash -o /etc/mail/ldapaddr')",
          "FEATURE(`ldap_routing', `hash -o /etc/mail/ldaphost', `hash -o /etc/mail/ldapaddr', `bounce', `preserve', `nodomain', `tempfail')",
          "FEATURE(`ldap_routing', `hash -o /etc/mail/ldaphost', `hash -o /etc/mail/ldapaddr', `sendertoo', `strip')",
         "FEATURE(`ldap_routing', `hash /run/own-ldaphost', `hash /run/own-ldapaddr', `bounce', `preserve')\nLDAPROUTE_DOMAIN(`foo.jp example.com')",
          "LDAPROUTE_DOMAIN(`ldap.example.com all.ldap.example.com')", "LDAPROUTE_EQUIVALENT(`hoge.foo.jp')",
          "VIRTUSER_DOMAIN_FILE(`-o /etc/mail/virt-domains')", "GENERICS_DOMAIN_FILE(`-o /etc/mail/generics-domains')",
          "RELAY_DOMAIN_FILE(`-o /etc/mail/relay-domains')", "define(`FAX_RELAY', `fax.example.net')", "FEATURE(`always_add_domain', `own.example.com')",
          "FEATURE(`bestmx_is_local', `foo.jp example.com')", "FEATURE(`notsticky')", "FEATURE(`use_ct_file')", "FEATURE(`no_default_msa')",
          "FEATURE(`local_lmtp')", "FEATURE(`local_procmail')", "FEATURE(`smrsh')", "FEATURE(`prefixmod', `1', `x')",
]
# What these return counts only where it begins with $#.
VERDICT = re.compile(r'(Translate,)?(\S*check_\w+|tls_(client|server|rcpt)|try_tls|trust_auth|authinfo|srv_features|clt_features|greet_pause|queuegroup) ')
RULESETS = ['check_mail', 'Basic_check_mail', 'check_rcpt', 'Basic_check_rcpt', 'tls_rcpt', 'queuegroup', 'trust_auth', 'Recurse', 'check_other',
            'bcc']
NO_ARGUMENT = ['try_tls', 'tls_server', 'srv_features', 'clt_features', 'authinfo', 'check_vrfy',
               'check_expn', 'check_etrn', 'check_data', 'check_eom', 'check_eoh']


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
        words = some(r, "`skip'", "`lookupdotdomain'", "`relaytofulladdress'", p=15)
        m.append(f"FEATURE(`access_db', `{r.choice([MAPS['access'], OWN_ACCESS])}'{''.join(', ' + w for w in words)})")
        m += some(r, r.choice(["FEATURE(`blocklist_recipients')", "FEATURE(`blacklist_recipients')"]),
                  r.choice(["FEATURE(`delay_checks')", "FEATURE(`delay_checks', `friend')", "FEATURE(`delay_checks', `hater')"]), p=40)
        m += some(r, "FEATURE(`lookupdotdomain')", "FEATURE(`relay_mail_from')", "FEATURE(`relay_mail_from', `domain')",
                  "FEATURE(`compat_check')", r.choice(["FEATURE(`ratecontrol')", "FEATURE(`ratecontrol', `nodelay', `terminate')"]),
                  r.choice(["FEATURE(`conncontrol')", "FEATURE(`conncontrol', `nodelay')", "FEATURE(`conncontrol', `', `terminate')"]),
                  r.choice(["FEATURE(`greet_pause', `3000')", "FEATURE(`greet_pause')"]), "FEATURE(`tls_session_features')",
                  r.choice(["FEATURE(`queuegroup')", "FEATURE(`queuegroup', `mainq')"]), "FEATURE(`authinfo', `hash -o /etc/mail/authinfo')", p=12)
    else:
        m += some(r, "FEATURE(`greet_pause', `3000')", "FEATURE(`delay_checks')", "FEATURE(`authinfo', `hash -o /etc/mail/authinfo')", p=8)
    m += some(r, *LISTS, p=5)
    m += some(r, "TRUST_AUTH_MECH(`PLAIN LOGIN')", "define(`confREJECT_MSG', `550 go away')", "define(`confRELAY_MSG', `550 no relay')",
              "define(`TLS_PERM_ERR', `1')", "define(`confRELAY_MAILER', `esmtp')", "define(`confSMTP_MAILER', `smtp8')",
              "define(`confLOCAL_MAILER', `prog')", p=6)
    m += some(r, "FEATURE(`relay_entire_domain')", "FEATURE(`relay_hosts_only')", "FEATURE(`relay_based_on_MX')",
              "FEATURE(`relay_local_from')", "FEATURE(`promiscuous_relay')", "FEATURE(`loose_relay_check')",
              "FEATURE(`accept_unqualified_senders')", "FEATURE(`accept_unresolvable_domains')", "FEATURE(`require_rdns')",
              "FEATURE(`bestmx_is_local')", "FEATURE(`use_client_ptr')", p=10)
    m += some(r, "RELAY_DOMAIN(`relay.example.com')", "RELAY_DOMAIN(`192.0.2.5')", p=30)
    tables = {**MAPS, **r.choice([{}, {'mailertable': OWN_TABLES['mailers'], 'virtusertable': OWN_TABLES['virtusers'],
                                       'genericstable': OWN_TABLES['generics']}])}
    m += some(r, *[f"FEATURE(`{t}', `{tables[t]}')" for t in ('mailertable', 'virtusertable', 'genericstable', 'domaintable')], p=30)
    m += some(r, "VIRTUSER_DOMAIN(`virt.example.com')", "VIRTUSER_DOMAIN(`v2.example.com')", "FEATURE(`virtuser_entire_domain')",
              "GENERICS_DOMAIN(`foo.jp hoge.foo.jp')", "FEATURE(`generics_entire_domain')", p=25)
    m += some(r, *TABLES, p=5)
    m += ["MAILER(`local')", "MAILER(`smtp')"] + some(r, "MAILER(`procmail')", "MAILER(`uucp')", "MAILER(`usenet')", "MAILER(`cyrusv2')",
                                                      "MAILER(`fax')", p=8)
    if not any(l.startswith('MASQUERADE_AS') for l in m):
        m = [l for l in m if not l.startswith('LDAPROUTE_EQ')]    # QUIRKS, ldap-equivalent-alone
    if 'MAILER(`uucp\')' in m:
        m += some(r, 'LOCAL_CONFIG\nC{Y}b neigh\nC{Z}m\nC{U}old a', 'LOCAL_CONFIG\nDUunit', p=50)
    return m + some(r, *SECTIONS, p=5)


def random_client(r):
    """A host that hands all its mail to another one."""
    m = some(r, "MASQUERADE_AS(`foo.jp')", "FEATURE(`nocanonify')", "define(`_USE_DECNET_SYNTAX_', `1')", "FEATURE(`nouucp', `nospecial')",
             "FEATURE(`always_add_domain')", "EXPOSED_USER(`root')", "define(`confTRUSTED_USERS', `joe')", "FEATURE(`use_ct_file')",
             "TRUST_AUTH_MECH(`PLAIN')", "FEATURE(`local_no_masquerade')", "define(`confRELAY_MAILER', `esmtp')",
             "FEATURE(`access_db', `hash -T<TMPF> -o /etc/mail/access')", "FEATURE(`genericstable', `hash -o /etc/mail/genericstable')", p=15)
    return m + [r.choice(["FEATURE(`msp')", "FEATURE(`msp', `mx.example.com')", "FEATURE(`msp', `[127.0.0.1]', `MSA')",
                          "FEATURE(`nullclient', `hub.foo.jp')", "FEATURE(`nullclient', `mx.example.com')"])] + some(r, *SECTIONS, p=5)


def address(r):
    user, host = r.choice(USERS), r.choice(HOSTS)
    form = r.randrange(20)
    if form < 11:
        return f'{user}@{host}'
    return [user or 'x', f'<{user}@{host}>', f'x!{user}@{host}', f'{user}%{host}', f'{host.rstrip(".")}!{user}', f'@{r.choice(HOSTS)}:{user}@{host}',
            f'{user}@{host}@{r.choice(HOSTS)}', f'n::{user}', f'<>'][form - 11]


def random_inputs(r):
    addr, name, resolve = r.choice(CLIENTS)
    out = [f'.D{{client_addr}}{addr}', f'.D{{client_name}}{name}', f'.D{{client_resolve}}{resolve}', f'.D{{client_ptr}}{name}',
           f'.Df{address(r).strip("<>")}', '.Ds' + r.choice(HELO)] + some(r, '.D{daemon_flags}c u', '.D{daemon_flags}CC f', p=8)
    out += some(r, '.Dh' + r.choice(['+det', '+', 'host.example.com', 'x@host.example.com']), p=15)
    out += [f'.D{{{macro}}}{r.choice(values)}' for macro, values in SESSION.items() if macro.startswith('server') or r.randrange(3) == 0]
    for _ in range(r.randrange(4, 12)):
        a = address(r)
        kind = r.randrange(13)
        if kind < 3:
            out.append(f'3,0 {a}')
        elif kind < 4:
            out.append(f'5 {a.split("@")[0].strip("<") or "x"}')
        elif kind < 6:
            out += [f'/tryflags {r.choice("HE")}{r.choice("SR")}',
                    f'/try {r.choice(["smtp", "local", "esmtp", "relay", "uucp-new", "uucp-dom", "uucp-uudom", "procmail", "own"])} {a}']
        elif kind < 9:
            out.append(f'{r.choice(RULESETS)} {a}')
        elif kind < 10:
            out.append(f'{r.choice(NO_ARGUMENT)} {r.choice([name, addr, "x"]) or "x"}')
        elif kind < 11:
            word = r.choice(SESSION['verify'])
            out.append(r.choice([f'Translate,tls_client {word} $| MAIL', f'Translate,check_other FOO: {a} $| {r.choice("25")}', f'tls_server {word or "x"}', f'Translate,check_compat {a} $| {address(r)}',
                                 f'Translate,greet_pause {name} $| {addr}', f'check_etrn {a}']))
        else:
            out.append(f'Translate,{r.choice(["Basic_check_relay", "check_relay", "tls_srv_features", "tls_clt_features"])} {name or "x"} $| {addr or 1}')
    return out


# Queue groups and passwords that the stock rules take from a map that fails (QUIRKS, failing-map-answer), and what ours answer.
FAILING = {'queuegroup': 'passes', 'authinfo': '$# temp'}

# What lets arguments of a ruleset stand behind `$|`.
TAIL = '\nLOCAL_RULESETS\nSTranslate\nR$* $$| $*\t$: $1 $| $2\n'


def mc_text(lines):
    head = ["divert(0)dnl", "VERSIONID(`random')", "OSTYPE(linux)dnl", "define(`confDOMAIN_NAME', `hoge.foo.jp')dnl"]
    return '\n'.join(head + [l if '\n' in l else l + 'dnl' for l in lines]) + TAIL


def file_text(lines):
    return '\n'.join(lines) + TAIL


class Desk:
    def __init__(self, makecf):
        self.folder = tempfile.mkdtemp(dir='/run')
        self.makecf = shlex.split(makecf)
        # m4 sees one name for the map in every run, so that a seed names the same files again
        for spec, entries in [(OWN_ACCESS, ACCESS)] + [(OWN_TABLES[name], TABLE_TEXTS[name]) for name in TABLE_TEXTS]:
            text = ''.join(l.replace(' ', '\t', 1) + '\n' for l in entries.strip().split('\n'))
            subprocess.run([f'{O}/bin/makemap', '-C', f'{O}/cf/p-null.cf', 'hash', spec.split()[-1]], input=text.encode(), check=True)

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
            # without the macros of a session the stock rules fall through
            sign = ('$# error', '$# discard') if 'check_' in inp else '$#'
            if VERDICT.match(inp) and not last.startswith(sign) or last.startswith('$# > <'):
                last = 'passes'
            # QUIRKS, impossible-tls-rcpt
            last = last.split(' $| < U : ')[0] if inp.startswith('tls_rcpt ') else last
            if last in ('$# < TMPF >', '$# <TMPF>'):
                last = FAILING.get(inp.split(' ')[0], last)
            keep.insert(0, last)
        return keep

    def judge(self, n, mc, inputs):
        """The first difference as (input, stock, ours), or None."""
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

    def shrink(self, n, text, lines, inputs, diff):
        kind = diff[0].split(' ')[0]
        same = lambda ls, ins: (d := self.judge(n, text(ls), ins)) and d[0].split(' ')[0] == kind and d
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
        return lines, inputs, self.judge(n, text(lines), inputs) or diff


def inner(seed, count, show, files, makecf):
    desk, found = Desk(makecf), []

    def attempt(case, text, lines, inputs):
        diff = desk.judge(case, text(lines), inputs)
        if diff:
            found.append(case)
            lines, inputs, diff = desk.shrink(case, text, lines, inputs, diff)
            print(f'--- case {case}\n' + '\n'.join('    ' + l for l in lines + inputs))
            print(f'  >>> {diff[0]}\n  stock {diff[1]}\n  ours  {diff[2]}', flush=True)
        for f in (f's{case}', f'o{case}'):
            for e in ('.mc', '.cf'):
                if os.path.exists(f'{desk.folder}/{f}{e}'):
                    os.unlink(f'{desk.folder}/{f}{e}')

    def one(n):
        if len(found) >= show:
            return
        r = random.Random(f'{seed}/{n}')
        if files:
            path = files[n % len(files)]
            inputs = [i for _ in range(4) for i in random_inputs(r)]
            attempt(f'{os.path.basename(path)}-{n}', file_text, open(path).read().split('\n'), inputs)
        else:
            attempt(str(n), mc_text, random_client(r) if r.randrange(10) == 0 else random_mc(r), random_inputs(r))
    with ThreadPoolExecutor(os.cpu_count() or 2) as ex:
        list(ex.map(one, range(count)))
    print(f'{count} configurations of seed {seed}: {len(found)} differ')
    return 1 if found else 0


def main():
    ap = argparse.ArgumentParser(usage=__doc__)
    ap.add_argument('-s', default='1')
    ap.add_argument('-c', type=int, default=500)
    ap.add_argument('-n', type=int, default=8)
    ap.add_argument('-f', action='append', default=[])
    ap.add_argument('makecf')
    a = ap.parse_args()
    if in_world():
        return inner(a.s, a.c, a.n, a.f, a.makecf)
    return subprocess.run([sys.executable, f'{HERE}/sandbox.py', 'pub', sys.executable, os.path.abspath(__file__)] + sys.argv[1:]).returncode


if __name__ == '__main__':
    sys.exit(main())
