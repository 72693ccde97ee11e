//! The process that publishes, and answers for its clock.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use crate::bench::clock::Clock;
use crate::bench::together::clocks::message::{ClockAnswer, Question};
use crate::bench::together::clocks::{CLOSE_WITHIN, connect};
use crate::bench::together::messenger;
use crate::cli::bench::Scenario;
use crate::config::bench::BenchSettings;
use crate::ui::Ui;
use mqt_client::Client;
use mqt_process::random;
use mqt_proto::session::Event;
use mqt_proto::{Message, ReasonCode, TopicName};

/// This many processes may ask one.
const ASKERS: usize = 1_000;
/// At its end a publisher waits for those who have asked it, until none of them was heard for this long.
const QUIET: Duration = Duration::from_secs(2);
/// And at most this long.
const LONGEST_END: Duration = Duration::from_secs(5);
/// Between two looks at who is still there.
const LOOK: Duration = Duration::from_millis(20);

/// Answers those that ask for the clock of this process, which publishes.
#[derive(Debug)]
pub(crate) struct Answering {
    board: Arc<ClockBoard>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct ClockBoard {
    state: Mutex<ClockQuestion>,
    changed: Notify,
}

/// Who has asked, and when the last question came.
#[derive(Debug)]
struct ClockQuestion {
    askers: Vec<String>,
    heard: Instant,
    is_ending: bool,
    is_over: bool,
}

impl ClockBoard {
    fn state(&self) -> MutexGuard<'_, ClockQuestion> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Answering {
    /// Connects a client of its own, where nobody in this run receives what is published: others may. Of the
    /// processes of one run, which have one clock, the first answers.
    pub async fn connect(settings: &BenchSettings, run: u32, clock: Clock, ui: &Ui) -> Option<Self> {
        let is_first = settings.shard.is_none_or(|shard| shard.index == 0);
        let publishes =
            settings.groups.iter().any(|group| group.scenario == Scenario::Pub && group.publishers > 0);
        if !settings.stamp || !is_first || !publishes {
            return None;
        }
        let by = random::seed();
        let id = format!("mqt-a{by:016x}");
        match connect(settings, &id, &format!("mqt/clocks/{run:08x}/question/+")).await {
            Ok(client) => {
                let state = ClockQuestion {
                    askers: Vec::new(),
                    heard: Instant::now(),
                    is_ending: false,
                    is_over: false,
                };
                let board = Arc::new(ClockBoard { state: Mutex::new(state), changed: Notify::new() });
                let task = tokio::spawn(answer_along(client, by, run, clock, Arc::clone(&board)));
                Some(Self { board, task })
            }
            Err(why) => {
                ui.note("clocks", &format!("subscribers elsewhere cannot ask for the clock: {why}"));
                None
            }
        }
    }

    /// Tells those who have asked that it ends, waits for their last questions, and ends the connection.
    pub async fn end(self) {
        {
            let mut state = self.board.state();
            state.is_ending = true;
            state.heard = Instant::now();
        }
        self.board.changed.notify_one();
        let limit = Instant::now() + LONGEST_END;
        while !self.task.is_finished() {
            let (is_alone, until) = {
                let state = self.board.state();
                (state.askers.is_empty(), (state.heard + QUIET).min(limit))
            };
            if is_alone || Instant::now() >= until {
                break;
            }
            tokio::time::sleep(LOOK).await;
        }
        self.board.state().is_over = true;
        self.board.changed.notify_one();
        // It says so, or the connection is gone.
        let _ = timeout(CLOSE_WITHIN, self.task).await;
    }
}

async fn answer_along(mut client: Client, by: u64, run: u32, clock: Clock, board: Arc<ClockBoard>) {
    let answer = |client: &mut Client, asker: &str, answer: ClockAnswer| {
        if let Ok(topic) = TopicName::new(format!("mqt/clocks/{run:08x}/answer/{asker}")) {
            client.session_mut().publish(Message { topic, payload: answer.encode(), ..Message::default() });
        }
    };
    let mut has_told = false;
    loop {
        let events = tokio::select! {
            driven = messenger::drive(&mut client) => match driven {
                Ok(events) => events,
                Err(_) => return,
            },
            () = board.changed.notified() => Vec::new(),
        };
        let came = clock.unix(clock.now());
        for event in events {
            let Event::Message { publish, .. } = event else { continue };
            let message = publish.message;
            let (Some(asker), Some(question)) =
                (message.topic.rsplit('/').next(), Question::decode(&message.payload))
            else {
                continue;
            };
            let mut state = board.state();
            state.heard = Instant::now();
            match question {
                Question::Farewell => state.askers.retain(|known| known != asker),
                Question::Time(asked) => {
                    if state.askers.len() < ASKERS && state.askers.iter().all(|known| known != asker) {
                        state.askers.push(asker.to_owned());
                        // A process that comes this late is answered at once.
                        if has_told {
                            answer(&mut client, asker, ClockAnswer::Ends { by });
                        }
                    }
                    drop(state);
                    answer(
                        &mut client,
                        asker,
                        ClockAnswer::Time { by, asked, came, left: clock.unix(clock.now()) },
                    );
                }
            }
        }
        let (is_ending, is_over, askers) = {
            let state = board.state();
            let askers = if state.is_ending && !has_told { state.askers.clone() } else { Vec::new() };
            (state.is_ending, state.is_over, askers)
        };
        if is_over {
            client.close(ReasonCode::SUCCESS).await;
            return;
        }
        has_told |= is_ending;
        for asker in &askers {
            answer(&mut client, asker, ClockAnswer::Ends { by });
        }
    }
}
