divert(-1)
dnl Who may send what: check_relay, check_mail, check_rcpt. Relaying itself is in m4/relay.m4.
dnl _DELAYED_(ruleset): its name for the daemon, which calls check_rcpt only when checks are delayed
define(`_DELAYED_', `ifdef(`_DELAY_CHECKS_', `translit(`$1', `_')', `$1')')
dnl _UNLESS_DEFERRED_: mail that is only put into the queue is checked when it is tried
define(`_UNLESS_DEFERRED_', `R`$'*	`$': `$'1 `$'| ? `$'&{deliveryMode}
R`$'* `$'| ? d	`$'@ deferred
R`$'* `$'| ? `$'*	`$': `$'1
')
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
_ASK(`Local_check_relay')dnl
R$*	$@ $>Basic_check_relay $1

SBasic_check_relay
_UNLESS_DEFERRED_`'dnl
ifdef(`_ACCESS_TABLE_', `R$*	$: $1 $| ? $>PeerEntry < + Connect > $1
R$* $| ? < $={Accept} >	$@ $2
R$* $| ? < $* >	$: $1 $| ? $>Verdict < $2 >
R$* $| ? $#$*	$#$2
R$* $| ? $*	$: $1
')dnl
undivert(_AT_RATE_)dnl
undivert(_AT_CONNECTIONS_)dnl
undivert(8)dnl
undivert(_AT_RELAY_)dnl

`#' Backwards: a.b.c.d -> d.c.b.a, as DNS based lists have it; of another address nothing
SBackwards
R$- . $- . $- . $-	$@ $4.$3.$2.$1
R$*	$@
ifdef(`_LIMITS_', `
`#' OverLimit: < limit > $| number -> TRUE where the number is above the limit; 0 is none
SOverLimit
R< $* <TMPF> > $| $*	$#error $@ 4.3.0 $: _TEMPORARY_FAILURE_
R< NONE > $| $*	$@ FALSE
R< 0 > $| $*	$@ FALSE
R< $- > $| $*	$@ $(arith l $@ $1 $@ $2 $)
')dnl

`#' check_mail: the sender
SLocal_check_mail
S`'_DELAYED_(`check_mail')
_ASK(`Local_check_mail')dnl
R$*	$@ $>Basic_check_mail $1

SBasic_check_mail
_UNLESS_DEFERRED_`'dnl
_ASK(`tls_client', `$&{verify} $| MAIL')dnl
R<>	$@ bounce	that may come from anybody
undivert(_AT_MAIL_)dnl
ifdef(`_ACCEPT_UNQUALIFIED_', `', `_ASK(`BareSender')')dnl
R$*	$: $| $>Deliverable $>canonify ifdef(`_ACCEPT_UNQUALIFIED_', `$1', `< $1 >')
R$| $# $*	$: $| ?	no address at all, and no domain
R$| $*	$: $>SenderMark $1
ifdef(`_ACCESS_TABLE_', `R< $- > $*	$: < $1 > $2 $| $>AddressKeys $2
R< $- > $* $| $*	$: < $1 > $2 $| $>SearchList < + From > $| $3
R< $- > $* $| < $={Accept} >	$@ < $3 >
R< $- > $* $| $*	$: < $1 > $2 $| $>Verdict $3
R< $- > $* $| $#$*	$#$3
R< $- > $* $| $*	$: < $1 > $2
')dnl
R< MISSING > $*	$#error $@ 5.5.4 $: "553 Domain name required for sender address " $&f
R< LATER > $*	$#error $@ 4.1.8 $: "451 Domain of sender address " $&f " does not resolve"
R< NOWHERE > $*	$#error $@ 5.1.8 $: "553 Domain of sender address " $&f " does not exist"
ifdef(`_BAD_MX_', `R< EXISTS > $* < @ $+ >	$: $1 < @ $2 > $| ? $>BadMX $2
R$* $| ? $#$*	$#$2
')dnl
R< EXISTS > $*	$@ $1
ifdef(`_ACCEPT_UNQUALIFIED_', `', `
`#' BareSender: a sender -> an error where it lacks what the flags of the port ask senders from the network to have
SBareSender
R$*	$: < $&{daemon_flags} > $1
R< $* > < $+ >	$: < $1 > $2
R< $* f $* > $* @ $-	$: < > < $&{client_name} > $3 @ $4	f: no name without dot
R< $* u $* > $*	$@ OK	u: anything goes
R< $* > $* @ localhost	$: < > < $&{client_name} > $2 @ localhost	else no localhost
R< $* > $* @ localhost . $=m	$: < > < $&{client_name} > $2 @ localhost . $3
R< $* > $* @ [ $={LocalClient} ]	$: < > < $&{client_name} > $2 @ [ $3 ]
R< $* > $* @ localhost . UUCP	$: < > < $&{client_name} > $2 @ localhost . UUCP
R< > < > $+	$@ OK	a local program
R< > < $=w > $+	$@ OK
R< > < $+ > $+	$#error $@ 5.5.4 $: "553 Real domain name required for sender address"
')dnl

`#' SenderMark: user < @ domain . > -> < EXISTS > address where the domain does, < LATER > where the name server cannot say,
`#' < NOWHERE > where it does not exist, < MISSING > where there should be one and is none
SSenderMark
R$* < @ $+ . >	$: $1 < @ $2 >
R$* < @ $* . $={P} >	$@ < EXISTS > $1 < @ $2 . $3 >
R$* < @ $=w >	$@ < EXISTS > $1 < @ $2 >
ifdef(`_ACCEPT_UNRESOLVABLE_', `R$* < @ $+ >	$@ < EXISTS > $1 < @ $2 >
', `R$* < @ $+ >	$: $1 < @ $2 > $| $(resolve $2 $: <NOWHERE> $)
R$* $| $* < $- >	$@ < $3 > $1
')dnl
ifdef(`_ACCEPT_UNQUALIFIED_', `R$*	$@ < EXISTS > $1
', `R$*	$: $1 $| $&{daemon_flags}
R$* $| $* u $*	$@ < EXISTS > $1	the port takes senders without a domain
R$* $| $*	$: $1 $| $&{client_addr}
R$* $|	$@ < EXISTS > $1	a local program
R$* $| $*	$@ < MISSING > $1
')dnl

`#' AddressKeys, RecipientKeys: user < @ domain > -> what to look for in the access map
SAddressKeys
R$*	$: $>PlainAddress $1
R$+ < @ $+ >	$@ < F : $1@$2 > < U : $1@ > < D : $2 > <>
R$+	$@ < U : $1@ > <>
SRecipientKeys
R$+ < @ $=w >	$@ < F : $1@$2 > < U : $1@ > < D : $2 > <>
R$+ < @ $+ >	$@ < F : $1@$2 > < D : $2 > <>
R$+	$@ < U : $1@ > <>

`#' check_rcpt: the recipient; only mail to us, or from us, passes
SLocal_check_rcpt
Scheck_rcpt
ifdef(`_DELAY_CHECKS_', `include(_CF_DIR_`m4/delay.m4')', `_ASK(`Local_check_rcpt')dnl
R$*	$@ $>Basic_check_rcpt $1
')dnl

SBasic_check_rcpt
R$*	$: $1 $| ? $&{deliveryMode}
R$| ? $*	$#error $@ nouser $: "553 User address required"
R<> $| ? $*	$#error $@ nouser $: "553 User address required"
R$* $| ? d	$@ deferred
R$* $| ? $*	$: $1 $| ? $>Rcpt_ok $1
ifdef(`_PROMISCUOUS_RELAY_', `R$* $| ? $#TEMP $*	$@ RELAY
R$* $| ? $#$*	$#$2
ifdef(`_DELAY_CHECKS_', `', `undivert(_AT_BAD_HELO_)')dnl
R$*	$@ RELAY
', `R$* $| ? $#TEMP $+	$: < T $2 >	the recipient is not known to be ours, for now
R$* $| ? $#$*	$#$2
R$* $| ? RELAY	$@ RELAY
R$* $| ? $*	$: < >
R< $* >	$: < $1 > $| ? $>Relay_ok
R< $* > $| ? $#TEMP $+	$#error $2
R< $* > $| ? $#$*	$#$2
R< $* > $| ? RELAY	$@ RELAY
R< T $+ > $*	$#error $1
')dnl
R$*	$#error $@ 5.7.1 $: ifdef(`confRELAY_MSG', `confRELAY_MSG', `"550 Relaying denied`'ifdef(`_TRUSTED_MECHANISMS_', `. Proper authentication required.')"')

