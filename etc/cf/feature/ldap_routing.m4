divert(-1)
dnl ldap_routing(host map, address map, bounce|passthru|sendertoo, strip|preserve, nodomain, queue|tempfail): asks a directory
dnl where mail for the domains of LDAPROUTE_DOMAIN goes: to another host, to another address, or nowhere (bounce; with sendertoo
dnl senders must be in the directory, too). Given again, the last call says whether to bounce and to wait.
_ENABLE(`_LDAP_ROUTING_')
ifelse(defn(`_ARG3_'), `', `undefine(`_LDAP_BOUNCE_')', defn(`_ARG3_'), `passthru', `undefine(`_LDAP_BOUNCE_')', `_ENABLE(`_LDAP_BOUNCE_')')
dnl _ONE_OF_(argument, word, word, word): the argument is one of these words, or nothing
define(`_ONE_OF_', `ifelse(`$1', `', `', `$1', `$2', `', `$1', `$3', `', `$1', `$4', `', `_WARN(`ldap_routing knows no $1: it may be $2, $3' ifelse(`$4', `', ``or nothing'', ``or $4''))')')
_ONE_OF_(_ARG3_, `bounce', `passthru', `sendertoo')
_ONE_OF_(_ARG4_, `strip', `preserve')
_ONE_OF_(_ARG6_, `queue', `tempfail')
ifelse(defn(`_ARG3_'), `sendertoo', `_ENABLE(`_LDAP_SENDER_')')
ifelse(defn(`_ARG4_'), `', `', `define(`_LDAP_DETAIL_', _ARG4_)')
ifelse(defn(`_ARG5_'), `', `', `_ENABLE(`_LDAP_NO_DOMAIN_')')
ifelse(defn(`_ARG6_'), `tempfail', `_ENABLE(`_LDAP_TEMPFAIL_')', `undefine(`_LDAP_TEMPFAIL_')')
divert(_AT_HEAD_)dnl
Kldapmh ifelse(defn(`_ARG_'), `', `ldap -1 -T<TMPF> -v mailHost -k (&(objectClass=inetLocalMailRecipient)(mailLocalAddress=%0))', `_ARG_')
Kldapmra ifelse(defn(`_ARG2_'), `', `ldap -1 -T<TMPF> -v mailRoutingAddress -k (&(objectClass=inetLocalMailRecipient)(mailLocalAddress=%0))', `_ARG2_')
