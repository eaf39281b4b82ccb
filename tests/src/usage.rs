//! What a process uses, from `/proc`.

use std::fs;
use std::time::Duration;

/// What a process has used or holds now.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    /// Resident memory in bytes.
    pub memory: u64,
    /// The most resident memory it ever had, in bytes.
    pub peak_memory: u64,
    /// User and system time so far, to a hundredth of a second.
    pub cpu: Duration,
    /// Open file descriptors.
    pub descriptors: usize,
}

impl Usage {
    /// Looks at a process of ours.
    pub fn of(process: u32) -> Self {
        let status = fs::read_to_string(format!("/proc/{process}/status")).expect("the process is there");
        let descriptors = fs::read_dir(format!("/proc/{process}/fd")).expect("the process is ours").count();
        Self {
            memory: kibibytes(&status, "VmRSS:"),
            peak_memory: kibibytes(&status, "VmHWM:"),
            cpu: cpu(process),
            descriptors,
        }
    }
}

fn kibibytes(status: &str, field: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("the field is there");
    let number = line.trim().trim_end_matches(" kB");
    number.parse::<u64>().expect("a number of kB") * 1024
}

fn cpu(process: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("the process is there");
    // The name, second, may hold spaces and parentheses; fields 14 and 15 are the times.
    let after_name = stat.rsplit_once(") ").expect("a name in parentheses").1;
    let mut fields = after_name.split(' ').skip(11).map(|field| field.parse::<u64>().expect("ticks"));
    let ticks = fields.next().expect("utime") + fields.next().expect("stime");
    // Linux tells them in hundredths of a second on every architecture we run on.
    Duration::from_millis(ticks * 10)
}
