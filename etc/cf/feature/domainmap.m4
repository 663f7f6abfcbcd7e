divert(-1)
dnl domainmap(domain, map): has users of a domain in a table of its own, which lists them without the domain: a line  joe
dnl joe@mailbox.example.com  sends mail for joe@domain there, and that for joe+detail@domain to joe+detail@mailbox.example.com.
dnl Users that the table lacks are refused. Where the domain is a name of this host too, users of LOCAL_USER stay here.
dnl
dnl   FEATURE(`domainmap', `example.org', `hash /etc/mail/example-users')
dnl
dnl Each domain is a feature of its own.
ifelse(defn(`_ARG_'), `', `_COMPLAIN(`domainmap needs a domain')', defn(`_ARG2_'), `', `_COMPLAIN(`domainmap needs a map behind the domain')')
define(`_DOMAIN_MAP_', `users_'translit(_ARG_, `.-', `__'))
divert(_AT_HEAD_)dnl
C{MappedDomain}_ARG_
K`'_DOMAIN_MAP_ _ARG2_ -T<TMPF>
divert(_AT_DOMAIN_MAPS_)dnl
R< $+ > < $* > _ARG_	$: < $(_DOMAIN_MAP_ $1 $: ? $) > < $2 >
ifdef(`_DOMAIN_MAPS_', `divert(-1)', `divert(3)')dnl
R$* $={O} $* < @ $={MappedDomain} . >	$@ $>Recurse $1 $2 $3	its user part may route on
R$+ < @ $={MappedDomain} . >	$: $>MappedUser $1 < @ $2 . >
divert(-1)
_ENABLE(`_DOMAIN_MAPS_')
