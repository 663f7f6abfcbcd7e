divert(-1)
dnl check_rcpt where the other checks are delayed (FEATURE delay_checks).
dnl _TLS_ONLY_: of the other checks only that of STARTTLS
define(`_TLS_ONLY_', ``$'@ `$'>tls_client `$'&{verify} `$'| MAIL')
divert(0)dnl
R$*	$: $1 $| ? $>checkrcpt $1
R$* $| ? $#error $*	$#error $2
R$* $| ? $#discard $*	$#discard $2
R$* $| ? $#$*	_TLS_ONLY_	the recipient is wanted from everybody
R$* $| ? $*	$: $1
ifdef(`_TRUSTED_MECHANISMS_', `R$*	$: $1 $| ? $&{auth_type}
R$* $| ? $={TrustAuthMech}	$@ RELAY
R$* $| ? $*	$: $1
')dnl
ifdef(`_SPAM_', `ifelse(_SPAM_, `FRIEND', `R$+	$: $>CanonAddr $1	the end for what is no address
R$*	$: $1 $| ? $>SpamTag $1
R$* $| ? FRIEND	_TLS_ONLY_	this recipient wants all mail
', `R$*	$: $1 $| ? $>SpamTag $>CanonAddr $1
R$* $| ? HATER	$: $1
R$* $| ? $*	_TLS_ONLY_	only those who say so are protected
')dnl
')dnl
R$*	$: $>checkmail < $&f >
R< $={Accept} >	$@ $1	senders that the access map lets pass
R$*	$: $>checkrelay $&{client_name} $| $&{client_addr}
ifdef(`_BLOCK_BAD_HELO_', `undivert(_AT_BAD_HELO_)')dnl

`#' checkrcpt: the recipient alone
Scheckrcpt
_ASK(`Local_check_rcpt')dnl
R$*	$@ $>Basic_check_rcpt $1
ifdef(`_SPAM_', `
`#' SpamTag: a recipient as CanonAddr has it -> FRIEND, HATER or ?
SSpamTag
R$*	$: $>SearchList < ! Spam > $| $>SpamKeys $1
R< $- >	$@ $1
R$*	$@ ?

`#' SpamKeys: user < @ domain > -> what to look for in the access map
SSpamKeys
R$+ < @ $* . >	$: $1 < @ $2 >
R$*	$: $>PlainAddress $1
R$+ < @ $=w >	$@ < F : $1@$2 > < D : $2 > < U : $1@ > <>
R$+ < @ $+ >	$@ < F : $1@$2 > < D : $2 > <>
R$+	$@ < F : $1@$j > < D : $j > < U : $1@ > <>
')dnl
