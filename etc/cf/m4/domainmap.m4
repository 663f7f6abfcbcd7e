divert(-1)
dnl Domains with tables of their own (FEATURE domainmap).
divert(0)dnl
`#' MappedUser: user < @ domain . > of a domain with a table of its own -> where the table sends the mail, or an error
SMappedUser
R$={L} < @ $=w . >	$@ $1 < @ $2 . >	a user of this host
R$+ < @ $+ . >	$: $1 < @ $2 . > $| ? $&{addr_type}
R$+ < @ $+ . > $| ? e s	$#smtp $@ $2 . $: $1 @ $2 .	senders need not be there
R$+ < @ $+ . > $| $*	$: < $1 > < > $2
R< $+ + $* > < > $+	$: < $1 > < + $2 > $3
undivert(_AT_DOMAIN_MAPS_)dnl
R< ? > $*	$#error $@ 5.1.1 $: "550 email address lookup in domain map failed"
R< $* <TMPF> > $*	$#error $@ 4.3.0 $: _TEMPORARY_FAILURE_
R< $+ @ $+ > < $+ >	$: < $1 $3 @ $2 > < >
R< $+ > < $* >	$@ $>Recurse $1
