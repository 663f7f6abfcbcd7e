divert(-1)
dnl One line for each option that is set, by m4/defaults.m4 or by the .mc file.
dnl _OPTION(Name, macro)
define(`_OPTION', `ifdef(`_WITHOUT_$1_', `', `ifdef(`$2', `O $1=$2
')')')

dnl Files that an OSTYPE may name.
_DEFIFNOT(`HELP_FILE', `MAIL_SETTINGS_DIR`'helpfile')
_DEFIFNOT(`QUEUE_DIR', `/var/spool/mqueue')

dnl A submission configuration has no aliases.
ifdef(`_NO_ALIASES_', `_ENABLE(`_WITHOUT_AliasFile_')')
dnl What is said to filters is of use only where there is one.
ifdef(`_FILTERS_', `', `undefine(`confMILTER_LOG_LEVEL', `confMILTER_MACROS_CONNECT', `confMILTER_MACROS_HELO', `confMILTER_MACROS_ENVFROM',
`confMILTER_MACROS_ENVRCPT', `confMILTER_MACROS_DATA', `confMILTER_MACROS_EOH', `confMILTER_MACROS_EOM')')
dnl Two words instead of a time zone: that of the caller is an empty one, that of the system is none.
ifdef(`confTIME_ZONE', `ifelse(confTIME_ZONE, `USE_TZ', `define(`confTIME_ZONE', `')', confTIME_ZONE, `USE_SYSTEM', `undefine(`confTIME_ZONE')')')
dnl The old name has both times, with a slash between them.
ifdef(`confMESSAGE_TIMEOUT', `define(`confTO_QUEUERETURN', patsubst(confMESSAGE_TIMEOUT, `/.*'))dnl
ifelse(index(confMESSAGE_TIMEOUT, `/'), `-1', `', `define(`confTO_QUEUEWARN', patsubst(confMESSAGE_TIMEOUT, `.*/'))')')
ifdef(`confDAEMON_OPTIONS', `DAEMON_OPTIONS(confDAEMON_OPTIONS)')
ifdef(`confCLIENT_OPTIONS', `CLIENT_OPTIONS(confCLIENT_OPTIONS)')

dnl From here on made from the table of options: `cargo test mc_names' tells what to write.
divert(0)dnl
_OPTION(`SevenBitInput', `confSEVEN_BIT_INPUT')dnl
_OPTION(`EightBitMode', `confEIGHT_BIT_HANDLING')dnl
_OPTION(`AliasFile', `ALIAS_FILE')dnl
_OPTION(`AliasWait', `confALIAS_WAIT')dnl
_OPTION(`BlankSub', `confBLANK_SUB')dnl
_OPTION(`MinFreeBlocks', `confMIN_FREE_BLOCKS')dnl
_OPTION(`CheckpointInterval', `confCHECKPOINT_INTERVAL')dnl
_OPTION(`HoldExpensive', `confCON_EXPENSIVE')dnl
_OPTION(`DeliveryMode', `confDELIVERY_MODE')dnl
_OPTION(`ErrorHeader', `confERROR_MESSAGE')dnl
_OPTION(`ErrorMode', `confERROR_MODE')dnl
_OPTION(`TempFileMode', `confTEMP_FILE_MODE')dnl
_OPTION(`SaveFromLine', `confSAVE_FROM_LINES')dnl
_OPTION(`MatchGECOS', `confMATCH_GECOS')dnl
_OPTION(`HelpFile', `HELP_FILE')dnl
_OPTION(`MaxHopCount', `confMAX_HOP')dnl
_OPTION(`ResolverOptions', `confBIND_OPTS')dnl
_OPTION(`IgnoreDots', `confIGNORE_DOTS')dnl
_OPTION(`ForwardPath', `confFORWARD_PATH')dnl
_OPTION(`SendMimeErrors', `confMIME_FORMAT_ERRORS')dnl
_OPTION(`ConnectionCacheSize', `confMCI_CACHE_SIZE')dnl
_OPTION(`ConnectionCacheTimeout', `confMCI_CACHE_TIMEOUT')dnl
_OPTION(`UseErrorsTo', `confUSE_ERRORS_TO')dnl
_OPTION(`LogLevel', `confLOG_LEVEL')dnl
_OPTION(`MeToo', `confME_TOO')dnl
_OPTION(`CheckAliases', `confCHECK_ALIASES')dnl
_OPTION(`OldStyleHeaders', `confOLD_STYLE_HEADERS')dnl
_OPTION(`PrivacyOptions', `confPRIVACY_FLAGS')dnl
_OPTION(`PostmasterCopy', `confCOPY_ERRORS_TO')dnl
_OPTION(`QueueFactor', `confQUEUE_FACTOR')dnl
_OPTION(`QueueDirectory', `QUEUE_DIR')dnl
_OPTION(`DontPruneRoutes', `confDONT_PRUNE_ROUTES')dnl
_OPTION(`Timeout.connect', `confTO_CONNECT')dnl
_OPTION(`Timeout.iconnect', `confTO_ICONNECT')dnl
_OPTION(`Timeout.aconnect', `confTO_ACONNECT')dnl
_OPTION(`Timeout.initial', `confTO_INITIAL')dnl
_OPTION(`Timeout.helo', `confTO_HELO')dnl
_OPTION(`Timeout.mail', `confTO_MAIL')dnl
_OPTION(`Timeout.rcpt', `confTO_RCPT')dnl
_OPTION(`Timeout.datainit', `confTO_DATAINIT')dnl
_OPTION(`Timeout.datablock', `confTO_DATABLOCK')dnl
_OPTION(`Timeout.datafinal', `confTO_DATAFINAL')dnl
_OPTION(`Timeout.rset', `confTO_RSET')dnl
_OPTION(`Timeout.quit', `confTO_QUIT')dnl
_OPTION(`Timeout.misc', `confTO_MISC')dnl
_OPTION(`Timeout.command', `confTO_COMMAND')dnl
_OPTION(`Timeout.ident', `confTO_IDENT')dnl
_OPTION(`Timeout.fileopen', `confTO_FILEOPEN')dnl
_OPTION(`Timeout.lhlo', `confTO_LHLO')dnl
_OPTION(`Timeout.auth', `confTO_AUTH')dnl
_OPTION(`Timeout.starttls', `confTO_STARTTLS')dnl
_OPTION(`Timeout.control', `confTO_CONTROL')dnl
_OPTION(`Timeout.hoststatus', `confTO_HOSTSTATUS')dnl
_OPTION(`Timeout.queuereturn', `confTO_QUEUERETURN')dnl
_OPTION(`Timeout.queuereturn.normal', `confTO_QUEUERETURN_NORMAL')dnl
_OPTION(`Timeout.queuereturn.urgent', `confTO_QUEUERETURN_URGENT')dnl
_OPTION(`Timeout.queuereturn.non-urgent', `confTO_QUEUERETURN_NONURGENT')dnl
_OPTION(`Timeout.queuereturn.dsn', `confTO_QUEUERETURN_DSN')dnl
_OPTION(`Timeout.queuewarn', `confTO_QUEUEWARN')dnl
_OPTION(`Timeout.queuewarn.normal', `confTO_QUEUEWARN_NORMAL')dnl
_OPTION(`Timeout.queuewarn.urgent', `confTO_QUEUEWARN_URGENT')dnl
_OPTION(`Timeout.queuewarn.non-urgent', `confTO_QUEUEWARN_NONURGENT')dnl
_OPTION(`Timeout.queuewarn.dsn', `confTO_QUEUEWARN_DSN')dnl
_OPTION(`Timeout.resolver.retrans', `confTO_RESOLVER_RETRANS')dnl
_OPTION(`Timeout.resolver.retrans.first', `confTO_RESOLVER_RETRANS_FIRST')dnl
_OPTION(`Timeout.resolver.retrans.normal', `confTO_RESOLVER_RETRANS_NORMAL')dnl
_OPTION(`Timeout.resolver.retry', `confTO_RESOLVER_RETRY')dnl
_OPTION(`Timeout.resolver.retry.first', `confTO_RESOLVER_RETRY_FIRST')dnl
_OPTION(`Timeout.resolver.retry.normal', `confTO_RESOLVER_RETRY_NORMAL')dnl
_OPTION(`StatusFile', `STATUS_FILE')dnl
_OPTION(`SuperSafe', `confSAFE_QUEUE')dnl
_OPTION(`TimeZoneSpec', `confTIME_ZONE')dnl
_OPTION(`UserDatabaseSpec', `confUSERDB_SPEC')dnl
_OPTION(`DefaultUser', `confDEF_USER_ID')dnl
_OPTION(`FallbackMXhost', `confFALLBACK_MX')dnl
_OPTION(`TryNullMXList', `confTRY_NULL_MX_LIST')dnl
_OPTION(`QueueLA', `confQUEUE_LA')dnl
_OPTION(`RefuseLA', `confREFUSE_LA')dnl
_OPTION(`RecipientFactor', `confWORK_RECIPIENT_FACTOR')dnl
_OPTION(`ForkEachJob', `confSEPARATE_PROC')dnl
_OPTION(`ClassFactor', `confWORK_CLASS_FACTOR')dnl
_OPTION(`RetryFactor', `confWORK_TIME_FACTOR')dnl
_OPTION(`QueueSortOrder', `confQUEUE_SORT_ORDER')dnl
_OPTION(`HostsFile', `confHOSTS_FILE')dnl
_OPTION(`MinQueueAge', `confMIN_QUEUE_AGE')dnl
_OPTION(`DefaultCharSet', `confDEF_CHAR_SET')dnl
_OPTION(`ServiceSwitchFile', `confSERVICE_SWITCH_FILE')dnl
_OPTION(`DialDelay', `confDIAL_DELAY')dnl
_OPTION(`NoRecipientAction', `confNO_RCPT_ACTION')dnl
_OPTION(`SafeFileEnvironment', `confSAFE_FILE_ENV')dnl
_OPTION(`MaxMessageSize', `confMAX_MESSAGE_SIZE')dnl
_OPTION(`ColonOkInAddr', `confCOLON_OK_IN_ADDR')dnl
_OPTION(`MaxQueueRunSize', `confMAX_QUEUE_RUN_SIZE')dnl
_OPTION(`MaxDaemonChildren', `confMAX_DAEMON_CHILDREN')dnl
_OPTION(`DontExpandCnames', `confDONT_EXPAND_CNAMES')dnl
_OPTION(`MustQuoteChars', `confMUST_QUOTE_CHARS')dnl
_OPTION(`SmtpGreetingMessage', `confSMTP_LOGIN_MSG')dnl
_OPTION(`UnixFromLine', `confFROM_LINE')dnl
_OPTION(`OperatorChars', `confOPERATORS')dnl
_OPTION(`DontInitGroups', `confDONT_INIT_GROUPS')dnl
_OPTION(`SingleLineFromHeader', `confSINGLE_LINE_FROM_HEADER')dnl
_OPTION(`AllowBogusHELO', `confALLOW_BOGUS_HELO')dnl
_OPTION(`ConnectionRateThrottle', `confCONNECTION_RATE_THROTTLE')dnl
_OPTION(`UnsafeGroupWrites', `confUNSAFE_GROUP_WRITES')dnl
_OPTION(`DoubleBounceAddress', `confDOUBLE_BOUNCE_ADDRESS')dnl
_OPTION(`HostStatusDirectory', `confHOST_STATUS_DIRECTORY')dnl
_OPTION(`SingleThreadDelivery', `confSINGLE_THREAD_DELIVERY')dnl
_OPTION(`RunAsUser', `confRUN_AS_USER')dnl
_OPTION(`RrtImpliesDsn', `confRRT_IMPLIES_DSN')dnl
_OPTION(`PidFile', `confPID_FILE')dnl
_OPTION(`DontBlameSendmail', `confDONT_BLAME_SENDMAIL')dnl
_OPTION(`DontProbeInterfaces', `confDONT_PROBE_INTERFACES')dnl
_OPTION(`MaxRecipientsPerMessage', `confMAX_RCPTS_PER_MESSAGE')dnl
_OPTION(`DeadLetterDrop', `confDEAD_LETTER_DROP')dnl
_OPTION(`MaxAliasRecursion', `confMAX_ALIAS_RECURSION')dnl
_OPTION(`ConnectOnlyTo', `confCONNECT_ONLY_TO')dnl
_OPTION(`TrustedUser', `confTRUSTED_USER')dnl
_OPTION(`MaxMimeHeaderLength', `confMAX_MIME_HEADER_LENGTH')dnl
_OPTION(`ControlSocketName', `confCONTROL_SOCKET_NAME')dnl
_OPTION(`MaxHeadersLength', `confMAX_HEADERS_LENGTH')dnl
_OPTION(`ProcessTitlePrefix', `confPROCESS_TITLE_PREFIX')dnl
_OPTION(`DefaultAuthInfo', `confDEF_AUTH_INFO')dnl
_OPTION(`AuthMechanisms', `confAUTH_MECHANISMS')dnl
_OPTION(`DataFileBufferSize', `confDF_BUFFER_SIZE')dnl
_OPTION(`XscriptFileBufferSize', `confXF_BUFFER_SIZE')dnl
_OPTION(`LDAPDefaultSpec', `confLDAP_DEFAULT_SPEC')dnl
_OPTION(`ServerCertFile', `confSERVER_CERT')dnl
_OPTION(`ServerKeyFile', `confSERVER_KEY')dnl
_OPTION(`ClientCertFile', `confCLIENT_CERT')dnl
_OPTION(`ClientKeyFile', `confCLIENT_KEY')dnl
_OPTION(`CACertFile', `confCACERT')dnl
_OPTION(`CACertPath', `confCACERT_PATH')dnl
_OPTION(`DHParameters', `confDH_PARAMETERS')dnl
_OPTION(`InputMailFilters', `confINPUT_MAIL_FILTERS')dnl
_OPTION(`Milter.LogLevel', `confMILTER_LOG_LEVEL')dnl
_OPTION(`Milter.macros.connect', `confMILTER_MACROS_CONNECT')dnl
_OPTION(`Milter.macros.helo', `confMILTER_MACROS_HELO')dnl
_OPTION(`Milter.macros.envfrom', `confMILTER_MACROS_ENVFROM')dnl
_OPTION(`Milter.macros.envrcpt', `confMILTER_MACROS_ENVRCPT')dnl
_OPTION(`Milter.macros.data', `confMILTER_MACROS_DATA')dnl
_OPTION(`Milter.macros.eoh', `confMILTER_MACROS_EOH')dnl
_OPTION(`Milter.macros.eom', `confMILTER_MACROS_EOM')dnl
_OPTION(`AuthOptions', `confAUTH_OPTIONS')dnl
_OPTION(`QueueFileMode', `confQUEUE_FILE_MODE')dnl
_OPTION(`CertFingerprintAlgorithm', `confCERT_FINGERPRINT_ALGORITHM')dnl
_OPTION(`CipherList', `confCIPHER_LIST')dnl
_OPTION(`RandFile', `confRAND_FILE')dnl
_OPTION(`TLSSrvOptions', `confTLS_SRV_OPTIONS')dnl
_OPTION(`BadRcptThrottle', `confBAD_RCPT_THROTTLE')dnl
_OPTION(`DeliverByMin', `confDELIVER_BY_MIN')dnl
_OPTION(`MaxQueueChildren', `confMAX_QUEUE_CHILDREN')dnl
_OPTION(`MaxRunnersPerQueue', `confMAX_RUNNERS_PER_QUEUE')dnl
_OPTION(`DirectSubmissionModifiers', `confDIRECT_SUBMISSION_MODIFIERS')dnl
_OPTION(`NiceQueueRun', `confNICE_QUEUE_RUN')dnl
_OPTION(`SharedMemoryKey', `confSHARED_MEMORY_KEY')dnl
_OPTION(`AuthMaxBits', `confAUTH_MAX_BITS')dnl
_OPTION(`MailboxDatabase', `confMAILBOX_DATABASE')dnl
_OPTION(`UseMSP', `confUSE_MSP')dnl
_OPTION(`DelayLA', `confDELAY_LA')dnl
_OPTION(`FastSplit', `confFAST_SPLIT')dnl
_OPTION(`SoftBounce', `confSOFT_BOUNCE')dnl
_OPTION(`SharedMemoryKeyFile', `confSHARED_MEMORY_KEY_FILE')dnl
_OPTION(`RejectLogInterval', `confREJECT_LOG_INTERVAL')dnl
_OPTION(`RequiresDirfsync', `confREQUIRES_DIR_FSYNC')dnl
_OPTION(`ConnectionRateWindowSize', `confCONNECTION_RATE_WINDOW_SIZE')dnl
_OPTION(`CRLFile', `confCRL')dnl
_OPTION(`FallbackSmartHost', `confFALLBACK_SMARTHOST')dnl
_OPTION(`AuthRealm', `confAUTH_REALM')dnl
_OPTION(`CRLPath', `confCRL_PATH')dnl
_OPTION(`HeloName', `confHELO_NAME')dnl
_OPTION(`MaxNOOPCommands', `confMAX_NOOP_COMMANDS')dnl
_OPTION(`ServerSSLOptions', `confSERVER_SSL_OPTIONS')dnl
_OPTION(`ClientSSLOptions', `confCLIENT_SSL_OPTIONS')dnl
_OPTION(`MaxQueueAge', `confMAX_QUEUE_AGE')dnl
_OPTION(`RejectNUL', `confREJECT_NUL')dnl
_OPTION(`UseCompressedIPv6Addresses', `confUSE_COMPRESSED_IPV6_ADDRESSES')dnl
_OPTION(`SSLEngine', `confSSL_ENGINE')dnl
_OPTION(`SSLEnginePath', `confSSL_ENGINE_PATH')dnl
_OPTION(`TLSFallbacktoClear', `confTLS_FALLBACK_TO_CLEAR')dnl
_OPTION(`DANE', `confDANE')dnl
