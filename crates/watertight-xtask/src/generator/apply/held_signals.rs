use nix::sys::signal::{SigSet, Signal};

/// Holds back the signals that end a command, until it is dropped.
pub(crate) struct HeldSignals {
    mask_before: Option<SigSet>,
}

impl HeldSignals {
    pub(crate) fn new() -> Self {
        let mut signals = SigSet::empty();
        for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
            signals.add(signal);
        }
        let mask_before = SigSet::thread_get_mask().ok();
        let _ = signals.thread_block();
        Self { mask_before }
    }
}

impl Drop for HeldSignals {
    fn drop(&mut self) {
        if let Some(mask) = self.mask_before {
            let _ = mask.thread_set_mask();
        }
    }
}
