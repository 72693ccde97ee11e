//! Signals that end a command, and the end by a signal.

use std::io;

#[cfg(unix)]
use mqt_process::signal;

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

/// How a command ends that has not failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Everything that was asked for is done.
    Done,
    /// By this signal: the shell is to see that the process died of it.
    Signal(Signal),
}

impl From<Option<Signal>> for Exit {
    fn from(signal: Option<Signal>) -> Self {
        signal.map_or(Self::Done, Self::Signal)
    }
}

/// A signal that comes so soon after the first one is the same one, delivered twice: `timeout` sends it to the process and
/// to its group, a closed terminal and its shell send SIGHUP both.
#[cfg(unix)]
const SAME: std::time::Duration = std::time::Duration::from_millis(50);
/// After a second signal, how long a command has to stop what it has started; then the process ends.
#[cfg(unix)]
const LAST_MOMENT: std::time::Duration = std::time::Duration::from_millis(100);

/// Listens for the signals that end a command. A second signal ends the process at once, whatever it is doing.
#[cfg(unix)]
#[derive(Debug)]
pub struct Signals {
    /// A task waits for all of them: whoever has other things to do than to wait looks at one place only.
    arrived: tokio::sync::mpsc::Receiver<Signal>,
}

#[cfg(unix)]
impl Signals {
    /// Begins to listen; from now on the signals no longer end the process by themselves, except inside of calls that
    /// may block ([`signal::interruptible`]). When this is dropped they do so again.
    ///
    /// # Errors
    /// The system refuses the handlers.
    pub fn listen() -> io::Result<Self> {
        Self::listen_to(&[Signal::Interrupt, Signal::Terminate, Signal::Hangup])
    }

    /// [`Self::listen`], and to SIGALRM where that is wanted.
    ///
    /// # Errors
    /// The system refuses the handlers.
    pub fn listen_also_to_alarm(wanted: bool) -> io::Result<Self> {
        let all = [Signal::Interrupt, Signal::Terminate, Signal::Hangup, Signal::Alarm];
        Self::listen_to(if wanted { &all } else { &all[..3] })
    }

    fn listen_to(signals: &[Signal]) -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal as stream};
        let mut streams = Vec::with_capacity(signals.len());
        for signal in signals {
            let number = signal.number().into();
            if signal::take_over(number)? {
                streams.push((*signal, stream(SignalKind::from_raw(number))?));
            }
        }
        let (sender, arrived) = tokio::sync::mpsc::channel(1);
        tokio::spawn(async move {
            let first = next_of(&mut streams).await;
            let until = tokio::time::Instant::now() + SAME;
            if sender.send(first).await.is_err() {
                return;
            }
            loop {
                let second = next_of(&mut streams).await;
                if tokio::time::Instant::now() < until {
                    continue;
                }
                let _ = sender.try_send(second);
                tokio::time::sleep(LAST_MOMENT).await;
                second.die();
            }
        });
        signal::attend(true);
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
            Some(arrived) => {
                signal::taken();
                arrived
            }
            None => std::future::pending().await,
        }
    }
}

#[cfg(unix)]
impl Drop for Signals {
    fn drop(&mut self) {
        signal::attend(false);
    }
}

/// Waits for the next of some signals; forever, where there are none.
#[cfg(unix)]
async fn next_of(streams: &mut [(Signal, tokio::signal::unix::Signal)]) -> Signal {
    std::future::poll_fn(|context| {
        for (signal, stream) in streams.iter_mut() {
            if stream.poll_recv(context).is_ready() {
                return std::task::Poll::Ready(*signal);
            }
        }
        std::task::Poll::Pending
    })
    .await
}

/// Listens for what the console says: Ctrl-C and Ctrl-Break, the window closed, log-off, shutdown. A second one ends the process
/// at once, whatever it is doing.
#[cfg(windows)]
#[derive(Debug)]
pub struct Signals {
    /// One task waits for all of them: a listener that is made again for each look misses what comes between two looks.
    arrived: tokio::sync::mpsc::Receiver<Signal>,
}

#[cfg(windows)]
impl Signals {
    /// Begins to listen.
    ///
    /// # Errors
    /// The system refuses the handler.
    pub fn listen() -> io::Result<Self> {
        use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close, ctrl_logoff, ctrl_shutdown};
        let (mut c, mut pause) = (ctrl_c()?, ctrl_break()?);
        let (mut close, mut log_off, mut shutdown) = (ctrl_close()?, ctrl_logoff()?, ctrl_shutdown()?);
        let (sender, arrived) = tokio::sync::mpsc::channel(1);
        tokio::spawn(async move {
            let mut is_first = true;
            loop {
                let signal = tokio::select! {
                    _ = c.recv() => Signal::Interrupt,
                    _ = pause.recv() => Signal::Interrupt,
                    _ = close.recv() => Signal::Hangup,
                    _ = log_off.recv() => Signal::Hangup,
                    _ = shutdown.recv() => Signal::Terminate,
                };
                if !std::mem::take(&mut is_first) {
                    signal.die();
                }
                if sender.send(signal).await.is_err() {
                    return;
                }
            }
        });
        Ok(Self { arrived })
    }

    /// [`Self::listen`]: this system has no SIGALRM.
    ///
    /// # Errors
    /// The system refuses the handler.
    pub fn listen_also_to_alarm(_: bool) -> io::Result<Self> {
        Self::listen()
    }

    /// Signals that come from elsewhere than the system.
    #[must_use]
    pub const fn of(arrived: tokio::sync::mpsc::Receiver<Signal>) -> Self {
        Self { arrived }
    }

    /// The next signal.
    pub async fn next(&mut self) -> Signal {
        match self.arrived.recv().await {
            Some(arrived) => arrived,
            None => std::future::pending().await,
        }
    }
}

impl Signal {
    /// Ends the process as the signal would have, so that the shell sees 130, 143 or 129. Windows has no end by a signal: the
    /// exit status is the same number there.
    #[cfg_attr(windows, expect(clippy::exit, reason = "it is the end of the process"))]
    pub fn die(self) -> ! {
        #[cfg(unix)]
        signal::die(self.number().into());
        #[cfg(windows)]
        std::process::exit(self.exit_code().into())
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
