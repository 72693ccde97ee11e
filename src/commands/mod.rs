//! Glue: settings → client → formatter → exit status, one module a command.
