divert(-1)
dnl tls_session_features: finds TLS options of a session in the access map: TLS_Srv_features and TLS_Clt_features.
ifdef(`_ACCESS_TABLE_', `', `_COMPLAIN(`tls_session_features needs FEATURE(access_db) before it')')
divert(9)dnl
`#' tls_srv_features, tls_clt_features: name $| address of a peer -> options of TLS for this session
Stls_srv_features
R$*	$@ $>SessionOptions < ! TLS_Srv_Features > $1
Stls_clt_features
R$*	$@ $>SessionOptions < ! TLS_Clt_Features > $1

`#' SessionOptions: < ! Tag > name $| address -> the options, which may be none
SSessionOptions
R$*	$: $>PeerEntry $1
R< NONE >	$@ ""
R< $* <TMPF> >	$# temp
R< $+ >	$@ $1
