divert(-1)
dnl tls_failures: is the old name of confTLS_FALLBACK_TO_CLEAR: sends without TLS where the handshake failed.
_WARN(`FEATURE(tls_failures) is obsolete: write define(confTLS_FALLBACK_TO_CLEAR, true) instead')
define(`confTLS_FALLBACK_TO_CLEAR', `true')
