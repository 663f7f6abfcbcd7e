divert(-1)
dnl check_rcpt where the other checks are delayed (FEATURE delay_checks).
divert(0)dnl
R$*	$: $1 $| $>checkrcpt $1
R$* $| $#error $*	$#error $2
R$* $| $#discard $*	$#discard $2
R$* $| $#$*	$@ $>tls_client $&{verify} $| MAIL	the recipient is wanted from everybody
R$* $| $*	$: $1
ifdef(`_TRUSTED_MECHANISMS_', `R$*	$: $1 $| < $&{auth_type} >
R$* $| < $={TrustAuthMech} >	$@ RELAY
R$* $| < $* >	$: $1
')dnl
ifdef(`_SPAM_', `R$*	$: $1 $| $>SpamTag $1
ifelse(_SPAM_, `FRIEND', `R$* $| FRIEND	$@ $>tls_client $&{verify} $| MAIL	this recipient wants all mail
', `R$* $| HATER	$: $1 $|
R$* $| $+	$@ $>tls_client $&{verify} $| MAIL	only those who say so are protected
')dnl
', `R$*	$: $>CanonAddr $1
')dnl
R$*	$: $>checkmail < $&f >
R< $={Accept} >	$@ $1	senders that the access map lets pass
ifdef(`_BLOCK_BAD_HELO_', `R$*	$: $>checkrelay $&{client_name} $| $&{client_addr}
undivert(_AT_BAD_HELO_)', `R$*	$@ $>checkrelay $&{client_name} $| $&{client_addr}
')dnl

`#' checkrcpt: the recipient alone
Scheckrcpt
R$*	$: $1 $| $>Local_check_rcpt $1
R$* $| $#$*	$#$2
R$* $| $*	$@ $>Basic_check_rcpt $1
ifdef(`_SPAM_', `
`#' SpamTag: a recipient -> FRIEND, HATER or ?
SSpamTag
R$*	$: $>CanonAddr $1
R$+ < @ $* . >	$: $1 < @ $2 >
R$*	$: < > $1
R< > $+ < @ $+ >	$: < $2 > $1
R< > $+	$: < $j > $1
R< $=w > $+	$: $>SearchList < ! Spam > $| < F : $2@$1 > < D : $1 > < U : $2@ > <>
R< $+ > $+	$: $>SearchList < ! Spam > $| < F : $2@$1 > < D : $1 > <>
R< $- >	$@ $1
R$*	$@ ?
')dnl
