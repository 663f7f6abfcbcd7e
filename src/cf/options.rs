//! The one table of options (op guide, "O -- Set Option"): name, old letter, kind, default, safety, effect, `conf…` name.
//!
//! From it come the struct [`Options`], its defaults, what reads it (`setting.rs`), the printer, and the
//! option lines of the cf library (`mc_names.rs`).

use super::error::OptionError;
use super::option_kind::{
    Address, AliasMinutes, Aliases, AnyBase, AuthLetters, BlameWords, Byte, ClientPorts, DaemonPorts, DefaultGroup,
    Delivery, EightBit, Errors, Flag, Given, HeadersLimit, Hours, Kind, Mailboxes, MaybeSeconds, MaybeText, Milters,
    MimeLimits, Minutes, Mode, Number, Owner, PrivacyWords, Probe, QueueTimes, QuotedTemplate, Recipients, Resolver,
    Safety, Seconds, SortOrder, Template, Text, Times, TlsLetters, User, Words,
};

/// What follows from setting an option; `tests/tidy.rs` compares it with where the sources name the field.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Effect {
    /// The program acts upon it.
    Works,
    /// What it is for is done in any case, so that nobody asks for its value.
    Settled,
    /// Nothing yet.
    Inert,
}

/// One row of the table.
pub struct OptionRow {
    /// The name; empty for old letters that have none.
    pub name: &'static str,
    /// The old one-letter name.
    pub letter: Option<u8>,
    /// Whether any user may set it on the command line without losing privileges.
    pub is_safe: bool,
    /// Whether the program acts upon it.
    pub effect: Effect,
    /// What it is, in one sentence.
    pub about: &'static str,
    /// The macro of `.mc` files that sets it, and what the cf library writes, as m4 text, where a file says nothing.
    pub(super) mc: Option<(&'static str, Option<&'static str>)>,
    /// The name of its kind of value.
    pub(super) kind: &'static str,
    pub(super) set: fn(&mut Options, &Given<'_>, &mut Vec<OptionError>),
    print: fn(&Options) -> String,
}

impl OptionRow {
    /// Returns the value that `options` has for this row, as a configuration file would write it.
    pub fn show(&self, options: &Options) -> String {
        (self.print)(options)
    }
}

/// Turns the words of the table into values.
macro_rules! word {
    (_) => {
        None
    };
    (safe) => {
        true
    };
    (drops) => {
        false
    };
    (works) => {
        Effect::Works
    };
    (settled) => {
        Effect::Settled
    };
    (inert) => {
        Effect::Inert
    };
    ($value:literal) => {
        Some($value)
    };
    ($mc:ident) => {
        Some((stringify!($mc), None))
    };
    ($mc:ident $usual:literal) => {
        Some((stringify!($mc), Some($usual)))
    };
    () => {
        None
    };
}

/// Makes the struct and the table out of the rows.
macro_rules! options {
    (
        rows { $( #[doc = $about:literal] $name:ident $letter:tt $field:ident: $kind:ident = $default:literal, $safe:ident, $effect:ident $(, $mc:ident $(= $usual:literal)?)?; )* }
        also { $( $also_name:literal $also_letter:literal $also_field:ident: $also_kind:ident, $also_safe:ident, $also_effect:ident; )* }
    ) => {
        /// The values of all options.
        #[derive(Clone, Debug)]
        pub struct Options { $( #[doc = $about] pub $field: <$kind as Kind>::Value, )* }

        impl Default for Options {
            fn default() -> Self {
                Self { $( $field: $kind::initial($default), )* }
            }
        }

        /// Every option, in the order in which abbreviations are tried.
        pub static OPTION_TABLE: &[OptionRow] = &[
            $( OptionRow {
                name: stringify!($name),
                letter: word!($letter),
                is_safe: word!($safe),
                effect: word!($effect),
                about: $about,
                mc: word!($($mc $($usual)?)?),
                kind: stringify!($kind),
                set: |options, given, problems| $kind::set(&mut options.$field, given, problems),
                print: |options| $kind::print(&options.$field),
            }, )*
            $( OptionRow {
                name: $also_name,
                letter: Some($also_letter),
                is_safe: word!($also_safe),
                effect: word!($also_effect),
                about: "An old name.",
                mc: None,
                kind: stringify!($also_kind),
                set: |options, given, problems| $also_kind::set(&mut options.$also_field, given, problems),
                print: |options| $also_kind::print(&options.$also_field),
            }, )*
        ];
    };
}

options! {
    rows {
    /// Input is stripped to seven bits.
    SevenBitInput b'7' seven_bit_input: Flag = "", safe, works, confSEVEN_BIT_INPUT = "False";
    /// What happens to 8-bit data that are not declared as such.
    EightBitMode b'8' eight_bit_mode: EightBit = "p", safe, works, confEIGHT_BIT_HANDLING;
    /// The alias files, `class:spec`.
    AliasFile b'A' alias_file: Aliases = "", drops, works, ALIAS_FILE = "MAIL_SETTINGS_DIR`'aliases";
    /// How long to wait for an alias database that is being built: here it appears whole.
    AliasWait b'a' alias_wait: AliasMinutes = "", drops, settled, confALIAS_WAIT = "10";
    /// What replaces unquoted spaces in addresses.
    BlankSub b'B' blank_sub: Byte = " ", drops, works, confBLANK_SUB = ".";
    /// Free blocks that the queue's file system must have.
    MinFreeBlocks b'b' min_free_blocks: Number = "100", safe, works, confMIN_FREE_BLOCKS = "100";
    /// Served recipients after which the queue file is rewritten at the latest: here sooner while few wait, also for 0.
    CheckpointInterval b'C' checkpoint_interval: Number = "10", safe, works, confCHECKPOINT_INTERVAL;
    /// Mail for expensive mailers is only queued.
    HoldExpensive b'c' hold_expensive: Flag = "", drops, works, confCON_EXPENSIVE = "False";
    /// When an accepted message is delivered.
    DeliveryMode b'd' delivery_mode: Delivery = "b", safe, works, confDELIVERY_MODE = "background";
    /// Text, or the path of a file, that precedes error messages.
    ErrorHeader b'E' error_header: Template = "", drops, works, confERROR_MESSAGE;
    /// How errors are told.
    ErrorMode b'e' error_mode: Errors = "p", safe, works, confERROR_MODE;
    /// Permissions of transcripts, delivered files and statistics.
    TempFileMode b'F' temp_file_mode: Mode = "0600", drops, works, confTEMP_FILE_MODE = "0600";
    /// UNIX `From ` lines in front of a header are kept.
    SaveFromLine b'f' save_from_line: Flag = "", drops, works, confSAVE_FROM_LINES;
    /// Users are searched by their full names too.
    MatchGECOS b'G' match_gecos: Flag = "", drops, works, confMATCH_GECOS;
    /// The texts of the HELP command.
    HelpFile b'H' help_file: Text = "", drops, works, HELP_FILE = "MAIL_SETTINGS_DIR`'helpfile";
    /// Received lines from which on a message is in a loop.
    MaxHopCount b'h' max_hop_count: Number = "25", drops, works, confMAX_HOP;
    /// How DNS is asked.
    ResolverOptions b'I' resolver_options: Resolver = "recurse defnames dnsrch", drops, works, confBIND_OPTS;
    /// A lone dot does not end a message (not in SMTP).
    IgnoreDots b'i' ignore_dots: Flag = "", safe, works, confIGNORE_DOTS;
    /// Where .forward files are, separated by colons.
    ForwardPath b'J' forward_path: Template = "$z/.forward", drops, works, confFORWARD_PATH = "$z/.forward.$w:$z/.forward";
    /// Delivery reports are MIME, and DSN is offered.
    SendMimeErrors b'j' send_mime_errors: Flag = "true", safe, works, confMIME_FORMAT_ERRORS = "True";
    /// Connections kept open for the next message.
    ConnectionCacheSize b'k' connection_cache_size: Number = "1", drops, works, confMCI_CACHE_SIZE = "2";
    /// How long such a connection may be idle.
    ConnectionCacheTimeout b'K' connection_cache_timeout: Minutes = "5m", drops, works, confMCI_CACHE_TIMEOUT = "5m";
    /// Errors go to the addresses of `Errors-To:`.
    UseErrorsTo b'l' use_errors_to: Flag = "", drops, works, confUSE_ERRORS_TO = "False";
    /// How much is logged.
    LogLevel b'L' log_level: Number = "9", safe, works, confLOG_LEVEL = "9";
    /// The sender stays in the expansion of an alias.
    MeToo b'm' me_too: Flag = "true", safe, works, confME_TOO;
    /// newaliases checks the right sides.
    CheckAliases b'n' check_aliases: Flag = "", drops, works, confCHECK_ALIASES = "False";
    /// Addresses in headers may be separated by spaces.
    OldStyleHeaders b'o' old_style_headers: Flag = "", safe, works, confOLD_STYLE_HEADERS = "True";
    /// Where the daemon listens.
    DaemonPortOptions b'O' daemon_port_options: DaemonPorts = "", drops, works;
    /// What is insisted on and what is not told.
    PrivacyOptions b'p' privacy: PrivacyWords = "", safe, works, confPRIVACY_FLAGS = "authwarnings";
    /// Who gets copies of error messages.
    PostmasterCopy b'P' postmaster_copy: Template = "", drops, works, confCOPY_ERRORS_TO;
    /// The weight of load against priority.
    QueueFactor b'q' queue_factor: Number = "600000", drops, works, confQUEUE_FACTOR;
    /// The directory of the default queue group; `*` at the end takes all that match.
    QueueDirectory b'Q' queue_directory: Text = "", drops, works, QUEUE_DIR = "/var/spool/mqueue";
    /// Source routes of addresses are kept in reports: the rules decide.
    DontPruneRoutes b'R' dont_prune_routes: Flag = "", drops, settled, confDONT_PRUNE_ROUTES;
    /// Time limits.
    Timeout b'r' timeout: Times = "", drops, works;
    /// Where statistics are kept.
    StatusFile b'S' status_file: Text = "", drops, works, STATUS_FILE;
    /// When queue files reach the disk.
    SuperSafe b's' super_safe: Safety = "true", safe, works, confSAFE_QUEUE = "True";
    /// The time zone; unset: the system's, empty: that of the caller.
    TimeZoneSpec b't' time_zone_spec: MaybeText = "", drops, works, confTIME_ZONE;
    /// The user database.
    UserDatabaseSpec b'U' user_database_spec: Text = "", drops, works, confUSERDB_SPEC;
    /// Who runs mailers that nobody else runs.
    DefaultUser b'u' default_user: User = "1:1", drops, works, confDEF_USER_ID;
    /// The last MX host of every host.
    FallbackMXhost b'V' fallback_mx_host: Text = "", drops, works, confFALLBACK_MX;
    /// The delivery is told as it goes on.
    Verbose b'v' verbose: Flag = "", safe, works;
    /// If we are the best MX ourselves, the host's own address is tried.
    TryNullMXList b'w' try_null_mx_list: Flag = "", drops, works, confTRY_NULL_MX_LIST;
    /// The load average at which mail is only queued (times processors).
    QueueLA b'x' queue_la: Number = "8", drops, works, confQUEUE_LA;
    /// The load average at which connections are refused (times processors).
    RefuseLA b'X' refuse_la: Number = "12", drops, works, confREFUSE_LA;
    /// What a recipient adds to the priority.
    RecipientFactor b'y' recipient_factor: Number = "30000", drops, works, confWORK_RECIPIENT_FACTOR;
    /// Every queue entry is delivered in a process of its own: here in a task that gives all back.
    ForkEachJob b'Y' fork_each_job: Flag = "", drops, settled, confSEPARATE_PROC;
    /// The weight of the message class.
    ClassFactor b'z' class_factor: Number = "1800", drops, works, confWORK_CLASS_FACTOR;
    /// What an attempt adds to the priority.
    RetryFactor b'Z' retry_factor: Number = "90000", drops, works, confWORK_TIME_FACTOR;
    /// In which order a queue run takes its entries.
    QueueSortOrder _ queue_sort_order: SortOrder = "priority", safe, works, confQUEUE_SORT_ORDER;
    /// The hosts file used for canonification.
    HostsFile _ hosts_file: Text = "/etc/hosts", drops, works, confHOSTS_FILE;
    /// How long an entry rests between attempts.
    MinQueueAge _ min_queue_age: Minutes = "", safe, works, confMIN_QUEUE_AGE;
    /// The character set of unlabelled 8-bit text.
    DefaultCharSet _ default_char_set: Text = "unknown-8bit", safe, works, confDEF_CHAR_SET;
    /// Which services answer for aliases and hosts.
    ServiceSwitchFile _ service_switch_file: Text = "/etc/mail/service.switch", drops, works, confSERVICE_SWITCH_FILE;
    /// How long to wait before a connection is tried again.
    DialDelay _ dial_delay: Seconds = "", safe, works, confDIAL_DELAY;
    /// What happens to a message without recipient headers.
    NoRecipientAction _ no_recipient_action: Recipients = "none", safe, works, confNO_RCPT_ACTION;
    /// The directory that files written by mail must be in.
    SafeFileEnvironment _ safe_file_environment: Text = "", drops, works, confSAFE_FILE_ENV;
    /// Bytes of the largest message; 0: any.
    MaxMessageSize _ max_message_size: Number = "0", drops, works, confMAX_MESSAGE_SIZE;
    /// A colon does not begin a group of addresses.
    ColonOkInAddr _ colon_ok_in_addr: Flag = "", safe, works, confCOLON_OK_IN_ADDR;
    /// Entries of one queue run; 0: any.
    MaxQueueRunSize _ max_queue_run_size: Number = "0", safe, works, confMAX_QUEUE_RUN_SIZE;
    /// Concurrent sessions; 0: any.
    MaxDaemonChildren _ max_daemon_children: Number = "0", drops, works, confMAX_DAEMON_CHILDREN;
    /// Canonification keeps CNAMEs.
    DontExpandCnames _ dont_expand_cnames: Flag = "", drops, works, confDONT_EXPAND_CNAMES;
    /// Characters that full names must quote.
    MustQuoteChars _ must_quote_chars: Text = ".'", drops, works, confMUST_QUOTE_CHARS;
    /// The greeting of the server.
    SmtpGreetingMessage _ smtp_greeting_message: QuotedTemplate = "$j Sendmail $v ready at $b", drops, works, confSMTP_LOGIN_MSG = "$j Sendmail $v/$Z; $b";
    /// The line that begins a message in a mailbox.
    UnixFromLine _ unix_from_line: Template = "From $g $d", drops, works, confFROM_LINE = "From $g $d";
    /// Characters that are tokens by themselves.
    OperatorChars _ operator_chars: Text = ".:@[]", drops, works, confOPERATORS = ".:%@!^/[]+";
    /// Programs get no supplementary groups.
    DontInitGroups _ dont_init_groups: Flag = "", drops, works, confDONT_INIT_GROUPS;
    /// `From:` is put on one line.
    SingleLineFromHeader _ single_line_from_header: Flag = "", safe, works, confSINGLE_LINE_FROM_HEADER;
    /// HELO needs no name.
    AllowBogusHELO _ allow_bogus_helo: Flag = "", safe, works, confALLOW_BOGUS_HELO;
    /// Connections accepted in a second; 0: any.
    ConnectionRateThrottle _ connection_rate_throttle: Number = "0", drops, works, confCONNECTION_RATE_THROTTLE;
    /// Group-writable .forward and :include: files are unsafe.
    UnsafeGroupWrites _ unsafe_group_writes: Flag = "true", drops, works, confUNSAFE_GROUP_WRITES;
    /// Who gets errors of error messages.
    DoubleBounceAddress _ double_bounce_address: Template = "postmaster", drops, works, confDOUBLE_BOUNCE_ADDRESS;
    /// Where the status of hosts is kept.
    HostStatusDirectory _ host_status_directory: Text = "", drops, inert, confHOST_STATUS_DIRECTORY;
    /// One connection to a host at a time.
    SingleThreadDelivery _ single_thread_delivery: Flag = "", drops, inert, confSINGLE_THREAD_DELIVERY;
    /// Who the daemon is.
    RunAsUser _ run_as_user: User = "", drops, works, confRUN_AS_USER;
    /// `Return-Receipt-To:` asks for a delivery report.
    RrtImpliesDsn _ rrt_implies_dsn: Flag = "", drops, works, confRRT_IMPLIES_DSN;
    /// The file with pid and command line.
    PidFile _ pid_file: Template = "/var/run/sendmail.pid", drops, works, confPID_FILE;
    /// Checks of files that are turned off.
    DontBlameSendmail _ dont_blame_sendmail: BlameWords = "", drops, works, confDONT_BLAME_SENDMAIL;
    /// Interfaces that are not asked for our names.
    DontProbeInterfaces _ dont_probe_interfaces: Probe = "", drops, works, confDONT_PROBE_INTERFACES;
    /// Recipients of an SMTP transaction; 0: any.
    MaxRecipientsPerMessage _ max_recipients_per_message: Number = "0", drops, works, confMAX_RCPTS_PER_MESSAGE;
    /// Where undeliverable errors go.
    DeadLetterDrop _ dead_letter_drop: Text = "", drops, works, confDEAD_LETTER_DROP;
    /// The depth of aliases.
    MaxAliasRecursion _ max_alias_recursion: Number = "10", drops, works, confMAX_ALIAS_RECURSION;
    /// The one address that is connected to.
    ConnectOnlyTo _ connect_only_to: Address = "", drops, works, confCONNECT_ONLY_TO;
    /// Who owns maps and may act as the daemon.
    TrustedUser _ trusted_user: Owner = "", drops, works, confTRUSTED_USER;
    /// The longest MIME header fields and parameters.
    MaxMimeHeaderLength _ max_mime_header_length: MimeLimits = "2047/1023", drops, works, confMAX_MIME_HEADER_LENGTH;
    /// The socket that controls the daemon.
    ControlSocketName _ control_socket_name: Text = "", drops, inert, confCONTROL_SOCKET_NAME;
    /// Bytes of all headers; 0: any.
    MaxHeadersLength _ max_headers_length: HeadersLimit = "32768", drops, works, confMAX_HEADERS_LENGTH;
    /// What precedes the process title.
    ProcessTitlePrefix _ process_title_prefix: Template = "", drops, inert, confPROCESS_TITLE_PREFIX;
    /// The file with names and passwords for other servers.
    DefaultAuthInfo _ default_auth_info: Text = "", drops, inert, confDEF_AUTH_INFO;
    /// AUTH mechanisms.
    AuthMechanisms _ auth_mechanisms: Text = "", drops, inert, confAUTH_MECHANISMS;
    /// Where our connections come from.
    ClientPortOptions _ client_port_options: ClientPorts = "", drops, works;
    /// Bytes of a body kept in memory before the disk: here it goes to the disk as it comes.
    DataFileBufferSize _ data_file_buffer_size: Number = "4096", drops, settled, confDF_BUFFER_SIZE;
    /// Bytes of a transcript kept in memory before the disk: here it never leaves the memory.
    XscriptFileBufferSize _ xscript_file_buffer_size: Number = "4096", drops, settled, confXF_BUFFER_SIZE;
    /// What all LDAP maps have in common.
    LDAPDefaultSpec _ ldap_default_spec: Text = "", drops, works, confLDAP_DEFAULT_SPEC;
    /// TLS: the certificate of the server.
    ServerCertFile _ server_cert_file: Text = "", drops, inert, confSERVER_CERT;
    /// TLS: the key of the server.
    ServerKeyFile _ server_key_file: Text = "", drops, inert, confSERVER_KEY;
    /// TLS: the certificate of the client.
    ClientCertFile _ client_cert_file: Text = "", drops, inert, confCLIENT_CERT;
    /// TLS: the key of the client.
    ClientKeyFile _ client_key_file: Text = "", drops, inert, confCLIENT_KEY;
    /// TLS: certificates that are trusted.
    CACertFile _ ca_cert_file: Text = "", drops, inert, confCACERT;
    /// TLS: the directory of certificates that are trusted.
    CACertPath _ ca_cert_path: Text = "", drops, inert, confCACERT_PATH;
    /// TLS: parameters of the key exchange.
    DHParameters _ dh_parameters: Text = "", drops, inert, confDH_PARAMETERS;
    /// The milters, in their order.
    InputMailFilters _ input_mail_filters: Words = "", drops, works, confINPUT_MAIL_FILTERS;
    /// The macros that milters get.
    Milter _ milter: Milters = "", drops, inert;
    /// AUTH: single-letter flags.
    AuthOptions _ auth_options: AuthLetters = "", drops, inert, confAUTH_OPTIONS;
    /// Permissions of queue files.
    QueueFileMode _ queue_file_mode: Mode = "0600", drops, works, confQUEUE_FILE_MODE;
    /// TLS: how fingerprints are made.
    CertFingerprintAlgorithm _ cert_fingerprint_algorithm: Text = "", drops, inert, confCERT_FINGERPRINT_ALGORITHM;
    /// TLS: the ciphers.
    CipherList _ cipher_list: Text = "", drops, inert, confCIPHER_LIST;
    /// TLS: where random data come from.
    RandFile _ rand_file: Text = "", drops, inert, confRAND_FILE;
    /// TLS: single-letter flags of the server.
    TLSSrvOptions _ tls_srv_options: TlsLetters = "", drops, inert, confTLS_SRV_OPTIONS;
    /// Rejected recipients after which answers are slow; 0: never.
    BadRcptThrottle _ bad_rcpt_throttle: Number = "0", drops, works, confBAD_RCPT_THROTTLE;
    /// The shortest time of DELIVERBY; none: not offered.
    DeliverByMin _ deliver_by_min: MaybeSeconds = "0", drops, works, confDELIVER_BY_MIN;
    /// Concurrent queue runners; 0: any.
    MaxQueueChildren _ max_queue_children: Number = "0", drops, inert, confMAX_QUEUE_CHILDREN;
    /// Concurrent runners of a queue group.
    MaxRunnersPerQueue _ max_runners_per_queue: Number = "1", drops, inert, confMAX_RUNNERS_PER_QUEUE;
    /// `${daemon_flags}` of mail from the command line.
    DirectSubmissionModifiers _ direct_submission_modifiers: MaybeText = "", drops, works, confDIRECT_SUBMISSION_MODIFIERS;
    /// The scheduling priority of queue runners.
    NiceQueueRun _ nice_queue_run: Number = "0", drops, inert, confNICE_QUEUE_RUN;
    /// The key of shared memory: one process counts for all.
    SharedMemoryKey _ shared_memory_key: AnyBase = "0", drops, settled, confSHARED_MEMORY_KEY;
    /// AUTH: the strongest security layer.
    AuthMaxBits _ auth_max_bits: Number = "2147483647", drops, inert, confAUTH_MAX_BITS;
    /// Where mailboxes are looked up: among the users of the system.
    MailboxDatabase _ mailbox_database: Mailboxes = "pw", drops, settled, confMAILBOX_DATABASE;
    /// Queue files may be group writable.
    UseMSP _ use_msp: Flag = "", drops, works, confUSE_MSP;
    /// The load average at which answers are delayed; 0: never.
    DelayLA _ delay_la: Number = "0", drops, works, confDELAY_LA;
    /// No MX look-ups while recipients are sorted: here there never are any.
    FastSplit _ fast_split: Number = "1", drops, settled, confFAST_SPLIT;
    /// Permanent errors become temporary ones.
    SoftBounce _ soft_bounce: Flag = "", drops, works, confSOFT_BOUNCE;
    /// Where a chosen key of shared memory is kept.
    SharedMemoryKeyFile _ shared_memory_key_file: Text = "", drops, settled, confSHARED_MEMORY_KEY_FILE;
    /// How often it is logged that connections are refused.
    RejectLogInterval _ reject_log_interval: Hours = "3h", drops, works, confREJECT_LOG_INTERVAL;
    /// Directories are synchronised too.
    RequiresDirfsync _ requires_dirfsync: Flag = "true", drops, settled, confREQUIRES_DIR_FSYNC;
    /// The span in which connections are counted.
    ConnectionRateWindowSize _ connection_rate_window_size: Seconds = "60s", drops, works, confCONNECTION_RATE_WINDOW_SIZE;
    /// TLS: revoked certificates.
    CRLFile _ crl_file: Text = "", drops, inert, confCRL;
    /// The host that is tried when a host cannot be found or reached.
    FallbackSmartHost _ fallback_smart_host: Text = "", drops, works, confFALLBACK_SMARTHOST;
    /// AUTH: the realm.
    AuthRealm _ auth_realm: Template = "", drops, inert, confAUTH_REALM;
    /// TLS: the directory of revoked certificates.
    CRLPath _ crl_path: Text = "", drops, inert, confCRL_PATH;
    /// The name in HELO and EHLO.
    HeloName _ helo_name: Text = "", drops, works, confHELO_NAME;
    /// How a mailer whose program is `mail.local` is run: `exec` starts the program, else its work is done in place.
    LocalDelivery _ local_delivery: Text = "", drops, works;
    /// Useless commands before answers are slow.
    MaxNOOPCommands _ max_noop_commands: Number = "20", drops, works, confMAX_NOOP_COMMANDS;
    /// Rejected recipients after which the session ends; 0: never.
    BadRcptShutdown _ bad_rcpt_shutdown: Number = "0", drops, works;
    /// Good recipients, in percent, that save such a session.
    BadRcptShutdownGood _ bad_rcpt_shutdown_good: Number = "0", drops, works;
    /// TLS: options of the server.
    ServerSSLOptions _ server_ssl_options: Text = "", drops, inert, confSERVER_SSL_OPTIONS;
    /// TLS: options of the client.
    ClientSSLOptions _ client_ssl_options: Text = "", drops, inert, confCLIENT_SSL_OPTIONS;
    /// The longest rest between attempts, which doubles each time; 0: no doubling.
    MaxQueueAge _ max_queue_age: Minutes = "", drops, works, confMAX_QUEUE_AGE;
    /// Messages with NUL are refused.
    RejectNUL _ reject_nul: Flag = "", drops, works, confREJECT_NUL;
    /// IPv6 addresses are written with `::`.
    UseCompressedIPv6Addresses _ use_compressed_ipv6_addresses: Flag = "", drops, works, confUSE_COMPRESSED_IPV6_ADDRESSES;
    /// TLS: the engine.
    SSLEngine _ ssl_engine: Text = "", drops, inert, confSSL_ENGINE;
    /// TLS: where the engine is.
    SSLEnginePath _ ssl_engine_path: Text = "", drops, inert, confSSL_ENGINE_PATH;
    /// TLS: after a failed handshake, try without.
    TLSFallbacktoClear _ tls_fallback_to_clear: Flag = "", drops, inert, confTLS_FALLBACK_TO_CLEAR;
    /// TLS: `{cert_altnames}` is set.
    SetCertAltnames _ set_cert_altnames: Flag = "", drops, inert;
    /// SMTPUTF8 is offered.
    SmtpUTF8 _ smtp_utf8: Flag = "", drops, inert;
    /// MTA-STS is honoured.
    StrictTransportSecurity _ strict_transport_security: Flag = "", drops, inert;
    /// TLS 1.3: the cipher suites.
    CipherSuites _ cipher_suites: Text = "", drops, inert;
    /// DANE is honoured.
    DANE _ dane: Flag = "", drops, inert, confDANE;
    }
    also {
        "QueueTimeout" b'T' timeout: QueueTimes, drops, works;
        "" b'g' default_user: DefaultGroup, drops, works;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_and_letter_stands_once() {
        for (index, row) in OPTION_TABLE.iter().enumerate() {
            for other in &OPTION_TABLE[index + 1..] {
                assert!(row.name.is_empty() || !row.name.eq_ignore_ascii_case(other.name), "{}", row.name);
                assert!(row.letter.is_none() || row.letter != other.letter, "{}", row.name);
            }
        }
    }
}
