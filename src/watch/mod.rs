//! `mqt watch`: what continues at a broker, on the whole terminal or as tables.
//!
//! `app` is the state of the screen and how it changes, pure; `store` and `tree` are what came in, within
//! limits; `view` draws the state into cells, pure. `terminal` owns the terminal. `watcher` joins them with the
//! connection or a `replay`, in the loop of `interactive` or in that of `tables`.

mod cells;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod hostile;
mod io;
mod state;
mod view;

use std::time::Duration;

use crate::commands::signals::{Exit, Signal, Signals};
use crate::commands::{local_broker, run_to_end};
use crate::config::{WatchMode, WatchSettings};
use crate::error::Failure;
use crate::ui::Ui;
use io::table_loop::TableForm;
use io::watcher::Watcher;
use mqt_proto::{Property, Version};

/// How many unacknowledged messages of QoS 1 and 2 may be in flight.
const RECEIVE_MAXIMUM: u16 = 10_000;
/// How long to wait at the end for what is being published and recorded.
const GRACE: Duration = Duration::from_secs(1);
/// Where there is no limit to the time: a year.
const FOR_EVER: Duration = Duration::from_secs(31_536_000);
/// How often to report how many are left.
const SAY_EVERY: Duration = Duration::from_secs(5);
/// After this long without a pause, the runtime looks at timers and signals.
const BREATH: Duration = Duration::from_millis(5);

/// Watches until the user, a signal or the time for one table ends it.
///
/// # Errors
/// No connection, a refused subscription, a file that cannot be read or written.
pub fn run(settings: WatchSettings, ui: &Ui) -> Result<Exit, Failure> {
    run_to_end(watch(settings, ui))
}

async fn watch(mut settings: WatchSettings, ui: &Ui) -> Result<Exit, Failure> {
    let broker = local_broker(settings.with_broker.take(), &mut settings.client).await?;
    let mut signals = Signals::listen().map_err(|error| crate::commands::shortage(&error))?;
    let properties = &mut settings.client.connect_properties;
    if properties.receive_maximum().is_none() {
        properties.push(Property::ReceiveMaximum(RECEIVE_MAXIMUM));
    }
    let mut watcher = Watcher::new(settings, ui)?;
    let end = match watcher.settings.mode {
        WatchMode::Screen { mouse } => watcher.on_screen(mouse, &mut signals).await,
        WatchMode::Table { json, interval, once, top } => {
            let form = TableForm { json, top, once };
            if let Some(broker) = broker.as_ref().filter(|_| !once) {
                broker.show_how_to_publish(&watcher.subscriptions(Version::V311), ui);
            }
            watcher.as_tables(form, interval, &mut signals).await
        }
    };
    let signal = end?;
    watcher.finish(&mut signals, signal).await?;
    drop(broker);
    Ok(signal.filter(|signal| *signal != Signal::Interrupt).into())
}
