divert(-1)
dnl What the access map asks of a connection (FEATURE access_db).
divert(0)dnl
`#' tls_rcpt: a recipient, before the client names it to a server -> an error where the access map asks for more
_LOCAL_RULESET(`TLS_RCPT', `tls_rcpt', _AT_TLS_RCPT_)dnl
Stls_rcpt
_LOCAL_FIRST(`TLS_RCPT', `tls_rcpt')dnl
R$*	$: $1 $(macro {TLS_Name} $@ $&{server_name} $)
_STS_CHECK_`'dnl
R$+	$: $>CanonAddr $1
R$+ < @ $+ . >	$: $1 < @ $2 >
R$+	$: $>SearchList < ! TLS_Rcpt > $| $>AddressKeys $1
R< ? >	$: < $(access TLS_Rcpt : $: NONE $) >
R< NONE >	$@ OK
R< $+ >	$@ $>TLS_connection $&{verify} $| < $1 >

`#' TLSCheck: < code : status > < result > < VERIFY or ENCR > < bits > + extensions -> OK or an error
STLSCheck
R< $+ > < $={TlsVerified} > < VERIFY > $*	$: < $1 > < > < ENCR > $3
R< $-:$+ > < > < VERIFY > $*	$#error $@ $2 $: $1 " authentication required"
R< $-:$+ > < NO > < VERIFY > $*	$#error $@ $2 $: $1 " not authenticated"
R< $-:$+ > < NOT > < VERIFY > $*	$#error $@ $2 $: $1 " no authentication requested"
R< $-:$+ > < NONE > < VERIFY > $*	$#error $@ $2 $: $1 " other side does not support STARTTLS"
R< $-:$+ > < FAIL > < VERIFY > $*	$#error $@ $2 $: $1 " authentication failed"
R< $-:$+ > < $* > < VERIFY > < $- > + $*	$#error $@ $2 $: $1 " authentication failure " $5
R< $-:$+ > < $* > < VERIFY > $*	$#error $@ $2 $: $1 " authentication failure "
R< $+ > < $* > < ENCR > < $- > $*	$: < $1 > < $3 > $4 $| $>TLSBits
R< $+ > < $- > $* $| $-	$: < $1 > < $2 > $3 $| $4 : $(arith l $@ $4 $@ $2 $)
R< $-:$+ > < $- > $* $| $- : TRUE	$#error $@ $2 $: $1 " encryption too weak " $5 " less than " $3
R< $+ > < $- > + $* $| $*	$@ $>TLSExtra < $1 > $3
R$*	$@ OK

`#' TLSBits: -> the strength of the encryption, by TLS or by AUTH
STLSBits
R$*	$: 0 $&{cipher_bits} : 0 $&{auth_ssf}
R0 $- : $*	$: $1 : $2
R$- : 0 $-	$: $1 : $2
R$- : $-	$: $1 : $2 : $(arith l $@ $1 $@ $2 $)
R$- : $- : TRUE	$@ $2
R$- : $*	$@ $1

`#' TLSExtra: < code : status > CN:name ++ CS:name ... -> OK where the certificate has these names, or an error
STLSExtra
R$* ++	$: $1
R$*	$: $1 ++
R< $+ > $* ++ $*	$: < $1 > $2 $| $3	one at a time
R< $+ > CN $| $*	$: < $1 > CN : $&{TLS_Name} $| $2
R< $+ > CN : $&{cn_subject} $| $*	$: < $1 > $| $2
ifdef(`_ALTERNATIVE_NAMES_', `R< $+ > CN : $={cert_altnames} $| $*	$: < $1 > $| $3
')dnl
R< $-:$+ > CN : $* $| $*	$#error $@ $2 $: $1 " CN " $&{cn_subject} " does not match " $3
R< $+ > CS : $&{cert_subject} $| $*	$: < $1 > $| $2
R< $-:$+ > CS : $+ $| $*	$#error $@ $2 $: $1 " Cert Subject " $&{cert_subject} " does not match " $3
R< $+ > CI : $&{cert_issuer} $| $*	$: < $1 > $| $2
R< $-:$+ > CI : $+ $| $*	$#error $@ $2 $: $1 " Cert Issuer " $&{cert_issuer} " does not match " $3
R< $+ > CITag : $+ $| $*	$: < $1 > CITag $(access $2 : $&{cert_issuer} $: ? $) $| $3
R< $+ > CITag OK $| $*	$: < $1 > $| $2
R< $-:$+ > CITag $*	$#error $@ $2 $: $1 " Cert Issuer " $&{cert_issuer} " not acceptable"
R< $+ > $| $+	$@ $>TLSExtra < $1 > $2
R$*	$@ OK
