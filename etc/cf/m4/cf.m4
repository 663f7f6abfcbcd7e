divert(-1)
changecom
dnl The cf library: what a .mc file may say. Read before the .mc file; what the file says is gathered in diversions, and
dnl when it ends m4/assemble.m4 lays them in order. Comments are ordinary text from here on: macros in them are expanded.

ifdef(`_CF_DIR_', `', `define(`_CF_DIR_', patsubst(__file__, `m4/cf\.m4$'))')

dnl ---- Diversions. 1 to 9 are those that the documentation names; the others belong to the library. --------------------
dnl 1 local hosts (LOCAL_NET_CONFIG)      2 ruleset 3 (LOCAL_RULE_3)    3 ruleset 0 (LOCAL_RULE_0)
dnl 4 ruleset 0, UUCP (LOCAL_UUCP)        5 names that stay here        6 lines before the rules (LOCAL_CONFIG)
dnl 7 mailers                             8 DNS based lists             9 further rulesets (LOCAL_RULESETS)
define(`_AT_HEAD_', `10')        # macros, classes and maps that features add
define(`_AT_OPTIONS_', `11')     # options that features add
define(`_AT_QUEUES_', `12')      # queue groups
define(`_AT_FILTERS_', `13')     # mail filters
define(`_AT_RULE_1_', `14')      # rules of ruleset 1
define(`_AT_RULE_2_', `15')      # rules of ruleset 2
define(`_AT_RELAY_', `16')       # rules of check_relay, behind the DNS based lists
define(`_AT_MAIL_', `17')        # rules of check_mail, before the access map
define(`_AT_RCPT_', `18')        # rules of check_rcpt, before the relay checks
define(`_AT_RELAY_OK_', `19')    # rules of Relay_ok, before the client is looked at
define(`_AT_TRY_TLS_', `20')
define(`_AT_TLS_RCPT_', `21')
define(`_AT_TLS_CLIENT_', `22')
define(`_AT_TLS_SERVER_', `23')
define(`_AT_SRV_FEATURES_', `24')
define(`_AT_CLT_FEATURES_', `25')
define(`_AT_MAILER_RULES_', `26')# rulesets that mailers bring
define(`_AT_HEADERS_', `27')     # headers that features add
define(`_AT_RATE_', `28')        # rules of check_relay about the rate of connections, before all others
define(`_AT_BAD_HELO_', `29')    # rules about the HELO name: of check_rcpt, or of Relay_ok
define(`_AT_CONNECTIONS_', `30') # rules of check_relay about open connections
define(`_AT_DOMAIN_MAPS_', `31') # rules that look into the tables of domains

define(`PUSHDIVERT', `pushdef(`_DIVERSION_', divnum)divert(`$1')')
define(`POPDIVERT', `divert(_DIVERSION_)popdef(`_DIVERSION_')')

dnl Where each line of the result comes from is written down by makecf, and not by macros.
define(`_MARKS_')

dnl ---- Words -----------------------------------------------------------------------------------------------------------
define(`CONCAT', `$1$2$3$4$5$6$7$8$9')
define(`_DEFIFNOT', `ifdef(`$1', `', `define(`$1', `$2')')')
dnl _ENABLE(flag): sets a flag
define(`_ENABLE', `define(`$1', `1')')
dnl _EITHER(value, default): the value, or where it is empty the default
define(`_EITHER', `ifelse(`$1', `', `$2', `$1')')
dnl _MAP(given, file): how a table is opened: as given, by LDAP, or by the usual kind of database
define(`_MAP', `ifelse(`$1', `', `DATABASE_MAP_TYPE MAIL_SETTINGS_DIR`'$2', `$1', `LDAP', `$3', `$1')')
dnl _LDAP_MAP(name): the documented default of a table in LDAP
define(`_LDAP_MAP', `ldap -1 -v sendmailMTAMapValue,sendmailMTAMapSearch:FILTER:sendmailMTAMapObject,sendmailMTAMapURL:URL:sendmailMTAMapObject -k (&(objectClass=sendmailMTAMapObject)(|(sendmailMTACluster=${sendmailMTACluster})(sendmailMTAHost=`$'j))(sendmailMTAMapName=$1)(sendmailMTAKey=%0))')
define(`_BIN_DIR_', `ifdef(`confEBINDIR', `confEBINDIR', `/usr/libexec')')
dnl _ASK(ruleset, argument): rules that ask a ruleset about the workspace, or about the argument: what it answers with $#
dnl is the end, otherwise the workspace stays. Behind $| ? stands an answer.
define(`_ASK', `R`$'*	`$': `$'1 `$'| ? `$'>$1 ifelse(`$2', `', ``$'1', `$2')
R`$'* `$'| ? `$'#`$'*	`$'#`$'2
R`$'* `$'| ? `$'*	`$': `$'1
')
dnl _CLIENT_IN_(map, list): rules that look the address of the client up in a DNS based list: LISTED and the answer, or OK
define(`_CLIENT_IN_', `R`$'*	`$': `$'>Backwards `$'&{client_addr}
R`$'+	`$': LISTED `$'($1 DOL(1).$2. `$': OK `$')
RLISTED OK	`$': OK
')
dnl _UNKNOWN_(list, t or message): what happens while the list cannot be asked
define(`_UNKNOWN_', `ifelse(len(`$2'), `0', `', ``RLISTED '`$'+<TMP>	`$'#error `$'@ 4.4.3 `$': ifelse(`$2', `t', `"451 Temporary lookup failure of " `$'&{client_addr} " at $1"', `$2')
')`RLISTED '`$'+<TMP>	`$': OK
')
dnl _LISTED_ACTION_(list, message or word), _LISTED_: what happens to a client that is listed
define(`_LISTED_ACTION_', `ifelse(`$2', `', ``$'#error `$'@ 5.7.1 `$': "550 Rejected: " `$'&{client_addr} " listed at $1"', `$2', `discard', ``$'#discard `$': ifelse(`$3', `', `$1', `$3')', `$2', `quarantine', ``$'#error `$'@ quarantine `$': $1', ``$'#error `$'@ 5.7.1 `$': $2')')
dnl what clients are told when a map cannot be asked
define(`_TEMPORARY_FAILURE_', `"451 Temporary system failure. Please try again later."')
define(`_LISTED_', ``RLISTED '`$'+	_LISTED_ACTION_(`$1', `$2')
')
dnl _COMPLAIN(text), _WARN(text): an error of the .mc file, and what is perhaps not meant; makecf tells them by line
define(`_COMPLAIN', `errprint(`*** ERROR: $1
')')
define(`_WARN', `errprint(`*** WARNING: $1
')')

dnl ---- What a .mc file says ---------------------------------------------------------------------------------------------
define(`MAIL_SETTINGS_DIR', `/etc/mail/')
define(`DATABASE_MAP_TYPE', `hash')

define(`VERSIONID', `PUSHDIVERT(0)`#' __file__: $1
POPDIVERT`'')

define(`OSTYPE', `ifelse(`$#', `0', ``OSTYPE'', `ifdef(`__OSTYPE__', `_COMPLAIN(`OSTYPE($1): the system is OSTYPE('__OSTYPE__`) already')',
`ifelse(`$1', `', `_COMPLAIN(`OSTYPE needs the name of a system')',
`define(`__OSTYPE__', `$1')PUSHDIVERT(-1)include(_CF_DIR_`ostype/$1.m4')POPDIVERT`'')')')')

define(`DOMAIN', `ifelse(`$#', `0', ``DOMAIN'', `PUSHDIVERT(-1)include(_CF_DIR_`domain/$1.m4')POPDIVERT`'')')

dnl _ARGUMENTS(...): the arguments of a feature are _ARG_, _ARG2_ ... _ARG9_
define(`_ARGUMENTS', `pushdef(`_ARG_', `$1')pushdef(`_ARG1_', `$1')pushdef(`_ARG2_', `$2')pushdef(`_ARG3_', `$3')dnl
pushdef(`_ARG4_', `$4')pushdef(`_ARG5_', `$5')pushdef(`_ARG6_', `$6')pushdef(`_ARG7_', `$7')pushdef(`_ARG8_', `$8')dnl
pushdef(`_ARG9_', `$9')')
define(`_NO_ARGUMENTS', `popdef(`_ARG_', `_ARG1_', `_ARG2_', `_ARG3_', `_ARG4_', `_ARG5_', `_ARG6_', `_ARG7_', `_ARG8_', `_ARG9_')')
define(`_INCLUDE', `PUSHDIVERT(-1)_ARGUMENTS(shift(shift($@)))include(_CF_DIR_`$1/$2.m4')_NO_ARGUMENTS`'POPDIVERT`'')

define(`FEATURE', `ifelse(`$#', `0', ``FEATURE'', `ifdef(`_MAILERS_', `_LATE(`FEATURE($1)')')_INCLUDE(`feature', $@)')')
define(`HACK', `ifelse(`$#', `0', ``HACK'', `_INCLUDE(`hack', $@)')')
define(`_LATE', `_WARN(`$1 should stand before the first MAILER')')

define(`MAILER', `ifelse(`$#', `0', ``MAILER'', `ifdef(`_MAILER_$1_', `', `define(`_MAILER_$1_', `1')define(`_MAILERS_', `1')dnl
_INCLUDE(`mailer', $@)')')')

define(`LOCAL_CONFIG', `divert(`6')dnl')
define(`LOCAL_NET_CONFIG', `define(`_LOCAL_RULES_', `1')divert(`1')dnl')
define(`LOCAL_RULE_0', `divert(`3')dnl')
define(`LOCAL_RULE_1', `divert(_AT_RULE_1_)dnl')
define(`LOCAL_RULE_2', `divert(_AT_RULE_2_)dnl')
define(`LOCAL_RULE_3', `divert(`2')dnl')
define(`LOCAL_UUCP', `divert(`4')dnl')
define(`LOCAL_RULESETS', `divert(`9')dnl')
define(`LOCAL_SRV_FEATURES', `define(`_LOCAL_SRV_FEATURES_', `1')divert(_AT_SRV_FEATURES_)dnl')
define(`LOCAL_CLT_FEATURES', `define(`_LOCAL_CLT_FEATURES_', `1')divert(_AT_CLT_FEATURES_)dnl')
define(`LOCAL_TRY_TLS', `define(`_LOCAL_TRY_TLS_', `1')divert(_AT_TRY_TLS_)dnl')
define(`LOCAL_TLS_RCPT', `define(`_LOCAL_TLS_RCPT_', `1')divert(_AT_TLS_RCPT_)dnl')
define(`LOCAL_TLS_CLIENT', `define(`_LOCAL_TLS_CLIENT_', `1')divert(_AT_TLS_CLIENT_)dnl')
define(`LOCAL_TLS_SERVER', `define(`_LOCAL_TLS_SERVER_', `1')divert(_AT_TLS_SERVER_)dnl')
define(`MAILER_DEFINITIONS', `define(`_MAILERS_', `1')divert(`7')dnl')
dnl UUCPSMTP(host, domain): in LOCAL_RULE_3, host!user becomes user@domain
define(`UUCPSMTP', `R DOL(*) < @ $1 .UUCP > DOL(*)	DOL(:) DOL(1) < @ $2 > DOL(2)')
define(`DOL', ``$'$1')

dnl _CLASS(class, words), _CLASS_FILE(class, file): words of a class
define(`_SOMETHING', `ifelse(`$1', `', `_COMPLAIN(`nothing is named: write it between the brackets, as (example.com)')')')
define(`_CLASS', `_SOMETHING(`$2')PUSHDIVERT(_AT_HEAD_)C{$1}$2
POPDIVERT`'')
define(`_CLASS_FILE', `_SOMETHING(`$2')PUSHDIVERT(_AT_HEAD_)F{$1}$2
POPDIVERT`'')
define(`LOCAL_DOMAIN', `_CLASS(`w', `$1')')
define(`LOCAL_USER', `_CLASS(`L', `$1')define(`_LOCAL_USERS_', `1')')
define(`LOCAL_USER_FILE', `_CLASS_FILE(`L', `$1')define(`_LOCAL_USERS_', `1')')
dnl a final dot is for name servers, not for mail
define(`MASQUERADE_AS', `_SOMETHING(`$1')define(`MASQUERADE_NAME', patsubst(`$1', `\.$'))')
define(`MASQUERADE_DOMAIN', `_CLASS(`M', `$1')')
define(`MASQUERADE_DOMAIN_FILE', `_CLASS_FILE(`M', `$1')')
define(`MASQUERADE_EXCEPTION', `_CLASS(`N', `$1')')
define(`MASQUERADE_EXCEPTION_FILE', `_CLASS_FILE(`N', `$1')')
define(`EXPOSED_USER', `_CLASS(`E', `$1')')
define(`EXPOSED_USER_FILE', `_CLASS_FILE(`E', `$1')')
define(`GENERICS_DOMAIN', `_CLASS(`G', `$1')define(`_GENERICS_DOMAINS_', `1')')
define(`GENERICS_DOMAIN_FILE', `_CLASS_FILE(`G', `$1')define(`_GENERICS_DOMAINS_', `1')')
define(`LDAPROUTE_DOMAIN', `_CLASS(`LDAPRoute', `$1')')
define(`LDAPROUTE_DOMAIN_FILE', `_CLASS_FILE(`LDAPRoute', `$1')')
define(`LDAPROUTE_EQUIVALENT', `_CLASS(`LDAPRouteEquiv', `$1')define(`_LDAP_EQUIVALENTS_', `1')')
define(`LDAPROUTE_EQUIVALENT_FILE', `_CLASS_FILE(`LDAPRouteEquiv', `$1')define(`_LDAP_EQUIVALENTS_', `1')')
define(`VIRTUSER_DOMAIN', `_CLASS(`VirtHost', `$1')define(`_VIRTUAL_HOSTS_', `1')_CLASS(`R', `$={VirtHost}')')
define(`VIRTUSER_DOMAIN_FILE', `_CLASS_FILE(`VirtHost', `$1')define(`_VIRTUAL_HOSTS_', `1')_CLASS(`R', `$={VirtHost}')')
define(`RELAY_DOMAIN', `_CLASS(`R', `$1')')
define(`RELAY_DOMAIN_FILE', `_CLASS_FILE(`R', `$1')')
define(`CANONIFY_DOMAIN', `_CLASS(`Canonify', `$1')define(`_CANONIFY_DOMAINS_', `1')')
define(`CANONIFY_DOMAIN_FILE', `_CLASS_FILE(`Canonify', `$1')define(`_CANONIFY_DOMAINS_', `1')')
define(`TRUST_AUTH_MECH', `_CLASS(`TrustAuthMech', `$1')define(`_TRUSTED_MECHANISMS_', `1')')

dnl DAEMON_OPTIONS, CLIENT_OPTIONS: each its own line of options
define(`DAEMON_OPTIONS', `define(`_DAEMON_OPTIONS_', `1')PUSHDIVERT(_AT_OPTIONS_)O DaemonPortOptions=$1
POPDIVERT`'')
define(`CLIENT_OPTIONS', `PUSHDIVERT(_AT_OPTIONS_)O ClientPortOptions=$1
POPDIVERT`'')
define(`QUEUE_GROUP', `PUSHDIVERT(_AT_QUEUES_)Q$1`'ifelse(`$2', `', `', `, $2')
POPDIVERT`'')
define(`MAIL_FILTER', `define(`_FILTERS_', `1')PUSHDIVERT(_AT_FILTERS_)X$1, $2
POPDIVERT`'')
define(`INPUT_MAIL_FILTER', `MAIL_FILTER(`$1', `$2')define(`confINPUT_MAIL_FILTERS', ifdef(`confINPUT_MAIL_FILTERS', `defn(`confINPUT_MAIL_FILTERS')``,' '')``$1'')')
dnl MODIFY_MAILER_FLAGS(NAME, flags | +flags | -flags)
define(`MODIFY_MAILER_FLAGS', `ifelse(substr(`$2', 0, 1), `+', `_MORE_FLAGS(`_ADDED_$1_FLAGS_', substr(`$2', 1))',
substr(`$2', 0, 1), `-', `_MORE_FLAGS(`_DROPPED_$1_FLAGS_', substr(`$2', 1))', `define(`_SET_$1_FLAGS_', `$2')')')
define(`_MORE_FLAGS', `define(`$1', ifdef(`$1', `defn(`$1')')``$2'')')
dnl _FLAGS(NAME, usual): the flags of a mailer as the site wants them; those that are added win over those that are dropped
define(`_FLAGS', `ifdef(`_SET_$1_FLAGS_', `_SET_$1_FLAGS_', `translit($2, ifdef(`_DROPPED_$1_FLAGS_', `defn(`_DROPPED_$1_FLAGS_')'))`'ifdef(`_ADDED_$1_FLAGS_', `_ADDED_$1_FLAGS_')')')

dnl _EQUATES(NAME): what a site may say of every mailer
define(`_EQUATES', `ifdef(`$1_MAILER_MAX', ` M=$1_MAILER_MAX,')`'ifdef(`$1_MAILER_MAXMSGS', ` m=$1_MAILER_MAXMSGS,')`'ifdef(`$1_MAILER_MAXRCPTS', ` r=$1_MAILER_MAXRCPTS,')`'ifdef(`$1_MAILER_CHARSET', ` C=$1_MAILER_CHARSET,')`'ifdef(`$1_MAILER_QGRP', ` Q=$1_MAILER_QGRP,')')

dnl SITECONFIG(file, name, class): UUCP neighbours of old: our own (U, in class Y), or those of the host name (V, W, X)
define(`SITECONFIG', `PUSHDIVERT(_AT_HEAD_)define(`_SITE_CLASS_', `ifelse(`$3', `U', `Y', `$3')')define(`_SITES_$3_', `1')undefine(`_SITES_')D{$3}$2
ifelse(`$3', `U', `Cw$2 $2.UUCP
')divert(-1)sinclude(_CF_DIR_`'siteconfig/$1.m4)dnl
ifdef(`_SITES_', `', `_WARN(`no neighbour comes of SITECONFIG($1): the file siteconfig/$1.m4 of the library is missing or names none')')POPDIVERT`'')
define(`SITE', `ifelse(`$#', `0', ``SITE'', `PUSHDIVERT(_AT_HEAD_)define(`_SITES_', `1')C{_SITE_CLASS_}$1
POPDIVERT`'')')

include(_CF_DIR_`m4/defaults.m4')
m4wrap(`include(_CF_DIR_`m4/assemble.m4')')
divert(0)dnl
