//! Every option of every program is in a row.

use std::collections::BTreeSet;

use super::all;
use crate::dropin::program::{PROGRAMS, Program};
use crate::dropin::table::words;

/// The options that all three have, in every spelling.
const COMMON: &str = "-A -c --disable-clean-session -d --debug -D --property -h --host --help -i --id -I --id-prefix \
    -k --keepalive -L --url -M --nodelay --no-tls -o -p --port -P --pw --proxy -q --qos --quiet -S -t --topic \
    --unix -u --username -V --protocol-version --version --will-payload --will-qos --will-retain --will-topic \
    --ws -x --cafile --capath --cert --ciphers --insecure --key --keyform --psk --psk-identity --tls-alpn \
    --tls-engine --tls-engine-kpass-sha1 --tls-keylog --tls-use-os-certs --tls-version";

/// The options that only this program has, or shares with one other.
fn own(program: Program) -> &'static str {
    match program {
        Program::Pub => {
            "-f --file -l --stdin-line -m --message -n --null-message -r --retain --repeat --repeat-delay -s \
             --stdin-file"
        }
        Program::Sub => {
            "-C -E -F --message-rate -N --pretty -R --random-filter --remove-retained --retain-as-published \
             --retain-handling --retained-only -T --filter-out -U --unsubscribe -v --verbose -W -w --watch"
        }
        Program::Rr => {
            "-e -f --file -F --latency -m --message -n --null-message -N --pretty -R --retain-as-published \
             --retain-handling -s --stdin-file -v --verbose -W"
        }
    }
}

#[test]
fn every_option_is_in_a_row() {
    let rows = all();
    for program in PROGRAMS {
        let used: BTreeSet<String> =
            rows.iter().filter(|row| row.program == program).flat_map(|row| words(&row.line)).collect();
        let missing: Vec<&str> = [COMMON, own(program)]
            .iter()
            .flat_map(|options| options.split_whitespace())
            .filter(|option| !used.contains(*option))
            .collect();
        assert!(missing.is_empty(), "{program}: no row has {missing:?}");
    }
}

#[test]
fn there_are_enough_rows() {
    let rows = all();
    assert!(rows.len() >= 250, "{}", rows.len());
    for program in PROGRAMS {
        let count = rows.iter().filter(|row| row.program == program).count();
        assert!(count >= 80, "{program} has {count} rows");
    }
}
