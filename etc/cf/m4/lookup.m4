divert(-1)
dnl Looking things up in the access map.
dnl _SKIP_: an entry that ends the search as if there were none
define(`_SKIP_', `ifdef(`_ACCESS_SKIP_', `R`$'* `$'| SKIP `$'| `$'*	`$': `$'1 `$'| ? `$'| `$'2
')')
divert(0)dnl
ifdef(`_ACCESS_TABLE_', `
`#' ========================================================================================================================
`#' The access map. Each of D, A, E, F, U has the form  < key > < default > < ! Tag > < rest >  -> < value > < rest > ;
`#' with + instead of ! an entry without a tag counts, too
`#' ========================================================================================================================

`#' Entry: the four -> key $| its value in the map, or ? $| the other three
SEntry
R< $* > < $+ > < $- $- > < $* >	$: $1 $| $(access $4 : $1 $: ? $) $| < $2 > < $3 $4 > < $5 >
R$* $| ? $| < $+ > < + $- > < $* >	$: $1 $| $(access $1 $: ? $) $| < $2 > < + $3 > < $4 >

`#' Result: what Entry returned -> < value > < rest >
SResult
R$* $| ? $| < $+ > < $- $- > < $* >	$@ < $2 > < $5 >
R$* $| $* $| < $+ > < $- $- > < $* >	$@ < $2 > < $6 >

`#' D: a domain, or a parent of it
SLookUpDomain
R$*	$@ $>D $1
SD
R$*	$: $>Entry $1
ifdef(`_LOOKUP_DOT_DOMAIN_', `R$+ . $+ $| ? $| < $+ > < $- $- > < $* >	$: $1 . $2 $| $(access $5 : . $2 $: ? $) $| < $3 > < $4 $5 > < $6 >
R$+ . $+ $| ? $| < $+ > < + $- > < $* >	$: $1 . $2 $| $(access . $2 $: ? $) $| < $3 > < + $4 > < $5 >
')dnl
R[ $+ . $- ] $| ? $| $*	$@ $>D < [ $1 ] > $3	an address literal: its network
R[ $+ :: $- ] $| ? $| $*	$@ $>D < [ $1 ] > $3
R[ $+ : $- ] $| ? $| $*	$@ $>D < [ $1 ] > $3
R$+ . $+ $| ? $| $*	$@ $>D < $2 > $3
_SKIP_`'dnl
R$*	$@ $>Result $1

`#' A: an IP address, or a network that it lies in
SLookUpAddress
R$*	$@ $>A $1
SA
R< $+ > $*	$: $>Entry < $1 > $2
R$+ :: $- $| ? $| $*	$@ $>A < $1 > $3
R$+ : $- $| ? $| $*	$@ $>A < $1 > $3
R$+ . $- $| ? $| $*	$@ $>A < $1 > $3
_SKIP_`'dnl
R$*	$@ $>Result $1

`#' E: the key as it is
SE
R$*	$@ $>Result $>Entry $1

`#' F: user@domain, then without +detail
SF
R< $+ > $*	$: $>Entry < $1 > $2
R$+ + $* @ $+ $| ? $| $*	$@ $>F < $1 @ $3 > $4
R$*	$@ $>Result $1

`#' U: user@, then without +detail
SU
R< $+ > $*	$: $>Entry < $1 > $2
R$+ + $* @ $| ? $| $*	$@ $>U < $1 @ > $3
R$*	$@ $>Result $1

`#' SearchList: < + Tag > $| < F:key > < D:key > ... <> -> < value > of the first key that has one, or < ? >
C{Src}E F D U A
SSearchList
R< $- $- > $| < $={Src} : $* > $* <>	$: < $1 $2 > $5 <> $| $>$3 < $4 > < ? > < $1 $2 > < >
R< $+ > $+ <> $| < ? > < >	$@ $>SearchList < $1 > $| $2 <>
R< $+ > <> $| < ? > < >	$@ < ? >
R< $+ > $* <> $| < $+ > < >	$@ < $3 >
R$*	$@ < ? >

`#' PeerEntry: < ! Tag > name $| address -> < value > of the name of a host, or else of its address, or < NONE >
SPeerEntry
R< $- $- > $* $| $*	$: $1 $2 $| $4 $| $>Plain $3
R$- $- $| $* $| $+	$: $>D < $4 > < NONE > < $1 $2 > < $1 $2 $| $3 >
R$- $- $| $* $|	$: < NONE > < $1 $2 $| $3 >
R< NONE > < $- $- $| $+ >	$: $>A < $3 > < NONE > < $1 $2 > < >
R< $* > < $* >	$@ < $1 >

`#' TagEntry: Tag $| name $| address -> the same, where an entry for the tag alone stands for all hosts
STagEntry
R$- $| $*	$: $1 $| $>PeerEntry < ! $1 > $2
R$- $| < NONE >	$@ < $(access $1 : $: NONE $) >
R$- $| $*	$@ $2

`#' Verdict: < value > -> the error, discard or quarantine that the value asks for; < OK > and the like are returned
C{NoVerdict}? NONE`'ifdef(`_FRIENDS_ARE_REPLIES_', `', ` FRIEND HATER')
SVerdict
R< $* <TMPF> >	$#error $@ 4.3.0 $: _TEMPORARY_FAILURE_
R< REJECT >	$#error ifdef(`confREJECT_MSG', `$: confREJECT_MSG', `$@ 5.7.1 $: "550 Access denied"')
R< DISCARD $* >	$#discard $: discard
R< QUARANTINE : $+ >	$#error $@ quarantine $: $1
R< $={Accept} >	$@ < $1 >
R< $={NoVerdict} >	$@ < $1 >
R< ERROR : $+ >	$@ $>Refusal $1
R< $+ >	$#error $: $1	any other text is the reply
')dnl
