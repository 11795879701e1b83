//! What a run costs.

use std::time::{Duration, Instant};

use anyhow::Result;
use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::time::TimeVal;

use crate::proxy::Proxy;

pub struct Measurement {
    pub time: Duration,
    /// The runner's own time on the processor, without PostgreSQL's. Behind a proxy it would include the proxy's.
    pub own_time: Duration,
    pub round_trips: Option<usize>,
}

impl Measurement {
    /// Measures `action`, whose connections go through `proxy`, and returns what it returns.
    pub fn of<T>(proxy: Option<&Proxy>, action: impl FnOnce() -> Result<T>) -> Result<(Self, T)> {
        proxy.map(Proxy::take_round_trips);
        let own_time = processor_time()?;
        let start = Instant::now();
        let value = action()?;
        let measurement = Self {
            time: start.elapsed(),
            own_time: processor_time()?.saturating_sub(own_time),
            round_trips: proxy.map(Proxy::take_round_trips),
        };
        Ok((measurement, value))
    }
}

/// Returns the time on the processor of this process and of the processes that it has waited for.
fn processor_time() -> Result<Duration> {
    let mut total = Duration::ZERO;
    for who in [UsageWho::RUSAGE_SELF, UsageWho::RUSAGE_CHILDREN] {
        let usage: Usage = getrusage(who)?;
        total += duration(usage.user_time())? + duration(usage.system_time())?;
    }
    Ok(total)
}

fn duration(time: TimeVal) -> Result<Duration> {
    let microseconds = u64::try_from(time.tv_usec())?;
    Ok(Duration::from_secs(u64::try_from(time.tv_sec())?) + Duration::from_micros(microseconds))
}
