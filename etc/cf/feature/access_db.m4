divert(-1)
dnl access_db(map, skip, lookupdotdomain, relaytofulladdress): decides by the access map who may send, connect and relay. The
dnl map is hash -T<TMPF> /etc/mail/access unless another is given; the words behind it may stand in any order.
dnl
dnl Each line of /etc/mail/access is a key, space, and a value; `make maps' (makemap hash access < access) makes the map of it.
dnl
dnl Keys are a domain, which stands for its hosts, too, an address, a network by its first numbers, user@domain, or user@:
dnl
dnl   Connect:192.0.2          RELAY       clients of 192.0.2.0/24 may relay
dnl   Connect:spam.example     REJECT      clients whose name is in that domain
dnl   Connect:IPv6:2001:db8    RELAY
dnl   From:bad@example.org     REJECT      a sender
dnl   From:example.org         OK          senders of that domain, also if it does not resolve
dnl   From:list@               DISCARD     senders of that name in any domain
dnl   To:example.net           RELAY       anybody may write to that domain through this host
dnl   To:old@here.example      ERROR:5.1.1:550 moved to new@here.example        (with blocklist_recipients)
dnl   spam.example             REJECT      without a tag: as client, as domain of senders and of recipients
dnl
dnl Values: RELAY lets mail through to anywhere, OK takes it though something else would refuse it, REJECT refuses it, DISCARD
dnl takes it and throws it away, SKIP ends the search with nothing found (where the word skip is given), QUARANTINE:reason
dnl keeps it in the queue until somebody looks, ERROR:5.7.1:550 text refuses with these codes. Any other text is the reply:
dnl 550 text.
dnl
dnl Tags that other features ask, with a name, an address, or nothing behind them:
dnl
dnl   Spam:user@here.example   FRIEND      delay_checks(friend): spare the recipient; HATER with delay_checks(hater)
dnl   GreetPause:192.0.2       0           greet_pause: milliseconds
dnl   ClientRate:192.0.2       30          ratecontrol: connections a minute; ClientRate: for all others
dnl   ClientConn:192.0.2       5           conncontrol: open connections
dnl   Compat:a@b.c<@>d@e.f     ERROR:550 not you two   compat_check: a pair of sender and recipient; or TEMP:451 text, DISCARD
dnl   QGRP:example.org         slow        queuegroup: the queue group of a recipient
dnl
dnl Tags about TLS and AUTH, without another feature:
dnl
dnl   Srv_Features:192.0.2     A           offer no AUTH to the client; V: ask for no certificate, S: no STARTTLS
dnl   Clt_Features:mx.example  ...         the same towards a server
dnl   Try_TLS:mx.example       NO          do not start TLS with that server
dnl   TLS_Srv:mx.example       ENCR:128    deliver to that server only with so many bits; VERIFY: with a known certificate
dnl   TLS_Clt:192.0.2          VERIFY      take mail of that client only so
dnl   TLS_Rcpt:user@a.example  ENCR:128    deliver to that recipient only so; PERM+ before it: refuse for good
dnl   AuthInfo:relay.example   "U:name" "P=cGFzc3dvcmQ="                         how to log in there; see authinfo
dnl   CERTISSUER:/C=US/...     RELAY       clients with a certificate of that issuer may relay; SUBJECT: look at CERTSUBJECT:
dnl
dnl lookupdotdomain finds .domain, too, which stands for hosts below the domain only; relaytofulladdress takes
dnl To:user@domain RELAY.
_ENABLE(`_ACCESS_TABLE_')
define(`_WORD', `ifelse(`$1', `lookupdotdomain', `_ENABLE(`_LOOKUP_DOT_DOMAIN_')', `$1', `relaytofulladdress', `_ENABLE(`_RELAY_FULL_ADDRESS_')', `$1', `skip', `_ENABLE(`_ACCESS_SKIP_')', `$1', `', `', `_COMPLAIN(`access_db does not know the word $1')')')
_WORD(_ARG2_)_WORD(_ARG3_)_WORD(_ARG4_)
divert(_AT_HEAD_)dnl
Kaccess ifelse(defn(`_ARG_'), `', `DATABASE_MAP_TYPE -T<TMPF> MAIL_SETTINGS_DIR`'access', defn(`_ARG_'), `LDAP', `_LDAP_MAP(`access') -T<TMPF>', `_ARG_')
