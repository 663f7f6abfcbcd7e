divert(-1)
dnl Where mail goes: rulesets 0, 98, 5 and what they call.
define(`_HUB_', `ifdef(`MAIL_HUB', `H', `ifdef(`LOCAL_RELAY', `R')')')
divert(0)dnl

`#' ========================================================================================================================
`#' Where mail goes
`#' ========================================================================================================================

`#' parse: user < @ domain > -> mailer, host and user
Sparse=0
R$*	$: $>Parse0 $1	refuse what nobody can deliver
R< @ >	$#_LOCAL_ $: < @ >	the null address bounces to nobody
R$*	$: $>ParseLocal $1	the rules of the site
R$*	$: $>Parse1 $1

`#' Parse0: an address that can be delivered at all comes back, freed of routes through this host; another becomes an error
SParse0
R< @ >	$@ < @ >
R$* : $* ; < @ >	$#error $@ 5.1.3 $: "553 List:; syntax illegal for recipient addresses"
R@ < @ $* >	< @ $1 >
R< @ $+ >	$#error $@ 5.1.3 $: "553 User address required"
R$+ < @ >	$#error $@ 5.1.3 $: "553 Hostname required"
R$*	$: <> $1
R<> $* < @ [ $* ] : $+ > $*	$1 < @ [ $2 ] : $3 > $4	an address literal with a port
R<> $* < @ [ $* ] , $+ > $*	$1 < @ [ $2 ] , $3 > $4
R<> $* < @ [ $* ] $+ > $*	$#error $@ 5.1.2 $: "553 Invalid address"
R<> $* < @ [ $+ ] > $*	$1 < @ [ $2 ] > $3
R<> $* < @ $* : $* > $*	$#error $@ 5.1.3 $: "553 Colon illegal in host name part"
R<> $*	$1
R$* < @ . $* > $*	$#error $@ 5.1.2 $: "553 Invalid host name"
R$* < @ $* .. $* > $*	$#error $@ 5.1.2 $: "553 Invalid host name"
R$* < @ $* @ > $*	$#error $@ 5.1.2 $: "553 Invalid route address"
R$* @ $* < @ $* > $*	$#error $@ 5.1.3 $: "553 Invalid route address"
R$* , $~O $*	$#error $@ 5.1.3 $: "553 Invalid route address"
ifdef(`_PREFIX_', `R`'_PREFIX_`' $+ < @ $+ >	$: $1 < @ $2 > $(macro {rcpt_flags} $@ _PREFIX_FLAGS_ $)
')dnl
`#' the user part of an address of ours may route on; quotes may hide that it does
R$* < @ > $*	$@ $>Parse0 $>canonify $1
R< @ $=w . > $*	$@ $>Parse0 $>canonify $2
R$- < @ $=w . >	$: $(dequote $1 $) < @ $2 . >
R< @ $=w . > $*	$#error $@ 5.1.3 $: "553 User address required"
R$* $={O} $* < @ $=w . >	$@ $>Parse0 $>canonify $1 $2 $3
R$-	$: < Q > $(dequote $1 $)
R< Q > $* $={O} $*	$@ $>Parse0 $>canonify $1 $2 $3
R< Q > $*	$: $1

`#' ParseLocal: what the .mc file has for ruleset 0
SParseLocal=98
ifdef(`_REDIRECT_', `R$* < @ $+ . REDIRECT . >	$#error $@ 5.1.1 $: "551 User has moved; please try " < $1 @ $2 >
')dnl
undivert(3)dnl
undivert(4)dnl

`#' Parse1: everything else
SParse1
ifdef(`_LDAP_ROUTING_', `R$* < @ $={LDAPRoute} . > $*	$: $>LDAPRoute $1 < @ $2 . > $3
ifdef(`_LDAP_EQUIVALENTS_', `R$* < @ $={LDAPRouteEquiv} . > $*	$: $>LDAPRoute $1 < @ $2 . > $3
')')dnl
ifdef(`_MAILER_smtp_', `ifdef(`SMART_HOST', `R$* < @ [ $+ ] > $*	$: < $S > $1 < @ [ $2 ] > $3	address literals
R< $-:$+ > $* < @ [ $+ ] > $*	$#$1 $@ $2 $: $3 < @ [ $4 ] > $5
R< $+ > $* < @ [ $+ ] > $*	$#_SMTP_ $@ $1 $: $2 < @ [ $3 ] > $4
', `R$* < @ [ $+ ] > $*	$#_SMTP_ $@ [ $2 ] $: $1 < @ [ $2 ] > $3
R$* < @ [ $+ ] : > $*	$#_SMTP_ $@ [ $2 ] $: $1 < @ [ $2 ] : > $3
R$* < @ [ $+ ] : $- : $* > $*	$#$3 $@ $4 $: $1 < @ [ $2 ] > $5
R$* < @ [ $+ ] : $+ > $*	$#_SMTP_ $@ $3 $: $1 < @ [ $2 ] > $4
')')dnl
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
R$={L} < @ $=w . >	$#_LOCAL_ $: @ $1
R$+ < @ $=w . >	$#_LOCAL_ $: $1
ifdef(`_BESTMX_', `R$+ < @ $+ >	$: $1 < @ $2 > $| $>IsBestMX $2
R$* $={O} $* < @ $* > $| YES	$@ $>Recurse $1 $2 $3	its user part may route on
R$+ < @ $* > $| YES	$#_LOCAL_ $@ $: $1
R$+ $| $*	$: $1
')dnl
ifdef(`_MAILER_TABLE_', `R$* < @ $+ > $*	$: < $2 > $1 < @ $2 > $3
R< $+ . > $*	$: < $1 > $2	keys have no final dot
R< $+ > $*	$: $>Mailertable < $1 > < > $2
R< $+ : $* > $*	$@ $>MailerToTriple < $1 : $2 > $3
R< $* > $*	$: $2
')dnl
undivert(1)dnl
ifdef(`BITNET_RELAY', `R$* < @ $+ . BITNET . > $*	$: $>MailerToTriple < $B > $1 < @ $2 . BITNET . > $3
')dnl
ifdef(`_MAILER_mail11_', `R$* < @ $+ . DECNET . > $*	$#mail11 $@ $2 $: $1 $3
', `ifdef(`DECNET_RELAY', `R$* < @ $+ . DECNET . > $*	$: $>MailerToTriple < $C > $1 < @ $2 . DECNET . > $3
')')dnl
ifdef(`_MAILER_fax_', `R$+ < @ $+ . FAX . > $*	$#fax $@ $2 $: $1
', `ifdef(`FAX_RELAY', `R$* < @ $+ . FAX . > $*	$: $>MailerToTriple < $F > $1 < @ $2 . FAX . > $3
')')dnl
ifdef(`UUCP_RELAY', `R$* < @ $* . UUCP . > $*	$: $>MailerToTriple < $Y > $1 < @ $2 . UUCP . > $3
', `ifdef(`_MAILER_uucp_', `R$* < @ $+ . UUCP . > $*	$#_UUCP_ $@ $2 $: $1 < @ $2 . UUCP . > $3
')')dnl
ifdef(`SMART_HOST', `R$* < @ $* > $*	$: < $S > $1 < @ $2 > $3	everything foreign goes there
R< $+ > $* < @ $* > $*	$@ $>MailerToTriple < $1 > $2 < @ $3 > $4
R< > $* < @ $* > $*	$: $1 < @ $2 > $3
')dnl
ifdef(`_MAILER_smtp_', `R$* < @ $* > $*	$#_SMTP_ $@ $2 $: $1 < @ $2 > $3
', `R$* < @ $* > $*	$#error $@ 5.1.2 $: "553 Unrecognized host name " $2
')dnl
`#' names without a domain
R$={L}	$#_LOCAL_ $: @ $1
R$+	$#_LOCAL_ $: $1

`#' MailerToTriple: < mailer : host > user < @ domain >, a relay or a value of a table -> mailer, host and user
SMailerToTriple=95
R< > $*	$@ $1
R< error : $- . $- . $- : $+ > $*	$#error $@ $1.$2.$3 $: $4
R< error : $+ > $*	$#error $: $1
R< local : $* > $*	$>CanonLocal < $1 > $2
R< $~[ : $+ @ $+ > $* < $* > $*	$# $1 $@ $3 $: $2 < @ $3 >	a user at another host
R< $~[ : $+ > $*	$# $1 $@ $2 $: $3
R< $=w > $*	$@ $2	here
R< $+ > $*	$#_RELAY_MAILER_ $@ $1 $: $2

`#' CanonLocal: < user > address -> the local mailer: for that user, or where none is named for the user of the address
SCanonLocal
R< $* > $* < @ $* > : $+	$: < $1 > $4
R< > $* < @ $* . > $*	$: < > $1 < @ $2 > $3
R< > $* < @ $* > $*	$#_LOCAL_ $@ $1@$2 $: $1
R< > $+	$#_LOCAL_ $@ $1 $: $1
R< $+ @ $+ > $* < @ $* . >	$: < $1@$2 > $3 < @ $4 >
R< $+ > $* < @ $* > $*	$#_LOCAL_ $@ $2@$3 $: $1
R< $+ > $*	$#_LOCAL_ $@ $2 $: $1

ifdef(`_MAILER_TABLE_', `include(_CF_DIR_`m4/mailertable.m4')
')dnl
ifdef(`_VIRTUSER_TABLE_', `include(_CF_DIR_`m4/virtual.m4')
')dnl
ifdef(`_LDAP_ROUTING_', `include(_CF_DIR_`m4/ldap.m4')
')dnl
`#' localaddr: a local user that is no alias -> where to look next, or unchanged
SLocal_localaddr
Slocaladdr=5
R$+	$: $1 $| $>Local_localaddr $1
R$+ $| $#ok	$@ $1	as it is
R$+ $| $#$*	$#$2
R$+ $| $*	$: $1
ifdef(`_PRESERVE_PLUS_DETAIL_', `', `R$+ + *	$#_LOCAL_ $@ $&h $: $1	user+detail is tried as user+*, then as user
R$+ + $*	$#_LOCAL_ $@ + $2 $: $1 + *
')dnl
ifdef(`LUSER_RELAY', `R$+	$: < > $1
ifdef(`_PRESERVE_PLUS_DETAIL_', `R< > $+ + $*	$: < > $1 + $2 $| $(user $1 $: NO $)
R< > $+ $| $+ <>	$: $1	the user is there
R< > $+ $| $*	$: < > $1
')dnl
R< > $+	$: < $L . > $(user $1 $: $1 $)
R< $+ . > $+ <>	$: $2	the user is there
R< local : $+ . > $+	$@ $>MailerToTriple < local : $1 > $2
ifdef(`_PRESERVE_LUSER_HOST_', `R< $+ . > $+	$: < $1 . > $2 < @ $&h >	with the host that was named
R< $+ . > $+ < @ >	$: < $1 . > $2
R< $+ . > $+ < @ $+ >	$@ $>MailerToTriple < $1 > $2 < @ $3 >
')dnl
R< $- : $+ . > $+	$@ $>MailerToTriple < $1 : $2 > $3 < @ $2 >
R< $+ . > $+	$@ $>MailerToTriple < $1 > $2 < @ $1 >
')dnl
ifelse(_HUB_, `', `', `R$+	$: < $`'_HUB_ > $1
R< $- : $+ > $+	$@ $>MailerToTriple < $1 : $2 > $3 < @ $2 >
R< $+ > $+	$@ $>MailerToTriple < $1 > $2 < @ $1 >
')dnl

`#' ruleset 1: a sender
S1
undivert(_AT_RULE_1_)dnl

`#' ruleset 2: a recipient
S2
undivert(_AT_RULE_2_)dnl
