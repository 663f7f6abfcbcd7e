divert(-1)
dnl Who may send what: check_relay, check_mail, check_rcpt. Relaying itself is in m4/relay.m4.
dnl _DELAYED_(ruleset): its name for the daemon, which calls check_rcpt only when checks are delayed
define(`_DELAYED_', `ifdef(`_DELAY_CHECKS_', `translit(`$1', `_')', `$1')')
divert(0)dnl

`#' ========================================================================================================================
`#' Who may send what
`#' ========================================================================================================================

ifdef(`_EARLY_', `Scheck_relay
ifdef(`_RateControl_EARLY_', `undivert(_AT_RATE_)')dnl
ifdef(`_ConnControl_EARLY_', `undivert(_AT_CONNECTIONS_)')dnl
')dnl
`#' check_relay: client name $| client address
SLocal_check_relay
S`'_DELAYED_(`check_relay')
ifdef(`_USE_CLIENT_PTR_', `R$* $| $*	$: $&{client_ptr} $| $2
')dnl
R$*	$: $1 $| $>Local_check_relay $1
R$* $| $* $| $#$*	$#$3
R$* $| $* $| $*	$@ $>Basic_check_relay $1 $| $2

SBasic_check_relay
R$*	$: < $&{deliveryMode} > $1
R< d > $*	$@ deferred
R< $* > $*	$: $2
ifdef(`_ACCESS_TABLE_', `R$+ $| $*	$: $1 $| $2 $| $>D < $1 > < ? > < + Connect > < >
R$| $*	$: $| $1 $| < ? > < >
R$* $| $+ $| < ? > < >	$: $1 $| $2 $| $>A < $2 > < ? > < + Connect > < >
R$* $| $* $| < ? > < >	$: $1 $| $2 $| < ? >
R$* $| $* $| < $={Accept} > < >	$@ $3
R$* $| $* $| < $* > < >	$: $1 $| $2 $| $>Verdict < $3 >
R$* $| $* $| $#$*	$#$3
R$* $| $* $| $*	$: $1 $| $2
')dnl
undivert(_AT_RATE_)dnl
undivert(_AT_CONNECTIONS_)dnl
undivert(8)dnl
undivert(_AT_RELAY_)dnl

`#' check_mail: the sender
SLocal_check_mail
S`'_DELAYED_(`check_mail')
R$*	$: $1 $| $>Local_check_mail $1
R$* $| $#$*	$#$2
R$* $| $*	$@ $>Basic_check_mail $1

SBasic_check_mail
R$*	$: < $&{deliveryMode} > $1
R< d > $*	$@ deferred
R< $* > $*	$: $2
R$*	$: $1 $| $>tls_client $&{verify} $| MAIL
R$* $| $#$*	$#$2
R$* $| $*	$: $1
R<>	$@ bounce	that may come from anybody
undivert(_AT_MAIL_)dnl
R< $+ >	$: $1
ifdef(`_ACCEPT_UNQUALIFIED_', `', ``#' the flags of the port say what a sender from the network may lack
R$*	$: < $&{daemon_flags} > $1
R< $* f $* > $* @ $-	$: < > < $&{client_name} > $3 @ $4	f: no name without dot
R< $* u $* > $*	$: $3	u: anything goes
R< $* > $* @ localhost	$: < > < $&{client_name} > $2 @ localhost	else no localhost
R< $* > $* @ localhost . $=m	$: < > < $&{client_name} > $2 @ localhost . $3
R< $* > $* @ localhost . UUCP	$: < > < $&{client_name} > $2 @ localhost . UUCP
R< > < > $+	$: $1
R< > < $=w > $+	$: $2
R< > < $+ > $+	$#error $@ 5.5.4 $: "553 Real domain name required for sender address"
R< $* > $*	$: $2
')dnl
R$*	$: < S > $>CanonAddr $1
R< S > $# $*	$: ?	no address at all, and no domain
R< S > $*	$: $1
R$*	$: $>SenderMark $1
ifdef(`_ACCESS_TABLE_', `R< $- > $*	$: < $1 > $2 $| $>SenderKeys $2
R< $- > $* $| $*	$: < $1 > $2 $| $>SearchList < + From > $| $3
R< $- > $* $| < $={Accept} >	$@ < $3 >
R< $- > $* $| < ? >	$: < $1 > $2
R< $- > $* $| < $* >	$: < $1 > $2 $| $>Verdict < $3 >
R< $- > $* $| $#$*	$#$3
R< $- > $* $| $*	$: < $1 > $2
')dnl
R< $={ResOk} > $*	$@ $2
R< NONE > $*	$#error $@ 5.5.4 $: "553 Domain name required for sender address " $&f
R< TEMP > $*	$#error $@ 4.1.8 $: "451 Domain of sender address " $&f " does not resolve"
R< PERM > $*	$#error $@ 5.1.8 $: "553 Domain of sender address " $&f " does not exist"

`#' SenderMark: user < @ domain . > -> < OKR > address where the domain exists, < TEMP > where the name server cannot say,
`#' < PERM > where it does not exist, < NONE > where there should be one and is none
SSenderMark
R$* < @ $+ . >	$: $1 < @ $2 >
R$* < @ $* . $={P} >	$@ < OKR > $1 < @ $2 . $3 >
R$* < @ $=w >	$@ < OKR > $1 < @ $2 >
ifdef(`_ACCEPT_UNRESOLVABLE_', `R$* < @ $+ >	$@ < OKR > $1 < @ $2 >
', `R$* < @ $+ >	$: < $(resolve $2 $: $2 <PERM> $) > $1 < @ $2 >
R< $* <$+> > $*	$@ < $2 > $3
')dnl
ifdef(`_ACCEPT_UNQUALIFIED_', `R$*	$@ < OKR > $1
', `R$*	$: $&{daemon_flags} $| $1
R$* u $* $| $*	$@ < OKR > $3	the port takes senders without a domain
R$* $| $*	$: < $&{client_addr} > $2
R< > $*	$@ < OKR > $1	a local program
R< $* > $*	$@ < NONE > $2
')dnl

`#' SenderKeys, RecipientKeys: user < @ domain > -> what to look for in the access map
SSenderKeys
R$+ < @ $+ >	$@ < F : $1@$2 > < U : $1@ > < D : $2 > <>
R$+	$@ < U : $1@ > <>
SRecipientKeys
R$+ < @ $=w >	$@ < F : $1@$2 > < U : $1@ > < D : $2 > <>
R$+ < @ $+ >	$@ < F : $1@$2 > < D : $2 > <>
R$+	$@ < U : $1@ > <>

`#' check_rcpt: the recipient; only mail to us, or from us, passes
SLocal_check_rcpt
Scheck_rcpt
ifdef(`_DELAY_CHECKS_', `include(_CF_DIR_`m4/delay.m4')', `R$*	$: $1 $| $>Local_check_rcpt $1
R$* $| $#$*	$#$2
R$* $| $*	$@ $>Basic_check_rcpt $1
')dnl

SBasic_check_rcpt
R$@	$#error $@ nouser $: "553 User address required"
R<>	$#error $@ nouser $: "553 User address required"
R$*	$: < $&{deliveryMode} > $1
R< d > $*	$@ deferred
R< $* > $*	$: $2
R$*	$: $1 $| $>Rcpt_ok $1
ifdef(`_PROMISCUOUS_RELAY_', `R$* $| $#TEMP $*	$@ RELAY
R$* $| $#$*	$#$2
ifdef(`_DELAY_CHECKS_', `', `undivert(_AT_BAD_HELO_)')dnl
R$*	$@ RELAY
', `R$* $| $#TEMP $+	$: < T $2 > $1	the recipient is not known to be ours, for now
R$* $| $#$*	$#$2
R$* $| RELAY	$@ RELAY
R$* $| $*	$: < > $1
R< $* > $*	$: < $1 > $| $>Relay_ok $2
R< $* > $| $#TEMP $+	$#error $2
R< $* > $| $#$*	$#$2
R< $* > $| RELAY	$@ RELAY
R< T $+ > $*	$#error $1
')dnl
R$*	$#error $@ 5.7.1 $: ifdef(`confRELAY_MSG', `confRELAY_MSG', `"550 Relaying denied`'ifdef(`_TRUSTED_MECHANISMS_', `. Proper authentication required.')"')

