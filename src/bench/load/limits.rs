//! What the system allows, held against what a run needs, before anything is connected: open files, ports,
//! memory.

use crate::bench::load::usage::available_memory;
use crate::error::Failure;

/// Open files that a run needs besides its connections.
const OTHER_FILES: u64 = 64;
/// What a connection takes in this process and in the kernel, in bytes, without messages in flight.
const BYTES_PER_CONNECTION: u64 = 12 * 1024;

/// What a run needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Demand {
    /// Connections of this process.
    pub connections: u64,
    /// Sockets that each of them takes: 2 when the broker runs in this process, too.
    pub sockets_each: u64,
    /// Addresses of brokers that are connected to by TCP; 0: none.
    pub destinations: u64,
    /// Local addresses to connect from; 0: the system chooses one.
    pub sources: u64,
    /// The brokers are on this machine.
    pub is_local: bool,
}

/// What the system allows; `None`: it does not tell, or there is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Allowance {
    /// Open files, as far as this process may raise the limit.
    pub files: Option<u64>,
    /// Ports that the system gives to connections by itself.
    pub ports: Option<u64>,
    /// Memory that can be had, in bytes.
    pub memory: Option<u64>,
}

/// Raises the limit of open files as far as it is needed and allowed, and says what does not fit.
///
/// # Errors
/// The first thing that there is too little of, how many connections fit, and how to get more.
pub fn prepare(demand: &Demand) -> Result<(), Failure> {
    let files = demand.connections.saturating_mul(demand.sockets_each).saturating_add(OTHER_FILES);
    let allowance =
        Allowance { files: raise_open_files(files), ports: ephemeral_ports(), memory: available_memory() };
    check(demand, &allowance)
}

/// Holds what is needed against what is allowed.
///
/// # Errors
/// As [`prepare`].
pub fn check(demand: &Demand, allowance: &Allowance) -> Result<(), Failure> {
    let connections = demand.connections;
    let each = demand.sockets_each.max(1);
    let files = connections.saturating_mul(each).saturating_add(OTHER_FILES);
    if let Some(allowed) = allowance.files.filter(|allowed| *allowed < files) {
        let fits = allowed.saturating_sub(OTHER_FILES) / each;
        return Err(too_little(
            format!("{connections} connections need {files} open files; {allowed} are allowed"),
            fits,
        )
        .hint(format!("allow more before mqt starts: `ulimit -n {files}`, or as root `prlimit --pid $$ --nofile={files}:{files}`")));
    }
    // A bound address gives its ports once, whatever the destination; else each destination has its own.
    let pools = if demand.sources > 0 { demand.sources } else { demand.destinations };
    let ports = allowance.ports.map(|ports| ports.saturating_mul(pools));
    if let Some(ports) = ports.filter(|ports| demand.destinations > 0 && *ports < connections) {
        let each = allowance.ports.unwrap_or(1).max(1);
        let needed = connections.div_ceil(each);
        let failure = too_little(
            format!(
                "{connections} connections need as many ports; there are {ports} for {pools} local address(es)"
            ),
            ports,
        );
        let addresses = if demand.is_local && needed <= 200 {
            let list: Vec<String> = (1..=needed).map(|last| format!("127.0.0.{last}")).collect();
            format!("connect from {needed} addresses: --bind {}", list.join(","))
        } else {
            format!("connect from {needed} addresses of this machine: --bind ADDRESS,ADDRESS,…")
        };
        return Err(failure.hint(addresses).hint(
            "or let the system give out more ports: `sysctl -w net.ipv4.ip_local_port_range=\"1024 65535\"`",
        ));
    }
    let memory = connections.saturating_mul(BYTES_PER_CONNECTION);
    if let Some(available) = allowance.memory.filter(|available| *available < memory) {
        return Err(too_little(
            format!(
                "{connections} connections need about {} MB of memory; {} MB are free",
                memory / 1_000_000,
                available / 1_000_000
            ),
            available / BYTES_PER_CONNECTION,
        )
        .hint("spread the run over several machines: --shard 0/2, --shard 1/2, then `mqt bench merge`"));
    }
    Ok(())
}

fn too_little(what: String, fits: u64) -> Failure {
    Failure::usage(what).keyword("limit").hint(format!("{fits} connections fit"))
}

/// Raises the limit of open files to what is needed, as far as it may be, and returns what it is then.
#[cfg(unix)]
fn raise_open_files(needed: u64) -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let current = limit.current?;
    if current >= needed {
        return Some(current);
    }
    let wanted = limit.maximum.map_or(needed, |maximum| needed.min(maximum));
    // Root may raise the upper limit as well.
    let attempts = [
        Rlimit { current: Some(needed), maximum: limit.maximum.map(|maximum| maximum.max(needed)) },
        Rlimit { current: Some(wanted), maximum: limit.maximum },
    ];
    attempts
        .into_iter()
        .find(|attempt| setrlimit(Resource::Nofile, *attempt).is_ok())
        .map_or(Some(current), |raised| raised.current)
}

#[cfg(not(unix))]
fn raise_open_files(_: u64) -> Option<u64> {
    None
}

/// How many ports the system gives to connections.
fn ephemeral_ports() -> Option<u64> {
    parse_ports(&std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?)
}

fn parse_ports(text: &str) -> Option<u64> {
    let mut bounds = text.split_ascii_whitespace().map(str::parse::<u64>);
    let (first, last) = (bounds.next()?.ok()?, bounds.next()?.ok()?);
    last.checked_sub(first)?.checked_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEMAND: Demand =
        Demand { connections: 50_000, sockets_each: 1, destinations: 1, sources: 0, is_local: true };
    const ENOUGH: Allowance = Allowance { files: Some(60_000), ports: Some(60_000), memory: Some(1 << 40) };

    #[track_caller]
    fn failure(demand: &Demand, allowance: &Allowance) -> (String, String) {
        let failure = check(demand, allowance).unwrap_err();
        assert_eq!(failure.keyword, "limit");
        (failure.what, failure.hints.join("\n"))
    }

    #[test]
    fn what_fits_is_let_through() {
        assert_eq!(check(&DEMAND, &ENOUGH), Ok(()));
        assert_eq!(check(&DEMAND, &Allowance::default()), Ok(()), "where nothing is known");
        let unix = Demand { destinations: 0, ..DEMAND };
        assert_eq!(check(&unix, &Allowance { ports: Some(1), ..ENOUGH }), Ok(()));
        assert_eq!(prepare(&Demand { connections: 2, sockets_each: 1, ..Demand::default() }), Ok(()));
    }

    #[test]
    fn too_few_files_ports_or_bytes_are_told_with_what_fits_and_what_helps() {
        let (what, hints) = failure(&DEMAND, &Allowance { files: Some(1_064), ..ENOUGH });
        assert_eq!(what, "50000 connections need 50064 open files; 1064 are allowed");
        assert!(hints.contains("1000 connections fit") && hints.contains("ulimit -n 50064"), "{hints}");
        let both = Demand { sockets_each: 2, ..DEMAND };
        let (_, hints) = failure(&both, &Allowance { files: Some(1_064), ..ENOUGH });
        assert!(hints.contains("500 connections fit"), "{hints}");
        let few_ports = Allowance { ports: Some(28_232), ..ENOUGH };
        let (what, hints) = failure(&DEMAND, &few_ports);
        assert!(what.contains("28232"), "{what}");
        assert!(hints.contains("--bind 127.0.0.1,127.0.0.2\n"), "{hints}");
        assert_eq!(check(&Demand { sources: 2, ..DEMAND }, &few_ports), Ok(()));
        assert_eq!(check(&Demand { destinations: 2, ..DEMAND }, &few_ports), Ok(()));
        assert!(check(&Demand { destinations: 2, sources: 1, ..DEMAND }, &few_ports).is_err());
        let (what, hints) = failure(&DEMAND, &Allowance { memory: Some(300_000_000), ..ENOUGH });
        assert!(what.contains("614 MB") && hints.contains("24414 connections fit"), "{what} {hints}");
    }

    #[test]
    fn the_range_of_ports_is_read() {
        assert_eq!(parse_ports("32768\t60999\n"), Some(28_232));
        assert_eq!(parse_ports("9 8"), None);
    }
}
