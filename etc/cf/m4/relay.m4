divert(-1)
dnl Relaying: Rcpt_ok looks at the recipient, Relay_ok at the client.
dnl _RELAY_KEY_: the search for a domain that may relay: parents count, too, unless only hosts may
define(`_RELAY_KEY_', ifdef(`_RELAY_HOSTS_ONLY_', `E', `D'))
divert(0)dnl
`#' ========================================================================================================================
`#' Relaying
`#' ========================================================================================================================

`#' CanonAddr: any spelling -> user < @ domain . >, freed of routes through this host, or an error
SCanonAddr
R$*	$: $>canonify $1
R$*	$@ $>Parse0 $1

`#' ParseRecipient: the same without final dot, and freed of routes through domains that may relay
SParseRecipient
R$*	$: $>CanonAddr $1
R$+ < @ $* . >	$: $1 < @ $2 >
R$- < @ $* >	$: $(dequote $1 $) < @ $2 >
R$* $={O} $* < @ $* >	$: < N > $1 $2 $3 < @ $4 >	does the user part route on?
ifdef(`_LOOSE_RELAY_CHECK_', `', `R< N > $* < @ $* . $=m >	$: < ifdef(`_RELAY_ENTIRE_DOMAIN_', `Y', `N') > $1 < @ $2 . $3 >
R< N > $* < @ $* . $={R} >	$: < ifdef(`_RELAY_HOSTS_ONLY_', `N', `Y') > $1 < @ $2 . $3 >
R< N > $* < @ $={R} >	$: < Y > $1 < @ $2 >
ifdef(`_RELAY_ENTIRE_DOMAIN_', `R< N > $* < @ $=m >	$: < Y > $1 < @ $2 >
')dnl
ifdef(`_RELAY_MX_', `R< N > $* < @ $+ >	$: < : $(mxserved $2 $) : > < $1 < @ $2 > >
R< $* : $=w . : $* > < $+ >	$: < Y > $4
R< : $* : > < $+ >	$: < N > $2
')dnl
ifdef(`_ACCESS_TABLE_', `R< N > $* < @ $+ >	$: $>_RELAY_KEY_ < $2 > < N > < + To > < $1 < @ $2 > >
R< $+ > < $+ >	$: < $1 > $2
R< RELAY > $*	$: < Y > $1
')dnl
')dnl
R< Y > $* < @ $+ >	$@ $>ParseRecipient $1
R< $* > $*	$@ $2

`#' Local_Relay_Auth: how the client logged in -> an error, or another $# that ends the checks for relaying
SLocal_Relay_Auth

`#' Rcpt_ok: a recipient -> RELAY where everybody may write to it, an error, or the address
SRcpt_ok
R$*	$: $>ParseRecipient $1
ifdef(`_BLOCKLIST_', `R$*	$: $1 $| $>RecipientKeys $1
R$* $| $*	$: $1 $| $>SearchList < + To > $| $2
R$* $| < REJECT >	$#error $@ 5.2.1 $: "550 Mailbox disabled for this recipient"
R$* $| $*	$: $1 $| $>Verdict $2
R$* $| $#$*	$#$2
R$* $| $*	$: $1
')dnl
undivert(_AT_RCPT_)dnl
ifdef(`_PROMISCUOUS_RELAY_', `R$*	$@ RELAY	nobody asks who it is
')dnl
R$*	$: $1 $| $>RelayTLS
R$* $| YES	$# RELAY	a known certificate ends all checks
R$* $| $*	$: $1
R$*	$: $1 $| $>Local_Relay_Auth $&{auth_type}
R$* $| $#$*	$#$2
R$* $| $*	$: $1
ifdef(`_TRUSTED_MECHANISMS_', `R$*	$: $1 $| < $&{auth_type} >
R$* $| < $={TrustAuthMech} >	$@ RELAY	a known user
R$* $| < $* >	$: $1
')dnl
ifdef(`_UUCP_REJECT_', `R$* ! $* < @ $* >	$@ $1 ! $2 < @ $3 >
R$* ! $*	$@ $1 ! $2
')dnl
ifdef(`_PERCENT_REJECT_', `R$* % $* < @ $* >	$@ $1 % $2 < @ $3 >
R$* % $*	$@ $1 % $2
')dnl
R$+ < @ $=w >	$@ RELAY	ours
ifdef(`_BESTMX_', `R$+ < @ $+ >	$: $1 < @ $2 > $| $>IsBestMX $2
R$* $={O} $* < @ $* > $| YES	$@ $>Rcpt_ok $1 $2 $3	its user part may route on
R$* $| YES	$@ RELAY
R$* $| $*	$: $1
')dnl
ifdef(`_RELAY_ENTIRE_DOMAIN_', `R$+ < @ $* . $=m >	$@ RELAY
R$+ < @ $=m >	$@ RELAY
')dnl
R$+ < @ $={R} >	$@ RELAY
ifdef(`_RELAY_HOSTS_ONLY_', `', `R$+ < @ $* . $={R} >	$@ RELAY
')dnl
ifdef(`_ACCESS_TABLE_', `ifdef(`_RELAY_FULL_ADDRESS_', `R$+ < @ $+ >	$: $1 < @ $2 > $| $>SearchList < + To > $| < F : $1@$2 > < _RELAY_KEY_ : $2 > <>
R$* $| < RELAY >	$@ RELAY
R$* $| < $* <TMPF> >	$#TEMP $@ 4.3.0 $: _TEMPORARY_FAILURE_
R$* $| $*	$: $1
', `R$+ < @ $+ >	$: $>_RELAY_KEY_ < $2 > < ? > < + To > < $1 < @ $2 > >
R< RELAY > < $* >	$@ RELAY
R< $* <TMPF> > < $* >	$#TEMP $@ 4.3.0 $: _TEMPORARY_FAILURE_
R< $* > < $* >	$: $2
')')dnl
ifdef(`_RELAY_MX_', `R$+ < @ $+ >	$: < : $(mxserved $2 $) : > < $1 < @ $2 > >
R< : $* <TEMP> : > < $* >	$#TEMP $@ 4.4.0 $: "450 Can not check MX records for recipient host " $1
R< $* : $=w . : $* > < $* >	$@ RELAY
R< : $* : > < $* >	$: $2
')dnl
R$* < @ $* >	$@ $1 < @ $2 >
R$+	$@ RELAY	a name without a domain is ours

ifdef(`_BESTMX_', `
`#' IsBestMX: a domain -> YES where its best MX record names this host
SIsBestMX
R$+ .	$: $1
ifdef(`_BESTMX_LIMITED_', `R$=B	$: < $1 >
R$* . $=B	$: < $1 . $2 >
R< $+ >	$: $(bestmx $1 $: NO $)
', `R$+	$: $(bestmx $1 $: NO $)
')dnl
R$=w .	$@ YES
R$=w	$@ YES
')dnl

`#' Relay_ok: looks at the client, and at the sender where the site wants that -> RELAY, an error, or something else
SRelay_ok
R$*	$: $&{client_addr}
R$@	$@ RELAY	a local program
R0	$@ RELAY
R127.0.0.1	$@ RELAY
RIPv6:0:0:0:0:0:0:0:1	$@ RELAY
RIPv6:::1	$@ RELAY
R$={R} $*	$@ RELAY	its address or network
ifdef(`_ACCESS_TABLE_', `R$*	$: $>A < $1 > < ? > < + Connect > < $1 >
R< RELAY > < $* >	$@ RELAY
R< $* <TMPF> > < $* >	$#TEMP $@ 4.3.0 $: _TEMPORARY_FAILURE_
R< $* > < $* >	$: $2
')dnl
undivert(_AT_RELAY_OK_)dnl
`#' its name counts where it leads back to the address
R$*	$: < $&{client_resolve} >
R< TEMP >	$#TEMP $@ 4.4.0 $: "450 Relaying temporarily denied. Cannot resolve PTR record for " $&{client_addr}
R< FORGED >	$#error $@ 5.7.1 $: "550 Relaying denied. IP name possibly forged " $&{client_name}
R< FAIL >	$#error $@ 5.7.1 $: "550 Relaying denied. IP name lookup failed " $&{client_name}
R$*	$: $&{client_name}
R$@	$@ NO	it has none
R$+	$: $[ $1 $]	it may be an alias of another
R$* .	$1
R$=w	$@ RELAY
ifdef(`_RELAY_ENTIRE_DOMAIN_', `R$* . $=m	$@ RELAY
R$=m	$@ RELAY
')dnl
R$={R}	$@ RELAY
ifdef(`_RELAY_HOSTS_ONLY_', `', `R$* . $={R}	$@ RELAY
')dnl
ifdef(`_ACCESS_TABLE_', `R$*	$: $>_RELAY_KEY_ < $1 > < ? > < + Connect > < $1 >
R< RELAY > < $* >	$@ RELAY
R< $* <TMPF> > < $* >	$#TEMP $@ 4.3.0 $: _TEMPORARY_FAILURE_
R< $* > < $* >	$: $2
')dnl
ifdef(`_DELAY_CHECKS_', `', `undivert(_AT_BAD_HELO_)')dnl
