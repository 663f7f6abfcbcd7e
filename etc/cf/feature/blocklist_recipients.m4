divert(-1)
dnl blocklist_recipients: refuses recipients by To: entries of the access map. Write FEATURE(access_db) before it.
_ENABLE(`_BLOCKLIST_')
ifdef(`_ACCESS_TABLE_', `', `_COMPLAIN(`blocklist_recipients needs FEATURE(access_db) before it')')
