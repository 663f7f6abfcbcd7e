divert(-1)
dnl drac(map): lets clients relay whose address stands in a table that another program keeps, as one that takes note of who
dnl has just fetched mail (POP before SMTP). The map is hash /etc/mail/drac unless another is given.
divert(_AT_HEAD_)dnl
Kdrac _MAP(defn(`_ARG_'), `drac', `_LDAP_MAP(`drac')')
divert(_AT_RELAY_OK_)dnl
R$*	$: $&{client_addr} $| ? $(drac $&{client_addr} $: NO $)
RIPv6 : $+ $| ? NO	$: $1 $| ? $(drac $1 $: NO $)	the table may have it without that mark
R$* $| ? NO	$: NO
R$* $| ? $+	$@ RELAY
