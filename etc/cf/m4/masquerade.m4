divert(-1)
dnl How addresses look from outside: what all mailers share.
divert(0)dnl

`#' ========================================================================================================================
`#' How addresses look from outside
`#' ========================================================================================================================

ifdef(`_GENERICS_TABLE_', `include(_CF_DIR_`m4/generics.m4')
')dnl
`#' MasqHdr: user < @ domain > in a header -> the name that the world shall see
SMasqHdr=93
ifdef(`_GENERICS_TABLE_', `R$+ < @ *LOCAL* >	$: $1 < @ *LOCAL* > $| $1@$j
R$+ < @ $=G . >	$: $1 < @ $2 . > $| $1@$2
ifdef(`_GENERICS_ENTIRE_DOMAIN_', `R$+ < @ $* . $=G . >	$: $1 < @ $2 . $3 . > $| $1@$2.$3
')dnl
R$* $| $+	$: $>Generics < $2 > $1
R$| $*	$@ $1	the table knows best
')dnl
ifdef(`MASQUERADE_NAME', `R$={E} < @ *LOCAL* >	$@ $1 < @ $j . >	users that show where they are
R$={E} < @ $={M} . >	$@ $1 < @ $2 . >
ifdef(`_LIMITED_MASQUERADE_', `', `R$={E} < @ $=w . >	$@ $1 < @ $2 . >
')dnl
R$* < @ $={N} . > $*	$@ $1 < @ $2 . > $3	hosts that are left alone
ifdef(`_MASQUERADE_ENTIRE_DOMAIN_', `R$* < @ $* . $={M} . > $*	$@ $1 < @ $M . > $4
')dnl
R$* < @ $={M} . > $*	$@ $1 < @ $M . > $3
ifdef(`_LIMITED_MASQUERADE_', `', `R$* < @ $=w . > $*	$@ $1 < @ $M . > $3
')dnl
R$* < @ *LOCAL* > $*	$@ $1 < @ $M . > $2
R$* < @ $+ @ $+ > $*	$@ $1 < @ $3 . > $4	of a route only the end
', `R$*	$@ $>OwnName $1
')dnl

`#' MasqEnv: the same for an envelope
SMasqEnv=94
R$*	$@ ifdef(`_MASQUERADE_ENVELOPE_', `$>MasqHdr', `$>OwnName') $1

`#' OwnName: an address of this host gets the name of this host
SOwnName
R$* < @ *LOCAL* > $*	$@ $1 < @ $j . > $2

`#' AddDomain: a local address gets our domain where the site wants that
SAddDomain=50
ifdef(`_ALWAYS_ADD_DOMAIN_', `R$* < @ $*	$@ $1 < @ $2	it has one
R$+	$: $1 < @ ifelse(_ALWAYS_ADD_DOMAIN_, `1', `*LOCAL*', _ALWAYS_ADD_DOMAIN_) >
')dnl
