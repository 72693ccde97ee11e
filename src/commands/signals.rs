//! Signals that end a command, and the end by a signal.

use std::io;

/// A signal that asks a command to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// `kill`.
    Terminate,
    /// The terminal is gone.
    Hangup,
    /// An alarm clock, which is a time limit to a mosquitto client.
    Alarm,
}

/// Listens for the signals that end a command.
#[cfg(unix)]
#[derive(Debug)]
pub struct Signals {
    /// A task waits for the three: whoever has other things to do than to wait looks at one place only.
    arrived: tokio::sync::mpsc::Receiver<Signal>,
}

#[cfg(unix)]
impl Signals {
    /// Begins to listen; from now on the signals no longer end the process by themselves.
    ///
    /// # Errors
    /// The system refuses the handlers.
    pub fn listen() -> io::Result<Self> {
        Self::listen_also_to_alarm(false)
    }

    /// [`Self::listen`], and to SIGALRM where that is wanted.
    ///
    /// # Errors
    /// The system refuses the handlers.
    pub fn listen_also_to_alarm(wanted: bool) -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let mut alarm = wanted.then(|| signal(SignalKind::alarm())).transpose()?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hangup = signal(SignalKind::hangup())?;
        let (sender, arrived) = tokio::sync::mpsc::channel(1);
        tokio::spawn(async move {
            loop {
                let signal = tokio::select! {
                    _ = interrupt.recv() => Signal::Interrupt,
                    _ = terminate.recv() => Signal::Terminate,
                    _ = hangup.recv() => Signal::Hangup,
                    Some(_) = next_of(&mut alarm) => Signal::Alarm,
                };
                if sender.send(signal).await.is_err() {
                    return;
                }
            }
        });
        Ok(Self { arrived })
    }

    /// Signals that come from elsewhere than the system.
    #[must_use]
    pub const fn of(arrived: tokio::sync::mpsc::Receiver<Signal>) -> Self {
        Self { arrived }
    }

    /// The next signal.
    pub async fn next(&mut self) -> Signal {
        match self.arrived.recv().await {
            Some(signal) => signal,
            None => std::future::pending().await,
        }
    }
}

/// The next of a signal that may not be listened to.
#[cfg(unix)]
async fn next_of(signal: &mut Option<tokio::signal::unix::Signal>) -> Option<()> {
    match signal {
        Some(signal) => signal.recv().await,
        None => std::future::pending().await,
    }
}

/// Listens for Ctrl-C.
#[cfg(not(unix))]
#[derive(Debug)]
pub struct Signals;

#[cfg(not(unix))]
impl Signals {
    /// Begins to listen.
    ///
    /// # Errors
    /// None here.
    pub fn listen() -> io::Result<Self> {
        Ok(Self)
    }

    /// [`Self::listen`]: this system has no SIGALRM.
    ///
    /// # Errors
    /// None here.
    pub fn listen_also_to_alarm(_: bool) -> io::Result<Self> {
        Self::listen()
    }

    /// The next signal.
    pub async fn next(&mut self) -> Signal {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        Signal::Interrupt
    }
}

impl Signal {
    /// Ends the process as the signal would have, so that the shell sees 130, 143 or 129. Returns only where
    /// the system has no such end.
    pub fn die(self) {
        #[cfg(unix)]
        {
            // It fails for numbers that are no signals.
            let _ = signal_hook::low_level::emulate_default_handler(self.number().into());
        }
    }

    /// Its number, the same on every unix.
    const fn number(self) -> u8 {
        match self {
            Self::Hangup => 1,
            Self::Interrupt => 2,
            Self::Alarm => 14,
            Self::Terminate => 15,
        }
    }

    /// What a shell reports for the end by this signal.
    pub const fn exit_code(self) -> u8 {
        128 + self.number()
    }
}
