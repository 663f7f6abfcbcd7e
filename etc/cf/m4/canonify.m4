divert(-1)
dnl Canonical form: rulesets 3, 96 and 4.
divert(0)dnl

`#' ========================================================================================================================
`#' Canonical form: an address in work looks like  user < @ domain > ; a domain known to be complete ends with a dot
`#' ========================================================================================================================

`#' canonify: any spelling of an address -> user < @ domain >
Scanonify=3
R$*	$: $>Unwrap $1
R$| @ $+ , $+	$| $2	of a source route only the end counts
R$| @ [ $* ] : $+	$| $2
R$| @ $+ : $+	$| $2
R$| $+	$@ $>Canonify2 $>Split $1

`#' Unwrap: what somebody wrote -> $| and the address in it; or its canonical form, where nothing is left to do
SUnwrap
R$*	$: $| $1
R$|	$@ < @ >	nothing at all is the null address
`#' group: members; -> members
R$| $* : $*	$: $| $1 : $2 $| $>HasGroup $1 : $2
R$| $* : $* $| YES	$: $| $2
R$| $* $| $*	$: $| $1
R$| $* ;	$| $1
R$| $* < $+ :; > $*	$@ $2 :; < @ >	of an empty one nothing
R$|	$@ :; < @ >
R$| $* ; >	$| $1 >
`#' what the last < and the next > enclose
R$| $* < $*	$| $2
R$| $* > $*	$| $1
R$|	$@ < @ >	it was <>
R$| :include: $*	$@ :include: $1	a file of recipients

`#' Split: a bare address -> user < @ domain >; a name without domain as it is
SSplit
R$* @ $*	$: $1 < @ $2 >	break at the first @ ...
R$* < @ $* @ $* >	$1 @ $2 < @ $3 >	... no, at the last
R$* < @ $*	$@ $1 < @ $2
ifdef(`_NO_UUCP_', `', `R$+ ! $+	$: < $1 > $2	without @ the first ! counts
R< $+ . $- > $+	$@ $3 < @ $1 . $2 >	before it stands a domain ...
R< $+ > $+	$@ $2 < @ $1 .UUCP >	... or the name of a neighbour
')dnl
ifdef(`DECNET_RELAY', `define(`_USE_DECNET_SYNTAX_', `1')')dnl
ifdef(`_USE_DECNET_SYNTAX_', `R$- :: $+	$: < $1 > $2	a DECnet node ...
R$- . $- :: $+	$: < $1 . $2 > $3	... with its area
R< $+ > $+	$@ $2 < @ $1 .DECNET >
')dnl
ifdef(`_NO_PERCENT_HACK_', `', `R$* % $*	$: $1 < @ $2 >	then the last %
R$* < @ $* % $* >	$1 % $2 < @ $3 >
')dnl

`#' HasGroup: an address with a colon -> YES where that ends the name of a group
SHasGroup
R$* : $* [ $* ]	$@ YES	before an address literal it always does
R$* < $* > $*	$@ NO	< > say what counts
R@ $*	$@ NO	a source route
R:include: $*	$@ NO
R$* :: $*	$@ NO	node::user
R$* [ IPv6 : $+ ]	$@ NO	an address literal
R$*	$@ YES

`#' Canonify2: user < @ domain > with the domain made complete where it can be
C{ThisHost}localhost localhost.$m localhost.UUCP
SCanonify2=96
R$* < @ $={ThisHost} > $*	$: $1 < @ $j . > $3
R$* < @ [ $+ ] > $*	$: $1 < : [ $2 ] > $3	an address literal ...
R$* < : $=w > $*	$@ $1 < @ $j . > $3	... is one of ours
R$* < : $+ > $*	$@ $1 < @ $2 > $3	... or stays as it is
ifdef(`_DOMAIN_TABLE_', `R$* < @ $+ > $*	$: $1 < @ $(domaintable $2 $: $2 $) > $3
')dnl
undivert(2)dnl
ifdef(`_BITNET_TABLE_', `R$* < @ $+ . BITNET > $*	$: $1 < @ $(bitdomain $2 $: $2 . BITNET $) > $3
')dnl
ifdef(`_UUCP_TABLE_', `R$* < @ $+ . UUCP > $*	$: $1 < @ $(uudomain $2 $: $2 . UUCP $) > $3
')dnl
R$* < @ $+ . . > $*	$1 < @ $2 . > $3	dots at the end are one
R$* < @ $* . > $*	$@ $1 < @ $2 . > $3	complete already
R$* < @ $* . $={P} > $*	$@ $1 < @ $2 . $3 . > $4	a marker is complete
include(_CF_DIR_`m4/'ifdef(`_NO_CANONIFY_', `nocanonify', `askdns')`.m4')dnl
R$* < @ $+	$: $1 < @ $>KnownName $2

`#' KnownName: domain > ... -> domain . > ... where it is one of ours: these are complete without the name server
SKnownName
R$=w > $*	$@ $1 . > $2
R$={M} > $*	$@ $1 . > $2
ifdef(`_MASQUERADE_ENTIRE_DOMAIN_', `R$* . $={M} > $*	$@ $1 . $2 . > $3
')dnl
ifelse(ifdef(`_VIRTUAL_HOSTS_', `1')`'ifdef(`_VIRTUSER_TABLE_', `1'), `11', `R$={VirtHost} > $*	$@ $1 . > $2
ifdef(`_VIRTUSER_ENTIRE_DOMAIN_', `R$* . $={VirtHost} > $*	$@ $1 . $2 . > $3
')')dnl
ifelse(ifdef(`_GENERICS_DOMAINS_', `1')`'ifdef(`_GENERICS_TABLE_', `1'), `11', `R$=G > $*	$@ $1 . > $2
ifdef(`_GENERICS_ENTIRE_DOMAIN_', `R$* . $=G > $*	$@ $1 . $2 . > $3
')')dnl

`#' final: user < @ domain . > -> the address as the world writes it
Sfinal=4
R$* < @ >	$@ $>ListName $1
R$* < @ $+ . > $*	$: $1 < @ $2 > $3	no final dot outside
R$* < @ *LOCAL* > $*	$: $1 < @ $j > $2
R$* < @ $+ > $*	$1 @ $2 $3	< > were ours
ifdef(`_NO_UUCP_', `', `R$+ @ $- . UUCP	$: $>final $2 ! $1	a neighbour by UUCP
')dnl
ifdef(`_USE_DECNET_SYNTAX_', `R$+ @ $+ . DECNET	$: $>final $2 :: $1	a DECnet node
')dnl
R$+ % $=w @ $=w	$: $>final $1 @ $2	a route through this host to itself

`#' ListName: what stands before no domain -> the name of an empty list; of the null address nothing
SListName
R$+ :;	$@ $1 :
R$*	$@

`#' Recurse: an address from a table, parsed anew
SRecurse=97
R$*	$@ $>parse $>canonify $1
