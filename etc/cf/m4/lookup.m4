divert(-1)
dnl Looking things up in the access map.
dnl _SKIP_: an entry that ends the search as if there were none
define(`_SKIP_', `ifdef(`_ACCESS_SKIP_', `R< SKIP > < $+ > < $+ > < $- $- > < $* >	$@ < $2 > < $5 >
')')
divert(0)dnl
ifdef(`_ACCESS_TABLE_', `
`#' ========================================================================================================================
`#' The access map. Each of D, A, E, F, U has the form  < key > < default > < ! Tag > < rest >  -> < value > < rest > ;
`#' with + instead of ! an entry without a tag counts, too
`#' ========================================================================================================================

`#' D: a domain, or a parent of it
SLookUpDomain
R$*	$@ $>D $1
SD
R< $* > < $+ > < $- $- > < $* >	$: < $(access $4 : $1 $: ? $) > < $1 > < $2 > < $3 $4 > < $5 >
R< ? > < $+ > < $+ > < + $- > < $* >	$: < $(access $1 $: ? $) > < $1 > < $2 > < + $3 > < $4 >
ifdef(`_LOOKUP_DOT_DOMAIN_', `R< ? > < $+ . $+ > < $+ > < $- $- > < $* >	$: < $(access $5 : . $2 $: ? $) > < $1 . $2 > < $3 > < $4 $5 > < $6 >
R< ? > < $+ . $+ > < $+ > < + $- > < $* >	$: < $(access . $2 $: ? $) > < $1 . $2 > < $3 > < + $4 > < $5 >
')dnl
R< ? > < [ $+ . $- ] > < $+ > < $- $- > < $* >	$@ $>D < [ $1 ] > < $3 > < $4 $5 > < $6 >
R< ? > < [ $+ :: $- ] > < $+ > < $- $- > < $* >	$: $>D < [ $1 ] > < $3 > < $4 $5 > < $6 >
R< ? > < [ $+ : $- ] > < $+ > < $- $- > < $* >	$: $>D < [ $1 ] > < $3 > < $4 $5 > < $6 >
R< ? > < $+ . $+ > < $+ > < $- $- > < $* >	$@ $>D < $2 > < $3 > < $4 $5 > < $6 >
R< ? > < $+ > < $+ > < $- $- > < $* >	$@ < $2 > < $5 >
_SKIP_`'dnl
R< $* > < $+ > < $+ > < $- $- > < $* >	$@ < $1 > < $6 >

`#' A: an IP address, or a network that it lies in
SLookUpAddress
R$*	$@ $>A $1
SA
R< $+ > < $+ > < $- $- > < $* >	$: < $(access $4 : $1 $: ? $) > < $1 > < $2 > < $3 $4 > < $5 >
R< ? > < $+ > < $+ > < + $- > < $* >	$: < $(access $1 $: ? $) > < $1 > < $2 > < + $3 > < $4 >
R< ? > < $+ :: $- > < $+ > < $- $- > < $* >	$@ $>A < $1 > < $3 > < $4 $5 > < $6 >
R< ? > < $+ : $- > < $+ > < $- $- > < $* >	$@ $>A < $1 > < $3 > < $4 $5 > < $6 >
R< ? > < $+ . $- > < $+ > < $- $- > < $* >	$@ $>A < $1 > < $3 > < $4 $5 > < $6 >
R< ? > < $+ > < $+ > < $- $- > < $* >	$@ < $2 > < $5 >
_SKIP_`'dnl
R< $* > < $+ > < $+ > < $- $- > < $* >	$@ < $1 > < $6 >

`#' E: the key as it is
SE
R< $* > < $+ > < $- $- > < $* >	$: < $(access $4 : $1 $: ? $) > < $1 > < $2 > < $3 $4 > < $5 >
R< ? > < $+ > < $+ > < + $- > < $* >	$: < $(access $1 $: ? $) > < $1 > < $2 > < + $3 > < $4 >
R< ? > < $+ > < $+ > < $- $- > < $* >	$@ < $2 > < $5 >
R< $* > < $+ > < $+ > < $- $- > < $* >	$@ < $1 > < $6 >

`#' F: user@domain, then without +detail
SF
R< $+ > < $+ > < $- $- > < $* >	$: < $(access $4 : $1 $: ? $) > < $1 > < $2 > < $3 $4 > < $5 >
R< ? > < $+ > < $+ > < + $- > < $* >	$: < $(access $1 $: ? $) > < $1 > < $2 > < + $3 > < $4 >
R< ? > < $+ + $* @ $+ > < $+ > < $- $- > < $* >	$@ $>F < $1 @ $3 > < $4 > < $5 $6 > < $7 >
R< ? > < $+ > < $+ > < $- $- > < $* >	$@ < $2 > < $5 >
R< $* > < $+ > < $+ > < $- $- > < $* >	$@ < $1 > < $6 >

`#' U: user@, then without +detail
SU
R< $* > < $+ > < $- $- > < $* >	$: < $(access $4 : $1 $: ? $) > < $1 > < $2 > < $3 $4 > < $5 >
R< ? > < $+ > < $+ > < + $- > < $* >	$: < $(access $1 $: ? $) > < $1 > < $2 > < + $3 > < $4 >
R< ? > < $+ + $* @ > < $+ > < $- $- > < $* >	$@ $>U < $1 @ > < $3 > < $4 $5 > < $6 >
R< ? > < $+ > < $+ > < $- $- > < $* >	$@ < $2 > < $5 >
R< $* > < $+ > < $+ > < $- $- > < $* >	$@ < $1 > < $6 >

`#' SearchList: < + Tag > $| < F:key > < D:key > ... <> -> < value > of the first key that has one, or < ? >
C{Src}E F D U A
SSearchList
R< $- $- > $| < $={Src} : $* > $* <>	$: < $1 $2 > $5 <> $| $>$3 < $4 > < ? > < $1 $2 > < >
R< $+ > $+ <> $| < ? > < >	$@ $>SearchList < $1 > $| $2 <>
R< $+ > <> $| < ? > < >	$@ < ? >
R< $+ > $* <> $| < $+ > < >	$@ < $3 >
R$*	$@ < ? >

`#' Verdict: < value > -> the error, discard or quarantine that the value asks for; < OK > and the like are returned
C{NoVerdict}? FRIEND HATER
SVerdict
R< $* <TMPF> >	$#error $@ 4.3.0 $: _TEMPORARY_FAILURE_
R< REJECT >	$#error ifdef(`confREJECT_MSG', `$: confREJECT_MSG', `$@ 5.7.1 $: "550 Access denied"')
R< DISCARD $* >	$#discard $: discard
R< QUARANTINE : $+ >	$#error $@ quarantine $: $1
R< ERROR : $- . $- . $- : $+ >	$#error $@ $1.$2.$3 $: $4
R< ERROR : $+ >	$#error $: $1
R< $={Accept} >	$@ < $1 >
R< $={NoVerdict} >	$@ < $1 >
R< $+ >	$#error $: $1	any other text is the reply
')dnl
