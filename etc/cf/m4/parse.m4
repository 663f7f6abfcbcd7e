divert(-1)
dnl Where mail goes: rulesets 0, 98, 5 and what they call.
ifdef(`LUSER_RELAY', `ifdef(`_PRESERVE_LUSER_HOST_', `_ENABLE(`_LUSER_HOST_')')')
define(`_HUB_', `ifdef(`MAIL_HUB', `H', `ifdef(`LOCAL_RELAY', `R')')')
dnl _BY_CLASS_(class): hosts of a class of SITECONFIG, with the relay for these
define(`_BY_CLASS_', `ifdef(`_SITES_$1_', `R`$'* < @ `$'=$1 . UUCP . >	`$': `$'1 < @ `$'2 . UUCP . > `$'| `$'$1
')')
divert(0)dnl

`#' ========================================================================================================================
`#' Where mail goes
`#' ========================================================================================================================

`#' parse: user < @ domain > -> mailer, host and user
Sparse=0
R$*	$: $>Deliverable $1	refuse what nobody can deliver
R$* < @ >	$#_LOCAL_ $: $1 < @ >	the null address bounces to nobody
R$*	$: $>98 $1	the rules of the site
R$*	$@ $>Route $1

`#' Deliverable: an address that can be delivered at all comes back, freed of routes through this host; another becomes an error
SParse0
R$*	$@ $>Deliverable $1
SDeliverable
R$* < @ >	$@ $>Nowhere $1
R< @ $+ >	$#error $@ 5.1.3 $: "553 User address required"
R@ < @ $+ >	$#error $@ 5.1.3 $: "553 User address required"
R$* < @ $+ > $*	$: $1 < @ $2 > $3 $| ? $>BadDomain $2
R$* $| ? $#$*	$#$2
R$* $| ? $*	$: $1
R$* @ $* < @ $* > $*	$#error $@ 5.1.3 $: "553 Invalid route address"
R$* , $~O $*	$#error $@ 5.1.3 $: "553 Invalid route address"
ifdef(`_PREFIX_', `R`'_PREFIX_`' $+ < @ $+ >	$: $1 < @ $2 > $(macro {rcpt_flags} $@ _PREFIX_FLAGS_ $)
')dnl
`#' the user part of an address of ours may route on; quotes may hide that it does
R$+ < @ $=w . >	$: @ $2 . $| $>Unquote $1
R$-	$: $| $>Unquote $1
R@ $+ $|	$#error $@ 5.1.3 $: "553 User address required"
R$* $| $* $={O} $*	$@ $>Deliverable $>canonify $2 $3 $4
R@ $+ $| $+	$: $2 < @ $1 >
R$| $*	$: $1

`#' Nowhere: what stands before no domain -> an error, but of the null address < @ >
SNowhere
R$* : $* ;	$#error $@ 5.1.3 $: "553 List:; syntax illegal for recipient addresses"
R@	$@ < @ >
R$+	$#error $@ 5.1.3 $: "553 Hostname required"
R$*	$@ < @ >

`#' BadDomain: a domain -> an error where it cannot be one
SBadDomain
R$*	$: ? $1
R? [ $* ] : $+	$: [ $1 ] $2	an address literal with a port
R? [ $* ] , $+	$: [ $1 ] $2
R? [ $* ] $+	$#error $@ 5.1.2 $: "553 Invalid address"
R? [ $+ ]	$: [ $1 ]
R? $* : $*	$#error $@ 5.1.3 $: "553 Colon illegal in host name part"
R? . $*	$#error $@ 5.1.2 $: "553 Invalid host name"
R$* .. $*	$#error $@ 5.1.2 $: "553 Invalid host name"
R$* @	$#error $@ 5.1.2 $: "553 Invalid route address"

`#' Unquote: a user in quotes -> without them
SUnquote
R$-	$@ $(dequote $1 $)

`#' ParseLocal: what the .mc file has for ruleset 0
SParseLocal=98
ifdef(`_REDIRECT_', `R$* < @ $+ . REDIRECT . >	$: $1 < @ $2 . REDIRECT . > $| $&{opMode}
R$* $| i	$: $1	newaliases sends nobody anywhere
R$* < @ $+ . REDIRECT . > $| $*	$#error $@ 5.1.1 $: "551 User has moved; please try " < $1 @ $2 >
')dnl
undivert(3)dnl

`#' Route: everything else
SRoute
ifdef(`_LDAP_ROUTING_', `R$+ < @ $={LDAPRoute} . >	$: $>LDAPRoute < $2 > $1 < @ $2 . >
ifdef(`_LDAP_EQUIVALENTS_', `R$+ < @ $={LDAPRouteEquiv} . >	$: $>LDAPRoute < $M > $1 < @ $2 . >	as if it were the name of masquerading
')')dnl
ifdef(`_MAILER_smtp_', `R$* < @ [ $+ ] > $*	$: $>ToLiteral < $?S$S$|[ $2 ]$. > $1 < @ [ $2 ] > $3
R$* < @ [ $+ ] : $+ > $*	$: $>ToLiteral < $3 > $1 < @ [ $2 ] > $4
')dnl
ifdef(`_VIRTUSER_TABLE_', `R$+	$: < N > $1
R< N > $+ < @ $=w . >	$: < V > $1 < @ $2 . >
ifdef(`_VIRTUAL_HOSTS_', `R< N > $+ < @ $={VirtHost} . >	$: < V > $1 < @ $2 . >
ifdef(`_VIRTUSER_ENTIRE_DOMAIN_', `R< N > $+ < @ $* . $={VirtHost} . >	$: < V > $1 < @ $2 . $3 . >
')')dnl
R< N > $+	$: $1
R< V > $+	$: $>Virtual $1
')dnl
`#' names of ours
ifdef(`_STICKY_HOST_', `ifdef(`MAIL_HUB', `R$+ < @ $=w . >	$@ $>MailerToTriple < $H > $1 < @ $2 . >', `R$+ + $* < @ $=w . >	$#_LOCAL_ $: $1 + $2
R$+ < @ $=w . >	$#_LOCAL_ $: @ $1')
')dnl
R$* < @ $=w . >	$@ $>Mailbox $1
ifdef(`_MAILER_TABLE_', `R$* < @ $+ > $*	$: $2 $| $1 < @ $2 > $3
R$+ . $| $*	$: $1 $| $2	keys have no final dot
R$+ $| $*	$: $>Mailertable < $1 > < > $2
R< $+ : $* > $*	$@ $>MailerToTriple < $1 : $2 > $3
R< $+ > $+	$: $2
')dnl
undivert(4)dnl
`#' domains that are only markers: the mailer for them, or $| the relay that knows more
ifdef(`_MAILER_mail11_', `R$* < @ $+ . DECNET . > $*	$#mail11 $@ $2 $: $1 $3
')dnl
ifdef(`_MAILER_pop_', `R$* < @ POP . >	$#pop $: $1
')dnl
ifdef(`_MAILER_fax_', `R$+ < @ $+ . FAX . > $*	$#fax $@ $2 $: $1
')dnl
ifdef(`BITNET_RELAY', `R$* < @ $+ . BITNET . >	$: $1 < @ $2 . BITNET . > $| $B
')dnl
ifdef(`DECNET_RELAY', `R$* < @ $+ . DECNET . >	$: $1 < @ $2 . DECNET . > $| $C
')dnl
ifdef(`FAX_RELAY', `R$* < @ $+ . FAX . >	$: $1 < @ $2 . FAX . > $| $F
')dnl
_BY_CLASS_(`V')_BY_CLASS_(`W')_BY_CLASS_(`X')dnl
ifdef(`UUCP_RELAY', `R$* < @ $* . UUCP . >	$: $1 < @ $2 . UUCP . > $| $Y
', `ifdef(`_MAILER_uucp_', `R$* < @ $+ . UUCP . >	$: $1 < @ $2 . UUCP . > $| _UUCP_ : $2
')')dnl
R$* $| $*	$: $>MailerToTriple < $2 > $1
ifdef(`_BESTMX_', `R$+ < @ $+ >	$: $1 < @ $2 > $| ? $>_BESTMX_ROUTES_ $2
R$* $={O} $* < @ $* > $| ? $=w	$@ $>Recurse $1 $2 $3	its user part may route on
R$+ < @ $* > $| ? $=w	$#_LOCAL_ $@ $: $1
R$* $| ? $*	$: $1
')dnl
undivert(1)dnl
`#' everything foreign goes to the smart host, or else straight to its domain
R$* < @ $+ > $*	$: $1 < @ $2 > $3 $| ? $S
R$* $| ? $+	$: $>MailerToTriple < $2 > $1
R$* $| ?	$: $1
R$* < @ $+ > $*	ifdef(`_MAILER_smtp_', `$#_SMTP_ $@ $2 $: $1 < @ $2 > $3', `$#error $@ 5.1.2 $: "553 Unrecognized host name " $2')
R$+	$@ $>Mailbox $1	a name without a domain

`#' Mailbox: a user of this host -> the local mailer; those of class L are no aliases
SMailbox
R$={L}	$#_LOCAL_ $: @ $1
R$*	$#_LOCAL_ $: $1

`#' ToLiteral: < host > or < mailer : host > address -> the mailer for an address literal
SToLiteral
R< $- : $* > $*	$# $1 $@ $2 $: $3
R< $+ > $*	$#_SMTP_ $@ $1 $: $2

`#' MailerToTriple: < mailer : host > user < @ domain >, a relay or a value of a table -> mailer, host and user; without a
`#' relay, or with one that is this host, the address
SMailerToTriple=95
R< error : $+ > $*	$@ $>Refusal $1
R< local : $* > $*	$@ $>CanonLocal < $1 > $2
R< $~[ : $+ > $*	$@ $>ByMailer < $1 > < $2 > $3
R< $=w > $*	$: < > $2
R< $+ > $*	$#_RELAY_MAILER_ $@ $1 $: $2
R< > $+	$: $1

`#' ByMailer: < mailer > < host > address, or < mailer > < user@host > address -> mailer, host and user
SByMailer
R< $- > < $+ @ $+ > $* < $* > $*	$# $1 $@ $3 $: $2 < @ $3 >
R< $- > < $+ > $*	$# $1 $@ $2 $: $3

`#' CanonLocal: < user > address -> the local mailer: for that user, or where none is named for the user of the address
SCanonLocal
R< $* > $* $={O} $* < @ $* > $*	$@ $>Recurse $2 $3 $4	its user part routes on
R< $+ @ $+ > $* < $* >	$: < $1 > $3 < $4 >	a mailbox has no domain
R< $* > $* < @ $+ . >	$: < $1 > $2 < @ $3 >
R< > $* < @ $* > $*	$: $1@$2 $| $1
R< > $+	$: $1 $| $1
R< $+ > $* < @ $* > $*	$: $2@$3 $| $1
R< $+ > $*	$: $2 $| $1
R$* $| $*	$#_LOCAL_ $@ $1 $: $2

`#' Refusal: text, or status:text, of an entry of a table -> the error
SRefusal
R$- . $- . $- : $+	$#error $@ $1.$2.$3 $: $4
R$+	$#error $: $1

ifdef(`_MAILER_TABLE_', `include(_CF_DIR_`m4/mailertable.m4')
')dnl
ifdef(`_VIRTUSER_TABLE_', `include(_CF_DIR_`m4/virtual.m4')
')dnl
ifdef(`_DOMAIN_MAPS_', `include(_CF_DIR_`m4/domainmap.m4')
')dnl
ifdef(`_LDAP_ROUTING_', `include(_CF_DIR_`m4/ldap.m4')
')dnl
`#' localaddr: a local user that is no alias -> where to look next, or unchanged
SLocal_localaddr
Slocaladdr=5
R$+	$: $1 $| ? $>Local_localaddr $1
R$* $| ? $#ok	$@ $1	as it is
R$* $| ? $#$*	$#$2
R$* $| ? $*	$: $1
ifdef(`_LUSER_HOST_', `R$+	$: $1 $| ? $>KeepHost $| $&h
R$* $| ? $*	$: $1
')dnl
ifdef(`_PRESERVE_PLUS_DETAIL_', `', `R$+ + *	$#_LOCAL_ $@ $&h $: $1	user+detail is tried as user+*, then as user
R$+ + $*	$#_LOCAL_ $@ + $2 $: $1 + *
')dnl
`#' is there a relay for this user?
ifdef(`LUSER_RELAY', `R$+	$: $1 $| ? $>HasAccount $1
R$* $| ? NO	$: $1 ifdef(`_LUSER_HOST_', `@ $&{Host} ')$| $L
R$* $| ? $*	$: $1 $|
', `R$+	$: $1 $|
')dnl
ifelse(_HUB_, `', `', `R$* $|	$: $1 $| $`'_HUB_
')dnl
R$+ $|	$@ ifdef(`_PRESERVE_PLUS_DETAIL_', `$1', `$>StayHere $1')
R$+ $| $+	$@ $>ToRelay < $2 > ifdef(`_PRESERVE_PLUS_DETAIL_', `$1', `$>WithDetail $1')

ifdef(`LUSER_RELAY', ``#' HasAccount: a user -> NO where there is no account of this name
SHasAccount
ifdef(`_PRESERVE_PLUS_DETAIL_', `R$+ + $*	$: $1
')dnl
R$+	$: $(user $1 $: NO $)

')dnl
ifdef(`_LUSER_HOST_', ``#' KeepHost: $| host, user@host or +detail, which the last round found -> the host in {Host}
SKeepHost
R$| + $*	$@
R$| $* @ $+	$@ $(macro {Host} $@ $2 $)
R$| $+	$@ $(macro {Host} $@ $1 $)

')dnl
ifdef(`_PRESERVE_PLUS_DETAIL_', `', ``#' StayHere: a user whose detail was tried in vain -> the local mailer, which gets the detail as its host
SStayHere
R$+	$: $1 $| $&h
R$+ $| + $*	$#_LOCAL_ $@ $2 $: @ $1
R$+ $| $*	$@ $1

`#' WithDetail: a user who goes to a relay -> with the detail that was tried in vain
SWithDetail
R$+	$: $1 $| $&h
ifdef(`_LUSER_HOST_', `R$+ @ $* $| + $*	$@ $1 + $3 @ $2
')dnl
R$+ $| + $*	$@ $1 + $2
R$+ $| $*	$@ $1

')dnl
`#' ToRelay: < relay > user, or < relay > user@host -> the user at that relay
SToRelay
ifdef(`_LUSER_HOST_', `R< $+ > $+ @	$: < $1 > $2	no host was named
')dnl
R< local : $* > $+	$@ $>MailerToTriple < local : $1 > $2
ifdef(`_LUSER_HOST_', `R< $+ > $+ @ $+	$@ $>MailerToTriple < $1 > $2 < @ $3 >	at the host that was named
')dnl
R< $~[ : $+ > $+	$@ $>MailerToTriple < $1 : $2 > $3 < @ $2 >
R< $+ > $*	$@ $>MailerToTriple < $1 > $2 < @ $1 >

`#' ruleset 1: a sender
S1
undivert(_AT_RULE_1_)dnl

`#' ruleset 2: a recipient
S2
undivert(_AT_RULE_2_)dnl
