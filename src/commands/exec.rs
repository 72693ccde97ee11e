//! The command of `mqt rr --serve`: what it learns about a request, what it reads and prints, and its limits.

use std::collections::HashMap;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use bytestring::ByteString;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdout};

use crate::output::json::user_properties;
use mqt_client::password::{ProcessGroup, run_in_shell};
use mqt_proto::Property;
use mqt_proto::packet::Publish;

/// What answers requests.
#[derive(Debug, Clone)]
pub(super) struct Exec {
    command: String,
    time: Option<Duration>,
    output: usize,
    lifeline: Arc<Lifeline>,
}

impl Exec {
    /// A command for the shell, how long it may take, and how many bytes it may print.
    ///
    /// # Errors
    /// The system has no pipe left.
    pub fn new(command: String, time: Option<Duration>, output: usize) -> io::Result<Self> {
        Ok(Self { command, time, output, lifeline: Arc::new(Lifeline::new()?) })
    }

    /// Runs the command for a request. Returns what it printed until it exited, or why that is no answer. What is left of its
    /// process group is killed then; dropping the future ends the command.
    pub async fn answer(&self, publish: &Publish, topic: Option<&str>) -> Result<Vec<u8>, String> {
        let unstarted = |error: io::Error| format!("could not be started: {error}");
        let mut command = run_in_shell(&self.command, false);
        command
            .envs(variables(publish, topic))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true);
        let mut running = Running::start(command, &self.lifeline).map_err(unstarted)?;
        let talk = running.talk(&publish.message.payload, self.output);
        let (printed, status) = match self.time {
            Some(limit) => tokio::time::timeout(limit, talk).await.map_err(|_| {
                let limit = humantime::format_duration(limit);
                format!("was killed: it took longer than {limit} (--exec-timeout)")
            })?,
            None => talk.await,
        }
        .map_err(|error| format!("could not be heard: {error}"))?;
        match status {
            None => Err(format!("was killed: it printed more than {} bytes (--max-message)", self.output)),
            Some(status) if status.success() => Ok(printed),
            Some(status) => Err(format!("failed: {status}")),
        }
    }
}

/// A pipe that nothing is written to: it ends when this process does, whatever ends it, and that is how the guards of the
/// process groups know.
#[derive(Debug)]
struct Lifeline {
    #[cfg(unix)]
    end: io::PipeReader,
    #[cfg(unix)]
    _held: io::PipeWriter,
}

#[cfg(unix)]
impl Lifeline {
    fn new() -> io::Result<Self> {
        let (end, held) = io::pipe()?;
        Ok(Self { end, _held: held })
    }

    /// Starts the leader of a process group, which does nothing but kill the group once the pipe has ended. Signals for the
    /// group that a shell sends to itself are not meant for it.
    fn guard(&self) -> io::Result<Child> {
        run_in_shell("trap '' HUP INT TERM; read -r nothing; kill -9 0", true)
            .stdin(self.end.try_clone()?)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
    }
}

#[cfg(not(unix))]
impl Lifeline {
    fn new() -> io::Result<Self> {
        Ok(Self {})
    }
}

/// A command that runs; dropping it kills what is left of it.
struct Running {
    /// Before its leader, which keeps the number of the group from being given to another.
    _group: ProcessGroup,
    #[cfg(unix)]
    _guard: Child,
    child: Child,
}

impl Running {
    #[cfg(unix)]
    fn start(mut command: tokio::process::Command, lifeline: &Lifeline) -> io::Result<Self> {
        let guard = lifeline.guard()?;
        let group = ProcessGroup::of(&guard);
        if let Some(leader) = guard.id().and_then(|id| i32::try_from(id).ok()) {
            command.process_group(leader);
        }
        Ok(Self { child: command.spawn()?, _guard: guard, _group: group })
    }

    #[cfg(not(unix))]
    fn start(mut command: tokio::process::Command, _: &Lifeline) -> io::Result<Self> {
        let child = command.spawn()?;
        Ok(Self { _group: ProcessGroup::of(&child), child })
    }

    /// Feeds it, and hears it until it has exited. No status: it said more than `most` bytes.
    async fn talk(&mut self, payload: &[u8], most: usize) -> io::Result<(Vec<u8>, Option<ExitStatus>)> {
        let (stdin, stdout) = (self.child.stdin.take(), self.child.stdout.take());
        let feed = async {
            if let Some(mut stdin) = stdin {
                // A command need not read its input.
                let _ = stdin.write_all(payload).await;
            }
            // The command says when it is done.
            std::future::pending().await
        };
        tokio::select! {
            outcome = hear(&mut self.child, stdout, most) => outcome,
            never = feed => never,
        }
    }
}

async fn hear(
    child: &mut Child,
    mut stdout: Option<ChildStdout>,
    most: usize,
) -> io::Result<(Vec<u8>, Option<ExitStatus>)> {
    let mut printed = Vec::new();
    let status = loop {
        let room = most.saturating_add(1).saturating_sub(printed.len());
        tokio::select! {
            status = child.wait() => break status?,
            read = read_some(&mut stdout, &mut printed, room) => {
                if read? == 0 {
                    stdout = None;
                }
            }
        }
        if printed.len() > most {
            return Ok((printed, None));
        }
    };
    if let Some(stdout) = stdout {
        read_rest(stdout, &mut printed, most).await?;
    }
    let status = Some(status).filter(|_| printed.len() <= most);
    Ok((printed, status))
}

/// Reads once, at most this many bytes; never where nothing more comes. Cancel-safe.
async fn read_some(
    stdout: &mut Option<ChildStdout>,
    printed: &mut Vec<u8>,
    most: usize,
) -> io::Result<usize> {
    match stdout {
        Some(stdout) => stdout.take(most as u64).read_buf(printed).await,
        None => std::future::pending().await,
    }
}

/// Reads what is there, up to one byte more than `most` in all. It does not wait for the end: processes that the command has
/// left behind may hold the pipe open.
#[cfg(unix)]
async fn read_rest(stdout: ChildStdout, printed: &mut Vec<u8>, most: usize) -> io::Result<()> {
    let mut block = vec![0; 64 * 1024];
    while printed.len() <= most {
        let room = block.len().min(most.saturating_add(1).saturating_sub(printed.len()));
        // tokio does not know yet whether there is anything; the pipe, which does not block, does.
        match rustix::io::read(&stdout, block.get_mut(..room).unwrap_or_default()) {
            Ok(0) | Err(rustix::io::Errno::AGAIN) => break,
            Ok(count) => printed.extend_from_slice(block.get(..count).unwrap_or_default()),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Reads to the end, up to one byte more than `most` in all.
#[cfg(not(unix))]
async fn read_rest(stdout: ChildStdout, printed: &mut Vec<u8>, most: usize) -> io::Result<()> {
    let room = most.saturating_add(1).saturating_sub(printed.len());
    stdout.take(room as u64).read_to_end(printed).await.map(drop)
}

/// What the command learns about the request besides its payload.
fn variables(publish: &Publish, topic: Option<&str>) -> HashMap<String, String> {
    let message = &publish.message;
    let properties = &message.properties;
    // One that two user properties would have is left out: the list of all tells them apart.
    let mut own: HashMap<String, Option<String>> = HashMap::new();
    for property in properties {
        if let Property::UserProperty(name, value) = property {
            let name: String = name
                .chars()
                .map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_uppercase() } else { '_' })
                .collect();
            own.entry(format!("MQT_USER_{name}"))
                .and_modify(|value| *value = None)
                .or_insert_with(|| Some(value.to_string()));
        }
    }
    let listed = !own.is_empty();
    let mut variables: HashMap<String, String> =
        own.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            variables.insert(name.to_owned(), value);
        }
    };
    add("MQT_USER_PROPERTIES", listed.then(|| user_properties(properties)));
    add("MQT_TOPIC", Some(message.topic.to_string()));
    add("MQT_QOS", Some(message.qos.level().to_string()));
    add("MQT_RETAIN", Some(u8::from(message.retain).to_string()));
    add("MQT_RESPONSE_TOPIC", topic.map(str::to_owned));
    add("MQT_CONTENT_TYPE", properties.content_type().map(ByteString::to_string));
    let hexadecimal = |data: &Bytes| data.iter().map(|byte| format!("{byte:02x}")).collect();
    add("MQT_CORRELATION_DATA", properties.correlation_data().map(hexadecimal));
    if cfg!(windows) {
        variables.retain(|_, value| is_plain_text_to_cmd(value));
    }
    variables
}

/// Whether cmd.exe reads a value as nothing but text. It puts variables into the line before it looks for the characters
/// that have a meaning in it: whoever sends a request could add a command of his own to `echo %MQT_TOPIC%`.
fn is_plain_text_to_cmd(value: &str) -> bool {
    !value.chars().any(|letter| letter.is_control() || "&|<>^%!()\"".contains(letter))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mqt_proto::{Message, TopicName};

    #[test]
    fn what_cmd_reads_as_more_than_text_is_found() {
        for plain in ["house/door 1", "größe", "a=b;c,d'e", ""] {
            assert!(is_plain_text_to_cmd(plain), "{plain}");
        }
        for more in ["a&calc", "a|b", "<a", ">a", "^", "%PATH%", "!PATH!", ")&(", "\"", "a\nb", "a\rb"] {
            assert!(!is_plain_text_to_cmd(more), "{more}");
        }
    }

    fn request(properties: Vec<Property>) -> Publish {
        let message = Message {
            topic: TopicName::new("service/time").unwrap(),
            payload: Bytes::from_static(b"now"),
            properties: properties.into(),
            ..Message::default()
        };
        Publish { message, ..Publish::default() }
    }

    fn user(name: &'static str, value: &'static str) -> Property {
        Property::UserProperty(name.into(), value.into())
    }

    #[test]
    fn a_command_learns_topic_and_properties() {
        let publish = request(vec![
            Property::ContentType("a/b".into()),
            Property::CorrelationData(Bytes::from_static(b"\x00\xff")),
            user("Site name", "Main; $(hall)"),
        ]);
        let variables = variables(&publish, Some("reply"));
        for (name, value) in [
            ("MQT_TOPIC", "service/time"),
            ("MQT_QOS", "0"),
            ("MQT_RETAIN", "0"),
            ("MQT_RESPONSE_TOPIC", "reply"),
            ("MQT_CONTENT_TYPE", "a/b"),
            ("MQT_CORRELATION_DATA", "00ff"),
            ("MQT_USER_SITE_NAME", "Main; $(hall)"),
            ("MQT_USER_PROPERTIES", r#"[{"Site name":"Main; $(hall)"}]"#),
        ] {
            assert_eq!(variables.get(name).map(String::as_str), Some(value), "{name}");
        }
        assert_eq!(variables.len(), 8);
    }

    /// No property is taken for another one.
    #[test]
    fn user_properties_that_are_spelt_alike_are_in_the_list_only() {
        let publish = request(vec![
            user("a b", "1"),
            user("a-b", "2"),
            user("c", "3"),
            user("twice", "4"),
            user("twice", "5"),
            user("properties", "6"),
        ]);
        let variables = variables(&publish, None);
        let mut own: Vec<(&str, &str)> = variables
            .iter()
            .filter(|(name, _)| name.starts_with("MQT_USER_"))
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        own.sort_unstable();
        let list = r#"[{"a b":"1"},{"a-b":"2"},{"c":"3"},{"twice":"4"},{"twice":"5"},{"properties":"6"}]"#;
        assert_eq!(own, [("MQT_USER_C", "3"), ("MQT_USER_PROPERTIES", list)]);
    }

    #[cfg(unix)]
    fn exec(command: &str) -> Exec {
        Exec::new(command.to_owned(), None, 1_000_000).unwrap()
    }

    /// A pipe with a name, which is at its end when the command and all that it has started are gone.
    #[cfg(unix)]
    struct Fifo(tempfile::TempDir);

    #[cfg(unix)]
    impl Fifo {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            nix::unistd::mkfifo(&folder.path().join("open"), nix::sys::stat::Mode::S_IRWXU).unwrap();
            Self(folder)
        }

        fn path(&self) -> String {
            self.0.path().join("open").display().to_string()
        }

        /// Returns once somebody writes.
        async fn opened(&self) -> std::fs::File {
            let path = self.path();
            tokio::task::spawn_blocking(|| std::fs::File::open(path).unwrap()).await.unwrap()
        }
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn what_a_command_prints_is_the_answer() {
        let publish = request(Vec::new());
        assert_eq!(
            exec("cat; printf \" $MQT_TOPIC\"").answer(&publish, None).await,
            Ok(b"now service/time".to_vec())
        );
        // Anyone who has nothing more to say may go on.
        assert_eq!(
            exec("echo x; exec >&-; cat > /dev/null").answer(&publish, None).await,
            Ok(b"x\n".to_vec())
        );
        for (command, why) in [
            ("echo x; exit 3", "failed: exit status: 3"),
            ("echo x; kill -9 $$", "failed: signal: 9 (SIGKILL)"),
        ] {
            assert_eq!(exec(command).answer(&publish, None).await, Err(why.to_owned()));
        }
    }

    /// It has exited, and what it has left behind, which holds its output open, is killed.
    #[cfg(unix)]
    #[tokio::test]
    async fn a_command_has_answered_once_it_has_exited() {
        let fifo = Fifo::new();
        let long = "x".repeat(100_000);
        let command = format!("exec 3> '{}'; sleep 600 & sleep 600 & printf '{long}'", fifo.path());
        let answered = tokio::spawn(async move { exec(&command).answer(&request(Vec::new()), None).await });
        let opened = fifo.opened().await;
        assert_eq!(answered.await.unwrap().map(|answer| answer.len()), Ok(100_000));
        assert_eq!(io::read_to_string(opened).unwrap(), "");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_command_may_end_its_group() {
        let answer =
            exec("trap 'echo ended; exit' TERM; kill 0; wait").answer(&request(Vec::new()), None).await;
        assert_eq!(answer, Ok(b"ended\n".to_vec()));
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_command_need_not_read() {
        let mut publish = request(Vec::new());
        // More than a pipe has room for.
        publish.message.payload = vec![b'x'; 1_000_000].into();
        assert_eq!(exec("echo x").answer(&publish, None).await, Ok(b"x\n".to_vec()));
        // Somebody has the other end of the pipe for longer than the shell lives, and does not read either.
        let answer = exec("exec 3<&0; sleep 600 >&- & echo x").answer(&publish, None).await;
        assert_eq!(answer, Ok(b"x\n".to_vec()));
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_command_that_takes_too_long_is_no_answer() {
        let limited = Exec { time: Some(Duration::from_millis(10)), ..exec("echo x; sleep 600") };
        let failed = limited.answer(&request(Vec::new()), None).await;
        assert_eq!(failed, Err("was killed: it took longer than 10ms (--exec-timeout)".to_owned()));
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_command_ends_with_all_that_it_has_started() {
        let fifo = Fifo::new();
        let exec = exec(&format!("sleep 600 > '{}' & wait", fifo.path()));
        let running = tokio::spawn(async move { exec.answer(&request(Vec::new()), None).await });
        let opened = fifo.opened().await;
        running.abort();
        assert!(running.await.unwrap_err().is_cancelled());
        assert_eq!(io::read_to_string(opened).unwrap(), "");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_command_that_prints_without_an_end_is_ended() {
        let publish = request(Vec::new());
        let failed = exec("exec yes").answer(&publish, None).await;
        let why = "was killed: it printed more than 1000000 bytes (--max-message)";
        assert_eq!(failed, Err(why.to_owned()));
        let exact = exec("head -c 1000000 /dev/zero").answer(&publish, None).await.unwrap();
        assert_eq!(exact.len(), 1_000_000);
    }
}
