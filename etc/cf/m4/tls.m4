divert(-1)
dnl STARTTLS and AUTH: what the daemon and the client ask before they go on.
define(`_TLS_ERROR_', `ifdef(`TLS_PERM_ERR', `554:5.7.0', `454:4.7.0')')
# _TLS_FAILED(result, text): a result that ends the connection whatever the access map says
define(`_TLS_FAILED', `R< DOL(-):DOL(+) > $1 DOL(|) < DOL(=){Tls} DOL(*) >	DOL(`#')error DOL(@) DOL(2) DOL(:) DOL(1) " $2"
R< DOL(-):DOL(+) > $1 DOL(*)	DOL(`#')error DOL(@) DOL(2) DOL(:) "substr(_TLS_ERROR_, 0, 3) $2"
')
dnl _LOCAL_RULESET(NAME, ruleset, diversion): the rules that the site gave by LOCAL_NAME; _LOCAL_FIRST: they are asked first
define(`_LOCAL_RULESET', `ifdef(`_LOCAL_$1_', `SLOCAL_$2
undivert($3)')')
define(`_LOCAL_FIRST', `ifdef(`_LOCAL_$1_', `_ASK(`LOCAL_$2')')')
dnl _STS_CHECK_: the policy of the recipient's domain, in tls_rcpt (FEATURE sts)
define(`_STS_CHECK_', `ifdef(`_STS_', `_ASK(`STSCheck')')')
divert(0)dnl

`#' ========================================================================================================================
`#' STARTTLS and AUTH
`#' ========================================================================================================================

`#' RelayTLS: -> YES where the certificate of the client gives the right to relay
SRelayTLS
ifdef(`_ACCESS_TABLE_', `R$*	$: < $&{verify} >
R< $={TlsVerified} >	$: < $(access CERTISSUER : $&{cert_issuer} $: ? $) >
R< RELAY >	$@ YES
R< SUBJECT >	$: < $(access CERTSUBJECT : $&{cert_subject} $: ? $) >
R< RELAY >	$@ YES
')dnl
R$*	$@ NO

ifdef(`_ACCESS_TABLE_', `include(_CF_DIR_`m4/tls_access.m4')', `
`#' tls_rcpt: a recipient, before the client names it to a server
_LOCAL_RULESET(`TLS_RCPT', `tls_rcpt', _AT_TLS_RCPT_)dnl
Stls_rcpt
_LOCAL_FIRST(`TLS_RCPT', `tls_rcpt')dnl
_STS_CHECK_`'dnl
')dnl
`#' tls_server: the result of STARTTLS with a server -> an error where the access map asks for more
_LOCAL_RULESET(`TLS_SERVER', `tls_server', _AT_TLS_SERVER_)dnl
Stls_server
_LOCAL_FIRST(`TLS_SERVER', `tls_server')dnl
ifdef(`_ACCESS_TABLE_', `R$*	$: $1 $(macro {TLS_Name} $@ $&{server_name} $)
R$*	$: $1 $| $>TagEntry TLS_Srv $| $&{server_name} $| $&{server_addr}
')dnl
R$*	$@ $>TLS_connection $1

`#' tls_client: the same with a client; the argument is  result $| MAIL or STARTTLS
_LOCAL_RULESET(`TLS_CLIENT', `tls_client', _AT_TLS_CLIENT_)dnl
Stls_client
R$* $| $-	$: $1
_LOCAL_FIRST(`TLS_CLIENT', `tls_client')dnl
ifdef(`_ACCESS_TABLE_', `R$*	$: $1 $(macro {TLS_Name} $@ $&{client_name} $)
R$*	$: $1 $| $>TagEntry TLS_Clt $| $&{client_name} $| $&{client_addr}
')dnl
R$*	$@ $>TLS_connection $1

`#' TLS_connection: result, or  result $| < what the access map asks for >  -> OK or an error
STLS_connection
ifdef(`_ACCESS_TABLE_', `R$* $| $* <TMPF> $*	$#error $@ 4.3.0 $: _TEMPORARY_FAILURE_
')dnl
R$*	$: < _TLS_ERROR_ > $1
ifdef(`_ACCESS_TABLE_', `R< $+ > $* $| < TEMP + $={Tls} $* >	$: < 403:4.7.0 > $2 $| < $3 $4 >
R< $+ > $* $| < PERM + $={Tls} $* >	$: < 503:5.7.0 > $2 $| < $3 $4 >
')dnl
_TLS_FAILED(`SOFTWARE', `TLS handshake failed.')dnl
_TLS_FAILED(`PROTOCOL', `STARTTLS failed.')dnl
_TLS_FAILED(`CONFIG', `STARTTLS temporarily not possible.')dnl
_TLS_FAILED(`DANE_FAIL', `DANE check failed.')dnl
ifdef(`_ACCESS_TABLE_', `R< $+ > $* $| < $={Tls} : $- $* >	$@ $>TLSCheck < $1 > < $2 > < $3 > < $4 > $5
R< $+ > $* $| < VERIFY >	$@ $>TLSCheck < $1 > < $2 > < VERIFY > < 0 >
R< $+ > $* $| < VERIFY + $* >	$@ $>TLSCheck < $1 > < $2 > < VERIFY > < 0 > + $3
')dnl
R$*	$@ OK

`#' try_tls: a server -> an error where STARTTLS shall not be tried
_LOCAL_RULESET(`TRY_TLS', `try_tls', _AT_TRY_TLS_)dnl
Stry_tls
_LOCAL_FIRST(`TRY_TLS', `try_tls')dnl
ifdef(`_ACCESS_TABLE_', `R$*	$: $>TagEntry Try_TLS $| $&{server_name} $| $&{server_addr}
R< NO >	$#error $@ 5.7.1 $: "550 do not try TLS with " $&{server_name} " ["$&{server_addr}"]"
R< $* <TMPF> >	$#error $@ 4.3.0 $: _TEMPORARY_FAILURE_
')dnl

`#' srv_features: a client -> letters of what the server shall offer
_LOCAL_RULESET(`SRV_FEATURES', `srv_features', _AT_SRV_FEATURES_)dnl
Ssrv_features
_LOCAL_FIRST(`SRV_FEATURES', `srv_features')dnl
ifdef(`_ACCESS_TABLE_', `R$*	$@ $>Answer $>TagEntry Srv_Features $| $&{client_name} $| $&{client_addr}
')dnl

`#' clt_features: a server -> letters of what the client shall use
_LOCAL_RULESET(`CLT_FEATURES', `clt_features', _AT_CLT_FEATURES_)dnl
Sclt_features
_LOCAL_FIRST(`CLT_FEATURES', `clt_features')dnl
ifdef(`_ACCESS_TABLE_', `R$*	$@ $>Answer $>TagEntry Clt_Features $| $&{client_name} $| $&{client_addr}
')dnl

`#' trust_auth: AUTH= of MAIL -> an error unless it is the user who logged in
SLocal_trust_auth
Strust_auth
R$*	$: $1 $| ? $&{auth_type}
R$* $| ?	$#error $@ 5.7.1 $: "550 not authenticated"
R$* $| ? $*	$: $1
R$&{auth_authen}	$@ identical
R< $&{auth_authen} >	$@ identical
R$*	$: $| ? $>Local_trust_auth $1
R$| ? $#$*	$#$1
R$| $*	$#error $@ 5.7.1 $: "550 " $&{auth_authen} " not allowed to act as " $&{auth_author}

`#' authinfo: a server -> how to log in there
Sauthinfo
ifdef(`_AUTHINFO_', `R$*	$: $(authinfo AuthInfo:$&{server_name} $: NONE $)
RNONE	$: $(authinfo AuthInfo:$&{server_addr} $: NONE $)
RNONE	$: $(authinfo AuthInfo: $: NONE $)
R$*	$@ $>Answer < $1 >
', `ifdef(`_ACCESS_TABLE_', `R$*	$@ $>Answer $>TagEntry AuthInfo $| $&{server_name} $| $&{server_addr}
')')dnl

`#' Answer: < value > of a table -> $# value for the program; where there is none, nothing
SAnswer
R< $* >	$: $1
RNONE	$@ OK
R$* <TMPF>	$#temp
R$+	$# $1
