divert(-1)
dnl mailertable(map): routes foreign domains by a table: domain or .domain to mailer:host. The map is hash
dnl /etc/mail/mailertable unless another is given.
dnl
dnl Each line of /etc/mail/mailertable is a key, space, and a value; `make maps' (makemap hash mailertable < mailertable) makes
dnl the map of it:
dnl
dnl   example.org              esmtp:[192.0.2.7]        mail for that domain to that host, without looking for MX
dnl   .example.org             esmtp:mx.example.net     hosts below that domain, not the domain itself
dnl   lists.example.org        local:                   to users of this host
dnl   gone.example             error:5.1.2:550 that domain is gone
dnl   .uucp.example            esmtp:%1.example.net     %1 is what stands before the key
dnl   .                        relay:gate.example.net   everything else
dnl
dnl The whole name is looked for first, then its parents with a dot before them, from the longest on, at last the dot alone.
dnl Names of this host (LOCAL_DOMAIN) are not looked for. Clients may write to such a domain through this host only where
dnl RELAY_DOMAIN or To: of the access map lets them.
_ENABLE(`_MAILER_TABLE_')
divert(_AT_HEAD_)dnl
Kmailertable _MAP(defn(`_ARG_'), `mailertable', `_LDAP_MAP(`mailertable')')
