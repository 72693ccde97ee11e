//! The command of `mqt rr --serve`: what it learns about a request, what it reads and prints, and its limits.

use std::collections::HashMap;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use bytes::Bytes;
use bytestring::ByteString;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Child;

use crate::connection::password::{ProcessGroup, run_in_shell};
use crate::mqtt::Property;
use crate::mqtt::packet::Publish;
use crate::output::sanitize::escape;

/// What answers requests.
#[derive(Debug, Clone)]
pub(super) struct Exec {
    /// For the shell.
    pub command: String,
    /// How long it may take.
    pub time: Option<Duration>,
    /// How many bytes it may print.
    pub output: usize,
}

impl Exec {
    /// Runs the command for a request. Returns what it printed, or why there is no answer. Dropping the future ends the
    /// command.
    pub async fn answer(&self, publish: &Publish, topic: Option<&str>) -> Result<Vec<u8>, String> {
        let failed = |what: String| {
            format!("the command for \"{}\" {what}; no answer is sent", escape(&publish.message.topic))
        };
        let child = run_in_shell(&self.command, true)
            .envs(variables(publish, topic))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| failed(format!("could not be started: {error}")))?;
        let mut running = Running::new(child);
        let talk = running.talk(&publish.message.payload, self.output);
        let (printed, status) = match self.time {
            Some(limit) => tokio::time::timeout(limit, talk).await.map_err(|_| {
                let limit = humantime::format_duration(limit);
                failed(format!("was ended: it took longer than {limit} (--exec-timeout)"))
            })?,
            None => talk.await,
        }
        .map_err(|error| failed(format!("could not be heard: {error}")))?;
        match status {
            None => Err(failed(format!("was ended: it printed more than {} bytes", self.output))),
            Some(status) if status.success() => Ok(printed),
            Some(status) => Err(failed(format!("failed: {status}"))),
        }
    }
}

/// A command that runs; dropping it kills what is left of it.
struct Running {
    group: ProcessGroup,
    child: Child,
}

impl Running {
    fn new(child: Child) -> Self {
        Self { group: ProcessGroup::of(&child), child }
    }

    /// Feeds it, and waits until it has said all and ended. No status: it said more than `most` bytes.
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
        let hear = async {
            let mut printed = Vec::new();
            if let Some(stdout) = stdout {
                stdout.take(most as u64 + 1).read_to_end(&mut printed).await?;
            }
            if printed.len() > most {
                return Ok((printed, None));
            }
            let status = self.child.wait().await?;
            self.group.has_ended();
            Ok((printed, Some(status)))
        };
        tokio::select! {
            outcome = hear => outcome,
            never = feed => never,
        }
    }
}

/// What the command learns about the request besides its payload.
fn variables(publish: &Publish, topic: Option<&str>) -> HashMap<String, String> {
    let message = &publish.message;
    let properties = &message.properties;
    let mut variables = HashMap::from([
        ("MQT_TOPIC".to_owned(), message.topic.to_string()),
        ("MQT_QOS".to_owned(), message.qos.level().to_string()),
        ("MQT_RETAIN".to_owned(), u8::from(message.retain).to_string()),
    ]);
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            variables.insert(name.to_owned(), value);
        }
    };
    add("MQT_RESPONSE_TOPIC", topic.map(str::to_owned));
    add("MQT_CONTENT_TYPE", properties.content_type().map(ByteString::to_string));
    let hexadecimal = |data: &Bytes| data.iter().map(|byte| format!("{byte:02x}")).collect();
    add("MQT_CORRELATION_DATA", properties.correlation_data().map(hexadecimal));
    for property in properties {
        if let Property::UserProperty(name, value) = property {
            let name: String = name
                .chars()
                .map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_uppercase() } else { '_' })
                .collect();
            variables.insert(format!("MQT_USER_{name}"), value.to_string());
        }
    }
    variables
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mqtt::{Message, TopicName};

    fn request(properties: Vec<Property>) -> Publish {
        let message = Message {
            topic: TopicName::new("service/time").unwrap(),
            payload: Bytes::from_static(b"now"),
            properties: properties.into(),
            ..Message::default()
        };
        Publish { message, ..Publish::default() }
    }

    #[test]
    fn a_command_learns_topic_and_properties() {
        let publish = request(vec![
            Property::ContentType("a/b".into()),
            Property::CorrelationData(Bytes::from_static(b"\x00\xff")),
            Property::UserProperty("Site name".into(), "Main; $(hall)".into()),
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
        ] {
            assert_eq!(variables.get(name).map(String::as_str), Some(value), "{name}");
        }
        assert_eq!(variables.len(), 7);
    }

    #[cfg(unix)]
    fn exec(command: &str) -> Exec {
        Exec { command: command.to_owned(), time: None, output: 1_000_000 }
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn what_a_command_prints_is_the_answer() {
        let publish = request(Vec::new());
        assert_eq!(
            exec("cat; printf \" $MQT_TOPIC\"").answer(&publish, None).await,
            Ok(b"now service/time".to_vec())
        );
        for (command, why) in [
            ("echo x; exit 3", "failed: exit status: 3"),
            ("echo x; kill -9 $$", "failed: signal: 9 (SIGKILL)"),
        ] {
            let failed = exec(command).answer(&publish, None).await.unwrap_err();
            assert_eq!(failed, format!("the command for \"service/time\" {why}; no answer is sent"));
        }
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_command_need_not_read() {
        let mut publish = request(Vec::new());
        // More than a pipe has room for.
        publish.message.payload = vec![b'x'; 1_000_000].into();
        assert_eq!(exec("echo x").answer(&publish, None).await, Ok(b"x\n".to_vec()));
        // Somebody has the other end of the pipe for longer than the shell lives, and does not read either.
        let pid = exec("exec 3<&0; sleep 600 >&- & echo $!").answer(&publish, None).await.unwrap();
        let pid = String::from_utf8(pid).unwrap().trim().parse().unwrap();
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL).unwrap();
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_command_that_takes_too_long_is_no_answer() {
        let limited = Exec { time: Some(Duration::from_millis(10)), ..exec("echo x; sleep 600") };
        let failed = limited.answer(&request(Vec::new()), None).await.unwrap_err();
        assert!(failed.contains("was ended: it took longer than 10ms (--exec-timeout)"), "{failed}");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_command_ends_with_all_that_it_has_started() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("open");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let exec = exec(&format!("sleep 600 > '{}' & wait", fifo.display()));
        let running = tokio::spawn(async move { exec.answer(&request(Vec::new()), None).await });
        // Open once the second process runs, at its end once that is gone.
        let opened = tokio::task::spawn_blocking(|| std::fs::File::open(fifo).unwrap()).await.unwrap();
        running.abort();
        assert!(running.await.unwrap_err().is_cancelled());
        assert_eq!(io::read_to_string(opened).unwrap(), "");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_command_that_prints_without_an_end_is_ended() {
        let publish = request(Vec::new());
        let failed = exec("exec yes").answer(&publish, None).await.unwrap_err();
        assert!(failed.contains("was ended: it printed more than 1000000 bytes"), "{failed}");
        let exact = exec("head -c 1000000 /dev/zero").answer(&publish, None).await.unwrap();
        assert_eq!(exact.len(), 1_000_000);
    }
}
