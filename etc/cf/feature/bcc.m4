divert(-1)
dnl bcc(map|access, host, address, map): sends a copy of mail to the recipients whose domain a table has, or the access map
dnl by entries bcc:domain. The copies go to the recipient at the given host, or to the given address. The table is hash
dnl /etc/mail/bcctable unless another is given; the last map turns recipients into the names that copies are for.
dnl Experimental: only a program that was built with its option AddBcc asks this ruleset.
_WARN(`FEATURE(bcc) has no effect unless the program was built for it: write O AddBcc=true behind LOCAL_CONFIG then')
ifelse(defn(`_ARG_'), `access', `ifdef(`_ACCESS_TABLE_', `', `_COMPLAIN(`bcc(access) needs FEATURE(access_db) before it')')
_ENABLE(`_BCC_ACCESS_')')
divert(_AT_HEAD_)dnl
ifdef(`_BCC_ACCESS_', `', `Kbcctable ifelse(defn(`_ARG_'), `', `DATABASE_MAP_TYPE MAIL_SETTINGS_DIR`'bcctable', `_ARG_')
')dnl
ifelse(defn(`_ARG2_'), `', `', `DA`'_ARG2_
')dnl
ifelse(defn(`_ARG4_'), `', `', `KcanonicalRcpt _ARG4_
')dnl
divert(9)dnl
`#' bcc: a recipient -> where a copy of mail to his domain goes, or nothing
Sbcc
R< $* >	$: $1
R$+ @ $+	$: $1@$2 $| ifdef(`_BCC_ACCESS_', `$>SearchList < ! bcc > $| < D : $2 > <>', `$>BCC $2')
R$+ $| < ? >	$@
R$+ $| $*	$: ifelse(defn(`_ARG3_'), `', `$1', `_ARG3_')
ifelse(defn(`_ARG4_'), `', `', `R$+	$: $(canonicalRcpt $1 $: $)
')dnl
ifdef(`_BCC_ACCESS_', `', `
`#' BCC: < value > of a domain, or of a parent, in the table of copies
SBCC
R$+	$: $1 $| $(bcctable $1 $: ? $)
R$- . $+ $| ?	$@ $>BCC $2
R$* $| $*	$@ < $2 >
')dnl
