divert(-1)
dnl LDAP routing (FEATURE ldap_routing).
divert(0)dnl
ifdef(`_LDAP_TEMPFAIL_', ``#' modes of the program in which clients wait for answers
C{OfClients}s d D

')dnl
`#' LDAPRoute: < domain to look for > user < @ domain . > -> where the directory wants the mail: a mailer, or the address
`#' when it says nothing
SLDAPRoute
R< > $+	$@ $1
R< $+ > $+ < @ $+ >	$: < $1 > $2 < @ $3 > $| $2
R< $+ > $* $| $* < $*	$@ $2	no name of the directory has < or >, which part the fields here
R< $+ > $* $| $* > $*	$@ $2
R< $+ > $* $| $*	$: < $1 > $2
R< $+ > $+ < @ $+ . >	$: $>LDAPFind < $2 > < $1 > < > $| $2 < @ $3 . >
R$* <TMPF> $* $| $*	$@ $>LDAPLater $3
R< > < > < $* > $| $+	$@ ifdef(`_LDAP_BOUNCE_', `$>LDAPNobody ')$2
R< > < $=w > < $* > $| $+	$@ $3
R< > < $+ > < $* > $| $+	$@ $>LDAPHost < $1 > $3
R< $+ > < > < $* > $| $+	$@ $>Recurse $>LDAPDetail < $1 > < $2 >
R< $+ > < $=w > < $* > $| $+	$@ $>Recurse $>LDAPDetail < $1 > < $3 >
R< $+ > < $+ > < $* > $| $+	$@ $>LDAPHost < $2 > $>canonify $>LDAPDetail < $1 > < $3 >

`#' LDAPFind: < user > < domain > < > $| address -> < new address > < host > < detail > $| address
SLDAPFind
R< $+ > < $+ > < $* > $*	$: < $(ldapmra $1@$2 $: $) > < $(ldapmh $1@$2 $: $) > < $3 > < $1 > < $2 > $4
ifdef(`_LDAP_DETAIL_', `R< > < > < > < $+ + $* > < $+ > $*	$: < $(ldapmra $1@$3 $: $) > < $(ldapmh $1@$3 $: $) > < ifelse(_LDAP_DETAIL_, `preserve', `+ $2') > < $1 + $2 > < $3 > $4
')dnl
ifdef(`_LDAP_NO_DOMAIN_', `', `R< > < > < $* > < $+ > < $+ > $*	$: < $(ldapmra @$3 $: $) > < $(ldapmh @$3 $: $) > < $1 > < $2 > < $3 > $4
')dnl
R< $* > < $* > < $* > < $* > < $+ > $*	$@ < $1 > < $2 > < $3 > $6

`#' LDAPDetail: < address > < +detail > -> the address with the detail
SLDAPDetail
R< $+ @ $+ > < + $* >	$@ $1 + $3 @ $2
R< $+ > < $* >	$: $1

`#' LDAPHost: < host > address -> the mailer for that host
SLDAPHost
ifdef(`_MAILER_TABLE_', `R< $~[ : $+ > $*	$@ $>MailerToTriple < $1 : $2 > $3
R< $+ > $*	$: < $1 > $>Mailertable < $1 > < > $2
R< $+ > < $+ > $*	$@ $>MailerToTriple < $2 > $3
')dnl
R< $+ > $*	$@ $>MailerToTriple < confRELAY_MAILER : $1 > $2

`#' LDAPLater: the address whose look-up failed for now -> ifdef(`_LDAP_TEMPFAIL_', `an error where a client waits for the answer about
`#' a recipient, otherwise ')itself, which waits in the queue
SLDAPLater
ifdef(`_LDAP_TEMPFAIL_', `R$*	$: $1 $| ? $&{opMode} $&{addr_type}
R$* $| ? $={OfClients} e r	$#error $@ 4.3.0 $: _TEMPORARY_FAILURE_
R$* $| ? $*	$: $1
')dnl
ifdef(`_LDAP_BOUNCE_', `
`#' LDAPNobody: an address that the directory does not have -> an error for a recipient, otherwise itself
SLDAPNobody
R$*	$: $1 $| ? $&{addr_type}
R$* $| ? e r	$#error $@ nouser $: "550 User unknown"
ifdef(`_LDAP_SENDER_', `R$* $| ? e s	$#error $@ nouser $: "550 User unknown"
')dnl
R$* $| ? $*	$@ $1
')dnl
