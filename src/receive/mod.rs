//! Receiving mail by SMTP: drives the server machine over a connection.
