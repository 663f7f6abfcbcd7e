divert(-1)
dnl Lays out the configuration: called once, when the .mc file has ended.
_DEFIFNOT(`confSMTP_MAILER', `esmtp')
_DEFIFNOT(`confLOCAL_MAILER', `local')
_DEFIFNOT(`confRELAY_MAILER', ifdef(`_MAILER_smtp_', `relay', `unknown'))
_DEFIFNOT(`confUUCP_MAILER', `uucp-old')
define(`_LOCAL_', `confLOCAL_MAILER')
define(`_SMTP_', `confSMTP_MAILER')
define(`_UUCP_', `confUUCP_MAILER')
define(`_RELAY_MAILER_', `confRELAY_MAILER')
dnl Every host has the mailers local and prog.
MAILER(`local')
divert(0)dnl

V10/Berkeley

include(_CF_DIR_`m4/identity.m4')dnl

`#' ---- options ----
include(_CF_DIR_`m4/options.m4')dnl
ifdef(`_DAEMON_OPTIONS_', `', `ifdef(`_BOTH_FAMILIES_', `O DaemonPortOptions=Name=MTA-v4, Family=inet
O DaemonPortOptions=Name=MTA-v6, Family=inet6
', `O DaemonPortOptions=Name=MTA
')')dnl
undivert(_AT_OPTIONS_)dnl
ifdef(`_NO_MSA_', `', `O DaemonPortOptions=Port=587, Name=MSA, M=E
')dnl
undivert(_AT_QUEUES_)dnl
undivert(_AT_FILTERS_)dnl
include(_CF_DIR_`m4/headers.m4')dnl
undivert(6)dnl
include(_CF_DIR_`m4/canonify.m4')dnl
include(_CF_DIR_`m4/parse.m4')dnl
include(_CF_DIR_`m4/masquerade.m4')dnl
include(_CF_DIR_`m4/lookup.m4')dnl
include(_CF_DIR_`m4/check.m4')dnl
include(_CF_DIR_`m4/relay.m4')dnl
include(_CF_DIR_`m4/tls.m4')dnl
undivert(9)dnl
undivert(_AT_MAILER_RULES_)dnl

`#' ---- mailers ----
undivert(7)dnl
