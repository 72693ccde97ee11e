//! What the generator itself takes: CPU time and memory of this process, where the system tells.

use std::fs;

/// CPU time of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CpuTime {
    /// In user space, milliseconds.
    pub user_ms: u64,
    /// In the kernel, milliseconds.
    pub system_ms: u64,
}

impl CpuTime {
    /// Up to now; zero where the system does not tell.
    #[must_use]
    pub fn now() -> Self {
        let text = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        Self::parse(&text, ticks_per_second()).unwrap_or_default()
    }

    /// Reads the line of `/proc/PID/stat`.
    fn parse(text: &str, per_second: u64) -> Option<Self> {
        // The name of the program may have spaces and parentheses in it.
        let (_, rest) = text.rsplit_once(')')?;
        let mut fields = rest.split_ascii_whitespace().skip(11);
        let mut millis =
            || Some(fields.next()?.parse::<u64>().ok()?.saturating_mul(1_000) / per_second.max(1));
        Some(Self { user_ms: millis()?, system_ms: millis()? })
    }

    /// What was used since an earlier time.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Self {
        Self {
            user_ms: self.user_ms.saturating_sub(earlier.user_ms),
            system_ms: self.system_ms.saturating_sub(earlier.system_ms),
        }
    }
}

/// CPU time of the calling thread; `None` where the system does not tell.
#[must_use]
pub fn thread_cpu_time() -> Option<std::time::Duration> {
    #[cfg(unix)]
    {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        Some(std::time::Duration::new(u64::try_from(time.tv_sec).ok()?, u32::try_from(time.tv_nsec).ok()?))
    }
    #[cfg(not(unix))]
    None
}

#[cfg(unix)]
fn ticks_per_second() -> u64 {
    rustix::param::clock_ticks_per_second()
}

#[cfg(not(unix))]
fn ticks_per_second() -> u64 {
    100
}

/// The value of a line `NAME: VALUE kB` of `/proc`, in bytes.
fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1_024)
}

/// The most memory that this process has used, in bytes; 0 where the system does not tell.
#[must_use]
pub fn max_memory() -> u64 {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    kilobytes(&text, "VmHWM").unwrap_or(0)
}

/// How much memory can be had, in bytes; `None` where the system does not tell.
#[must_use]
pub fn available_memory() -> Option<u64> {
    kilobytes(&fs::read_to_string("/proc/meminfo").ok()?, "MemAvailable")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_thread_has_a_time_of_its_own() {
        let begin = thread_cpu_time().unwrap();
        let mut now = begin;
        // Whatever else the machine does: only this loop makes it go on.
        while now.saturating_sub(begin) < std::time::Duration::from_millis(2) {
            now = thread_cpu_time().unwrap();
        }
        assert!(std::thread::spawn(thread_cpu_time).join().unwrap().unwrap() < now);
    }

    #[test]
    fn proc_files_are_read() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194304 100 0 0 0 250 130 0 0 20 0 1 0 100 1 1 1";
        assert_eq!(CpuTime::parse(stat, 100), Some(CpuTime { user_ms: 2_500, system_ms: 1_300 }));
        assert_eq!(CpuTime::parse("7 (a) S 1", 100), None);
        let status = "Name:\tmqt\nVmHWM:\t    1234 kB\nVmRSS:\t 1 kB\n";
        assert_eq!(kilobytes(status, "VmHWM"), Some(1_234 * 1_024));
        assert_eq!(kilobytes(status, "Vm"), None);
    }
}
