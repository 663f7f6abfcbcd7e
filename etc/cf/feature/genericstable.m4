divert(-1)
dnl genericstable(map): turns senders without a domain and those of GENERICS_DOMAIN into what a table says. The map is
dnl hash /etc/mail/genericstable unless another is given.
dnl
dnl Each line of /etc/mail/genericstable is a key, space, and a value; `make maps' (makemap hash genericstable < genericstable)
dnl makes the map of it. Domains other than that of this host stand in GENERICS_DOMAIN(`example.org').
dnl
dnl   alice                    Alice.Smith@example.com  a user of this host, or of one of those domains
dnl   bob@host.example.org     bob@example.com          that user of that domain only
dnl   list+*@example.org       %1@lists.example.com     user+detail: %1 is the detail
dnl   @old.example.org         %1@example.com           all others of a domain: %1 is the user
dnl
dnl The first key that is there counts: user+detail@domain, user+*@domain, user@domain, @domain, and at last those without a
dnl domain. A value without a domain has that of this host. The header is rewritten; the envelope, too, with
dnl FEATURE(`masquerade_envelope'). Recipients are left alone. With FEATURE(`generics_entire_domain') hosts below the domains
dnl count, too.
_ENABLE(`_GENERICS_TABLE_')
divert(_AT_HEAD_)dnl
Kgenerics _MAP(defn(`_ARG_'), `genericstable', `_LDAP_MAP(`genericstable')')
