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
R$*	$@ $>Deliverable $>canonify $1

`#' ParseRecipient: the same without final dot, and freed of routes through domains that may relay
SParseRecipient
R$*	$@ $>Unroute $>CanonAddr $1

`#' Unroute: an address -> without final dot, and what it says behind a domain that may relay
SUnroute
R$+ < @ $* . >	$: $1 < @ $2 >
R$- < @ $* >	$: $1 < @ $2 > $| $(dequote $1 $)
R$* $| $* < $*	$: $1	< and > stay within quotes: here they part what we look at
R$* $| $* > $*	$: $1
R$* < @ $* > $| $*	$: $3 < @ $2 >
ifdef(`_LOOSE_RELAY_CHECK_', `', `R$* $={O} $* < @ $+ >	$: $1 $2 $3 < @ $4 > $| ? $>RelayDomain < + To > $4	does the user part route on?
R$* < @ $+ > $| ? YES	$@ $>ParseRecipient $1
ifdef(`_RELAY_MX_', `R$* < @ $+ > $| ? $*	$: $1 < @ $2 > $| ? $>ServedHere $2
R$* < @ $+ > $| ? YES	$@ $>ParseRecipient $1
')dnl
R$* $| ? $*	$: $1
')dnl

`#' Plain: text from outside -> the same with _ for each < and >, which would part the fields of a question
SPlain
R$* < $*	$1 _ $2
R$* > $*	$1 _ $2

`#' PlainAddress: user < @ domain > -> the same with a plain user
SPlainAddress
R$* < @ $* >	$: $2 $| $>Plain $1
R$* $| $*	$@ $2 < @ $1 >
R$*	$@ $>Plain $1

`#' RelayDomain: < + Tag > domain -> YES where it is ours, or one of those that may relay; TEMP where the access map fails
SRelayDomain
R< $+ > $=w	$@ YES
R< $+ > $={R}	$@ YES
ifdef(`_RELAY_HOSTS_ONLY_', `', `R< $+ > $* . $={R}	$@ YES
')dnl
ifdef(`_RELAY_ENTIRE_DOMAIN_', `R< $+ > $=m	$@ YES
R< $+ > $* . $=m	$@ YES
')dnl
ifdef(`_ACCESS_TABLE_', `R< $+ > $+	$: $>_RELAY_KEY_ < $2 > < ? > < $1 > < >
R< RELAY > $*	$@ YES
R< $* <TMPF> > $*	$@ TEMP
')dnl
R$*	$@ NO

ifdef(`_RELAY_MX_', ``#' ServedHere: a domain -> YES where one of its MX records names this host; TEMP where the name server cannot say
SServedHere
R$+	$: : $(mxserved $1 $) :
R: $* <TEMP> :	$@ TEMP
R$* : $=w . : $*	$@ YES
R$*	$@ NO

')dnl
`#' Local_Relay_Auth: how the client logged in -> an error, or another $# that ends the checks for relaying
SLocal_Relay_Auth

`#' Rcpt_ok: a recipient -> RELAY where everybody may write to it, FOREIGN, or an error
SRcpt_ok
R$*	$: $>Unroute $>CanonAddr $1
R$- < @ $* >	$: $2 $| $>Plain $(dequote $1 $)
ifdef(`_LOOSE_RELAY_CHECK_', `', `R$* $| $* $={O} $*	$@ FOREIGN	what hides behind quotes and brackets may route on
')dnl
R$* $| $*	$: $2 < @ $1 >
R$*	$: $>PlainAddress $1
ifdef(`_BESTMX_', `R$+ < @ $+ >	$: $1 < @ $2 > $| ? $>_BESTMX_TAKES_ $2
R$* $={O} $* < @ $* > $| ? $=w	$@ $>Rcpt_ok $1 $2 $3	its user part may route on
R$* < @ $* > $| ? $=w	$: $1 < @ $3 >	the access map knows it by this name
R$* $| ? $*	$: $1
')dnl
ifdef(`_BLOCKLIST_', `R$*	$: $1 $| $>RecipientKeys $1
R$* $| $*	$: $1 $| ? $>SearchList < + To > $| $2
R$* $| ? < REJECT >	$#error $@ 5.2.1 $: ifdef(`confRCPTREJ_MSG', `confRCPTREJ_MSG', `"550 Mailbox disabled for this recipient"')
R$* $| ? $*	$: $1 $| ? $>Verdict $2
R$* $| ? $#$*	$#$2
R$* $| ? $*	$: $1
')dnl
undivert(_AT_RCPT_)dnl
ifdef(`_PROMISCUOUS_RELAY_', `R$*	$@ RELAY	nobody asks who it is
')dnl
R$*	$: $1 $| ? $>RelayTLS
R$* $| ? YES	$# RELAY	a known certificate ends all checks
R$* $| ? $*	$: $1
_ASK(`Local_Relay_Auth', `$&{auth_type}')dnl
ifdef(`_TRUSTED_MECHANISMS_', `R$*	$: $1 $| ? $&{auth_type}
R$* $| ? $={TrustAuthMech}	$@ RELAY	a known user
R$* $| ? $*	$: $1
')dnl
ifdef(`_UUCP_REJECT_', `R$* ! $*	$@ FOREIGN
')dnl
ifdef(`_PERCENT_REJECT_', `R$* % $*	$@ FOREIGN
')dnl
ifdef(`_RELAY_FULL_ADDRESS_', `R$+ < @ $+ >	$: $1 < @ $2 > $| ? $>F < $1@$2 > < ? > < + To > < >
R$* $| ? < RELAY > $*	$@ RELAY
R$* $| ? < $* <TMPF> > $*	$#TEMP $@ 4.3.0 $: _TEMPORARY_FAILURE_
R$* $| ? < ? > $*	$: $1	only without such an entry the domain counts
R$* $| ? < $* > $*	$: $1 $| ? NO
')dnl
R$* < @ $+ >	$: $1 < @ $2 > $| ? $>RelayDomain < + To > $2
R$* $| ? YES	$@ RELAY
R$* $| ? TEMP	$#TEMP $@ 4.3.0 $: _TEMPORARY_FAILURE_
ifdef(`_RELAY_MX_', `R$* < @ $+ > $| ? $*	$: $1 < @ $2 > $| ? $>ServedHere $2
R$* $| ? YES	$@ RELAY
R$* < @ $+ > $| ? TEMP	$#TEMP $@ 4.4.0 $: "450 Can not check MX records for recipient host " $2
')dnl
R$* < @ $*	$@ FOREIGN
R$*	$@ RELAY	a name without a domain is ours

ifdef(`_BESTMX_', `
`#' BestMX: a domain -> the name of this host that its best MX record has, or NO
SBestMX
R$+ .	$: $1
R$+	$: $(bestmx $1 $: NO $)
R$=w .	$@ $1
R$=w	$@ $1
R$*	$@ NO
')dnl
ifdef(`_BESTMX_LISTED_', `
`#' ListedBestMX: the same for a domain that is listed, or is below one that is
SListedBestMX
R$+ .	$: $1
R$=B	$@ $>BestMX $1
R$* . $=B	$@ $>BestMX $1 . $2
R$*	$@ NO
')dnl

`#' Relay_ok: looks at the client, and at the sender where the site wants that -> RELAY, an error, or something else
SRelay_ok
R$*	$: < $&{client_addr} >
R<>	$@ RELAY	a local program
R< $={LocalClient} >	$@ RELAY
R< $={R} $* >	$@ RELAY	its address or network
ifdef(`_ACCESS_TABLE_', `R< $+ >	$: $>A < $1 > < ? > < + Connect > < >
R< RELAY > < >	$@ RELAY
R< $* <TMPF> > < >	$#TEMP $@ 4.3.0 $: _TEMPORARY_FAILURE_
')dnl
undivert(_AT_RELAY_OK_)dnl
`#' its name counts where it leads back to the address
R$*	$: $&{client_resolve}
RTEMP	$#TEMP $@ 4.4.0 $: "450 Relaying temporarily denied. Cannot resolve PTR record for " $&{client_addr}
RFORGED	$#error $@ 5.7.1 $: "550 Relaying denied. IP name possibly forged " $&{client_name}
RFAIL	$#error $@ 5.7.1 $: "550 Relaying denied. IP name lookup failed " $&{client_name}
R$*	$: $&{client_name}
R$@	$@ NO	it has none
R$* < $*	$@ NO	no host has such a name
R$* > $*	$@ NO
R$+	$: $[ $1 $]	it may be an alias of another
R$+ .	$: $1
R$+	$: $>RelayDomain < + Connect > $1
RYES	$@ RELAY
RTEMP	$#TEMP $@ 4.3.0 $: _TEMPORARY_FAILURE_
ifdef(`_DELAY_CHECKS_', `', `undivert(_AT_BAD_HELO_)')dnl
