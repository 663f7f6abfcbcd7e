divert(-1)
dnl Who we are: macros, classes and maps that the rules use.
dnl _RELAY(macro, value): a relay of the .mc file becomes a macro
define(`_RELAY', `ifdef(`$2', `D{$1}'defn(`$2')`
')')
dnl _PSEUDO(domain, value): with a relay for it, a top-level domain is a marker, not a place
define(`_PSEUDO', `ifdef(`$2', `C{P}$1
')')
divert(0)dnl
`#' ---- who we are ----
Dn`'confMAILER_NAME
DZ`$'v`'ifdef(`confCF_VERSION', `/confCF_VERSION')
ifdef(`confDOMAIN_NAME', `Dj`'confDOMAIN_NAME
')dnl
ifdef(`confLDAP_CLUSTER', `D{sendmailMTACluster}confLDAP_CLUSTER
')dnl
Cwlocalhost
ifdef(`_CW_FILE_', `_CW_FILE_`'')dnl
`#' trusted users
Ct root daemon`'ifdef(`_NO_UUCP_', `', ` uucp')`'ifdef(`confTRUSTED_USERS', ` confTRUSTED_USERS')
ifdef(`_CT_FILE_', `_CT_FILE_`'')dnl
`#' top-level domains that are markers, not places
C{P}.
_PSEUDO(`BITNET', `BITNET_RELAY')dnl
_PSEUDO(`DECNET', `DECNET_RELAY')dnl
_PSEUDO(`FAX', `FAX_RELAY')dnl
_PSEUDO(`UUCP', `UUCP_RELAY')dnl
_RELAY(`B', `BITNET_RELAY')dnl
_RELAY(`C', `DECNET_RELAY')dnl
_RELAY(`F', `FAX_RELAY')dnl
_RELAY(`Y', `UUCP_RELAY')dnl
_RELAY(`S', `SMART_HOST')dnl
_RELAY(`R', `LOCAL_RELAY')dnl
_RELAY(`H', `MAIL_HUB')dnl
_RELAY(`L', `LUSER_RELAY')dnl
_RELAY(`M', `MASQUERADE_NAME')dnl
`#' characters that route an address onward when they stand in a user part
C{O}@ifdef(`_NO_PERCENT_HACK_', `', ` %')`'ifdef(`_NO_UUCP_', `', ` !')
`#' programs on this host, by the address of the client
C{LocalClient}0 127.0.0.1 IPv6:0:0:0:0:0:0:0:1 IPv6:::1
`#' what an access entry may say to let mail pass
C{Accept}OK RELAY
`#' what an access entry may ask of TLS, and results that count as verified
C{Tls}VERIFY ENCR
C{TlsVerified}OK TRUSTED
`#' domains and addresses that may relay
ifdef(`confCR_FILE', `FR`'confCR_FILE
')dnl
Kdequote dequote`'ifdef(`confDEQUOTE_OPTS', ` confDEQUOTE_OPTS')
Kmacro macro
Karith arith
ifdef(`_ACCEPT_UNRESOLVABLE_', `', `Kresolve host -a<EXISTS> -T<LATER>
')dnl
undivert(_AT_HEAD_)dnl
ifdef(`LUSER_RELAY', `Kuser user -m -a<>
')dnl

