//! Signals that end a command, and the end by a signal.

use std::io;
use std::task::{Context, Poll};

use mqt_process::signal;

/// A signal that asks a command to end. On Windows these are events of the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Ctrl-C, and on Windows Ctrl-Break.
    Interrupt,
    /// `kill`; on Windows the user logs off, or the system shuts down.
    Terminate,
    /// The terminal is gone, the window of the console is closed.
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
const SAME: std::time::Duration = std::time::Duration::from_millis(50);
/// After a second signal, how long a command has to stop what it has started; then the process ends.
const LAST_MOMENT: std::time::Duration = std::time::Duration::from_millis(100);

/// Listens for the signals that end a command. A second signal ends the process at once, whatever it is doing.
#[derive(Debug)]
pub struct Signals {
    /// A task waits for all of them: whoever has other things to do than to wait looks at one place only.
    arrived: tokio::sync::mpsc::Receiver<Signal>,
}

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

    #[cfg(unix)]
    fn listen_to(signals: &[Signal]) -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal as stream};
        let mut streams = Streams::new();
        for signal in signals {
            let number = signal.number().into();
            if signal::take_over(number)? {
                let mut stream = stream(SignalKind::from_raw(number))?;
                streams.push((*signal, Box::new(move |context| stream.poll_recv(context))));
            }
        }
        let (sender, arrived) = tokio::sync::mpsc::channel(1);
        tokio::spawn(forward(streams, sender));
        signal::attend(true);
        Ok(Self { arrived })
    }

    /// The events come to a thread of their own, made once: the thread of the command may be inside of a call that
    /// blocks, where no handler of the system ends it.
    #[cfg(windows)]
    fn listen_to(signals: &[Signal]) -> io::Result<Self> {
        let streams = console_events(signals)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let (sender, arrived) = tokio::sync::mpsc::channel(1);
        std::thread::Builder::new()
            .name("signals".into())
            .spawn(move || runtime.block_on(forward(streams, sender)))?;
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

impl Drop for Signals {
    fn drop(&mut self) {
        signal::attend(false);
    }
}

/// Where signals come from, each with its own.
type Streams = Vec<(Signal, Box<dyn FnMut(&mut Context<'_>) -> Poll<Option<()>> + Send>)>;

/// The console events that stand for some signals. None corresponds to an alarm.
#[cfg(windows)]
fn console_events(signals: &[Signal]) -> io::Result<Streams> {
    use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close, ctrl_logoff, ctrl_shutdown};
    let mut streams = Streams::new();
    for signal in signals {
        match signal {
            Signal::Interrupt => {
                let (mut interrupt, mut pause) = (ctrl_c()?, ctrl_break()?);
                streams.push((*signal, Box::new(move |context| interrupt.poll_recv(context))));
                streams.push((*signal, Box::new(move |context| pause.poll_recv(context))));
            }
            Signal::Terminate => {
                let (mut logoff, mut shutdown) = (ctrl_logoff()?, ctrl_shutdown()?);
                streams.push((*signal, Box::new(move |context| logoff.poll_recv(context))));
                streams.push((*signal, Box::new(move |context| shutdown.poll_recv(context))));
            }
            Signal::Hangup => {
                let mut close = ctrl_close()?;
                streams.push((*signal, Box::new(move |context| close.poll_recv(context))));
            }
            Signal::Alarm => {}
        }
    }
    Ok(streams)
}

/// Hands on the first signal, and ends the process at a second one, even when nobody listens any more.
async fn forward(mut streams: Streams, sender: tokio::sync::mpsc::Sender<Signal>) {
    let first = tokio::select! {
        biased;
        first = next_of(&mut streams) => first,
        () = sender.closed() => return,
    };
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
}

/// Waits for the next of some signals; forever, where there are none.
async fn next_of(streams: &mut Streams) -> Signal {
    std::future::poll_fn(|context| {
        for (signal, poll_recv) in streams.iter_mut() {
            if poll_recv(context).is_ready() {
                #[cfg(not(unix))]
                signal::arrived(signal.number().into());
                return Poll::Ready(*signal);
            }
        }
        Poll::Pending
    })
    .await
}

impl Signal {
    /// Ends the process as the signal would have, so that the shell sees 130, 143 or 129. Windows sees these as the
    /// status of an exit.
    pub fn die(self) -> ! {
        signal::die(self.number().into())
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
